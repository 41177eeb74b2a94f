//! What the demo says at its end.

use super::Stage;
use super::answers::Answers;
use super::picture::{Picture, mae};
use serde_json::{Value, json};
use std::fmt::Write;
use std::time::Duration;
use streamfold_learn::metrics::Scope;

/// What came of it.
pub struct Summary<'a> {
    stage: &'a Stage,
    picture: &'a Picture,
    answers: &'a Answers,
    took: Duration,
    /// Mean absolute errors in minutes, of all landings.
    errors: [(&'static str, &'static str, Option<f64>); 4],
    model_hash: Option<u64>,
}

impl<'a> Summary<'a> {
    pub fn new(stage: &'a Stage, picture: &'a Picture, answers: &'a Answers, took: Duration) -> Summary<'a> {
        let view = stage.context.monitor.lanes().into_values().next();
        let report = view.as_ref().and_then(|view| view.report.as_ref());
        let overall = |who| report.and_then(|report| mae(report, who, Scope::Overall));
        let errors = [
            ("model", "streamfold's linear regression", overall("model")),
            ("as_late_as_it_left", "as late as it left", answers.errors().map(|(_, guess)| guess)),
            ("mean", "the mean of all delays known so far", overall("mean")),
            ("last_value", "the last delay that became known", overall("last_value")),
        ];
        let model_hash = view.and_then(|view| view.gauges.model_hash);
        Summary { stage, picture, answers, took, errors, model_hash }
    }

    pub fn json(&self) -> Value {
        let errors: serde_json::Map<String, Value> =
            self.errors.iter().map(|(name, _, error)| ((*name).to_owned(), json!(error))).collect();
        let influence: serde_json::Map<String, Value> =
            self.picture.influence.iter().map(|(name, moved)| (name.to_string(), json!(moved))).collect();
        json!({
            "records": self.picture.folded,
            "predictions": self.answers.count,
            "learnt": self.picture.learnt,
            "seconds": self.took.as_secs_f64(),
            "mean_absolute_error_minutes": errors,
            "influence_minutes": influence,
            "model_hash": self.model_hash.map(|hash| format!("{hash:016x}")),
            "bootstrap_servers": self.stage.broker,
            "pipeline_file": self.stage.file.display().to_string(),
        })
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{} flights were predicted before they landed, and {} landings learnt, in {:.0} s; each prediction is in Kafka once.\n\nmean \
             absolute error, minutes:",
            self.answers.count,
            self.picture.learnt,
            self.took.as_secs_f64()
        );
        for (_, name, error) in &self.errors {
            let error = error.map_or("-".to_owned(), |error| format!("{error:.2}"));
            let _ = writeln!(text, "  {name:<37} {error:>6}");
        }
        let weigh: Vec<String> = self
            .picture
            .influence
            .iter()
            .take(3)
            .map(|(name, moved)| format!("{name} ({moved:.1})"))
            .collect();
        let _ = writeln!(text, "what moved predictions most, minutes: {}", weigh.join(", "));
        let _ = writeln!(text, "\nThe pipeline is in {}. Try next:", self.stage.file.display());
        for (command, what) in self.next() {
            let _ = writeln!(text, "  {command}\n      {what}");
        }
        text
    }

    /// Three commands, and what they are for.
    fn next(&self) -> [(String, &'static str); 3] {
        let program = std::env::args().next().unwrap_or_else(|| "streamfold".to_owned());
        let (file, prefix) = (self.stage.file.display(), &self.stage.prefix);
        let third = match &self.stage.external {
            Some(servers) => (
                format!(
                    "{program} init --bootstrap-servers {servers} --topic {prefix}departures --label-topic {prefix}landings \
                     --target arr_delay"
                ),
                "looks at the topics and writes a pipeline file of your own",
            ),
            None => (
                format!("{program} broker --dir {}", self.stage.file.with_extension("kafka").display()),
                "serves the topics to any Kafka client: departures, landings, flights-predicted and the pipeline's own",
            ),
        };
        [
            (format!("{program} backtest {file}"), "folds the same topics again, and shows every metric"),
            (
                format!("{program} state {file}"),
                "what the pipeline keeps in Kafka: its checkpoint, journal and offsets",
            ),
            third,
        ]
    }
}

//! What a new generation can take over of an older one's state: decided by what has changed between their meanings.

use streamfold_learn::model::Task;
use streamfold_learn::registry;

/// The parts of a lane's state that fit. Stream time always does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The model with its preparation.
    pub model: bool,
    /// Events that wait for their labels, with the features and the prediction of then.
    pub waiting: bool,
    /// The metrics.
    pub metrics: bool,
    /// Known classes, and the naive baselines: all that has learnt from labels alone.
    pub labels: bool,
}

impl Fit {
    /// Its parts by name, and whether they fit.
    pub fn parts(&self) -> [(&'static str, bool); 4] {
        [
            ("the model", self.model),
            ("waiting events", self.waiting),
            ("metrics", self.metrics),
            ("classes and baselines", self.labels),
        ]
    }
}

/// How long and how many events wait for a label, and what happens then: no part of the state depends on it.
const WAITING_RULES: [&str; 7] = [
    "label.wait",
    "label.on_timeout",
    "label.learn",
    "label.learn_changes",
    "label.waiting_rows_max",
    "label.waiting_bytes_max",
    "label.when_full",
];

/// What fits of a state with meaning `old` where the meaning is now `new`, or why nothing can.
pub fn fit(old: &[(String, String)], new: &[(String, String)]) -> Result<Fit, String> {
    let mut fit = Fit { model: true, waiting: true, metrics: true, labels: true };
    for key in differing(old, new) {
        match key {
            "lane.meaning_version" => {
                return Err("it was folded by a build that means something else by the same file".to_owned());
            }
            "lanes" => return Err("the number of lanes has changed".to_owned()),
            "label.positive" | "metrics.window_events" => fit.metrics = false,
            key if WAITING_RULES.contains(&key) => {}
            key if key.starts_with("label") => {
                fit = Fit { model: false, waiting: false, metrics: false, labels: false };
            }
            key if key.starts_with("features") => {
                fit = Fit { model: false, waiting: false, metrics: false, ..fit };
            }
            key if key.starts_with("model") => fit = Fit { model: false, metrics: false, ..fit },
            // Another key finds other events.
            key if key.starts_with("input.") && key.ends_with(".key") => fit.waiting = false,
            _ => {}
        }
    }
    if task(old) != task(new) {
        fit = Fit { model: false, waiting: false, metrics: false, labels: false };
    }
    Ok(fit)
}

fn find<'a>(lines: &'a [(String, String)], key: &str) -> Option<&'a str> {
    lines.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// Keys whose values differ, or that only one of the two has.
fn differing<'a>(old: &'a [(String, String)], new: &'a [(String, String)]) -> Vec<&'a str> {
    let changed = new.iter().filter(|(key, value)| find(old, key) != Some(value));
    let gone = old.iter().filter(|(key, _)| find(new, key).is_none());
    changed.chain(gone).map(|(key, _)| key.as_str()).collect()
}

fn task(meaning: &[(String, String)]) -> Option<Task> {
    let name: String = serde_json::from_str(find(meaning, "model.kind")?).ok()?;
    registry::model(&name).map(|entry| entry.task)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(changes: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut lines = vec![
            ("lane.meaning_version", "1"),
            ("lanes", "1"),
            ("input.a.key", "\"id\""),
            ("features.numeric", "[\"x\"]"),
            ("label.field", "\"y\""),
            ("label.wait", "\"1h\""),
            ("model.kind", "\"linear_regression\""),
            ("model.learning_rate", "0.5"),
            ("output.include", "[]"),
            ("metrics.window_events", "1000"),
        ];
        for change in changes {
            lines.retain(|line| line.0 != change.0);
            lines.push(*change);
        }
        lines.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn of(key: &str, value: &str) -> (bool, bool, bool, bool) {
        let fit = fit(&meaning(&[]), &meaning(&[(key, value)])).unwrap();
        (fit.model, fit.waiting, fit.metrics, fit.labels)
    }

    #[test]
    fn what_changed_decides_what_fits() {
        assert_eq!(of("output.include", "[\"id\"]"), (true, true, true, true));
        assert_eq!(of("label.wait", "\"2h\""), (true, true, true, true));
        assert_eq!(of("metrics.window_events", "50"), (true, true, false, true));
        assert_eq!(of("input.a.key", "\"other\""), (true, false, true, true));
        assert_eq!(of("model.learning_rate", "0.1"), (false, true, false, true));
        assert_eq!(of("model.kind", "\"recursive_least_squares\""), (false, true, false, true));
        assert_eq!(of("model.kind", "\"logistic_regression\""), (false, false, false, false));
        assert_eq!(of("features.numeric", "[\"x\",\"z\"]"), (false, false, false, true));
        assert_eq!(of("label.field", "\"z\""), (false, false, false, false));
    }

    #[test]
    fn nothing_fits_other_lanes_or_another_fold() {
        for key in ["lanes", "lane.meaning_version"] {
            assert!(fit(&meaning(&[]), &meaning(&[(key, "2")])).is_err());
        }
    }
}

//! The fold itself: `(state, record) -> (state, answers)`. Everything in here is state that a checkpoint keeps, or
//! scratch memory; nothing knows of commits, queues or the log.

mod labels;
mod state;

pub(super) use state::MODEL_BLOB;

use super::answer::{Answers, Source};
use super::chunk::{Chunk, Kind, Label};
use super::classes::Classes;
use super::event::LaneError;
use super::influence::Influence;
use super::stats::Counters;
use super::waiting::{Target, Waiting};
use crate::plan::{InputPlan, Plan, Role, SharedPlan};
use std::collections::VecDeque;
use streamfold_flow::Partition;
use streamfold_flow::rows::{Field, Value};
use streamfold_learn::bandit::draw;
use streamfold_learn::baseline::Baselines;
use streamfold_learn::features::Row;
use streamfold_learn::metrics::{Evaluator, Options};
use streamfold_learn::model::{AnyModel, Ranked, Task};

/// The state of a lane.
pub(super) struct Fold {
    pub(super) plan: SharedPlan,
    /// Partitions of each input.
    input_partitions: Vec<i32>,
    pub(super) model: AnyModel,
    classes: Classes,
    baselines: Baselines,
    evaluator: Evaluator,
    pub(super) waiting: Waiting,
    bad_window: BadWindow,
    /// Greatest event time folded.
    pub(super) stream_time_ms: i64,
    /// Records folded.
    pub(super) folded: u64,
    /// Events scored since the last record of metrics.
    scored: u64,
    pub(super) answers: Answers,
    /// Whether answers are written and counted; not while a journal is folded again.
    pub(super) emit: bool,
    pub(super) counters: Counters,
    pub(super) influence: Influence,
    scratch: Scratch,
}

/// Memory that is used anew for each event.
#[derive(Default)]
struct Scratch {
    /// What waits with the event besides its prediction: scores of classes, propensities, or the items of the list.
    scores: Vec<f64>,
    ranked: Vec<Ranked>,
    steps: Vec<f64>,
    baselines: Vec<f64>,
    numeric: Vec<f64>,
    sparse: Vec<(u32, f64)>,
    chain: Vec<u32>,
}

/// Most fields of an answer besides those that are repeated from the event.
const FIELDS_OF_PREDICTION_MAX: usize = 4;
/// Answers of up to so many fields need no allocation.
const FIELDS_FEW: usize = 12;

/// Which of the last records were bad.
#[derive(Debug, Default)]
struct BadWindow {
    records: VecDeque<bool>,
    bad: usize,
}

impl BadWindow {
    fn push(&mut self, bad: bool, length: usize) {
        self.records.push_back(bad);
        self.bad += usize::from(bad);
        while self.records.len() > length {
            self.bad -= usize::from(self.records.pop_front().unwrap_or(false));
        }
    }
}

impl Fold {
    pub(super) fn new(
        plan: SharedPlan,
        model: AnyModel,
        input_partitions: Vec<i32>,
        answers: Answers,
    ) -> Fold {
        let label = plan.label.as_ref();
        let classes_max = label.map_or(0, |label| label.classes_max);
        let classes = Classes::new(plan.classes(), classes_max);
        let positive_class = label
            .and_then(|label| label.positive.as_deref())
            .and_then(|name| classes.find(name))
            .unwrap_or(1);
        let options = Options { window_rows: plan.metrics.window_events.max(1), classes_max, positive_class };
        Fold {
            input_partitions,
            model,
            classes,
            baselines: Baselines::new(plan.task, classes_max),
            evaluator: Evaluator::new(plan.task, options),
            waiting: Waiting::default(),
            bad_window: BadWindow::default(),
            stream_time_ms: i64::MIN,
            folded: 0,
            scored: 0,
            answers,
            emit: true,
            counters: Counters::default(),
            influence: Influence::default(),
            scratch: Scratch::default(),
            plan,
        }
    }

    /// The metrics now.
    pub(super) fn report(&self) -> streamfold_learn::metrics::Report {
        self.evaluator.report()
    }

    /// Folds one record of a chunk. `ahead`: the clock judged it to lie too far ahead.
    pub(super) fn record(
        &mut self,
        partition: Partition,
        chunk: &Chunk,
        ahead: bool,
    ) -> Result<(), LaneError> {
        let plan = self.plan.clone();
        let Some(input) = plan.inputs.get(usize::from(partition.input)) else { return Ok(()) };
        let at = chunk.next();
        let source = Source { topic: &input.topic, partition, record: chunk.record(at) };
        let result = match chunk.kind(at) {
            _ if ahead => {
                let time = chunk.time(at);
                let max = input.time_ahead_max_ms;
                self.bad(
                    source,
                    "time_ahead",
                    &format!(
                        "the record's timestamp {time} ms lies more than time_ahead_max = {max} ms ahead of the clock"
                    ),
                )
            }
            Kind::Bad(number) => {
                let bad = chunk.bad(number);
                self.bad(source, bad.kind, &bad.reason)
            }
            Kind::Null => {
                self.null(input, source);
                Ok(())
            }
            Kind::Row(row) => {
                let time = chunk.time(at);
                self.advance(time);
                match input.role {
                    Role::Events => self.event(&plan, input, source, chunk, row as usize, time),
                    Role::Labels => self.label(&plan, source, chunk, row as usize, time),
                }
            }
        };
        self.folded += 1;
        result
    }

    /// Moves stream time forward; what waited until then is settled before anything else.
    pub(super) fn advance(&mut self, time_ms: i64) {
        if time_ms < self.stream_time_ms {
            self.counters.late += 1;
            return;
        }
        self.stream_time_ms = time_ms;
        while self.waiting.deadline_ms().is_some_and(|deadline| deadline < time_ms) {
            if let Some(entry) = self.waiting.pop() {
                self.settle(entry);
            }
        }
    }

    fn good(&mut self) {
        self.bad_window.push(false, self.plan.dead_letters.window_records);
    }

    fn bad(&mut self, source: Source<'_>, kind: &str, reason: &str) -> Result<(), LaneError> {
        self.counters.bad += 1;
        if self.emit {
            self.answers.dead_letter(source, kind, reason);
        }
        let limit = &self.plan.dead_letters;
        self.bad_window.push(true, limit.window_records);
        let (bad, of) = (self.bad_window.bad, self.bad_window.records.len());
        if of >= limit.window_records && bad as f64 > limit.fraction_max * of as f64 {
            // Whoever starts the pipeline again after having looked gets a whole window before it stops again.
            self.bad_window = BadWindow::default();
            return Err(LaneError::TooManyBadRecords { bad, of, last_reason: format!("{kind}: {reason}") });
        }
        Ok(())
    }

    /// A null value: skipped, and on a topic of labels it takes the label of the record's key back.
    fn null(&mut self, input: &InputPlan, source: Source<'_>) {
        self.counters.null += 1;
        self.good();
        if let (Role::Labels, Some(key)) = (input.role, source.record.key) {
            self.take_back(key);
        }
    }

    fn event(
        &mut self,
        plan: &Plan,
        input: &InputPlan,
        source: Source<'_>,
        chunk: &Chunk,
        row: usize,
        time_ms: i64,
    ) -> Result<(), LaneError> {
        let label = if plan.joins_labels() { Label::Missing } else { chunk.label(row) };
        if let Label::Class(name) = label
            && !self.has_room_for(name)
        {
            return self.too_many_classes(source, name);
        }
        self.good();
        let features = chunk.features(row);
        let alternatives = match plan.task {
            Task::Bandit => plan.model.actions.len(),
            _ => self.classes.len(),
        };
        let prediction = self.predict(features, source);
        self.influence.note(&self.model, features, alternatives);
        self.answer(input, source, chunk, row, &prediction);
        self.scratch.baselines.clear();
        self.baselines.predict(alternatives, &mut self.scratch.baselines);
        if let Prediction::Cluster(assignment) = prediction {
            self.evaluator.update_clustering(&assignment);
            if let AnyModel::Clusterer(model) = &mut self.model {
                model.learn(features, 1.0);
            }
            self.count_learnt();
            return Ok(());
        }
        if let AnyModel::AnomalyDetector(model) = &mut self.model {
            // It needs no label to learn; one that comes later only scores it.
            model.learn(features, 1.0);
            if plan.label.is_none() {
                self.evaluator.update_anomaly(prediction.number(), None);
                self.count_scored();
            }
            self.counters.learnt += 1;
        }
        let Some(rule) = &plan.label else { return Ok(()) };
        if rule.joined {
            return self.wait(rule, chunk, row, time_ms, &prediction);
        }
        match self.target(label) {
            Some(target) => {
                self.learn_at_once(features, target, &prediction);
            }
            None => {
                self.counters.unlabelled += 1;
                if let AnyModel::Forecaster(model) = &mut self.model {
                    // A gap: the series goes on without the value.
                    model.learn(features, f64::NAN, 1.0);
                }
            }
        }
        Ok(())
    }

    fn too_many_classes(&mut self, source: Source<'_>, name: &str) -> Result<(), LaneError> {
        let reason = format!("the class {name:.100} would be one more than label.classes_max");
        self.bad(source, "too_many_classes", &reason)
    }

    /// The target that a label stands for; a new class is registered, for which there must be room.
    fn target(&mut self, label: Label<'_>) -> Option<Target> {
        match label {
            Label::Missing => None,
            Label::Number(number) => Some(Target::Number(number)),
            Label::Class(name) => self.class(name).map(Target::Class),
        }
    }

    /// Whether a label of this class can be told apart from others.
    fn has_room_for(&self, name: &str) -> bool {
        self.plan.task == Task::AnomalyDetection || self.classes.has_room_for(name)
    }

    /// The number of a class (or item); for anomaly detection 1 is an anomaly and 0 is none.
    fn class(&mut self, name: &str) -> Option<usize> {
        if self.plan.task == Task::AnomalyDetection {
            let anomaly = self.plan.label.as_ref().and_then(|label| label.positive.as_deref());
            return Some(usize::from(anomaly == Some(name)));
        }
        self.classes.index(name)
    }

    /// Predicts; the scores of classes, the items, propensities or steps are left in the scratch memory.
    fn predict(&mut self, features: Row<'_>, source: Source<'_>) -> Prediction {
        self.scratch.scores.clear();
        match &self.model {
            AnyModel::Regressor(model) => Prediction::Number(model.predict(features)),
            AnyModel::Clusterer(model) => Prediction::Cluster(model.predict(features)),
            AnyModel::Classifier(model) => {
                self.scratch.scores.resize(self.classes.len(), 0.0);
                model.predict(features, &mut self.scratch.scores);
                Prediction::Classes
            }
            AnyModel::AnomalyDetector(model) => Prediction::Score(model.score(features)),
            AnyModel::Recommender(model) => {
                let list = &mut self.scratch.ranked;
                model.recommend(features, self.classes.len(), self.plan.output.items, list);
                self.scratch.scores.extend(list.iter().map(|place| place.item as f64));
                Prediction::Items
            }
            AnyModel::Bandit(model) => {
                self.scratch.scores.resize(self.plan.model.actions.len(), 0.0);
                model.decide(features, &mut self.scratch.scores);
                Prediction::Action(draw(&self.scratch.scores, self.plan.seed, place_number(source)))
            }
            AnyModel::Forecaster(model) => {
                self.scratch.steps.clear();
                self.scratch.steps.resize(self.plan.output.steps, 0.0);
                model.forecast(&[features], &mut self.scratch.steps);
                Prediction::Steps(self.scratch.steps.first().copied().unwrap_or(0.0))
            }
        }
    }

    fn answer(
        &mut self,
        input: &InputPlan,
        source: Source<'_>,
        chunk: &Chunk,
        row: usize,
        prediction: &Prediction,
    ) {
        if !self.emit {
            return;
        }
        self.counters.predictions += 1;
        let plan = &self.plan;
        // Few fields, as is usual, take no memory of their own.
        let (mut few, mut many) = ([("", Value::Null); FIELDS_FEW], Vec::new());
        let fields: &mut [Field<'_>] = match plan.output.include.len() + FIELDS_OF_PREDICTION_MAX {
            length if length <= FIELDS_FEW => &mut few,
            length => {
                many.resize(length, ("", Value::Null));
                &mut many
            }
        };
        let mut length = 0;
        let mut push = |name, value| {
            fields[length] = (name, value);
            length += 1;
        };
        for (name, place) in plan.output.include.iter().zip(&input.include) {
            push(name.as_str(), chunk.value(row, *place));
        }
        let names: Vec<(&str, f64)>;
        let (items, item_scores): (Vec<&str>, Vec<f64>);
        match prediction {
            Prediction::Number(number) => push("prediction", Value::Number(*number)),
            Prediction::Cluster(assignment) => {
                push("prediction", Value::Integer(assignment.cluster as i64));
                push("distance", Value::Number(assignment.distance));
            }
            Prediction::Classes => {
                let scores = &self.scratch.scores;
                let best = best_class(scores);
                let name = best.and_then(|class| self.classes.name(class));
                push("prediction", name.map_or(Value::Null, Value::Text));
                push("probability", best.map_or(Value::Null, |class| Value::Number(scores[class])));
                if let Some(positive) = plan.label.as_ref().and_then(|label| label.positive.as_deref()) {
                    let score = self.classes.find(positive).and_then(|class| scores.get(class));
                    push("score", score.map_or(Value::Null, |score| Value::Number(*score)));
                }
                if plan.output.scores {
                    names = self.classes.names().zip(scores.iter().copied()).collect();
                    push("scores", Value::Numbers(&names));
                }
            }
            Prediction::Score(score) => push("score", Value::Number(*score)),
            Prediction::Items => {
                let ranked = &self.scratch.ranked;
                (items, item_scores) = ranked
                    .iter()
                    .filter_map(|place| Some((self.classes.name(place.item)?, place.score)))
                    .unzip();
                push("items", Value::Texts(&items));
                push("scores", Value::List(&item_scores));
            }
            Prediction::Action(action) => {
                let name = plan.model.actions.get(*action);
                push("action", name.map_or(Value::Null, |name| Value::Text(name)));
                let propensity = self.scratch.scores.get(*action);
                push("propensity", propensity.map_or(Value::Null, |one| Value::Number(*one)));
            }
            Prediction::Steps(_) => push("forecast", Value::List(&self.scratch.steps)),
        }
        let partitions = self.input_partitions.get(usize::from(source.partition.input)).copied().unwrap_or(0);
        self.answers.prediction(source, partitions, self.folded, &fields[..length]);
    }

    /// Scores and learns an event whose prediction still lies in the scratch memory.
    fn learn_at_once(&mut self, features: Row<'_>, target: Target, prediction: &Prediction) {
        let (scores, baselines) = self.scratch.lend();
        self.learn(features, target, prediction.number(), &scores, &baselines, true);
        self.scratch.give_back(scores, baselines);
    }

    /// Scores (if it was not scored before) and learns.
    fn learn(
        &mut self,
        features: Row<'_>,
        target: Target,
        number: f64,
        scores: &[f64],
        baselines: &[f64],
        score: bool,
    ) {
        if score {
            self.score(target, number, scores, baselines);
        }
        match (&mut self.model, target) {
            (AnyModel::Regressor(model), Target::Number(label)) => model.learn(features, label, 1.0),
            (AnyModel::Classifier(model), Target::Class(class)) => model.learn(features, class, 1.0),
            (AnyModel::Recommender(model), Target::Class(item)) => model.learn(features, item, 1.0),
            (AnyModel::Forecaster(model), Target::Number(value)) => model.learn(features, value, 1.0),
            (AnyModel::Bandit(model), Target::Number(reward)) => {
                let action = number as usize;
                let propensity = scores.get(action).copied().unwrap_or(0.0);
                model.learn(features, action, propensity, reward, 1.0);
            }
            // It has learnt when the event came.
            (AnyModel::AnomalyDetector(_), _) => return self.count_scored(),
            _ => {}
        }
        self.count_learnt();
    }

    /// Compares what was said with what is known now.
    fn score(&mut self, target: Target, number: f64, scores: &[f64], baselines: &[f64]) {
        match (self.plan.task, target) {
            (Task::AnomalyDetection, Target::Class(class)) => {
                self.evaluator.update_anomaly(number, Some(class == 1));
            }
            (Task::Recommendation, Target::Class(item)) => {
                let place = scores.iter().position(|other| *other == item as f64);
                self.evaluator.update_recommendation(place);
            }
            (Task::Bandit, Target::Number(reward)) => {
                self.evaluator.update_bandit(scores, number as usize, reward, baselines);
            }
            (Task::Forecasting, Target::Number(value)) => {
                self.evaluator.update_forecast(number, value, baselines);
                self.baselines.learn_number(value);
            }
            (_, Target::Number(label)) => {
                self.evaluator.update_regression(number, label, baselines);
                self.baselines.learn_number(label);
            }
            (_, Target::Class(class)) => {
                self.evaluator.update_classification(scores, class, baselines);
                self.baselines.learn_class(class);
            }
        }
    }

    fn count_learnt(&mut self) {
        self.counters.learnt += 1;
        self.count_scored();
    }

    fn count_scored(&mut self) {
        self.scored += 1;
        if self.scored >= self.plan.metrics.every_events {
            self.scored = 0;
            if self.emit {
                self.counters.metrics += 1;
                let waiting = self.waiting.len();
                self.answers.metrics(self.stream_time_ms, self.folded, waiting, &self.evaluator.report());
            }
        }
    }
}

/// What the model said; the scores of classes lie in the scratch memory.
enum Prediction {
    Number(f64),
    Cluster(streamfold_learn::model::Assignment),
    Classes,
    /// How strange the event is.
    Score(f64),
    /// The list lies in the scratch memory.
    Items,
    /// The action that was taken; the propensities lie in the scratch memory.
    Action(usize),
    /// The first step; all of them lie in the scratch memory.
    Steps(f64),
}

impl Prediction {
    /// The number predicted, or that of the action; 0 where the prediction is none.
    fn number(&self) -> f64 {
        match self {
            Prediction::Number(number) | Prediction::Score(number) | Prediction::Steps(number) => *number,
            Prediction::Action(action) => *action as f64,
            Prediction::Cluster(_) | Prediction::Classes | Prediction::Items => 0.0,
        }
    }
}

impl Scratch {
    /// Scores and baselines, for a call that needs the rest of the fold too.
    fn lend(&mut self) -> (Vec<f64>, Vec<f64>) {
        (std::mem::take(&mut self.scores), std::mem::take(&mut self.baselines))
    }

    fn give_back(&mut self, scores: Vec<f64>, baselines: Vec<f64>) {
        self.scores = scores;
        self.baselines = baselines;
    }
}

/// A number that belongs to the event's place in the log and to no other's, so that folding again takes the same action.
fn place_number(source: Source<'_>) -> u64 {
    let Partition { input, partition } = source.partition;
    let place = u64::from(input) << 32 | u64::from(partition.unsigned_abs());
    place.rotate_left(24) ^ source.record.offset.unsigned_abs()
}

/// The class of the greatest score, the first of equals.
pub(super) fn best_class(scores: &[f64]) -> Option<usize> {
    let mut best = None;
    for (class, score) in scores.iter().enumerate() {
        if best.is_none_or(|best: usize| *score > scores[best]) {
            best = Some(class);
        }
    }
    best
}

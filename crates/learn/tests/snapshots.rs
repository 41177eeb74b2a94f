//! Snapshots of released layouts stay readable: each `testdata/snapshots/<name>.v<layout>.bin` still loads and answers
//! to the bit what it answered when it was written.
//!
//! After a change of layout, `STREAMFOLD_WRITE_SNAPSHOTS=2 cargo test -p streamfold-learn --test snapshots` writes the
//! files of layout 2. Files that are there are never written over.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use streamfold_learn::features::{Row, RowBuffer, Schema, category};
use streamfold_learn::model::{AnyModel, Target, Transformer};
use streamfold_learn::registry::{self, MODELS, TRANSFORMERS};
use streamfold_learn::snapshot::{Reader, Snapshot, Writer};

/// What the fixtures hold: a model or a transformer.
enum Part {
    Model(AnyModel),
    Transformer(Box<dyn Transformer>),
}

fn build(name: &str) -> Part {
    let schema = Schema {
        numeric: ["a", "b", "c", "d", "e"].map(Into::into).to_vec(),
        categories: vec!["colour".into()],
        sparse_size: 4,
    };
    match (registry::model(name), registry::transformer(name)) {
        (Some(entry), _) => Part::Model((entry.build)(&schema, &entry.values(&[]).unwrap(), 1).unwrap()),
        (_, Some(entry)) => {
            Part::Transformer((entry.build)(&schema, &entry.values(&[]).unwrap(), 1).unwrap())
        }
        _ => panic!("{name} is no longer in the registry"),
    }
}

impl Part {
    fn snapshot(&mut self) -> &mut dyn Snapshot {
        match self {
            Part::Model(model) => model.model_mut(),
            Part::Transformer(transformer) => transformer.as_mut(),
        }
    }

    fn learn(&mut self, row: Row<'_>, number: u64) {
        match self {
            Part::Model(AnyModel::Regressor(model)) => model.learn(row, number as f64, 1.0),
            Part::Model(AnyModel::Classifier(model)) => model.learn(row, number as usize % 2, 1.0),
            Part::Model(AnyModel::Clusterer(model)) => model.learn(row, 1.0),
            Part::Model(AnyModel::AnomalyDetector(model)) => model.learn(row, 1.0),
            Part::Model(AnyModel::Recommender(model)) => model.learn(row, number as usize % 7, 1.0),
            Part::Model(AnyModel::Bandit(model)) => {
                model.learn(row, number as usize % 3, 0.5, (number % 10) as f64, 1.0);
            }
            Part::Model(AnyModel::Forecaster(model)) => model.learn(row, number as f64, 1.0),
            Part::Transformer(transformer) => {
                transformer.learn(row, 1.0);
                transformer.learn_target(row, Target::Class(number as usize % 2), 1.0);
            }
        }
    }

    /// The answer to a row, as text that gives its bits.
    fn answer(&self, row: Row<'_>) -> String {
        let mut out = RowBuffer::default();
        let numbers = match self {
            Part::Model(AnyModel::Regressor(model)) => vec![model.predict(row)],
            Part::Model(AnyModel::Classifier(model)) => {
                let mut scores = vec![0.0; 2];
                model.predict(row, &mut scores);
                scores
            }
            Part::Model(AnyModel::Clusterer(model)) => {
                let answer = model.predict(row);
                vec![answer.cluster as f64, answer.distance, answer.second_distance]
            }
            Part::Model(AnyModel::AnomalyDetector(model)) => vec![model.score(row)],
            Part::Model(AnyModel::Recommender(model)) => {
                let mut list = Vec::new();
                model.recommend(row, 7, 4, &mut list);
                list.iter().flat_map(|place| [place.item as f64, place.score]).collect()
            }
            Part::Model(AnyModel::Bandit(model)) => {
                let mut propensities = vec![0.0; 3];
                model.decide(row, &mut propensities);
                propensities
            }
            Part::Model(AnyModel::Forecaster(model)) => {
                let mut values = vec![0.0; 3];
                model.forecast(&[row], &mut values);
                values
            }
            Part::Transformer(transformer) => {
                transformer.transform(row, &mut out);
                out.sparse
                    .iter()
                    .flat_map(|&(index, value)| [f64::from(index), value])
                    .chain(out.numeric)
                    .collect()
            }
        };
        // Rust writes the shortest text that reads back to the same bits.
        numbers.iter().map(|number| format!("{number:?}")).collect::<Vec<_>>().join(" ")
    }
}

/// Calls back with the number-th row of a simple stream.
fn with_row<T>(number: u64, then: impl FnOnce(Row<'_>) -> T) -> T {
    let digit = |base: u64| (number * 7919 % base) as f64;
    let numeric = [digit(10), digit(13) * 1e4, digit(17) * 1e-3, f64::NAN, 5.0];
    let categories = [category(&[b'a' + (number % 5) as u8])];
    then(Row { numeric: &numeric, categories: &categories, sparse: &[((number % 4) as u32, 1.0)] })
}

fn answers(part: &Part) -> String {
    (1000..1005).map(|number| with_row(number, |row| part.answer(row)) + "\n").collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/snapshots")
}

fn write_fixtures(layout: &str) {
    fs::create_dir_all(folder()).unwrap();
    let names = MODELS.iter().map(|entry| entry.name).chain(TRANSFORMERS.iter().map(|entry| entry.name));
    for name in names {
        let path = folder().join(format!("{name}.v{layout}.bin"));
        if path.exists() {
            continue;
        }
        let mut part = build(name);
        (0..200).for_each(|number| with_row(number, |row| part.learn(row, number)));
        let mut out = Writer::new();
        part.snapshot().save(&mut out);
        fs::write(&path, out.into_bytes()).unwrap();
        fs::write(path.with_extension("txt"), answers(&part)).unwrap();
    }
}

#[test]
fn snapshots_of_every_layout_still_answer_the_same() {
    if let Ok(layout) = std::env::var("STREAMFOLD_WRITE_SNAPSHOTS") {
        write_fixtures(&layout);
    }
    let mut covered = Vec::new();
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let name = path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
            let mut part = build(&name);
            let bytes = fs::read(&path).unwrap();
            let mut from = Reader::new("fixture", &bytes);
            part.snapshot().load(&mut from).unwrap();
            from.finish().unwrap();
            assert_eq!(answers(&part), fs::read_to_string(path.with_extension("txt")).unwrap(), "{path:?}");
            covered.push(name);
        }
    }
    let names = MODELS.iter().map(|entry| entry.name).chain(TRANSFORMERS.iter().map(|entry| entry.name));
    for name in names {
        assert!(covered.iter().any(|covered| covered == name), "{name} has no fixture in testdata/snapshots");
    }
}

//! The whole registry: every file is in it, every entry is whole, every model conforms.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use streamfold_learn::checks;
use streamfold_learn::compose::chain::chain;
use streamfold_learn::features::Schema;
use streamfold_learn::model::AnyModel;
use streamfold_learn::params::{Param, ParamError, ParamKind, ParamValue, Values};
use streamfold_learn::registry::{self, DETECTORS, GENERATORS, MODELS, ModelEntry, TRANSFORMERS};

/// Each file below `src` that declares an entry, as `family::file`.
fn declared() -> Vec<String> {
    let mut found = Vec::new();
    for family in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap() {
        let family = family.unwrap().path();
        if !family.is_dir() {
            continue;
        }
        for file in fs::read_dir(&family).unwrap() {
            let file = file.unwrap().path();
            let is_rust = file.extension().is_some_and(|extension| extension == "rs");
            if is_rust && fs::read_to_string(&file).unwrap().contains("pub const ENTRY: ") {
                let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                found.push(format!("{}::{}", name(&family), name(&file)));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_file_with_an_entry_is_in_the_registry() {
    let registry = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/registry.rs")).unwrap();
    let declared = declared();
    for file in &declared {
        let line = format!("{file}::ENTRY,");
        let last = format!("{file}::ENTRY]");
        assert!(
            registry.contains(&line) || registry.contains(&last),
            "src/registry.rs lacks the line `{line}`"
        );
        let name = file.split("::").last().unwrap();
        assert!(
            registry::model(name).is_some()
                || registry::transformer(name).is_some()
                || registry::detector(name).is_some()
                || registry::generator(name).is_some(),
            "the entry of {file} must have the file's name"
        );
    }
    assert_eq!(
        declared.len(),
        MODELS.len() + TRANSFORMERS.len() + DETECTORS.len() + GENERATORS.len(),
        "{declared:?}"
    );
}

fn check_params(owner: &str, params: &[Param]) {
    for param in params {
        let whose = format!("{owner}.{}", param.name);
        assert!(param.doc.len() > 10 && param.default_from.len() > 10, "{whose} is not documented");
        Values::new(owner, params, &[(param.name.to_owned(), param.default_value())]).unwrap();
        match param.kind {
            ParamKind::Number { min, max, .. } => assert!(min < max && max.is_finite(), "{whose}"),
            ParamKind::Integer { min, max, .. } => assert!(min < max, "{whose}"),
            _ => {}
        }
    }
}

#[test]
fn every_entry_is_whole() {
    let models = MODELS.iter().map(|entry| (entry.name, entry.summary, entry.doc, entry.params));
    let transformers = TRANSFORMERS.iter().map(|entry| (entry.name, entry.summary, entry.doc, entry.params));
    let detectors = DETECTORS.iter().map(|entry| (entry.name, entry.summary, entry.doc, entry.params));
    let mut names = Vec::new();
    for (name, summary, doc, params) in models.chain(transformers).chain(detectors) {
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
        assert!(summary.ends_with('.') && !summary.contains('\n'), "{name}: {summary}");
        for part in ["**Use it**", "**Complexity**"] {
            assert!(doc.contains(part), "the documentation of {name} lacks {part}");
        }
        assert!(!names.contains(&name), "{name} is there twice");
        names.push(name);
        check_params(name, params);
    }
}

#[test]
fn misspelt_names_are_recognised() {
    assert_eq!(registry::suggest("linear_regresion"), Some("linear_regression"));
    assert_eq!(registry::suggest("kmeans"), Some("k_means"));
    assert_eq!(registry::suggest("transformer"), None);
    assert_eq!(registry::suggest_transformer("onehot"), Some("one_hot"));
}

#[test]
fn every_model_conforms() {
    for entry in MODELS {
        let failures = checks::check_model(entry, &[]).unwrap();
        assert!(failures.is_empty(), "{}: {failures:#?}", entry.name);
    }
}

#[test]
fn every_transformer_conforms() {
    for entry in TRANSFORMERS {
        let failures = checks::check_transformer(entry, &[]).unwrap();
        assert!(failures.is_empty(), "{}: {failures:#?}", entry.name);
    }
}

/// The parameters at the ends of their ranges; of whole numbers, which cost memory and time, only the lower end.
fn extremes(params: &[Param]) -> Vec<(String, ParamValue)> {
    let ends = params.iter().flat_map(|param| {
        let values = match param.kind {
            ParamKind::Number { min, max, .. } => vec![ParamValue::Number(min), ParamValue::Number(max)],
            ParamKind::Integer { min, .. } => vec![ParamValue::Integer(min)],
            ParamKind::Boolean { default } => vec![ParamValue::Boolean(!default)],
            ParamKind::Choice { of, .. } => {
                of.iter().map(|word| ParamValue::Text((*word).to_owned())).collect()
            }
            // Keys and other models than the default ones: tests/compose.rs.
            ParamKind::Category | ParamKind::Model { .. } | ParamKind::Models { .. } => Vec::new(),
        };
        values.into_iter().map(|value| (param.name.to_owned(), value))
    });
    ends.collect()
}

/// Every model with every parameter at the ends of its range, on all processors.
#[test]
fn everything_conforms_with_parameters_at_the_ends_of_their_ranges() {
    let ends =
        |entry: &'static ModelEntry| extremes(entry.params).into_iter().map(move |given| (entry, given));
    let jobs: Vec<_> = MODELS.iter().flat_map(ends).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((entry, given)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let failures = checks::check_model(entry, std::slice::from_ref(given)).unwrap();
            assert!(failures.is_empty(), "{} with {given:?}: {failures:#?}", entry.name);
        }
    };
    std::thread::scope(|scope| {
        // A panic in one of them is one of the whole.
        (0..std::thread::available_parallelism().map_or(1, usize::from))
            .for_each(|_| drop(scope.spawn(work)));
    });
    for entry in TRANSFORMERS {
        for given in extremes(entry.params) {
            let failures = checks::check_transformer(entry, std::slice::from_ref(&given)).unwrap();
            assert!(failures.is_empty(), "{} with {given:?}: {failures:#?}", entry.name);
        }
    }
}

/// Transformers of every kind, in an order that makes sense.
const CHAIN: [&str; 7] = [
    "imputer",
    "standard_scaler",
    "polynomial_features",
    "target_encoder",
    "one_hot",
    "tf_idf",
    "select_k_best",
];

/// The model with several transformers in front of it.
fn chained(name: &str, schema: &Schema, seed: u64) -> Result<AnyModel, ParamError> {
    let mut transformers = Vec::new();
    let mut schema = schema.clone();
    for name in CHAIN {
        let entry = registry::transformer(name).unwrap();
        let given = match entry.name {
            "target_encoder" => vec![("keep".to_owned(), ParamValue::Boolean(true))],
            _ => Vec::new(),
        };
        let transformer = (entry.build)(&schema, &entry.values(&given)?, seed)?;
        schema = transformer.output().clone();
        transformers.push(transformer);
    }
    let entry = registry::model(name).unwrap();
    Ok(chain(transformers, (entry.build)(&schema, &entry.values(&[])?, seed)?))
}

#[test]
fn chains_conform_like_models() {
    let build: [(&str, registry::Build<AnyModel>); 3] = [
        ("linear_regression", |schema, _, seed| chained("linear_regression", schema, seed)),
        ("logistic_regression", |schema, _, seed| chained("logistic_regression", schema, seed)),
        ("k_means", |schema, _, seed| chained("k_means", schema, seed)),
    ];
    for (name, build) in build {
        let entry = ModelEntry { build, params: &[], ..*registry::model(name).unwrap() };
        let failures = checks::check_model(&entry, &[]).unwrap();
        assert!(failures.is_empty(), "chain to {name}: {failures:#?}");
    }
}

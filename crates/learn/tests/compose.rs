//! Models made of models conform whatever they are made of.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use streamfold_learn::checks;
use streamfold_learn::compose::part::Part;
use streamfold_learn::features::{Row, Schema, category};
use streamfold_learn::model::AnyModel;
use streamfold_learn::params::ParamValue;
use streamfold_learn::registry;

fn text(text: &str) -> ParamValue {
    ParamValue::Text(text.to_owned())
}

fn prepared(kind: &str, prepare: &[&str], parameters: &[(&str, i64)]) -> ParamValue {
    let stage = |name: &&str| Part { kind: (*name).to_owned(), ..Part::default() };
    let parameter = |(name, value): &(&str, i64)| ((*name).to_owned(), ParamValue::Integer(*value));
    ParamValue::Part(Part {
        kind: kind.to_owned(),
        parameters: parameters.iter().map(parameter).collect(),
        prepare: Some(prepare.iter().map(stage).collect()),
    })
}

fn conforms(name: &str, given: &[(&str, ParamValue)]) {
    let entry = registry::model(name).unwrap();
    let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let mut failures = checks::check_model(entry, &given).unwrap();
    // A key that is named must be there.
    failures.retain(|failure| failure.check != "no_features" || given.iter().all(|(name, _)| name != "key"));
    assert!(failures.is_empty(), "{name} of {given:?}: {failures:#?}");
}

#[test]
fn per_key_conforms_whatever_is_in_it() {
    let chain = prepared("recursive_least_squares", &["standard_scaler", "one_hot"], &[]);
    conforms(
        "per_key_regressor",
        &[("of", chain), ("key", text("shape")), ("expire_after", ParamValue::Integer(9))],
    );
    conforms(
        "per_key_regressor",
        &[("of", text("bayesian_linear_regression")), ("keys_max", ParamValue::Integer(5))],
    );
    conforms("per_key_classifier", &[("of", text("one_vs_rest")), ("key", text("colour"))]);
    conforms("per_key_classifier", &[("of", text("hoeffding_tree")), ("key", text("colour"))]);
}

#[test]
fn stacks_conform_whatever_is_in_them() {
    let members = |of: &[ParamValue]| ParamValue::List(of.to_vec());
    let tree = prepared("hoeffding_tree", &[], &[("grace_period", 50)]);
    conforms("stacking_classifier", &[("of", members(&[text("alma"), tree])), ("meta", text("naive_bayes"))]);
    let chain = prepared("linear_regression", &["imputer", "one_hot"], &[]);
    conforms(
        "stacking_regressor",
        &[("of", members(&[chain.clone(), chain])), ("meta", text("linear_regression"))],
    );
    conforms("stacking_regressor", &[("of", text("per_key_regressor"))]);
}

#[test]
fn wrappers_conform_whatever_is_in_them() {
    conforms("one_vs_rest", &[("of", text("alma"))]);
    conforms("one_vs_rest", &[("of", text("passive_aggressive_classification"))]);
    conforms("conformal_regressor", &[("of", text("hoeffding_tree_regressor"))]);
    conforms("conformal_regressor", &[("of", text("per_key_regressor"))]);
}

/// A key's model goes on from the shared one, and is forgotten when the key was not seen for long.
#[test]
fn a_new_key_starts_from_what_all_share() {
    let entry = registry::model("per_key_regressor").unwrap();
    let given = [
        ("key".to_owned(), text("store")),
        ("own_after".to_owned(), ParamValue::Integer(3)),
        ("expire_after".to_owned(), ParamValue::Integer(100)),
    ];
    let schema = Schema {
        numeric: vec!["x".into()],
        categories: vec!["colour".into(), "store".into()],
        ..Schema::default()
    };
    let AnyModel::Regressor(mut model) = (entry.build)(&schema, &entry.values(&given).unwrap(), 0).unwrap()
    else {
        panic!("it is a regressor");
    };
    let row = |store: &str, then: &mut dyn FnMut(Row<'_>)| {
        let categories = [category(b"red"), category(store.as_bytes())];
        then(Row { numeric: &[1.0], categories: &categories, ..Row::default() });
    };
    let said = |model: &dyn streamfold_learn::model::Regressor, store: &str| {
        let mut said = f64::NAN;
        row(store, &mut |row| said = model.predict(row));
        said
    };
    for _ in 0..500 {
        row("usual", &mut |row| model.learn(row, 10.0, 1.0));
    }
    let shared = said(model.as_ref(), "never seen");
    assert!((shared - 10.0).abs() < 0.5, "{shared}");
    for event in 0..60 {
        row("dear", &mut |row| model.learn(row, 30.0, 1.0));
        row("usual", &mut |row| model.learn(row, 10.0, 1.0));
        let (dear, usual) = (said(model.as_ref(), "dear"), said(model.as_ref(), "never seen"));
        // The third event brings a copy, which does not see the events of others.
        assert_eq!(event < 2, dear == usual, "event {event}: {dear} {usual}");
    }
    let usual = said(model.as_ref(), "usual");
    assert!((usual - 10.0).abs() < 0.5, "what another key learnt does not matter: {usual}");
    (0..101).for_each(|_| row("third", &mut |row| model.learn(row, 20.0, 1.0)));
    assert_eq!(said(model.as_ref(), "dear"), said(model.as_ref(), "never seen"), "it was forgotten");
}

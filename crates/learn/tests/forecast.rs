//! The forecasters beside statsmodels and River on the same series. `testdata/learn/forecast.py` makes the numbers.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use serde_json::Value;
use streamfold_learn::features::{Row, Schema};
use streamfold_learn::model::{AnyModel, Forecaster};
use streamfold_learn::params::ParamValue;
use streamfold_learn::registry;

fn golden() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/learn/forecast.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

/// The model with the parameters that a case names.
fn model(name: &str, case: &Value, schema: &Schema) -> Box<dyn Forecaster> {
    let entry = registry::model(name).unwrap();
    let given = entry.params.iter().filter_map(|param| {
        let value = match case.get(param.name)? {
            Value::String(word) => ParamValue::Text(word.clone()),
            Value::Number(number) if number.is_i64() => ParamValue::Integer(number.as_i64().unwrap()),
            number => ParamValue::Number(number.as_f64().unwrap()),
        };
        Some((param.name.to_owned(), value))
    });
    let mut given: Vec<_> = given.collect();
    if name == "snarimax" {
        given.push(("ridge".to_owned(), ParamValue::Number(1.0)));
    }
    match (entry.build)(schema, &entry.values(&given).unwrap(), 0).unwrap() {
        AnyModel::Forecaster(model) => model,
        _ => panic!("{name} is no forecaster"),
    }
}

fn agrees(model: &dyn Forecaster, case: &Value, rows: &[Row<'_>]) {
    let theirs = numbers(&case["forecast"]);
    let mut ours = vec![0.0; theirs.len()];
    model.forecast(rows, &mut ours);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() <= 1e-8 * theirs.abs(), "{ours} where it is {theirs} in {case}");
    }
}

#[test]
fn holt_winters_is_statsmodels_and_rivers() {
    let golden = golden();
    for case in golden["holt_winters"].as_array().unwrap() {
        let mut model = model("holt_winters", case, &Schema::default());
        for value in numbers(&golden["series"]) {
            model.learn(Row::default(), value, 1.0);
        }
        agrees(model.as_ref(), case, &[]);
    }
}

#[test]
fn snarimax_is_rivers_with_exact_least_squares() {
    let golden = golden();
    let causes: Vec<[f64; 1]> = numbers(&golden["cause"]).into_iter().map(|cause| [cause]).collect();
    for case in golden["snarimax"].as_array().unwrap() {
        let exogenous = case["exogenous"].as_bool().unwrap();
        let schema = match exogenous {
            true => Schema { numeric: vec!["cause".into()], ..Schema::default() },
            false => Schema::default(),
        };
        let row = |step: usize| match exogenous {
            true => Row { numeric: &causes[step], ..Row::default() },
            false => Row::default(),
        };
        let mut model = model("snarimax", case, &schema);
        let values = numbers(&golden[if exogenous { "caused" } else { "series" }]);
        for (step, value) in values.iter().enumerate() {
            model.learn(row(step), *value, 1.0);
        }
        let ahead: Vec<Row<'_>> = (values.len()..causes.len()).map(row).collect();
        agrees(model.as_ref(), case, &ahead);
    }
}

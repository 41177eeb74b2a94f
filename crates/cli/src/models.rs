//! `streamfold models`.

use crate::arguments::ModelsArguments;
use crate::exit::{Exit, Failure};
use anyhow::Result;
use serde_json::{Value, json};
use streamfold_learn::params::{Param, ParamValue};
use streamfold_learn::registry::{MODELS, TRANSFORMERS, suggest, suggest_transformer};

/// What there is to show of a model or transformer.
struct Entry {
    name: &'static str,
    /// The task of a model; of a transformer `transformer`.
    kind: &'static str,
    summary: &'static str,
    doc: &'static str,
    params: &'static [Param],
}

fn entries() -> Vec<Entry> {
    let models = MODELS.iter().map(|entry| Entry {
        name: entry.name,
        kind: entry.task.name(),
        summary: entry.summary,
        doc: entry.doc,
        params: entry.params,
    });
    let transformers = TRANSFORMERS.iter().map(|entry| Entry {
        name: entry.name,
        kind: "transformer",
        summary: entry.summary,
        doc: entry.doc,
        params: entry.params,
    });
    models.chain(transformers).collect()
}

/// Lists all, or shows one.
pub fn models(arguments: &ModelsArguments) -> Result<()> {
    let all = entries();
    let chosen: Vec<&Entry> = match &arguments.name {
        None => all.iter().collect(),
        Some(name) => vec![all.iter().find(|entry| entry.name == name).ok_or_else(|| unknown(name))?],
    };
    if arguments.json {
        let entries: Vec<Value> = chosen.into_iter().map(to_json).collect();
        println!("{:#}", Value::from(entries));
    } else {
        chosen.into_iter().for_each(|entry| show(entry, arguments.name.is_some()));
    }
    Ok(())
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::new(Exit::Usage, format!("there is no model or transformer {name:?}"));
    match suggest(name).or_else(|| suggest_transformer(name)) {
        Some(likely) => failure.hint(format!("did you mean {likely:?}?")),
        None => failure.hint("`streamfold models` lists all"),
    }
}

fn show(entry: &Entry, whole: bool) {
    println!("{} ({})", entry.name, entry.kind);
    println!("    {}", entry.summary);
    if whole {
        println!("\n{}\n", entry.doc.trim());
    }
    for param in entry.params {
        println!("    {} = {}  {}", param.name, param.default_value(), param.kind);
        println!("        {}", param.doc);
        if whole {
            println!("        Default: {}", param.default_from);
        }
    }
    println!();
}

fn to_json(entry: &Entry) -> Value {
    let params: Vec<Value> = entry
        .params
        .iter()
        .map(|param| {
            let default = to_value(&param.default_value());
            json!({ "name": param.name, "values": param.kind.to_string(), "default": default, "doc": param.doc })
        })
        .collect();
    json!({ "name": entry.name, "kind": entry.kind, "summary": entry.summary, "doc": entry.doc, "parameters": params })
}

/// A parameter as JSON.
pub fn to_value(value: &ParamValue) -> Value {
    match value {
        ParamValue::Number(value) => json!(value),
        ParamValue::Integer(value) => json!(value),
        ParamValue::Boolean(value) => json!(value),
        ParamValue::Text(value) => json!(value),
        ParamValue::List(values) => values.iter().map(to_value).collect(),
        ParamValue::Part(part) => {
            let parameters = part.parameters.iter().map(|(name, value)| (name.clone(), to_value(value)));
            std::iter::once(("kind".to_owned(), json!(part.kind))).chain(parameters).collect()
        }
    }
}

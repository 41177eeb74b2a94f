//! The reference page and the JSON schema of the pipeline file, from the table of keys.

use super::keys::{Effect, Key, Kind, Presence, SECTIONS, Section};
use super::setting::{FIELD_TYPES, parameter, words};
use super::tree;
use serde_json::{Map, Value, json};
use streamfold_learn::compose::part::Part;
use streamfold_learn::model::Task;
use streamfold_learn::params::{Param, ParamKind, ParamValue};
use streamfold_learn::registry::{MODELS, TRANSFORMERS};

/// The reference page of the pipeline file (Markdown).
pub fn reference_markdown() -> String {
    let mut page = String::from("# The pipeline file\n\nTOML. Unknown keys are refused.\n");
    for section in SECTIONS {
        let title =
            if section.path.is_empty() { "The top".to_owned() } else { format!("`[{}]`", section.path) };
        page.push_str(&format!("\n## {title}\n\n{}\n\n", section.doc));
        for key in section.keys() {
            page.push_str(&key_markdown(key));
        }
        if let Some(open) = section.open {
            page.push_str(&format!("- *other keys*: {open}\n"));
        }
    }
    page
}

fn key_markdown(key: &Key) -> String {
    let without = match key.presence {
        Presence::Required => "required".to_owned(),
        Presence::Default(value) => format!("default `{value}`"),
        Presence::Otherwise(otherwise) => format!("without it: {otherwise}"),
    };
    let effect = match key.effect {
        Effect::Meaning => "a change needs a new generation",
        Effect::Operation => "may change at any time",
        Effect::Identity => "a change makes it another pipeline",
    };
    let bounds = match key.kind {
        Kind::Duration(min, max) => {
            let show = super::units::format_duration;
            format!(", from {} to {}", show(min), show(max))
        }
        Kind::Size(min, max) => {
            let show = |bytes: i64| super::units::format_size(bytes.unsigned_abs());
            format!(", from {} to {}", show(min), show(max))
        }
        _ => String::new(),
    };
    format!("- `{}`: {}{bounds}; {without}; {effect}. {}\n", key.name, words(key.kind), key.doc)
}

/// The JSON schema of the pipeline file, for editors.
pub fn json_schema() -> Value {
    let mut root = object(&SECTIONS[0]);
    for section in &SECTIONS[1..] {
        let mut steps: Vec<&str> = section.path.split('.').collect();
        let last = steps.pop().unwrap_or_default();
        let mut at = &mut root;
        for step in steps {
            at = &mut at["properties"][step];
        }
        match last {
            "<name>" => at["additionalProperties"] = object(section),
            _ => at["properties"][last] = object(section),
        }
        if section.path == "input.<name>" {
            at["type"] = json!("object");
            at["minProperties"] = json!(1);
        }
    }
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("A streamfold pipeline");
    root["required"] = json!(["name", "kafka", "input", "features", "model"]);
    root["properties"]["model"]["allOf"] =
        MODELS.iter().map(|model| when_kind(model.name, model.params)).collect();
    root
}

fn object(section: &Section) -> Value {
    let mut properties = Map::new();
    for key in section.keys() {
        let mut schema = kind_schema(key.kind);
        schema["description"] = json!(key.doc);
        if let Presence::Default(text) = key.presence {
            schema["default"] = toml_value(text);
        }
        properties.insert(key.name.to_owned(), schema);
    }
    let required: Vec<_> =
        section.keys().filter(|key| key.presence == Presence::Required).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": section.doc,
        "properties": properties,
        "additionalProperties": section.open.is_some(),
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn kind_schema(kind: Kind) -> Value {
    let scalar = json!(["string", "number", "boolean"]);
    match kind {
        Kind::Name | Kind::Prefix | Kind::Topic | Kind::Field | Kind::Start => json!({ "type": "string" }),
        Kind::Fields | Kind::Headers => {
            json!({ "type": "array", "items": { "type": "string" }, "uniqueItems": true })
        }
        Kind::Class | Kind::OnTimeout => json!({ "type": scalar }),
        Kind::Classes => json!({ "type": "array", "items": { "type": scalar }, "uniqueItems": true }),
        Kind::Model => json!({ "enum": MODELS.iter().map(|model| model.name).collect::<Vec<_>>() }),
        Kind::Stages => stages_schema(),
        Kind::Format => json!({ "anyOf": [
            { "type": "string" },
            { "type": "object", "properties": { "kind": { "type": "string" } }, "required": ["kind"] },
        ] }),
        Kind::Types => {
            let types: Vec<_> = FIELD_TYPES.iter().map(|(word, _)| *word).collect();
            json!({ "type": "object", "additionalProperties": { "enum": types } })
        }
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Integer(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number(min, max) => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Duration(..) => json!({ "type": "string", "pattern": "^\\s*[0-9]+\\s*(ms|s|m|h|d)\\s*$" }),
        Kind::Size(..) => json!({ "anyOf": [
            { "type": "integer", "minimum": 0 },
            { "type": "string", "pattern": "^\\s*[0-9]+\\s*(GiB|MiB|KiB|GB|MB|kB|KB|B)\\s*$" },
        ] }),
        Kind::Choice(of) => json!({ "enum": of }),
    }
}

fn stages_schema() -> Value {
    let names: Vec<_> = TRANSFORMERS.iter().map(|entry| entry.name).collect();
    let tables: Vec<_> = TRANSFORMERS.iter().map(|entry| when_kind(entry.name, entry.params)).collect();
    let table = json!({
        "type": "object", "properties": { "kind": { "enum": names } }, "required": ["kind"], "allOf": tables,
    });
    json!({ "type": "array", "items": { "anyOf": [{ "enum": names }, table] } })
}

/// The parameters of a model or transformer, where `kind` names it.
fn when_kind(name: &str, params: &[Param]) -> Value {
    let parameters: Map<String, Value> =
        params.iter().map(|param| (param.name.to_owned(), parameter_schema(param))).collect();
    json!({ "if": { "properties": { "kind": { "const": name } } }, "then": { "properties": parameters } })
}

fn parameter_schema(param: &Param) -> Value {
    let mut schema = match param.kind {
        ParamKind::Number { min, max, .. } => json!({ "type": "number", "minimum": min, "maximum": max }),
        ParamKind::Integer { min, max, .. } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        ParamKind::Boolean { .. } => json!({ "type": "boolean" }),
        ParamKind::Choice { of, .. } => json!({ "enum": of }),
        ParamKind::Category => json!({ "type": "string" }),
        ParamKind::Model { task, .. } => part_schema(task),
        ParamKind::Models { task, .. } => {
            json!({ "anyOf": [part_schema(task), { "type": "array", "items": part_schema(task), "minItems": 1 }] })
        }
    };
    schema["description"] = json!(param.doc);
    schema["default"] = parameter_json(&param.default_value());
    schema
}

/// A model inside of another. Its parameters are told by the plan: written out here they would have no end.
fn part_schema(task: Task) -> Value {
    let names: Vec<_> = MODELS.iter().filter(|model| model.task == task).map(|model| model.name).collect();
    let prepare = json!({ "type": "array" });
    json!({ "anyOf": [{ "enum": names }, {
        "type": "object", "properties": { "kind": { "enum": names }, "prepare": prepare }, "required": ["kind"],
    }] })
}

pub(crate) fn parameter_json(value: &ParamValue) -> Value {
    match value {
        ParamValue::Number(value) => json!(value),
        ParamValue::Integer(value) => json!(value),
        ParamValue::Boolean(value) => json!(value),
        ParamValue::Text(value) => json!(value),
        ParamValue::List(values) => values.iter().map(parameter_json).collect(),
        ParamValue::Part(part) => part_json(part),
    }
}

fn part_json(part: &Part) -> Value {
    if part.parameters.is_empty() && part.prepare.is_none() {
        return json!(part.kind);
    }
    let mut table = Map::from_iter([("kind".to_owned(), json!(part.kind))]);
    table.extend(part.parameters.iter().map(|(name, value)| (name.clone(), parameter_json(value))));
    table.extend(
        part.prepare.iter().map(|stages| ("prepare".to_owned(), stages.iter().map(part_json).collect())),
    );
    Value::Object(table)
}

/// A default of the table as JSON.
fn toml_value(text: &str) -> Value {
    let tree = tree::parse(&format!("default = {text}"), &mut super::problem::Problems::default());
    match tree.first().map(|entry| &entry.node.value) {
        Some(tree::Value::List(_)) => json!([]),
        Some(tree::Value::Table(_)) => json!({}),
        Some(value) => parameter(value).map_or(Value::Null, |value| parameter_json(&value)),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::setting;

    #[test]
    fn every_default_is_a_value_of_its_key() {
        for section in SECTIONS {
            for key in section.keys() {
                if let Presence::Default(text) = key.presence {
                    assert!(setting::default(key, text).is_some(), "{}.{}", section.path, key.name);
                }
            }
        }
    }

    #[test]
    fn no_section_has_a_key_twice() {
        for section in SECTIONS {
            let mut names: Vec<_> = section.keys().map(|key| key.name).collect();
            let all = names.len();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), all, "{}", section.path);
        }
    }

    #[test]
    fn page_and_schema_have_every_key() {
        let (page, schema) = (reference_markdown(), json_schema());
        for section in SECTIONS {
            let pointer: String = section
                .path
                .split('.')
                .filter(|step| !step.is_empty())
                .map(|step| {
                    if step == "<name>" {
                        "/additionalProperties".into()
                    } else {
                        format!("/properties/{step}")
                    }
                })
                .collect();
            let at = schema.pointer(&pointer).unwrap_or_else(|| panic!("{pointer}"));
            for key in section.keys() {
                assert!(page.contains(&format!("- `{}`: ", key.name)), "{}", key.name);
                assert!(at["properties"][key.name]["description"].is_string(), "{pointer} {}", key.name);
            }
        }
    }
}

//! Which fields of an input are read, and in which type each.

use crate::spec::keys;
use crate::spec::problem::{Place, Problems};
use crate::spec::read::Part;
use crate::spec::setting::{FIELD_TYPES, Item};
use crate::spec::tree::join;
use streamfold_flow::schema::{FieldSpec, FieldType, RowSchema, TimeNotation};
use streamfold_learn::params::nearest;

/// What a field is read for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Use {
    Time(TimeNotation),
    Key,
    LabelNumber,
    LabelClass,
    Numeric,
    Category,
    Text,
    Include,
}

impl Use {
    /// The type that it asks for by itself; repeating a field in the answer asks for none.
    fn preferred(self) -> Option<FieldType> {
        match self {
            Use::Time(notation) => Some(FieldType::Time(notation)),
            Use::Key | Use::LabelClass | Use::Category | Use::Text => Some(FieldType::Scalar),
            Use::LabelNumber | Use::Numeric => Some(FieldType::Number),
            Use::Include => None,
        }
    }

    fn takes(self, kind: FieldType) -> bool {
        match self {
            Use::Include => true,
            Use::Numeric => !matches!(kind, FieldType::Text | FieldType::Scalar),
            Use::Time(_) => matches!(kind, FieldType::Time(_)),
            _ => self.preferred() == Some(kind),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Use::Time(_) => "the event time",
            Use::Key => "the key",
            Use::LabelNumber | Use::LabelClass => "the label",
            Use::Numeric => "a numeric feature",
            Use::Category => "a categorical feature",
            Use::Text => "a text",
            Use::Include => "part of the answer",
        }
    }
}

/// A field that something wants, and where the file says so.
pub(super) struct Wanted {
    name: String,
    r#use: Use,
    place: Place,
    path: String,
}

/// The fields of one input: what is wanted, then the schema.
#[derive(Default)]
pub(super) struct Fields(Vec<Wanted>);

impl Fields {
    /// Wants the field that a key names, if it names one.
    pub(super) fn want(&mut self, part: &Part, key: &keys::Key, r#use: Use) {
        if let Some(name) = part.text_given(key) {
            self.0.push(Wanted {
                name: name.to_owned(),
                r#use,
                place: part.place(key),
                path: part.path(key),
            });
        }
    }

    /// Wants every field of a list.
    pub(super) fn want_all(&mut self, part: &Part, key: &keys::Key, r#use: Use) {
        for Item { place, text } in part.items(key) {
            self.0.push(Wanted { name: text.clone(), r#use, place: *place, path: part.path(key) });
        }
    }

    /// The schema: each field once, in the order in which it was first wanted.
    pub(super) fn schema(&self, input: &Part, problems: &mut Problems) -> RowSchema {
        let declared = input.types(&keys::TYPES);
        let mut schema = RowSchema::default();
        for wanted in &self.0 {
            if wanted.r#use == Use::Include && wanted.name == keys::REST {
                schema.keep_unknown = true;
                continue;
            }
            if schema.fields.iter().any(|field| field.name == wanted.name) {
                continue;
            }
            let uses: Vec<&Wanted> = self.0.iter().filter(|other| other.name == wanted.name).collect();
            let declared = declared.iter().find(|(item, _)| item.text == wanted.name);
            let kind = match declared {
                Some((item, declared)) => self.declared(input, item, *declared, &uses, problems),
                None => inferred(&uses, problems),
            };
            schema.fields.push(FieldSpec { name: wanted.name.clone(), kind });
        }
        for (item, _) in declared.iter().filter(|(item, _)| !self.0.iter().any(|w| w.name == item.text)) {
            let path = join(&input.path(&keys::TYPES), &item.text);
            let likely = nearest(&item.text, self.0.iter().map(|wanted| wanted.name.as_str()));
            problems.add(item.place, path, "nothing reads a field of this name").likely(likely);
        }
        schema
    }

    fn declared(
        &self,
        input: &Part,
        item: &Item,
        kind: FieldType,
        uses: &[&Wanted],
        problems: &mut Problems,
    ) -> FieldType {
        if let Some(wanted) = uses.iter().find(|wanted| !wanted.r#use.takes(kind)) {
            let preferred = wanted.r#use.preferred().map_or("scalar", type_word);
            let message = format!("the field is {} and so is read as {preferred:?}", wanted.r#use.words());
            problems
                .add(item.place, join(&input.path(&keys::TYPES), &item.text), message)
                .hint("remove its type here");
        }
        // A time that is declared for a feature is written like the event time where it is that field.
        match uses
            .iter()
            .find_map(|wanted| wanted.r#use.preferred().filter(|p| matches!(p, FieldType::Time(_))))
        {
            Some(time) if matches!(kind, FieldType::Time(_)) => time,
            _ => kind,
        }
    }

    /// The place of a field in the schema.
    pub(super) fn find(schema: &RowSchema, name: &str) -> Option<usize> {
        // The column of what is not declared comes behind the others.
        let rest = (schema.keep_unknown && name == keys::REST).then_some(schema.fields.len());
        rest.or_else(|| schema.fields.iter().position(|field| field.name == name))
    }
}

/// The type that the uses ask for.
fn inferred(uses: &[&Wanted], problems: &mut Problems) -> FieldType {
    let Some((first, kind)) = uses.iter().find_map(|wanted| Some((wanted, wanted.r#use.preferred()?))) else {
        return FieldType::Scalar;
    };
    for wanted in uses.iter().filter(|wanted| !wanted.r#use.takes(kind)) {
        let message = format!(
            "{:?} cannot be {}: it is {} already ({}), and a field is read in one type",
            wanted.name,
            wanted.r#use.words(),
            first.r#use.words(),
            first.path
        );
        problems.add(wanted.place, wanted.path.clone(), message).hint("send the value in a second field");
    }
    kind
}

/// The word for a type in pipeline files.
pub(super) fn type_word(kind: FieldType) -> &'static str {
    let word =
        FIELD_TYPES.iter().find(|(_, known)| std::mem::discriminant(known) == std::mem::discriminant(&kind));
    word.map_or("text", |(word, _)| word)
}

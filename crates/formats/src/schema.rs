//! The Arrow columns of a row schema.

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use std::sync::Arc;
use streamfold_flow::schema::{FieldType, RowSchema};

use crate::FormatError;

/// Name of the column with the fields that are not declared, where they are kept.
pub const REST: &str = "_rest";

/// The type of the column that holds fields of this type.
pub fn column_type(kind: FieldType) -> DataType {
    match kind {
        FieldType::Number => DataType::Float64,
        FieldType::Integer => DataType::Int64,
        FieldType::Boolean => DataType::Boolean,
        FieldType::Time(_) => DataType::Timestamp(TimeUnit::Millisecond, None),
        FieldType::Text | FieldType::Scalar => DataType::Utf8,
    }
}

/// What is expected of a field of this type, in words for reasons.
pub(crate) fn expectation(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Number => "a number",
        FieldType::Integer => "an integer",
        FieldType::Text => "text",
        FieldType::Boolean => "a boolean",
        FieldType::Time(notation) => crate::time::expectation(notation),
        FieldType::Scalar => "a single value",
    }
}

/// The columns of the rows: one for each field in their order, all nullable, then [`REST`] if unknown fields are
/// kept. Fails where two columns would have one name.
pub fn arrow_schema(schema: &RowSchema) -> Result<SchemaRef, FormatError> {
    let mut fields: Vec<Field> = Vec::with_capacity(schema.fields.len() + 1);
    for field in &schema.fields {
        fields.push(Field::new(&field.name, column_type(field.kind), true));
    }
    if schema.keep_unknown {
        fields.push(Field::new(REST, DataType::Utf8, true));
    }
    let mut names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(FormatError::DuplicateField(pair[0].to_owned())),
        None => Ok(Arc::new(Schema::new(fields))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamfold_flow::schema::FieldSpec;

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let field = FieldSpec { name: REST.to_owned(), kind: FieldType::Text };
        let mut schema = RowSchema { fields: vec![field.clone()], keep_unknown: false };
        assert!(arrow_schema(&schema).is_ok());
        schema.keep_unknown = true;
        assert!(matches!(arrow_schema(&schema), Err(FormatError::DuplicateField(name)) if name == REST));
        schema = RowSchema { fields: vec![field.clone(), field], keep_unknown: false };
        assert!(arrow_schema(&schema).is_err());
    }
}

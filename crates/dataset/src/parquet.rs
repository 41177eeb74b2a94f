//! Parquet: columns of single values; structs, lists and maps are passed over.

use crate::error::{DatasetError, Place};
use crate::read::Options;
use crate::table::{Cells, Column, Kind, Table, Texts};
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use std::fs::File;
use std::path::Path;

/// A column under construction.
struct Growing {
    name: String,
    kind: Kind,
    /// What turns a whole number of this column into the value of its cell.
    scale: f64,
    numbers: Vec<f64>,
    texts: Texts,
}

pub(crate) fn read(file: &Path, options: &Options) -> Result<Table, DatasetError> {
    let wrong = |error: ParquetError| DatasetError::File { file: file.to_owned(), reason: error.to_string() };
    let opened = File::open(file).map_err(|error| DatasetError::Io { file: file.to_owned(), error })?;
    let reader = SerializedFileReader::new(opened).map_err(wrong)?;
    let schema = reader.metadata().file_metadata().schema().clone();
    let fields = schema.get_fields();
    let plain: Vec<_> = fields.iter().filter(|field| single(field)).cloned().collect();
    let mut columns: Vec<Growing> = plain.iter().map(|field| Growing::new(field)).collect();
    // Only what is read: a list would cost its time for nothing.
    let wanted = Type::group_type_builder(schema.name()).with_fields(plain).build().map_err(wrong)?;
    let mut rows = 0;
    for row in reader.get_row_iter(Some(wanted)).map_err(wrong)?.take(options.rows_max.unwrap_or(usize::MAX))
    {
        for (column, (_, field)) in columns.iter_mut().zip(row.map_err(wrong)?.get_column_iter()) {
            column.push(field).map_err(|reason| DatasetError::Place {
                file: file.to_owned(),
                place: Place::Row(rows as u64 + 1),
                reason,
            })?;
        }
        rows += 1;
    }
    let columns = columns.into_iter().map(Growing::finish).collect();
    Ok(Table { file: file.to_owned(), columns, rows, lines: Vec::new() })
}

/// Whether it is a column of single values that can be read: raw bytes of a fixed length (such as UUIDs) are not.
fn single(field: &Type) -> bool {
    let info = field.get_basic_info();
    field.is_primitive()
        && info.repetition() != Repetition::REPEATED
        && (field.get_physical_type() != Physical::FIXED_LEN_BYTE_ARRAY
            || info.converted_type() == ConvertedType::DECIMAL)
}

impl Growing {
    fn new(field: &Type) -> Self {
        let info = field.get_basic_info();
        let (kind, scale) = match (info.logical_type_ref(), info.converted_type(), field.get_physical_type())
        {
            // The crate hands milli- and microseconds over as times, nanoseconds as whole numbers.
            (Some(LogicalType::Timestamp(time)), _, _) if time.unit == TimeUnit::NANOS => (Kind::Time, 1e-6),
            (Some(LogicalType::Timestamp(_) | LogicalType::Date), _, _) => (Kind::Time, 1.0),
            (
                _,
                ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS | ConvertedType::DATE,
                _,
            ) => (Kind::Time, 1.0),
            (_, _, Physical::INT96) => (Kind::Time, 1.0),
            (_, _, Physical::BOOLEAN) => (Kind::Boolean, 1.0),
            (_, ConvertedType::DECIMAL, _) => (Kind::Number, 1.0),
            (_, _, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) => (Kind::Category, 1.0),
            _ => (Kind::Number, 1.0),
        };
        let (numbers, texts) = (Vec::new(), Texts::default());
        Growing { name: field.name().to_owned(), kind, scale, numbers, texts }
    }

    fn push(&mut self, field: &Field) -> Result<(), String> {
        if self.kind == Kind::Category {
            match field {
                Field::Null => self.texts.push(None),
                Field::Str(text) => self.texts.push(Some(text)),
                Field::Bytes(bytes) => self.texts.push(Some(&String::from_utf8_lossy(bytes.data()))),
                other => return Err(format!("column {}: expected text, found {other}", self.name)),
            }
            return Ok(());
        }
        let number = match field {
            Field::Null => f64::NAN,
            Field::Bool(value) => f64::from(u8::from(*value)),
            Field::Byte(value) => f64::from(*value),
            Field::Short(value) => f64::from(*value),
            Field::Int(value) => f64::from(*value),
            Field::Long(value) => *value as f64 * self.scale,
            Field::UByte(value) => f64::from(*value),
            Field::UShort(value) => f64::from(*value),
            Field::UInt(value) => f64::from(*value),
            Field::ULong(value) => *value as f64,
            Field::Float16(value) => value.to_f64(),
            Field::Float(value) => f64::from(*value),
            Field::Double(value) => *value,
            Field::Date(days) => f64::from(*days) * 86_400_000.0,
            Field::TimestampMillis(value) => *value as f64,
            Field::TimestampMicros(value) => (*value as f64 / 1000.0).floor(),
            Field::TimeMillis(value) => f64::from(*value),
            Field::TimeMicros(value) => *value as f64 / 1000.0,
            // Its text is exact.
            Field::Decimal(_) => field.to_string().parse().unwrap_or(f64::NAN),
            other => return Err(format!("column {}: expected a single value, found {other}", self.name)),
        };
        // A number that is not finite is missing, as models take it.
        self.numbers.push(if number.is_finite() { number } else { f64::NAN });
        Ok(())
    }

    fn finish(self) -> Column {
        let cells = match self.kind {
            Kind::Category => self.texts.finish(),
            _ => Cells::Numbers(self.numbers),
        };
        Column { name: self.name, kind: self.kind, cells }
    }
}

//! The same rows in every format are the same table; what is wrong with a file is said with its place.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::io::Write;
use std::path::{Path, PathBuf};
use streamfold_dataset::{Cells, Kind, Options, Roles, Stream, Table, read};
use streamfold_learn::evaluate::Label;
use streamfold_learn::features::category;
use streamfold_learn::model::Task;

const ROWS: usize = 200;

/// The cells of a row as `testdata/dataset/generate.py` makes them; empty is missing.
fn cells(at: usize) -> [String; 7] {
    let x = (at * 37 % 101) as f64 / 4.0;
    let missing = |missing: bool, text: String| if missing { String::new() } else { text };
    [
        format!("2024-01-01 {:02}:{:02}:00", at / 60, at % 60),
        missing(at % 10 == 3, x.to_string()),
        (at * 7 % 13).to_string(),
        missing(at % 20 == 7, ["red", "green", "blue"][at % 3].to_owned()),
        at.is_multiple_of(5).to_string(),
        (3.0 * x + (at % 3) as f64).to_string(),
        if x > 12.0 { "high" } else { "low" }.to_owned(),
    ]
}

fn csv(delimiter: &str) -> String {
    let rows = (0..ROWS).map(|at| cells(at).join(delimiter) + "\n");
    format!(
        "{}\n{}",
        ["at", "x", "n", "colour", "ok", "y", "class"].join(delimiter),
        rows.collect::<String>()
    )
}

fn arff() -> String {
    let head = "@relation rows\n@attribute at date\n@attribute x real\n@attribute n integer\n\
                @attribute colour {red,green,blue}\n@attribute ok {false,true}\n@attribute y numeric\n\
                @attribute class string\n@data\n";
    let row = |at| cells(at).map(|cell| if cell.is_empty() { "?".to_owned() } else { format!("'{cell}'") });
    head.to_owned() + &(0..ROWS).map(|at| row(at).join(", ") + "\n").collect::<String>()
}

/// A folder of its own for each test.
fn folder(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("streamfold-dataset-{}-{test}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn same(table: &Table, other: &Table) {
    assert_eq!(table.rows, other.rows);
    for (column, expected) in table.columns.iter().zip(&other.columns) {
        assert_eq!((&column.name, column.kind), (&expected.name, expected.kind), "{:?}", table.file);
        match (&column.cells, &expected.cells) {
            (Cells::Numbers(one), Cells::Numbers(other)) => {
                let bits = |cells: &[f64]| cells.iter().map(|cell| cell.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(one), bits(other), "{:?}, {}", table.file, column.name);
            }
            (one, other) => assert_eq!(one, other, "{:?}, {}", table.file, column.name),
        }
    }
    assert_eq!(table.columns.len(), other.columns.len());
}

#[test]
fn the_same_rows_in_every_format_are_the_same_table() {
    let folder = folder("formats");
    let table = read(&write(&folder, "rows.csv", csv(",").as_bytes()), &Options::default()).unwrap();
    let kinds: Vec<Kind> = table.columns.iter().map(|column| column.kind).collect();
    use Kind::{Boolean, Category, Number, Time};
    assert_eq!(kinds, [Time, Number, Number, Category, Boolean, Number, Category]);
    assert_eq!((table.rows, table.lines[0], table.lines[199]), (200, 2, 201));

    let semicolons = write(&folder, "semicolons.txt", csv(";").as_bytes());
    same(&read(&semicolons, &Options::default()).unwrap(), &table);
    let zipped = write(&folder, "rows.gz", &gzip(&csv("\t")));
    same(&read(&zipped, &Options::default()).unwrap(), &table);
    // Nominal values are categories, whatever their names.
    let boolean = Options { types: vec![("ok".to_owned(), Boolean)], ..Options::default() };
    let zipped = write(&folder, "rows.ARFF.gz", &gzip(&arff()));
    same(&read(&zipped, &boolean).unwrap(), &table);
    // The list in it is no column.
    let parquet = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/dataset/rows.parquet");
    same(&read(&parquet, &Options::default()).unwrap(), &table);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn tables_become_events() {
    let folder = folder("events");
    let table = read(&write(&folder, "rows.csv", csv(",").as_bytes()), &Options::default()).unwrap();
    let tasks = ["y", "class", "ok", "n", "x"].map(|target| Stream::task(&table, target).unwrap());
    use Task::{Classification, Regression};
    assert_eq!(tasks, [Regression, Classification, Classification, Classification, Regression]);

    let roles = Roles { target: Some("class".to_owned()), ignored: vec!["y".to_owned()], time: None };
    let stream = Stream::new(&table, Classification, &roles).unwrap();
    let names: Vec<&str> = stream.schema.numeric.iter().map(|name| &**name).collect();
    assert_eq!((names, stream.len()), (vec!["x", "n", "ok"], 200));
    assert_eq!(
        (stream.classes.join(" "), stream.unused.join(" ")),
        ("low high".to_owned(), "at y".to_owned())
    );
    let (row, label) = stream.events().nth(2).unwrap();
    assert_eq!((row.numeric, label), ([18.5, 1.0, 0.0].as_slice(), Label::Class(1)));
    assert_eq!(row.categories, [category(b"blue")]);
    let (row, _) = stream.events().nth(13).unwrap();
    assert!(row.numeric[0].is_nan());
    let (row, _) = stream.events().nth(7).unwrap();
    assert_eq!(row.categories, [0]);

    let roles = Roles { target: Some("y".to_owned()), time: Some("n".to_owned()), ..Roles::default() };
    let stream = Stream::new(&table, Regression, &roles).unwrap();
    let labels: Vec<Label> = stream.events().map(|(_, label)| label).take(2).collect();
    // The rows of n = 0 come first, in the order of the file.
    assert_eq!(labels, [Label::Number(0.0), Label::Number(3.0 * 19.25 + 1.0)]);
    let classes = Roles { target: Some("class".to_owned()), ..Roles::default() };
    let message = Stream::new(&table, Regression, &classes).unwrap_err().to_string();
    assert!(message.ends_with("column class: it has texts, and cannot be predicted as a number; classify it, or read it as numbers"), "{message}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn of_texts_the_words_count() {
    let folder = folder("texts");
    let text = "at,said,spam\n1,WIN cash,yes\n2,,no\n3,win now,yes\n4,cash win,no\n";
    let mut table = read(&write(&folder, "texts.csv", text.as_bytes()), &Options::default()).unwrap();
    table.retype("said", Kind::Text).unwrap();
    let roles = Roles { target: Some("spam".to_owned()), ..Roles::default() };
    let stream = Stream::new(&table, Task::Classification, &roles).unwrap();
    assert_eq!((stream.schema.categories.len(), stream.schema.sparse_size), (0, 1 << 18));
    let rows: Vec<&[(u32, f64)]> = stream.events().map(|(row, _)| row.sparse).collect();
    assert_eq!(rows.iter().map(|pairs| pairs.len()).collect::<Vec<_>>(), [2, 0, 2, 2]);
    assert_eq!(rows[0], rows[3]);
    assert_eq!(rows[0].iter().filter(|pair| rows[2].contains(pair)).count(), 1);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn faults_are_told_with_their_place() {
    let folder = folder("faults");
    let message = |name: &str, text: &str, options: &Options| {
        let error = read(&write(&folder, name, text.as_bytes()), options).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.display()), "")
    };
    let none = Options::default();
    assert_eq!(message("a.csv", "", &none), "a.csv: there is nothing in the file");
    assert_eq!(message("b.csv", "a,\"b\n", &none), "b.csv, line 1: it is not a line of CSV");
    assert_eq!(message("c.csv", "a,b\n\n1,2\n3\n", &none), "c.csv, line 4: expected 2 fields, found 1: 3");
    assert_eq!(
        message("d.csv", "a,a\n1,2\n", &none),
        "d.csv: field `a` is there twice; every field and column needs a name of its own"
    );
    let numbers = Options { types: vec![("b".to_owned(), Kind::Number)], ..Options::default() };
    assert_eq!(
        message("e.csv", "a,b\n1,2\n3,many\n", &numbers),
        "e.csv, line 3: column b: expected a number, found \"many\""
    );
    assert!(message("f.parquet", "PAR1 and nothing else", &none).starts_with("f.parquet: "));
    assert!(read(&folder.join("nowhere.csv"), &none).unwrap_err().to_string().starts_with("cannot read "));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn files_without_a_header_and_with_words_for_missing() {
    let folder = folder("plain");
    let file = write(&folder, "plain.csv", b"1,NA\n007,2\n,3\n");
    let options = Options {
        columns: Some(Vec::new()),
        missing: "NA".to_owned(),
        types: vec![("c1".to_owned(), Kind::Category)],
        rows_max: Some(2),
        ..Options::default()
    };
    let table = read(&file, &options).unwrap();
    assert_eq!(
        table.columns[0].cells,
        Cells::Texts { codes: vec![1, 2], names: vec!["1".into(), "007".into()] }
    );
    let Cells::Numbers(numbers) = &table.columns[1].cells else { panic!("no numbers") };
    assert!(numbers[0].is_nan() && numbers[1] == 2.0 && table.rows == 2);
    std::fs::remove_dir_all(folder).unwrap();
}

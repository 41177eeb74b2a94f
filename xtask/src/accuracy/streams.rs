//! The streams, and how each is read.

use anyhow::{Context, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use streamfold_dataset::{self as dataset, Kind, Roles, Stream, Table};
use streamfold_learn::model::Task;

/// A stream.
pub struct Spec {
    /// Its name in reports and references.
    pub name: &'static str,
    /// The file below the folder of the data.
    file: &'static str,
    task: Task,
    /// The column to be predicted; empty: the last one.
    target: &'static str,
    /// Columns that are no features.
    ignored: &'static [&'static str],
    /// What is special about it.
    pub note: &'static str,
}

const fn moa(name: &'static str, file: &'static str, task: Task) -> Spec {
    Spec { name, file, task, target: "", ignored: &[], note: "" }
}

use Task::{Classification, Regression};

/// Rows of kdd99 that are taken.
const KDD_ROWS: usize = 100_000;

/// All streams. `elec2` and `phishing` are the streams of these names in `moa_streams`: the same rows.
pub const STREAMS: &[Spec] = &[
    moa("elec2_8f", "moa_streams/elec2_8f.csv.gz", Classification),
    moa("LED_a", "moa_streams/LED_a.csv.gz", Classification),
    moa("SEA_a", "moa_streams/SEA_a.csv.gz", Classification),
    moa("AGR_a", "moa_streams/AGR_a.csv.gz", Classification),
    moa("RTG", "moa_streams/RTG.csv.gz", Classification),
    moa("RBF_m", "moa_streams/RBF_m.csv.gz", Classification),
    moa("HYPER", "moa_streams/HYPER.csv.gz", Classification),
    moa("interRBF", "moa_streams/interRBF.csv.gz", Classification),
    moa("bananas", "moa_streams/bananas.csv.gz", Classification),
    moa("imagesegments", "moa_streams/imagesegments.csv.gz", Classification),
    moa("phishing", "moa_streams/phishing.csv.gz", Classification),
    moa("outdoor", "moa_streams/outdoor.csv.gz", Classification),
    Spec {
        note: "The first 100,000 rows of the 10 % sample, 41 features.",
        ..moa("kdd99", "kdd99/kddcup.data_10_percent.gz", Classification)
    },
    moa("fried40k", "moa_streams/fried40k.csv.gz", Regression),
    moa("trump", "moa_streams/trump.csv.gz", Regression),
    moa("chick", "moa_streams/chick.csv.gz", Regression),
    Spec {
        target: "cnt",
        ignored: &["instant", "dteday", "casual", "registered"],
        note: "Rentals an hour, from calendar and weather; without `casual` and `registered`, whose sum they are.",
        ..moa("bike_sharing", "bike_sharing/Bike-Sharing-Dataset.zip", Regression)
    },
    Spec {
        target: "CO(GT)",
        ignored: &["Date", "Time", "NMHC(GT)", "C6H6(GT)", "NOx(GT)", "NO2(GT)"],
        note: "Carbon monoxide from the sensors beside the analyser, temperature and humidity; the analyser's other gases are left out.",
        ..moa("air_quality", "air_quality/AirQualityUCI.csv", Regression)
    },
    Spec {
        target: "rating:float",
        note: "Ratings in the order of time, from user and item alone.",
        ..moa("ml_100k", "ml_100k/ml-100k.inter.gz", Regression)
    },
];

/// Reads a stream.
pub fn read(spec: &Spec, data: &Path, rows_max: Option<usize>) -> anyhow::Result<(Stream, Task)> {
    let mut options = dataset::Options { rows_max, ..dataset::Options::default() };
    let mut roles =
        Roles { ignored: spec.ignored.iter().map(|name| (*name).to_owned()).collect(), ..Roles::default() };
    let mut file = data.join(spec.file);
    match spec.name {
        "kdd99" => {
            options.columns = Some(Vec::new());
            options.rows_max = Some(rows_max.unwrap_or(KDD_ROWS).min(KDD_ROWS));
        }
        "air_quality" => options.missing = "-200".to_owned(),
        "bike_sharing" => file = unpack(&file, "hour.csv")?,
        "ml_100k" => {
            let ids = ["user_id:token", "item_id:token"];
            options.types = ids.map(|name| (name.to_owned(), Kind::Category)).into();
            roles.time = Some("timestamp:float".to_owned());
        }
        _ => {}
    }
    let mut table = dataset::read(&file, &options)?;
    nominal(&mut table)?;
    let target = match spec.target {
        "" => table.columns.last().context("no column")?.name.clone(),
        name => name.to_owned(),
    };
    roles.target = Some(target);
    Ok((Stream::new(&table, spec.task, &roles)?, spec.task))
}

/// Columns that end in `_nom` are categories that are written as numbers.
fn nominal(table: &mut Table) -> anyhow::Result<()> {
    let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
    for name in names.iter().filter(|name| name.ends_with("_nom")) {
        table.retype(name, Kind::Category)?;
    }
    Ok(())
}

/// Takes one file out of a ZIP archive, into the folder for passing files.
fn unpack(archive: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("streamfold-accuracy-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let status = Command::new("python3")
        .args(["-m", "zipfile", "-e"])
        .args([archive, &folder])
        .status()
        .context("python3 takes the archive apart")?;
    ensure!(status.success(), "{} cannot be taken apart", archive.display());
    Ok(folder.join(name))
}

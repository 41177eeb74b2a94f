//! `streamfold demo`: real flights through a whole pipeline, shown while it learns.

mod answers;
pub mod arguments;
mod feed;
mod flights;
mod picture;
mod summary;

use crate::exit::{Exit, Failure};
use crate::generation::Request;
use crate::screen::{self, Screen};
use crate::site::Site;
use crate::{run, stop, topics};
use answers::Answers;
use anyhow::{Context as _, Result, anyhow};
use arguments::DemoArguments;
use flights::History;
use picture::Picture;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use streamfold_engine::runtime::{self, Context};
use streamfold_kafka::admin::NewTopic;
use streamfold_kafka::{KafkaSender, KafkaSource};
use summary::Summary;

/// The pipeline file's name in the folder.
const FILE: &str = "flights.toml";
const PIPELINE: &str = include_str!("pipeline.toml");
/// How often the page is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(250);
/// Where there is no page, how often a line is written.
const TELL_EVERY: Duration = Duration::from_secs(2);
/// Memory for predictions that are read ahead.
const QUEUE_BYTES_MAX: usize = 16 << 20;

/// Runs the demo to its end, or until told to stop.
pub fn demo(arguments: &DemoArguments) -> Result<()> {
    let stop = stop::on_signal()?;
    let history = flights::history(arguments.flights)?;
    let stage = Stage::set(arguments)?;
    let begin = Instant::now();
    let show = Show { stage: &stage, history: &history, arguments, begin };
    let (picture, answers) = show.run(&stop)?;
    let summary = Summary::new(&stage, &picture, &answers, begin.elapsed());
    // Told after the terminal is as it was.
    if arguments.json {
        println!("{:#}", summary.json())
    } else {
        print!("{}", summary.text())
    }
    Ok(())
}

/// The pipeline on its broker.
pub struct Stage {
    pub file: PathBuf,
    pub prefix: String,
    pub broker: String,
    pub external: Option<String>,
    pub context: Arc<Context>,
    site: Site,
    predictions: String,
}

impl Stage {
    /// Writes the file, makes the topics, begins the pipeline's first generation.
    fn set(arguments: &DemoArguments) -> Result<Stage> {
        let external = arguments.bootstrap_servers.clone();
        // On a Kafka of the user's, names that nobody else has.
        let prefix = match &external {
            Some(_) => format!("streamfold-demo-{}.", crate::site::now_ms() / 1000),
            None => String::new(),
        };
        let file = clear(&arguments.dir)?;
        let kafka = external.as_ref().map_or_else(String::new, |servers| {
            format!("\n[kafka]\n\"bootstrap.servers\" = {}\n", serde_json::Value::from(servers.as_str()))
        });
        let text = PIPELINE.replace("{prefix}", &prefix).replace("{kafka}", &kafka);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        let site = Site::open(&file)?;
        let topic =
            |name: &str| NewTopic { name: format!("{prefix}{name}"), partitions: 1, ..NewTopic::default() };
        topics::create(&site.cluster, &[topic("departures"), topic("landings")])
            .context("cannot make the topics of the flights")?;
        let inputs = site.inputs()?;
        let generation = site.generation(Request::default(), &inputs)?;
        let context = Arc::new(run::context(&site, &generation, inputs, false)?);
        context.monitor.watch_influence();
        let [predictions, ..] = site.plan.output_topics(generation.number);
        let broker = site.plan.kafka.common.get("bootstrap.servers").cloned().unwrap_or_default();
        Ok(Stage { file, prefix, broker, external, context, site, predictions })
    }

    fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// The folder, without what an earlier demo has left there.
fn clear(folder: &Path) -> Result<PathBuf> {
    let file = folder.join(FILE);
    let context = || format!("cannot use the folder {}", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    if !file.exists() && fs::read_dir(folder).with_context(context)?.next().is_some() {
        let message =
            format!("the folder {} has something in it that is not of an earlier demo", folder.display());
        return Err(Failure::new(Exit::Usage, message).hint("--dir FOLDER takes another one").into());
    }
    match fs::remove_dir_all(file.with_extension("kafka")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(context),
        _ => Ok(file),
    }
}

/// Everything at work at once.
struct Show<'a> {
    stage: &'a Stage,
    history: &'a History,
    arguments: &'a DemoArguments,
    begin: Instant,
}

impl Show<'_> {
    fn run(&self, stop: &AtomicBool) -> Result<(Picture, Answers)> {
        let stage = self.stage;
        let topics = ["departures", "landings"].map(|name| stage.topic(name));
        let sender = KafkaSender::new(&stage.site.config, &topics)?;
        let source = KafkaSource::new(
            &stage.site.config,
            "streamfold-demo",
            vec![stage.predictions.clone()],
            QUEUE_BYTES_MAX,
        )?;
        let (sent, answers) = (AtomicUsize::new(0), Mutex::new(Answers::default()));
        let (no_more, wanted) = (AtomicBool::new(false), AtomicUsize::new(usize::MAX));
        let within = Duration::from_secs(self.arguments.seconds);
        let picture = thread::scope(|scope| {
            let feed = scope.spawn(|| feed::send(sender, &self.history.happenings, within, &sent, &no_more));
            let lanes = scope.spawn(|| runtime::run(&stage.context, &no_more));
            let reader = scope.spawn(|| answers::follow(source, &self.history.delays, &answers, &wanted));
            let is_at_work = || !lanes.is_finished() && !reader.is_finished();
            let shown = self.watch(stop, &sent, &answers, &is_at_work);
            no_more.store(true, Ordering::Relaxed);
            let fed = joined(feed);
            let ran = joined(lanes);
            wanted.store(self.predicted(), Ordering::Relaxed);
            let read = joined(reader);
            // The lane's own error says most.
            ran??;
            fed??;
            read??;
            shown
        })?;
        Ok((picture, answers.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Shows until everything is folded, or told to stop, or something has ended.
    fn watch(
        &self,
        stop: &AtomicBool,
        sent: &AtomicUsize,
        answers: &Mutex<Answers>,
        is_at_work: &dyn Fn() -> bool,
    ) -> Result<Picture> {
        let total = self.history.happenings.len();
        let mut picture = Picture { broker: self.stage.broker.clone(), total, ..Picture::default() };
        let screen = match screen::is_possible() && !self.arguments.json {
            true => Some(Screen::enter()?),
            false => None,
        };
        let (mut taken, mut told) = (self.begin, Instant::now());
        while !stop.load(Ordering::Relaxed) && is_at_work() {
            thread::sleep(DRAW_EVERY);
            picture.sent = sent.load(Ordering::Relaxed);
            let is_over = self.take(&mut picture, taken.elapsed());
            taken = Instant::now();
            if let Some(screen) = &screen {
                let (width, height) = screen::size();
                let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                screen.draw(&picture.page(&answers, width, height))?;
            } else if !self.arguments.json && (told.elapsed() >= TELL_EVERY || is_over) {
                told = Instant::now();
                println!("{}", picture.line());
                std::io::stdout().flush().context("cannot write to standard output")?;
            }
            if is_over {
                break;
            }
        }
        Ok(picture)
    }

    /// Predictions that were made, all of them committed once the lanes have ended.
    fn predicted(&self) -> usize {
        let lanes = self.stage.context.monitor.lanes();
        lanes.values().map(|view| view.counters.predictions as usize).sum()
    }

    /// Looks at the lane; says whether everything is committed.
    fn take(&self, picture: &mut Picture, since: Duration) -> bool {
        let Some(view) = self.stage.context.monitor.lanes().into_values().next() else { return false };
        picture.take(&view, since.as_secs_f64());
        let partitions: Vec<_> = view.committed.iter().map(|(partition, _)| *partition).collect();
        let Ok(ends) = self.stage.context.log.ends(&partitions) else { return false };
        picture.lag = ends.iter().zip(&view.committed).map(|(end, (_, committed))| end - committed).sum();
        picture.sent == picture.total && !partitions.is_empty() && picture.lag == 0
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> Result<T> {
    thread.join().map_err(|_| anyhow!("a thread of the demo has panicked"))
}

//! `streamfold top`: a pipeline at work, live.
//!
//! Everything shown is in Kafka: committed offsets and the ends of the inputs, the group's members, and what the pipeline
//! writes (metrics, predictions, dead letters). So it shows all lanes, on whichever machines they run, and asks nothing of
//! them; it needs to read, and changes nothing.

pub mod arguments;
mod picture;
mod tail;

use crate::exit::{Exit, Failure};
use crate::generation::Generation;
use crate::kafka_log::KafkaLog;
use crate::layout::{Layout, Status};
use crate::screen::{self, Screen};
use crate::site::Site;
use crate::stop;
use anyhow::{Context, Result};
use arguments::TopArguments;
use picture::{LaneLine, Picture};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use streamfold_engine::lane::partitions_of;
use streamfold_engine::runtime::port::Offsets;
use streamfold_flow::Partition;
use streamfold_flow::log::LogError;
use streamfold_learn::{baseline, metrics};
use tail::Tail;

/// Share of the newest interval in the fading rates.
const FADING: f64 = 0.3;

/// Shows until told to stop.
pub fn top(arguments: &TopArguments) -> Result<()> {
    let stop = stop::on_signal()?;
    let site = Site::visit(&arguments.file)?;
    let generation = generation(&site, arguments.generation)?;
    Watch::new(&site, &generation, arguments)?.run(&stop)
}

/// The generation of this number, or the live one.
fn generation(site: &Site, number: Option<u32>) -> Result<Generation> {
    let all = site.generations()?;
    let wanted = all.iter().find(|generation| match number {
        Some(number) => generation.number == number,
        None => generation.status == Status::Live,
    });
    wanted.cloned().ok_or_else(|| {
        let message = match number {
            Some(number) => format!("there is no generation {number}"),
            None => "the pipeline has no live generation".to_owned(),
        };
        let hint = "`streamfold run` begins one, `streamfold state` shows those that there are";
        Failure::new(Exit::Failed, message).hint(hint).into()
    })
}

/// What is asked, and what was found so far.
struct Watch<'a> {
    arguments: &'a TopArguments,
    log: KafkaLog,
    /// The partitions of each lane.
    lanes: Vec<Vec<Partition>>,
    tail: Tail,
    picture: Picture,
    asked_at: Option<Instant>,
}

impl Watch<'_> {
    fn new<'a>(site: &Site, generation: &Generation, arguments: &'a TopArguments) -> Result<Watch<'a>> {
        let task = site.plan.task;
        let metric = metric(metrics::names(task), arguments.metric.as_deref())?;
        let layout = Layout::new(&site.plan, generation.number, generation.status);
        let counts: Vec<i32> = site.inputs()?.iter().map(|input| input.partitions).collect();
        let lanes: Vec<_> =
            (0..generation.lanes).map(|lane| partitions_of(lane, generation.lanes, &counts)).collect();
        let tail = Tail::open(site, &layout)?;
        let picture = Picture {
            pipeline: site.plan.group(),
            generation: format!("{} ({})", generation.number, generation.status.name()),
            broker: site.plan.kafka.common.get("bootstrap.servers").cloned().unwrap_or_default(),
            metric,
            waits: site.plan.joins_labels(),
            who: std::iter::once("model").chain(baseline::names(task).iter().copied()).collect(),
            lanes: (0..generation.lanes).map(LaneLine::new).collect(),
            ..Picture::default()
        };
        let log = KafkaLog::new(site.plan.clone(), site.config.clone(), layout, generation.start, None)?;
        Ok(Watch { arguments, log, lanes, tail, picture, asked_at: None })
    }

    fn run(mut self, stop: &AtomicBool) -> Result<()> {
        let is_drawn = screen::is_possible() && !self.arguments.json && !self.arguments.once;
        let every = Duration::from_secs_f64(self.arguments.every);
        self.look(Duration::ZERO)?;
        let screen = if is_drawn { Some(Screen::enter()?) } else { None };
        while !stop.load(Ordering::Relaxed) {
            if let Some(screen) = &screen {
                let (width, height) = screen::size();
                screen.draw(&self.picture.page(width, height))?;
            }
            self.look(every)?;
            if screen.is_none() {
                self.tell()?;
            }
            if self.arguments.once {
                break;
            }
        }
        Ok(())
    }

    fn tell(&self) -> Result<()> {
        let text = match (self.arguments.json, self.arguments.once) {
            (true, _) => self.picture.json().to_string(),
            (false, true) => self.picture.plain(),
            (false, false) => self.picture.line(),
        };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush()).context("cannot write to standard output")
    }

    /// Reads for so long what is written, then asks how everything stands.
    fn look(&mut self, for_time: Duration) -> Result<()> {
        let looked = self.tail.follow(for_time, &mut self.picture).and_then(|()| self.ask());
        match looked {
            Err(LogError::Unavailable(reason)) => self.picture.trouble = Some(reason.to_string()),
            Err(error) => return Err(error).context("cannot look at the pipeline"),
            Ok(()) => self.picture.trouble = None,
        }
        Ok(())
    }

    fn ask(&mut self) -> Result<(), LogError> {
        self.picture.members = self.log.members()?;
        let seconds = self.asked_at.map(|at| at.elapsed().as_secs_f64());
        for (partitions, line) in self.lanes.iter().zip(&mut self.picture.lanes) {
            let committed = self.log.committed(partitions)?;
            let ends = self.log.ends(partitions)?;
            let known = || committed.iter().zip(&ends).filter_map(|(at, end)| Some(((*at)?, *end)));
            let (sum, lag) =
                known().fold((0, 0), |(sum, lag), (at, end)| (sum + at, lag + (end - at).max(0)));
            if let (Some(seconds), true) = (seconds, line.committed > 0) {
                let now = (sum - line.committed).max(0) as f64 / seconds.max(1e-3);
                line.rate = Some(line.rate.map_or(now, |rate| rate + FADING * (now - rate)));
            }
            line.committed = sum;
            line.lag = (known().count() > 0).then_some(lag);
        }
        self.asked_at = Some(Instant::now());
        Ok(())
    }
}

/// The metric of this name, or the task's first one.
fn metric(names: &[&'static str], wanted: Option<&str>) -> Result<&'static str> {
    let found = names.iter().find(|name| wanted.is_none_or(|wanted| wanted == **name));
    found.copied().ok_or_else(|| {
        let message = format!("the model's task has no metric {:?}", wanted.unwrap_or_default());
        Failure::new(Exit::Usage, message).hint(format!("it has {}", names.join(", "))).into()
    })
}

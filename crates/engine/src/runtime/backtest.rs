//! A backtest: the same lane over the same topics, without group, journal and commits. Its result is a pure function of
//! the log, the file and the positions.

use super::error::RunError;
use super::hold::HoldWatch;
use super::lane_thread::{event, held};
use super::patience::Notice;
use super::{Context, now_ms};
use crate::lane::{Action, Counters, Event, Lane, Report};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use streamfold_flow::Partition;
use streamfold_flow::log::{Fetched, LogError, Source, Transaction};
use streamfold_flow::record::RecordBlock;

const WAIT: Duration = Duration::from_millis(10);

/// A backtest of one lane, up to [`Context::until`].
pub struct Backtest<'a> {
    /// Plan, log and ends; the group is not joined and nothing is committed.
    pub context: &'a Context,
    /// The lane.
    pub lane: u32,
    /// Where each partition of the lane is read from.
    pub positions: &'a [(Partition, i64)],
    /// Cuts what is read into blocks of at most so many records. Changes no result.
    pub block_records_max: usize,
    /// Set to give up.
    pub stop: &'a AtomicBool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct BacktestLane {
    /// What happened.
    pub counters: Counters,
    /// Records folded.
    pub folded: u64,
    /// How well model and baselines do.
    pub report: Report,
    /// Hash of the model's state.
    pub model_hash: u64,
    /// Hash of the whole state.
    pub state_hash: u64,
}

impl Backtest<'_> {
    /// Folds to the end; `write` gets what a run would have committed. `Ok(None)`: stopped before the end.
    pub fn run<E: From<RunError>>(
        &self,
        mut write: impl FnMut(&Transaction) -> Result<(), E>,
    ) -> Result<Option<BacktestLane>, E> {
        let mut lane = self.context.build_lane(self.lane)?;
        let mut source = self.context.log.source(self.lane).map_err(|error| self.failed(error))?;
        lane.start(self.positions);
        source.assign(self.positions).map_err(|error| self.failed(error))?;
        let mut watch = HoldWatch::new(self.context.until.clone().unwrap_or_default());
        let mut notice = Notice::default();
        let (mut fetched, mut events) = (Vec::new(), VecDeque::new());
        while !self.stop.load(Ordering::Relaxed) {
            match source.fetch(WAIT, &mut fetched) {
                Ok(()) => {}
                Err(LogError::Unavailable(reason)) => {
                    notice.warn(|| format!("lane {}: waiting for Kafka: {reason}", self.lane));
                    watch.reset(Instant::now());
                }
                Err(error) => return Err(self.failed(error).into()),
            }
            for item in fetched.drain(..) {
                watch.note(&item, Instant::now());
                self.cut(item, &mut events);
            }
            events.push_back(Event::Tick(now_ms()));
            if self.fold(&mut lane, source.as_mut(), &mut events, &mut write)? {
                return Ok(Some(self.result(&lane)));
            }
            held(self.context, &mut watch)?;
        }
        Ok(None)
    }

    /// Feeds the events, and what follows from them, to the lane; true: it has finished.
    fn fold<E: From<RunError>>(
        &self,
        lane: &mut Lane,
        source: &mut dyn Source,
        events: &mut VecDeque<Event>,
        write: &mut impl FnMut(&Transaction) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut actions = Vec::new();
        while let Some(event) = events.pop_front() {
            lane.handle(event, &mut actions);
            for action in actions.drain(..) {
                match action {
                    Action::Commit(transaction) => {
                        write(&transaction)?;
                        events.push_front(Event::Committed);
                    }
                    Action::Pause(partition, pause) => {
                        source.pause(partition, pause).map_err(|error| self.failed(error))?;
                    }
                    Action::Finished => return Ok(true),
                    Action::Failed(error) => return Err(RunError::Lane { lane: self.lane, error }.into()),
                    // Follow from outcomes and from a delivery that a backtest does not have.
                    Action::Recover | Action::Restart(_) | Action::Send(..) => {}
                }
            }
        }
        Ok(false)
    }

    fn cut(&self, item: Fetched, events: &mut VecDeque<Event>) {
        match item {
            Fetched::Records(partition, block) if block.len() > self.block_records_max => {
                let mut piece = RecordBlock::default();
                for record in block.iter() {
                    piece.push(record);
                    if piece.len() >= self.block_records_max {
                        events.push_back(Event::Records(partition, std::mem::take(&mut piece)));
                    }
                }
                if !piece.is_empty() {
                    events.push_back(Event::Records(partition, piece));
                }
            }
            item => events.push_back(event(item)),
        }
    }

    fn result(&self, lane: &Lane) -> BacktestLane {
        BacktestLane {
            counters: lane.counters().clone(),
            folded: lane.gauges().folded,
            report: lane.report(),
            model_hash: lane.model_hash(),
            state_hash: lane.state_hash(),
        }
    }

    fn failed(&self, error: LogError) -> RunError {
        RunError::Log { what: format!("lane {}: reading its inputs", self.lane), error }
    }
}

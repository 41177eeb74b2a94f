//! A lane's thread: fetch, fold, act.

use super::control::{Control, Wish};
use super::error::RunError;
use super::hold::{HOLD_MAX, HoldWatch};
use super::monitor::Phase;
use super::patience::{Backoff, Notice};
use super::start::{Started, Starter};
use super::{Context, now_ms};
use crate::lane::{Action, Event};
use std::sync::Arc;
use std::time::{Duration, Instant};
use streamfold_flow::log::{Fetched, LogError};

/// How long to wait for records while an answer is to come that the source does not bring.
const WAIT_BUSY: Duration = Duration::from_millis(2);
/// How long to wait for records otherwise; the lane's clock ticks at least this often.
const WAIT_IDLE: Duration = Duration::from_millis(10);
const PUBLISH_EVERY: Duration = Duration::from_millis(500);

/// How a lane ended.
#[derive(Debug)]
pub(super) enum LaneEnd {
    /// Everything that was folded is committed.
    Finished,
    /// It was dropped, or let go before it folded anything.
    Dropped,
    /// It cannot go on.
    Failed(RunError),
}

/// Runs a lane until it ends.
pub(super) fn run_lane(context: &Context, control: &Arc<Control>, lane: u32) -> LaneEnd {
    loop {
        context.monitor.update(lane, |view| view.phase = Phase::Starting);
        let started = match (Starter { context, control, lane }).start() {
            Ok(Some(started)) => started,
            Ok(None) => return LaneEnd::Dropped,
            Err(error) => return LaneEnd::Failed(error),
        };
        let watch = HoldWatch::new(context.until.clone().unwrap_or_default());
        let runner = Runner { context, control, number: lane, started, watch, published: None };
        match runner.run() {
            Ok(Turn::Restart) => {}
            Ok(Turn::End(end)) => return end,
            Err(error) => return LaneEnd::Failed(error),
        }
    }
}

/// What follows.
enum Turn {
    /// Build the lane anew.
    Restart,
    /// The lane has ended.
    End(LaneEnd),
}

struct Runner<'a> {
    context: &'a Context,
    control: &'a Arc<Control>,
    number: u32,
    started: Started,
    watch: HoldWatch,
    published: Option<Instant>,
}

impl Runner<'_> {
    fn run(mut self) -> Result<Turn, RunError> {
        let mut fetched = Vec::new();
        let mut actions = Vec::new();
        let (mut notice, mut backoff) = (Notice::default(), Backoff::default());
        let mut told = Wish::Run;
        loop {
            let wish = self.control.wish();
            if wish > told {
                told = wish;
                self.started
                    .lane
                    .handle(if wish == Wish::Drain { Event::Drain } else { Event::Lost }, &mut actions);
                if wish == Wish::Drop {
                    return Ok(Turn::End(LaneEnd::Dropped));
                }
            }
            if let Some(reply) = self.started.commits.reply() {
                let event = reply.map_err(|error| self.failure("committing", error))?;
                self.started.lane.handle(event, &mut actions);
            }
            match self.started.source.fetch(self.wait(told), &mut fetched) {
                Ok(()) if fetched.is_empty() => {}
                Ok(()) => {
                    notice.over(|| format!("lane {}: records are read again", self.number));
                    backoff.reset();
                }
                Err(LogError::Unavailable(reason)) => {
                    notice.warn(|| format!("lane {}: waiting for Kafka: {reason}", self.number));
                    self.watch.reset(Instant::now());
                    self.control.sleep(backoff.next(), Wish::Drop);
                }
                Err(error) => return Err(self.failure("reading its inputs", error)),
            }
            for item in fetched.drain(..) {
                self.watch.note(&item, Instant::now());
                self.started.lane.handle(event(item), &mut actions);
                // At once, so that a pause takes hold before more is read.
                if let Some(turn) = self.act(&mut actions)? {
                    return Ok(self.end(turn));
                }
            }
            self.started.lane.handle(Event::Tick(now_ms()), &mut actions);
            if let Some(turn) = self.act(&mut actions)? {
                return Ok(self.end(turn));
            }
            held(self.context, &mut self.watch)?;
            self.publish(told, false);
        }
    }

    fn wait(&self, told: Wish) -> Duration {
        if self.started.commits.is_busy() || told > Wish::Run { WAIT_BUSY } else { WAIT_IDLE }
    }

    fn act(&mut self, actions: &mut Vec<Action>) -> Result<Option<Turn>, RunError> {
        for action in actions.drain(..) {
            match action {
                Action::Commit(transaction) => self.started.commits.commit(transaction),
                Action::Recover => self.started.commits.recover(),
                Action::Pause(partition, pause) => {
                    let paused = self.started.source.pause(partition, pause);
                    paused.map_err(|error| RunError::Log {
                        what: format!("lane {}: pausing", self.number),
                        error,
                    })?;
                }
                Action::Finished => return Ok(Some(Turn::End(LaneEnd::Finished))),
                Action::Restart(reason) => {
                    log::warn!("lane {}: goes back to its last commit: {reason}", self.number);
                    return Ok(Some(Turn::Restart));
                }
                Action::Failed(error) => {
                    return Ok(Some(Turn::End(LaneEnd::Failed(RunError::Lane { lane: self.number, error }))));
                }
            }
        }
        Ok(None)
    }

    /// Nothing is under way when a lane has finished or is built anew, so the commit thread ends at once.
    fn end(mut self, turn: Turn) -> Turn {
        self.publish(Wish::Drain, true);
        if matches!(turn, Turn::Restart | Turn::End(LaneEnd::Finished)) {
            self.started.commits.finish();
        }
        if let Turn::End(LaneEnd::Finished) = turn {
            self.context.monitor.update(self.number, |view| view.phase = Phase::Finished);
        }
        turn
    }

    fn publish(&mut self, told: Wish, now: bool) {
        if !now && self.published.is_some_and(|published| published.elapsed() < PUBLISH_EVERY) {
            return;
        }
        self.published = Some(Instant::now());
        let lane = &self.started.lane;
        let (counters, gauges, report) = (lane.counters().clone(), lane.gauges(), lane.report());
        let (committed, is_restoring) = (lane.committed_offsets(), lane.is_restoring());
        self.context.monitor.update(self.number, |view| {
            view.phase = Phase::of(told, is_restoring);
            view.counters = counters;
            view.gauges = gauges;
            view.report = Some(report);
            view.committed = committed;
        });
    }

    fn failure(&self, what: &str, error: LogError) -> RunError {
        RunError::Log { what: format!("lane {}: {what}", self.number), error }
    }
}

/// The error of an input that an open transaction holds back for too long.
pub(super) fn held(context: &Context, watch: &mut HoldWatch) -> Result<(), RunError> {
    let Some(hold) = watch.held(Instant::now()) else { return Ok(()) };
    // A broker that is away looks the same, so make sure that it is there.
    if context.log.ends(&[hold.partition]).is_err() {
        watch.reset(Instant::now());
        return Ok(());
    }
    Err(RunError::Held {
        topic: context.topic(hold.partition),
        partition: hold.partition.partition,
        offset: hold.offset,
        target: hold.target,
        waited_seconds: HOLD_MAX.as_secs(),
    })
}

pub(super) fn event(fetched: Fetched) -> Event {
    match fetched {
        Fetched::Records(partition, block) => Event::Records(partition, block),
        Fetched::End(partition, position) => Event::End(partition, position),
        Fetched::OutOfRange(partition, earliest) => Event::OutOfRange(partition, earliest),
    }
}

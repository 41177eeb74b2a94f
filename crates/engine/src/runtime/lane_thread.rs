//! A lane's thread: fetch, fold, act.

use super::control::{Control, Wish};
use super::error::RunError;
use super::hold::{HOLD_MAX, HoldWatch};
use super::monitor::Phase;
use super::patience::Notice;
use super::send::SendThread;
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
        let runner = Runner {
            context,
            control,
            number: lane,
            started,
            watch,
            told: Wish::Run,
            actions: Vec::new(),
            published: None,
        };
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
    /// What the lane knows of the wish.
    told: Wish,
    /// Room for what the lane wants done.
    actions: Vec<Action>,
    published: Option<Instant>,
}

impl Runner<'_> {
    fn run(mut self) -> Result<Turn, RunError> {
        let turn = self.turn();
        match &turn {
            // Nothing is under way when a lane has finished or is built anew, so the commit thread ends at once.
            Ok(Turn::Restart | Turn::End(LaneEnd::Finished)) => {
                self.publish(true);
                self.started.commits.finish();
            }
            _ => self.publish(true),
        }
        if matches!(turn, Ok(Turn::End(LaneEnd::Finished))) {
            self.context.monitor.update(self.number, |view| view.phase = Phase::Finished);
        }
        turn
    }

    /// Turns until there is a reason to end.
    fn turn(&mut self) -> Result<Turn, RunError> {
        let mut fetched = Vec::new();
        let mut notice = Notice::default();
        loop {
            if let Some(turn) = self.obey()? {
                return Ok(turn);
            }
            if let Some(reply) = self.started.commits.reply() {
                let event = reply.map_err(|error| self.failure("committing", error))?;
                if let Some(turn) = self.tell(event)? {
                    return Ok(turn);
                }
            }
            if let Some(reply) = self.started.sends.as_mut().and_then(SendThread::reply) {
                let number = reply.map_err(|error| self.failure("sending answers", error))?;
                if let Some(turn) = self.tell(Event::Sent(number))? {
                    return Ok(turn);
                }
            }
            match self.started.source.fetch(self.wait(), &mut fetched) {
                Ok(()) if fetched.is_empty() => {}
                Ok(()) => notice.over(|| format!("lane {}: records are read again", self.number)),
                Err(LogError::Unavailable(reason)) => {
                    notice.warn(|| format!("lane {}: waiting for Kafka: {reason}", self.number));
                    self.watch.reset(Instant::now());
                    // Short, since a client may have many of them queued before the next records.
                    std::thread::sleep(WAIT_BUSY);
                }
                Err(error) => return Err(self.failure("reading its inputs", error)),
            }
            for item in fetched.drain(..) {
                self.watch.note(&item, Instant::now());
                if let Some(turn) = self.tell(event(item))? {
                    return Ok(turn);
                }
            }
            if let Some(turn) = self.tell(Event::Tick(now_ms()))? {
                return Ok(turn);
            }
            held(self.context, &mut self.watch)?;
            self.publish(false);
        }
    }

    /// Does what the group or the process wants by now.
    fn obey(&mut self) -> Result<Option<Turn>, RunError> {
        let wish = self.control.wish();
        if wish == self.told {
            return Ok(None);
        }
        self.told = wish;
        match wish {
            Wish::Run => Ok(None),
            Wish::Drain => self.tell(Event::Drain),
            // What the lane would answer does not matter any more.
            Wish::Drop => Ok(Some(Turn::End(LaneEnd::Dropped))),
        }
    }

    /// Tells the lane and does what it wants done, at once: so that a pause takes hold before more is read.
    fn tell(&mut self, event: Event) -> Result<Option<Turn>, RunError> {
        let mut actions = std::mem::take(&mut self.actions);
        self.started.lane.handle(event, &mut actions);
        let turn = actions.drain(..).find_map(|action| self.act(action).transpose());
        self.actions = actions;
        turn.transpose()
    }

    fn wait(&self) -> Duration {
        let sends = self.started.sends.as_ref().is_some_and(SendThread::is_busy);
        if self.started.commits.is_busy() || sends || self.told > Wish::Run { WAIT_BUSY } else { WAIT_IDLE }
    }

    fn act(&mut self, action: Action) -> Result<Option<Turn>, RunError> {
        match action {
            Action::Commit(transaction) => self.started.commits.commit(transaction),
            Action::Send(number, block) => {
                if let Some(sends) = &mut self.started.sends {
                    sends.send(number, block);
                }
            }
            Action::Recover => self.started.commits.recover(),
            Action::Pause(partition, pause) => {
                let paused = self.started.source.pause(partition, pause);
                paused.map_err(|error| self.failure("pausing a partition", error))?;
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
        Ok(None)
    }

    fn publish(&mut self, now: bool) {
        if !now && self.published.is_some_and(|published| published.elapsed() < PUBLISH_EVERY) {
            return;
        }
        self.published = Some(Instant::now());
        let lane = &mut self.started.lane;
        lane.watch_influence(self.context.monitor.is_influence_watched());
        let influence = lane.influence();
        let (counters, gauges, report) = (lane.counters().clone(), lane.gauges(), lane.report());
        let (committed, is_restoring) = (lane.committed_offsets(), lane.is_restoring());
        self.context.monitor.update(self.number, |view| {
            view.phase = Phase::of(self.told, is_restoring);
            view.counters = counters;
            view.gauges = gauges;
            view.report = Some(report);
            view.influence = influence;
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

//! The membership thread: polls the group, starts and ends lanes as it says, and drains all when asked to stop.

use super::Context;
use super::control::{Control, Wish};
use super::error::RunError;
use super::lane_thread::{LaneEnd, run_lane};
use super::monitor::Monitor;
use super::patience::{Notice, patiently};
use super::port::{LaneHandler, Membership};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use streamfold_flow::log::LogError;

const POLL: Duration = Duration::from_millis(50);
/// After an error of the membership. Short, since a client may have hundreds of them queued before what matters.
const ERROR_PAUSE: Duration = Duration::from_millis(2);

/// Runs the lanes that the group hands to this process, until `stop` is set, the end is reached, or one fails.
pub fn run(context: &Arc<Context>, stop: &AtomicBool) -> Result<(), RunError> {
    let lanes = Arc::new(Lanes { context: context.clone(), table: Mutex::default() });
    let Some(mut membership) = join(context, &lanes, stop)? else { return Ok(()) };
    let ended = serve(context, &lanes, membership.as_mut(), stop);
    if ended.is_ok() {
        log::info!("draining: committing what is folded");
    }
    let drained = drain(context, &lanes, membership.as_mut());
    drop(membership);
    ended.and(drained)
}

fn join(
    context: &Context,
    lanes: &Arc<Lanes>,
    stop: &AtomicBool,
) -> Result<Option<Box<dyn Membership>>, RunError> {
    let control = Control::default();
    patiently(&control, Wish::Drain, "joining the group", || {
        if stop.load(Ordering::Relaxed) {
            control.want(Wish::Drain);
        }
        context.log.join(lanes.clone())
    })
    .map_err(group_failed)
}

fn group_failed(error: LogError) -> RunError {
    RunError::Log { what: "the consumer group".into(), error }
}

/// Polls until there is a reason to end.
fn serve(
    context: &Context,
    lanes: &Lanes,
    membership: &mut dyn Membership,
    stop: &AtomicBool,
) -> Result<(), RunError> {
    let mut notice = Notice::default();
    while !stop.load(Ordering::Relaxed) {
        match membership.poll(POLL) {
            Ok(()) => {}
            Err(LogError::Unavailable(reason)) => {
                notice.warn(|| format!("group {}: waiting for Kafka: {reason}", context.plan.group()));
                std::thread::sleep(ERROR_PAUSE);
            }
            Err(error) => return Err(group_failed(error)),
        }
        lanes.reap()?;
        if lanes.is_done() {
            return Ok(());
        }
    }
    Ok(())
}

/// Drains all lanes; the membership is turned meanwhile, or commits would be refused.
fn drain(context: &Context, lanes: &Lanes, membership: &mut dyn Membership) -> Result<(), RunError> {
    lanes.drain();
    let timeout_ms = context.plan.timing.shutdown_timeout_ms;
    let deadline = Instant::now() + Duration::from_millis(timeout_ms.max(0) as u64);
    let mut failure = None;
    loop {
        if let Err(error) = lanes.reap() {
            failure.get_or_insert(error);
        }
        let left = lanes.unfinished();
        if left.is_empty() {
            return failure.map_or(Ok(()), Err);
        }
        if Instant::now() >= deadline {
            lanes.drop_all();
            return Err(failure.unwrap_or(RunError::ShutdownTimeout { lanes: left, timeout_ms }));
        }
        if membership.poll(POLL).is_err() {
            std::thread::sleep(ERROR_PAUSE);
        }
    }
}

struct Slot {
    control: Arc<Control>,
    ended: Receiver<LaneEnd>,
    is_finished: bool,
}

#[derive(Default)]
struct Table {
    slots: BTreeMap<u32, Slot>,
    /// No lane is started any more.
    is_draining: bool,
    /// A lane has finished by itself or was handed over finished (running to the end).
    has_finished: bool,
    /// A lane could not be started at all.
    failure: Option<RunError>,
}

/// The lanes of this process.
struct Lanes {
    context: Arc<Context>,
    table: Mutex<Table>,
}

impl Lanes {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn monitor(&self) -> &Monitor {
        &self.context.monitor
    }

    fn start(&self, lane: u32) -> std::io::Result<Slot> {
        let control = Arc::new(Control::default());
        let (sender, ended) = channel();
        let (context, thread_control) = (self.context.clone(), control.clone());
        std::thread::Builder::new().name(format!("lane-{lane}")).spawn(move || {
            let end = run_lane(&context, &thread_control, lane);
            // Nobody listens when the lane was let go.
            let _ = sender.send(end);
        })?;
        Ok(Slot { control, ended, is_finished: false })
    }

    /// Notes which lanes have ended; the first failure is the error.
    fn reap(&self) -> Result<(), RunError> {
        let mut table = self.table();
        let mut failure = table.failure.take();
        let mut gone = Vec::new();
        for (lane, slot) in table.slots.iter_mut().filter(|(_, slot)| !slot.is_finished) {
            match slot.ended.try_recv() {
                Ok(LaneEnd::Finished) => slot.is_finished = true,
                Ok(LaneEnd::Dropped) => gone.push(*lane),
                Ok(LaneEnd::Failed(error)) => {
                    failure.get_or_insert(error);
                    gone.push(*lane);
                }
                Err(TryRecvError::Disconnected) => {
                    failure.get_or_insert(RunError::Panicked { lane: *lane });
                    gone.push(*lane);
                }
                Err(TryRecvError::Empty) => {}
            }
        }
        for lane in gone {
            table.slots.remove(&lane);
        }
        table.has_finished |= table.slots.values().any(|slot| slot.is_finished);
        failure.map_or(Ok(()), Err)
    }

    /// Running to the end: whether a lane has finished and none is left that has not. A process to which no lane
    /// was given yet is not done; those that are ready leave, and their lanes come to it.
    fn is_done(&self) -> bool {
        let table = self.table();
        self.context.until.is_some()
            && table.has_finished
            && table.slots.values().all(|slot| slot.is_finished)
    }

    fn unfinished(&self) -> Vec<u32> {
        self.table().slots.iter().filter(|(_, slot)| !slot.is_finished).map(|(lane, _)| *lane).collect()
    }

    fn drain(&self) {
        let mut table = self.table();
        table.is_draining = true;
        table.slots.values().for_each(|slot| slot.control.want(Wish::Drain));
    }

    fn drop_all(&self) {
        self.table().slots.values().for_each(|slot| slot.control.want(Wish::Drop));
    }

    /// Waits for a lane that was told to drain; what is not committed at the deadline is dropped.
    fn let_go(&self, lane: u32, slot: &Slot, deadline: Instant) -> Result<(), RunError> {
        if slot.is_finished {
            return Ok(());
        }
        match slot.ended.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(LaneEnd::Finished | LaneEnd::Dropped) => Ok(()),
            Ok(LaneEnd::Failed(error)) => Err(error),
            Err(RecvTimeoutError::Disconnected) => Err(RunError::Panicked { lane }),
            Err(RecvTimeoutError::Timeout) => {
                log::warn!(
                    "lane {lane}: did not commit in time for its hand-over; its successor folds the rest again"
                );
                slot.control.want(Wish::Drop);
                Ok(())
            }
        }
    }
}

impl LaneHandler for Lanes {
    fn assigned(&self, lanes: &[u32]) {
        let mut table = self.table();
        for &lane in lanes {
            if table.is_draining || table.slots.contains_key(&lane) {
                continue;
            }
            self.monitor().count_assigned();
            log::info!("lane {lane}: assigned to this process");
            match self.start(lane) {
                Ok(slot) => {
                    table.slots.insert(lane, slot);
                }
                Err(error) => {
                    let reason = format!("no thread for it: {error}");
                    table.failure.get_or_insert(RunError::Build { lane, reason });
                }
            }
        }
    }

    fn revoked(&self, lanes: &[u32]) {
        let mut table = self.table();
        let slots: Vec<(u32, Slot)> =
            lanes.iter().filter_map(|lane| table.slots.remove(lane).map(|slot| (*lane, slot))).collect();
        slots.iter().for_each(|(_, slot)| slot.control.want(Wish::Drain));
        let timeout_ms = self.context.plan.timing.shutdown_timeout_ms;
        let deadline = Instant::now() + Duration::from_millis(timeout_ms.max(0) as u64);
        for (lane, slot) in slots {
            self.monitor().count_revoked();
            table.has_finished |= slot.is_finished;
            if let Err(error) = self.let_go(lane, &slot, deadline) {
                table.failure.get_or_insert(error);
            }
            self.monitor().remove(lane);
            log::info!("lane {lane}: handed over");
        }
    }

    fn lost(&self, lanes: &[u32]) {
        let mut table = self.table();
        for &lane in lanes {
            let Some(slot) = table.slots.remove(&lane) else { continue };
            slot.control.want(Wish::Drop);
            table.has_finished |= slot.is_finished;
            self.monitor().count_lost();
            self.monitor().remove(lane);
            log::warn!(
                "lane {lane}: lost: the membership in the group has lapsed; who gets the lane folds again what was not committed"
            );
        }
    }
}

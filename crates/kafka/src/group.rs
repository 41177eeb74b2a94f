//! Which lanes are ours: membership in the pipeline's consumer group.

use crate::config::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use streamfold_flow::log::LogError;

/// The lanes (partitions of the lanes topic) that came or go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupEvent {
    /// These lanes are ours from now on.
    Assigned(Vec<u32>),
    /// These lanes are to be handed over: what is folded can still be committed until the handler returns, then they
    /// are somebody else's. At most `max.poll.interval.ms` (5 minutes).
    Revoked(Vec<u32>),
    /// These lanes are somebody else's already: nothing can be committed any more.
    Lost(Vec<u32>),
}

/// This process's membership in the group; one for all its lanes. Reads no data.
pub struct Membership {
    handle: GroupHandle,
}

/// Gives transactions the group's generation; can be cloned and sent to the threads of the committers.
#[derive(Clone)]
pub struct GroupHandle {
    _consumer: Arc<()>,
}

impl Membership {
    /// Joins the group by subscribing to `lanes_topic`, which has one partition for each lane. Lanes come with
    /// [`Membership::poll`].
    pub fn new(config: &ClientConfig, group: &str, lanes_topic: &str) -> Result<Membership, LogError> {
        let _ = (config, group, lanes_topic);
        Ok(Membership { handle: GroupHandle { _consumer: Arc::new(()) } })
    }

    /// Waits up to `timeout` for a change and tells the handler, on this thread. A revocation is complete only when
    /// the handler has returned: committers on other threads can commit meanwhile.
    ///
    /// To be called regularly: who has not called for `max.poll.interval.ms` is taken for dead and loses its lanes.
    pub fn poll(&mut self, timeout: Duration, handler: &mut dyn FnMut(GroupEvent)) -> Result<(), LogError> {
        let _ = (timeout, handler);
        Err(LogError::Fatal("not built yet".to_string()))
    }

    /// For the committers.
    pub fn handle(&self) -> GroupHandle {
        self.handle.clone()
    }

    /// Leaves the group, so that its lanes move on at once; everything has to be committed before. Dropping does the same.
    pub fn leave(self) {}
}

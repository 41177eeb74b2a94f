//! The queue of one partition, and the order in which the heads of all queues are folded.

use super::chunk::Chunk;
use std::collections::VecDeque;
use streamfold_flow::Partition;

/// Records of one partition that were read and not folded yet.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) partition: Partition,
    chunks: VecDeque<Chunk>,
    /// Memory of the chunks.
    pub(super) bytes: usize,
    /// Everything below was brought by the source.
    pub(super) position: i64,
    /// The source said that nothing more is there, at this moment of the clock.
    pub(super) at_end_since_ms: Option<i64>,
    /// Records from here on are not folded.
    pub(super) until: Option<i64>,
    /// The next offset to fold, so far.
    pub(super) next: i64,
    /// `next` as the journal has it: the position that belongs to the state at a cut, because a cut journals every
    /// partition that was folded, and one that was not has not moved.
    pub(super) journaled: i64,
    /// Place in the journal record at hand.
    pub(super) place: Option<u32>,
    /// The source was told to pause.
    pub(super) paused: bool,
}

impl Queue {
    pub(super) fn new(partition: Partition, position: i64, until: Option<i64>) -> Queue {
        Queue {
            partition,
            chunks: VecDeque::new(),
            bytes: 0,
            position,
            at_end_since_ms: None,
            until,
            next: position,
            journaled: position,
            place: None,
            paused: false,
        }
    }

    pub(super) fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.size_bytes();
        self.chunks.push_back(chunk);
    }

    pub(super) fn head(&self) -> Option<&Chunk> {
        self.chunks.front()
    }

    /// Drops the head's first record, and the head with its last.
    pub(super) fn advance(&mut self) {
        let Some(chunk) = self.chunks.front_mut() else { return };
        self.next = chunk.record(chunk.next()).offset + 1;
        chunk.advance();
        if chunk.is_done() {
            self.bytes -= chunk.size_bytes();
            self.chunks.pop_front();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Everything that is to be folded at all was brought.
    pub(super) fn is_exhausted(&self) -> bool {
        self.until.is_some_and(|until| self.position >= until)
    }

    /// The next offset to read if the process ended now: past markers where everything was folded.
    pub(super) fn next_to_commit(&self) -> i64 {
        if self.is_empty() { self.next.max(self.position) } else { self.next }
    }

    /// The key by which heads are compared: event time, then input, then partition.
    fn order(&self) -> Option<(i64, Partition)> {
        let chunk = self.chunks.front()?;
        Some((chunk.order_time(chunk.next()), self.partition))
    }

    /// Whether an empty queue has to be waited for: records may still come that are to be folded first.
    fn is_awaited(&self, now_ms: i64, idle_wait_ms: i64) -> bool {
        if self.is_exhausted() {
            return false;
        }
        match (self.until, self.at_end_since_ms) {
            (Some(_), _) | (None, None) => true,
            (None, Some(since)) => now_ms.saturating_sub(since) < idle_wait_ms,
        }
    }
}

/// What the order says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Fold records of this queue as long as they are ordered before this bound.
    Fold(usize, Option<(i64, Partition)>),
    /// A partition's records have to come first.
    Wait,
    /// There are none, and none are waited for.
    Nothing,
}

impl Next {
    /// The queue whose head is next: the smallest event time; ties by place of the input, then partition.
    pub(super) fn of(queues: &[Queue], now_ms: i64, idle_wait_ms: i64) -> Next {
        let (mut best, mut second) = (None::<((i64, Partition), usize)>, None);
        for (place, queue) in queues.iter().enumerate() {
            match queue.order() {
                None if queue.is_awaited(now_ms, idle_wait_ms) => return Next::Wait,
                None => {}
                Some(order) => match best {
                    Some((smallest, _)) if smallest < order => {
                        second = Some(second.map_or(order, |s: (i64, Partition)| s.min(order)));
                    }
                    _ => {
                        second = best.map(|(order, _)| order).or(second);
                        best = Some((order, place));
                    }
                },
            }
        }
        best.map_or(Next::Nothing, |(_, place)| Next::Fold(place, second))
    }

    /// Whether the queue's head is still before the bound.
    pub(super) fn holds(queue: &Queue, bound: Option<(i64, Partition)>) -> bool {
        match (queue.order(), bound) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(order), Some(bound)) => order < bound,
        }
    }
}

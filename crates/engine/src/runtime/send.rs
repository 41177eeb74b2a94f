//! The send thread of a lane with `delivery = "at_least_once"`: writes answers at once, while the lane folds on.

use super::control::{Control, Wish};
use super::patience::patiently;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, channel};
use streamfold_flow::log::{LogError, Sender};
use streamfold_flow::record::OutputBlock;

/// Answers with their number.
type Numbered = (u64, Arc<OutputBlock>);

/// The lane's end of the send thread. It ends when this is dropped; what it has not written by then is not awaited.
pub(super) struct SendThread {
    requests: mpsc::Sender<Numbered>,
    replies: Receiver<Result<u64, LogError>>,
    requested: u64,
    durable: u64,
}

impl SendThread {
    pub(super) fn start(
        mut sender: Box<dyn Sender>,
        control: Arc<Control>,
        lane: u32,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = channel::<Numbered>();
        let (outbox, replies) = channel();
        std::thread::Builder::new().name(format!("send-{lane}")).spawn(move || {
            let what = format!("lane {lane}: sending answers");
            while let Ok(first) = inbox.recv() {
                // What has gathered meanwhile goes along.
                let (mut number, mut blocks) = (first.0, vec![first.1]);
                for (later, block) in inbox.try_iter() {
                    number = later;
                    blocks.push(block);
                }
                let reply = patiently(&control, Wish::Drop, &what, || sender.send(&blocks));
                let Some(reply) = reply.map(|sent| sent.map(|()| number)).transpose() else { return };
                if outbox.send(reply).is_err() {
                    return;
                }
            }
        })?;
        Ok(SendThread { requests, replies, requested: 0, durable: 0 })
    }

    pub(super) fn send(&mut self, number: u64, block: Arc<OutputBlock>) {
        // Sending fails only when the thread has ended, because the lane was dropped or after an error that `reply` says.
        if self.requests.send((number, block)).is_ok() {
            self.requested = number;
        }
    }

    /// Whether something is still to be written.
    pub(super) fn is_busy(&self) -> bool {
        self.durable < self.requested
    }

    /// Up to which number everything is durable, where this is news.
    pub(super) fn reply(&mut self) -> Option<Result<u64, LogError>> {
        let reply = self.replies.try_recv().ok()?;
        if let Ok(number) = reply {
            self.durable = number;
        }
        Some(reply)
    }
}

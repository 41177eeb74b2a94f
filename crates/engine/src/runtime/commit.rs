//! The commit thread of a lane: owns the committer, so that the lane folds on while a commit is under way.

use super::control::{Control, Wish};
use super::monitor::Monitor;
use super::patience::{Backoff, Notice, patiently};
use super::port::Log;
use crate::lane::Event;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;
use streamfold_flow::log::{Committer, LogError, Outcome, Transaction};

enum Request {
    Commit(Arc<Transaction>),
    Recover,
}

/// Event for the lane, or the reason why it cannot go on.
pub(super) type Reply = Result<Event, LogError>;

/// The lane's end of the commit thread. There is at most one request under way.
pub(super) struct CommitThread {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    thread: Option<JoinHandle<()>>,
    is_busy: bool,
}

impl CommitThread {
    /// Starts the thread with a committer that is initialised already.
    pub(super) fn start(
        committer: Box<dyn Committer>,
        log: Arc<dyn Log>,
        control: Arc<Control>,
        monitor: Arc<Monitor>,
        lane: u32,
    ) -> std::io::Result<Self> {
        let (requests, inbox) = channel();
        let (outbox, replies) = channel();
        let mut worker = Worker {
            committer,
            log,
            control,
            monitor,
            lane,
            backoff: Backoff::default(),
            notice: Notice::default(),
        };
        let thread = std::thread::Builder::new().name(format!("commit-{lane}")).spawn(move || {
            for request in inbox {
                let Some(reply) = worker.serve(request) else { return };
                if outbox.send(reply).is_err() {
                    return;
                }
            }
        })?;
        Ok(CommitThread { requests: Some(requests), replies, thread: Some(thread), is_busy: false })
    }

    pub(super) fn commit(&mut self, transaction: Arc<Transaction>) {
        self.send(Request::Commit(transaction));
    }

    pub(super) fn recover(&mut self) {
        self.send(Request::Recover);
    }

    fn send(&mut self, request: Request) {
        // Sending fails only when the thread has ended, which `reply` then says.
        self.is_busy = self.requests.as_ref().is_some_and(|requests| requests.send(request).is_ok());
    }

    /// Whether an answer is still to come.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// The answer, if it is there.
    pub(super) fn reply(&mut self) -> Option<Reply> {
        let reply = self.replies.try_recv().ok()?;
        self.is_busy = false;
        Some(reply)
    }

    /// Ends the thread and waits for it; not to be called while a commit that may take long is under way.
    pub(super) fn finish(mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there has been logged by the panic hook; the lane's own end says the rest.
            let _ = thread.join();
        }
    }
}

struct Worker {
    committer: Box<dyn Committer>,
    log: Arc<dyn Log>,
    control: Arc<Control>,
    monitor: Arc<Monitor>,
    lane: u32,
    backoff: Backoff,
    notice: Notice,
}

impl Worker {
    /// `None`: the lane is to be dropped, nobody waits for an answer.
    fn serve(&mut self, request: Request) -> Option<Reply> {
        match request {
            Request::Commit(transaction) => Some(self.commit(&transaction)),
            Request::Recover => self.recover().transpose(),
        }
    }

    fn commit(&mut self, transaction: &Transaction) -> Reply {
        let begin = Instant::now();
        let outcome = self.committer.commit(transaction);
        let took = begin.elapsed();
        let (lane, sequence) = (self.lane, transaction.sequence);
        self.monitor.update(lane, |view| {
            view.commits.observe(took);
            view.fences += u64::from(matches!(outcome, Outcome::Fenced(_)));
        });
        log::debug!("lane {lane}: commit {sequence} took {took:.1?}: {outcome:?}");
        Ok(match outcome {
            Outcome::Committed => {
                self.backoff.reset();
                self.notice.over(|| format!("lane {lane}: commit {sequence} succeeded, commits go on"));
                Event::Committed
            }
            Outcome::Refused(reason) => return Err(LogError::Fatal(reason)),
            Outcome::Aborted(reason) => {
                self.trouble(|| {
                    format!("lane {lane}: commit {sequence} was undone and is sent again: {reason}")
                });
                Event::Aborted
            }
            Outcome::Unknown(reason) => {
                self.trouble(|| {
                    format!("lane {lane}: the outcome of commit {sequence} is unknown, asking the journal: {reason}")
                });
                Event::Unknown
            }
            Outcome::Fenced(reason) => {
                self.trouble(|| {
                    format!("lane {lane}: another process took the lane's transactional id, asking the journal: {reason}")
                });
                Event::Unknown
            }
        })
    }

    /// Says so once in a while, and waits a little, longer each time in a row.
    fn trouble(&mut self, text: impl FnOnce() -> String) {
        self.notice.warn(text);
        self.control.sleep(self.backoff.next(), Wish::Drop);
    }

    fn recover(&mut self) -> Result<Option<Event>, LogError> {
        let what = format!("lane {}: taking the transactional id over again", self.lane);
        let committer = &mut self.committer;
        if patiently(&self.control, Wish::Drop, &what, || committer.init())?.is_none() {
            return Ok(None);
        }
        let what = format!("lane {}: reading the journal's end", self.lane);
        let end = patiently(&self.control, Wish::Drop, &what, || self.log.journal_end(self.lane))?;
        Ok(end.map(Event::JournalEnd))
    }
}

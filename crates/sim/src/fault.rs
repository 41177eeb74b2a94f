//! Planted faults: each breaks one rule of the driver's duty, and must be found by a checker.

/// A rule that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An unknown outcome is taken as a commit.
    UnknownIsCommitted,
    /// An unknown outcome is taken as an abort.
    UnknownIsAborted,
    /// After an unknown outcome the journal's end is read without taking the transactional id over first.
    RecoverWithoutFence,
    /// Checkpoint and journal are read as far as they are stable, before the transactional id is taken over.
    RestoreBeforeFence,
    /// The outputs of an aborted commit are forgotten.
    ForgetPendingOnAbort,
    /// Outputs are written outside of the transaction.
    OutputsOutsideTransaction,
    /// The journal's record is written outside of the transaction.
    JournalOutsideTransaction,
    /// Checkpoints say that they were cut one commit later than they were.
    CheckpointOfLaterState,
    /// The journal is read from the checkpoint's time on, without looking whether the checkpoint's commit is there.
    TrustTimeOfCut,
    /// After a restore one record of each partition is passed over.
    ResumeOneLate,
    /// Inputs are read without regard to transactions.
    ReadUncommitted,
    /// Records are brought although the lane has asked to pause.
    IgnorePause,
    /// Commits carry the generation that the lane began with.
    StaleGeneration,
}

impl Fault {
    /// All of them with their names.
    pub const NAMES: &[(&str, Fault)] = &[
        ("unknown_is_committed", Fault::UnknownIsCommitted),
        ("unknown_is_aborted", Fault::UnknownIsAborted),
        ("recover_without_fence", Fault::RecoverWithoutFence),
        ("restore_before_fence", Fault::RestoreBeforeFence),
        ("forget_pending_on_abort", Fault::ForgetPendingOnAbort),
        ("outputs_outside_transaction", Fault::OutputsOutsideTransaction),
        ("journal_outside_transaction", Fault::JournalOutsideTransaction),
        ("checkpoint_of_later_state", Fault::CheckpointOfLaterState),
        ("trust_time_of_cut", Fault::TrustTimeOfCut),
        ("resume_one_late", Fault::ResumeOneLate),
        ("read_uncommitted", Fault::ReadUncommitted),
        ("ignore_pause", Fault::IgnorePause),
        ("stale_generation", Fault::StaleGeneration),
    ];

    /// The fault of this name.
    pub fn named(name: &str) -> Option<Fault> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault)
    }
}

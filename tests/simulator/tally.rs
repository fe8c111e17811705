//! Counts the events of all lives: a kind of fault that is no longer hit shows.

macro_rules! kinds {
    ($(#[$comment:meta])* $name:ident { $($kind:ident => $words:literal,)* }) => {
        $(#[$comment])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($kind,)* }

        impl $name {
            pub(crate) const ALL: &[(Self, &str)] = &[$((Self::$kind, $words),)*];
        }
    };
}

kinds! {
    /// Things that go wrong.
    Fault {
        ConnectFails => "a connect that fails",
        CloseInHandshake => "a close in the handshake",
        CloseAwaitingSnapshot => "a close between the answer to PSYNC and the snapshot",
        CloseInSnapshot => "a close in a snapshot's bytes",
        CloseInMark => "a close in a snapshot's mark",
        CloseAfterMark => "a close between a snapshot's end and the first byte of the stream",
        CloseBetween => "a close between two commands",
        CloseInCommand => "a close in a command",
        CloseInParts => "a close in a command that comes in parts",
        CloseInTransaction => "a close in a transaction",
        ReadFails => "a read that fails",
        SilenceInHandshake => "silence past the deadline, in the handshake",
        SilenceInSnapshot => "silence past the deadline, in a snapshot",
        SilenceInStream => "silence past the deadline, in the stream",
        Stall => "a stall within the deadline",
        OutputBlocked => "a link that takes no bytes for a while",
        SlowConsumer => "a consumer that does not read for a while",
        ErrorThatPasses => "an error reply that passes by itself",
        ErrorUnknown => "an error reply that nobody knows",
        ErrorForGood => "an error reply that will not pass",
        ErrorUnasked => "an error line before anything was asked",
        SnapshotFails => "an error line in place of a snapshot",
        SnapshotBroken => "a snapshot that does not fit its frame or its checksum",
        ChildDies => "newlines and a close after a mark, since the snapshot's child died",
        WrongAnswer => "an answer that no primary gives",
        FilterIgnored => "data in a snapshot that was to be empty",
        AckForgotten => "an acknowledgement that the primary forgets",
        GarbageInHandshake => "garbage in the handshake",
        GarbageBeforeSnapshot => "garbage before a snapshot",
        GarbageInStream => "garbage in the stream",
        HostileLength => "a length beyond the limits",
        TooLarge => "a command beyond the limits",
        Corrupted => "a corrupted byte",
        ReplidChanged => "another replication id, unannounced",
        BacklogOverrun => "a backlog that has moved on",
        BacklogFreed => "a backlog that was freed",
        MovedOnAfterInfo => "a backlog that moves on between INFO and PSYNC",
        Promoted => "a promotion that keeps everything",
        PromotedWithLoss => "a promotion that loses the last writes",
        PromotedBehindTail => "a promotion that loses the last bytes sent, which change no data",
        RestartedWithHistory => "a restart that keeps the history",
        RestartedWithoutHistory => "a restart without history",
        LaggingReplica => "a replica that lags behind us",
        OutOfStep => "a replica without its primary",
        ProbeAbandoned => "a snapshot left on the primary's side",
        GapContinued => "a gap, and on from there",
        GapStopped => "a gap that ends the session",
        GapSnapshot => "a gap, and a snapshot",
        SecondSnapshotBreaks => "a second snapshot that breaks off",
        AnotherServer => "another server at the primary's address, for one link",
        AttemptsUsedUp => "attempts used up",
    }
}

kinds! {
    /// Things that go right.
    Sight {
        Continued => "attached after a known place",
        ContinuedOtherId => "attached under another id",
        Rewound => "attached before a known place, where only bytes without data are lost",
        LateCommits => "commits of the history before that",
        Filtered => "attached with a filtered snapshot",
        ByInfo => "attached by INFO",
        Full => "attached with a full snapshot",
        Probed => "attached after a probe",
        Sync => "attached with SYNC",
        LengthFramed => "snapshots with a length",
        MarkFramed => "snapshots with a mark",
        StreamAfterMark => "streams that follow a mark at once",
        ItemSnapshots => "snapshots told as items",
        SecondSnapshots => "second snapshots, after a gap",
        SnapshotsAgain => "snapshots that begin again after one that broke off",
        MarkInside => "snapshots that hold their mark",
        Gaps => "gaps",
        Resumes => "reconnects",
        Commands => "commands told whole",
        Parts => "commands told in parts",
        Transactions => "transactions",
        SelectInside => "SELECT inside a transaction",
        Controls => "SELECT, PING and REPLCONF told",
        GetAcks => "GETACK",
        EmptyArguments => "empty arguments",
        ManyArguments => "commands of more than 64 arguments",
        Newlines => "newlines in the stream",
        KeepAlives => "newlines before replies and snapshots",
        EmptyCommands => "empty commands in the stream",
        Batches => "commands told in batches",
        DbUnknown => "commands whose database is unknown",
        AckObserve => "acknowledgements of nothing",
        AckReceived => "acknowledgements of what was received",
        AckApplied => "acknowledgements of what was committed",
        AckOverSilence => "acknowledgements of bytes without an event, after what was committed",
        AckAnswers => "commits that a primary waited for",
        Withdrawn => "versions that were withdrawn",
        Beats => "newlines sent while a snapshot comes",
        OneByte => "reads of one byte",
        AllThrough => "lives that end with everything told",
        FailedRightly => "lives that end with an error",
        Again => "commands told again after a reconnect",
    }
}

/// How often each was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    faults: Vec<u64>,
    sights: Vec<u64>,
    pub(crate) bytes: u64,
    pub(crate) calls: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { faults: vec![0; Fault::ALL.len()], sights: vec![0; Sight::ALL.len()], bytes: 0, calls: 0 }
    }
}

impl Tally {
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    pub(crate) fn sight(&mut self, sight: Sight) {
        self.sights[sight as usize] += 1;
    }

    pub(crate) fn count(&self, sight: Sight) -> u64 {
        self.sights[sight as usize]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let sum = |into: &mut Vec<u64>, from: &[u64]| into.iter_mut().zip(from).for_each(|(sum, more)| *sum += more);
        sum(&mut self.faults, &other.faults);
        sum(&mut self.sights, &other.sights);
        self.bytes += other.bytes;
        self.calls += other.calls;
    }

    fn rows(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let words = Fault::ALL.iter().map(|row| row.1).chain(Sight::ALL.iter().map(|row| row.1));
        self.faults.iter().chain(&self.sights).copied().zip(words)
    }

    /// The kinds that were never met.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        self.rows().filter(|(count, _)| *count == 0).map(|(_, words)| words).collect()
    }

    pub(crate) fn table(&self) -> String {
        self.rows().map(|(count, words)| format!("{count:>12}  {words}\n")).collect()
    }
}

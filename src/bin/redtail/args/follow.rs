//! `redtail tail` and `redtail snapshot`, as one set of options.

use std::path::PathBuf;
use std::time::Duration;

use redtail::{Ack, Backoff, OnGap, Start};

use crate::args::output::Output;
use crate::args::server::Server;
use crate::args::watch::Watch;

/// What to follow, from where, how far, and what to do with it.
#[derive(Debug, Clone)]
pub(crate) struct Follow {
    /// The verb that was typed.
    pub(crate) verb: &'static str,
    pub(crate) server: Server,
    pub(crate) cluster: bool,
    /// `None`: not given. A checkpoint may then say where to start.
    pub(crate) start: Option<Start>,
    /// End after the snapshot.
    pub(crate) only_snapshot: bool,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) snapshot_to: Option<SnapshotTo>,
    pub(crate) allow_probe: bool,
    pub(crate) on_gap: OnGap,
    pub(crate) ack: Ack,
    pub(crate) reconnect: Option<Backoff>,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) watch: Watch,
    /// Add positions to --format resp.
    pub(crate) positions: bool,
    /// End with the last write that the server had when it was asked.
    pub(crate) until_caught_up: bool,
    pub(crate) output: Output,
}

/// A checkpoint file, and when to save.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub(crate) path: PathBuf,
    pub(crate) commands: u64,
    pub(crate) interval: Duration,
}

/// The file that receives a snapshot.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotTo {
    /// `-` is standard output.
    pub(crate) path: PathBuf,
    pub(crate) force: bool,
}

//! How others watch a run.

use std::path::PathBuf;

use clap::Args;
use redtail::replication::ReplicaLabel;

use crate::args::parse::label;

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Watch {
    /// Serve metrics for Prometheus at http://ADDR/metrics; ADDR is host:port
    ///
    /// Everyone who can reach ADDR can read the address of the server and its position, but no data. docs/operations.md
    /// lists the metrics.
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<String>,

    /// Replace FILE once a second by the state of the run, one object of JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) status: Option<PathBuf>,

    /// Show this run as NAME.redtail.invalid in INFO, ROLE and CLIENT LIST of the server
    ///
    /// This tells apart the followers of one server. CLIENT LIST shows the name at the connections that ask servers and
    /// Sentinels questions, if the user may use CLIENT SETNAME. NAME has letters, digits, '.', '-', '_' and '='.
    /// Sentinels try to resolve the whole name every 10 seconds, and must fail. docs/sentinel.md has a NAME that they
    /// do not resolve.
    #[arg(long, value_name = "NAME", value_parser = label)]
    pub(crate) name: Option<Box<ReplicaLabel>>,
}

impl Watch {
    /// Whether others watch the run.
    pub(crate) fn is_any(&self) -> bool {
        self.metrics.is_some() || self.status.is_some()
    }
}

//! The state of a run: `--stats`, `--metrics`, `--status` and SIGUSR1.

mod cluster;
mod exposition;
mod lag;
mod line;
mod metrics;
mod moment;
mod offset_history;
mod report;
mod server;
mod status_writer;
mod streams;
mod tally;
mod ticker;
mod watching;

pub(crate) use cluster::ClusterStats;
pub(crate) use lag::{watch_lag, watch_source};
pub(crate) use server::Stats;
pub(crate) use status_writer::StatusWriter;
pub(crate) use streams::{checkpoint_saved, tally_of_stream};
pub(crate) use tally::Tally;
pub(crate) use watching::Watching;
#[cfg(unix)]
pub(crate) use watching::say_status;

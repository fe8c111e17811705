//! `--stats`: commands and bytes per second, and the lag behind the server.

mod cluster;
mod lag;
mod line;
mod server;
mod status_writer;
mod tally;
mod ticker;

pub(crate) use cluster::ClusterStats;
pub(crate) use server::Stats;
pub(crate) use status_writer::StatusWriter;
pub(crate) use tally::Tally;

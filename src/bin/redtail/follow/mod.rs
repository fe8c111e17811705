//! `redtail tail` and `redtail snapshot`: follow a server, or all primaries of a cluster.

mod cluster;
mod event_sink;
mod heartbeat;
mod keeper;
mod notices;
mod owner;
mod reader_watch;
mod server;
mod shared_stdout;

use crate::args::Follow;
use crate::failure::Failure;

/// Follows until the server, a signal or an option ends it.
pub(crate) fn run(options: &Follow) -> Result<(), Failure> {
    reader_watch::start();
    if options.cluster { cluster::run(options) } else { server::run(options) }
}

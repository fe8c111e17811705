//! Tests against real servers. They need `tests/servers`, so each is ignored unless asked for: `tests/run` asks for all of them.

mod client;
mod harness;
mod help;
mod server;
mod tool;
mod workload;

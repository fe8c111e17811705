//! The examples that people start from, each run to its end. Those against real servers are ignored by default:
//! `tests/run` runs them.
#![cfg(all(feature = "std", unix))]
#![allow(clippy::unwrap_used, reason = "a test that cannot continue has failed, in a helper too")]

#[macro_use]
#[path = "../help/options.rs"]
mod options;
#[macro_use]
#[path = "../help/playback.rs"]
mod playback;

mod cache;
#[path = "../help/cargo.rs"]
mod cargo;
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/client.rs"]
mod client;
mod embedded;
#[path = "../help/exactly_once.rs"]
mod exactly_once;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../help/folder.rs"]
mod folder;
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/help.rs"]
mod help;
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/load.rs"]
mod load;
mod programs;
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/server.rs"]
mod server;
mod snapshot;
mod sqlite;
mod sqlite_starts;
mod texts;
mod workers;

//! The C interface as C and C++ see it: the header, the libraries, the programs of `examples/c` and `tests/c`.
//!
//! Tests that need more than a C compiler (valgrind, clang, CMake, real servers) are ignored by default. `tests/tools`
//! and `tests/servers` install these, and `tests/run` runs all tests. They are for Unix, as the Makefile is.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that fails is to stop")]

#[macro_use]
#[path = "../help/playback.rs"]
mod playback;

#[macro_use]
#[path = "../help/options.rs"]
mod options;

#[path = "../help/cargo.rs"]
mod cargo;

mod build;
mod compressed;
mod deployments;
mod embedded;
mod examples;
mod header;
mod install;
mod kafka;
mod layout;
mod live;
mod names;
mod parity;
mod process;
mod programs;
mod replay;
mod snapshots;
mod sqlite;
mod starts;

// The harness of the live tests; not all of it is needed here.
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/client.rs"]
mod client;
#[path = "../live/cluster/load.rs"]
mod cluster_load;
#[path = "../help/exactly_once.rs"]
mod exactly_once;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../help/folder.rs"]
mod folder;
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/help.rs"]
mod help;
#[path = "../help/listening.rs"]
mod listening;
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/load.rs"]
mod load;
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/cluster/nodes.rs"]
mod nodes;
#[path = "../live/quiet.rs"]
mod quiet;
#[allow(dead_code, reason = "the tests of clusters use the rest")]
#[path = "../help/nodes.rs"]
mod scripted_nodes;
#[allow(dead_code, reason = "the live tests use the rest")]
#[path = "../live/server.rs"]
mod server;
#[path = "../help/value_parts.rs"]
mod value_parts;

//! The room `topology`: clusters whose nodes are made up, and Sentinels.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]

#[path = "topology/cluster.rs"]
mod cluster;
#[cfg(target_os = "linux")]
#[path = "help/full.rs"]
mod full;
#[path = "help/listening.rs"]
mod listening;
#[path = "topology/migrations.rs"]
mod migrations;
#[path = "help/nodes.rs"]
mod nodes;
#[path = "topology/sentinel.rs"]
mod sentinel;

//! The room `topology`: a cluster of nodes that are made up.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]

#[path = "topology/cluster.rs"]
mod cluster;
#[path = "help/nodes.rs"]
mod nodes;

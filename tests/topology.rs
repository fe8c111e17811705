//! The room `topology`: a cluster of nodes that are made up.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used)]

#[path = "topology/cluster.rs"]
mod cluster;
#[path = "topology/nodes.rs"]
mod nodes;

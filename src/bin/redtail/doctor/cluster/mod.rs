//! A cluster: each node is asked about the topology, and each primary about following it.

mod facts;
mod findings;
mod probe;

pub(super) use facts::{Asked, ClusterFacts};
pub(super) use findings::{all as findings, starts};
pub(super) use probe::{Unknown, probe};

//! Errors of clusters.

use std::{fmt, io};

use thiserror::Error;

use crate::net::{Target, TargetError};
use crate::topology::error::each;

/// The reason why a cluster can't be followed.
///
/// ```
/// use redtail::topology::{Cluster, ClusterError};
///
/// let error = Cluster::builder([] as [&str; 0]).unwrap_err();
/// assert!(matches!(error, ClusterError::NoNode));
/// ```
#[derive(Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The list of nodes is empty.
    #[error("there is no node to ask: give at least one host:port")]
    NoNode,
    /// The address of a node is invalid.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No node answered with the cluster's topology.
    #[error("no node tells what the cluster consists of: {}", each(tried))]
    Silent {
        /// The nodes, each with its error.
        tried: Vec<(Target, String)>,
    },
    /// [`Options::single_link`](crate::Options::single_link) is set.
    #[error("single_link is set: remove it, a cluster is never followed over one connection")]
    SingleLink,
    /// The start is [`Start::At`](crate::Start::At), the position of one primary.
    #[error("a start at a position is for one primary: give the positions of all shards to positions")]
    StartAt,
    /// An option has no effect beside another one. The message names both.
    #[error("{0}")]
    Options(&'static str),
    /// The system starts no thread.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
}

impl fmt::Debug for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

//! One followed history: a shard of a cluster, or a server.

use std::sync::{Arc, Mutex, PoisonError};

use redtail::topology::Shard;
use redtail::{Handle, Position};

#[derive(Clone)]
pub(crate) enum Lane {
    Shard(Shard),
    Single(Arc<Single>),
}

/// A follower of one server.
#[derive(Default)]
pub(crate) struct Single {
    pub(crate) handle: Handle,
    committed: Mutex<Option<Position>>,
}

impl Lane {
    /// The broker has everything up to this position.
    pub(crate) fn commit(&self, position: Position) {
        if let Self::Single(single) = self {
            *single.committed.lock().unwrap_or_else(PoisonError::into_inner) = Some(position);
        }
        self.handle().commit(position);
    }

    /// Sends the primary a heartbeat. The next read reports a broken connection.
    pub(crate) fn beat(&self) {
        let _ = self.handle().heartbeat();
    }

    /// The shard's name in messages; `None` for a single server.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Shard(shard) => Some(shard.id()),
            Self::Single(_) => None,
        }
    }

    fn handle(&self) -> &Handle {
        match self {
            Self::Shard(shard) => shard.handle(),
            Self::Single(single) => &single.handle,
        }
    }
}

impl Single {
    pub(crate) fn committed(&self) -> Option<Position> {
        *self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

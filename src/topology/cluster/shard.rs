//! A shard of a cluster.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::net::{Handle, Target};
use crate::replication::Position;
use crate::topology::cluster::members::Member;
use crate::topology::cluster::positions::SavedShard;
use crate::topology::cluster::slots::Slots;

/// A shard of a cluster: the primaries that continue one history, one after the other. Clones are the same shard.
#[derive(Clone)]
pub struct Shard {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    handle: Handle,
    /// The saved position from which it starts.
    start: Option<Position>,
    is_leaving: AtomicBool,
    state: Mutex<State>,
}

struct State {
    node: String,
    target: Target,
    /// The replicas that are up.
    replicas: Vec<Target>,
    slots: Slots,
    /// The server of the present connection.
    linked: Option<Target>,
    position: Option<Position>,
}

impl Shard {
    pub(super) fn new(id: String, member: &Member, position: Option<Position>) -> Self {
        let state = State {
            node: member.primary.id.clone(),
            target: member.primary.target.clone(),
            replicas: replicas(member),
            slots: member.slots.clone(),
            linked: None,
            position,
        };
        let (handle, is_leaving) = (Handle::new(), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { id, handle, start: position, is_leaving, state: Mutex::new(state) }) }
    }

    /// The id of the node that was the primary when the shard was first seen. It never changes.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The address of the primary in the last known topology.
    pub fn target(&self) -> Target {
        self.state().target.clone()
    }

    /// The slots of the shard in the last known topology.
    pub fn slots(&self) -> Slots {
        self.state().slots.clone()
    }

    /// The handle of the shard's follower: for heartbeats during long work, and to commit stored positions
    /// ([`Ack::Applied`](crate::Ack::Applied)). Its `stop` ends this shard only.
    pub fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// The shard at its [`position`](Self::position), to be saved. `None` without a position.
    pub fn saved(&self) -> Option<SavedShard> {
        self.saved_at(self.position())
    }

    pub(super) fn saved_at(&self, position: Option<Position>) -> Option<SavedShard> {
        let state = self.state();
        Some(SavedShard { node: state.node.clone(), slots: state.slots.clone(), position: position? })
    }

    /// The last resumable position up to which the handler has returned. `None` before the first one, and in the middle
    /// of a snapshot.
    pub fn position(&self) -> Option<Position> {
        self.state().position
    }

    /// The furthest position that was committed to the [`handle`](Self::handle). Before the first commit it is the
    /// saved position from which the shard started, if any.
    pub fn committed(&self) -> Option<Position> {
        self.inner.handle.committed().or(self.inner.start)
    }

    /// Replaces address, replicas and slots. Returns the former address and slots.
    pub(super) fn update(&self, member: &Member) -> (Target, Slots) {
        let mut state = self.state();
        state.node.clone_from(&member.primary.id);
        state.replicas = replicas(member);
        let target = std::mem::replace(&mut state.target, member.primary.target.clone());
        (target, std::mem::replace(&mut state.slots, member.slots.clone()))
    }

    /// Ends a connection to a server that is neither the primary nor, with `prefer_replica`, one of its replicas.
    pub(super) fn leave_wrong_server(&self, prefer_replica: bool) {
        let is_wrong = {
            let state = self.state();
            let is_right =
                |linked: &Target| *linked == state.target || (prefer_replica && state.replicas.contains(linked));
            state.linked.as_ref().is_some_and(|linked| !is_right(linked))
        };
        if is_wrong {
            self.inner.handle.reconnect();
        }
    }

    /// Marks the shard as no longer part of the cluster. It ends once everything that its node still sends is read.
    pub(super) fn leave(&self) {
        self.inner.is_leaving.store(true, Ordering::Release);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.inner.is_leaving.load(Ordering::Acquire)
    }

    /// The servers to connect to next: the primary, and its replicas. No connection exists from now on.
    pub(super) fn servers(&self) -> (Target, Vec<Target>) {
        let mut state = self.state();
        state.linked = None;
        (state.target.clone(), state.replicas.clone())
    }

    pub(super) fn set_linked(&self, target: Target) {
        self.state().linked = Some(target);
    }

    pub(super) fn set_position(&self, position: Option<Position>) {
        self.state().position = position;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Shard {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Shard {}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        write!(f, "Shard({} at {}: {})", self.inner.id, state.target, state.slots)
    }
}

fn replicas(member: &Member) -> Vec<Target> {
    member.replicas.iter().filter(|node| node.is_up).map(|node| node.target.clone()).collect()
}

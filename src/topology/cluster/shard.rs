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
///
/// ```
/// # fn react(shard: &redtail::topology::Shard) {
/// println!("{} is at {}, with slots {}", shard.id(), shard.target(), shard.slots());
/// # }
/// ```
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
    /// The shard in the last known topology.
    member: Member,
    /// The id of the node at the present connection.
    linked: Option<String>,
    position: Option<Position>,
}

impl Shard {
    pub(super) fn new(id: String, member: &Member, position: Option<Position>) -> Self {
        let state = State { member: member.clone(), linked: None, position };
        let (handle, is_leaving) = (Handle::new(), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { id, handle, start: position, is_leaving, state: Mutex::new(state) }) }
    }

    /// The id of the node that was the primary when the shard was first seen. It never changes.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The address of the primary in the last known topology.
    pub fn target(&self) -> Target {
        self.state().member.primary.target.clone()
    }

    /// The slots of the shard in the last known topology.
    pub fn slots(&self) -> Slots {
        self.state().member.slots.clone()
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
        let Member { primary, slots, .. } = &self.state().member;
        Some(SavedShard { node: primary.id.clone(), slots: slots.clone(), position: position? })
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

    /// Whether the position is one of the present history.
    pub(super) fn continues(&self, position: &Position) -> bool {
        self.position().is_some_and(|present| present.history == position.history)
    }

    /// Whether the node belongs to the shard in the last known topology.
    pub(super) fn has_node(&self, node: &str) -> bool {
        self.state().member.has(node)
    }

    /// Replaces nodes and slots. Returns the former ones.
    pub(super) fn update(&self, member: Member) -> Member {
        std::mem::replace(&mut self.state().member, member)
    }

    /// Ends a connection to a node that is neither the primary nor, with `prefer_replica`, one of its replicas.
    pub(super) fn leave_wrong_server(&self, prefer_replica: bool) {
        let is_wrong = {
            let State { member, linked, .. } = &*self.state();
            let is_replica = |id: &str| member.replicas.iter().any(|node| node.is_up && node.id == id);
            let is_right = |id: &String| *id == member.primary.id || (prefer_replica && is_replica(id));
            linked.as_ref().is_some_and(|linked| !is_right(linked))
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

    /// The nodes to connect to next. No connection exists from now on.
    pub(super) fn unlinked(&self) -> Member {
        let mut state = self.state();
        state.linked = None;
        state.member.clone()
    }

    pub(super) fn set_linked(&self, node: String) {
        self.state().linked = Some(node);
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
        let Member { primary, slots, .. } = &self.state().member;
        write!(f, "Shard({} at {}: {slots})", self.inner.id, primary.target)
    }
}

//! One shard, and the thread that follows it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use crate::net::{Builder, Error, Handle, Target};
use crate::replication::{Event, Idle, Options, Position};
use crate::topology::cluster::coordinator::{Common, Word};
use crate::topology::cluster::finder::{link, link_to_replica};
use crate::topology::cluster::positions::SavedShard;
use crate::topology::cluster::slots::Slots;
use crate::topology::cluster::topology::Member;
use crate::topology::connector::Way;
use crate::topology::sentinel::any_of;

/// A shard of a cluster: one primary after another, which continue one history. Copies are the same shard.
#[derive(Clone)]
pub struct Shard {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    handle: Handle,
    /// The saved place it goes on from.
    start: Option<Position>,
    leaves: AtomicBool,
    state: Mutex<State>,
}

struct State {
    node: String,
    target: Target,
    /// Those that are up.
    replicas: Vec<Target>,
    slots: Slots,
    /// The server of the present link.
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
        let (handle, leaves) = (Handle::new(), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { id, handle, start: position, leaves, state: Mutex::new(state) }) }
    }

    /// A name that stays for as long as the shard is followed: the id of the node that was its primary when it was first seen.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Where its primary is now, as far as is known.
    pub fn target(&self) -> Target {
        self.state().target.clone()
    }

    /// The slots it serves now, as far as is known.
    pub fn slots(&self) -> Slots {
        self.state().slots.clone()
    }

    /// The handle of its follower: for heartbeats during long work, and to commit what is safely kept
    /// ([`Ack::Applied`](crate::Ack::Applied)). To stop it ends this shard alone.
    pub fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// How far the handler is through: the last place that can be gone on from. `None` before there is one, and amid a snapshot.
    pub fn place(&self) -> Option<SavedShard> {
        self.saved(self.position())
    }

    pub(super) fn saved(&self, position: Option<Position>) -> Option<SavedShard> {
        let state = self.state();
        Some(SavedShard { node: state.node.clone(), slots: state.slots.clone(), position: position? })
    }

    /// The last resumable place up to which the handler is through. None before there is one, and amid a snapshot.
    pub fn position(&self) -> Option<Position> {
        self.state().position
    }

    /// The furthest place that was committed to its [`handle`](Self::handle); before anything was, the saved place it started from.
    pub fn committed(&self) -> Option<Position> {
        self.inner.handle.committed().or(self.inner.start)
    }

    /// Takes over what the cluster says now. Gives the address and the slots there were before.
    pub(super) fn update(&self, member: &Member) -> (Target, Slots) {
        let mut state = self.state();
        state.node.clone_from(&member.primary.id);
        state.replicas = replicas(member);
        let target = std::mem::replace(&mut state.target, member.primary.target.clone());
        (target, std::mem::replace(&mut state.slots, member.slots.clone()))
    }

    /// Ends a link to a server that is no longer the right one: the primary, or a replica of it if that may be.
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

    /// It is no longer part of the cluster: to be ended once all that its node still sends is read.
    pub(super) fn leave(&self) {
        self.inner.leaves.store(true, Ordering::Release);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.inner.leaves.load(Ordering::Acquire)
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

/// What a follower of a shard is made of.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) way: Way,
    pub(super) options: Options,
    pub(super) buffer: usize,
    pub(super) prefer_replica: bool,
}

/// How long a shard is quiet before its thread looks around.
const TICK: Duration = Duration::from_secs(1);

impl Recipe {
    fn builder(&self, shard: &Shard, words: Sender<Word>) -> Builder {
        let (way, login, shard) = (self.way.clone(), self.way.clone(), shard.clone());
        let (handle, name) = (shard.handle().clone(), shard.id().to_owned());
        let (mut is_first, prefer_replica) = (true, self.prefer_replica);
        let connect = move || {
            if !std::mem::take(&mut is_first) {
                // Whoever listens is at work, or there is nobody who could.
                let _ = words.send(Word::Lost);
            }
            if shard.is_leaving() {
                return Err(io::Error::other("the node has left the cluster"));
            }
            let (target, mut replicas, position) = {
                let mut state = shard.state();
                state.linked = None;
                (state.target.clone(), state.replicas.clone(), state.position)
            };
            while let Some(replica) = any_of(&mut replicas).filter(|_| prefer_replica) {
                if let Ok(link) = link_to_replica(&way, &replica, position) {
                    shard.state().linked = Some(replica);
                    return Ok(link);
                }
            }
            let link = link(&way, &target)?;
            shard.state().linked = Some(target);
            Ok(link)
        };
        let builder = Builder::from_connector(connect).named(name).options(self.options).buffer(self.buffer);
        // Later attempts find a node that this one did not.
        builder.retry_first(true).handle(handle).login(move || login.login())
    }

    /// Follows to the end, on the present thread.
    pub(super) fn run<H>(&self, shard: &Shard, mut handler: H, common: &Common) -> Result<(), Error>
    where
        H: FnMut(&Shard, Event<'_>) -> ControlFlow<()>,
    {
        let mut follower = self.builder(shard, common.words.clone()).connect()?;
        let mut in_snapshot = false;
        let mut each = |event: Event<'_>| {
            match event {
                Event::SnapshotBegin(_) => {
                    in_snapshot = true;
                    shard.state().position = None;
                }
                Event::SnapshotEnd(_) => in_snapshot = false,
                _ => {}
            }
            let flow = handler(shard, event);
            (flow, in_snapshot)
        };
        loop {
            let Some(event) = follower.next_timeout(TICK)? else { return Ok(()) };
            // Nothing more will come over this link.
            let is_through = matches!(event, Event::Idle(_) | Event::Disconnected(_));
            let (mut flow, mut in_snapshot) = each(event);
            if is_through && shard.is_leaving() {
                // Once more, with the end: PINGs behind the last event count too, and a sink is to commit the last place there is.
                let position = follower.position().filter(|_| !in_snapshot);
                shard.state().position = position;
                if flow.is_break() || each(Event::Idle(Idle { position })).0.is_break() {
                    common.stop();
                }
                return Ok(());
            }
            loop {
                if let Some(position) = follower.position().filter(|_| !in_snapshot) {
                    shard.state().position = Some(position);
                }
                if flow.is_break() {
                    common.stop();
                    return Ok(());
                }
                if follower.is_drained() {
                    break;
                }
                let more = follower.batch(|event| {
                    (flow, in_snapshot) = each(event);
                    flow
                })?;
                if !more {
                    return Ok(());
                }
            }
        }
    }
}

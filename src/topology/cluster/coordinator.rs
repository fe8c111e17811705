//! The thread that keeps the followers of all shards, and what it tells.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::net::{Error, Target};
use crate::replication::{Event, OnGap, Options, Position, Start};
use crate::topology::cluster::ClusterError;
use crate::topology::cluster::finder::Finder;
use crate::topology::cluster::merged::Queue;
use crate::topology::cluster::positions::{Positions, SavedShard};
use crate::topology::cluster::shard::{Recipe, Shard};
use crate::topology::cluster::slots::Slots;
use crate::topology::cluster::topology::{Member, Topology};

/// What happens to a cluster, besides what its shards tell themselves.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A shard is followed from now on. Comes before its first event.
    Added {
        /// The shard.
        shard: Shard,
        /// Where it starts.
        start: Start,
    },
    /// Another node has become the primary of a shard, or its primary has moved. Where the stream goes on there is told by its events.
    FailedOver {
        /// The shard.
        shard: Shard,
        /// Where it was.
        from: Target,
        /// Where it is.
        to: Target,
    },
    /// Slots have moved. Events for their keys go on in another shard's stream, in no order relative to this one.
    SlotsMoved {
        /// The shard.
        shard: Shard,
        /// Those it has now, and had not.
        gained: Slots,
        /// Those it had.
        lost: Slots,
    },
    /// A shard is not part of the cluster any more, and all that its node has sent is through.
    Removed {
        /// The shard.
        shard: Shard,
        /// The last place in it.
        position: Option<Position>,
    },
    /// Following a shard has ended with an error, and is not tried again. The others go on. Its last place stays among the positions.
    Ended {
        /// The shard.
        shard: Shard,
        /// Why; `None` if its own handle stopped it.
        error: Option<Error>,
    },
    /// A gap: the cluster has no shard that continues this saved place. What was written there after it is not known. The others go on;
    /// with [`OnGap::Stop`] the place stays among the positions, so that the next start tells it again. Comes before all else.
    Lost(SavedShard),
    /// No node tells what the cluster consists of; told once until one does. Shards that have their links go on.
    Unreachable(ClusterError),
}

/// The followers of all primaries of a cluster, at work. Dropping it ends them all.
#[derive(Debug)]
pub struct Following {
    common: Arc<Common>,
    coordinator: Option<JoinHandle<()>>,
}

/// Ends a [`Following`] from anywhere.
#[derive(Debug, Clone)]
pub struct Stopper {
    common: Arc<Common>,
}

impl Following {
    /// The shards that are followed.
    pub fn shards(&self) -> Vec<Shard> {
        self.common.shards().clone()
    }

    /// How far the handlers are through: each shard's last resumable place. A shard that is amid a snapshot has none.
    pub fn positions(&self) -> Positions {
        let shards: Vec<_> = self.common.shards().iter().filter_map(Shard::place).collect();
        Positions { shards: shards.into_iter().chain(self.lost()).collect() }
    }

    /// Saved places that no shard continues, and that nobody has agreed to go on without ([`OnGap::Stop`]). They are among
    /// the [`positions`](Self::positions), committed or not.
    pub fn lost(&self) -> Vec<SavedShard> {
        self.common.lost.get().cloned().unwrap_or_default()
    }

    /// How far the sinks are: each shard's furthest place that was committed to [`Shard::handle`], for handlers that return before what they
    /// were given is safely kept. A shard of which nothing was committed has the saved place it started from, or none; one that has left the
    /// cluster stays among them until its last place is committed.
    pub fn committed(&self) -> Positions {
        self.common.left().retain(|shard| shard.committed() != shard.position());
        let (shards, left) = (self.common.shards().clone(), self.common.left().clone());
        // One that is just leaving may be in both.
        let all = shards.iter().chain(left.iter().filter(|shard| !shards.contains(shard)));
        Positions { shards: all.filter_map(|shard| shard.saved(shard.committed())).chain(self.lost()).collect() }
    }

    /// To end it from another thread, a handler or a signal.
    pub fn stopper(&self) -> Stopper {
        Stopper { common: Arc::clone(&self.common) }
    }

    /// Ends all followers and waits for their threads: for the handlers to return, and for an attempt to connect to be through. To be
    /// called outside of handlers (they return [`ControlFlow::Break`], or use a [`Stopper`]).
    ///
    /// # Panics
    /// If a handler has.
    pub fn stop(&mut self) {
        self.common.stop();
        self.wait();
    }

    /// Waits until a handler or a [`Stopper`] ends it.
    ///
    /// # Panics
    /// If a handler has.
    pub fn wait(&mut self) {
        if let Some(Err(panic)) = self.coordinator.take().map(JoinHandle::join) {
            resume_unwind(panic);
        }
    }
}

impl Following {
    pub(super) fn common(&self) -> &Common {
        &self.common
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.common.stop();
        if let Some(coordinator) = self.coordinator.take() {
            // Its panic was printed; another one here would end the process.
            let _ = coordinator.join();
        }
    }
}

impl Stopper {
    /// Ends all followers, without waiting for that.
    pub fn stop(&self) {
        self.common.stop();
    }

    /// Whether they were told to end.
    pub fn is_stopped(&self) -> bool {
        self.common.is_stopped()
    }
}

/// What all threads share.
#[derive(Debug)]
pub(super) struct Common {
    stopped: AtomicBool,
    shards: Mutex<Vec<Shard>>,
    /// Those that were removed, and not all of which was committed.
    left: Mutex<Vec<Shard>>,
    /// Saved places that are to be told again.
    lost: OnceLock<Vec<SavedShard>>,
    /// Where all that is told goes, if it goes to one place.
    queue: OnceLock<Arc<Queue>>,
    pub(super) words: Sender<Word>,
}

impl Common {
    pub(super) const fn new(words: Sender<Word>) -> Self {
        Self {
            stopped: AtomicBool::new(false),
            shards: Mutex::new(Vec::new()),
            left: Mutex::new(Vec::new()),
            lost: OnceLock::new(),
            queue: OnceLock::new(),
            words,
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Nobody listens once the coordinator has ended.
        let _ = self.words.send(Word::Stop);
        self.shards().iter().for_each(|shard| shard.handle().stop());
        if let Some(queue) = self.queue.get() {
            queue.close();
        }
    }

    /// What waits for room in this queue, or for something to come out of it, is to end with all else.
    pub(super) fn on_stop(&self, queue: Arc<Queue>) {
        let queue = self.queue.get_or_init(|| queue);
        if self.is_stopped() {
            queue.close();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn shards(&self) -> MutexGuard<'_, Vec<Shard>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> MutexGuard<'_, Vec<Shard>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the coordinator is told.
#[derive(Debug)]
pub(super) enum Word {
    /// A shard has lost its link.
    Lost,
    /// The thread of a shard has ended; `None`: it panicked.
    Ended(Shard, Option<Result<(), Error>>),
    Stop,
}

/// Keeps the followers.
pub(super) struct Coordinator<N, F> {
    pub(super) finder: Finder,
    pub(super) common: Arc<Common>,
    pub(super) words: Receiver<Word>,
    pub(super) recipe: Recipe,
    /// Where a shard starts that appears later.
    pub(super) added: Start,
    pub(super) refresh: Duration,
    pub(super) notice: N,
    pub(super) factory: F,
    pub(super) running: Vec<Running>,
    /// Primaries without slots that are not followed yet, and since when they are there.
    pub(super) newcomers: Vec<(String, Instant)>,
}

pub(super) struct Running {
    shard: Shard,
    member: Member,
    thread: Option<JoinHandle<()>>,
    missed: Option<Instant>,
}

/// How soon the nodes are asked again, at the earliest.
const PAUSE: Duration = Duration::from_millis(200);
/// A shard that nobody knows is one that has left only if that is still so after this time.
const GRACE: Duration = Duration::from_secs(2);

impl<N, F, H> Coordinator<N, F>
where
    N: FnMut(Notice) + Send + 'static,
    F: FnMut(&Shard) -> H + Send + 'static,
    H: FnMut(&Shard, Event<'_>) -> ControlFlow<()> + Send + 'static,
{
    /// Begins with these shards, and with saved places for which there is none.
    pub(super) fn begin(mut self, shards: Vec<(Member, Start)>, lost: Vec<SavedShard>) -> io::Result<Following> {
        let common = Arc::clone(&self.common);
        if self.recipe.options.on_gap == OnGap::Stop {
            common.lost.get_or_init(|| lost.clone());
        }
        let starts: Vec<Start> = shards.iter().map(|(_, start)| *start).collect();
        shards.into_iter().for_each(|(member, start)| self.know(member, start));
        let run = move || {
            lost.into_iter().for_each(|saved| (self.notice)(Notice::Lost(saved)));
            starts.into_iter().enumerate().for_each(|(at, start)| self.launch(at, start));
            self.run();
        };
        let coordinator = thread::Builder::new().name("redtail-cluster".into()).spawn(run)?;
        Ok(Following { common, coordinator: Some(coordinator) })
    }

    fn run(&mut self) {
        let (mut next, mut last, mut is_reachable) = (Instant::now() + self.refresh, Instant::now(), true);
        while !self.common.is_stopped() {
            match self.words.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Word::Lost) => next = next.min(last + PAUSE),
                Ok(Word::Ended(shard, result)) => self.ended(&shard, result),
                Ok(Word::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let common = Arc::clone(&self.common);
                    match self.finder.find(|| common.is_stopped()) {
                        Ok(topology) => {
                            is_reachable = true;
                            self.apply(topology);
                        }
                        Err(error) if !self.common.is_stopped() => {
                            if std::mem::take(&mut is_reachable) {
                                (self.notice)(Notice::Unreachable(error));
                            }
                        }
                        Err(_) => {}
                    }
                    last = Instant::now();
                    let someone_is_missed = self.running.iter().any(|it| it.missed.is_some() && !it.shard.is_leaving());
                    let is_soon = someone_is_missed || !self.newcomers.is_empty();
                    next = last + if is_soon { self.refresh.min(GRACE) } else { self.refresh };
                }
            }
        }
        self.common.stop();
        let threads: Vec<_> = self.running.iter_mut().filter_map(|running| running.thread.take()).collect();
        let panics: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().err()).collect();
        if let Some(panic) = panics.into_iter().next() {
            resume_unwind(panic);
        }
    }

    /// Compares what is followed with what there is.
    fn apply(&mut self, topology: Topology) {
        let followed: Vec<usize> = (0..self.running.len()).filter(|&at| !self.running[at].shard.is_leaving()).collect();
        let known: Vec<&Member> = followed.iter().map(|&at| &self.running[at].member).collect();
        let found = same(&known, &topology.shards);
        let mut new: Vec<Option<Member>> = topology.shards.into_iter().map(Some).collect();
        for (at, found) in followed.into_iter().zip(found) {
            match found.and_then(|found| new[found].take()) {
                Some(member) => self.update(at, member),
                None => self.miss(at),
            }
        }
        let new: Vec<Member> = new.into_iter().flatten().collect();
        self.newcomers.retain(|(id, _)| new.iter().any(|member| member.primary.id == *id));
        for member in new {
            if member.slots.is_empty() && !self.has_stayed(&member) {
                continue;
            }
            self.know(member, self.added);
            self.launch(self.running.len() - 1, self.added);
        }
    }

    /// Whether a primary without slots was there some time ago already. In a failover, and while a cluster is made, nodes that will be
    /// replicas are for a moment taken for primaries.
    fn has_stayed(&mut self, member: &Member) -> bool {
        match self.newcomers.iter().find(|(id, _)| *id == member.primary.id) {
            Some((_, since)) => since.elapsed() >= GRACE,
            None => {
                self.newcomers.push((member.primary.id.clone(), Instant::now()));
                false
            }
        }
    }

    fn update(&mut self, at: usize, member: Member) {
        let running = &mut self.running[at];
        running.missed = None;
        let shard = running.shard.clone();
        let (from, had) = shard.update(&member);
        let (to, has) = (member.primary.target.clone(), member.slots.clone());
        running.member = member;
        if from != to {
            (self.notice)(Notice::FailedOver { shard: shard.clone(), from, to });
        }
        shard.leave_wrong_server(self.recipe.prefer_replica);
        if had != has {
            (self.notice)(Notice::SlotsMoved { gained: has.without(&had), lost: had.without(&has), shard });
        }
    }

    fn miss(&mut self, at: usize) {
        let running = &mut self.running[at];
        if running.missed.get_or_insert_with(Instant::now).elapsed() >= GRACE {
            running.shard.leave();
            if running.thread.is_none() {
                let shard = running.shard.clone();
                self.forget(&shard);
            }
        }
    }

    /// Takes a shard up, so that it has its place among the positions.
    fn know(&mut self, member: Member, start: Start) {
        let position = match start {
            Start::At(position) => Some(position),
            _ => None,
        };
        // A node that has left and comes again is another shard.
        let id = (1..).map(|n| if n == 1 { member.primary.id.clone() } else { format!("{}-{n}", member.primary.id) });
        let is_free = |id: &String| self.running.iter().all(|running| running.shard.id() != id);
        let shard = Shard::new(id.into_iter().find(is_free).unwrap_or_default(), &member, position);
        self.common.shards().push(shard.clone());
        if self.common.is_stopped() {
            shard.handle().stop();
        }
        self.running.push(Running { shard, member, thread: None, missed: None });
    }

    fn launch(&mut self, at: usize, start: Start) {
        let shard = self.running[at].shard.clone();
        (self.notice)(Notice::Added { shard: shard.clone(), start });
        let handler = (self.factory)(&shard);
        let (common, mut recipe) = (Arc::clone(&self.common), self.recipe.clone());
        recipe.options = Options { start, ..recipe.options };
        let followed = shard.clone();
        let run = move || {
            let mut end = End { shard: followed, result: None, common };
            end.result = Some(recipe.run(&end.shard, handler, &end.common));
        };
        match thread::Builder::new().name("redtail-shard".into()).spawn(run) {
            Ok(thread) => self.running[at].thread = Some(thread),
            Err(source) => {
                let error = Some(Error::Connect { target: shard.target().to_string(), source });
                (self.notice)(Notice::Ended { shard, error });
            }
        }
    }

    fn ended(&mut self, shard: &Shard, result: Option<Result<(), Error>>) {
        let Some(running) = self.running.iter_mut().find(|running| running.shard == *shard) else { return };
        if let Some(thread) = running.thread.take_if(|_| result.is_some()) {
            // It has said how it ended.
            let _ = thread.join();
        }
        match result {
            _ if shard.is_leaving() => self.forget(shard),
            Some(result) if !self.common.is_stopped() => {
                (self.notice)(Notice::Ended { shard: shard.clone(), error: result.err() });
            }
            _ => {}
        }
    }

    fn forget(&mut self, shard: &Shard) {
        self.running.retain(|running| running.shard != *shard);
        // Only of a shard that something was committed of is there something to wait for.
        if shard.committed().is_some_and(|committed| Some(committed) != shard.position()) {
            self.common.left().push(shard.clone());
        }
        self.common.shards().retain(|one| one != shard);
        (self.notice)(Notice::Removed { shard: shard.clone(), position: shard.position() });
    }
}

/// Tells the coordinator that a thread ends, however it does.
struct End {
    shard: Shard,
    result: Option<Result<(), Error>>,
    common: Arc<Common>,
}

impl Drop for End {
    fn drop(&mut self) {
        let result = self.result.take();
        if result.is_none() {
            self.common.stop();
        }
        let _ = self.common.words.send(Word::Ended(self.shard.clone(), result));
    }
}

/// For each shard that is known, which of those that are there now it is. A shard is where its primary is, or where one of its replicas
/// has become a primary; where both are, the one with slots.
fn same(known: &[&Member], now: &[Member]) -> Vec<Option<usize>> {
    let mut found = vec![None; known.len()];
    let mut each = |fits: &dyn Fn(&Member, &Member) -> bool| {
        for (at, before) in known.iter().enumerate() {
            if found[at].is_none() {
                let free = |one: &usize| !found.contains(&Some(*one));
                found[at] = (0..now.len()).filter(free).find(|&one| fits(before, &now[one]));
            }
        }
    };
    let is_same = |before: &Member, now: &Member| before.primary.id == now.primary.id;
    let is_related = |before: &Member, now: &Member| before.has(&now.primary.id) || now.has(&before.primary.id);
    let overlaps = |before: &Member, now: &Member| !before.slots.common(&now.slots).is_empty();
    let are_empty = |before: &Member, now: &Member| before.slots.is_empty() && now.slots.is_empty();
    each(&|before, now| is_same(before, now) && (overlaps(before, now) || are_empty(before, now)));
    each(&|before, now| is_related(before, now) && overlaps(before, now));
    each(&is_same);
    each(&is_related);
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]
mod tests {
    use super::*;
    use crate::topology::cluster::topology::Node;

    fn member(nodes: &str, slots: &str) -> Member {
        let node = |id: char| Node { id: id.into(), target: "h:1".parse().unwrap(), is_up: true };
        let mut nodes = nodes.chars().map(node);
        Member { primary: nodes.next().unwrap(), replicas: nodes.collect(), slots: slots.parse().unwrap() }
    }

    fn found(known: &[(&str, &str)], now: &[(&str, &str)]) -> Vec<Option<usize>> {
        let known: Vec<_> = known.iter().map(|(nodes, slots)| member(nodes, slots)).collect();
        let now: Vec<_> = now.iter().map(|(nodes, slots)| member(nodes, slots)).collect();
        same(&known.iter().collect::<Vec<_>>(), &now)
    }

    #[test]
    fn a_shard_is_known_again() {
        let before = [("ab", "0-9"), ("cd", "10-19")];
        // In another order, with slots moved, and one added.
        assert_eq!(found(&before, &[("x", "0-4"), ("cd", "15-19"), ("ab", "5-14")]), [Some(2), Some(1)]);
        // Failed over: with the one before as its replica, or gone.
        assert_eq!(found(&before, &[("ba", "0-9"), ("d", "10-19")]), [Some(0), Some(1)]);
        // The one before is back, and does not know yet that it is none any more.
        assert_eq!(found(&before, &[("a", ""), ("b", "0-9"), ("cd", "10-19")]), [Some(1), Some(2)]);
        // Emptied, with all its slots on the other; then taken in there as a replica.
        assert_eq!(found(&before, &[("ab", ""), ("cd", "0-19")]), [Some(0), Some(1)]);
        assert_eq!(found(&before, &[("cdab", "0-19")]), [None, Some(0)]);
        // A node without slots is one shard; when it is given some, still the same.
        assert_eq!(found(&[("a", "0-9"), ("x", "")], &[("a", "0-4"), ("x", "5-9")]), [Some(0), Some(1)]);
        // A replica that was taken for a primary while the cluster was made takes over from its own.
        assert_eq!(found(&[("a", "0-9"), ("b", "")], &[("ba", "0-9")]), [Some(0), None]);
        assert_eq!(found(&before, &[]), [None, None]);
    }
}

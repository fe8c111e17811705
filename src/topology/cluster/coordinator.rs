//! The thread that compares the topology with the shards that are followed, and starts and ends their threads.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::net::Error;
use crate::replication::{Event, OnGap, Options, Start};
use crate::topology::cluster::event::Notice;
use crate::topology::cluster::finder::TopologyFinder;
use crate::topology::cluster::handle::ClusterHandle;
use crate::topology::cluster::identity::same;
use crate::topology::cluster::members::{Member, Topology};
use crate::topology::cluster::positions::SavedShard;
use crate::topology::cluster::shard::Shard;
use crate::topology::cluster::shard_thread::ShardConfig;
use crate::topology::cluster::shared::{Message, Shared};

pub(super) struct Coordinator<N, F> {
    pub(super) finder: TopologyFinder,
    pub(super) shared: Arc<Shared>,
    pub(super) messages: Receiver<Message>,
    pub(super) config: ShardConfig,
    /// Where a shard starts that appears later.
    pub(super) added: Start,
    pub(super) refresh: Duration,
    pub(super) notice: N,
    pub(super) factory: F,
    pub(super) running: Vec<Running>,
    /// Primaries without slots that are not followed yet, and when each was seen first.
    pub(super) newcomers: Vec<(String, Instant)>,
}

pub(super) struct Running {
    shard: Shard,
    member: Member,
    thread: Option<JoinHandle<()>>,
    missed: Option<Instant>,
}

/// The shortest time between two requests for the topology.
const PAUSE: Duration = Duration::from_millis(200);
/// A shard has left the cluster if no node names it for this time.
const GRACE: Duration = Duration::from_secs(2);

impl<N, F, H> Coordinator<N, F>
where
    N: FnMut(Notice) + Send + 'static,
    F: FnMut(&Shard) -> H + Send + 'static,
    H: FnMut(&Shard, Event<'_>) -> ControlFlow<()> + Send + 'static,
{
    /// Starts with these shards, and with the saved positions that none of them continues.
    pub(super) fn begin(mut self, shards: Vec<(Member, Start)>, lost: Vec<SavedShard>) -> io::Result<ClusterHandle> {
        let shared = Arc::clone(&self.shared);
        if self.config.options.on_gap == OnGap::Stop {
            shared.set_lost(lost.clone());
        }
        let starts: Vec<Start> = shards.iter().map(|(_, start)| *start).collect();
        shards.into_iter().for_each(|(member, start)| self.add(member, start));
        let (ending, end) = mpsc::channel();
        let run = move || {
            let _ending: Sender<()> = ending;
            lost.into_iter().for_each(|saved| (self.notice)(Notice::Lost(saved)));
            starts.into_iter().enumerate().for_each(|(at, start)| self.launch(at, start));
            self.run();
        };
        let coordinator = thread::Builder::new().name("redtail-cluster".into()).spawn(run)?;
        Ok(ClusterHandle::new(shared, coordinator, end))
    }

    fn run(&mut self) {
        let (mut next, mut last, mut is_reachable) = (Instant::now() + self.refresh, Instant::now(), true);
        while !self.shared.is_stopped() {
            match self.messages.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Message::ConnectionLost) => next = next.min(last + PAUSE),
                Ok(Message::Ended(shard, result)) => self.ended(&shard, result),
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let shared = Arc::clone(&self.shared);
                    let access = self.config.access.until(shared.ending());
                    let find = || self.finder.find(&access, || shared.is_stopped());
                    match shared.ending().scope(find) {
                        Ok(topology) => {
                            is_reachable = true;
                            self.apply(topology);
                        }
                        Err(error) if !self.shared.is_stopped() => {
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
        self.shared.stop();
        let threads: Vec<_> = self.running.iter_mut().filter_map(|running| running.thread.take()).collect();
        let panics: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().err()).collect();
        if let Some(panic) = panics.into_iter().next() {
            resume_unwind(panic);
        }
    }

    /// Compares the shards that are followed with the topology.
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
            self.add(member, self.added);
            self.launch(self.running.len() - 1, self.added);
        }
    }

    /// Whether a primary without slots was seen some time ago already. During a failover, and while a cluster is
    /// created, future replicas are listed as primaries for a moment.
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
        let Member { primary: before, slots: had, .. } = shard.update(member.clone());
        let (now, has) = (member.primary.clone(), member.slots.clone());
        running.member = member;
        let (from, to) = (before.target, now.target);
        if before.id != now.id {
            (self.notice)(Notice::FailedOver { shard: shard.clone(), from, to });
        } else if from != to {
            (self.notice)(Notice::Moved { shard: shard.clone(), from, to });
        }
        shard.leave_wrong_server(self.config.prefer_replica);
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

    /// Adds a shard, so that its position is among the positions. Its thread starts later.
    fn add(&mut self, member: Member, start: Start) {
        let position = match start {
            Start::At(position) => Some(position),
            _ => None,
        };
        // A node that has left and returns is another shard.
        let id = (1..).map(|n| if n == 1 { member.primary.id.clone() } else { format!("{}-{n}", member.primary.id) });
        let is_free = |id: &String| self.running.iter().all(|running| running.shard.id() != id);
        let shard = Shard::new(id.into_iter().find(is_free).unwrap_or_default(), &member, position);
        self.shared.shards().push(shard.clone());
        if self.shared.is_stopped() {
            shard.handle().stop();
        }
        self.running.push(Running { shard, member, thread: None, missed: None });
    }

    fn launch(&mut self, at: usize, start: Start) {
        let shard = self.running[at].shard.clone();
        (self.notice)(Notice::Added { shard: shard.clone(), start });
        let handler = (self.factory)(&shard);
        let (shared, mut config) = (Arc::clone(&self.shared), self.config.clone());
        config.options = Options { start, ..config.options };
        let followed = shard.clone();
        let run = move || {
            let mut end = EndMessage { shard: followed, result: None, shared };
            end.result = Some(config.run(&end.shard, handler, &end.shared));
        };
        match thread::Builder::new().name("redtail-shard".into()).spawn(run) {
            Ok(thread) => self.running[at].thread = Some(thread),
            Err(source) => {
                let source = io::Error::new(source.kind(), format!("no thread: {source}"));
                let error = Some(Error::Connect { target: shard.target().to_string(), source });
                (self.notice)(Notice::Ended { shard, error });
            }
        }
    }

    fn ended(&mut self, shard: &Shard, result: Option<Result<(), Error>>) {
        let Some(running) = self.running.iter_mut().find(|running| running.shard == *shard) else { return };
        if let Some(thread) = running.thread.take_if(|_| result.is_some()) {
            // Its result is known already.
            let _ = thread.join();
        }
        match result {
            _ if shard.is_leaving() => self.forget(shard),
            Some(result) if !self.shared.is_stopped() => {
                (self.notice)(Notice::Ended { shard: shard.clone(), error: result.err() });
            }
            _ => {}
        }
    }

    fn forget(&mut self, shard: &Shard) {
        self.running.retain(|running| running.shard != *shard);
        // Without a commit there is no later commit to wait for.
        if shard.committed().is_some_and(|committed| Some(committed) != shard.position()) {
            self.shared.left().push(shard.clone());
        }
        self.shared.shards().retain(|one| one != shard);
        (self.notice)(Notice::Removed { shard: shard.clone(), position: shard.position() });
    }
}

/// Sends the end of a shard's thread to the coordinator, also after a panic.
struct EndMessage {
    shard: Shard,
    result: Option<Result<(), Error>>,
    shared: Arc<Shared>,
}

impl Drop for EndMessage {
    fn drop(&mut self) {
        let result = self.result.take();
        if result.is_none() {
            self.shared.stop();
        }
        self.shared.tell(Message::Ended(self.shard.clone(), result));
    }
}

//! A followed cluster, and all events of its shards.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redtail::topology::{Cluster, ClusterHandle, Migrations, Notice, Positions, Shard, slot};
use redtail::{Builder, Event, Start};

use super::nodes::Nodes;
use crate::follow::{Seen, Told, Write};
use crate::help::PATIENCE;

pub(crate) struct Watched {
    pub(crate) following: ClusterHandle,
    /// By the ids of the shards.
    pub(crate) seen: Arc<Mutex<BTreeMap<String, Seen>>>,
    pub(crate) notices: Arc<Mutex<Vec<Notice>>>,
    misplaced: Arc<Mutex<Vec<String>>>,
    marks: Arc<Mutex<Vec<String>>>,
}

impl Watched {
    /// Follows, and waits until this number of shards is attached.
    pub(crate) fn start(cluster: Builder<Cluster>, shards: usize) -> Watched {
        Watched::with(cluster, BTreeMap::new(), shards)
    }

    /// Resumes from saved positions, and keeps the earlier events.
    pub(crate) fn again(cluster: Builder<Cluster>, positions: &Positions, before: BTreeMap<String, Seen>) -> Watched {
        let count = positions.shards.len();
        let before = before.into_values().map(|seen| (seen.position.expect("a position").to_string(), seen)).collect();
        Watched::with(cluster.positions(positions.clone()), before, count)
    }

    fn with(cluster: Builder<Cluster>, mut before: BTreeMap<String, Seen>, shards: usize) -> Watched {
        let seen: Arc<Mutex<BTreeMap<String, Seen>>> = Arc::default();
        let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
        let misplaced: Arc<Mutex<Vec<String>>> = Arc::default();
        let marks: Arc<Mutex<Vec<String>>> = Arc::default();
        let (all, told) = (seen.clone(), notices.clone());
        let notice = move |notice| {
            if let Notice::Added { shard, start } = &notice {
                let before = match start {
                    Start::At(position) => before.remove(&position.to_string()).expect("it was saved"),
                    _ => Seen::default(),
                };
                all.lock().expect("no panic").insert(shard.id().to_owned(), before);
            }
            told.lock().expect("no panic").push(notice);
        };
        let (all, wrong, marked) = (seen.clone(), misplaced.clone(), marks.clone());
        let following = cluster.follow(notice, move |_: &Shard| {
            let (all, wrong, marked) = (all.clone(), wrong.clone(), marked.clone());
            let mut migrations = Migrations::new();
            move |shard: &Shard, event: Event<'_>| {
                if let Event::Command(command) = &event {
                    let key = command.args().nth(1).unwrap_or_default();
                    if key.first() == Some(&b'{') && !shard.slots().contains(slot(key)) {
                        wrong.lock().expect("no panic").push(command.to_string());
                    }
                    if let Some(mark) = migrations.next(command) {
                        let task = mark.task().map(|task| {
                            let slots = task.slots.to_string();
                            [" ", task.side.as_str(), " ", task.id, " ", &slots].concat()
                        });
                        marked.lock().expect("no panic").push(mark.as_str().to_owned() + &task.unwrap_or_default());
                    }
                }
                all.lock().expect("no panic").get_mut(shard.id()).expect("it was announced").add(event);
                ControlFlow::Continue(())
            }
        });
        let following = following.expect("a cluster");
        let watched = Watched { following, seen, notices, misplaced, marks };
        watched.wait("all shards are attached", |watched| {
            watched.following.shards().iter().filter(|shard| watched.attached(shard) > 0).count() == shards
        });
        watched
    }

    /// The saved value, as a text, and the events of each shard up to it.
    pub(crate) fn end(mut self) -> (String, BTreeMap<String, Seen>) {
        // As after a kill: not after the last event, but somewhere before.
        let positions = self.following.positions();
        let shards = self.following.shards();
        self.following.stop();
        let mut seen = std::mem::take(&mut *self.seen.lock().expect("no panic"));
        for (id, seen) in &mut seen {
            let shard = shards.iter().find(|shard| shard.id() == id).expect("it is followed");
            let saved = positions.shards.iter().find(|saved| saved.slots == shard.slots()).expect("it is saved");
            seen.position = Some(saved.position);
            // The events after it are repeated. The ones made void by a lost connection are removed now, while their
            // end can be seen.
            let is_kept = |write: &&Write| write.offset <= saved.position.offset;
            let kept: Vec<Told> = seen.stream().into_iter().filter(is_kept).cloned().map(Told::Command).collect();
            seen.told.retain(|told| matches!(told, Told::Gap(_)));
            seen.told.extend(kept);
        }
        (positions.to_string(), seen)
    }

    /// The events of each shard, checked.
    pub(crate) fn stop(mut self) -> BTreeMap<String, Seen> {
        self.following.stop();
        for notice in &*self.notices.lock().expect("no panic") {
            assert!(!matches!(notice, Notice::Ended { .. }), "{notice:?}");
        }
        std::mem::take(&mut *self.seen.lock().expect("no panic"))
    }

    pub(crate) fn wait(&self, what: &str, mut condition: impl FnMut(&Watched) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !condition(self) {
            assert!(Instant::now() < end, "waited in vain: {what}; {:?}", self.notices.lock().expect("no panic"));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until each shard has delivered everything its primary has written.
    pub(crate) fn reaches(&self, nodes: &Nodes) {
        self.wait("everything", |watched| {
            let reached = watched.following.positions();
            watched.following.shards().iter().all(|shard| {
                let Some(primary) = nodes.at(&shard.target()) else { return false };
                let (id, offset) = (primary.call(&["CLUSTER", "MYID"]).text(), primary.offset());
                reached.shards.iter().any(|saved| saved.node == id && saved.position.offset >= offset)
            })
        });
    }

    pub(crate) fn attached(&self, shard: &Shard) -> usize {
        self.seen.lock().expect("no panic").get(shard.id()).map_or(0, |seen| seen.attached().len())
    }

    pub(crate) fn gaps(&self) -> usize {
        self.seen.lock().expect("no panic").values().map(|seen| seen.gaps().len()).sum()
    }

    pub(crate) fn notices(&self, which: impl Fn(&Notice) -> bool) -> usize {
        self.notices.lock().expect("no panic").iter().filter(|notice| which(notice)).count()
    }

    /// Commands whose key has its slot elsewhere.
    pub(crate) fn misplaced(&self) -> Vec<String> {
        self.misplaced.lock().expect("no panic").clone()
    }

    pub(crate) fn marks(&self) -> Vec<String> {
        self.marks.lock().expect("no panic").clone()
    }

    /// The number of commands of that name from all shards.
    pub(crate) fn count_of(&self, name: &str) -> usize {
        let seen = self.seen.lock().expect("no panic");
        seen.values().flat_map(Seen::writes).filter(|write| write.is(name)).count()
    }
}

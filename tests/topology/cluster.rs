//! Clusters: the merged stream and its back-pressure, the saved value, changes of the topology, and the end.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redtail::owned::OwnedEvent;
use redtail::topology::{Cluster, ClusterError, ClusterEvent, ClusterHandle, Notice, Positions, Shard};
use redtail::{Ack, Backoff, Builder, Event, OnGap, Position, Start};

#[cfg(target_os = "linux")]
use crate::full::Full;
use crate::nodes::{Node, Plan, Planned, eventually};

/// Two nodes with `writes` writes each.
fn two(plan: &Plan, writes: usize) -> [Node; 2] {
    let nodes = [Node::start(plan, 'a', &[(0, 8191)]), Node::start(plan, 'b', &[(8192, 16_383)])];
    for node in &nodes {
        (0..writes).for_each(|number| node.write(&["SET", "k", &number.to_string()]));
    }
    nodes
}

fn cluster(nodes: &[Node]) -> Builder<Cluster> {
    let positions: Vec<String> = nodes.iter().map(Node::beginning).collect();
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));
    let seeds = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
    let cluster = Cluster::builder(seeds).unwrap().reconnect(backoff);
    cluster.refresh(Duration::from_millis(50)).positions(positions.join(";").parse().unwrap())
}

/// The shard and the number of a write.
fn write(event: ClusterEvent) -> Option<(String, usize)> {
    let ClusterEvent::Shard { shard, event: OwnedEvent::Command(command) } = event else { return None };
    Some((shard.id().to_owned(), String::from_utf8_lossy(command.arg(2).unwrap()).parse().unwrap()))
}

#[test]
fn a_merged_stream_waits_for_its_reader_and_resumes() {
    let plan = Plan::default();
    let nodes = two(&plan, 500);
    let mut merged = cluster(&nodes).merged(10).unwrap();
    eventually("both are followed", || nodes.iter().all(|node| node.links() == 1));
    // Nobody reads: the threads wait for room, and send a heartbeat each second.
    let before = nodes.each_ref().map(Node::acks);
    eventually("those that wait acknowledge", || nodes.iter().zip(before).all(|(node, acks)| node.acks() > acks + 1));

    let mut next = [0, 0];
    let mut take = |event: ClusterEvent| {
        let Some((id, number)) = write(event) else { return 0 };
        let at = nodes.iter().position(|node| node.id == id).unwrap();
        assert_eq!(number, next[at], "out of order, missing or twice");
        next[at] += 1;
        1
    };
    let mut taken = 0;
    while taken < 301 {
        taken += take(merged.next_event().unwrap());
    }
    let saved = merged.positions().to_string();
    merged.stop();
    drop(merged);
    let again = cluster(&nodes).positions(saved.parse().unwrap());
    let mut merged = again.merged(10_000).unwrap();
    while taken < 1000 {
        taken += take(merged.next_event().unwrap());
    }
    assert_eq!(next, [500, 500]);
    let end: Positions = merged.positions();
    for node in &nodes {
        let saved = end.shards.iter().find(|saved| saved.node == node.id).unwrap();
        assert_eq!(saved.position.offset, node.stream().len() as u64);
    }
    merged.stopper().stop();
    assert!(merged.events().filter_map(write).next().is_none());
    assert!(merged.next_timeout(Duration::from_secs(1)).is_none());
}

/// Nobody writes any more. The reader wakes up, commits, and sees the end.
#[test]
fn a_merged_stream_commits_in_silence_and_ends() {
    let plan = Plan::default();
    let nodes = two(&plan, 10);
    let mut merged = cluster(&nodes).ack(Ack::Applied).merged(100).unwrap();
    let ping = ["PING"];
    let mut written = 0;
    while written < 20 {
        written += usize::from(merged.next_event().and_then(write).is_some());
    }
    // After the last write.
    nodes.iter().for_each(|node| node.write(&ping));
    let are_acked = || nodes.iter().all(|node| node.acked() == node.stream().len());
    while !are_acked() {
        match merged.next_timeout(Duration::from_millis(50)).expect("it has not ended") {
            ClusterEvent::Idle => merged.commit(&merged.positions()),
            event => assert!(write(event).is_none()),
        }
    }
    let stopper = merged.stopper();
    stopper.stop();
    while let Some(event) = merged.next_timeout(Duration::from_secs(600)) {
        assert!(!matches!(event, ClusterEvent::Idle), "the end is not a timeout");
    }
}

/// Positions of another history, or of a shard that nobody follows, are no commits.
#[test]
fn a_cluster_commits_the_positions_of_its_shards() {
    let plan = Plan::default();
    let nodes = two(&plan, 10);
    let mut handle = cluster(&nodes)
        .ack(Ack::Applied)
        .follow(|_| {}, |_: &Shard| |_: &Shard, _: Event<'_>| ControlFlow::Continue(()))
        .unwrap();
    let length = nodes[0].stream().len() as u64;
    eventually("all is handled", || handle.positions().shards.iter().all(|saved| saved.position.offset == length));
    let mut positions = handle.positions();
    let other: Positions = format!("{}@8192-16383={}:7:0", nodes[1].id, "e".repeat(40)).parse().unwrap();
    positions.shards.retain(|saved| saved.node == nodes[0].id);
    positions.shards.extend(other.shards);
    handle.commit(&positions);
    let committed = |node: &Node| {
        let all = handle.committed().shards;
        all.iter().find(|saved| saved.node == node.id).unwrap().position.offset
    };
    assert_eq!((committed(&nodes[0]), committed(&nodes[1])), (length, 0));
    eventually("the node hears it", || nodes[0].acked() as u64 == length);
    assert_eq!(nodes[1].acked(), 0);
    assert!(!handle.wait_timeout(Duration::from_millis(10)));
    handle.stopper().stop();
    assert!(handle.wait_timeout(Duration::from_secs(60)));
    assert!(handle.wait_timeout(Duration::ZERO), "the end stays");
}

/// A shard, and the thread that asks for the topology, connect to an address that never accepts.
#[cfg(target_os = "linux")]
#[test]
fn attempts_to_connect_end_with_the_cluster() {
    let (plan, full) = (Plan::default(), Full::new());
    let mut nodes = two(&plan, 10);
    let handled = |_: &Shard| |_: &Shard, _: Event<'_>| ControlFlow::Continue(());
    let builder = cluster(&nodes).connect_timeout(Duration::from_secs(3600));
    let mut handle = builder.follow(|_| {}, handled).unwrap();
    eventually("both are followed", || nodes.iter().all(|node| node.links() == 1));
    plan.lock().unwrap()[0].port = full.address.port();
    eventually("the address is known", || {
        handle.shards().iter().any(|shard| shard.target().to_string() == full.address.to_string())
    });
    nodes[0].stop();
    eventually("it tries to connect", || full.has_attempt());
    handle.stop();
    eventually("the attempts have ended", || !full.has_attempt());
}

/// Nobody ever reads; the end must not wait for that.
#[test]
fn a_full_stream_can_be_dropped_and_stopped() {
    let plan = Plan::default();
    let nodes = two(&plan, 500);
    for is_dropped in [true, false] {
        let links = nodes[0].links();
        let mut merged = cluster(&nodes).merged(1).unwrap();
        if is_dropped {
            drop(merged);
            continue;
        }
        assert!(merged.next_event().is_some());
        eventually("it is followed", || nodes[0].links() > links || merged.next_event().is_none());
        merged.stop();
    }
}

#[test]
fn a_moved_shard_continues_while_others_join_and_leave() {
    let plan = Plan::default();
    let mut nodes = two(&plan, 100);
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let notices: Arc<Mutex<Vec<String>>> = Arc::default();
    let (all, notes) = (told.clone(), notices.clone());
    let notice = move |notice: Notice| {
        notes.lock().unwrap().push(match notice {
            Notice::Added { .. } => "added".into(),
            Notice::Moved { from, to, .. } => format!("moved {from} {to}"),
            Notice::SlotsMoved { gained, lost, .. } => format!("slots +{gained} -{lost}"),
            Notice::Removed { position, .. } => format!("removed {}", position.unwrap().offset),
            other => format!("{other:?}"),
        });
    };
    let mut following = cluster(&nodes)
        .follow(notice, move |_: &Shard| {
            let all = all.clone();
            move |shard: &Shard, event: Event<'_>| {
                if let Event::Command(command) = event {
                    all.lock().unwrap().push(format!("{} {command}", shard.id()));
                }
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    eventually("all writes", || told.lock().unwrap().len() == 200);

    // The first node dies; another one with its history replaces it.
    let successor = Node::apart(&plan, 'a', nodes[0].stream());
    successor.write(&["SET", "k", "after"]);
    nodes[0].stop();
    successor.identifies(&format!("+{}", nodes[0].id));
    plan.lock().unwrap()[0].port = successor.port;
    eventually("it goes on there", || told.lock().unwrap().len() == 201);
    assert_eq!(successor.links(), 1);
    let moved = format!("moved 127.0.0.1:{} 127.0.0.1:{}", nodes[0].port, successor.port);
    assert!(notices.lock().unwrap().contains(&moved));
    assert!(told.lock().unwrap()[200].starts_with(&nodes[0].id));

    // All slots move to it, and the second node leaves.
    let length = nodes[1].stream().len();
    {
        let mut plan = plan.lock().unwrap();
        plan[0].slots = vec![(0, 16_383)];
        plan[1].slots.clear();
    }
    eventually("the slots have moved", || notices.lock().unwrap().contains(&"slots + -8192-16383".into()));
    plan.lock().unwrap().pop();
    eventually("it has left", || notices.lock().unwrap().contains(&format!("removed {length}")));
    assert_eq!(following.shards().len(), 1);
    assert_eq!(following.positions().shards.len(), 1);
    // There are no other notices, and none twice.
    let notices = notices.lock().unwrap().clone();
    assert_eq!(notices.len(), 6, "{notices:?}");
    following.stop();
}

/// A sink that confirms later: only committed positions are saved, also of a shard that has left.
#[test]
fn only_committed_positions_are_saved() {
    let plan = Plan::default();
    let nodes = two(&plan, 10);
    let told: Arc<Mutex<Vec<(Shard, Position)>>> = Arc::default();
    let left = Arc::new(AtomicBool::new(false));
    let (all, has_left) = (told.clone(), left.clone());
    let notice = move |notice: Notice| has_left.store(matches!(notice, Notice::Removed { .. }), Ordering::Release);
    let handler = move |_: &Shard| {
        let all = all.clone();
        move |shard: &Shard, event: Event<'_>| {
            if let Event::Command(command) = event {
                all.lock().unwrap().push((shard.clone(), command.position().unwrap()));
            }
            ControlFlow::Continue(())
        }
    };
    let mut following = cluster(&nodes).ack(Ack::Applied).follow(notice, handler).unwrap();
    eventually("all writes", || told.lock().unwrap().len() == 20);
    let committed = |following: &ClusterHandle| {
        let saved = following.committed().shards;
        nodes.each_ref().map(|node| Some(saved.iter().find(|saved| saved.node == node.id)?.position.offset))
    };
    // The handlers have returned from all events, but nothing was committed.
    assert_eq!(committed(&following), [Some(0), Some(0)]);
    let of = |node: &Node| -> Vec<_> {
        told.lock().unwrap().iter().filter(|(shard, _)| shard.id() == node.id).cloned().collect()
    };
    let (third, last) = (of(&nodes[1])[2].clone(), of(&nodes[1])[9].clone());
    third.0.handle().commit(third.1);
    assert_eq!(third.0.committed(), Some(third.1));
    assert_eq!(committed(&following), [Some(0), Some(third.1.offset)]);

    // It leaves, and its last event is still in transit.
    {
        let mut plan = plan.lock().unwrap();
        plan[0].slots = vec![(0, 16_383)];
        plan.pop();
    }
    eventually("it has left", || left.load(Ordering::Acquire));
    assert_eq!(following.shards().len(), 1);
    assert_eq!(committed(&following), [Some(0), Some(third.1.offset)]);
    last.0.handle().commit(last.1);
    assert_eq!(committed(&following), [Some(0), None]);
    following.stop();
    assert_eq!(committed(&following), [Some(0), None]);
}

/// All events of the shards, with the ids of the shards, and all notices.
type Told = Arc<Mutex<Vec<String>>>;

fn told(cluster: Builder<Cluster>) -> (ClusterHandle, Told) {
    let told = Told::default();
    let (notices, all) = (told.clone(), told.clone());
    let notice = move |notice: Notice| notices.lock().unwrap().push(notice.to_string());
    let handler = move |_: &Shard| {
        let all = all.clone();
        move |shard: &Shard, event: Event<'_>| {
            let text = match event {
                Event::Command(command) => command.to_string(),
                Event::Disconnected(lost) => lost.to_string(),
                Event::Gap(gap) => format!("gap {gap:?}"),
                _ => return ControlFlow::Continue(()),
            };
            all.lock().unwrap().push(format!("{} {text}", shard.id()));
            ControlFlow::Continue(())
        }
    };
    (cluster.follow(notice, handler).unwrap(), told)
}

fn has(told: &Told, start: &str, part: &str) -> bool {
    told.lock().unwrap().iter().any(|line| line.starts_with(start) && line.contains(part))
}

/// The address of the second node leads to the first one: a stale address, NAT, a load balancer.
#[test]
fn another_node_at_the_address_of_a_node_is_not_followed() {
    let plan = Plan::default();
    let nodes = two(&plan, 3);
    plan.lock().unwrap()[1].port = nodes[0].port;
    let (mut following, told) = told(cluster(&nodes));
    let [first, second] = nodes.each_ref().map(|node| node.id.as_str());
    let wrong = format!(
        "127.0.0.1:{} is node {first}, not {second} as announced: check cluster-announce-ip, cluster-announce-port and NAT",
        nodes[0].port
    );
    eventually("it is named", || has(&told, second, &wrong));
    eventually("the first node is followed", || has(&told, first, "\"2\""));
    plan.lock().unwrap()[1].port = nodes[1].port;
    eventually("the second node is followed", || has(&told, second, "\"2\""));
    following.stop();
    // Each once.
    assert_eq!(nodes.each_ref().map(Node::links), [1, 1]);
    let lines = told.lock().unwrap();
    assert_eq!(lines.iter().filter(|line| line.contains("SET")).count(), 6, "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("gap") || line.contains("no longer followed")), "{lines:?}");
}

#[test]
fn a_node_that_does_not_identify_itself_is_not_followed() {
    let plan = Plan::default();
    let nodes = two(&plan, 1);
    nodes[0].identifies("-NOPERM User cdc has no permissions to run the 'cluster|myid' command");
    nodes[1].identifies("-ERR This instance has cluster support disabled");
    let (mut following, told) = told(cluster(&nodes));
    let [first, second] = nodes.each_ref().map(|node| node.id.as_str());
    eventually("a denied question", || has(&told, first, "the user needs +cluster|myid: NOPERM User cdc has no"));
    eventually("a single server", || has(&told, second, &format!("is not node {second}: it replies to CLUSTER MYID")));
    following.stop();
    assert_eq!(nodes.each_ref().map(Node::links), [0, 0]);
}

/// Each node has its own opinion. The others see the second node down, so it is not asked for the topology.
#[test]
fn a_node_without_the_slots_of_its_shard_is_not_followed() {
    let (plan, own) = (Plan::default(), Plan::default());
    let nodes = [Node::start(&plan, 'a', &[(0, 8191)]), Node::start(&own, 'b', &[])];
    nodes[1].write(&["SET", "k", "v"]);
    let planned = |slots: &[(u16, u16)]| Planned {
        id: nodes[1].id.clone(),
        port: nodes[1].port,
        slots: slots.to_vec(),
        is_down: true,
        ..Planned::default()
    };
    plan.lock().unwrap().push(planned(&[(8192, 16_383)]));
    let seed = format!("127.0.0.1:{}", nodes[0].port);
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(50));
    let positions = nodes.each_ref().map(Node::beginning).join(";").parse().unwrap();
    let (mut following, told) = told(Cluster::builder([seed]).unwrap().reconnect(backoff).positions(positions));
    eventually("it is named", || has(&told, &nodes[1].id, "does not have the slots 8192-16383"));
    assert_eq!(nodes[1].links(), 0);
    own.lock().unwrap()[0].slots = vec![(9000, 16_383)];
    eventually("it is followed", || has(&told, &nodes[1].id, "SET"));
    following.stop();
}

/// The address of a node was given to a node of another cluster, whose shards would replace all shards.
#[test]
fn another_cluster_is_not_believed() {
    let (plan, other) = (Plan::default(), Plan::default());
    let nodes = [Node::start(&plan, 'a', &[(0, 16_383)]), Node::start(&other, 'b', &[(0, 16_383)])];
    plan.lock().unwrap()[0].replicas = vec![nodes[1].port];
    // The node in that plan has another id.
    other.lock().unwrap()[0].id = "f".repeat(40);
    let mut cluster = Cluster::builder([format!("127.0.0.1:{}", nodes[0].port)]).unwrap();
    for _ in 0..4 {
        let topology = cluster.discover().unwrap();
        assert_eq!(topology.shards[0].primary.id, nodes[0].id);
    }
    plan.lock().unwrap()[0].id = "e".repeat(40);
    plan.lock().unwrap()[0].replicas.clear();
    let error = cluster.discover().unwrap_err().to_string();
    assert_eq!(error.matches("it belongs to another cluster").count(), 2, "{error}");
}

/// A hostname that is announced later: the node is the same, and its stream continues.
#[test]
fn another_address_of_the_same_node_changes_nothing() {
    let plan = Plan::default();
    let nodes = two(&plan, 1);
    let (mut following, told) = told(cluster(&nodes));
    eventually("both are followed", || nodes.iter().all(|node| has(&told, &node.id, "SET")));
    plan.lock().unwrap()[0].endpoint = "localhost";
    let (id, port) = (&nodes[0].id, nodes[0].port);
    let moved = format!("the primary of shard {id} has moved from 127.0.0.1:{port} to localhost:{port}");
    eventually("it has moved", || has(&told, &moved, ""));
    nodes[0].write(&["SET", "k", "later"]);
    eventually("the stream continues", || has(&told, id, "later"));
    assert_eq!(following.shards()[0].target().to_string(), format!("localhost:{port}"));
    following.stop();
    // Two shards that were added, two writes, the move, one write: no connection was lost.
    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), 6, "{told:?}");
    assert_eq!(nodes[0].links(), 1);
}

/// Nodes that were reset are no cluster without shards: all positions would be lost.
#[test]
fn a_cluster_without_slots_has_not_lost_its_shards() {
    let plan = Plan::default();
    let nodes = two(&plan, 1);
    plan.lock().unwrap().iter_mut().for_each(|node| node.slots.clear());
    let saved: Positions = nodes[0].beginning().replace('@', "@0-8191").parse().unwrap();
    let cluster = cluster(&nodes).positions(saved);
    let error = cluster.follow(|_| {}, |_: &Shard| |_: &Shard, _: Event<'_>| ControlFlow::Continue(()));
    let words = error.map(|_| ()).unwrap_err().to_string();
    assert!(words.contains("knows of no slots"), "{words}");
}

/// Each would take a thread.
#[test]
fn too_many_shards_are_refused() {
    let plan = Plan::default();
    let nodes = two(&plan, 1);
    let shard =
        |port: u16| Planned { id: format!("{port:040}"), port, slots: vec![(port, port)], ..Planned::default() };
    plan.lock().unwrap().splice(.., (1..=2001).map(shard));
    let error = cluster(&nodes).discover().map(|topology| topology.shards.len()).unwrap_err().to_string();
    assert!(error.contains("names 2001 shards, and at most 2000"), "{error}");
    plan.lock().unwrap().pop();
    assert_eq!(cluster(&nodes).discover().unwrap().shards.len(), 2000);
}

/// A saved position without a shard remains in the next save, unless `OnGap::Continue` is chosen.
#[test]
fn a_lost_position_remains_among_the_positions() {
    let plan = Plan::default();
    let nodes = two(&plan, 1);
    let strange = "f".repeat(40);
    let lost: Positions = format!("{strange}@={strange}:5:0").parse().unwrap();
    let beginning = nodes.each_ref().map(Node::beginning).join(";");
    let saved: Positions = format!("{beginning};{lost}").parse().unwrap();
    for (on_gap, stays) in [(OnGap::Stop, true), (OnGap::Continue, false)] {
        let cluster = || cluster(&nodes).positions(saved.clone()).on_gap(on_gap);
        let has = |positions: &Positions| positions.shards.iter().filter(|shard| **shard == lost.shards[0]).count();
        let mut following =
            cluster().follow(|_| {}, |_: &Shard| |_: &Shard, _: Event<'_>| ControlFlow::Continue(())).unwrap();
        for positions in [following.positions(), following.committed()] {
            assert_eq!((has(&positions), positions.shards.len()), (usize::from(stays), 2 + usize::from(stays)));
        }
        following.stop();
        assert_eq!(has(&following.positions()), usize::from(stays));
        let mut merged = cluster().merged(10).unwrap();
        // Before the notice, and after it.
        assert_eq!(has(&merged.positions()), 1);
        assert!(
            matches!(merged.next_event(), Some(ClusterEvent::Notice(Notice::Lost(place))) if place == lost.shards[0])
        );
        assert_eq!(has(&merged.positions()), usize::from(stays));
    }
}

/// It would only cause a gap, although nothing is missing.
#[test]
fn a_lagging_replica_is_skipped() {
    let plan = Plan::default();
    let primary = Node::start(&plan, 'a', &[(0, 16_383)]);
    let lagging = Node::apart(&plan, 'a', primary.stream());
    primary.write(&["SET", "k", "v"]);
    let saved = primary.beginning().replace(":0:0", &format!(":{}:0", primary.stream().len()));
    let follow = || {
        let cluster = cluster(std::slice::from_ref(&primary)).positions(saved.parse().unwrap()).prefer_replica(true);
        cluster.follow(|_| {}, |_: &Shard| |_: &Shard, _: Event<'_>| ControlFlow::Continue(())).unwrap()
    };
    plan.lock().unwrap()[0].replicas = vec![lagging.port];
    let mut following = follow();
    eventually("the primary is followed", || primary.links() == 1);
    following.stop();
    let level = Node::apart(&plan, 'a', primary.stream());
    plan.lock().unwrap()[0].replicas.push(level.port);
    let mut following = follow();
    eventually("the replica is followed", || level.links() == 1);
    following.stop();
    assert_eq!((primary.links(), lagging.links()), (1, 0));
}

/// If the primary can't be used either, the error names the replica and its reason.
#[test]
fn why_a_replica_is_not_used_is_in_the_error() {
    let plan = Plan::default();
    let primary = Node::start(&plan, 'a', &[(0, 16_383)]);
    let replica = Node::apart(&plan, 'a', primary.stream());
    plan.lock().unwrap()[0].replicas = vec![replica.port];
    primary.write(&["SET", "k", "v"]);
    let lost = Arc::new(Mutex::new(String::new()));
    let (seen, saved) = (lost.clone(), primary.beginning().replace(":0:0", &format!(":{}:0", primary.stream().len())));
    let cluster = cluster(std::slice::from_ref(&primary)).positions(saved.parse().unwrap()).prefer_replica(true);
    let each = move |_: &Shard, event: Event<'_>| {
        if let Event::Disconnected(it) = event {
            *seen.lock().unwrap() += &it.reason.to_string();
        }
        ControlFlow::Continue(())
    };
    let mut following = cluster.follow(|_| {}, move |_: &Shard| each.clone()).unwrap();
    eventually("the primary is followed", || primary.links() == 1);
    drop(primary);
    let shown = format!("127.0.0.1:{} does not continue", replica.port);
    eventually("the reason is known", || lost.lock().unwrap().contains(&shown));
    following.stop();
}

/// PINGs after the last write count too: the sink receives the last position. It may still end all shards.
#[test]
fn the_last_event_of_a_leaving_shard_has_its_last_position() {
    for ends_all in [false, true] {
        let plan = Plan::default();
        let mut nodes = two(&plan, 10);
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let (all, id) = (told.clone(), nodes[1].id.clone());
        let removed = Arc::new(AtomicBool::new(false));
        let is_removed = removed.clone();
        let notice = move |notice: Notice| {
            is_removed.fetch_or(matches!(notice, Notice::Removed { .. }), Ordering::AcqRel);
        };
        let handler = move |shard: &Shard| {
            let (all, leaves) = (all.clone(), shard.id() == id);
            move |_: &Shard, event: Event<'_>| {
                let (mut all, mut flow) = (all.lock().unwrap(), ControlFlow::Continue(()));
                match event {
                    _ if !leaves => {}
                    Event::Command(_) => all.push("command".into()),
                    Event::Disconnected(_) => all.push("disconnected".into()),
                    // With a connection that fails repeatedly no second is without an event.
                    Event::Idle(idle) if all.last().is_some_and(|last| last == "disconnected") => {
                        all.push(format!("idle at {}", idle.position.unwrap().offset));
                        if ends_all {
                            flow = ControlFlow::Break(());
                        }
                    }
                    _ => {}
                }
                flow
            }
        };
        let mut following = cluster(&nodes).follow(notice, handler).unwrap();
        eventually("all writes", || told.lock().unwrap().len() == 10);
        nodes[1].write(&["PING"]);
        let length = nodes[1].stream().len();
        let place = |following: &ClusterHandle| following.shards().iter().any(|shard| offset_of(shard) == length);
        eventually("the PING", || place(&following));
        nodes[1].stop();
        {
            let mut plan = plan.lock().unwrap();
            plan[0].slots = vec![(0, 16_383)];
            plan.pop();
        }
        if ends_all {
            eventually("it has ended all", || following.stopper().is_stopped());
            following.wait();
        } else {
            eventually("it has left", || removed.load(Ordering::Acquire));
            assert!(!following.stopper().is_stopped());
            following.stop();
        }
        assert_eq!(told.lock().unwrap().last().unwrap(), &format!("idle at {length}"));
    }
}

fn offset_of(shard: &Shard) -> usize {
    usize::try_from(shard.position().map_or(0, |position| position.offset)).unwrap()
}

#[test]
fn a_handler_ends_all_shards() {
    let plan = Plan::default();
    let nodes = two(&plan, 1);
    let follow = |flow: fn() -> ControlFlow<()>| {
        let handler = move |_: &Shard| move |_: &Shard, _: Event<'_>| flow();
        cluster(&nodes).follow(|_| {}, handler).unwrap()
    };
    let mut following = follow(|| ControlFlow::Break(()));
    following.wait();
    assert!(following.stopper().is_stopped());
    // Its panic is not lost.
    let mut following = follow(|| panic!("expected by the test"));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| following.wait()));
    assert_eq!(caught.unwrap_err().downcast_ref(), Some(&"expected by the test"));
    drop(follow(|| panic!("expected by the test")));
}

#[test]
fn invalid_clusters_are_refused() {
    assert!(Cluster::builder([""; 0]).unwrap_err().to_string().contains("at least one host:port"));
    assert!(Cluster::builder(["nowhere"]).unwrap_err().to_string().contains("has no port"));
}

/// A position is that of one primary. The nodes are not asked.
#[test]
fn options_of_clusters_are_never_ignored() {
    let position = "26e9aa58837d8095338f33e660463dbdf56c86c9:5:0".parse().unwrap();
    let builder = || Cluster::builder(["127.0.0.1:1"]).unwrap();
    for builder in [builder().start(Start::At(position)), builder().added(Start::At(position))] {
        assert!(matches!(builder.merged(1), Err(ClusterError::StartAt)));
    }
    for builder in [builder().lenient(true), builder().reconnect(Backoff::OFF).retry_snapshot(true)] {
        assert!(matches!(builder.merged(1), Err(ClusterError::Options(_))));
    }
}

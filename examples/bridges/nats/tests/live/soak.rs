//! A cluster under load; broker, bridge and connections killed at random. At the end the stream has each change once,
//! in order, and transactions whole. `REDTAIL_CHANGES` is the number of changes; `REDTAIL_SEED` repeats the same
//! pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::random::Random;
use crate::servers::{Bridge, Broker, Folder, Node, eventually};
use crate::stream::{self, PARTITIONS};
use crate::writer::Writer;

fn number(variable: &str, unless_said: u64) -> u64 {
    std::env::var(variable).map_or(unless_said, |text| text.parse().expect(variable))
}

/// The number of faults.
#[derive(Default, Debug)]
struct Kills {
    brokers: u32,
    bridges: u32,
    links: u32,
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn each_change_is_in_the_stream_once() {
    let changes = number("REDTAIL_CHANGES", 20_000);
    let seed = number("REDTAIL_SEED", u64::from(std::process::id()));
    println!("{changes} changes, seed {seed}");
    let mut random = Random::new(seed);
    let folder = Folder::new();
    let nodes = Arc::new(Node::cluster(&folder));
    let mut broker = Broker::new(&folder);
    broker.start();
    let mut bridge = Bridge::new(&folder, &nodes, &broker);
    bridge.start(&["--cluster", "--window", "30m"]);
    eventually("the bridge has a place in each shard", || bridge.places() == nodes.len());

    let (began, left) = (Instant::now(), Arc::new(AtomicUsize::new(nodes.len())));
    let writers: Vec<_> = (0..nodes.len())
        .map(|at| {
            let mut writer = Writer::new(&nodes[at], at, seed);
            let share = changes / 3 + u64::from(at == 0) * (changes % 3);
            let left = Arc::clone(&left);
            thread::spawn(move || {
                writer.write(share);
                left.fetch_sub(1, Ordering::SeqCst);
                writer.sequences()
            })
        })
        .collect();

    let mut kills = Kills::default();
    for turn in 0.. {
        if left.load(Ordering::SeqCst) == 0 {
            break;
        }
        thread::sleep(Duration::from_millis(random.below(1200)));
        match turn % 5 {
            0 | 2 => {
                broker.kill();
                thread::sleep(Duration::from_millis(random.below(1000)));
                broker.start();
                kills.brokers += 1;
            }
            1 | 3 => {
                bridge.kill();
                thread::sleep(Duration::from_millis(random.below(500)));
                bridge.start(&["--cluster", "--window", "30m"]);
                kills.bridges += 1;
            }
            _ => {
                let node = &nodes[random.below(3) as usize];
                node.ask(&["CLIENT", "KILL", "TYPE", "replica"]);
                kills.links += 1;
            }
        }
        // A bridge that failed ends with a message of its own.
        bridge.assert_is_running();
    }
    let sequences: Vec<_> = writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect();
    assert_eq!(sequences.iter().map(|(_, count)| count).sum::<u64>(), changes);
    println!("written in {:.0} s; killed: {kills:?}", began.elapsed().as_secs_f32());
    assert!(kills.brokers > 0 && kills.bridges > 0, "too few changes to kill anything");

    // A FLUSHALL of each node, to all partitions.
    let expected = changes + nodes.len() as u64 * u64::from(PARTITIONS);
    stream::wait(&broker, expected);
    bridge.assert_is_running();
    let told = bridge.end();
    println!("the last bridge: {}", told.lines().last().unwrap_or_default());
    stream::check(&broker, &sequences, expected);
    println!("each of {changes} changes is in the stream once, in order, after {:.0} s", began.elapsed().as_secs_f32());
}

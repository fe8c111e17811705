//! The bridge and a broker that keeps its data: both die repeatedly, and are restarted.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::rig::{Bridge, Consumer, Truth, compare, has_state, words};
use super::tansu::Tansu;
use super::{end, write};
use crate::build::How;
use crate::folder::Folder;
use crate::help::eventually;
use crate::server::{Kind, Server};

/// Sleeps for up to this number of milliseconds.
fn pause(limit: u64) {
    thread::sleep(Duration::from_millis(RandomState::new().hash_one(()) % limit));
}

/// The offset that is saved: the broker has confirmed all that is before it.
fn published(folder: &Path) -> u64 {
    let state = fs::read_to_string(folder.join("state")).unwrap();
    state.split(':').nth(1).unwrap().parse().unwrap()
}

/// Writes into five databases until `enough` is set. Some messages are always pending, but never more than the broker
/// accepts at once.
fn start_writer(server: &Server, folder: &Folder, enough: &Arc<AtomicBool>) -> JoinHandle<()> {
    const CHANGES: usize = 40_000;
    const ON_ITS_WAY: u64 = 600_000;
    let (mut client, folder, enough) = (server.client(), folder.0.clone(), Arc::clone(enough));
    thread::spawn(move || {
        let (mut round, mut written) = (0, 0);
        while written < CHANGES || !enough.load(Ordering::Relaxed) {
            client.call(&["SELECT", &(round % 5).to_string()]);
            written += write(&mut client, round);
            round += 1;
            while round % 20 == 0 && client.offset() > published(&folder) + ON_ITS_WAY {
                thread::sleep(Duration::from_millis(10));
            }
        }
    })
}

/// How often the broker dies, and whether the bridge does as often. Returns the number of repeated messages.
fn deaths(rounds: usize, bridge_too: bool) -> u64 {
    let (how, partitions) = (How::Debug, 3);
    let (mut broker, server) = (Tansu::start(partitions), Server::start(Kind::Redis70));
    let folder = Folder::new("kafka-deaths");
    server.config_set("repl-backlog-size", "100mb");
    server.config_set("client-output-buffer-limit", "replica 0 0 0");
    let (address, truth) = (broker.address.clone(), Truth::start(server.address()));
    let start = || Bridge::start_at(how, &address, &folder, &server.address(), &[]);
    let mut bridge = start();
    has_state(&folder);
    let mut follows = Consumer::start_at(how, &address);
    let enough = Arc::new(AtomicBool::new(false));
    let writer = start_writer(&server, &folder, &enough);
    let publishes = || {
        let before = published(&folder.0);
        eventually("it publishes", || published(&folder.0) > before);
    };
    for round in 0..rounds {
        publishes();
        pause(1000);
        broker.kill();
        pause(500);
        // While the broker is away, or when it is back.
        if bridge_too && round % 2 == 0 {
            bridge.kill();
            bridge = start();
        }
        pause(500);
        broker.start_again();
        publishes();
        pause(1000);
        if bridge_too && round % 2 == 1 {
            bridge.kill();
            bridge = start();
        }
    }
    enough.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    end(&server);
    let truth = truth.end();
    eventually("all is published", || published(&folder.0) == server.offset());
    // One consumer read all the time; the other reads the topic at the end.
    let again = follows.end(partitions);
    compare(&follows.lines(), &truth, partitions);
    let mut reads = Consumer::start_at(how, &address);
    assert_eq!(reads.end(partitions), again);
    compare(&reads.lines(), &truth, partitions);
    let begins = reads.lines().iter().filter(|(_, line)| line["event"] == "begin").count();
    assert_eq!(begins, usize::from(partitions), "once in each partition");
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let (changes, messages, known) = (truth.len(), reads.count(), broker.known());
    println!(
        "{changes} changes in {messages} messages; {known} batches were stored already; {again} messages came again"
    );
    again
}

#[test]
#[ignore = "soak: tests/soak kafka-broker"]
fn the_broker_dies_ten_times_and_nothing_is_stored_twice() {
    assert_eq!(deaths(10, false), 0);
}

#[test]
#[ignore = "soak: tests/soak kafka-broker"]
fn the_broker_dies_and_the_bridge_dies_ten_times_each() {
    assert!(deaths(10, true) > 0);
}

//! The bridge and a broker that keeps its data: both die again and again, and come back.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::rig::{Bridge, Consumer, Truth, compare, has_state, words};
use super::tansu::Tansu;
use super::{end, write};
use crate::build::How;
use crate::folder::Folder;
use crate::help::eventually;
use crate::server::{Kind, Server};

/// Sleeps for up to so many milliseconds.
fn pause(limit: u64) {
    thread::sleep(Duration::from_millis(RandomState::new().hash_one(()) % limit));
}

/// The offset that is saved: Kafka has all that is before it.
fn published(folder: &Folder) -> u64 {
    let state = fs::read_to_string(folder.0.join("state")).unwrap();
    state.split(':').nth(1).unwrap().parse().unwrap()
}

#[test]
#[ignore = "soak: tests/soak kafka-broker"]
fn a_broker_that_is_killed_comes_back_with_all_it_confirmed() {
    let (how, partitions, changes, rounds) = (How::Debug, 3, 40_000, 10);
    let (mut broker, server, folder) =
        (Tansu::start(partitions), Server::start(Kind::Redis70), Folder::new("kafka-killed"));
    server.config_set("repl-backlog-size", "500mb");
    server.config_set("client-output-buffer-limit", "replica 0 0 0");
    let (address, truth) = (broker.address.clone(), Truth::start(server.address()));
    let start = || Bridge::start_at(how, &address, &folder, &server.address(), &[]);
    let mut bridge = start();
    has_state(&folder);
    let is_over = Arc::new(AtomicBool::new(false));
    let (goes_on, mut client) = (Arc::clone(&is_over), server.client());
    let writer = thread::spawn(move || {
        let (mut round, mut written) = (0, 0);
        while written < changes || !goes_on.load(Ordering::Relaxed) {
            client.call(&["SELECT", &(round % 5).to_string()]);
            written += write(&mut client, round);
            round += 1;
            // No more than the broker can take: it writes a few thousand messages in a second.
            thread::sleep(Duration::from_millis(10));
        }
    });
    let goes_on = || {
        let before = published(&folder);
        eventually("it publishes", || published(&folder) > before);
    };
    for round in 0..rounds {
        goes_on();
        pause(1000);
        broker.kill();
        pause(500);
        if round % 2 == 0 {
            bridge.kill();
            bridge = start();
        }
        pause(500);
        broker.start_again();
        goes_on();
        if round % 2 == 1 {
            pause(1000);
            bridge.kill();
            bridge = start();
        }
    }
    is_over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    end(&server);
    let truth = truth.end();
    let mut consumer = Consumer::start_at(how, &address);
    let again = consumer.end(partitions);
    compare(&consumer.lines(), &truth, partitions);
    let begins = consumer.lines().iter().filter(|(_, line)| line["event"] == "begin").count();
    assert_eq!(begins, usize::from(partitions), "once in each partition");
    println!("{} changes, broker and bridge killed {rounds} times each, {again} messages came again", truth.len());
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    assert_eq!(published(&folder), server.offset());
}

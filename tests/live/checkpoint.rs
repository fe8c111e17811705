//! The tool, killed repeatedly at any moment: the output of all its runs has no hole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redtail::{Checkpoint, Position};
use serde_json::Value as Json;

use crate::client::command;
use crate::follow::{Watch, follow};
use crate::help::eventually;
use crate::server::{Kind, Server};
use crate::tool::redtail;

/// Writes in several databases, with transactions and scripts, until stopped.
fn load(server: &Server, number: u32, enough: &AtomicBool) {
    let mut client = server.client();
    let mut round = 0_u64;
    while !enough.load(Ordering::Acquire) {
        round += 1;
        let key = format!("{number}:{}", round % 100);
        let value = round.to_string();
        let db = (round % 7).to_string();
        let script = "redis.call('INCR', KEYS[1]) return redis.call('RPUSH', KEYS[2], ARGV[1])";
        client.pipeline(&[
            command(&["SELECT", &db]),
            command(&["SET", &key, &value]),
            command(&["MULTI"]),
            command(&["INCR", "n"]),
            command(&["LPUSH", "l", &value]),
            command(&["LTRIM", "l", "0", "9"]),
            command(&["EXEC"]),
            command(&["EVAL", script, "2", "m", "k", &value]),
            command(&["LTRIM", "k", "-9", "-1"]),
        ]);
        if round.is_multiple_of(2) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A random number of milliseconds, the same in each run of the test.
fn pause(random: &mut u64) -> Duration {
    *random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    Duration::from_millis((*random >> 33) % 150)
}

fn killed_again_and_again(kind: Kind, times: u32, extra: &[&str]) {
    let server =
        Server::start_with(kind, &["--repl-backlog-size", "1gb", "--client-output-buffer-limit", "replica 0 0 0"]);
    server.make_backlog();
    let recorder = Watch::attached(follow(&server));
    let file = server.folder().join("position");
    let address = server.address();
    let args = [&["tail", &address, "--format", "json", "--checkpoint", file.to_str().expect("UTF-8")], extra].concat();
    let started = |run: u32| {
        let out = File::create(server.folder().join(format!("out-{run}"))).expect("create the output");
        redtail(&args).stdout(out).stderr(Stdio::null()).spawn().expect("start the tool")
    };
    let saved = || Checkpoint::open(&file, "").expect("a whole checkpoint, or none").position();
    // The first run attaches before any write: there is no position before that.
    let mut first = started(0);
    eventually("the first checkpoint", || saved().is_some());
    let mut froms: Vec<Option<Position>> = vec![None];
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..2 {
            scope.spawn({
                let (server, enough) = (&server, &enough);
                move || load(server, number, enough)
            });
        }
        let mut random = u64::from(times);
        std::thread::sleep(pause(&mut random));
        first.kill().expect("kill -9");
        first.wait().expect("it ends");
        for run in 1..times {
            froms.push(saved());
            let mut tool = started(run);
            std::thread::sleep(pause(&mut random));
            tool.kill().expect("kill -9");
            tool.wait().expect("it ends");
        }
        eventually("enough writes to check", || recorder.seen().writes().len() > 1000);
        enough.store(true, Ordering::Release);
    });
    froms.push(saved());
    let end = server.offset();
    let mut last = started(times);
    eventually("the last run to save the end", || saved().is_some_and(|position| position.offset >= end));
    last.kill().expect("kill -9");
    last.wait().expect("it ends");

    recorder.reaches(end);
    let expected = recorder.stop();
    let mut told: BTreeMap<u64, Json> = BTreeMap::new();
    for (run, from) in froms.iter().enumerate() {
        let text = fs::read_to_string(server.folder().join(format!("out-{run}"))).expect("read the output");
        let mut before = from.map_or(0, |position| position.offset);
        // A line cut off by the kill does not count.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let event: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("run {run}: {error}: {line}"));
            match event["event"].as_str().expect("a name") {
                "command" | "multi" | "exec" => {
                    let offset = event["offset"].as_u64().expect("an offset");
                    assert!(offset > before, "run {run}: {offset} is told again, after {before} was saved or told");
                    before = offset;
                    if let Some(known) = told.get(&offset) {
                        let fields = ["event", "db", "tx", "args", "id"];
                        assert!(fields.iter().all(|field| known[field] == event[field]), "{known} and {event}");
                    }
                    told.insert(offset, event);
                }
                "attached" | "forking" => {}
                other => panic!("run {run}: {other}: {line}"),
            }
        }
    }
    let mut checked = 0;
    for write in expected.writes() {
        let Some(event) = told.get(&write.offset) else {
            panic!("a hole: {} at {} of {end}", write.text(), write.offset)
        };
        assert_eq!(event["db"].as_u64(), write.db.map(u64::from), "{event}");
        let args = event["args"].as_array().expect("arguments");
        let words: Vec<&[u8]> = args.iter().map(|arg| arg.as_str().expect("text").as_bytes()).collect();
        assert_eq!(words, write.args, "{event}");
        assert_eq!(event["tx"].as_bool(), Some(write.tx.is_some()), "{event}");
        checked += 1;
    }
    assert!(checked > 1000, "{checked}");
    println!("{kind:?}: killed {} times, {checked} commands, no hole", froms.len());
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn killed_a_few_times_there_is_no_hole() {
    killed_again_and_again(Kind::Redis70, 12, &["--checkpoint-interval", "0.02"]);
    killed_again_and_again(Kind::Valkey91, 12, &["--checkpoint-commands", "100", "--ack", "applied"]);
}

#[test]
#[ignore = "soak: tests/soak kills"]
fn killed_two_hundred_times_there_is_no_hole() {
    killed_again_and_again(Kind::Redis82, 210, &["--checkpoint-interval", "0.02"]);
    killed_again_and_again(Kind::Redis70, 210, &["--checkpoint-commands", "500", "--checkpoint-interval", "0.05"]);
}

//! `examples/workers.rs`: each key in order, a transaction as a whole, nothing lost after a kill.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::process::{Command, Stdio};

use crate::client::command;
use crate::folder::Folder;
use crate::help::eventually;
use crate::programs::{Running, example};
use crate::server::{Kind, Server};

const ROUNDS: usize = 300;

/// Each round writes its number to a key, and some rounds to further keys.
fn write(server: &Server, rounds: std::ops::Range<usize>) {
    let mut client = server.client();
    for round in rounds {
        let number = round.to_string();
        let key = format!("key{}", round % 20);
        let mut commands = vec![command(&["SET", &key, &number])];
        match round % 10 {
            3 => commands.push(command(&["MSET", "key0", &number, "key1", &number, "key2", &number])),
            // On one thread: all commands have the same key.
            5 => commands.extend([
                command(&["MULTI"]),
                command(&["SET", "key3", &number]),
                command(&["APPEND", "key3", "."]),
                command(&["EXEC"]),
            ]),
            9 => commands.push(command(&["FLUSHALL"])),
            _ => {}
        }
        assert!(client.pipeline(&commands).iter().all(|reply| !reply.is_error()));
    }
}

/// A line: the thread, the offset, the arguments.
fn parsed(line: &str) -> (usize, u64, Vec<String>) {
    let (thread, command) = line.split_once(": ").unwrap();
    let (offset, args) = command.split_once(" [0] ").unwrap();
    let args = args.split(' ').map(|arg| arg.trim_matches('"').to_owned()).collect();
    (thread.parse().unwrap(), offset.parse().unwrap(), args)
}

/// Within one run.
fn keys_are_in_order(lines: &[String]) {
    let (mut last, mut flushed) = (BTreeMap::<String, u64>::new(), 0);
    for line in lines {
        let (_, offset, args) = parsed(line);
        let keys: Vec<String> = match args[0].as_str() {
            "MSET" => args[1..].iter().step_by(2).cloned().collect(),
            "FLUSHALL" => {
                // After all earlier writes, before all later ones.
                assert!(last.values().all(|earlier| *earlier < offset), "{line}: {last:?}");
                flushed = offset;
                continue;
            }
            _ => vec![args[1].clone()],
        };
        for key in keys {
            let before = last.insert(key, offset).unwrap_or(0);
            assert!(before < offset && flushed < offset, "{line}: after {before}, {flushed}");
        }
    }
    // The commands of a transaction are not interrupted.
    for pair in lines.windows(2).map(|pair| (parsed(&pair[0]), parsed(&pair[1]))) {
        assert!(pair.1.2[0] != "APPEND" || pair.0.2[..2] == ["SET", "key3"], "{pair:?}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn workers_keep_the_order_of_keys_and_lose_nothing_when_killed() {
    for kind in [Kind::Redis70, Kind::Valkey91] {
        let (server, folder) = (Server::start(kind), Folder::new("workers"));
        let file = folder.0.join("position").to_string_lossy().into_owned();
        let start = || Running::start(&example("workers"), &[&server.address(), &file]);
        let mut running = start();
        eventually("it has saved where it begins", || std::fs::exists(&file).unwrap());
        let (mut all, mut threads) = (Vec::new(), BTreeSet::new());
        for run in 0..6 {
            let saved = std::fs::read(&file).unwrap();
            write(&server, run * ROUNDS..(run + 1) * ROUNDS);
            if run % 2 == 1 {
                eventually("another position is saved", || std::fs::read(&file).unwrap() != saved);
            }
            if run == 5 {
                // The position of the last write is committed, although nobody writes any more.
                let mut client = server.client();
                client.call(&["SET", "last", "write"]);
                assert_eq!(client.call(&["WAIT", "1", "60000"]).int(), 1, "{kind:?}");
            }
            let lines = running.kill();
            keys_are_in_order(&lines);
            threads.extend(lines.iter().map(|line| parsed(line).0));
            all.extend(lines);
            running = start();
        }
        assert_eq!(threads, BTreeSet::from([0, 1, 2, 3, 4]), "{kind:?}: not all threads had work");
        let offsets = |name: &str, lines: &[String]| {
            let of = lines.iter().map(|line| parsed(line)).filter(|(_, _, args)| args[0] == name);
            of.map(|(_, offset, _)| offset).collect::<BTreeSet<u64>>()
        };
        let rounds = 6 * ROUNDS;
        assert_eq!(offsets("SET", &all).len(), rounds + rounds / 10 + 1, "{kind:?}");
        for name in ["MSET", "APPEND", "FLUSHALL"] {
            assert_eq!(offsets(name, &all).len(), rounds / 10, "{kind:?}: {name}");
        }
        // Committed writes are not delivered again.
        server.call(&["SET", "one", "more"]);
        assert_eq!(parsed(&running.line()).2, ["SET", "one", "more"], "{kind:?}");
    }
}

/// Nobody reads the output, so most of the work is not done. Its position must not be saved.
#[test]
#[ignore = "needs real servers: tests/run"]
fn workers_save_no_position_of_work_that_is_not_done() {
    let (server, folder) = (Server::start(Kind::Redis70), Folder::new("workers-unread"));
    let file = folder.0.join("position").to_string_lossy().into_owned();
    let mut unread = Command::new(example("workers"));
    let mut unread = unread.args([&server.address(), &file]).stdout(Stdio::piped()).spawn().unwrap();
    eventually("it has saved where it begins", || std::fs::exists(&file).unwrap());
    let saved = || std::fs::metadata(&file).and_then(|file| file.modified()).unwrap();
    let first = saved();
    // Fewer than wait for a thread, and more than fit into the pipe.
    let (count, value) = (900, "x".repeat(200));
    let mut client = server.client();
    for number in 0..count {
        client.call(&["SET", &format!("key{}", number % 20), &format!("{number}{value}")]);
    }
    // Some lines fit into the pipe. A position after other work would be saved with theirs.
    eventually("a position is saved", || saved() != first);
    unread.kill().unwrap();
    let mut done = String::new();
    unread.stdout.take().unwrap().read_to_string(&mut done).unwrap();
    unread.wait().unwrap();
    // The last line may be cut.
    let mut done: BTreeSet<String> = done.split_inclusive('\n').filter_map(written).collect();
    assert!(done.len() < count, "the pipe has held everything");
    let next = Running::start(&example("workers"), &[&server.address(), &file]);
    while done.len() < count {
        done.extend(written(&format!("{}\n", next.line())));
    }
}

/// What a complete line has written.
fn written(line: &str) -> Option<String> {
    Some(parsed(line.strip_suffix('\n')?).2[2].clone())
}

//! Recorded connections of real servers: every command, offset, database and transaction is as it was written down when
//! the connection was recorded, however the bytes are cut.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redtail::Options;
use redtail::replication::{Closed, Session};
use serde_json::Value;

use crate::shell::{Seen, Shell};

/// A recorded connection, from the first byte after PSYNC or SYNC.
struct Recording {
    name: String,
    bytes: Vec<u8>,
    commands: Vec<Value>,
    /// The replication offset before the stream, where the bytes don't tell it.
    offset: Option<u64>,
    /// Whether offsets are those of the primary (after SYNC they are counted from the snapshot).
    stream_at: usize,
}

/// Recordings that are in the repository.
fn carried() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let names = [
        ("pings-getack", None),
        ("resume-part1", None),
        ("resume-part2", Some(163)),
        ("sync", None),
        ("keepalive", None),
    ];
    names.map(|(name, offset)| read(&folder, name, &format!("{name}.jsonl"), offset)).into()
}

/// All recordings with a command stream, where the shared corpus is at hand.
fn corpus() -> Vec<Recording> {
    let folder = std::env::var_os("REDTAIL_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let mut recordings = Vec::new();
    let Ok(servers) = fs::read_dir(&folder) else {
        println!("no corpus at {}: only the carried recordings are tested", folder.display());
        return recordings;
    };
    for server in servers.flatten().filter(|entry| entry.path().is_dir()) {
        for scenario in fs::read_dir(server.path()).unwrap().flatten() {
            if scenario.file_name() == "s20-files" {
                continue;
            }
            for file in fs::read_dir(scenario.path()).unwrap().flatten() {
                let name = file.file_name().into_string().unwrap();
                let Some(name) = name.strip_suffix("commands.jsonl") else { continue };
                let (stem, meta) = match name.strip_suffix('-') {
                    Some(stem) => (stem, format!("{stem}-meta.json")),
                    None => ("stream", "meta.json".into()),
                };
                let meta: Value = serde_json::from_slice(&fs::read(scenario.path().join(meta)).unwrap()).unwrap();
                let continued = meta["first_line"].as_str().is_some_and(|line| line.starts_with("+CONTINUE"));
                let offset = meta["start_offset"].as_u64().filter(|_| continued);
                recordings.push(read(&scenario.path(), stem, &format!("{name}commands.jsonl"), offset));
            }
        }
    }
    assert!(recordings.len() > 100, "only {} recordings at {}", recordings.len(), folder.display());
    recordings
}

fn read(folder: &Path, stem: &str, commands: &str, offset: Option<u64>) -> Recording {
    let commands: Vec<Value> = fs::read_to_string(folder.join(commands))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let bytes = fs::read(folder.join(format!("{stem}.bin"))).unwrap();
    let stream_at = commands.first().map_or(bytes.len(), |first| first["at"].as_u64().unwrap() as usize);
    Recording { name: folder.join(stem).display().to_string(), bytes, commands, offset, stream_at }
}

impl Recording {
    fn run(&self, cuts: &[usize]) -> Vec<Seen> {
        let options = options! { control: true };
        let mut shell = Shell::new(Session::recorded(options, self.offset));
        let mut at = 0;
        for &cut in cuts.iter().chain([&self.bytes.len()]) {
            shell.arrive(&self.bytes[at..cut]);
            at = cut;
        }
        assert!(shell.session.is_whole() || self.commands.is_empty(), "{}: something was left over", self.name);
        shell.close(Closed::ByPeer);
        shell.events()
    }

    /// Compares with what was written down when the recording was made.
    fn check(&self, seen: &[Seen]) {
        let found: Vec<&Seen> = seen.iter().filter(|seen| matches!(seen, Seen::Command { .. })).collect();
        assert_eq!(found.len(), self.commands.len(), "{}: number of commands; last: {:?}", self.name, seen.last());
        let mut open: Option<u64> = None;
        for (found, expected) in found.into_iter().zip(&self.commands) {
            let Seen::Command { kind, offset, db, tx, args, position } = found else { unreachable!() };
            let at = format!("{}: command {}", self.name, expected["i"]);
            let end = expected["at"].as_u64().unwrap() + expected["len"].as_u64().unwrap() - self.stream_at as u64;
            assert_eq!(*offset, expected["offset_after"].as_u64().unwrap_or(end), "{at}");
            match expected["db"].as_u64() {
                Some(number) => assert_eq!(db.map(u64::from), Some(number), "{at}"),
                // The recorder did not read the snapshot, which tells the database before the first SELECT.
                None => assert!(db.is_none() || self.offset.is_none(), "{at}: {db:?}"),
            }
            assert_eq!(tx.is_some(), expected["tx"].as_bool().unwrap_or(false), "{at}");
            if *kind == "multi" {
                open = Some(*offset);
            }
            assert_eq!(*tx, open, "{at}");
            if *kind == "exec" {
                open = None;
            }
            assert_eq!(position.is_some(), open.is_none() && expected["offset_after"].is_u64(), "{at}");
            let words = expected["args"].as_array().unwrap();
            assert_eq!(args.len(), words.len(), "{at}");
            for (argument, word) in args.iter().zip(words) {
                assert!(is(argument, word), "{at}: {:?} is not {word}", String::from_utf8_lossy(argument));
            }
        }
    }
}

fn is(argument: &[u8], expected: &Value) -> bool {
    match expected {
        Value::String(text) => argument == text.as_bytes(),
        Value::Object(map) if map.contains_key("b64") => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(map["b64"].as_str().unwrap()).unwrap();
            argument == bytes
        }
        // Long arguments are written down by length and hash. The bytes are the right ones: the offsets show it, and
        // the check below that the raw bytes make up the whole stream.
        Value::Object(map) => argument.len() as u64 == map["len"].as_u64().unwrap(),
        _ => false,
    }
}

#[test]
fn recorded_connections_give_their_commands() {
    for recording in carried().iter().chain(&corpus()) {
        recording.check(&recording.run(&[]));
    }
}

#[test]
fn the_snapshot_and_the_commands_are_all_of_the_bytes() {
    for recording in carried().iter().chain(&corpus()) {
        let mut encoded = Vec::new();
        for seen in recording.run(&[]) {
            match seen {
                Seen::Snapshot(bytes) => {
                    assert!(recording.bytes[..recording.stream_at].windows(bytes.len()).any(|window| window == bytes));
                }
                Seen::Command { args, .. } => {
                    encoded.extend(format!("*{}\r\n", args.len()).into_bytes());
                    for argument in args {
                        encoded.extend(format!("${}\r\n", argument.len()).into_bytes());
                        encoded.extend(argument);
                        encoded.extend(b"\r\n");
                    }
                }
                _ => {}
            }
        }
        assert!(encoded == recording.bytes[recording.stream_at..], "{}", recording.name);
    }
}

#[test]
fn a_cut_at_any_byte_changes_nothing() {
    for recording in carried().iter().chain(&corpus()).filter(|recording| recording.bytes.len() < 2_500) {
        let whole = recording.run(&[]);
        for cut in 0..=recording.bytes.len() {
            assert_eq!(recording.run(&[cut]), whole, "{} cut at {cut}", recording.name);
        }
    }
}

#[test]
fn one_byte_at_a_time_changes_nothing() {
    for recording in carried().iter().chain(&corpus()) {
        let cuts: Vec<usize> = (0..recording.bytes.len()).collect();
        assert_eq!(recording.run(&cuts), recording.run(&[]), "{}", recording.name);
    }
}

#[test]
fn random_cuts_change_nothing() {
    for recording in corpus().iter().filter(|recording| recording.bytes.len() >= 2_500) {
        let whole = recording.run(&[]);
        let cuts = proptest::collection::vec(0..=recording.bytes.len(), 0..40);
        let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
        runner
            .run(&cuts, |mut cuts| {
                cuts.sort_unstable();
                prop_assert!(recording.run(&cuts) == whole, "{}", recording.name);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn a_recording_that_ends_early_is_not_whole() {
    let recording = &carried()[0];
    let mut shell = Shell::new(Session::recorded(Options::default(), None));
    shell.arrive(&recording.bytes[..recording.bytes.len() - 1]);
    assert!(!shell.session.is_whole());
    shell.arrive(&recording.bytes[recording.bytes.len() - 1..]);
    assert!(shell.session.is_whole());
}

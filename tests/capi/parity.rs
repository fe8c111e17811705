//! Recorded connections through the session in C and in Rust: the same commands, offsets, databases and transactions.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use redtail::replication::{Closed, Databases, Progress, Session, Touches};
use redtail::{Event, StreamCommand};

use crate::build::{How, program, root, stdout, valgrind};

/// A recorded connection, and the offset before its stream where the recording does not give it.
struct Recording {
    file: PathBuf,
    offset: Option<u64>,
}

fn carried() -> Vec<Recording> {
    let file = |name: &str| root().join("tests/data").join(name);
    vec![
        Recording { file: file("pings-getack.bin"), offset: None },
        Recording { file: file("resume-part1.bin"), offset: None },
        Recording { file: file("resume-part2.bin"), offset: Some(163) },
        Recording { file: file("sync.bin"), offset: None },
        Recording { file: file("keepalive.bin"), offset: None },
    ]
}

/// All recordings of the shared corpus that have commands, where it is at hand.
fn corpus() -> Vec<Recording> {
    let folder = std::env::var_os("REDTAIL_CORPUS").map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    let mut recordings = Vec::new();
    let folders = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).map(|list| list.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
    };
    for scenario in
        folders(&folder).iter().flat_map(|server| folders(server)).filter(|path| !path.ends_with("s20-files"))
    {
        for file in folders(&scenario) {
            let name = file.file_name().unwrap().to_string_lossy();
            let Some(stem) = name.strip_suffix("commands.jsonl") else { continue };
            let meta: serde_json::Value =
                serde_json::from_slice(&fs::read(scenario.join(format!("{stem}meta.json"))).unwrap()).unwrap();
            let continued = meta["first_line"].as_str().is_some_and(|line| line.starts_with("+CONTINUE"));
            let bytes =
                if stem.is_empty() { "stream.bin".into() } else { format!("{}.bin", stem.trim_end_matches('-')) };
            let offset = meta["start_offset"].as_u64().filter(|_| continued);
            recordings.push(Recording { file: scenario.join(bytes), offset });
        }
    }
    recordings
}

/// The output expected of `tests/c/recorded.c`.
fn in_rust(recording: &Recording) -> String {
    let bytes = fs::read(&recording.file).unwrap();
    let mut session = Session::recorded(options! { control: true }, recording.offset);
    let (mut lines, mut unread) = (String::new(), &bytes[..]);
    loop {
        match session.poll(unread, 0) {
            Progress::Event => match session.event(unread) {
                Event::Command(command) => line(&mut lines, 6, &command),
                Event::Multi(command) => line(&mut lines, 7, &command),
                Event::Exec(command) => line(&mut lines, 8, &command),
                Event::Control(command) => line(&mut lines, 9, &command),
                _ => {}
            },
            Progress::Space { .. } => {
                session.closed(Closed::ByPeer, 0);
                return lines;
            }
            Progress::Failed(error) => return lines + &format!("{error}\n"),
            Progress::Reconnect { .. } | Progress::Ended => return lines,
        }
        unread = &unread[session.consumed()..];
    }
}

fn line(lines: &mut String, kind: u8, command: &StreamCommand<'_>) {
    let mut hash = 14695981039346656037_u64;
    let mut mix = |number: u64| hash = (hash ^ number).wrapping_mul(1099511628211);
    for argument in command.args() {
        mix(argument.len() as u64);
        argument.iter().for_each(|&byte| mix(byte.into()));
    }
    let (db, tx) = (command.db.map_or(-1, i64::from), command.tx.unwrap_or(0));
    let resumable = u8::from(command.position().is_some());
    let (raw, argc) = (command.raw().len(), command.argc());
    write!(lines, "{kind} {} {db} {tx} {resumable} {raw} {argc} {hash:016x}", command.offset).unwrap();
    match command.touches() {
        Touches::Keys(keys) => {
            lines.push_str(" 0");
            keys.for_each(|key| {
                write!(lines, " {}:{}:{}", key.index, key.db.map_or(-1, i64::from), key.access.as_str()).unwrap();
            });
        }
        Touches::None => lines.push_str(" 4"),
        Touches::All(Databases::All) => lines.push_str(" 9 0:-2:write"),
        Touches::All(Databases::Selected(db)) => write!(lines, " 9 0:{}:write", db.map_or(-1, i64::from)).unwrap(),
        Touches::All(Databases::Two(first, second)) => write!(lines, " 9 0:{first}:write 0:{second}:write").unwrap(),
        Touches::Unknown => lines.push_str(" 10"),
    }
    writeln!(lines, " {}", command.is_write().map_or(10, u8::from)).unwrap();
}

fn in_c(mut command: Command, recording: &Recording, seed: u32) -> String {
    let offset = recording.offset.map_or("-".into(), |offset| offset.to_string());
    stdout(command.arg(&recording.file).args([offset, seed.to_string()]))
}

#[test]
fn recorded_links_give_in_c_what_they_give_in_rust() {
    let recorded = program("tests/c/recorded.c", How::Debug);
    let mut commands = 0;
    for recording in carried().iter().chain(&corpus()) {
        let expected = in_rust(recording);
        commands += expected.lines().count();
        for seed in [0, 1, 2, 3] {
            let seen = in_c(Command::new(&recorded), recording, seed);
            assert!(seen == expected, "{}, seed {seed}", recording.file.display());
        }
    }
    assert!(commands > 20, "{commands}");
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn recorded_links_under_valgrind_and_address_sanitizer() {
    let (plain, sanitized) = (program("tests/c/recorded.c", How::Debug), program("tests/c/recorded.c", How::Sanitized));
    for recording in carried() {
        let expected = in_rust(&recording);
        assert_eq!(in_c(valgrind(&plain), &recording, 7), expected);
        assert_eq!(in_c(Command::new(&sanitized), &recording, 8), expected);
    }
}

//! The C example on a recording that is played: no server is needed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use redtail::io::RecordingReader;
use redtail::io::recording::Recorder;
use redtail::replay::{Cut, Primary, Recording};
use redtail::replication::Database;
use redtail::{Backoff, Event, Follower, StreamCommand};

use crate::build::{How, program, root, valgrind};

/// The output of the example for it.
fn line(command: &StreamCommand<'_>) -> String {
    let args: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
    format!("{} [{}] {}", command.offset, Database(command.db), args.join(" "))
}

/// Records a server whose connection breaks during the stream. Returns the recording, its lines, and a position in it.
fn record(name: &str) -> (Recording, Vec<String>, String) {
    let played = fs::read(root().join("tests/data/resume-part1.bin")).unwrap();
    let recording = Recording::parse(&played).unwrap();
    let end = recording.last().end_offset();
    let cuts = vec![Cut::AnswerBytes(played.len() as u64 - 40)];
    let primary = Primary::serve_as(recording, playback! { cuts }).unwrap();
    let path = std::env::temp_dir().join(format!("redtail-capi-{}-{name}", std::process::id()));
    let recorder = Recorder::new(File::create(&path).unwrap(), primary.address());
    let mut follower = Follower::builder(primary.address().to_string())
        .reconnect(Backoff::new(Duration::from_millis(1), Duration::from_millis(1)))
        .record(recorder)
        .retry_first(true)
        .connect()
        .unwrap();
    while follower.position().is_none_or(|position| position.offset < end) {
        follower.next_event().unwrap().unwrap();
    }
    follower.finish_recording().unwrap();
    let (mut lines, mut position) = (Vec::new(), None);
    let mut reader = RecordingReader::new(File::open(&path).unwrap());
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::Command(command) | Event::Multi(command) | Event::Exec(command) = event {
            let line = line(&command);
            if !lines.contains(&line) {
                lines.push(line);
            }
            position = position.or(command.position());
        }
    }
    let recording = Recording::open(&path).unwrap();
    // It is open, which is enough.
    let _ = fs::remove_file(path);
    (recording, lines, position.unwrap().to_string())
}

fn follows(name: &str, command: impl Fn() -> Command) {
    let (recording, lines, position) = record(name);
    assert!(lines.len() > 2, "{lines:?}");
    let primary = Primary::serve(recording).unwrap();
    let address = primary.address().to_string();
    for (arguments, expected) in [(vec![&address], &lines[..]), (vec![&address, &position], &lines[1..])] {
        let mut child = command().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let printed: Vec<String> = printed.take(expected.len()).collect();
        assert_eq!(printed, expected);
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert!(child.wait().unwrap().success(), "{words}");
        assert!(words.contains("go on with: tail "), "{words}");
    }
}

#[test]
fn the_tail_example_follows_a_replay() {
    let program = program("examples/c/tail.c", How::Debug);
    follows("plain", || Command::new(&program));
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn the_tail_example_follows_a_replay_under_valgrind_and_asan() {
    let (plain, sanitized) = (program("examples/c/tail.c", How::Debug), program("examples/c/tail.c", How::Sanitized));
    follows("valgrind", || valgrind(&plain));
    follows("sanitized", || Command::new(&sanitized));
}

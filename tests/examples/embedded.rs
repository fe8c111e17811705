//! The examples against an embedded primary.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use redtail::replay::{Cut, Primary, Recording};
use redtail::{Ack, Event, Options, Start};

#[allow(dead_code, reason = "its main")]
#[path = "../../examples/tokio.rs"]
mod tokio_example;

#[tokio::test]
async fn the_tokio_example_follows_reconnects_and_resumes() {
    let recording =
        Recording::of((0..100).map(|number| vec!["SET".to_owned(), "key".into(), number.to_string()])).unwrap();
    let start = Start::At(recording.first().start_position());
    // The first connection ends within a command.
    let server = Primary::serve_as(recording, playback! { cuts: vec![Cut::Offset(1_000)] }).unwrap();
    let (mut values, mut reconnects) = (Vec::new(), 0);
    let options = options! { start, ack: Ack::Received };
    tokio_example::follow(&server.address().to_string(), options, |event| {
        match event {
            Event::Command(command) => values.push(String::from_utf8(command.arg(2).unwrap().to_vec()).unwrap()),
            Event::Disconnected(_) => reconnects += 1,
            _ => {}
        }
        if values.len() == 100 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .await
    .unwrap();
    assert_eq!(values, (0..100).map(|number| number.to_string()).collect::<Vec<_>>());
    assert_eq!(reconnects, 1);
}

#[tokio::test]
async fn the_tokio_example_returns_the_error_of_a_server() {
    let recording = Recording::of([["SET", "k", "v"]]).unwrap();
    let server = Primary::serve_as(recording, playback! { password: Some(b"secret".to_vec()) }).unwrap();
    let error = tokio_example::follow(&server.address().to_string(), Options::default(), |_| ControlFlow::Continue(()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("NOAUTH"), "{error}");
}

/// Cargo builds the examples beside the tests.
#[test]
fn the_tail_example_prints_every_write() {
    let server = Primary::serve(Recording::of([["SET", "k", "v"], ["SET", "k", "w"]]).unwrap()).unwrap();
    let tests = std::env::current_exe().unwrap();
    let example = tests.ancestors().nth(2).unwrap().join("examples/tail");
    let mut tail = Command::new(example).arg(server.address().to_string()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(tail.stdout.take().unwrap()).lines().take(2);
    let lines: Vec<String> = lines.map(Result::unwrap).collect();
    tail.kill().unwrap();
    tail.wait().unwrap();
    let commands: Vec<&str> = lines.iter().map(|line| line.split_once("] ").unwrap().1).collect();
    assert_eq!(commands, [r#""SET" "k" "v""#, r#""SET" "k" "w""#]);
}

/// The README shows the example, with an address instead of its argument.
#[test]
fn the_readme_shows_the_tail_example() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../../examples/tail.rs");
    let shown = readme.split("```rust,no_run\n").nth(1).unwrap().split("```").next().unwrap();
    let loop_of = |text: &'static str| text.split("connect()?;").nth(1).unwrap();
    assert_eq!(loop_of(shown), loop_of(example));
}

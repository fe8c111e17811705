//! The examples, run to their end.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]

use std::ops::ControlFlow;

use redtail::replay::{Cut, Primary, Recording};
use redtail::{Ack, Event, Options, Start};

#[macro_use]
#[path = "help/options.rs"]
mod options;
#[macro_use]
#[path = "help/playback.rs"]
mod playback;
#[allow(dead_code, reason = "its main")]
#[path = "../examples/tokio.rs"]
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

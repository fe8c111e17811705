//! The examples, run to their end.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]

use std::ops::ControlFlow;

use redtail::replay::{Primary, Recording};
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
async fn tokio__follows_acknowledges_and_resumes() {
    let recording = Recording::from_stream("SET k 1\r\n".repeat(3).as_bytes());
    let server = Primary::serve(recording).unwrap();
    let mut seen = Vec::new();
    tokio_example::follow(&server.address().to_string(), options! { ack: Ack::Received }, |event| {
        seen.push(format!("{event:?}"));
        if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .await
    .unwrap();
}

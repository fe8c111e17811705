//! Values much larger than the follower's memory.

use crate::server::{Kind, Server};
use crate::tool::{Tool, redtail};

/// The maximum memory of a follower with the default buffer. It includes the touched pages of the program, which a
/// debug build makes twenty times as large.
const MOST: u64 = if cfg!(debug_assertions) { 20_000_000 } else { 8_000_000 };

/// Drains a value of this size in each format, and checks the memory it took.
fn drain_a_value_of(size: usize) {
    let backlog = (size + (1 << 20)).to_string();
    let args = ["--repl-backlog-size", &backlog, "--client-output-buffer-limit", "replica 0 0 0"];
    let server = Server::start_with(Kind::Redis70, &args);
    server.make_backlog();
    let from = format!("{}:{}:0", server.replid(), server.offset());
    server.call(&[b"SET".as_slice(), b"key", &vec![b'v'; size]]);
    let until = server.offset().to_string();
    for format in ["text", "json", "resp"] {
        let args = ["tail", &server.address(), "--from", &from, "--until", &until, "--format", format];
        let memory = Tool::start_silent(&mut redtail(&args)).most_memory_of_all();
        eprintln!("a value of {size} bytes as {format}: at most {memory} bytes resident");
        assert!((1..=MOST).contains(&memory), "{format}: {memory} bytes");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_large_value_flows_through_little_memory() {
    drain_a_value_of(100 << 20);
}

#[test]
#[ignore = "takes gigabytes in the server: tests/soak big-value"]
fn half_a_gigabyte_flows_through_little_memory() {
    drain_a_value_of(512 << 20);
}

//! Every start and every method to receive events, in C, against real servers: `tests/c/starts.c`.

use std::process::{Child, Command, Stdio};

use crate::build::{How, program, run, valgrind};
use crate::help::{PATIENCE, eventually, wait};
use crate::server::{Kind, Server};

const WAYS: [&str; 4] = ["next", "timeout", "batch", "session"];

/// The numbers of `redtail_start`.
const NOW: &str = "start=0";
const WITHOUT_FORK: &str = "start=1";
const SNAPSHOT: &str = "start=2";
const AT: &str = "start=3";
const SYNC: &str = "start=4";

/// The lines that the program prints when these commands are written once it is attached.
fn said(command: Command, server: &Server, way: &str, options: &[&str], writes: &[&[&str]]) -> Vec<String> {
    let mut example = start(command, server, way, options);
    eventually("it is attached", || server.info("replication").values().any(|value| value.contains("state=online")));
    let mut client = server.client();
    for write in writes {
        client.call(write);
    }
    client.call(&["SET", "END", "x"]);
    let ended = wait(&mut example, PATIENCE);
    let output = example.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(ended.is_some_and(|status| status.success()), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    eventually("the server has noticed", || server.info("replication")["connected_slaves"] == "0");
    text.lines().map(str::to_owned).collect()
}

/// The lines that the program prints when nobody writes.
fn alone(mut command: Command, server: &Server, way: &str, options: &[&str]) -> Vec<String> {
    let output = run(command.args([server.address().as_str(), way]).args(options));
    eventually("the server has noticed", || server.info("replication")["connected_slaves"] == "0");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn start(mut command: Command, server: &Server, way: &str, options: &[&str]) -> Child {
    command.args([server.address().as_str(), way]).args(options);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("see tests/tools")
}

/// Under valgrind or with AddressSanitizer, in turn.
struct Watched {
    turn: usize,
}

impl Watched {
    fn next(&mut self) -> Command {
        self.turn += 1;
        match self.turn % 2 {
            0 => valgrind(&program("tests/c/starts.c", How::Debug)),
            _ => Command::new(program("tests/c/starts.c", How::Sanitized)),
        }
    }
}

fn begins(lines: &[String], expected: &[&str]) {
    assert!(lines.len() >= expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line} is not {expected}: {lines:?}");
    }
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn every_start_in_every_way() {
    let server = Server::start(Kind::Redis70);
    server.make_backlog();
    eventually("its replica is gone", || server.info("replication")["connected_slaves"] == "0");
    server.call(&["SET", "before", "1"]);
    let write: &[&[&str]] = &[&["SET", "k", "v"]];
    let attached = |method: u8| format!("attached {method} 1 redis 7.0.");
    let wrote = "6 at ";
    // An odd number of runs for each method, so that the turns change.
    let mut watched = Watched { turn: 0 };
    for way in WAYS {
        let position = format!("position={}:{}:0", server.replid(), server.offset());

        let lines = said(watched.next(), &server, way, &[NOW, "ack=1"], write);
        begins(&lines, &["forking 1", &attached(1), wrote, wrote, "over"]);
        assert!(lines[2].ends_with(" in 0 tx 0 SET k v") && lines[3].ends_with("SET END x"), "{lines:?}");
        assert!(lines[3].starts_with(&format!("6 at {} ", server.offset())), "{lines:?}");

        let lines = said(watched.next(), &server, way, &[WITHOUT_FORK], write);
        begins(&lines, &[&attached(2), wrote, wrote, "over"]);

        let lines = said(watched.next(), &server, way, &[SNAPSHOT], write);
        begins(&lines, &["forking 2", &attached(3), "snapshot ", "snapshot ends 1", wrote, wrote, "over"]);

        // Everything since the first is delivered again.
        let lines = alone(watched.next(), &server, way, &[AT, &position]);
        begins(&lines, &[&attached(4), wrote, wrote, "over"]);
        assert!(lines[1].ends_with("SET k v") && lines[2].ends_with("SET END x"), "{lines:?}");

        let lines = said(watched.next(), &server, way, &[SYNC], write);
        begins(&lines, &["forking 2", "attached 6 1 redis 7.0.", "snapshot ", "snapshot ends 0", wrote, wrote, "over"]);
    }
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn lost_history_is_told_and_what_then() {
    let server = Server::start(Kind::Redis70);
    server.make_backlog();
    let lost = format!("position={}:1000000:0", "0".repeat(40));
    let mut watched = Watched { turn: 0 };
    for way in WAYS {
        let text = alone(watched.next(), &server, way, &[AT, &lost]).join("\n");
        assert!(text.contains("14 at 0") && text.contains(" from=000"), "{text}");
        assert!(text.contains("REDTAIL_ERROR_HISTORY_LOST: "), "{text}");
        for (on_gap, snapshot) in [("on_gap=1", false), ("on_gap=2", true)] {
            let lines = said(watched.next(), &server, way, &[AT, &lost, on_gap], &[&["SET", "k", "v"]]);
            let gap = lines.iter().position(|line| line.starts_with("14 at ")).expect("a gap");
            assert_eq!(lines[gap + 1..].iter().any(|line| line == "snapshot ends 1"), snapshot, "{lines:?}");
            assert!(lines[gap + 1..].iter().any(|line| line.ends_with("SET k v")), "{lines:?}");
        }
    }
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn parts_transactions_control_and_what_is_committed() {
    let args = ["--requirepass", "secret"];
    let server = Server::start_with(Kind::Redis70, &args);
    let long = "x".repeat(5000);
    let longer = "y".repeat(600_000);
    let mut watched = Watched { turn: 0 };
    for way in WAYS {
        // Each method under both.
        for _ in 0..2 {
            let options = [NOW, "parts=2000", "control=1", "ack=2", "password=secret", "user=default"];
            let writes: &[&[&str]] = &[
                &["MULTI"],
                &["SET", "a", "1"],
                &["SET", "b", &long],
                &["EXEC"],
                &["SELECT", "3"],
                &["MSET", "c", "2", "d", &longer, "e", ""],
            ];
            let lines = said(watched.next(), &server, way, &options, writes);
            let of = |start: &str| lines.iter().filter(|line| line.starts_with(start)).collect::<Vec<_>>();
            let [multi, exec] = [of("7 at ")[0], of("8 at ")[0]];
            let tx = multi.split(' ').nth(2).unwrap();
            assert!(exec.contains(&format!(" tx {tx} ")), "{lines:?}");
            assert!(lines.iter().any(|line| line.ends_with(&format!(" in 0 tx {tx} SET a 1"))), "{lines:?}");
            assert_eq!(of("part begins 3").len(), 1, "{lines:?}");
            assert_eq!(of("part 2 5000").len(), 1, "{lines:?}");
            assert_eq!(of("part begins 7").len(), 1, "{lines:?}");
            assert_eq!(of("part 4 600000").len(), 1, "{lines:?}");
            assert_eq!(of("part 6 0").len(), 1, "{lines:?}");
            assert_eq!(of("part ends at ").len(), 2, "{lines:?}");
            assert!(of("9 at ").iter().any(|line| line.to_lowercase().ends_with("select 3")), "{lines:?}");
        }
    }
    let plain = Command::new(program("tests/c/starts.c", How::Debug));
    let text = alone(plain, &server, "next", &[]).join("\n");
    assert!(text.starts_with("REDTAIL_ERROR_REFUSED: ") && text.contains("NOAUTH"), "{text}");
}

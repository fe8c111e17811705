//! `redtail tail --format resp`: its output makes the same data in another server.

use std::process::{Command, Stdio};

use crate::client::command;
use crate::copy::{count, fill, replay_bytes, same_data};
use crate::follow::{Watch, follow};
use crate::help::eventually;
use crate::proxy::{Cut, Proxy};
use crate::rebuild::{LAST, finish};
use crate::server::{Kind, Server};
use crate::tool::Tool;
use crate::workload::parse;

/// Data, expiry times, consumer groups and functions. The reference is a real replica of the same stream.
#[test]
#[ignore = "needs real servers: tests/run"]
fn what_tail_prints_for_servers_makes_the_same_data() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let server = Server::start(kind);
        let replica = Server::start(kind);
        replica.replica_of(&server);
        let tool = Tool::start(&["tail", &server.address(), "--format", "resp", "--assume-db", "0"]);
        tool.says("attached to");
        fill(&server);
        let bytes = finish(tool, &server);
        eventually("the replica has everything", || replica.offset() == server.offset());
        let copy = Server::start(kind);
        replay_bytes(&copy, &bytes);
        same_data(&replica, &copy);
        eventually("server and copy have the same digest", || server.digest() == copy.digest());
        assert!(copy.call(&["DBSIZE"]).int() > 50);
    }
}

/// The command line for `redis-cli --pipe`, run by a shell.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_migration_recipe_works() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Valkey91]) {
        let old = Server::start_with(kind, &["--repl-backlog-size", "100mb"]);
        let new = Server::start(kind);
        old.make_backlog();
        let watch = Watch::attached(follow(&old));
        // A SELECT precedes the second one: the position then has its database on 6.2, too.
        old.client().pipeline(&["SELECT 1", "SET in 1", "SELECT 0", "SET in 0"].map(|line| parse(line).remove(0)));
        watch.reaches(old.offset());
        let position = watch.stop().position.expect("a position").to_string();
        fill(&old);
        new.client().pipeline(&["SELECT 1", "SET in 1", "SELECT 0", "SET in 0"].map(|line| parse(line).remove(0)));
        let recipe = r#""$0" tail "$1" --from "$2" --until "$3" --format resp | redis-cli -h 127.0.0.1 -p "$4" --pipe"#;
        let (address, until, port) = (old.address(), old.offset().to_string(), new.port.to_string());
        let shell = Command::new("sh")
            .args(["-c", recipe, env!("CARGO_BIN_EXE_redtail"), &address, &position, &until, &port])
            .stdin(Stdio::null())
            .output()
            .expect("run the recipe");
        assert!(shell.status.success(), "{shell:?}");
        assert!(String::from_utf8_lossy(&shell.stdout).contains("errors: 0,"), "{shell:?}");
        assert!(String::from_utf8_lossy(&shell.stderr).contains("resume with --from"), "{shell:?}");
        eventually("both have the same data", || old.digest() == new.digest());
    }
}

/// After a lost connection, also inside a transaction or a command, the output continues without a trace of it.
#[test]
#[ignore = "needs real servers: tests/run"]
fn broken_connections_leave_no_trace_in_resp_output() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let server = Server::start_with(kind, &["--repl-backlog-size", "100mb"]);
        server.make_backlog();
        let proxy = Proxy::start(&server);
        let address = format!("127.0.0.1:{}", proxy.port);
        let tool = Tool::start(&["tail", &address, "--format", "resp", "--assume-db", "0"]);
        tool.says("attached to");
        let cuts: [&[u8]; 5] = [b"MULTI\r\n", b"inside:1\r\n", b"inside:2\r\n$1", b"EXEC\r\n", b"the middle"];
        for cut in cuts {
            proxy.cut([Cut::Behind(cut.to_vec())]);
            let large = "x".repeat(1_000_000) + "the middle" + &"x".repeat(1_000_000);
            let lines = [
                &["SELECT", "3"][..],
                &["MULTI"],
                &["INCR", "inside:1"],
                &["RPUSH", "inside:2", "x"],
                &["EXEC"],
                &["APPEND", "large", &large],
                &["SELECT", "0"],
                &["INCR", "outside"],
            ];
            let replies = server.client().pipeline(&lines.map(command));
            assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
            eventually("the link is cut", || proxy.is_done());
        }
        let bytes = finish(tool, &server);
        let copy = Server::start(kind);
        replay_bytes(&copy, &bytes);
        same_data(&server, &copy);
        assert_eq!(copy.call(&["GET", "outside"]).text(), "5", "{kind:?}");
        assert!(proxy.connections() > 5);
    }
}

/// In memory independent of the value.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_huge_value_flows_through_in_little_memory() {
    let server = Server::start(Kind::Redis70);
    let tool = Tool::start(&["tail", &server.address(), "--format", "resp"]);
    tool.says("attached to");
    let value: Vec<u8> = (0..64_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    server.call(&[&b"SET"[..], b"huge", &value]);
    server.call(&[&b"SET"[..], LAST, b"v"]);
    let mut tool = tool;
    let mut bytes = tool.until(LAST);
    let memory = tool.most_memory();
    assert!(memory < 32 << 20, "{memory} bytes");
    tool.signal("TERM");
    bytes.extend(tool.rest());
    assert!(tool.wait().success(), "{}", tool.errors());
    let copy = Server::start(Kind::Redis70);
    replay_bytes(&copy, &bytes);
    same_data(&server, &copy);
}

/// An unknown database never leads to a write into a wrong one.
#[test]
#[ignore = "needs real servers: tests/run"]
fn an_unknown_database_is_refused_unless_one_is_assumed() {
    let server = Server::start(Kind::Redis70);
    server.make_backlog();
    let mut client = server.client();
    client.call(&["SELECT", "4"]);
    client.call(&["SET", "before", "1"]);
    let args = ["tail", &server.address(), "--from", "now-without-fork", "--format", "resp"];
    let mut tool = Tool::start(&args);
    tool.says("attached to");
    client.call(&["SET", "k", "1"]);
    assert_eq!(tool.wait().code(), Some(1), "{}", tool.errors());
    assert!(tool.errors().contains("--assume-db"), "{}", tool.errors());
    assert!(tool.rest().is_empty());

    let mut tool = Tool::start(&[&args[..], &["--assume-db", "4", "--count", "3"]].concat());
    tool.says("attached to");
    count(&server, "in 0:", 0..1);
    client.call(&["SET", "k", "2"]);
    client.call(&["SET", "k", "3"]);
    assert!(tool.wait().success(), "{}", tool.errors());
    let copy = Server::start(Kind::Redis70);
    replay_bytes(&copy, &tool.rest());
    let mut client = copy.client();
    assert_eq!(client.call(&["GET", "in 0:0"]).text(), "0");
    client.call(&["SELECT", "4"]);
    assert_eq!(client.call(&["GET", "k"]).text(), "3");
}

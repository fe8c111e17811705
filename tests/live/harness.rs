//! Tests of the harness: if one of these fails, no other live test is meaningful.

use std::process::Command;

use crate::client::{Client, Value};
use crate::help::{eventually, output, redis_benchmark, redis_cli};
use crate::server::{Kind, Server};
use crate::tool::Tool;
use crate::workload::{parse, workload};

#[test]
#[ignore = "needs real servers: tests/run"]
fn every_server_is_the_version_it_should_be() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let (name, version) = kind.version();
        let found = server.info("server")[name].clone();
        assert!(found.starts_with(version), "{kind:?} is {found}");
        assert_ne!(server.port, 6379);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_comes_back_where_it_was() {
    for kind in Kind::ALL {
        let mut server = Server::start(kind);
        let (port, folder) = (server.port, server.folder().to_owned());
        server.call(&["SET", "k", "v"]);
        server.shut_down("SAVE");
        server.start_again();
        assert_eq!(server.call(&["GET", "k"]).text(), "v", "{kind:?}");
        server.kill();
        server.start_again();
        assert_eq!(server.call(&["GET", "k"]).text(), "v", "{kind:?}");
        assert_eq!((server.port, server.folder()), (port, folder.as_path()));
        drop(server);
        assert!(!folder.exists());
        assert!(Client::connect(port, None).is_err());
    }
}

/// The workload is valid on every server, and a real replica ends with the same data.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_replica_copies_the_workload_and_is_promoted() {
    for kind in Kind::ALL {
        let primary = Server::start(kind);
        let replica = Server::start(kind);
        replica.replica_of(&primary);
        let before = primary.offset();
        let commands = workload(kind);
        for (command, reply) in commands.iter().zip(primary.client().pipeline(&commands)) {
            let failed = matches!(&reply, Value::Array(replies) if replies.iter().any(Value::is_error));
            assert!(
                !reply.is_error() && !failed,
                "{kind:?}: {:?}: {reply:?}",
                String::from_utf8_lossy(&command.join(&b' '))
            );
        }
        assert!(primary.offset() > before);
        eventually("the replica has everything", || {
            replica.offset() == primary.offset() && replica.digest() == primary.digest()
        });
        let id = primary.info("replication")["master_replid"].clone();
        replica.promote();
        let promoted = replica.info("replication");
        assert_eq!((promoted["role"].as_str(), &promoted["master_replid2"]), ("master", &id));
        replica.call(&["SET", "written", "after"]);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_password_is_used_everywhere() {
    let primary = Server::start_with(Kind::Redis70, &["--requirepass", "secret"]);
    let replica = Server::start_with(Kind::Redis70, &["--requirepass", "secret"]);
    replica.replica_of(&primary);
    assert!(redis_cli(&primary, &["PING"], b"").contains("PONG"));
    let mut stranger = Client::connect(primary.port, None).expect("connect");
    assert!(stranger.ask(&["PING"]).text().starts_with("NOAUTH"));
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn sentinel_promotes_a_replica() {
    let mut primary = Server::start(Kind::Redis70);
    let replica = Server::start(Kind::Redis70);
    replica.replica_of(&primary);
    let sentinel = Server::start_sentinel(&primary);
    eventually("Sentinel sees the replica", || {
        let replicas = sentinel.call(&["SENTINEL", "REPLICAS", "watched"]);
        replicas.items().iter().any(|found| found.items().contains(&Value::Bulk(replica.address().into_bytes())))
    });
    primary.kill();
    eventually("Sentinel promotes the replica", || replica.is_promoted());
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_programs_of_a_server_run() {
    let server = Server::start(Kind::Redis70);
    redis_benchmark(&server, &["-q", "-n", "1000", "-P", "10", "-t", "set"]);
    assert!(server.call(&["DBSIZE"]).int() > 0);
    let piped = redis_cli(&server, &["--pipe"], b"*3\r\n$3\r\nSET\r\n$5\r\npiped\r\n$1\r\nv\r\n");
    assert!(piped.contains("errors: 0, replies: 1"), "{piped}");
    assert_eq!(server.call(&["GET", "piped"]).text(), "v");
    let socket = server.socket();
    let pong = output(Command::new("redis-cli").arg("-s").arg(socket).arg("PING"), b"");
    assert_eq!(pong.stdout, b"PONG\n");
    server.config_set("repl-backlog-size", "2mb");
    assert_eq!(server.call(&["CONFIG", "GET", "repl-backlog-size"]).items()[1].text(), "2097152");
}

#[test]
fn the_tool_runs_to_its_end() {
    assert!(Tool::run(&["--help"], b"").status.success());
    assert!(Tool::start(&["--help"]).wait().success());
}

/// The guarantees of `Tool`, shown on a shell that behaves like it.
#[test]
fn a_tool_is_read_and_signalled() {
    let script = r#"trap 'echo "the end" >&2; exit 3' TERM
        echo first; echo '{"event":"position","position":null}'; echo '{"event":"exec","offset":7,"db":0}'; echo more; printf last
        exec >&-; while :; do sleep 0.1; done"#;
    let mut tool = Tool::start_command(Command::new("sh").args(["-c", script]));
    assert_eq!(tool.line().as_deref(), Some("first"));
    assert_eq!(tool.event_named("exec")["offset"], 7);
    assert_eq!(tool.rest(), b"more\nlast");
    assert_eq!(tool.line(), None);
    tool.signal("TERM");
    assert_eq!(tool.wait().code(), Some(3));
    assert_eq!(tool.errors(), "the end\n");
}

#[test]
fn a_line_of_the_workload_is_split_as_redis_cli_splits_it() {
    let expected: [&[u8]; 4] = [b"SET", b"", b"a b\r\n\xff\x00", b"plain"];
    assert_eq!(parse("SET \"\" \"a b\\r\\n\\xff\\x00\" plain\n"), [expected.map(<[u8]>::to_vec).to_vec()]);
}

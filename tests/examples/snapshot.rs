//! `examples/snapshot.rs`: the keys of a server, in the order of their names.

use crate::client::command;
use crate::programs::{Running, example};
use crate::server::{Kind, Server};

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_snapshot_has_every_key() {
    for kind in [Kind::Redis62, Kind::Redis810, Kind::Valkey91] {
        let server = Server::start(kind);
        let commands: [&[&str]; 8] = [
            &["SET", "text", "a \"b\""],
            &["RPUSH", "list", "1", "2", "3"],
            &["SADD", "set", "1", "2"],
            &["ZADD", "zset", "1", "one"],
            &["HSET", "hash", "f", "v", "g", "w"],
            &["XADD", "stream", "1-1", "f", "v"],
            &["SELECT", "3"],
            &["SET", "in", "three"],
        ];
        let replies = server.client().pipeline(&commands.map(command));
        assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
        let lines = Running::start(&example("snapshot"), &[&server.address()]).rest();
        let expected = [
            r#"[0] "hash" a hash of 2"#,
            r#"[0] "list" a list of 3"#,
            r#"[0] "set" a set of 2"#,
            r#"[0] "stream" a stream of 1"#,
            r#"[0] "text" "a \"b\"""#,
            r#"[0] "zset" a sorted set of 1"#,
            r#"[3] "in" "three""#,
        ];
        assert_eq!(lines, expected, "{kind:?}");
    }
}

//! Snapshots and streams as commands, for a target that holds keys: nothing outside of the filters is touched, and
//! nothing inside stays that the source does not have.

use std::collections::BTreeMap;

use crate::copy::replay_bytes;
use crate::rebuild::printed;
use crate::server::{Kind, Server};
use crate::tool::Tool;
use crate::workload::parse;

/// The keys of a database, and the length of the list.
fn held(server: &Server, db: &str) -> (Vec<String>, i64) {
    let mut client = server.client();
    client.call(&["SELECT", db]);
    let mut keys: Vec<String> = client.call(&["KEYS", "*"]).items().iter().map(|key| key.text()).collect();
    keys.sort();
    (keys, client.call(&["LLEN", "user:list"]).int())
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_snapshot_changes_only_what_the_filters_select() {
    for kind in Kind::ALL {
        let source = Server::start(kind);
        let mut client = source.client();
        for db in ["0", "3"] {
            client.call(&["SELECT", db]);
            client.call(&["RPUSH", "user:list", "1", "2"]);
            client.call(&["SET", "other:s", "source"]);
        }
        let all = ["other:s", "user:list"];
        let old = ["other:old", "user:list", "user:old"];
        let of_users = ["other:old", "user:list"];
        let cases: [(&[&str], &[&str], &[&str]); 4] = [
            (&["--empty-target"], &all, &all),
            (&["--empty-target", "--key", "user:*"], &of_users, &of_users),
            (&["--empty-target", "--db", "3"], &old, &all),
            (&["--empty-target", "--db", "3", "--key", "user:*"], &old, &of_users),
        ];
        for (arguments, in_0, in_3) in cases {
            let target = Server::start(kind);
            let mut client = target.client();
            for db in ["0", "3"] {
                client.call(&["SELECT", db]);
                client.call(&["RPUSH", "user:list", "1", "2"]);
                client.call(&["SET", "user:old", "target"]);
                client.call(&["SET", "other:old", "target"]);
            }
            let address = source.address();
            let args = [&["snapshot", &address, "--format", "resp"], arguments].concat();
            // A second run has the result of the first.
            for _ in 0..2 {
                let (bytes, errors) = printed(&args, b"");
                assert!(errors.contains("the target"), "{errors}");
                replay_bytes(&target, &bytes);
                for (db, keys) in [("0", in_0), ("3", in_3)] {
                    let keys = keys.iter().map(|&key| key.to_owned()).collect();
                    assert_eq!(held(&target, db), (keys, 2), "{kind:?}, {arguments:?}, database {db}");
                }
            }
        }
    }
}

/// Writes to selected keys, to other keys, and to both.
const WRITES: &str = r#"
SET user:1 a
SET other:s source
MSET user:2 b other:2 c user:4 d
DEL user:1 other:2 user:old
SADD user:set m n o
SMOVE user:set other:set m
SMOVE other:set user:set2 m
RPUSH user:list 1 2 3
LMOVE user:list other:list LEFT LEFT
RPOPLPUSH user:list other:list
RENAME user:2 other:3
SUNIONSTORE user:union user:set user:set2
SUNIONSTORE other:union user:set
SET user:gone 1
COPY other:s user:gone REPLACE
SORT user:list STORE other:sorted
ZADD user:z 1 m
ZRANGESTORE other:z user:z 0 -1
MULTI
SET user:in 1
DEL other:set user:in
RENAME user:z user:zz
EXEC
SELECT 3
SET user:in-3 x PX 100000000
SET other:s source
RPUSH user:list 7
SWAPDB 0 3
SET user:after-swap 1
SELECT 5
SET user:5 1
FLUSHDB
SET user:5b 1
SELECT 0
SET user:end 1
"#;

/// The digests of the keys of all databases that match a pattern.
fn digests(server: &Server, pattern: &str) -> BTreeMap<(u32, String), String> {
    let mut client = server.client();
    let mut found = BTreeMap::new();
    for db in 0..16 {
        client.call(&["SELECT", &db.to_string()]);
        for key in client.call(&["KEYS", pattern]).items() {
            let digest = client.call(&["DEBUG", "DIGEST-VALUE", &key.text()]).items()[0].text();
            found.insert((db, key.text()), digest);
        }
    }
    found
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_stream_changes_only_what_the_filters_select() {
    for kind in Kind::ALL {
        for (flush, db) in [(false, None), (true, None), (false, Some("0,3")), (false, Some("3"))] {
            let at = format!("{kind:?}, {flush}, {db:?}");
            let (source, target) = (Server::start(kind), Server::start(kind));
            let old = parse("SET user:old 1\nSET other:s target\nSET other:2 target\nRPUSH other:list t");
            for server in [&source, &target] {
                let mut client = server.client();
                for db in ["0", "3", "5", "6"] {
                    client.call(&["SELECT", db]);
                    client.pipeline(&old);
                }
            }
            let others = digests(&target, "other:*");
            let unselected = digests(&target, "user:*");
            let address = source.address();
            let mut args = vec!["tail", &address, "--from", "snapshot", "--empty-target", "--format", "resp"];
            args.extend(["--key", "user:*"]);
            args.extend(db.iter().flat_map(|db| ["--db", db]));
            let mut tool = Tool::start(&args);
            tool.says("the snapshot is complete");
            let mut client = source.client();
            let mut writes = parse(WRITES);
            if flush {
                writes.extend(parse("FLUSHALL\nSET user:last 1"));
            }
            for (command, reply) in writes.iter().zip(client.pipeline(&writes)) {
                assert!(!reply.is_error(), "{at}: {command:?}: {reply:?}");
            }
            client.pipeline(&parse("SELECT 3\nSET user:the-last 1"));
            let mut bytes = tool.until(b"user:the-last");
            tool.signal("INT");
            bytes.extend(tool.rest());
            assert!(tool.wait().success(), "{}", tool.errors());
            replay_bytes(&target, &bytes);
            assert_eq!(digests(&target, "other:*"), others, "{at}");
            let is_selected = |number: u32| db.is_none_or(|db| db.split(',').any(|db| db == number.to_string()));
            let (made, mut expected) = (digests(&target, "user:*"), digests(&source, "user:*"));
            // Outside of the databases nothing has changed.
            expected.retain(|(db, _), _| is_selected(*db));
            expected.extend(unselected.into_iter().filter(|((db, _), _)| !is_selected(*db)));
            // It was a copy of a key that is not selected; and SWAPDB brought an unselected database.
            expected.retain(|(number, key), _| {
                let is_later = ["user:after-swap", "user:the-last", "user:last"].contains(&key.as_str());
                key != "user:gone" && (db != Some("3") || *number != 3 || is_later)
            });
            assert_eq!(made, expected, "{at}");
        }
    }
}

//! `--db`, `--command`, `--key` against the servers' own results.

use std::collections::BTreeSet;

use crate::client::{Client, Command, command};
use crate::copy::replay_bytes;
use crate::server::{Kind, Server};
use crate::tool::Tool;

fn encoded(commands: &[Command]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for args in commands {
        bytes.extend(format!("*{}\r\n", args.len()).into_bytes());
        for arg in args {
            bytes.extend(format!("${}\r\n", arg.len()).into_bytes());
            bytes.extend_from_slice(arg);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

/// All strings of one to three of these letters.
fn words(letters: &[&str]) -> Vec<String> {
    let longer = |words: &[String]| -> Vec<String> {
        words.iter().flat_map(|word| letters.iter().map(move |letter| format!("{word}{letter}"))).collect()
    };
    let one = longer(&[String::new()]);
    let two = longer(&one);
    let three = longer(&two);
    [one, two, three].concat()
}

/// Each pattern selects the keys that KEYS returns for it.
#[test]
#[ignore = "needs real servers: tests/run"]
fn patterns_choose_what_keys_gives() {
    let keys = words(&["a", "b", "-", "]", "^", "\\", "*", "["]);
    let stream = encoded(&keys.iter().map(|key| command(&["SET", key, "v"])).collect::<Vec<_>>());
    let patterns = "* ** a* *a *a*b a?b ?? ??? [ab] [^ab]* [a-b]? [b-a]? [a-]* [a- [a [ [] []a] [^] [^]? [\\]]* [\\^]* [^\\]]* [ab\\]* \
        \\** \\?a \\\\* \\[* a\\ *\\ [*]* [?] *[^a] *-* [--]] [^-]]* [a^]? [\\a-b]* [a-\\]* *[* **a**b** a[b*";
    let servers: Vec<Server> = Kind::ALL.map(Server::start).into();
    for server in &servers {
        let replies = server.client().pipeline(&keys.iter().map(|key| command(&["SET", key, "v"])).collect::<Vec<_>>());
        assert!(replies.iter().all(|reply| !reply.is_error()));
    }
    let mut matches = 0;
    for pattern in patterns.split_whitespace() {
        let output = Tool::run(&["decode", "--format", "json", "--keys", "--key", pattern], &stream);
        assert!(output.status.success(), "{pattern}");
        let chosen: BTreeSet<String> = String::from_utf8(output.stdout)
            .expect("UTF-8")
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).expect("JSON")["keys"][0]["key"]
                    .as_str()
                    .expect("a key")
                    .into()
            })
            .collect();
        matches += chosen.len();
        for server in &servers {
            let given: BTreeSet<String> =
                server.call(&["KEYS", pattern]).items().iter().map(|key| key.text()).collect();
            assert_eq!(chosen, given, "{:?}: {pattern}", server.kind);
        }
    }
    assert!(matches > 1000);
}

fn write(client: &mut Client, db: u32, round: &str) {
    let large = "x".repeat(200_000);
    let name = |prefix: &str, rest: &str| format!("{prefix}:{db}:{round}:{rest}");
    let mut commands = vec![command(&["SELECT", &db.to_string()])];
    for prefix in ["a", "b"] {
        commands.extend([
            command(&["SET", &name(prefix, "string"), "v"]),
            command(&["SET", &name(prefix, "large"), &large]),
            command(&["RPUSH", &name(prefix, "list"), "1", "2", "3"]),
            command(&["HSET", &name(prefix, "hash"), "f", &large]),
            command(&["SET", &name(prefix, "mortal"), "v", "PX", "100000000"]),
            command(&["MULTI"]),
            command(&["INCR", &name(prefix, "number")]),
            command(&["INCR", &name("c", "number")]),
            command(&["RPOPLPUSH", &name(prefix, "list"), &name(prefix, "other")]),
            command(&["EXEC"]),
            command(&["XADD", &name(prefix, "stream"), "1-1", "f", "v"]),
            command(&["XGROUP", "CREATE", &name(prefix, "stream"), "g", "0"]),
            command(&["SET", &name(prefix, "gone"), "v"]),
            command(&["DEL", &name(prefix, "gone"), &name("c", "gone")]),
        ]);
    }
    commands.push(command(&["MSET", &name("a", "m1"), "1", &name("b", "m2"), "2"]));
    for reply in client.pipeline(&commands) {
        assert!(!reply.is_error(), "{reply:?}");
    }
}

/// The values of some keys in some databases: names, digests of values, whether they expire.
fn data(server: &Server, dbs: &[u32], pattern: &str) -> BTreeSet<(u32, String, String, bool)> {
    let (mut client, mut found) = (server.client(), BTreeSet::new());
    for &db in dbs {
        client.call(&["SELECT", &db.to_string()]);
        for key in client.call(&["KEYS", pattern]).items() {
            let key = key.text();
            let digest = client.call(&["DEBUG", "DIGEST-VALUE", &key]).items()[0].text();
            let expires = client.call(&["PTTL", &key]).int() > 0;
            found.insert((db, key, digest, expires));
        }
    }
    found
}

/// Snapshot and stream, large values and transactions: a filter by keys yields their data and no other's.
#[test]
#[ignore = "needs real servers: tests/run"]
fn chosen_keys_make_their_data_in_another_server() {
    const ALL: [u32; 3] = [0, 3, 5];
    for kind in Kind::ALL {
        let server = Server::start(kind);
        ALL.iter().for_each(|&db| write(&mut server.client(), db, "before"));
        let address = server.address();
        let start = |arguments: &[&str]| {
            let common = ["tail", &address, "--from", "snapshot", "--format", "resp", "--empty-target"];
            let tool = Tool::start(&[&common, arguments].concat());
            tool.says("the snapshot is complete");
            tool
        };
        let tools = [start(&["--key", "a:*"]), start(&["--db", "3"]), start(&["--db", "0,5", "--key", "a:*"])];
        ALL.iter().for_each(|&db| write(&mut server.client(), db, "after"));
        // All of database 5 is deleted, and written once more.
        let mut client = server.client();
        client.call(&["SELECT", "5"]);
        client.call(&["FLUSHDB"]);
        write(&mut client, 5, "again");
        // And this affects both.
        client.call(&["SET", "a:moved", "v"]);
        client.call(&["SWAPDB", "5", "3"]);
        for db in ALL {
            client.call(&["SELECT", &db.to_string()]);
            client.call(&["SET", "a:last", "the end"]);
        }
        let mut copies = Vec::new();
        for (mut tool, lasts) in tools.into_iter().zip([3, 1, 2]) {
            let mut bytes = Vec::new();
            (0..lasts).for_each(|_| bytes.extend(tool.until(b"the end")));
            tool.signal("INT");
            bytes.extend(tool.rest());
            assert!(tool.wait().success(), "{}", tool.errors());
            let copy = Server::start(kind);
            replay_bytes(&copy, &bytes);
            copies.push(copy);
        }
        assert_eq!(data(&copies[0], &ALL, "a:*"), data(&server, &ALL, "a:*"), "{kind:?}");
        assert!(data(&copies[0], &ALL, "[bc]*").is_empty(), "{kind:?}");
        // Before the swap database 5 was not selected.
        let own = |server: &Server| -> BTreeSet<_> {
            data(server, &[3], "*").into_iter().filter(|(_, key, ..)| key == "a:last").collect()
        };
        assert_eq!(own(&copies[1]), own(&server), "{kind:?}");
        assert_eq!(data(&copies[1], &[3], "*").len(), 1, "{kind:?}");
        assert!(data(&copies[1], &[0, 5], "*").is_empty(), "{kind:?}");
        assert_eq!(data(&copies[2], &[0], "a:*"), data(&server, &[0], "a:*"), "{kind:?}");
        // And before the swap database 3 was not.
        let names = |server: &Server| -> Vec<_> { data(server, &[3, 5], "*").into_iter().map(|key| key.1).collect() };
        assert_eq!(names(&copies[2]), ["a:last"], "{kind:?}");
    }
}

//! A snapshot as commands, for a target that holds keys: nothing outside of the filters is touched, and nothing inside
//! stays that the source does not have.

use crate::copy::replay_bytes;
use crate::rebuild::printed;
use crate::server::{Kind, Server};

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
        let with_everything = ["other:old", "other:s", "user:list", "user:old"];
        let old = ["other:old", "user:list", "user:old"];
        let of_users = ["other:old", "user:list"];
        let cases: [(&[&str], &[&str], &[&str]); 5] = [
            // Nothing is deleted without the option, and no list is doubled.
            (&[], &with_everything, &with_everything),
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

//! `redtail snapshot -o` and `tail --snapshot-to`: the source server loads the file, which is complete.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::copy::{fill, replay_bytes, same_data};
use crate::help::eventually;
use crate::server::{Kind, Server};
use crate::tool::Tool;

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_saved_snapshot_is_loaded_with_the_same_digest() {
    for kind in Kind::ALL {
        for diskless in ["yes", "no"] {
            let server = Server::start_with(kind, &["--repl-diskless-sync", diskless]);
            fill(&server);
            let file = server.folder().join("saved.rdb");
            let path = file.to_str().expect("UTF-8");
            let output = Tool::run(&["snapshot", &server.address(), "-o", path], b"");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && output.stdout.is_empty(), "{kind:?}: {errors}");
            let dump = fs::read(&file).expect("the snapshot");
            assert!(errors.contains(&format!("saved.rdb: {} bytes", dump.len())), "{errors}");
            // A PING may follow at once, but no write.
            let position = errors.trim_end().rsplit_once("--from ").expect("a position").1;
            let position: redtail::Position = position.parse().expect("a position");
            assert_eq!(position.replid.to_string(), server.replid(), "{kind:?}");
            assert!(server.offset() - position.offset <= 14, "{kind:?}: {errors}");
            let copy = Server::start_from_dump(kind, &dump);
            assert!(copy.call(&["DBSIZE"]).int() > 0);
            same_data(&server, &copy);
        }
    }
}

/// Elements pushed one after another: a missing or repeated one is visible.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_saved_snapshot_and_the_writes_after_it_are_the_primary() {
    for (kind, diskless) in
        [(Kind::Redis62, "no"), (Kind::Redis70, "yes"), (Kind::Redis82, "no"), (Kind::Valkey91, "yes")]
    {
        // Each key takes half a millisecond to save: there is time to write meanwhile.
        let server = Server::start_with(kind, &["--repl-diskless-sync", diskless, "--rdb-key-save-delay", "500"]);
        fill(&server);
        let file = server.folder().join("saved.rdb");
        let stop = AtomicBool::new(false);
        let stream = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut client = server.client();
                let mut number = 0;
                while !stop.load(Ordering::Acquire) {
                    client.call(&["RPUSH", &format!("pushed:{}", number % 7), &number.to_string()]);
                    number += 1;
                }
                client.call(&["SET", "the last key", "v"]);
            });
            let path = file.to_str().expect("UTF-8");
            let mut tool = Tool::start(&[
                "tail",
                &server.address(),
                "--from",
                "snapshot",
                "--snapshot-to",
                path,
                "--format",
                "resp",
            ]);
            tool.says("wrote ");
            std::thread::sleep(std::time::Duration::from_millis(200));
            stop.store(true, Ordering::Release);
            let mut stream = tool.until(b"the last key");
            tool.signal("INT");
            stream.extend(tool.rest());
            assert!(tool.wait().success(), "{}", tool.errors());
            stream
        });
        let copy = Server::start_from_dump(kind, &fs::read(&file).expect("the snapshot"));
        replay_bytes(&copy, &stream);
        same_data(&server, &copy);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn what_is_killed_half_way_leaves_no_file_of_that_name() {
    for diskless in ["yes", "no"] {
        // A tenth of a second for each key: minutes for all.
        let slow = ["--repl-diskless-sync", diskless, "--rdb-key-save-delay", "100000"];
        let mut server = Server::start_with(Kind::Redis70, &slow);
        server.call(&["DEBUG", "POPULATE", "1000", "key", "100000"]);
        let file = server.folder().join("saved.rdb");
        let unfinished = |folder: &Path| {
            let names = fs::read_dir(folder).expect("list the folder").flatten();
            let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.filter(|name| name.starts_with("saved.rdb.unfinished-")).collect::<Vec<_>>()
        };
        for end in ["KILL", "TERM", "INT", "link", "server"] {
            let mut tool = Tool::start(&["snapshot", &server.address(), "-o", file.to_str().expect("UTF-8")]);
            tool.says("forks");
            eventually("it has begun", || !unfinished(server.folder()).is_empty());
            match end {
                "link" => eventually("the replica is dropped", || {
                    server.drop_replicas();
                    server.info("replication")["connected_slaves"] == "0"
                }),
                "server" => server.kill(),
                signal => tool.signal(signal),
            }
            assert!(!tool.wait().success(), "{end}: {}", tool.errors());
            assert!(!file.exists(), "{end}");
            let left = unfinished(server.folder());
            if end == "KILL" {
                assert_eq!(left.len(), 1);
                fs::remove_file(server.folder().join(&left[0])).expect("remove what was left");
            } else {
                assert!(left.is_empty(), "{end}: {left:?}");
            }
        }
    }
}

//! `examples/sqlite`: where the table begins, what follows lost history, and a second process.

use std::path::Path;
use std::process::Command;

use redtail::replay::{Primary, Recording};

use crate::folder::Folder;
use crate::help::{eventually, output};
use crate::programs::{Running, sqlite};
use crate::server::{Kind, Server};

fn start(address: &str, database: &Path) -> Running {
    Running::start_for_messages(sqlite(), &[address, &database.to_string_lossy()])
}

/// The lines of a query; none while the database has no such table.
fn query(database: &Path, query: &str) -> Vec<String> {
    let mut sqlite3 = Command::new("sqlite3");
    sqlite3.args(["-batch", "-cmd", ".timeout 60000"]).arg(database).arg(query);
    let text = String::from_utf8(output(&mut sqlite3, b"").stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

fn count(database: &Path) -> String {
    query(database, "SELECT count(*) FROM writes").concat()
}

/// A primary with writes, and where they begin.
fn primary() -> (Primary, String) {
    let recording = Recording::of((0..3).map(|number| ["SET".into(), "k".into(), number.to_string()])).unwrap();
    let begin = recording.first().start_position().to_string();
    (Primary::serve(recording).expect("an embedded primary"), begin)
}

/// The writes while it is away are in the table.
#[test]
#[ignore = "needs real servers and sqlite3: tests/servers, tests/tools"]
fn sqlite_resumes_where_it_was_attached() {
    let (server, folder) = (Server::start(Kind::Valkey91), Folder::new("sqlite-attached"));
    let database = folder.0.join("writes.db");
    let running = start(&server.address(), &database);
    running.says("attached at ");
    running.kill();
    assert_eq!(query(&database, "SELECT count(*) FROM progress"), ["1"]);
    server.client().call(&["SET", "while", "away"]);
    let running = start(&server.address(), &database);
    running.says("attached at ");
    eventually("the write is stored", || query(&database, "SELECT command FROM writes") == [r#""SET" "while" "away""#]);
}

#[test]
#[ignore = "needs sqlite3: tests/tools"]
fn sqlite_ends_at_lost_history_or_keeps_its_ends() {
    let (primary, begin) = primary();
    let folder = Folder::new("sqlite-lost");
    let (address, database) = (primary.address().to_string(), folder.0.join("writes.db"));
    let lost = format!("{}:9000:0", "f".repeat(40));
    let progress = "CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), position TEXT NOT NULL)";
    query(&database, &format!("{progress}; INSERT INTO progress VALUES (1, '{lost}');"));

    let ended = Command::new(sqlite()).arg(&address).arg(&database).output().expect("run the example");
    let message = String::from_utf8(ended.stderr).expect("UTF-8");
    assert_eq!(ended.status.code(), Some(4), "{message}");
    assert!(message.contains("sqlite: history lost: the server has another history"), "{message}");
    assert_eq!((query(&database, "SELECT position FROM progress"), count(&database)), (vec![lost.clone()], "0".into()));

    let running = Running::start_for_messages(sqlite(), &[&address, &database.to_string_lossy(), "continue"]);
    running.says("history lost: ");
    eventually("the writes after it are stored", || count(&database) == "3");
    let holes = query(&database, "SELECT after_position, before_position FROM holes");
    assert_eq!(holes, [format!("{lost}|{begin}")]);
    // The stored position is after the hole.
    drop(running);
    start(&address, &database).says("attached at ");
    assert_eq!((query(&database, "SELECT count(*) FROM holes"), count(&database)), (vec!["1".into()], "3".into()));
}

/// One of the two ends with a message that names the cause; the other one continues.
#[test]
#[ignore = "needs real servers and sqlite3: tests/servers, tests/tools"]
fn sqlite_says_that_another_process_writes_its_file() {
    let (server, folder) = (Server::start(Kind::Redis70), Folder::new("sqlite-twice"));
    let database = folder.0.join("writes.db");
    let mut both = [(); 2].map(|()| {
        let running = start(&server.address(), &database);
        running.says("attached at ");
        running
    });
    server.client().call(&["SET", "k", "v"]);
    let mut loser = None;
    eventually("one has ended", || {
        loser = both.iter_mut().position(|running| running.code().is_some());
        loser.is_some()
    });
    let loser = &mut both[loser.expect("one has ended")];
    assert_eq!(loser.code(), Some(1));
    assert_eq!(loser.rest(), ["sqlite: another process writes this file: only one may run at a time"]);
    eventually("the write is stored", || count(&database) == "1");
    server.client().call(&["SET", "k", "w"]);
    eventually("the other one continues", || count(&database) == "2");
}

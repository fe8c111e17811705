//! Examples that store each write in SQLite: the table has it once, whatever happens to the program.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redtail::replay::{Cut, Primary, Recording};

use crate::client::command;
use crate::folder::Folder;
use crate::help::{eventually, output};
use crate::load::Load;
use crate::server::{Kind, Server};

/// How an example stores a command.
pub(crate) struct Table {
    /// Its text, as an expression of SQL.
    pub(crate) command: &'static str,
    /// The same text, of these arguments.
    pub(crate) text: fn(&[&str]) -> String,
}

/// The lines of a query; none while the database has no such table.
fn query(database: &Path, query: &str) -> Vec<String> {
    let mut sqlite3 = Command::new("sqlite3");
    sqlite3.args(["-batch", "-cmd", ".timeout 60000"]).arg(database).arg(query);
    let text = String::from_utf8(output(&mut sqlite3, b"").stdout).expect("UTF-8");
    text.lines().map(str::to_owned).collect()
}

impl Table {
    fn writes(&self, database: &Path) -> Vec<String> {
        query(database, &format!("SELECT db, {} FROM writes ORDER BY offset", self.command))
    }

    /// A write as the table has it.
    fn row(&self, db: u32, args: &[&str]) -> String {
        format!("{db}|{}", (self.text)(args))
    }
}

fn count(database: &Path) -> usize {
    query(database, "SELECT count(*) FROM writes").first().map_or(0, |line| line.parse().expect("a number"))
}

/// Writes one round after another, and keeps the rows that the table should have.
fn write_rounds(table: &'static Table, server: &Server, rows: &Arc<Mutex<Vec<String>>>) -> Load {
    let (mut client, rows) = (server.client(), Arc::clone(rows));
    Load::of(move |number, _| {
        let (db, number) = (number % 2, number.to_string());
        let single: &[&str] = &["SET", "last", &number];
        let transaction: [&[&str]; 3] = [&["RPUSH", "list", &number], &["INCR", "rounds"], &["SADD", "set", &number]];
        let mut commands = vec![command(&["SELECT", &db.to_string()]), command(single), command(&["MULTI"])];
        commands.extend(transaction.map(command));
        commands.extend([command(&["EXEC"]), command(&["PUBLISH", "channel", &number])]);
        assert!(client.pipeline(&commands).iter().all(|reply| !reply.is_error()));
        let mut rows = rows.lock().expect("the rows");
        rows.extend([single].into_iter().chain(transaction).map(|args| table.row(db, args)));
        true
    })
}

/// Kills the program at all moments while a client writes. `start` gives the program, which dies when it is dropped.
pub(crate) fn killed_and_resumed<P>(kind: Kind, kills: usize, table: &'static Table, start: impl Fn(&str, &Path) -> P) {
    let (server, folder) = (Server::start(kind), Folder::new("sqlite"));
    let database = folder.0.join("writes.db");
    let expected = Arc::new(Mutex::new(Vec::new()));
    let mut running = start(&server.address(), &database);
    eventually("it has saved where it begins", || query(&database, "SELECT * FROM progress").len() == 1);
    let load = write_rounds(table, &server, &expected);
    for kill in 0..kills {
        if kill % 2 == 0 {
            let before = count(&database);
            eventually("more is stored", || count(&database) > before + kill);
        } else {
            // At any moment of its start.
            std::thread::sleep(Duration::from_millis(kill as u64 / 2));
        }
        drop(running);
        running = start(&server.address(), &database);
    }
    drop(load);
    let expected = expected.lock().expect("the rows");
    eventually("everything is stored", || count(&database) >= expected.len());
    // A client that waits for the replica waits for the database.
    let mut client = server.client();
    client.call(&["SET", "after", "all"]);
    assert_eq!(client.call(&["WAIT", "1", "60000"]).int(), 1, "{kind:?}");
    let stored = table.writes(&database);
    assert_eq!(stored.len(), expected.len() + 1, "{kind:?}");
    let last = table.row(0, &["SET", "after", "all"]);
    assert!(stored.iter().eq(expected.iter().chain([&last])), "{kind:?}: {stored:?}");
}

/// Each connection but the last ends inside the transaction.
pub(crate) fn cut_transaction<P>(table: &Table, start: impl Fn(&str, &Path) -> P) {
    let writes_of_all = [&["SET", "a", "1"][..], &["MULTI"], &["SET", "b", "2"], &["SET", "c", "3"], &["EXEC"]];
    let recording = Recording::of(writes_of_all).expect("a recording");
    let (first, end) = (recording.first().start_position(), recording.last().end_offset());
    // Behind SET b, and inside of SET c.
    let cuts = [15 + 27 + 5, 15 + 5].map(|before_end| Cut::Offset(end - before_end)).to_vec();
    let primary = Primary::serve_as(recording, playback! { cuts }).expect("an embedded primary");
    let folder = Folder::new("sqlite-cut");
    let database = folder.0.join("writes.db");
    let progress = "CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), position TEXT NOT NULL)";
    query(&database, &format!("{progress}; INSERT INTO progress VALUES (1, '{first}');"));
    let _running = start(&primary.address().to_string(), &database);
    eventually("everything is stored", || count(&database) >= 3);
    let expected = [&["SET", "a", "1"], &["SET", "b", "2"], &["SET", "c", "3"]].map(|args| table.row(0, args));
    assert_eq!(table.writes(&database), expected);
}

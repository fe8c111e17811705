//! Stores each write of a server in SQLite exactly once: `cargo run -- 127.0.0.1:6379 writes.db` in this folder.
//!
//! Rows and position are stored in one transaction of SQLite, so that both survive a crash, or neither does. The next
//! run resumes at that position. It also acknowledges the position, so WAIT on the server waits for the database.

use std::error::Error;
use std::process;
use std::time::Duration;

use redtail::{Ack, Event, Follower, Position, Start, StreamCommand};
use rusqlite::{Connection, OptionalExtension, params};

const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL; -- a stored position survives a power failure
    CREATE TABLE IF NOT EXISTS writes (history TEXT, offset INTEGER, db INTEGER, command TEXT, PRIMARY KEY (history, offset));
    CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 1), position TEXT NOT NULL);";

/// Rows that wait for the next transaction of SQLite, at most.
const MOST_ROWS: usize = 1000;

/// History and offset identify a write permanently.
struct Row {
    history: String,
    offset: u64,
    db: Option<u32>,
    command: String,
}

impl Row {
    fn of(command: &StreamCommand<'_>) -> Row {
        let history = command.history().map(|id| id.to_string()).unwrap_or_default();
        Row { history, offset: command.offset, db: command.db, command: command.command().to_string() }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let target = args.next().unwrap_or_else(|| "127.0.0.1:6379".into());
    let file = args.next().unwrap_or_else(|| "writes.db".into());
    if let Err(error) = Connection::open(&file).map_err(Into::into).and_then(|database| run(&target, database)) {
        eprintln!("sqlite: {error}");
        process::exit(1);
    }
}

fn run(target: &str, mut database: Connection) -> Result<(), Box<dyn Error>> {
    database.execute_batch(TABLES)?;
    let saved: Option<String> = database.query_row("SELECT position FROM progress", [], |row| row.get(0)).optional()?;
    let mut saved: Option<Position> = saved.map(|text| text.parse()).transpose()?;
    let start = saved.map_or(Start::Now, Start::At);
    // If the server no longer has the writes after the position, this is an error: the table would have a hole.
    let mut follower = Follower::builder(target).start(start).ack(Ack::Applied).connect()?;
    let (mut rows, mut whole, mut reached) = (Vec::new(), 0, None);
    while let Some(event) = follower.next_timeout(Duration::from_secs(1))? {
        match event {
            // Commands such as PUBLISH change no data.
            Event::Command(command) if command.is_write() != Some(false) => rows.push(Row::of(&command)),
            Event::Disconnected(lost) => {
                eprintln!("{lost}");
                rows.truncate(whole); // an open transaction is void: it is delivered again from its beginning
            }
            _ => {}
        }
        // The position stays where it is until the EXEC of an open transaction.
        if follower.position() != reached {
            (reached, whole) = (follower.position(), rows.len());
        }
        if let Some(position) = reached.filter(|_| reached != saved && (whole >= MOST_ROWS || follower.is_drained())) {
            store(&mut database, rows.drain(..whole), position)?;
            follower.commit(position);
            (saved, whole) = (Some(position), 0);
        }
    }
    Ok(())
}

fn store(database: &mut Connection, rows: impl Iterator<Item = Row>, position: Position) -> rusqlite::Result<()> {
    let transaction = database.transaction()?;
    for row in rows {
        transaction.execute(
            "INSERT INTO writes VALUES (?, ?, ?, ?)",
            params![row.history, row.offset as i64, row.db, row.command],
        )?;
    }
    transaction.execute("INSERT OR REPLACE INTO progress VALUES (1, ?)", [position.to_string()])?;
    transaction.commit()
}

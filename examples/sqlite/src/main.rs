//! Stores each write of a server in SQLite exactly once: `cargo run -- 127.0.0.1:6379 writes.db` in this folder.
//!
//! Rows and position are stored in one transaction of SQLite, so that both survive a crash, or neither does. The next
//! run resumes at that position. It also acknowledges the position, so WAIT on the server waits for the database.
//!
//! The first run prints `attached at` and a position once that is stored: the table has every later write. If the
//! writes after a position are lost, the program ends with exit code 4, as the tool does. With `continue` as its last
//! argument it stores both ends of the hole in the table `holes`, and continues after it.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use redtail::{Ack, Event, Follower, Gap, OnGap, Position, SessionError, Start, StreamCommand};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL; -- a stored position survives a power failure
    CREATE TABLE IF NOT EXISTS writes (history TEXT, offset INTEGER, db INTEGER, command TEXT, PRIMARY KEY (history, offset));
    CREATE TABLE IF NOT EXISTS holes (after_position TEXT PRIMARY KEY, before_position TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 1), position TEXT NOT NULL);";

const MOST_ROWS: usize = 1000; // that wait for the next transaction of SQLite

/// History and offset, which identify a write permanently, database and command.
type Row = (String, u64, Option<u32>, String);

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let target = args.next().unwrap_or_else(|| "127.0.0.1:6379".into());
    let file = args.next().unwrap_or_else(|| "writes.db".into());
    let on_gap = if args.next().as_deref() == Some("continue") { OnGap::Continue } else { OnGap::Stop };
    let run = Connection::open(&file).map_err(Into::into).and_then(|database| run(&target, database, on_gap));
    let Err(error) = run else { return ExitCode::SUCCESS };
    eprintln!("sqlite: {error}");
    let is_history_lost = match error.downcast_ref() {
        Some(redtail::Error::Session(error)) => matches!(**error, SessionError::HistoryLost(_)),
        _ => false,
    };
    // A supervisor must not restart the program after it: each start would fork the server, and end here again.
    ExitCode::from(if is_history_lost { 4 } else { 1 })
}

fn run(target: &str, mut database: Connection, on_gap: OnGap) -> Result<(), Box<dyn Error>> {
    database.execute_batch(TABLES)?;
    let mut saved = stored_position(&database)?;
    let start = saved.map_or(Start::Now, Start::At);
    let builder = Follower::builder(target).start(start).on_gap(on_gap).ack(Ack::Applied);
    // A wrong address ends the first run at once. A later run waits for a server that is down or loads its data.
    let mut follower = builder.retry_first(saved.is_some()).connect()?;
    let (mut rows, mut holes, mut whole, mut reached) = (Vec::new(), Vec::new(), 0, None);
    while let Some(event) = follower.next_timeout(Duration::from_secs(1))? {
        let is_attach = matches!(event, Event::Attached(_));
        match event {
            // Commands such as PUBLISH change no data.
            Event::Command(command) if command.is_write() != Some(false) => rows.push(row_of(&command)),
            Event::Forking(forking) => eprintln!("{forking}"),
            Event::Gap(gap) => {
                eprintln!("history lost: {gap}");
                holes.push(gap);
            }
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
        // The position of an attach is stored at once: a program that is killed before its first row resumes there too.
        let is_due = is_attach || whole >= MOST_ROWS || follower.is_drained();
        if let Some(position) = reached.filter(|_| reached != saved && is_due) {
            store(&mut database, saved, rows.drain(..whole), holes.drain(..), position)?;
            follower.commit(position);
            (saved, whole) = (Some(position), 0);
        }
        if let Some(position) = reached.filter(|_| is_attach) {
            eprintln!("attached at {position}");
        }
    }
    Ok(())
}

fn row_of(command: &StreamCommand<'_>) -> Row {
    let history = command.history().map(|id| id.to_string()).unwrap_or_default();
    (history, command.offset, command.db, command.command().to_string())
}

fn stored_position(database: &Connection) -> Result<Option<Position>, Box<dyn Error>> {
    let text: Option<String> = database.query_row("SELECT position FROM progress", [], |row| row.get(0)).optional()?;
    Ok(text.map(|text| text.parse()).transpose()?)
}

/// `saved` is the position that this process has read or stored last.
fn store(
    database: &mut Connection,
    saved: Option<Position>,
    rows: impl Iterator<Item = Row>,
    holes: impl Iterator<Item = Gap>,
    position: Position,
) -> Result<(), Box<dyn Error>> {
    let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if stored_position(&transaction)? != saved {
        return Err("another process writes this file: only one may run at a time".into());
    }
    for (history, offset, db, command) in rows {
        // After a gap to a replica that lags, writes are delivered again.
        let insert = "INSERT OR IGNORE INTO writes VALUES (?, ?, ?, ?)";
        transaction.execute(insert, (history, offset as i64, db, command))?;
    }
    for hole in holes {
        let ends = [hole.from.to_string(), hole.to.to_string()];
        transaction.execute("INSERT OR REPLACE INTO holes VALUES (?, ?)", ends)?;
    }
    transaction.execute("INSERT OR REPLACE INTO progress VALUES (1, ?)", [position.to_string()])?;
    Ok(transaction.commit()?)
}

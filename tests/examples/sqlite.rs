//! `examples/sqlite`: the table has each write once, whatever happens to the program.

use std::path::Path;

use crate::exactly_once::{Table, cut_transaction, killed_and_resumed};
use crate::programs::{Running, sqlite};
use crate::server::Kind;

static TABLE: Table = Table { command: "command", text: quoted };

fn quoted(args: &[&str]) -> String {
    let args: Vec<String> = args.iter().map(|arg| format!("\"{arg}\"")).collect();
    args.join(" ")
}

fn start(address: &str, database: &Path) -> Running {
    Running::start(sqlite(), &[address, &database.to_string_lossy()])
}

#[test]
#[ignore = "needs real servers and sqlite3: tests/servers, tests/tools"]
fn sqlite_has_each_write_once_although_the_program_is_killed() {
    for kind in [Kind::Redis70, Kind::Valkey91] {
        killed_and_resumed(kind, 40, &TABLE, start);
    }
}

#[test]
#[ignore = "needs sqlite3: tests/tools"]
fn sqlite_has_a_cut_transaction_once() {
    cut_transaction(&TABLE, start);
}

//! `examples/c/sqlite.c`: the table has each write once, whatever happens to the program.

use std::path::Path;
use std::process::Command;

use crate::build::{How, program};
use crate::exactly_once::{Table, cut_transaction, killed_and_resumed};
use crate::live::{Example, ways};
use crate::server::Kind;

/// The command is RESP. Its lines are joined to one.
static TABLE: Table = Table { command: "replace(CAST(command AS TEXT), char(13, 10), ' ')", text: resp };

fn resp(args: &[&str]) -> String {
    let bulks: String = args.iter().map(|arg| format!("${} {arg} ", arg.len())).collect();
    format!("*{} {bulks}", args.len())
}

fn start(command: Command, address: &str, database: &Path) -> Example {
    Example::start(command, &[address.to_owned(), database.display().to_string()])
}

#[test]
#[ignore = "needs real servers and sqlite3: tests/servers, tests/tools"]
fn the_sqlite_example_has_each_write_once_although_it_is_killed() {
    let program = program("examples/c/sqlite.c", How::Sanitized);
    for kind in [Kind::Redis70, Kind::Valkey91] {
        killed_and_resumed(kind, 40, &TABLE, |address, database| start(Command::new(&program), address, database));
    }
}

#[test]
#[ignore = "needs sqlite3 and valgrind: tests/tools"]
fn the_sqlite_example_has_a_cut_transaction_once() {
    for command in ways("examples/c/sqlite.c") {
        cut_transaction(&TABLE, |address, database| start(command(), address, database));
    }
}

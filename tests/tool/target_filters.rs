//! Filters with `--format resp`: a target receives what is inside of them.

use redtail::replay::{Cut, Playback};

use crate::run::{command, commands, resumed, run, run_on};
use crate::tail::{end, primary};

/// The commands of `--format resp` with these filters, one per line.
pub(crate) fn for_target(arguments: &[&str], input: &[u8]) -> (String, String) {
    let ran = run_on(&[&["decode", "--format", "resp"], arguments].concat(), input).ok();
    let mut rest = ran.out.as_slice();
    let mut parser = redtail::CommandParser::stream();
    let mut lines = Vec::new();
    while let Ok(redtail::Status::Complete(command)) = parser.next(&mut rest) {
        let args = command.args().map(|arg| match arg {
            // A script.
            arg if arg.windows(10).any(|bytes| bytes == b"redis.call") => "SCRIPT".to_owned(),
            arg if arg.len() > 1000 => format!("{}..", arg[0] as char),
            arg => String::from_utf8_lossy(arg).into_owned(),
        });
        lines.push(args.collect::<Vec<_>>().join(" "));
    }
    assert!(rest.is_empty());
    (lines.join("|"), ran.err)
}

/// Asserts what a target receives of commands in database 0, and the only warning, if there is one.
#[track_caller]
fn receives(arguments: &[&str], input: &[u8], expected: &str, warning: &str) {
    let (out, errors) = for_target(arguments, &[&commands(&["SELECT 0"]), input].concat());
    let line = input[..input.len().min(100)].escape_ascii();
    // Before the first printed command its database is selected.
    let select = if expected.is_empty() || expected.starts_with("SELECT") { "" } else { "SELECT 0|" };
    assert_eq!(out, format!("{select}{expected}"), "{arguments:?}: {line}");
    assert!(errors.contains(warning) && errors.lines().count() == usize::from(!warning.is_empty()), "{line}: {errors}");
}

/// Nothing outside of the filters is touched, and nothing inside stays that the source does not have.
#[test]
fn a_target_receives_what_is_inside_of_the_filters() {
    let derived = "depends on keys that the filters leave out";
    let of_keys = &["--key", "u:*"][..];
    for (arguments, line, expected, warning) in [
        (of_keys, "DEL a u:1 b u:2", "DEL u:1 u:2", ""),
        (of_keys, "unlink a u:1", "unlink u:1", ""),
        (of_keys, "DEL u:1 u:2", "DEL u:1 u:2", ""),
        (of_keys, "MSET a 1 u:1 u:x b u:2", "MSET u:1 u:x", ""),
        (of_keys, "MSETNX u:1 1 b 2", "MSETNX u:1 1", ""),
        (of_keys, "MSETEX 3 a 1 u:1 2 u:2 3 PXAT 4000000000000", "MSETEX 2 u:1 2 u:2 3 PXAT 4000000000000", ""),
        (of_keys, "RENAME u:1 u:2", "RENAME u:1 u:2", ""),
        (of_keys, "RENAME u:1 a", "DEL u:1", ""),
        (of_keys, "RENAMENX a u:1", "DEL u:1", derived),
        (of_keys, "RENAME a b", "", ""),
        (of_keys, "COPY a u:1 REPLACE", "DEL u:1", derived),
        (of_keys, "COPY u:1 a", "", ""),
        (of_keys, "SMOVE u:1 a m", "SREM u:1 m", ""),
        (of_keys, "SMOVE a u:1 m", "SADD u:1 m", ""),
        (of_keys, "LMOVE u:1 a LEFT RIGHT", "LPOP u:1", ""),
        (of_keys, "LMOVE a u:1 LEFT RIGHT", "DEL u:1", derived),
        (of_keys, "RPOPLPUSH u:1 a", "RPOP u:1", ""),
        (of_keys, "LMOVEM u:1 a RIGHT LEFT EXACTLY 3 OBO", "RPOP u:1 3", ""),
        (of_keys, "JSON.SET a $ 1", "", ""),
        (of_keys, "JSON.SET u:1 $ 1", "JSON.SET u:1 $ 1", ""),
        (of_keys, "SUNIONSTORE u:1 u:2 u:3", "SUNIONSTORE u:1 u:2 u:3", ""),
        (of_keys, "SUNIONSTORE u:1 u:2 a", "DEL u:1", derived),
        (of_keys, "SUNIONSTORE a u:1", "", ""),
        (of_keys, "ZUNIONSTORE u:1 2 u:2 a", "DEL u:1", derived),
        (of_keys, "ZRANGESTORE a u:1 0 1", "", ""),
        (of_keys, "BITOP AND a u:1 u:2", "", ""),
        (of_keys, "BITOP AND u:1 u:2 a", "DEL u:1", derived),
        (of_keys, "PFMERGE u:1 a", "DEL u:1", derived),
        (of_keys, "SORT u:1 STORE a", "", ""),
        (of_keys, "SORT a STORE u:1", "DEL u:1", derived),
        (of_keys, "SORT u:2 BY w:* STORE u:1", "DEL u:1", derived),
        (of_keys, "SORT u:2 BY nosort STORE u:1", "SORT u:2 BY nosort STORE u:1", ""),
        (of_keys, "GEORADIUS a 1 1 1 km STORE u:1", "DEL u:1", derived),
        (of_keys, "FLUSHALL ASYNC", "EVAL SCRIPT 0 u:*", ""),
        (of_keys, "FLUSHDB", "EVAL SCRIPT 0 u:*", ""),
        (of_keys, "SWAPDB 0 1", "EVAL SCRIPT 0 0 1 u:*", ""),
        (of_keys, "MOVE u:1 2", "MOVE u:1 2", ""),
        (of_keys, "FUNCTION FLUSH", "", ""),
        (of_keys, "PUBLISH u:1 m", "", ""),
        (of_keys, "X.Y u:1", "", "the keys of this command are unknown, so --key leaves it out"),
        (&["--db", "0"], "FLUSHALL ASYNC", "FLUSHDB ASYNC", ""),
        (&["--db", "0,3"], "FLUSHALL", "FLUSHDB|SELECT 3|FLUSHDB", ""),
        (&["--db", "0"], "FLUSHDB SYNC", "FLUSHDB SYNC", ""),
        (&["--db", "3"], "FLUSHDB", "", ""),
        (&["--db", "0,1"], "SWAPDB 0 1", "SWAPDB 0 1", ""),
        (&["--db", "0"], "SWAPDB 0 1", "FLUSHDB", "SWAPDB brings the keys of database 1"),
        (&["--db", "1"], "SWAPDB 0 1", "SELECT 1|FLUSHDB", "SWAPDB brings the keys of database 0"),
        (&["--db", "3"], "SWAPDB 0 1", "", ""),
        (&["--db", "0"], "MOVE k 2", "DEL k", ""),
        (&["--db", "2"], "MOVE k 2", "SELECT 2|DEL k", derived),
        (&["--db", "2"], "COPY k x DB 2", "SELECT 2|DEL x", derived),
        (&["--db", "0"], "COPY k x DB 2", "", ""),
        (&["--db", "3"], "MOVE k 2", "", ""),
        (&["--db", "3"], "FUNCTION DELETE l", "FUNCTION DELETE l", ""),
        (&["--db", "3"], "FUNCTION FLUSH", "", "they are replaced by name"),
        (&["--db", "3"], "FUNCTION RESTORE x FLUSH", "FUNCTION RESTORE x REPLACE", "they are replaced by name"),
        (&["--db", "0"], "X.Y a", "X.Y a", ""),
        (&["--db", "3", "--key", "u:*"], "FLUSHALL", "SELECT 3|EVAL SCRIPT 0 u:*", ""),
        (&["--key", "u:*", "--command", "SET"], "DEL u:1", "", ""),
    ] {
        receives(arguments, &commands(&[line]), expected, warning);
    }
}

/// In parts the result is the same, one command for each key where the number of selected keys is unknown.
#[test]
fn a_target_receives_what_is_inside_of_large_commands() {
    let value = vec![b'v'; 100_000];
    let long = vec![b'm'; 100_000];
    for (args, expected) in [
        (&[&b"MSET"[..], b"a", &value, b"u:1", b"1", b"u:2", &value, b"b", b""][..], "SET u:1 1|SET u:2 v.."),
        (&[b"MSETNX", b"u:1", &value], "SET u:1 v.."),
        (&[b"UNLINK", &long, b"u:1", b"", b"u:2"], "DEL u:1|DEL u:2"),
        (&[b"SMOVE", b"u:1", b"a", &long], "SREM u:1 m.."),
        (&[b"SMOVE", b"a", b"u:1", &long], "SADD u:1 m.."),
        (&[b"SMOVE", b"u:2", b"u:1", &long], "SMOVE u:2 u:1 m.."),
        (&[b"SMOVE", b"a", b"b", &long], ""),
        (&[b"COPY", b"u:1", &long], ""),
        (&[b"SET", b"u:1", &value, b"KEEPTTL"], "SET u:1 v.. KEEPTTL"),
        (&[b"SET", b"a", &value], ""),
        (&[b"FLUSHALL", &value], "EVAL SCRIPT 0 u:*"),
        (&[b"MSETEX", b"2", b"a", &value, b"u:1", &value, b"KEEPTTL"], "MSETEX 1 u:1 v.. KEEPTTL"),
    ] {
        let input = [commands(&["MULTI"]), command(args), commands(&["EXEC"])].concat();
        let expected = if expected.is_empty() { String::new() } else { format!("MULTI|{expected}|EXEC") };
        receives(&["--key", "u:*"], &input, &expected, "");
    }
    // More than is held.
    let value = vec![b'v'; 3_000_000];
    let input = command(&[b"MSETEX", b"2", b"a", &value, b"u:1", &value]);
    receives(&["--key", "u:*"], &input, "", "too large to find its keys, so it is left out");
}

/// A database that is unknown is not taken for a selected one.
#[test]
fn a_target_needs_to_know_the_database() {
    let input = resumed(&commands(&["SET a v"]));
    let ran = run_on(&["decode", "--format", "resp", "--db", "3"], &input);
    assert_eq!((ran.code, ran.out.as_slice()), (1, b"".as_slice()));
    assert!(ran.err.contains("--assume-db"), "{}", ran.err);
    for (assumed, out) in [("3", "SELECT 3|SET a v"), ("0", "")] {
        assert_eq!(for_target(&["--db", "3", "--assume-db", assumed], &input).0, out);
    }
}

/// A connection that is cut anywhere leaves no trace in what replaces a command.
#[test]
fn a_link_cut_anywhere_changes_nothing_in_what_is_inside() {
    let value = vec![b'v'; 70_000];
    let stream = [
        commands(&["SELECT 2", "MULTI", "DEL a user:1 b", "RENAME user:1 b"]),
        command(&[b"MSET", b"user:2", &value, b"b", &value, b"user:3", &value]),
        commands(&["FLUSHDB", "EXEC", "DEL user:1 a"]),
    ]
    .concat();
    let whole = {
        let primary = primary(&stream, Playback::default());
        let address = primary.address().to_string();
        run(&["tail", &address, "--until", &end(&stream), "--format", "resp", "--key", "user:*"]).ok().out
    };
    for cut in (0..stream.len()).step_by(stream.len() / 40).map(|at| at as u64 + 300) {
        let primary = primary(&stream, playback! { cuts: vec![Cut::AnswerBytes(cut)], piece: Some(7777) });
        let address = primary.address().to_string();
        let ran = run(&["tail", &address, "--until", &end(&stream), "--format", "resp", "--key", "user:*"]).ok();
        assert!(ran.out == whole, "{cut}: {}", String::from_utf8_lossy(&ran.out).replace("vvvvvvvvvv", ""));
    }
}

//! `redtail load`, into a target that replies as the test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use crate::refusing::Refusing;
use crate::run::{Ran, run_on};

/// Loads `input` into a target that gives these replies to the commands after PING, CLIENT SETINFO, INFO and
/// CLUSTER INFO. Then it closes.
fn load(input: &str, options: &[&str], replies: &[&str]) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let old = "-ERR Unknown subcommand or wrong number of arguments for 'SETINFO'\r\n";
    let info = "$10\r\nrun_id:one\r\n";
    let first = ["+PONG\r\n", old, info, "-ERR This instance has cluster support disabled\r\n"];
    let all: Vec<String> = first.iter().chain(replies).map(ToString::to_string).collect();
    let target = std::thread::spawn(move || {
        let mut link = listener.accept().unwrap().0;
        let mut from = BufReader::new(link.try_clone().unwrap());
        for reply in all {
            let mut line = String::new();
            from.read_line(&mut line).unwrap();
            for _ in 0..line[1..].trim_end().parse().unwrap() {
                line.clear();
                from.read_line(&mut line).unwrap();
                from.read_exact(&mut vec![0; line[1..].trim_end().parse::<usize>().unwrap() + 2]).unwrap();
            }
            link.write_all(reply.as_bytes()).unwrap();
        }
        link.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let input: String = input.lines().map(|line| format!("{line}\r\n")).collect();
    let ran = run_on(&[&["load", address.as_str()], options].concat(), input.as_bytes());
    target.join().unwrap();
    ran
}

const TRANSACTION: &str = "*1\n$5\nMULTI\n*2\n$4\nINCR\n$1\na\n*1\n$4\nEXEC\n";

/// The target executes nothing of a transaction whose watched key has changed.
#[test]
fn a_transaction_that_was_not_executed_is_refused() {
    for null in ["*-1\r\n", "_\r\n"] {
        let ran = load(TRANSACTION, &[], &["+OK\r\n", "+QUEUED\r\n", null]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        let told = "refused EXEC \"\" (byte 36 of the input): null reply: a key under WATCH has changed";
        assert!(ran.err.contains(told), "{}", ran.err);
        // Its commands are not those of the next transaction.
        let replies = ["+OK\r\n", "+QUEUED\r\n", null, "+OK\r\n", "+QUEUED\r\n", "*1\r\n:1\r\n"];
        let ran = load(&TRANSACTION.repeat(2), &["--on-error", "continue"], &replies);
        assert!(ran.err.contains("4 commands confirmed"), "{}", ran.err);
        assert!(ran.err.contains("1 refused"), "{}", ran.err);
    }
}

/// A transaction may have more commands than a command has arguments.
#[test]
fn a_reply_may_have_more_elements_than_a_command() {
    let ran = load(TRANSACTION, &[], &["+OK\r\n", "+QUEUED\r\n", "*16777217\r\n:1\r\n"]);
    assert_eq!(ran.code, 1);
    let told = "within a frame that begins at byte 63: at least 50331648 bytes are missing; 2 of the commands sent";
    assert!(ran.err.contains(told), "{}", ran.err);
}

/// The target drops it with the connection.
#[test]
fn a_transaction_without_an_end_is_no_success() {
    let (begin, _) = TRANSACTION.split_once("*1\n$4\nEXEC").unwrap();
    let ran = load(begin, &[], &["+OK\r\n", "+QUEUED\r\n"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let told = "the input ends within a transaction: its last 1 commands are not applied";
    assert!(ran.err.contains(told), "{}", ran.err);
}

/// The source is not asked before: there is nothing to compare its offset with.
#[test]
fn the_lag_is_unknown_until_a_position_is_stored() {
    let refusing = Refusing::new();
    let source = refusing.address.to_string();
    let ran = load("*2\n$4\nINCR\n$1\na\n", &["--source", &source], &[":1\r\n"]).ok();
    let told = "1 commands confirmed (21 B), the lag is unknown until the target stores a position, in ";
    assert!(ran.err.contains(told) && !ran.err.contains("refused"), "{}", ran.err);
    let ran = load("*2\n$4\nINCR\n$1\na\n", &[], &[":1\r\n"]).ok();
    assert!(!ran.err.contains("lag"), "{}", ran.err);
}

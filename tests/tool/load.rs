//! `redtail load`, into a target that replies as the test wants.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, OnceLock};

use crate::caught_up::{answer_each, listen};
use crate::refusing::Refusing;
use crate::run::{Ran, run_on};

/// Loads `input` into a target that gives these replies to the commands after PING, CLIENT SETINFO, INFO,
/// CLUSTER INFO, CLIENT SETNAME and CLIENT LIST. Then it closes.
fn load(input: &str, options: &[&str], replies: &[&str]) -> Ran {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let old = "-ERR Unknown subcommand or wrong number of arguments for 'SETINFO'\r\n";
    let info = "$10\r\nrun_id:one\r\n";
    let no_cluster = "-ERR This instance has cluster support disabled\r\n";
    let clients = "$15\r\nid=1 addr=a:1\r\n\r\n";
    let first = ["+PONG\r\n", old, info, no_cluster, "+OK\r\n", clients];
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
    let told = "within a frame that begins at byte 90: at least 50331648 bytes are missing; 2 of the commands sent";
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

/// It may have been executed.
#[test]
fn a_target_without_a_reply_to_flushall_may_be_empty() {
    let ran = load("*1\n$8\nFLUSHALL\n", &[], &[]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("the target stores no position: it holds a part of the input"), "{}", ran.err);
    let ran = load("*1\n$8\nFLUSHALL\n", &[], &["-NOPERM no\r\n"]);
    assert!(ran.err.contains("; the target is not emptied, and nothing after it was sent"), "{}", ran.err);
    assert!(!ran.err.contains("a part of the input"), "{}", ran.err);
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

/// The position that the target stores is the one to continue from.
#[test]
fn replies_behind_a_refused_command_are_read() {
    let at = |offset| format!("{}:{offset}:0", "c".repeat(40));
    let mark = |offset: u32| {
        let mark = format!("redtail:position {}", at(offset));
        format!("*2\n$4\nPING\n${}\n{mark}\n", mark.len())
    };
    let write = "*2\n$4\nINCR\n$1\na\n";
    let input = [mark(10), write.into(), mark(20), write.into(), mark(30)].concat();
    let transaction = |end| ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", end];
    let refused = transaction("*2\r\n-WRONGTYPE x\r\n+OK\r\n");
    let replies =
        [&["$11\r\nrole:master\r\n", "$-1\r\n", "+OK\r\n"][..], &refused, &transaction("*2\r\n:1\r\n+OK\r\n")].concat();
    let ran = load(&input, &[], &replies);
    assert_eq!(ran.code, 1, "{}", ran.err);
    let told = format!("the target holds every write up to {}: continue", at(30));
    assert!(ran.err.contains(&told) && ran.err.contains("refused INCR \"a\""), "{}", ran.err);
}

/// Loads `lines`, each of which is a command, into a cluster of one node, which replies like that.
fn load_cluster(
    lines: &str,
    options: &[&str],
    reply: impl Fn(&[&str]) -> Result<Vec<u8>, Vec<u8>> + Send + Sync + 'static,
) -> Ran {
    load_nodes(1, lines, options, move |_, args| reply(args)).0
}

/// The same with this number of nodes; the reply to `reply` also takes the index of the node. Returns their ports too.
fn load_nodes(
    count: u16,
    lines: &str,
    options: &[&str],
    reply: impl Fn(u16, &[&str]) -> Result<Vec<u8>, Vec<u8>> + Send + Sync + 'static,
) -> (Ran, Vec<String>) {
    let (reply, slots) = (Arc::new(reply), Arc::new(OnceLock::<String>::new()));
    let node = |index| {
        let (reply, slots) = (Arc::clone(&reply), Arc::clone(&slots));
        listen(move |link| {
            answer_each(link, |args| match args {
                ["cluster", ..] => Ok(slots.wait().clone().into_bytes()),
                ["info", ..] => Ok(b"$-1\r\n".to_vec()),
                ["ping" | "client", ..] => Ok(b"+OK\r\n".to_vec()),
                ["command", ..] => Ok(b"*1\r\n*-1\r\n".to_vec()),
                args => reply(index, args),
            })
        })
    };
    let nodes: Vec<String> = (0..count).map(node).collect();
    let shard = |(index, address): (u16, &String)| {
        let (port, id) = (address.rsplit_once(':').unwrap().1, format!("{index:040}"));
        let (first, next) = (16_384 / count * index, 16_384 / count * (index + 1));
        let last = if index + 1 == count { 16_383 } else { next - 1 };
        format!("*3\r\n:{first}\r\n:{last}\r\n*3\r\n$9\r\n127.0.0.1\r\n:{port}\r\n$40\r\n{id}\r\n")
    };
    let shards: String = (0..count).zip(&nodes).map(shard).collect();
    slots.set(format!("*{count}\r\n{shards}")).unwrap();
    let command = |line: &str| {
        let args: Vec<&str> = line.split('|').collect();
        let args: String = args.iter().map(|arg| format!("${}\r\n{arg}\r\n", arg.len())).collect();
        format!("*{}\r\n{args}", line.split('|').count())
    };
    let input: String = lines.lines().map(command).collect();
    (run_on(&[&["load", nodes[0].as_str(), "--cluster"], options].concat(), input.as_bytes()), nodes)
}

/// A node that would refuse a command for all nodes is asked before any node executes it.
#[test]
fn a_command_for_all_nodes_is_sent_to_all_or_to_none() {
    let told = "; the target is not emptied, and nothing after it was sent";
    for (lines, options, told) in [
        ("FLUSHALL\n", &[][..], told),
        ("FLUSHDB\n", &["--on-error", "continue"], told),
        ("INCR|a\nSCRIPT|FLUSH\n", &[], "the commands after it that were sent already may be applied"),
        ("INCR|a\nFUNCTION|FLUSH\n", &[], "the commands after it that were sent already may be applied"),
        ("INCR|a\nFLUSHALL\n", &["--on-error", "continue"], "NOPERM no"),
    ] {
        // Of two nodes only the first one executes, outside of a transaction, and counts.
        let executed = Arc::new(AtomicU32::new(0));
        let (in_multi, counter) = ([AtomicBool::new(false), AtomicBool::new(false)], Arc::clone(&executed));
        let (ran, nodes) = load_nodes(2, lines, options, move |index, args| {
            let in_multi = &in_multi[usize::from(index)];
            Ok(match args {
                ["incr", ..] => b":1\r\n".to_vec(),
                ["multi"] => {
                    in_multi.store(true, SeqCst);
                    b"+OK\r\n".to_vec()
                }
                ["discard"] if in_multi.swap(false, SeqCst) => b"+OK\r\n".to_vec(),
                ["discard"] => b"-ERR DISCARD without MULTI\r\n".to_vec(),
                _ if index == 1 => b"-NOPERM no\r\n".to_vec(),
                _ if in_multi.load(SeqCst) => b"+QUEUED\r\n".to_vec(),
                _ => {
                    counter.fetch_add(1, SeqCst);
                    b"+OK\r\n".to_vec()
                }
            })
        });
        assert!(ran.code == 1 && ran.err.contains(&format!("{} refused ", nodes[1])), "{lines}: {}", ran.err);
        assert!(ran.err.contains(told) && !ran.err.contains("; confirmed by "), "{lines}: {}", ran.err);
        assert_eq!(executed.load(SeqCst), 0, "{lines}: {}", ran.err);
    }
}

/// What a node answers in the transaction that asks, to its DISCARD, and to the command; the nodes that execute it.
#[test]
fn a_command_for_all_nodes_is_judged_by_the_command_itself() {
    let (ok, queued) = ("+OK\r\n", "+QUEUED\r\n");
    let full = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    let exists = "-ERR Library 'x' already exists\r\n";
    for (command, in_multi, discard, reply, of_nodes, told) in [
        // A full server queues nothing, and is emptied.
        ("FLUSHALL", full, ok, ok, 2, ""),
        // The first node has it, the second one needs it.
        ("FUNCTION|LOAD|x", queued, ok, exists, 1, "already exists"),
        // Nothing else is sent into an open transaction.
        ("FLUSHALL", queued, "-ERR no\r\n", ok, 0, "refused DISCARD: ERR no; no node has executed"),
    ] {
        let executed = Arc::new(AtomicU32::new(0));
        let (asking, counter) = ([AtomicBool::new(false), AtomicBool::new(false)], Arc::clone(&executed));
        let (ran, _) = load_nodes(2, &format!("{command}\n"), &["--on-error", "continue"], move |index, args| {
            let asking = &asking[usize::from(index)];
            let text = match args {
                ["multi"] => {
                    asking.store(true, SeqCst);
                    ok
                }
                ["discard"] if asking.swap(false, SeqCst) => discard,
                ["discard"] => "-ERR DISCARD without MULTI\r\n",
                _ if asking.load(SeqCst) => in_multi,
                _ if index == 0 && reply != ok => reply,
                _ => {
                    counter.fetch_add(1, SeqCst);
                    ok
                }
            };
            Ok(text.as_bytes().to_vec())
        });
        assert!(ran.err.contains(told), "{command}: {}", ran.err);
        assert_eq!(executed.load(SeqCst), of_nodes, "{command}: {}", ran.err);
        assert_eq!(ran.code == 0, told.is_empty(), "{command}: {}", ran.err);
    }
}

/// A node that can't be asked, or that refuses only the command itself: the nodes that have executed it are named.
#[test]
fn a_command_for_all_nodes_that_one_refuses_names_both() {
    let partly = "; the target is only in part emptied, and nothing after it was sent";
    let lost = "lost the connection to ";
    for (refused, reply, told) in [
        ("discard", Ok(b"-OOM no\r\n".to_vec()), partly),
        ("multi", Ok(b"-OOM no\r\n".to_vec()), partly),
        ("none", Ok(b"-OOM no\r\n".to_vec()), partly),
        ("none", Err(Vec::new()), lost),
    ] {
        let executed = Arc::new(AtomicU32::new(0));
        let (in_multi, counter) = (AtomicBool::new(false), Arc::clone(&executed));
        let (ran, nodes) = load_nodes(3, "FLUSHALL\n", &[], move |index, args| match args {
            [name] if *name == refused => Ok(b"-NOPERM no\r\n".to_vec()),
            ["multi"] => {
                in_multi.store(true, SeqCst);
                Ok(b"+OK\r\n".to_vec())
            }
            ["discard"] => {
                in_multi.store(false, SeqCst);
                Ok(b"+OK\r\n".to_vec())
            }
            _ if in_multi.load(SeqCst) => Ok(b"+QUEUED\r\n".to_vec()),
            _ if index == 1 => reply.clone(),
            _ => {
                counter.fetch_add(1, SeqCst);
                Ok(b"+OK\r\n".to_vec())
            }
        });
        let named = format!(
            "; confirmed by {}, and not by {}, {}: fix the cause, and start again, which sends it to all of them",
            nodes[0], nodes[1], nodes[2]
        );
        assert!(ran.code == 1 && ran.err.contains(told) && ran.err.contains(&named), "{refused}: {}", ran.err);
        assert_eq!(executed.load(SeqCst), 1, "{refused}: {}", ran.err);
        assert!(!ran.err.contains("is not emptied"), "{}", ran.err);
    }
}

#[test]
fn a_transaction_that_a_node_has_not_executed_is_refused() {
    let reply = |args: &[&str]| {
        Ok(match args {
            ["multi"] => b"+OK\r\n".to_vec(),
            ["exec"] => b"*-1\r\n".to_vec(),
            _ => b"+QUEUED\r\n".to_vec(),
        })
    };
    let lines = "MULTI\nINCR|a\nINCR|a\nEXEC\n";
    let ran = load_cluster(lines, &[], reply);
    let told = "refused EXEC \"\" (byte 57 of the input): null reply: a key under WATCH has changed";
    assert!(ran.code == 1 && ran.err.contains(told), "{}", ran.err);
    let ran = load_cluster(lines, &["--on-error", "continue"], reply);
    assert!(ran.err.contains("0 commands confirmed (0 B), 1 refused"), "{}", ran.err);
}

/// Commands that the program adds are none of the input.
#[test]
fn commands_without_a_reply_are_counted() {
    let position = format!("PING|redtail:position {}:10:0", "c".repeat(40));
    let lost = |closed: &'static str, lines: &str, count: usize| {
        let ran = load_cluster(lines, &[], move |args| match args {
            [name, ..] if *name == closed => Err(Vec::new()),
            ["get", ..] => Ok(b"$-1\r\n".to_vec()),
            ["multi"] => Ok(b"+OK\r\n".to_vec()),
            _ => Ok(b"+QUEUED\r\n".to_vec()),
        });
        let told = format!("; {count} of the commands sent have no reply");
        assert!(ran.code == 1 && ran.err.contains(&told), "{count}: {}", ran.err);
    };
    lost("incr", "INCR|a\nINCR|b\n", 2);
    lost("exec", "MULTI\nINCR|a\nINCR|a\nEXEC\n", 4);
    lost("nosuch", "INCR|a\nNOSUCH|a\n", 1);
    lost("flushall", "INCR|a\nFLUSHALL\n", 1);
    lost("get", &position, 0);
    lost("set", &position, 0);
    lost("set", &format!("{position}\nINCR|a\n"), 1);
}

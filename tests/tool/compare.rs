//! `redtail compare` with servers that only a script can be.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::caught_up::{answer_each, command, listen};
use crate::refusing::Refusing;
use crate::run::{redtail, run};

fn bulk(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

/// The reply of a server that has these keys in database 0 and in its SCAN.
fn reply(args: &[&str], keys: &[&str], value: &[u8], is_cluster: bool) -> Vec<u8> {
    match args {
        ["cluster", ..] => b"-NOPERM this user has no permissions to run the 'cluster|slots' command\r\n".to_vec(),
        ["info", "cluster"] => bulk(&format!("# Cluster\r\ncluster_enabled:{}\r\n", u8::from(is_cluster))),
        ["info"] => bulk("# Server\r\nrun_id:one\r\n# Replication\r\nrole:master\r\n"),
        ["info", ..] => bulk("# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n"),
        ["scan", ..] => {
            let keys: Vec<u8> = keys.iter().flat_map(|key| bulk(key)).collect();
            [format!("*2\r\n$1\r\n0\r\n*{}\r\n", keys.iter().filter(|&&b| b == b'$').count()).as_bytes(), &keys]
                .concat()
        }
        ["dump", ..] => value.to_vec(),
        ["pttl", ..] => b":-1\r\n".to_vec(),
        ["exists", ..] => b":1\r\n".to_vec(),
        _ => b"+OK\r\n".to_vec(),
    }
}

fn server(keys: &'static [&str], value: &'static [u8], is_cluster: bool) -> String {
    listen(move |link| answer_each(link, |args| Ok(reply(args, keys, value, is_cluster))))
}

/// SCAN returns a key again while its table grows or shrinks.
#[test]
fn each_difference_is_one_line_and_fails_for_every_reader() {
    let (source, target) = (server(&["b", "a", "b"], b"$1\r\nx\r\n", false), server(&[], b"$-1\r\n", false));
    let arguments = ["compare", &source, &target];
    let mut unread = redtail(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(unread.stdout.take());
    let ran = run(&arguments);
    assert_eq!((ran.code, ran.text()), (1, "missing 0 \"a\"\nmissing 0 \"b\"\n"), "{}", ran.err);
    assert!(ran.err.contains("2 are missing in the target, 0 differ"), "{}", ran.err);
    assert_eq!(unread.wait().unwrap().code(), Some(1), "as if nothing differed");
}

/// Otherwise only the keys of this node would be compared.
#[test]
fn a_node_that_hides_its_cluster_is_refused() {
    let (node, single) = (server(&["a"], b"$1\r\nx\r\n", true), server(&["a"], b"$1\r\nx\r\n", false));
    let ran = run(&["compare", &single, &single]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for arguments in [["compare", &node, &single], ["compare", &single, &node]] {
        let ran = run(&arguments);
        let message = format!(
            "{node} is a node of a cluster, and the user may not ask for the other nodes: grant +cluster|slots"
        );
        assert!(ran.code == 2 && ran.err.contains(&message), "{} {}", ran.code, ran.err);
    }
}

#[test]
fn a_refused_connection_names_its_address_once() {
    let refusing = Refusing::new();
    let single = server(&[], b"$-1\r\n", false);
    let ran = run(&["compare", &single, &refusing.address.to_string()]);
    let message = format!("redtail: can't connect to {}: Connection refused", refusing.address);
    assert!(ran.code == 2 && ran.err.starts_with(&message), "{} {}", ran.code, ran.err);
}

/// As with cmp and diff, a failure is no difference.
#[test]
fn a_comparison_that_fails_is_not_one_that_differs() {
    let address = listen(|link| {
        answer_each(link, |args| match args[0] {
            "dump" => Ok(b"-NOPERM this user has no permissions to run the 'dump' command\r\n".to_vec()),
            _ => Ok(reply(args, &["a"], b"", false)),
        })
    });
    let ran = run(&["compare", &address, &address]);
    assert!(ran.code == 2 && ran.err.contains("refused DUMP \"a\": NOPERM"), "{} {}", ran.code, ran.err);
}

/// A server closes a connection that is not used for a while.
#[test]
fn a_connection_that_was_closed_meanwhile_is_opened_again() {
    let value = b"$1\r\nx\r\n";
    let slow = listen(|link| {
        answer_each(link, |args| {
            if args[0] == "scan" {
                std::thread::sleep(Duration::from_millis(400));
            }
            Ok(reply(args, &["a"], value, false))
        })
    });
    let restarted = "run_id:two\r\nrole:master\r\n";
    let demoted = "run_id:one\r\nrole:slave\r\n";
    let same = "run_id:one\r\nrole:master\r\n";
    for (info, code) in [(same, 0), (restarted, 2), (demoted, 2), ("", 2)] {
        let links = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&links);
        let closing = listen(move |link| {
            let is_first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            answer_each(link, |args| {
                let reply = match args {
                    ["info"] if !is_first => bulk(info),
                    _ => reply(args, &["a"], value, false),
                };
                if is_first && args[0] == "select" { Err(reply) } else { Ok(reply) }
            })
        });
        let ran = run(&["compare", &slow, &closing]);
        assert_eq!(ran.code, code, "{info}: {}", ran.err);
        let told = format!("lost the connection to {closing}: the server has restarted or changed its role since");
        assert_eq!(ran.err.contains(&told), code == 2, "{}", ran.err);
        assert!(links.load(Ordering::SeqCst) > 1);
    }
}

/// A server holds the replies that nobody reads yet in memory.
#[test]
fn large_values_are_asked_for_one_by_one() {
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    let keys: Vec<String> = (0..12).map(|key| format!("key{key}")).collect();
    let value = bulk(&"x".repeat(2 << 20));
    let address = listen(move |mut link| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut reader = BufReader::new(link.try_clone().ok()?);
        let (mut dumps, mut replies) = (0, Vec::new());
        loop {
            // The replies wait until the client does.
            if reader.buffer().is_empty() && is_silent(&link) {
                seen.fetch_max(std::mem::take(&mut dumps), Ordering::SeqCst);
                link.write_all(&std::mem::take(&mut replies)).ok()?;
            }
            let args = command(&mut reader)?;
            dumps += usize::from(args[0] == "dump");
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            replies.extend(reply(&args, &keys, &value, false));
        }
    });
    let ran = run(&["compare", &address, &address]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

fn is_silent(link: &TcpStream) -> bool {
    link.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let is_silent = link.peek(&mut [0]).is_err();
    link.set_read_timeout(None).unwrap();
    is_silent
}

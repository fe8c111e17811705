//! `--until-caught-up`, with servers that lose the history, or fail over.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::run::{REPLID, run};

/// The key `k` with the value `v`.
const SNAPSHOT: &[u8] = b"REDIS0009\xfe\x00\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0";

/// The number after the first byte of a line.
fn number(from: &mut impl BufRead) -> Option<usize> {
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    line.trim_end().get(1..)?.parse().ok()
}

/// The next command, in lower case.
pub(crate) fn command(from: &mut impl BufRead) -> Option<Vec<String>> {
    let mut args = Vec::new();
    for _ in 0..number(from)? {
        let mut bytes = vec![0; number(from)? + 2];
        from.read_exact(&mut bytes).ok()?;
        args.push(String::from_utf8_lossy(&bytes).trim_end().to_lowercase());
    }
    Some(args)
}

/// Answers one command after another. `Err` is the last answer.
pub(crate) fn answer_each(
    mut link: TcpStream,
    mut answer: impl FnMut(&[&str]) -> Result<Vec<u8>, Vec<u8>>,
) -> Option<()> {
    let mut reader = BufReader::new(link.try_clone().ok()?);
    while let Some(args) = command(&mut reader) {
        match answer(&args.iter().map(String::as_str).collect::<Vec<_>>()) {
            Ok(bytes) => link.write_all(&bytes).ok()?,
            Err(last) => {
                link.write_all(&last).ok()?;
                return link.shutdown(Shutdown::Write).ok();
            }
        }
    }
    Some(())
}

/// A primary that answers INFO and PSYNC like that. The flag: everything is asked for, as the session does.
fn primary(
    info: impl Fn(bool) -> Vec<u8> + Send + Sync + 'static,
    psync: impl Fn() -> Result<Vec<u8>, Vec<u8>> + Send + Sync + 'static,
) -> String {
    listen(move |link| {
        answer_each(link, |args| match args {
            ["replconf", "ack", ..] => Ok(Vec::new()),
            ["ping", ..] => Ok(b"+PONG\r\n".to_vec()),
            ["info", sections @ ..] => Ok(info(sections.is_empty())),
            ["psync", ..] => psync(),
            _ => Ok(b"+OK\r\n".to_vec()),
        })
    })
}

fn continued() -> Vec<u8> {
    format!("+CONTINUE {REPLID}\r\n").into_bytes()
}

/// Another replication id than [`REPLID`].
fn other() -> String {
    "b".repeat(40)
}

const WRITE: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\nlast\r\n";

fn info(replid: &str, offset: usize) -> Vec<u8> {
    let text =
        format!("redis_version:7.0.15\r\nrole:master\r\nmaster_replid:{replid}\r\nmaster_repl_offset:{offset}\r\n");
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

pub(crate) fn listen(serve: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for link in listener.incoming().flatten() {
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(link));
        }
    });
    address
}

/// The address of Sentinels, or of a proxy, may lead to another server than the one that is followed.
#[test]
fn the_offset_of_another_server_is_no_goal() {
    // The first answer to the question for its offset is of another server.
    let asked = AtomicU32::new(0);
    let info = move |is_all| match () {
        () if is_all => info(REPLID, 1000),
        () if asked.fetch_add(1, Ordering::SeqCst) == 0 => info(&other(), 500),
        () => info(REPLID, 1000 + WRITE.len()),
    };
    let address = primary(info, || Ok([&continued(), WRITE].concat()));
    let ran = run(&["tail", &address, "--from", &format!("{REPLID}:1000:0"), "--until-caught-up"]).ok();
    assert!(ran.text().contains("\"last\""), "{} {}", ran.text(), ran.err);
    // Nothing is left to resume.
    assert!(
        ran.err.ends_with("caught up: every write that the server had when it was asked is printed\n"),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("does not know the offset to end at: INFO has no offset in the followed history"),
        "{}",
        ran.err
    );
}

/// The goal of the first connection is no goal of the second one, which begins with a snapshot.
#[test]
fn a_snapshot_after_a_lost_history_is_printed() {
    let requests = Arc::new(AtomicU32::new(0));
    let asked = Arc::clone(&requests);
    let info = move |_| match asked.load(Ordering::SeqCst) {
        count @ ..=1 => info(REPLID, 2000 + 1000 * count as usize),
        _ => info(&other(), 4000),
    };
    let address = primary(info, move || match requests.fetch_add(1, Ordering::SeqCst) {
        // The first stream ends at once.
        0 => Err(continued()),
        _ => {
            let head = format!("+FULLRESYNC {} 4000\r\n${}\r\n", other(), SNAPSHOT.len());
            Ok([head.as_bytes(), SNAPSHOT].concat())
        }
    });
    let position = format!("{REPLID}:1000:0");
    let ran = run(&["tail", &address, "--from", &position, "--on-gap", "snapshot", "--until-caught-up"]);
    assert!(ran.text().contains("\"k\""), "{} {}", ran.text(), ran.err);
    assert!(ran.err.contains("caught up"), "{}", ran.err);
}

/// The offset of a server that has failed over is never known.
#[cfg(unix)]
#[test]
fn a_signal_before_the_goal_is_a_failure() {
    use std::io::Read;
    use std::process::Stdio;
    let info = |is_all| if is_all { info(REPLID, 1000) } else { info(&other(), 500) };
    let address = primary(info, || Ok(continued()));
    let from = format!("{REPLID}:1000:0");
    let options = ["tail", &address, "--from", &from, "--until-caught-up", "--format", "resp", "--positions"];
    let mut tool = crate::run::redtail(&options);
    let mut tool = tool.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut messages = BufReader::new(tool.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("does not know the offset to end at") {
        line.clear();
        assert_ne!(messages.read_line(&mut line).unwrap(), 0, "it ended");
    }
    assert!(std::process::Command::new("kill").arg(tool.id().to_string()).status().unwrap().success());
    let mut rest = String::new();
    messages.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("ended by a signal before it was caught up"), "{rest}");
    let mut output = String::new();
    tool.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(output.contains(&format!("redtail:position {from}")) && !output.contains("caught-up"), "{output}");
    assert_eq!(tool.wait().unwrap().code(), Some(1));
}

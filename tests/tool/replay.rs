//! `redtail replay`: a recording as a primary.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Instant;

use redtail::replay::Playback;

use crate::folder::Folder;
use crate::nodes::eventually;
use crate::record::lines;
use crate::run::{REPLID, commands, redtail, run};
use crate::tail::{end, primary, stream};

/// A running replay; ended when dropped.
struct Replay {
    child: Child,
    address: String,
}

impl Replay {
    fn start(arguments: &[&str]) -> Self {
        let mut child =
            redtail(&[&["replay"], arguments].concat()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { child, address: address.trim_end().to_owned() }
    }

    /// Waits for its end, and returns its messages.
    fn end(mut self) -> String {
        let mut words = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut words).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{words}");
        words
    }
}

impl Drop for Replay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A recording of the stream, made in two runs.
fn recorded(folder: &Folder, from: &str) -> String {
    let primary = primary(&stream(), Playback::default());
    let (address, file) = (primary.address().to_string(), folder.path(from));
    run(&["record", &address, "-o", &file, "--from", from, "--count", "1"]).ok();
    run(&["record", &address, "-o", &file, "--append", "--until", &end(&stream())]).ok();
    file
}

#[test]
fn a_replay_is_followed_as_the_server_was() {
    let folder = Folder::new("followed");
    let stream = stream();
    for from in ["snapshot", "now"] {
        let file = recorded(&folder, from);
        let replay = Replay::start(&[&file, "--once"]);
        let server = primary(&stream, Playback::default());
        let tail =
            |address: &str| run(&["tail", address, "--format", "json", "--from", from, "--until", &end(&stream)]).ok();
        assert_eq!(lines(&tail(&replay.address)), lines(&tail(&server.address().to_string())), "{from}");
        let words = replay.end();
        assert!(words.contains(&format!("{REPLID}, offsets 1000 to {}", end(&stream))), "{words}");
        assert!(words.contains(if from == "now" { "get an empty one" } else { "with its snapshot" }), "{words}");
    }
}

/// Open files run out. The message names the reason, and clients are served again once others have left.
#[cfg(target_os = "linux")]
#[test]
fn clients_that_can_not_be_accepted_are_reported() {
    let folder = Folder::new("kept-out");
    let file = recorded(&folder, "now");
    let program = redtail(&[]).get_program().to_owned();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -n 24; exec \"$0\" replay \"$1\""]).arg(program).arg(&file);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let replay = Replay { child, address: address.trim_end().to_owned() };
    let clients: Vec<_> = (0..24).map(|_| std::net::TcpStream::connect(&replay.address).unwrap()).collect();
    let message = messages.find(|line| line.contains("can't accept a client")).unwrap();
    assert!(message.contains("Too many open files") && message.contains("(ulimit -n, -u, -v)"), "{message}");
    drop(clients);
    eventually("a client is served again", || {
        let mut client = std::net::TcpStream::connect(&replay.address).unwrap();
        std::io::Write::write_all(&mut client, b"PING\r\n").unwrap();
        let mut reply = String::new();
        BufReader::new(client).read_line(&mut reply).is_ok() && reply == "+PONG\r\n"
    });
}

#[test]
fn a_bare_recording_is_played_too() {
    let folder = Folder::new("bare");
    let file = folder.path("bare");
    let head = format!("+FULLRESYNC {REPLID} 7\r\n$18\r\nREDIS0010");
    fs::write(&file, [head.as_bytes(), b"\xff\0\0\0\0\0\0\0\0", &commands(&["SET a 1", "SET b 2"])].concat()).unwrap();
    let replay = Replay::start(&[&file, "--once", "--speed", "max"]);
    let position = format!("{REPLID}:34:0");
    let ran = run(&["tail", &replay.address, "--from", &position, "--count", "1"]).ok();
    assert_eq!(ran.text(), "61 [0] \"SET\" \"b\" \"2\"\n");
    replay.end();
}

#[test]
fn it_can_be_slowed_down() {
    let folder = Folder::new("slow");
    let file = recorded(&folder, "now");
    for (speed, least) in [("20", 0.25), ("1x", 0.0), ("1000x", 0.0)] {
        let replay = Replay::start(&[&file, "--speed", speed, "--once"]);
        let began = Instant::now();
        run(&["tail", &replay.address, "--until", &end(&stream())]).ok();
        // A faster end is impossible.
        assert!(began.elapsed().as_secs_f64() >= least, "{speed}: {:?}", began.elapsed());
        replay.end();
    }
}

#[test]
fn pings_follow_the_end_unless_they_are_turned_off() {
    let folder = Folder::new("ping");
    let file = recorded(&folder, "now");
    let end: u64 = end(&stream()).parse().unwrap();
    let replay = Replay::start(&[&file, "--ping", "0.05", "--once"]);
    let ran = run(&["tail", &replay.address, "--all", "--until", &(end + 28).to_string()]).ok();
    assert!(ran.text().ends_with(&format!("{} [2] \"PING\"\n{} [2] \"PING\"\n", end + 14, end + 28)), "{}", ran.text());
    replay.end();
    let replay = Replay::start(&[&file, "--ping", "0"]);
    let ran = run(&["tail", &replay.address, "--all", "--heartbeat", "0.2", "--until", &end.to_string()]).ok();
    assert!(!ran.text().contains("PING"), "{}", ran.text());
}

#[test]
fn a_password_is_asked_for() {
    let folder = Folder::new("password");
    let (file, password) = (recorded(&folder, "now"), folder.path("password"));
    fs::write(&password, "secret\n").unwrap();
    let replay = Replay::start(&[&file, "--password-file", &password]);
    let ran = run(&["tail", &replay.address]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("NOAUTH"), "{}", ran.err);
    run(&["tail", &replay.address, "--password-file", &password, "--count", "1"]).ok();
    let ran = run(&["replay", &file, "--password-file", "/nowhere/at/all"]);
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it() {
    let folder = Folder::new("stopped");
    let file = recorded(&folder, "now");
    let mut replay = Replay::start(&[&file]);
    let pid = replay.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(replay.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_played_says_why_in_one_line() {
    let folder = Folder::new("unplayable");
    let whole = fs::read(recorded(&folder, "now")).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let file = folder.path(name);
        fs::write(&file, bytes).unwrap();
        file
    };
    for (path, words) in [
        (file("empty", b""), "ends before a stream begins"),
        (file("title", b"redtail recording 1\n"), "ends before a stream begins"),
        (file("later", b"redtail recording 2\n"), "newer redtail"),
        (file("dump.rdb", b"REDIS0011\xff\0\0\0\0\0\0\0\0"), "not a recording"),
        (file("aof", &commands(&["SET a 1"])), "not a recording"),
        (file("damaged", &String::from_utf8_lossy(&whole).replace("data ", "date x").into_bytes()), "damaged"),
        (file("torn", &whole[..150]), "ends before a stream begins"),
        (folder.path("nothing here"), "No such file"),
        (folder.path(""), "directory"),
    ] {
        let ran = run(&["replay", &path]);
        assert_eq!(ran.code, 1, "{path}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{path}: {}", ran.err);
        assert!(ran.err.contains(words) && ran.err.contains(&path), "{path}: {}", ran.err);
    }
    // Cut off later, it is served up to its last complete command.
    let file = file("cut", &whole[..whole.len() - 3]);
    let replay = Replay::start(&[&file, "--once"]);
    run(&["tail", &replay.address, "--count", "3"]).ok();
    assert!(replay.end().contains("in the middle of"));
}

/// Its peak memory in bytes, after a successful end.
#[cfg(target_os = "linux")]
fn memory_of(mut child: Child) -> u64 {
    let mut memory = 0;
    while let Some(most) = crate::memory::most_memory(&child.id().to_string()) {
        memory = most;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert!(child.wait().unwrap().success());
    memory
}

/// Recording, opening, replaying and printing need little memory, for any length of a value or a recording.
#[cfg(target_os = "linux")]
#[test]
fn length_costs_no_memory() {
    const MOST: u64 = 24 << 20;
    let folder = Folder::new("length");
    let (bare, file) = (folder.path("bare"), folder.path("file"));
    let value = "v".repeat(48 << 20);
    let stream = [commands(&["SET a 1"; 500_000]), commands(&[&format!("SET large {value}"), "SET b 2"])].concat();
    let head = format!("+FULLRESYNC {REPLID} 0\r\n$18\r\nREDIS0010");
    fs::write(&bare, [head.as_bytes(), b"\xff\0\0\0\0\0\0\0\0", &stream].concat()).unwrap();
    let end = stream.len().to_string();
    drop((stream, value));
    let spawn = |arguments: &[&str]| redtail(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();

    let replay = Replay::start(&[&bare]);
    let record = spawn(&["record", &replay.address, "-o", &file, "--from", "snapshot", "--until", &end]);
    let recorded = memory_of(record);
    let played = crate::memory::most_memory(&replay.child.id().to_string()).unwrap();
    let replay = Replay::start(&[&file]);
    let again = folder.path("again");
    memory_of(spawn(&["record", &replay.address, "-o", &again, "--from", "now", "--until", &end]));
    let indexed = crate::memory::most_memory(&replay.child.id().to_string()).unwrap();
    let decoded = memory_of(spawn(&["decode", &file, "--format", "resp", "--assume-db", "0", "--empty-target"]));
    let most = [recorded, played, indexed, decoded];
    assert!(most.iter().all(|&most| (1..MOST).contains(&most)), "{most:?}");
    assert!(fs::metadata(&again).unwrap().len() > 48 << 20);
}

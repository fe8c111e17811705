//! Snapshots much larger than the memory of the reader.

use std::fs;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Stdio};

use redtail::rdb::{Crc64, Item, Role};
use redtail::{Event, Follower, SnapshotForm, Start};

use crate::run::{REPLID, commands, redtail};

/// The maximum memory of a reader, in bytes.
const MOST: u64 = 10_000_000;
const MARK: [u8; 40] = [b'm'; 40];

/// A snapshot of two keys: a set with this number of members, and a string of this length.
#[derive(Clone, Copy)]
struct Large {
    members: u32,
    value: u32,
}

const SMALL: Large = Large { members: 1000, value: 100_000 };
const HUGE: Large = Large { members: 50_000_000, value: 256 << 20 };

impl Large {
    /// Writes it while generating it.
    fn write(self, to: impl Write) {
        let mut to = Summed { to: BufWriter::with_capacity(64 << 10, to), crc: Crc64::new() };
        to.put(b"REDIS0011\xfe\x00\x02\x03set\x80");
        to.put(&self.members.to_be_bytes());
        for number in 0..self.members {
            let mut member = *b"\x23a member of a large set: 0000000000";
            for (place, power) in member.iter_mut().rev().zip(0..10) {
                *place += (number / 10_u32.pow(power) % 10) as u8;
            }
            to.put(&member);
        }
        to.put(b"\x00\x05value\x80");
        to.put(&self.value.to_be_bytes());
        for from in (0..self.value).step_by(4096) {
            to.put(&[b'v'; 4096][..(self.value - from).min(4096) as usize]);
        }
        to.put(b"\xff");
        let sum = to.crc.value().to_le_bytes();
        to.put(&sum);
        to.to.flush().unwrap();
    }

    /// Bytes of the members and of the value.
    fn contents(self) -> (u64, u64) {
        (u64::from(self.members) * 35, self.value.into())
    }
}

struct Summed<W: Write> {
    to: BufWriter<W>,
    crc: Crc64,
}

impl<W: Write> Summed<W> {
    fn put(&mut self, bytes: &[u8]) {
        self.crc = self.crc.update(bytes);
        self.to.write_all(bytes).unwrap();
    }
}

/// The peak memory of a process in bytes, without the pages of its program file, which grow with the code and not with
/// the data. `None` once it has ended.
pub(crate) fn most_memory(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kib = |name: &str| {
        let text = status.lines().find_map(|line| line.strip_prefix(name))?;
        text.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    Some((kib("VmHWM:")? - kib("RssFile:")?) << 10)
}

/// Lets the tool read it. Returns the printed bytes, and the memory of the tool.
fn through_the_tool(write: impl FnOnce(&mut ChildStdin) + Send + 'static, args: &[&str]) -> (u64, u64) {
    let mut child: Child = redtail(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, process) = (child.stdin.take().unwrap(), child.id().to_string());
    let writer = std::thread::spawn(move || {
        write(&mut stdin);
        // The tool waits for more input, so it still runs.
        most_memory(&process).unwrap()
    });
    let (mut out, mut buffer) = (child.stdout.take().unwrap(), vec![0; 1 << 20]);
    let (mut printed, mut memory) = (0, 0);
    loop {
        let count = out.read(&mut buffer).unwrap();
        memory = most_memory(&child.id().to_string()).unwrap_or(memory);
        if count == 0 {
            break;
        }
        printed += count as u64;
    }
    memory = memory.max(writer.join().unwrap());
    assert!(child.wait().unwrap().success());
    (printed, memory)
}

/// Plays a primary for one replica: a full resynchronisation, then one command.
fn serve(large: Large, stream: TcpStream) {
    let mut heard = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut line = String::new();
        heard.read_line(&mut line).unwrap();
        let mut words = Vec::new();
        for _ in 0..line.trim_end().strip_prefix('*').map_or(0, |count| count.parse().unwrap()) {
            let mut word = String::new();
            heard.read_line(&mut word).unwrap();
            word.clear();
            heard.read_line(&mut word).unwrap();
            words.push(word.trim_end().to_owned());
        }
        match words.first().map(String::as_str) {
            None => {}
            Some("PSYNC") => break,
            Some(_) => stream.write_all(b"+OK\r\n").unwrap(),
        }
    }
    write!(stream, "+FULLRESYNC {REPLID} 0\r\n$EOF:").unwrap();
    stream.write_all(&MARK).unwrap();
    stream.write_all(b"\r\n").unwrap();
    large.write(&stream);
    stream.write_all(&MARK).unwrap();
    stream.write_all(b"*2\r\n$3\r\nDEL\r\n$3\r\nkey\r\n").unwrap();
    // Reads until the follower closes, to avoid a reset.
    let _ = std::io::copy(&mut heard, &mut std::io::sink());
}

/// Lets a follower read it. Returns the bytes of its members and of its value.
fn through_a_follower(large: Large) -> (u64, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let primary = std::thread::spawn(move || serve(large, listener.accept().unwrap().0));
    let builder = Follower::builder(address).start(Start::Snapshot).snapshot(SnapshotForm::Items);
    let mut follower = builder.connect().unwrap();
    let (mut members, mut value) = (0, 0);
    loop {
        match follower.next_event().unwrap().unwrap() {
            Event::SnapshotItem(Item::Text(text)) => match text.role {
                Role::Member => members += text.bytes.len() as u64,
                Role::Value => value += text.bytes.len() as u64,
                _ => {}
            },
            Event::Command(command) => {
                assert_eq!(command.name(), b"DEL");
                break;
            }
            _ => {}
        }
    }
    drop(follower);
    primary.join().unwrap();
    (members, value)
}

#[test]
fn a_snapshot_made_on_the_way_is_read() {
    assert_eq!(through_a_follower(SMALL), SMALL.contents());
    for args in [["decode", "--format", "json"].as_slice(), &["decode", "--format", "json", "--elements"]] {
        let (printed, _) = through_the_tool(|to| SMALL.write(to), args);
        assert!(printed > SMALL.contents().0 + SMALL.contents().1, "{args:?}: {printed} bytes");
    }
}

/// A SET of a value of 24 MB, a DEL of half a million keys, and a command that passes.
fn write_large_commands(to: &mut ChildStdin) {
    let mut to = BufWriter::with_capacity(64 << 10, to);
    to.write_all(&commands(&["SELECT 0"])).unwrap();
    to.write_all(b"*3\r\n$3\r\nSET\r\n$5\r\nvalue\r\n$25165824\r\n").unwrap();
    (0..24 * 256).for_each(|_| to.write_all(&[b'v'; 4096]).unwrap());
    to.write_all(b"\r\n*500001\r\n$3\r\nDEL\r\n").unwrap();
    (0..500_000).for_each(|key| write!(to, "$7\r\n{key:07}\r\n").unwrap());
    to.write_all(&commands(&["SET user:1 v"])).unwrap();
    to.flush().unwrap();
}

#[test]
fn what_filters_keep_back_flows_through_little_memory() {
    // A command of up to 4 MB may be held whole.
    let most = MOST;
    let last = commands(&["SELECT 0", "SET user:1 v"]).len() as u64;
    for (args, printed) in [
        (["--key", "user:*", "--command", "SET"].as_slice(), last..=last),
        (&["--db", "1"], 0..=0),
        // The keys of the DEL are examined one by one.
        (&["--key", "user:*"], last..=last),
        (&["--key", "*7"], 50_000 * 26..=50_000 * 26 + 100),
    ] {
        let args = [&["decode", "--format", "resp"], args].concat();
        let (count, memory) = through_the_tool(write_large_commands, &args);
        assert!(printed.contains(&count), "{args:?}: {count} bytes");
        assert!((1..most).contains(&memory), "{args:?}: {memory} bytes");
    }
    // They are too many for --keys, which prints null.
    let args = ["decode", "--format", "json", "--keys", "--max-arg", "1000"];
    let (_, memory) = through_the_tool(write_large_commands, &args);
    assert!((1..most).contains(&memory), "{args:?}: {memory} bytes");
}

#[test]
#[ignore = "takes minutes: tests/soak big-snapshot"]
fn a_huge_snapshot_flows_through_little_memory() {
    // Resets the peak of this process.
    fs::write("/proc/self/clear_refs", "5").unwrap();
    assert_eq!(through_a_follower(HUGE), HUGE.contents());
    let memory = most_memory("self").unwrap();
    eprintln!("a snapshot of 2 GB through a follower, primary and test included: at most {memory} bytes resident");
    assert!((1..MOST).contains(&memory), "{memory} bytes");
    let (members, value) = HUGE.contents();
    // A line holds its string as a whole, so one of this length is omitted by default.
    for (args, least) in [
        (["decode", "--format", "json"].as_slice(), members),
        (&["decode", "--format", "json", "--elements"], members + value),
    ] {
        let (printed, memory) = through_the_tool(|to| HUGE.write(to), args);
        eprintln!("a snapshot of 2 GB through {args:?}: at most {memory} bytes resident, {printed} printed");
        assert!(printed > least, "{args:?}: {printed} bytes");
        assert!((1..MOST).contains(&memory), "{args:?}: {memory} bytes");
    }
}

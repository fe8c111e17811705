//! The bridge to Kafka, the broker of librdkafka's tests, a consumer, and what was really written.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread::{self, JoinHandle};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use redtail::resp::Keys;
use redtail::topology::slot;
use redtail::{Event, Follower, Start, StreamCommand};
use serde_json::Value;

use crate::build::{self, How, library, root, run};
use crate::folder::Folder;
use crate::help::{PATIENCE, eventually, wait};

pub(super) const TOPIC: &str = "writes";

/// The folder with `redtail-kafka`, `redtail-kafka-consume` and `kafka_broker`.
pub(super) fn programs(how: How) -> &'static Path {
    static DEBUG: OnceLock<PathBuf> = OnceLock::new();
    static SANITIZED: OnceLock<PathBuf> = OnceLock::new();
    let (once, name) = match how {
        How::Debug => (&DEBUG, "kafka"),
        How::Sanitized => (&SANITIZED, "kafka-asan"),
    };
    once.get_or_init(|| {
        let folder = build::folder(name);
        run(&mut make(how, &folder));
        let mut cc = build::compiler("kafka_broker.c");
        cc.arg(root().join("tests/c/kafka_broker.c")).args(["-lrdkafka", "-o"]).arg(folder.join("kafka_broker"));
        run(&mut cc);
        folder
    })
}

fn make(how: How, folder: &Path) -> Command {
    let flags = match how {
        How::Debug => "-O1 -g -Werror",
        How::Sanitized => "-O1 -g -Werror -fno-omit-frame-pointer -fsanitize=address",
    };
    let mut make = Command::new("make");
    // Always anew: make does not know of the library inside.
    make.args(["-B", "-C"]).arg(root().join("examples/bridges/kafka"));
    make.arg(format!("BUILD={}", folder.display())).arg(format!("CFLAGS={flags}"));
    make.arg(format!("REDTAIL_CFLAGS=-I{}", root().join("include").display()));
    make.arg(format!("REDTAIL_LIBS={} -lm -ldl -lgcc_s", library(how).join("libredtail.a").display()));
    make
}

/// The files of the bridge with this program in tests/c instead of its main.c.
pub(super) fn program_of_files(name: &str) -> PathBuf {
    let folder = build::folder(name);
    let mut make = make(How::Sanitized, &folder);
    let files = fs::read_dir(root().join("examples/bridges/kafka")).unwrap();
    let files = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let files = files.filter_map(|file| file.strip_suffix(".c").map(str::to_owned));
    let files: Vec<_> = files.filter(|file| !["main", "consume"].contains(&file.as_str())).collect();
    make.arg(format!("FILES=../../../tests/c/{name} {}", files.join(" "))).arg("CPPFLAGS=-I.");
    run(make.arg(folder.join("redtail-kafka")));
    folder.join("redtail-kafka")
}

/// The broker; it ends with this.
pub(super) struct Broker {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(super) address: String,
    pub(super) partitions: u16,
}

impl Broker {
    /// After it the programs are built, so that nobody waits for them where something is going on.
    pub(super) fn start(how: How, partitions: u16) -> Broker {
        let mut command = Command::new(programs(how).join("kafka_broker"));
        command.arg(partitions.to_string()).arg(TOPIC).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let orders = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap());
        let mut address = String::new();
        answers.read_line(&mut address).unwrap();
        Broker { child, orders, answers, address: address.trim().into(), partitions }
    }

    pub(super) fn obey(&mut self, order: &str) {
        assert_eq!(self.answer(order), "done\n", "{order}");
    }

    /// The values of this header in all messages.
    pub(super) fn headers(&mut self, name: &str) -> Vec<String> {
        let answer = self.answer(&format!("headers {name}"));
        answer.strip_suffix("done\n").unwrap().split_whitespace().map(String::from).collect()
    }

    fn answer(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bridge; what it says on standard error is kept. Killed when dropped.
pub(super) struct Bridge(Child);

impl Bridge {
    pub(super) fn start(how: How, broker: &Broker, folder: &Folder, target: &str, args: &[&str]) -> Bridge {
        Bridge::start_at(how, &broker.address, folder, target, args)
    }

    pub(super) fn start_at(how: How, brokers: &str, folder: &Folder, target: &str, args: &[&str]) -> Bridge {
        let mut command = command(how, brokers, folder, target);
        let words = File::options().append(true).create(true).open(folder.0.join("words")).unwrap();
        Bridge(command.args(args).stdin(Stdio::null()).stderr(words).spawn().unwrap())
    }

    pub(super) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end, and gives its exit code.
    pub(super) fn stop(self) -> Option<i32> {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().unwrap().success());
        self.end()
    }

    pub(super) fn end(mut self) -> Option<i32> {
        wait(&mut self.0, PATIENCE).expect("the bridge ends").code()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) fn command(how: How, brokers: &str, folder: &Folder, target: &str) -> Command {
    let mut command = Command::new(programs(how).join("redtail-kafka"));
    command.args(["--brokers", brokers, "--topic", TOPIC, "--checkpoint"]).arg(folder.0.join("state")).arg(target);
    command
}

pub(super) fn words(folder: &Folder) -> String {
    fs::read_to_string(folder.0.join("words")).unwrap_or_default()
}

/// Where nothing was saved a bridge that is killed starts with what is written then.
pub(super) fn has_state(folder: &Folder) {
    eventually("a position is saved", || folder.0.join("state").exists());
}

/// A line of the consumer: the partition, and what stood in it.
pub(super) type Line = (u16, Value);

/// The example that reads the topic; each change is printed once.
pub(super) struct Consumer {
    child: Child,
    lines: Arc<Mutex<Vec<Line>>>,
    reader: Option<JoinHandle<()>>,
}

impl Consumer {
    pub(super) fn start(how: How, broker: &Broker) -> Consumer {
        Consumer::start_at(how, &broker.address)
    }

    pub(super) fn start_at(how: How, brokers: &str) -> Consumer {
        let mut command = Command::new(programs(how).join("redtail-kafka-consume"));
        // It polls often, because the broker of the tests does not delay its replies.
        command.args(["-X", "fetch.wait.max.ms=20", brokers, TOPIC]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, lines) = (BufReader::new(child.stdout.take().unwrap()), Arc::new(Mutex::new(Vec::new())));
        let into = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in output.lines() {
                let line = line.unwrap();
                let (partition, body) = line.split_once('\t').unwrap();
                into.lock().unwrap().push((partition.parse().unwrap(), serde_json::from_str(body).unwrap()));
            }
        });
        Consumer { child, lines, reader: Some(reader) }
    }

    pub(super) fn count(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits until this number of lines of the event was printed.
    pub(super) fn has(&mut self, event: &str, count: usize) {
        self.wait(count, |line| line["event"] == event);
    }

    /// The same of commands with this name.
    pub(super) fn has_command(&mut self, name: &str, count: usize) {
        self.wait(count, |line| line["args"][0] == name);
    }

    fn wait(&mut self, count: usize, is_one: impl Fn(&Value) -> bool) {
        eventually("messages come out of the topic", || {
            assert!(self.child.try_wait().unwrap().is_none(), "the consumer has ended");
            self.lines.lock().unwrap().iter().filter(|(_, line)| is_one(line)).count() >= count
        });
    }

    /// Waits for the last message of a test in each partition, then stops. Returns the number of repeated messages.
    pub(super) fn end(&mut self, partitions: u16) -> u64 {
        self.wait(partitions.into(), |line| line["args"][0] == END);
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert!(wait(&mut self.child, PATIENCE).unwrap().success(), "{said}");
        self.reader.take().unwrap().join().unwrap();
        said.trim().rsplit(' ').nth(1).and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{said}"))
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last command of a test: it is in each partition.
pub(super) const END: &str = "FUNCTION";

/// A command as the server sends it, and where it belongs.
#[derive(Debug, PartialEq)]
pub(super) struct Written {
    pub(super) id: String,
    db: Option<u32>,
    tx: Option<u64>,
    args: Vec<Vec<u8>>,
    /// `None`: everywhere.
    slots: Option<Vec<u16>>,
}

impl Written {
    pub(super) fn of(command: &StreamCommand<'_>) -> Written {
        let slots = match command.keys() {
            Keys::Some(keys) => Some(keys.map(|(_, key)| slot(key)).collect()),
            _ => None,
        };
        let id = format!("{}:{}", command.history().unwrap(), command.offset);
        Written { id, db: command.db, tx: command.tx, args: command.args().map(<[u8]>::to_vec).collect(), slots }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.args[0] == name.as_bytes()
    }

    pub(super) fn history(&self) -> &str {
        self.id.split(':').next().unwrap()
    }

    pub(super) fn is_for(&self, partition: u16, partitions: u16) -> bool {
        !self.is("PUBLISH")
            && self.slots.as_ref().is_none_or(|slots| slots.iter().any(|slot| slot % partitions == partition))
    }
}

/// Follows the server by our own library in Rust, up to the end.
pub(super) struct Truth(JoinHandle<Vec<Written>>);

impl Truth {
    pub(super) fn start(target: String) -> Truth {
        let (attached, waits) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut follower = Follower::builder(target).start(Start::Now).connect().unwrap();
            let mut written = Vec::new();
            while let Some(event) = follower.next_event().unwrap() {
                match event {
                    Event::Attached(_) => drop(attached.send(())),
                    Event::Command(command) => {
                        written.push(Written::of(&command));
                        if command.is(END.as_bytes()) {
                            break;
                        }
                    }
                    _ => {}
                }
            }
            written
        });
        waits.recv_timeout(PATIENCE).unwrap();
        Truth(thread)
    }

    pub(super) fn end(self) -> Vec<Written> {
        self.0.join().unwrap()
    }
}

fn argument(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => BASE64_STANDARD.decode(other["base64"].as_str().unwrap()).unwrap(),
    }
}

pub(super) fn arguments(line: &Value) -> Vec<Vec<u8>> {
    line["args"].as_array().unwrap().iter().map(argument).collect()
}

/// The database, and the transaction.
fn place(line: &Value) -> (Option<u64>, Option<u64>) {
    (line["db"].as_u64(), line["tx_id"].as_u64())
}

/// In a partition the messages of a transaction are numbered from 1, without another message between them.
fn transactions_are_numbered(lines: &[Line], partition: u16) {
    let mut open: Option<(u64, u64)> = None;
    for (_, line) in lines.iter().filter(|(of, line)| *of == partition && line["event"] == "command") {
        let number = |name: &str| line[name].as_u64();
        let before = open.take();
        let Some(id) = number("tx_id") else {
            assert_eq!((before, number("tx_at")), (None, None), "{line}");
            continue;
        };
        let (at, of) = (number("tx_at").unwrap(), number("tx_of").unwrap());
        assert_eq!(before.unwrap_or((id, 0)), (id, at - 1), "{line}");
        open = (at < of).then_some((id, at));
    }
}

/// Each partition has exactly what belongs into it, each once, in order, and transactions in one piece.
pub(super) fn compare(lines: &[Line], truth: &[Written], partitions: u16) {
    assert!(truth.iter().any(|it| it.tx.is_some()));
    for partition in 0..partitions {
        let got: Vec<_> = lines
            .iter()
            .filter(|(of, line)| *of == partition && line["event"] == "command")
            .map(|(_, line)| (line["id"].as_str().unwrap(), place(line), arguments(line)))
            .collect();
        let want: Vec<_> = truth.iter().filter(|it| it.is_for(partition, partitions)).collect();
        for (at, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(
                (got.0, got.1, &got.2),
                (&*want.id, (want.db.map(u64::from), want.tx), &want.args),
                "number {at} of partition {partition}"
            );
        }
        transactions_are_numbered(lines, partition);
        assert_eq!(got.len(), want.len(), "partition {partition}");
        assert!(got.len() > 1, "partition {partition} has had its share");
    }
}

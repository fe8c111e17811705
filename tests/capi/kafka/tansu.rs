//! A broker that stores its data in a file, so that it survives a restart: tansu, over SQLite.
//! `tests/soak kafka-broker` installs it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use super::rig::TOPIC;
use crate::build::{root, run};
use crate::folder::Folder;
use crate::help::{eventually, free_port};

/// Dies with this.
pub(super) struct Tansu {
    child: Child,
    folder: Folder,
    /// Where it listens itself.
    inner: String,
    /// Where clients find it.
    pub(super) address: String,
}

impl Tansu {
    /// With the topic.
    pub(super) fn start(partitions: u16) -> Tansu {
        let folder = Folder::new("kafka-tansu");
        let (inner, address) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
        let (listener, to) = (TcpListener::bind(&address).unwrap(), inner.clone());
        thread::spawn(move || relay(&listener, &to));
        let broker = Tansu { child: launch(&folder, &inner, &address), folder, inner, address };
        let mut topic = program();
        topic.args(["topic", "create", TOPIC, "--partitions", &partitions.to_string()]);
        run(topic.args(["--broker", &format!("tcp://{}", broker.inner)]));
        // Without it each message that is read costs a walk through the headers of all.
        let index = "create index header_of_record on header (topition, offset_id)";
        run(Command::new("sqlite3").args(["-cmd", ".timeout 60000"]).arg(broker.folder.0.join(FILE)).arg(index));
        broker
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(super) fn start_again(&mut self) {
        self.child = launch(&self.folder, &self.inner, &self.address);
    }

    /// The number of batches that arrived again: it had stored them, but died before it confirmed them.
    pub(super) fn known(&self) -> usize {
        let log = fs::read_to_string(self.folder.0.join("log")).unwrap();
        log.lines().filter(|line| line.contains("storage_api") && line.contains("DuplicateSequenceNumber")).count()
    }
}

impl Drop for Tansu {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const FILE: &str = "topic.db";

fn program() -> Command {
    Command::new(root().join("target/tansu/bin/tansu"))
}

/// Waits until it listens.
fn launch(folder: &Folder, inner: &str, address: &str) -> Child {
    let log = File::options().append(true).create(true).open(folder.0.join("log")).unwrap();
    let mut command = program();
    command.args(["broker", "--silent", "--listener-url", &format!("tcp://{inner}")]);
    command.args(["--advertised-listener-url", &format!("tcp://{address}")]);
    // It treats an absolute path as one inside the current folder.
    command.args(["--storage-engine", &format!("sqlite:///{FILE}")]).current_dir(&folder.0);
    command.env("RUST_LOG", "warn").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let child = command.spawn().expect("tests/soak kafka-broker installs it");
    eventually("the broker listens", || TcpStream::connect(inner).is_ok());
    child
}

/// Hands on what clients and broker say, except for one answer.
fn relay(listener: &TcpListener, broker: &str) {
    for client in listener.incoming() {
        let broker = broker.to_owned();
        thread::spawn(move || drop(carry(client.unwrap(), &broker)));
    }
}

fn carry(mut client: TcpStream, broker: &str) -> io::Result<()> {
    let mut broker = TcpStream::connect(broker)?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    greet(&mut client, &mut broker)?;
    let (mut answers, mut to) = (broker.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut client, &mut broker);
    broker.shutdown(Shutdown::Both)
}

/// A client first requests the supported requests of the broker (ApiVersions). From version 3 of the request on, the
/// replies of tansu have tagged fields of one byte, which librdkafka 2.0.2 cannot read. If the reply rejects that
/// version, librdkafka requests version 0, which has no such fields.
fn greet(client: &mut TcpStream, broker: &mut TcpStream) -> io::Result<()> {
    const API_VERSIONS: [u8; 2] = [0, 18];
    const UNSUPPORTED_VERSION: [u8; 2] = [0, 35];
    // Size, request, version, and a number that the answer repeats.
    let mut head = [0; 12];
    client.read_exact(&mut head)?;
    if head[4..6] != API_VERSIONS || head[6..8] == [0, 0] {
        return broker.write_all(&head);
    }
    let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    io::copy(&mut client.take(u64::from(size) - 8), &mut io::sink())?;
    let none = [0; 4];
    let answer = [&head[8..12], &UNSUPPORTED_VERSION, &none].concat();
    client.write_all(&[&(answer.len() as u32).to_be_bytes()[..], &answer].concat())
}

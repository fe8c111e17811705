//! The processes: a cluster of three primaries, a broker, a bridge. Each ends when its value is dropped.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::stream::PARTITIONS;

/// The folder of all their files.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("redtail-nats-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn make(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).expect("a folder");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("kept: {}", self.0.display());
        } else {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "not within 60 s: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// A Sentinel that watches this server under the name `orders`. Returns its port.
pub(crate) struct Sentinel {
    pub(crate) port: u16,
    _process: Process,
}

impl Sentinel {
    pub(crate) fn of(folder: &Folder, node: &Node) -> Self {
        let port = free_port();
        let file = folder.make("sentinel").join("conf");
        Self::monitoring(port, &file, node.port, "")
    }

    /// Without TLS itself, of a server with TLS.
    #[cfg(feature = "tls")]
    pub(crate) fn of_tls(folder: &Folder, node: &Node) -> Self {
        let [ca, cert, key] = ["ca.crt", "client.crt", "client.key"].map(certificate);
        let more = format!("tls-replication yes\ntls-ca-cert-file {ca}\ntls-cert-file {cert}\ntls-key-file {key}\n");
        let file = folder.make("sentinel").join("conf");
        Self::monitoring(free_port(), &file, node.tls_port.expect("a port"), &more)
    }

    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut link = Link::to(self.port).expect("the Sentinel");
        link.send(&encoded(&words));
        link.reply()
    }

    fn monitoring(port: u16, file: &Path, server: u16, more: &str) -> Self {
        let text = format!("port {port}\nbind 127.0.0.1\n{more}sentinel monitor orders 127.0.0.1 {server} 1\n");
        fs::write(file, text).expect("write");
        let mut command = Command::new("redis-server");
        let process = Process::start(command.arg(file).arg("--sentinel"), &file.with_extension("log"));
        eventually("the Sentinel answers", || Link::to(port).is_some());
        Self { port, _process: process }
    }
}

/// Ended by kill -9 when dropped.
struct Process(Child);

impl Process {
    fn start(command: &mut Command, output: &Path) -> Self {
        let file = File::options().create(true).append(true).open(output).expect("a file for its words");
        let command = command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file);
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A primary of the cluster.
pub(crate) struct Node {
    pub(crate) port: u16,
    pub(crate) slots: (u16, u16),
    link: Mutex<Link>,
    log: PathBuf,
    process: Process,
    #[cfg(feature = "tls")]
    pub(crate) tls_port: Option<u16>,
}

impl Node {
    pub(crate) fn cluster(folder: &Folder) -> Vec<Self> {
        let nodes: Vec<_> =
            [(0, 5460), (5461, 10_922), (10_923, 16_383)].map(|slots| Self::of_cluster(folder, slots)).into();
        for (at, (node, bus)) in nodes.iter().enumerate() {
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", &node.slots.0.to_string(), &node.slots.1.to_string()]);
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]);
            nodes[0].0.ask(&["CLUSTER", "MEET", "127.0.0.1", &node.port.to_string(), &bus.to_string()]);
        }
        let is_ok = |node: &Self| {
            let info = node.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        };
        eventually("the cluster is made", || nodes.iter().all(|(node, _)| is_ok(node)));
        nodes.into_iter().map(|(node, _)| node).collect()
    }

    /// A replica of the first primary.
    pub(crate) fn replica(folder: &Folder, nodes: &[Self]) -> Self {
        let (replica, bus) = Self::of_cluster(folder, (1, 0));
        let primary = &nodes[0];
        let id = primary.ask(&["CLUSTER", "MYID"]);
        primary.ask(&["CLUSTER", "MEET", "127.0.0.1", &replica.port.to_string(), &bus.to_string()]);
        let knows = |node: &Self| node.ask(&["CLUSTER", "INFO"]).contains("cluster_known_nodes:4");
        eventually("all know the replica", || knows(&replica) && nodes.iter().all(knows));
        replica.ask(&["CLUSTER", "REPLICATE", id.trim()]);
        eventually("it follows", || replica.ask(&["INFO", "replication"]).contains("master_link_status:up"));
        eventually("all know that it does", || {
            nodes.iter().all(|node| node.ask(&["CLUSTER", "NODES"]).contains(" slave "))
        });
        replica
    }

    /// With the port of its bus.
    fn of_cluster(folder: &Folder, slots: (u16, u16)) -> (Self, u16) {
        let (port, bus) = (free_port(), free_port());
        let node = Self::start(folder, port, slots, &["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()]);
        (node, bus)
    }

    /// A single server. After a restart it has another history.
    pub(crate) fn alone(folder: &Folder, port: Option<u16>) -> Self {
        Self::start(folder, port.unwrap_or_else(free_port), (0, 16_383), &[])
    }

    /// A single server that listens with TLS too, for clients with a certificate.
    #[cfg(feature = "tls")]
    pub(crate) fn with_tls(folder: &Folder) -> Self {
        let (port, tls) = (free_port(), free_port());
        let [ca, cert, key] = ["ca.crt", "server.crt", "server.key"].map(certificate);
        let tls_args = ["--tls-port", &tls.to_string(), "--tls-ca-cert-file", &ca, "--tls-cert-file", &cert];
        let args = [&tls_args[..], &["--tls-key-file", &key, "--tls-auth-clients", "yes"]].concat();
        Self { tls_port: Some(tls), ..Self::start(folder, port, (0, 16_383), &args) }
    }

    fn start(folder: &Folder, port: u16, slots: (u16, u16), more: &[&str]) -> Self {
        let folder = folder.make(&format!("node-{port}"));
        let mut command = Command::new("redis-server");
        command.current_dir(&folder).args(["--port", &port.to_string(), "--bind", "127.0.0.1"]).args(more);
        command.args("--repl-backlog-size 256mb --repl-diskless-sync-delay 0 --appendonly no".split(' '));
        command.args(["--save", ""]);
        let log = folder.join("log");
        let process = Process::start(&mut command, &log);
        let mut link = None;
        eventually("a server answers", || {
            link = Link::to(port);
            link.is_some()
        });
        Self {
            port,
            slots,
            link: Mutex::new(link.expect("a link")),
            log,
            process,
            #[cfg(feature = "tls")]
            tls_port: None,
        }
    }

    /// A field of INFO.
    pub(crate) fn info(&self, name: &str) -> String {
        let info = self.ask(&["INFO", "replication"]);
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.expect(name).trim().to_owned()
    }

    pub(crate) fn offset(&self) -> u64 {
        self.info("master_repl_offset").parse().expect("an offset")
    }

    /// Ends as a planned restart does, with a wait for replicas. Returns its log.
    pub(crate) fn shut_down(mut self) -> String {
        self.link.lock().expect("a link").send(&encoded(&[b"SHUTDOWN", b"NOSAVE"]));
        eventually("the server ends", || self.process.0.try_wait().expect("its state").is_some());
        fs::read_to_string(&self.log).expect("its log")
    }

    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut link = self.link.lock().expect("a link");
        link.send(&encoded(&words));
        link.reply()
    }
}

/// Sends commands, reads replies.
pub(crate) struct Link {
    socket: TcpStream,
    bytes: Vec<u8>,
    at: usize,
}

impl Link {
    pub(crate) fn to(port: u16) -> Option<Self> {
        let socket = TcpStream::connect(("127.0.0.1", port)).ok()?;
        Some(Self { socket, bytes: Vec::new(), at: 0 })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("write to a server");
    }

    /// One reply: a line, a bulk string, or an array of those, whose elements are joined.
    pub(crate) fn reply(&mut self) -> String {
        let reply = self.reply_or_error();
        assert!(!reply.starts_with('-'), "a server refuses: {reply}");
        reply
    }

    pub(crate) fn reply_or_error(&mut self) -> String {
        let line = self.line();
        let count = line.get(1..).and_then(|count| count.parse::<i64>().ok()).unwrap_or_default();
        match line.as_bytes().first() {
            Some(b'$') if count >= 0 => {
                self.exactly(usize::try_from(count).expect("a length") + 2).trim_end().to_owned()
            }
            Some(b'*') => (0..count).map(|_| self.reply()).collect::<Vec<_>>().join(" "),
            _ => line,
        }
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.bytes[self.at..].iter().position(|&byte| byte == b'\n') {
                return self.exactly(end + 1).trim_end().to_owned();
            }
            self.read();
        }
    }

    fn exactly(&mut self, count: usize) -> String {
        while self.bytes.len() - self.at < count {
            self.read();
        }
        let text = String::from_utf8_lossy(&self.bytes[self.at..self.at + count]).into_owned();
        self.at += count;
        text
    }

    fn read(&mut self) {
        self.bytes.drain(..self.at);
        self.at = 0;
        let mut space = [0; 1 << 16];
        let count = self.socket.read(&mut space).expect("read from a server");
        assert!(count > 0, "a server has closed the link");
        self.bytes.extend_from_slice(&space[..count]);
    }
}

pub(crate) fn encoded(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; redtail::resp::encoded_len(words)];
    redtail::resp::encode_command(&mut bytes, words).expect("room");
    bytes
}

pub(crate) struct Broker {
    port: u16,
    folder: PathBuf,
    process: Option<Process>,
}

impl Broker {
    pub(crate) fn new(folder: &Folder) -> Self {
        Self { port: free_port(), folder: folder.make("broker"), process: None }
    }

    pub(crate) fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn start(&mut self) {
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-js", "-p", &self.port.to_string(), "-sd"]).arg(&self.folder);
        self.process = Some(Process::start(&mut command, &self.folder.with_extension("log")));
        eventually("the broker answers", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// With TLS, for clients with a certificate.
    #[cfg(feature = "tls")]
    pub(crate) fn start_with_tls(&mut self) {
        let mut command = Command::new("nats-server");
        command.args(["-a", "127.0.0.1", "-js", "-p", &self.port.to_string(), "-sd"]).arg(&self.folder);
        command.args(["--tlsverify", "--tlscacert", &certificate("ca.crt")]);
        command.args(["--tlscert", &certificate("server.crt"), "--tlskey", &certificate("server.key")]);
        self.process = Some(Process::start(&mut command, &self.folder.with_extension("log")));
        eventually("the broker answers", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    pub(crate) fn kill(&mut self) {
        self.process = None;
    }
}

/// The path of a certificate or key for tests.
#[cfg(feature = "tls")]
pub(crate) fn certificate(name: &str) -> String {
    format!("{}/../../../tests/data/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub(crate) struct Bridge {
    args: Vec<String>,
    state: PathBuf,
    log: PathBuf,
    process: Option<Process>,
}

impl Bridge {
    pub(crate) fn new(folder: &Folder, nodes: &[Node], broker: &Broker) -> Self {
        Self::at(folder, nodes.iter().map(|node| node.port), broker)
    }

    pub(crate) fn at(folder: &Folder, ports: impl Iterator<Item = u16>, broker: &Broker) -> Self {
        let folder = folder.make("bridge");
        let nodes: Vec<String> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
        Self::of(nodes.join(","), &folder, broker)
    }

    /// Of a target in the form of the command line.
    pub(crate) fn of(target: String, folder: &Path, broker: &Broker) -> Self {
        let state = folder.join("place");
        let mut args = vec![target, "--stream".into(), "writes".into(), "--partitions".into(), PARTITIONS.to_string()];
        args.extend(["--brokers".into(), broker.address(), "--checkpoint".into(), state.display().to_string()]);
        Self { args, state, log: folder.join("log"), process: None }
    }

    pub(crate) fn start(&mut self, more: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_redtail-nats"));
        self.process = Some(Process::start(command.args(&self.args).args(more), &self.log));
    }

    /// Another bridge with the same arguments.
    pub(crate) fn copy(&self) -> Self {
        Self {
            args: self.args.clone(),
            state: self.state.clone(),
            log: self.log.with_extension("other"),
            process: None,
        }
    }

    /// The same, with another path of the checkpoint.
    pub(crate) fn copy_at(&self, checkpoint: &Path) -> Self {
        let mut copy = self.copy();
        *copy.args.last_mut().expect("the checkpoint") = checkpoint.display().to_string();
        copy
    }

    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Removes the saved position.
    pub(crate) fn fresh(&mut self) {
        let _ = fs::remove_file(&self.state);
    }

    /// Waits for the process to exit; returns its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let mut process = self.process.take().expect("a process");
        let mut status = None;
        eventually("the bridge ends", || {
            status = process.0.try_wait().expect("its state");
            status.is_some()
        });
        status?.code()
    }

    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Resident memory, from /proc.
    pub(crate) fn memory_kib(&self) -> u64 {
        let id = self.process.as_ref().expect("a process").0.id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// The number of lanes with a position in the file.
    pub(crate) fn places(&self) -> usize {
        let text = fs::read_to_string(&self.state).unwrap_or_default();
        text.lines().filter(|line| line.starts_with("position ") || line.starts_with("shard ")).count()
    }

    /// The saved offset in the history of this server.
    pub(crate) fn offset(&self, node: &Node) -> Option<u64> {
        let text = fs::read_to_string(&self.state).ok()?;
        let (_, rest) = text.split_once(&format!("{}:", node.info("master_replid")))?;
        rest.split(':').next()?.parse().ok()
    }

    pub(crate) fn assert_is_running(&mut self) {
        let process = self.process.as_mut().expect("a process");
        let status = process.0.try_wait().expect("its state");
        assert!(status.is_none(), "the bridge has ended: {status:?}\n{}", self.words());
    }

    /// In order; returns its messages.
    pub(crate) fn end(&mut self) -> String {
        let mut process = self.process.take().expect("a process");
        let kill = Command::new("kill").arg(process.0.id().to_string()).status();
        assert!(kill.is_ok_and(|status| status.success()));
        let status = process.0.wait().expect("its state");
        assert!(status.success(), "{status}\n{}", self.words());
        self.words()
    }

    pub(crate) fn words(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

//! Simulated nodes of a cluster. Each sends a stream that the test writes.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use redtail::io::CommandReader;
use redtail::resp::{encode_command, encoded_len};

use crate::listening::{Link, Listening};

/// The topology that all nodes report.
pub(crate) type Plan = Arc<Mutex<Vec<Planned>>>;

/// A primary, and the ports of its replicas.
#[derive(Default)]
pub(crate) struct Planned {
    pub(crate) id: String,
    pub(crate) port: u16,
    pub(crate) slots: Vec<(u16, u16)>,
    pub(crate) replicas: Vec<u16>,
    /// The host name it announces; without one it is where it was asked.
    pub(crate) endpoint: &'static str,
    /// The other nodes see it down.
    pub(crate) is_down: bool,
}

pub(crate) struct Node {
    pub(crate) id: String,
    pub(crate) port: u16,
    /// Ends when dropped.
    #[allow(dead_code, reason = "not every test binary stops one before its end")]
    listening: Listening,
    /// The digit of its replication id.
    digit: char,
    inner: Arc<Inner>,
}

struct Inner {
    plan: Plan,
    replid: String,
    stream: Mutex<Vec<u8>>,
    /// Acknowledgements received, and the offset of the last one.
    acks: AtomicUsize,
    acked: AtomicUsize,
    links: AtomicUsize,
    /// The reply to CLUSTER MYID, instead of the id.
    myid: Mutex<Option<String>>,
    /// More lines of INFO.
    info: Mutex<String>,
    /// The replies to commands of these names, instead of its own.
    replies: Mutex<Vec<(&'static str, String)>>,
}

impl Node {
    /// Starts a node with these slots. A digit names its history.
    pub(crate) fn start(plan: &Plan, digit: char, slots: &[(u16, u16)]) -> Node {
        let node = Node::apart(plan, digit, Vec::new());
        let planned = Planned { id: node.id.clone(), port: node.port, slots: slots.to_vec(), ..Planned::default() };
        plan.lock().unwrap().push(planned);
        node
    }

    /// Starts a node outside of the plan with this stream.
    pub(crate) fn apart(plan: &Plan, digit: char, stream: Vec<u8>) -> Node {
        let inner = Arc::new(Inner {
            plan: plan.clone(),
            replid: digit.to_string().repeat(40),
            stream: Mutex::new(stream),
            acks: AtomicUsize::new(0),
            acked: AtomicUsize::new(0),
            links: AtomicUsize::new(0),
            myid: Mutex::default(),
            info: Mutex::default(),
            replies: Mutex::default(),
        });
        let shared = inner.clone();
        let listening = Listening::at(0, move |link| shared.serve(link));
        let port = listening.port;
        Node { id: format!("{port:040}"), port, listening, digit, inner }
    }

    pub(crate) fn write(&self, words: &[&str]) {
        self.inner.stream.lock().unwrap().extend(encoded(words));
    }

    pub(crate) fn stream(&self) -> Vec<u8> {
        self.inner.stream.lock().unwrap().clone()
    }

    #[allow(dead_code, reason = "not every test binary asks")]
    pub(crate) fn acks(&self) -> usize {
        self.inner.acks.load(Ordering::Acquire)
    }

    /// The offset of the last acknowledgement.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub(crate) fn acked(&self) -> usize {
        self.inner.acked.load(Ordering::Acquire)
    }

    /// The number of connections that got the stream.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub(crate) fn links(&self) -> usize {
        self.inner.links.load(Ordering::Acquire)
    }

    /// Replies this line to CLUSTER MYID, for example the id of another node.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub(crate) fn identifies(&self, reply: &str) {
        *self.inner.myid.lock().unwrap() = Some(reply.to_owned());
    }

    /// Adds these lines to INFO.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub(crate) fn informs(&self, lines: &str) {
        *self.inner.info.lock().unwrap() = lines.to_owned();
    }

    /// Sends these bytes as the reply to each command of this name; none: its own reply again.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub(crate) fn replies(&self, name: &'static str, reply: &str) {
        let mut replies = self.inner.replies.lock().unwrap();
        replies.retain(|(of, _)| *of != name);
        replies.extend((!reply.is_empty()).then(|| (name, reply.to_owned())));
    }

    /// The saved position of its start.
    pub(crate) fn beginning(&self) -> String {
        format!("{}@={}:0:0", self.id, self.digit.to_string().repeat(40))
    }

    /// Ends, with all its connections.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub(crate) fn stop(&mut self) {
        self.listening.stop();
    }
}

impl Inner {
    fn serve(&self, link: Link<'_>) -> io::Result<()> {
        let mut socket = link.socket;
        let mut reader = CommandReader::stream(link);
        while let Ok(Some(command)) = reader.next_command() {
            let words: Vec<String> = command.args().map(|arg| String::from_utf8_lossy(arg).to_uppercase()).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let reply = self.replies.lock().unwrap().iter().find(|(name, _)| *name == words[0]).cloned();
            match words[..] {
                _ if reply.is_some() => socket.write_all(reply.unwrap().1.as_bytes())?,
                ["CLUSTER", "SHARDS"] => socket.write_all(self.shards().as_bytes())?,
                ["CLUSTER", "INFO"] => socket.write_all(b"$18\r\ncluster_state:ok\r\n\r\n")?,
                ["CLUSTER", "MYID"] => {
                    let own = || format!("+{:040}", socket.local_addr().unwrap().port());
                    let reply = self.myid.lock().unwrap().clone().unwrap_or_else(own);
                    write!(socket, "{reply}\r\n")?;
                }
                ["ROLE"] => socket.write_all(b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n")?,
                ["INFO", ..] => {
                    let (replid, length) = (&self.replid, self.stream.lock().unwrap().len());
                    let text = format!(
                        "role:master\r\nmaster_replid:{replid}\r\nmaster_repl_offset:{length}\r\nrepl_backlog_active:1\r\n\
                         repl_backlog_first_byte_offset:1\r\nrepl_backlog_histlen:{length}\r\n{}",
                        self.info.lock().unwrap()
                    );
                    write!(socket, "${}\r\n{text}\r\n", text.len())?;
                }
                ["PING"] => socket.write_all(b"+PONG\r\n")?,
                ["PSYNC", id, from] => {
                    assert_eq!(id.to_lowercase(), self.replid);
                    self.links.fetch_add(1, Ordering::AcqRel);
                    write!(socket, "+CONTINUE {}\r\n", self.replid)?;
                    return self.play(link, from.parse::<usize>().unwrap() - 1);
                }
                _ => socket.write_all(b"+OK\r\n")?,
            }
        }
        Ok(())
    }

    fn play(&self, link: Link<'_>, mut at: usize) -> io::Result<()> {
        let mut socket = link.socket;
        let mut space = [0; 4096];
        let mut heard = String::new();
        while !link.is_over() {
            let more = self.stream.lock().unwrap()[at..].to_vec();
            socket.write_all(&more)?;
            at += more.len();
            match socket.read(&mut space) {
                Ok(0) => return Ok(()),
                Ok(count) => {
                    let acks = space[..count].windows(3).filter(|word| word == b"ACK").count();
                    self.acks.fetch_add(acks, Ordering::AcqRel);
                    heard.push_str(&String::from_utf8_lossy(&space[..count]));
                    // The length of the number, the number, and the line end.
                    let last = heard.rsplit_once("ACK\r\n").map(|(_, last)| last.split("\r\n").collect::<Vec<_>>());
                    if let Some([_, offset, _, ..]) = last.as_deref() {
                        self.acked.store(offset.parse().unwrap(), Ordering::Release);
                        heard.clear();
                    }
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn shards(&self) -> String {
        let plan = self.plan.lock().unwrap();
        let node = |id: &str, port: u16, role: &str, endpoint: &str, health: &str| {
            format!(
                "*12\r\n+id\r\n+{id}\r\n+port\r\n:{port}\r\n+ip\r\n+127.0.0.1\r\n+endpoint\r\n+{endpoint}\r\n+role\r\n+{role}\r\n\
                 +health\r\n+{health}\r\n"
            )
        };
        let shard = |Planned { id, port, slots, replicas, endpoint, is_down }: &Planned| {
            let bounds: String = slots.iter().map(|(first, last)| format!(":{first}\r\n:{last}\r\n")).collect();
            let other = |port: &u16| node(&format!("{port:040}"), *port, "replica", "", "online");
            let others: String = replicas.iter().map(other).collect();
            let (bound_count, node_count) = (2 * slots.len(), 1 + replicas.len());
            let primary = node(id, *port, "master", endpoint, if *is_down { "fail" } else { "online" });
            format!("*4\r\n+slots\r\n*{bound_count}\r\n{bounds}+nodes\r\n*{node_count}\r\n{primary}{others}")
        };
        format!("*{}\r\n{}", plan.len(), plan.iter().map(shard).collect::<String>())
    }
}

pub(crate) fn encoded(words: &[&str]) -> Vec<u8> {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let mut bytes = vec![0; encoded_len(&words)];
    encode_command(&mut bytes, &words).unwrap();
    bytes
}

pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

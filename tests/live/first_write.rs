//! How long the first write takes after the start from now on: through a follower, and through a bare socket with the
//! same handshake. The primary sends no write before it has reaped the child of the snapshot. The table shows that the
//! follower adds nothing to that.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use redtail::{Event, Start};

use crate::client::command;
use crate::follow::follow;
use crate::help::PATIENCE;
use crate::server::{Kind, Server};

const ROUNDS: usize = 20;

/// A replica of a few lines: it reads one reply after each command.
struct Bare {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Bare {
    fn say(&mut self, words: &[&str]) {
        let words = command(words);
        let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            bytes.extend(format!("${}\r\n", word.len()).into_bytes());
            bytes.extend([&word[..], b"\r\n"].concat());
        }
        self.socket.write_all(&bytes).expect("a write");
    }

    /// The bytes up to the end of `mark`, which are read now.
    fn until(&mut self, mark: &[u8]) -> Vec<u8> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                return self.unread.drain(..at + mark.len()).collect();
            }
            self.read_to(self.unread.len() + 1);
        }
    }

    fn read_to(&mut self, length: usize) {
        let mut space = [0; 4096];
        while self.unread.len() < length {
            let count = self.socket.read(&mut space).expect("a read");
            assert!(count > 0, "the server closed the connection");
            self.unread.extend(&space[..count]);
        }
    }

    /// Everything up to the end of a snapshot without data.
    fn attach(server: &Server) -> Bare {
        let socket = TcpStream::connect(("127.0.0.1", server.port)).expect("a connection");
        socket.set_nodelay(true).expect("an option");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option");
        let mut bare = Bare { socket, unread: Vec::new() };
        for words in [
            &["PING"][..],
            &["INFO"],
            &["REPLCONF", "capa", "eof"],
            &["REPLCONF", "ip-address", "redtail.invalid"],
            &["REPLCONF", "rdb-filter-only", ""],
        ] {
            bare.say(words);
            // PSYNC is refused while a reply is unread.
            let line = bare.until(b"\r\n");
            if let [b'$', digits @ .., _, _] = &line[..] {
                let length: usize = String::from_utf8_lossy(digits).parse().expect("a length");
                bare.read_to(length + 2);
                bare.unread.drain(..length + 2);
            }
        }
        bare.say(&["PSYNC", "?", "-1"]);
        bare.until(b"$EOF:");
        let mark = bare.until(b"\r\n");
        bare.until(&mark[..40]);
        bare.say(&["REPLCONF", "ACK", "0"]);
        // As a follower does until the stream begins: the primary may forget the first one.
        bare.socket.set_read_timeout(Some(Duration::from_millis(100))).expect("an option");
        bare
    }

    fn hears(&mut self, words: &[u8]) {
        let mut space = [0; 4096];
        while !self.unread.windows(words.len()).any(|window| window == words) {
            match self.socket.read(&mut space) {
                Ok(0) => panic!("the server closed the connection"),
                Ok(count) => self.unread.extend(&space[..count]),
                Err(_) => self.say(&["REPLCONF", "ACK", "0"]),
            }
        }
    }
}

fn bare(server: &Server) -> Duration {
    let mut client = server.client();
    let mut bare = Bare::attach(server);
    let began = Instant::now();
    client.call(&["SET", "k", "v"]);
    bare.hears(b"SET\r\n$1\r\nk\r\n");
    began.elapsed()
}

fn through_a_follower(server: &Server) -> Duration {
    let mut client = server.client();
    let mut follower = follow(server).start(Start::Now).connect().expect("connect");
    while !matches!(follower.next_event().expect("it follows"), Some(Event::Attached(_))) {}
    let began = Instant::now();
    client.call(&["SET", "k", "v"]);
    while !matches!(follower.next_event().expect("it follows"), Some(Event::Command(_))) {}
    began.elapsed()
}

#[test]
#[ignore = "prints times: tests/soak first-write"]
fn the_time_of_the_first_write() {
    println!("{:12} {:>24} {:>24}", "ms", "bare: least median most", "follower: least median most");
    for kind in Kind::SINCE_7 {
        let server = Server::start(kind);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(bare(&server));
            ours.push(through_a_follower(&server));
        }
        let show = |times: &mut Vec<Duration>| {
            times.sort();
            let at = [times[0], times[times.len() / 2], times[times.len() - 1]];
            at.map(|time| format!("{:7.1}", time.as_secs_f64() * 1000.0)).join(" ")
        };
        println!("{:12} {:>24} {:>24}", format!("{kind:?}"), show(&mut theirs), show(&mut ours));
    }
}

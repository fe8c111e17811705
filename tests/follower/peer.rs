//! A server that sends the replies its test prescribes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;

use redtail::{Builder, Follower};

pub(crate) const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";

/// A listener, and the thread of its server.
pub(crate) struct Peer {
    pub(crate) address: String,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Serves one connection after another until `play` returns false.
    pub(crate) fn start(mut play: impl FnMut(&mut Talk) -> bool + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut talk = Talk { stream: BufReader::new(stream.unwrap()) };
                if !play(&mut talk) {
                    break;
                }
            }
        });
        Self { address, thread: Some(thread) }
    }

    pub(crate) fn follower(&self) -> Builder {
        Follower::builder(&*self.address)
    }

    /// Waits for the server's thread, and repeats its panic.
    pub(crate) fn join(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

/// One connection, from the server's side.
pub(crate) struct Talk {
    stream: BufReader<TcpStream>,
}

impl Talk {
    /// The next command's arguments; a bare newline is one empty argument; `None` after the end of the connection.
    pub(crate) fn hear(&mut self) -> Option<Vec<String>> {
        let count = match self.line()?.as_str() {
            "" => return Some(vec![String::new()]),
            line => line.strip_prefix('*').expect("an array").parse().unwrap(),
        };
        let mut words = Vec::new();
        for _ in 0..count {
            let length: usize = self.line()?.strip_prefix('$').expect("a bulk string").parse().unwrap();
            let mut bytes = vec![0; length + 2];
            self.stream.read_exact(&mut bytes).ok()?;
            bytes.truncate(length);
            words.push(String::from_utf8(bytes).unwrap());
        }
        Some(words)
    }

    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        // The follower may have closed the connection.
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// Answers everything up to PSYNC or SYNC, and returns that command. The filter is unknown, so INFO must contain
    /// the position.
    pub(crate) fn handshake(&mut self, info: &str) -> Option<Vec<String>> {
        loop {
            let words = self.hear()?;
            match words.first().map(String::as_str) {
                Some("PSYNC" | "SYNC") => return Some(words),
                Some("INFO") => self.say(format!("${}\r\n{info}\r\n", info.len())),
                Some("REPLCONF") if words[1] == "rdb-filter-only" => {
                    self.say("-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n");
                }
                _ => self.say("+OK\r\n"),
            }
        }
    }

    /// Reads acknowledgements until the end of the connection.
    pub(crate) fn listen(&mut self) -> Vec<Vec<String>> {
        std::iter::from_fn(|| self.hear()).collect()
    }

    pub(crate) fn close(&mut self) {
        let _ = self.stream.get_mut().shutdown(Shutdown::Both);
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(1..) => Some(line.trim_end().to_owned()),
            _ => None,
        }
    }
}

/// INFO of a server whose backlog holds everything from the first byte to `offset`.
pub(crate) fn info(offset: u64) -> String {
    format!(
        "redis_version:6.2.14\r\nrole:master\r\nmaster_replid:{ID}\r\nmaster_repl_offset:{offset}\r\n\
         repl_backlog_active:1\r\nrepl_backlog_first_byte_offset:1\r\n"
    )
}

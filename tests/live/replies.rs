//! Replies that only few commands cause, as servers really send them.

use std::io::Write;
use std::net::TcpStream;

use redtail::io::FrameReader;
use redtail::resp::{Kind as FrameKind, Token};

use crate::server::{Kind, Server};

/// A connection whose replies the library reads.
struct Replies {
    socket: TcpStream,
    frames: FrameReader<TcpStream>,
}

impl Replies {
    fn of(server: &Server) -> Self {
        let socket = TcpStream::connect(server.address()).expect("a connection");
        Self { frames: FrameReader::new(socket.try_clone().expect("a second handle")), socket }
    }

    fn send(&mut self, args: &[&str]) {
        let bytes: Vec<u8> = args.iter().fold(format!("*{}\r\n", args.len()).into_bytes(), |mut bytes, arg| {
            write!(bytes, "${}\r\n{arg}\r\n", arg.len()).expect("room in memory");
            bytes
        });
        self.socket.write_all(&bytes).expect("an open connection");
    }

    /// The next reply, as redtail prints it.
    fn text(&mut self) -> String {
        self.frames.next_frame().expect("a frame").expect("an open connection").to_string()
    }
}

/// The server counts SUBSCRIBE as one element, although it writes a push for each channel.
#[test]
#[ignore = "needs real servers: tests/run"]
fn pushes_are_inside_the_reply_to_exec() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let mut replies = Replies::of(&server);
        replies.send(&["HELLO", "3"]);
        replies.frames.next_frame().unwrap().unwrap();
        for command in [&["MULTI"][..], &["SUBSCRIBE", "a", "b"], &["SET", "k", "v"], &["EXEC"], &["PING"]] {
            replies.send(command);
        }
        assert_eq!([replies.text(), replies.text(), replies.text()], ["OK", "QUEUED", "QUEUED"], "{kind:?}");
        let frame = replies.frames.next_frame().unwrap().unwrap();
        let channels: Vec<_> =
            frame.items().map(|push| (push.kind(), push.items().nth(1).unwrap().as_str().unwrap())).collect();
        assert_eq!((frame.kind(), channels), (FrameKind::Array, vec![(FrameKind::Push, "a"), (FrameKind::Push, "b")]));
        assert_eq!([replies.text(), replies.text()], ["OK", "PONG"], "{kind:?}");
        // Outside a transaction the pushes are the only reply.
        replies.send(&["UNSUBSCRIBE", "a"]);
        replies.send(&["PING"]);
        assert_eq!(replies.frames.next_frame().unwrap().unwrap().kind(), FrameKind::Push);
        assert_eq!(replies.text(), "PONG", "{kind:?}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn lines_of_monitor_and_of_scripts_are_long() {
    let value = "v".repeat(100 << 10);
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let (mut monitor, mut replies) = (Replies::of(&server), Replies::of(&server));
        monitor.send(&["MONITOR"]);
        assert_eq!(monitor.text(), "OK");
        replies.send(&["SET", "k", &value]);
        assert_eq!(replies.text(), "OK");
        let line = monitor.text();
        assert!(line.ends_with(&format!("\"SET\" \"k\" \"{value}\"")), "{kind:?}: {} bytes", line.len());
        replies.send(&["EVAL", "return redis.error_reply('ERR ' .. ARGV[1])", "0", &value]);
        assert!(replies.text().contains(&value), "{kind:?}");
        replies.send(&["PING"]);
        assert_eq!(replies.text(), "PONG", "{kind:?}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn tables_of_scripts_are_nested_a_thousand_times() {
    let script = "local t = {7} for i = 2, tonumber(ARGV[1]) do t = {t} end return t";
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let mut replies = Replies::of(&server);
        for depth in [200, 1000] {
            replies.send(&["EVAL", script, "0", &depth.to_string()]);
            let frame = replies.frames.next_frame().unwrap().unwrap();
            let begins = frame.tokens().filter(|token| matches!(token, Token::Begin { kind: FrameKind::Array, .. }));
            assert_eq!(begins.count(), depth, "{kind:?}");
        }
        replies.send(&["PING"]);
        assert_eq!(replies.text(), "PONG", "{kind:?}");
    }
}

//! A shell that waits until the deadline and then polls must never be kept spinning, whatever its socket and its caller
//! do.

use redtail::replication::{Credentials, Progress, Session};
use redtail::{Ack, Options, Start};
use std::time::Duration;

/// A session in the stream, resumed at offset 10, at time 0; everything it wanted to send was sent.
fn streaming(options: Options) -> Session {
    let position = "26e9aa58837d8095338f33e660463dbdf56c86c9:10:0".parse().unwrap();
    let mut session = Session::new(options! { start: Start::At(position), ..options });
    session.connected(Credentials::default(), 0);
    loop {
        let _ = session.poll(b"", 0);
        let sent = String::from_utf8(session.to_send().to_vec()).unwrap();
        session.sent(sent.len());
        let answer: &[u8] = if sent.contains("INFO") {
            b"$0\r\n\r\n"
        } else if sent.contains("PING") {
            b"+PONG\r\n"
        } else if sent.contains("PSYNC") {
            b"+CONTINUE\r\n"
        } else {
            b"+OK\r\n"
        };
        if session.poll(answer, 0) == Progress::Event {
            assert!(sent.contains("PSYNC"), "{sent}");
            break;
        }
    }
    while session.poll(b"", 0) == Progress::Event {}
    session.sent(session.to_send().len());
    session
}

#[test]
fn without_a_link_the_first_thing_to_do_is_to_connect() {
    assert_eq!(Session::new(Options::default()).poll(b"", 5), Progress::Reconnect { after: Duration::ZERO });
}

#[test]
fn a_socket_that_takes_nothing_does_not_keep_the_shell_awake() {
    let mut session = streaming(Options::default());
    let mut now = session.deadline_ms();
    for _ in 0..5 {
        let _ = session.poll(b"", now);
        assert!(!session.to_send().is_empty());
        assert!(session.deadline_ms() > now);
        now = session.deadline_ms();
    }
    assert_eq!(session.to_send(), b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$1\r\n0\r\n", "one acknowledgement, not five");
}

#[test]
fn a_shell_that_does_not_read_is_asked_once_a_second() {
    let mut session = streaming(options! { silence: Some(Duration::from_secs(3)) });
    let mut now = 0;
    for _ in 0..8 {
        assert!(session.deadline_ms() > now && session.deadline_ms() <= now + 1000);
        now = session.deadline_ms();
        session.keep_alive(now);
        session.sent(session.to_send().len());
    }
    assert!(now > 3_000);
    session.silent(now);
    assert!(matches!(session.poll(b"", now), Progress::Event), "the link counts as dead once a read was tried");
}

#[test]
fn keeping_alive_acknowledges_and_takes_no_event() {
    let mut session = streaming(options! { ack: Ack::Received });
    session.keep_alive(1_000);
    assert_eq!(session.to_send(), b"*3\r\n$8\r\nREPLCONF\r\n$3\r\nACK\r\n$2\r\n10\r\n");
    let flush = b"*1\r\n$7\r\nFLUSHDB\r\n";
    assert_eq!(session.poll(flush, 1_000), Progress::Event);
    assert_eq!(session.consumed(), flush.len());
}

//! A primary that lies, breaks the protocol or never ends: a clear error with the offset, never a panic, a hang or
//! silence.

use proptest::prelude::*;
use redtail::replication::{Closed, Credentials, Progress, Session, SessionStage};
use redtail::{DisconnectReason, Limits, Options, ProtocolErrorKind, SessionError, Start};

use crate::shell::{Seen, Shell};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";

fn streaming(options: Options) -> Shell {
    let mut shell = Shell::new(Session::recorded(options, Some(1000)));
    shell.arrive(format!("+CONTINUE {ID}\r\n").as_bytes());
    shell.events();
    shell
}

fn failure(shell: &mut Shell) -> SessionError {
    match shell.events().pop() {
        Some(Seen::Failed(error)) => error,
        other => panic!("not failed: {other:?}"),
    }
}

#[test]
fn garbage_in_mid_stream_is_named_with_its_replication_offset() {
    let good = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
    for (bad, at, words) in [
        (&b"GET / HTTP/1.1\r\n"[..], 0, "'G'"),
        (b"+OK\r\n", 0, "'+'"),
        (b"*1\r\n:1\r\n", 4, "':'"),
        (b"*1\r\n*1\r\n", 4, "'*'"),
        (b"*1\r\n$3\r\nabcd\r\n", 11, "'d'"),
        (b"*1\r\n$1000000000000000000\r\n", 5, "exceeds the limit of 536870912 bytes"),
        (b"*1000000000000000000\r\n", 1, "exceed the limit of 16777216"),
        (b"*1\r\n$-1\r\n", 5, ""),
        (b"*01\r\n", 2, ""),
        (b"*+1\r\n", 1, ""),
    ] {
        let mut shell = streaming(Options::default());
        shell.arrive(good);
        shell.arrive(bad);
        let error = failure(&mut shell);
        let SessionError::Protocol { stage: SessionStage::Stream, source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.offset, 1000 + good.len() as u64 + at, "{} {source}", String::from_utf8_lossy(bad));
        assert!(error.to_string().contains(words), "{error}");
        shell.arrive(good);
        assert_eq!(shell.events(), [], "final");
    }
}

/// A server that gives up says why in a line of its own, where a command would begin.
#[test]
fn an_error_of_the_server_in_mid_stream_is_its_message() {
    let good = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
    let long = [&b"-ERR "[..], &[b'x'; 300]].concat();
    for (line, message) in [
        (&b"-ERR Protocol error: too big mbulk count string\r\n"[..], "ERR Protocol error: too big mbulk count string"),
        (b"\n\r\n-LOADING later\n", "LOADING later"),
        (b"-\r\n", ""),
        (&long, &format!("ERR {}", "x".repeat(196))),
    ] {
        for cut in 0..line.len() {
            let mut shell = streaming(Options::default());
            shell.arrive(good);
            shell.arrive(&line[..cut]);
            shell.arrive(&line[cut..]);
            let error = failure(&mut shell);
            let SessionError::Refused { message: found, .. } = error else { panic!("{error:?}") };
            assert_eq!(found.to_string(), message, "cut at {cut}");
            assert!(
                error.to_string().starts_with("the server ended the stream with an error (the server said: "),
                "{error}"
            );
            shell.arrive(good);
            assert_eq!(shell.events(), [], "final");
        }
    }
    // Inside a command such a byte is no message.
    let mut shell = streaming(Options::default());
    shell.arrive(b"*1\r\n-ERR no\r\n");
    assert!(matches!(failure(&mut shell), SessionError::Protocol { .. }));
}

#[test]
fn a_bad_database_is_an_error() {
    for bad in
        [&b"*2\r\n$6\r\nSELECT\r\n$1\r\nx\r\n"[..], b"*1\r\n$6\r\nSELECT\r\n", b"*2\r\n$6\r\nselect\r\n$2\r\n-1\r\n"]
    {
        let mut shell = streaming(Options::default());
        shell.arrive(bad);
        let error = failure(&mut shell);
        assert!(matches!(error, SessionError::Protocol { source, .. } if source.offset == 1000), "{error}");
    }
}

#[test]
fn a_command_over_the_limit_is_an_error_before_it_is_there() {
    let mut limits = Limits::default();
    limits.command = 1000;
    let mut shell = streaming(options! { limits });
    shell.arrive(b"*2\r\n$3\r\nSET\r\n$2000\r\n");
    let error = failure(&mut shell);
    assert!(
        matches!(error, SessionError::Protocol { source, .. } if matches!(source.kind, ProtocolErrorKind::CommandTooLong { .. })),
        "{error}"
    );
}

#[test]
fn answers_to_what_was_never_sent_overflow_nothing() {
    let mut session = Session::new(Options::default());
    session.connected(Credentials::new(None, &[b'x'; 17_300]), 0);
    let replies = b"+OK\r\n".repeat(8);
    let mut unread = &replies[..];
    loop {
        match session.poll(unread, 0) {
            Progress::Event => unread = &unread[session.consumed()..],
            Progress::Failed(error) => {
                assert!(error.to_string().contains("before it was asked"), "{error}");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn offsets_beyond_what_servers_count_overflow_nothing() {
    let info = format!(
        "master_replid:{ID}\r\nmaster_repl_offset:{0}\r\nrepl_backlog_active:1\r\nrepl_backlog_first_byte_offset:1\r\n",
        u64::MAX - 3
    );
    let mut shell = Shell::connected(options! { start: Start::NowWithoutFork });
    for reply in
        ["+PONG\r\n", "+OK\r\n", &format!("${}\r\n{info}\r\n", info.len()), "+OK\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n"]
    {
        shell.sent();
        shell.arrive(reply.as_bytes());
    }
    // Such a position counts as missing from INFO.
    assert!(matches!(failure(&mut shell), SessionError::NoBacklog));
    let sessions: [fn() -> Session; 2] =
        [|| Session::recorded(Options::default(), Some(u64::MAX)), || Session::commands(Options::default(), u64::MAX)];
    for session in sessions {
        let mut shell = Shell::new(session());
        shell.arrive(b"*1\r\n$4\r\nping\r\n*1\r\n$8\r\nFLUSHALL\r\n");
        shell.events();
    }
}

#[test]
fn answers_that_no_primary_gives() {
    for (answer, words) in [
        (&b"+FULLRESYNC abc 1\r\n"[..], "unexpected answer to PSYNC: +FULLRESYNC abc 1"),
        (b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 -1\r\n", "unexpected answer"),
        (b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9\r\n", "unexpected answer"),
        (b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 18446744073709551615\r\n", "unexpected answer"),
        (b"+CONTINUE short\r\n", "unexpected answer"),
        (b"+RDBCHANNELSYNC 1\r\n", "unexpected answer"),
        (b":1\r\n", "unexpected answer"),
        (b"\x1b[31mred\r\n", "unexpected answer to PSYNC: ?[31mred"),
    ] {
        let mut shell = Shell::new(Session::recorded(Options::default(), None));
        shell.arrive(answer);
        let error = failure(&mut shell).to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_snapshot_header_that_is_none() {
    for (bytes, at) in [
        (&b"*1\r\n"[..], 0),
        (b"$abc\r\n", 0),
        (b"$-1\r\n", 0),
        (b"$EOF:short\r\n", 0),
        (b"\n\n$99999999999999999999\r\n", 2),
    ] {
        let mut shell = Shell::new(Session::recorded(Options::default(), None));
        let reply = format!("+FULLRESYNC {ID} 1\r\n");
        shell.arrive(reply.as_bytes());
        shell.arrive(bytes);
        let error = failure(&mut shell);
        let SessionError::Protocol { stage: SessionStage::SnapshotHeader, source, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!(source.offset, reply.len() as u64 + at, "{error}");
    }
}

#[test]
fn a_line_without_end_is_an_error() {
    for start in [&b"-ERR "[..], b"+FULLRESYNC "] {
        let mut shell = Shell::new(Session::recorded(Options::default(), None));
        shell.arrive(start);
        for _ in 0..20 {
            shell.arrive(&[b'x'; 8192]);
        }
        let error = failure(&mut shell);
        assert!(
            matches!(error, SessionError::Protocol { source, .. } if matches!(source.kind, ProtocolErrorKind::LineTooLong { .. })),
            "{error}"
        );
    }
}

/// A recording is one link, whatever the options say of the next.
#[test]
fn nothing_follows_a_recorded_link_that_ends_badly() {
    let options = options! { retry_first: true, retry_snapshot: true };
    let refused = String::from("-NOMASTERLINK Can't SYNC while not connected with my master\r\n");
    let cut = format!("+FULLRESYNC {ID} 1\r\n$200\r\nREDIS0011");
    for (bytes, is_closed) in [(refused, false), (String::new(), true), ("+CONT".into(), true), (cut, true)] {
        let mut shell = Shell::new(Session::recorded(options, None));
        shell.arrive(bytes.as_bytes());
        if is_closed {
            shell.close(Closed::ByPeer);
        }
        let error = failure(&mut shell);
        let broken =
            matches!(error, SessionError::SnapshotBroken { received: 9, reason: DisconnectReason::Closed, .. });
        assert!(broken || matches!(error, SessionError::Lost { .. }), "{bytes:?}: {error}");
        shell.connect();
        assert_eq!(failure(&mut shell), error);
        assert!(shell.session.to_send().is_empty());
    }
}

#[test]
fn newlines_without_end_are_taken_and_kept_nowhere() {
    let mut session = Session::recorded(Options::default(), None);
    for _ in 0..1000 {
        assert!(matches!(session.poll(&[b'\n'; 4096], 0), Progress::Space { .. }));
        assert_eq!(session.consumed(), 4096);
    }
}

#[test]
fn a_snapshot_that_should_be_empty_and_is_not() {
    let mut shell = Shell::connected(Options::default());
    for reply in [&b"+PONG\r\n"[..], b"+OK\r\n", b"$0\r\n\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK\r\n"] {
        shell.sent();
        shell.arrive(reply);
    }
    assert_eq!(shell.sent(), ["PSYNC ? -1"]);
    shell.arrive(format!("+FULLRESYNC {ID} 1\r\n$2000000\r\n").as_bytes());
    // One key with a long value.
    shell.arrive(b"REDIS0011\xfe\0\0\x01k\x80\0\x1d\0\0");
    for _ in 0..200 {
        shell.arrive(&[0; 8192]);
    }
    assert!(matches!(failure(&mut shell), SessionError::SnapshotNotEmpty { limit: 1_048_576 }));
}

#[test]
fn a_mark_that_never_comes_is_a_snapshot_that_broke_off() {
    let mut shell = Shell::connected(options! { start: Start::Snapshot });
    for reply in [&b"+PONG\r\n"[..], b"+OK\r\n", b"$0\r\n\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK\r\n"] {
        shell.sent();
        shell.arrive(reply);
    }
    shell.arrive(format!("+FULLRESYNC {ID} 1\r\n$EOF:{}\r\n", "m".repeat(40)).as_bytes());
    let snapshot = [&b"REDIS0003\xfe\0\0\x01k\x50\0"[..], &[7; 4096], b"\xff"].concat();
    shell.arrive(&snapshot);
    shell.arrive(&[b'm'; 39]);
    shell.close(Closed::ByPeer);
    let received = snapshot.len() as u64;
    assert!(matches!(failure(&mut shell), SessionError::SnapshotBroken { received: found, .. } if found == received));
}

/// Pieces of what servers send, so that random input gets past the first byte.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => proptest::sample::select(vec![
            "+OK\r\n", "\n", "\r\n", "+PONG\r\n", "$0\r\n\r\n", "-ERR no\r\n", "-LOADING\r\n", "$3\r\nabc", "*1\r\n$4\r\nPING\r\n",
            "*1\r\n$5\r\nMULTI\r\n", "*1\r\n$4\r\nEXEC\r\n", "*2\r\n$6\r\nSELECT\r\n$1\r\n5\r\n", "*0\r\n", "*2\r\n$3\r\nDEL\r\n$3\r\n",
            "+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 7\r\n", "+CONTINUE\r\n", "$EOF:0123456789012345678901234567890123456789\r\n",
            "REDIS0010\u{0}0123456789012345678901234567890123456789",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever arrives, in whatever pieces: no panic, no consumption beyond the buffered bytes, no turn without
    /// progress, and only commands to send. The same bytes in one piece lead to the same end.
    #[test]
    fn anything_at_all(pieces in proptest::collection::vec(piece(), 0..30), start in 0..3_usize, parts in any::<bool>()) {
        let start = [Start::Now, Start::Snapshot, Start::Sync][start];
        let options = options! { start, parts: parts.then_some(1024), retry_first: true, control: true };
        let mut session = Session::new(options);
        session.connected(Credentials::default(), 0);
        let mut unread: Vec<u8> = Vec::new();
        for piece in &pieces {
            unread.extend_from_slice(piece);
            for turn in 0.. {
                prop_assert!(turn < 10_000, "no progress");
                let progress = session.poll(&unread, turn);
                prop_assert!(session.consumed() <= unread.len());
                if progress == Progress::Event {
                    let _ = format!("{:?}", session.event(&unread));
                }
                let count = session.to_send().len();
                session.sent(count);
                unread.drain(..session.consumed());
                match progress {
                    Progress::Event => {}
                    Progress::Space { at_least } => {
                        prop_assert!(at_least > 0);
                        break;
                    }
                    Progress::Reconnect { .. } => {
                        unread.clear();
                        session.connected(Credentials::default(), turn);
                        break;
                    }
                    Progress::Failed(_) | Progress::Ended => return Ok(()),
                }
            }
        }
    }
}

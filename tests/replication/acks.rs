//! Acknowledgements: their offsets, and when they are sent.

use redtail::replication::{Closed, Session};
use redtail::{Ack, OnGap, Options, Position, Start};

use crate::shell::Shell;

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const OTHER: &str = "36c5b256fc563b711ac7b6ff2e615bab7d161378";
const MARK: &str = "398c1a683d14df9f2e290fd53a6174729509e866";
const PING: &[u8] = b"*1\r\n$4\r\nping\r\n";
const INCR: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
const GETACK: &[u8] = b"*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n";
const SELECT: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";

fn start() -> Start {
    Start::At(format!("{ID}:1000:0").parse().unwrap())
}

/// Answers everything up to PSYNC.
fn handshake(shell: &mut Shell) {
    loop {
        match shell.sent().first().map(String::as_str) {
            Some("INFO") => shell.arrive(b"$0\r\n\r\n"),
            Some(psync) if psync.starts_with("PSYNC") => return,
            _ => shell.arrive(b"+OK\r\n"),
        }
    }
}

fn attached(options: Options) -> Shell {
    let mut shell = Shell::connected(options! { start: start(), ..options });
    handshake(&mut shell);
    shell.arrive(b"+CONTINUE\r\n");
    shell
}

fn full_resynchronisation(id: &str, offset: u64) -> Vec<u8> {
    let snapshot = b"REDIS0010\xfa\x0erepl-stream-db\xc0\x00\xff\0\0\0\0\0\0\0\0";
    [format!("+FULLRESYNC {id} {offset}\r\n$EOF:{MARK}\r\n").as_bytes(), snapshot, MARK.as_bytes()].concat()
}

fn place(id: &str, offset: u64) -> Position {
    format!("{id}:{offset}:0").parse().unwrap()
}

/// The offset in the acknowledgement of the next second.
fn next_ack(shell: &mut Shell) -> Vec<String> {
    shell.sent();
    shell.pass(1000);
    shell.sent()
}

#[test]
fn a_commit_is_acknowledged_only_for_its_own_history() {
    let mut shell = attached(options! { ack: Ack::Applied, on_gap: OnGap::Continue });
    shell.arrive(PING);
    shell.session.commit(place(ID, 1014));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1014"]);
    shell.close(Closed::ByPeer);
    shell.connect();
    handshake(&mut shell);
    shell.arrive(&full_resynchronisation(OTHER, 500));
    shell.arrive(PING);
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 0"], "nothing of this history was kept");
    shell.session.commit(place(ID, 1014));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 0"], "a sink that is late speaks of the history before");
    shell.session.commit(place(OTHER, 514));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 514"]);
}

#[test]
fn what_is_void_counts_as_committed_no_more() {
    let mut shell = attached(options! { ack: Ack::Applied });
    shell.arrive(b"*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n");
    shell.session.commit(place(ID, 1036));
    shell.close(Closed::ByPeer);
    shell.connect();
    handshake(&mut shell);
    // A promoted replica, which never had the transaction: these offsets now hold other bytes.
    shell.arrive(format!("+CONTINUE {OTHER}\r\n").as_bytes());
    shell.arrive(&INCR.repeat(2));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1000"]);
}

/// The gap is delivered at the end of the snapshot that measures it. If that end never arrives, the history continues,
/// and so do the commits in it.
#[test]
fn a_gap_that_was_never_told_voids_nothing_that_was_committed() {
    let mut shell = attached(options! { ack: Ack::Applied, on_gap: OnGap::Continue });
    shell.arrive(&INCR.repeat(2));
    shell.session.commit(place(ID, 1021));
    for committed in [1021, 1042] {
        shell.close(Closed::ByPeer);
        shell.connect();
        handshake(&mut shell);
        let whole = full_resynchronisation(OTHER, 500);
        shell.arrive(&whole[..whole.len() - 60]);
        shell.session.commit(place(ID, committed));
        shell.session.commit(place(OTHER, 500));
        shell.close(Closed::ByPeer);
        shell.connect();
        handshake(&mut shell);
        shell.arrive(b"+CONTINUE\r\n");
        assert_eq!(next_ack(&mut shell), [format!("REPLCONF ACK {committed}")]);
    }
}

#[test]
fn the_start_position_can_be_committed_before_a_connection() {
    let mut session = Session::new(options! { start: start(), ack: Ack::Applied });
    session.commit(place(OTHER, 700));
    session.commit(place(ID, 1000));
    let mut shell = Shell::new(session);
    shell.connect();
    handshake(&mut shell);
    shell.arrive(b"+CONTINUE\r\n");
    shell.arrive(INCR);
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1000"]);
}

/// The primary may be waiting for it before it starts the stream.
#[test]
fn the_first_acknowledgement_waits_for_no_newline() {
    let mut shell = Shell::connected(Options::default());
    handshake(&mut shell);
    let whole = full_resynchronisation(ID, 14);
    shell.arrive(&whole[..whole.len() - 5]);
    shell.pass(1000);
    assert_eq!(shell.session.to_send(), b"\n");
    shell.arrive(&whole[whole.len() - 5..]);
    assert_eq!(shell.sent(), ["\\n", "REPLCONF ACK 0"]);
}

#[test]
fn what_blocks_the_way_out_is_no_reason_to_ask_again_at_once() {
    let mut shell = attached(Options::default());
    assert!(!shell.session.to_send().is_empty());
    // The socket takes nothing; whoever waits for it until the deadline must not find that it has passed already.
    for _ in 0..5 {
        shell.pass(1000);
        assert_eq!(shell.session.deadline_ms(), shell.now_ms + 1000);
    }
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"], "and they do not pile up");
}

#[test]
fn acknowledgements_hurry_only_after_a_snapshots_mark() {
    let mut shell = Shell::connected(Options::default());
    handshake(&mut shell);
    shell.arrive(&full_resynchronisation(ID, 14));
    shell.sent();
    assert_eq!(shell.session.deadline_ms(), shell.now_ms + 100);
    shell.close(Closed::ByPeer);
    shell.connect();
    handshake(&mut shell);
    shell.arrive(b"+CONTINUE\r\n");
    assert_eq!(shell.session.deadline_ms(), shell.now_ms + 1000);
}

/// Nobody writes: every byte of the stream is a PING. Without this rule SHUTDOWN, WAIT and FAILOVER of the primary wait
/// for a follower that has nothing left to commit.
#[test]
fn a_quiet_stream_is_acknowledged_without_a_commit() {
    let mut shell = attached(options! { ack: Ack::Applied });
    shell.arrive(INCR);
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 0"]);
    shell.arrive(&[PING, SELECT, b"\n"].concat());
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 0"], "the event before them is not committed");
    shell.session.commit(place(ID, 1021));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1059"]);
    shell.arrive(&PING.repeat(3));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1101"]);
    // WAIT asks without waiting for a commit.
    shell.arrive(GETACK);
    assert_eq!(shell.sent(), ["REPLCONF ACK 1101"]);
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1138"]);
    // The next event needs a commit of its own.
    shell.arrive(INCR);
    shell.arrive(PING);
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1138"]);
    shell.close(Closed::ByPeer);
    shell.connect();
    handshake(&mut shell);
    shell.arrive(b"+CONTINUE\r\n");
    shell.arrive(PING);
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1138"]);
    shell.session.commit(place(ID, 1159));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1187"], "also after the bytes of another connection");
}

/// They are delivered, so they are committed like other events.
#[test]
fn control_events_are_acknowledged_when_they_are_committed() {
    let mut shell = attached(options! { ack: Ack::Applied, control: true });
    shell.arrive(&[INCR, PING].concat());
    shell.session.commit(place(ID, 1021));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1021"]);
    shell.session.commit(place(ID, 1035));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1035"]);
}

#[test]
fn a_commit_answers_the_request_that_it_reaches() {
    let mut shell = attached(options! { ack: Ack::Applied });
    shell.session.commit(place(ID, 1000));
    shell.sent();
    shell.arrive(&[INCR, GETACK].concat());
    assert_eq!(shell.sent(), ["REPLCONF ACK 1000"], "a request is answered, although nothing new is committed");
    shell.session.commit(place(ID, 1021));
    assert_eq!(shell.sent(), ["REPLCONF ACK 1058"]);
    shell.session.commit(place(ID, 1021));
    assert_eq!(shell.sent(), [""; 0], "once");
    // Two requests, and a commit between them.
    shell.arrive(&[INCR, GETACK, INCR, INCR, GETACK].concat());
    shell.sent();
    for (committed, acknowledged) in
        [(1079, "REPLCONF ACK 1079"), (1137, "REPLCONF ACK 1137"), (1158, "REPLCONF ACK 1195")]
    {
        shell.session.commit(place(ID, committed));
        assert_eq!(shell.sent(), [acknowledged]);
    }
}

#[test]
fn an_answer_that_is_blocked_follows_what_blocks_it() {
    for ack in [Ack::Applied, Ack::Received] {
        let mut shell = attached(options! { ack });
        shell.session.commit(place(ID, 1000));
        shell.sent();
        shell.pass(1000);
        // The socket takes nothing yet.
        shell.arrive(&[INCR, GETACK].concat());
        shell.session.commit(place(ID, 1021));
        assert_eq!(shell.sent().len(), 1, "{ack:?}");
        assert_eq!(shell.sent(), ["REPLCONF ACK 1058"], "{ack:?}");
    }
}

/// A primary that shuts down requests an acknowledgement each second, and waits for one that contains the request.
#[test]
fn requests_do_not_postpone_the_acknowledgement_of_each_second() {
    let mut shell = attached(options! { ack: Ack::Received });
    shell.pass(1000);
    shell.sent();
    shell.now_ms += 900;
    shell.arrive(GETACK);
    assert_eq!(shell.sent(), ["REPLCONF ACK 1000"]);
    shell.pass(100);
    assert_eq!(shell.sent(), ["REPLCONF ACK 1037"]);
}

//! What is acknowledged, and when.

use redtail::replication::{Closed, Session};
use redtail::{Ack, OnGap, Options, Position, Start};

use crate::shell::Shell;

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const OTHER: &str = "36c5b256fc563b711ac7b6ff2e615bab7d161378";
const MARK: &str = "398c1a683d14df9f2e290fd53a6174729509e866";
const PING: &[u8] = b"*1\r\n$4\r\nping\r\n";

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

/// What the acknowledgement of the next second says.
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
    // A promoted replica, which never had the transaction: what comes at these offsets now is something else.
    shell.arrive(format!("+CONTINUE {OTHER}\r\n").as_bytes());
    shell.arrive(&PING.repeat(3));
    assert_eq!(next_ack(&mut shell), ["REPLCONF ACK 1000"]);
}

/// The gap is delivered at the end of the snapshot that measures it. If that end never arrives, the history continues,
/// and so do the commits in it.
#[test]
fn a_gap_that_was_never_told_voids_nothing_that_was_committed() {
    let mut shell = attached(options! { ack: Ack::Applied, on_gap: OnGap::Continue });
    shell.arrive(&PING.repeat(2));
    shell.session.commit(place(ID, 1014));
    for committed in [1014, 1028] {
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
    shell.arrive(PING);
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

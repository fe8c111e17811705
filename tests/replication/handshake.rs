//! The messages between connect and the first byte of the stream, and when each is sent.

use redtail::replication::{Closed, Credentials, ReplicaLabel, Session};
use redtail::{Ack, Backoff, OnGap, Options, SessionError, Start};
use std::time::Duration;

use crate::shell::{Seen, Shell};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const OTHER: &str = "36c5b256fc563b711ac7b6ff2e615bab7d161378";
const MARK: &str = "398c1a683d14df9f2e290fd53a6174729509e866";

/// A snapshot from before checksums.
const SMALLEST: &[u8] = b"REDIS0001\xff";

/// A snapshot that holds only the database of the stream, as `rdb-filter-only ""` gives it.
fn empty_snapshot(db: u8) -> Vec<u8> {
    [b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x0erepl-stream-db\xc0" as &[u8], &[db], b"\xff\0\0\0\0\0\0\0\0"]
        .concat()
}

fn info(text: &str) -> Vec<u8> {
    format!("${}\r\n{text}\r\n", text.len()).into_bytes()
}

fn replication_info(backlog: u8, first: u64, offset: u64) -> Vec<u8> {
    info(&format!(
        "redis_version:7.0.15\r\nused_memory:3145728\r\nlatest_fork_usec:250\r\nrole:master\r\nmaster_replid:{ID}\r\n\
         master_replid2:{OTHER}\r\nsecond_repl_offset:51\r\nmaster_repl_offset:{offset}\r\nrepl_backlog_active:{backlog}\r\n\
         repl_backlog_first_byte_offset:{first}\r\n"
    ))
}

/// Answers one command after another, and checks that each is sent alone.
fn converse(shell: &mut Shell, script: &[(&str, &[u8])]) {
    for (expected, reply) in script {
        assert_eq!(shell.sent(), [*expected], "sent");
        shell.arrive(reply);
    }
}

/// The whole talk before PSYNC on Redis 7.0, with this INFO.
fn to_psync(shell: &mut Shell, info: &[u8], filter: Option<&[u8]>) {
    converse(shell, &[("PING", b"+PONG\r\n"), ("REPLCONF ip-address redtail.invalid", b"+OK\r\n"), ("INFO", info)]);
    if info.starts_with(b"-") && filter.is_none() {
        converse(shell, &[("REPLCONF version 9.2.0", b"-ERR Unrecognized REPLCONF option: version\r\n")]);
    }
    converse(shell, &[("REPLCONF capa eof", b"+OK\r\n"), ("REPLCONF capa psync2", b"+OK\r\n")]);
    if let Some(reply) = filter {
        converse(shell, &[("REPLCONF rdb-filter-only ", reply)]);
    }
}

fn others(shell: &mut Shell) -> Vec<String> {
    let text = |seen| match seen {
        Seen::Other(text) => text,
        other => format!("{other:?}"),
    };
    shell.events().into_iter().map(text).collect()
}

fn failure(shell: &mut Shell) -> SessionError {
    match shell.events().pop() {
        Some(Seen::Failed(error)) => error,
        other => panic!("not failed: {other:?}"),
    }
}

#[test]
fn a_filtered_start_word_by_word() {
    let mut shell = Shell::connected(Options::default());
    to_psync(&mut shell, &replication_info(0, 0, 0), Some(b"+OK\r\n"));
    let seen = others(&mut shell);
    assert!(
        seen[0].starts_with("Forking(Forking { reason: Filtered, used_memory: Some(3145728), last_fork: Some(250µs), "),
        "{seen:?}"
    );
    assert_eq!(shell.sent(), ["PSYNC ? -1"]);
    shell.arrive(b"\n");
    shell.arrive(b"\n");
    assert_eq!(shell.sent(), [""; 0], "nothing is said while the primary makes its snapshot");
    shell.arrive(format!("+FULLRESYNC {ID} 14\r\n$EOF:{MARK}\r\n").as_bytes());
    shell.arrive(&empty_snapshot(6));
    assert_eq!(others(&mut shell), [""; 0], "not attached before the snapshot's end");
    shell.arrive(MARK.as_bytes());
    let seen = others(&mut shell);
    assert_eq!(seen.len(), 1);
    for part in ["method: Filtered", "offset: 14", "db: Some(6)", "version: 7.0.15", "role: Some(Primary)"] {
        assert!(seen[0].contains(part), "{part} in {}", seen[0]);
    }
    assert_eq!(shell.session.position().unwrap().to_string(), format!("{ID}:14:6"));
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"]);
}

#[test]
fn a_fork_is_announced_in_words() {
    use redtail::{ForkReason, Forking};
    for (used_memory, micros, words) in [
        (None, None, "the primary forks once, for a snapshot without data"),
        (Some(962_560), Some(0), "…; it uses 940 KiB of memory; it has not forked before"),
        (Some(3_145_728), Some(1250), "…; it uses 3.0 MiB of memory; its last fork took 1.250 ms"),
        (Some(3_328_599_654), None, "…; it uses 3.0 GiB of memory"),
        (Some(3_435_973_837), None, "…; it uses 3.2 GiB of memory"),
    ] {
        let last_fork = micros.map(Duration::from_micros);
        let mut forking = Forking::new(ForkReason::Filtered);
        (forking.used_memory, forking.last_fork) = (used_memory, last_fork);
        let text = forking.to_string();
        assert_eq!(text, words.replace('…', "the primary forks once, for a snapshot without data"));
    }
    for (server, words) in [
        ("valkey-9.1", ""),
        ("redis-9.9", ""),
        ("valkey-9.2", "; with forkless-infrastructure-enabled it does so without a fork"),
    ] {
        let mut forking = Forking::new(ForkReason::Snapshot);
        forking.server = server.parse().ok();
        assert_eq!(forking.to_string(), format!("the primary forks and sends its whole data set{words}"));
    }
}

#[test]
fn the_first_ack_is_repeated_until_the_stream_begins() {
    let mut shell = Shell::connected(Options::default());
    to_psync(&mut shell, &replication_info(0, 0, 0), Some(b"+OK\r\n"));
    shell.sent();
    let snapshot =
        [format!("+FULLRESYNC {ID} 14\r\n$EOF:{MARK}\r\n").as_bytes(), &empty_snapshot(0), MARK.as_bytes()].concat();
    shell.arrive(&snapshot);
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"]);
    for _ in 0..5 {
        assert_eq!(shell.session.deadline_ms(), shell.now_ms + 100);
        shell.pass(99);
        assert_eq!(shell.sent(), [""; 0]);
        shell.pass(1);
        assert_eq!(shell.sent(), ["REPLCONF ACK 0"]);
    }
    shell.arrive(b"*1\r\n$4\r\nping\r\n");
    shell.pass(100);
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"]);
    assert_eq!(shell.session.deadline_ms(), shell.now_ms + 1000, "then each second");
}

#[test]
fn bytes_in_the_same_read_as_the_snapshots_end_are_stream_bytes() {
    let mut shell = Shell::connected(Options::default());
    to_psync(&mut shell, &replication_info(0, 0, 0), Some(b"+OK\r\n"));
    let bytes = [
        format!("+FULLRESYNC {ID} 100\r\n$EOF:{MARK}\r\n").as_bytes(),
        &empty_snapshot(3),
        MARK.as_bytes(),
        b"*1\r\n$4\r\nping\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n",
    ]
    .concat();
    shell.arrive(&bytes);
    match shell.events().pop() {
        Some(Seen::Command {
            kind: "command", offset: 135, db: Some(3), tx: None, position: Some(position), ..
        }) => {
            assert_eq!(position.to_string(), format!("{ID}:135:3"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_full_snapshot_with_a_length() {
    let mut shell = Shell::connected(options! { start: Start::Snapshot, ack: Ack::Received });
    to_psync(&mut shell, b"-NOPERM no permissions to run the 'info' command\r\n", None);
    assert!(others(&mut shell)[0].contains("reason: Snapshot, used_memory: None"));
    assert_eq!(shell.sent(), ["PSYNC ? -1"]);
    let snapshot = empty_snapshot(2);
    shell.arrive(format!("\n+FULLRESYNC {ID} 7\r\n").as_bytes());
    let seen = others(&mut shell);
    assert!(seen.len() == 1 && seen[0].contains("method: Full") && seen[0].contains("position: None"), "{seen:?}");
    shell.pass(1000);
    assert_eq!(shell.sent(), ["\\n"], "a newline keeps the link alive; an ACK could start the stream too early");
    shell.arrive(format!("\n\n${}\r\n", snapshot.len()).as_bytes());
    assert!(others(&mut shell)[0].contains(&format!("length: Some({})", snapshot.len())));
    shell.arrive(&snapshot[..10]);
    shell.pass(1000);
    assert_eq!(shell.sent(), ["\\n"]);
    shell.arrive(&snapshot[10..]);
    assert_eq!(shell.sent(), ["REPLCONF ACK 7"]);
    let seen = shell.events();
    assert_eq!(seen[0], Seen::Snapshot(snapshot.clone()));
    assert!(
        matches!(&seen[1], Seen::Other(end) if end.starts_with(&format!("SnapshotEnd(SnapshotEnd {{ bytes: {0}, verified: {0}, beyond_templates: None, offset: 7, db: Some(2)", snapshot.len()))),
        "{seen:?}"
    );
    assert_eq!(shell.session.position().unwrap().to_string(), format!("{ID}:7:2"));
}

#[test]
fn the_way_through_info() {
    let mut shell = Shell::connected(options! { start: Start::NowWithoutFork });
    to_psync(&mut shell, &replication_info(1, 100, 250), Some(b"+OK\r\n"));
    assert_eq!(others(&mut shell), [""; 0], "nobody forks");
    assert_eq!(shell.sent(), [format!("PSYNC {ID} 251")]);
    shell.arrive(format!("+CONTINUE {ID}\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n").as_bytes());
    let seen = shell.events();
    assert!(
        matches!(&seen[0], Seen::Other(text) if text.contains("method: Info") && text.contains("db: None")),
        "{seen:?}"
    );
    assert!(matches!(seen[1], Seen::Command { offset: 271, db: None, .. }), "the database is unknown: {seen:?}");
}

#[test]
fn a_server_without_the_filter_is_asked_through_info() {
    let refuses: &[u8] = b"-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n";
    let mut shell = Shell::connected(Options::default());
    to_psync(&mut shell, &replication_info(1, 100, 250), Some(refuses));
    assert_eq!(shell.sent(), [format!("PSYNC {ID} 251")]);

    let mut shell = Shell::connected(Options::default());
    to_psync(&mut shell, &replication_info(0, 0, 0), Some(refuses));
    assert_eq!(failure(&mut shell), SessionError::NoBacklog);
    assert_eq!(shell.sent(), [""; 0]);

    let mut shell = Shell::connected(Options::default());
    to_psync(&mut shell, b"-NOPERM no permissions to run the 'info' command\r\n", Some(refuses));
    assert_eq!(failure(&mut shell), SessionError::InfoNeeded);
}

#[test]
fn a_replica_without_its_primary_has_no_backlog_for_now() {
    let refuses: &[u8] = b"-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n";
    let syncing = info("redis_version:6.2.14\r\nrole:slave\r\nmaster_link_status:down\r\nrepl_backlog_active:0\r\n");
    let mut shell = Shell::connected(options! { retry_first: true, allow_probe: true });
    to_psync(&mut shell, &syncing, Some(refuses));
    let seen = shell.events();
    assert!(matches!(&seen[0], Seen::Other(text) if text.contains("its own link is down")), "{seen:?}");
    assert!(matches!(seen[1], Seen::Reconnect(_)), "{seen:?}");
}

#[test]
fn a_probe_leaves_the_snapshot_and_comes_back_for_the_stream() {
    let refuses: &[u8] = b"-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n";
    let mut shell = Shell::connected(options! { allow_probe: true });
    to_psync(&mut shell, &replication_info(0, 0, 0), Some(refuses));
    assert!(others(&mut shell)[0].contains("reason: Probe"));
    assert_eq!(shell.sent(), ["PSYNC ? -1"]);
    shell.arrive(format!("+FULLRESYNC {OTHER} 14\r\n$173\r\nREDIS0009").as_bytes());
    assert_eq!(shell.events(), [Seen::Reconnect(0)]);
    shell.connect();
    to_psync(&mut shell, &replication_info(1, 1, 14), Some(refuses));
    assert_eq!(shell.sent(), [format!("PSYNC {OTHER} 15")]);
    shell.arrive(b"+CONTINUE\r\n");
    assert!(others(&mut shell)[0].contains("method: Probed"));

    let mut shell = Shell::connected(options! { allow_probe: true, single_link: true });
    to_psync(&mut shell, &replication_info(0, 0, 0), Some(refuses));
    assert_eq!(failure(&mut shell), SessionError::SecondLinkNeeded);
}

#[test]
fn the_old_sync() {
    let mut shell = Shell::connected(options! { start: Start::Sync });
    converse(
        &mut shell,
        &[
            ("PING", b"+PONG\r\n"),
            ("REPLCONF ip-address redtail.invalid", b"-ERR unknown command 'REPLCONF'\r\n"),
            ("INFO", &replication_info(0, 0, 0)),
            ("REPLCONF capa eof", b"-ERR Unrecognized REPLCONF option: capa\r\n"),
            ("SYNC", b"\n\n$10\r\nREDIS0001\xff*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"),
        ],
    );
    let seen = shell.events();
    assert!(matches!(&seen[1], Seen::Other(text) if text.contains("method: Sync, replid: None")), "{seen:?}");
    assert!(matches!(&seen[2], Seen::Other(text) if text.starts_with("SnapshotBegin")));
    assert_eq!(seen[3], Seen::Snapshot(SMALLEST.to_vec()));
    assert!(matches!(seen[5], Seen::Command { offset: 21, position: None, .. }), "{seen:?}");
}

#[test]
fn resuming_asks_for_the_byte_after_the_last_one() {
    let start = Start::At(format!("{ID}:1311:4").parse().unwrap());
    let mut shell = Shell::connected(options! { start, ack: Ack::Received });
    to_psync(&mut shell, &replication_info(1, 1, 2000), Some(b"+OK\r\n"));
    assert_eq!(shell.sent(), [format!("PSYNC {ID} 1312")]);
    shell.arrive(format!("+CONTINUE {OTHER}\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n").as_bytes());
    assert_eq!(shell.sent(), ["REPLCONF ACK 1311"]);
    let seen = shell.events();
    assert!(
        matches!(&seen[0], Seen::Other(text) if text.contains("method: Continued") && text.contains("db: Some(4)")),
        "{seen:?}"
    );
    // The new id is the one to resume with; the old one still names the history.
    assert_eq!(shell.session.position().unwrap().to_string(), format!("{OTHER}:1332:4:{ID}"));
}

#[test]
fn lost_history_stops() {
    let start = Start::At(format!("{ID}:10:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start });
    to_psync(&mut shell, &replication_info(1, 100, 2000), Some(b"+OK\r\n"));
    shell.sent();
    shell.arrive(format!("+FULLRESYNC {ID} 2000\r\n").as_bytes());
    let seen = shell.events();
    assert!(matches!(&seen[0], Seen::Other(text) if text.contains("missed: Some(1990)")), "{seen:?}");
    assert!(
        matches!(&seen[1], Seen::Failed(SessionError::HistoryLost(gap)) if gap.from.offset == 10 && gap.to.offset == 2000)
    );
}

#[test]
fn lost_history_goes_on_after_a_filtered_snapshot() {
    let start = Start::At(format!("{ID}:5000:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start, on_gap: OnGap::Continue });
    to_psync(&mut shell, &replication_info(1, 100, 2000), Some(b"+OK\r\n"));
    shell.sent();
    let bytes =
        [format!("+FULLRESYNC {OTHER} 2000\r\n$EOF:{MARK}\r\n").as_bytes(), &empty_snapshot(9), MARK.as_bytes()]
            .concat();
    shell.arrive(&bytes);
    let seen = others(&mut shell);
    // Another history: what is missing can't be counted, and `to` may lie below `from`.
    assert!(seen[0].starts_with("Gap(") && seen[0].contains("missed: None"), "{seen:?}");
    assert!(seen[1].contains("method: Filtered") && seen[1].contains("db: Some(9)"), "{seen:?}");
    assert_eq!(shell.session.position().unwrap().to_string(), format!("{OTHER}:2000:9"));
}

#[test]
fn lost_history_without_the_filter_is_known_from_info() {
    let refuses: &[u8] = b"-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n";
    let start = Start::At(format!("{ID}:10:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start, on_gap: OnGap::Continue });
    to_psync(&mut shell, &replication_info(1, 100, 2000), Some(refuses));
    let seen = shell.events();
    assert!(matches!(&seen[..], [Seen::Other(text)] if text.starts_with("Gap(")), "{seen:?}");
    assert_eq!(shell.sent(), [format!("PSYNC {ID} 2001")], "nobody dumps anything");

    let mut shell = Shell::connected(options! { start, on_gap: OnGap::Stop });
    to_psync(&mut shell, &replication_info(1, 100, 2000), Some(refuses));
    assert!(matches!(failure(&mut shell), SessionError::HistoryLost(_)));
    assert_eq!(shell.sent(), [""; 0]);
}

#[test]
fn lost_history_without_the_filter_abandons_the_snapshot() {
    let refuses: &[u8] = b"-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n";
    let denied: &[u8] = b"-NOPERM no permissions to run the 'info' command\r\n";
    let start = Start::At(format!("{ID}:10:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start, on_gap: OnGap::Continue });
    to_psync(&mut shell, denied, Some(refuses));
    shell.sent();
    shell.arrive(format!("+FULLRESYNC {ID} 2000\r\n$100\r\n").as_bytes());
    let seen = shell.events();
    assert!(matches!(&seen[0], Seen::Other(text) if text.starts_with("Gap(")), "{seen:?}");
    assert_eq!(seen[1], Seen::Reconnect(0));
    shell.connect();
    converse(
        &mut shell,
        &[
            ("PING", b"+PONG\r\n"),
            ("REPLCONF ip-address redtail.invalid", b"+OK\r\n"),
            ("REPLCONF capa eof", b"+OK\r\n"),
            ("REPLCONF capa psync2", b"+OK\r\n"),
            ("REPLCONF rdb-filter-only ", refuses),
        ],
    );
    assert_eq!(shell.sent(), [format!("PSYNC {ID} 2001")]);
}

#[test]
fn lost_history_takes_a_snapshot_where_that_was_chosen() {
    let start = Start::At(format!("{ID}:10:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start, on_gap: OnGap::Snapshot });
    // No filter is set: the snapshot that a refusal brings is the one that is wanted.
    to_psync(&mut shell, &replication_info(1, 100, 2000), None);
    shell.sent();
    shell.arrive(&[format!("+FULLRESYNC {ID} 2000\r\n$10\r\n").as_bytes(), SMALLEST].concat());
    let seen = shell.events();
    assert!(matches!(&seen[0], Seen::Other(text) if text.starts_with("Gap(")), "{seen:?}");
    assert!(matches!(&seen[1], Seen::Other(text) if text.contains("method: Full")), "{seen:?}");
    assert_eq!(seen[3], Seen::Snapshot(SMALLEST.to_vec()));
}

#[test]
fn without_fork_info_outside_the_backlog_is_a_gap_without_psync() {
    let options = options! { start: Start::NowWithoutFork, on_gap: OnGap::Continue };
    let mut shell = Shell::connected(options);
    to_psync(&mut shell, &replication_info(1, 1, 50), Some(b"+OK\r\n"));
    shell.sent();
    shell.arrive(b"+CONTINUE\r\n");
    shell.close(Closed::ByPeer);
    shell.events();
    shell.connect();
    to_psync(&mut shell, &replication_info(1, 100, 250), Some(b"+OK\r\n"));
    let seen = others(&mut shell);
    assert!(seen[0].starts_with("Gap(") && seen[0].contains("missed: Some(200)"), "{seen:?}");
    assert_eq!(shell.sent(), [format!("PSYNC {ID} 251")], "from where INFO says the stream stands");

    let mut shell = Shell::connected(options! { on_gap: OnGap::Stop, ..options });
    to_psync(&mut shell, &replication_info(1, 1, 50), Some(b"+OK\r\n"));
    shell.sent();
    shell.arrive(b"+CONTINUE\r\n");
    shell.close(Closed::ByPeer);
    shell.connect();
    to_psync(&mut shell, &replication_info(1, 100, 250), Some(b"+OK\r\n"));
    assert!(matches!(failure(&mut shell), SessionError::HistoryLost(_)));
    assert_eq!(shell.sent(), [""; 0], "a PSYNC would have made the primary fork");
}

#[test]
fn credentials_go_first() {
    let mut shell = Shell::new(Session::new(Options::default()));
    shell.connect_as(Credentials::new(Some(b"cdc"), b"pw"));
    converse(&mut shell, &[("AUTH cdc pw", b"+OK\r\n"), ("PING", b"+PONG\r\n")]);

    let mut shell = Shell::new(Session::new(Options::default()));
    shell.connect_as(Credentials::new(None, b"pw"));
    converse(&mut shell, &[("AUTH pw", b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")]);
    let error = failure(&mut shell);
    assert!(error.to_string().contains("wrong user or password") && error.to_string().contains("WRONGPASS"), "{error}");

    let mut shell = Shell::new(Session::new(Options::default()));
    shell.connect_as(Credentials::new(None, &[b'x'; 20_000]));
    assert!(matches!(failure(&mut shell), SessionError::CredentialsTooLong { .. }));
}

#[test]
fn a_user_without_a_password_is_never_the_default_user() {
    let mut shell = Shell::new(Session::new(Options::default()));
    let mut credentials = Credentials::default();
    credentials.user = Some(b"cdc");
    shell.connect_as(credentials);
    assert!(matches!(failure(&mut shell), SessionError::PasswordMissing));
    assert_eq!(shell.sent(), [""; 0]);

    // A nopass user: any password is right, and an empty one is given on purpose.
    let mut shell = Shell::new(Session::new(Options::default()));
    shell.connect_as(Credentials::new(Some(b"cdc"), b""));
    converse(&mut shell, &[("AUTH cdc ", b"+OK\r\n"), ("PING", b"+PONG\r\n")]);
}

/// Valkey 9.1 and later choose the format of a snapshot with data by the version. `CLUSTER SETSLOT` waits for each
/// replica that has announced one.
#[test]
fn valkey_gets_a_version_only_around_a_snapshot_with_data() {
    let valkey = |version: &str| info(&format!("redis_version:7.2.4\r\nvalkey_version:{version}\r\nrole:master\r\n"));
    let begins = |shell: &mut Shell, info: &[u8]| {
        converse(
            shell,
            &[
                ("PING", b"+PONG\r\n"),
                ("REPLCONF ip-address here", b"+OK\r\n"),
                ("REPLCONF listening-port 7777", b"+OK\r\n"),
                ("INFO", info),
            ],
        );
    };
    let shell = |start| {
        let label = ReplicaLabel::new("here").unwrap();
        Shell::connected(options! { start, listening_port: Some(7777), label })
    };
    for (start, version) in [(Start::Now, "9.1.2"), (Start::Snapshot, "8.1.8"), (Start::Snapshot, "9.0.4")] {
        let mut shell = shell(start);
        begins(&mut shell, &valkey(version));
        assert_eq!(shell.sent(), ["REPLCONF capa eof"], "{start:?} {version}");
    }
    for version in ["9.1.2", "9.2.0", "10.0.0", "unstable"] {
        let mut shell = shell(Start::Snapshot);
        begins(&mut shell, &valkey(version));
        converse(
            &mut shell,
            &[
                ("REPLCONF version 9.2.0", b"+OK\r\n"),
                ("CLIENT REPLY ON", b"+OK\r\n"),
                ("REPLCONF capa eof", b"+OK\r\n"),
                ("REPLCONF capa psync2", b"+OK\r\n"),
            ],
        );
        shell.sent();
        shell.arrive(format!("+FULLRESYNC {ID} 10\r\n$EOF:{MARK}\r\n").as_bytes());
        shell.arrive(&[&empty_snapshot(0), MARK.as_bytes()].concat());
        shell.events();
        assert_eq!(shell.sent(), ["REPLCONF ACK 0", "CLIENT REPLY SKIP", "REPLCONF version 0.0.0"], "{version}");
    }
}

/// A server of the future may answer an option with anything.
#[test]
fn unknown_answers_to_options_are_passed_over() {
    let unknown: [&[u8]; 6] = [
        b":1\r\n",
        b"$6\r\nfuture\r\n",
        b"*2\r\n+a\r\n:1\r\n",
        b"%1\r\n+a\r\n_\r\n",
        b"-FUTURE what is that\r\n",
        b"_\r\n",
    ];
    for reply in unknown {
        let label = ReplicaLabel::new("here").unwrap();
        let mut shell = Shell::connected(options! { start: Start::Snapshot, listening_port: Some(7777), label });
        converse(
            &mut shell,
            &[
                ("PING", b"+PONG\r\n"),
                ("REPLCONF ip-address here", reply),
                ("REPLCONF listening-port 7777", reply),
                ("INFO", if reply[0] == b'$' { b":1\r\n" } else { reply }),
                ("REPLCONF version 9.2.0", reply),
            ],
        );
        if reply[0] == b'-' {
            // An error that is not known ends an attempt here: without this capability nothing would follow.
            converse(&mut shell, &[("REPLCONF capa eof", b":1\r\n"), ("REPLCONF capa psync2", b":1\r\n")]);
        } else {
            converse(&mut shell, &[("REPLCONF capa eof", reply), ("REPLCONF capa psync2", reply)]);
        }
        assert_eq!(shell.sent(), ["PSYNC ? -1"]);
        assert!(!shell.events().iter().any(|seen| matches!(seen, Seen::Failed(_))));
    }
}

/// A resume that may end in a snapshot announces the version too, and withdraws it when the stream continues.
#[test]
fn a_version_is_withdrawn_where_the_stream_continues() {
    let start = Start::At(format!("{ID}:10:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start, on_gap: OnGap::Snapshot });
    converse(
        &mut shell,
        &[
            ("PING", b"+PONG\r\n"),
            ("REPLCONF ip-address redtail.invalid", b"+OK\r\n"),
            ("INFO", b"-NOPERM User cdc has no permissions to run the 'info' command\r\n"),
            ("REPLCONF version 9.2.0", b"+OK\r\n"),
            ("CLIENT REPLY ON", b"+OK\r\n"),
            ("REPLCONF capa eof", b"+OK\r\n"),
            ("REPLCONF capa psync2", b"+OK\r\n"),
        ],
    );
    shell.sent();
    shell.arrive(b"+CONTINUE\r\n");
    assert_eq!(shell.sent(), ["REPLCONF ACK 0", "CLIENT REPLY SKIP", "REPLCONF version 0.0.0"]);
}

/// Without the permission for CLIENT REPLY the version stays: its reply would end the connection. The question is not
/// repeated, because each denial is an entry in the server's log.
#[test]
fn a_version_that_may_not_be_withdrawn_stays() {
    let mut shell = Shell::connected(options! { start: Start::Snapshot, on_gap: OnGap::Snapshot });
    let denied: &[u8] = b"-NOPERM User cdc has no permissions to run the 'client|reply' command\r\n";
    let begin: [(&str, &[u8]); 3] = [
        ("PING", b"+PONG\r\n"),
        ("REPLCONF ip-address redtail.invalid", b"+OK\r\n"),
        ("INFO", b"-ERR unknown command 'INFO'\r\n"),
    ];
    converse(&mut shell, &begin);
    converse(&mut shell, &[("REPLCONF version 9.2.0", b"+OK\r\n"), ("CLIENT REPLY ON", denied)]);
    converse(&mut shell, &[("REPLCONF capa eof", b"+OK\r\n"), ("REPLCONF capa psync2", b"+OK\r\n")]);
    shell.sent();
    shell.arrive(format!("+FULLRESYNC {ID} 10\r\n$EOF:{MARK}\r\n").as_bytes());
    shell.arrive(&[&empty_snapshot(0), MARK.as_bytes()].concat());
    shell.events();
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"]);
    shell.close(Closed::ByPeer);
    shell.events();
    shell.connect();
    converse(&mut shell, &begin);
    converse(&mut shell, &[("REPLCONF version 9.2.0", b"+OK\r\n"), ("REPLCONF capa eof", b"+OK\r\n")]);
}

#[test]
fn a_user_who_may_not_ask_is_made_to_ask_once() {
    let denied: &[u8] = b"-NOPERM User cdc has no permissions to run the 'info' command\r\n";
    let mut shell = Shell::connected(Options::default());
    to_psync(&mut shell, denied, Some(b"+OK\r\n"));
    shell.sent();
    let bytes =
        [format!("+FULLRESYNC {ID} 1\r\n$EOF:{MARK}\r\n").as_bytes(), &empty_snapshot(0), MARK.as_bytes()].concat();
    shell.arrive(&bytes);
    shell.close(Closed::ByPeer);
    shell.connect();
    converse(
        &mut shell,
        &[
            ("PING", b"+PONG\r\n"),
            ("REPLCONF ip-address redtail.invalid", b"+OK\r\n"),
            ("REPLCONF capa eof", b"+OK\r\n"),
        ],
    );
}

#[test]
fn keepalive_newlines_are_taken_before_any_reply() {
    let mut shell = Shell::connected(Options::default());
    for expected in ["PING", "REPLCONF ip-address redtail.invalid", "INFO"] {
        assert_eq!(shell.sent(), [expected]);
        shell.arrive(b"\n");
        shell.arrive(b"\r\n\n");
        let reply = if expected == "INFO" { replication_info(1, 1, 1) } else { b"+OK\r\n".to_vec() };
        shell.arrive(&[b"\n", &reply[..]].concat());
    }
    assert_eq!(shell.sent(), ["REPLCONF capa eof"]);
}

#[test]
fn a_getack_is_answered_at_once_with_the_offset_before_it() {
    let start = Start::At(format!("{ID}:100:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start, ack: Ack::Received });
    to_psync(&mut shell, &replication_info(1, 1, 2000), Some(b"+OK\r\n"));
    shell.sent();
    shell.arrive(b"+CONTINUE\r\n");
    shell.sent();
    shell.arrive(b"*1\r\n$4\r\nping\r\n*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n");
    assert_eq!(shell.sent(), ["REPLCONF ACK 114"]);
    shell.pass(1000);
    assert_eq!(shell.sent(), ["REPLCONF ACK 151"]);
}

#[test]
fn a_getack_beside_a_due_acknowledgement_is_answered_too() {
    let start = Start::At(format!("{ID}:100:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start, ack: Ack::Received });
    to_psync(&mut shell, &replication_info(1, 1, 2000), Some(b"+OK\r\n"));
    shell.sent();
    shell.arrive(b"+CONTINUE\r\n");
    shell.sent();
    shell.now_ms += 1000;
    shell.arrive(b"*1\r\n$4\r\nping\r\n*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n");
    assert_eq!(shell.sent(), ["REPLCONF ACK 114"]);
}

/// The primary starts the stream at an acknowledgement, so the first must not wait because a newline was due.
#[test]
fn a_snapshot_end_beside_a_due_newline_is_acknowledged_at_once() {
    let mut shell = Shell::connected(Options::default());
    to_psync(&mut shell, &replication_info(1, 1, 2000), Some(b"+OK\r\n"));
    shell.sent();
    shell.arrive(format!("+FULLRESYNC {ID} 1\r\n$EOF:{MARK}\r\n").as_bytes());
    shell.sent();
    shell.now_ms += 1000;
    shell.arrive(&[&empty_snapshot(0), MARK.as_bytes()].concat());
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"]);
    shell.pass(100);
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"]);
}

#[test]
fn applied_acknowledges_what_was_committed() {
    let start = Start::At(format!("{ID}:100:0").parse().unwrap());
    let mut shell = Shell::connected(options! { start, ack: Ack::Applied });
    to_psync(&mut shell, &replication_info(1, 1, 2000), Some(b"+OK\r\n"));
    shell.sent();
    shell.arrive(b"+CONTINUE\r\n*1\r\n$4\r\nping\r\n");
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"]);
    shell.session.commit(format!("{OTHER}:114:0").parse().unwrap());
    shell.pass(1000);
    assert_eq!(shell.sent(), ["REPLCONF ACK 0"], "of another history");
    shell.session.commit(format!("{ID}:114:0").parse().unwrap());
    shell.pass(1000);
    assert_eq!(shell.sent(), ["REPLCONF ACK 114"]);
}

#[test]
fn refusals_end_with_what_to_do() {
    for (replies, words) in [
        (vec![&b"-NOAUTH Authentication required.\r\n"[..]], "password"),
        (vec![b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n"], "protected mode"),
        (vec![b"+PONG\r\n", b"+OK\r\n", b"-NOPERM x\r\n", b"-NOPERM no permissions to run replconf\r\n"], "+replconf"),
    ] {
        let mut shell = Shell::connected(Options::default());
        for reply in replies {
            shell.sent();
            shell.arrive(reply);
        }
        let error = failure(&mut shell).to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_passing_refusal_is_final_only_before_the_first_success() {
    let loading: &[u8] = b"-LOADING Redis is loading the dataset in memory\r\n";
    let mut shell = Shell::connected(Options::default());
    shell.arrive(loading);
    assert!(matches!(failure(&mut shell), SessionError::Lost { attempts: 1, .. }));

    let backoff = Backoff::default().give_up_after(2);
    let mut shell = Shell::connected(options! { retry_first: true, backoff });
    for _ in 0..2 {
        shell.arrive(loading);
        let seen = shell.events();
        assert!(matches!(&seen[0], Seen::Other(text) if text.contains("LOADING")), "{seen:?}");
        assert!(matches!(seen[1], Seen::Reconnect(50..=200)), "{seen:?}");
        shell.connect();
    }
    shell.arrive(loading);
    assert!(matches!(failure(&mut shell), SessionError::Lost { attempts: 3, .. }));
}

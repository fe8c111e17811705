//! Links that end: which events are void, where the next link resumes, and when there is no next one.

use redtail::replication::{Closed, Recovery};
use redtail::{Backoff, DisconnectReason, Gap, Limits, OnGap, Options, Position, SessionError, Start};
use std::time::Duration;

use crate::shell::{Seen, Shell, command};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
/// The offset at which the streams below begin.
const BASE: u64 = 1000;

fn at(offset: u64) -> Start {
    Start::At(format!("{ID}:{offset}:0").parse().unwrap())
}

/// Answers whatever is asked until PSYNC; gives the offset it asks for.
fn handshake(shell: &mut Shell) -> u64 {
    loop {
        let sent = shell.sent();
        match sent.first().map(String::as_str) {
            Some("INFO") => shell.arrive(b"$0\r\n\r\n"),
            Some(psync) if psync.starts_with("PSYNC") => {
                return psync.rsplit(' ').next().unwrap().parse().unwrap_or(u64::MAX);
            }
            Some(_) => shell.arrive(b"+OK\r\n"),
            None => panic!("nothing was sent: {:?}", shell.seen),
        }
    }
}

fn attached(options: Options) -> Shell {
    let mut shell = Shell::connected(options! { start: at(BASE), ..options });
    assert_eq!(handshake(&mut shell), BASE + 1);
    shell.arrive(b"+CONTINUE\r\n");
    shell.events();
    shell
}

fn resume_of(seen: &Seen) -> u64 {
    let Seen::Other(text) = seen else { panic!("{seen:?}") };
    assert!(text.starts_with("Disconnected("), "{text}");
    let offset = text.split("offset: ").nth(1).unwrap_or_else(|| panic!("no resume: {text}"));
    offset.split(',').next().unwrap().parse().unwrap()
}

/// A stream with everything that matters for resuming: single commands, control commands, a transaction that changes
/// the database, a value that arrives in parts.
fn stream() -> Vec<Vec<u8>> {
    let value = "v".repeat(3000);
    [
        &["SELECT", "0"][..],
        &["SET", "a", "1"],
        &["ping"],
        &["MULTI"],
        &["SET", "b", "2"],
        &["SELECT", "3"],
        &["SET", "c", "3"],
        &["EXEC"],
        &["SET", "big", &value],
        &["REPLCONF", "GETACK", "*"],
        &["DEL", "a"],
    ]
    .map(command)
    .to_vec()
}

/// The commands that count: those after the last resume position, before a link was lost, are void.
fn settle(link: &[Seen], resume: Option<u64>) -> Vec<String> {
    let mut commands = Vec::new();
    let mut parts: Option<Vec<String>> = None;
    for seen in link {
        match seen {
            Seen::Command { kind, offset, db, args, .. } if resume.is_none_or(|resume| *offset <= resume) => {
                let words: Vec<_> = args.iter().map(|a| String::from_utf8_lossy(a).into_owned()).collect();
                commands.push(format!("{kind} {offset} {db:?} {}", words.join(" ")));
            }
            Seen::Begin { .. } => parts = Some(Vec::new()),
            Seen::Argument { length, bytes, .. } => {
                let parts = parts.as_mut().expect("begun");
                parts.push(String::from_utf8_lossy(bytes).into_owned());
                assert!(resume.is_some() || bytes.len() as u64 == *length);
            }
            Seen::End { offset, .. } if resume.is_none_or(|resume| offset.unwrap() <= resume) => {
                commands.push(format!("parts {} {}", offset.unwrap(), parts.take().unwrap().join(" ")));
            }
            _ => {}
        }
    }
    commands
}

#[test]
fn a_cut_at_any_byte_loses_and_repeats_nothing() {
    let options = options! { control: true, parts: Some(1024) };
    let commands = stream();
    let bytes = commands.concat();
    let mut shell = attached(options);
    shell.arrive(&bytes);
    let whole = settle(&shell.events(), None);
    assert_eq!(whole.len(), commands.len());
    for cut in 0..bytes.len() {
        let mut shell = attached(options);
        shell.arrive(&bytes[..cut]);
        let mut before = shell.events();
        shell.close(Closed::ByPeer);
        let after = shell.events();
        let resume = resume_of(&after[0]);
        assert!(matches!(after[1], Seen::Reconnect(_)));
        before.extend(after);
        shell.connect();
        let asked = handshake(&mut shell);
        assert_eq!(asked, resume + 1, "cut at {cut}");
        shell.arrive(b"+CONTINUE\r\n");
        shell.arrive(&bytes[usize::try_from(resume - BASE).unwrap()..]);
        let mut all = settle(&before, Some(resume));
        all.extend(settle(&shell.events(), None));
        assert_eq!(all, whole, "cut at {cut}");
    }
}

#[test]
fn the_resume_position_is_before_a_transaction_or_partial_value() {
    let sizes: Vec<u64> = stream().iter().map(|command| command.len() as u64).collect();
    let until = |count: usize| BASE + sizes[..count].iter().sum::<u64>();
    for (whole_commands, resume) in [(2, 2), (3, 3), (4, 3), (5, 3), (7, 3), (8, 8), (9, 9)] {
        let mut shell = attached(options! { parts: Some(1024) });
        let bytes = stream().concat();
        shell.arrive(&bytes[..usize::try_from(until(whole_commands) - BASE).unwrap() + 5]);
        assert_eq!(shell.session.position().unwrap().offset, until(resume), "after {whole_commands} commands");
    }
}

#[test]
fn newlines_before_a_command_leave_the_resume_position_as_it_is() {
    let value = format!("*2\r\n$3\r\nGET\r\n$2000\r\n{}", "v".repeat(100)).into_bytes();
    for (command, parts) in [(command(&["MULTI"]), None), (value, Some(1024))] {
        for pieces in
            [vec![b"\n".to_vec(), b"*0\r\n".to_vec(), command.clone()], vec![[b"\n*0\r\n", &command[..]].concat()]]
        {
            let mut shell = attached(options! { parts });
            pieces.iter().for_each(|piece| shell.arrive(piece));
            shell.close(Closed::ByPeer);
            let seen = shell.events();
            assert_eq!(resume_of(&seen[seen.len() - 2]), BASE + 5, "{} pieces", pieces.len());
        }
    }
}

#[test]
fn attempts_wait_longer_and_longer_until_the_stream_goes_on() {
    let mut shell = attached(Options::default());
    let mut waits = Vec::new();
    for _ in 0..12 {
        shell.close(Closed::Failed("refused"));
        match shell.events()[..] {
            [Seen::Other(_), Seen::Reconnect(ms)] => waits.push(ms),
            ref other => panic!("{other:?}"),
        }
        shell.pass(1);
    }
    for (attempt, wait) in waits.iter().enumerate() {
        let full = (100_u64 << attempt).min(10_000);
        assert!((full / 2..=full).contains(wait), "attempt {attempt}: {wait} ms");
    }
    // Attaching alone is no success: a primary may accept us and close at once, for ever.
    shell.connect();
    handshake(&mut shell);
    shell.arrive(b"+CONTINUE\r\n");
    shell.close(Closed::ByPeer);
    assert!(matches!(shell.events()[2], Seen::Reconnect(5000..)));
    shell.connect();
    handshake(&mut shell);
    shell.arrive(b"+CONTINUE\r\n*1\r\n$4\r\nping\r\n");
    shell.close(Closed::ByPeer);
    assert!(matches!(shell.events()[2], Seen::Reconnect(50..=100)));
}

#[test]
fn attempts_end() {
    let mut shell = attached(options! { backoff: Backoff::default().give_up_after(3) });
    for attempt in 1..=4 {
        shell.close(Closed::Failed("connection refused"));
        let seen = shell.events();
        match seen[1] {
            Seen::Reconnect(_) => assert!(attempt <= 3),
            Seen::Failed(error @ SessionError::Lost { attempts: 4, .. }) => {
                assert_eq!(error.to_string(), "can't connect: connection refused (4 attempts failed)");
                assert_eq!(attempt, 4);
            }
            ref other => panic!("{other:?}"),
        }
    }
}

#[test]
fn without_reconnection_a_close_is_an_end_and_an_error_an_error() {
    let mut shell = attached(options! { backoff: Backoff::OFF });
    shell.close(Closed::ByPeer);
    let seen = shell.events();
    assert_eq!(resume_of(&seen[0]), BASE);
    assert_eq!(seen[1], Seen::Ended);

    let mut shell = attached(options! { single_link: true });
    shell.close(Closed::Failed("connection reset"));
    let seen = shell.events();
    assert_eq!(resume_of(&seen[0]), BASE);
    assert!(matches!(seen[1], Seen::Failed(SessionError::Lost { reason: DisconnectReason::Io(_), .. })));
}

#[test]
fn silence_ends_a_link_only_when_reading_was_tried() {
    let mut shell = attached(options! { silence: Some(Duration::from_secs(5)) });
    shell.arrive(&command(&["ping"]));
    // The caller was busy for an hour: no reason to think that the primary was silent.
    shell.pass(3_600_000);
    shell.arrive(&command(&["ping"]));
    assert_eq!(shell.events(), []);
    shell.pass(4999);
    shell.session.silent(shell.now_ms);
    shell.pass(0);
    assert_eq!(shell.events(), []);
    shell.pass(1);
    shell.session.silent(shell.now_ms);
    shell.pass(0);
    let seen = shell.events();
    assert!(matches!(&seen[0], Seen::Other(text) if text.contains("Silence(5s)")), "{seen:?}");
    assert!(matches!(seen[1], Seen::Reconnect(_)));
}

#[test]
fn a_snapshot_that_breaks_off_is_not_asked_for_again() {
    let mut shell = Shell::connected(options! { start: Start::Snapshot });
    handshake(&mut shell);
    shell.arrive(format!("+FULLRESYNC {ID} 7\r\n$1000\r\nREDIS0010").as_bytes());
    shell.close(Closed::ByPeer);
    let Some(Seen::Failed(error)) = shell.events().pop() else { panic!() };
    assert!(matches!(error, SessionError::SnapshotBroken { received: 9, reason: DisconnectReason::Closed, .. }));
    // Nor one that never began: Valkey 9.1 closes so, for ever, where it can't write the requested version.
    let mut shell = Shell::connected(options! { start: Start::Snapshot });
    handshake(&mut shell);
    shell.arrive(format!("+FULLRESYNC {ID} 7\r\n").as_bytes());
    shell.close(Closed::ByPeer);
    assert!(matches!(shell.events().pop(), Some(Seen::Failed(SessionError::SnapshotBroken { received: 0, .. }))));
}

/// A Valkey that is newer than the format that it was asked for, and holds data that this format can't hold. It forks
/// and closes the connection, each time.
#[test]
fn a_primary_that_cannot_write_an_older_format_is_understood() {
    let asks = |shell: &mut Shell, info: &str| {
        let mut version = None;
        loop {
            let sent = shell.sent();
            match sent.first().map(String::as_str) {
                Some("INFO") => shell.arrive(format!("${}\r\n{info}\r\n", info.len()).as_bytes()),
                Some(asked) if asked.starts_with("PSYNC") => return version,
                Some(asked) => {
                    version = version.or(asked.strip_prefix("REPLCONF version ").map(str::to_owned));
                    shell.arrive(b"+OK\r\n");
                }
                None => panic!("nothing was sent: {:?}", shell.seen),
            }
        }
    };
    let closes = |shell: &mut Shell| {
        shell.arrive(format!("+FULLRESYNC {ID} 7\r\n").as_bytes());
        shell.close(Closed::ByPeer);
        shell.events().pop()
    };
    let (known, newer) =
        ("valkey_version:9.2.7\r\nredis_version:7.2.4", "valkey_version:9.99.1\r\nredis_version:7.2.4");
    for (info, named) in [(newer, true), (known, false), ("redis_version:99.1.1", false)] {
        let mut shell = Shell::connected(options! { start: Start::Snapshot });
        asks(&mut shell, info);
        let Some(Seen::Failed(error)) = closes(&mut shell) else { panic!("{:?}", shell.seen) };
        let message = "valkey 9.99.1 was asked for the snapshot format of an earlier release";
        assert_eq!(error.to_string().contains(message), named, "{error}");
        assert_eq!(error.to_string().contains("\"Can't store key\""), named, "{error}");
    }
    // It is asked for its own format after two attempts, and for the known one once a snapshot was complete.
    let mut shell =
        Shell::connected(options! { start: Start::Snapshot, retry_snapshot: true, on_gap: OnGap::Snapshot });
    let mut asked = Vec::new();
    for _ in 0..3 {
        asked.extend(asks(&mut shell, newer));
        assert!(matches!(closes(&mut shell), Some(Seen::Reconnect(_))));
        shell.connect();
    }
    assert_eq!(asked, ["9.2.0", "9.2.0", "9.99.1"]);
    assert_eq!(asks(&mut shell, newer).as_deref(), Some("9.99.1"));
    shell.arrive(format!("+FULLRESYNC {ID} 7\r\n$10\r\nREDIS0001").as_bytes());
    shell.arrive(b"\xff");
    shell.close(Closed::ByPeer);
    assert!(matches!(shell.events().pop(), Some(Seen::Reconnect(_))));
    shell.connect();
    assert_eq!(asks(&mut shell, newer).as_deref(), Some("9.2.0"));
}

#[test]
fn a_snapshot_is_asked_for_again_where_that_was_chosen() {
    let mut shell = Shell::connected(options! { start: Start::Snapshot, retry_snapshot: true });
    handshake(&mut shell);
    shell.arrive(format!("+FULLRESYNC {ID} 7\r\n$1000\r\nREDIS0010").as_bytes());
    shell.close(Closed::ByPeer);
    assert!(matches!(shell.events().pop(), Some(Seen::Reconnect(_))));
    shell.connect();
    assert_eq!(handshake(&mut shell), u64::MAX, "PSYNC ? -1");
    shell.arrive(&[format!("+FULLRESYNC {ID} 9\r\n").as_bytes(), b"$10\r\nREDIS0001\xff*1\r\n$4\r\nping\r\n"].concat());
    let seen = shell.events();
    assert!(seen.iter().any(|seen| matches!(seen, Seen::Other(text) if text.starts_with("SnapshotBegin"))), "{seen:?}");
    assert_eq!(shell.session.position().unwrap().offset, 23);
}

#[test]
fn a_stream_from_sync_cannot_be_resumed() {
    let mut shell = Shell::connected(options! { start: Start::Sync });
    loop {
        match shell.sent().first().map(String::as_str) {
            Some("SYNC") => break,
            Some("INFO") => shell.arrive(b"$0\r\n\r\n"),
            _ => shell.arrive(b"+OK\r\n"),
        }
    }
    shell.arrive(b"$10\r\nREDIS0001\xff*1\r\n$4\r\nping\r\n");
    shell.close(Closed::ByPeer);
    assert!(matches!(shell.events().pop(), Some(Seen::Failed(SessionError::NotResumable(DisconnectReason::Closed)))));
}

#[test]
fn a_failed_fork_is_not_asked_for_again_soon() {
    let mut shell = Shell::connected(options! { retry_first: true });
    handshake(&mut shell);
    shell.arrive(b"-ERR BGSAVE failed, replication can't continue\r\n");
    assert_eq!(shell.events().pop(), Some(Seen::Reconnect(10_000)));
}

#[test]
fn words_that_nobody_knows_are_heard_three_times() {
    let mut shell = attached(Options::default());
    // A server that restarts refuses connections first: that does not predict its later replies.
    for _ in 0..5 {
        shell.close(Closed::Failed("connection refused"));
    }
    for attempt in 1.. {
        shell.connect();
        handshake(&mut shell);
        shell.arrive(b"-ERR nobody has ever said this\r\n");
        match shell.events().pop() {
            Some(Seen::Reconnect(_)) => assert!(attempt < 3, "for ever"),
            Some(Seen::Failed(error @ SessionError::Refused { .. })) => {
                assert!(error.to_string().contains("nobody has ever said this"));
                assert_eq!(attempt, 3);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_error_in_mid_stream_leaves_the_last_place_reached() {
    let mut shell = attached(Options::default());
    shell.arrive(&[command(&["SET", "a", "1"]), command(&["MULTI"]), b"garbage".to_vec()].concat());
    assert!(matches!(shell.events().pop(), Some(Seen::Failed(SessionError::Protocol { .. }))));
    let resume = BASE + command(&["SET", "a", "1"]).len() as u64;
    assert_eq!(shell.session.position().unwrap().offset, resume, "not where the link began");
}

#[test]
fn a_position_refused_repeatedly_is_requested_ever_less_often() {
    let backoff = Backoff::default().give_up_after(6);
    let options = options! { start: at(BASE), on_gap: OnGap::Continue, backoff, retry_first: true };
    let mut shell = Shell::connected(options);
    let mut waits = Vec::new();
    let error = loop {
        assert!(waits.len() < 20, "each of these forks the primary: {waits:?}");
        without_filter(&mut shell);
        // Its backlog does not reach from one link to the next.
        shell.arrive(format!("+FULLRESYNC {ID} {}\r\n", 2000 + 1000 * waits.len()).as_bytes());
        match shell.events().pop() {
            Some(Seen::Reconnect(ms)) => waits.push(ms),
            Some(Seen::Failed(error)) => break error,
            other => panic!("{other:?}"),
        }
        shell.connect();
    };
    assert!(matches!(error, SessionError::Lost { reason: DisconnectReason::Refused(_), attempts: 7, .. }), "{error:?}");
    assert_eq!((waits.len(), waits[0]), (7, 0), "{waits:?}");
    assert!(waits[6] >= 1600, "{waits:?}");
    assert_eq!(shell.session.position().unwrap().offset, 9000);
}

/// As a server before 7.0 does; up to PSYNC.
fn without_filter(shell: &mut Shell) {
    loop {
        match shell.sent().first().map(String::as_str) {
            Some("INFO") => shell.arrive(b"$0\r\n\r\n"),
            Some(filter) if filter.contains("rdb-filter-only") => {
                shell.arrive(b"-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n");
            }
            Some(psync) if psync.starts_with("PSYNC") => return,
            Some(_) => shell.arrive(b"+OK\r\n"),
            None => panic!("nothing was sent: {:?}", shell.seen),
        }
    }
}

/// Answers with OK, and with this to INFO, until PSYNC is asked.
fn to_psync(shell: &mut Shell, info: &str) {
    while let Some(sent) = shell.sent().first() {
        match sent.as_str() {
            "INFO" => shell.arrive(info.as_bytes()),
            psync if psync.starts_with("PSYNC") => break,
            _ => shell.arrive(b"+OK\r\n"),
        }
    }
}

#[test]
fn without_fork_a_dead_place_is_none_to_resume_from() {
    let options = options! { start: Start::NowWithoutFork, on_gap: OnGap::Continue };
    let mut shell = Shell::connected(options);
    let info = |backlog: u8, offset: u64| {
        let text = format!(
            "master_replid:{ID}\r\nmaster_repl_offset:{offset}\r\nrepl_backlog_active:{backlog}\r\nrepl_backlog_first_byte_offset:1\r\n"
        );
        format!("${}\r\n{text}\r\n", text.len())
    };
    to_psync(&mut shell, &info(1, 50));
    shell.arrive(b"+CONTINUE\r\n");
    shell.close(Closed::ByPeer);
    shell.connect();
    // The primary has freed its backlog: the id it shows dies with the next replica.
    to_psync(&mut shell, &info(0, 70));
    let seen = shell.events();
    assert!(seen.iter().any(|seen| matches!(seen, Seen::Other(text) if text.starts_with("Gap("))), "{seen:?}");
    assert!(matches!(seen.last(), Some(Seen::Failed(SessionError::NoBacklog))), "{seen:?}");
    assert_eq!(shell.session.position().unwrap().offset, 50);
}

#[test]
fn without_fork_a_replica_that_is_not_in_step_is_no_gap() {
    let mut shell = Shell::connected(options! { start: Start::NowWithoutFork });
    let info = |backlog: u8, link: &str| {
        let text = format!(
            "role:slave\r\nmaster_link_status:{link}\r\nmaster_replid:{ID}\r\nmaster_repl_offset:50\r\n\
             repl_backlog_active:{backlog}\r\nrepl_backlog_first_byte_offset:1\r\n"
        );
        format!("${}\r\n{text}\r\n", text.len())
    };
    to_psync(&mut shell, &info(1, "up"));
    shell.arrive(b"+CONTINUE\r\n");
    shell.close(Closed::ByPeer);
    shell.connect();
    to_psync(&mut shell, &info(0, "down"));
    assert!(matches!(shell.events().last(), Some(Seen::Reconnect(_))));
    shell.connect();
    to_psync(&mut shell, &info(1, "up"));
    shell.arrive(b"+CONTINUE\r\n");
    assert_eq!(shell.session.position().unwrap().offset, 50);
    let seen = shell.events();
    assert!(!seen.iter().any(|seen| matches!(seen, Seen::Other(text) if text.starts_with("Gap("))), "{seen:?}");
}

/// What has happened, what is lost, and what helps.
#[test]
fn a_gap_between_two_histories_is_explained() {
    let position = |id: &str, offset: u64| format!("{id}:{offset}:0").parse::<Position>().unwrap();
    let (from, to) = (position(ID, 1000), position(NEW_ID, 7));
    let message = Gap::between(from, to).to_string();
    let parts = [
        format!("the server has another history, which does not contain {from}. "),
        "restarted without its data".into(),
        "Writes after that position are lost, and the last ones before it may be undone. ".into(),
        format!("The stream continues at {to}; only a snapshot has all data of the server"),
    ];
    assert!(parts.iter().all(|part| message.contains(part)), "{message}");
}

#[test]
fn a_server_that_lags_behind_is_not_called_another_history() {
    let mut shell = attached(Options::default());
    shell.close(Closed::ByPeer);
    shell.connect();
    handshake(&mut shell);
    // A replica of the same primary that has not reached our offset.
    shell.arrive(format!("+FULLRESYNC {ID} 900\r\n").as_bytes());
    let Some(Seen::Failed(SessionError::HistoryLost(gap))) = shell.events().pop() else { panic!() };
    assert_eq!((gap.to.offset, gap.missed), (900, Some(0)));
    let words = gap.to_string();
    assert!(words.contains("100 bytes behind") && !words.contains("another history"), "{words}");
}

/// INFO of a primary whose own history begins after `parts`, and which was replica of the history `ID` before.
fn promoted(role: &str, parts: u64) -> String {
    let text = format!(
        "role:{role}\r\nmaster_replid:{NEW_ID}\r\nmaster_replid2:{ID}\r\nmaster_repl_offset:2000\r\n\
         second_repl_offset:{}\r\nrepl_backlog_active:1\r\nrepl_backlog_first_byte_offset:900\r\n",
        parts + 1
    );
    format!("${}\r\n{text}\r\n", text.len())
}

const NEW_ID: &str = "36c5b256fc563b711ac7b6ff2e615bab7d161378";

/// Bytes that an old primary sends last.
fn harmless() -> Vec<u8> {
    [&["PING"][..], &["SELECT", "0"], &["PUBLISH", "__sentinel__:hello", "x"], &["REPLCONF", "GETACK", "*"]]
        .iter()
        .flat_map(|words| command(words))
        .collect()
}

/// The positions, written as text: equal positions may differ in the last data.
fn text(position: Option<redtail::Position>) -> String {
    position.map_or_else(String::new, |position| position.to_string())
}

#[test]
fn a_promotion_behind_harmless_bytes_continues_exactly() {
    for parts in [0, 14, 37] {
        let mut shell = attached(options! { ack: redtail::Ack::Received });
        shell.arrive(&command(&["SET", "a", "1"]));
        let data = BASE + command(&["SET", "a", "1"]).len() as u64;
        shell.arrive(&harmless());
        let reached = data + harmless().len() as u64;
        assert_eq!(text(shell.session.position()), format!("{ID}:{reached}:0:{data}"));
        shell.events();
        shell.close(Closed::ByPeer);
        shell.connect();
        to_psync_sends(&mut shell, &promoted("master", data + parts), &format!("PSYNC {ID} {}", data + parts + 1));
        shell.arrive(format!("+CONTINUE {NEW_ID}\r\n").as_bytes());
        let seen = shell.events();
        let Some(Seen::Other(told)) = seen.last() else { panic!("{seen:?}") };
        assert!(told.starts_with("Attached(Attached { method: Rewound, "), "{told}");
        assert!(told.contains(&format!("offset: {}, db: None", data + parts)), "{told}");
        assert!(told.contains(&format!("rewound_from: Some(Position {{ replid: {ID}, offset: {reached}")), "{told}");
        // Nothing after the parting counts, and the same offsets name other commands.
        assert_eq!(shell.sent().last(), Some(&format!("REPLCONF ACK {}", data + parts)));
        assert_eq!(text(shell.session.position()), format!("{NEW_ID}:{}:?", data + parts));
        let own: Vec<u8> = [&["SELECT", "3"][..], &["SET", "b", "2"]].iter().flat_map(|words| command(words)).collect();
        shell.arrive(&own);
        let end = data + parts + own.len() as u64;
        let seen = shell.events();
        let Some(Seen::Command { kind: "command", offset, db: Some(3), position, .. }) = seen.last() else {
            panic!("{seen:?}")
        };
        assert_eq!((*offset, text(*position)), (end, format!("{NEW_ID}:{end}:3")));
    }
}

/// Answers as [`to_psync`]; the last question is this.
fn to_psync_sends(shell: &mut Shell, info: &str, psync: &str) {
    loop {
        match shell.sent().first().map(String::as_str) {
            Some("INFO") => shell.arrive(info.as_bytes()),
            Some(sent) if sent.starts_with("PSYNC") => return assert_eq!(sent, psync),
            Some(_) => shell.arrive(b"+OK\r\n"),
            None => panic!("nothing was sent: {:?}", shell.seen),
        }
    }
}

#[test]
fn a_saved_position_behind_harmless_bytes_continues_exactly() {
    for (start, role, asked) in [
        (format!("{ID}:1100:0:1050"), "master", 1081),
        (format!("{ID}:1100:0:{NEW_ID}:1080"), "master", 1081),
        // Data is missing, or may be.
        (format!("{ID}:1100:0:1081"), "master", 1101),
        (format!("{ID}:1100:0"), "master", 1101),
        // Nothing is missing.
        (format!("{ID}:1080:0:1050"), "master", 1081),
        // A replica does not repeat SELECT.
        (format!("{ID}:1100:0:1050"), "slave", 1101),
    ] {
        let mut shell = Shell::connected(options! { start: Start::At(start.parse().unwrap()) });
        to_psync_sends(&mut shell, &promoted(role, 1080), &format!("PSYNC {ID} {asked}"));
        if asked == 1101 {
            shell.arrive(format!("+FULLRESYNC {NEW_ID} 2000\r\n").as_bytes());
            let seen = shell.events();
            assert!(matches!(seen.last(), Some(Seen::Failed(SessionError::HistoryLost(_)))), "{start}: {seen:?}");
        }
    }
}

#[test]
fn the_last_data_is_known_after_every_command() {
    let rows: &[(&[&[&str]], bool)] = &[
        (&[&["PING"]], true),
        (&[&["publish", "c", "m"], &["SPUBLISH", "c", "m"]], true),
        (&[&["SELECT", "5"], &["REPLCONF", "GETACK", "*"]], true),
        (&[&["MULTI"], &["EXEC"]], true),
        (&[&["PING"], &["MULTI"], &["PUBLISH", "c", "m"], &["SELECT", "1"], &["EXEC"], &["PING"]], true),
        (&[&["MULTI"], &["PUBLISH", "c", "m"], &["SET", "a", "1"], &["EXEC"]], false),
        (&[&["MULTI"], &["SET", "a", "1"], &["PUBLISH", "c", "m"], &["EXEC"]], false),
        (&[&["PING"], &["SET", "a", "1"]], false),
        (&[&["FUNCTION", "FLUSH"]], false),
        (&[&["RREPLAY", "8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55", "*1\r\n$4\r\nPING\r\n"]], false),
    ];
    let set = command(&["SET", "a", "1"]);
    for (commands, is_harmless) in rows {
        let bytes: Vec<u8> = commands.iter().flat_map(|words| command(words)).collect();
        for cut in 0..=bytes.len() {
            let mut shell = attached(Options::default());
            shell.arrive(&set);
            shell.arrive(&bytes[..cut]);
            shell.arrive(&bytes[cut..]);
            let before = BASE + set.len() as u64;
            let end = before + bytes.len() as u64;
            let position = shell.session.position().unwrap();
            let data = if *is_harmless { before } else { end };
            assert_eq!((position.offset, position.data_offset), (end, data), "{commands:?}");
            shell.arrive(&command(&["PING"]));
            assert_eq!(shell.session.position().unwrap().data_offset, data, "{commands:?}");
        }
    }
}

#[test]
fn there_is_always_a_pause() {
    for backoff in [
        Backoff::new(Duration::ZERO, Duration::ZERO),
        Backoff::new(Duration::ZERO, Backoff::default().longest),
        Backoff::new(Duration::from_millis(1), Duration::from_millis(1)),
    ] {
        assert!(
            (0..100).all(|random| backoff.delay(random, u64::from(random)).unwrap() > Duration::ZERO),
            "{backoff:?}"
        );
    }
    let backoff = Backoff::new(Duration::ZERO, Backoff::default().longest);
    assert!(backoff.delay(30, 0).unwrap() >= Duration::from_secs(5), "and it grows");
}

#[test]
fn commands_that_steer_the_stream_come_whole_whatever_the_limit() {
    let mut limits = Limits::default();
    limits.command = 16;
    let mut shell = attached(options! { limits, parts: Some(1024) });
    shell.arrive(&[command(&["SELECT", "7"]), command(&["MULTI"]), command(&["INCR", "n"])].concat());
    assert_eq!(shell.session.position().unwrap().offset, BASE + 23);
    assert_eq!(shell.session.position().unwrap().db, Some(7));
    shell.arrive(&command(&["EXEC"]));
    assert_eq!(shell.session.position().unwrap().offset, BASE + 23 + 15 + 21 + 14);
}

/// The server's messages that a person can answer only, and the page of a proxy.
const REFUSALS: [&[u8]; 5] = [
    b"-NOAUTH Authentication required.\r\n",
    b"-ERR invalid password\r\n",
    b"-DENIED Redis is running in protected mode\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b":1\r\n",
];

#[test]
fn a_refusal_is_survived_where_that_was_chosen() {
    let pause = Duration::from_secs(30);
    for refusal in REFUSALS {
        let mut shell = attached(options! { retry_refused: Some(pause) });
        shell.arrive(&command(&["SET", "a", "1"]));
        let resume = BASE + command(&["SET", "a", "1"]).len() as u64;
        shell.close(Closed::ByPeer);
        for _ in 0..5 {
            shell.connect();
            shell.arrive(refusal);
            let seen = shell.events();
            let [.., Seen::Other(lost), Seen::Reconnect(30_000)] = &seen[..] else { panic!("{seen:?}") };
            assert!(lost.contains("NeedsFix("), "{lost}");
            let line = String::from_utf8_lossy(refusal);
            let told = line.trim_end().strip_prefix('-');
            assert!(told.is_none_or(|told| lost.contains(told)), "{lost}");
            assert_eq!(resume_of(&seen[seen.len() - 2]), resume);
        }
        // A person has fixed it.
        shell.connect();
        assert_eq!(handshake(&mut shell), resume + 1);
        shell.arrive(&[b"+CONTINUE\r\n", &command(&["SET", "b", "2"])[..]].concat());
        assert!(matches!(shell.events().pop(), Some(Seen::Command { .. })));
    }
}

#[test]
fn a_refusal_ends_the_session_where_nothing_was_chosen() {
    let pause = Some(Duration::from_secs(30));
    let ends = |shell: &mut Shell, refusal: &[u8]| {
        shell.arrive(refusal);
        let Some(Seen::Failed(error)) = shell.events().pop() else { panic!("{:?}", shell.seen) };
        assert_eq!(error.recovery(), Recovery::Fix, "{error}");
    };
    for refusal in REFUSALS {
        let mut shell = attached(Options::default());
        shell.close(Closed::ByPeer);
        shell.connect();
        ends(&mut shell, refusal);
        shell = Shell::connected(options! { retry_refused: pause });
        ends(&mut shell, refusal);
        shell = Shell::connected(options! { retry_refused: pause, retry_first: true, single_link: true });
        ends(&mut shell, refusal);
    }
}

#[test]
fn a_refusal_counts_as_a_failed_attempt() {
    let backoff = Backoff::default().give_up_after(2);
    let mut shell = attached(options! { retry_refused: Some(Duration::from_secs(5)), backoff });
    shell.close(Closed::ByPeer);
    shell.connect();
    shell.arrive(REFUSALS[0]);
    assert_eq!(shell.events().pop(), Some(Seen::Reconnect(5000)));
    shell.connect();
    shell.arrive(REFUSALS[0]);
    let Some(Seen::Failed(error)) = shell.events().pop() else { panic!("{:?}", shell.seen) };
    assert!(error.to_string().contains("NOAUTH Authentication required."), "{error}");
    assert!(error.to_string().contains("(3 attempts failed)"), "{error}");
}

#[test]
fn a_snapshot_that_breaks_off_on_the_only_link_is_an_error() {
    let mut shell = Shell::connected(options! { start: Start::Snapshot, retry_snapshot: true, single_link: true });
    handshake(&mut shell);
    shell.arrive(format!("+FULLRESYNC {ID} 7\r\n$1000\r\nREDIS0010").as_bytes());
    shell.close(Closed::ByPeer);
    let Some(Seen::Failed(error)) = shell.events().pop() else { panic!("{:?}", shell.seen) };
    assert!(matches!(error, SessionError::SnapshotBroken { received: 9, .. }), "{error}");
}

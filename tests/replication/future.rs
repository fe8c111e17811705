//! A server of the future: what it says beside what is known changes nothing.

use redtail::{OnGap, Start};

use crate::shell::{Seen, Shell, command};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const MARK: &str = "398c1a683d14df9f2e290fd53a6174729509e866";

const INFO: &str = "redis_version:7.0.15\r\nrole:master\r\nused_memory:1000\r\nlatest_fork_usec:250\r\n\
                    master_replid:26e9aa58837d8095338f33e660463dbdf56c86c9\r\nmaster_repl_offset:1000\r\n\
                    repl_backlog_active:1\r\nrepl_backlog_first_byte_offset:1\r\n";

/// Lines of INFO that no server has: names that begin as known ones, values with colons, no colon, no name, no text.
const UNKNOWN_LINES: [&[u8]; 9] = [
    b"# Future\r\n",
    b"redis_version_next:9\r\n",
    b"role2:conductor\r\n",
    b"master_repl_offset2:7\r\n",
    b"peers:a=1:b=2::\r\n",
    b"no colon at all\r\n",
    b":no name\r\n",
    b"\xff\xfe:\x00\r\n",
    b"\n\r\n:\n",
];

/// Connects, and returns all that was sent and seen until the stream has three commands.
fn life(start: Start, info: &[u8], aux: &[u8], psync: &[u8]) -> (Vec<String>, Vec<Seen>) {
    let mut shell = Shell::connected(options! { start, on_gap: OnGap::Continue });
    let mut all_sent = Vec::new();
    loop {
        let sent = shell.sent();
        let asked = sent.first().cloned().unwrap_or_else(|| panic!("nothing was sent: {:?}", shell.seen));
        all_sent.extend(sent);
        match asked.as_str() {
            "INFO" => shell.arrive(&[format!("${}\r\n", info.len()).as_bytes(), info, b"\r\n"].concat()),
            asked if asked.starts_with("PSYNC") => break,
            _ => shell.arrive(b"+OK\r\n"),
        }
    }
    shell.arrive(psync);
    if psync.starts_with(b"+FULLRESYNC") {
        let head = format!("$EOF:{MARK}\r\n");
        let snapshot: &[u8] = b"\xfa\x09redis-ver\x067.0.15\xfa\x0erepl-stream-db\xc0\x06\xff\0\0\0\0\0\0\0\0";
        shell.arrive(&[head.as_bytes(), b"REDIS0010", aux, snapshot, MARK.as_bytes()].concat());
    }
    shell.arrive(&command(&["SELECT", "3"]));
    (all_sent, shell.events())
}

#[test]
fn what_a_future_server_adds_changes_nothing() {
    let info = |lines: &[&[u8]]| [&lines.concat()[..], INFO.as_bytes(), &lines.concat()].concat();
    let full = format!("+FULLRESYNC {ID} 1000\r\n").into_bytes();
    let continued = b"+CONTINUE\r\n".to_vec();
    // `future`: a text, a number, an LZF string, an empty name.
    let aux = b"\xfa\x06future\x07unknown\xfa\x07future2\xc1\x39\x30\xfa\x00\x00\xfa\x0arepl-offst\xc0\x01";
    for (start, answer) in [
        (Start::Now, &full),
        (Start::NowWithoutFork, &continued),
        (Start::At(format!("{ID}:900:3").parse().unwrap()), &continued),
        (Start::Snapshot, &full),
    ] {
        let known = life(start, &info(&[]), b"", answer);
        assert!(known.1.iter().all(|seen| !matches!(seen, Seen::Failed(_))), "{:?}", known.1);
        assert_eq!(life(start, &info(&UNKNOWN_LINES), b"", answer), known, "{start:?}");
        for line in UNKNOWN_LINES {
            assert_eq!(life(start, &info(&[line]), b"", answer), known, "{start:?} {}", line.escape_ascii());
        }
        // The bytes of a delivered snapshot are those of the server.
        if start != Start::Snapshot {
            assert_eq!(life(start, &info(&[]), aux, answer), known, "{start:?}");
        }
    }
}

/// Commands that nobody knows are delivered, and those with known names and unknown arguments too.
#[test]
fn unknown_commands_of_a_stream_are_delivered_as_they_are() {
    let commands: [(&str, &[&str]); 6] = [
        ("command", &["FUTURE.SET", "a", "1"]),
        ("command", &["CLUSTER", "SYNCSLOTS", "FUTURE", "x"]),
        ("command", &["CLUSTER", "SYNCSLOTS", "CONF", "FUTURE-TASK", "a:b:c"]),
        ("control", &["REPLCONF", "FUTURE", "1"]),
        ("control", &["REPLCONF", "GETACK", "*", "now"]),
        ("command", &["SELECT2", "7"]),
    ];
    let start = Start::At(format!("{ID}:1000:3").parse().unwrap());
    let mut shell = Shell::connected(options! { start, control: true });
    while !shell.sent().first().is_some_and(|asked| asked.starts_with("PSYNC")) {
        shell.arrive(b"+OK\r\n");
    }
    shell.arrive(b"+CONTINUE\r\n");
    shell.events();
    let mut offset = 1000;
    for (kind, words) in commands {
        shell.arrive(&command(words));
        offset += command(words).len() as u64;
        let args = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let position = shell.session.position();
        assert_eq!(position.map(|position| position.offset), Some(offset), "{words:?}");
        assert_eq!(shell.events(), [Seen::Command { kind, offset, db: Some(3), tx: None, args, position }]);
    }
}

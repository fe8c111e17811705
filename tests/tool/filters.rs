//! `--db`, `--command`, `--key` and `--keys`.

use redtail::replay::{Cut, Playback};
use serde_json::{Value, json};

use crate::run::{REPLID, Ran, command, commands, run, run_on};
use crate::snapshots::small;
use crate::tail::{end, primary, scripted};

pub(crate) const LINES: [&str; 18] = [
    "SELECT 0",
    "SET user:1 v",
    "SET other v",
    "MULTI",
    "INCR n",
    "SELECT 1",
    "SET user:2 x",
    "EXEC",
    "MULTI",
    "INCR n",
    "EXEC",
    "DEL a b user:9",
    "OTHER.SET d $ 1",
    "other.set e $ 1",
    "XGROUP CREATE s g $",
    "PUBLISH c m",
    "FLUSHALL",
    "MOVE user:3 0",
];

/// The printed commands, without offsets and databases.
#[track_caller]
fn passing(arguments: &[&str]) -> (Vec<String>, String) {
    let ran = run_on(&[&["decode"], arguments].concat(), &commands(&LINES)).ok();
    let words = |line: &str| line.split_once("] ").unwrap().1.replace('"', "");
    (ran.text().lines().map(words).collect(), ran.err)
}

#[track_caller]
fn check(arguments: &[&str], expected: &[&str]) {
    let (lines, err) = passing(arguments);
    assert_eq!(lines, expected, "{arguments:?}");
    assert_eq!(err, "", "{arguments:?}");
}

#[test]
fn a_database_is_chosen_with_what_reaches_it() {
    check(&["--db", "0"], &["SET user:1 v", "SET other v", "MULTI", "INCR n", "EXEC", "FLUSHALL", "MOVE user:3 0"]);
    check(&["--db", "7"], &["FLUSHALL"]);
    let (both, _) = passing(&["--db", "0,1"]);
    assert_eq!(both, passing(&["--db", "0", "--db", "1"]).0);
    assert_eq!(both, passing(&[]).0);
}

#[test]
fn commands_are_chosen_by_name() {
    check(
        &["--command", "del,Xgroup", "--command", "publish"],
        &["DEL a b user:9", "XGROUP CREATE s g $", "PUBLISH c m"],
    );
    for name in ["xgroup create", "XGROUP|CREATE"] {
        check(&["--command", name], &["XGROUP CREATE s g $"]);
    }
    check(&["--command", "XGROUP DESTROY"], &[]);
    let (lines, err) = passing(&["--command", "HSTE", "--command", "OTHER.SET"]);
    assert_eq!(lines, ["OTHER.SET d $ 1", "other.set e $ 1"]);
    assert!(err.lines().count() == 2 && err.contains("--command HSTE: no known server"), "{err}");
}

#[test]
fn keys_are_chosen_by_pattern() {
    let (lines, err) = passing(&["--key", "user:[19]", "--key", "*\\:3"]);
    let expected =
        ["SET user:1 v", "DEL a b user:9", "OTHER.SET d $ 1", "other.set e $ 1", "FLUSHALL", "MOVE user:3 0"];
    assert_eq!(lines, expected);
    assert_eq!(err, "redtail: \"OTHER.SET\": the keys of this command are unknown, so --key lets it pass\n");
    check(&["--key", "user:*", "--db", "1", "--command", "set"], &["MULTI", "SET user:2 x", "EXEC"]);
}

#[test]
fn commands_and_keys_are_left_out() {
    let all = passing(&[]).0;
    let without = |words: &[&str]| -> Vec<String> {
        all.iter().filter(|line| !words.iter().any(|word| line.starts_with(word))).cloned().collect()
    };
    let left_out = |arguments: &[&str]| passing(arguments).0;
    assert_eq!(left_out(&["--not-command", "PUBLISH,xgroup|create"]), without(&["PUBLISH", "XGROUP"]));
    assert_eq!(left_out(&["--not-command", "XGROUP DESTROY"]), all);
    assert_eq!(left_out(&["--not-command", "publish", "--command", "PUBLISH,FLUSHALL"]), ["FLUSHALL"]);
    // DEL a b user:9 has other keys, too. Commands without keys and on all keys are printed.
    assert_eq!(left_out(&["--not-key", "user:*", "--not-key", "oth[e]r"]), without(&["SET user", "SET oth", "MOVE"]));
    assert_eq!(
        left_out(&["--key", "user:*", "--not-key", "*:[13]"]),
        left_out(&["--key", "user:2", "--key", "user:9"])
    );
    let (_, err) = passing(&["--not-command", "NOSUCH"]);
    assert!(err.contains("--not-command NOSUCH: no known server has this command"), "{err}");
    // Commands in parts.
    let value = "x".repeat(6 << 20);
    let long = commands(&["SELECT 0", &format!("SET cache:1 {value}"), &format!("SET a {value}"), "PUBLISH c m"]);
    let ran = run_on(&["decode", "--max-arg", "9", "--not-key", "cache:*"], &long).ok();
    assert!(ran.text().contains("\"a\"") && ran.text().contains("PUBLISH"), "{}", ran.text());
    assert!(!ran.text().contains("cache:1"), "{}", ran.text());
    let ran = run_on(&["decode", "--max-arg", "9", "--not-command", "SET"], &long).ok();
    assert!(ran.text().contains("PUBLISH") && !ran.text().contains("SET"), "{}", ran.text());
}

#[test]
fn a_transaction_is_printed_with_what_passes_of_it() {
    let input = commands(&["SELECT 0", "MULTI", "INCR n", "INCR user:n", "INCR n", "EXEC", "MULTI", "INCR n", "EXEC"]);
    let ran = run_on(&["decode", "--key", "user:*", "--format", "json"], &input).ok();
    let names: Vec<_> = ran.json().iter().map(|event| event["event"].clone()).collect();
    assert_eq!(names, ["multi", "command", "exec"]);
    assert_eq!(ran.json()[1]["tx_id"], ran.json()[0]["offset"]);
    let ran = run_on(&["decode", "--key", "user:*", "--format", "resp"], &input).ok();
    assert_eq!(String::from_utf8(ran.out), String::from_utf8(commands(&["SELECT 0", "MULTI", "INCR user:n", "EXEC"])));
    // An unfinished transaction is reported, even if none of it is printed.
    let cut = &input[..input.len() - commands(&["EXEC"]).len()];
    let ran = run_on(&["decode", "--key", "user:*"], cut).ok();
    assert_eq!(ran.text().lines().count(), 3, "{}", ran.text());
    assert!(ran.err.contains("no EXEC"), "{}", ran.err);
}

#[test]
fn times_are_told_of_what_is_printed() {
    let at = |seconds: u64, lines: &[&str]| [format!("#TS:{seconds}\r\n").into_bytes(), commands(lines)].concat();
    let input = [
        at(1_700_000_000, &["SELECT 0", "SET a v"]),
        at(1_700_000_001, &["SET user:1 v", "MULTI"]),
        at(1_700_000_002, &["SET b v", "EXEC"]),
        at(1_700_000_003, &["MULTI", "SET c v"]),
        at(1_700_000_003, &["EXEC", "SET user:2 v"]),
    ];
    let ran = run_on(&["decode", "--key", "user:*"], &input.concat()).ok();
    let lines: Vec<&str> =
        ran.text().lines().map(|line| line.split_once("] ").map_or(line, |(_, command)| command)).collect();
    let expected = [
        "# time 1700000001 2023-11-14T22:13:21Z",
        "\"SET\" \"user:1\" \"v\"",
        "# time 1700000003 2023-11-14T22:13:23Z",
        "\"SET\" \"user:2\" \"v\"",
    ];
    assert_eq!(lines, expected);
    let ran = run_on(&["decode", "--key", "user:*", "--format", "json"], &input.concat()).ok();
    let times: Vec<_> = ran.json().iter().map(|event| event["time"].clone()).collect();
    assert_eq!(times, [1_700_000_001, 1_700_000_003]);
}

#[test]
fn before_the_first_select_every_database_is_possible() {
    let input = commands(&["SET a v", "SET b v", "SELECT 2", "SET c v", "SELECT 1", "SET d v"]);
    let ran = run_on(&["decode", "--db", "1"], &input).ok();
    assert_eq!(ran.text().lines().map(|line| line.split('"').nth(3).unwrap()).collect::<String>(), "abd");
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("the database is unknown"), "{}", ran.err);
}

#[test]
fn with_all_what_steers_the_stream_is_filtered_too() {
    let input = commands(&["SELECT 0", "PING", "SELECT 1", "PING", "REPLCONF GETACK *", "SET k v"]);
    let shown = |arguments: &[&str]| {
        let ran = run_on(&[&["decode", "--all"], arguments].concat(), &input).ok();
        ran.text().lines().map(|line| line.split('"').nth(1).unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(&["--db", "1"]), "SELECT PING REPLCONF SET");
    assert_eq!(shown(&["--command", "ping"]), "PING PING");
    assert_eq!(shown(&["--key", "*"]), "SET");
}

/// Only printed commands count; the end position is independent of the filter.
#[test]
fn counts_are_of_what_is_printed_and_positions_of_what_was_read() {
    let stream = commands(&LINES);
    let primary = primary(&stream, Playback::default());
    let address = primary.address().to_string();
    let ran = run(&["tail", &address, "--key", "user:*", "--count", "2"]).ok();
    assert_eq!(ran.text().lines().count(), 4, "two commands, one of them between MULTI and EXEC: {}", ran.text());
    let after = 1000 + commands(&LINES[..8]).len();
    assert!(ran.err.ends_with(&format!("resume with --from {REPLID}:{after}:1\n")), "{}", ran.err);

    let checkpoint = std::env::temp_dir().join(format!("redtail-filter-{}", std::process::id()));
    let file = checkpoint.to_str().unwrap();
    let arguments =
        ["tail", &address, "--key", "nothing", "--command", "SET", "--until", &end(&stream), "--checkpoint", file];
    let ran = run(&arguments).ok();
    assert_eq!(ran.text(), "");
    let saved = std::fs::read_to_string(&checkpoint).unwrap();
    std::fs::remove_file(&checkpoint).unwrap();
    assert!(saved.contains(&format!("{REPLID}:{}:1", end(&stream))), "{saved}");
}

#[test]
fn a_heartbeat_comes_while_nothing_passes() {
    let stream = commands(&LINES).repeat(20);
    let primary = primary(&stream, playback! { commands_per_second: Some(300) });
    let address = primary.address().to_string();
    let arguments = [
        "tail",
        &address,
        "--key",
        "x",
        "--command",
        "SET",
        "--heartbeat",
        "0.1",
        "--format",
        "json",
        "--until",
        &end(&stream),
    ];
    let ran = run(&arguments).ok();
    let positions = ran.json().iter().filter(|event| event["event"] == "position").count();
    assert!(positions > 1, "{}", ran.text());
}

fn large(name: &str, key: &str) -> Vec<u8> {
    command(&[name.as_bytes(), key.as_bytes(), &vec![b'x'; 100_000]])
}

/// Large commands, some in transactions, and those that pass `--key user:*`.
fn with_large() -> (Vec<u8>, Vec<u8>) {
    let stream = [
        commands(&["SELECT 2", "SET user:1 v", "SET other v"]),
        large("SET", "other"),
        commands(&["MULTI", "INCR n"]),
        large("RPUSH", "user:l"),
        large("RPUSH", "l"),
        commands(&["SELECT 3", "SET user:x y", "EXEC", "MULTI"]),
        large("SET", "other"),
        commands(&["EXEC"]),
        large("PUBLISH", "user:c"),
        large("OTHER.SET", "d"),
        commands(&["DEL user:1"]),
    ];
    // A module could change other keys of the target.
    let passing = [
        commands(&["SELECT 2", "SET user:1 v", "MULTI"]),
        large("RPUSH", "user:l"),
        commands(&["SELECT 3", "SET user:x y", "EXEC", "DEL user:1"]),
    ];
    (stream.concat(), passing.concat())
}

#[test]
fn large_commands_are_chosen_as_small_ones_are() {
    let (stream, passing) = with_large();
    let ran = run_on(&["decode", "--key", "user:*", "--format", "resp"], &stream).ok();
    assert!(ran.out == passing, "{}", String::from_utf8_lossy(&ran.out).replace("xxxxxxxxxx", ""));
    // The same lines in parts and as a whole.
    let few = ["decode", "--key", "user:*", "--format", "json", "--keys", "--max-arg", "2000"];
    let parts = run_on(&few, &stream).ok();
    let whole = run_on(&[&few[..6], &["--max-arg", "200000"]].concat(), &stream).ok();
    let without = |ran: &Ran| -> Vec<Value> {
        let events = ran.json().into_iter();
        events
            .map(|mut event| {
                event["args"] = json!(event["args"].as_array().map(Vec::len));
                event
            })
            .collect()
    };
    assert_eq!(without(&parts), without(&whole));
    assert_eq!(parts.json()[2]["args"], json!(["RPUSH", "user:l", {"omitted": 100_000}]));
    assert_eq!(parts.json()[2]["keys"], json!([{"key": "user:l", "db": 2, "access": "write"}]));
    // By database and by name, before the rest has arrived.
    for (arguments, count) in
        [(&["--db", "3"][..], 9), (&["--db", "9"], 0), (&["--command", "rpush"], 4), (&["--command", "config set"], 0)]
    {
        let ran = run_on(&[&["decode", "--max-arg", "2000"], arguments].concat(), &stream).ok();
        assert_eq!(ran.text().lines().count(), count, "{arguments:?}: {}", ran.text());
    }
}

#[test]
fn a_link_cut_anywhere_changes_nothing_in_what_passes() {
    let (stream, passing) = with_large();
    // The reply line and the snapshot precede the stream.
    let ends = [
        0, 23, 50, 81, 150, 50_000, 100_100, 100_130, 100_160, 100_200, 150_000, 200_190, 200_260, 300_290, 300_320,
        300_350, 300_400,
    ]
    .map(|at| at + 300);
    for cut in ends {
        let primary = primary(
            &stream,
            playback! { cuts: vec![Cut::AnswerBytes(cut), Cut::AnswerBytes(100), Cut::AnswerBytes(60_000)], piece: Some(7777) },
        );
        let address = primary.address().to_string();
        let ran = run(&["tail", &address, "--until", &end(&stream), "--format", "resp", "--key", "user:*"]).ok();
        assert!(ran.out == passing, "{cut}: {}", String::from_utf8_lossy(&ran.out).replace("xxxxxxxxxx", ""));
    }
}

/// At most a megabyte of a large command is held.
#[test]
fn what_can_not_be_told_in_time_passes() {
    let names = |count: usize, last: &str| {
        let names: Vec<String> = (0..count).map(|number| format!("key:{number:020}")).chain([last.into()]).collect();
        command(&[&[b"DEL".as_slice()], &names.iter().map(String::as_bytes).collect::<Vec<_>>()[..]].concat())
    };
    let value = vec![b'x'; 2_000_000];
    let msets = |first: &str| command(&[b"MSET", first.as_bytes(), &value, b"b", b"v"]);
    let arguments = ["decode", "--key", "user:*", "--format", "json", "--keys", "--max-arg", "1000"];
    // Commands of more than 4 MiB arrive in parts.
    for (input, passes, held) in [
        (names(300_000, "last"), true, false),
        (names(300_000, "user:1"), true, false),
        (msets("a"), true, true),
        (msets("user:1"), true, true),
        (command(&[b"SET", b"k", &value]), false, true),
        (command(&[b"SET", b"k", &value, b"XX"]), false, true),
        (command(&[b"SORT", b"k", b"BY", &value, b"STORE", b"d"]), true, true),
        (command(&[&value]), true, true),
        (command(&[b"SET", &value, b"v"]), true, true),
        (command(&[b"FLUSHALL", &value]), true, true),
    ] {
        let ran = run_on(&arguments, &input).ok();
        let events = ran.json();
        let shown = String::from_utf8_lossy(&input[..30]).into_owned();
        assert_eq!(events.len(), usize::from(passes), "{shown}");
        // A megabyte of keys is not printed either.
        assert!(
            !passes || events[0]["keys"].is_null() != held || input.starts_with(b"*1"),
            "{shown}: {}",
            events[0]["keys"]
        );
    }
    let ran = run_on(&arguments, &[msets("a"), msets("b")].concat()).ok();
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("too large to find its keys"), "{}", ran.err);
}

#[test]
fn keys_of_snapshots_are_chosen_too() {
    let keys = |arguments: &[&str]| {
        let ran = run_on(&[&["decode", "--format", "json"], arguments].concat(), &small()).ok();
        let names = ran
            .json()
            .iter()
            .map(|line| line["key"].as_str().unwrap_or(line["event"].as_str().unwrap()).to_owned())
            .collect::<Vec<_>>();
        (names.join(" "), ran)
    };
    assert_eq!(keys(&["--db", "3"]).0, "z t function snapshot");
    assert_eq!(keys(&["--key", "[l-s]"]).0, "s l snapshot");
    assert_eq!(keys(&["--key", "[l-s]"]).1.json()[2]["keys"], 2);
    assert_eq!(keys(&["--db", "3", "--key", "[l-s]"]).0, "snapshot");
    assert_eq!(keys(&["--key", "h", "--elements"]).0, "h element key_end snapshot");
    assert_eq!(keys(&["--key", "[lz]", "--count", "1"]).0, "l");
    let (names, ran) = keys(&["--command", "SET"]);
    assert_eq!(names, "snapshot");
    assert!(ran.err.lines().count() == 1 && ran.err.contains("--command drops them"), "{}", ran.err);
    for (arguments, lines) in [(&["--key", "l"][..], 1), (&["--key", "l", "--key", "t"], 2)] {
        let ran = run_on(&[&["decode"], arguments].concat(), &small()).ok();
        assert_eq!(ran.text().lines().count(), lines);
    }
    let ran = run_on(&["decode", "--key", "[st]", "--format", "resp", "--empty-target"], &small()).ok();
    let expected = commands(&["SELECT 0", "SET s value", "SELECT 3", "SADD t x"]);
    // The matching keys of the target are deleted first.
    let (emptying, keys) = ran.out.split_at(ran.out.len() - expected.len());
    assert_eq!(String::from_utf8_lossy(keys), String::from_utf8_lossy(&expected));
    assert!(emptying.starts_with(b"*4\r\n$4\r\nEVAL\r\n") && emptying.ends_with(b"\r\n$1\r\n0\r\n$4\r\n[st]\r\n"));
    assert!(
        ran.err.contains("the output empties the target before the snapshot: all keys that match --key"),
        "{}",
        ran.err
    );
    let ran = run_on(&["decode", "--key", "[st]", "--format", "resp"], &small()).ok();
    assert_eq!(ran.out, commands(&["SELECT 0", "SET s value", "SELECT 3", "DEL t", "SADD t x"]));
    assert!(ran.err.contains("without --empty-target the target is not emptied"), "{}", ran.err);
    let ran = run_on(&["decode", "--db", "3", "--format", "resp", "--empty-target", "--count", "1"], &small()).ok();
    assert_eq!(
        String::from_utf8_lossy(&ran.out),
        "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$7\r\nFLUSHDB\r\n*6\r\n$4\r\nZADD\r\n$1\r\nz\r\n$3\r\n1.5\r\n$1\r\nm\r\n$3\r\ninf\r\n$1\r\nn\r\n"
    );
}

/// A snapshot that may meet selected keys of the target is refused before the run starts.
#[test]
fn a_snapshot_that_may_leave_keys_behind_is_refused() {
    for arguments in [
        "tail h:1 --from snapshot --format resp --key user:*",
        "tail h:1 --from snapshot --format resp --db 3",
        "tail h:1 --from snapshot --format resp --checkpoint file",
        "tail h:1 --from snapshot --format resp --command SET --empty-target",
        "tail h:1 --on-gap snapshot --format resp",
        "tail h:1 --on-gap snapshot --format resp --command SET",
        "tail h:1 --from snapshot --format resp",
        "tail h:1 --from snapshot --format resp --snapshot-to new-file --on-gap snapshot",
        "snapshot h:1 --format resp",
        "snapshot h:1 --format resp --key user:*",
        "tail h:1 --format resp --empty-target",
        "tail h:1 --from snapshot --empty-target",
        "snapshot h:1 -o file --empty-target",
        "decode file --format resp --empty-target --commands-only",
    ] {
        let ran = run(&arguments.split(' ').collect::<Vec<_>>());
        assert_eq!((ran.code, ran.out.as_slice()), (2, b"".as_slice()), "{arguments}: {}", ran.err);
    }
}

/// A name of more than 16 KiB arrives in pieces.
#[test]
fn long_names_of_keys_are_read_to_their_end() {
    let snapshot = |length: u32, last: u8| {
        let mut bytes = b"REDIS0011\x00\x80".to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.extend(vec![b'n'; length as usize - 1]);
        bytes.extend([last]);
        bytes.extend(b"\x01v\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0");
        bytes
    };
    for (length, last, lines) in
        [(20_000, b'a', 1), (20_000, b'b', 0), (500_000, b'a', 1), (500_000, b'b', 0), (2_000_000, b'b', 1)]
    {
        let ran = run_on(&["decode", "--key", "*a"], &snapshot(length, last)).ok();
        assert_eq!(ran.text().lines().count(), lines, "{length} {}", last as char);
    }
}

#[test]
fn a_snapshot_of_a_server_is_filtered_too() {
    let head = format!("+FULLRESYNC {REPLID} 1000\r\n${}\r\n", small().len());
    let link = [head.as_bytes(), &small()].concat();
    let address = scripted(vec![link.clone(), link]);
    let keys = |arguments: &[&str]| {
        let ran = run(&[&["snapshot", &address, "--format", "json"], arguments].concat()).ok();
        let keys =
            ran.json().into_iter().filter_map(|line| line["key"].as_str().map(str::to_owned)).collect::<String>();
        (keys, ran.json().last().unwrap()["keys"].clone())
    };
    assert_eq!(keys(&["--db", "3", "--key", "t", "--key", "s"]), ("t".into(), json!(1)));
    assert_eq!(keys(&["--db", "0", "--count", "2"]).0, "sl");
}

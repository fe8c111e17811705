//! `--db`, `--command`, `--key` and `--keys`.

use std::io::{Read, Write};
use std::net::TcpListener;

use redtail::replay::{Cut, Playback};
use serde_json::{Value, json};

use crate::run::{REPLID, Ran, command, commands, resumed, run, run_on};
use crate::snapshots::small;
use crate::tail::{answer_until_psync, close, end, primary, scripted};

const LINES: [&str; 18] = [
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
    assert!(ran.err.contains("emptied the target before the snapshot: all keys that match --key"), "{}", ran.err);
    let ran = run_on(&["decode", "--key", "[st]", "--format", "resp"], &small()).ok();
    assert_eq!(ran.out, commands(&["SELECT 0", "SET s value", "SELECT 3", "DEL t", "SADD t x"]));
    assert!(ran.err.contains("without --empty-target the target is not emptied"), "{}", ran.err);
    let ran = run_on(&["decode", "--db", "3", "--format", "resp", "--empty-target", "--count", "1"], &small()).ok();
    assert_eq!(
        String::from_utf8_lossy(&ran.out),
        "*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$7\r\nFLUSHDB\r\n*6\r\n$4\r\nZADD\r\n$1\r\nz\r\n$3\r\n1.5\r\n$1\r\nm\r\n$3\r\ninf\r\n$1\r\nn\r\n"
    );
}

const US: &str = "f4d5b2b5-4f07-4ee5-a4f2-5dc98507dfce";
const PEER: &str = "8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55";

/// As a KeyDB active replica sends a write of `origin`.
fn wrapped(origin: &str, write: &[u8], db: &str) -> Vec<u8> {
    command(&[b"RREPLAY", origin.as_bytes(), write, db.as_bytes(), b"1878060940079923202"])
}

/// Each write has a database of its own; a write may be two commands; a write of a peer is wrapped twice.
fn of_keydb() -> Vec<u8> {
    let expiring = [commands(&["SET a 1"]), commands(&["PEXPIREAT a 99"])].concat();
    [
        wrapped(US, &expiring, "2"),
        wrapped(US, &commands(&["PING"]), "2"),
        wrapped(US, &commands(&["multi"]), "0"),
        wrapped(US, &commands(&["SET b 2"]), "0"),
        wrapped(US, &wrapped(PEER, &commands(&["SET c 3"]), "3"), "3"),
        wrapped(US, &commands(&["EXEC"]), "0"),
        wrapped(US, &commands(&["DEL d"]), "0"),
    ]
    .concat()
}

#[test]
fn filters_see_the_writes_inside_of_rreplay() {
    let input = of_keydb();
    let all = "SET,PEXPIREAT,multi,SET,SET,EXEC,DEL";
    for (arguments, expected) in [
        (&[][..], all),
        (&["--command", "SET"], "SET,multi,SET,SET,EXEC"),
        (&["--db", "2"], "SET,PEXPIREAT"),
        (&["--db", "3"], "SET"),
        (&["--key", "d"], "DEL"),
        (&["--command", "RREPLAY"], ""),
    ] {
        let ran = run_on(&[&["decode"], arguments].concat(), &input).ok();
        let name = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
        assert_eq!(ran.text().lines().map(name).collect::<Vec<_>>().join(","), expected, "{arguments:?}");
    }
    let ran = run_on(&["decode", "--all"], &input).ok();
    assert!(ran.text().contains("\"PING\""), "{}", ran.text());
}

#[test]
fn writes_inside_of_rreplay_have_their_origin_and_transaction() {
    let input = of_keydb();
    let first = wrapped(US, &[commands(&["SET a 1"]), commands(&["PEXPIREAT a 99"])].concat(), "2").len();
    let text = run_on(&["decode"], &input).ok();
    assert!(text.text().starts_with(&format!("{first} [2] (origin {US}) \"SET\" \"a\" \"1\"\n")), "{}", text.text());
    let events = run_on(&["decode", "--format", "json", "--keys"], &input).ok().json();
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            let name = event["args"][0].as_str().unwrap_or(event["event"].as_str().unwrap());
            (name, event["db"].as_u64().unwrap(), event["origin"].as_str().unwrap(), event["tx"] == true)
        })
        .collect();
    let expected = [
        ("SET", 2, US, false),
        ("PEXPIREAT", 2, US, false),
        ("multi", 0, US, false),
        ("SET", 0, US, true),
        // Another server's write is no part of the transaction.
        ("SET", 3, PEER, false),
        ("exec", 0, US, false),
        ("DEL", 0, US, false),
    ];
    assert_eq!(seen, expected);
    assert!(events[6]["keys"][0].to_string().contains("\"d\""), "{}", events[6]);
    assert_eq!(events[6]["offset"], input.len());
    // A program that drops what it has seen already compares ids.
    let recording = [format!("+FULLRESYNC {REPLID} 0\r\n$0\r\n").as_bytes(), &input].concat();
    let recording =
        [format!("+CONTINUE {REPLID}\r\n").as_bytes(), &recording[recording.len() - input.len()..]].concat();
    let events = run_on(&["decode", "--format", "json", "--offset", "0"], &recording).ok().json();
    let ids: Vec<_> = events.iter().filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids[..2], [format!("{REPLID}:{first}"), format!("{REPLID}:{first}:1")]);
}

#[test]
fn resp_of_rreplay_is_for_servers_that_do_not_know_it() {
    let expected = commands(&[
        "SELECT 2",
        "SET a 1",
        "PEXPIREAT a 99",
        "SELECT 0",
        "multi",
        "SET b 2",
        "SELECT 3",
        "SET c 3",
        "EXEC",
        "SELECT 0",
        "DEL d",
    ]);
    let ran = run_on(&["decode", "--format", "resp"], &of_keydb()).ok();
    assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
    // Beyond 64 KiB a command arrives in parts.
    let value = "v".repeat(100_000);
    for write in [format!("SET large {value}"), format!("MSET large {value} small v")] {
        let large = commands(&[&write]);
        let ran = run_on(&["decode", "--format", "resp"], &wrapped(US, &large, "5")).ok();
        assert_eq!(ran.out, [commands(&["SELECT 5"]), large.clone()].concat());
        // An RREPLAY of no known form, and other large commands, pass as they are.
        let odd = command(&[b"RREPLAY", b"no uuid", &large]);
        let input = [odd, large].concat();
        let ran = run_on(&["decode", "--format", "resp", "--assume-db", "5"], &input).ok();
        assert_eq!(ran.out, [commands(&["SELECT 5"]), input].concat());
    }
}

/// It ended the run, without the offset.
#[test]
fn an_rreplay_with_an_invalid_write_is_printed_as_it_is() {
    let value = "v".repeat(100_000);
    let set = commands(&["SET a 1"]);
    for (write, message) in [
        (set[..9].to_vec(), "it ends inside a command"),
        (b"hello".to_vec(), "found 'h'"),
        ([&set, b"*1\r\n:5\r\n".as_slice()].concat(), "expected"),
        (commands(&["SELECT x"]), "a SELECT without a database"),
        ([commands(&[&format!("SET a {value}")]), b"*1\r\n".to_vec()].concat(), "it ends inside a command"),
    ] {
        let invalid = wrapped(US, &write, "7");
        let input = [wrapped(US, &set, "2"), invalid.clone(), wrapped(US, &set, "2")].concat();
        let offset = wrapped(US, &set, "2").len() + invalid.len();
        let ran = run_on(&["decode", "--format", "resp"], &input).ok();
        let parts = [commands(&["SELECT 2"]), set.clone(), commands(&["SELECT 7"]), invalid, commands(&["SELECT 2"])];
        let expected = [parts.concat(), set.clone()].concat();
        assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
        let line = format!("redtail: offset {offset}: the write inside of an RREPLAY is invalid: ");
        assert!(ran.err.starts_with(&line) && ran.err.contains(message), "{}", ran.err);
        assert!(
            ran.err.ends_with("; the RREPLAY is printed as it is\n") && ran.err.lines().count() == 1,
            "{}",
            ran.err
        );
    }
}

/// It was held, up to 1 GiB.
#[test]
fn an_rreplay_too_large_to_be_held_is_printed_as_it_is() {
    let large = commands(&[&format!("SET large {}", "v".repeat(65 << 20))]);
    let small = wrapped(US, &commands(&["SET a 1"]), "5");
    let large = wrapped(US, &large, "5");
    let input = [small.clone(), large.clone(), small].concat();
    let ran = run_on(&["decode", "--format", "resp", "--assume-db", "5"], &input).ok();
    let set = commands(&["SET a 1"]);
    assert!(ran.out == [commands(&["SELECT 5"]), set.clone(), large, set].concat());
    assert!(ran.err.contains("more than 64 MiB") && ran.err.lines().count() == 1, "{}", ran.err);
}

/// Its commands were printed in the database of another write.
#[test]
fn a_select_inside_of_rreplay_is_for_the_rest_of_its_write() {
    let value = "v".repeat(100_000);
    for last in ["SET q 1", &format!("SET q {value}")] {
        let write = [commands(&["SET p 1"]), commands(&["SELECT 4"]), commands(&[last])].concat();
        let input =
            [wrapped(US, &write, "2"), wrapped(US, &commands(&["SET r 1"]), "2"), wrapped(US, &write, "2")].concat();
        let ran = run_on(&["decode", "--format", "resp"], &input).ok();
        let once = ["SELECT 2", "SET p 1", "SELECT 4", last];
        let expected = commands(&[&once[..], &["SELECT 2", "SET r 1", "SET p 1", "SELECT 4", last]].concat());
        assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
        let events = run_on(&["decode", "--format", "json", "--key", "q"], &input).ok().json();
        assert_eq!(events.iter().map(|event| event["db"].as_u64()).collect::<Vec<_>>(), [Some(4), Some(4)]);
    }
}

/// Another server's transaction inside of a transaction can't be shown as one.
#[test]
fn overlapping_transactions_of_keydb_are_said() {
    let write = |origin, text: &str| wrapped(origin, &commands(&[text]), "0");
    let input = [
        write(US, "MULTI"),
        write(PEER, "MULTI"),
        write(PEER, "SET p 1"),
        write(US, "SET u 1"),
        write(US, "EXEC"),
        write(PEER, "SET p 2"),
        write(PEER, "EXEC"),
    ]
    .concat();
    let ran = run_on(&["decode", "--format", "resp"], &input).ok();
    let expected = commands(&["SELECT 0", "SET p 1", "MULTI", "SET u 1", "EXEC", "SET p 2"]);
    assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
    assert_eq!(ran.err.matches("two servers have a transaction at the same time").count(), 1, "{}", ran.err);
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
fn the_keys_of_each_command_are_told() {
    let ran = run_on(&["decode", "--format", "json", "--keys", "--max-arg", "5"], &commands(&LINES)).ok();
    let told: Vec<_> = ran.json().into_iter().filter(|event| event["event"] == "command").collect();
    let keys: Vec<_> = told.iter().map(|event| event["keys"].clone()).collect();
    let omitted = json!({"omitted": 6});
    let touched = |key: Value, db: u32, access: &str| json!({"key": key, "db": db, "access": access});
    let written = |key: Value, db: u32| json!([touched(key, db, "write")]);
    let removed = |key: Value| touched(key, 1, "removed");
    assert_eq!(
        json!(keys),
        json!([
            written(omitted.clone(), 0),
            written(json!("other"), 0),
            written(json!("n"), 0),
            written(omitted.clone(), 1),
            written(json!("n"), 1),
            [removed(json!("a")), removed(json!("b")), removed(omitted.clone())],
            null,
            null,
            written(json!("s"), 1),
            [],
            [],
            [removed(omitted.clone()), touched(omitted, 0, "write")]
        ])
    );
    for event in &told {
        assert_eq!(
            event.get("all_keys"),
            (event["args"] == json!([{"omitted": 8}])).then_some(&json!(true)),
            "{event}"
        );
    }
    let writes: Vec<_> = told.iter().map(|event| event["write"].clone()).collect();
    assert_eq!(json!(writes), json!([true, true, true, true, true, true, null, null, true, false, true, true]));
    let dbs = ["SELECT 3", "FLUSHDB", "SWAPDB 1 2", "COPY a b DB 9"];
    let ran = run_on(&["decode", "--format", "json", "--keys"], &commands(&dbs)).ok();
    let told: Vec<_> = ran.json().into_iter().filter(|event| event["event"] == "command").collect();
    assert_eq!((&told[0]["keys"], &told[0]["all_keys"]), (&json!([]), &json!([3])));
    assert_eq!((&told[1]["keys"], &told[1]["all_keys"]), (&json!([]), &json!([1, 2])));
    assert_eq!(told[2]["keys"], json!([touched(json!("a"), 3, "read"), touched(json!("b"), 9, "write")]));
    // The same in parts.
    let big = "b".repeat(2000);
    let copies =
        [command(&[b"COPY", big.as_bytes(), b"b", b"DB", b"9"]), command(&[b"MOVE", big.as_bytes(), b"9"])].concat();
    let copies = [commands(&["SELECT 3"]), copies].concat();
    let of = |max: &str| {
        let ran = run_on(&["decode", "--format", "json", "--keys", "--max-arg", max], &copies).ok();
        ran.json().into_iter().filter(|event| event["event"] == "command").map(|event| event["keys"].clone()).collect()
    };
    let parts: Vec<Value> = of("1000");
    let omitted = json!({"omitted": 2000});
    assert_eq!(
        parts,
        [
            json!([touched(omitted.clone(), 3, "read"), touched(json!("b"), 9, "write")]),
            json!([touched(omitted.clone(), 3, "removed"), touched(omitted, 9, "write")]),
        ]
    );
    let whole: Vec<Value> = of("3000");
    assert_eq!(whole[1], json!([touched(json!(big), 3, "removed"), touched(json!(big), 9, "write")]));
    let binary = run_on(&["decode", "--format", "json", "--keys"], &command(&[b"SET", b"\xff\x00", b"v"])).ok();
    assert_eq!(binary.json()[0]["keys"], json!([{"key": {"base64": "/wA="}, "db": null, "access": "write"}]));
    // Without it nothing is added.
    assert!(!run_on(&["decode", "--format", "json"], &commands(&LINES)).ok().text().contains("\"keys\""));
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

/// Follows a server with this stream. Each answer is for one question, over a connection of its own. Returns the
/// printed commands, standard error and the questions.
fn following(stream: &[u8], answers: &[&str]) -> (Vec<Value>, String, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stream, answers): (_, Vec<String>) = (stream.to_vec(), answers.iter().map(|it| it.to_string()).collect());
    let asked = std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        answer_until_psync(&mut link);
        link.write_all(format!("+CONTINUE {REPLID}\r\n").as_bytes()).unwrap();
        let feeding = std::thread::spawn(move || {
            link.write_all(&stream).unwrap();
            close(link);
        });
        let mut asked = Vec::new();
        for answer in answers {
            let (mut link, _) = listener.accept().unwrap();
            let mut question = [0; 1000];
            let length = link.read(&mut question).unwrap();
            asked.push(String::from_utf8_lossy(&question[..length]).replace("\r\n", " "));
            link.write_all(answer.as_bytes()).unwrap();
            close(link);
        }
        feeding.join().unwrap();
        asked
    });
    let from = format!("{REPLID}:1000:0");
    let options = ["--format", "json", "--keys", "--key", "user:*", "--reconnect", "0"];
    let ran = run(&[&["tail", &address, "--from", &from], &options[..]].concat());
    let printed: Vec<_> = ran.json().into_iter().filter(|event| event["event"] == "command").collect();
    (printed, ran.err, asked.join().unwrap())
}

/// The server describes a command that the library does not know. It is asked once for each name.
#[test]
fn the_server_is_asked_for_the_keys_of_an_unknown_command() {
    let stream =
        commands(&["SELECT 0", "q.push user:1 v", "Q.PUSH other v", "Q.PUSH user:2 v", "Q.NEW user:3", "SET user:4 v"]);
    let large = command(&[b"q.push", b"user:5", &vec![b'x'; 5 << 20]]);
    let stream = [&stream[..], &large, &commands(&["SET end:user v"])].concat();
    let following = |answers: &[&str]| following(&stream, answers);
    let described = "*1\r\n*6\r\n$6\r\nq.push\r\n:-3\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n";
    let denied = "-NOPERM User default has no permissions to run the 'command|info' command\r\n";
    let unknown = "-ERR Invalid command specified\r\n";
    let (printed, err, asked) = following(&[described, "*1\r\n*-1\r\n", unknown]);
    let keys: Vec<_> = printed.iter().map(|event| event["keys"][0]["key"].clone()).collect();
    assert_eq!(json!(keys), json!(["user:1", "user:2", null, "user:4", "user:5"]), "{err}");
    assert_eq!(printed[0]["keys"], json!([{"key": "user:1", "db": 0, "access": "write"}]));
    assert_eq!(printed[0]["write"], json!(true));
    assert_eq!((&printed[2]["keys"], &printed[2]["write"]), (&Value::Null, &Value::Null));
    let named = "*4 $7 COMMAND $15 GETKEYSANDFLAGS $5 Q.NEW $10 argument:1 ";
    assert_eq!(asked, ["*3 $7 COMMAND $4 INFO $6 Q.PUSH ", "*3 $7 COMMAND $4 INFO $5 Q.NEW ", named]);
    let told =
        "redtail: \"Q.PUSH\": redtail does not know this command; the server described its keys (COMMAND INFO)\n";
    assert_eq!(err.matches(told).count(), 1, "{err}");
    let told = "redtail: \"Q.NEW\": redtail does not know this command, and COMMAND INFO of the server does not describe its keys\n";
    assert_eq!(err.matches(told).count(), 1, "{err}");

    // A server that denies it is asked once in all, because it logs each denial.
    let (printed, err, asked) = following(&[denied]);
    assert_eq!((printed.len(), asked.len()), (6, 1), "{err}");
    let told = "redtail: \"Q.PUSH\": redtail does not know this command and cannot ask the server for its keys (COMMAND INFO): \
                NOPERM User default has no permissions to run the 'command|info' command; it is not asked again\n";
    assert_eq!(err.matches(told).count(), 1, "{err}");

    // A server that closes the connection holds the stream up once.
    let (printed, err, asked) = following(&[""]);
    assert_eq!((printed.len(), asked.len()), (6, 1), "{err}");
    assert_eq!(err.matches("cannot ask the server").count(), 1, "{err}");
    assert!(err.contains("(COMMAND INFO): the server closed the connection; it is not asked again\n"), "{err}");

    // A server that loads its data is asked again: by the filter, then for the output.
    let (printed, err, asked) = following(&["-LOADING it loads\r\n", described, "*1\r\n*-1\r\n", unknown]);
    assert_eq!(asked.len(), 4, "{err}");
    let keys: Vec<_> = printed.iter().map(|event| event["keys"][0]["key"].clone()).collect();
    assert_eq!(json!(keys), json!(["user:1", "user:2", null, "user:4", "user:5"]), "{err}");
    assert!(err.contains("(COMMAND INFO): LOADING it loads; it is asked again\n"), "{err}");
}

/// The keys of a command that depend on its arguments. The server is asked once for each form of the command.
#[test]
fn the_server_names_the_keys_that_depend_on_arguments() {
    let stream = commands(&[
        "SELECT 3",
        "q.eval x=1 1 user:1 v:1",
        "Q.EVAL x=2 1 other:2 user:2",
        "Q.EVAL x=3 1 user:3 v:3",
        "Q.EVAL x=4 2 other:4 user:4",
        "Q.EVAL x=5 0",
        "SET user:9 v",
    ]);
    let following = |answers: &[&str]| following(&stream, answers);
    let movable = "*1\r\n*6\r\n$6\r\nq.eval\r\n:-3\r\n*2\r\n+write\r\n+movablekeys\r\n:0\r\n:0\r\n:0\r\n";
    let named = |keys: &[(&str, &str)]| {
        let entry =
            |(key, flag): &(&str, &str)| format!("*2\r\n${}\r\n{key}\r\n*2\r\n+{flag}\r\n+access\r\n", key.len());
        format!("*{}\r\n{}", keys.len(), keys.iter().map(entry).collect::<String>())
    };
    let (one, two) = (named(&[("argument:3", "RW")]), named(&[("argument:3", "RO"), ("argument:4", "RM")]));
    let none = "-ERR The command has no key arguments\r\n";
    let (printed, err, asked) = following(&[movable, &one, &two, none]);
    let args: Vec<_> = printed.iter().map(|event| event["args"][1].clone()).collect();
    // user:2 is no key.
    assert_eq!(json!(args), json!(["x=1", "x=3", "x=4", "user:9"]), "{err}");
    let touched = |key: &str, access: &str| json!({"key": key, "db": 3, "access": access});
    assert_eq!((&printed[0]["keys"], &printed[0]["write"]), (&json!([touched("user:1", "write")]), &json!(true)));
    assert_eq!(printed[2]["keys"], json!([touched("other:4", "read"), touched("user:4", "removed")]));
    let question = |args: &str| format!("*{} $7 COMMAND $15 GETKEYSANDFLAGS {args} ", args.split(' ').count() / 2 + 2);
    assert_eq!(
        asked,
        [
            "*3 $7 COMMAND $4 INFO $6 Q.EVAL ".to_owned(),
            question("$6 q.eval $10 argument:1 $1 1 $10 argument:3 $10 argument:4"),
            question("$6 Q.EVAL $10 argument:1 $1 2 $10 argument:3 $10 argument:4"),
            question("$6 Q.EVAL $10 argument:1 $1 0"),
        ]
    );
    let says = "redtail: \"Q.EVAL\": redtail does not know this command, whose keys depend on its arguments; the server \
                named them (COMMAND GETKEYSANDFLAGS), and is asked once for each form of the command\n";
    assert_eq!(err.matches(says).count(), 1, "{err}");

    // A server before 7.0, and one that denies it: it is asked once, and the command passes.
    let old = "-ERR Unknown subcommand or wrong number of arguments for 'GETKEYSANDFLAGS'. Try COMMAND HELP.\r\n";
    let denied = "-NOPERM User f has no permissions to run the 'command|getkeysandflags' command\r\n";
    for (answer, says) in [
        (old, "and COMMAND INFO of the server does not describe its keys\n"),
        (
            denied,
            "cannot ask the server for its keys (COMMAND GETKEYSANDFLAGS): NOPERM User f has no permissions to run",
        ),
    ] {
        let (printed, err, asked) = following(&[movable, answer]);
        assert_eq!((printed.len(), asked.len()), (6, 2), "{err}");
        assert_eq!(printed[0]["keys"], Value::Null);
        assert_eq!(err.matches(says).count(), 1, "{err}");
    }
}

/// The commands of `--format resp` with these filters, one per line.
pub(crate) fn for_target(arguments: &[&str], input: &[u8]) -> (String, String) {
    let ran = run_on(&[&["decode", "--format", "resp"], arguments].concat(), input).ok();
    let mut rest = ran.out.as_slice();
    let mut parser = redtail::CommandParser::stream();
    let mut lines = Vec::new();
    while let Ok(redtail::Status::Complete(command)) = parser.next(&mut rest) {
        let args = command.args().map(|arg| match arg {
            // A script.
            arg if arg.windows(10).any(|bytes| bytes == b"redis.call") => "SCRIPT".to_owned(),
            arg if arg.len() > 1000 => format!("{}..", arg[0] as char),
            arg => String::from_utf8_lossy(arg).into_owned(),
        });
        lines.push(args.collect::<Vec<_>>().join(" "));
    }
    assert!(rest.is_empty());
    (lines.join("|"), ran.err)
}

/// Nothing outside of the filters is touched, and nothing inside stays that the source does not have.
#[test]
fn a_target_receives_what_is_inside_of_the_filters() {
    let derived = "depends on keys that the filters leave out";
    let of_keys = &["--key", "u:*"][..];
    for (arguments, line, expected, warning) in [
        (of_keys, "DEL a u:1 b u:2", "DEL u:1 u:2", ""),
        (of_keys, "unlink a u:1", "unlink u:1", ""),
        (of_keys, "DEL u:1 u:2", "DEL u:1 u:2", ""),
        (of_keys, "MSET a 1 u:1 u:x b u:2", "MSET u:1 u:x", ""),
        (of_keys, "MSETNX u:1 1 b 2", "MSETNX u:1 1", ""),
        (of_keys, "MSETEX 3 a 1 u:1 2 u:2 3 PXAT 4000000000000", "MSETEX 2 u:1 2 u:2 3 PXAT 4000000000000", ""),
        (of_keys, "RENAME u:1 u:2", "RENAME u:1 u:2", ""),
        (of_keys, "RENAME u:1 a", "DEL u:1", ""),
        (of_keys, "RENAMENX a u:1", "DEL u:1", derived),
        (of_keys, "RENAME a b", "", ""),
        (of_keys, "COPY a u:1 REPLACE", "DEL u:1", derived),
        (of_keys, "COPY u:1 a", "", ""),
        (of_keys, "SMOVE u:1 a m", "SREM u:1 m", ""),
        (of_keys, "SMOVE a u:1 m", "SADD u:1 m", ""),
        (of_keys, "LMOVE u:1 a LEFT RIGHT", "LPOP u:1", ""),
        (of_keys, "LMOVE a u:1 LEFT RIGHT", "DEL u:1", derived),
        (of_keys, "RPOPLPUSH u:1 a", "RPOP u:1", ""),
        (of_keys, "LMOVEM u:1 a RIGHT LEFT EXACTLY 3 OBO", "RPOP u:1 3", ""),
        (of_keys, "JSON.SET a $ 1", "", ""),
        (of_keys, "JSON.SET u:1 $ 1", "JSON.SET u:1 $ 1", ""),
        (of_keys, "SUNIONSTORE u:1 u:2 u:3", "SUNIONSTORE u:1 u:2 u:3", ""),
        (of_keys, "SUNIONSTORE u:1 u:2 a", "DEL u:1", derived),
        (of_keys, "SUNIONSTORE a u:1", "", ""),
        (of_keys, "ZUNIONSTORE u:1 2 u:2 a", "DEL u:1", derived),
        (of_keys, "ZRANGESTORE a u:1 0 1", "", ""),
        (of_keys, "BITOP AND a u:1 u:2", "", ""),
        (of_keys, "BITOP AND u:1 u:2 a", "DEL u:1", derived),
        (of_keys, "PFMERGE u:1 a", "DEL u:1", derived),
        (of_keys, "SORT u:1 STORE a", "", ""),
        (of_keys, "SORT a STORE u:1", "DEL u:1", derived),
        (of_keys, "SORT u:2 BY w:* STORE u:1", "DEL u:1", derived),
        (of_keys, "SORT u:2 BY nosort STORE u:1", "SORT u:2 BY nosort STORE u:1", ""),
        (of_keys, "GEORADIUS a 1 1 1 km STORE u:1", "DEL u:1", derived),
        (of_keys, "FLUSHALL ASYNC", "EVAL SCRIPT 0 u:*", ""),
        (of_keys, "FLUSHDB", "EVAL SCRIPT 0 u:*", ""),
        (of_keys, "SWAPDB 0 1", "EVAL SCRIPT 0 0 1 u:*", ""),
        (of_keys, "MOVE u:1 2", "MOVE u:1 2", ""),
        (of_keys, "FUNCTION FLUSH", "", ""),
        (of_keys, "PUBLISH u:1 m", "", ""),
        (of_keys, "X.Y u:1", "", "the keys of this command are unknown, so --key leaves it out"),
        (&["--db", "0"], "FLUSHALL ASYNC", "FLUSHDB ASYNC", ""),
        (&["--db", "0,3"], "FLUSHALL", "FLUSHDB|SELECT 3|FLUSHDB", ""),
        (&["--db", "0"], "FLUSHDB SYNC", "FLUSHDB SYNC", ""),
        (&["--db", "3"], "FLUSHDB", "", ""),
        (&["--db", "0,1"], "SWAPDB 0 1", "SWAPDB 0 1", ""),
        (&["--db", "0"], "SWAPDB 0 1", "FLUSHDB", "SWAPDB brings the keys of database 1"),
        (&["--db", "1"], "SWAPDB 0 1", "SELECT 1|FLUSHDB", "SWAPDB brings the keys of database 0"),
        (&["--db", "3"], "SWAPDB 0 1", "", ""),
        (&["--db", "0"], "MOVE k 2", "DEL k", ""),
        (&["--db", "2"], "MOVE k 2", "SELECT 2|DEL k", derived),
        (&["--db", "2"], "COPY k x DB 2", "SELECT 2|DEL x", derived),
        (&["--db", "0"], "COPY k x DB 2", "", ""),
        (&["--db", "3"], "MOVE k 2", "", ""),
        (&["--db", "3"], "FUNCTION DELETE l", "FUNCTION DELETE l", ""),
        (&["--db", "3"], "FUNCTION FLUSH", "", "they are replaced by name"),
        (&["--db", "3"], "FUNCTION RESTORE x FLUSH", "FUNCTION RESTORE x REPLACE", "they are replaced by name"),
        (&["--db", "0"], "X.Y a", "X.Y a", ""),
        (&["--db", "3", "--key", "u:*"], "FLUSHALL", "SELECT 3|EVAL SCRIPT 0 u:*", ""),
        (&["--key", "u:*", "--command", "SET"], "DEL u:1", "", ""),
    ] {
        let input = commands(&["SELECT 0", line]);
        let (out, errors) = for_target(arguments, &input);
        // Before the first printed command its database is selected.
        let expected = match expected {
            "" => String::new(),
            expected if expected.starts_with("SELECT") => expected.to_owned(),
            expected => format!("SELECT 0|{expected}"),
        };
        assert_eq!(out, expected, "{arguments:?}: {line}");
        assert!(
            errors.contains(warning) && errors.lines().count() == usize::from(!warning.is_empty()),
            "{line}: {errors}"
        );
    }
}

/// In parts the result is the same, one command for each key where the number of selected keys is unknown.
#[test]
fn a_target_receives_what_is_inside_of_large_commands() {
    let value = vec![b'v'; 100_000];
    let long = vec![b'm'; 100_000];
    for (args, expected) in [
        (&[&b"MSET"[..], b"a", &value, b"u:1", b"1", b"u:2", &value, b"b", b""][..], "SET u:1 1|SET u:2 v.."),
        (&[b"MSETNX", b"u:1", &value], "SET u:1 v.."),
        (&[b"UNLINK", &long, b"u:1", b"", b"u:2"], "DEL u:1|DEL u:2"),
        (&[b"SMOVE", b"u:1", b"a", &long], "SREM u:1 m.."),
        (&[b"SMOVE", b"a", b"u:1", &long], "SADD u:1 m.."),
        (&[b"SMOVE", b"u:2", b"u:1", &long], "SMOVE u:2 u:1 m.."),
        (&[b"SMOVE", b"a", b"b", &long], ""),
        (&[b"COPY", b"u:1", &long], ""),
        (&[b"SET", b"u:1", &value, b"KEEPTTL"], "SET u:1 v.. KEEPTTL"),
        (&[b"SET", b"a", &value], ""),
        (&[b"FLUSHALL", &value], "EVAL SCRIPT 0 u:*"),
        (&[b"MSETEX", b"2", b"a", &value, b"u:1", &value, b"KEEPTTL"], "MSETEX 1 u:1 v.. KEEPTTL"),
    ] {
        let input = [commands(&["SELECT 0", "MULTI"]), command(args), commands(&["EXEC"])].concat();
        let (out, errors) = for_target(&["--key", "u:*"], &input);
        let expected = if expected.is_empty() { String::new() } else { format!("SELECT 0|MULTI|{expected}|EXEC") };
        assert_eq!(out, expected, "{:?}", args[0].escape_ascii());
        assert_eq!(errors, "");
    }
    // More than is held.
    let value = vec![b'v'; 3_000_000];
    let input = [commands(&["SELECT 0"]), command(&[b"MSETEX", b"2", b"a", &value, b"u:1", &value])].concat();
    let (out, errors) = for_target(&["--key", "u:*"], &input);
    assert_eq!(out, "");
    assert!(errors.contains("too large to find its keys, so it is left out"), "{errors}");
}

/// A database that is unknown is not taken for a selected one.
#[test]
fn a_target_needs_to_know_the_database() {
    let input = resumed(&commands(&["SET a v"]));
    let ran = run_on(&["decode", "--format", "resp", "--db", "3"], &input);
    assert_eq!((ran.code, ran.out.as_slice()), (1, b"".as_slice()));
    assert!(ran.err.contains("--assume-db"), "{}", ran.err);
    for (assumed, out) in [("3", "SELECT 3|SET a v"), ("0", "")] {
        assert_eq!(for_target(&["--db", "3", "--assume-db", assumed], &input).0, out);
    }
}

/// A connection that is cut anywhere leaves no trace in what replaces a command.
#[test]
fn a_link_cut_anywhere_changes_nothing_in_what_is_inside() {
    let value = vec![b'v'; 70_000];
    let stream = [
        commands(&["SELECT 2", "MULTI", "DEL a user:1 b", "RENAME user:1 b"]),
        command(&[b"MSET", b"user:2", &value, b"b", &value, b"user:3", &value]),
        commands(&["FLUSHDB", "EXEC", "DEL user:1 a"]),
    ]
    .concat();
    let whole = {
        let primary = primary(&stream, Playback::default());
        let address = primary.address().to_string();
        run(&["tail", &address, "--until", &end(&stream), "--format", "resp", "--key", "user:*"]).ok().out
    };
    for cut in (0..stream.len()).step_by(stream.len() / 40).map(|at| at as u64 + 300) {
        let primary = primary(&stream, playback! { cuts: vec![Cut::AnswerBytes(cut)], piece: Some(7777) });
        let address = primary.address().to_string();
        let ran = run(&["tail", &address, "--until", &end(&stream), "--format", "resp", "--key", "user:*"]).ok();
        assert!(ran.out == whole, "{cut}: {}", String::from_utf8_lossy(&ran.out).replace("vvvvvvvvvv", ""));
    }
}

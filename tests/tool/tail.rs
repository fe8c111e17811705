//! Following the embedded primary over a socket.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};

use redtail::replay::{Cut, Playback, Primary, Recording};
use serde_json::json;

#[cfg(feature = "tls")]
use crate::folder::Folder;
use crate::refusing::Refusing;
use crate::run::{REPLID, command, commands, redtail, run, run_on};
use crate::snapshots::small;

/// A primary whose stream begins after offset 1000, in database 0.
pub(crate) fn primary(stream: &[u8], play: Playback) -> Primary {
    let snapshot = b"REDIS0010\xfa\x0erepl-stream-db\x011\xff\0\0\0\0\0\0\0\0";
    let head = format!("+FULLRESYNC {REPLID} 1000\r\n${}\r\n", snapshot.len());
    let recording = [head.as_bytes(), snapshot, stream].concat();
    Primary::serve_as(Recording::parse(&recording).unwrap(), play).unwrap()
}

/// SELECT 2, SET k v, MULTI, INCR n, RPUSH l (a large value), EXEC, DEL k.
pub(crate) fn stream() -> Vec<u8> {
    let large = command(&[b"RPUSH", b"l", &vec![b'x'; 100_000]]);
    [commands(&["SELECT 2", "SET k v", "MULTI", "INCR n"]), large, commands(&["EXEC", "DEL k"])].concat()
}

pub(crate) fn end(stream: &[u8]) -> String {
    (1000 + stream.len()).to_string()
}

#[test]
fn the_default_start_gives_every_write() {
    let stream = stream();
    let primary = primary(&stream, Playback::default());
    let address = primary.address().to_string();
    let ran = run(&["tail", &address, "--format", "json", "--count", "4", "--max-arg", "1000"]).ok();
    let events = ran.json();
    let fields = ["event", "method", "replid", "history", "offset", "db", "target"];
    let attached: Vec<_> = fields.iter().map(|field| events[0][*field].clone()).collect();
    assert_eq!(json!(attached), json!(["attached", "filtered", REPLID, REPLID, 1000, 1, address]));
    let names: Vec<_> = events[1..].iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["command", "multi", "command", "command", "exec", "command"]);
    assert_eq!(events[4]["args"], json!(["RPUSH", "l", {"omitted": 100_000}]));
    assert_eq!(events[4]["tx_id"], events[2]["offset"]);
    assert!(events[1]["received_ms"].as_u64().unwrap() > 1_600_000_000_000);
    assert_eq!(events[6]["offset"], 1000 + stream.len());
    assert!(ran.err.contains("forks"), "{}", ran.err);
    assert!(ran.err.contains(&format!("resume with --from {REPLID}:{}:2\n", end(&stream))), "{}", ran.err);
}

#[test]
fn commands_go_to_stdout_and_messages_to_stderr() {
    let stream = stream();
    let primary = primary(&stream, Playback::default());
    let address = primary.address().to_string();
    let ran = run(&["tail", &address, "--until", &end(&stream), "--max-arg", "1000"]).ok();
    let lines: Vec<&str> = ran.text().lines().collect();
    assert_eq!(lines[0], "1050 [2] \"SET\" \"k\" \"v\"");
    assert_eq!(lines.len(), 6);
    assert!(ran.err.contains(&format!("attached to {address}")), "{}", ran.err);
}

#[test]
fn a_position_is_resumed_from() {
    let stream = stream();
    let primary = primary(&stream, Playback::default());
    let position = format!("{REPLID}:1050:2");
    let ran = run(&[
        "tail",
        &primary.address().to_string(),
        "--from",
        &position,
        "--until",
        &end(&stream),
        "--format",
        "resp",
    ])
    .ok();
    assert!(ran.out == [commands(&["SELECT 2"]), stream[50..].to_vec()].concat());
    assert!(!ran.err.contains("forks"), "{}", ran.err);
}

#[test]
fn lost_history_is_exit_code_4_and_says_what_to_do() {
    let primary = primary(&stream(), Playback::default());
    let address = primary.address().to_string();
    for position in [format!("{REPLID}:5:0"), format!("{}:1050:0", "f".repeat(40))] {
        for format in ["text", "json", "resp"] {
            let ran = run(&["tail", &address, "--from", &position, "--format", format]);
            assert_eq!(ran.code, 4, "{}", ran.err);
            assert!(ran.err.contains("history lost") && ran.err.contains("--on-gap"), "{}", ran.err);
            assert!(!ran.err.contains("resume with"), "{}", ran.err);
            assert_eq!(ran.text().contains("\"gap\""), format == "json");
        }
    }
    let position = format!("{REPLID}:5:0");
    let ran =
        run(&["tail", &address, "--from", &position, "--on-gap", "continue", "--count", "1", "--format", "json"]).ok();
    let gap = ran.json().into_iter().find(|event| event["event"] == "gap").unwrap();
    assert_eq!(
        gap,
        json!({"event": "gap", "from": format!("{REPLID}:5:0"), "to": format!("{REPLID}:1000:1"), "missed": 995})
    );
    let ran =
        run(&["tail", &address, "--from", &position, "--on-gap", "snapshot", "--count", "1", "--format", "json"]).ok();
    let names: Vec<_> = ran.json().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    assert!(
        ["gap", "snapshot_begin", "snapshot", "command"].iter().all(|name| names.iter().any(|it| it == name)),
        "{names:?}"
    );
}

#[test]
fn snapshot_and_sync() {
    let stream = stream();
    let primary = primary(&stream, Playback::default());
    let address = primary.address().to_string();
    let ran = run(&["tail", &address, "--from", "snapshot", "--count", "1", "--format", "json"]).ok();
    let events = ran.json();
    assert_eq!(events[0]["method"], "full");
    assert_eq!(events[0]["replid"], REPLID);
    assert_eq!(events[1], json!({"event": "snapshot_begin", "replid": REPLID, "offset": 1000}));
    assert_eq!(events[2], json!({"event": "snapshot", "bytes": 36, "offset": 1000, "db": 1, "keys": 0}));
    assert_eq!(events[3]["id"], format!("{REPLID}:1050"));
    let ran = run(&["tail", &address, "--from", "sync", "--count", "1", "--format", "json"]).ok();
    let events = ran.json();
    assert_eq!((&events[0]["method"], &events[0]["replid"]), (&json!("sync"), &json!(null)));
    assert_eq!((&events[3]["id"], &events[3]["offset"]), (&json!(null), &json!(50)));
    assert!(!ran.err.contains("resume with"), "{}", ran.err);
}

/// A full resynchronisation with five keys, in both framings, and one command after it.
pub(crate) fn with_keys() -> [Vec<u8>; 2] {
    let (snapshot, mark) = (small(), [b'm'; 40]);
    let head = format!("+FULLRESYNC {REPLID} 1000\r\n");
    let length = format!("${}\r\n", snapshot.len());
    let stream = commands(&["SELECT 3", "DEL z"]);
    [
        [head.as_bytes(), length.as_bytes(), &snapshot, &stream].concat(),
        [head.as_bytes(), b"$EOF:", &mark, b"\r\n", &snapshot, &mark, &stream].concat(),
    ]
}

#[test]
fn keys_come_before_the_writes_after_them() {
    for link in with_keys() {
        let address = scripted(vec![link.clone()]);
        let ran = run(&["tail", &address, "--from", "snapshot", "--count", "6", "--format", "json"]).ok();
        let names: Vec<_> = ran.json().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
        let expected = "attached snapshot_begin key key key key key function snapshot command";
        assert_eq!(names.join(" "), expected);
        assert_eq!(ran.json()[8]["keys"], 5);

        let address = scripted(vec![link.clone()]);
        let ran =
            run(&["tail", &address, "--from", "snapshot", "--count", "6", "--format", "resp", "--empty-target"]).ok();
        let keys = run_on(&["decode", "--format", "resp", "--empty-target"], &small()).ok();
        // The stream begins in the last database of the snapshot, so the output needs no SELECT of its own.
        assert_eq!(ran.out, [&keys.out[..], &commands(&["SELECT 3", "DEL z"])].concat());

        let address = scripted(vec![link.clone()]);
        let ran = run(&["tail", &address, "--from", "snapshot", "--count", "6"]).ok();
        let keys = run_on(&["decode"], &small()).ok();
        assert_eq!(ran.text(), format!("{}1043 [3] \"DEL\" \"z\"\n", keys.text()));

        let address = scripted(vec![link.clone()]);
        let ran = run(&["tail", &address, "--from", "snapshot", "--count", "2", "--format", "json"]).ok();
        assert_eq!(ran.json().last().unwrap()["key"], "l");
    }
}

#[test]
fn a_snapshot_of_a_server_ends_with_it() {
    for link in with_keys() {
        for arguments in [
            &["--format", "json"][..],
            &["--format", "json", "--elements"],
            &["--format", "resp", "--empty-target"],
            &[],
        ] {
            let ran = run(&[&["snapshot", &scripted(vec![link.clone()])], arguments].concat()).ok();
            let file = run_on(&[&["decode"], arguments].concat(), &small()).ok();
            let mut out = ran.text().to_owned();
            if arguments.contains(&"json") {
                // Lines around the keys that a file does not have.
                let lines: Vec<&str> = ran.text().lines().filter(|line| !line.contains("\"offset\":")).collect();
                out = lines.join("\n") + "\n";
                let end = file.text().lines().next_back().unwrap();
                assert_eq!(format!("{out}{end}\n"), file.text());
            } else {
                assert_eq!(out, file.text());
            }
            assert!(ran.err.contains(&format!(" --from {REPLID}:1000:?\n")), "{}", ran.err);
        }
    }
}

#[test]
fn a_snapshot_cut_at_any_byte_is_void() {
    for link in with_keys() {
        let end = link.len() - commands(&["SELECT 3", "DEL z"]).len();
        // Before the first byte of the snapshot there is nothing to declare void.
        let start = link.windows(5).position(|bytes| bytes == b"REDIS").unwrap();
        for cut in start..end {
            let address = scripted(vec![link[..cut].to_vec()]);
            let ran = run(&["snapshot", &address, "--format", "json"]);
            assert_eq!(ran.code, 1, "{cut}: {}", ran.err);
            assert!(ran.err.contains("broke off"), "{cut}: {}", ran.err);
            let lines = ran.json();
            let keys = lines.iter().filter(|line| line["event"] == "key").count();
            assert_eq!(lines.last(), Some(&json!({"event": "void", "of": "snapshot", "keys": keys})), "{cut}");
        }
    }
}

#[test]
fn a_second_snapshot_starts_anew() {
    // The first position can't be resumed: the history is another one.
    let [link, _] = with_keys();
    let other = String::from_utf8_lossy(&link).replace(REPLID, &REPLID.replace('a', "b"));
    let other = [other.as_bytes()[..56].to_vec(), link[56..].to_vec()].concat();
    let address = scripted(vec![link, other]);
    let arguments =
        ["tail", &address, "--from", "snapshot", "--on-gap", "snapshot", "--count", "12", "--format", "resp"];
    let refused = run(&arguments);
    assert_eq!((refused.code, refused.out.as_slice()), (2, b"".as_slice()));
    assert!(refused.err.contains("--format resp of a snapshot needs --empty-target"), "{}", refused.err);
    let ran = run(&[&arguments[..], &["--empty-target"]].concat()).ok();
    let keys = run_on(&["decode", "--format", "resp", "--empty-target"], &small()).ok();
    let after = commands(&["SELECT 3", "DEL z"]);
    // Nothing to replace: each snapshot is preceded by these two commands.
    assert!(keys.out.starts_with(&commands(&["FLUSHALL", "FUNCTION FLUSH", "SELECT 0", "SET s value", "RPUSH l a b"])));
    let again = keys.out.clone();
    assert_eq!(
        String::from_utf8_lossy(&ran.out),
        String::from_utf8_lossy(&[&keys.out[..], &after, &again, &after].concat()),
    );
    assert!(ran.err.contains("history lost"), "{}", ran.err);
}

#[test]
fn a_broken_snapshot_is_requested_again_by_a_run_that_survives() {
    let [link, _] = with_keys();
    let start = link.windows(5).position(|bytes| bytes == b"REDIS").unwrap();
    let broken = link[..start + 40].to_vec();
    let other = |link: &[u8]| {
        let head = String::from_utf8_lossy(&link[..56]).replace(REPLID, &REPLID.replace('a', "b"));
        [head.as_bytes(), &link[56..]].concat()
    };
    // The history is lost at a reconnect, and the snapshot after it breaks off twice.
    let links = vec![link.clone(), other(&broken), other(&broken[..start]), other(&link)];
    for survive in [&["--reconnect", "forever"][..], &["--reconnect", "5"], &[]] {
        let address = scripted(links.clone());
        let arguments = ["tail", &address, "--from", "snapshot", "--on-gap", "snapshot", "--format", "json"];
        let ran = run(&[&arguments[..], &["--count", "13"], survive].concat()).ok();
        let lines = ran.json();
        let kinds = |kind: &str| lines.iter().filter(|line| line["event"] == kind).count();
        assert_eq!((kinds("attached"), kinds("snapshot"), kinds("gap")), (4, 2, 1), "{lines:?}");
        let void: Vec<_> = lines.iter().filter(|line| line["event"] == "void").map(|line| &line["keys"]).collect();
        assert_eq!(void, [1, 0], "{lines:?}");
        assert_eq!(ran.err.matches("trying again in").count(), 3, "{}", ran.err);
    }
    // The first snapshot is requested again only with --reconnect.
    let address = scripted(vec![broken.clone()]);
    let ran = run(&["tail", &address, "--from", "snapshot"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("broke off after 39 bytes"), "{}", ran.err);
    assert!(ran.err.contains("--reconnect forever") && !ran.err.contains("retry_snapshot"), "{}", ran.err);
    let address = scripted(vec![broken, link]);
    run(&["tail", &address, "--from", "snapshot", "--reconnect", "forever", "--count", "5"]).ok();
}

#[test]
fn a_refusal_at_a_reconnect_is_told_and_tried_again() {
    let [link, _] = with_keys();
    for (refusal, told) in [
        (&b"-NOAUTH Authentication required.\r\n"[..], "NOAUTH Authentication required."),
        (b"-DENIED Redis is running in protected mode\r\n", "DENIED Redis is running in protected mode"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "an HTTP server answers: \"HTTP/1.1 400 Bad Request\"; in the handshake"),
    ] {
        for reconnect in [&["--reconnect", "forever"][..], &[], &["--reconnect", "7"]] {
            let address = refusing(link.clone(), refusal);
            let mut tool = Running::start(&[&["tail", &address, "--from", "snapshot"][..], reconnect].concat());
            let err = BufReader::new(tool.child.stderr.take().unwrap());
            let told = err.lines().map(Result::unwrap).find(|line| line.contains(told)).unwrap();
            if reconnect.contains(&"7") {
                assert!(!told.contains("trying again"), "{told}");
                assert_eq!(tool.child.wait().unwrap().code(), Some(1), "{told}");
                continue;
            }
            assert!(told.ends_with("; trying again in 10000 ms"), "{told}");
            let pid = tool.child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
            assert_eq!(tool.child.wait().unwrap().code(), Some(0), "{told}");
        }
    }
}

/// A primary that sends `link` to its first follower, and `refusal` to all that connect after it.
fn refusing(link: Vec<u8>, refusal: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        answer_until_psync(&mut first);
        first.write_all(&link).unwrap();
        close(first);
        for mut later in listener.incoming().flatten() {
            later.write_all(refusal).unwrap();
            close(later);
        }
    });
    address
}

#[test]
fn a_link_cut_anywhere_changes_nothing_in_resp() {
    let stream = stream();
    let expected = [commands(&["SELECT 1"]), stream.clone()].concat();
    // The first connection has the reply line, snapshot and stream; the next ones have +CONTINUE and the rest.
    let interesting = [300, 350, 400, 430, 460, 500, 700, 50_000, 90_000, 100_380, 100_400, 100_420];
    for cut in interesting {
        let primary = primary(
            &stream,
            playback! { cuts: vec![Cut::AnswerBytes(cut), Cut::AnswerBytes(60), Cut::AnswerBytes(200)] },
        );
        let ran = run(&["tail", &primary.address().to_string(), "--until", &end(&stream), "--format", "resp"]);
        assert_eq!(ran.code, 0, "{cut}: {}", ran.err);
        let out = ran.out.strip_prefix(commands(&["SELECT 1"]).as_slice()).unwrap_or(&ran.out);
        assert!(out == stream || ran.out == expected, "{cut}: {}", String::from_utf8_lossy(&ran.out[..200]));
    }
}

#[test]
fn a_cut_is_told_once_and_repeats_only_what_is_void() {
    let stream = stream();
    let primary = primary(&stream, playback! { cuts: vec![Cut::AnswerBytes(50_000)] });
    let ran =
        run(&["tail", &primary.address().to_string(), "--count", "4", "--format", "json", "--max-arg", "1000"]).ok();
    let names: Vec<_> = ran.json().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        [
            "attached",
            "command",
            "multi",
            "command",
            "void",
            "disconnected",
            "attached",
            "multi",
            "command",
            "command",
            "exec",
            "command"
        ]
    );
    assert_eq!(ran.json()[5]["resume"], format!("{REPLID}:1050:2"));
    assert_eq!(ran.json()[6]["method"], "continued");
    assert_eq!(ran.err.lines().filter(|line| line.contains("trying again")).count(), 1, "{}", ran.err);
}

/// A primary that sends given bytes over each connection, and closes it properly.
pub(crate) fn scripted(links: Vec<Vec<u8>>) -> String {
    scripted_with(links, "")
}

/// A primary with this text of INFO, if any.
fn scripted_with(links: Vec<Vec<u8>>, info: &str) -> String {
    let info = info.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for bytes in links {
            let (mut link, _) = listener.accept().unwrap();
            answer_with(&mut link, &info);
            link.write_all(&bytes).unwrap();
            close(link);
        }
    });
    address
}

/// A server that is newer than redtail: it is named, and followed.
#[test]
fn a_server_of_a_later_release_is_named() {
    let [link, _] = with_keys();
    for (version, named) in
        [("8.10.2", "8.10.2"), ("8.999.0", "8.999.0, newer than any release that redtail was tested with")]
    {
        let info = format!("redis_version:{version}\r\nrole:master\r\nfield_of_the_future:a:b\r\nno colon\r\n");
        for format in ["text", "json"] {
            let address = scripted_with(vec![link.clone()], &info);
            let ran = run(&["tail", &address, "--from", "snapshot", "--count", "6", "--format", format]).ok();
            let line = match format {
                "text" => format!("attached to {address} (redis {named}, master) at"),
                _ => "the server (redis 8.999.0) is newer than any release that redtail was tested with".to_owned(),
            };
            assert_eq!(
                ran.err.matches(&line).count(),
                usize::from(format == "text" || version != "8.10.2"),
                "{}",
                ran.err
            );
            assert_eq!(ran.err.contains("newer"), version != "8.10.2", "{}", ran.err);
        }
    }
}

/// Closing with unread bytes, such as an acknowledgement, would reset the connection and drop unsent bytes.
pub(crate) fn close(mut link: TcpStream) {
    let _ = link.shutdown(Shutdown::Write);
    let _ = std::io::copy(&mut link, &mut std::io::sink());
}

pub(crate) fn answer_until_psync(link: &mut TcpStream) {
    answer_with(link, "");
}

pub(crate) fn answer_with(link: &mut TcpStream, info: &str) {
    // A follower sends one command at a time, so that one read is one command.
    let mut question = [0; 4096];
    loop {
        let length = link.read(&mut question).unwrap();
        if question[..length].windows(5).any(|word| word == b"PSYNC") {
            return;
        }
        let is_info = question[..length].windows(4).any(|word| word == b"INFO") && !info.is_empty();
        let reply = if is_info { format!("${}\r\n{info}\r\n", info.len()) } else { "+OK\r\n".to_owned() };
        link.write_all(reply.as_bytes()).unwrap();
    }
}

/// A primary that accepts a resume, sends pieces with pauses between, and is silent then.
fn slow(pieces: Vec<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        answer_until_psync(&mut link);
        link.write_all(format!("+CONTINUE {REPLID}\r\n").as_bytes()).unwrap();
        for piece in pieces {
            link.write_all(&piece).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        let _ = std::io::copy(&mut link, &mut std::io::sink());
    });
    address
}

#[test]
fn a_heartbeat_does_not_break_into_a_large_command() {
    let large = command(&[b"SET", b"k", &vec![b'x'; 100_000], b"NX"]);
    let address = slow(vec![large[..50_000].to_vec(), large[50_000..].to_vec()]);
    let from = format!("{REPLID}:1000:0");
    let ran = run(&[
        "tail",
        &address,
        "--from",
        &from,
        "--format",
        "json",
        "--max-arg",
        "2000",
        "--heartbeat",
        "0.05",
        "--count",
        "1",
    ])
    .ok();
    let events = ran.json();
    let commands: Vec<_> = events.iter().filter(|event| event["event"] == "command").collect();
    assert_eq!(commands.len(), 1, "{events:?}");
    assert_eq!(commands[0]["args"], json!(["SET", "k", {"omitted": 100_000}, "NX"]));
    assert!(!events.iter().any(|event| event["event"] == "void"), "{events:?}");
}

#[test]
fn what_could_not_be_written_is_not_what_to_resume_after() {
    // The first command has an unknown database: it was not printed, so the next run resumes before it.
    let address = slow(vec![commands(&["SET k v", "SELECT 1", "SET k w"])]);
    let from = format!("{REPLID}:1000:?");
    let ran = run(&["tail", &address, "--from", &from, "--format", "resp"]);
    assert_eq!((ran.code, ran.text()), (1, ""));
    assert!(
        ran.err.contains("--assume-db") && ran.err.contains(&format!("resume with --from {from}\n")),
        "{}",
        ran.err
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_resumed_from_what_is_on_it() {
    let address = slow(vec![commands(&["SET k v"]).repeat(10)]);
    let from = format!("{REPLID}:1000:0");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = redtail(&["tail", &address, "--from", &from]).stdout(full).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("can't write") && err.contains(&format!("resume with --from {from}\n")), "{err}");
}

#[test]
fn without_reconnection_a_refused_connect_names_the_server() {
    let refusing = Refusing::new();
    let address = refusing.address.to_string();
    let ran = run(&["tail", &address, "--reconnect", "never"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains(&address) && ran.err.lines().count() == 1, "{}", ran.err);
}

#[test]
fn a_promotion_inside_a_transaction_takes_it_back() {
    let first = [format!("+CONTINUE {REPLID}\r\n").into_bytes(), commands(&["SELECT 2", "SET k v", "MULTI", "INCR n"])]
        .concat();
    let promoted = "f".repeat(40);
    let second = [format!("+CONTINUE {promoted}\r\n").into_bytes(), commands(&["SELECT 2", "SET k w"])].concat();
    let position = format!("{REPLID}:1000:0");
    let arguments = |address: &str, format: &str| {
        ["tail", address, "--from", &position, "--format", format, "--count", "2"].map(str::to_owned)
    };
    let address = scripted(vec![first.clone(), second.clone()]);
    let ran = run(&arguments(&address, "resp").each_ref().map(String::as_str)).ok();
    let expected = ["SELECT 2", "SET k v", "MULTI", "INCR n", "DISCARD", "SELECT 2", "SET k w"];
    assert_eq!(String::from_utf8(ran.out), String::from_utf8(commands(&expected)));
    assert!(ran.err.ends_with(&format!("resume with --from {promoted}:1100:2:{REPLID}\n")), "{}", ran.err);

    let address = scripted(vec![first, second]);
    let ran = run(&arguments(&address, "json").each_ref().map(String::as_str)).ok();
    let attached: Vec<_> = ran.json().into_iter().filter(|event| event["event"] == "attached").collect();
    assert_eq!((&attached[1]["replid"], &attached[1]["history"]), (&json!(promoted), &json!(REPLID)));
    assert_eq!(ran.json().last().unwrap()["id"], format!("{REPLID}:1100"));
}

#[test]
fn a_large_value_torn_by_a_promotion_can_not_be_mended() {
    let large = command(&[b"SET", b"k", &vec![b'x'; 100_000]]);
    let first = [format!("+CONTINUE {REPLID}\r\n").as_bytes(), &large[..90_000]].concat();
    let second =
        [format!("+CONTINUE {}\r\n", "f".repeat(40)).into_bytes(), commands(&["SELECT 2", "SET k w"])].concat();
    let address = scripted(vec![first, second]);
    let ran = run(&["tail", &address, "--from", &format!("{REPLID}:1000:0"), "--format", "resp", "--count", "1"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("ends inside that command"), "{}", ran.err);
    assert!(ran.err.contains(&format!("resume with --from {REPLID}:1000:0\n")), "{}", ran.err);
}

#[test]
fn without_reconnection_a_closed_link_is_a_failure() {
    let address = scripted(vec![[format!("+CONTINUE {REPLID}\r\n").into_bytes(), commands(&["SET k v"])].concat()]);
    let ran = run(&["tail", &address, "--from", &format!("{REPLID}:1000:0"), "--reconnect", "never"]);
    assert_eq!((ran.code, ran.text()), (1, "1027 [0] \"SET\" \"k\" \"v\"\n"));
    assert!(ran.err.contains("closed the connection") && ran.err.contains(&format!("{REPLID}:1027:0")), "{}", ran.err);
}

#[test]
fn without_reconnection_a_reset_link_is_a_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let peer = std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        answer_until_psync(&mut link);
        link.write_all(format!("+CONTINUE {REPLID}\r\n").as_bytes()).unwrap();
        // An unread acknowledgement turns the close into a reset.
        link.peek(&mut [0]).unwrap();
    });
    let ran = run(&["tail", &address, "--from", &format!("{REPLID}:1000:0"), "--reconnect", "never"]);
    peer.join().unwrap();
    assert_eq!((ran.code, ran.text()), (1, ""));
    assert!(
        ran.err.contains("the connection failed: ") && ran.err.contains(&format!("{REPLID}:1000:0")),
        "{}",
        ran.err
    );
}

#[test]
fn passwords_come_from_a_file_the_environment_or_the_url() {
    let primary = primary(&stream(), playback! { password: Some(b"p w%".to_vec()) });
    let address = primary.address().to_string();
    let file = std::env::temp_dir().join(format!("redtail-test-{}", std::process::id()));
    fs::write(&file, "p w%\n").unwrap();
    run(&["tail", &address, "--count", "1", "--password-file", file.to_str().unwrap()]).ok();
    run(&["tail", &address, "--count", "1", "--user", "default", "--password-file", file.to_str().unwrap()]).ok();
    fs::remove_file(&file).unwrap();
    run(&["tail", &format!("redis://:p%20w%25@{address}"), "--count", "1"]).ok();
    for name in ["REDTAIL_PASSWORD", "REDISCLI_AUTH"] {
        let output = redtail(&["tail", &address, "--count", "1"]).env(name, "p w%").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}");
    }
    for target in [address.clone(), format!("redis://:wrong@{address}")] {
        let ran = run(&["tail", &target]);
        assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{}", ran.err);
        assert!(ran.err.contains("AUTH") || ran.err.contains("password"), "{}", ran.err);
    }
}

#[test]
fn a_heartbeat_tells_the_position_while_nothing_comes() {
    let stream = commands(&["SELECT 2", "SET k v"]);
    let primary = primary(&stream, Playback::default());
    let mut tool = Running::start(&["tail", &primary.address().to_string(), "--format", "json", "--heartbeat", "0.05"]);
    let position = loop {
        let line: serde_json::Value = serde_json::from_str(&tool.line()).unwrap();
        // On a slow machine heartbeats precede the attach, or the command.
        let is_early = line["position"].is_null() || line["position"] == format!("{REPLID}:1000:1");
        if line["event"] == "position" && !is_early {
            break line["position"].clone();
        }
    };
    assert_eq!(position, format!("{REPLID}:1050:2"));
    tool.end();
}

#[cfg(unix)]
#[test]
fn signals_end_it_with_the_position_to_resume_from() {
    for signal in ["-INT", "-TERM"] {
        let stream = commands(&["SELECT 2", "SET k v"]);
        let primary = primary(&stream, Playback::default());
        let mut tool = Running::start(&["tail", &primary.address().to_string()]);
        assert_eq!(tool.line(), "1050 [2] \"SET\" \"k\" \"v\"\n");
        assert!(Command::new("kill").args([signal, &tool.child.id().to_string()]).status().unwrap().success());
        let (code, err) = tool.finish();
        assert_eq!(code, Some(0), "{err}");
        assert!(err.ends_with(&format!("resume with --from {REPLID}:1050:2\n")), "{err}");
    }
}

#[test]
fn reconnection_can_be_limited() {
    let stream = commands(&["SELECT 2", "SET k v"]);
    let primary = primary(&stream, playback! { cuts: vec![Cut::AnswerBytes(10_000), Cut::AnswerBytes(0)] });
    let address = primary.address().to_string();
    let mut tool = Running::start(&["tail", &address, "--reconnect", "2"]);
    assert_eq!(tool.line(), "1050 [2] \"SET\" \"k\" \"v\"\n");
    drop(primary);
    let (code, err) = tool.finish();
    assert_eq!(code, Some(1), "{err}");
    // The first attempt, and each message about a connection, names the server.
    let named: Vec<&str> = err.lines().filter(|line| line.contains("trying again")).collect();
    assert!(named.len() == 2 && named.iter().all(|line| line.contains(&format!("redtail: {address}: "))), "{err}");
    assert!(err.contains(&format!("{address}: Connection refused (os error 111)")), "{err}");
    assert!(err.contains(&format!("resume with --from {REPLID}:1050:2")), "{err}");
}

#[test]
fn the_demonstration_ends_by_itself() {
    let ran = run(&[]).ok();
    assert!(ran.text().contains("\"SET\" \"shop:name\" \"Bluebird Books\""), "{}", ran.text());
    assert!(ran.text().contains("\"LPUSH\" \"log\" \"closed for today\""), "{}", ran.text());
    assert!(ran.text().contains("redtail tail"), "{}", ran.text());
    assert!(!ran.text().contains('\x1b'), "colours are for terminals");
    assert!(ran.text().lines().all(|line| line.chars().count() <= 80), "{}", ran.text());
    assert_eq!(ran.err, "");
}

/// The tool while it runs; killed if a test fails.
struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = redtail(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "it ended");
        line
    }

    fn finish(mut self) -> (Option<i32>, String) {
        let stderr = self.child.stderr.take().unwrap();
        let err = std::io::read_to_string(stderr).unwrap();
        (self.child.wait().unwrap().code(), err)
    }

    fn end(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Programs that are no server of Redis or Valkey, on a plain port and on one with TLS.
#[test]
fn the_answer_of_another_program_is_quoted() {
    for (answer, plain, tls) in [
        (
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
            "an HTTP server answers: \"HTTP/1.1 400 Bad Request\"",
            true,
        ),
        ("SSH-2.0-OpenSSH_9.2p1\r\n", "an SSH server answers: \"SSH-2.0-OpenSSH_9.2p1\"", true),
        ("220 mail.example.org ESMTP\r\n", "a mail or FTP server answers: \"220 mail.example.org ESMTP\"", true),
        ("ERROR\r\n", "a memcached server answers: \"ERROR\"", false),
        ("hello \u{1}\r\n", "something that is not Redis or Valkey answers: \"hello \\x01\"", false),
        ("-ERR unknown command\r\n", "ERR unknown command", false),
        ("-ERR unknown command\r\n", "a server answers: \"-ERR unknown command\"", true),
    ] {
        let answers = |arguments: &[&str]| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            let peer = std::thread::spawn(move || {
                let (mut link, _) = listener.accept().unwrap();
                let _ = link.read(&mut [0; 1024]);
                link.write_all(answer.as_bytes()).unwrap();
                close(link);
            });
            let ran = run(&[&["tail", &address, "--reconnect", "never"], arguments].concat());
            peer.join().unwrap();
            assert_eq!(ran.code, 1, "{}", ran.err);
            ran.err
        };
        let is_error = answer.starts_with('-');
        if !(is_error && tls) {
            let err = answers(&[]);
            assert!(err.contains(plain) && (is_error || err.contains("check host and port")), "{err}");
        }
        if cfg!(feature = "tls") && tls {
            let err = answers(&["--tls"]);
            assert!(err.contains("not TLS") && err.contains(plain) && err.contains("remove --tls"), "{err}");
        }
    }
}

/// The answers of a TLS port to a plain PING: an alert, or nothing.
#[test]
fn a_port_that_wants_tls_is_said_to() {
    for (answer, words) in [
        (&b"\x15\x03\x01\x00\x02\x02\x46"[..], "the server requires TLS: "),
        (b"", "the server closed the connection; if the server requires TLS, "),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let peer = std::thread::spawn(move || {
            let (mut link, _) = listener.accept().unwrap();
            let _ = link.read(&mut [0; 1024]);
            link.write_all(answer).unwrap();
            close(link);
        });
        let ran = run(&["tail", &address]);
        assert!(ran.code == 1 && ran.err.contains(words), "{}", ran.err);
        peer.join().unwrap();
    }
}

/// The files of a folder that are no certificates are passed over. If none is, the first of them says why.
#[cfg(feature = "tls")]
#[test]
fn a_folder_without_certificates_says_what_is_in_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = Folder::new("cacertdir");
    let tail = || run(&["tail", &address, "--tls", "--cacertdir", &folder.path(""), "--reconnect", "0"]);
    let empty = tail();
    assert!(
        empty.code == 1 && empty.err.contains("there is no certificate in it (PEM files are expected)\n"),
        "{}",
        empty.err
    );
    folder.write("notes.txt", "-----BEGIN CERTIFICATE-----\nno base64!\n-----END CERTIFICATE-----\n");
    let broken = tail();
    let shown = format!("(PEM files are expected); {}: not PEM: ", folder.path("notes.txt"));
    assert!(broken.code == 1 && broken.err.contains(&shown), "{}", broken.err);
}

/// Pipes receive escapes, whatever the locale. A terminal with UTF-8 shows it; an option decides otherwise.
#[cfg(target_os = "linux")]
#[test]
fn utf8_is_shown_on_terminals_and_escaped_in_pipes() {
    let stream = commands(&["SET grüße 日本語"]);
    let escaped = r#""SET" "gr\xc3\xbc\xc3\x9fe" "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e""#;
    let shown = r#""SET" "grüße" "日本語""#;
    let decoded = |arguments: &[&str]| {
        let ran = run_on(&[&["decode"], arguments].concat(), &stream).ok();
        ran.text().to_owned()
    };
    assert!(decoded(&[]).contains(escaped) && decoded(&["--raw", "--no-raw"]).contains(escaped));
    assert!(decoded(&["--raw"]).contains(shown) && decoded(&["--max-arg", "1000000", "--raw"]).contains(shown));
    // The last arguments arrive in parts, and the key of a payload and of a snapshot has the same form.
    let large = [commands(&["SELECT 0"]), command(&[b"SET", "ü".as_bytes(), &vec![b'x'; 100_000]])].concat();
    let ran = run_on(&["decode", "--raw", "--max-arg", "10"], &large).ok();
    assert!(ran.text().contains("\"ü\" (omitted 100000 bytes)"), "{}", ran.text());
    let mut dump = b"REDIS0010\xfe\x00\x00\x03k\xc3\xbc\x02\xc3\xb6\xff".to_vec();
    dump.extend_from_slice(&[0; 8]);
    let ran = run_on(&["decode", "--raw"], &dump).ok();
    assert!(ran.text().contains("\"kü\" string \"ö\""), "{}", ran.text());

    let folder = crate::folder::Folder::new("utf8");
    folder.write("stream", &stream);
    let in_terminal = |locale: &str, option: &str| {
        let (tool, file) = (env!("CARGO_BIN_EXE_redtail"), folder.path("stream"));
        let line = format!("LC_ALL={locale} NO_COLOR=1 exec '{tool}' decode '{file}' {option}");
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm-256color").stdin(Stdio::null());
        String::from_utf8(script.output().expect("script, of util-linux, makes a terminal").stdout).unwrap()
    };
    assert!(in_terminal("C.UTF-8", "").contains(shown), "{}", in_terminal("C.UTF-8", ""));
    assert!(in_terminal("C", "").contains(escaped) && in_terminal("C.UTF-8", "--no-raw").contains(escaped));
    assert!(in_terminal("C", "--raw").contains(shown));
}

/// The password is typed once the terminal no longer shows what is typed.
#[cfg(target_os = "linux")]
#[test]
fn a_password_is_typed_without_an_echo() {
    let mut play = Playback::default();
    play.password = Some(b"secret".to_vec());
    let primary = primary(&stream(), play);
    let tail = format!("tail {} --ask-password --count 1", primary.address());
    let line = format!("tty; exec '{}' {tail}", env!("CARGO_BIN_EXE_redtail"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env("TERM", "dumb").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().expect("script, of util-linux, makes a terminal");
    let mut screen = BufReader::new(child.stdout.take().unwrap());
    let mut terminal = String::new();
    screen.read_line(&mut terminal).unwrap();
    crate::nodes::eventually("the terminal shows nothing that is typed", || {
        let state = Command::new("stty").args(["-a", "-F", terminal.trim_end()]).output().unwrap();
        String::from_utf8_lossy(&state.stdout).contains(" -echo ")
    });
    child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    let mut rest = String::new();
    screen.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
    assert!(rest.contains(&format!("Password of {}: ", primary.address())) && rest.contains("\"SET\" \"k\""), "{rest}");
    assert!(!rest.contains("secret"), "{rest}");
}

//! `redtail tail` at a terminal and in programs.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use serde_json::{Value as Json, json};

use crate::client::{Command, command};
use crate::copy::count;
use crate::help::eventually;
use crate::refusing::Refusing;
use crate::server::{Kind, Server};
use crate::tool::{Tool, redtail};
use crate::workload::parse;

/// The tool's form of arguments, converted back to bytes.
fn bytes(args: &Json) -> Command {
    let decode = |arg: &Json| match arg.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => {
            let text = arg["base64"].as_str().unwrap_or_else(|| panic!("neither text nor base64: {arg}"));
            base64::engine::general_purpose::STANDARD.decode(text).expect("valid base64")
        }
    };
    args.as_array().expect("a list of arguments").iter().map(decode).collect()
}

/// Commands that are replicated unchanged.
const VERBATIM: &str = r#"
SET plain v
SET "b:\r\n\x00k" "v\r\n\x00\xff"
SET b:ü€😀 é
SET "b:notutf8\xc3(" "\x80\x81"
SET "quotes \x22 and \x5c and \x7f" ""
RPUSH list "" "\r\n" "\n" "$-1\r\n" "*-1\r\n"
HSET hash "" "" "\r\n" "\x00"
SADD set 1
ZADD sorted 1.5 a inf b
APPEND plain "\xe2\x82"
PUBLISH channel hello
"#;

#[test]
#[ignore = "needs real servers: tests/run"]
fn json_has_every_command_as_the_client_sent_it() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let mut tool = Tool::start(&["tail", &server.address(), "--format", "json"]);
        let attached = tool.event_named("attached");
        let (name, version) = kind.version();
        let method = if kind == Kind::Redis62 { "info" } else { "filtered" };
        assert_eq!((&attached["method"], &attached["role"]), (&json!(method), &json!("master")));
        assert_eq!((&attached["target"], &attached["offset"]), (&json!(server.address()), &json!(server.offset())));
        assert_eq!((&attached["replid"], &attached["history"]), (&json!(server.replid()), &json!(server.replid())));
        let family = name.trim_end_matches("_version");
        assert!(
            attached["server"].as_str().is_some_and(|it| it.starts_with(&format!("{family} {version}"))),
            "{attached}"
        );

        let mut client = server.client();
        client.call(&["SELECT", "9"]);
        let mut commands = parse(VERBATIM);
        commands.push(command(&["SET", "long", &"long ".repeat(100_000)]));
        for sent in &commands {
            client.call(sent);
            let event = tool.event_named("command");
            let offset = server.offset();
            assert_eq!(bytes(&event["args"]), *sent, "{kind:?}");
            let expected = json!([9, false, offset, format!("{}:{offset}", server.replid())]);
            assert_eq!(json!([event["db"], event["tx"], event["offset"], event["id"]]), expected, "{kind:?}");
            assert_eq!(event["tx_id"], Json::Null);
        }
        let block = ["MULTI", "SET in 1", "SET in 2", "EXEC"].map(|line| parse(line).remove(0));
        client.pipeline(&block);
        let multi = tool.event_named("multi");
        for number in ["1", "2"] {
            let event = tool.event_named("command");
            assert_eq!((&event["tx"], &event["tx_id"]), (&json!(true), &multi["offset"]));
            assert_eq!((&event["args"], &event["db"]), (&json!(["SET", "in", number]), &json!(9)));
        }
        let exec = tool.event_named("exec");
        assert_eq!((&exec["offset"], &exec["db"]), (&json!(server.offset()), &json!(9)), "{kind:?}");
        tool.signal("TERM");
        assert!(tool.wait().success());
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn each_end_has_its_exit_code() {
    for kind in Kind::ALL {
        let mut server = Server::start(kind);
        server.make_backlog();
        let mut tool = Tool::start(&["tail", &server.address(), "--count", "2"]);
        tool.says("attached to");
        count(&server, "k", 0..3);
        assert_eq!(tool.wait().code(), Some(0), "{}", tool.errors());
        let lines = String::from_utf8(tool.rest()).expect("text");
        let ends: Vec<_> = lines.lines().map(|line| line.split_once(' ').expect("an offset first").1).collect();
        assert_eq!(ends, [r#"[0] "SET" "k0" "0""#, r#"[0] "SET" "k1" "1""#], "{kind:?}");
        let position = tool.resume();

        // From exactly there.
        let end = server.offset().to_string();
        let ran = Tool::run(&["tail", &server.address(), "--from", &position, "--until", &end], b"");
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        assert!(ran.stdout.ends_with(b"[0] \"SET\" \"k2\" \"2\"\n"), "{ran:?}");
        assert_eq!(ran.stdout.iter().filter(|&&byte| byte == b'\n').count(), 1, "{ran:?}");

        let ran = Tool::run(&["tail", &server.address(), "--from", "nowhere"], b"");
        assert_eq!(ran.status.code(), Some(2), "{ran:?}");

        server.kill();
        let ran = Tool::run(&["tail", &server.address()], b"");
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains("refused"), "{ran:?}");

        server.start_again();
        let ran = Tool::run(&["tail", &server.address(), "--from", &position], b"");
        assert_eq!(ran.status.code(), Some(4), "{kind:?}: {ran:?}");
        let words = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(words.contains("history lost") && words.contains("--on-gap"), "{words}");
    }
}

/// The keys of the final commands of one run: those of a transaction once its EXEC has arrived.
fn keys_of(lines: &[u8]) -> Vec<u32> {
    let (mut keys, mut open) = (Vec::new(), Vec::new());
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let event: Json = serde_json::from_slice(line).expect("JSON");
        match event["event"].as_str() {
            Some("command") => {
                let key = event["args"][1].as_str().expect("a key").parse().expect("a number");
                if event["tx"] == true { open.push(key) } else { keys.push(key) }
            }
            Some("exec") => keys.append(&mut open),
            _ => {}
        }
    }
    keys
}

/// Under constant writes the tool is ended and restarted repeatedly: together the runs have everything, once.
#[test]
#[ignore = "needs real servers: tests/run"]
fn runs_that_are_interrupted_add_up() {
    for (kind, signal) in [(Kind::Redis62, "INT"), (Kind::Redis82, "TERM"), (Kind::Valkey91, "INT")] {
        let server = Server::start_with(kind, &["--repl-backlog-size", "100mb"]);
        server.make_backlog();
        let mut tool = Tool::start(&["tail", &server.address(), "--format", "json"]);
        tool.event_named("attached");
        let mut told = Vec::new();
        let (mut keys, enough) = (0, AtomicBool::new(false));
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut client = server.client();
                // Also reached by a failing test.
                for round in 0..100_000 {
                    if enough.load(Ordering::Acquire) {
                        return 3 * round;
                    }
                    let set = |n: u32| command(&["SET", &(3 * round + n).to_string(), "x"]);
                    let block = [set(0), command(&["MULTI"]), set(1), set(2), command(&["EXEC"])];
                    client.pipeline(&block);
                }
                unreachable!("the runs took too long")
            });
            for run in 0..10 {
                let mut lines = tool.until(b"\"command\"");
                tool.signal(signal);
                lines.extend(tool.rest());
                assert!(tool.wait().success(), "{}", tool.errors());
                told.extend(keys_of(&lines));
                let position = tool.resume();
                let args = ["tail", &server.address(), "--format", "json", "--from", &position];
                tool = Tool::start(&args);
                assert_eq!(tool.event_named("attached")["method"], "continued", "run {run}");
            }
            enough.store(true, Ordering::Release);
            keys = writer.join().expect("the writer did not panic");
        });
        server.call(&["SET", &keys.to_string(), "the last"]);
        let rest = tool.until(b"the last");
        tool.signal(signal);
        assert!(tool.wait().success(), "{}", tool.errors());
        told.extend(keys_of(&rest));
        assert!(told.iter().copied().eq(0..=keys), "{kind:?}: {} of {keys}, and the last", told.len());
    }
}

/// The PINGs of the primary advance the position, and a heartbeat reports it.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_heartbeat_tells_how_far_the_silence_goes() {
    let server = Server::start_with(Kind::Valkey81, &["--repl-ping-replica-period", "1"]);
    let mut tool = Tool::start(&["tail", &server.address(), "--format", "json", "--heartbeat", "0.3"]);
    let attached = tool.event_named("attached");
    let from = attached["offset"].as_u64().expect("an offset");
    loop {
        let event = tool.event_named("position");
        let position = event["position"].as_str().expect("a position");
        // The PINGs change no data: the last field is the offset before them.
        let [replid, offset, _db, ..] = position.split(':').collect::<Vec<_>>()[..] else { panic!("{position}") };
        assert_eq!(replid, server.replid());
        let passed = offset.parse::<u64>().expect("an offset") - from;
        // The first item in the stream is a PING, or the SELECT of the next command.
        assert_eq!(passed % 14, 0, "{position}");
        if passed >= 28 {
            break;
        }
    }
    tool.signal("INT");
    assert!(tool.wait().success());
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_transaction_is_not_cut_in_two_by_a_count() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let mut tool = Tool::start(&["tail", &server.address(), "--count", "1", "--format", "json"]);
        tool.event_named("attached");
        let block =
            ["MULTI", "SET in 1", "SET in 2", "SET in 3", "EXEC", "SET out 1"].map(|line| parse(line).remove(0));
        server.client().pipeline(&block);
        assert!(tool.wait().success());
        let lines = String::from_utf8(tool.rest()).expect("text");
        assert_eq!(lines.matches("\"command\"").count(), 3, "{kind:?}: {lines}");
        assert!(lines.lines().last().is_some_and(|line| line.contains("\"exec\"")), "{kind:?}: {lines}");
        assert!(!lines.contains("\"out\""));
    }
}

/// `--all` omits no byte of the stream.
#[test]
#[ignore = "needs real servers: tests/run"]
fn all_shows_what_passes_beside_the_writes() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--repl-ping-replica-period", "1"]);
        server.make_backlog();
        let mut tool = Tool::start(&["tail", &server.address(), "--all", "--format", "json"]);
        tool.event_named("attached");
        let mut client = server.client();
        client.call(&["SELECT", "5"]);
        client.call(&["SET", "k", "1"]);
        client.call(&["WAIT", "1", "100"]);
        let mut wanted = vec!["SELECT", "SET", "REPLCONF", "PING"];
        while !wanted.is_empty() {
            let event = tool.event_named("command");
            let name = event["args"][0].as_str().expect("a name").to_uppercase();
            wanted.retain(|it| *it != name);
            if name == "SET" {
                assert_eq!(event["db"], 5);
            }
        }
        tool.signal("INT");
        assert!(tool.wait().success());
    }
}

/// Each source of credentials, and each kind of address.
#[test]
#[ignore = "needs real servers: tests/run"]
fn passwords_and_addresses_of_all_kinds() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start_with(kind, &["--requirepass", "p:w @%"]);
        server.make_backlog();
        server.call(&["ACL", "SETUSER", "cdc", "on", ">pw", "+psync", "+replconf", "+ping", "+info"]);
        let file = server.folder().join("password");
        std::fs::write(&file, "pw\n").expect("write the password file");
        let (address, file) = (server.address(), file.to_string_lossy().into_owned());
        let unix = format!("unix:{}", server.socket().display());
        let (by_url, user_in_url) = (format!("redis://:p%3Aw%20%40%25@{address}"), format!("redis://cdc:pw@{address}"));
        for (args, env) in [
            (vec!["tail", &address], Some("REDTAIL_PASSWORD")),
            (vec!["tail", &unix], Some("REDISCLI_AUTH")),
            (vec!["tail", &by_url], None),
            (vec!["tail", &user_in_url], None),
            (vec!["tail", &address, "--user", "cdc", "--password-file", &file], None),
        ] {
            let mut command = redtail(&args);
            command.args(["--count", "1"]);
            if let Some(name) = env {
                command.env(name, "p:w @%");
            }
            let mut tool = Tool::start_command(&mut command);
            tool.says("attached to");
            assert!(!tool.errors().contains("pw") && !tool.errors().contains("p:w"), "{}", tool.errors());
            server.call(&["SET", "k", "v"]);
            assert!(tool.wait().success(), "{kind:?} {args:?}: {}", tool.errors());
        }
        let ran = Tool::run(&["tail", &address], b"");
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert!(String::from_utf8_lossy(&ran.stderr).contains("password"), "{ran:?}");
    }
}

/// A server that is not up yet is waited for on request; each retry is a line.
#[test]
#[ignore = "needs real servers: tests/run"]
fn reconnection_is_told_line_by_line() {
    let mut server = Server::start_with(Kind::Redis70, &["--shutdown-timeout", "1"]);
    let mut tool = Tool::start(&["tail", &server.address(), "--reconnect", "forever", "--format", "json"]);
    tool.event_named("attached");
    server.call(&["SET", "k", "1"]);
    tool.event_named("command");
    server.shut_down("SAVE");
    let lost = tool.event_named("disconnected");
    assert!(lost["resume"].as_str().is_some_and(|position| position.split(':').nth(2) == Some("0")), "{lost}");
    eventually("three tries", || tool.errors().matches("trying again in").count() >= 3);
    server.start_again();
    assert_eq!(tool.event_named("attached")["method"], "continued");
    server.call(&["SET", "k", "2"]);
    assert_eq!(tool.event_named("command")["args"], json!(["SET", "k", "2"]));
    drop(tool);

    let refusing = Refusing::new();
    let nobody = refusing.address.to_string();
    let ran = Tool::run(&["tail", &nobody, "--reconnect", "2"], b"");
    assert_eq!(ran.status.code(), Some(1), "{ran:?}");
    assert_eq!(String::from_utf8_lossy(&ran.stderr).matches("trying again").count(), 2, "{ran:?}");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_start_with_a_snapshot_prints_it() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.call(&["SET", "old", "1"]);
        for (start, method) in [("snapshot", "full"), ("sync", "sync")] {
            let args = ["tail", &server.address(), "--from", start, "--format", "json"];
            let mut tool = Tool::start(&args);
            let attached = tool.event_named("attached");
            assert_eq!(attached["method"], method, "{kind:?}");
            tool.event_named("snapshot_begin");
            assert_eq!(tool.event_named("key")["value"], "1");
            let end = tool.event_named("snapshot");
            assert!(end["bytes"].as_u64().is_some_and(|bytes| bytes > 80), "{end}");
            server.call(&["SET", "new", "1"]);
            assert_eq!(tool.event_named("command")["args"], json!(["SET", "new", "1"]));
            tool.signal("INT");
            assert!(tool.wait().success(), "{}", tool.errors());
        }
    }
}

/// `| head`: the reader has enough. A supervisor can't tell that from a reader that has died.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_reader_that_has_enough_ends_it_with_a_message() {
    let server = Server::start(Kind::Redis70);
    let script = r#""$0" tail "$1" | head -n 1; echo "tail ended""#;
    let args = ["-c", script, env!("CARGO_BIN_EXE_redtail"), &server.address()];
    let mut shell = Tool::start_command(std::process::Command::new("sh").args(args));
    shell.says("attached to");
    let mut n = 0;
    eventually("the pipe ends", || {
        n += 1;
        count(&server, "k", n..n + 1);
        server.info("replication")["connected_slaves"] == "0"
    });
    let lines = String::from_utf8(shell.rest()).expect("text");
    assert!(lines.contains("\"SET\" \"k1\" \"1\"\n") && lines.ends_with("tail ended\n"), "{lines}");
    assert_eq!(lines.lines().count(), 2, "{lines}");
    shell.wait();
    assert!(
        shell.errors().ends_with("the reader of standard output has ended: its own messages say why\n"),
        "{}",
        shell.errors()
    );
}

//! The examples that feed a broker: killed, failing, and started again, they lose nothing, and what comes twice has the same id.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::client::command;
use crate::help::{eventually, free_port};
use crate::server::{Kind, Server};

/// A program of examples/deploy; killed when dropped.
struct Feed(Child);

impl Feed {
    fn start(program: &str, server: &Server, folder: &Path, args: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deploy").join(program);
        let state = folder.join("state");
        let mut feed = Command::new(python());
        feed.arg(program)
            .arg(server.address())
            .arg("--state")
            .arg(state)
            .args(["--redtail", env!("CARGO_BIN_EXE_redtail")]);
        Self(feed.args(args).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("start Python"))
    }

    fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("ask for its state").is_none()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn python() -> String {
    std::env::var("REDTAIL_PYTHON").unwrap_or_else(|_| "python3".into())
}

/// The written numbers that a message tells of, once for each id, in the order in which they came first.
fn first_seen(messages: impl IntoIterator<Item = (String, Value)>) -> (Vec<String>, usize) {
    let (mut ids, mut written, mut count) = (HashSet::new(), Vec::new(), 0);
    for (id, event) in messages {
        count += 1;
        assert_eq!(event["id"], id.as_str());
        if ids.insert(id) {
            let args: Vec<&str> =
                event["args"].as_array().expect("arguments").iter().filter_map(Value::as_str).collect();
            written.push(args.join(" "));
        }
    }
    (written, count)
}

/// Ten at once, and a transaction.
fn write(server: &Server, round: u32) -> Vec<String> {
    let plain: Vec<_> = (0..10).map(|n| format!("SET n {}", round * 10 + n)).collect();
    let inside = [format!("SET a {round}"), format!("SET b {round}")];
    let mut commands: Vec<_> = plain.iter().map(|line| command(&line.split(' ').collect::<Vec<_>>())).collect();
    commands.push(command(&["MULTI"]));
    commands.extend(inside.iter().map(|line| command(&line.split(' ').collect::<Vec<_>>())));
    commands.push(command(&["EXEC"]));
    assert!(server.client().pipeline(&commands).iter().all(|reply| !reply.is_error()));
    plain.into_iter().chain(inside).collect()
}

/// In the place of kcat: keeps what it is given, and each third time breaks off in the middle and fails.
const STUB: &str = r#"#!/bin/sh
cd "${0%/*}"
printf '%s ' "$@" >arguments
calls=$(($(cat calls 2>/dev/null || echo 0) + 1))
echo $calls >calls
if [ $((calls % 3)) = 0 ]; then head -n 3 >>messages; exit 1; fi
cat >>messages
"#;

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_feed_that_is_killed_and_refused_loses_nothing() {
    let server = Server::start(Kind::Redis82);
    server.make_backlog();
    let folder = server.folder().join("feed");
    fs::create_dir(&folder).expect("a folder");
    let kcat = folder.join("kcat");
    fs::write(&kcat, STUB).expect("write the stub");
    assert!(Command::new("chmod").arg("+x").arg(&kcat).status().is_ok_and(|status| status.success()));
    let args = ["--kcat", kcat.to_str().expect("a path"), "--brokers", "b:9", "--topic", "t", "-X", "a=b"];
    let start = || Feed::start("to_kafka.py", &server, &folder, &args);
    let mut feed = start();
    eventually("it has a position", || folder.join("state").exists());
    let mut expected = Vec::new();
    for round in 0..30 {
        expected.extend(write(&server, round));
        std::thread::sleep(Duration::from_millis(80));
        if round % 9 == 8 {
            feed = start_again(feed, &start);
        }
        if !feed.is_running() {
            feed = start();
        }
    }
    let messages = || {
        let text = fs::read_to_string(folder.join("messages")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once('\t'));
        let parsed = lines.filter_map(|(id, body)| Some((id.to_owned(), serde_json::from_str(body).ok()?)));
        first_seen(parsed.collect::<Vec<_>>())
    };
    eventually("everything has come", || {
        if !feed.is_running() {
            feed = start();
        }
        messages().0.len() >= expected.len()
    });
    let (written, count) = messages();
    assert_eq!(written, expected);
    assert!(count > written.len(), "nothing came twice, so nothing was shown");
    let used = fs::read_to_string(folder.join("arguments")).expect("its arguments");
    assert_eq!(used.trim(), r"-P -b b:9 -t t -K \t -X acks=all -X enable.idempotence=true -X a=b");
}

fn start_again(feed: Feed, start: &impl Fn() -> Feed) -> Feed {
    drop(feed);
    start()
}

/// Whether a program is there; says what is skipped if it is not.
fn is_there(program: &str, args: &[&str]) -> bool {
    let there = Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: there is no {program} {}", args.join(" "));
    }
    there
}

/// Writes a little, kills the feed, writes more, starts it again; gives what was written.
fn twice(server: &Server, start: impl Fn() -> Feed, state: PathBuf) -> Vec<String> {
    let feed = start();
    eventually("it has a position", || state.exists());
    let mut expected = Vec::new();
    for round in 0..20 {
        expected.extend(write(server, round));
    }
    drop(feed);
    expected.extend(write(server, 20));
    let before = fs::read_to_string(&state).expect("the position");
    let _feed = start();
    expected.extend(write(server, 21));
    let offset = |state: &str| state.split(':').nth(1).and_then(|offset| offset.parse::<u64>().ok()).unwrap_or(0);
    eventually("all is confirmed", || offset(&fs::read_to_string(&state).unwrap_or(before.clone())) >= server.offset());
    expected
}

/// librdkafka's own broker of one process, which kcat can be, where kcat is installed.
#[test]
#[ignore = "needs real servers: tests/run"]
fn kafka_has_every_write() {
    if !is_there("kcat", &["-V"]) {
        return;
    }
    let server = Server::start(Kind::Redis82);
    server.make_backlog();
    let mut broker = Command::new("kcat")
        .args(["-b", "127.0.0.1:1", "-X", "test.mock.num.brokers=1", "-d", "mock", "-P", "-t", "t"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start kcat");
    let mut log = BufReader::new(broker.stderr.take().expect("its standard error")).lines();
    let address =
        log.find_map(|line| Some(line.ok()?.split_once("bootstrap.servers=")?.1.to_owned())).expect("an address");
    // It would wait for a reader of what it says.
    std::thread::spawn(move || log.for_each(drop));
    let args = ["--brokers", &address, "--topic", "t", "-X", "partitioner=consistent"];
    let start = || Feed::start("to_kafka.py", &server, server.folder(), &args);
    let expected = twice(&server, start, server.folder().join("state"));
    let read = Command::new("kcat")
        .args(["-C", "-b", &address, "-t", "t", "-e", "-q", "-f", "%k\\t%s\\n"])
        .output()
        .expect("read the topic");
    broker.kill().and_then(|()| broker.wait()).expect("stop the broker");
    let text = String::from_utf8(read.stdout).expect("text");
    let messages = text.lines().filter_map(|line| line.split_once('\t'));
    let (mut written, _) =
        first_seen(messages.map(|(id, body)| (id.to_owned(), serde_json::from_str(body).expect("JSON"))));
    // It has four partitions, between which there is no order.
    let mut expected = expected;
    written.sort();
    expected.sort();
    assert_eq!(written, expected);
}

/// Makes the stream, or prints what is in it.
const NATS: &str = r#"
import asyncio, nats, sys
async def main():
    connection = await nats.connect(sys.argv[1])
    stream = connection.jetstream()
    if sys.argv[2] == "make":
        await stream.add_stream(name="writes", subjects=["redis.>"])
    else:
        messages = (await stream.stream_info("writes")).state.messages
        reader = await stream.subscribe("redis.>", ordered_consumer=True)
        for _ in range(messages):
            message = await reader.next_msg(timeout=10)
            print(message.headers["Nats-Msg-Id"], message.data.decode(), sep="\t")
    await connection.close()
asyncio.run(main())
"#;

#[test]
#[ignore = "needs real servers: tests/run"]
fn nats_has_every_write_once() {
    if !is_there("nats-server", &["--version"]) || !is_there(&python(), &["-c", "import nats"]) {
        return;
    }
    let server = Server::start(Kind::Redis82);
    server.make_backlog();
    let port = free_port().to_string();
    let mut broker = Command::new("nats-server")
        .args([
            "-js",
            "-a",
            "127.0.0.1",
            "-p",
            &port,
            "-sd",
            server.folder().join("jetstream").to_str().expect("a path"),
        ])
        .stderr(Stdio::null())
        .spawn()
        .expect("start nats-server");
    let url = format!("nats://127.0.0.1:{port}");
    let talk = |what: &str| Command::new(python()).args(["-c", NATS, &url, what]).output().expect("run Python");
    eventually("the stream is there", || talk("make").status.success());
    let args = ["--servers", &url, "--subject", "redis.writes"];
    let start = || Feed::start("to_nats.py", &server, server.folder(), &args);
    let expected = twice(&server, start, server.folder().join("state"));
    let text = String::from_utf8(talk("read").stdout).expect("text");
    broker.kill().and_then(|()| broker.wait()).expect("stop the broker");
    let messages = text.lines().filter_map(|line| line.split_once('\t'));
    let (written, count) =
        first_seen(messages.map(|(id, body)| (id.to_owned(), serde_json::from_str(body).expect("JSON"))));
    assert_eq!(written, expected);
    assert_eq!(count, written.len(), "JetStream keeps one of each id");
}

//! `--metrics`, `--status`, SIGUSR1, and the lines on standard error of a run that nobody sits at.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use redtail::replay::Cut;
use serde_json::{Value, json};

use crate::nodes::eventually;
use crate::run::{REPLID, commands, unstamped};
use crate::signals::{Feed, writing};
use crate::tail::primary;

/// The body of the answer to a request for this path.
fn get(address: &str, path: &str) -> (String, String) {
    let mut link = TcpStream::connect(address).unwrap();
    write!(link, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    link.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The metrics of a run, by name and labels.
fn metrics(feed: &Feed) -> BTreeMap<String, f64> {
    feed.says("metrics are at http://");
    let errors = feed.read("err");
    let address = errors.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
    let (head, body) = get(&address, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("application/openmetrics-text"), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    let (head, _) = get(&address, "/");
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.parse().unwrap()))
        .collect()
}

fn status(feed: &Feed) -> Value {
    serde_json::from_str(&feed.read("status")).unwrap()
}

#[test]
fn metrics_show_the_state_of_the_run() {
    let stream = commands(&["SELECT 2", "SET k v", "SET k w", "DEL k"]);
    let end = 1000 + stream.len();
    let primary = primary(&stream, playback! { cuts: vec![Cut::Offset(1050)] });
    let line = "exec $TOOL tail $AT --metrics 127.0.0.1:0 --command set --checkpoint position > out";
    let mut feed = Feed::start("metrics", &primary, line);
    eventually("everything is received", || {
        metrics(&feed).get("redtail_replication_offset_bytes") == Some(&(end as f64))
    });
    eventually("the lag is known, and the position saved", || {
        let metrics = metrics(&feed);
        metrics.contains_key("redtail_lag_bytes") && metrics.contains_key("redtail_checkpoint_timestamp_seconds")
    });
    let metrics = metrics(&feed);
    let expected = [
        ("redtail_attached", 1.0),
        ("redtail_lag_bytes", 0.0),
        ("redtail_events_total", 4.0),
        ("redtail_commands_total", 3.0),
        ("redtail_printed_total", 2.0),
        ("redtail_received_bytes_total", stream.len() as f64),
        ("redtail_reconnects_total", 1.0),
        ("redtail_gaps_total", 0.0),
        ("redtail_missed_bytes_total", 0.0),
        ("redtail_keys_total", 0.0),
        ("redtail_snapshot_active", 0.0),
        ("redtail_output_blocked_now_seconds", 0.0),
    ];
    for (name, value) in expected {
        assert_eq!(metrics.get(name), Some(&value), "{name}");
    }
    let begun = metrics["redtail_start_timestamp_seconds"];
    for name in ["attached_change", "last_write", "last_byte", "checkpoint"] {
        let at = metrics[&format!("redtail_{name}_timestamp_seconds")];
        assert!(at >= begun - 0.01, "{name}: {at}, and the run has begun at {begun}");
    }
    let address = primary.address();
    let info = format!("redtail_server_info{{address=\"{address}\",server=\"redis 7.0.15\",run_id=\"");
    let server = metrics.keys().find(|name| name.starts_with(&info)).unwrap_or_else(|| panic!("{metrics:?}"));
    assert!(server.ends_with(&format!("replid=\"{REPLID}\"}}")), "{server}");
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
}

#[test]
fn the_status_file_is_one_object_and_always_whole() {
    let primary = writing(Some(500));
    let mut feed = Feed::start("status", &primary, "exec $TOOL tail $AT --status status > out");
    // Also before the server has answered.
    eventually("the file is there", || !feed.read("status").is_empty());
    eventually("it is attached", || status(&feed)["streams"][0]["attached"] == true);
    let mut seen = 0;
    eventually("it is replaced as a whole", || {
        let commands = status(&feed)["streams"][0]["commands"].as_u64().unwrap();
        let is_more = commands > seen;
        seen = commands;
        is_more && commands > 1000
    });
    let shown = status(&feed);
    assert_eq!(
        shown["pid"],
        json!(feed.read("pid").trim().parse::<u32>().unwrap()),
        "a reader finds out whether the run still lives"
    );
    let written = shown["written_ms"].as_u64().unwrap();
    eventually("the time of writing advances", || status(&feed)["written_ms"].as_u64().unwrap() > written);
    let stream = &shown["streams"][0];
    assert_eq!(stream["address"], json!(primary.address().to_string()));
    assert_eq!((&stream["server"], &stream["replid"]), (&json!("redis 7.0.15"), &json!(REPLID)));
    assert_eq!((&stream["shard"], &stream["snapshot"], &stream["gaps"]), (&Value::Null, &Value::Null, &json!(0)));
    for field in ["since_s", "last_write_s", "last_byte_s"] {
        assert!(stream[field].as_f64().is_some(), "{field}: {stream}");
    }
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
    let last = status(&feed);
    let printed = feed.read("out").lines().count();
    assert_eq!(last["streams"][0]["printed"], json!(printed), "the file shows the end of the run");
}

#[test]
fn an_address_or_file_that_cannot_be_used_is_reported_first() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = taken.local_addr().unwrap().to_string();
    let ran = crate::run::run(&["tail", "127.0.0.1:1", "--metrics", &metrics]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains(&format!("can't listen on {metrics} for --metrics: ")), "{}", ran.err);
    let ran = crate::run::run(&["tail", "127.0.0.1:1", "--status", "/nowhere/status"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("can't write /nowhere/status for --status: No such file"), "{}", ran.err);
}

#[test]
fn sigusr1_prints_the_status_and_ends_nothing() {
    let primary = writing(Some(500));
    let mut feed = Feed::start("usr1", &primary, "exec $TOOL tail $AT > out");
    feed.goes_on("out");
    feed.signal("USR1");
    feed.says(&format!("status: attached to {} (redis 7.0.15) for ", primary.address()));
    feed.says(" commands, ");
    feed.says(" 0 gaps, 0 reconnects; waited ");
    feed.goes_on("out");
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
}

#[test]
fn a_line_has_a_time_and_a_level_where_no_terminal_is() {
    let stream = commands(&["SET k v", "SET k w"]);
    let primary = primary(&stream, playback! { cuts: vec![Cut::Offset(1010)] });
    let until = (1000 + stream.len()).to_string();
    for format in ["text", "json", "resp"] {
        let line = format!("exec $TOOL tail $AT --until {until} --format {format} > out");
        let mut feed = Feed::start("lines", &primary, &line);
        assert_eq!(feed.end().code(), Some(0));
        let errors = feed.read("err");
        for line in errors.lines() {
            assert!(unstamped(line).starts_with("redtail: ") && !line.contains(" error redtail: "), "{line}");
        }
    }
    let mut feed = Feed::start("failure", &primary, "exec $TOOL tail 127.0.0.1:1");
    assert_eq!(feed.end().code(), Some(1));
    let errors = feed.read("err");
    assert!(unstamped(&errors).starts_with("redtail: ") && errors.contains("Z error redtail: "), "{errors}");
}

/// journald has the time, and takes the level from the number.
#[test]
fn a_line_for_journald_begins_with_its_level() {
    let stream = commands(&["SET k v", "SET k w"]);
    let primary = primary(&stream, Default::default());
    let line = "export JOURNAL_STREAM=$(stat -L -c %d:%i err); exec $TOOL tail $AT --count 1 > out";
    let mut feed = Feed::start("journal", &primary, line);
    assert_eq!(feed.end().code(), Some(0));
    let errors = feed.read("err");
    assert!(errors.lines().all(|line| line.starts_with("<6>redtail: ")) && !errors.is_empty(), "{errors}");
    let line = "export JOURNAL_STREAM=$(stat -L -c %d:%i err); exec $TOOL tail 127.0.0.1:1";
    let mut feed = Feed::start("journal-failure", &primary, line);
    assert_eq!(feed.end().code(), Some(1));
    assert!(feed.read("err").starts_with("<3>redtail: "), "{}", feed.read("err"));
    // Another stream than the one that journald names.
    let mut feed = Feed::start("no-journal", &primary, "JOURNAL_STREAM=1:2 exec $TOOL tail $AT --count 1 > out");
    assert_eq!(feed.end().code(), Some(0));
    assert!(feed.read("err").lines().all(|line| unstamped(line).starts_with("redtail: ")), "{}", feed.read("err"));
}

#[test]
fn a_connection_that_is_back_is_reported_with_its_position() {
    let stream = commands(&["SET k v", "SET k w"]);
    let until = (1000 + stream.len()).to_string();
    let cut = 1000 + commands(&["SET k v"]).len() as u64;
    for format in ["text", "json", "resp"] {
        let primary = primary(&stream, playback! { cuts: vec![Cut::Offset(cut)] });
        let line = format!("exec $TOOL tail $AT --until {until} --format {format} > out");
        let mut feed = Feed::start("back", &primary, &line);
        assert_eq!(feed.end().code(), Some(0));
        let errors = feed.read("err");
        let expected =
            format!("redtail: attached again to {} (redis 7.0.15, master) at {REPLID}:{cut}:1\n", primary.address());
        assert!(errors.contains(&expected), "{format}: {errors}");
        assert_eq!(errors.matches("attached again").count(), 1, "{errors}");
    }
}

/// Passes one connection on to the server. The port stays bound, so that no other test takes it.
struct Relay {
    listener: TcpListener,
    link: Receiver<TcpStream>,
}

impl Relay {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let accepting = listener.try_clone().unwrap();
        let (sender, link) = channel();
        std::thread::spawn(move || {
            let (mut near, _) = accepting.accept().unwrap();
            let mut far = TcpStream::connect(server).unwrap();
            sender.send(near.try_clone().unwrap()).unwrap();
            let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            std::io::copy(&mut far, &mut near)
        });
        Self { listener, link }
    }

    /// Ends the connection. Later ones are accepted by the system, and never answered.
    fn cut(&self) {
        self.link.recv().unwrap().shutdown(Shutdown::Both).unwrap();
    }
}

#[test]
fn a_heartbeat_says_that_its_position_is_stale() {
    for (format, words) in [("text", "stale: not attached for "), ("json", "\"stale_ms\":")] {
        let primary = writing(Some(500));
        let relay = Relay::to(primary.address());
        let at = relay.listener.local_addr().unwrap();
        let line = format!("exec $TOOL tail {at} --heartbeat 0.05 --format {format} > out");
        let mut feed = Feed::start("stale", &primary, &line);
        // A heartbeat is printed before the first reply too: whoever loses that connection is not attached yet.
        eventually("commands arrive", || feed.read("out").contains("SET"));
        assert!(!feed.read("out").contains("stale") && !feed.read("err").contains("stale"));
        relay.cut();
        let shown = if format == "json" { "out" } else { "err" };
        eventually("a heartbeat is stale", || feed.read(shown).contains(words));
        feed.signal("TERM");
        assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
    }
}

#[test]
fn a_reader_that_does_not_read_is_reported() {
    let primary = writing(None);
    let mut feed = Feed::start("slow-reader", &primary, "mkfifo out; exec 3<> out; exec $TOOL tail $AT > out");
    eventually("the pipe is full", || feed.waits_in("pipe_write"));
    feed.says("warning redtail: the reader of standard output has not read for 10 s");
    let mut pipe = fs::File::open(feed.folder.0.join("out")).unwrap();
    std::thread::spawn(move || std::io::copy(&mut pipe, &mut std::io::sink()));
    feed.says("the reader of standard output reads again, after ");
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
}

/// The names that begin with `redtail_`.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("redtail_")).map(Into::into).collect()
}

/// An alert on a metric that does not exist never fires.
#[test]
fn alerts_dashboard_and_page_use_metrics_that_exist() {
    let primary = writing(Some(500));
    let mut feed =
        Feed::start("names", &primary, "exec $TOOL tail $AT --metrics 127.0.0.1:0 --checkpoint position > out");
    eventually("a checkpoint is saved", || metrics(&feed).contains_key("redtail_checkpoint_timestamp_seconds"));
    let errors = feed.read("err");
    let address = errors.split("http://").nth(1).unwrap().split('/').next().unwrap();
    let (_, body) = get(address, "/metrics");
    let kinds = body.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let with_suffix = |(name, kind): (&str, &str)| match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    };
    let exist: BTreeSet<String> = kinds.map(with_suffix).collect();
    assert!(exist.len() > 20, "{exist:?}");
    let read = |path: &str| fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for file in ["examples/deploy/alerts.yml", "examples/deploy/grafana-dashboard.json"] {
        let unknown: Vec<_> = names(&read(file)).difference(&exist).cloned().collect();
        assert_eq!(unknown, Vec::<String>::new(), "{file}");
    }
    let dashboard: Value = serde_json::from_str(&read("examples/deploy/grafana-dashboard.json")).unwrap();
    assert_eq!(dashboard["panels"].as_array().unwrap().len(), 10);
    assert_eq!(names(&read("docs/operations.md")), exist, "docs/operations.md");
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
}

/// A recording is watched as `tail` is.
#[test]
fn a_recording_is_watched_too() {
    let stream = commands(&["SELECT 2", "SET k v", "SET k w", "DEL k"]);
    let primary = primary(&stream, playback! { cuts: vec![Cut::Offset(1050)] });
    let line = "exec $TOOL record $AT -o out --metrics 127.0.0.1:0 --status status";
    let mut feed = Feed::start("record-watched", &primary, line);
    let end = (1000 + stream.len()) as f64;
    eventually("everything is received", || metrics(&feed).get("redtail_replication_offset_bytes") == Some(&end));
    let shown = metrics(&feed);
    for (name, value) in
        [("commands", 3.0), ("printed", 3.0), ("reconnects", 1.0), ("received_bytes", stream.len() as f64)]
    {
        assert_eq!(shown.get(&format!("redtail_{name}_total")), Some(&value), "{name}");
    }
    eventually("the lag is known", || metrics(&feed).get("redtail_lag_bytes") == Some(&0.0));
    eventually("the file shows it", || status(&feed)["streams"][0]["commands"] == 3);
    assert_eq!(status(&feed)["streams"][0]["address"], json!(primary.address().to_string()));
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
}

//! The operator's hour: what happens to a tool that runs for years, one thing after another, each with the lines on
//! standard error and a comparison of the output with the server's data. `tests/soak operator` runs it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::cluster;
use crate::documented::setting;
use crate::load::Load;
use crate::moving;
use crate::proxy::Proxy;
use crate::sentinel::{failovers, planned_failovers};
use crate::server::{Kind, Server};
use crate::tool::Tool;

/// A row of the table.
struct Row {
    happened: String,
    /// The lines on standard error.
    told: String,
    lost: String,
}

/// The number in this variable of the environment.
fn size(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}

/// Waits as long as the slowest retry takes.
fn in_the_end(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(240);
    while !condition() {
        assert!(Instant::now() < end, "in vain: {what}");
        sleep(Duration::from_millis(50));
    }
}

/// The unit of examples/deploy, started and restarted as systemd does it, but without its pause of 5 s.
struct Unit {
    folder: PathBuf,
    state: Arc<State>,
    supervisor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct State {
    pid: AtomicU32,
    starts: AtomicU32,
    is_stopping: AtomicBool,
    /// The last exit code.
    code: AtomicI32,
    ended: AtomicBool,
    /// How the output file was named before rotations, the oldest first.
    rotated: Mutex<Vec<PathBuf>>,
}

impl Unit {
    fn of(server: &Server) -> Unit {
        Unit::start(&server.address(), "", "", &[])
    }

    /// `before`: what the shell runs first. `environment`: further variables.
    fn start(address: &str, arguments: &str, before: &str, environment: &[(&str, &str)]) -> Unit {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("redtail-operator-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("password"), "secret\n").expect("write the password");
        let mut unit = Unit { folder, state: Arc::default(), supervisor: None };
        unit.supervise(address, arguments, before, environment);
        unit
    }

    fn supervise(&mut self, address: &str, arguments: &str, before: &str, environment: &[(&str, &str)]) {
        let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deploy/redtail-tail@.service");
        let unit = fs::read_to_string(unit).expect("the unit");
        let start = setting(&unit, "ExecStart").next().expect("ExecStart").replace("exec redtail", "exec $TOOL");
        let start = start.replace("/bin/sh -c '", &format!("/bin/sh -c '{before} "));
        assert_eq!(setting(&unit, "Restart").next().as_deref(), Some("on-failure"));
        let final_codes: Vec<i32> = setting(&unit, "RestartPreventExitStatus")
            .flat_map(|codes| codes.split(' ').map(|code| code.parse().expect("a code")).collect::<Vec<_>>())
            .collect();
        let (state, folder) = (Arc::clone(&self.state), self.folder.clone());
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec {start}")])
            .envs([("CREDENTIALS_DIRECTORY", &self.folder), ("STATE_DIRECTORY", &self.folder)])
            .envs([("TARGET", format!("cdc@{address}").as_str()), ("ARGUMENTS", arguments)])
            .env("TOOL", env!("CARGO_BIN_EXE_redtail"))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        state.ended.store(false, Ordering::Release);
        state.is_stopping.store(false, Ordering::Release);
        self.supervisor = Some(std::thread::spawn(move || {
            loop {
                let errors = File::options().create(true).append(true).open(folder.join("err")).expect("its log");
                let mut process = command.stderr(errors).spawn().expect("start the unit");
                state.pid.store(process.id(), Ordering::Release);
                state.starts.fetch_add(1, Ordering::AcqRel);
                let status = process.wait().expect("its end");
                let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
                state.code.store(code, Ordering::Release);
                if status.success() || final_codes.contains(&code) {
                    break;
                }
                sleep(Duration::from_millis(300));
                if state.is_stopping.load(Ordering::Acquire) {
                    break;
                }
            }
            state.ended.store(true, Ordering::Release);
        }));
    }

    fn output(&self) -> PathBuf {
        self.folder.join("writes.jsonl")
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.folder.join("err")).unwrap_or_default()
    }

    fn says(&self, text: &str) {
        in_the_end(text, || self.errors().contains(text));
    }

    fn starts(&self) -> u32 {
        self.state.starts.load(Ordering::Acquire)
    }

    fn has_ended(&self) -> bool {
        self.state.ended.load(Ordering::Acquire)
    }

    fn signal(&self, name: &str) {
        if self.has_ended() {
            return;
        }
        let pid = self.state.pid.load(Ordering::Acquire).to_string();
        let _ = Command::new("kill").args([&format!("-{name}"), &pid]).status();
    }

    /// As logrotate does it.
    fn rotate(&self) {
        let mut rotated = self.state.rotated.lock().expect("no panic");
        let name = self.folder.join(format!("writes.jsonl.{}", rotated.len() + 1));
        fs::rename(self.output(), &name).expect("rename the output");
        rotated.push(name);
        self.signal("HUP");
    }

    /// The bytes written so far.
    fn length(&self) -> u64 {
        fs::metadata(self.output()).map_or(0, |file| file.len())
    }

    fn writes(&self) {
        let before = self.length();
        in_the_end("the output grows", || self.length() > before);
    }

    /// `systemctl stop`. Returns the exit code.
    fn stop(&mut self) -> i32 {
        self.state.is_stopping.store(true, Ordering::Release);
        self.signal("TERM");
        if let Some(supervisor) = self.supervisor.take() {
            supervisor.join().expect("the supervisor");
        }
        self.state.code.load(Ordering::Acquire)
    }

    /// The elements of the list that the output appends, in order, each delivery of one command once; and the number of
    /// repetitions.
    fn appended(&self) -> (Vec<u32>, usize) {
        let rotated = self.state.rotated.lock().expect("no panic").clone();
        let files = rotated.into_iter().chain([self.output()]);
        let lines: Vec<String> = files.filter_map(|file| fs::read(file).ok()).flat_map(|bytes| lines(&bytes)).collect();
        appended(&lines)
    }

    /// Compares the output with the list of the server, and ends the unit.
    fn loses_nothing(&mut self, server: &Server) -> String {
        let last = list(server);
        let newest = *last.last().expect("writes");
        in_the_end("the newest write is there", || self.appended().0.last().is_some_and(|&found| found == newest));
        assert_eq!(self.stop(), 0, "{}", self.errors());
        let (found, repeated) = self.appended();
        // The unit has begun after the first writes.
        let first = last.iter().position(|number| Some(number) == found.first()).expect("its first write");
        assert_eq!(found, last[first..], "{}", self.errors());
        format!("nothing: {} writes, {repeated} repeated", found.len())
    }

    fn row(&self, happened: impl Into<String>, lost: String) -> Row {
        Row { happened: happened.into(), told: self.errors(), lost }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- the unit's standard error:\n{}", self.errors());
        }
        self.stop();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The whole lines.
fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

fn appended(lines: &[String]) -> (Vec<u32>, usize) {
    let (mut known, mut numbers, mut repeated) = (HashSet::new(), Vec::new(), 0);
    for line in lines {
        // A line that a kill or a full disk has cut off.
        let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        if event["args"][0] != "RPUSH" || event["args"][1] != "log" {
            continue;
        }
        if !known.insert(event["id"].to_string()) {
            repeated += 1;
            continue;
        }
        numbers.push(event["args"][2].as_str().expect("text").parse().expect("a number"));
    }
    (numbers, repeated)
}

/// The list that the writer appends to.
fn list(server: &Server) -> Vec<u32> {
    let list = server.call(&["LRANGE", "log", "0", "-1"]);
    list.items().iter().map(|number| number.text().parse().expect("a number")).collect()
}

/// With the user of docs/deployment.md, who survives a restart.
fn server(kind: Kind) -> Server {
    let user = ["--user", "cdc", "on", ">secret", "+psync", "+replconf", "+ping", "+info"];
    Server::start_with(kind, &[&["--repl-backlog-size", "64mb"][..], &user].concat())
}

/// Appends one number after another.
fn writer(server: &Server) -> Load {
    writer_of(server, "")
}

/// The same, with this text beside each number.
fn writer_of(server: &Server, beside: &str) -> Load {
    let (port, beside) = (server.port, beside.to_owned());
    let mut client: Option<Client> = None;
    Load::of(move |number, _| {
        if client.is_none() {
            client = Client::connect(port, None).ok();
        }
        let number = number.to_string();
        let reply = client.as_mut().and_then(|client| {
            client.try_call(&["SET", "beside", &beside]).ok()?;
            client.try_call(&["RPUSH", "log", number.as_str()]).ok()
        });
        let is_done = reply.is_some_and(|reply| !reply.is_error());
        if !is_done {
            client = None;
        }
        is_done
    })
}

fn supervision() -> Row {
    let server = server(Kind::Redis70);
    let mut unit = Unit::of(&server);
    let load = writer(&server);
    unit.writes();
    for kill in 1..=5 {
        unit.signal("KILL");
        in_the_end("it is started again", || unit.starts() > kill);
        unit.writes();
        load.goes_on();
    }
    drop(load);
    let lost = unit.loses_nothing(&server);
    unit.row("kill -9 five times, restarted as on-failure does it", lost)
}

fn rotation() -> Row {
    let server = server(Kind::Redis70);
    let mut unit = Unit::of(&server);
    let load = writer(&server);
    unit.writes();
    for _ in 0..5 {
        unit.rotate();
        in_the_end("a new file", || unit.length() > 0);
        load.goes_on();
    }
    drop(load);
    let lost = unit.loses_nothing(&server);
    unit.row("rename and SIGHUP five times", lost)
}

/// A limit on the size of files, which needs no file system of its own.
fn full_disk() -> Row {
    let server = server(Kind::Redis70);
    // 5 MB: there is room for some seconds, so that positions are saved between two ends.
    let mut unit = Unit::start(&server.address(), "", "trap \"\" XFSZ; ulimit -f 10000;", &[]);
    let load = writer_of(&server, &"x".repeat(4096));
    unit.says("File too large");
    in_the_end("it is tried again", || unit.starts() > 3);
    load.goes_on();
    for _ in 0..2 {
        // The operator makes room.
        unit.rotate();
        unit.writes();
        load.goes_on();
    }
    drop(load);
    let lost = unit.loses_nothing(&server);
    unit.row("the disk is full (ulimit -f), and the operator makes room", lost)
}

fn signals() -> Row {
    let server = server(Kind::Valkey91);
    let mut unit = Unit::of(&server);
    let load = writer(&server);
    unit.writes();
    unit.signal("HUP");
    unit.says("again after SIGHUP");
    unit.signal("USR1");
    unit.says("status: attached");
    assert_eq!(unit.stop(), 0, "{}", unit.errors());
    assert!(unit.has_ended());
    load.goes_on();
    unit.supervise(&server.address(), "", "", &[]);
    unit.writes();
    drop(load);
    let lost = unit.loses_nothing(&server);
    unit.row("HUP without a rename, USR1, TERM, started again", lost)
}

fn slow_reader() -> Row {
    let server = server(Kind::Redis70);
    server.call(&["CONFIG", "SET", "client-output-buffer-limit", "replica 1mb 0 0"]);
    let load = writer(&server);
    let mut tool = Tool::start_unhurried(&["tail", &server.address(), "--format", "json"]);
    tool.event_named("attached");
    // Enough to fill every buffer between the server and the reader.
    let mut client = server.client();
    for _ in 0..64 {
        client.call(&[&b"SET"[..], b"large", &vec![b'x'; 256 << 10]]);
    }
    in_the_end("the reader is named", || tool.errors().contains("has not read for 10 s"));
    load.goes_on();
    drop(load);
    server.call(&["SET", "the end", "1"]);
    let bytes = tool.until(b"\"the end\"");
    tool.says("reads again");
    tool.signal("TERM");
    tool.rest();
    assert!(tool.wait().success(), "{}", tool.errors());
    let (found, repeated) = appended(&lines(&bytes));
    let last = list(&server);
    let first = last.iter().position(|number| Some(number) == found.first()).expect("its first write");
    assert_eq!(found, last[first..], "{}", tool.errors());
    let lost = format!("nothing: {} writes, {repeated} repeated", found.len());
    Row { happened: "a reader of the output that stops for 10 s and more".into(), told: tool.errors(), lost }
}

fn blackhole() -> Row {
    let server = server(Kind::Redis70);
    let proxy = Proxy::start(&server);
    let mut unit = Unit::start(&format!("127.0.0.1:{}", proxy.port), "", "", &[]);
    let load = writer(&server);
    unit.writes();
    proxy.hold(true);
    unit.says("nothing came from the server for 60000 ms");
    proxy.hold(false);
    unit.writes();
    load.goes_on();
    drop(load);
    let lost = unit.loses_nothing(&server);
    unit.row("a connection that delivers nothing and does not end", lost)
}

fn password() -> Row {
    let server = server(Kind::Redis70);
    let mut unit = Unit::of(&server);
    let load = writer(&server);
    unit.writes();
    server.call(&["ACL", "SETUSER", "cdc", "resetpass", ">rotated"]);
    server.drop_replicas();
    unit.says("WRONGPASS");
    fs::write(unit.folder.join("password"), "rotated\n").expect("write the password");
    unit.writes();
    assert_eq!(unit.starts(), 1);
    load.goes_on();
    drop(load);
    let lost = unit.loses_nothing(&server);
    unit.row("the password changes on the server, and later in the file", lost)
}

fn restart_with_save(kind: Kind) -> Row {
    let mut server = server(kind);
    let mut unit = Unit::of(&server);
    let mut load = Some(writer(&server));
    unit.writes();
    load.take();
    server.shut_down("SAVE");
    server.start_again();
    let load = writer(&server);
    unit.writes();
    drop(load);
    assert_eq!(unit.starts(), 1);
    let lost = unit.loses_nothing(&server);
    unit.row(format!("{kind:?} restarts with SHUTDOWN SAVE"), lost)
}

fn restart_without_save(kind: Kind) -> Row {
    let mut server = server(kind);
    let mut unit = Unit::of(&server);
    let load = writer(&server);
    unit.writes();
    drop(load);
    let before = list(&server);
    in_the_end("the output has everything", || unit.appended().0.last() == before.last());
    server.shut_down("NOSAVE");
    server.start_again();
    in_the_end("it ends", || unit.has_ended());
    assert_eq!(unit.state.code.load(Ordering::Acquire), 4);
    // The operator decides, as the page says.
    unit.supervise(&server.address(), "--on-gap continue", "", &[]);
    let attached = || fs::read_to_string(unit.output()).unwrap_or_default().matches("\"attached\"").count();
    in_the_end("it attaches to the new history", || attached() > 1);
    let load = writer(&server);
    unit.writes();
    drop(load);
    let newest = list(&server);
    in_the_end("the newest write is there", || {
        let found = unit.appended().0;
        found.len() > before.len() && found.last() == newest.last()
    });
    assert_eq!(unit.stop(), 0, "{}", unit.errors());
    let found = unit.appended().0;
    assert_eq!(found[found.len().saturating_sub(newest.len())..], newest, "the writes of the new history");
    let lost = format!("nothing of the output; the server lost its {} writes, told as a gap", before.len());
    unit.row(format!("{kind:?} restarts without its data; then --on-gap continue"), lost)
}

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// The clock of the wall jumps, for the tool alone (Debian's libfaketime).
fn clock_jumps() -> Row {
    assert!(Path::new(FAKETIME).exists(), "needs Debian's package faketime");
    let server = server(Kind::Redis70);
    let offset = std::env::temp_dir().join(format!("redtail-operator-clock-{}", std::process::id()));
    fs::write(&offset, "+0\n").expect("write the offset");
    let environment = [
        ("LD_PRELOAD", FAKETIME),
        ("FAKETIME_TIMESTAMP_FILE", offset.to_str().expect("UTF-8")),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let mut unit = Unit::start(&server.address(), "", "", &environment);
    let load = writer(&server);
    unit.writes();
    for jump in ["+3d", "-3d", "+0"] {
        fs::write(&offset, format!("{jump}\n")).expect("write the offset");
        let position = || fs::read_to_string(unit.folder.join("position")).unwrap_or_default();
        let before = position();
        in_the_end("the position is saved", || position() != before);
        unit.writes();
        load.goes_on();
    }
    drop(load);
    assert_eq!(unit.starts(), 1);
    assert!(!unit.errors().contains("lost"), "{}", unit.errors());
    // The jumps have reached the tool: its lines have the time of each read.
    let output = fs::read_to_string(unit.output()).expect("the output");
    let events = output.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let times: Vec<u64> = events.filter_map(|event| event["received_ms"].as_u64()).collect();
    let (first, last) = (times.iter().min().expect("a time"), times.iter().max().expect("a time"));
    assert!(last - first > 5 * 86_400_000, "{first} to {last}");
    let lost = unit.loses_nothing(&server);
    fs::remove_file(offset).expect("remove the offset");
    unit.row("the clock jumps by three days, forward and back", lost)
}

fn two_runs() -> Row {
    let server = server(Kind::Redis70);
    let mut unit = Unit::of(&server);
    let load = writer(&server);
    unit.writes();
    let position = unit.folder.join("position");
    let second = Tool::run(&["tail", &server.address(), "--checkpoint", &position.to_string_lossy()], b"");
    assert_eq!(second.status.code(), Some(1));
    assert!(second.stdout.is_empty());
    unit.writes();
    drop(load);
    let lost = unit.loses_nothing(&server);
    let told = format!("{}{}", unit.errors(), String::from_utf8_lossy(&second.stderr));
    Row { happened: "a second run on the checkpoint of the first".into(), told, lost }
}

fn reshard(kind: Kind) -> Row {
    let (told, lists) = cluster::a_reshard_under_load(kind);
    let lost = format!("nothing: the lists of {lists} keys are whole");
    Row { happened: format!("300 slots of {kind:?} move to and fro under load, tail --cluster"), told, lost }
}

fn unplanned(kind: Kind) -> Row {
    let count = size("REDTAIL_FAILOVERS", 20);
    let gaps = failovers(kind, count);
    let lost = "nothing that the primary has: the rebuilt data is equal".into();
    Row { happened: format!("{count} primaries of {kind:?} killed"), told: format!("{gaps} gaps\n"), lost }
}

fn planned(kind: Kind) -> Row {
    let count = size("REDTAIL_FAILOVERS", 20);
    let gaps = [false, true].map(|is_under_load| planned_failovers(kind, count, is_under_load));
    let told = format!("{} gaps without a writer, {} under load\n", gaps[0], gaps[1]);
    let lost = "nothing that the primary has: the rebuilt data is equal".into();
    Row { happened: format!("{count} planned failovers of {kind:?}, twice"), told, lost }
}

fn a_move() -> Row {
    let mib = size("REDTAIL_MOVE_MIB", 1024);
    let (told, rounds) = moving::a_large_move(mib);
    let lost = format!("nothing: {rounds} rounds of writes, counters and data equal");
    Row { happened: format!("{mib} MiB move from Redis 7.0 to Valkey 9.1 under load"), told, lost }
}

type Scene = (&'static str, fn() -> Row);

const HOUR: &[Scene] = &[
    ("supervision", supervision),
    ("rotation", rotation),
    ("full disk", full_disk),
    ("signals", signals),
    ("slow reader", slow_reader),
    ("blackhole", blackhole),
    ("password", password),
    ("restart 7.0", || restart_with_save(Kind::Redis70)),
    ("restart 9.1", || restart_with_save(Kind::Valkey91)),
    ("no save 7.0", || restart_without_save(Kind::Redis70)),
    ("no save 9.1", || restart_without_save(Kind::Valkey91)),
    ("clock", clock_jumps),
    ("two runs", two_runs),
    ("reshard 7.0", || reshard(Kind::Redis70)),
    ("reshard 9.1", || reshard(Kind::Valkey91)),
    ("move", a_move),
    ("planned 7.0", || planned(Kind::Redis70)),
    ("planned 9.1", || planned(Kind::Valkey91)),
    ("kills 7.0", || unplanned(Kind::Redis70)),
    ("kills 9.1", || unplanned(Kind::Valkey91)),
];

/// The lines that differ by more than numbers, at most eight.
fn literal(told: &str) -> String {
    let mut known = HashSet::new();
    let shape = |line: &str| line.chars().filter(|letter| !letter.is_ascii_hexdigit()).collect::<String>();
    let kinds: Vec<&str> = told.lines().filter(|line| known.insert(shape(line))).collect();
    let more = kinds.len().saturating_sub(8);
    let rest = if more == 0 { String::new() } else { format!("    ({more} further kinds of lines)\n") };
    kinds.iter().take(8).map(|line| format!("    {line}\n")).chain([rest]).collect()
}

/// `REDTAIL_SCENE=NAME` runs the scenes whose name contains NAME. `REDTAIL_FAILOVERS` and `REDTAIL_MOVE_MIB` make it
/// smaller.
#[test]
#[ignore = "needs real servers and an hour: tests/soak operator"]
fn the_operators_hour() {
    let wanted = std::env::var("REDTAIL_SCENE").unwrap_or_default();
    let (mut table, mut failed) = (String::new(), Vec::new());
    for (name, scene) in HOUR.iter().filter(|(name, _)| name.contains(&wanted)) {
        let begun = Instant::now();
        let row = catch_unwind(AssertUnwindSafe(scene)).unwrap_or_else(|_| {
            failed.push(*name);
            Row { happened: (*name).into(), told: String::new(), lost: "FAILED".into() }
        });
        let seconds = begun.elapsed().as_secs();
        let row = format!("{} | {} | {seconds} s\n{}", row.happened, row.lost, literal(&row.told));
        eprintln!("{row}");
        table.push_str(&row);
    }
    println!("what happened | what was lost | time\n    what was told\n\n{table}");
    assert!(failed.is_empty(), "{failed:?}");
}

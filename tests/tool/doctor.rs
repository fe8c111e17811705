//! `redtail doctor` against scripted servers, and against ports without a server.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex};

use redtail::io::CommandReader;
use serde_json::Value;

use crate::folder::Folder;
use crate::listening::{Link, Listening};
use crate::refusing::Refusing;
use crate::run::{REPLID, Ran, redtail, run};

/// Answers by the start of a question. The longest match counts.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) answers: BTreeMap<String, String>,
    pub(crate) info: BTreeMap<&'static str, String>,
    /// The growth of the stream until INFO is asked again.
    pub(crate) grows: u64,
}

impl Script {
    /// A healthy Redis 7.0 with a backlog.
    pub(crate) fn healthy() -> Self {
        let info = [
            ("redis_version", "7.0.15"),
            ("redis_mode", "standalone"),
            ("uptime_in_seconds", "90061"),
            ("used_memory", "104857600"),
            ("used_memory_rss", "114857600"),
            ("used_memory_dataset", "94857600"),
            ("total_system_memory", "16777216000"),
            ("loading", "0"),
            ("rdb_bgsave_in_progress", "0"),
            ("rdb_last_bgsave_status", "ok"),
            ("aof_rewrite_in_progress", "0"),
            ("latest_fork_usec", "1500"),
            ("role", "master"),
            ("connected_slaves", "1"),
            ("slave0", "ip=10.0.0.5,port=6379,state=online,offset=2000,lag=0"),
            ("master_failover_state", "no-failover"),
            ("master_replid", REPLID),
            ("master_repl_offset", "2000"),
            ("repl_backlog_active", "1"),
            ("repl_backlog_size", "1048576"),
            ("repl_backlog_histlen", "2000"),
            ("cluster_enabled", "0"),
        ];
        let command = "*6\r\n$5\r\npsync\r\n:-3\r\n*1\r\n+admin\r\n:0\r\n:0\r\n:0\r\n";
        let mut script = Self {
            answers: BTreeMap::new(),
            info: info.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
            grows: 1,
        };
        for (question, answer) in [
            ("PING", "+PONG\r\n"),
            ("REPLCONF", "+OK\r\n"),
            ("COMMAND INFO", &format!("*3\r\n{}", command.repeat(3))),
            ("ACL WHOAMI", "$3\r\ncdc\r\n"),
            ("ACL DRYRUN", "+OK\r\n"),
        ] {
            script.answers.insert(question.into(), answer.into());
        }
        for (name, value) in [
            ("repl-backlog-ttl", "3600"),
            ("client-output-buffer-limit", "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
            ("repl-timeout", "60"),
            ("repl-ping-replica-period", "10"),
            ("repl-diskless-sync", "yes"),
            ("repl-diskless-sync-delay", "5"),
            ("min-replicas-to-write", "0"),
            ("min-replicas-max-lag", "10"),
            ("shutdown-timeout", "10"),
            ("save", "3600 1 300 100"),
            ("appendonly", "no"),
        ] {
            script = script.config(name, value);
        }
        script
    }

    pub(crate) fn answer(mut self, question: &str, answer: &str) -> Self {
        self.answers.insert(question.into(), answer.into());
        self
    }

    /// Denies this command, and every command that begins with it.
    pub(crate) fn denied(mut self, question: &str) -> Self {
        self.answers.retain(|words, _| !words.starts_with(question));
        self.answer(question, &format!("-NOPERM User cdc has no permissions to run the '{question}' command\r\n"))
    }

    fn config(self, name: &str, value: &str) -> Self {
        let answer = format!("*2\r\n${}\r\n{name}\r\n${}\r\n{value}\r\n", name.len(), value.len());
        self.answer(&format!("CONFIG GET {name}"), &answer)
    }

    pub(crate) fn info(mut self, fields: &[(&'static str, &str)]) -> Self {
        self.info.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    fn without(mut self, field: &str) -> Self {
        self.info.remove(field);
        self
    }

    fn reply(&self, question: &str, asked: usize) -> String {
        let fits = |words: &&String| question.to_ascii_uppercase().starts_with(&words.to_ascii_uppercase());
        if let Some(words) = self.answers.keys().filter(fits).max_by_key(|words| words.len()) {
            return self.answers[words].clone();
        }
        if question.starts_with("INFO") {
            let mut info = self.info.clone();
            if asked > 0
                && let Some(offset) = info.get_mut("master_repl_offset")
                && let Ok(number) = offset.parse::<u64>()
            {
                *offset = (number + self.grows).to_string();
            }
            let text: String = info.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect();
            return format!("${}\r\n{text}\r\n", text.len());
        }
        format!("-ERR unknown command '{question}', with args beginning with: \r\n")
    }

    pub(crate) fn serve(self) -> (String, Asked) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (address, self.serve_at(listener))
    }

    /// Answers every client until the test ends. Returns the questions.
    pub(crate) fn serve_at(self, listener: TcpListener) -> Asked {
        let (server, asked) = self.listen(listener);
        SERVERS.with_borrow_mut(|servers| servers.push(server));
        asked
    }

    fn listen(self, listener: TcpListener) -> (Listening, Asked) {
        let asked = Asked::default();
        let questions = Arc::clone(&asked);
        let server = Listening::on(listener, move |link| {
            self.talk(link, &questions);
            Ok(())
        });
        (server, asked)
    }

    fn talk(&self, link: Link<'_>, questions: &Mutex<Vec<String>>) {
        let mut writer = link.socket;
        let mut reader = CommandReader::stream(link);
        let mut infos = 0;
        while let Ok(Some(command)) = reader.next_command() {
            let words: Vec<_> = command.args().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
            let question = words.join(" ");
            let reply = self.reply(&question, infos);
            infos += usize::from(question.starts_with("INFO"));
            questions.lock().unwrap().push(question);
            if reply.is_empty() || writer.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    }

    pub(crate) fn examine(self) -> Examined {
        self.examine_with(&[])
    }

    fn examine_with(self, options: &[&str]) -> Examined {
        let (server, asked) = self.listen(TcpListener::bind("127.0.0.1:0").unwrap());
        let address = format!("127.0.0.1:{}", server.port);
        let ran = run(&[&["doctor", &address, "--json", "--sample", "0.01"], options].concat());
        drop(server);
        let asked = asked.lock().unwrap().clone();
        Examined::of(ran, asked)
    }
}

thread_local! {
    /// The servers of a test, which has a thread of its own. Those of all tests would be more threads than a process of
    /// 32 bits has room for.
    static SERVERS: RefCell<Vec<Listening>> = const { RefCell::new(Vec::new()) };
}

/// The questions to a server.
pub(crate) type Asked = Arc<Mutex<Vec<String>>>;

/// A report, and the questions that were asked.
pub(crate) struct Examined {
    pub(crate) code: i32,
    pub(crate) report: Value,
    asked: Vec<String>,
}

impl Examined {
    #[track_caller]
    pub(crate) fn of(ran: Ran, asked: Vec<String>) -> Self {
        let report: Value = serde_json::from_str(ran.text()).unwrap_or_else(|_| panic!("{} {}", ran.text(), ran.err));
        assert_eq!(report["exit_code"], ran.code);
        let verdict = match ran.code {
            0 => "good",
            1 => "impossible",
            3 => "warnings",
            code => panic!("exit code {code}"),
        };
        assert_eq!(report["verdict"], verdict);
        Self { code: ran.code, report, asked }
    }

    /// The findings of a severity, as one text each.
    pub(crate) fn all(&self, severity: &str) -> Vec<String> {
        let findings = self.report["findings"].as_array().unwrap().iter();
        findings.filter(|finding| finding["severity"] == severity).map(Value::to_string).collect()
    }

    /// Asserts a single finding of this severity with these texts, and its exit code.
    #[track_caller]
    pub(crate) fn only(&self, severity: &str, words: &[&str]) {
        let others = ["warn", "bad", "unknown"].into_iter().filter(|it| *it != severity);
        for other in others {
            assert!(self.all(other).is_empty(), "{:#}", self.report);
        }
        self.says(severity, words);
        assert_eq!(self.all(severity).len(), 1, "{:#}", self.report);
        assert_eq!(self.code, if severity == "bad" { 1 } else { 3 });
    }

    #[track_caller]
    pub(crate) fn says(&self, severity: &str, words: &[&str]) {
        let found = self.all(severity);
        let fits = |finding: &&String| words.iter().all(|word| finding.contains(word));
        assert!(found.iter().any(|finding| fits(&finding)), "{severity} {words:?} in {:#}", self.report);
    }

    #[track_caller]
    pub(crate) fn start(&self, name: &str) -> &Value {
        let starts = self.report["starts"].as_array().unwrap();
        starts.iter().find(|start| start["start"] == name).unwrap_or_else(|| panic!("{name}: {:#}", self.report))
    }
}

#[test]
fn a_good_server_is_good_and_nothing_of_it_is_changed() {
    let examined = Script::healthy().examine();
    assert_eq!(examined.code, 0, "{:#}", examined.report);
    for start in ["now", "now-without-fork", "snapshot", "POSITION", "sync"] {
        assert_eq!(examined.start(start)["possible"], true);
    }
    let facts = &examined.report["facts"];
    assert_eq!((&facts["name"], &facts["user"]), (&"Redis 7.0.15".into(), &"cdc".into()));
    assert_eq!(facts["replicas"][0]["address"], "10.0.0.5:6379");
    assert!(facts["bytes_per_second"].as_f64().unwrap() > 0.0);
    let harmless =
        ["PING", "INFO", "REPLCONF capa eof", "REPLCONF rdb-filter-only ", "COMMAND INFO psync sync replconf"];
    let harmless_too =
        ["ACL WHOAMI", "ACL DRYRUN cdc PSYNC ? -1", "ACL DRYRUN cdc SYNC", "INFO replication", "COMMAND LIST"];
    for question in &examined.asked {
        let known = harmless.contains(&question.as_str()) || harmless_too.contains(&question.as_str());
        // The name of this program, for CLIENT LIST.
        let known = known || question == "CLIENT SETINFO LIB-NAME redtail";
        assert!(known || question.starts_with("CONFIG GET "), "{question}");
    }
}

#[test]
fn a_scripted_server_ends_with_its_test() {
    let test = std::thread::spawn(|| {
        let (address, asked) = Script::healthy().serve();
        run(&["doctor", &address, "--sample", "0.01"]).ok();
        asked
    });
    let asked = test.join().unwrap();
    assert!(!asked.lock().unwrap().is_empty());
    assert_eq!(Arc::strong_count(&asked), 1, "the server has the other");
}

#[test]
fn the_page_fits_into_80_columns() {
    let (address, _) = Script::healthy().serve();
    let ran = run(&["doctor", &address, "--sample", "0.01"]).ok();
    assert!(
        ran.text().starts_with(&format!("{address}\n\n good  server         Redis 7.0.15, up for 25 hours\n")),
        "{}",
        ran.text()
    );
    assert!(ran.text().ends_with(&format!("\n It can be followed: redtail tail {address}\n")), "{}", ran.text());
    assert!(ran.text().lines().count() <= 40, "a page: {}", ran.text());
    let (address, _) =
        Script::healthy().denied("INFO").denied("ACL").denied("CONFIG").denied("PING").denied("REPLCONF").serve();
    let poor = run(&["doctor", &address]);
    assert_eq!(poor.code, 1, "{}", poor.text());
    for text in [ran.text(), poor.text()] {
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains('\x1b'), "colours are for terminals");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_has_colours_unless_nobody_wants_them() {
    let (address, _) = Script::healthy().serve();
    let (code, screen) = crate::run::run_in_terminal(&["doctor", &address, "--sample", "0.01"]);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("\x1b[32mgood\x1b[0m"), "{screen:?}");
    let (address, _) = Script::healthy().serve();
    let line = format!("NO_COLOR=1 exec '{}' doctor {address} --sample 0.01", env!("CARGO_BIN_EXE_redtail"));
    let output = std::process::Command::new("script").args(["-qec", &line, "/dev/null"]).output().unwrap();
    let screen = String::from_utf8(output.stdout).unwrap();
    assert!(screen.contains("good") && !screen.contains('\x1b'), "{screen:?}");
}

#[test]
fn a_server_newer_than_tested_is_a_warning() {
    for fields in [&[("redis_version", "8.99.0")][..], &[("redis_version", "7.2.4"), ("valkey_version", "10.0.1")]] {
        let examined = Script::healthy().config("forkless-infrastructure-enabled", "no").info(fields).examine();
        examined.only("warn", &["newer than any release that redtail was tested with (Redis 8.10, Valkey 9.1)"]);
    }
    let fields =
        [("redis_version", "8.10.2"), ("a_field:of", "the future"), ("role", "something"), ("db0", "keys=x,y")];
    assert_eq!(Script::healthy().info(&fields).examine().code, 0);
}

#[test]
fn commands_that_redtail_does_not_know_are_counted() {
    let list = |names: &[&str]| {
        let names: String = names.iter().map(|name| format!("${}\r\n{name}\r\n", name.len())).collect();
        names
    };
    let names = list(&["get", "future.read", "set", "future.write"]);
    let script = Script::healthy().answer("COMMAND LIST", &format!("*4\r\n{names}"));
    let entry =
        |name: &str, flag: &str| format!("*6\r\n{}:-2\r\n*2\r\n+{flag}\r\n+fast\r\n:1\r\n:1\r\n:1\r\n", list(&[name]));
    let (read, write) = (entry("future.read", "readonly"), entry("future.write", "write"));
    let examined = script.clone().answer("COMMAND INFO future", &format!("*2\r\n{read}{write}")).examine();
    examined.only(
        "warn",
        &["this server knows 2 commands that redtail does not: FUTURE.WRITE, FUTURE.READ", "1 can write"],
    );
    assert!(examined.asked.iter().any(|question| question == "COMMAND INFO future.read future.write"));

    let examined = script.clone().answer("COMMAND INFO future", &format!("*2\r\n{read}{read}")).examine();
    assert_eq!(examined.code, 0, "{:#}", examined.report);
    examined.says("good", &["knows 2 commands that redtail does not", "they write nothing"]);

    let all = list(&["get", "set"]);
    let examined = Script::healthy().answer("COMMAND LIST", &format!("*2\r\n{all}")).examine();
    examined.says("good", &["redtail knows all commands of this server"]);
    // A denial is not repeated; the check that is left out is named.
    let examined = Script::healthy().denied("COMMAND").examine();
    assert_eq!(examined.asked.iter().filter(|question| question.starts_with("COMMAND")).count(), 1);
    examined.says("note", &["commands", "COMMAND LIST are not allowed", "ACL SETUSER cdc +command|info +command|list"]);
    let examined = Script::healthy().answer("COMMAND LIST", "-ERR Unknown subcommand\r\n").examine();
    examined.says("note", &["commands", "it has no COMMAND LIST, which exists since 7.0"]);
    assert_eq!(examined.code, 0, "{:#}", examined.report);
}

/// Valkey 9.2: with this setting nothing forks, and the last fork says nothing.
#[test]
fn a_server_without_forks_is_not_warned_of_forks() {
    let valkey = || {
        let fields = [("redis_version", "7.2.4"), ("valkey_version", "9.2.0"), ("latest_fork_usec", "900000")];
        Script::healthy().info(&fields)
    };
    valkey().examine().says("warn", &["the server is blocked during a fork"]);
    let examined = valkey().config("forkless-infrastructure-enabled", "yes").examine();
    examined.says("good", &["snapshots are made without a fork (forkless-infrastructure-enabled yes)"]);
    assert!(!examined.report.to_string().contains("blocked during a fork"), "{:#}", examined.report);
    assert!(!examined.start("snapshot")["how"].as_str().unwrap().starts_with("forks"), "{:#}", examined.report);
    assert!(examined.start("snapshot")["how"].as_str().unwrap().contains("without a fork"), "{:#}", examined.report);
    // A module can make the server fork.
    let module = [("module", "name=search,ver=1,api=1,filters=0,usedby=[],using=[],options=[]")];
    let examined = valkey().config("forkless-infrastructure-enabled", "yes").info(&module).examine();
    examined.says("warn", &["the server is blocked during a fork"]);
    let asked = |examined: &Examined| examined.asked.iter().any(|question| question.contains("forkless"));
    assert!(asked(&examined) && !asked(&Script::healthy().examine()));
}

#[test]
fn a_move_is_examined_for_what_it_loses() {
    let called = "cmdstat_set:calls=5,usec=1\r\ncmdstat_hexpire:calls=2,usec=1\r\ncmdstat_function|load:calls=1,usec=1\r\n\
                  cmdstat_vadd:calls=0,usec=0\r\n";
    let script = || {
        let fields = [
            ("redis_version", "8.2.3"),
            ("number_of_libraries", "2"),
            ("db0", "keys=9,expires=0,avg_ttl=0,subexpiry=3"),
            ("db7", "keys=9,expires=0,avg_ttl=0,subexpiry=4"),
            ("module", "name=ReJSON,ver=80200,api=1,filters=0,usedby=[],using=[],options=[]"),
        ];
        let called = format!("${}\r\n{called}\r\n", called.len());
        Script::healthy().info(&fields).answer("INFO commandstats", &called)
    };
    let examined = script().examine_with(&["--target-version", "redis-6.2"]);
    assert_eq!(examined.code, 3);
    examined.says("warn", &["redis 6.2.0 loads neither the dump.rdb nor the DUMP payloads of this server (REDIS0012)"]);
    examined.says("warn", &["--format resp --target-version redis-6.2 --positions | redtail load NEW:6379"]);
    examined.says("warn", &["commands that were called here since the last restart", ": FUNCTION, HEXPIRE\""]);
    examined.says("warn", &["redis 6.2.0 does not have types that this server may hold: vector sets\""]);
    examined.says("warn", &["redis 6.2.0 has no functions; this server has libraries: 2"]);
    examined.says("warn", &["redis 6.2.0 has no fields that expire; this server has keys with them: 7"]);
    examined.says("warn", &["modules need the same modules: ReJSON"]);
    examined.says("warn", &["they are deleted there when they expire here, and those that are left"]);
    assert_eq!(examined.all("warn").len(), 6, "{:#}", examined.report);

    let examined = script().examine_with(&["--target-version", "valkey-9.1"]);
    // After a restart the statistics do not show that the data has types which the target lacks.
    let words =
        "valkey 9.1.0 has all commands that were called here since the last restart or CONFIG RESETSTAT of this";
    examined.says("good", &[words]);
    examined.says("warn", &["valkey 9.1.0 does not have types that this server may hold: vector sets\""]);
    assert_eq!(examined.all("warn").len(), 3, "{:#}", examined.report);

    let examined = script().without("module").examine_with(&["--target-version", "redis-8.4"]);
    examined.says("good", &["redis 8.4.0 loads the dump.rdb and the DUMP payloads of this server (REDIS0012)"]);
    assert_eq!(examined.code, 0, "{:#}", examined.report);

    // Nothing is asked for a move that nobody plans.
    assert!(!script().examine().asked.iter().any(|question| question.contains("commandstats")));
    let wrong = run(&["doctor", "localhost", "--target-version", "redis7"]);
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("such as redis-7.0 or valkey-8.1"), "{}", wrong.err);
}

#[test]
fn each_missing_permission_is_named_with_its_rule() {
    let no = "+User cdc has no permissions to run the 'psync' command\r\n";
    let examined = Script::healthy().answer("ACL DRYRUN cdc PSYNC", no).examine();
    examined.only("bad", &["+psync is missing", "ACL SETUSER cdc +psync\"", "ACL SAVE"]);
    assert_eq!(examined.start("snapshot")["fix"][0]["command"], "ACL SETUSER cdc +psync");
    assert_eq!(examined.start("sync")["possible"], true);

    let examined = Script::healthy().denied("REPLCONF").examine();
    examined.only("bad", &["+replconf is missing", "ACL SETUSER cdc +replconf\""]);

    let examined = Script::healthy().denied("PING").examine();
    examined.only("warn", &["PING", "ACL LOG", "ACL SETUSER cdc +ping\""]);

    let examined = Script::healthy().denied("INFO").examine();
    examined.only("unknown", &["INFO is not allowed", "ACL SETUSER cdc +info\""]);
    assert_eq!(examined.start("now")["possible"], true);
    assert_eq!(examined.start("now-without-fork")["possible"], false);
    assert_eq!(examined.start("now-without-fork")["fix"][0]["command"], "ACL SETUSER cdc +info");

    let examined = Script::healthy().denied("CONFIG").examine();
    examined.only("unknown", &["CONFIG GET is not allowed", "ACL SETUSER cdc +config|get\""]);
    let asked = examined.asked.iter().filter(|question| question.starts_with("CONFIG")).count();
    assert_eq!(asked, 1, "each denial is an entry in the server's ACL LOG");

    let examined = Script::healthy().answer("ACL DRYRUN cdc SYNC", no).examine();
    assert_eq!(examined.code, 0, "few need the old SYNC: {:#}", examined.report);
    assert_eq!(
        (&examined.start("sync")["possible"], &examined.start("sync")["fix"][0]["command"]),
        (&false.into(), &"ACL SETUSER cdc +sync".into())
    );

    let examined = Script::healthy().denied("COMMAND").examine();
    assert_eq!(examined.code, 0, "DRYRUN has told it: {:#}", examined.report);
}

#[test]
fn what_may_not_be_asked_could_not_be_checked() {
    let examined = Script::healthy().denied("ACL").denied("INFO").denied("CONFIG").denied("COMMAND").examine();
    assert_eq!(examined.code, 3);
    examined.says("unknown", &["whether the user default may replicate (+psync)", "ACL DRYRUN default PSYNC ? -1"]);
    assert!(examined.all("bad").is_empty() && examined.all("warn").is_empty(), "{:#}", examined.report);
    assert_eq!(examined.start("now")["possible"], Value::Null);
    assert_eq!(examined.report["facts"]["may"]["psync"], Value::Null);
    // The user is known from the arguments.
    let (address, _) = Script::healthy().denied("ACL").answer("AUTH", "+OK\r\n").serve();
    let arguments = ["doctor", &address, "--json", "--sample", "0.01", "--user", "other"];
    let ran: Ran = redtail(&arguments).env("REDTAIL_PASSWORD", "pw").output().unwrap().into();
    Examined::of(ran, Vec::new()).only("unknown", &["the user other", "ACL DRYRUN other PSYNC"]);
}

/// The user of `redtail tail --help` may ask HELLO, and a PSYNC that is refused.
#[test]
fn the_least_user_is_told_whether_it_may_replicate() {
    let hello = |server: &str, version: &str, mode: &str, role: &str| {
        let text = |text: &str| format!("${}\r\n{text}\r\n", text.len());
        // A Sentinel has no role.
        let role = if role.is_empty() { String::new() } else { text("role") + &text(role) };
        let [server, version, mode] = [server, version, mode].map(text);
        let count = if role.is_empty() { 12 } else { 14 };
        format!(
            "*{count}\r\n$6\r\nserver\r\n{server}$7\r\nversion\r\n{version}$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:3\r\n\
             $4\r\nmode\r\n{mode}{role}$7\r\nmodules\r\n*0\r\n"
        )
    };
    let least = |hello: &str, psync: &str| {
        let script = ["ACL", "INFO", "CONFIG", "COMMAND", "CLUSTER", "CLIENT"].into_iter();
        let script = script.fold(Script::healthy(), Script::denied).answer("HELLO", hello);
        script.answer("PSYNC redtail-doctor-checks-the-permission 0 FAILOVER", psync).examine()
    };
    let refused = "-ERR PSYNC FAILOVER can't be sent to a master.\r\n";
    for (server, version, name) in
        [("redis", "7.0.15", "Redis 7.0.15"), ("redis", "8.10.2", "Redis 8.10.2"), ("valkey", "9.1.2", "Valkey 9.1.2")]
    {
        let examined = least(&hello(server, version, "standalone", "master"), refused);
        assert_eq!(examined.code, 3, "{:#}", examined.report);
        for words in [name, "a primary", "the user default may replicate"] {
            examined.says("good", &[words]);
        }
        let told = ["could not check backlog, replicas and memory", "ACL SETUSER default +info"];
        examined.says("unknown", &told);
        examined.says("unknown", &["CONFIG GET is not allowed", "ACL SETUSER default +config|get"]);
        assert!(examined.all("bad").is_empty() && examined.all("warn").is_empty(), "{:#}", examined.report);
        for (start, possible) in [("now", true), ("snapshot", true), ("POSITION", true), ("now-without-fork", false)] {
            assert_eq!(examined.start(start)["possible"], possible, "{start}");
        }
        assert_eq!(examined.report["facts"]["name"], name);
        let denied = "-NOPERM User cdc has no permissions to run the 'psync' command\r\n";
        let examined = least(&hello(server, version, "standalone", "master"), denied);
        assert_eq!(examined.code, 1, "{:#}", examined.report);
        examined.says("bad", &["+psync is missing", "ACL SETUSER default +psync"]);
    }
    let examined =
        least(&hello("redis", "7.2.4", "standalone", "replica"), "-ERR PSYNC FAILOVER replid must match\r\n");
    examined.says("unknown", &["a replica; could not check whether its primary is connected"]);
    examined.says("good", &["may replicate"]);
    let down = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
    let script = Script::healthy().denied("INFO").answer("PING", down);
    let examined = script.answer("HELLO", &hello("redis", "7.2.4", "standalone", "replica")).examine();
    examined.says("bad", &["a replica, disconnected from its primary"]);
    assert!(!examined.report.to_string().contains("could not check whether its primary"), "{:#}", examined.report);
    let dragonfly = hello("redis", "7.4.0", "standalone", "slave").replace("*14", "*16");
    let dragonfly = dragonfly.replace("$5\r\nproto", "$17\r\ndragonfly_version\r\n$6\r\n1.25.0\r\n$5\r\nproto");
    let examined = least(&dragonfly, refused);
    assert_eq!(examined.code, 1, "{:#}", examined.report);
    examined.says("bad", &["Dragonfly"]);
    let examined = least(&hello("redis", "7.2.4", "sentinel", ""), refused);
    assert_eq!(examined.code, 1, "{:#}", examined.report);
    examined.says("bad", &["this is a Sentinel 7.2.4"]);
    // KeyDB is no Redis 6, and another server says nothing that is known.
    for answer in [&hello("redis", "6.3.4", "standalone", "master"), &hello("other", "9.0", "x", "y"), "+OK\r\n"] {
        let examined = least(answer, refused);
        assert_eq!(examined.code, 3, "{:#}", examined.report);
        examined.says("unknown", &["whether the user default may replicate (+psync)"]);
        assert!(!examined.asked.iter().any(|question| question.starts_with("PSYNC")), "{:?}", examined.asked);
    }
}

#[test]
fn suggested_commands_repeat_the_options_of_the_connection() {
    let folder = Folder::new("suggested");
    folder.write("it's pw", "secret");
    let file = folder.path("it's pw");
    let quoted = file.replace('\'', "'\\''");
    let script = || Script::healthy().answer("AUTH", "+OK\r\n");
    let (address, _) = script().serve();
    // A command is never wrapped.
    let of = |arguments: &[&str], command: &str| {
        let ran = run(&[&["doctor"], arguments, &["--sample", "0.01"]].concat());
        assert_eq!(ran.text().lines().last().unwrap().trim(), format!("shell> {command}"), "{}{}", ran.text(), ran.err);
    };
    let command = format!("redtail tail {address} --user cdc --password-file '{quoted}'");
    of(&[&address, "--user", "cdc", "--password-file", &file], &command);
    // The password of a URL is not repeated.
    let command = format!("redtail tail {address} --user a-rather-long-name --password-file FILE");
    of(&[&format!("redis://a-rather-long-name:secret@{address}")], &command);
    let counting = script().info(&[("min_slaves_good_slaves", "1")]);
    let (address, _) = counting.serve();
    let arguments = ["doctor", &address, "--json", "--sample", "0.01", "--user", "cdc", "--password-file", &file];
    let report = Examined::of(run(&arguments), Vec::new()).report.to_string();
    let replica =
        format!("redtail tail 10.0.0.5:6379 --user cdc --password-file '{quoted}'   # same stream, not counted");
    assert!(report.contains(&replica.replace('\\', "\\\\")), "{report}");
}

#[test]
fn rules_are_read_where_they_can_not_be_tried() {
    let rules = |rules: &str| {
        let user = format!("*4\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$8\r\ncommands\r\n${}\r\n{rules}\r\n", rules.len());
        let unknown = "-ERR Unknown subcommand or wrong number of arguments for 'DRYRUN'. Try ACL HELP.\r\n";
        let old =
            Script::healthy().info(&[("redis_version", "6.2.14")]).config("save", "").answer("ACL DRYRUN", unknown);
        let filter = "-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n";
        old.answer("REPLCONF rdb-filter-only", filter).answer("ACL GETUSER cdc", &user).examine()
    };
    rules("-@all +psync +replconf +ping +info").only("warn", &["restart", "before 7.0 this is always so"]);
    let examined = rules("-@all +replconf +ping");
    examined.says("bad", &["+psync is missing"]);
    assert_eq!(rules("-@all +@admin").report["facts"]["may"]["psync"], true);
}

#[test]
fn what_is_renamed_or_blocked_is_named() {
    let there = "*6\r\n$5\r\npsync\r\n:-3\r\n*1\r\n+admin\r\n:0\r\n:0\r\n:0\r\n";
    for missing in ["*-1\r\n", "$-1\r\n", "*0\r\n"] {
        let commands = format!("*3\r\n{missing}{there}{there}");
        let examined = Script::healthy().answer("COMMAND INFO", &commands).examine();
        examined.only("bad", &["PSYNC is renamed or blocked", "rename-command PSYNC"]);
        assert_eq!(examined.start("now")["possible"], false);
        assert_eq!(examined.start("sync")["possible"], true);
    }
    // COMMAND is denied; DRYRUN shows the same.
    let gone = "-ERR Command 'PSYNC' not found\r\n";
    Script::healthy()
        .denied("COMMAND")
        .answer("ACL DRYRUN cdc PSYNC", gone)
        .examine()
        .only("bad", &["PSYNC is renamed"]);
    let unknown = "-ERR unknown command 'REPLCONF', with args beginning with: \r\n";
    Script::healthy().answer("REPLCONF", unknown).examine().only("bad", &["REPLCONF is renamed or blocked"]);
    // A cloud service, by its name.
    let commands = format!("*3\r\n*-1\r\n*-1\r\n{there}");
    let service = Script::healthy().info(&[("os", "Amazon ElastiCache")]).answer("COMMAND INFO", &commands);
    service
        .examine()
        .only("bad", &["PSYNC is renamed or blocked", "Amazon ElastiCache has no replication for clients"]);
}

#[test]
fn servers_that_only_look_like_redis_are_named() {
    for (field, version, words) in [
        ("dragonfly_version", "df-v1.40.1", "Dragonfly df-v1.40.1 can't be followed"),
        ("kvrocks_version", "2.9.0", "Kvrocks 2.9.0 can't be followed"),
        ("garnet_version", "1.0.50", "Garnet 1.0.50 can't be followed"),
        ("upstash_version", "1.12.0", "Upstash 1.12.0 can't be followed"),
        ("rlec_version", "7.4.2-54", "Redis Enterprise 7.4.2-54 can't be followed"),
    ] {
        let examined = Script::healthy().info(&[(field, version)]).examine();
        examined.only("bad", &[words]);
        assert!(examined.report["starts"].as_array().unwrap().is_empty());
    }
    let keydb = Script::healthy().info(&[("redis_version", "6.3.4"), ("executable", "/usr/bin/keydb-server")]);
    keydb.examine().says("warn", &["KeyDB 6.3.4", "not tested", "RREPLAY"]);
    let valkey = Script::healthy().info(&[("redis_version", "7.2.4"), ("valkey_version", "9.1.2")]).examine();
    assert_eq!((valkey.code, &valkey.report["facts"]["name"]), (0, &"Valkey 9.1.2".into()));
    Script::healthy()
        .info(&[("redis_version", "5.0.14")])
        .examine()
        .says("warn", &["Redis 5.0.14", "tested with Redis 6.2"]);
    Script::healthy().without("redis_version").examine().says("unknown", &["INFO has no known server"]);
}

#[test]
fn a_sentinel_says_whom_it_watches() {
    let primary = "*6\r\n$4\r\nname\r\n$6\r\norders\r\n$2\r\nip\r\n$8\r\n10.0.0.7\r\n$4\r\nport\r\n$4\r\n6380\r\n";
    let sentinel = Script::healthy().info(&[("redis_mode", "sentinel")]);
    let examined = sentinel.answer("SENTINEL MASTERS", &format!("*1\r\n{primary}")).examine();
    examined.only(
        "bad",
        &["this is a Sentinel", "redtail doctor redis+sentinel://127.0.0.1:", "/orders   # now 10.0.0.7:6380"],
    );
    assert_eq!(examined.asked.last().unwrap(), "SENTINEL MASTERS");
}

#[test]
fn the_backlog_is_measured_against_the_write_rate() {
    let tiny = Script { grows: 100_000_000, ..Script::healthy() }.examine();
    tiny.says("warn", &["1.00 MiB; at ", "/s it covers an outage of", "CONFIG SET repl-backlog-size "]);
    // Its snapshots are cut off likewise.
    tiny.says("warn", &["output buffer", "at the current rate"]);
    assert!(tiny.report["facts"]["backlog_covers_s"].as_f64().unwrap() < 60.0);

    let quiet = Script { grows: 0, ..Script::healthy() }.examine();
    assert_eq!(quiet.code, 0);
    quiet.says("good", &["1.00 MiB; no writes within", "--sample 60"]);

    let none = Script::healthy().info(&[("repl_backlog_active", "0"), ("master_repl_offset", "0")]).examine();
    none.only("unknown", &["none yet; the first replica creates one of 1.00 MiB", "redtail doctor 127.0.0.1:"]);
    assert_eq!(none.start("now")["possible"], true);
    assert_eq!(none.start("POSITION")["possible"], false);
    assert_eq!(none.start("now-without-fork")["possible"], false);

    // Before 7.0 the default start needs it.
    let filter = "-ERR Unrecognized REPLCONF option: rdb-filter-only\r\n";
    let old = Script::healthy().info(&[("repl_backlog_active", "0"), ("redis_version", "6.2.14")]);
    let old = old.answer("REPLCONF rdb-filter-only", filter).examine();
    old.says("warn", &["the default start needs a backlog", "--from snapshot"]);
    assert_eq!(old.start("now")["possible"], false);
    assert_eq!(old.start("snapshot")["possible"], true);
    let old = Script::healthy().denied("INFO").answer("REPLCONF rdb-filter-only", filter).examine();
    old.says("warn", &["the default start needs INFO", "ACL SETUSER cdc +info\""]);
}

/// The first replica creates the backlog, which counts against maxmemory.
#[test]
fn a_backlog_that_does_not_fit_into_memory_is_a_warning() {
    let server = |limit: &str, used: &str, policy: &str| {
        Script::healthy().info(&[
            ("maxmemory", limit),
            ("maxmemory_policy", policy),
            ("used_memory", used),
            ("mem_not_counted_for_evict", "0"),
            ("repl_backlog_active", "0"),
            ("repl_backlog_size", "10485760"),
        ])
    };
    let (limit, full) = ("104857600", "104550400");
    for (policy, effect) in [
        ("allkeys-lru", "for which the server evicts keys\""),
        ("volatile-ttl", "evicts keys that have an expiry time, and then refuses writes\""),
        ("noeviction", "refuses writes until memory is free\""),
    ] {
        let found = server(limit, full, policy).examine();
        found.says("warn", &["memory", "99.71 MiB of 100.00 MiB in use (maxmemory), 300.00 KiB free", effect]);
        found.says("warn", &["a backlog of 10.00 MiB", &format!("(maxmemory-policy {policy})")]);
        found.says("warn", &["CONFIG SET maxmemory 116391936 ", "CONFIG SET repl-backlog-size 272kb "]);
    }
    // Room for the backlog, but not for what comes with it.
    server(limit, "94371840", "allkeys-lru").examine().says("warn", &["10.00 MiB free; the first replica"]);
    let fits = "11.00 MiB free; the first replica creates a backlog of 10.00 MiB";
    server(limit, "93323264", "allkeys-lru").examine().says("good", &["memory", fits]);
    // The output buffers of replicas are not limited.
    server(limit, full, "noeviction")
        .info(&[("mem_not_counted_for_evict", "20000000")])
        .examine()
        .says("good", &["80.63 MiB of 100.00 MiB"]);
    // No room at all, and more in use than allowed.
    let over = server(limit, "114857600", "noeviction").examine();
    over.says("warn", &["109.54 MiB of 100.00 MiB in use (maxmemory), 0 B free", "CONFIG SET maxmemory 126391936 "]);
    assert!(!over.all("warn").iter().any(|finding| finding.contains("repl-backlog-size")));
    let exists = server(limit, full, "noeviction").info(&[("repl_backlog_active", "1")]).examine();
    exists.says("good", &["300.00 KiB free; the backlog exists already"]);
    assert_eq!(exists.code, 0);
    server("0", full, "noeviction").examine().says("good", &["no limit (maxmemory 0)"]);
    let hostile = server(limit, full, "$(id)").examine();
    hostile.says("warn", &["(maxmemory-policy ?)"]);
    let replica = server(limit, full, "noeviction").info(&[("role", "slave"), ("master_link_status", "up")]).examine();
    assert!(!replica.report.to_string().contains("maxmemory"));
}

#[test]
fn settings_that_hurt_a_follower_are_warnings() {
    let healthy = Script::healthy;
    let alone = healthy().info(&[("connected_slaves", "0")]);
    alone
        .clone()
        .config("repl-backlog-ttl", "60")
        .examine()
        .only("warn", &["the only replica", "repl-backlog-ttl 3600"]);
    assert_eq!(alone.examine().code, 0);
    healthy().config("appendonly", "yes").examine().only("warn", &["restart", "append-only file"]);
    healthy().config("save", "").examine().only("warn", &["restart", "CONFIG SET save"]);
    healthy()
        .config("repl-timeout", "5")
        .examine()
        .only("warn", &["repl-timeout", "CONFIG SET repl-timeout 60", "CONFIG REWRITE"]);
    let without_file = healthy().config("repl-timeout", "5").info(&[("config_file", "")]);
    without_file.examine().only("warn", &["repl-timeout", "it has no redis.conf"]);
    healthy()
        .config("repl-ping-replica-period", "120")
        .examine()
        .only("warn", &["pings its replicas only every 2 minutes"]);
    let unlimited = "normal 0 0 0 slave 0 0 0 pubsub 0 0 0";
    healthy().config("client-output-buffer-limit", unlimited).examine().only("warn", &["no limit", "in memory"]);
    let counted = healthy().info(&[("min_slaves_good_slaves", "1")]).examine();
    counted.only("warn", &["min-replicas-to-write", "redtail tail 10.0.0.5:6379"]);
    healthy()
        .info(&[("latest_fork_usec", "900000")])
        .examine()
        .only("warn", &["its last fork took 900.0 ms", "is blocked"]);
    healthy().info(&[("rdb_last_bgsave_status", "err")]).examine().only("warn", &["last background save failed"]);
    healthy().info(&[("rdb_bgsave_in_progress", "1")]).examine().says("good", &["a save or rewrite is in progress"]);
    let full = healthy().info(&[("used_memory_rss", "9000000000")]);
    full.examine().only("warn", &["it uses 8.38 GiB of 15.62 GiB", "redtail tail 10.0.0.5:6379 --from snapshot"]);
    let old = healthy().info(&[("redis_version", "6.2.14")]);
    let small = "normal 0 0 0 slave 65536 0 0 pubsub 0 0 0";
    old.config("client-output-buffer-limit", small)
        .examine()
        .says("warn", &["less than the backlog", "again and again"]);
}

#[test]
fn states_that_pass_are_bad_now() {
    let replica = [("role", "slave"), ("master_host", "10.0.0.1"), ("master_port", "6379")];
    let linked = Script::healthy().info(&replica).info(&[("master_link_status", "up")]).examine();
    assert_eq!(linked.code, 0, "{:#}", linked.report);
    linked.says("good", &["a replica of 10.0.0.1:6379, connected"]);
    let down = [("master_link_status", "down"), ("master_link_down_since_seconds", "130")];
    let down = Script::healthy().info(&replica).info(&down).examine();
    down.only("bad", &[", disconnected (since 2 minutes)", "redtail doctor 10.0.0.1:6379"]);
    assert!(down.report["starts"].as_array().unwrap().is_empty());
    let syncing = [("master_link_status", "down"), ("master_sync_in_progress", "1")];
    Script::healthy().info(&replica).info(&syncing).examine().only("bad", &["receiving a full resynchronisation"]);
    let stale = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
    let stale = Script::healthy().info(&replica).info(&[("master_link_status", "down")]).answer("PING", stale);
    stale.clone().examine().only("bad", &["disconnected"]);
    stale.denied("INFO").examine().says("bad", &["disconnected from its primary"]);
    let failing = Script::healthy().info(&[("master_failover_state", "waiting-for-sync")]);
    failing.examine().only("bad", &["FAILOVER is in progress", "FAILOVER ABORT"]);
    let loading = [("loading", "1"), ("loading_loaded_perc", "37.20"), ("loading_eta_seconds", "45")];
    let loading =
        Script::healthy().info(&loading).answer("PING", "-LOADING Redis is loading the dataset in memory\r\n");
    loading.examine().only("bad", &["loading its data, 37.20 % done, about 45 seconds left", "--reconnect forever"]);
    let busy = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
    Script::healthy().answer("PING", busy).answer("INFO", busy).examine().says("bad", &["script", "SCRIPT KILL"]);
}

#[test]
fn a_node_of_a_cluster_names_the_other_shards() {
    let node = |port: u16, id: &str| format!("*4\r\n$9\r\n127.0.0.1\r\n:{port}\r\n${}\r\n{id}\r\n*0\r\n", id.len());
    let range = |first: u32, last: u32, nodes: &[String]| {
        format!("*{}\r\n:{first}\r\n:{last}\r\n{}", nodes.len() + 2, nodes.concat())
    };
    let mine = [node(7000, "me"), node(7003, "replica")];
    let slots = [
        range(0, 5460, &mine),
        range(5461, 10_922, &[node(7001, "b")]),
        range(10_923, 16_000, &[node(7002, "c")]),
        range(16_001, 16_383, &mine),
    ];
    let slots = format!("*4\r\n{}", slots.concat());
    let member =
        Script::healthy().info(&[("cluster_enabled", "1"), ("redis_mode", "cluster")]).answer("CLUSTER SLOTS", &slots);
    for me in ["$2\r\nme\r\n", "$7\r\nreplica\r\n"] {
        let examined = member.clone().answer("CLUSTER MYID", me).examine();
        examined.only(
            "warn",
            &[
                "5844 of 16384 slots; 2 other shards",
                "--cluster",
                "redtail tail 127.0.0.1:7001",
                "redtail tail 127.0.0.1:7002",
            ],
        );
        assert_eq!(examined.report["facts"]["cluster"]["slots"], 5844);
    }
    member.denied("CLUSTER").examine().only("unknown", &["a node of a cluster", "+cluster|slots"]);
}

#[test]
fn who_does_not_let_us_in_says_why() {
    for (answer, words) in [
        ("-NOAUTH Authentication required.\r\n", &["requires a password", "--password-file"][..]),
        (
            "-DENIED Redis is running in protected mode because protected mode is enabled\r\n",
            &["protected mode", "requirepass"],
        ),
        ("-ERR max number of clients reached\r\n", &["limit of clients", "maxclients"]),
    ] {
        let examined = Script::healthy().answer("PING", answer).examine();
        examined.only("bad", words);
        assert_eq!(examined.report["facts"], Value::Null);
    }
    let (address, _) = Script::healthy().answer("AUTH", "-WRONGPASS invalid username-password pair\r\n").serve();
    let ran = redtail(&["doctor", &address, "--json"]).env("REDTAIL_PASSWORD", "hunter2").output().unwrap();
    let ran = Ran::from(ran);
    assert!(!ran.text().contains("hunter2"));
    Examined::of(ran, Vec::new()).only("bad", &["wrong user or password", "WRONGPASS"]);
}

/// A server that sends these bytes and closes.
fn says(words: &'static [u8]) -> Examined {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        if words.is_empty() {
            return;
        }
        let _ = link.read(&mut [0; 4096]);
        let _ = link.write_all(words);
        let _ = link.shutdown(Shutdown::Write);
        let _ = std::io::copy(&mut link, &mut std::io::sink());
    });
    Examined::of(run(&["doctor", &address, "--json"]), Vec::new())
}

#[test]
fn what_is_no_server_of_ours_is_named() {
    says(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        .only("bad", &["does not speak the protocol", "an HTTP server answers", "HTTP/1.1 400 Bad Request"]);
    says(b"\x15\x03\x01\x00\x02\x02\x46").only("bad", &["requires TLS"]);
    says(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        .only("bad", &["does not speak the protocol", "an SSH server answers", "SSH-2.0-OpenSSH_9.2p1"]);
    says(b"ERROR\r\nERROR\r\n").only("bad", &["does not speak the protocol", "a memcached server answers", "ERROR"]);
    says(b"220 mail.example.org ESMTP\r\n")
        .only("bad", &["does not speak the protocol", "a mail or FTP server answers", "220 mail.example.org"]);
    says(b"").only("bad", &["closed without an answer", "TLS"]);
    says(b"-DENIED Redis is running in protected mode because\r\n").only("bad", &["protected mode"]);
    // A proxy that permits few commands.
    let proxy = Script::healthy().answer("INFO", "").examine();
    proxy.only("bad", &["closed after INFO", "proxy"]);
}

#[test]
fn nobody_there_is_a_report_too() {
    let refusing = Refusing::new();
    let address = refusing.address.to_string();
    let examined = Examined::of(run(&["doctor", &address, "--json"]), Vec::new());
    examined.only("bad", &["can't connect", "refused", "nothing listens there"]);
    let examined = Examined::of(run(&["doctor", "unix:/nowhere/at/all", "--json"]), Vec::new());
    examined.only("bad", &["no such socket"]);
    let examined = Examined::of(run(&["doctor", "redtail.invalid:6379", "--json"]), Vec::new());
    examined.only("bad", &["can't connect", "check host and port"]);
    let ran = run(&["doctor", &address]);
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert!(ran.text().ends_with("It can't be followed.\n"), "{}", ran.text());
}

#[test]
fn silence_is_waited_for_but_not_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    Examined::of(run(&["doctor", &address, "--json"]), Vec::new()).only("bad", &["no answer for 5 seconds"]);
}

/// A server may answer anything.
#[test]
fn a_hostile_server_gets_a_report() {
    let huge = "18446744073709551615";
    for field in [
        "used_memory",
        "used_memory_rss",
        "used_memory_dataset",
        "total_system_memory",
        "latest_fork_usec",
        "uptime_in_seconds",
        "connected_slaves",
        "master_repl_offset",
        "repl_backlog_size",
        "repl_backlog_histlen",
        "loading_eta_seconds",
    ] {
        for value in [huge, "-1", "", "x", "0"] {
            for version in ["7.0.15", "6.2.14", "99999999999.0", "..", ""] {
                let script = Script { grows: 0, ..Script::healthy() };
                let examined = script.info(&[(field, value), ("redis_version", version)]).examine();
                assert!(matches!(examined.code, 0 | 1 | 3), "{field} {value}");
            }
        }
    }
    for (name, value) in [
        ("client-output-buffer-limit", format!("slave {huge} {huge} {huge}")),
        ("repl-backlog-ttl", huge.into()),
        ("repl-timeout", huge.into()),
        ("repl-ping-replica-period", huge.into()),
        ("shutdown-timeout", huge.into()),
    ] {
        let fast = Script { grows: u64::MAX - 2000, ..Script::healthy() };
        let fast = fast.info(&[("repl_backlog_size", huge), ("redis_version", "6.2.14")]);
        assert_ne!(fast.config(name, &value).examine().code, 0, "{name}");
    }
    for answer in [
        "*-1\r\n",
        "*0\r\n",
        ":7\r\n",
        "$-1\r\n",
        "*1\r\n*1\r\n*1\r\n*-1\r\n",
        "-\r\n",
        "+\r\n",
        "_\r\n",
        "%1\r\n+a\r\n+b\r\n",
    ] {
        for question in ["PING", "INFO", "REPLCONF", "COMMAND", "ACL", "CONFIG", "CLUSTER", "SENTINEL"] {
            for mode in ["standalone", "cluster", "sentinel"] {
                let script = Script::healthy().denied(question).answer(question, answer);
                let cluster = if mode == "cluster" { "1" } else { "0" };
                let examined = script.info(&[("redis_mode", mode), ("cluster_enabled", cluster)]).examine();
                assert!(matches!(examined.code, 0 | 1 | 3), "{question} {answer:?}");
            }
        }
    }
    // Control characters, and text that a shell would execute.
    let clever = Script::healthy().info(&[
        ("redis_version", "7.0\x1b[2J"),
        ("role", "slave"),
        ("master_host", "$(reboot)"),
        ("master_link_status", "down"),
        ("slave0", "ip=`id`,port=1,state=\x1b]0;x,lag=0"),
    ]);
    let (address, _) = clever.serve();
    let ran = run(&["doctor", &address, "--sample", "0.01"]);
    assert!(
        !ran.text().contains('\x1b') && !ran.text().contains("reboot") && !ran.text().contains("`id`"),
        "{}",
        ran.text()
    );
}

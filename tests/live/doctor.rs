//! `redtail doctor` against real servers: its findings are true, and it changes nothing.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value as Json;
use socket2::{Domain, Type};

use crate::client::{Value, command};
use crate::copy::count;
use crate::follow::{Watch, follow};
use crate::help::eventually;
use crate::refusals::while_loading;
use crate::refusing::Refusing;
use crate::server::{Kind, Server};
use crate::tool::redtail;

struct Examined {
    code: i32,
    report: Json,
}

impl Examined {
    /// The findings of a severity, each in one text.
    fn all(&self, severity: &str) -> Vec<String> {
        let findings = self.report["findings"].as_array().expect("findings").iter();
        findings.filter(|finding| finding["severity"] == severity).map(Json::to_string).collect()
    }

    #[track_caller]
    fn says(&self, severity: &str, words: &[&str]) {
        let found = self.all(severity);
        let fits = |finding: &&String| words.iter().all(|word| finding.contains(word));
        assert!(found.iter().any(|finding| fits(&finding)), "{severity} {words:?} in {:#}", self.report);
        let code = match severity {
            "bad" => 1,
            "good" => return,
            _ => 3,
        };
        assert_eq!(self.code, code, "{:#}", self.report);
    }

    fn possible(&self, start: &str) -> &Json {
        let starts = self.report["starts"].as_array().expect("starts");
        &starts.iter().find(|it| it["start"] == start).unwrap_or_else(|| panic!("{:#}", self.report))["possible"]
    }
}

fn examine_as(address: &str, login: &[(&str, &str)], args: &[&str]) -> Examined {
    let mut command = redtail(&["doctor", address, "--json", "--sample", "0.02"]);
    for (user, password) in login {
        if !user.is_empty() {
            command.args(["--user", user]);
        }
        command.env("REDTAIL_PASSWORD", password);
    }
    let output = command.args(args).output().expect("run the tool");
    let words = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = serde_json::from_str(&words).unwrap_or_else(|error| panic!("{error}: {words} {output:?}"));
    Examined { code: output.status.code().expect("no signal"), report }
}

fn examine(server: &Server) -> Examined {
    examine_as(&server.address(), &[], &[])
}

/// The harness disables saves and pings of its servers.
const GOOD: [&str; 4] = ["--save", "3600 1", "--repl-ping-replica-period", "10"];

/// A server without any problem for a follower.
fn good(kind: Kind) -> Server {
    let server = Server::start_with(kind, &GOOD);
    server.make_backlog();
    server
}

/// All commands of the tested releases are known, and the commands that were called are those of the server.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_doctor_knows_the_commands_of_tested_servers() {
    for kind in [Kind::Redis70, Kind::Redis82, Kind::Redis810, Kind::Valkey81, Kind::Valkey91] {
        let server = good(kind);
        examine(&server).says("good", &["redtail knows all commands of this server"]);
        server.call(&["HSET", "h", "field", "1"]);
        if kind.expires_fields() {
            server.call(&["HEXPIRE", "h", "1000", "FIELDS", "1", "field"]);
        }
        let examined = examine_as(&server.address(), &[], &["--target-version", "redis-7.0"]);
        let loses = |words: &str| examined.all("warn").iter().any(|finding| finding.contains(words));
        let expires = "redis 7.0.0 has no fields that expire; this server has keys with them: 1";
        assert_eq!(loses(expires), kind.expires_fields(), "{:#}", examined.report);
        assert_eq!(loses("CONFIG RESETSTAT of this server: HEXPIRE"), kind.expires_fields(), "{:#}", examined.report);
        assert_eq!(loses("loads neither the dump.rdb"), kind != Kind::Redis70, "{:#}", examined.report);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_good_server_is_good_and_stays_as_it_was() {
    for kind in Kind::ALL {
        let server = good(kind);
        count(&server, "k", 0..10);
        let state = || {
            // In no fixed order.
            let settings = server.call(&["CONFIG", "GET", "*"]);
            let text = |value: &Value| value.text();
            let settings: BTreeMap<_, _> =
                settings.items().chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
            let users = server.call(&["ACL", "LIST"]);
            let (mut replication, stats) = (server.info("replication"), server.info("stats"));
            // Its replica may still be leaving.
            replication.retain(|name, _| !name.starts_with("slave") && name != "connected_slaves");
            let syncs = ["sync_full", "sync_partial_ok", "sync_partial_err"].map(|name| stats[name].clone());
            (settings, users, replication, syncs, server.digest(), server.call(&["ACL", "LOG"]))
        };
        eventually("nobody replicates", || server.info("replication")["connected_slaves"] == "0");
        let before = state();
        let examined = examine(&server);
        assert_eq!(state(), before, "{kind:?}");
        match kind {
            // Its history never survives a restart.
            Kind::Redis62 => {
                examined.says("warn", &["restart", "before 7.0"]);
                assert_eq!(examined.all("warn").len(), 1, "{:#}", examined.report);
                assert!(examined.all("unknown").is_empty(), "{:#}", examined.report);
            }
            _ => assert_eq!(examined.code, 0, "{:#}", examined.report),
        }
        let (field, version) = kind.version();
        let name = examined.report["facts"]["name"].as_str().expect("a name").to_lowercase();
        assert!(name.starts_with(&format!("{} {version}", field.trim_end_matches("_version"))), "{name}");
        assert_eq!(examined.report["facts"]["offset"].as_u64(), Some(server.offset()));
        assert_eq!(examined.report["facts"]["replid"], server.replid());
    }
}

/// The user of the documentation. The doctor finds out whether it may replicate, and begins no replication.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_documented_user_is_examined_to_the_end() {
    let page = include_str!("../../docs/getting-started.md");
    let rule = page.lines().find_map(|line| line.strip_prefix("redis-cli ")).expect("the rule of the page");
    for kind in Kind::ALL {
        let primary = good(kind);
        let replica = Server::start(kind);
        replica.replica_of(&primary);
        for server in [&primary, &replica] {
            server.call(&rule.replace("'>PASSWORD'", ">pw").split(' ').collect::<Vec<_>>());
            server.call(&["ACL", "SETUSER", "less", "on", ">pw", "+replconf", "+ping", "+info"]);
            let syncs = || {
                let stats = server.info("stats");
                ["sync_full", "sync_partial_ok", "sync_partial_err"].map(|name| stats[name].clone())
            };
            let (before, role) = (syncs(), server.info("replication")["role"].clone());
            let examined = examine_as(&server.address(), &[("cdc", "pw")], &[]);
            examined.says("good", &["the user cdc may replicate"]);
            assert!(examined.all("bad").is_empty(), "{kind:?}: {:#}", examined.report);
            // It may not use CONFIG GET, which following does not need.
            let unknown = examined.all("unknown");
            assert!(unknown.len() == 1 && unknown[0].contains("CONFIG GET is not allowed"), "{kind:?}: {unknown:?}");
            assert_eq!(examined.possible("snapshot"), &Json::Bool(true), "{kind:?}");
            let denied = examine_as(&server.address(), &[("less", "pw")], &[]);
            denied.says("bad", &["the user less may not replicate: +psync is missing"]);
            assert_eq!((syncs(), &server.info("replication")["role"]), (before, &role), "{kind:?}");
        }
    }
}

/// Permissions for all requests, except the ones that following needs.
const MAY_ASK: [&str; 6] = ["+config|get", "+command", "+acl|whoami", "+acl|getuser", "+acl|dryrun", "+cluster"];

/// Whether the tool really attaches so.
fn attaches(server: &Server, start: &str, user: Option<&str>) -> bool {
    let mut command = redtail(&["tail", &server.address(), "--from", start, "--until", "0"]);
    if let Some(user) = user {
        command.args(["--user", user]).env("REDTAIL_PASSWORD", "pw");
    }
    let output = command.output().expect("run the tool");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{words}");
    output.status.success()
}

/// The doctor's verdict on each start matches a real attempt.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_start_that_is_possible_works_and_one_that_is_not_does_not() {
    const STARTS: [&str; 4] = ["now", "now-without-fork", "snapshot", "sync"];
    for kind in Kind::ALL {
        for start in STARTS {
            // An attached follower creates a backlog: each start has a server of its own.
            let server = Server::start(kind);
            let said = examine(&server).possible(start).clone();
            assert_eq!(said, attaches(&server, start, None), "{kind:?} without backlog, {start}");
        }
        let server = Server::start(kind);
        server.make_backlog();
        let rules = ["+psync", "+replconf", "+ping", "+info", "+sync"];
        for missing in ["", "+psync", "+replconf", "+ping", "+info", "+sync"] {
            let user = format!("without{}", missing.trim_start_matches('+'));
            let mut create = vec!["ACL", "SETUSER", &user, "on", ">pw"];
            create.extend(MAY_ASK.iter().filter(|rule| kind != Kind::Redis62 || **rule != "+acl|dryrun"));
            create.extend(rules.iter().filter(|rule| **rule != missing));
            server.call(&create);
            let examined = examine_as(&server.address(), &[(&user, "pw")], &[]);
            for start in STARTS {
                let really = attaches(&server, start, Some(&user));
                assert_eq!(*examined.possible(start), really, "{kind:?} {user}, {start}: {:#}", examined.report);
            }
            // The printed rule fixes it.
            let fix = |finding: &Json| finding["fix"][0]["command"].as_str().map(str::to_owned);
            let all = examined.report["findings"].as_array().expect("findings").iter();
            let starts = examined.report["starts"].as_array().expect("starts").iter();
            let rule = all.chain(starts).filter_map(fix).find(|command| command.starts_with("ACL SETUSER"));
            match (missing, rule) {
                ("", rule) => assert_eq!(rule, None, "{:#}", examined.report),
                (missing, Some(rule)) => {
                    assert_eq!(rule, format!("ACL SETUSER {user} {missing}"), "{kind:?}");
                    server.call(&rule.split(' ').collect::<Vec<_>>());
                    let mended = examine_as(&server.address(), &[(&user, "pw")], &[]);
                    assert!(STARTS.iter().all(|start| *mended.possible(start) == true), "{:#}", mended.report);
                }
                (missing, None) => panic!("{kind:?} {missing}: {:#}", examined.report),
            }
        }
    }
}

/// With the minimum of permissions the doctor knows whether the user may follow, and reports what else it may not ask.
#[test]
#[ignore = "needs real servers: tests/run"]
fn what_may_not_be_asked_is_said_to_be_unknown() {
    for kind in Kind::ALL {
        let server = good(kind);
        server.call(&["ACL", "SETUSER", "cdc", "on", ">pw", "+psync", "+replconf", "+ping"]);
        let examined = examine_as(&server.address(), &[("cdc", "pw")], &[]);
        examined.says("unknown", &["INFO is not allowed", "ACL SETUSER cdc +info"]);
        examined.says("unknown", &["CONFIG GET is not allowed", "ACL SETUSER cdc +config|get"]);
        examined.says("good", &["a primary"]);
        // A Redis 6 may be a KeyDB, which may take the request for a real one.
        let known = match kind {
            Kind::Redis62 => Json::Null,
            _ => true.into(),
        };
        match kind {
            Kind::Redis62 => examined.says("unknown", &["whether the user cdc may replicate", "+acl|getuser"]),
            _ => examined.says("good", &["the user cdc may replicate"]),
        }
        assert!(examined.all("bad").is_empty(), "{:#}", examined.report);
        assert_eq!((examined.code, examined.possible("snapshot")), (3, &known), "{:#}", examined.report);
        if kind != Kind::Redis62 {
            server.call(&["ACL", "SETUSER", "cdc", "-psync"]);
            let examined = examine_as(&server.address(), &[("cdc", "pw")], &[]);
            examined.says("bad", &["+psync is missing", "ACL SETUSER cdc +psync"]);
            assert_eq!(examined.code, 1, "{:#}", examined.report);
            server.call(&["ACL", "SETUSER", "cdc", "+psync"]);
        }
        // The requested permissions make everything known.
        let mut grant = vec!["ACL", "SETUSER", "cdc", "+info"];
        grant.extend(MAY_ASK.iter().filter(|rule| kind != Kind::Redis62 || **rule != "+acl|dryrun"));
        server.call(&grant);
        let examined = examine_as(&server.address(), &[("cdc", "pw")], &[]);
        assert!(examined.all("unknown").is_empty(), "{kind:?}: {:#}", examined.report);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_renamed_psync_is_found_without_trying_it() {
    for kind in Kind::ALL {
        for name in ["", "HIDDEN"] {
            let server = Server::start_with(kind, &["--save", "3600 1", "--rename-command", "PSYNC", name]);
            examine(&server).says("bad", &["PSYNC is renamed or blocked", "rename-command PSYNC"]);
        }
        let server = Server::start_with(kind, &["--rename-command", "REPLCONF", ""]);
        examine(&server).says("bad", &["REPLCONF is renamed or blocked"]);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn protected_mode_and_passwords() {
    let server = Server::start(Kind::Redis70);
    let outside = from_another_host(server.port);
    examine_as(&outside, &[], &[]).says("bad", &["protected mode", "requirepass"]);
    server.config_set("protected-mode", "no");
    assert_ne!(examine_as(&outside, &[], &[]).code, 1);
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--requirepass", "secret", "--save", "3600 1"]);
        server.make_backlog();
        examine(&server).says("bad", &["requires a password", "--password-file"]);
        examine_as(&server.address(), &[("", "wrong")], &[]).says("bad", &["wrong user or password"]);
        examine_as(&server.address(), &[("nobody", "secret")], &[]).says("bad", &["wrong user or password"]);
        assert_ne!(examine_as(&server.address(), &[("", "secret")], &[]).code, 1);
    }
    examine_as(&Refusing::new().address.to_string(), &[], &[]).says("bad", &["can't connect"]);
}

/// An address that leads to the server through a client that is not on the server's own host.
fn from_another_host(port: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its own address").to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            server.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).expect("another address");
            server.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).expect("connect to the server");
            let (mut client, mut server) = (client, TcpStream::from(server));
            let (mut back, mut forth) = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
            std::thread::spawn(move || io::copy(&mut client, &mut server));
            std::thread::spawn(move || {
                io::copy(&mut forth, &mut back).and_then(|_| back.shutdown(std::net::Shutdown::Both))
            });
        }
    });
    address
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_backlog_is_measured() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--repl-backlog-size", "16kb", "--save", "3600 1"]);
        let examined = examine(&server);
        examined.says("unknown", &["none yet; the first replica creates one of 16.00 KiB"]);
        server.make_backlog();
        eventually("nobody replicates", || server.info("replication")["connected_slaves"] == "0");
        examine(&server).says("good", &["16.00 KiB; no writes within"]);
        let stop = AtomicBool::new(false);
        let offset = || server.info("replication")["master_repl_offset"].clone();
        let before = offset();
        let examined = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut client = server.client();
                while !stop.load(Ordering::Acquire) {
                    client.pipeline(&vec![command(&["SET", "k", &"v".repeat(1000)]); 20]);
                }
            });
            eventually("the client writes", || offset() != before);
            let examined = examine(&server);
            stop.store(true, Ordering::Release);
            examined
        });
        examined.says("warn", &["backlog", "it covers an outage of ", "CONFIG SET repl-backlog-size "]);
        let findings = examined.report["findings"].as_array().expect("findings");
        let finding = findings.iter().find(|finding| finding["about"] == "backlog").expect("one");
        let fix = finding["fix"][0]["command"].as_str().expect("a command").split_once(" #").expect("a reason").0;
        server.call(&fix.split_whitespace().collect::<Vec<_>>());
        let size = server.info("replication")["repl_backlog_size"].parse::<u64>().expect("a number");
        assert!(size > 16 << 10, "{fix}");
    }
}

/// With little room the first replica costs keys, as the doctor has predicted; after its advice it costs none.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_backlog_that_does_not_fit_costs_keys() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Redis810, Kind::Valkey81, Kind::Valkey91]) {
        for heeded in [false, true] {
            let server = Server::start_with(kind, &["--maxmemory-policy", "allkeys-lru"]);
            let fill = |name: &str| {
                let set = |at: usize| command(&["SET", &format!("{name}:{at}"), &"x".repeat(500)]);
                server.client().pipeline(&(0..10_000).map(set).collect::<Vec<_>>());
            };
            fill("before");
            let used: u64 = server.info("memory")["used_memory"].parse().expect("a number");
            server.config_set("maxmemory", &(used + (300 << 10)).to_string());
            let examined = examine(&server);
            examined.says("warn", &["(maxmemory)", "for which the server evicts keys"]);
            if heeded {
                let findings = examined.report["findings"].as_array().expect("findings");
                let memory = findings.iter().find(|finding| finding["about"] == "memory").expect("one about memory");
                let advice = memory["fix"][0]["command"].as_str().expect("an advice");
                let words: Vec<&str> = advice.split_whitespace().take(4).collect();
                server.call(&words);
                examine(&server).says("good", &["the first replica creates a backlog"]);
            }
            let watch = Watch::attached(follow(&server));
            // The same keys again need no memory but that of the backlog, which fills.
            (0..3).for_each(|_| fill("before"));
            watch.reaches(server.offset());
            let evicted: u64 = server.info("stats")["evicted_keys"].parse().expect("a number");
            assert_eq!(evicted > 0, !heeded, "{kind:?}: {evicted} keys evicted");
            watch.stop();
        }
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_replica_and_those_who_replicate() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        let mut primary = Server::start_with(kind, &GOOD);
        let replica = Server::start_with(kind, &GOOD);
        replica.replica_of(&primary);
        let examined = examine(&replica);
        examined.says("good", &["a replica of 127.0.0.1", "connected"]);
        assert_eq!(examined.code, 0, "{:#}", examined.report);
        let watch = Watch::attached(follow(&primary));
        eventually("both are online", || {
            let info = primary.info("replication");
            ["slave0", "slave1"].iter().all(|name| info.get(*name).is_some_and(|line| line.contains("online")))
        });
        primary.config_set("min-replicas-to-write", "2");
        let examined = examine(&primary);
        examined.says("good", &["replicas", "redtail.invalid", &replica.address(), "online"]);
        let elsewhere = format!("redtail tail {}", replica.address());
        examined.says("warn", &["min-replicas-to-write", &elsewhere]);
        // Confirmed: a write succeeds with the follower's help.
        assert!(!primary.client().ask(&["SET", "k", "v"]).is_error());
        watch.stop();
        primary.kill();
        eventually("the replica notices", || replica.info("replication")["master_link_status"] == "down");
        examine(&replica).says("bad", &["disconnected", &format!("redtail doctor {}", primary.address())]);
        replica.config_set("replica-serve-stale-data", "no");
        examine(&replica).says("bad", &["disconnected"]);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_that_loads_or_is_busy_is_not_ready() {
    for kind in Kind::SINCE_7 {
        let server = Server::start_with(kind, &["--loading-process-events-interval-bytes", "1024"]);
        while_loading(&server, || {
            examine(&server).says("bad", &["loading its data", "% done", "left", "--reconnect forever"]);
            server.config_set("key-load-delay", "0");
        });
    }
    let server = Server::start_with(Kind::Redis70, &["--busy-reply-threshold", "100"]);
    std::thread::scope(|scope| {
        let script = scope.spawn(|| server.client().ask(&["EVAL", "while true do end", "0"]));
        eventually("the server is busy", || server.client().ask(&["GET", "k"]).is_error());
        examine(&server).says("bad", &["script", "SCRIPT KILL"]);
        server.call(&["SCRIPT", "KILL"]);
        assert!(script.join().expect("the script was killed").is_error());
    });
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_sentinel_and_the_nodes_of_a_cluster() {
    let primary = Server::start(Kind::Redis70);
    let sentinel = Server::start_sentinel(&primary);
    let watched = format!("redis+sentinel://{}/watched", sentinel.address());
    let advice = format!("redtail doctor {watched}   # now {}", primary.address());
    examine(&sentinel).says("bad", &["this is a Sentinel", &advice]);
    let examined = examine_as(&watched, &[], &[]);
    examined.says("good", &["sentinel", &format!("the primary watched is {}", primary.address())]);
    assert_eq!(examined.report["target"], primary.address());
    let unknown = format!("redis+sentinel://{}/nobody", sentinel.address());
    examine_as(&unknown, &[], &[]).says("bad", &["the Sentinels know no primary called", "nobody", "/watched"]);

    // Sentinels that watch different servers under one name do not know each other.
    let another = Server::start(Kind::Redis70);
    let strange = Server::start_sentinel(&another);
    let both = format!("redis+sentinel://{},{}/watched", sentinel.address(), strange.address());
    examine_as(&both, &[], &[]).says("warn", &["they disagree on the address of watched", &another.address()]);
    let refusing = Refusing::new();
    let dead = format!("redis+sentinel://{},{}/watched", sentinel.address(), refusing.address);
    examine_as(&dead, &[], &[]).says("warn", &["does not answer: Connection refused"]);

    for kind in Kind::few(&[Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let args = ["--cluster-enabled", "yes", "--save", "3600 1", "--cluster-config-file", "nodes.conf"];
        let nodes = [Server::start_with(kind, &args), Server::start_with(kind, &args)];
        nodes[0].call(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
        let alone = examine(&nodes[0]);
        alone.says("good", &["the only shard (8192 slots)"]);
        nodes[1].call(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
        nodes[0].call(&["CLUSTER", "MEET", "127.0.0.1", &nodes[1].port.to_string()]);
        for (node, other) in [(&nodes[0], &nodes[1]), (&nodes[1], &nodes[0])] {
            eventually("they know each other", || node.call(&["CLUSTER", "SLOTS"]).items().len() == 2);
            let other = format!("redtail tail {}", other.address());
            examine(node).says("warn", &["8192 of 16384 slots; one other shard", &other]);
        }
    }
}

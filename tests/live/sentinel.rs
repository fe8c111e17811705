//! A follower that finds its primary through Sentinels, over many failovers.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use redtail::net::{Builder, Login, Target};
use redtail::replication::ReplicaLabel;
use redtail::topology::{Sentinel, SentinelError};
use redtail::{AttachMethod, Attached, Error, OnGap, Role};

use crate::client::{Client, Value};
use crate::copy::{replay, same_data};
use crate::failover::{another_is_promoted, nothing_is_missing, replicas_known_to, three_sentinels, watched};
use crate::follow::{BACKOFF, Seen, Told, Watch};
use crate::help::eventually;
use crate::load::Load;
use crate::refusing::Refusing;
use crate::server::{Kind, Server};
use crate::tool::{Tool, redtail};

fn finder(sentinels: &[Server]) -> Builder<Sentinel> {
    Sentinel::builder(sentinels.iter().map(Server::address), "watched").expect("addresses")
}

fn follow(sentinel: Builder<Sentinel>) -> Builder<Sentinel> {
    sentinel.control(true).reconnect(BACKOFF)
}

/// The last snapshot, if any, and the stream after it.
pub(crate) fn rebuilt(seen: &Seen, kind: Kind) -> Server {
    let snapshot = seen.told.iter().rposition(|told| matches!(told, Told::SnapshotEnd(_)));
    let Some(at) = snapshot else {
        let copy = Server::start(kind);
        replay(&copy, 0, &seen.stream());
        return copy;
    };
    let Told::SnapshotEnd(end) = seen.told[at] else { unreachable!("it was found") };
    let copy = Server::start_from_dump(kind, &seen.snapshot);
    let behind = Seen { told: seen.told[at..].to_vec(), ..Seen::default() };
    replay(&copy, end.db.expect("a snapshot tells the database"), &behind.stream());
    copy
}

/// The primary is killed repeatedly under load; the killed server returns as a replica. Returns the number of gaps.
pub(crate) fn failovers(kind: Kind, count: usize) -> usize {
    let mut servers: Vec<Server> = (0..3).map(|_| Server::start(kind)).collect();
    for replica in &servers[1..] {
        replica.replica_of(&servers[0]);
    }
    let sentinels = three_sentinels(&servers[0], 2);
    let port = sentinels[0].port;
    let watch = Watch::attached(follow(finder(&sentinels)).on_gap(OnGap::Snapshot));
    let load = Load::start(move || watched(port));
    for round in 1..=count {
        let primary = watched(port).expect("a primary");
        let at = servers.iter().position(|server| server.port == primary).expect("one of ours");
        let mut known: Vec<_> = servers.iter().map(Server::address).collect();
        known.remove(at);
        known.sort();
        assert_eq!(replicas_known_to(&sentinels[0]), known, "Sentinel knows us, too");
        servers[at].kill();
        another_is_promoted(&sentinels, primary);
        load.goes_on();
        servers[at].start_again();
        // Sentinel closes the connections of the servers it makes replicas, the test's too.
        let linked = |server: &Server| {
            let asked =
                Client::connect(server.port, None).and_then(|mut client| client.try_call(&["INFO", "replication"]));
            matches!(asked, Ok(Value::Bulk(text)) if String::from_utf8_lossy(&text).contains("master_link_status:up"))
        };
        eventually("all replicas are linked, the one that was killed too", || {
            servers.iter().filter(|server| linked(server)).count() == 2
        });
        watch.wait("attached to the new primary", |seen| seen.attached().len() > round);
        eprintln!("{kind:?}: failover {round}, {} gaps so far", watch.seen().gaps().len());
    }
    load.goes_on();
    drop(load);
    let primary = watched(port).expect("a primary");
    let primary = servers.iter().find(|server| server.port == primary).expect("one of ours");
    watch.reaches(primary.offset());
    let seen = watch.stop();
    if seen.gaps().is_empty() {
        nothing_is_missing(&seen, primary);
    }
    same_data(&rebuilt(&seen, kind), primary);
    each_is_exact_or_a_gap(&seen, count);
    seen.gaps().len()
}

/// Each attach is exact, or a gap was delivered before it.
fn each_is_exact_or_a_gap(seen: &Seen, count: usize) {
    let is_exact = |attached: &&Attached| matches!(attached.method, AttachMethod::Continued | AttachMethod::Rewound);
    let exact = seen.attached()[1..].iter().filter(is_exact).count();
    assert!(exact + seen.gaps().len() >= count, "{:?}", seen.attached());
}

/// `SENTINEL FAILOVER`, repeatedly. Without a client that writes, the old primary still sends bytes without data. Under
/// load, writes may be lost with the old primary. Returns the number of gaps.
pub(crate) fn planned_failovers(kind: Kind, count: usize, is_under_load: bool) -> usize {
    let servers: Vec<Server> = (0..3).map(|_| Server::start(kind)).collect();
    for replica in &servers[1..] {
        replica.replica_of(&servers[0]);
    }
    let sentinels = three_sentinels(&servers[0], 2);
    let port = sentinels[0].port;
    let primary = || {
        let port = watched(port).expect("a primary");
        servers.iter().find(|server| server.port == port).expect("one of ours")
    };
    let on_gap = if is_under_load { OnGap::Snapshot } else { OnGap::Stop };
    let watch = Watch::attached(follow(finder(&sentinels)).on_gap(on_gap));
    let load = is_under_load.then(|| Load::start(move || watched(port)));
    for round in 1..=count {
        let old = primary();
        match &load {
            Some(load) => load.goes_on(),
            None => {
                let mut client = Client::connect(old.port, None).expect("a client");
                client.call(&["SELECT", &(round % 3).to_string()]);
                client.call(&["INCR", "counter"]);
                let written = old.offset();
                eventually("the replicas have the write", || servers.iter().all(|server| server.offset() >= written));
                // Greetings of the Sentinels, after the write.
                eventually("greetings follow the write", || old.offset() > written + 500);
                watch.reaches(old.offset());
            }
        }
        // Again where the Sentinel gave up: it finds no replica in good order yet, or was not scheduled for too long.
        eventually("the Sentinel promotes a replica", || {
            let is_done = watched(port).is_ok_and(|port| port != old.port);
            if !is_done {
                let asked = Client::connect(port, None);
                let _ = asked.and_then(|mut client| client.try_call(&["SENTINEL", "FAILOVER", "watched"]));
            }
            is_done
        });
        another_is_promoted(&sentinels, old.port);
        watch.wait("attached to the new primary", |seen| {
            assert!(seen.end.is_none(), "{kind:?}, failover {round}: {:?}", seen.end);
            seen.attached().len() > round
        });
        let linked = |server: &Server| {
            let asked =
                Client::connect(server.port, None).and_then(|mut client| client.try_call(&["INFO", "replication"]));
            matches!(asked, Ok(Value::Bulk(text)) if String::from_utf8_lossy(&text).contains("master_link_status:up"))
        };
        eventually("both replicas are linked", || servers.iter().filter(|server| linked(server)).count() == 2);
        let method = watch.seen().attached().last().map(|attached| attached.method);
        eprintln!("{kind:?}: planned failover {round}, {method:?}, {} gaps so far", watch.seen().gaps().len());
    }
    if let Some(load) = load {
        load.goes_on();
    }
    let primary = primary();
    watch.reaches(primary.offset());
    let seen = watch.stop();
    if seen.gaps().is_empty() {
        nothing_is_missing(&seen, primary);
    }
    same_data(&rebuilt(&seen, kind), primary);
    each_is_exact_or_a_gap(&seen, count);
    if !is_under_load {
        let rewound = seen.attached().iter().filter(|attached| attached.method == AttachMethod::Rewound).count();
        eprintln!("{kind:?}: {rewound} of {count} continued before the position reached");
        let writes = seen.texts().iter().filter(|text| text.starts_with("INCR")).count();
        assert_eq!((seen.gaps().len(), writes), (0, count), "{:?}", seen.attached());
    }
    seen.gaps().len()
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_planned_failover_continues_behind_greetings_and_pings() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        planned_failovers(kind, 3, false);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_planned_failover_under_load_is_exact_or_a_gap() {
    planned_failovers(Kind::Redis70, 2, true);
}

#[test]
#[ignore = "takes minutes: tests/soak planned-failovers"]
fn twenty_planned_failovers_lose_and_repeat_nothing() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        planned_failovers(kind, 20, false);
        planned_failovers(kind, 20, true);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_primary_killed_twice_is_found_again() {
    failovers(Kind::Redis82, 2);
}

#[test]
#[ignore = "takes minutes: tests/soak failovers"]
fn twenty_failovers_lose_nothing() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        failovers(kind, 20);
    }
}

/// A primary that hangs is silent for longer than any timeout; the Sentinels report the new primary.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_primary_that_hangs_is_left_at_once() {
    let primary = Server::start(Kind::Redis70);
    let replica = Server::start(Kind::Redis70);
    replica.replica_of(&primary);
    let sentinel = Server::start_sentinel(&primary);
    eventually("Sentinel sees the replica", || sentinel.call(&["SENTINEL", "REPLICAS", "watched"]).items().len() == 1);
    let watch = Watch::attached(follow(finder(std::slice::from_ref(&sentinel))).silence(Duration::from_secs(600)));
    let began = Instant::now();
    primary.stand_still();
    watch.wait("attached to the new primary", |seen| seen.attached().len() == 2);
    // Far less than the permitted silence; the time that Sentinel took is irrelevant.
    assert!(began.elapsed() < Duration::from_secs(60));
    replica.call(&["SET", "k", "v"]);
    watch.wait("the write", |seen| seen.write("SET k v").is_some());
    watch.stop();
}

/// The user at the Sentinel has every right that a follower uses but SUBSCRIBE.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_failover_is_noticed_where_subscribe_is_denied() {
    let primary = Server::start(Kind::Redis70);
    let replica = Server::start(Kind::Redis70);
    replica.replica_of(&primary);
    let sentinel = Server::start_sentinel(&primary);
    let rights = ["+sentinel|get-master-addr-by-name", "+sentinel|sentinels", "+sentinel|master"];
    sentinel.call(&[&["ACL", "SETUSER", "cdc", "on", ">pw"], rights.as_slice()].concat());
    eventually("Sentinel sees the replica", || sentinel.call(&["SENTINEL", "REPLICAS", "watched"]).items().len() == 1);
    let warnings = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&warnings);
    let builder = finder(std::slice::from_ref(&sentinel)).sentinel_login(|| Ok(Login::user("cdc", "pw")));
    let builder = builder.on_warning(move |warning| heard.lock().expect("no panic").push(warning.to_string()));
    let watch = Watch::attached(follow(builder).silence(None));
    let mut tool = Tool::start_command(
        redtail(&["tail", &format!("redis+sentinel://{}/watched", sentinel.address()), "--sentinel-user", "cdc"])
            .args(["--format", "json"])
            .env("REDTAIL_SENTINEL_PASSWORD", "pw"),
    );
    tool.event_named("attached");
    eventually("SUBSCRIBE is denied", || !warnings.lock().expect("no panic").is_empty());
    primary.stand_still();
    watch.wait("attached to the new primary", |seen| seen.attached().len() == 2);
    replica.call(&["SET", "k", "v"]);
    watch.wait("the write", |seen| seen.write("SET k v").is_some());
    watch.stop();
    let denial = format!(
        "the Sentinel {} denies SUBSCRIBE: NOPERM this user has no permissions to run the 'subscribe' command. The \
         Sentinels are asked for the primary watched every 5 s instead. To learn of a failover at once, run ACL \
         SETUSER USER +subscribe &+switch-master on that Sentinel and connect again",
        sentinel.address()
    );
    assert_eq!(*warnings.lock().expect("no panic"), *std::slice::from_ref(&denial));
    tool.signal("TERM");
    assert!(tool.wait().success());
    assert!(tool.errors().contains(&denial), "{}", tool.errors());
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_replica_may_be_followed_instead() {
    let primary = Server::start_with(Kind::Redis70, &["--requirepass", "secret"]);
    let replica = Server::start_with(Kind::Redis70, &["--requirepass", "secret"]);
    replica.replica_of(&primary);
    let sentinel = Server::start_sentinel_with(&primary, 1, Some("other"));
    eventually("Sentinel sees the replica in good order", || {
        let replicas = sentinel.call(&["SENTINEL", "REPLICAS", "watched"]);
        replicas.items().first().is_some_and(|replica| {
            let fields: Vec<String> = replica.items().iter().map(|field| field.text()).collect();
            fields.chunks(2).any(|pair| pair == ["master-link-status", "ok"])
        })
    });
    let login = |password: &'static str| move || Ok(Login::password(password));
    let refusing = Refusing::new();
    let finder = || {
        let dead = refusing.address.to_string();
        let sentinels = [dead, sentinel.address()];
        let finder = Sentinel::builder(sentinels, "watched").expect("addresses");
        finder.password("secret").sentinel_login(login("other"))
    };
    let mut asked = finder().prefer_replica(true);
    let found = asked.find().expect("it is found");
    let address: Target = replica.address().parse().expect("an address");
    assert_eq!((found.target, found.is_replica), (address, true));
    let watch = Watch::attached(follow(finder().prefer_replica(true)));
    assert_eq!(watch.seen().attached()[0].role, Some(Role::Replica));
    primary.call(&["SET", "k", "v"]);
    watch.wait("the write", |seen| seen.write("SET k v").is_some());
    watch.stop();
    let watch = Watch::attached(follow(finder()));
    assert_eq!(watch.seen().attached()[0].role, Some(Role::Primary));
    watch.stop();

    let refused = finder().sentinel_login(login("wrong")).find().expect_err("a wrong password");
    assert!(matches!(&refused, SentinelError::Silent { tried, .. } if tried[1].1.contains("WRONGPASS")), "{refused}");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn what_can_not_be_found_says_why() {
    let server = Server::start(Kind::Redis70);
    let sentinel = Server::start_sentinel(&server);
    let error = Sentinel::builder([sentinel.address()], "unheard-of").expect("an address").connect();
    let error = error.expect_err("it is not known");
    assert!(error.to_string().contains("know no primary called \"unheard-of\""), "{error}");
    // A server that is not a Sentinel, and an unused port.
    let refusing = Refusing::new();
    let nobody = refusing.address.to_string();
    let error = Sentinel::builder([server.address(), nobody], "watched").expect("addresses").find().expect_err("none");
    let words = error.to_string();
    assert!(words.contains("unknown command") && words.contains("refused"), "{words}");
    assert_eq!(Sentinel::builder([""; 0], "watched").err(), Some(SentinelError::NoSentinel));
    assert!(matches!(Sentinel::builder(["nowhere"], "watched").err(), Some(SentinelError::Target(_))));
    // A Sentinel that is wrong about the primary.
    let replica = Server::start(Kind::Redis70);
    replica.replica_of(&server);
    let wrong = Server::start_sentinel(&replica);
    let outcome = Sentinel::builder([wrong.address()], "watched").expect("an address").connect();
    match outcome {
        Err(Error::Connect { source, .. }) => {
            assert!(source.to_string().contains("is a replica and not the primary of watched"), "{source}")
        }
        // It has corrected itself meanwhile.
        Ok(_) => {}
        Err(error) => panic!("{error}"),
    }
}

/// With its default label a follower is not taken for a replica. With an address as its label it is: the check above
/// can fail.
#[test]
#[ignore = "needs real servers: tests/run"]
fn sentinel_knows_a_follower_only_by_an_address() {
    let server = Server::start(Kind::Redis70);
    let sentinel = Server::start_sentinel(&server);
    sentinel.call(&["SENTINEL", "DEBUG", "INFO-PERIOD", "200"]);
    let hidden = Watch::attached(follow(finder(std::slice::from_ref(&sentinel))));
    assert!(replicas_known_to(&sentinel).is_empty());
    let label = ReplicaLabel::new("127.0.0.1").expect("a label");
    let seen = Watch::attached(follow(finder(std::slice::from_ref(&sentinel))).label(label));
    eventually("it is seen", || replicas_known_to(&sentinel).len() == 1);
    hidden.stop();
    seen.stop();
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_tool_asks_sentinels() {
    let mut primary = Server::start(Kind::Redis70);
    let replica = Server::start(Kind::Redis70);
    replica.replica_of(&primary);
    let sentinel = Server::start_sentinel_with(&primary, 1, Some("other"));
    eventually("Sentinel sees the replica", || sentinel.call(&["SENTINEL", "REPLICAS", "watched"]).items().len() == 1);
    let url = |name: &str| format!("redis+sentinel://{}/{name}", sentinel.address());
    let start = |args: &[&str]| {
        let mut command = redtail(args);
        command.env("REDTAIL_SENTINEL_PASSWORD", "other");
        Tool::start_command(&mut command)
    };
    // Sentinels write too: they publish greetings through the servers they watch.
    let write = |tool: &mut Tool, value: &str| {
        while tool.event_named("command")["args"] != serde_json::json!(["SET", "k", value]) {}
    };
    let mut tool = start(&["tail", &url("watched"), "--format", "json"]);
    assert_eq!(tool.event_named("attached")["target"], url("watched"));
    primary.call(&["SET", "k", "1"]);
    write(&mut tool, "1");
    eventually("the replica has it too", || replica.offset() == primary.offset());
    primary.kill();
    assert_eq!(tool.event_named("attached")["method"], "continued");
    replica.call(&["SET", "k", "2"]);
    write(&mut tool, "2");
    tool.signal("TERM");
    assert!(tool.wait().success());
    let mut unknown = start(&["tail", &url("other")]);
    assert_eq!(unknown.wait().code(), Some(1));
    assert!(
        unknown.errors().contains("can't connect to other: the Sentinels know no primary called"),
        "{}",
        unknown.errors()
    );
}

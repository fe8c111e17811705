//! `redtail compare`.

use crate::cluster::nodes::Nodes;
use crate::copy::fill;
use crate::help::eventually;
use crate::load::Load;
use crate::server::{Kind, Server};
use crate::tool::Tool;

/// The exit code, the lines of standard output sorted, and standard error.
fn compare(source: &Server, target: &Server, options: &[&str]) -> (Option<i32>, Vec<String>, String) {
    let ran = Tool::run(&[&["compare", &source.address(), &target.address()], options].concat(), b"");
    let text = String::from_utf8(ran.stdout).expect("text");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    (ran.status.code(), lines, String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// Copies all keys.
fn copy(source: &Server, target: &Server, version: &str) {
    let options = ["--format", "resp", "--empty-target", "--target-version", version];
    let printed = Tool::run(&[&["snapshot", &source.address()][..], &options].concat(), b"");
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let loaded = Tool::run(&["load", &target.address()], &printed.stdout);
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
}

/// The versions have other encodings, and another order of members and fields.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_copy_is_equal_and_each_difference_is_named() {
    for (from, to, version) in [
        (Kind::Redis70, Kind::Valkey91, "valkey-9.1"),
        (Kind::Redis62, Kind::Redis810, "redis-8.10"),
        (Kind::Valkey81, Kind::Redis82, "redis-8.2"),
        (Kind::Redis810, Kind::Redis810, "redis-8.10"),
    ] {
        let (source, target) = (Server::start(from), Server::start(to));
        fill(&source);
        let mut client = source.client();
        // A group of st:a has pending entries that are no longer in the stream, which no command copies.
        for key in ["list", "set", "zset", "hash", "string", "gone", "type", "expires", "kept", "stream", "st:a"] {
            client.call(&["DEL", key]);
        }
        let numbers: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        for (command, key) in [("RPUSH", "list"), ("SADD", "set"), ("ZADD", "zset"), ("HSET", "hash")] {
            client.call(&[command, key].into_iter().chain(numbers.iter().map(String::as_str)).collect::<Vec<_>>());
        }
        for key in ["string", "gone", "type"] {
            client.call(&["SET", key, "1"]);
        }
        for key in ["expires", "kept"] {
            client.call(&["SET", key, "1", "PX", "3600000"]);
        }
        client.call(&["XADD", "stream", "1-1", "f", "v"]);
        client.call(&["XADD", "stream", "1-2", "f", "v"]);
        client.call(&["XGROUP", "CREATE", "stream", "group", "0"]);
        client.call(&["XREADGROUP", "GROUP", "group", "one", "STREAMS", "stream", ">"]);
        copy(&source, &target, version);
        target.call(&["SET", "redtail:position", "x"]);
        let (code, lines, errors) = compare(&source, &target, &[]);
        assert_eq!((code, lines), (Some(0), Vec::new()), "{from:?} to {to:?}: {errors}");
        assert!(errors.contains("keys are equal"), "{errors}");
        let mut client = target.client();
        for command in [
            &["LSET", "list", "500", "x"][..],
            &["SMOVE", "set", "other", "7"],
            &["ZINCRBY", "zset", "1", "1"],
            &["HSET", "hash", "2", "x"],
            &["SET", "string", "2"],
            &["DEL", "gone"],
            &["PEXPIRE", "expires", "1800000"],
            &["XACK", "stream", "group", "1-1"],
            &["DEL", "type"],
            &["RPUSH", "type", "1"],
            &["SELECT", "9"],
            &["SET", "a\nb", "x"],
        ] {
            client.call(command);
        }
        let expected = [
            "different 0 \"expires\" (expiry)",
            "different 0 \"hash\" (value of type hash)",
            "different 0 \"list\" (value of type list)",
            "different 0 \"set\" (value of type set)",
            "different 0 \"stream\" (value of type stream)",
            "different 0 \"string\" (value of type string)",
            "different 0 \"type\" (type string, and not list)",
            "different 0 \"zset\" (value of type zset)",
            "extra 0 \"other\"",
            "extra 9 \"a\\nb\"",
            "missing 0 \"gone\"",
        ];
        let (code, lines, errors) = compare(&source, &target, &[]);
        assert_eq!((code, lines), (Some(1), expected.map(str::to_owned).to_vec()), "{from:?} to {to:?}: {errors}");
        assert!(errors.contains("1 are missing in the target, 8 differ, and the target has 2 more"), "{errors}");
        let options = ["--key", "h?sh", "--key", "kept", "--not-key", "hash", "--db", "0"];
        let (code, lines, errors) = compare(&source, &target, &options);
        assert_eq!((code, lines), (Some(0), Vec::new()), "{errors}");
        assert!(errors.contains("all 1 keys are equal"), "{errors}");
        let (code, lines, errors) = compare(&source, &target, &["--key", "Hash"]);
        assert_eq!((code, lines), (Some(0), Vec::new()), "{errors}");
        assert!(errors.contains("no key was compared: neither server has a key"), "{errors}");
    }
}

/// A write arrives later in the target.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_copy_of_a_live_source_is_equal() {
    let (source, target) = (Server::start(Kind::Redis70), Server::start(Kind::Redis70));
    fill(&source);
    // A replica is a copy that is a moment late.
    target.call(&["REPLICAOF", "127.0.0.1", &source.port.to_string()]);
    eventually("the replica is attached", || target.info("replication")["master_link_status"] == "up");
    let port = source.port;
    let mut client = None;
    let load = Load::of(move |number, _| {
        let client = client.get_or_insert_with(|| crate::client::Client::connect(port, None).expect("connect"));
        client.call(&["APPEND", &format!("key:{}", number % 5000), "x"]);
        client.call(&["DEL", &format!("key:{}", (number + 2500) % 5000)]);
        true
    });
    for _ in 0..3 {
        load.goes_on();
        let (code, lines, errors) = compare(&source, &target, &[]);
        assert_eq!((code, lines), (Some(0), Vec::new()), "{errors}");
    }
}

/// Whether no client has a connection to the server, except for the one that asks.
pub(crate) fn is_left_alone(server: &Server) -> bool {
    server.call(&["CLIENT", "LIST"]).text().lines().count() == 1
}

/// A comparison that searches many keys of the source, which is stopped, while nothing is asked of the target.
fn searching(source: &Server, target: &Server) -> Tool {
    source.call(&["DEBUG", "POPULATE", "500000"]);
    loop {
        source.call(&["CONFIG", "RESETSTAT"]);
        let mut tool = Tool::start(&["compare", &source.address(), &target.address(), "--key", "rare"]);
        eventually("the source is searched", || source.info("commandstats").contains_key("cmdstat_scan"));
        source.stand_still();
        if tool.is_running() {
            return tool;
        }
        // The test was slower than the search.
        source.moves_again();
    }
}

/// While keys that nothing is asked about are searched in one server, the other one closes its connection.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_closes_connections_that_are_not_used() {
    let (source, target) = (Server::start(Kind::Redis70), Server::start(Kind::Valkey91));
    for server in [&source, &target] {
        server.call(&["SET", "rare", "1"]);
    }
    target.config_set("timeout", "1");
    let mut tool = searching(&source, &target);
    eventually("the target has closed the connection", || is_left_alone(&target));
    target.call(&["CONFIG", "RESETSTAT"]);
    source.moves_again();
    assert!(tool.wait().success(), "{}", tool.errors());
    assert!(tool.errors().contains("all 1 keys are equal"), "{}", tool.errors());
    // The name of the program.
    assert!(target.info("commandstats").contains_key("cmdstat_client|setinfo"), "no connection was opened again");
}

/// A process that started meanwhile has other data, and no cursor of the one before.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_that_restarts_ends_the_comparison() {
    let (source, mut target) = (Server::start(Kind::Redis70), Server::start(Kind::Valkey91));
    for server in [&source, &target] {
        server.call(&["SET", "rare", "1"]);
    }
    let mut tool = searching(&source, &target);
    target.kill();
    target.start_again();
    target.call(&["SET", "rare", "1"]);
    source.moves_again();
    assert_eq!(tool.wait().code(), Some(2), "{}", tool.errors());
    let told = format!("lost the connection to {}: the server has restarted", target.address());
    assert!(tool.errors().contains(&told), "{}", tool.errors());
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn clusters_are_compared_key_by_key() {
    let (cluster, single) = (Nodes::start(Kind::Redis70, 3, 1), Server::start(Kind::Valkey91));
    for number in 0..300 {
        let key = format!("key:{number}");
        let is_written = |node: &Server| !node.client().ask(&["RPUSH", &key, "1", "2"]).is_error();
        assert!(cluster.servers.iter().any(is_written), "{key}");
        single.call(&["RPUSH", &key, "1", "2"]);
    }
    // Whichever node is asked, also a replica.
    for node in &cluster.servers {
        for (source, target) in [(node, &single), (&single, node)] {
            let (code, lines, errors) = compare(source, target, &[]);
            assert_eq!((code, lines), (Some(0), Vec::new()), "{errors}");
            assert!(errors.contains("all 300 keys are equal"), "{errors}");
        }
    }
    single.call(&["RPUSH", "key:7", "3"]);
    single.call(&["DEL", "key:8"]);
    single.call(&["SET", "more", "x"]);
    let expected = ["different 0 \"key:7\" (value of type list)", "extra 0 \"more\"", "missing 0 \"key:8\""];
    let (code, lines, errors) = compare(&cluster.servers[1], &single, &[]);
    assert_eq!((code, lines), (Some(1), expected.map(str::to_owned).to_vec()), "{errors}");
}

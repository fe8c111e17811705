//! Followers as servers, Sentinels and monitoring see them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::cluster::nodes::Nodes;
use crate::failover::replicas_known_to;
use crate::help::eventually;
use crate::server::{Kind, Server};
use crate::tool::{Tool, redtail};

#[test]
#[ignore = "needs real servers: tests/run"]
fn followers_have_names() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start(kind);
        let names = ["orders", "audit"];
        let _tools = names.map(|name| Tool::start(&["tail", &server.address(), "--name", name]));
        eventually("the server shows both names", || {
            let info = server.info("replication");
            let shown: Vec<_> = ["slave0", "slave1"].iter().filter_map(|field| info.get(*field)).collect();
            names.iter().all(|name| shown.iter().any(|it| it.contains(&format!("ip={name}.redtail.invalid,"))))
        });
    }
}

/// The connection that asks for the lag has the name and the library of the run in CLIENT LIST. A user who may not tell
/// them is followed as before, and the attempt is not repeated.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_connections_of_a_run_are_named() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start(kind);
        server.make_backlog();
        server.call(&["ACL", "SETUSER", "cdc", "on", ">pw", "+psync", "+replconf", "+ping", "+info"]);
        let (tail, record) = (server.folder().join("tail"), server.folder().join("record"));
        let path = |path: &std::path::Path| path.to_str().expect("a path").to_owned();
        let address = server.address();
        let _tail = Tool::start(&["tail", &address, "--name", "orders", "--status", &path(&tail)]);
        let recording = path(&server.folder().join("recording"));
        let record = path(&record);
        let _record = Tool::start(&["record", &address, "-o", &recording, "--name", "audit", "--status", &record]);
        eventually("the server shows both names", || {
            let list = server.call(&["CLIENT", "LIST"]).text();
            ["orders", "audit"].iter().all(|name| list.contains(&format!("name={name}.redtail.invalid ")))
        });
        if kind != Kind::Redis70 {
            let version = format!("lib-name=redtail lib-ver={}", env!("CARGO_PKG_VERSION"));
            eventually("the server shows the library", || {
                let list = server.call(&["CLIENT", "LIST"]).text();
                list.lines().filter(|line| line.contains(&version)).count() == 2
            });
        }
        let denied = path(&server.folder().join("denied"));
        let mut command = redtail(&["tail", &address, "--user", "cdc", "--name", "denied", "--status", &denied]);
        let _denied = Tool::start_command(command.env("REDTAIL_PASSWORD", "pw"));
        eventually("the lag is known", || fs::read_to_string(&denied).is_ok_and(|it| it.contains("\"lag_bytes\":0")));
        let log = server.call(&["ACL", "LOG"]);
        let about = log.items().iter().filter(|entry| format!("{entry:?}").contains("setname")).count();
        assert!(about <= 1, "{kind:?}: {log:?}");
    }
}

/// The number of connections with this name.
fn named(server: &Server, name: &str) -> usize {
    let list = server.call(&["CLIENT", "LIST"]).text();
    list.lines().filter(|line| line.contains(&format!("name={name}.redtail.invalid "))).count()
}

/// The entries of the ACL LOG.
fn denials(server: &Server) -> Vec<String> {
    server.call(&["ACL", "LOG"]).items().iter().map(|entry| format!("{entry:?}")).collect()
}

/// Those to Sentinels, to the nodes of a cluster, and the one that asks about unknown commands.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_further_connections_of_a_run_are_named() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start_with(kind, &["--rename-command", "SORT", "q.sort"]);
        server.make_backlog();
        let args = ["tail", &server.address(), "--format", "json", "--keys", "--name", "orders"];
        let mut tool = Tool::start_command(&mut redtail(&args));
        tool.event_named("attached");
        server.call(&["RPUSH", "list", "b", "a"]);
        server.call(&["q.sort", "list", "ALPHA", "STORE", "sorted"]);
        eventually("the connection that asks about q.sort has the name", || named(&server, "orders") == 1);

        let primary = Server::start(kind);
        let sentinel = Server::start_sentinel(&primary);
        let target = format!("redis+sentinel://{}/watched", sentinel.address());
        let tool = Tool::start(&["tail", &target, "--name", "orders"]);
        tool.says("attached to");
        eventually("the Sentinel shows the name", || named(&sentinel, "orders") > 0);
        // The follower keeps the connection over which it has asked the server for its role.
        assert_eq!(named(&primary, "orders"), 1, "{kind:?}");
    }
}

/// A user who may not tell the name is followed as before, and the attempt is not repeated at each node.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_connections_to_a_cluster_are_named() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let nodes = Nodes::start(kind, 3, 0);
        let address = nodes.servers[0].address();
        let _tool = Tool::start(&["tail", &address, "--cluster", "--name", "orders"]);
        eventually("each node shows the name", || nodes.servers.iter().all(|server| named(server, "orders") > 0));
        let rule = ["on", ">pw", "+psync", "+replconf", "+ping", "+info", "+role", "+cluster"];
        for server in &nodes.servers {
            server.call(&[&["ACL", "SETUSER", "cdc"][..], &rule].concat());
        }
        let mut command = redtail(&["tail", &address, "--cluster", "--user", "cdc", "--name", "denied"]);
        let _denied = Tool::start_command(command.env("REDTAIL_PASSWORD", "pw"));
        let label = "ip=denied.redtail.invalid,";
        eventually("each node has the other follower", || {
            nodes.servers.iter().all(|server| server.info("replication").values().any(|it| it.contains(label)))
        });
        let logs: Vec<String> = nodes.servers.iter().flat_map(denials).collect();
        assert_eq!(logs.iter().filter(|entry| entry.contains("setname")).count(), 1, "{kind:?}: {logs:?}");
    }
}

/// The number of lines about names that do not resolve.
fn complaints(sentinel: &Server) -> usize {
    let log = fs::read(sentinel.folder().join("log")).expect("the log of the Sentinel");
    String::from_utf8_lossy(&log).matches("Failed to resolve hostname").count()
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn sentinels_skip_a_name_with_an_impossible_port() {
    let server = Server::start(Kind::Redis70);
    let sentinel = Server::start_sentinel(&server);
    sentinel.call(&["SENTINEL", "DEBUG", "INFO-PERIOD", "200"]);
    let quiet = Tool::start(&["tail", &server.address(), "--name", "orders.port=65536"]);
    quiet.says("attached to");
    assert_eq!(replicas_known_to(&sentinel), Vec::<String>::new());
    assert_eq!(complaints(&sentinel), 0);
    let plain = Tool::start(&["tail", &server.address(), "--name", "orders"]);
    plain.says("attached to");
    eventually("the Sentinel reads the other name", || complaints(&sentinel) > 0);
    assert_eq!(replicas_known_to(&sentinel), Vec::<String>::new());
}

pub(crate) fn scrape(tool: &Tool) -> String {
    tool.says("metrics are at http://");
    let errors = tool.errors();
    let address = errors.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let mut link = TcpStream::connect(address).expect("connect");
    write!(link, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("send");
    let mut answer = String::new();
    link.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn metrics_of_a_cluster_are_those_of_each_shard() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let nodes = Nodes::start(kind, 3, 0);
        let address = nodes.servers[0].address();
        let mut tool = Tool::start(&["tail", &address, "--cluster", "--metrics", "127.0.0.1:0"]);
        let count = |name: &str| scrape(&tool).lines().filter(|line| line.starts_with(name)).count();
        eventually("each shard is attached, and its lag is known", || {
            let text = scrape(&tool);
            let attached =
                text.lines().filter(|line| line.starts_with("redtail_attached{shard=\"") && line.ends_with(" 1.0"));
            attached.count() == 3 && count("redtail_lag_bytes{shard=\"") == 3
        });
        let text = scrape(&tool);
        for server in &nodes.servers {
            let run_id = &server.info("server")["run_id"];
            let address = server.address();
            let info = text.lines().find(|line| line.contains(&format!("address=\"{address}\""))).expect("its address");
            assert!(info.starts_with("redtail_server_info{") && info.contains(run_id.as_str()), "{info}");
        }
        tool.signal("TERM");
        assert!(tool.wait().success(), "{}", tool.errors());
    }
}

/// The lag of a primary that is asked, and the state after it is gone.
#[test]
#[ignore = "needs real servers: tests/run"]
fn metrics_follow_a_server_that_goes_and_returns() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let mut server = Server::start(kind);
        let mut tool = Tool::start(&["tail", &server.address(), "--metrics", "127.0.0.1:0", "--on-gap", "continue"]);
        let shows = |what: &str| {
            eventually(what, || scrape(&tool).lines().any(|line| line == what));
        };
        shows("redtail_attached 1.0");
        server.call(&["SET", "k", "v"]);
        shows("redtail_commands_total 1.0");
        shows("redtail_lag_bytes 0.0");
        server.kill();
        shows("redtail_attached 0.0");
        server.start_again();
        shows("redtail_attached 1.0");
        shows("redtail_reconnects_total 1.0");
        shows("redtail_gaps_total 1.0");
        tool.signal("TERM");
        assert!(tool.wait().success(), "{}", tool.errors());
    }
}

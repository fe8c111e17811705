//! Silence: after a write nobody writes any more, and the server sends nothing but PINGs.

use crate::help::eventually;
use crate::server::{Kind, Server};

/// A server that `silence` can test.
pub(crate) fn pinging() -> Server {
    let server = Server::start(Kind::Redis70);
    pings(&server);
    server.make_backlog();
    server
}

/// Makes it send a PING every three seconds: with one each second, as often as acknowledgements, it may never find
/// anybody in step. Its shutdown waits for followers for longer than a test may take.
pub(crate) fn pings(server: &Server) {
    server.config_set("repl-ping-replica-period", "3");
    server.config_set("shutdown-timeout", "3600");
}

fn is_followed(server: &Server) -> bool {
    server.info("replication").get("slave0").is_some_and(|it| it.contains("state=online"))
}

/// Writes to each server, each followed by one program, then waits for a PING. The file of the program must reach the
/// end, WAIT must succeed, and the shutdown must find the program in step. `offset_of` returns the saved offset for a
/// server.
pub(crate) fn silence(servers: &mut [Server], offset_of: impl Fn(&Server) -> Option<u64>) {
    eventually("all servers are followed", || servers.iter().all(is_followed));
    for server in &*servers {
        let mut client = server.client();
        // A node of a cluster refuses keys of other nodes.
        let mut keys = (0..1000).map(|number| format!("key{number}"));
        assert!(keys.any(|key| !client.ask(&["SET", &key, "v"]).is_error()));
        // The timeout is longer than a test may take.
        assert_eq!(client.call(&["WAIT", "1", "3600000"]).int(), 1);
        let written = server.offset();
        eventually("the server has sent a PING", || server.offset() > written);
        let silent = server.offset();
        eventually("the file is at the end", || offset_of(server).is_some_and(|saved| saved >= silent));
    }
    for server in servers {
        server.shut_down("NOSAVE");
        assert!(server.log().contains("1 of 1 replicas are in sync when shutting down"), "{}", server.log());
    }
}

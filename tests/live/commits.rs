//! `Ack::Applied` over a stream in which nobody writes.

use std::thread;

use redtail::{Ack, Event, Follower, Handle};

use crate::follow::follow;
use crate::help::eventually;
use crate::server::{Kind, Server};

/// A sink that stores each write, and commits nothing else.
fn store(mut follower: Follower) {
    while let Some(event) = follower.next_event().expect("it follows") {
        let position = match event {
            Event::Attached(attached) => attached.position,
            Event::Command(command) => command.position(),
            _ => None,
        };
        if let Some(position) = position {
            follower.commit(position);
        }
    }
}

fn storing(server: &Server) -> (Handle, thread::JoinHandle<()>) {
    let follower = follow(server).ack(Ack::Applied).control(false).connect().expect("connect");
    let handle = follower.handle();
    let thread = thread::spawn(move || store(follower));
    eventually("it is online", || {
        server.info("replication").get("slave0").is_some_and(|it| it.contains("state=online"))
    });
    (handle, thread)
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_shutdown_does_not_wait_for_a_sink_that_has_everything() {
    for kind in Kind::SINCE_7 {
        let mut server = Server::start(kind);
        // With a PING each second, as often as acknowledgements, the server may never find anybody in step.
        server.config_set("repl-ping-replica-period", "3");
        server.make_backlog();
        server.config_set("shutdown-timeout", "600");
        let (handle, thread) = storing(&server);
        server.call(&["INCR", "n"]);
        let written = server.offset();
        eventually("the server has sent a PING", || server.offset() > written);
        // The timeout is longer than the test may take: the server must find the follower in step.
        server.shut_down("NOSAVE");
        assert!(server.log().contains("1 of 1 replicas are in sync when shutting down"), "{kind:?}: {}", server.log());
        handle.stop();
        thread.join().expect("the sink ends");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn each_wait_reaches_a_sink_that_commits() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let (handle, thread) = storing(&server);
        let mut client = server.client();
        for _ in 0..2 {
            client.call(&["INCR", "n"]);
            assert_eq!(client.call(&["WAIT", "1", "5000"]).int(), 1, "{kind:?}");
        }
        handle.stop();
        thread.join().expect("the sink ends");
    }
}

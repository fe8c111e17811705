//! Servers that refuse a follower: permanent errors end it at once, temporary ones are retried on request.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use redtail::net::{Login, Socket, Source};
use redtail::{AttachMethod, DisconnectReason, Disconnected, Error, Follower, SessionError, Start};

use socket2::{Domain, Type};

use crate::client::{Client, command};
use crate::copy::{count, fill, replay, same_data};
use crate::follow::{Told, Watch, follow};
use crate::help::eventually;
use crate::refusing::Refusing;
use crate::server::{Kind, Server};
use crate::tool::Tool;

/// The error of a follower without retries at a server.
fn words<S: Source<Transport: Send>>(builder: redtail::Builder<S>) -> String {
    let (seen, error) = Watch::start(builder).fails();
    assert!(seen.attached().is_empty());
    error.to_string()
}

fn assert_says(words: &str, expected: &[&str]) {
    for part in expected {
        assert!(words.contains(part), "{part:?} is not in: {words}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn three_permissions_are_enough() {
    for kind in Kind::SINCE_7 {
        let server = Server::start(kind);
        server.call(&["ACL", "SETUSER", "cdc", "on", ">pw", "+psync", "+replconf", "+ping"]);
        fill(&server);
        let user = || follow(&server).user("cdc", "pw");
        let watch = Watch::attached(user());
        let [attached] = watch.seen().attached()[..] else { panic!() };
        assert_eq!(attached.method, AttachMethod::Filtered, "{kind:?}");
        server.has_only_pinged_since(attached.offset);
        assert_eq!(attached.role, None, "only INFO tells it");
        let mut client = server.client();
        client.call(&["SELECT", "3"]);
        client.call(&["SET", "k", "1"]);
        server.drop_replicas();
        client.call(&["SET", "k", "2"]);
        watch.reaches(server.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts(), ["SET k 1", "SET k 2"], "{kind:?}");
        assert!(seen.writes().iter().all(|write| write.db == Some(3)));
        assert!(matches!(seen.told[0], Told::Forking(forking) if forking.used_memory.is_none()));
        // The user may not use INFO, and is not made to ask again.
        let denied = server.call(&["ACL", "LOG"]);
        assert!(denied.items().len() <= 1, "{denied:?}");

        let watch = Watch::attached(user().start(Start::Snapshot));
        count(&server, "k", 0..10);
        watch.reaches(server.offset());
        let seen = watch.stop();
        let copy = Server::start_from_dump(kind, &seen.snapshot);
        replay(&copy, 0, &seen.stream());
        same_data(&server, &copy);

        assert_says(&words(user().start(Start::NowWithoutFork)), &["INFO", "+info", "Start::Now"]);
        server.call(&["ACL", "SETUSER", "cdc", "+info"]);
        let watch = Watch::attached(user().start(Start::NowWithoutFork));
        assert_eq!(watch.stop().attached()[0].method, AttachMethod::Info);
    }
}

/// Every documented spelling of a target with a user and a password.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_target_may_hold_the_user_in_every_documented_form() {
    let server = Server::start(Kind::Redis70);
    server.call(&["ACL", "SETUSER", "cdc", "on", ">p#w/d?@", "+psync", "+replconf", "+ping"]);
    let (port, file) = (server.port, server.folder().join("password"));
    std::fs::write(&file, "p#w/d?@\n").expect("write the password");
    let file = ["--password-file", file.to_str().expect("the folder has a plain name")];
    for (target, rest) in [
        (format!("cdc@127.0.0.1:{port}"), &file[..]),
        (format!("cdc@127.0.0.1:{port}/0"), &file),
        (format!("valkey://cdc@127.0.0.1:{port}"), &file),
        (format!("127.0.0.1:{port}"), &["--user", "cdc", file[0], file[1]]),
        (format!("redis://cdc:p%23w%2Fd%3F%40@127.0.0.1:{port}/0"), &[]),
    ] {
        let mut tool = Tool::start(&[&["tail", &target, "--format", "json"], rest].concat());
        assert_eq!(tool.event_named("attached")["event"], "attached", "{target}");
    }
    let wrong = Tool::run(&["tail", &format!("redis://cdc:p#w/d?@@127.0.0.1:{port}/0")], b"");
    let message = String::from_utf8_lossy(&wrong.stderr);
    assert!(wrong.status.code() == Some(2) && message.contains("/ %2F, ? %3F and # %23"), "{message}");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn missing_permissions_are_named() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start(kind);
        server.make_backlog();
        server.call(&["ACL", "SETUSER", "cdc", "on", ">pw", "+replconf", "+ping", "+info"]);
        let advice = ["NOPERM", "ACL SETUSER", "+psync +replconf +ping"];
        assert_says(&words(follow(&server).user("cdc", "pw")), &advice);
        server.call(&["ACL", "SETUSER", "cdc", "+psync", "-replconf"]);
        assert_says(&words(follow(&server).user("cdc", "pw")), &advice);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_wrong_password_is_said_at_once() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--requirepass", "secret"]);
        assert_says(
            &words(follow(&server).password("wrong").retry_first(true)),
            &["wrong user or password", "WRONGPASS"],
        );
        assert_says(&words(follow(&server)), &["NOAUTH", "asks for a password"]);
        server.call(&["ACL", "SETUSER", "cdc", "off", ">pw", "+psync", "+replconf", "+ping", "+info"]);
        assert_says(&words(follow(&server).user("cdc", "pw")), &["WRONGPASS", "disabled"]);
        assert_says(&words(follow(&server).user("nobody", "pw")), &["WRONGPASS"]);
        server.make_backlog();
        let watch = Watch::attached(follow(&server).password("secret"));
        server.call(&["ACL", "SETUSER", "cdc", "on"]);
        let other = Watch::attached(follow(&server).user("cdc", "pw"));
        let expected = count(&server, "k", 0..3);
        watch.reaches(server.offset());
        other.reaches(server.offset());
        assert_eq!(watch.stop().texts(), expected, "{kind:?}");
        assert_eq!(other.stop().texts(), expected, "{kind:?}");
    }
}

/// A password for a server without one is no reason to fail.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_password_too_many_is_no_harm() {
    for kind in Kind::SINCE_7 {
        let server = Server::start(kind);
        let watch = Watch::attached(follow(&server).password("secret"));
        let expected = count(&server, "k", 0..3);
        watch.reaches(server.offset());
        assert_eq!(watch.stop().texts(), expected, "{kind:?}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn user_and_password_are_asked_for_at_every_connect() {
    let server = Server::start(Kind::Redis70);
    server.call(&["ACL", "SETUSER", "cdc", "on", ">first", "+psync", "+replconf", "+ping"]);
    let password = Arc::new(Mutex::new("first"));
    let known = password.clone();
    let login = move || {
        let password = known.lock().expect("nobody panicked").as_bytes().to_vec();
        Ok(Login::user("cdc", password))
    };
    let watch = Watch::attached(follow(&server).login(login));
    let mut expected = count(&server, "k", 0..3);
    watch.reaches(server.offset());
    server.call(&["ACL", "SETUSER", "cdc", "<first", ">second"]);
    *password.lock().expect("nobody panicked") = "second";
    server.drop_replicas();
    expected.extend(count(&server, "l", 0..3));
    watch.reaches(server.offset());
    assert_eq!(watch.seen().texts(), expected);

    // A deleted user is disconnected, and receives the reason.
    server.call(&["ACL", "DELUSER", "cdc"]);
    let (seen, error) = watch.fails();
    assert_says(&error.to_string(), &["WRONGPASS", "wrong user or password"]);
    assert!(matches!(
        seen.told.last(),
        Some(Told::Disconnected(Disconnected { reason: DisconnectReason::Closed, .. }))
    ));
}

/// Fails at once by default; with retries, attaches once `mend` has been done.
fn passes(server: &Server, said: &str, mend: impl FnOnce()) {
    let words = words(follow(server));
    assert_says(&words, &[said]);
    let watch = Watch::start(follow(server).retry_first(true));
    watch.wait("refused twice", |seen| seen.disconnected().len() >= 2);
    for lost in watch.seen().disconnected() {
        let DisconnectReason::Refused(words) = lost.reason else { panic!("{lost:?}") };
        assert_says(&words.to_string(), &[said]);
        assert!(lost.retry_in.is_some());
    }
    assert!(watch.seen().attached().is_empty());
    mend();
    watch.wait("attached", |seen| !seen.attached().is_empty());
    watch.stop();
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_that_loads_its_data_passes() {
    for kind in Kind::SINCE_7 {
        let server = Server::start_with(kind, &["--loading-process-events-interval-bytes", "1024"]);
        while_loading(&server, || {
            passes(&server, "LOADING", || {
                server.config_set("key-load-delay", "0");
            });
        });
    }
}

/// Does the work while the server loads its data, which ends soon after `key-load-delay` is set to 0.
pub(crate) fn while_loading(server: &Server, work: impl FnOnce()) {
    let commands: Vec<_> = (0..400).map(|n| command(&["SET", &format!("k{n}"), &"x".repeat(2000)])).collect();
    server.config_set("rdbcompression", "no");
    server.client().pipeline(&commands);
    // Microseconds for each key.
    server.config_set("key-load-delay", "20000");
    std::thread::scope(|scope| {
        let reload = scope.spawn(|| server.call(&["DEBUG", "RELOAD"]));
        eventually("the server is loading", || server.info("persistence")["loading"] == "1");
        work();
        reload.join().expect("DEBUG RELOAD works");
    });
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_with_too_many_clients_passes() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        let server = Server::start_with(kind, &["--maxclients", "4"]);
        server.make_backlog();
        let mut clients: Vec<Client> = Vec::new();
        eventually("the server is full", || {
            let client = Client::connect(server.port, None).ok();
            if let Some(mut client) = client
                && client.try_call(&["PING"]).is_ok_and(|reply| !reply.is_error())
            {
                clients.push(client);
            }
            clients.len() == 4
        });
        passes(&server, "max number of clients", || clients.truncate(1));
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_with_a_long_script_passes() {
    let server = Server::start_with(Kind::Redis70, &["--busy-reply-threshold", "100"]);
    std::thread::scope(|scope| {
        let script = scope.spawn(|| server.client().ask(&["EVAL", "while true do end", "0"]));
        eventually("the server is busy", || server.client().ask(&["GET", "k"]).is_error());
        passes(&server, "BUSY", || {
            server.call(&["SCRIPT", "KILL"]);
        });
        assert!(script.join().expect("the script was killed").is_error());
    });
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_replica_without_its_primary_passes() {
    for kind in Kind::ALL {
        for (stale, said) in [("yes", "NOMASTERLINK"), ("no", "MASTERDOWN")] {
            let mut primary = Server::start(kind);
            let replica = Server::start_with(kind, &["--replica-serve-stale-data", stale]);
            replica.replica_of(&primary);
            primary.kill();
            eventually("the replica notices", || replica.info("replication")["master_link_status"] == "down");
            passes(&replica, said, || {
                primary.start_again();
            });
        }
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn protected_mode_is_explained() {
    let server = Server::start(Kind::Redis70);
    let port = server.port;
    let builder = || Follower::with_connector(move || from_another_host(port));
    assert_says(&words(builder()), &["protected mode", "DENIED", "set a password"]);
    server.config_set("protected-mode", "no");
    Watch::attached(builder()).stop();
}

/// A connection whose client address is not the server's own host, though it never leaves it.
fn from_another_host(port: u16) -> io::Result<Socket> {
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into())?;
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    Ok(Socket::Tcp(socket.into()))
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_without_psync_is_explained() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start_with(kind, &["--rename-command", "PSYNC", ""]);
        let words = words(follow(&server).allow_probe(true).retry_first(true));
        assert_says(&words, &["does not serve replication", "unknown command"]);
        let server = Server::start_with(kind, &["--rename-command", "REPLCONF", ""]);
        assert_says(&self::words(follow(&server)), &["knows no REPLCONF"]);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_port_without_a_server_is_an_error_at_once() {
    let refusing = Refusing::new();
    let target = refusing.address.to_string();
    let error = Follower::builder(target.clone()).connect().expect_err("nobody listens");
    assert!(matches!(&error, Error::Connect { .. }), "{error:?}");
    assert_says(&error.to_string(), &[&target, "refused"]);
}

/// Sentinels and other servers of the same protocol serve no replication.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_sentinel_is_not_followed() {
    let primary = Server::start(Kind::Redis70);
    let sentinel = Server::start_sentinel(&primary);
    let (_, error) = Watch::start(follow(&sentinel).retry_first(true)).fails();
    assert!(matches!(&error, Error::Session(why) if matches!(**why, SessionError::Refused { .. })), "{error:?}");
    assert_says(&error.to_string(), &["renamed or blocked"]);
}

/// A permission is withdrawn while a follower is attached, and given back later.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_permission_withdrawn_at_a_reconnect_is_survived() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start(kind);
        server.make_backlog();
        let watch = Watch::attached(follow(&server).retry_refused(std::time::Duration::from_millis(100)));
        count(&server, "before", 0..5);
        watch.reaches(server.offset());
        server.call(&["ACL", "SETUSER", "default", "-psync"]);
        server.drop_replicas();
        let is_denied = |lost: &Disconnected| matches!(lost.reason, DisconnectReason::NeedsFix(message) if message.to_string().starts_with("NOPERM "));
        watch.wait("refused twice", |seen| seen.disconnected().into_iter().filter(|lost| is_denied(lost)).count() >= 2);
        count(&server, "meanwhile", 0..5);
        server.call(&["ACL", "SETUSER", "default", "+psync"]);
        watch.wait("attached again", |seen| seen.attached().len() == 2);
        watch.reaches(server.offset());
        assert!(watch.stop().gaps().is_empty(), "{kind:?}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_replica_killed_during_its_snapshot_requests_another() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start(kind);
        server.config_set("rdbcompression", "no");
        let keys: Vec<_> = (0..500).map(|n| command(&["SET", &format!("k{n}"), &"x".repeat(4000)])).collect();
        server.client().pipeline(&keys);
        server.config_set("repl-diskless-sync-delay", "0");
        server.config_set("rdb-key-save-delay", "10000");
        let arguments = ["tail", &server.address(), "--from", "snapshot", "--on-gap", "snapshot", "--format", "json"];
        let mut tool = Tool::start(&[&arguments[..], &["--reconnect", "forever"]].concat());
        eventually("a snapshot", || tool.errors().contains("receiving a snapshot"));
        server.config_set("rdb-key-save-delay", "0");
        server.drop_replicas();
        assert_eq!(tool.event_named("void")["of"], "snapshot", "{kind:?}");
        let position = tool.event_named("disconnected");
        assert!(position["resume"].is_null(), "{position}");
        assert_eq!(tool.event_named("snapshot")["keys"], 500, "{kind:?}");
        assert!(tool.errors().contains("trying again in"), "{}", tool.errors());
    }
}

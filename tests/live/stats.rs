//! `--stats` on real servers: the lag, if the user may read it.

use std::process::Command;
use std::time::Duration;

use crate::server::{Kind, Server};
use crate::tool::Tool;

/// The terminal output while a server is followed and writes 30 commands in three seconds.
fn shown(server: &Server, user: &str, arguments: &str) -> String {
    let tool = env!("CARGO_BIN_EXE_redtail");
    let target = format!("redis://{user}:secret@127.0.0.1:{}", server.port);
    let line = format!("stty cols 120; '{tool}' tail {target} {arguments} --count 30 --stats >/dev/null");
    let mut script = Command::new("script");
    let mut script = Tool::start_command(script.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm"));
    script.until(b"attached to");
    for number in 0..30 {
        server.call(&["SET", "k", &number.to_string()]);
        std::thread::sleep(Duration::from_millis(100));
    }
    let shown = String::from_utf8(script.rest()).expect("UTF-8");
    assert!(script.wait().success(), "{shown}");
    shown
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_lag_is_asked_for_where_that_is_allowed() {
    std::thread::scope(|scope| {
        for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
            scope.spawn(move || {
                let server = Server::start(kind);
                server.make_backlog();
                let rules = ["on", ">secret", "+psync", "+replconf", "+ping"];
                server.call(&[&["ACL", "SETUSER", "may", "+info"], &rules[..]].concat());
                server.call(&[&["ACL", "SETUSER", "may-not"], &rules[..]].concat());
                let allowed = shown(&server, "may", "--from now-without-fork");
                assert!(
                    allowed.contains(" commands/s, ") && allowed.contains("B/s, lag 0 B, at "),
                    "{kind:?}: {allowed:?}"
                );
                if kind == Kind::Redis62 {
                    // Without INFO the only start there is a snapshot.
                    return;
                }
                let denied = shown(&server, "may-not", "");
                assert!(denied.contains("B/s, lag unknown, at ") && !denied.contains("lag 0"), "{kind:?}: {denied:?}");
                // The session has asked once, for the server's name.
                let log = server.call(&["ACL", "LOG"]);
                let about_info: Vec<_> =
                    log.items().iter().filter(|entry| format!("{entry:?}").contains("info")).collect();
                assert!(about_info.len() <= 1, "{kind:?}: {about_info:?}");
            });
        }
    });
}

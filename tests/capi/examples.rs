//! Examples for other loops, languages and standards, against a real server.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use crate::build::{How, SONAME, folder, library, program, root, run};
use crate::client::command;
use crate::folder::Folder;
use crate::live::{Example, attached, ways};
use crate::server::{Kind, Server};

/// Follows, survives a lost connection, and ends well after an interrupt.
fn follows_and_reconnects(command_of: impl Fn() -> Command) {
    let server = Server::start(Kind::Redis70);
    let mut example = Example::start(command_of(), &[server.address()]);
    attached(&server, 1);
    server.call(&["SET", "k", "a\0b"]);
    assert_eq!(example.line(), "SET k a\0b");
    // The write is made while nobody follows.
    let kill_and_write = [command(&["CLIENT", "KILL", "TYPE", "replica"]), command(&["SET", "during", "absence"])];
    server.client().pipeline(&kill_and_write);
    assert_eq!(example.line(), "SET during absence");
    server.call(&["DEL", "k"]);
    assert_eq!(example.line(), "DEL k");
    let errors = example.interrupt();
    assert!(errors.starts_with("the server closed the connection; trying again in "), "{errors}");
    let refused = command_of().arg("127.0.0.1:1").output().unwrap();
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{errors}");
    assert!(errors.to_lowercase().contains("can't connect: connection refused"), "{errors}");
    needs_addresses(command_of);
}

/// A text that is no address is never a port.
pub(crate) fn needs_addresses(command_of: impl Fn() -> Command) {
    for wrong in ["6379", "127.0.0.1", "127.0.0.1:", ":6379", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:6379x", ""] {
        let output = command_of().arg(wrong).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{wrong}: {errors}");
        assert!(errors.starts_with("usage: ") && errors.contains("127.0.0.1:6379"), "{wrong}: {errors}");
    }
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn the_epoll_example_follows_and_reconnects() {
    ways("examples/c/epoll.c").iter().for_each(follows_and_reconnects);
}

/// Not under valgrind: libuv keeps memory until the end.
#[test]
#[ignore = "needs real servers and libuv: tests/servers, tests/tools"]
fn the_libuv_example_follows_and_reconnects() {
    for how in [How::Debug, How::Sanitized] {
        let program = program("examples/c/uv.c", how);
        follows_and_reconnects(|| Command::new(&program));
    }
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn the_cpp20_example_counts_the_writes_to_each_key() {
    for command_of in ways("examples/cpp/keys.cpp") {
        let server = Server::start(Kind::Redis70);
        let mut example = Example::start(command_of(), &[server.address(), "user:".into()]);
        attached(&server, 1);
        let commands: [&[&str]; 6] = [
            &["SET", "user:a", "1"],
            &["MSET", "user:a", "2", "other", "2", "user:b", "2"],
            &["COPY", "user:a", "user:c"],
            &["FLUSHALL"],
            &["PUBLISH", "user:a", "text"],
            &["SET", "user:a", "3"],
        ];
        server.client().pipeline(&commands.map(command));
        let lines: Vec<String> = (0..5).map(|_| example.line()).collect();
        assert_eq!(lines, ["user:a 1", "user:a 2", "user:b 1", "user:c 1", "user:a 3"]);
    }
}

/// The shared library under the names that a linker and a program search for, and its pkg-config file.
fn installed(name: &str) -> PathBuf {
    let place = folder(name);
    for name in ["libredtail.so", SONAME] {
        let _ = fs::remove_file(place.join(name));
        symlink(library(How::Debug).join("libredtail.so"), place.join(name)).unwrap();
    }
    let (include, lib) = (root().join("include"), place.display());
    let flags = format!("Cflags: -I{}\nLibs: -L{lib} -lredtail", include.display());
    fs::write(place.join("redtail.pc"), format!("Name: redtail\nDescription: redtail\nVersion: 0\n{flags}\n")).unwrap();
    place
}

fn other_language(command_of: impl Fn() -> Command, line: impl Fn(u64, [&str; 3]) -> String) {
    let server = Server::start(Kind::Redis70);
    let mut example = Example::start(command_of(), &[server.address()]);
    attached(&server, 1);
    server.call(&["SET", "k", "v"]);
    assert_eq!(example.line(), line(server.offset(), ["SET", "k", "v"]));
    server.drop_replicas();
    attached(&server, 1);
    server.call(&["SET", "k", "w"]);
    assert_eq!(example.line(), line(server.offset(), ["SET", "k", "w"]));
    drop(example);
    let refused = command_of().arg("127.0.0.1:1").output().unwrap();
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{errors}");
    assert!(errors.contains("can't connect to 127.0.0.1:1: Connection refused"), "{errors}");
}

#[test]
#[ignore = "needs real servers and python3: tests/servers, tests/tools"]
fn the_python_example_prints_every_write() {
    let installed = installed("python");
    let python = || {
        let mut python = Command::new("python3");
        python.env("LD_LIBRARY_PATH", &installed).arg(root().join("examples/python/tail.py"));
        python
    };
    other_language(python, |offset, [name, key, value]| format!("{offset} b'{name}' b'{key}' b'{value}'"));
}

/// Go has more than 300 MB, so that tests/tools does not install it.
#[test]
#[ignore = "needs real servers: tests/servers"]
fn the_go_example_prints_every_write() {
    if Command::new("go").arg("version").output().is_err() {
        eprintln!("SKIPPED: go is not on the PATH (Debian: golang-go)");
        return;
    }
    let installed = installed("go");
    // Go's cache keeps the flags of an earlier pkg-config file, and does not notice that they have changed.
    let (cache, program) = (Folder::new("go-cache"), folder("programs").join("go-tail"));
    let _ = fs::remove_file(&program);
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&program).arg(".").current_dir(root().join("examples/go"));
    run(go.env("PKG_CONFIG_PATH", &installed).env("GOCACHE", &cache.0).env("GOFLAGS", "-buildvcs=false"));
    let quoted = |offset, [name, key, value]: [&str; 3]| format!("{offset} {name:?} {key:?} {value:?}");
    let tail = || {
        let mut tail = Command::new(&program);
        tail.env("LD_LIBRARY_PATH", &installed);
        tail
    };
    other_language(tail, quoted);
}

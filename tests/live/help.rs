//! Waiting, ports, and the programs of a server package.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::server::Server;

/// Long enough for a loaded machine: it determines only the duration of a failing test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the condition holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "waited {PATIENCE:?} in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits for the end of a process.
pub(crate) fn wait(process: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + patience;
    loop {
        match process.try_wait().expect("ask for the state of a process") {
            None if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            status => return status,
        }
    }
}

/// A free port of 127.0.0.1: below the range of outgoing connections, above Redis's own.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = std::process::id() as u16;
    loop {
        // Each test process starts at another port: parallel processes seldom meet.
        let step = first.wrapping_mul(101).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + step % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Runs redis-cli against the server, with `input` as its standard input, and returns its output; it must succeed.
pub(crate) fn redis_cli(server: &Server, args: &[&str], input: &[u8]) -> String {
    run("redis-cli", server, args, input)
}

/// Runs redis-benchmark against the server; it must succeed.
pub(crate) fn redis_benchmark(server: &Server, args: &[&str]) -> String {
    run("redis-benchmark", server, args, b"")
}

fn run(program: &str, server: &Server, args: &[&str], input: &[u8]) -> String {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &server.port.to_string()]);
    if let Some(password) = &server.password {
        command.args(["-a", password]);
    }
    let output = output(command.args(args), input);
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program to its end with `input` as its standard input.
pub(crate) fn output(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: run tests/servers, which installs what is missing"));
    let mut stdin = child.stdin.take().expect("its standard input is a pipe");
    std::thread::scope(|scope| {
        // A program may end without reading all of its input.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().expect("wait for a program")
    })
}

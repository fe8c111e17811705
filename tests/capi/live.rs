//! The examples against a real server, as they are, under valgrind and under AddressSanitizer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::build::{How, program, stdout, valgrind};
use crate::help::{PATIENCE, eventually, wait};
use crate::server::{Kind, Server};

/// A running example; its lines are read one by one.
pub(crate) struct Example {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Example {
    pub(crate) fn start(mut command: Command, args: &[String]) -> Example {
        let mut child =
            command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("see tests/tools");
        let lines = BufReader::new(child.stdout.take().unwrap());
        Example { child, lines }
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Interrupts it, and gives what it said on standard error; it must end well.
    pub(crate) fn interrupt(self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
        self.end()
    }

    pub(crate) fn end(mut self) -> String {
        let status = wait(&mut self.child, PATIENCE).expect("the example ends");
        let mut words = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert!(status.success(), "{status}: {words}");
        words
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As it is, under valgrind, and with AddressSanitizer.
pub(crate) fn ways(source: &str) -> [Box<dyn Fn() -> Command>; 3] {
    let (plain, sanitized) = (program(source, How::Debug), program(source, How::Sanitized));
    let watched = plain.clone();
    [
        Box::new(move || Command::new(&plain)),
        Box::new(move || valgrind(&watched)),
        Box::new(move || Command::new(&sanitized)),
    ]
}

pub(crate) fn online_replicas(server: &Server) -> usize {
    server.info("replication").values().filter(|value| value.contains("state=online")).count()
}

pub(crate) fn attached(server: &Server, count: usize) {
    eventually("the example is attached", || online_replicas(server) == count);
}

fn tail(source: &str, with_db: bool) {
    let server = Server::start(Kind::Redis70);
    for command in ways(source) {
        let mut example = Example::start(command(), &[server.address()]);
        attached(&server, 1);
        server.call(&["SET", "k", "value"]);
        server.call(&["SET", "nul", "a\0b"]);
        server.call(&["DEL", "k"]);
        let db = if with_db { " [0]" } else { "" };
        let line = example.line();
        assert!(line.ends_with(&format!("{db} SET k value")), "{line}");
        assert!(example.line().ends_with(" SET nul a\0b"));
        assert_eq!(example.line(), format!("{}{db} DEL k", server.offset()));
        let words = example.interrupt();
        let position = words.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
        assert!(position.ends_with(&format!(":{}:0", server.offset())), "{words}");
        // It resumes where it stopped.
        server.call(&["SET", "missed", "not"]);
        let mut example = Example::start(command(), &[server.address(), position]);
        assert!(example.line().ends_with("SET missed not"));
        example.interrupt();
        eventually("the server has noticed", || online_replicas(&server) == 0);
    }
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn the_tail_example() {
    tail("examples/c/tail.c", true);
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn the_tail_example_in_cpp() {
    tail("examples/c/tail.cpp", false);
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn the_parse_example_reads_what_a_server_answers() {
    let server = Server::start(Kind::Redis70);
    server.call(&["HSET", "hash", "field", "1"]);
    for command in ways("examples/c/parse.c") {
        let link = std::net::TcpStream::connect(server.address()).unwrap();
        (&link).write_all(b"PING\r\nHELLO 3\r\nHGETALL hash\r\nGET nothing\r\nNONSENSE\r\nQUIT\r\n").unwrap();
        let mut command = command();
        let output = command.stdin(Stdio::from(std::os::fd::OwnedFd::from(link))).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(text.starts_with("\"PONG\"\nmap\n  \"server\"\n  \"redis\"\n"), "{text}");
        assert!(text.contains("\nmap\n  \"field\"\n  \"1\"\nnull\nerror: ERR unknown command"), "{text}");
        assert!(text.ends_with("\"OK\"\n"), "{text}");
    }
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn what_the_tail_example_says_when_it_is_refused() {
    let server = Server::start_with(Kind::Redis70, &["--requirepass", "secret"]);
    for command in ways("examples/c/tail.c") {
        for (address, words) in [(server.address(), "NOAUTH"), ("127.0.0.1:1".into(), "Connection refused")] {
            let output = command().arg(address).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains(words), "{said}");
        }
    }
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn the_embed_example_follows_two_and_comes_back() {
    for command in ways("examples/c/embed.c") {
        let (mut one, two) = (Server::start(Kind::Redis70), Server::start(Kind::Redis70));
        let addresses = [one.address(), two.address()];
        let mut example = Example::start(command(), &addresses);
        attached(&one, 1);
        attached(&two, 1);
        one.call(&["SET", "from", "one"]);
        assert_eq!(example.line(), format!("{} {} SET from one", one.address(), one.offset()));
        two.call(&["SET", "from", "two"]);
        assert_eq!(example.line(), format!("{} {} SET from two", two.address(), two.offset()));
        // The links break; writes made meanwhile arrive after the reconnect.
        for server in [&one, &two] {
            server.call(&["MULTI"]);
            let mut client = server.client();
            client.pipeline(&[
                crate::client::command(&["CLIENT", "KILL", "TYPE", "replica"]),
                crate::client::command(&["SET", "during", "absence"]),
            ]);
            assert!(example.line().ends_with("SET during absence"));
        }
        // One is gone for good; the other is followed on.
        one.kill();
        two.call(&["SET", "still", "here"]);
        assert!(example.line().ends_with("SET still here"));
        let mut child = finish(example);
        assert!(wait(&mut child, PATIENCE).expect("it ends with its standard output").success());
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert!(
            words.contains(&format!("{}: the server closed the connection; trying again in", addresses[0])),
            "{words}"
        );
        crate::examples::needs_addresses(&command);
    }
}

/// Closes the standard output of an example, at which it ends.
fn finish(example: Example) -> Child {
    let mut example = std::mem::ManuallyDrop::new(example);
    let dummy = Command::new("true").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let child = std::mem::replace(&mut example.child, dummy);
    drop(std::mem::ManuallyDrop::into_inner(example));
    child
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn the_embed_example_holds_its_sources_back() {
    for (round, command) in ways("examples/c/embed.c").into_iter().enumerate() {
        let server = Server::start(Kind::Redis70);
        let other = Server::start(Kind::Redis70);
        let example = Example::start(command(), &[server.address(), other.address()]);
        attached(&server, 1);
        // Far more than the queue, the receive buffer and the sockets between hold; nobody reads what it prints.
        let (value, count) = ("x".repeat(10_000), if round == 0 { 3_000 } else { 1_500 });
        let mut client = server.client();
        for number in 0..count {
            client.call(&["SET", &number.to_string(), &value]);
        }
        // The primary still receives acknowledgements, although the session takes no events.
        let acknowledged = || {
            let info = server.info("replication");
            let line = info.get("slave0").cloned().unwrap_or_default();
            line.contains("state=online") && (line.ends_with("lag=0") || line.ends_with("lag=1"))
        };
        eventually("a full queue fills up", || acknowledged() && !server.info("clients").is_empty());
        let (send, received) = mpsc::channel();
        let mut example = example;
        let mut lines = std::mem::replace(&mut example.lines, BufReader::new(spare()));
        let reader = thread::spawn(move || {
            for number in 0..count {
                let mut line = String::new();
                lines.read_line(&mut line).unwrap();
                let words: Vec<&str> = line.split_whitespace().collect();
                assert_eq!((words[2], words[3], words[4].len()), ("SET", number.to_string().as_str(), 10_000));
            }
            send.send(()).unwrap();
            lines
        });
        received.recv_timeout(PATIENCE).expect("all of them arrive, in order");
        drop(reader.join().unwrap());
        assert!(wait(&mut example.child, PATIENCE).expect("it ends with its standard output").success());
    }
}

/// One primary fills the queue. The other closes each connection until then, and is followed once there is room again.
#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn the_embed_example_reconnects_after_its_queue_was_full() {
    let [plain, _, sanitized] = ways("examples/c/embed.c");
    for command in [plain, sanitized] {
        let full = Server::start(Kind::Redis70);
        let shy = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = shy.local_addr().unwrap().port();
        shy.set_nonblocking(true).unwrap();
        let (enough, end) = mpsc::channel::<()>();
        let hangs_up = thread::spawn(move || {
            while end.try_recv().is_err() {
                drop(shy.accept());
                thread::sleep(Duration::from_millis(2));
            }
            shy
        });
        let mut example = Example::start(command(), &[format!("127.0.0.1:{port}"), full.address()]);
        attached(&full, 1);
        let mut client = full.client();
        for number in 0..1_000 {
            client.call(&["SET", &number.to_string(), &"x".repeat(10_000)]);
        }
        // Time for more attempts, had it any to make.
        thread::sleep(Duration::from_secs(4));
        enough.send(()).unwrap();
        let shy = hangs_up.join().unwrap();
        let mut lines = std::mem::replace(&mut example.lines, BufReader::new(spare()));
        let reader = thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        eventually("it connects again and speaks", || {
            let Ok((mut link, _)) = shy.accept() else { return false };
            link.set_nonblocking(false).unwrap();
            let greeted = matches!(link.read(&mut [0; 512]), Ok(1..));
            greeted && link.write_all(b"+PONG\r\n").is_ok() && matches!(link.read(&mut [0; 512]), Ok(1..))
        });
        drop(example);
        reader.join().unwrap().unwrap();
    }
}

/// A pipe that nobody writes to, for an example whose own is in use elsewhere.
fn spare() -> ChildStdout {
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    let pipe = child.stdout.take().unwrap();
    child.wait().unwrap();
    pipe
}

/// The output of a program in a number of rounds, while a client writes.
fn while_somebody_writes(mut command: Command, rounds: u32) -> String {
    let server = Server::start(Kind::Redis70);
    let (done, writing) = mpsc::channel::<()>();
    let mut client = server.client();
    let writer = thread::spawn(move || {
        while writing.try_recv() == Err(mpsc::TryRecvError::Empty) {
            client.call(&["SET", "k", "v"]);
            thread::sleep(Duration::from_millis(2));
        }
    });
    let said = stdout(command.args([server.address(), rounds.to_string()]));
    drop(done);
    writer.join().unwrap();
    said
}

/// `tests/c/threads.c`: stops at all times, from threads and signal handlers, before the connection and after the end.
fn threads(command: Command, rounds: u32) {
    assert_eq!(while_somebody_writes(command, rounds), format!("{rounds} rounds, with commands\n"));
}

/// `tests/c/tail_rounds.c`: the example itself. Every round prints the commands since the last, each once.
fn tail_rounds(command: Command, rounds: u32) {
    let said = while_somebody_writes(command, rounds);
    let (mut round, mut offset, mut commands) = (0, 0, 0);
    let mut lines = said.lines();
    assert_eq!(lines.next_back(), Some(&*format!("{rounds} rounds, with commands")));
    for line in lines {
        if let Some(number) = line.strip_prefix("round ") {
            round += 1;
            assert_eq!(number.parse(), Ok(round));
        } else {
            let (number, rest) = line.split_once(' ').unwrap();
            let number: u64 = number.parse().unwrap();
            // One SET is 27 bytes; the server may say SELECT between.
            assert!(number >= offset + 27 && rest == "[0] SET k v", "round {round}: {line} after {offset}");
            offset = number;
            commands += 1;
        }
    }
    assert!(round == rounds && commands > rounds / 2, "{commands} commands in {round} rounds");
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn stop_and_heartbeat_from_another_thread() {
    for command in ways("tests/c/threads.c") {
        threads(command(), 30);
    }
    for command in ways("tests/c/tail_rounds.c") {
        tail_rounds(command(), 30);
    }
}

#[test]
#[ignore = "soak: tests/soak capi-threads"]
fn thousand_times_stop_and_heartbeat_from_another_thread() {
    for command in ways("tests/c/threads.c").iter().skip(1) {
        threads(command(), 1000);
    }
    for command in ways("tests/c/tail_rounds.c").iter().skip(1) {
        tail_rounds(command(), 1000);
    }
}

/// A C program with its trusted authorities; then with a wrong name, and the message for it.
#[cfg(feature = "tls")]
#[test]
#[ignore = "needs real servers: tests/servers, tests/tools"]
fn a_program_over_tls() {
    let port = crate::help::free_port();
    let file = |name: &str| crate::build::root().join("tests/data/tls").join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.crt"), file("server.crt"), file("server.key"));
    let listens = ["--tls-port", &port.to_string(), "--tls-auth-clients", "no", "--tls-ca-cert-file", &ca]
        .map(String::from)
        .into_iter()
        .chain(["--tls-cert-file".into(), certificate, "--tls-key-file".into(), key]);
    let listens: Vec<String> = listens.collect();
    let server = Server::start_with(Kind::Redis70, &listens.iter().map(String::as_str).collect::<Vec<_>>());
    // Memcheck takes for undefined whatever ring's assembly has touched.
    let [plain, _, sanitized] = ways("tests/c/tls.c");
    for command in [plain, sanitized] {
        let args = |name: &str| [format!("127.0.0.1:{port}"), ca.clone(), name.into()];
        let mut example = Example::start(command(), &args("redis.test"));
        assert_eq!(example.line(), "attached");
        server.call(&["SET", "k", "v"]);
        server.call(&["SET", "end", "v"]);
        assert_eq!([example.line(), example.line()], ["SET k", "SET end"]);
        example.end();
        let mut example = Example::start(command(), &args("other.test"));
        assert!(example.line().contains("is not for other.test: it is for localhost, redis.test, 127.0.0.1"));
    }
}

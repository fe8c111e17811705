//! Programs that need no server: embedded primaries, discovery at scripted nodes, the short programs of the pages.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};

use redtail::io::CommandReader;
use redtail::replay::{Primary, Recording};

use crate::build::{How, program, root, stdout, valgrind};
use crate::help::PATIENCE;
use crate::listening::{Link, Listening};
use crate::live::Example;
use crate::scripted_nodes::{Node, Plan};

fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("redtail-capi-{}-{name}", std::process::id()))
}

fn embedded(name: &str, mut command: Command) {
    let file = temporary(name);
    assert_eq!(stdout(command.arg(&file)), "embedded primaries hold\n");
    let recording = Recording::open(&file).unwrap();
    fs::remove_file(file).unwrap();
    assert_eq!((recording.segments().len(), recording.last().end_offset()), (1, 70));
}

#[test]
fn embedded_primaries_serve_and_are_recorded() {
    embedded("plain", Command::new(program("tests/c/embedded.c", How::Debug)));
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn embedded_primaries_under_valgrind_and_asan() {
    embedded("valgrind", valgrind(&program("tests/c/embedded.c", How::Debug)));
    embedded("asan", Command::new(program("tests/c/embedded.c", How::Sanitized)));
}

/// A Sentinel that knows `watched`.
fn sentinel(link: Link<'_>) -> std::io::Result<()> {
    let mut socket = link.socket;
    let mut reader = CommandReader::stream(link);
    while let Ok(Some(command)) = reader.next_command() {
        let args: Vec<String> = command.args().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
        let answer: &[u8] = match args[1].as_str() {
            "GET-MASTER-ADDR-BY-NAME" if args[2] == "watched" => b"*2\r\n$8\r\n10.0.0.7\r\n$4\r\n6379\r\n",
            "GET-MASTER-ADDR-BY-NAME" => b"*-1\r\n",
            _ => b"*0\r\n",
        };
        socket.write_all(answer)?;
    }
    Ok(())
}

fn discover(command: impl Fn() -> Command) {
    let listening = Listening::at(0, sentinel);
    let address = format!("127.0.0.1:{}", listening.port);
    assert_eq!(stdout(command().args(["sentinel", "watched", &address])), "REDTAIL_OK 10.0.0.7:6379\n");
    let unknown = stdout(command().args(["sentinel", "other", &address]));
    assert!(unknown.starts_with("REDTAIL_ERROR_CONNECT ") && unknown.contains("\"other\""), "{unknown}");

    let plan = Plan::default();
    let nodes = [('a', (0, 8191)), ('b', (8192, 16383))].map(|(digit, slots)| Node::start(&plan, digit, &[slots]));
    let replica = Node::apart(&plan, 'a', Vec::new());
    Mutex::lock(&plan).unwrap()[0].replicas.push(replica.port);
    let said = stdout(command().args(["cluster", &format!("127.0.0.1:{}", nodes[1].port)]));
    let line = |shard: usize, role: &str, node: &Node, slots: &str| {
        format!("{shard} {role} up {} 127.0.0.1:{} {slots}\n", node.id, node.port)
    };
    let expected = [
        "REDTAIL_OK \n".to_owned(),
        line(0, "primary", &nodes[0], "0-8191"),
        line(0, "replica", &replica, "0-8191"),
        line(1, "primary", &nodes[1], "8192-16383"),
    ];
    assert_eq!(said, expected.concat());
}

#[test]
fn discovery_asks_sentinels_and_nodes() {
    let program = program("tests/c/discover.c", How::Debug);
    discover(|| Command::new(&program));
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn discovery_under_valgrind_and_asan() {
    let (plain, sanitized) = (program("tests/c/discover.c", How::Debug), program("tests/c/discover.c", How::Sanitized));
    discover(|| valgrind(&plain));
    discover(|| Command::new(&sanitized));
}

const WRITES: &[u8] = b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 0\r\n$18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0\
    *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";

/// A short program prints each write at once, although its output is no terminal.
fn says_hello(source: &str) {
    let primary = Primary::serve(Recording::parse(WRITES).unwrap()).unwrap();
    let mut hello = Example::start(Command::new(program(source, How::Debug)), &[primary.address().to_string()]);
    assert_eq!([hello.line(), hello.line()], ["SET k v", "DEL k"]);
}

#[test]
fn hello_in_c_prints_each_write_at_once() {
    says_hello("examples/c/hello.c");
}

#[test]
#[ignore = "needs g++: tests/tools"]
fn hello_in_cpp_prints_each_write_at_once() {
    says_hello("examples/c/hello.cpp");
}

/// The declarations without a preprocessor, and calls through them.
#[test]
#[ignore = "needs make, and python3 with cffi: tests/tools"]
fn python_calls_the_library_through_cffi() {
    let primary = Primary::serve(Recording::parse(WRITES).unwrap()).unwrap();
    // The system's Python has the modules that tests/tools installs; another Python may be first on the PATH.
    let has_cffi =
        |python: &str| Command::new(python).args(["-c", "import cffi"]).output().is_ok_and(|o| o.status.success());
    let python = ["python3", "/usr/bin/python3"].into_iter().find(|python| has_cffi(python)).expect("see tests/tools");
    let mut python = Command::new(python);
    python
        .arg(root().join("tests/c/hello.py"))
        .arg(crate::install::prefix().join("include/redtail_cdef.h"))
        .arg(crate::build::library(How::Debug).join("libredtail.so"))
        .arg(primary.address().to_string());
    assert_eq!(stdout(python.stderr(Stdio::inherit())), "attached\nSET k v\nDEL k\n70 0\n");
}

/// Sends a write, a request for an acknowledgement and another write, and then nothing more. Reports what it hears.
fn waiting_primary(link: Link<'_>, heard: &Sender<String>) -> std::io::Result<()> {
    const INCR: &str = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
    let mut socket = link.socket;
    let mut reader = CommandReader::stream(link);
    while let Ok(Some(command)) = reader.next_command() {
        let args: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
        match &*args[0] {
            "INFO" => socket.write_all(b"$0\r\n\r\n")?,
            "PSYNC" => socket.write_all(
                format!("+CONTINUE\r\n{INCR}*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n{INCR}").as_bytes(),
            )?,
            "REPLCONF" if args[1] == "ACK" => drop(heard.send(args[2].clone().into_owned())),
            _ => socket.write_all(b"+OK\r\n")?,
        }
    }
    Ok(())
}

fn commits(mut command: Command) {
    let (heard, hears) = mpsc::channel();
    let listening = Listening::at(0, move |link| waiting_primary(link, &heard));
    command.arg(format!("127.0.0.1:{}", listening.port)).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut sink = command.spawn().unwrap();
    // At the start of the stream, and in reply to the request.
    let mut offset = "0".to_owned();
    while offset == "0" {
        offset = hears.recv_timeout(PATIENCE).expect("the commit is acknowledged");
    }
    assert_eq!(offset, "158");
    sink.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = sink.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "commits are acknowledged\n");
}

#[test]
fn a_commit_of_another_thread_answers_the_primary() {
    commits(Command::new(program("tests/c/commits.c", How::Debug)));
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn a_commit_of_another_thread_under_valgrind_and_asan() {
    commits(valgrind(&program("tests/c/commits.c", How::Debug)));
    commits(Command::new(program("tests/c/commits.c", How::Sanitized)));
}

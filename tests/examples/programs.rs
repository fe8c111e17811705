//! The examples as programs: how they are built, started and killed.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::cargo::cargo;
use crate::folder::Folder;
use crate::help::PATIENCE;

/// A program of `examples/*.rs`.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        run(cargo().args(["build", "--examples"]));
        let test = std::env::current_exe().expect("the path of this test");
        test.ancestors().nth(2).expect("the folder of the build").join("examples")
    });
    folder.join(name)
}

/// The program of `examples/sqlite`, a package of its own.
pub(crate) fn sqlite() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sqlite");
        let manifest = ["build", "--locked", "--manifest-path", "examples/sqlite/Cargo.toml", "--target-dir"];
        run(cargo().args(manifest).arg(&target));
        target.join("debug/redtail-sqlite")
    })
}

fn command(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped());
    command
}

fn run(command: &mut Command) {
    let output = command.output().expect("cargo");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A running program, killed (SIGKILL) when dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(crate) fn start(program: &Path, args: &[&str]) -> Running {
        let mut child = command(program, args).stdout(Stdio::piped()).spawn().expect("start a program");
        let output = child.stdout.take().expect("its standard output is a pipe");
        Running::reading(child, output)
    }

    /// Its lines are those of its standard error.
    pub(crate) fn start_for_messages(program: &Path, args: &[&str]) -> Running {
        let mut child = command(program, args).stderr(Stdio::piped()).spawn().expect("start a program");
        let output = child.stderr.take().expect("its standard error is a pipe");
        Running::reading(child, output)
    }

    fn reading(child: Child, output: impl Read + Send + 'static) -> Running {
        let (send, lines) = channel();
        let output = BufReader::new(output);
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Running { child, lines }
    }

    /// Its exit code, once it has ended.
    pub(crate) fn code(&mut self) -> Option<i32> {
        self.child.try_wait().expect("ask for the state of a program")?.code()
    }

    /// Reads lines up to one that begins with this text.
    pub(crate) fn says(&self, text: &str) {
        while !self.line().starts_with(text) {}
    }

    /// Its next line.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the program prints a line")
    }

    /// Writes a line to its standard input.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("its standard input is a pipe");
        stdin.write_all(format!("{line}\n").as_bytes()).expect("write to the program");
    }

    /// All lines until it ends.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.lines.iter().collect()
    }

    /// The lines that it had printed when it was killed.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("kill the program");
        self.rest()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().expect("kill the program");
        self.child.wait().expect("wait for the program");
    }
}

/// Each with its name and the error, as a message for people.
#[test]
#[ignore = "builds the examples: tests/run"]
fn examples_end_with_the_message_of_an_error() {
    let folder = Folder::new("refused");
    let names = ["resume", "cache", "workers", "snapshot", "replay_test", "tokio"];
    let mut programs: Vec<_> = names.iter().map(|name| (*name, example(name))).collect();
    programs.push(("sqlite", sqlite().to_owned()));
    for (name, program) in programs {
        let output = Command::new(program).arg("127.0.0.1:1").current_dir(&folder.0).output().expect("run an example");
        let message = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{name}: {message}");
        let is_plain =
            message.starts_with(&format!("{name}: ")) && message.ends_with("Connection refused (os error 111)\n");
        assert!(is_plain, "{message}");
    }
}

//! The examples as programs: how they are built, started and killed.

use std::io::{BufRead, BufReader, Write};
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
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("start a program");
        let output = BufReader::new(child.stdout.take().expect("its standard output is a pipe"));
        let (send, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Running { child, lines }
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

//! How the other tests run the tool.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::contract;
use crate::folder::Folder;

pub(crate) fn redtail(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redtail"));
    command.args(arguments).env_remove("REDTAIL_PASSWORD").env_remove("REDISCLI_AUTH").stdin(Stdio::null());
    command
}

pub(crate) fn run(arguments: &[&str]) -> Ran {
    redtail(arguments).output().unwrap().into()
}

/// With `input` as standard input.
pub(crate) fn run_on(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child =
        redtail(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The tool may end before it has read everything.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output.into()
}

impl Folder {
    /// The path of a file in it, as an argument.
    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

/// Runs the tool in a terminal of 80 columns. Returns its output.
#[cfg(target_os = "linux")]
pub(crate) fn run_in_terminal(arguments: &[&str]) -> (i32, String) {
    let quoted = |word: &&str| format!("'{word}'");
    let words: Vec<String> = arguments.iter().map(quoted).collect();
    let line = format!("stty cols 80 rows 40; exec '{}' {}", env!("CARGO_BIN_EXE_redtail"), words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).env_remove("NO_COLOR").env("TERM", "xterm-256color");
    let output = script.stdin(Stdio::null()).output().expect("script, of util-linux, makes a terminal");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!err.contains("panicked"), "{err}");
        Self { code: output.status.code().expect("no signal"), out: output.stdout, err }
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.err);
        self
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.out).unwrap()
    }

    pub(crate) fn json(&self) -> Vec<Value> {
        self.text().lines().map(contract::event).collect()
    }
}

/// A line on standard error after its time and level, as `2026-01-31T12:00:00.123Z info `.
#[track_caller]
pub(crate) fn unstamped(line: &str) -> &str {
    let mut words = line.splitn(3, ' ');
    let (time, level, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{line}");
    assert!(["info", "warning", "error"].contains(&level), "{line}");
    rest
}

/// A command as a client or a primary sends it.
pub(crate) fn command(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Commands, with arguments separated by spaces.
pub(crate) fn commands(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| command(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>())).collect()
}

pub(crate) const REPLID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";

/// A recorded connection that resumes.
pub(crate) fn resumed(stream: &[u8]) -> Vec<u8> {
    [format!("+CONTINUE {REPLID}\r\n").as_bytes(), stream].concat()
}

//! The tool `redtail` as a process: its output, its standard error, signals, its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::contract;
use crate::help::{PATIENCE, eventually, output, wait};

/// The tool with these arguments, independent of the environment of the user who runs the tests.
pub(crate) fn redtail(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redtail"));
    command.args(args).env_remove("REDTAIL_PASSWORD").env_remove("REDISCLI_AUTH").stdin(Stdio::null());
    command
}

/// A running tool; killed when dropped.
pub(crate) struct Tool {
    process: Child,
    lines: Receiver<Vec<u8>>,
    errors: Arc<Mutex<String>>,
    errors_reader: Option<JoinHandle<()>>,
}

impl Tool {
    pub(crate) fn start(args: &[&str]) -> Tool {
        Tool::start_command(&mut redtail(args))
    }

    /// Like `start`, for a command with an environment or a standard input of its own.
    pub(crate) fn start_command(command: &mut Command) -> Tool {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start the tool");
        let stdout = process.stdout.take().expect("its standard output is a pipe");
        let (sender, lines) = channel();
        Tool::read(process, stdout, lines, move |line| sender.send(line).is_ok())
    }

    /// Like `start`, but nothing is read from its standard output before a request: the tool has to wait.
    pub(crate) fn start_unhurried(args: &[&str]) -> Tool {
        let mut command = redtail(args);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("start the tool");
        let stdout = process.stdout.take().expect("its standard output is a pipe");
        let (sender, lines) = sync_channel(0);
        Tool::read(process, stdout, lines, move |line| sender.send(line).is_ok())
    }

    /// Like `start_command`, without a reader of its output.
    pub(crate) fn start_silent(command: &mut Command) -> Tool {
        let process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("start the tool");
        Tool::read(process, std::io::empty(), channel().1, |_| false)
    }

    /// Like `start_silent`, for a command whose standard output is somewhere else.
    pub(crate) fn start_writing(command: &mut Command) -> Tool {
        let process = command.stderr(Stdio::piped()).spawn().expect("start the tool");
        // The command holds the write end of its pipe, too.
        command.stdout(Stdio::null());
        Tool::read(process, std::io::empty(), channel().1, |_| false)
    }

    fn read(
        mut process: Child,
        stdout: impl Read + Send + 'static,
        lines: Receiver<Vec<u8>>,
        send: impl Fn(Vec<u8>) -> bool + Send + 'static,
    ) -> Tool {
        std::thread::spawn(move || {
            let mut stdout = BufReader::new(stdout);
            let mut line = Vec::new();
            while stdout.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                if !send(std::mem::take(&mut line)) {
                    break;
                }
            }
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let (written, mut stderr) = (errors.clone(), process.stderr.take().expect("its standard error is a pipe"));
        let errors_reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut piece) {
                written.lock().expect("no reader panicked").push_str(&String::from_utf8_lossy(&piece[..length]));
            }
        });
        Tool { process, lines, errors, errors_reader: Some(errors_reader) }
    }

    /// The next line of standard output, without its end; `None` once standard output is closed.
    pub(crate) fn line(&mut self) -> Option<String> {
        let line = String::from_utf8(self.bytes()?).expect("a line of UTF-8");
        Some(line.strip_suffix('\n').unwrap_or(&line).to_owned())
    }

    /// The rest of standard output, which must come to its end.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.bytes()).flatten().collect()
    }

    /// Standard output up to and with the line that contains these bytes.
    pub(crate) fn until(&mut self, words: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let line = self.bytes().unwrap_or_else(|| panic!("the tool ended; standard error:\n{}", self.errors()));
            all.extend_from_slice(&line);
            if line.windows(words.len()).any(|window| window == words) {
                return all;
            }
        }
    }

    /// Waits for a text on standard error.
    pub(crate) fn says(&self, words: &str) {
        eventually(&format!("the tool says {words:?}"), || self.errors().contains(words));
    }

    /// The resumable position it reports; after its end.
    pub(crate) fn resume(&self) -> String {
        let errors = self.errors();
        let words = errors.lines().last().and_then(|line| line.split_once("resume with --from "));
        words.unwrap_or_else(|| panic!("its last words are no position:\n{errors}")).1.to_owned()
    }

    /// Its peak memory so far, in bytes.
    pub(crate) fn most_memory(&self) -> u64 {
        self.look_at_memory().expect("it runs, on Linux")
    }

    /// Waits for its end, and reads its memory until then.
    pub(crate) fn most_memory_of_all(&mut self) -> u64 {
        let mut most = 0;
        while let Some(memory) = self.look_at_memory() {
            most = memory;
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(self.wait().success(), "{}", self.errors());
        most
    }

    /// `None` once it has ended.
    fn look_at_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(most.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kB") << 10)
    }

    /// Standard output, one line after another, as bytes.
    pub(crate) fn bytes(&mut self) -> Option<Vec<u8>> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no line in {PATIENCE:?}; standard error:\n{}", self.errors()),
        }
    }

    /// The next line as JSON.
    pub(crate) fn event(&mut self) -> Option<serde_json::Value> {
        self.line().map(|line| contract::event(&line))
    }

    /// The next event of this name, such as `command`; earlier ones are skipped.
    pub(crate) fn event_named(&mut self, name: &str) -> serde_json::Value {
        loop {
            match self.event() {
                Some(event) if event["event"] == name => return event,
                Some(_) => {}
                None => panic!("the tool ended before an event `{name}`; standard error:\n{}", self.errors()),
            }
        }
    }

    /// Its standard error so far; complete after `wait`.
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().expect("no reader panicked").clone()
    }

    /// Sends a signal by its name: `INT`, `TERM`, `STOP`, `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let killed = Command::new("kill").args([&format!("-{name}"), &self.process.id().to_string()]).status();
        assert!(killed.is_ok_and(|status| status.success()), "kill -{name}");
    }

    /// Waits for its end.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("ask for its state").is_none()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let Some(status) = wait(&mut self.process, PATIENCE) else {
            panic!("the tool does not end; standard error:\n{}", self.errors())
        };
        if let Some(reader) = self.errors_reader.take() {
            reader.join().expect("the reader of standard error did not panic");
        }
        status
    }

    /// Runs it to its end.
    pub(crate) fn run(args: &[&str], input: &[u8]) -> Output {
        output(&mut redtail(args), input)
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- the tool's standard error:\n{}", self.errors());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

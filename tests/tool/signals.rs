//! Signals, `--output`, and readers of the output that are stuck or have ended.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};

use redtail::io::CommandReader;
use redtail::replay::{Playback, Primary};

use crate::folder::Folder;
use crate::nodes::eventually;
use crate::run::{REPLID, Ran, commands, run, unstamped};
use crate::tail::primary;

const WRITES: usize = 100_000;

/// Writes, one after the other. `rate`: per second.
pub(crate) fn writing(rate: Option<u32>) -> Primary {
    let lines: Vec<String> = (1..=WRITES).map(|n| format!("SET key {n}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut play = Playback::default();
    play.commands_per_second = rate;
    primary(&commands(&lines), play)
}

/// A running tool without a terminal.
pub(crate) struct Feed {
    process: Child,
    pub(crate) folder: Folder,
}

impl Feed {
    /// `line`: of a shell. `$TOOL` is the tool, `$AT` the primary; the folder is the current one.
    pub(crate) fn start(name: &str, at: &Primary, line: &str) -> Self {
        let folder = Folder::new(name);
        let mut command = Command::new("setsid");
        command.args(["-w", "sh", "-c", &format!("echo $$ > pid; exec 2> err; {line}")]);
        command.env("TOOL", env!("CARGO_BIN_EXE_redtail")).env("AT", at.address().to_string());
        let process = command.current_dir(&folder.0).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        Self { process, folder }
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.0.join(name)).unwrap_or_default()).into_owned()
    }

    pub(crate) fn says(&self, words: &str) {
        eventually(&format!("it says {words:?}: {}", self.read("err")), || self.read("err").contains(words));
    }

    /// The file has more lines than now.
    pub(crate) fn goes_on(&self, name: &str) {
        let before = self.read(name).len();
        eventually(&format!("{name} grows: {}", self.read("err")), || self.read(name).len() > before);
    }

    fn of_process(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.read("pid").trim())).unwrap_or_default()
    }

    /// A field of a file of its process.
    fn field(&self, file: &str, name: &str) -> String {
        let text = self.of_process(file);
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
    }

    /// One of its threads waits in this function of the kernel.
    pub(crate) fn waits_in(&self, function: &str) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.read("pid").trim()));
        let mut tasks = tasks.into_iter().flatten().flatten();
        tasks.any(|task| fs::read_to_string(task.path().join("wchan")).is_ok_and(|name| name.contains(function)))
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, self.read("pid").trim()]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        eventually("it ends", || self.process.try_wait().unwrap().is_some());
        self.process.wait().unwrap()
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.folder.0.join(from), self.folder.0.join(to)).unwrap();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = Command::new("kill").args(["-s", "KILL", self.read("pid").trim()]).status();
            let _ = self.process.wait();
        }
    }
}

/// The numbers of the writes in whole lines.
fn numbers(text: &str) -> Vec<usize> {
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    let number = |line: &str| line.rsplit('"').nth(1).unwrap().parse().unwrap();
    text.lines().map(number).collect()
}

#[test]
fn sighup_opens_the_output_again() {
    let primary = writing(Some(500));
    let mut feed = Feed::start("hup", &primary, "exec $TOOL tail $AT --output out");
    feed.goes_on("out");
    for old in ["out.1", "out.2"] {
        feed.rename("out", old);
        feed.goes_on(old);
        feed.signal("HUP");
        feed.goes_on("out");
    }
    feed.says("opened out again after SIGHUP");
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
    let all = ["out.1", "out.2", "out"].map(|name| numbers(&feed.read(name))).concat();
    assert_eq!(all, (1..=all.len()).collect::<Vec<_>>());
}

/// Each file can be loaded alone: it has whole transactions, and selects its database.
#[test]
fn sighup_divides_commands_between_transactions() {
    let round = ["MULTI", "SET key 1", "RPUSH list 1 2 3", "SET text '\n\n'", "EXEC", "SET other 1"];
    let lines: Vec<&str> = ["SELECT 3"].into_iter().chain(round.into_iter().cycle().take(60_000)).collect();
    for positions in ["", "--positions"] {
        let mut play = Playback::default();
        play.commands_per_second = Some(500);
        let primary = primary(&commands(&lines), play);
        let line = format!("exec $TOOL tail $AT --output out --format resp {positions}");
        let mut feed = Feed::start("hup-resp", &primary, &line);
        let old: Vec<String> = (1..=8).map(|n| format!("out.{n}")).collect();
        for old in &old {
            feed.goes_on("out");
            feed.rename("out", old);
            feed.signal("HUP");
            feed.goes_on("out");
        }
        feed.signal("TERM");
        assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
        for (at, name) in old.iter().enumerate() {
            let bytes = feed.read(name).into_bytes();
            let mut reader = CommandReader::stream(bytes.as_slice());
            let mut names = Vec::new();
            while let Some(command) = reader.next_command().unwrap_or_else(|error| panic!("{name}: {error}")) {
                names.push(command.name().to_ascii_uppercase());
            }
            let count = |name: &[u8]| names.iter().filter(|found| found.as_slice() == name).count();
            assert_eq!(count(b"MULTI"), count(b"EXEC"), "{name}");
            if positions.is_empty() {
                assert_eq!(names[0], b"SELECT", "{name}");
            } else {
                assert_eq!((names[0].as_slice(), names.last().unwrap().as_slice()), (&b"PING"[..], &b"PING"[..]));
                assert!(at == 0 || names[1] == b"SELECT", "{name}");
            }
        }
    }
}

#[test]
fn sighup_keeps_the_old_file_if_the_new_one_cannot_be_opened() {
    let primary = writing(Some(500));
    let mut feed = Feed::start("hup-bad", &primary, "mkdir sub; exec $TOOL tail $AT --output sub/out");
    feed.goes_on("sub/out");
    feed.rename("sub", "gone");
    feed.signal("HUP");
    feed.says("can't open sub/out again after SIGHUP: ");
    feed.goes_on("gone/out");
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
    let all = numbers(&feed.read("gone/out"));
    assert_eq!(all, (1..=all.len()).collect::<Vec<_>>());
}

/// Two runs would mix their lines.
#[test]
fn sighup_keeps_the_old_file_if_another_run_has_the_new_one() {
    let primary = writing(Some(500));
    let mut feed = Feed::start("hup-shared", &primary, "exec $TOOL tail $AT --output out");
    feed.goes_on("out");
    // The same file is not refused.
    feed.signal("HUP");
    feed.says("opened out again after SIGHUP");
    feed.rename("out", "old");
    let (address, out) = (primary.address().to_string(), feed.folder.path("out"));
    let mut other = crate::run::redtail(&["tail", &address, "--output", &out]);
    let mut other = other.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    feed.goes_on("out");
    feed.signal("HUP");
    feed.says("can't open out again after SIGHUP: another run of redtail writes to it: ");
    feed.goes_on("old");
    other.kill().unwrap();
    other.wait().unwrap();
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
    let all = numbers(&feed.read("old"));
    assert_eq!(all, (1..=all.len()).collect::<Vec<_>>());
}

#[test]
fn sighup_does_nothing_to_a_run_without_a_terminal_and_a_file() {
    for line in ["exec $TOOL tail $AT > out", "exec $TOOL record $AT -o out"] {
        let primary = writing(Some(500));
        let mut feed = Feed::start("hup-nothing", &primary, line);
        feed.goes_on("out");
        feed.signal("HUP");
        // The signal is no longer pending, and writes follow.
        eventually("it is delivered", || feed.field("status", "ShdPnd:") == "0000000000000000");
        feed.goes_on("out");
        feed.signal("TERM");
        assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
    }
}

/// As under `nohup`.
#[test]
fn ignored_signals_stay_ignored() {
    let primary = writing(Some(500));
    let mut feed = Feed::start("ignored", &primary, "trap '' HUP INT; exec $TOOL tail $AT --output out");
    feed.goes_on("out");
    let ignored = u64::from_str_radix(&feed.field("status", "SigIgn:"), 16).unwrap();
    let caught = u64::from_str_radix(&feed.field("status", "SigCgt:"), 16).unwrap();
    let (hup_and_int, term) = (0b11, 1 << 14);
    assert_eq!((ignored & hup_and_int, caught & hup_and_int, caught & term), (hup_and_int, 0, term));
    feed.rename("out", "old");
    feed.signal("HUP");
    feed.signal("INT");
    feed.goes_on("old");
    assert!(!feed.folder.0.join("out").exists());
    feed.signal("TERM");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
}

#[test]
fn a_run_ends_with_its_terminal() {
    let primary = writing(Some(500));
    let line = "script -qec 'echo $$ > pid; exec $TOOL tail $AT 2>> err > out' /dev/null < /dev/null";
    let mut feed = Feed::start("terminal", &primary, line);
    feed.goes_on("out");
    feed.signal("HUP");
    assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
    feed.says("resume with --from");
}

#[test]
fn the_first_sigterm_ends_a_run_whose_reader_is_stuck() {
    for line in [
        "exec $TOOL tail $AT",
        "exec $TOOL tail $AT 2>&1",
        "exec $TOOL tail $AT --format json",
        "exec $TOOL record $AT -o -",
        "mkfifo out; exec 3<> out; exec $TOOL tail $AT --output out",
    ] {
        let primary = writing(None);
        let mut feed = Feed::start("stuck", &primary, line);
        eventually("the pipe is full", || feed.waits_in("pipe_write"));
        feed.signal("TERM");
        assert_eq!(feed.end().code(), Some(130), "{line}: {}", feed.read("err"));
        if !line.contains("2>&1") {
            assert!(feed.read("err").contains("the reader of the output does not read"), "{}", feed.read("err"));
        }
    }
}

/// A process with the id 1 is not ended by a signal that it does not handle.
#[test]
fn process_1_handles_signals_too() {
    let primary = writing(Some(500));
    let may = Command::new("unshare").args(["-Urpf", "true"]).status();
    if !may.is_ok_and(|status| status.success()) {
        return;
    }
    let line = "unshare -Urpf --mount-proc sh -c 'exec $TOOL tail $AT > out'; echo $? > code";
    let mut feed = Feed::start("process-1", &primary, line);
    feed.goes_on("out");
    let children = || feed.of_process(&format!("task/{}/children", feed.read("pid").trim()));
    let unshare = children().trim().to_owned();
    let tool = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap().trim().to_owned();
    assert!(Command::new("kill").args(["-s", "HUP", &tool]).status().unwrap().success());
    feed.goes_on("out");
    assert!(Command::new("kill").args(["-s", "TERM", &tool]).status().unwrap().success());
    feed.end();
    assert_eq!(feed.read("code"), "0\n", "{}", feed.read("err"));
}

#[test]
fn half_a_line_is_ended_before_more_is_appended() {
    let primary = writing(None);
    for line in ["$TOOL tail $AT --count 2 --output out", "$TOOL tail $AT --count 2 >> out"] {
        let mut feed = Feed::start("half", &primary, &format!("printf 'whole\nhalf' > out; {line}; {line}"));
        assert_eq!(feed.end().code(), Some(0), "{}", feed.read("err"));
        let out = feed.read("out");
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[..2], ["whole", "half"]);
        assert_eq!(lines.len(), 6, "{out}");
        assert!(lines[2].ends_with("\"SET\" \"key\" \"1\"") && lines[4] == lines[2], "{out}");
    }
    let line = "printf '*1' > out; exec $TOOL tail $AT --count 2 --output out --format resp";
    let mut feed = Feed::start("half-command", &primary, line);
    assert_eq!(feed.end().code(), Some(1));
    assert!(feed.read("err").contains("can't write to out: it ends inside a command"), "{}", feed.read("err"));
    assert_eq!(feed.read("out"), "*1");
}

/// A limit on the size of files, which acts like a full disk.
#[test]
fn a_run_continues_after_a_full_disk() {
    let primary = writing(None);
    let line = "trap '' XFSZ; ulimit -f 40; exec $TOOL tail $AT --output out --checkpoint position";
    let mut feed = Feed::start("full", &primary, line);
    assert_eq!(feed.end().code(), Some(1));
    assert!(feed.read("err").contains("can't write to out: File too large"), "{}", feed.read("err"));
    let (out, position) = (feed.folder.path("out"), feed.folder.path("position"));
    let until = (1000 + commands(&["SET key 1"]).len() * 9).to_string();
    let address = primary.address().to_string();
    run(&["tail", &address, "--output", &out, "--checkpoint", &position, "--until", &until]).ok();
    let out = feed.read("out");
    let halves = out.lines().filter(|line| !line.ends_with('"') || line.matches('"').count() != 6).count();
    assert!(halves <= 1, "{halves} unfinished lines");
    let whole: Vec<usize> = out
        .lines()
        .filter(|line| line.ends_with('"') && line.matches('"').count() == 6)
        .map(|line| line.rsplit('"').nth(1).unwrap().parse().unwrap())
        .collect();
    let last = *whole.iter().max().unwrap();
    assert!((1..=last).all(|n| whole.contains(&n)), "a write is missing");
}

/// It saves the position of the last write in the file, even if no save was due. Otherwise a file that is full soon
/// after each restart would receive the same writes again and again.
#[test]
fn the_position_before_a_full_disk_is_saved() {
    let primary = writing(Some(500));
    let line = "trap '' XFSZ; ulimit -f 40; exec $TOOL tail $AT --output out --checkpoint position \
                --checkpoint-interval 1000000 --checkpoint-commands 1000000";
    let mut feed = Feed::start("full-saved", &primary, line);
    assert_eq!(feed.end().code(), Some(1));
    let errors = feed.read("err");
    assert!(errors.contains("saved the position to resume from in the checkpoint"), "{errors}");
    let checkpoint = feed.read("position");
    let line = checkpoint.lines().find(|line| line.contains(REPLID)).unwrap();
    let offset: usize = line.split(':').nth(1).unwrap().parse().unwrap();
    let (out, one) = (feed.read("out"), commands(&["SET key 1"]).len());
    let whole = out.lines().filter(|line| line.ends_with('"') && line.matches('"').count() == 6).count();
    assert!(offset > 1000 + one && offset <= 1000 + (one + 4) * whole, "{checkpoint}");
}

#[test]
fn an_output_that_cannot_be_opened_is_reported_first() {
    let ran = run(&["tail", "127.0.0.1:1", "--output", "/nowhere/out"]);
    assert_eq!((ran.code, ran.out.len()), (1, 0));
    let expected = "redtail: can't write to /nowhere/out: No such file or directory (os error 2)\n";
    assert_eq!(unstamped(&ran.err), expected);
    let primary = writing(None);
    let ran: Ran = run(&["tail", &primary.address().to_string(), "--output", "/dev/full"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.ends_with("can't write to /dev/full: No space left on device (os error 28)\n"), "{}", ran.err);
    assert!(!ran.err.contains("resume with --from") || ran.err.contains(REPLID), "{}", ran.err);
}

/// The reader leaves before a save is due, so the checkpoint has the position of the attach.
#[test]
fn only_a_saved_position_is_said_to_be_saved() {
    let primary = writing(Some(500));
    let line = "mkfifo pipe; head -c 1000 pipe > out & $TOOL tail $AT --checkpoint position \
                --checkpoint-interval 1000000 --checkpoint-commands 1000000 > pipe";
    let mut feed = Feed::start("unsaved", &primary, line);
    assert_eq!(feed.end().code(), Some(1), "{}", feed.read("err"));
    let (errors, checkpoint) = (feed.read("err"), feed.read("position"));
    assert!(!errors.contains("saved the position"), "{errors}");
    let told = "the checkpoint was not saved again: the next run resumes from ";
    let position = errors.split(told).nth(1).unwrap_or_else(|| panic!("{errors}")).lines().next().unwrap();
    assert!(position.starts_with(REPLID) && checkpoint.contains(position), "{position} in {checkpoint}");
}

/// A supervisor that restarts after failures has to start the reader again.
#[test]
fn a_reader_that_has_ended_is_a_failure() {
    let primary = writing(None);
    for line in ["$TOOL tail $AT", "$TOOL record $AT -o -"] {
        let line = format!("mkfifo pipe; head -c 1000 pipe > out & {line} > pipe");
        let mut feed = Feed::start("ended", &primary, &line);
        assert_eq!(feed.end().code(), Some(1), "{}", feed.read("err"));
        let errors = feed.read("err");
        assert!(errors.ends_with("the reader of standard output has ended: its own messages say why\n"), "{errors}");
    }
}

//! `--checkpoint`: a run resumes where another ended.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use redtail::{Checkpoint, Position};

use crate::folder::Folder;
use crate::run::{REPLID, commands, run};
use crate::tail::{end, primary, stream};

impl Folder {
    fn position(&self) -> Option<Position> {
        Checkpoint::open(self.path("position"), "").unwrap().position()
    }
}

#[test]
fn one_run_goes_on_where_another_ended() {
    let folder = Folder::new("runs");
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let address = primary.address().to_string();
    let args = ["tail", &address, "--checkpoint", &folder.path("position")];
    let first = run(&[&args[..], &["--count", "1"]].concat()).ok();
    assert_eq!(first.text(), "1050 [2] \"SET\" \"k\" \"v\"\n");
    assert!(
        first.err.contains(&format!("saved the position to resume from in the checkpoint: {REPLID}:1050:2")),
        "{}",
        first.err
    );
    assert_eq!(folder.position().unwrap().to_string(), format!("{REPLID}:1050:2"));

    let second = run(&[&args[..], &["--until", &end(&stream), "--max-arg", "10"]].concat()).ok();
    assert!(!second.text().contains("\"SET\"") && second.text().contains("\"DEL\" \"k\""), "{}", second.text());
    assert!(second.err.contains(&format!(": {REPLID}:1050:2, saved")), "{}", second.err);
    assert_eq!(folder.position().unwrap().to_string(), format!("{REPLID}:{}:2", end(&stream)));
}

#[test]
fn it_is_written_at_the_attach_and_after_a_snapshot() {
    let folder = Folder::new("attach");
    let stream = commands(&["PING"]);
    let primary = primary(&stream, redtail::replay::Playback::default());
    let address = primary.address().to_string();
    run(&["tail", &address, "--checkpoint", &folder.path("position"), "--until", "1000"]).ok();
    assert_eq!(folder.position().unwrap().to_string(), format!("{REPLID}:1000:1"));
    fs::remove_file(folder.path("position")).unwrap();
    let far = ["--checkpoint-interval", "1000", "--checkpoint-commands", "1000000"];
    let args =
        ["tail", &address, "--checkpoint", &folder.path("position"), "--from", "snapshot", "--until", &end(&stream)];
    run(&[&args[..], &far].concat()).ok();
    // The PING after the snapshot changes no data.
    assert_eq!(folder.position().unwrap().to_string(), format!("{REPLID}:{}:1:1000", end(&stream)));
}

#[test]
fn a_checkpoint_and_another_start_can_not_be_both() {
    let folder = Folder::new("both");
    let position: Position = format!("{REPLID}:1000:0").parse().unwrap();
    Checkpoint::open(folder.path("position"), "x").unwrap().save(position).unwrap();
    let elsewhere = format!("{REPLID}:1000:0");
    let ran = run(&["tail", "127.0.0.1:1", "--checkpoint", &folder.path("position"), "--from", &elsewhere]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("--from POSITION can't be used with the checkpoint"), "{}", ran.err);
    assert_eq!(run(&["tail", "127.0.0.1:1", "--checkpoint", &folder.path("position"), "--from", "sync"]).code, 2);
    assert_eq!(run(&["tail", "127.0.0.1:1", "--ack", "applied"]).code, 2);
    assert_eq!(run(&["tail", "127.0.0.1:1", "--checkpoint-commands", "5"]).code, 2);
}

#[test]
fn one_command_line_serves_the_first_run_and_the_next() {
    let folder = Folder::new("again");
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let address = primary.address().to_string();
    let (position, dump) = (folder.path("position"), folder.path("dump.rdb"));
    for gap in ["stop", "continue", "snapshot"] {
        let args = ["tail", &address, "--from", "snapshot", "--snapshot-to", &dump, "--checkpoint", &position];
        let args = [&args[..], &["--on-gap", gap, "--count", "1", "--max-arg", "10"]].concat();
        let first = run(&args).ok();
        assert!(first.text().contains("\"SET\"") && first.err.contains("dump.rdb"), "{} {}", first.text(), first.err);
        let bytes = fs::read(&dump).unwrap();
        let second = run(&args).ok();
        assert!(second.text().contains("\"INCR\""), "{}", second.text());
        let saved: Vec<_> = second.err.split(&format!("{REPLID}:1050:2, saved ")).skip(1).collect();
        let (seconds, rest) = saved[0].split_once(" s ago; --from snapshot was for the first run\n").unwrap();
        assert!(saved.len() == 1 && seconds.parse::<u32>().is_ok(), "{}", second.err);
        assert!(!rest.contains("was for the first run"), "{}", second.err);
        assert!(!second.err.contains("forks"), "{}", second.err);
        assert_eq!(fs::read(&dump).unwrap(), bytes);
        fs::remove_file(&dump).unwrap();
        fs::remove_file(&position).unwrap();
    }
}

#[test]
fn allow_probe_serves_the_first_run_and_the_next() {
    let folder = Folder::new("probe");
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let (address, position) = (primary.address().to_string(), folder.path("position"));
    for gap in ["stop", "continue", "snapshot"] {
        let args = ["tail", &address, "--allow-probe", "--checkpoint", &position, "--on-gap", gap, "--count", "1"];
        assert_eq!(run(&args).ok().text(), "1050 [2] \"SET\" \"k\" \"v\"\n");
        let second = run(&[&args[..], &["--max-arg", "10"]].concat()).ok();
        assert!(second.text().contains("\"INCR\""), "{}", second.text());
        fs::remove_file(&position).unwrap();
    }
}

#[test]
fn a_checkpoint_has_one_owner() {
    let folder = Folder::new("owner");
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let address = primary.address().to_string();
    let args = ["tail", &address, "--checkpoint", &folder.path("position")];
    let mut first = crate::run::redtail(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while folder.position().is_none() {
        assert_eq!(first.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = run(&args);
    let told = format!("the checkpoint {} is in use by process {}\n", folder.path("position"), first.id());
    assert_eq!(second.code, 1, "{}", second.err);
    assert!(second.err.ends_with(&told), "{}", second.err);
    // The lock of a killed process is void.
    first.kill().unwrap();
    first.wait().unwrap();
    run(&[&args[..], &["--until", "1000"]].concat()).ok();
}

/// A file without its checkpoint would otherwise continue with a hole, and nothing would show it.
#[test]
fn a_lost_checkpoint_beside_earlier_output_is_a_warning() {
    let folder = Folder::new("lost");
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let (address, out) = (primary.address().to_string(), folder.path("out"));
    let args = ["tail", &address, "--checkpoint", &folder.path("position"), "--output", &out, "--count", "1"];
    let warns = |more: &[&str]| run(&[&args[..], more].concat()).ok().err.contains("there is no checkpoint");
    assert!(!warns(&[]), "the first run");
    assert!(!warns(&[]), "a run with its checkpoint");
    fs::remove_file(folder.path("position")).unwrap();
    assert!(warns(&[]), "the checkpoint is lost");
    fs::remove_file(folder.path("position")).unwrap();
    assert!(!warns(&["--from", &format!("{REPLID}:1050:2")]), "the position is given");
}

#[cfg(unix)]
#[test]
fn two_runs_can_not_share_an_output() {
    let folder = Folder::new("shared");
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let (address, out) = (primary.address().to_string(), folder.path("out"));
    let args = ["tail", &address, "--output", &out];
    let mut first = crate::run::redtail(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while fs::metadata(&out).map_or(0, |out| out.len()) == 0 {
        assert_eq!(first.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = run(&args);
    assert_eq!(second.code, 1, "{}", second.err);
    let told = format!("can't write to {out}: another run of redtail writes to it: give each run a file of its own\n");
    assert!(second.err.ends_with(&told), "{}", second.err);
    first.kill().unwrap();
    first.wait().unwrap();
    run(&[&args[..], &["--until", "1000"]].concat()).ok();
}

/// Two links to one file that does not exist yet.
#[cfg(unix)]
#[test]
fn a_missing_checkpoint_behind_links_has_one_owner() {
    let folder = Folder::new("owner-links");
    for link in ["one", "two"] {
        std::os::unix::fs::symlink("position", folder.path(link)).unwrap();
    }
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let address = primary.address().to_string();
    let one = ["tail", &address, "--checkpoint", &folder.path("one")];
    let mut first = crate::run::redtail(&one).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while Checkpoint::open(folder.path("one"), "").unwrap().position().is_none() {
        assert_eq!(first.try_wait().unwrap(), None);
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = run(&["tail", &address, "--checkpoint", &folder.path("two"), "--until", "1000"]);
    assert_eq!(second.code, 1, "{}", second.err);
    assert!(second.err.contains(&format!("is in use by process {}", first.id())), "{}", second.err);
    first.kill().unwrap();
    first.wait().unwrap();
}

#[test]
fn an_unwritable_checkpoint_asks_the_server_for_nothing() {
    let folder = Folder::new("nowhere");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let mut paths = vec![folder.path("none/position")];
    if cfg!(target_os = "linux") {
        // Not even root can write there.
        paths.push("/proc/position".into());
    }
    for path in paths {
        let ran = run(&["tail", &address, "--checkpoint", &path]);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains(&format!("the checkpoint {path}: ")), "{}", ran.err);
        assert_eq!(server.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[test]
fn a_file_that_is_no_checkpoint_ends_the_run_and_stays_as_it_is() {
    let folder = Folder::new("bad");
    for bad in [&b""[..], b"hello\n", b"redtail checkpoint 1\nposition "] {
        fs::write(folder.path("position"), bad).unwrap();
        let ran = run(&["tail", "127.0.0.1:1", "--checkpoint", &folder.path("position")]);
        assert_eq!(ran.code, 2, "a supervisor would restart it for ever: {}", ran.err);
        assert!(ran.err.contains("is no whole checkpoint"), "{}", ran.err);
        assert_eq!(fs::read(folder.path("position")).unwrap(), bad);
    }
}

#[test]
fn a_checkpoint_of_another_history_is_a_gap() {
    let folder = Folder::new("foreign");
    let position: Position = "0123456789012345678901234567890123456789:5:0".parse().unwrap();
    Checkpoint::open(folder.path("position"), "elsewhere:6379").unwrap().save(position).unwrap();
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let at = primary.address().to_string();
    // Also in a run in which a save is due before the server has refused the position, and in the next one.
    for more in [&[][..], &["--checkpoint-interval", "0.001"], &[]] {
        let ran = run(&[&["tail", &at, "--checkpoint", &folder.path("position")], more].concat());
        assert_eq!(ran.code, 4, "{}", ran.err);
        assert!(ran.out.is_empty(), "{}", ran.text());
        assert!(ran.err.contains("saved for another target: elsewhere:6379"), "{}", ran.err);
        assert!(ran.err.contains("another history"), "{}", ran.err);
        assert!(ran.err.contains("--on-gap snapshot"), "{}", ran.err);
        assert_eq!(folder.position(), Some(position));
    }
}

#[test]
fn a_gap_is_saved_once_its_line_is_out() {
    let folder = Folder::new("gap");
    let position: Position = "0123456789012345678901234567890123456789:5:0".parse().unwrap();
    Checkpoint::open(folder.path("position"), "x").unwrap().save(position).unwrap();
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let address = primary.address().to_string();
    let args = [
        "tail",
        &address,
        "--checkpoint",
        &folder.path("position"),
        "--on-gap",
        "continue",
        "--format",
        "json",
        "--until",
        "1000",
    ];
    let ran = run(&args).ok();
    assert_eq!(ran.json()[0]["event"], "gap");
    assert_eq!(folder.position().unwrap().offset, 1000);
}

#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_written_is_not_saved() {
    let folder = Folder::new("full");
    let stream = stream();
    let primary = primary(&stream, redtail::replay::Playback::default());
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let args =
        ["tail", &primary.address().to_string(), "--checkpoint", &folder.path("position"), "--until", &end(&stream)];
    let output = crate::run::redtail(&args).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(folder.position().unwrap().offset, 1000, "where it was attached");
}

//! `redtail record`: the stream in a file, and the end of a run, which never harms earlier data.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use redtail::replay::{Playback, Primary, Recording};
use serde_json::{Value, json};

use crate::folder::Folder;
use crate::run::{REPLID, Ran, commands, redtail, run, run_on};
use crate::tail::{end, primary, stream};

/// The lines of a run, without the differences between a server and a file.
pub(crate) fn lines(ran: &Ran) -> Vec<Value> {
    let mut lines = ran.json();
    for line in &mut lines {
        for field in ["target", "error", "received_ms"] {
            line.as_object_mut().unwrap().remove(field);
        }
    }
    lines
}

#[test]
fn what_is_recorded_is_what_tail_prints() {
    let (stream, folder) = (stream(), Folder::new("same"));
    for (number, from) in ["now", "snapshot", "sync", "now-without-fork"].into_iter().enumerate() {
        let address = || primary(&stream, Playback::default());
        let (one, two) = (address(), address());
        let length = if from == "sync" { stream.len().to_string() } else { end(&stream) };
        let file = folder.path(&number.to_string());
        let arguments = ["record", &one.address().to_string(), "-o", &file, "--from", from, "--until", &length];
        let ran = run(&arguments).ok();
        assert!(ran.out.is_empty());
        assert!(ran.err.contains("recorded 4 commands (9") && ran.err.contains(&file), "{}", ran.err);
        let tail = ["tail", &two.address().to_string(), "--format", "json", "--from", from, "--until", &length];
        let decoded = run(&["decode", &file, "--format", "json"]).ok();
        assert_eq!(lines(&decoded), lines(&run(&tail).ok()), "{from}");
        assert!(decoded.json().iter().all(|line| line["event"] != "command" || line["received_ms"].is_u64()));
        let text = run(&["decode", &file]).ok();
        assert!(text.text().ends_with("[2] \"DEL\" \"k\"\n"), "{}", text.text());
    }
}

#[test]
fn a_count_is_exact_and_ends_no_transaction() {
    let (stream, folder) = (stream(), Folder::new("count"));
    let primary = primary(&stream, Playback::default());
    let address = primary.address().to_string();
    for (count, expected) in [(1, 1), (2, 3), (3, 3), (4, 4)] {
        let file = folder.path(&count.to_string());
        run(&["record", &address, "-o", &file, "--count", &count.to_string()]).ok();
        let told = run(&["decode", &file, "--format", "json"]).ok().json();
        assert_eq!(told.iter().filter(|line| line["event"] == "command").count(), expected, "{count}");
    }
}

#[test]
fn a_file_that_is_there_is_kept() {
    let (stream, folder) = (stream(), Folder::new("there"));
    let primary = primary(&stream, Playback::default());
    let (address, file) = (primary.address().to_string(), folder.path("kept"));
    fs::write(&file, "precious").unwrap();
    let ran = run(&["record", &address, "-o", &file]);
    assert_eq!(ran.code, 1);
    assert!(["--append", "--force", &file].iter().all(|word| ran.err.contains(word)), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    let ran = run(&["record", &address, "-o", &file, "--append"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("not a recording"), "{}", ran.err);
    // Without a server the old file stays.
    let ran = run(&["record", "127.0.0.1:1", "-o", &file, "--force"]);
    assert_eq!(ran.code, 1);
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    run(&["record", &address, "-o", &file, "--force", "--until", &end(&stream)]).ok();
    assert!(fs::read(&file).unwrap().starts_with(b"redtail recording 1\n"));
    let ran = run(&["record", "127.0.0.1:1", "-o", &folder.path("new")]);
    assert_eq!(ran.code, 1);
    assert_eq!(folder.names(), ["kept"]);
}

#[test]
fn runs_are_appended_to_one_another() {
    let (stream, folder) = (stream(), Folder::new("append"));
    let primary = primary(&stream, Playback::default());
    let (address, file) = (primary.address().to_string(), folder.path("grows"));
    // There is no file yet, so it is created.
    run(&["record", &address, "-o", &file, "--append", "--from", "snapshot", "--count", "1"]).ok();
    let ran = run(&["record", &address, "-o", &file, "--append", "--until", &end(&stream)]).ok();
    assert!(ran.err.contains(&format!("resuming after {REPLID}:1050:2")), "{}", ran.err);
    let ran = run(&["decode", &file, "--format", "json"]).ok();
    let names: Vec<_> = ran.json().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        names.join(" "),
        "attached snapshot_begin snapshot command disconnected attached multi command command exec command"
    );
    assert_eq!(ran.json()[4]["resume"], format!("{REPLID}:1050:2"));
    let ran = run(&["decode", &file, "--format", "resp", "--empty-target"]).ok();
    assert!(ran.out.ends_with(&stream[23..]), "the break leaves no trace");

    let ran = run(&["record", &address, "-o", &file, "--append", "--from", "now"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.err.contains("contains the position to resume from"), "{}", ran.err);
    let other = folder.path("sync");
    run(&["record", &address, "-o", &other, "--from", "sync", "--until", "50"]).ok();
    let ran = run(&["record", &address, "-o", &other, "--append"]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("it can't be continued"), "{}", ran.err);
}

#[test]
fn one_command_line_begins_and_continues_a_recording() {
    let (stream, folder) = (stream(), Folder::new("command-line"));
    let primary = primary(&stream, Playback::default());
    let address = primary.address().to_string();
    let record = ["record", &address, "--append", "-o"];
    // A stream of SYNC has no position. The choice for a gap is for recordings that have one.
    let length = stream.len().to_string();
    let sync = ["--from", "sync", "--on-gap", "continue", "--until", &length];
    let ran = run(&[&record[..], &[&folder.path("sync")], &sync].concat()).ok();
    assert!(ran.err.contains("recorded 4 commands"), "{}", ran.err);
    let probe = folder.path("probe");
    let again = [&record[..], &[&probe, "--allow-probe", "--count", "1"]].concat();
    assert!(run(&again).ok().err.contains("recorded 1 commands"));
    assert!(run(&again).ok().err.contains("resuming after"));
}

#[test]
fn a_gap_is_recorded_if_it_may_be() {
    let folder = Folder::new("gap");
    let file = folder.path("gap");
    let first = primary(&commands(&["SET a 1"]), Playback::default());
    run(&["record", &first.address().to_string(), "-o", &file, "--count", "1"]).ok();
    // The same server, whose backlog is too short.
    let later = format!("+FULLRESYNC {REPLID} 5000\r\n$18\r\nREDIS0010");
    let later = [later.as_bytes(), b"\xff\0\0\0\0\0\0\0\0", &commands(&["SELECT 3", "SET b 2"])].concat();
    let later = Primary::serve(Recording::parse(&later).unwrap()).unwrap();
    let arguments = ["record", &later.address().to_string(), "-o", &file, "--append"];
    let ran = run(&arguments);
    assert_eq!(ran.code, 4, "{}", ran.err);
    assert!(ran.err.contains("history lost"), "{}", ran.err);
    run(&[&arguments[..], &["--on-gap", "continue", "--count", "1"]].concat()).ok();
    let told = run(&["decode", &file, "--format", "json"]).ok().json();
    let gaps: Vec<_> = told.iter().filter(|line| line["event"] == "gap").collect();
    assert_eq!(
        gaps,
        [
            &json!({"event": "gap", "from": format!("{REPLID}:1027:1"), "to": format!("{REPLID}:5000:?"), "missed": 3973})
        ]
    );
    assert_eq!(told.last().unwrap()["id"], format!("{REPLID}:5050"));
    assert!(run(&["decode", &file]).ok().err.contains("history lost: 3973 bytes"));
}

#[test]
fn a_pipe_takes_it_as_well() {
    let stream = stream();
    let primary = primary(&stream, Playback::default());
    let ran = run(&["record", &primary.address().to_string(), "-o", "-", "--until", &end(&stream)]).ok();
    let decoded = run_on(&["decode"], &ran.out).ok();
    assert!(decoded.text().starts_with("1050 [2] \"SET\" \"k\" \"v\"\n"), "{}", decoded.text());
    // A supervisor has to start the reader again.
    let mut child = redtail(&["record", &primary.address().to_string(), "-o", "-", "--from", "snapshot"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 20]).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.ends_with("the reader of standard output has ended: its own messages say why\n"), "{errors}");
}

#[test]
fn wherever_it_cannot_write_it_says_so_in_one_line() {
    let primary = primary(&stream(), Playback::default());
    let address = primary.address().to_string();
    for (path, words) in
        [("/", "directory"), ("/nowhere/at/all", "No such file"), ("/proc/redtail", ""), ("/dev/full", "No space left")]
    {
        for from in ["snapshot", "now"] {
            let ran = run(&["record", &address, "-o", path, "--from", from, "--count", "1"]);
            assert_eq!(ran.code, 1, "{path}: {}", ran.err);
            let last = ran.err.lines().last().unwrap();
            assert!(last.contains("can't write") && last.contains(path) && last.contains(words), "{path}: {}", ran.err);
        }
    }
    let ran = run(&["record", &address, "-o", "-", "--append"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
}

/// A disk that is full in the middle: here a limit on the size of files.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_what_can_be_read() {
    let lines: Vec<String> = (0..2000).map(|number| format!("SET key:{number:04} value")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let stream = commands(&lines);
    let primary = primary(&stream, playback! { piece: Some(100), commands_per_second: Some(50_000) });
    let (folder, address) = (Folder::new("full"), primary.address().to_string());
    let file = folder.path("full");
    let limited =
        format!("trap '' XFSZ; ulimit -f 16; exec {} record {address} -o {file}", env!("CARGO_BIN_EXE_redtail"));
    let output = Command::new("bash").args(["-c", &limited]).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    let last = err.lines().last().unwrap();
    assert!(last.contains("can't write") && last.contains("too large") && last.contains("stays readable"), "{err}");

    let decoded = run(&["decode", &file, "--format", "json"]);
    assert_eq!(decoded.code, 1, "it is cut off");
    assert!(decoded.err.contains("in the middle of"), "{}", decoded.err);
    let told = decoded.json();
    let count = told.iter().filter(|line| line["event"] == "command").count();
    assert!((100..2000).contains(&count), "{count}");

    // The limit is gone.
    run(&["record", &address, "-o", &file, "--append", "--until", &end(&stream)]).ok();
    let told = run(&["decode", &file, "--format", "json"]).ok().json();
    let offsets: Vec<_> =
        told.iter().filter(|line| line["event"] == "command").map(|line| line["offset"].clone()).collect();
    assert_eq!(offsets.len(), 2000);
    assert!(offsets.windows(2).all(|pair| pair[0].as_u64() < pair[1].as_u64()));
}

#[cfg(unix)]
#[test]
fn killed_and_gone_on_with_nothing_is_missing() {
    let lines: Vec<String> = (0..3000).map(|number| format!("SET key:{number:04} value")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let stream = [commands(&["SELECT 1"]), commands(&lines)].concat();
    let primary = primary(&stream, playback! { commands_per_second: Some(20_000) });
    let (folder, address) = (Folder::new("killed"), primary.address().to_string());
    let file = folder.path("killed");
    let arguments = ["record", &address, "-o", &file, "--append"];
    for round in 0..6 {
        let mut child = redtail(&arguments).stderr(Stdio::piped()).spawn().unwrap();
        // Once it is attached, it has a little time.
        let mut words = BufReader::new(child.stderr.take().unwrap()).lines();
        while words.next().is_some_and(|line| !line.unwrap().contains("attached")) {}
        thread::sleep(Duration::from_millis(7 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let ran = run(&["decode", &file]);
        assert!(ran.code == 0 || ran.err.contains("in the middle of"), "{}", ran.err);
    }
    run(&[&arguments[..], &["--until", &end(&stream)]].concat()).ok();
    let told = run(&["decode", &file, "--format", "json"]).ok().json();
    assert!(told.iter().all(|line| line["event"] != "gap"));
    let mut offsets: Vec<_> =
        told.iter().filter(|line| line["event"] == "command").map(|line| line["offset"].as_u64().unwrap()).collect();
    offsets.dedup();
    assert_eq!(offsets.len(), 3000);
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it_well() {
    let stream = stream();
    let primary = primary(&stream, Playback::default());
    let (folder, address) = (Folder::new("interrupt"), primary.address().to_string());
    for signal in ["INT", "TERM"] {
        let file = folder.path(signal);
        let mut child =
            redtail(&["record", &address, "-o", &file, "--from", "snapshot"]).stderr(Stdio::piped()).spawn().unwrap();
        let mut words = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("the snapshot is complete") {
            line.clear();
            assert!(words.read_line(&mut line).unwrap() > 0);
        }
        // The whole stream arrives with it, or right after it.
        while fs::metadata(&file).unwrap().len() < stream.len() as u64 {
            thread::sleep(Duration::from_millis(5));
        }
        let pid = child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        let mut rest = String::new();
        words.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{rest}");
        assert!(rest.contains("recorded 4 commands"), "{rest}");
        assert!(rest.contains(&format!("up to {REPLID}:{}:2", end(&stream))), "{rest}");
        assert!(run(&["decode", &file]).ok().text().ends_with("\"DEL\" \"k\"\n"));
    }
}

#[test]
fn it_may_last_so_long() {
    let primary = primary(&stream(), playback! { commands_per_second: Some(2) });
    let folder = Folder::new("duration");
    let file = folder.path("short");
    let ran = run(&["record", &primary.address().to_string(), "-o", &file, "--duration", "0.8"]).ok();
    let told = run(&["decode", &file, "--format", "json"]).ok().json();
    // The count ends three commands later, after the transaction.
    assert!(ran.err.contains("recorded"), "{}", ran.err);
    assert!(
        told.iter().filter(|line| line["event"] == "multi").count()
            == told.iter().filter(|line| line["event"] == "exec").count()
    );
}

/// A status line, which is removed at the end.
#[cfg(target_os = "linux")]
#[test]
fn in_a_terminal_it_tells_how_it_goes() {
    let primary = primary(&stream(), Playback::default());
    let folder = Folder::new("terminal");
    let arguments = ["record", &primary.address().to_string(), "-o", &folder.path("x"), "--duration", "1"];
    let (code, screen) = crate::run::run_in_terminal(&arguments);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("4 commands, ") && screen.contains(&format!("offset {}", end(&stream()))), "{screen}");
    assert!(screen.contains("Ctrl-C ends the recording"), "{screen}");
    let last = screen.rsplit('\r').next().unwrap();
    assert!(!last.contains("Ctrl-C"), "{screen}");
    // A recording is not for a terminal.
    let (code, screen) = crate::run::run_in_terminal(&["record", &primary.address().to_string(), "-o", "-"]);
    assert_eq!(code, 2, "{screen}");
    assert!(screen.contains("can't write a recording to a terminal"), "{screen}");
}

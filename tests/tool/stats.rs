//! `--stats`, colors and help, in a terminal and in files.
#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};

use redtail::replay::Playback;

use crate::run::{commands, run, run_on, unstamped};
use crate::tail::{end, primary};

/// Runs a shell line in a terminal of 80 columns. `$TOOL` is the tool. Returns all bytes of the terminal.
fn in_terminal(line: &str, environment: &[(&str, &str)]) -> String {
    let line = format!("stty cols 80 rows 40; {line}");
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    script.env("TOOL", env!("CARGO_BIN_EXE_redtail")).env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let output = script.envs(environment.iter().copied()).output().expect("script, of util-linux, makes a terminal");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The final lines in the terminal, without colors.
fn screen(bytes: &str) -> Vec<String> {
    let (mut lines, mut column) = (vec![Vec::new()], 0);
    let mut rest = bytes.chars();
    while let Some(character) = rest.next() {
        let line = lines.last_mut().unwrap();
        match character {
            '\r' => column = 0,
            '\n' => lines.push(Vec::new()),
            '\x1b' => {
                let code: String = rest.by_ref().take_while_inclusive(|it| !it.is_ascii_alphabetic());
                match code.as_str() {
                    "[2K" => line.clear(),
                    code if code.ends_with('m') => {}
                    other => panic!("what does {other:?} do?"),
                }
            }
            _ => {
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
    }
    lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned()).collect()
}

trait TakeWhileInclusive: Iterator<Item = char> {
    /// Includes the first that does not hold.
    fn take_while_inclusive(&mut self, holds: impl Fn(&char) -> bool) -> String {
        let mut taken = String::new();
        for character in self {
            taken.push(character);
            if !holds(&character) {
                break;
            }
        }
        taken
    }
}

impl<I: Iterator<Item = char>> TakeWhileInclusive for I {}

fn slow() -> Playback {
    playback! { commands_per_second: Some(15) }
}

/// Long enough for some seconds to pass.
fn stream() -> Vec<u8> {
    let mut lines = vec!["SELECT 2".to_owned()];
    lines.extend((0..40).map(|number| format!("SET key:{number} v")));
    commands(&lines.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_line_in_the_terminal_goes_and_a_summary_stays() {
    let stream = stream();
    let primary = primary(&stream, slow());
    let file = std::env::temp_dir().join(format!("redtail-stats-{}", std::process::id()));
    let line = format!("$TOOL tail {} --until {} --stats >{}", primary.address(), end(&stream), file.display());
    let bytes = in_terminal(&line, &[]);
    let written = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    // During the run, once per second:
    let shown: Vec<&str> = bytes.split('\r').filter(|line| line.contains("commands/s, ")).collect();
    assert!(!shown.is_empty(), "{bytes:?}");
    assert!(shown.iter().any(|line| line.contains("B/s, lag ") && line.contains(", at 26e9aa58..:")), "{shown:?}");
    assert!(shown.iter().all(|line| line.trim_start_matches("\x1b[2K").chars().count() <= 80), "{shown:?}");
    // At the end:
    let screen = screen(&bytes);
    assert!(screen.iter().all(|line| !line.contains("commands/s, lag")), "{screen:?}");
    let summary = screen.iter().find(|line| line.starts_with("redtail: 40 commands, ")).unwrap();
    assert!(summary.contains("B in ") && summary.contains("/s, lag "), "{summary}");
    assert!(screen.iter().any(|line| line.starts_with("redtail: attached to 127.0.0.1:")), "{screen:?}");
    assert!(screen[screen.len() - 2].starts_with("redtail: resume with --from "), "{screen:?}");
    // The file contains no statistics.
    assert_eq!(written.lines().count(), 40);
    assert!(!written.contains('\x1b') && !written.contains('\r'));
}

#[test]
fn what_is_printed_beside_the_line_stays_whole() {
    let stream = stream();
    let primary = primary(&stream, slow());
    let (address, until) = (primary.address().to_string(), end(&stream));
    let screen = screen(&in_terminal(&format!("$TOOL tail {address} --until {until} --stats"), &[]));
    let plain = run(&["tail", &address, "--until", &until]).ok();
    let found: Vec<&str> = screen.iter().map(String::as_str).filter(|line| line.contains("\"SET\"")).collect();
    assert_eq!(found, plain.text().lines().collect::<Vec<_>>());
    assert!(screen.iter().all(|line| !line.contains("commands/s")), "{screen:?}");
}

#[test]
fn where_nobody_watches_there_is_the_summary_alone() {
    let stream = stream();
    let primary = primary(&stream, Playback::default());
    let (address, until) = (primary.address().to_string(), end(&stream));
    let ran = run(&["tail", &address, "--until", &until, "--stats", "--key", "key:1*"]).ok();
    let about: Vec<&str> = ran.err.lines().filter(|line| line.contains("/s")).collect();
    assert_eq!(about.len(), 1, "{}", ran.err);
    assert!(
        unstamped(about[0]).starts_with("redtail: 40 commands, 11 of them printed, ") && !about[0].contains("lag"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains('\x1b'), "{}", ran.err);
    // A dumb terminal gets them too.
    let line = format!("$TOOL tail {address} --until {until} --stats");
    let bytes = in_terminal(&line, &[("TERM", "dumb")]);
    assert!(!bytes.contains('\x1b') && bytes.contains("redtail: 40 commands, "), "{bytes}");
    // Without --stats there is no message.
    assert!(!run(&["tail", &address, "--until", &until]).ok().err.contains("/s"));
}

#[test]
fn files_have_a_summary_too() {
    let ran = run_on(&["decode", "--stats", "--format", "json"], &stream()).ok();
    assert!(ran.err.starts_with("redtail: 40 commands, ") && ran.err.lines().count() == 1, "{}", ran.err);
    let ran = run_on(&["decode", "--stats"], &crate::snapshots::small()).ok();
    assert!(ran.err.starts_with("redtail: 5 keys and 0 commands, "), "{}", ran.err);
}

#[test]
fn colours_are_for_terminals() {
    let file = std::env::temp_dir().join(format!("redtail-colours-{}", std::process::id()));
    std::fs::write(&file, commands(&["SELECT 2", "SET k v", "MULTI", "INCR n", "EXEC"])).unwrap();
    let decode = format!("$TOOL decode {} ", file.display());
    let bytes = in_terminal(&decode, &[]);
    assert!(
        bytes.starts_with("\x1b[2m50\x1b[0m \x1b[36m[2]\x1b[0m \x1b[1m\"SET\"\x1b[0m \"k\" \"v\"\r\n"),
        "{bytes:?}"
    );
    let plain = run(&["decode", file.to_str().unwrap()]).ok();
    let lines: Vec<String> = plain.text().lines().map(str::to_owned).collect();
    assert_eq!(screen(&bytes)[..4], lines);
    // A name that arrives in parts is colored too.
    std::fs::write(&file, crate::run::command(&[b"SET", b"k", &[b'x'; 3000]])).unwrap();
    let in_parts = in_terminal(&format!("{decode} --max-arg 1000"), &[]);
    assert!(in_parts.ends_with(" \x1b[1m\"SET\"\x1b[0m \"k\" (omitted 3000 bytes)\r\n"), "{in_parts:?}");
    for (options, environment) in [
        ("", &[("NO_COLOR", "1")][..]),
        ("", &[("TERM", "dumb")]),
        ("", &[("TERM", "dumb"), ("CI", "true")]),
        ("| cat", &[("CLICOLOR_FORCE", "1")]),
        ("--format json", &[]),
        ("--format resp --assume-db 0", &[]),
    ] {
        let bytes = in_terminal(&format!("{decode} {options}"), environment);
        assert!(!bytes.contains('\x1b'), "{options}: {bytes:?}");
    }
    std::fs::remove_file(&file).unwrap();
    // Messages on standard error: bold, and red for a failure.
    let missing = in_terminal("$TOOL decode /nowhere; true", &[]);
    assert!(missing.starts_with("\x1b[1;31mredtail:\x1b[0m can't read"), "{missing:?}");
    assert!(in_terminal("$TOOL decode /nowhere; true", &[("NO_COLOR", "1")]).starts_with("redtail: can't read"));
    assert!(in_terminal("$TOOL decode /dev/null", &[]).starts_with("\x1b[1mredtail:\x1b[0m the input is empty"));
    // An empty NO_COLOR is ignored.
    assert!(in_terminal("$TOOL decode /dev/null", &[("NO_COLOR", "")]).contains('\x1b'));
}

#[test]
fn help_reads_well_in_80_columns() {
    for verb in ["", "tail", "snapshot", "decode", "record", "replay", "doctor"] {
        for option in ["-h", "--help"] {
            let help = screen(&in_terminal(&format!("$TOOL {verb} {option}"), &[]));
            assert!(help.len() > 15, "{verb} {option}: {help:?}");
            let long: Vec<_> = help.iter().filter(|line| line.chars().count() > 80).collect();
            assert!(long.is_empty(), "{verb} {option}: {long:#?}");
        }
    }
}

/// The lag needs INFO over a second connection. Why it is unknown is the server's own message.
#[test]
fn why_the_lag_is_unknown_is_said_once() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let denial = "NOPERM User default has no permissions to run the 'info' command";
    let server = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut link, _) = listener.accept().unwrap();
        crate::tail::answer_with(&mut link, "# Server\r\nredis_version:7.0.15\r\n");
        link.write_all(b"+CONTINUE\r\n").unwrap();
        link.write_all(&commands(&["SELECT 0", "SET k v"])).unwrap();
        let (mut second, _) = listener.accept().unwrap();
        assert!(second.read(&mut [0; 100]).unwrap() > 0);
        second.write_all(format!("-{denial}\r\n").as_bytes()).unwrap();
        // It is not asked again. The end of the stream ends the tool.
        assert_eq!(second.read(&mut [0; 100]).unwrap(), 0);
        link.write_all(&commands(&["SET end v"])).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(10));
        let _ = link.read(&mut [0; 100]);
    });
    let from = format!("{}:1000:0", "b".repeat(40));
    let bytes = in_terminal(&format!("$TOOL tail {address} --from {from} --stats --count 2"), &[]);
    server.join().unwrap();
    let shown = format!("the lag is unknown: {denial}; the server is not asked again");
    assert_eq!(bytes.matches(&shown).count(), 1, "{bytes}");
}

//! Wrong usage ends with exit code 2 and a message with the option, the value and the fix.

use crate::refusing::Refusing;
use crate::run::{redtail, run, run_on};

#[test]
fn wrong_usage_is_exit_code_2_and_teaches() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["tial"], &["tial", "tail"]),
        (&["tail"], &["<TARGET>"]),
        (&["tail", "localhost"], &["localhost:6379"]),
        #[cfg(not(feature = "tls"))]
        (&["tail", "rediss://localhost"], &["TLS"]),
        #[cfg(feature = "tls")]
        (&["tail", "localhost:1", "--cacert", "ca.crt"], &["--cacert is for TLS"]),
        (&["tail", "localhost:1", "--prefer-replica"], &["redis+sentinel://"]),
        (&["tail", "redis+sentinel://localhost"], &["host:port,host:port/name"]),
        (&["tail", "h:1", "--from", "yesterday"], &["--from", "yesterday", "now-without-fork"]),
        (&["tail", "h:1", "--from", "abc:1:0"], &["--from", "abc:1:0", "40 hexadecimal digits"]),
        (&["tail", "h:1", "--on-gap", "ignore"], &["--on-gap", "ignore", "stop, continue, snapshot"]),
        (&["tail", "h:1", "--ack", "applied"], &["--ack", "checkpoint", "observe"]),
        (&["tail", "h:1", "--reconnect", "often"], &["--reconnect", "often", "forever, never"]),
        (&["tail", "h:1", "--heartbeat", "-1"], &["--heartbeat"]),
        (&["tail", "h:1", "--heartbeat", "soon"], &["--heartbeat", "soon", "0.5"]),
        (&["tail", "h:1", "--count", "0"], &["--count", "0"]),
        (&["tail", "h:1", "--until", "end"], &["--until", "end"]),
        (&["tail", "h:1", "--user", "cdc"], &["cdc", "--password-file", "REDTAIL_PASSWORD", "nopass user"]),
        (&["tail", "redis://a:b@h", "--user", "cdc"], &["--user", "URL"]),
        (&["tail", "redis://a:b@h", "--password-file", "x"], &["--password-file", "URL"]),
        (&["tail", "redis://a:b@h", "--ask-password"], &["--ask-password", "remove it from the URL"]),
        (&["tail", "h:1", "--ask-password", "--password-file", "x"], &["--ask-password", "--password-file"]),
        (&["tail", "h:1", "--raw", "--format", "json"], &["--raw is for --format text"]),
        (&["decode", "-", "--no-raw", "--format", "resp"], &["--no-raw is for --format text"]),
        (&["tail", "h:1", "--format", "yaml"], &["--format", "yaml", "text, json, resp"]),
        (&["tail", "h:1", "--format", "resp", "--all"], &["--all", "resp"]),
        (&["snapshot", "h:1", "--format", "resp"], &["--empty-target", "all keys and functions of the target"]),
        (&["tail", "h:1", "--format", "resp", "--max-arg", "9"], &["--max-arg", "resp"]),
        (&["tail", "h:1", "--assume-db", "0"], &["--assume-db", "--format resp"]),
        (&["tail", "h:1", "--positions"], &["--positions", "--format resp"]),
        (&["tail", "h:1", "--until-caught-up", "--until", "9"], &["--until-caught-up", "--until"]),
        (&["tail", "h:1", "--target-is-empty"], &["--target-is-empty", "--format resp"]),
        (&["tail", "h:1", "--format", "resp", "--from", "snapshot"], &["--empty-target", "--target-is-empty"]),
        (&["load"], &["<TARGET>"]),
        (&["load", "localhost"], &["localhost:6379", "redtail load"]),
        (&["load", "redis+sentinel://h/m", "--prefer-replica"], &["a replica takes no writes"]),
        (&["load", "h:1", "--on-error", "skip"], &["--on-error", "stop, continue"]),
        (&["load", "h:1", "file", "--print-position"], &["--print-position"]),
        (&["compare", "h:1"], &["<TARGET>"]),
        (&["compare", "localhost", "h:1"], &["the source: ", "localhost:6379", "redtail compare"]),
        (&["doctor"], &["<TARGET>"]),
        (&["doctor", "localhost"], &["localhost:6379", "redtail doctor"]),
        (&["doctor", "h:1", "--sample", "0"], &["--sample", "0.5"]),
        (&["doctor", "h:1", "--sentinel-user", "x"], &["--sentinel-user", "redis+sentinel://"]),
        (&["snapshot"], &["<TARGET>"]),
        (&["snapshot", "localhost"], &["localhost:6379", "redtail snapshot"]),
        (&["snapshot", "h:1", "--elements"], &["--elements", "--format json"]),
        (&["snapshot", "h:1", "--format", "resp", "--all"], &["--all", "resp"]),
        (&["snapshot", "h:1", "-o", "x", "--format", "json"], &["-o", "--format", "remove one"]),
        (&["snapshot", "h:1", "-o", "x", "--format", "text"], &["-o", "--format", "remove one"]),
        (&["snapshot", "h:1", "-o", "x", "--count", "1"], &["-o", "--count", "remove one"]),
        (&["snapshot", "h:1", "-o", "x", "--all"], &["-o", "--all", "remove one"]),
        (&["snapshot", "h:1", "-o", "x", "--elements"], &["-o", "--elements", "remove one"]),
        (&["snapshot", "h:1", "-o", "x", "--max-arg", "1"], &["-o", "--max-arg", "remove one"]),
        (&["snapshot", "h:1", "-o", "-", "--force"], &["--force", "standard output"]),
        (&["snapshot", "h:1", "--force"], &["--force", "--output"]),
        (&["tail", "h:1", "--snapshot-to", "x"], &["--snapshot-to", "--from snapshot"]),
        (&["tail", "h:1", "--from", "now", "--snapshot-to", "x"], &["--snapshot-to", "--from snapshot"]),
        (&["tail", "h:1", "--from", "snapshot", "--snapshot-to", "-"], &["--snapshot-to FILE", "snapshot TARGET -o -"]),
        (&["tail", "h:1", "--from", "snapshot", "--force"], &["--force", "--snapshot-to"]),
        (
            &["tail", "h:1", "--from", "snapshot", "--snapshot-to", "x", "--format", "json", "--elements"],
            &["--elements", "--snapshot-to"],
        ),
        (&["snapshot", "h:1", "-o", "x", "--key", "a"], &["-o", "--key"]),
        (&["decode", "--frames", "--offset", "3"], &["--frames", "--offset"]),
        (&["decode", "--frames", "--format", "resp"], &["--frames", "json"]),
        (&["decode", "--elements"], &["--elements", "--format json"]),
        (&["decode", "--elements", "--format", "resp"], &["--elements", "--format json"]),
        (&["tail", "h:1", "--keys"], &["--keys", "--format json"]),
        (&["tail", "h:1", "--db", "x"], &["--db", "x"]),
        (&["tail", "h:1", "--command", ""], &["--command", "XGROUP CREATE"]),
        (&["decode", "--command", "a b c"], &["--command", "XGROUP CREATE"]),
        (&["decode", "--frames", "--key", "x"], &["--frames", "--key"]),
        (&["decode", "--frames", "--keys"], &["--frames", "--keys"]),
        (&["decode", "--frames", "--skip-damaged"], &["--frames", "--skip-damaged"]),
        (&["record", "h:1"], &["--output"]),
        (&["record", "localhost", "-o", "x"], &["localhost:6379", "redtail record"]),
        (&["record", "h:1", "-o", "x", "--append", "--force"], &["--append", "--force"]),
        (&["record", "h:1", "-o", "-", "--append"], &["--append", "-o"]),
        (&["record", "h:1", "-o", "x", "--duration", "0"], &["--duration", "0.5"]),
        #[cfg(unix)]
        (&["record", "h:1", "-o", "/dev/null", "--append"], &["--append", "device"]),
        (&["tail", "h:1", "--from", "snapshot", "--allow-probe"], &["--allow-probe", "--from now"]),
        (&["tail", "h:1", "--format", "json", "--elements"], &["--elements", "--from snapshot"]),
        (&["decode", "x", "--commands-only", "--skip-damaged"], &["--skip-damaged", "--commands-only"]),
        (&["decode", "tests/data/sync.bin", "--max-corrupt-tail", "9"], &["--max-corrupt-tail", "recording"]),
        (&["decode", "tests/data/keepalive.bin", "--offset", "9"], &["--offset", "contains its offsets"]),
        #[cfg(feature = "tls")]
        (&["tail", "localhost:1", "--verify", "full"], &["--verify is for TLS"]),
        (&["replay"], &["<FILE>"]),
        (&["replay", "x", "--speed", "fast"], &["--speed", "fast", "1x"]),
        (&["replay", "x", "--speed", "0"], &["--speed", "max"]),
        (&["replay", "x", "--speed", "-1x"], &["-1"]),
        (&["replay", "x", "--ping", "often"], &["--ping", "often"]),
    ];
    for (arguments, words) in cases {
        let ran = run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.out.is_empty(), "{arguments:?}");
        for word in *words {
            assert!(ran.err.contains(word), "{arguments:?} should say {word:?}: {}", ran.err);
        }
    }
}

#[test]
fn passwords_are_not_repeated() {
    for target in ["redis://u:hunter2@h:99999", "redis://u:hunter2@h/3", "rediss://u:hunter2@h/3", "u:hunter2@h:6379"] {
        let ran = run(&["tail", target]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn help_has_examples() {
    for (arguments, words) in [
        (&["--help"][..], &["redtail tail localhost:6379", "redtail decode", "a demonstration"][..]),
        (
            &["tail", "--help"],
            &["--from", "redtail load new:6379", "Everyone on this machine can see", "4 history lost", "--db <N>"],
        ),
        (
            &["decode", "--help"],
            &[
                "--offset",
                "append-only file",
                "dump.rdb",
                "key_end",
                "--skip-damaged",
                "Examples:",
                "--key <GLOB>",
                "XGROUP CREATE",
            ],
        ),
        (&["record", "--help"], &["--append", "--from", "redtail replay", "cut off", "4 history lost"]),
        (&["replay", "--help"], &["--listen", "10x", "--once", "partial", "Exit codes"]),
        (
            &["snapshot", "--help"],
            &["redtail load new:6379", "--elements", "without a gap", "Exit codes", "-o dump.rdb", "--force"],
        ),
        (&["load", "--help"], &["--print-position", "--on-error", "redtail:position", "Exit codes"]),
        (&["doctor", "--help"], &["--json", "no replication begins", "ACL LOG", "3 with warnings"]),
        (&["tail", "--help"], &["--snapshot-to dump.rdb", "--force"]),
        (&["help", "tail"], &["Examples:"]),
    ] {
        let ran = run(arguments).ok();
        for word in words {
            assert!(ran.text().contains(word), "{arguments:?} should say {word:?}: {}", ran.text());
        }
    }
    for verb in ["tail", "snapshot", "record", "doctor", "load"] {
        let ran = run(&[verb, "--help"]).ok();
        let own = if verb == "doctor" { "--json" } else { "--from" };
        let own = if verb == "load" { "--on-error" } else { own };
        let own = if verb == "snapshot" { "--output" } else { own };
        let at = |word: &str| ran.text().find(word).unwrap_or_else(|| panic!("{verb}: {word}"));
        assert!(at(own) < at("Sentinel:"), "{verb}: its own options come first");
    }
    let version = run(&["--version"]).ok();
    assert!(version.text().starts_with("redtail ") && version.text().contains("\nfeatures: compression"));
    assert_eq!(version.text().contains(", tls"), cfg!(feature = "tls"));
    assert_eq!(run(&["-V"]).ok().text().lines().next(), version.text().lines().next());
}

#[test]
fn unreadable_files_are_exit_code_1_with_one_line() {
    for arguments in
        [&["decode", "/nowhere/at/all"][..], &["tail", "h:1", "--password-file", "/nowhere/at/all"], &["decode", "/"]]
    {
        let ran = run(arguments);
        assert_eq!(ran.code, 1, "{arguments:?}: {}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    assert!(run(&["decode", "/nowhere/at/all"]).err.contains("/nowhere/at/all"));
}

#[test]
fn a_server_that_is_not_there_is_one_line_and_no_retry() {
    let refusing = Refusing::new();
    let address = refusing.address.to_string();
    let ran = run(&["tail", &address]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains(&address), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    let ran = run(&["tail", "redtail.invalid:6379"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
}

#[test]
fn a_closed_pipe_is_a_quiet_end() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;
    let mut child =
        redtail(&["decode"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || {
        let one = crate::run::commands(&["SET key value"]).repeat(1000);
        while stdin.write_all(&one).is_ok() {}
    });
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "33 [?] \"SET\" \"key\" \"value\"\n");
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn an_empty_file_has_no_commands() {
    let ran = run_on(&["decode"], b"").ok();
    assert!(ran.out.is_empty());
    assert!(ran.err.contains("empty"), "{}", ran.err);
}

#[cfg(target_os = "linux")]
#[test]
fn help_fits_into_80_columns() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["help", "tail"],
        &["tail", "-h"],
        &["help", "snapshot"],
        &["snapshot", "-h"],
        &["help", "decode"],
        &["help", "doctor"],
        &["doctor", "-h"],
    ] {
        let (code, screen) = crate::run::run_in_terminal(arguments);
        assert_eq!(code, 0, "{screen}");
        for line in screen.lines() {
            // Bold and underlined headings.
            let shown: String = line
                .split('\x1b')
                .enumerate()
                .map(|(index, part)| match index {
                    0 => part,
                    _ => part.split_once('m').map_or("", |(_, text)| text),
                })
                .collect();
            assert!(shown.chars().count() <= 80, "{arguments:?}: {shown:?}");
        }
    }
}

/// Without a terminal nobody can type it. The target of a test that has one would wait.
#[cfg(target_os = "linux")]
#[test]
fn a_password_is_asked_for_on_a_terminal_only() {
    let mut command = std::process::Command::new("setsid");
    command.args(["-w", env!("CARGO_BIN_EXE_redtail"), "tail", "cdc@localhost", "--ask-password"]);
    let output = command.stdin(std::process::Stdio::null()).output().expect("setsid, of util-linux");
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    let words =
        ["needs a terminal to ask for the password of cdc at localhost:6379", "--password-file", "REDTAIL_PASSWORD"];
    assert!(words.iter().all(|word| message.contains(word)), "{message}");
}

/// The least limit of memory with which the program runs at all depends on the build.
#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_memory_is_a_message() {
    let limited = |kib: usize, arguments: &str| {
        let line = format!("ulimit -v {kib}; exec '{}' {arguments}", env!("CARGO_BIN_EXE_redtail"));
        let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let least = (8..200).map(|mib| mib << 10).find(|&kib| limited(kib, "--version").0 == Some(0)).unwrap();
    let recording = "tests/data/pings-getack.bin";
    for arguments in [
        "tail 127.0.0.1:1",
        "tail 127.0.0.1:1 --cluster",
        "tail 127.0.0.1:1 --metrics 127.0.0.1:0 --stats",
        "snapshot 127.0.0.1:1",
        "record 127.0.0.1:1 -o /nowhere/at/all",
        "load 127.0.0.1:1 /dev/null",
        "doctor 127.0.0.1:1",
        "doctor redis+sentinel://127.0.0.1:1,127.0.0.1:2,127.0.0.1:3/m",
        "decode tests/data/redis-7.0.15.rdb",
        "replay /nowhere/at/all",
        &format!("decode {recording}"),
    ] {
        let (code, message) = limited(least + 2048, arguments);
        assert_eq!(code, Some(1), "{arguments}: {message}");
        assert!(message.contains("the limit of memory (ulimit -v) is too low"), "{arguments}: {message}");
        for more in [16 << 10, 28 << 10, 32 << 10, 36 << 10, 48 << 10] {
            let (code, message) = limited(least + more, arguments);
            let is_clean = !["panicked", "memory allocation"].iter().any(|word| message.contains(word));
            assert!(is_clean && matches!(code, Some(0 | 1)), "{arguments}, {more}: {code:?} {message}");
        }
    }
}

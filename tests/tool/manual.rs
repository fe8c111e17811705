//! Completions and manual pages, generated and installed.

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::folder::Folder;
use crate::run::{run, run_on};

/// As `redtail --help` lists them.
fn verbs() -> Vec<String> {
    let help = run(&["--help"]).ok();
    let listed =
        help.text().lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A name is at the margin, its description is indented.
    let names = listed.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let verbs: Vec<String> =
        names.map(|line| line.split(' ').next().unwrap().to_owned()).filter(|it| it != "help").collect();
    assert!(verbs.len() >= 5 && verbs.iter().any(|verb| verb == "decode"), "{verbs:?}");
    verbs
}

/// The output of a program, if it is installed.
fn printed(program: &str, arguments: &[&str], input: &str) -> Option<String> {
    let mut command = Command::new(program);
    let child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: there is no {program}");
        return None;
    };
    let written = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    // An emulator starts a process that can't execute the program, as a shell does.
    if output.status.code() == Some(127) {
        eprintln!("skipped: there is no {program}");
        return None;
    }
    written.unwrap();
    assert!(output.status.success() && err.is_empty(), "{program} {arguments:?}: {err}");
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn shells_complete_every_verb() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completions", shell]).ok();
        assert_eq!(script.err, "");
        for verb in verbs() {
            assert!(script.text().contains(&verb), "{shell}: {verb}");
        }
        for option in ["commands-only", "password-file", "snapshot-to"] {
            assert!(script.text().contains(option), "{shell}: {option}");
        }
    }
    let ran = run(&["completions", "csh"]);
    assert!(ran.code == 2 && ran.err.contains("bash"), "{}", ran.err);
}

#[test]
fn bash_completes_as_one_types() {
    let script = run(&["completions", "bash"]).ok();
    for (words, expected) in [
        ("redtail de", "decode"),
        ("redtail decode --comm", "--commands-only --command"),
        ("redtail decode --format js", "json"),
        ("redtail completions z", "zsh"),
        ("redtail tail --from now-", "now-without-fork"),
        ("redtail record --reconnect f", "forever"),
        ("redtail snapshot --target-version valkey-9", "valkey-9.0 valkey-9.1"),
    ] {
        let last = words.rsplit(' ').next().unwrap();
        let before = words.rsplit(' ').nth(1).unwrap();
        let typed = format!(
            "{}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n_redtail redtail '{last}' '{before}'\necho \"${{COMPREPLY[@]}}\"\n",
            script.text()
        );
        // bash says on standard error that it can't use the terminal, which `complete -o nosort` does not mind.
        let Some(completed) = printed("bash", &["--norc", "--noprofile"], &typed) else { return };
        assert_eq!(completed.trim(), expected, "{words}");
    }
}

#[test]
fn zsh_and_fish_read_theirs() {
    for (shell, arguments) in [("zsh", ["-n", "/dev/stdin"]), ("fish", ["--no-execute", "/dev/stdin"])] {
        printed(shell, &arguments, run(&["completions", shell]).ok().text());
    }
}

#[test]
fn there_is_a_page_for_every_verb() {
    let folder = Folder::new("pages");
    let ran = run(&["man", folder.0.to_str().unwrap()]).ok();
    assert_eq!((ran.text(), ran.err.as_str()), ("", ""));
    let pages: Vec<String> =
        verbs().iter().map(|verb| format!("redtail-{verb}.1")).chain(["redtail.1".into()]).collect();
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), pages.len());
    for page in pages {
        let text = fs::read_to_string(folder.0.join(&page)).unwrap();
        let verb = page.strip_prefix("redtail-").and_then(|page| page.strip_suffix(".1"));
        let arguments: Vec<&str> = verb.into_iter().chain(["--help"]).collect();
        let Some(shown) = printed("groff", &["-man", "-ww", "-Tascii", "-P-cbou"], &text) else { continue };
        for section in ["SYNOPSIS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES", "SEE ALSO"] {
            assert!(shown.lines().any(|line| line == section), "{page} has no {section}: {shown}");
        }
        let has_files = shown.lines().any(|line| line == "FILES");
        assert_eq!(has_files, shown.contains("--password-file") || shown.contains("--snapshot-to"), "{page}");
        // The end of the help text is the same, line for line, but for the exit codes.
        let lines: Vec<&str> = shown.lines().map(str::trim).collect();
        let help = run(&arguments).ok();
        let end = help.text().split_once("Examples:\n").expect("examples").1.split("\n\n");
        let help: Vec<&str> = end.filter(|part| !part.starts_with("Exit codes")).flat_map(str::lines).collect();
        for line in help.iter().map(|line| line.trim()) {
            assert!(lines.contains(&line), "{page}: {line:?} is not in {lines:#?}");
        }
        // A list has a line for each of its items.
        let start = lines.iter().find(|line| line.contains("now-without-fork:"));
        assert!(
            start.is_none_or(|line| line.split_whitespace().take(3).eq(["o", "now-without-fork:", "Start"])),
            "{page}: {start:?}"
        );
        for option in run(&arguments).ok().text().lines().filter_map(|line| line.trim().strip_prefix("--")) {
            let name = option.split([' ', '.', ',']).next().unwrap();
            assert!(shown.contains(&format!("--{name}")), "{page}: --{name}");
        }
    }
    assert_eq!(run(&["man"]).ok().out, fs::read(folder.0.join("redtail.1")).unwrap());
    let ran = run(&["man", "/nowhere/at/all"]);
    assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{}", ran.err);
    assert!(ran.err.contains("/nowhere/at/all"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn make_installs_and_removes_all_of_it() {
    if Command::new("make").arg("--version").output().is_err() {
        eprintln!("skipped: there is no make");
        return;
    }
    let folder = Folder::new("install");
    // The program is built already: this cargo only says where it is.
    let cargo = folder.0.join("cargo");
    let message = format!(r#"{{"reason":"compiler-artifact","filenames":["{}"]}}"#, env!("CARGO_BIN_EXE_redtail"));
    fs::write(&cargo, format!("#!/bin/sh\necho '{message}'\n")).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    let stage = folder.0.join("stage");
    let make = |target: &str| {
        let mut command = Command::new("make");
        command.args([target, "PREFIX=/usr", "TARGET="]).arg(format!("CARGO={}", cargo.display()));
        command.arg(format!("BUILD={}", folder.0.join("build").display()));
        command.arg(format!("DESTDIR={}", stage.display())).current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    make("install-tool");
    let there = |file: &str| fs::read(stage.join("usr").join(file)).unwrap();
    assert!(!there("bin/redtail").is_empty());
    for (file, shell) in [
        ("share/bash-completion/completions/redtail", "bash"),
        ("share/zsh/site-functions/_redtail", "zsh"),
        ("share/fish/vendor_completions.d/redtail.fish", "fish"),
    ] {
        assert!(there(file) == run(&["completions", shell]).ok().out, "{file}");
    }
    assert!(there("share/man/man1/redtail-decode.1").starts_with(b".ie"));
    let installed = Command::new(stage.join("usr/bin/redtail")).arg("--version").output().unwrap();
    assert_eq!(installed.stdout, run_on(&["--version"], b"").ok().out);
    make("uninstall-tool");
    let left: Vec<PathBuf> = fs::read_dir(stage.join("usr")).unwrap().flatten().map(|entry| entry.path()).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
}

/// systemd accepts the units, if it is installed.
#[cfg(unix)]
#[test]
fn systemd_understands_the_units() {
    let folder = Folder::new("units");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/deploy");
    let units: Vec<PathBuf> = fs::read_dir(examples).unwrap().flatten().map(|entry| entry.path()).collect();
    let units = units.iter().filter(|path| path.extension().is_some_and(|extension| extension == "service"));
    let mut checked = 0;
    for unit in units {
        // A template is checked as an instance of it.
        let copy = folder.0.join(unit.file_name().unwrap().to_str().unwrap().replace('@', "@orders"));
        fs::copy(unit, &copy).unwrap();
        let said = printed("systemd-analyze", &["verify", "--man=no", copy.to_str().unwrap()], "");
        assert!(said.is_none_or(|said| said.is_empty()));
        checked += 1;
    }
    assert_eq!(checked, 1);
}

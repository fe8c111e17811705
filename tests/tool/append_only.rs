//! Append-only files and directories: complete, torn, damaged, and followed as they grow.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::corpus::{bytes, corpus};
use crate::folder::Folder;
use crate::run::{Ran, command, commands, redtail, run, run_on};
use crate::snapshots::small;

impl Folder {
    fn name(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn manifest(&self, text: &str) {
        self.write("temp", text);
        fs::rename(self.path("temp"), self.path("a.manifest")).unwrap();
    }
}

const MANIFEST: &str =
    "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n";

/// A base with seven keys, and two increments.
fn directory(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("a.1.base.rdb", small());
    folder.write("a.1.incr.aof", [b"#TS:1700000000\r\n".to_vec(), commands(&["SELECT 3", "SET k v"])].concat());
    folder.write("a.2.incr.aof", commands(&["SELECT 0", "MULTI", "INCR n", "EXEC"]));
    folder.manifest(MANIFEST);
    folder
}

#[test]
fn a_directory_says_which_file_and_what_time() {
    let folder = directory("formats");
    let ran = run(&["decode", "--commands-only", folder.name()]).ok();
    let text = "# file \"a.1.incr.aof\"\n# time 1700000000 2023-11-14T22:13:20Z\n66 [3] \"SET\" \"k\" \"v\"\n\
        # file \"a.2.incr.aof\"\n38 [0] \"MULTI\"\n59 [0] \"INCR\" \"n\"\n73 [0] \"EXEC\"\n";
    assert_eq!((ran.text(), ran.err.as_str()), (text, ""));
    let ran = run(&["decode", "--format", "json", "--commands-only", &folder.path("a.manifest")]).ok();
    let file = |name: &str, kind: &str, seq: u64| json!({"event": "file", "file": name, "type": kind, "seq": seq});
    assert_eq!(
        ran.json(),
        [
            file("a.1.incr.aof", "increment", 1),
            json!({"event": "command", "id": null, "offset": 66, "db": 3, "tx": false, "file": "a.1.incr.aof", "time": 1_700_000_000, "args": ["SET", "k", "v"]}),
            file("a.2.incr.aof", "increment", 2),
            json!({"event": "multi", "offset": 38, "db": 0, "file": "a.2.incr.aof"}),
            json!({"event": "command", "id": null, "offset": 59, "db": 0, "tx": true, "tx_id": 38, "file": "a.2.incr.aof", "args": ["INCR", "n"]}),
            json!({"event": "exec", "offset": 73, "db": 0, "file": "a.2.incr.aof"}),
        ]
    );
    // Without the option its keys are printed like those of a snapshot.
    let whole = run(&["decode", "--format", "json", folder.name()]).ok();
    let keys = run_on(&["decode", "--format", "json"], &small()).ok();
    assert_eq!(whole.json()[1..=7], keys.json());
    assert_eq!(whole.json()[0], file("a.1.base.rdb", "base", 1));
    assert_eq!(whole.json()[8..], ran.json());
    // The base is not even opened.
    for base in [&b"REDIS0099 of another layout"[..], b""] {
        folder.write("a.1.base.rdb", base);
        let again = run(&["decode", "--format", "json", "--commands-only", folder.name()]).ok();
        assert_eq!((again.out, again.err.as_str()), (ran.out.clone(), ""));
    }
    fs::remove_file(folder.path("a.1.base.rdb")).unwrap();
    let again = run(&["decode", "--format", "json", "--commands-only", folder.name()]).ok();
    assert_eq!((again.out, again.err.as_str()), (ran.out.clone(), ""));
    folder.write("a.1.base.rdb", small());
    let resp = run(&["decode", "--format", "resp", "--empty-target", folder.name()]).ok();
    let keys = run_on(&["decode", "--format", "resp", "--empty-target"], &small()).ok();
    assert_eq!(
        resp.out,
        [keys.out, commands(&["SELECT 3", "SET k v", "SELECT 0", "MULTI", "INCR n", "EXEC"])].concat()
    );
    // Times beyond any calendar.
    for seconds in ["253402300800", "18446744073709551615"] {
        let input = [format!("#TS:{seconds}\r\n").into_bytes(), commands(&["SET k v"])].concat();
        assert!(run_on(&["decode"], &input).ok().text().starts_with(&format!("# time {seconds}\n")));
    }
}

#[test]
fn large_commands_say_where_they_stand_too() {
    let folder = directory("large");
    folder.append("a.1.incr.aof", command(&[b"SET", b"k", &[b'x'; 5000]]));
    let ran = run(&["decode", "--format", "json", "--max-arg", "2000", "--commands-only", folder.name()]).ok();
    let large = &ran.json()[2];
    assert_eq!(large["args"], json!(["SET", "k", {"omitted": 5000}]));
    assert_eq!((&large["file"], &large["time"]), (&json!("a.1.incr.aof"), &json!(1_700_000_000)));
}

#[test]
fn options_that_count_bytes_are_for_one_file() {
    let folder = directory("usage");
    for (option, word) in [("--offset", "of each file"), ("--until", "of each file")] {
        let ran = run(&["decode", folder.name(), option, "7"]);
        assert!(ran.code == 2 && ran.err.contains(word), "{}", ran.err);
    }
    for (arguments, word) in [
        (&["decode", "--follow"][..], "standard input"),
        (&["decode", "--follow", "-"], "standard input"),
        (&["decode", "--snapshot-to", "-"], "standard output"),
        (&["decode", "--force"], "--snapshot-to"),
        (&["decode", "--frames", "--follow", "x"], "--frames"),
    ] {
        let ran = run(arguments);
        assert!(ran.code == 2 && ran.err.contains(word), "{arguments:?}: {}", ran.err);
    }
    let ran = run(&["decode", &folder.path("a.1.incr.aof"), "--follow", "--offset", "3"]);
    assert!(ran.code == 2 && ran.err.contains("--follow"), "{}", ran.err);
}

#[test]
fn a_tail_that_a_crash_has_torn_is_said_and_is_no_failure() {
    let folder = directory("torn");
    let whole = run(&["decode", folder.name()]).ok();
    folder.append("a.2.incr.aof", b"*3\r\n$3\r\nSET\r\n$1\r\nk");
    let ran = run(&["decode", folder.name()]).ok();
    assert_eq!(ran.text(), whole.text());
    let path = folder.path("a.2.incr.aof");
    let words = format!("redtail: {path}: the command that begins at byte 73 is cut off at byte 91; servers ignore it");
    assert!(ran.err.starts_with(&words) && ran.err.lines().count() == 1, "{}", ran.err);
    // An unfinished transaction: the output discards it.
    folder.write("a.2.incr.aof", commands(&["SELECT 0", "SET k v", "MULTI", "INCR n"]));
    let ran = run(&["decode", "--format", "resp", "--commands-only", folder.name()]).ok();
    let open = ["SELECT 3", "SET k v", "SELECT 0", "SET k v", "MULTI", "INCR n", "DISCARD"];
    assert_eq!(ran.out, commands(&open));
    assert!(ran.err.contains("MULTI at byte 50 has no EXEC before the end at byte 86"), "{}", ran.err);
    // Not in the last file.
    folder.append("a.1.incr.aof", b"*3\r\n$3");
    let ran = run(&["decode", "--commands-only", folder.name()]);
    assert_eq!((ran.code, ran.err.lines().count(), ran.text().lines().count()), (1, 1, 3));
    assert!(ran.err.contains(&folder.path("a.1.incr.aof")) && ran.err.contains("not the last file"), "{}", ran.err);
    // Zeros after a loss of power.
    folder.write("a.2.incr.aof", [commands(&["SELECT 0", "SET k v"]), vec![0; 100]].concat());
    folder.write("a.1.incr.aof", commands(&["SELECT 3", "SET k v"]));
    let arguments = ["decode", "--commands-only", folder.name(), "--max-corrupt-tail"];
    let ran = run(&arguments[..3]);
    let message = "at byte 50 of";
    assert!(ran.code == 1 && ran.err.contains(message) && ran.err.contains(arguments[3]), "{}", ran.err);
    let ran = run(&[&arguments[..], &["100"]].concat()).ok();
    assert!(ran.err.contains("the last 100 bytes, from byte 50 on, are corrupt; everything before"), "{}", ran.err);
    assert_eq!(run(&[&arguments[..], &["99"]].concat()).code, 1);
    // And not in the base.
    folder.write("a.1.base.rdb", &small()[..40]);
    let ran = run(&["decode", folder.name()]);
    assert!(
        ran.code == 1 && ran.err.contains("cut short") && ran.err.contains(&folder.path("a.1.base.rdb")),
        "{}",
        ran.err
    );
}

#[test]
fn what_is_no_append_only_file_is_one_line() {
    let folder = Folder::new("bad");
    let one_line = |ran: Ran, words: &[&str]| {
        assert_eq!((ran.code, ran.err.lines().count()), (1, 1), "{}", ran.err);
        words.iter().for_each(|word| assert!(ran.err.contains(word), "{word}: {}", ran.err));
    };
    one_line(run(&["decode", folder.name()]), &[folder.name(), "no manifest"]);
    one_line(run(&["decode", "--follow", &folder.path("none")]), &["none"]);
    folder.manifest("");
    one_line(run(&["decode", folder.name()]), &[&folder.path("a.manifest"), "line 1", "empty"]);
    folder.manifest("file ../b seq 1 type b\n");
    one_line(run(&["decode", folder.name()]), &["line 1", "path"]);
    folder.manifest(MANIFEST);
    one_line(run(&["decode", folder.name()]), &[&folder.path("a.1.base.rdb"), "missing"]);
    folder.write("foreign", "hello");
    one_line(run(&["decode", "--follow", &folder.path("foreign")]), &["found 'h'", "foreign"]);
    let pipe = folder.path("pipe");
    if std::process::Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()) {
        one_line(run(&["decode", "--follow", &pipe]), &["no regular file", "--follow"]);
        folder.manifest("file pipe seq 1 type i\n");
        one_line(run(&["decode", folder.name()]), &["no regular file", "pipe"]);
    }
    // A file without read permission, which root ignores.
    folder.write("a.1.incr.aof", "");
    folder.manifest("file a.1.incr.aof seq 1 type i\n");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder.path("a.1.incr.aof"), fs::Permissions::from_mode(0o000)).unwrap();
        if fs::File::open(folder.path("a.1.incr.aof")).is_err() {
            one_line(run(&["decode", folder.name()]), &["a.1.incr.aof", "ermission"]);
        }
    }
}

#[test]
fn the_snapshot_goes_into_a_file_of_its_own() {
    let folder = directory("save");
    let expected = run(&["decode", "--commands-only", folder.name()]).ok();
    let to = folder.path("dump.rdb");
    let ran = run(&["decode", folder.name(), "--snapshot-to", &to]).ok();
    let expected = format!("# file \"a.1.base.rdb\"\n{}", expected.text());
    assert_eq!((ran.text(), fs::read(&to).unwrap()), (expected.as_str(), small()));
    assert!(ran.err.contains(&format!("wrote {to}: {} bytes", small().len())), "{}", ran.err);
    // An existing file is replaced with --force only.
    let ran = run(&["decode", folder.name(), "--snapshot-to", &to]);
    assert!(ran.code == 1 && ran.text().is_empty() && ran.err.contains("--force"), "{}", ran.err);
    fs::write(&to, "old").unwrap();
    let ran = run(&["decode", folder.name(), "--snapshot-to", &to, "--force"]).ok();
    assert_eq!((ran.text(), fs::read(&to).unwrap()), (expected.as_str(), small()));
    // From a pipe, and from a recording.
    let single = [small(), commands(&["SELECT 1", "SET k v"])].concat();
    let recorded =
        [format!("+FULLRESYNC {} 7\r\n${}\r\n", crate::run::REPLID, small().len()).into_bytes(), single.clone()]
            .concat();
    for input in [single, recorded] {
        fs::remove_file(&to).unwrap();
        let ran = run_on(&["decode", "--snapshot-to", &to], &input).ok();
        assert_eq!((ran.text().lines().count(), fs::read(&to).unwrap()), (1, small()), "{}", ran.text());
    }
    let names = folder.names();

    // Without a complete snapshot no file is left.
    let other = folder.path("other.rdb");
    let none = |ran: Ran, word: &str| {
        assert_eq!((ran.code, ran.text()), (1, ""), "{}", ran.err);
        assert!(ran.err.contains(word), "{word}: {}", ran.err);
        assert_eq!(folder.names(), names);
    };
    none(run_on(&["decode", "--snapshot-to", &other], &commands(&["SET k v"])), "does not begin with a snapshot");
    none(run_on(&["decode", "--snapshot-to", &other], &small()[..50]), "cut short");
    let mut broken = small();
    let end = broken.len();
    broken[end - 8..].copy_from_slice(b"12345678");
    none(run_on(&["decode", "--snapshot-to", &other], &broken), "checksum");
    none(run(&["decode", folder.name(), "--snapshot-to", folder.name()]), "regular file");
    none(run(&["decode", folder.name(), "--snapshot-to", "/nowhere/at/all"]), "/nowhere/at/all");
}

// ---- following ------------------------------------------------------------------------------------------------------

/// The tool with --follow; killed when dropped.
struct Follow(Child, BufReader<std::process::ChildStdout>);

impl Follow {
    fn start(arguments: &[&str]) -> Self {
        let mut command = redtail(&[&["decode", "--follow"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self(child, out)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits for its end, and returns the result.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut rest, mut err) = (String::new(), String::new());
        std::io::Read::read_to_string(&mut self.1, &mut rest).unwrap();
        std::io::Read::read_to_string(&mut self.0.stderr.take().unwrap(), &mut err).unwrap();
        (self.0.wait().unwrap().code(), rest, err)
    }

    fn interrupt(self) -> (Option<i32>, String, String) {
        let killed = std::process::Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        assert!(killed.unwrap().success());
        self.end()
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn it_goes_on_as_a_directory_grows_and_is_rewritten() {
    let folder = directory("follow");
    let mut tool = Follow::start(&["--commands-only", folder.name()]);
    while tool.line() != "73 [0] \"EXEC\"" {}
    // Half a command is not printed yet.
    let bytes = commands(&["SET a 1"]);
    folder.append("a.2.incr.aof", &bytes[..20]);
    std::thread::sleep(std::time::Duration::from_millis(120));
    folder.append("a.2.incr.aof", &bytes[20..]);
    assert_eq!(tool.line(), "100 [0] \"SET\" \"a\" \"1\"");
    folder.append("a.2.incr.aof", commands(&["SET b 1"]));
    folder.write("a.3.incr.aof", commands(&["SELECT 5", "SET c 1"]));
    folder.manifest(&format!("{MANIFEST}file a.3.incr.aof seq 3 type i\n"));
    assert_eq!(tool.line(), "127 [0] \"SET\" \"b\" \"1\"");
    assert_eq!(tool.line(), "# file \"a.3.incr.aof\"");
    assert_eq!(tool.line(), "50 [5] \"SET\" \"c\" \"1\"");
    folder.write("a.2.base.rdb", small());
    folder.manifest("file a.2.base.rdb seq 2 type b\nfile a.3.incr.aof seq 3 type i\n");
    folder.append("a.3.incr.aof", commands(&["SET d 1", "MULTI", "SET e 1"]));
    assert_eq!(tool.line(), "77 [5] \"SET\" \"d\" \"1\"");
    assert_eq!((tool.line(), tool.line()), ("92 [5] \"MULTI\"".into(), "119 [5] \"SET\" \"e\" \"1\"".into()));
    assert_eq!(tool.interrupt(), (Some(0), String::new(), String::new()));
}

#[cfg(unix)]
#[test]
fn what_can_not_be_followed_any_more_ends_it() {
    let folder = directory("lost");
    let mut tool = Follow::start(&["--commands-only", folder.name()]);
    while tool.line() != "73 [0] \"EXEC\"" {}
    folder.write("a.9.incr.aof", commands(&["SET c 1"]));
    folder.manifest("file a.2.base.rdb seq 2 type b\nfile a.9.incr.aof seq 9 type i\n");
    let (code, rest, err) = tool.end();
    assert_eq!((code, rest.as_str(), err.lines().count()), (Some(4), "", 1), "{err}");
    assert!(err.contains("history lost") && err.contains("increment 9"), "{err}");

    folder.write("appendonly.aof", commands(&["SET a 1"]));
    let mut tool = Follow::start(&[&folder.path("appendonly.aof")]);
    assert_eq!(tool.line(), "27 [?] \"SET\" \"a\" \"1\"");
    folder.write("temp", small());
    fs::rename(folder.path("temp"), folder.path("appendonly.aof")).unwrap();
    let (code, rest, err) = tool.end();
    assert_eq!((code, rest.as_str(), err.lines().count()), (Some(1), "", 1), "{err}");
    assert!(err.contains("replaced by another file"), "{err}");
}

#[cfg(unix)]
#[test]
fn count_ends_it() {
    let folder = directory("count");
    let ran = run(&["decode", "--follow", "--commands-only", "--count", "2", folder.name()]).ok();
    assert!(ran.text().ends_with("73 [0] \"EXEC\"\n"), "{}", ran.text());
}

// ---- corpus ---------------------------------------------------------------------------------------------------------

/// The directories of the corpus with their original names, and the one in this repository.
fn directories(test: &str) -> Vec<(Folder, Vec<Value>)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/redis-7.0.15-appendonlydir");
    let servers = corpus().map(|corpus| fs::read_dir(corpus).unwrap().flatten().map(|entry| entry.path()).collect());
    let servers: Vec<PathBuf> = servers.unwrap_or_default();
    let variants = servers.iter().flat_map(|server| fs::read_dir(server.join("s20-files"))).flatten().flatten();
    let folders = variants.map(|entry| entry.path()).filter(|path| path.is_dir());
    let mut found = Vec::new();
    for (number, from) in folders.chain([own]).enumerate() {
        let folder = Folder::new(&format!("{test}-{number}"));
        let mut noted = Vec::new();
        let mut files: Vec<PathBuf> = fs::read_dir(&from).unwrap().flatten().map(|entry| entry.path()).collect();
        // The base before the increment.
        files.sort();
        for file in files {
            let name = file.file_name().unwrap().to_str().unwrap();
            let name = name.strip_prefix("appendonlydir__").unwrap_or(name);
            if let Some(of) = name.strip_suffix(".commands.jsonl") {
                for line in fs::read_to_string(&file).unwrap().lines() {
                    let mut line: Value = serde_json::from_str(line).unwrap();
                    line["file"] = of.into();
                    noted.push(line);
                }
            } else if name != "dump.rdb" {
                fs::copy(&file, folder.path(name)).unwrap();
            }
        }
        if folder.names().iter().any(|name| name.ends_with(".manifest")) {
            found.push((folder, noted));
        }
    }
    found
}

#[test]
fn directories_of_servers_decode_to_their_commands() {
    for (folder, noted) in directories("commands") {
        let ran = run(&["decode", "--format", "json", "--all", "--commands-only", folder.name()]).ok();
        assert_eq!(ran.err, "");
        let mut events = ran.json().into_iter().filter(|event| event["event"] != "file");
        let mut time = Value::Null;
        for noted in noted {
            if let Some(annotation) = noted["annotation"].as_str() {
                time = annotation.strip_prefix("TS:").unwrap().parse::<u64>().unwrap().into();
                continue;
            }
            let event = events.next().unwrap();
            assert_eq!(event["file"], noted["file"], "{noted}");
            assert_eq!(event["time"], time, "{noted}");
            assert_eq!(
                event["offset"].as_u64(),
                noted["at"].as_u64().zip(noted["len"].as_u64()).map(|(at, len)| at + len)
            );
            // The recorder knows no database before the first SELECT; a server begins in 0.
            let db = if noted["db"].is_null() { &json!(0) } else { &noted["db"] };
            assert_eq!(event["db"], *db, "{noted}");
            match event["event"].as_str().unwrap() {
                "command" => {
                    let args = event["args"].as_array().unwrap();
                    assert_eq!(args.len(), noted["args"].as_array().unwrap().len(), "{noted}");
                    for (arg, noted) in args.iter().zip(noted["args"].as_array().unwrap()) {
                        match noted["len"].as_u64() {
                            Some(long) => assert_eq!(bytes(arg).len() as u64, long),
                            None => assert_eq!(bytes(arg), bytes(noted), "{noted}"),
                        }
                    }
                }
                name => assert!(noted["args"][0].as_str().unwrap().eq_ignore_ascii_case(name), "{noted}"),
            }
        }
        assert_eq!(events.next(), None);
    }
}

/// The resp output equals the file, and a directory prints the same as its files one by one.
#[test]
fn directories_of_servers_are_their_files() {
    for (folder, _) in directories("files") {
        let names = folder.names();
        let file = |part: &str| names.iter().find(|name| name.contains(part)).map(|name| folder.path(name)).unwrap();
        let whole = run(&["decode", "--format", "resp", "--empty-target", folder.name()]).ok().out;
        let parts = [".base.", ".incr."].map(|part| {
            let file = file(part);
            let mut args = vec!["decode", "--format", "resp", "--assume-db", "0", &file];
            args.extend(file.ends_with(".rdb").then_some("--empty-target"));
            run(&args).ok().out
        });
        // Each file selects its own database.
        let select = commands(&["SELECT 0"]);
        assert!(whole == parts.concat() || whole == [&parts[0], parts[1].strip_prefix(&select[..]).unwrap()].concat());
        if file(".base.").ends_with(".rdb") {
            run(&["decode", folder.name(), "--snapshot-to", &folder.path("out.rdb")]).ok();
            assert_eq!(fs::read(folder.path("out.rdb")).unwrap(), fs::read(file(".base.")).unwrap());
        }
    }
}

#[test]
fn a_file_without_a_select_begins_in_database_0() {
    let input = commands(&["SET k v", "SELECT 1", "SET k w"]);
    let folder = Folder::new("no-select");
    let path = folder.path("appendonly.aof");
    std::fs::write(&path, &input).unwrap();
    for ran in [run(&["decode", "--format", "resp", &path]), run_on(&["decode", "--format", "resp"], &input)] {
        assert_eq!(ran.ok().out, [commands(&["SELECT 0"]), input.clone()].concat());
    }
    // A part of a stream has an offset, and no known database.
    let ran = run_on(&["decode", "--format", "resp", "--offset", "100"], &input);
    assert_eq!((ran.code, ran.out.as_slice()), (1, b"".as_slice()));
    assert!(ran.err.contains("use --assume-db N"), "{}", ran.err);
}

/// The form that only a primary may send. A directory, because servers write it there.
#[test]
fn resp_of_files_has_no_command_that_clients_may_not_send() {
    let large = "v".repeat(200_000);
    let input = commands(&[
        "SELECT 0",
        "XADD s MAXLEN = 3 LIMIT 10 1-1 f v",
        &format!("XADD s MAXLEN = 3 LIMIT 10 2-1 f {large}"),
        "MULTI",
        "XTRIM s MINID = 1 LIMIT 10",
        "CLUSTER SETSLOT 1 NODE x",
        "EXEC",
        "PUBLISH __sentinel__:hello x",
        "CLUSTER SETSLOT 2 NODE x",
    ]);
    let ran = run_on(&["decode", "--format", "resp"], &input).ok();
    let expected = commands(&[
        "SELECT 0",
        "XADD s MAXLEN = 3 1-1 f v",
        &format!("XADD s MAXLEN = 3 2-1 f {large}"),
        "MULTI",
        "XTRIM s MINID = 1",
        "EXEC",
    ]);
    assert_eq!(String::from_utf8_lossy(&ran.out), String::from_utf8_lossy(&expected));
    assert_eq!(ran.err.matches("CLUSTER commands of the stream are left out").count(), 1, "{}", ran.err);
    assert!(ran.err.contains("messages to the channel __sentinel__:hello are left out"), "{}", ran.err);
}

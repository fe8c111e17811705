//! The append-only files of real servers: their contents equal the server's data, also after a crash has cut them. A
//! reader that follows them through writes and rewrites loses and repeats nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::client::{Client, command};
use crate::copy::{fill, replay_bytes};
use crate::help::eventually;
use crate::rebuild::{printed, same_but_for_what_is_lost};
use crate::server::{Kind, Server};
use crate::tool::Tool;

/// The path at which a server keeps them.
fn path(kind: Kind, folder: &Path) -> PathBuf {
    folder.join(if kind == Kind::Redis62 { "appendonly.aof" } else { "appendonlydir" })
}

fn start(kind: Kind, preamble: &str) -> Server {
    // With `everysec` a command may be answered seconds before it is written.
    let mut settings =
        vec!["--appendonly", "yes", "--appendfsync", "no", "--hz", "100", "--aof-use-rdb-preamble", preamble];
    if kind != Kind::Redis62 {
        settings.extend(["--aof-timestamp-enabled", "yes"]);
    }
    Server::start_with(kind, &settings)
}

/// A rewrite from its beginning to its end.
fn rewrite(server: &Server) {
    let mut client = server.client();
    let done = |info: &std::collections::HashMap<String, String>| {
        info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0"
    };
    eventually("no rewrite is under way", || done(&client.info("persistence")));
    client.call(&["BGREWRITEAOF"]);
    eventually("the rewrite is done", || done(&client.info("persistence")));
    assert_eq!(client.info("persistence")["aof_last_bgrewrite_status"], "ok");
}

/// Signals the end to the waiting threads, also if a test has failed.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Writes transactions, scripts and several databases until stopped, and counts the rounds.
fn load(server: &Server, name: &str, stop: &AtomicBool, rounds: &AtomicU32) {
    let (mut client, mut round) = (server.client(), 0);
    while !stop.load(Ordering::Relaxed) {
        let (db, key) = ((round % 4).to_string(), format!("{name}:{}", round % 50));
        let script = "redis.call('INCR',KEYS[1]) redis.call('RPUSH',KEYS[2],ARGV[1])";
        let (list, round_text) = (format!("{key}:list"), round.to_string());
        let replies = client.pipeline(&[
            command(&["SELECT", &db]),
            command(&["MULTI"]),
            command(&["SET", &key, &round_text]),
            command(&["SADD", &format!("{key}:set"), &round_text]),
            command(&["EXEC"]),
            command(&["EVAL", script, "2", &format!("{key}:count"), &list, &round_text]),
            command(&["SPOP", &format!("{key}:set")]),
        ]);
        assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
        round += 1;
        rounds.store(round, Ordering::Relaxed);
    }
}

/// Fills the server, and makes it rewrite its files twice while two clients write.
fn under_load(server: &Server) {
    fill(server);
    let (stop, rounds) = (AtomicBool::new(false), [const { AtomicU32::new(0) }; 2]);
    std::thread::scope(|scope| {
        for (name, rounds) in ["a", "b"].into_iter().zip(&rounds) {
            let stop = &stop;
            scope.spawn(move || load(server, name, stop, rounds));
        }
        let _end = AtEnd(&stop);
        for _ in 0..2 {
            let before = rounds.each_ref().map(|rounds| rounds.load(Ordering::Relaxed));
            let write =
                || rounds.iter().zip(before).all(|(rounds, before)| rounds.load(Ordering::Relaxed) > before + 5);
            eventually("both clients write", write);
            rewrite(server);
        }
    });
    // Some commands after the last rewrite, and a transaction. Without the stream whose pending entries no command can
    // recreate.
    let replies = server.client().pipeline(&[
        command(&["DEL", "st:a"]),
        command(&["SET", "last", "1"]),
        command(&["MULTI"]),
        command(&["INCR", "last"]),
        command(&["EXEC"]),
    ]);
    assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
}

/// The files as commands, which make the data again in an empty server.
pub(crate) fn decoded(files: &str, has_snapshot: bool) -> (Vec<u8>, String) {
    let mut args = vec!["decode", "--format", "resp", "--assume-db", "0", files];
    args.extend(has_snapshot.then_some("--empty-target"));
    printed(&args, b"")
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn what_was_written_under_load_is_what_the_server_has() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        for preamble in ["yes", "no"] {
            let server = start(kind, preamble);
            under_load(&server);
            let files = path(kind, server.folder());
            let files = files.to_str().expect("a path");
            let (resp, errors) = decoded(files, preamble == "yes");
            assert!(!errors.contains("cut off"), "{errors}");
            let copy = Server::start(kind);
            replay_bytes(&copy, &resp);
            same_but_for_what_is_lost(&server, &copy, &format!("{kind:?}, preamble {preamble}"));
            if preamble == "no" {
                continue;
            }
            // The same in two steps: the snapshot by the server, the commands by the tool.
            let dump = server.folder().join("preamble.rdb");
            let to = dump.to_str().expect("a path");
            let (resp, errors) = printed(&["decode", "--format", "resp", files, "--snapshot-to", to], b"");
            assert!(errors.contains(&format!("wrote {to}")), "{errors}");
            let copy = Server::start_from_dump(kind, &fs::read(&dump).expect("the snapshot"));
            replay_bytes(&copy, &resp);
            same_but_for_what_is_lost(&server, &copy, &format!("{kind:?}, preamble written out"));
        }
    }
}

/// The tool reads a file that ends in the middle with the server's own result.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_torn_tail_is_what_the_server_makes_of_it() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let server = start(kind, "yes");
        let mut client = server.client();
        for number in 0..20 {
            if number == 19 {
                next_second(&mut client);
            }
            let number = number.to_string();
            let replies = client.pipeline(&[
                command(&["SELECT", if number.len() == 1 { "0" } else { "3" }]),
                command(&["SET", &format!("k:{number}"), &number]),
                command(&["MULTI"]),
                command(&["INCR", "n"]),
                command(&["RPUSH", "l", &number]),
                command(&["EXEC"]),
            ]);
            assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
        }
        let last = last_file(kind, server.folder());
        let whole = fs::read(server.folder().join(&last)).expect("the last file");
        let length = whole.len() as u64;
        // Of the last round: the SET, which is torn below, and the time in front of it.
        let set = whole.len() - 111;
        let timed = kind == Kind::Redis62 || is_annotation(&whole[set - 16..set]);
        assert!(timed && whole[set..].starts_with(b"*3\r\n$3\r\nSET\r\n"), "{}", whole.escape_ascii());
        // In a transaction, in its last command, at its border, between two commands, in the length of one.
        for cut in [1, 14, 15, 30, 60, 61, 90, 100, 131, 170] {
            let prepare = |folder: &Path| {
                copy_files(kind, server.folder(), folder);
                let file = fs::OpenOptions::new().write(true).open(folder.join(&last)).expect("the copy");
                file.set_len(length - cut).expect("cut it");
            };
            let copies = PathBuf::from(format!("{}-cut", server.folder().display()));
            fs::create_dir_all(&copies).expect("a folder");
            prepare(&copies);
            let files = path(kind, &copies);
            let files = files.to_str().expect("a path").to_owned();
            let (resp, errors) = decoded(&files, kind != Kind::Redis62);
            fs::remove_dir_all(&copies).expect("remove the folder");
            let ours = Server::start(kind);
            replay_bytes(&ours, &resp);
            let theirs = Server::start_prepared(kind, &["--appendonly", "yes"], prepare);
            assert_eq!(ours.digest(), theirs.digest(), "{kind:?}, {cut} bytes cut off: {errors}");
            let kept = fs::metadata(theirs.folder().join(&last)).expect("the last file").len();
            let said = errors.contains("servers ignore it");
            assert_eq!(kept < length - cut, said, "{kind:?}, {cut} bytes cut off: {errors}");
            // The server keeps the whole part of a transaction in the file, and yet does not apply it. It removes the
            // time in front of a torn command too.
            let mut numbers =
                errors.split_whitespace().filter_map(|word| word.trim_end_matches(';').parse::<u64>().ok());
            let is_kept = |start: u64| start <= kept || is_annotation(&whole[kept as usize..start as usize]);
            assert!(numbers.next().is_none_or(is_kept), "{kind:?}, {kept} bytes are left: {errors}");
        }
    }
}

/// Waits until the server writes the time in front of its next command: it does so once a second.
fn next_second(client: &mut Client) {
    let mut seconds = || client.call(&["TIME"]).items()[0].text().parse::<u64>().expect("seconds");
    let now = seconds();
    // The server's own clock is a little behind the clock of TIME.
    eventually("the second after the next", || seconds() > now + 1);
}

/// `#TS:1700000000\r\n`
fn is_annotation(bytes: &[u8]) -> bool {
    bytes.len() == 16 && bytes.starts_with(b"#TS:") && bytes.ends_with(b"\r\n")
}

/// The path below the server's folder.
fn last_file(kind: Kind, folder: &Path) -> String {
    if kind == Kind::Redis62 {
        return "appendonly.aof".into();
    }
    let files = fs::read_dir(path(kind, folder)).expect("the directory").flatten();
    let name = files.map(|file| file.file_name().into_string().expect("a name")).find(|name| name.contains(".incr."));
    format!("appendonlydir/{}", name.expect("an increment"))
}

fn copy_files(kind: Kind, from: &Path, to: &Path) {
    if kind == Kind::Redis62 {
        fs::copy(path(kind, from), path(kind, to)).expect("copy the file");
        return;
    }
    fs::create_dir_all(path(kind, to)).expect("a folder");
    for file in fs::read_dir(path(kind, from)).expect("the directory").flatten() {
        fs::copy(file.path(), path(kind, to).join(file.file_name())).expect("copy a file");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn followed_over_rewrites_every_command_comes_once() {
    const REWRITES: u64 = 4;
    for (kind, preamble) in Kind::SINCE_7.iter().flat_map(|kind| ["yes", "no"].map(|preamble| (*kind, preamble))) {
        let server = start(kind, preamble);
        server.call(&["SET", "before", "1"]);
        let files = path(kind, server.folder());
        let files = files.to_str().expect("a path");
        let mut tool = Tool::start(&["decode", "--follow", "--commands-only", "--format", "json", files]);
        // The increments that the tool has reached, and whether enough was rewritten.
        let (seen, done) = (AtomicU64::new(0), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _end = AtEnd(&done);
                // A rewrite before the tool has opened the files moves their commands into the base.
                eventually("the tool has begun", || seen.load(Ordering::Relaxed) > 0);
                for number in 1..=REWRITES {
                    rewrite(&server);
                    // A tool two rewrites behind may find a file missing: that is another test.
                    eventually("the tool follows", || seen.load(Ordering::Relaxed) > number);
                }
            });
            let writer = scope.spawn(|| {
                let (mut client, mut number) = (server.client(), 0_u64);
                while !done.load(Ordering::Relaxed) {
                    let commands = (number..number + 20).flat_map(|number| {
                        let (db, number) = ((number / 7 % 3).to_string(), number.to_string());
                        [command(&["SELECT", &db]), command(&["SET", "number", &number])]
                    });
                    let replies = client.pipeline(&commands.collect::<Vec<_>>());
                    assert!(replies.iter().all(|reply| !reply.is_error()));
                    number += 20;
                }
                client.call(&["SET", "the", "end"]);
                number
            });
            let (_end, mut numbers) = (AtEnd(&done), Vec::<u64>::new());
            loop {
                let event = tool.event().unwrap_or_else(|| panic!("it ended: {}", tool.errors()));
                if event["event"] == "file" && event["type"] == "increment" {
                    seen.fetch_add(1, Ordering::Relaxed);
                }
                match (event["args"][1].as_str(), event["args"][2].as_str()) {
                    (Some("the"), _) => break,
                    (Some("number"), Some(number)) => {
                        let number = number.parse().expect("a number");
                        assert_eq!(event["db"], number / 7 % 3, "{event}");
                        numbers.push(number);
                    }
                    _ => {}
                }
            }
            let written = writer.join().expect("the writer");
            let wrong = numbers.iter().copied().zip(0..).position(|(told, expected)| told != expected);
            let around = wrong.map(|at| &numbers[at.saturating_sub(3)..numbers.len().min(at + 3)]);
            let words = format!("{kind:?}, preamble {preamble}: {} of {written}, around {around:?}", numbers.len());
            assert!(numbers.iter().copied().eq(0..written), "{words}");
        });
        tool.signal("INT");
        assert!(tool.wait().success(), "{}", tool.errors());
        assert_eq!(tool.errors(), "");
    }
}

/// Before Redis 7.0 a rewrite replaces the file by another one.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_single_file_is_followed_until_it_is_rewritten() {
    for preamble in ["yes", "no"] {
        let server = start(Kind::Redis62, preamble);
        server.call(&["SET", "number", "0"]);
        let file = path(Kind::Redis62, server.folder());
        let mut tool = Tool::start(&["decode", "--follow", "--format", "json", file.to_str().expect("a path")]);
        let commands: Vec<_> = (1..5000).map(|number: u32| command(&["SET", "number", &number.to_string()])).collect();
        for commands in commands.chunks(50) {
            assert!(server.client().pipeline(commands).iter().all(|reply| !reply.is_error()));
        }
        for number in 0..5000 {
            assert_eq!(tool.event_named("command")["args"][2], number.to_string());
        }
        rewrite(&server);
        assert_eq!(tool.line(), None);
        assert_eq!(tool.wait().code(), Some(1));
        let errors = tool.errors();
        assert!(errors.contains("was replaced by another file") && errors.lines().count() == 1, "{errors}");
        // After a restart, the tool reads the present contents.
        server.call(&["SET", "number", "after"]);
        let (json, _) = printed(&["decode", "--format", "json", file.to_str().expect("a path")], b"");
        let json = String::from_utf8(json).expect("text");
        assert!(json.lines().last().expect("a line").contains("after"), "{json}");
        assert_eq!(json.contains("\"event\":\"key\""), preamble == "yes");
    }
}

//! `snapshot -o` and `tail --snapshot-to`: the file is complete, or does not exist.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::run::{REPLID, Ran, commands, redtail, run, run_on};
use crate::snapshots::small;
use crate::tail::{answer_until_psync, close, scripted, with_keys};

#[test]
fn a_snapshot_is_a_file_in_both_framings() {
    for (index, link) in with_keys().into_iter().enumerate() {
        let folder = Folder::new(&format!("save-{index}"));
        let address = scripted(vec![link]);
        let ran = run(&["snapshot", &address, "-o", &folder.path("x.rdb")]).ok();
        assert!(ran.out.is_empty());
        assert_eq!(fs::read(folder.path("x.rdb")).unwrap(), small());
        assert_eq!(folder.names(), ["x.rdb"]);
        assert!(ran.err.contains(&format!("x.rdb: {} bytes in ", small().len())), "{}", ran.err);
        let last = format!("to print the writes after it: redtail tail --from {REPLID}:1000:?\n");
        assert!(ran.err.ends_with(&last), "{}", ran.err);
        assert!(!ran.err.contains('\r') && !ran.err.contains('\x1b'), "a bar is for terminals: {:?}", ran.err);
        assert_eq!(run(&["decode", &folder.path("x.rdb")]).ok().out, run_on(&["decode"], &small()).ok().out);
    }
}

#[test]
fn what_breaks_off_leaves_nothing_behind() {
    let folder = Folder::new("save-cut");
    for link in with_keys() {
        let end = link.len() - commands(&["SELECT 3", "DEL z"]).len();
        for cut in (56..end).step_by(9).chain([end - 1]) {
            let ran = run(&["snapshot", &scripted(vec![link[..cut].to_vec()]), "-o", &folder.path("x.rdb")]);
            assert_eq!(ran.code, 1, "{cut}: {}", ran.err);
            assert!(folder.names().is_empty(), "{cut}: {:?}", folder.names());
            assert!(!ran.err.contains("wrote") && !ran.err.contains("--from"), "{cut}: {}", ran.err);
        }
    }
    let [link, _] = with_keys();
    let mut wrong = link.clone();
    // The last byte of the checksum, which was not computed.
    let at = link.len() - commands(&["SELECT 3", "DEL z"]).len() - 1;
    wrong[at] = 1;
    let ran = run(&["snapshot", &scripted(vec![wrong]), "-o", &folder.path("x.rdb")]);
    assert!(ran.code == 1 && ran.err.contains("checksum"), "{}", ran.err);
    assert!(folder.names().is_empty());
}

#[test]
fn a_file_that_is_there_is_replaced_only_if_wanted() {
    let folder = Folder::new("save-exists");
    let file = folder.path("x.rdb");
    fs::write(&file, "before").unwrap();
    // No snapshot is requested that cannot be saved: no server listens there.
    for arguments in [
        &["snapshot", "127.0.0.1:1", "-o", &file][..],
        &["tail", "127.0.0.1:1", "--from", "snapshot", "--snapshot-to", &file],
    ] {
        let ran = run(arguments);
        assert_eq!(ran.code, 1, "{}", ran.err);
        assert!(ran.err.contains("exists already; --force"), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
    let [link, _] = with_keys();
    let ran = run(&["snapshot", &scripted(vec![link[..100].to_vec()]), "-o", &file, "--force"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(fs::read(&file).unwrap(), b"before");
    run(&["snapshot", &scripted(vec![link]), "-o", &file, "--force"]).ok();
    assert_eq!(fs::read(&file).unwrap(), small());
    assert_eq!(folder.names(), ["x.rdb"]);
}

#[test]
fn a_place_that_can_not_be_is_one_line() {
    let folder = Folder::new("save-place");
    fs::write(folder.path("file"), "").unwrap();
    for (place, words) in [
        (folder.path(""), "give the path of a file"),
        (folder.path("nowhere/x.rdb"), "nowhere/x.rdb"),
        (folder.path("file/x.rdb"), "file/x.rdb"),
        (folder.path(&"x".repeat(300)), "too long"),
        #[cfg(unix)]
        ("/dev/null".into(), "use -o - and redirect standard output"),
    ] {
        for force in [&[][..], &["--force"]] {
            let ran = run(&[&["snapshot", "127.0.0.1:1", "-o", &place], force].concat());
            assert_eq!(ran.code, 1, "{place}: {}", ran.err);
            assert!(ran.err.contains(words), "{place}: {}", ran.err);
            assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        }
    }
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn standard_output_takes_it_too() {
    for link in with_keys() {
        let ran = run(&["snapshot", &scripted(vec![link]), "-o", "-"]).ok();
        assert_eq!(ran.out, small());
        assert!(ran.err.contains("wrote the snapshot to standard output"), "{}", ran.err);
    }
}

/// Half a snapshot is a failure, even if the reader has closed the pipe.
#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_is_not_taken_is_a_failure() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let [link, _] = with_keys();
    let ran: Ran =
        redtail(&["snapshot", &scripted(vec![link.clone()]), "-o", "-"]).stdout(full).output().unwrap().into();
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("No space left") && ran.err.contains("incomplete"), "{}", ran.err);
    let mut child = redtail(&["snapshot", &slow_half().0, "-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("Broken pipe") || ran.err.contains("broken pipe"), "{}", ran.err);
    assert!(!ran.err.contains("wrote"), "{}", ran.err);
}

/// A limit on the size of files, which acts like a full disk.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing_behind() {
    let folder = Folder::new("save-full");
    let value = vec![b'x'; 1 << 20];
    let dump = [&b"REDIS0010\x00\x01k\x80\x00\x10\x00\x00"[..], &value, b"\xff\0\0\0\0\0\0\0\0"].concat();
    let head = format!("+FULLRESYNC {REPLID} 1000\r\n${}\r\n", dump.len());
    let address = scripted(vec![[head.as_bytes(), &dump].concat()]);
    let line = format!(
        "trap '' XFSZ; ulimit -f 100; exec '{}' snapshot {address} -o {}",
        env!("CARGO_BIN_EXE_redtail"),
        folder.path("x.rdb")
    );
    let ran: Ran = std::process::Command::new("sh").args(["-c", &line]).output().unwrap().into();
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.err.contains("can't write") && ran.err.contains("nothing of it is left"), "{}", ran.err);
    assert!(folder.names().is_empty(), "{:?}", folder.names());
}

/// A server that sends half a snapshot and is silent then. The flag is set once it has.
fn slow_half() -> (String, Receiver<()>) {
    let (sender, receiver) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        answer_until_psync(&mut link);
        let [bytes, _] = with_keys();
        link.write_all(&bytes[..bytes.len() / 2]).unwrap();
        let _ = sender.send(());
        let _ = std::io::copy(&mut link, &mut std::io::sink());
    });
    (address, receiver)
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_nothing_and_a_kill_no_such_file() {
    for signal in ["-INT", "-TERM", "-KILL"] {
        let folder = Folder::new(&format!("save{signal}"));
        let file = folder.path("x.rdb");
        for arguments in
            [&["snapshot", "", "-o", &file][..], &["tail", "", "--from", "snapshot", "--snapshot-to", &file]]
        {
            let (address, sent) = slow_half();
            let arguments: Vec<&str> =
                arguments.iter().map(|&word| if word.is_empty() { &*address } else { word }).collect();
            let child = redtail(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            sent.recv().unwrap();
            // Sent is not yet received.
            let is_begun = || folder.names().iter().any(|name| name.starts_with("x.rdb.unfinished-"));
            crate::nodes::eventually("the file of the unfinished snapshot", is_begun);
            kill(&child, signal);
            let output = child.wait_with_output().unwrap();
            let err = String::from_utf8(output.stderr).unwrap();
            if signal == "-KILL" {
                assert!(
                    folder.names().iter().all(|name| name.starts_with("x.rdb.unfinished-")),
                    "{:?}",
                    folder.names()
                );
                fs::remove_file(folder.path(&folder.names()[0])).unwrap();
            } else {
                assert_eq!(output.status.code(), Some(1), "{err}");
                assert!(err.contains("the run ended before the snapshot was complete; "), "{err}");
            }
            assert!(folder.names().is_empty(), "{:?}", folder.names());
        }
    }
}

/// The second signal ends the run at once.
#[cfg(unix)]
#[test]
fn a_second_signal_leaves_nothing_behind_either() {
    let folder = Folder::new("save-twice");
    let many = (0..5000).map(|n| format!("SET k{n} {}", "v".repeat(100))).collect::<Vec<_>>();
    let stream = commands(&many.iter().map(String::as_str).collect::<Vec<_>>());
    // A stream of another history comes first, so that standard output is full during the snapshot.
    let first = [format!("+CONTINUE {REPLID}\r\n").as_bytes(), &stream].concat();
    let [second, _] = with_keys();
    let address = scripted(vec![second, first]);
    let child = redtail(&["tail", &address, "--from", "snapshot", "--snapshot-to", &folder.path("x.rdb")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    until("the snapshot is there", || folder.names() == ["x.rdb"]);
    std::thread::sleep(Duration::from_millis(300));
    kill(&child, "-TERM");
    std::thread::sleep(Duration::from_millis(100));
    kill(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 130)), "{output:?}");
    assert_eq!(folder.names(), ["x.rdb"], "what is whole stays");
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn kill(child: &Child, signal: &str) {
    let status = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

#[test]
fn the_writes_after_it_are_printed() {
    for link in with_keys() {
        let folder = Folder::new("save-tail");
        let arguments = |format| {
            let file = folder.path(format);
            let address = scripted(vec![link.clone()]);
            let arguments =
                ["tail", &address, "--from", "snapshot", "--snapshot-to", &file, "--count", "1", "--format", format];
            let ran = run(&arguments).ok();
            assert_eq!(fs::read(file).unwrap(), small());
            ran
        };
        assert_eq!(arguments("text").text(), "1043 [3] \"DEL\" \"z\"\n");
        // The stream selects its database itself.
        assert_eq!(arguments("resp").out, commands(&["SELECT 3", "DEL z"]));
        let lines = arguments("json").json();
        let names: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
        assert_eq!(names, ["attached", "snapshot_begin", "snapshot", "command"]);
        assert_eq!(
            lines[2],
            json!({"event": "snapshot", "bytes": small().len(), "offset": 1000, "db": null, "keys": null})
        );
        assert_eq!(folder.names(), ["json", "resp", "text"]);
    }
}

#[test]
fn after_a_gap_the_newer_snapshot_replaces_it() {
    let folder = Folder::new("save-gap");
    let file = folder.path("x.rdb");
    let [link, _] = with_keys();
    let newer = b"REDIS0010\xff\0\0\0\0\0\0\0\0";
    let head = format!("+FULLRESYNC {} 7\r\n${}\r\n", "b".repeat(40), newer.len());
    let newer_link = [head.as_bytes(), newer, &commands(&["SELECT 0", "DEL n"])].concat();
    let arguments = ["--from", "snapshot", "--on-gap", "snapshot", "--snapshot-to", &file, "--count", "2"];
    let address = scripted(vec![link.clone(), newer_link]);
    let ran = run(&[&["tail", &address], &arguments[..]].concat()).ok();
    assert!(ran.err.contains("history lost"), "{}", ran.err);
    assert_eq!(fs::read(&file).unwrap(), newer);

    // A snapshot that is cut off leaves the older file.
    fs::remove_file(&file).unwrap();
    let address = scripted(vec![link, head.into_bytes()]);
    let ran = run(&[&["tail", &address, "--reconnect", "1"], &arguments[..]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(fs::read(&file).unwrap(), small());
    assert_eq!(folder.names(), ["x.rdb"]);
}

#[test]
fn a_checkpoint_is_saved_behind_the_file() {
    let folder = Folder::new("save-checkpoint");
    let (file, checkpoint) = (folder.path("x.rdb"), folder.path("position"));
    let [link, _] = with_keys();
    let address = scripted(vec![link]);
    let arguments = ["tail", &address, "--from", "snapshot", "--snapshot-to", &file, "--checkpoint", &checkpoint];
    run(&[&arguments[..], &["--count", "1"]].concat()).ok();
    assert_eq!(fs::read(&file).unwrap(), small());
    let saved = redtail::Checkpoint::open(&checkpoint, "").unwrap().position().unwrap();
    assert_eq!(saved.to_string(), format!("{REPLID}:1043:3"));
}

/// A known length and an unknown one; sent slowly, so that the bar is drawn.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_how_far_it_is() {
    let bars = with_keys().map(|link| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (mut link_to_tool, _) = listener.accept().unwrap();
            answer_until_psync(&mut link_to_tool);
            for piece in link.chunks(link.len().div_ceil(4)) {
                link_to_tool.write_all(piece).unwrap();
                std::thread::sleep(Duration::from_millis(300));
            }
            close(link_to_tool);
        });
        let folder = Folder::new("save-terminal");
        let (code, screen) = crate::run::run_in_terminal(&["snapshot", &address, "-o", &folder.path("x.rdb")]);
        assert_eq!(code, 0, "{screen}");
        assert_eq!(fs::read(folder.path("x.rdb")).unwrap(), small());
        assert!(screen.contains("wrote "), "{screen}");
        screen
    });
    let total = format!(" B of {} B [", small().len());
    assert!(bars[0].contains(&total) && bars[0].contains("% ") && bars[0].contains(" left"), "{:?}", bars[0]);
    assert!(bars[1].contains(" so far") && !bars[1].contains(" left"), "{:?}", bars[1]);
    for bar in bars {
        for line in bar.replace("\x1b[2K", "\r").split(['\r', '\n']).filter(|line| !line.contains("redtail:")) {
            assert!(line.chars().count() <= 80 && !line.contains('\x1b'), "{line:?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_snapshot_is_not_for_a_terminal() {
    let (code, screen) = crate::run::run_in_terminal(&["snapshot", "127.0.0.1:1", "-o", "-"]);
    assert_eq!(code, 2, "{screen}");
    assert!(screen.contains("can't write a snapshot to a terminal") && screen.contains("-o FILE"), "{screen}");
}

#[test]
fn json_says_nothing_of_keys_that_were_not_counted() {
    let [link, _] = with_keys();
    let folder = Folder::new("save-void");
    let address = scripted(vec![link[..link.len() / 2].to_vec()]);
    let file = folder.path("x.rdb");
    let ran = run(&["tail", &address, "--from", "snapshot", "--snapshot-to", &file, "--format", "json"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert_eq!(ran.json().last().unwrap()["keys"], Value::Null);
}

/// A server of a later version: its bytes are saved, and the message names the part that nobody has verified.
#[test]
fn an_unknown_part_of_a_snapshot_is_saved_and_named() {
    let data = b"REDIS0079\xfe\x03\xc8\x01kdata of the future\xff";
    let sum = redtail::rdb::Crc64::new().update(data).value();
    for (checksum, verdict) in [
        (sum, "the checksum of all bytes is right"),
        (0, "nothing verifies them, since the server wrote no checksum (rdbchecksum)"),
    ] {
        let data = [&data[..], &checksum.to_le_bytes()].concat();
        let link = [format!("+FULLRESYNC {REPLID} 7\r\n${}\r\n", data.len()).as_bytes(), &data].concat();
        let folder = Folder::new("save-future");
        let ran = run(&["snapshot", &scripted(vec![link.clone()]), "-o", &folder.path("x.rdb")]).ok();
        assert_eq!(fs::read(folder.path("x.rdb")).unwrap(), data);
        let expected = format!(
            "redtail: the structure is verified up to byte 11, where data of a later server begins that this version of \
             redtail does not know; of the {} bytes from there on, {verdict}\n",
            data.len() - 11
        );
        assert!(ran.err.contains(&expected), "{}", ran.err);
        let ran = run(&["snapshot", &scripted(vec![link]), "-o", "-"]).ok();
        assert_eq!(ran.out, data);
        assert!(ran.err.contains("from there on, the checksum at the end was not verified\n"), "{}", ran.err);
    }
    let wrong = [&data[..], &(sum ^ 1).to_le_bytes()].concat();
    let link = [format!("+FULLRESYNC {REPLID} 7\r\n${}\r\n", wrong.len()).as_bytes(), &wrong].concat();
    let folder = Folder::new("save-future-wrong");
    let ran = run(&["snapshot", &scripted(vec![link]), "-o", &folder.path("x.rdb")]);
    assert!(ran.code == 1 && ran.err.contains("checksum") && folder.names().is_empty(), "{}", ran.err);
}

/// A server of a known version, with more hash templates than the decoder has memory for: that is no later server.
#[test]
fn too_many_hash_templates_are_saved_and_named() {
    let longer = (64_u32 << 20) + 1;
    let data = [&b"REDIS0015\xf2\x01\x01\x80"[..], &longer.to_be_bytes(), b"\xff\0\0\0\0\0\0\0\0"].concat();
    let link = [format!("+FULLRESYNC {REPLID} 7\r\n${}\r\n", data.len()).as_bytes(), &data].concat();
    let folder = Folder::new("save-templates");
    let file = folder.path("x.rdb");
    let ran = run(&["snapshot", &scripted(vec![link]), "-o", &file]).ok();
    assert_eq!(fs::read(&file).unwrap(), data);
    let expected = "redtail: the structure is verified up to byte 12, since the hash templates need more than 67108864 \
                    bytes of memory; of the 14 bytes from there on, nothing verifies them";
    assert!(ran.err.contains(expected) && !ran.err.contains("later server"), "{}", ran.err);
    // The keys can't be read. The message says what can be done.
    let ran = run(&["decode", &file]);
    let expected = "the hash templates of the snapshot need more than 67108864 bytes of memory (Limits::templates), at \
                    byte 12, in the input; no option raises this limit, and no key after it is read: snapshot -o FILE \
                    and tail --snapshot-to FILE save the bytes all the same, for a server of the source's version\n";
    assert!(ran.code == 1 && ran.err.contains(expected), "{}", ran.err);
    // A file gives its bytes, too.
    let copy = folder.path("copy.rdb");
    let ran = run(&["decode", "--snapshot-to", &copy, &file]).ok();
    assert_eq!(fs::read(&copy).unwrap(), data);
    assert!(ran.err.contains("up to byte 12, since the hash templates"), "{}", ran.err);
}

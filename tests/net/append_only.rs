//! Append-only files: one or several, whole, torn, broken, and growing.

use std::fs;
use std::path::{Path, PathBuf};

use redtail::io::{AppendOnly, AppendOnlyError, FileKind, Manifest, Unfinished, UnfinishedKind};
use redtail::{Event, Options, ProtocolErrorKind, SnapshotForm};

use crate::folder::Folder;

impl Folder {
    /// As servers do: under another name first.
    fn manifest(&self, lines: &[&str]) -> PathBuf {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let temporary = self.write("temp-a.manifest", text);
        fs::rename(temporary, self.path("a.manifest")).unwrap();
        self.path("a.manifest")
    }

    fn open(&self) -> AppendOnly {
        AppendOnly::open(&self.0).unwrap()
    }
}

const DUMP: &[u8] = b"REDIS0011\xfe\x00\x00\x05hello\x05world\xff\0\0\0\0\0\0\0\0";
const BASE: &str = "file a.1.base.rdb seq 1 type b";
const INCR_1: &str = "file a.1.incr.aof seq 1 type i";
const INCR_2: &str = "file a.2.incr.aof seq 2 type i";

fn commands(lines: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for words in lines.iter().map(|line| line.split(' ').collect::<Vec<_>>()) {
        bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
        words.iter().for_each(|word| bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes()));
    }
    bytes
}

/// All events until there are no more for now, one a line, each with its file.
fn read(files: &mut AppendOnly) -> Result<Vec<String>, AppendOnlyError> {
    let mut lines = Vec::new();
    while let Some(event) = files.next_event()? {
        let what = match event.event {
            Event::SnapshotBegin(_) => "snapshot".to_owned(),
            Event::SnapshotBytes(bytes) => format!("{} bytes", bytes.len()),
            Event::SnapshotItem(item) => format!("{item:?}").chars().take_while(|c| c.is_alphanumeric()).collect(),
            Event::SnapshotEnd(end) => format!("end {}", end.bytes),
            Event::Command(command) | Event::Multi(command) | Event::Exec(command) | Event::Control(command) => {
                command.to_string()
            }
            Event::Part(part) => format!("{:?}", part.part).chars().take_while(|c| c.is_alphanumeric()).collect(),
            other => format!("{other:?}"),
        };
        let time = event.time.map_or_else(String::new, |time| format!(" @{time}"));
        lines.push(format!("{} {} {what}{time}", event.file.name(), event.end));
    }
    Ok(lines)
}

fn all(path: impl AsRef<Path>) -> Result<Vec<String>, AppendOnlyError> {
    read(&mut AppendOnly::open(path)?)
}

fn error(path: impl AsRef<Path>) -> String {
    match all(path) {
        Ok(lines) => panic!("{lines:?}"),
        Err(error) => {
            let words = error.to_string();
            assert!(!words.contains('\n'), "{words}");
            words
        }
    }
}

/// A base and two increments.
fn three(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("a.1.base.rdb", DUMP);
    folder.write("a.1.incr.aof", [b"#TS:1700000000\r\n".to_vec(), commands(&["SELECT 3", "SET k v"])].concat());
    folder.write("a.2.incr.aof", commands(&["INCR n", "MULTI", "INCR n", "EXEC"]));
    folder.manifest(&["# a comment", BASE, "file a.0.incr.aof seq 1 type h", INCR_1, INCR_2]);
    folder
}

#[test]
fn a_directory_is_read_in_the_order_of_its_manifest() {
    let folder = three("order");
    let expected = [
        "a.1.base.rdb 0 snapshot",
        "a.1.base.rdb 33 33 bytes",
        "a.1.base.rdb 33 end 33",
        "a.1.incr.aof 66 66 [3] \"SET\" \"k\" \"v\" @1700000000",
        "a.2.incr.aof 21 21 [0] \"INCR\" \"n\"",
        "a.2.incr.aof 36 36 [0] \"MULTI\"",
        "a.2.incr.aof 57 57 [0] \"INCR\" \"n\"",
        "a.2.incr.aof 71 71 [0] \"EXEC\"",
    ];
    assert_eq!(all(&folder.0).unwrap(), expected);
    assert_eq!(all(folder.path("a.manifest")).unwrap(), expected);
    // Another manifest, the order of its lines another, and a base of commands.
    folder.write("base", commands(&["SELECT 1", "SET k v"]));
    folder.manifest(&[INCR_2, "file base seq 7 type b unknown field"]);
    let files = all(&folder.0).unwrap();
    assert_eq!(files[0], "base 50 50 [1] \"SET\" \"k\" \"v\"");
    assert_eq!(files.len(), 5);
}

#[test]
fn what_is_looked_ahead_at_is_not_lost() {
    let folder = three("ahead");
    for snapshot in [SnapshotForm::Bytes, SnapshotForm::Items] {
        let options = options! { snapshot, control: true };
        let expected = read(&mut AppendOnly::with(&folder.0, options).unwrap()).unwrap();
        let mut files = AppendOnly::with(&folder.0, options).unwrap();
        let mut count = 0;
        loop {
            let drained = files.is_drained();
            assert_eq!(files.is_drained(), drained);
            let Some(event) = files.next_event().unwrap() else { break };
            assert!(expected[count].contains(&format!("{} {} ", event.file.name(), event.end)), "{}", expected[count]);
            count += 1;
        }
        assert_eq!(count, expected.len());
        assert!(files.is_drained());
    }
}

#[test]
fn a_snapshot_comes_as_bytes_or_as_items() {
    let folder = Folder::new("forms");
    let file = folder.write("appendonly.aof", [DUMP, &commands(&["SET k v"])].concat());
    let mut bytes = Vec::new();
    let mut files = AppendOnly::open(&file).unwrap();
    while let Some(event) = files.next_event().unwrap() {
        match event.event {
            Event::SnapshotBytes(piece) => bytes.extend_from_slice(piece),
            Event::Command(command) => assert_eq!(command.to_string(), "60 [0] \"SET\" \"k\" \"v\""),
            _ => {}
        }
    }
    assert_eq!(bytes, DUMP);
    let options = options! { snapshot: SnapshotForm::Items };
    let items = read(&mut AppendOnly::with(&file, options).unwrap()).unwrap();
    assert_eq!(
        items,
        [
            "appendonly.aof 0 snapshot",
            "appendonly.aof 9 Start",
            "appendonly.aof 11 Database",
            "appendonly.aof 18 Key",
            "appendonly.aof 24 Text",
            "appendonly.aof 24 KeyEnd",
            "appendonly.aof 33 End",
            "appendonly.aof 33 end 33",
            "appendonly.aof 60 60 [0] \"SET\" \"k\" \"v\"",
        ]
    );
}

#[test]
fn the_database_is_known_where_a_file_is_whole() {
    let folder = Folder::new("databases");
    let alone = folder.write("a.1.incr.aof", commands(&["SET k v", "SELECT 2", "SET k v"]));
    folder.write("a.2.incr.aof", commands(&["SET k v"]));
    folder.manifest(&[INCR_1, INCR_2]);
    let databases = |path: &Path| -> Vec<Option<u32>> {
        let (mut files, mut found) = (AppendOnly::open(path).unwrap(), Vec::new());
        while let Some(event) = files.next_event().unwrap() {
            if let Event::Command(command) = event.event {
                found.push(command.db);
            }
        }
        found
    };
    // A server reads each file from database 0 on.
    assert_eq!(databases(&folder.0), [Some(0), Some(2), Some(0)]);
    assert_eq!(databases(&alone), [None, Some(2)]);
}

#[test]
fn a_large_directory_of_a_real_server_is_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/redis-7.0.15-appendonlydir");
    let mut files = AppendOnly::with(&folder, options! { control: true }).unwrap();
    let (mut commands, mut snapshot, mut times) = (0, 0, Vec::new());
    while let Some(event) = files.next_event().unwrap() {
        match event.event {
            Event::SnapshotBytes(bytes) => snapshot += bytes.len(),
            Event::SnapshotBegin(_) | Event::SnapshotEnd(_) => {}
            _ => {
                commands += 1;
                times.extend(event.time);
            }
        }
    }
    let noted = fs::read_to_string(folder.join("appendonly.aof.2.incr.aof.commands.jsonl")).unwrap();
    let annotations = noted.lines().filter(|line| line.contains("annotation")).count();
    assert_eq!(commands, noted.lines().count() - annotations);
    assert_eq!(snapshot as u64, fs::metadata(folder.join("appendonly.aof.2.base.rdb")).unwrap().len());
    // The server was configured to annotate in the middle of the file.
    assert_eq!((times.len(), annotations), (commands - 140, 2));
    assert!(times.is_sorted() && times[0] > 1_600_000_000);
    assert_eq!((files.file().kind, files.file().seq), (FileKind::Increment, Some(2)));
}

// ---- the end --------------------------------------------------------------------------------------------------------

/// A server cuts there, and keeps what is before.
#[test]
fn a_tail_cut_anywhere_gives_what_is_before_it() {
    let folder = Folder::new("tail");
    let bytes = commands(&["SELECT 0", "SET k v", "MULTI", "INCR n", "EXEC", "DEL k"]);
    let ends = [23, 50, 65, 86, 100, 120];
    assert_eq!(bytes.len(), 120);
    folder.write("a.1.base.rdb", DUMP);
    for cut in 0..=bytes.len() {
        folder.write("a.1.incr.aof", &bytes[..cut]);
        folder.manifest(&[BASE, INCR_1]);
        for path in [folder.path("a.1.incr.aof"), folder.0.clone()] {
            let mut files = AppendOnly::with(path, options! { control: true }).unwrap();
            let count = read(&mut files).unwrap().iter().filter(|line| line.contains("incr.aof")).count();
            assert_eq!(count, ends.iter().filter(|&&end| end <= cut).count(), "cut at {cut}");
            let expected = match cut {
                0 | 23 | 50 | 100 | 120 => None,
                65..100 => Some((UnfinishedKind::Transaction, 50)),
                _ => Some((UnfinishedKind::Command, *ends.iter().rev().find(|&&end| end < cut).unwrap_or(&0))),
            };
            let expected = expected.map(|(kind, start)| (kind, start as u64, cut as u64));
            assert_eq!(files.unfinished().map(unfinished), expected, "cut at {cut}");
            // Asked again, it says so again.
            assert!(files.next_event().unwrap().is_none());
            assert_eq!(files.unfinished().map(unfinished), expected);
        }
        // Followed by another file it is an error.
        folder.write("a.2.incr.aof", commands(&["DEL k"]));
        folder.manifest(&[BASE, INCR_1, INCR_2]);
        let whole = matches!(cut, 0 | 23 | 50 | 100 | 120);
        match all(&folder.0) {
            Ok(lines) => assert!(whole && lines.last().unwrap().ends_with("20 [0] \"DEL\" \"k\""), "cut at {cut}"),
            Err(AppendOnlyError::Torn { path, unfinished }) => {
                assert!(!whole, "cut at {cut}");
                assert_eq!((path, unfinished.end), (folder.path("a.1.incr.aof"), cut as u64));
            }
            Err(error) => panic!("cut at {cut}: {error}"),
        }
    }
}

#[test]
fn a_command_in_parts_is_unfinished_too() {
    let folder = Folder::new("parts");
    let bytes = commands(&["SELECT 0", &format!("SET k {}", "v".repeat(9000))]);
    let file = folder.write("a.aof", &bytes[..bytes.len() - 100]);
    let options = options! { parts: Some(2000) };
    let mut files = AppendOnly::with(&file, options).unwrap();
    assert!(read(&mut files).unwrap().last().unwrap().contains("Piece"));
    let end = bytes.len() as u64 - 100;
    assert_eq!(files.unfinished().map(unfinished), Some((UnfinishedKind::Command, 23, end)));
    folder.append("a.aof", &bytes[bytes.len() - 100..]);
    let rest = read(&mut files).unwrap();
    assert_eq!(rest.last().unwrap(), &format!("a.aof {} End", bytes.len()));
    assert_eq!(files.unfinished(), None);
}

#[test]
fn a_snapshot_that_is_cut_short_is_an_error() {
    let folder = Folder::new("short");
    for cut in 1..DUMP.len() {
        let file = folder.write("appendonly.aof", &DUMP[..cut]);
        let words = error(&file);
        assert!(words.contains("cut short") && words.contains(&file.display().to_string()), "{words}");
    }
    let broken = [&DUMP[..DUMP.len() - 8], b"12345678", &commands(&["SET k v"])].concat();
    let words = error(folder.write("appendonly.aof", broken));
    assert!(words.contains("checksum"), "{words}");
}

/// Gives one byte at a time.
struct Slowly(std::io::Cursor<Vec<u8>>);

impl std::io::Read for Slowly {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        let one = space.len().min(1);
        self.0.read(&mut space[..one])
    }
}

#[test]
fn how_it_arrives_does_not_matter() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/redis-7.0.15-appendonlydir");
    let mut bytes = fs::read(folder.join("appendonly.aof.2.base.rdb")).unwrap();
    bytes.extend(fs::read(folder.join("appendonly.aof.2.incr.aof")).unwrap());
    for parts in [None, Some(1024)] {
        let options = options! { parts, control: true, snapshot: SnapshotForm::Items };
        // Where a large argument is cut into pieces does hang on how it arrives.
        let without_pieces = |source: Box<dyn std::io::Read + Send>| -> Vec<String> {
            let lines = read(&mut AppendOnly::of(source, "all", None, options)).unwrap();
            lines.into_iter().filter(|line| !line.contains("Piece")).collect()
        };
        let at_once = without_pieces(Box::new(std::io::Cursor::new(bytes.clone())));
        assert!(at_once.len() > 300);
        assert_eq!(without_pieces(Box::new(Slowly(std::io::Cursor::new(bytes.clone())))), at_once);
    }
}

// ---- bad input ------------------------------------------------------------------------------------------------------

#[test]
fn manifests_that_servers_refuse_are_refused() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "line 1: the manifest is empty"),
        (b"\n", "line 1: expected: file NAME seq NUMBER type b|i|h"),
        (b"file a seq 1\n", "line 1: expected"),
        (b"file a seq 1 type b x\n", "line 1: expected"),
        (b"file \"a seq 1 type b\n", "line 1: expected"),
        (b"*1\r\n$1\r\nx\r\n", "line 1: expected"),
        (b"# ok\nfile a seq 1 type b", "line 2: the last line has no end"),
        (b"file a seq 1 type x\n", "line 1: an unknown type"),
        (b"file a seq 0 type b\n", "line 1: seq is no number above 0"),
        (b"file a seq -1 type b\n", "line 1: seq is no number"),
        (b"file a seq 1x type b\n", "line 1: seq is no number"),
        (b"file a seq 99999999999999999999 type b\n", "line 1: seq is no number"),
        (b"file a/b seq 1 type b\n", "line 1: the name of the file is a path"),
        (b"file ../b seq 1 type b\n", "line 1: the name of the file is a path"),
        (b"file a\\b seq 1 type b\n", "line 1: the name of the file is a path"),
        (b"file .. seq 1 type b\n", "line 1: the name of the file is none"),
        (b"file \"\" seq 1 type b\n", "line 1: the name of the file is none"),
        (b"file \xff seq 1 type b\n", "line 1: the name of the file is not UTF-8"),
        (b"x a seq 1 type b\n", "line 1: no file is named"),
        (b"file a x 1 type b\n", "line 1: seq is missing"),
        (b"file a seq 1 x b\n", "line 1: type is missing"),
        (b"file a seq 1 type b\nfile b seq 2 type b\n", "line 2: a second base"),
        (b"file a seq 2 type i\nfile b seq 1 type i\n", "line 2: seq is not greater"),
        (b"file a seq 2 type i\nfile b seq 2 type i\n", "line 2: seq is not greater"),
    ];
    let folder = Folder::new("manifests");
    for (text, words) in cases {
        let error = Manifest::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(words), "{error}: {words}");
        let manifest = folder.write("a.manifest", text);
        assert_eq!(self::error(&folder.0), format!("{}, {error}", manifest.display()));
    }
    let long = [b"file ", &[b'a'; 1024][..], b" seq 1 type b\n"].concat();
    assert!(Manifest::parse(&long).unwrap_err().to_string().contains("1024 bytes"));
    let manifest =
        Manifest::parse(b"#\n FILE 'a b' type incr Seq 12 startoffset 26\r\nfile \"c\\x20d\" seq 1 type h\n").unwrap();
    assert_eq!((manifest.increments[0].name.as_str(), manifest.increments[0].seq), ("a b", 12));
    assert_eq!(manifest.history[0].name, "c d");
}

proptest::proptest! {
    /// Whatever a manifest holds, it is read or refused by the number of a line.
    #[test]
    fn any_text_of_a_manifest_has_an_answer(
        lines in proptest::collection::vec(
            proptest::prelude::prop_oneof![
                "(file|seq|type|FILE|x|#|\"|'|\\\\| |\t|\r|[0-9]{1,3}|[abih/.]|\u{e4}){0,12}",
                "file [a-z.]{1,5} seq [0-9]{1,2} type [bihx]",
            ],
            0..6,
        ),
        end in "\n?",
    ) {
        let text = lines.join("\n") + &end;
        match Manifest::parse(text.as_bytes()) {
            Ok(manifest) => {
                let files = manifest.base.iter().chain(&manifest.increments).chain(&manifest.history);
                for file in files {
                    assert!(file.seq > 0 && !file.name.is_empty() && !file.name.contains('/'));
                }
                assert!(manifest.increments.is_sorted_by(|one, next| one.seq < next.seq));
            }
            Err(error) => assert!((1..=lines.len().max(1)).contains(&error.line), "{error}"),
        }
    }
}

#[test]
fn what_can_not_be_read_is_named() {
    let folder = Folder::new("bad");
    let name = |of: &str| folder.path(of).display().to_string();
    assert!(error(folder.path("none")).contains(&name("none")));
    assert!(error(&folder.0).contains("holds no manifest"));
    folder.write("temp-a.manifest", "");
    assert!(error(&folder.0).contains("holds no manifest"), "a server has not renamed it yet");
    fs::create_dir(folder.path("appendonlydir")).unwrap();
    folder.write("appendonlydir/b.manifest", "file x seq 1 type b\n");
    assert!(error(&folder.0).ends_with(&format!("; {} does", name("appendonlydir"))), "{}", error(&folder.0));
    folder.manifest(&["# nothing"]);
    assert!(error(&folder.0).contains("names no file"));
    folder.manifest(&[BASE]);
    assert_eq!(
        error(&folder.0),
        format!("{} is missing: the manifest {} names it", name("a.1.base.rdb"), name("a.manifest"))
    );
    fs::create_dir(folder.path("a.1.base.rdb")).unwrap();
    assert_eq!(
        error(&folder.0),
        format!("{} is no regular file: copy the directory again, with regular files", name("a.1.base.rdb"))
    );
    folder.write("b.manifest", "");
    assert!(error(&folder.0).contains("more than one manifest, a.manifest and b.manifest"), "{}", error(&folder.0));
    #[cfg(unix)]
    assert!(error("/dev/null").contains("no regular file"));
    fs::remove_file(folder.path("b.manifest")).unwrap();
    folder.write("a.manifest", vec![b'#'; 2 << 20]);
    assert!(error(&folder.0).contains("far too long"));
}

#[test]
fn broken_bytes_are_named_by_file_and_byte() {
    let folder = three("broken");
    let place = |of: &str| folder.path(of).display().to_string();
    folder.append("a.1.incr.aof", b"hello\r\n");
    let words = error(&folder.0);
    let file = place("a.1.incr.aof");
    let expected =
        format!("expected '*' of a command, found 'h', at byte 66 of {file}; everything before byte 66 is valid");
    assert_eq!(words, expected);
    assert!(matches!(
        all(&folder.0),
        Err(AppendOnlyError::Protocol { kind: ProtocolErrorKind::Unexpected { .. }, at: 66, offset: 66, .. })
    ));
    folder.write("a.1.incr.aof", b"hello\r\n");
    assert!(error(&folder.0).contains("found 'h', at byte 0 of"), "{}", error(&folder.0));
    folder.write("a.1.incr.aof", b"");
    folder.append("a.1.base.rdb", b"\r\nhello");
    assert!(error(&folder.0).contains("after the snapshot, found 'h', at byte 35 of"), "{}", error(&folder.0));
    let first = AppendOnly::of(b"*1\r\n$1\r\nx\r\n\r\n?".as_slice(), "the input", Some(1000), Options::default());
    let mut first = first;
    assert_eq!(first.next_event().unwrap().unwrap().end, 11);
    let error = first.next_event().unwrap_err();
    assert!(matches!(error, AppendOnlyError::Protocol { at: 13, offset: 1013, .. }), "{error}");
    let end = "at byte 13 of the input; everything before byte 11 is valid";
    assert!(error.to_string().ends_with(end), "{error}");
}

/// As servers do whose aof-load-corrupt-tail-max-size is set.
#[test]
fn a_corrupt_tail_up_to_the_limit_is_passed_over() {
    let folder = Folder::new("corrupt");
    folder.write("a.1.base.rdb", DUMP);
    folder.manifest(&[BASE, INCR_1]);
    for (text, valid, events) in [
        (&["SELECT 0", "SET k v"][..], 50, 2),
        (&["SELECT 0", "MULTI", "INCR n"], 23, 3),
        (&["SELECT 0", "MULTI", "INCR n", "EXEC"], 73, 4),
        (&[], 0, 0),
    ] {
        for zeros in [1, 4096, 100_000] {
            let bytes = [commands(text), vec![0; zeros]].concat();
            folder.write("a.1.incr.aof", &bytes);
            let tail = (bytes.len() - valid) as u64;
            let open = |most| AppendOnly::with(&folder.0, options! { control: true }).unwrap().max_corrupt_tail(most);
            let mut files = open(tail);
            let lines = read(&mut files).unwrap();
            assert_eq!(lines.iter().filter(|line| line.contains("incr.aof")).count(), events, "{text:?} {zeros}");
            let end = bytes.len() as u64;
            assert_eq!(files.unfinished().map(unfinished), Some((UnfinishedKind::Corrupt, valid as u64, end)));
            // A tail that is too long is an error, again and again.
            for most in [0, tail - 1] {
                let mut files = open(most);
                let first = read(&mut files).unwrap_err().to_string();
                assert!(first.contains("found 0x00, at byte"), "{first}");
                assert_eq!(read(&mut files).unwrap_err().to_string(), first);
            }
        }
    }
    // Only the last file may end so.
    folder.write("a.2.incr.aof", commands(&["DEL k"]));
    folder.manifest(&[BASE, INCR_1, INCR_2]);
    let mut files = AppendOnly::open(&folder.0).unwrap().max_corrupt_tail(1 << 30);
    assert!(read(&mut files).unwrap_err().to_string().contains("found 0x00, at byte 0 of"));
}

/// Servers load such a dump.rdb.
#[test]
fn bytes_behind_a_snapshot_are_passed_over() {
    for tail in [&[0; 1][..], &[0; 70_000], b"6ce932509f837be396595080afae0e8044314847", b"\r\n0"] {
        let bytes = [DUMP, tail].concat();
        let mut file = AppendOnly::of(std::io::Cursor::new(bytes.clone()), "the input", None, Options::default());
        let mut ends = false;
        while let Some(event) = file.next_event().unwrap() {
            ends = matches!(event.event, Event::SnapshotEnd(_));
        }
        assert!(ends);
        let expected = (UnfinishedKind::Trailing, DUMP.len() as u64, bytes.len() as u64);
        assert_eq!(file.unfinished().map(unfinished), Some(expected));
    }
}

// ---- following ------------------------------------------------------------------------------------------------------

#[test]
fn what_is_written_later_comes_later_and_once() {
    let folder = Folder::new("grows");
    let bytes = commands(&["SELECT 1", "SET k v", "MULTI", "INCR n", "EXEC", "DEL k"]);
    folder.write("a.1.incr.aof", b"");
    folder.manifest(&[INCR_1]);
    let expected = {
        let whole = Folder::new("grown");
        whole.write("a.1.incr.aof", &bytes);
        whole.manifest(&[INCR_1]);
        all(&whole.0).unwrap()
    };
    for path in [folder.path("a.1.incr.aof"), folder.0.clone()] {
        folder.write("a.1.incr.aof", b"");
        let (mut files, mut found) = (AppendOnly::open(path).unwrap(), Vec::new());
        for byte in &bytes {
            folder.append("a.1.incr.aof", [*byte]);
            found.extend(read(&mut files).unwrap());
        }
        assert_eq!(found.len(), expected.len());
        assert!(found.iter().zip(&expected).all(|(found, expected)| *found == expected.replace("[0]", "[1]")));
        assert_eq!(files.unfinished(), None);
    }
}

#[test]
fn a_rewrite_is_followed_to_its_increment() {
    let folder = Folder::new("rewrite");
    folder.write("a.1.base.rdb", DUMP);
    folder.write("a.1.incr.aof", commands(&["SET a 1"]));
    folder.manifest(&[BASE, INCR_1]);
    let mut files = folder.open();
    assert_eq!(read(&mut files).unwrap().len(), 4);
    // The last commands of the old file precede those of the new one, though both are seen at once.
    folder.append("a.1.incr.aof", commands(&["SET b 1"]));
    folder.write("a.2.incr.aof", commands(&["SET c 1"]));
    folder.manifest(&[BASE, INCR_1, INCR_2]);
    assert_eq!(
        read(&mut files).unwrap(),
        ["a.1.incr.aof 54 54 [0] \"SET\" \"b\" \"1\"", "a.2.incr.aof 27 27 [0] \"SET\" \"c\" \"1\""]
    );
    // The rewrite is done: the base is not read again.
    folder.write("a.2.base.rdb", DUMP);
    folder.manifest(&["file a.2.base.rdb seq 2 type b", "file a.1.incr.aof seq 1 type h", INCR_2]);
    fs::remove_file(folder.path("a.1.incr.aof")).unwrap();
    folder.append("a.2.incr.aof", commands(&["SET d 1"]));
    assert_eq!(read(&mut files).unwrap(), ["a.2.incr.aof 54 54 [0] \"SET\" \"d\" \"1\""]);
    // A rewrite that begins, ends and is cleaned up between two reads, with more commands in the removed file.
    folder.append("a.2.incr.aof", commands(&["SET e 1"]));
    folder.write("a.3.incr.aof", commands(&["SET f 1"]));
    folder.manifest(&["file a.3.base.rdb seq 3 type b", "file a.3.incr.aof seq 3 type i"]);
    fs::remove_file(folder.path("a.2.incr.aof")).unwrap();
    assert_eq!(
        read(&mut files).unwrap(),
        ["a.2.incr.aof 81 81 [0] \"SET\" \"e\" \"1\"", "a.3.incr.aof 27 27 [0] \"SET\" \"f\" \"1\""]
    );
    // All became history while the server wrote none.
    folder.manifest(&["file a.4.base.rdb seq 4 type b"]);
    assert!(read(&mut files).unwrap().is_empty());
    // Two rewrites at once: what was in between is gone.
    folder.write("a.5.incr.aof", commands(&["SET h 1"]));
    folder.manifest(&["file a.5.base.rdb seq 5 type b", "file a.5.incr.aof seq 5 type i"]);
    let error = read(&mut files).unwrap_err();
    assert!(matches!(error, AppendOnlyError::Missed { last: 3, next: 5, .. }), "{error}");
}

#[test]
fn a_base_alone_tells_which_increment_comes_next() {
    let folder = Folder::new("base");
    folder.write("a.1.base.rdb", DUMP);
    folder.manifest(&[BASE]);
    let mut files = folder.open();
    assert_eq!(read(&mut files).unwrap().len(), 3);
    folder.write("a.2.incr.aof", commands(&["SET a 1"]));
    folder.manifest(&[BASE, INCR_2]);
    assert_eq!(read(&mut files).unwrap().len(), 1);
    let mut files = {
        folder.manifest(&[BASE]);
        folder.open()
    };
    assert_eq!(read(&mut files).unwrap().len(), 3);
    folder.manifest(&["file a.2.base.rdb seq 2 type b", INCR_2]);
    assert!(matches!(read(&mut files), Err(AppendOnlyError::Missed { last: 0, next: 2, .. })));
}

#[test]
fn files_that_are_not_what_they_were_end_it() {
    let folder = three("anew");
    let mut files = folder.open();
    read(&mut files).unwrap();
    folder.manifest(&[BASE, INCR_1]);
    let error = read(&mut files).unwrap_err();
    assert!(matches!(error, AppendOnlyError::Anew { last: 2, newest: 1, .. }), "{error}");

    let mut files = three("gone").open();
    read(&mut files).unwrap();
    assert!(matches!(read(&mut files), Err(AppendOnlyError::Io { .. })), "the folder was removed");
}

/// A rewrite before Redis 7.0. Commands written before it are read to their end.
#[test]
fn a_file_that_was_replaced_ends_it() {
    let folder = Folder::new("replaced");
    let file = folder.write("appendonly.aof", commands(&["SET a 1"]));
    let mut files = AppendOnly::open(&file).unwrap();
    assert_eq!(read(&mut files).unwrap().len(), 1);
    folder.append("appendonly.aof", commands(&["SET b 1"]));
    let last = files.next_event().unwrap().unwrap().end;
    folder.write("temp", [DUMP, &commands(&["SET b 1"])].concat());
    folder.append("appendonly.aof", commands(&["SET c 1"]));
    fs::rename(folder.path("temp"), &file).unwrap();
    assert_eq!(last, 54);
    assert_eq!(read(&mut files).unwrap().len(), 1);
    let error = read(&mut files).unwrap_err();
    assert!(matches!(&error, AppendOnlyError::Replaced { path } if *path == file), "{error}");
}

#[test]
fn what_is_cut_off_and_was_never_whole_is_forgotten() {
    let folder = Folder::new("cut");
    let whole = commands(&["SELECT 7", "SET a 1"]);
    let file = folder.write("a.aof", [&whole[..], b"*3\r\n$3\r\nSET\r\n$1\r\nx"].concat());
    let mut files = AppendOnly::open(&file).unwrap();
    assert_eq!(read(&mut files).unwrap().len(), 1);
    // A server that could not write all of a command takes back the part, and tries again later.
    let length = |bytes: u64| fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(bytes).unwrap();
    length(whole.len() as u64);
    assert!(read(&mut files).unwrap().is_empty());
    folder.append("a.aof", commands(&["SET b 1"]));
    assert_eq!(read(&mut files).unwrap(), ["a.aof 77 77 [7] \"SET\" \"b\" \"1\""]);
    // One read sees both at once.
    folder.append("a.aof", b"*3\r\n$3\r\nSET\r\n$19\r\nx\r\n$1");
    assert!(read(&mut files).unwrap().is_empty());
    length(77);
    folder.append("a.aof", commands(&["DEL b"]));
    assert_eq!(read(&mut files).unwrap(), ["a.aof 97 97 [7] \"DEL\" \"b\""]);
    // Delivered commands cannot be taken back.
    length(80);
    let error = read(&mut files).unwrap_err();
    assert!(matches!(error, AppendOnlyError::Cut { now: 80, read: 97, .. }), "{error}");

    let file = folder.write("b.aof", commands(&["MULTI", "INCR n"]));
    let mut files = AppendOnly::open(&file).unwrap();
    read(&mut files).unwrap();
    folder.append("b.aof", b"*1");
    read(&mut files).unwrap();
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(0).unwrap();
    assert!(matches!(read(&mut files), Err(AppendOnlyError::Cut { now: 0, .. })));
}

fn unfinished(it: Unfinished) -> (UnfinishedKind, u64, u64) {
    (it.kind, it.start, it.end)
}

/// What a later version may write.
#[test]
fn files_of_the_future_are_read_as_far_as_they_are_known() {
    let folder = three("future");
    let expected = all(&folder.0).unwrap();
    // Keys and comments in a manifest that nobody knows, before and between those that are known.
    folder.manifest(&[
        "# written by a later version",
        "shard 3 file a.1.base.rdb checksum \"crc64 0\" seq 1 type b codec zstd",
        "file a.0.incr.aof seq 1 type h endoffset 7",
        "startoffset 0 file a.1.incr.aof seq 1 type i endoffset 66",
        "file a.2.incr.aof type i tier \"\\x00\" seq 2 startoffset 66",
    ]);
    assert_eq!(all(&folder.0).unwrap(), expected);
    // Annotations, commands and auxiliary fields that nobody knows, and later versions of the snapshot.
    let lines = [b"#SHARD:3 \x80\r\n#\r\n".to_vec(), commands(&["SELECT 3", "QUANTUM.SET k v"])].concat();
    folder.write("a.1.incr.aof", lines);
    for magic in [b"REDIS0018", b"REDIS0022", b"VALKEY082", b"VALKEY086"] {
        for snapshot in [SnapshotForm::Bytes, SnapshotForm::Items] {
            let open = |base: &[u8]| {
                folder.write("a.1.base.rdb", base);
                read(&mut AppendOnly::with(&folder.0, options! { snapshot }).unwrap())
            };
            let base = [magic, &b"\xfa\x05shape\x01x\xfe\0\0\x05hello\x05world\xff\0\0\0\0\0\0\0\0"[..]].concat();
            let seen = open(&base).unwrap();
            assert!(seen.contains(&format!("a.1.base.rdb {0} end {0}", base.len())), "{seen:?}");
            assert!(seen.contains(&"a.1.incr.aof 74 74 [3] \"QUANTUM.SET\" \"k\" \"v\"".to_owned()), "{seen:?}");
            // An unknown opcode has no known length.
            let error = open(&[magic, &b"\xfa\x05shape\x01x\xc7whatever"[..]].concat()).unwrap_err().to_string();
            assert!(error.contains("unknown type or opcode 199") && error.contains("at byte 18, "), "{error}");
            // The commands do not depend on it.
            let mut files = AppendOnly::commands(&folder.0, options! { snapshot }).unwrap();
            assert_eq!(read(&mut files).unwrap()[0], "a.1.incr.aof 74 74 [3] \"QUANTUM.SET\" \"k\" \"v\"");
        }
    }
}

#[test]
fn only_the_commands_of_a_directory_need_no_snapshot() {
    let folder = three("commands");
    let with_snapshot = all(&folder.0).unwrap();
    fs::remove_file(folder.path("a.1.base.rdb")).unwrap();
    let mut files = AppendOnly::commands(&folder.0, Options::default()).unwrap();
    assert_eq!((files.file().kind, files.file().name()), (FileKind::Base, "a.1.base.rdb".into()));
    assert_eq!(read(&mut files).unwrap(), with_snapshot[3..]);
    // A new increment is followed, also over a rewrite.
    folder.write("a.3.incr.aof", commands(&["SET k v"]));
    folder.manifest(&["file a.2.base.rdb seq 2 type b", "file a.3.incr.aof seq 3 type i"]);
    assert_eq!(read(&mut files).unwrap(), ["a.3.incr.aof 27 27 [0] \"SET\" \"k\" \"v\""]);
    // A directory that has only been begun, and one whose base holds commands.
    folder.manifest(&[BASE]);
    let mut files = AppendOnly::commands(&folder.0, Options::default()).unwrap();
    assert_eq!(read(&mut files).unwrap(), [""; 0]);
    folder.write("a.1.base.aof", commands(&["SET base 1"]));
    folder.manifest(&["file a.1.base.aof seq 1 type b", INCR_2]);
    let mut files = AppendOnly::commands(&folder.0, Options::default()).unwrap();
    assert_eq!(read(&mut files).unwrap()[0], "a.1.base.aof 30 30 [0] \"SET\" \"base\" \"1\"");
}

//! Replies of real servers have the types and values recorded with them.
//!
//! The repository has a small recording. The whole corpus is expected beside the project or at REDTAIL_CORPUS.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use redtail::resp::Kind;
use redtail::{CommandParser, Frame, FrameParser, Status};
use serde_json::{Value, json};

/// A frame in the format of the recordings. They list long texts by length and digest; the digest is not checked.
fn told(frame: Frame<'_>) -> Value {
    if let Some(attributes) = frame.attributes() {
        let pairs: Vec<_> = attributes.map(|(key, value)| json!([told(key), told(value)])).collect();
        return json!({"t": "with-attribute", "attribute": {"t": "attribute", "v": pairs}, "value": plain(frame)});
    }
    plain(frame)
}

fn plain(frame: Frame<'_>) -> Value {
    let items = || frame.items().map(told).collect::<Vec<_>>();
    let first = frame.raw()[0];
    match frame.kind() {
        Kind::SimpleString => json!({"t": "simple", "v": text(frame.as_bytes().unwrap())}),
        Kind::Error => json!({"t": "error", "v": text(frame.as_bytes().unwrap())}),
        Kind::BulkString => json!({"t": "bulk", "v": text(frame.as_bytes().unwrap())}),
        Kind::Integer => json!({"t": "int", "v": frame.as_i64().unwrap().to_string()}),
        Kind::Double => {
            json!({"t": "double", "v": std::str::from_utf8(&frame.raw()[1..frame.raw().len() - 2]).unwrap()})
        }
        Kind::Boolean => json!({"t": "bool", "v": frame.as_bool().unwrap()}),
        Kind::BigNumber => json!({"t": "bignum", "v": text(frame.as_bytes().unwrap())}),
        Kind::VerbatimString => {
            let format = std::str::from_utf8(frame.verbatim().unwrap().0).unwrap();
            json!({"t": "verbatim", "format": format, "v": text(frame.as_bytes().unwrap())})
        }
        Kind::Null if first == b'$' => json!({"t": "null-bulk"}),
        Kind::Null if first == b'*' => json!({"t": "null-array"}),
        Kind::Null => json!({"t": "null"}),
        Kind::Array => json!({"t": "array", "v": items()}),
        Kind::Set => json!({"t": "set", "v": items()}),
        Kind::Push => json!({"t": "push", "v": items()}),
        Kind::Map => {
            json!({"t": "map", "v": frame.pairs().map(|(key, value)| json!([told(key), told(value)])).collect::<Vec<_>>()})
        }
        other => panic!("{other:?}"),
    }
}

fn text(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({"b64": STANDARD.encode(bytes)}),
    }
}

/// Compares two spellings of a text: a string, base64, or only a length.
fn same(told: &Value, listed: &Value) -> bool {
    match (told, listed) {
        (told, Value::Object(listed)) if listed.contains_key("sha256") => bytes(told).len() as u64 == listed["len"],
        (told, Value::Object(fields)) if fields.contains_key("b64") => bytes(told) == bytes(listed),
        (Value::Object(told), Value::Object(listed)) => {
            told.len() == listed.len()
                && told.iter().all(|(key, value)| listed.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Array(told), Value::Array(listed)) => {
            told.len() == listed.len() && told.iter().zip(listed).all(|(told, listed)| same(told, listed))
        }
        _ => told == listed,
    }
}

fn bytes(text: &Value) -> Vec<u8> {
    match text {
        Value::String(text) => text.clone().into_bytes(),
        Value::Object(fields) => STANDARD.decode(fields["b64"].as_str().unwrap()).unwrap(),
        other => panic!("{other}"),
    }
}

/// Checks every reply of one recording and returns their number.
fn replies(bin: &Path, lines: &Path) -> usize {
    let recorded = std::fs::read(bin).unwrap();
    let mut frames = 0;
    for line in std::fs::read_to_string(lines).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (at, len) = (line["at"].as_u64().unwrap() as usize, line["len"].as_u64().unwrap() as usize);
        let mut parser = FrameParser::new().starting_at(at as u64);
        let mut input = &recorded[at..at + len];
        for listed in line["values"].as_array().unwrap() {
            let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!("{}: {line}", bin.display()) };
            let told = told(frame);
            assert!(same(&told, listed), "{} at {at}: {told} is not {listed}", bin.display());
            assert!(!frame.to_string().is_empty() || frame.as_bytes().is_some_and(<[u8]>::is_empty));
            frames += 1;
        }
        assert!(input.is_empty(), "{}: {line}", bin.display());
        assert_eq!(parser.offset(), (at + len) as u64);
    }
    one_after_the_other(&recorded, frames);
    frames
}

/// Checks the whole file as one stream, in pieces of every size up to 20.
fn one_after_the_other(recorded: &[u8], frames: usize) {
    for size in 1..20 {
        let (mut parser, mut front, mut found) = (FrameParser::new(), 0, 0);
        for end in (0..recorded.len()).step_by(size).chain([recorded.len()]) {
            let mut input = &recorded[front..end];
            while let Status::Complete(_) = parser.next(&mut input).unwrap() {
                found += 1;
            }
            front = end - input.len();
        }
        assert_eq!((found, front), (frames, recorded.len()), "in pieces of {size}");
    }
}

fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let corpus = std::env::var_os("REDTAIL_CORPUS").map_or(beside, PathBuf::from);
    if !corpus.is_dir() {
        println!("skipped: no recordings at {} (REDTAIL_CORPUS)", corpus.display());
        return None;
    }
    Some(corpus)
}

#[test]
fn replies_in_the_repository_have_their_values() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    assert!(replies(&data.join("replies-resp2.bin"), &data.join("replies-resp2.jsonl")) > 20);
    assert!(replies(&data.join("replies-resp3.bin"), &data.join("replies-resp3.jsonl")) > 20);
}

#[test]
fn recorded_replies_of_all_servers() {
    let Some(corpus) = corpus() else { return };
    let mut servers = 0;
    for server in std::fs::read_dir(corpus).unwrap() {
        let folder = server.unwrap().path().join("s30-replies");
        if !folder.is_dir() {
            continue;
        }
        for version in ["resp2", "resp3"] {
            let frames = replies(&folder.join(format!("{version}.bin")), &folder.join(format!("{version}.jsonl")));
            assert!(frames > 50, "{}: {frames}", folder.display());
        }
        servers += 1;
    }
    assert!(servers > 0);
}

/// The commands of append-only files end at the end of the file.
#[test]
fn recorded_append_only_files() {
    let Some(corpus) = corpus() else { return };
    let mut files = 0;
    for server in std::fs::read_dir(corpus).unwrap() {
        let folder = server.unwrap().path().join("s20-files");
        for path in walk(&folder).into_iter().filter(|path| path.to_string_lossy().ends_with(".aof")) {
            let recorded = std::fs::read(&path).unwrap();
            if !recorded.starts_with(b"*") && !recorded.starts_with(b"#") {
                continue;
            }
            let (mut parser, mut input, mut time) = (CommandParser::aof(), &recorded[..], None);
            for line in std::fs::read_to_string(format!("{}.commands.jsonl", path.display())).unwrap().lines() {
                let line: Value = serde_json::from_str(line).unwrap();
                if let Some(note) = line["annotation"].as_str() {
                    time = note.strip_prefix("TS:").map(|seconds| seconds.parse().unwrap()).or(time);
                    continue;
                }
                let Ok(Status::Complete(command)) = parser.next(&mut input) else {
                    panic!("{}: {line}", path.display())
                };
                let told: Vec<_> = command.args().map(text).collect();
                assert!(same(&json!(told), &line["args"]), "{}: {told:?} is not {line}", path.display());
                assert_eq!(json!(command.raw().len()), line["len"]);
                assert_eq!(parser.timestamp(), time);
                assert_eq!(json!(parser.offset()), json!(line["at"].as_u64().unwrap() + line["len"].as_u64().unwrap()));
            }
            assert_eq!(parser.next(&mut input), Ok(Status::Incomplete { needed: 10 }), "{}", path.display());
            assert!(input.is_empty(), "{}", path.display());
            files += 1;
        }
    }
    assert!(files > 0);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path) } else { vec![path] }
        })
        .collect()
}

//! Every recording of the corpus, decoded by the tool, against the list of its commands.

use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::run::{Ran, commands, run, run_on};

/// A file of the corpus and the commands that are in it.
struct Recording {
    file: PathBuf,
    bytes: Vec<u8>,
    commands: Vec<Value>,
}

impl Recording {
    /// The exact bytes of a command.
    fn raw(&self, command: &Value) -> &[u8] {
        let [at, len] = ["at", "len"].map(|field| command[field].as_u64().unwrap() as usize);
        &self.bytes[at..at + len]
    }

    /// The offset after a command. Without one in the recording, bytes of the stream or the file.
    fn offset(&self, command: &Value) -> u64 {
        let [at, len] = ["at", "len"].map(|field| command[field].as_u64().unwrap());
        let stream = if self.file.extension().unwrap() == "aof" { 0 } else { self.commands[0]["at"].as_u64().unwrap() };
        command["offset_after"].as_u64().unwrap_or(at + len - stream)
    }

    /// The replication offset before the first command.
    fn start(&self) -> u64 {
        self.commands.first().map_or(0, |first| self.offset(first) - first["len"].as_u64().unwrap())
    }

    fn decode(&self, arguments: &[&str]) -> Ran {
        run(&[&["decode", self.file.to_str().unwrap()], arguments].concat())
    }
}

#[test]
fn recordings_decode_to_their_commands() {
    let recordings = recordings(".bin", |file| !file.contains("s30-"));
    for recording in &recordings {
        let offset = recording.start().to_string();
        let mut options = vec!["--format", "json", "--all"];
        if !recording.bytes.trim_ascii_start().starts_with(b"+FULLRESYNC ") {
            options.extend(["--offset", &offset]);
        }
        check(recording, &recording.decode(&options));
    }
}

#[test]
fn append_only_files_decode_to_their_commands() {
    for recording in &recordings(".aof", |_| true) {
        let ran = recording.decode(&["--format", "json", "--all"]).ok();
        let keys = ran.json().iter().filter(|event| event["event"] == "key").count();
        assert_eq!(keys > 0, recording.bytes.starts_with(b"REDIS"), "{}", recording.file.display());
        check(recording, &ran);
    }
}

#[test]
fn resp_is_the_commands_that_can_be_loaded() {
    for recording in &recordings(".bin", |file| !file.contains("s30-")) {
        let expected: Vec<u8> = recording
            .commands
            .iter()
            .filter(|command| {
                !["PING", "REPLCONF"].iter().any(|name| command["args"][0].as_str().unwrap().eq_ignore_ascii_case(name))
            })
            .flat_map(|command| recording.raw(command).to_vec())
            .collect();
        let ran = recording.decode(&["--format", "resp", "--assume-db", "0", "--empty-target"]);
        let out = ran.out.strip_suffix(commands(&["DISCARD"]).as_slice()).unwrap_or(&ran.out);
        let added = out
            .strip_suffix(expected.as_slice())
            .unwrap_or_else(|| panic!("{}: {}", recording.file.display(), ran.err));
        // The keys of the snapshot come first.
        let added = added
            .strip_prefix(keys(&recording.bytes).as_slice())
            .unwrap_or_else(|| panic!("{}", recording.file.display()));
        let selects: Vec<Vec<u8>> = (0..16).map(|db| commands(&[&format!("SELECT {db}")])).collect();
        assert!(added.is_empty() || selects.iter().any(|select| select == added), "{}", recording.file.display());
    }
}

/// The commands that recreate the keys of a recorded snapshot, if there is one.
fn keys(recording: &[u8]) -> Vec<u8> {
    let magic: fn(&[u8]) -> bool = |bytes| bytes.starts_with(b"REDIS0") || bytes.starts_with(b"VALKEY0");
    let Some(start) = (0..recording.len().min(1000)).find(|at| magic(&recording[*at..])) else { return Vec::new() };
    let (mut decoder, mut rest) =
        (redtail::rdb::Decoder::new().with_templates(redtail::io::TemplateBuffer::default()), &recording[start..]);
    while let redtail::Status::Complete(_) = decoder.next(&mut rest).unwrap() {}
    run_on(&["decode", "--format", "resp", "--empty-target"], &recording[start..recording.len() - rest.len()]).ok().out
}

#[test]
fn replies_are_frames() {
    let Some(corpus) = corpus() else { return };
    for file in files(&corpus)
        .iter()
        .filter(|file| file.to_str().unwrap().contains("s30-replies/resp") && file.extension().unwrap() == "bin")
    {
        let expected: usize =
            lines(&file.with_extension("jsonl")).iter().map(|line| line["values"].as_array().unwrap().len()).sum();
        let ran = run(&["decode", "--frames", "--format", "json", file.to_str().unwrap()]).ok();
        let frames = ran.json();
        assert_eq!(frames.len(), expected, "{}", file.display());
        let bytes: u64 = frames.iter().map(|frame| frame["bytes"].as_u64().unwrap()).sum();
        assert_eq!(bytes, fs::metadata(file).unwrap().len());
    }
}

fn check(recording: &Recording, ran: &Ran) {
    let file = recording.file.display();
    let all = ran.json();
    let names = ["command", "multi", "exec"];
    let events: Vec<&Value> = all.iter().filter(|event| names.iter().any(|name| event["event"] == *name)).collect();
    assert_eq!(events.len(), recording.commands.len(), "{file}: {}", ran.err);
    // The recorder did not read snapshots, which contain the database too.
    let told = all.iter().find(|event| event["event"] == "snapshot").map_or(&Value::Null, |snapshot| &snapshot["db"]);
    let mut open = false;
    for (event, noted) in events.into_iter().zip(&recording.commands) {
        let raw = arguments(recording.raw(noted));
        match event["event"].as_str().unwrap() {
            "command" => {
                let args: Vec<Vec<u8>> = event["args"].as_array().unwrap().iter().map(bytes).collect();
                assert!(args == raw, "{file}: {noted}");
                assert_eq!(event["tx"], open, "{file}: {noted}");
            }
            name => {
                assert!(raw.len() == 1 && raw[0].eq_ignore_ascii_case(name.as_bytes()), "{file}: {noted}");
                open = name == "multi";
            }
        }
        if let Some(in_transaction) = noted.get("tx") {
            assert_eq!(open || event["event"] == "exec", *in_transaction, "{file}: {noted}");
        }
        let db = if noted["db"].is_null() { told } else { &noted["db"] };
        assert_eq!(event["db"], *db, "{file}: {noted}");
        assert_eq!(event["offset"], recording.offset(noted), "{file}: {noted}");
    }
}

/// The bytes of an argument in the JSON of the tool or of the recorder.
pub(crate) fn bytes(argument: &Value) -> Vec<u8> {
    match argument {
        Value::String(text) => text.clone().into_bytes(),
        other => BASE64_STANDARD.decode(other.get("base64").unwrap_or(&other["b64"]).as_str().unwrap()).unwrap(),
    }
}

/// The arguments of a complete command, parsed slowly and plainly.
fn arguments(mut raw: &[u8]) -> Vec<Vec<u8>> {
    let number = |rest: &mut &[u8]| {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").unwrap();
        let number: usize = std::str::from_utf8(&rest[1..end]).unwrap().parse().unwrap();
        *rest = &rest[end + 2..];
        number
    };
    (0..number(&mut raw))
        .map(|_| {
            let length = number(&mut raw);
            let argument = raw[..length].to_vec();
            raw = &raw[length + 2..];
            argument
        })
        .collect()
}

fn recordings(ending: &str, wanted: impl Fn(&str) -> bool) -> Vec<Recording> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut found = Vec::new();
    for file in [Some(own), corpus()].into_iter().flatten().flat_map(|folder| files(&folder)) {
        let name = file.to_str().unwrap();
        if !name.ends_with(ending) || !wanted(name) {
            continue;
        }
        let stem = name.strip_suffix(ending).unwrap();
        let folder = stem.strip_suffix("stream").unwrap_or(stem);
        let noted = [
            format!("{stem}.jsonl"),
            format!("{stem}-commands.jsonl"),
            format!("{name}.commands.jsonl"),
            format!("{folder}commands.jsonl"),
        ];
        if let Some(noted) = noted.iter().find(|noted| Path::new(noted).exists()) {
            // Annotations of append-only files are listed too, but are not commands.
            let commands = lines(Path::new(noted)).into_iter().filter(|line| line.get("args").is_some()).collect();
            found.push(Recording { bytes: fs::read(&file).unwrap(), commands, file });
        }
    }
    found
}

fn lines(file: &Path) -> Vec<Value> {
    fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The recordings of real servers, if they are present.
pub(crate) fn corpus() -> Option<PathBuf> {
    let folder = env::var_os("REDTAIL_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: there is no corpus of recordings at {}", folder.display());
    None
}

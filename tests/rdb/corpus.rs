//! Snapshots of real servers: those in the repository, and those of the recordings if they are present.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::test_runner::{Config, TestRunner};
use redtail::io::TemplateBuffer;
use redtail::rdb::Decoder;
use serde_json::Value;

use crate::oracle;
use crate::run::{Seen, one_byte_at_a_time, run};

pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The snapshots in the repository.
pub(crate) fn carried() -> Vec<Snapshot> {
    let folder = root().join("tests/data");
    let mut snapshots: Vec<Snapshot> = fs::read_dir(folder)
        .unwrap()
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "rdb"))
        .map(|file| Snapshot { name: file.path().display().to_string(), bytes: fs::read(file.path()).unwrap() })
        .collect();
    assert!(snapshots.len() >= 5);
    snapshots.sort_by(|a, b| a.name.cmp(&b.name));
    snapshots
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every snapshot in the shared recordings: of replication links, of dumps, at the front of append-only files.
fn corpus() -> Vec<Snapshot> {
    let folder = std::env::var_os("REDTAIL_CORPUS").map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    let mut snapshots = Vec::new();
    let newer = root().join("../shared/corpus-new");
    if newer.exists() {
        walk(&newer, &mut snapshots);
        assert!(snapshots.len() > 30, "only {} snapshots at {}", snapshots.len(), newer.display());
    }
    let Ok(servers) = fs::read_dir(&folder) else {
        println!("no corpus at {}: only the carried snapshots are tested", folder.display());
        return snapshots;
    };
    for server in servers.flatten().filter(|entry| entry.path().is_dir()) {
        walk(&server.path(), &mut snapshots);
    }
    assert!(snapshots.len() > 50, "only {} snapshots at {}", snapshots.len(), folder.display());
    snapshots
}

fn walk(folder: &Path, snapshots: &mut Vec<Snapshot>) {
    for file in fs::read_dir(folder).unwrap().flatten() {
        let path = file.path();
        if path.is_dir() {
            walk(&path, snapshots);
            continue;
        }
        let name = file.file_name().into_string().unwrap();
        if name.ends_with(".rdb") || name.ends_with(".aof") {
            let bytes = fs::read(&path).unwrap();
            if bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY") {
                snapshots.push(Snapshot { name: path.display().to_string(), bytes });
            }
        } else if name.ends_with("meta.json") {
            let meta: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let Some(layout) = meta["layout"].as_array() else { continue };
            let bin = match name.strip_suffix("-meta.json") {
                Some(stem) => path.with_file_name(format!("{stem}.bin")),
                None => path.with_file_name("stream.bin"),
            };
            for part in layout.iter().filter(|part| part["what"] == "rdb") {
                let (at, len) = (part["at"].as_u64().unwrap() as usize, part["len"].as_u64().unwrap() as usize);
                let bytes = fs::read(&bin).unwrap()[at..at + len].to_vec();
                snapshots.push(Snapshot { name: format!("{} at {at}", bin.display()), bytes });
            }
        }
    }
}

pub(crate) fn all() -> Vec<Snapshot> {
    let mut snapshots = carried();
    snapshots.extend(corpus());
    snapshots
}

fn check(snapshot: &Snapshot, cuts: &[usize], expected: &(Vec<Seen>, usize)) {
    let (seen, end) = run(&snapshot.bytes, cuts);
    let first = seen.iter().zip(&expected.0).find(|(found, wanted)| found != wanted);
    assert!(first.is_none(), "{}: (found, wanted) {first:?}", snapshot.name);
    assert_eq!(end, Ok(expected.1), "{}: last {:?}", snapshot.name, seen.last());
    assert_eq!(seen.len(), expected.0.len(), "{}", snapshot.name);
}

#[test]
fn recorded_snapshots_agree_with_the_oracle() {
    for snapshot in all() {
        let expected = oracle::read(&snapshot.bytes);
        check(&snapshot, &[], &expected);
        check(&snapshot, &one_byte_at_a_time(&snapshot.bytes), &expected);
    }
}

#[test]
fn random_cuts_change_nothing() {
    for snapshot in all() {
        let expected = oracle::read(&snapshot.bytes);
        let cuts = proptest::collection::vec(0..=snapshot.bytes.len(), 0..40);
        let mut runner = TestRunner::new(Config { cases: 16, failure_persistence: None, ..Config::default() });
        runner
            .run(&cuts, |mut cuts| {
                cuts.sort_unstable();
                check(&snapshot, &cuts, &expected);
                Ok(())
            })
            .unwrap();
    }
}

#[test]
fn bytes_after_a_snapshot_are_left() {
    for snapshot in carried() {
        let expected = oracle::read(&snapshot.bytes);
        let bytes = [&snapshot.bytes[..], b"*1\r\n$4\r\nPING\r\n"].concat();
        let mut decoder = Decoder::new().starting_at(1000).with_templates(TemplateBuffer::default());
        let mut input = &bytes[..];
        while let redtail::Status::Complete(_) = decoder.next(&mut input).unwrap() {}
        assert!(decoder.is_finished());
        assert_eq!(bytes.len() - input.len(), expected.1);
        assert_eq!(decoder.offset(), 1000 + expected.1 as u64);
    }
}

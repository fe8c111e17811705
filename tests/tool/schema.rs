//! The JSON Schema of the lines against real output. Every other test that reads lines validates them too
//! (`contract::event`).

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use crate::contract;
use crate::run::run;

/// The files of a folder in tests/data with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == ending)).collect()
}

#[test]
fn every_line_of_the_test_data_is_valid() {
    let mut seen = BTreeSet::new();
    let mut decode = |path: &Path, options: &[&str]| {
        let args = [&["decode", "--format", "json"], options, &[path.to_str().unwrap()]].concat();
        for event in run(&args).json() {
            seen.insert(event["event"].as_str().unwrap().to_owned());
        }
    };
    for path in files("", "rdb").iter().chain(&files("handmade", "rdb")) {
        for options in [&[][..], &["--all"], &["--all", "--elements"], &["--max-arg", "3"]] {
            decode(path, options);
        }
    }
    for path in files("", "bin").iter().chain(&files("slots", "commands")) {
        for options in [&["--keys"][..], &["--all", "--max-arg", "5"], &["--frames"]] {
            decode(path, options);
        }
    }
    decode(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/redis-7.0.15-appendonlydir"), &[]);
    assert!(seen.len() >= 32, "{seen:?}");
}

#[test]
fn wrong_lines_are_refused() {
    let right = r#"{"event":"command","id":null,"offset":1,"db":0,"tx":false,"args":["SET",{"base64":"/w=="}]}"#;
    let check = |line: &str| contract::check(line, &serde_json::from_str(line).unwrap());
    check(right);
    let wrong = [
        right.replace("\"offset\":1,", ""),
        right.replace("\"offset\":1", "\"offset\":-1"),
        right.replace("\"id\":null", "\"id\":\"1\""),
        right.replace("\"tx\":false", "\"tx\":null"),
        right.replace("base64", "b64"),
        right.replace("\"tx\"", "\"unknown\":1,\"tx\""),
        r#"{"event":"key","db":0,"key":"k","type":"zset","expire_at_ms":null,"value":[["m"]]}"#.to_owned(),
        r#"{"event":"nothing"}"#.to_owned(),
        r#"{"offset":1}"#.to_owned(),
    ];
    for line in wrong {
        assert!(catch_unwind(|| check(&line)).is_err(), "{line}");
    }
}

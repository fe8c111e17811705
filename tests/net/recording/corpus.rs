//! Recorded connections of real servers, recorded once more.

use std::path::{Path, PathBuf};
use std::{env, fs};

use redtail::Start;
use redtail::replay::{Cut, Recording, RecordingError};

use super::{builder, record, replayed, serve, standing};

/// Those in the repository, and those of the corpus where it is at hand.
fn recordings() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = env::var_os("REDTAIL_CORPUS").map_or_else(|| root.join("../shared/corpus"), PathBuf::from);
    let (mut found, mut folders) = (Vec::new(), vec![root.join("tests/data"), corpus]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "bin")
                && !path.to_string_lossy().contains("replies")
            {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn streams_of_real_servers_go_round() {
    let mut played = 0;
    for path in recordings() {
        let name = path.display();
        let recording = match Recording::open(&path) {
            Ok(recording) => recording,
            Err(RecordingError::NoPositions | RecordingError::NoOffset | RecordingError::Nothing) => continue,
            // Replies of a server that refuses.
            Err(_) if fs::read(&path).unwrap().starts_with(b"-") => continue,
            Err(error) => panic!("{name}: {error}"),
        };
        let segment = recording.first();
        let (id, start, end) = (segment.replid(), segment.start_offset(), segment.end_offset());
        if start == end {
            continue;
        }
        let length = end - start;
        let cuts = vec![Cut::AnswerBytes(length / 2 + 70), Cut::AnswerBytes(length / 3 + 70)];
        let bytes = fs::read(&path).unwrap();
        let primary = serve(&bytes, playback! { cuts });
        let (events, recorded) = record(builder(&[&primary]).start(Start::Now).retry_first(true), id.as_str(), end);
        let again = replayed(&recorded, Start::Now, id.as_str(), end);
        assert_eq!(standing(&again), standing(&events), "{name}");
        played += 1;
    }
    assert!(played >= 3, "{played}");
    println!("{played} recordings");
}

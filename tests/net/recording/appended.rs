//! Recordings that are gone on with.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::PathBuf;

use redtail::io::ReadError;
use redtail::io::recording::{RecordingFault, append};
use redtail::owned::OwnedEvent;
use redtail::replay::{Playback, Recording};
use redtail::{OnGap, Start};

use super::links::failover;
use super::{ID, SNAPSHOT, builder, commands, follow, full, gaps, position, read, serve, standing, stream_of};

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("redtail-append-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn open(&self) -> File {
        File::options().read(true).write(true).open(&self.0).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(&self.0).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn runs_one_after_another_add_up() {
    let lines: Vec<String> = (0..60).map(|number| format!("SET key:{number} {number}")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let stream = commands(&lines);
    let end = 100 + stream.len() as u64;
    let primary = serve(&full(ID, 100, &stream), Playback::default());
    let file = Scratch::new("runs", b"");
    let mut events = 0;
    loop {
        let (recorder, from) = append(file.open(), "a server").unwrap();
        let start = from.map_or(Start::Snapshot, Start::At);
        let mut follower = builder(&[&primary]).start(start).record(recorder).connect().unwrap();
        let until = from.map_or(100, |from| (from.offset + 200).min(end));
        events += standing(&follow(&mut follower, ID, until)).len();
        follower.finish_recording().unwrap();
        if until == end {
            break;
        }
    }
    assert_eq!(events, 60, "each run ended where the next began");
    let (told, error) = read(&file.bytes());
    assert!(error.is_none() && gaps(&told).is_empty());
    assert_eq!(standing(&told).len(), 60);
    assert_eq!(stream_of(&Recording::open(&file.0).unwrap(), 0), stream);
}

/// A recorder was killed at any byte: the next one cuts the file to whole blocks and appends there.
#[test]
fn what_is_torn_is_cut_off_first() {
    let bytes = failover();
    for cut in 0..=bytes.len() {
        let file = Scratch::new("torn", &bytes[..cut]);
        let appended = append(file.open(), "a server");
        if (1..18).contains(&cut) {
            assert!(matches!(appended, Err(ReadError::Recording(RecordingFault::Foreign))), "cut at {cut}");
            assert_eq!(file.bytes(), bytes[..cut], "what is not ours is left alone");
            continue;
        }
        let (mut recorder, from) = appended.unwrap();
        let (events, error) = read(&file.bytes());
        // In the middle of a command it may end, but not in the middle of a block.
        if let Some(error) = error {
            assert!(!error.to_string().contains("block"), "cut at {cut}: {error}");
        }
        let last = events.iter().rev().find_map(|event| match event {
            OwnedEvent::Command(it) | OwnedEvent::Exec(it) | OwnedEvent::Control(it) => it.position,
            OwnedEvent::SnapshotEnd(it) => it.position,
            OwnedEvent::Attached(it) => it.position,
            _ => None,
        });
        assert_eq!(from, last, "cut at {cut}");
        let opening = redtail::replication::PsyncRequest::new(
            redtail::AttachMethod::Continued,
            from,
            redtail::replication::OnFull::PassOver,
        );
        let Some(from) = from else { continue };
        recorder.link(&opening, 5).unwrap();
        recorder.received(&[b"+CONTINUE\r\n", commands(&["SET more 1"]).as_slice()].concat(), 6).unwrap();
        recorder.finish(0).unwrap();
        let (events, error) = read(&file.bytes());
        assert!(error.is_none() && gaps(&events).is_empty(), "cut at {cut}: {error:?}");
        assert_eq!(standing(&events).last().unwrap().offset, from.offset + 30, "cut at {cut}");
    }
}

#[test]
fn a_file_of_another_kind_is_left_alone() {
    for bytes in
        [&b"REDIS0010\xff"[..], b"*1\r\n$4\r\nPING\r\n", &full(ID, 0, b""), b"\n", b"redtail checkpoint 1\n", SNAPSHOT]
    {
        let file = Scratch::new("foreign", bytes);
        let error = append(file.open(), "x").unwrap_err();
        assert!(error.to_string().contains("not a recording"), "{error}");
        assert_eq!(file.bytes(), bytes);
    }
    let damaged = String::from_utf8_lossy(&failover()).replace("data 7 3", "deta 7 x").into_bytes();
    let file = Scratch::new("damaged", &damaged);
    assert!(append(file.open(), "x").unwrap_err().to_string().contains("damaged"));
    assert_eq!(file.bytes(), damaged);
}

/// The server no longer has the stream after the recording: the recording contains the gap.
#[test]
fn a_gap_between_two_runs_is_recorded() {
    let (one, two) = (commands(&["SET a 1"]), commands(&["SET b 2"]));
    let file = Scratch::new("gap", b"");
    for (offset, stream) in [(100, &one), (1000, &two)] {
        let primary = serve(&full(ID, offset, stream), Playback::default());
        let (recorder, from) = append(file.open(), "a server").unwrap();
        let start = from.map_or(Start::Now, Start::At);
        let builder = builder(&[&primary]).start(start).on_gap(OnGap::Continue).record(recorder);
        let mut follower = builder.connect().unwrap();
        follow(&mut follower, ID, offset + 27);
        follower.finish_recording().unwrap();
    }
    let (events, error) = read(&file.bytes());
    assert!(error.is_none());
    let gap = gaps(&events)[0];
    assert_eq!((gap.from, gap.to, gap.missed), (position(ID, 127, "5"), position(ID, 1000, "5"), Some(873)));
    assert_eq!(Recording::open(&file.0).unwrap().segments().len(), 2);
}

/// A reader may come while the recorder is at work.
#[test]
fn a_recording_can_be_read_while_it_grows() {
    let bytes = failover();
    let file = Scratch::new("grows", b"");
    let mut writer = file.open();
    let mut told = 0;
    for byte in bytes.chunks(11) {
        writer.write_all(byte).unwrap();
        let mut now = Vec::new();
        file.open().read_to_end(&mut now).unwrap();
        let (events, _) = read(&now);
        assert!(events.len() >= told);
        told = events.len();
        if let Ok(recording) = Recording::open(&file.0) {
            let before = stream_of(&recording, 0);
            assert!(recording.first().end_offset() >= 100);
            assert_eq!(before, stream_of(&recording, 0));
        }
    }
    assert_eq!(told, read(&bytes).0.len());
}

//! Recordings that were cut, changed, or could not be written.

use std::io::{self, Write};

use redtail::io::ReadError;
use redtail::io::recording::{Recorder, RecordingFault};
use redtail::owned::OwnedEvent;
use redtail::replay::Recording;
use redtail::{Error, Start};

use super::links::failover;
use super::{ID, Tape, builder, commands, full, read, serve, standing, stream_of};

/// Where the pieces of a snapshot end has no meaning.
fn told(bytes: &[u8]) -> (Vec<OwnedEvent>, Option<ReadError>) {
    let (mut events, error) = read(bytes);
    events.retain(|event| !matches!(event, OwnedEvent::SnapshotBytes(_)));
    (events, error)
}

#[test]
fn a_recording_cut_at_any_byte_gives_all_that_is_whole() {
    let bytes = failover();
    let all = told(&bytes).0;
    let mut last = 0;
    for cut in 0..bytes.len() {
        let (events, error) = told(&bytes[..cut]);
        assert!(events.len() <= all.len() && events[..] == all[..events.len()], "cut at {cut}");
        assert!(events.len() >= last, "cut at {cut}: a byte more and an event less");
        last = events.len();
        match error {
            None => {}
            Some(ReadError::Recording(RecordingFault::Torn { at, .. })) => assert_eq!(at, cut as u64),
            // Not even the title.
            Some(ReadError::Truncated { .. }) => assert!(cut < 18, "cut at {cut}"),
            Some(error) => panic!("cut at {cut}: {error}"),
        }
        match Recording::parse(&bytes[..cut]) {
            Ok(recording) => {
                let kept = stream_of(&recording, 0);
                let segment = recording.first();
                assert_eq!(segment.end_offset() - segment.start_offset(), kept.len() as u64);
                assert!(commands(&["SET a 1", "SET kept 2", "SELECT 3", "SET c 3"]).starts_with(&kept), "cut at {cut}");
            }
            Err(error) => assert!(error.to_string().contains("nothing"), "cut at {cut}: {error}"),
        }
    }
    assert_eq!(last, all.len() - 1, "the last byte ends the last command");
}

/// Nothing panics or hangs, and all readable events are delivered. A change inside a value cannot be detected.
#[test]
fn a_byte_changed_anywhere_is_an_error_or_another_value() {
    let bytes = failover();
    for at in 0..bytes.len() {
        for change in [0x01, 0x20, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= change;
            let (events, _) = read(&changed);
            assert!(events.len() < 200);
            if let Ok(recording) = Recording::parse(&changed) {
                for number in 0..recording.segments().len() {
                    stream_of(&recording, number);
                }
            }
        }
    }
}

#[test]
fn words_for_what_is_damaged() {
    let bytes = failover();
    let changed = |from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    for (bytes, words) in [
        (changed(b"recording 1", b"recording 9"), "version 9"),
        (changed(b"data 7 0", b"dota 7"), "at byte"),
        (changed(b"data 7 0", b"data -7 0"), "a block should begin"),
        (changed(b"data 7 0", b"data 99999999999999999999999 0"), "a block should begin"),
        (changed(b"link ", b"LINK "), "at byte 20"),
        (changed(b"method full", b"method wish"), "no method"),
        (changed(b"full-resync deliver", b"full-resync deserve"), "no full-resync"),
        (changed(b"link ", b"link 99999999"), "a block should begin"),
    ] {
        let error = read(&bytes).1.unwrap();
        assert!(matches!(error, ReadError::Recording(_)), "{error:?}");
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert_eq!(Recording::parse(&bytes).unwrap_err().to_string(), error.to_string());
    }
}

/// A disk that is full after N bytes.
struct Full {
    tape: Tape,
    left: usize,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.left);
        self.left -= count;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.tape.write(&bytes[..count])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn what_cannot_be_written_ends_the_follower_and_what_was_stays() {
    let stream = commands(&["SET a 1"; 40]);
    let bytes = full(ID, 100, &stream);
    let primary = serve(&bytes, playback! { piece: Some(50), commands_per_second: Some(100_000) });
    for left in (0..1200).step_by(37) {
        let tape = Tape::default();
        let recorder = Recorder::new(Full { tape: tape.clone(), left }, "x");
        let mut follower = builder(&[&primary]).start(Start::Snapshot).record(recorder).connect().unwrap();
        let error = loop {
            if let Err(error) = follower.next_event() {
                break error;
            }
        };
        assert!(matches!(error, Error::Recording(_)), "{error:?}");
        assert!(error.to_string().contains("can't write the recording"), "{error}");
        assert!(matches!(follower.next_event(), Err(Error::Recording(_))), "it is final");
        assert!(follower.finish_recording().is_err());
        drop(follower);
        assert_eq!(tape.bytes().len(), left, "all that there was room for");
        let (events, _) = read(&tape.bytes());
        let given =
            standing(&events.into_iter().filter(|it| !matches!(it, OwnedEvent::Disconnected(_))).collect::<Vec<_>>());
        assert!(given.iter().zip(1..).all(|(command, number)| command.offset == 100 + 27 * number));
    }
}

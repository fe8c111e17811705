//! Recorded connections, and events that outlive their buffer.

use redtail::io::{ReadError, RecordingReader};
use redtail::owned::{OwnedCommand, OwnedEvent};
use redtail::{Options, Position};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const SNAPSHOT: &[u8] = b"REDIS0010\xfa\x0erepl-stream-db\xc0\x05\xff\0\0\0\0\0\0\0\0";
const STREAM: &[u8] =
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nEXEC\r\n*1\r\n$4\r\nPING\r\n";

fn full() -> Vec<u8> {
    [format!("\n+FULLRESYNC {ID} 100\r\n${}\r\n", SNAPSHOT.len()).as_bytes(), SNAPSHOT, STREAM].concat()
}

fn events(mut reader: RecordingReader<&[u8]>) -> Result<Vec<OwnedEvent>, ReadError> {
    let mut events = Vec::new();
    while let Some(event) = reader.next_event()? {
        events.push(event.into());
    }
    assert!(reader.next_event()?.is_none(), "the end is final");
    Ok(events)
}

fn commands(events: &[OwnedEvent]) -> Vec<String> {
    let printed = events.iter().filter_map(|event| match event {
        OwnedEvent::Command(command) => Some(format!("command {command}")),
        OwnedEvent::Multi(command) => Some(format!("multi {command}")),
        OwnedEvent::Exec(command) => Some(format!("exec {command}")),
        OwnedEvent::Control(command) => Some(format!("control {command}")),
        _ => None,
    });
    printed.collect()
}

#[test]
fn a_recorded_connection_gives_the_events_of_a_live_one() {
    let bytes = full();
    let all = events(RecordingReader::new(&bytes)).unwrap();
    assert_eq!(
        commands(&all),
        [
            r#"command 127 [5] "SET" "k" "v""#,
            r#"multi 142 [5] "MULTI""#,
            r#"command 163 [5] "INCR" "n""#,
            r#"exec 177 [5] "EXEC""#
        ]
    );
    let snapshot: Vec<u8> = all
        .iter()
        .filter_map(|event| match event {
            OwnedEvent::SnapshotBytes(bytes) => Some(bytes.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(snapshot, SNAPSHOT);
    let position: Position = format!("{ID}:127:5").parse().unwrap();
    assert!(all.iter().any(|event| matches!(
        event,
        OwnedEvent::Command(command @ OwnedCommand { offset: 127, position: Some(at), tx: None, received_ms: None, .. })
            if *at == position && command.args().eq([&b"SET"[..], b"k", b"v"])
    )));
    assert!(all.iter().any(|event| matches!(
        event,
        OwnedEvent::Command(OwnedCommand { offset: 163, tx: Some(142), position: None, .. })
    )));
}

#[test]
fn after_a_continue_the_caller_tells_the_offset() {
    let bytes = [format!("+CONTINUE {ID}\r\n").as_bytes(), STREAM].concat();
    let reader = RecordingReader::with(bytes.as_slice(), options! { control: true }, Some(1000));
    let all = commands(&events(reader).unwrap());
    assert_eq!(all.first().unwrap(), r#"command 1027 [?] "SET" "k" "v""#);
    assert_eq!(all.last().unwrap(), r#"control 1091 [?] "PING""#);
}

#[test]
fn a_recording_that_ends_early_names_the_byte() {
    let bytes = full();
    let stream_at = bytes.len() - STREAM.len();
    let boundaries = [0, 27, 42, 63, 77, 91].map(|end| stream_at + end);
    for cut in 0..bytes.len() {
        let result = events(RecordingReader::new(&bytes[..cut]));
        if boundaries.contains(&cut) {
            assert!(result.is_ok(), "cut at {cut}: {result:?}");
            continue;
        }
        let Err(ReadError::Truncated { end, start, missing, .. }) = result else { panic!("cut at {cut}: {result:?}") };
        assert_eq!(end, cut as u64);
        assert!(start <= end && missing > 0);
    }
    let error = events(RecordingReader::new(&bytes[..stream_at - 3])).unwrap_err();
    assert!(error.to_string().contains("within a snapshot that begins at byte 59"), "{error}");
}

#[test]
fn what_is_no_recording_is_an_error() {
    for bytes in [b"*1\r\n$4\r\nPING\r\n".as_slice(), b"REDIS0010", b"GET / HTTP/1.1\r\n\r\n"] {
        let error = events(RecordingReader::new(bytes)).unwrap_err();
        assert!(matches!(error, ReadError::Session(_) | ReadError::Truncated { .. }), "{error}");
    }
}

#[test]
fn bare_commands_are_events_too() {
    let all = events(RecordingReader::commands(STREAM, Options::default(), 100)).unwrap();
    assert_eq!(commands(&all).first().unwrap(), r#"command 127 [?] "SET" "k" "v""#);
    let error = events(RecordingReader::commands(&STREAM[..STREAM.len() - 1], Options::default(), 0)).unwrap_err();
    assert!(matches!(error, ReadError::Truncated { start: 77, end: 90, missing: 1, .. }), "{error:?}");
}

//! Recordings made by hand: what a follower never writes too, and what it writes seldom.

use redtail::io::RecordingReader;
use redtail::io::recording::{Link, Recorder};
use redtail::owned::OwnedEvent;
use redtail::replay::{Playback, Recording};
use redtail::replication::{OnFull, PsyncRequest};
use redtail::{AttachMethod, Position, Role, Start};

use super::{
    ID, OTHER, SNAPSHOT, Tape, builder, command, commands, comparable, follow, full, gaps, position, read, serve,
    standing, stream_of,
};

fn opening(method: AttachMethod, from: Option<Position>) -> PsyncRequest {
    let on_full = if method == AttachMethod::Full { OnFull::Deliver } else { OnFull::PassOver };
    PsyncRequest::new(method, from, on_full)
}

/// Links one after another, each in pieces of this length.
pub(super) fn taped(links: &[(PsyncRequest, &[u8])], piece: usize) -> Vec<u8> {
    let tape = Tape::default();
    let mut recorder = Recorder::new(tape.clone(), "a server");
    for (number, (opening, bytes)) in links.iter().enumerate() {
        recorder.link(opening, 1000 * number as u64).unwrap();
        for (count, piece) in bytes.chunks(piece).enumerate() {
            recorder.received(piece, 1000 * number as u64 + count as u64).unwrap();
        }
    }
    recorder.finish(0).unwrap();
    drop(recorder);
    tape.bytes()
}

/// A failover in the middle of a transaction: the part that the old primary sent never belonged to the later history.
pub(super) fn failover() -> Vec<u8> {
    let first = full(ID, 100, &commands(&["SET a 1", "MULTI", "INCR lost", "SET b"]));
    let second =
        [format!("+CONTINUE {OTHER}\r\n").as_bytes(), &commands(&["SET kept 2", "SELECT 3", "SET c 3"])].concat();
    taped(
        &[
            (opening(AttachMethod::Full, None), &first),
            (opening(AttachMethod::Continued, Some(position(ID, 127, "5"))), &second),
        ],
        7,
    )
}

#[test]
fn a_recording_is_a_few_lines_of_text_around_what_came() {
    let mut opening = PsyncRequest::new(AttachMethod::Continued, Some(position(ID, 127, "5")), OnFull::Abandon);
    (opening.server, opening.role) = (Some("valkey 9.1.2".parse().unwrap()), Some(Role::Primary));
    let bytes = taped(&[(opening, b"+CONTINUE\r\n*1\r\n$4\r\nPING\r\n")], 11);
    let head = format!(
        "target a server\nserver valkey 9.1.2\nrole master\nasked PSYNC {ID} 128\nmethod continued\nfrom {ID}:127:5\nfull-resync abandon\n"
    );
    let expected = format!(
        "redtail recording 1\nlink {} 0\n{head}data 11 0\n+CONTINUE\r\ndata 11 1\n*1\r\n$4\r\nPINdata 3 2\nG\r\n",
        head.len()
    );
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);

    let mut reader = RecordingReader::new(bytes.as_slice());
    assert!(reader.link().is_none());
    let event = reader.next_event().unwrap().unwrap().to_owned_event();
    let OwnedEvent::Attached(attached) = event else { panic!("{event:?}") };
    assert_eq!((attached.server, attached.role, attached.db), (opening.server, opening.role, Some(5)));
    assert_eq!(reader.link(), Some(&Link::new("a server", 0, opening)));
    assert!(reader.next_event().unwrap().is_none());
    assert_eq!(reader.position(), Some(position(ID, 141, "5")));
}

#[test]
fn events_tell_when_they_were_received() {
    let (events, _) =
        read(&taped(&[(opening(AttachMethod::Full, None), &full(ID, 0, &commands(&["SET a 1", "SET b 2"])))], 20));
    let received: Vec<_> = standing_times(&events);
    let before = full(ID, 0, b"").len() as u64;
    assert_eq!(received, [(before + 27 - 1) / 20, (before + 54 - 1) / 20], "that of the last byte");
}

fn standing_times(events: &[OwnedEvent]) -> Vec<u64> {
    let time = |event: &OwnedEvent| if let OwnedEvent::Command(it) = event { it.received_ms } else { None };
    events.iter().filter_map(time).collect()
}

#[test]
fn after_a_failover_only_what_came_again_counts() {
    let bytes = failover();
    let (events, error) = read(&bytes);
    assert!(error.is_none() && gaps(&events).is_empty(), "{error:?}");
    let recording = Recording::parse(&bytes).unwrap();
    let kept = commands(&["SET a 1", "SET kept 2", "SELECT 3", "SET c 3"]);
    assert_eq!((recording.segments().len(), stream_of(&recording, 0)), (1, kept.clone()));
    let end = recording.last().end_offset();
    assert_eq!(end, 100 + kept.len() as u64);

    // The recording is known by either id, at every position.
    let primary = serve(&bytes, Playback::default());
    for id in [ID, OTHER] {
        let place = position(id, 127, "5").with_history(ID.parse().unwrap());
        let told = follow(&mut builder(&[&primary]).start(Start::At(place)).connect().unwrap(), ID, end);
        assert_eq!(standing(&told), standing(&events)[1..], "{id}");
    }
}

/// Written by a program that was killed in the snapshot after a gap, and gone on with by one that started anew.
#[test]
fn a_broken_snapshot_separates_the_histories_around_it() {
    for id in [ID, OTHER] {
        let first = full(ID, 100, &commands(&["SET a 1"]));
        let broken = format!("+FULLRESYNC {id} 5000\r\n$100000\r\nREDIS0010");
        let resumed = PsyncRequest::new(AttachMethod::Continued, Some(position(ID, 127, "5")), OnFull::Deliver);
        let third = [b"+CONTINUE\r\n", command("SET z 9").as_slice()].concat();
        let links = [
            (opening(AttachMethod::Full, None), &first[..]),
            (resumed, broken.as_bytes()),
            (opening(AttachMethod::Info, Some(position(id, 9000, "?"))), &third),
        ];
        let recording = Recording::parse(&taped(&links, 1000)).unwrap();
        let found: Vec<_> =
            recording.segments().iter().map(|it| (it.replid().to_string(), it.start_offset())).collect();
        assert_eq!(found, [(ID.to_owned(), 100), (id.to_owned(), 9000)]);
        assert_eq!(recording.segments()[0].end_offset(), 127);
        assert_eq!(recording.last().end_offset(), 9027);
    }
}

/// A program that saved its position less often than it recorded begins again a little earlier.
#[test]
fn a_link_may_begin_before_the_end_of_the_one_before() {
    let first = full(ID, 100, &commands(&["SET a 1", "SET b 2", "SET c 3"]));
    let second = [b"+CONTINUE\r\n", commands(&["SET b 2", "SET c 3", "SET d 4"]).as_slice()].concat();
    let links = [
        (opening(AttachMethod::Full, None), &first[..]),
        (opening(AttachMethod::Continued, Some(position(ID, 127, "5"))), &second),
    ];
    let bytes = taped(&links, 1000);
    let (events, _) = read(&bytes);
    assert!(gaps(&events).is_empty());
    let recording = Recording::parse(&bytes).unwrap();
    assert_eq!(stream_of(&recording, 0), commands(&["SET a 1", "SET b 2", "SET c 3", "SET d 4"]));
}

/// The middle was never written, or was cut off: nobody is to believe that it was not there.
#[test]
fn what_is_missing_between_two_links_is_a_gap() {
    let first = full(ID, 100, &commands(&["SET a 1"]));
    let second = [b"+CONTINUE\r\n", commands(&["SET c 3"]).as_slice()].concat();
    let links = [
        (opening(AttachMethod::Full, None), &first[..]),
        (opening(AttachMethod::Continued, Some(position(ID, 154, "5"))), &second),
    ];
    let bytes = taped(&links, 1000);
    let (events, _) = read(&bytes);
    let gaps = gaps(&events);
    assert_eq!((gaps[0].from.offset, gaps[0].to.offset, gaps[0].missed), (127, 154, Some(27)));
    let recording = Recording::parse(&bytes).unwrap();
    let kept: Vec<_> = recording.segments().iter().map(|it| (it.start_offset(), it.end_offset())).collect();
    assert_eq!(kept, [(100, 127), (154, 181)]);

    let primary = serve(&bytes, Playback::default());
    let builder = builder(&[&primary]).start(Start::Now).on_gap(redtail::OnGap::Continue);
    let told = follow(&mut builder.connect().unwrap(), ID, 181);
    assert_eq!(super::gaps(&told)[0].missed, Some(27));
    assert_eq!(standing(&told), standing(&events));
}

/// Links that were refused, abandoned, or ended before the first event.
#[test]
fn links_that_led_nowhere_leave_no_trace() {
    let probe = PsyncRequest::new(AttachMethod::Probed, None, OnFull::Abandon);
    let told = format!("+FULLRESYNC {ID} 100\r\n$100000\r\nREDIS");
    let stream = commands(&["SET a 1"]);
    let answer = [b"\n\n+CONTINUE\r\n", stream.as_slice()].concat();
    let found = Some(position(ID, 100, "?"));
    let links = [
        (opening(AttachMethod::Continued, found), &b"-LOADING Redis is loading the dataset in memory\r\n"[..]),
        (opening(AttachMethod::Continued, found), b""),
        (opening(AttachMethod::Continued, found), b"\n\n+CONT"),
        (probe, told.as_bytes()),
        (opening(AttachMethod::Probed, found), &answer),
        (opening(AttachMethod::Continued, Some(position(ID, 127, "?"))), b"-ERR unknown\r\n"),
        (
            opening(AttachMethod::Continued, Some(position(ID, 127, "?"))),
            &[b"+CONTINUE\r\n", command("SET b 2").as_slice()].concat(),
        ),
    ];
    for piece in [1, 1000] {
        let bytes = taped(&links, piece);
        let (events, error) = read(&bytes);
        assert!(error.is_none(), "{error:?}");
        let attached: Vec<_> = comparable(&events)
            .iter()
            .filter_map(|event| if let OwnedEvent::Attached(it) = event { Some((it.method, it.offset)) } else { None })
            .collect();
        assert_eq!(attached, [(AttachMethod::Probed, 100), (AttachMethod::Continued, 127)]);
        assert!(gaps(&events).is_empty(), "{:?}", gaps(&events));
        let recording = Recording::parse(&bytes).unwrap();
        assert_eq!(recording.segments().len(), 1);
        assert_eq!(stream_of(&recording, 0), [stream.clone(), command("SET b 2")].concat());
        assert_eq!(recording.first().db(), None);
    }
}

/// Bytes that a server sends after a refusal are delivered to nobody, also where the recording ends with them.
#[test]
fn what_stands_behind_a_refusal_is_passed_over() {
    let first = full(ID, 100, &commands(&["SET a 1"]));
    let refused = opening(AttachMethod::Continued, Some(position(ID, 127, "5")));
    for piece in [1, 1000] {
        let bytes = taped(&[(opening(AttachMethod::Full, None), &first), (refused, b"-LOADING wait\r\n*2")], piece);
        let (events, error) = read(&bytes);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(standing(&events).len(), 1);
    }
}

/// A snapshot that broke off, and was requested again.
#[test]
fn a_snapshot_that_is_not_whole_is_not_played() {
    let whole = full(ID, 100, &command("SET a 1"));
    let torn = &whole[..whole.len() - 27 - 5];
    let later = full(ID, 300, &command("SET b 2"));
    let links = [(opening(AttachMethod::Full, None), torn), (opening(AttachMethod::Full, None), &later)];
    let recording = Recording::parse(&taped(&links, 1000)).unwrap();
    assert_eq!(recording.segments().len(), 1);
    assert_eq!((recording.first().start_offset(), recording.first().end_offset()), (300, 327));
    let mut snapshot = Vec::new();
    std::io::Read::read_to_end(&mut recording.snapshot(recording.first()), &mut snapshot).unwrap();
    assert_eq!(snapshot, SNAPSHOT);
}

#[test]
fn blocks_and_fields_of_later_versions_are_passed_over() {
    let bytes = failover();
    let at = bytes.windows(5).position(|window| window == b"data ").unwrap();
    let mut later = bytes[..at].to_vec();
    later.extend(b"note 11 5\nhello there");
    later.extend(&bytes[at..]);
    assert_eq!(read(&later).0, read(&bytes).0);
}

#[test]
fn a_recording_of_the_old_sync_has_no_positions() {
    let sync = PsyncRequest::new(AttachMethod::Sync, None, OnFull::Deliver);
    let answer = [format!("${}\r\n", SNAPSHOT.len()).as_bytes(), SNAPSHOT, &command("SET a 1")].concat();
    let bytes = taped(&[(sync, &answer)], 10);
    let (events, error) = read(&bytes);
    assert!(error.is_none());
    assert_eq!(standing(&events)[0].offset, 27);
    assert!(Recording::parse(&bytes).unwrap_err().to_string().contains("SYNC"));
}

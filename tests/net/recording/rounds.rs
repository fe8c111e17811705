//! Round and round: followed and recorded, read, played, followed.

use redtail::owned::OwnedEvent;
use redtail::replay::{Cut, Playback};
use redtail::{OnGap, Start};

use super::{
    ID, OTHER, builder, command, commands, comparable, follow, full, gaps, position, read, record, replayed, serve,
    standing,
};

/// Numbers that differ and are the same in each run.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }
}

/// Writes of every shape: in several databases, in transactions, large and empty ones, and the commands that servers
/// put between them.
pub(super) fn writes(chance: &mut Chance, count: usize, largest: usize) -> Vec<u8> {
    let mut stream = Vec::new();
    for number in 0..count {
        match chance.below(12) {
            0 => stream.extend(command(&format!("SELECT {}", chance.below(16)))),
            1 => stream.extend(command("PING")),
            2 => stream.extend(command("REPLCONF GETACK *")),
            3 => {
                stream.extend(command("MULTI"));
                for inside in 0..chance.below(6) {
                    stream.extend(command(&format!("RPUSH list {number}:{inside}")));
                }
                stream.extend(command("EXEC"));
            }
            4 => {
                let value = vec![b'a' + (number % 26) as u8; chance.below(largest)];
                stream.extend(format!("*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n${}\r\n", value.len()).into_bytes());
                stream.extend(value);
                stream.extend(b"\r\n");
            }
            5 => stream.extend(b"*2\r\n$3\r\nDEL\r\n$0\r\n\r\n"),
            6 => stream.extend(b"\n"),
            _ => stream.extend(command(&format!("SET key:{number} {number}"))),
        }
    }
    // Something to end with, outside of everything.
    stream.extend(command("SET last 1"));
    stream
}

/// Links cut anywhere, pieces of any length; from every start. The reader gives what the follower gave.
#[test]
fn what_is_read_is_what_was_followed() {
    for seed in 0..24 {
        let mut chance = Chance::new(seed);
        let stream = writes(&mut chance, 300, 3000);
        let end = 100 + stream.len() as u64;
        let cuts = (0..chance.below(12)).map(|_| Cut::AnswerBytes(1 + chance.below(9000) as u64)).collect();
        let play = playback! { cuts, piece: Some(1 + chance.below(5000)) };
        let primary = serve(&full(ID, 100, &stream), play);
        let start =
            [Start::Now, Start::NowWithoutFork, Start::Snapshot, Start::At(position(ID, 100, "5"))][seed as usize % 4];
        let builder = builder(&[&primary]).start(start).retry_snapshot(true).retry_first(true);
        let (events, bytes) = record(builder, ID, end);
        let (read, error) = read(&bytes);
        assert!(error.is_none(), "{error:?}");
        let (expected, found) = (followed(&events), followed(&read));
        for (number, (expected, found)) in expected.iter().zip(&found).enumerate() {
            assert_eq!(expected, found, "seed {seed}, {start:?}, event {number}");
        }
        assert_eq!(expected.len(), found.len(), "seed {seed}");
    }
}

/// From the first attach on: a link that never came as far leaves other traces in a follower than in a recording.
fn followed(events: &[OwnedEvent]) -> Vec<OwnedEvent> {
    let all = comparable(events);
    let first = all.iter().position(|event| matches!(event, OwnedEvent::Attached(_))).unwrap();
    all[first..].to_vec()
}

/// Played to another follower, the same commands arrive with the same positions, from the beginning and from anywhere
/// within.
#[test]
fn what_is_played_is_what_was_recorded() {
    for seed in 0..6 {
        let mut chance = Chance::new(1000 + seed);
        // The first is as long as several of the distances between the positions that a recording remembers.
        let (count, largest) = if seed == 0 { (900, 200_000) } else { (400, 2000) };
        let stream = writes(&mut chance, count, largest);
        let end = 100 + stream.len() as u64;
        let cuts = (0..8).map(|_| Cut::AnswerBytes(300 + chance.below(stream.len()) as u64)).collect();
        let start = if seed % 2 == 0 { Start::Snapshot } else { Start::Now };
        let primary = serve(&full(ID, 100, &stream), playback! { cuts });
        let (events, bytes) = record(builder(&[&primary]).start(start), ID, end);
        let originals = standing(&events);
        assert!(events.iter().any(|event| matches!(event, OwnedEvent::Disconnected(_))));

        let again = replayed(&bytes, start, ID, end);
        assert_eq!(standing(&again), originals, "seed {seed}");
        assert_eq!(comparable(&again)[..1], comparable(&events)[..1], "the place it begins at");

        let places: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                OwnedEvent::Command(it) | OwnedEvent::Exec(it) | OwnedEvent::Control(it) => it.position,
                OwnedEvent::Attached(it) => it.position,
                _ => None,
            })
            .filter(|place| place.offset < end)
            .collect();
        let replay = serve(&bytes, Playback::default());
        for _ in 0..50 {
            let from = places[chance.below(places.len())];
            let mut follower = builder(&[&replay]).start(Start::At(from)).connect().unwrap();
            let told = follow(&mut follower, ID, end);
            let rest: Vec<_> = originals.iter().filter(|command| command.offset > from.offset).cloned().collect();
            assert_eq!(standing(&told), rest, "seed {seed}, from {from}");
        }
    }
}

/// A recording of a replay of a recording.
#[test]
fn a_copy_of_a_copy_is_the_same() {
    let stream = writes(&mut Chance::new(7), 200, 1000);
    let end = 100 + stream.len() as u64;
    let mut bytes = full(ID, 100, &stream);
    let mut first = None;
    for _ in 0..3 {
        let primary = serve(&bytes, playback! { cuts: vec![Cut::AnswerBytes(1000), Cut::AnswerBytes(500)] });
        let (events, recorded) = record(builder(&[&primary]).start(Start::Snapshot), ID, end);
        assert_eq!(*first.get_or_insert(standing(&events)), standing(&events));
        bytes = recorded;
    }
}

/// A server that has lost its history, and one that is another.
#[test]
fn a_gap_is_a_gap_again() {
    let (one, two) =
        (commands(&["SET a 1", "MULTI", "INCR n", "EXEC", "SET b 2"]), commands(&["SET c 3", "SELECT 2", "SET d 4"]));
    for (id, start) in [(OTHER, 7), (ID, 2000)] {
        for (on_gap, first) in
            [(OnGap::Continue, Start::At(position(ID, 100, "5"))), (OnGap::Snapshot, Start::Snapshot)]
        {
            // The first one ends inside its transaction.
            let answer = match first {
                Start::Snapshot => full(ID, 100, b"").len() + 40 + 40,
                _ => "+CONTINUE \r\n".len() + 40,
            };
            let before = serve(&full(ID, 100, &one), playback! { cuts: vec![Cut::AnswerBytes(answer as u64 + 60)] });
            let after = serve(&full(id, start, &two), Playback::default());
            let end = start + two.len() as u64;
            let servers = [&before, &after];
            let builder = builder(&servers).start(first).on_gap(on_gap);
            let (events, bytes) = record(builder, id, end);
            assert_eq!(gaps(&events).len(), 1, "{events:?}");
            let (again, error) = read(&bytes);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(comparable(&again), comparable(&events));

            // Both parts are played, and between them lies the same gap.
            let replay = serve(&bytes, Playback::default());
            let segments = replay.recording().segments();
            let kept: Vec<_> =
                segments.iter().map(|it| (it.replid().to_string(), it.start_offset(), it.end_offset())).collect();
            assert_eq!(kept, [(ID.to_owned(), 100, 127), (id.to_owned(), start, end)]);
            assert!(segments.iter().all(|it| it.has_snapshot() == (on_gap == OnGap::Snapshot)));
            let replayer = super::builder(&[&replay]).start(first).on_gap(on_gap);
            let told = follow(&mut replayer.connect().unwrap(), id, end);
            assert_eq!(gaps(&told), gaps(&events));
            assert_eq!(standing(&told), standing(&events));
        }
    }
}

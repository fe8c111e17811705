//! Playing a recording: its own time, its end, and the stream after it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use redtail::replay::{Cut, Playback, Primary, Recording};
use redtail::{Event, Start};

use super::{ID, OTHER, builder, command, commands, follow, full, position, serve, standing};

fn ask(address: SocketAddr, words: &str) -> TcpStream {
    let mut link = TcpStream::connect(address).unwrap();
    link.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    link.write_all(format!("{words}\r\n").as_bytes()).unwrap();
    link
}

fn hear(link: &mut TcpStream, expected: &[u8]) {
    let mut received = vec![0; expected.len()];
    link.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), String::from_utf8_lossy(expected));
}

/// Two commands that arrived 200 ms apart.
fn timed() -> Vec<u8> {
    let tape = super::Tape::default();
    let mut recorder = redtail::io::recording::Recorder::new(tape.clone(), "x");
    let opening = redtail::replication::PsyncRequest::new(
        redtail::AttachMethod::Full,
        None,
        redtail::replication::OnFull::Deliver,
    );
    recorder.link(&opening, 0).unwrap();
    recorder.received(&full(ID, 100, &command("SET a 1")), 1000).unwrap();
    recorder.received(&command("SET b 2"), 1200).unwrap();
    recorder.finish(0).unwrap();
    tape.bytes()
}

#[test]
fn a_recording_can_be_played_in_its_own_time() {
    for (times, least) in [(1.0, 200), (4.0, 50), (1e9, 0)] {
        let primary = serve(&timed(), playback! { times: Some(times) });
        // Only the lower bound is certain, from the request on: the first command may arrive late.
        let began = Instant::now();
        let mut link = ask(primary.address(), &format!("PSYNC {ID} 101"));
        hear(&mut link, b"+CONTINUE\r\n");
        hear(&mut link, &command("SET a 1"));
        hear(&mut link, &command("SET b 2"));
        assert!(began.elapsed() >= Duration::from_millis(least), "{times} {:?}", began.elapsed());
    }
    // A recording without times does not wait, and one that waits for ever can still be stopped.
    let primary = serve(&full(ID, 100, &commands(&["SET a 1", "SET b 2"])), playback! { times: Some(1e-9) });
    let mut link = ask(primary.address(), &format!("PSYNC {ID} 101"));
    hear(&mut link, b"+CONTINUE\r\n");
    hear(&mut link, &commands(&["SET a 1", "SET b 2"]));
    let primary = serve(&timed(), playback! { times: Some(1e-300) });
    let mut link = ask(primary.address(), &format!("PSYNC {ID} 101"));
    hear(&mut link, b"+CONTINUE\r\n");
    hear(&mut link, &command("SET a 1"));
    drop(primary);
}

/// Large values pass in parts there, and an offset in the middle of a command is no reason to stop.
#[test]
fn a_pace_takes_any_stream() {
    let mut stream = command("SET a 1");
    stream.extend(command(&format!("SET large {}", "x".repeat(300_000))));
    stream.extend(b"\n\r\n");
    stream.extend(commands(&["MULTI", "SET b 2", "EXEC"]));
    let play = || playback! { commands_per_second: Some(100_000) };
    let primary = serve(&full(ID, 100, &stream), play());
    for at in [0, 5, 27, 40, 100_000, stream.len() - 50, stream.len()] {
        let mut link = ask(primary.address(), &format!("PSYNC {ID} {}", 101 + at));
        hear(&mut link, b"+CONTINUE\r\n");
        hear(&mut link, &stream[at..]);
    }
}

#[test]
fn pings_behind_the_end_count_and_are_the_same_for_everybody() {
    let stream = command("SET a 1");
    let end = 100 + stream.len() as u64;
    let primary = serve(&full(ID, 100, &stream), playback! { ping: Some(Duration::from_millis(30)) });
    let mut follower = builder(&[&primary]).start(Start::Now).connect().unwrap();
    let mut pings = 0;
    while pings < 3 {
        if let Event::Control(ping) = follower.next_event().unwrap().unwrap() {
            pings += 1;
            assert_eq!((ping.offset, ping.name()), (end + 14 * pings, &b"PING"[..]));
        }
    }
    let place = follower.position().unwrap();
    drop(follower);
    // Any position among them can be resumed from, also in the middle of one.
    let mut again = builder(&[&primary]).start(Start::At(place)).connect().unwrap();
    assert_eq!(follow(&mut again, ID, place.offset + 14).len(), 2, "the attach and the next PING");
    let mut link = ask(primary.address(), &format!("PSYNC {ID} {}", end + 1 + 5));
    hear(&mut link, b"+CONTINUE\r\n");
    hear(&mut link, &command("PING")[5..]);
    hear(&mut link, &command("PING"));
    // One that is not there yet is not.
    let mut link = ask(primary.address(), &format!("PSYNC {ID} {}", end + 14 * 1_000_000));
    hear(&mut link, format!("+FULLRESYNC {ID} 100\r\n").as_bytes());
    // A primary that was started again has sent none of them.
    let fresh = serve(&full(ID, 100, &stream), Playback::default());
    let mut link = ask(fresh.address(), &format!("PSYNC {ID} {}", place.offset + 1));
    hear(&mut link, format!("+FULLRESYNC {ID} 100\r\n").as_bytes());
}

#[test]
fn it_ends_when_somebody_has_had_everything() {
    let stream = commands(&["SET a 1", "SET b 2"]);
    let end = 100 + stream.len() as u64;
    let primary = serve(&full(ID, 100, &stream), playback! { cuts: vec![Cut::AnswerBytes(30)] });
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| primary.wait_until_played());
        // A client that leaves early, or requests nothing, does not count.
        drop(ask(primary.address(), "PING"));
        let mut cut = ask(primary.address(), &format!("PSYNC {ID} 101"));
        cut.read_to_end(&mut Vec::new()).unwrap();
        drop(cut);
        assert!(!waits.is_finished());
        let mut follower = builder(&[&primary]).start(Start::Now).connect().unwrap();
        follow(&mut follower, ID, end);
        assert!(!waits.is_finished());
        drop(follower);
        waits.join().unwrap();
    });
    let primary = serve(&full(ID, 100, &stream), Playback::default());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| primary.wait_until_played());
        primary.stop();
        waits.join().unwrap();
    });
}

#[test]
fn it_can_listen_where_it_is_told_to() {
    let recording = || Recording::parse(&full(ID, 100, &command("SET a 1"))).unwrap();
    let all = Primary::serve_on("0.0.0.0:0", recording(), Playback::default()).unwrap();
    let mut link = ask(SocketAddr::new([127, 0, 0, 1].into(), all.address().port()), "PING");
    hear(&mut link, b"+PONG\r\n");
    // The port is taken.
    assert!(Primary::serve_on(("127.0.0.1", all.address().port()), recording(), Playback::default()).is_err());
    all.stop();
}

/// A recording without the data: a client that requests it gets none, and the position is right.
#[test]
fn without_data_a_snapshot_is_empty() {
    let bytes = super::links::taped(
        &[(
            redtail::replication::PsyncRequest::new(
                redtail::AttachMethod::Continued,
                Some(position(ID, 500, "7")),
                redtail::replication::OnFull::PassOver,
            ),
            &[b"+CONTINUE\r\n", command("SET a 1").as_slice()].concat(),
        )],
        100,
    );
    let primary = serve(&bytes, Playback::default());
    assert!(!primary.recording().first().has_snapshot());
    for start in [Start::Snapshot, Start::Now, Start::At(position(ID, 500, "7"))] {
        let told = follow(&mut builder(&[&primary]).start(start).connect().unwrap(), ID, 527);
        let commands = standing(&told);
        assert_eq!((commands.len(), commands[0].offset, commands[0].db), (1, 527, Some(7)), "{start:?}");
    }
    // A history that nobody knows begins with the first.
    let mut link = ask(primary.address(), &format!("PSYNC {OTHER} 501"));
    hear(&mut link, format!("+FULLRESYNC {ID} 500\r\n").as_bytes());
}

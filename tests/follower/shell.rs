//! The follower's additions to its session: links, time, threads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use std::{io, thread};

use redtail::net::{Login, Transport};
use redtail::owned::OwnedEvent;
use redtail::{
    Ack, Backoff, Builder, Checkpoint, DisconnectReason, Error, Event, Follower, Handle, Limits, OnGap, SessionError,
    Start,
};

use crate::peer::{ID, Peer, info};
use crate::refusing::Refusing;

const INCR: &str = "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that accepts, sends `stream` and then only listens.
fn streaming(stream: impl Into<String>) -> Peer {
    let stream = stream.into();
    Peer::start(move |talk| {
        talk.handshake(&info(100));
        talk.say(format!("+CONTINUE\r\n{stream}"));
        talk.listen();
        false
    })
}

#[test]
fn events_are_in_order_and_idle_follows_silence() {
    let peer = streaming(INCR.repeat(2));
    let mut follower = peer.follower().connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    assert!(
        matches!(follower.next_event().unwrap(), Some(Event::Command(command)) if command.to_string() == r#"121 [?] "INCR" "n""#)
    );
    match follower.next_timeout(PATIENCE).unwrap() {
        // Events in the same read as the reply to PSYNC have a time, too.
        Some(Event::Command(command)) => {
            assert_eq!(command.offset, 142);
            assert!(command.received_ms.unwrap() > 1_790_000_000_000);
        }
        other => panic!("{other:?}"),
    }
    let began = Instant::now();
    match follower.next_timeout(Duration::from_millis(50)).unwrap() {
        Some(Event::Idle(idle)) => assert_eq!(idle.position.unwrap().offset, 142),
        other => panic!("{other:?}"),
    }
    assert!(began.elapsed() >= Duration::from_millis(50));
    drop(follower);
    peer.join();
}

#[test]
fn a_batch_is_everything_received() {
    let peer = streaming(INCR.repeat(1000));
    let mut follower = peer.follower().connect().unwrap();
    let mut offsets = Vec::new();
    let mut batches = 0;
    while offsets.len() < 1000 {
        batches += 1;
        let more = follower.batch(|event| {
            if let Event::Command(command) = event {
                offsets.push(command.offset);
            }
            ControlFlow::Continue(())
        });
        assert!(more.unwrap());
    }
    assert_eq!(offsets, (1..=1000).map(|n| 100 + 21 * n).collect::<Vec<u64>>());
    assert!(batches < 100, "{batches} batches");
    drop(follower);
    peer.join();
}

/// Other clients drop the buffer of the snapshot, and the commands after its end.
#[test]
fn commands_in_the_segment_of_a_snapshots_end_are_delivered() {
    const SNAPSHOT: &[u8] = b"REDIS0010\xfe\0\0\x01k\x01v\xff\0\0\0\0\0\0\0\0";
    let mark = "m".repeat(40);
    for (head, tail) in [(format!("$EOF:{mark}"), &*mark), (format!("${}", SNAPSHOT.len()), "")] {
        for count in [50, 1000] {
            let head = format!("+FULLRESYNC {ID} 100\r\n{head}\r\n");
            let all = [head.as_bytes(), SNAPSHOT, tail.as_bytes(), INCR.repeat(count).as_bytes()].concat();
            let peer = Peer::start(move |talk| {
                talk.handshake(&info(100));
                talk.say(&all);
                talk.close();
                false
            });
            let mut follower = peer.follower().start(Start::Snapshot).reconnect(Backoff::OFF).connect().unwrap();
            let mut offsets = Vec::new();
            while let Some(event) = follower.next_event().unwrap() {
                if let Event::Command(command) = event {
                    offsets.push(command.offset);
                }
            }
            assert_eq!(offsets, (1..=count as u64).map(|n| 100 + 21 * n).collect::<Vec<u64>>());
            peer.join();
        }
    }
}

#[test]
fn leaving_a_batch_loses_no_event() {
    let peer = streaming(INCR.repeat(5));
    let mut follower = peer.follower().connect().unwrap();
    let mut offsets = Vec::new();
    while offsets.len() < 5 {
        let one = follower.batch(|event| match event {
            Event::Command(command) => {
                offsets.push(command.offset);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
        assert!(one.unwrap());
        if let Some(last) = offsets.last() {
            assert_eq!(follower.position().unwrap().offset, *last);
        }
    }
    assert_eq!(offsets, [121, 142, 163, 184, 205]);
}

#[test]
fn peeking_moves_no_position() {
    let peer = streaming(INCR.repeat(2));
    let mut follower = peer.follower().connect().unwrap();
    loop {
        if let Some(Event::Command(command)) = follower.next_event().unwrap() {
            assert_eq!(command.offset, 121);
            break;
        }
    }
    // The second command may still be in transit.
    let began = Instant::now();
    while follower.is_drained() && began.elapsed() < PATIENCE {
        assert!(matches!(follower.next_timeout(Duration::ZERO).unwrap(), Some(Event::Idle(_) | Event::Command(_))));
        if follower.position().unwrap().offset == 142 {
            return;
        }
    }
    assert!(!follower.is_drained());
    assert_eq!(follower.position().unwrap().offset, 121, "seen is not handed out");
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Command(command)) if command.offset == 142));
    assert_eq!(follower.position().unwrap().offset, 142);
    assert!(follower.is_drained());
}

#[test]
fn owned_events_are_an_iterator() {
    let peer = Peer::start(|talk| {
        talk.handshake(&info(100));
        talk.say(format!("+CONTINUE\r\n{}", INCR.repeat(3)));
        talk.close();
        false
    });
    let mut follower = peer.follower().reconnect(Backoff::OFF).connect().unwrap();
    let events: Vec<OwnedEvent> = follower.events().map(Result::unwrap).collect();
    let commands = events.iter().filter(|event| matches!(event, OwnedEvent::Command(_))).count();
    assert_eq!(commands, 3);
    assert!(matches!(events.last(), Some(OwnedEvent::Disconnected(last)) if last.resume.unwrap().offset == 163));
}

#[test]
fn stop_wakes_a_read() {
    let peer = streaming("");
    let mut follower = peer.follower().connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    let handle = follower.handle();
    let stopper = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.stop();
    });
    let began = Instant::now();
    assert!(follower.next_event().unwrap().is_none());
    assert!(began.elapsed() < PATIENCE);
    assert!(follower.next_event().unwrap().is_none(), "and stays over");
    assert_eq!(follower.position().unwrap().offset, 100);
    stopper.join().unwrap();
    peer.join();
}

#[test]
fn stop_wakes_a_backoff() {
    let peer = Peer::start(|talk| {
        talk.handshake(&info(100));
        talk.say("+CONTINUE\r\n");
        talk.close();
        false
    });
    let forever = Backoff::new(Duration::from_secs(3600), Duration::from_secs(3600));
    let mut follower = peer.follower().reconnect(forever).connect().unwrap();
    while !matches!(follower.next_event().unwrap(), Some(Event::Disconnected(_))) {}
    let handle = follower.handle();
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        handle.stop();
    });
    let began = Instant::now();
    assert!(follower.next_event().unwrap().is_none());
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn a_timeout_interrupts_a_backoff_which_then_continues() {
    let peer = Peer::start({
        let mut links = 0;
        move |talk| {
            links += 1;
            talk.handshake(&info(100));
            talk.say("+CONTINUE\r\n");
            if links == 2 {
                talk.say(INCR);
                talk.listen();
                return false;
            }
            talk.close();
            true
        }
    });
    let mut follower = peer
        .follower()
        .reconnect(Backoff::new(Duration::from_millis(400), Backoff::default().longest))
        .connect()
        .unwrap();
    while !matches!(follower.next_event().unwrap(), Some(Event::Disconnected(_))) {}
    assert!(matches!(follower.next_timeout(Duration::from_millis(20)).unwrap(), Some(Event::Idle(_))));
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Command(command)) if command.offset == 121));
}

#[test]
fn heartbeats_go_out_while_the_follower_is_busy() {
    let (heard, hears) = mpsc::channel();
    let peer = Peer::start(move |talk| {
        talk.handshake(&info(100));
        talk.say(format!("+CONTINUE\r\n{INCR}"));
        while let Some(words) = talk.hear() {
            heard.send(words).unwrap();
        }
        false
    });
    let mut follower = peer.follower().ack(Ack::Received).connect().unwrap();
    while !matches!(follower.next_event().unwrap(), Some(Event::Command(_))) {}
    let first = hears.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first, ["REPLCONF", "ACK", "100"]);
    // The follower is busy; another thread sends its heartbeat.
    let handle = follower.handle();
    thread::spawn(move || handle.heartbeat()).join().unwrap().unwrap();
    assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), ["REPLCONF", "ACK", "121"]);
    let handle = follower.handle();
    drop(follower);
    handle.heartbeat().unwrap();
    handle.stop();
    peer.join();
}

#[test]
fn an_acknowledgement_is_sent_each_second() {
    let (heard, hears) = mpsc::channel();
    let peer = Peer::start(move |talk| {
        talk.handshake(&info(100));
        talk.say("+CONTINUE\r\n");
        while let Some(words) = talk.hear() {
            heard.send(words).unwrap();
        }
        false
    });
    let mut follower = peer.follower().connect().unwrap();
    let handle = follower.handle();
    let following = thread::spawn(move || while follower.next_event().unwrap().is_some() {});
    for _ in 0..3 {
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), ["REPLCONF", "ACK", "0"]);
    }
    handle.stop();
    following.join().unwrap();
}

#[test]
fn a_commit_of_another_thread_is_acknowledged() {
    let (heard, hears) = mpsc::channel();
    let peer = Peer::start(move |talk| {
        talk.handshake(&info(142));
        talk.say("+CONTINUE\r\n");
        talk.say(INCR.repeat(2));
        while let Some(words) = talk.hear() {
            heard.send(words).unwrap();
        }
        false
    });
    let place = |offset| format!("{ID}:{offset}:0").parse().unwrap();
    // Also before the follower exists.
    let handle = Handle::new();
    handle.commit(place(95));
    handle.commit(place(100));
    let builder = peer.follower().start(Start::At(place(100))).ack(Ack::Applied).handle(handle.clone());
    let mut follower = builder.connect().unwrap();
    let (told, tells) = mpsc::channel();
    let following = thread::spawn(move || {
        while let Some(event) = follower.next_event().unwrap() {
            if let Event::Command(command) = event {
                told.send(command.position().unwrap()).unwrap();
            }
        }
    });
    assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), ["REPLCONF", "ACK", "100"]);
    for offset in ["121", "142"] {
        handle.commit(tells.recv_timeout(PATIENCE).unwrap());
        while hears.recv_timeout(PATIENCE).unwrap()[2] != offset {}
    }
    // Of another history.
    handle.commit(format!("{}:121:0", "f".repeat(40)).parse().unwrap());
    for _ in 0..2 {
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap()[2], "142");
    }
    handle.stop();
    following.join().unwrap();
}

/// The sink commits on another thread while the follower's own thread does nothing: no further byte arrives, and no
/// time passes for the follower.
#[test]
fn a_commit_answers_a_waiting_primary_from_any_thread() {
    for is_own_thread in [false, true] {
        let (heard, hears) = mpsc::channel();
        let peer = Peer::start(move |talk| {
            talk.handshake(&info(100));
            talk.say(format!("+CONTINUE\r\n{INCR}*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n{INCR}"));
            while let Some(words) = talk.hear() {
                heard.send(words).unwrap();
            }
            false
        });
        let place = |offset| format!("{ID}:{offset}:0").parse().unwrap();
        let mut follower = peer.follower().start(Start::At(place(100))).ack(Ack::Applied).connect().unwrap();
        while !matches!(follower.next_event().unwrap(), Some(Event::Command(command)) if command.offset == 179) {}
        // The first acknowledgement of the stream, and the reply to the request.
        for _ in 0..2 {
            assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), ["REPLCONF", "ACK", "0"]);
        }
        let handle = follower.handle();
        let mut commit = |offset| match is_own_thread {
            true => follower.commit(place(offset)),
            false => {
                let handle = handle.clone();
                thread::spawn(move || handle.commit(place(offset))).join().unwrap();
            }
        };
        commit(110);
        commit(121);
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), ["REPLCONF", "ACK", "158"]);
        // Nothing was requested since: the next acknowledgement is a heartbeat, which has the last commit.
        commit(179);
        handle.heartbeat().unwrap();
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), ["REPLCONF", "ACK", "179"]);
        drop(follower);
        peer.join();
    }
}

#[test]
fn each_connect_asks_for_the_login() {
    let (heard, hears) = mpsc::channel();
    let mut offset = 100;
    let peer = Peer::start(move |talk| {
        heard.send(talk.hear().unwrap()).unwrap();
        talk.say("+OK\r\n");
        talk.handshake(&info(offset));
        talk.say(format!("+CONTINUE\r\n{INCR}"));
        offset += INCR.len() as u64;
        talk.close();
        true
    });
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let login = move || {
        let turn = counter.fetch_add(1, Ordering::Relaxed);
        Ok(Login::user("cdc", format!("token-{turn}")))
    };
    let mut follower = peer.follower().login(login).connect().unwrap();
    for turn in 0..3 {
        while !matches!(follower.next_event().unwrap(), Some(Event::Attached(_))) {}
        assert_eq!(hears.recv_timeout(PATIENCE).unwrap(), ["AUTH".to_owned(), "cdc".into(), format!("token-{turn}")]);
    }
}

#[test]
fn a_connector_supplies_the_connections() {
    let peer = streaming(INCR);
    let address = peer.address.clone();
    let mut follower = Follower::with_connector(move || TcpStream::connect(&*address)).connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Command(_))));
}

#[test]
fn a_single_stream_is_not_reconnected() {
    let peer = Peer::start(|talk| {
        talk.handshake(&info(100));
        talk.say("+CONTINUE\r\n");
        talk.close();
        false
    });
    let stream = TcpStream::connect(&*peer.address).unwrap();
    let mut follower = Follower::with_stream(stream).connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    match follower.next_event().unwrap() {
        Some(Event::Disconnected(lost)) => {
            assert_eq!((lost.resume.unwrap().offset, lost.retry_in), (100, None));
        }
        other => panic!("{other:?}"),
    }
    assert!(follower.next_event().unwrap().is_none());
}

#[test]
fn a_start_that_needs_two_connections_is_refused_on_one() {
    let peer = Peer::start(|talk| {
        talk.handshake("repl_backlog_active:0\r\n");
        false
    });
    let stream = TcpStream::connect(&*peer.address).unwrap();
    let mut follower = Follower::with_stream(stream).allow_probe(true).connect().unwrap();
    match follower.next_event() {
        Err(Error::Session(error)) => assert_eq!(*error, SessionError::SecondLinkNeeded),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_option_without_effect_is_refused() {
    type Choose = fn(Builder) -> Builder;
    let cases: [(Choose, &str); 6] = [
        (|of| of.lenient(true), "set snapshot to SnapshotForm::Items"),
        (|of| of.allow_probe(true).start(Start::Snapshot), "it is for Start::Now and OnGap::Continue"),
        (|of| of.start(Start::Sync).on_gap(OnGap::Continue), "on_gap has no effect on Start::Sync"),
        (|of| of.reconnect(Backoff::OFF).retry_first(true), "retry_first has no effect"),
        (|of| of.reconnect(Backoff::OFF).retry_snapshot(true), "retry_snapshot has no effect"),
        (|of| of.reconnect(Backoff::OFF).retry_refused(Duration::from_secs(1)), "retry_refused has no effect"),
    ];
    for (choose, message) in cases {
        let error = choose(Follower::builder("127.0.0.1:1")).connect().unwrap_err();
        assert!(matches!(error, Error::Options(_)) && error.to_string().contains(message), "{error}");
    }
    // One set of options serves a first run, and those that start at a saved position.
    let refusing = Refusing::new();
    let saved = "26e9aa58837d8095338f33e660463dbdf56c86c9:1311:0".parse().unwrap();
    for on_gap in [OnGap::Stop, OnGap::Continue, OnGap::Snapshot] {
        let builder = Follower::builder(refusing.address.to_string()).allow_probe(true).on_gap(on_gap);
        let error = builder.start(Start::At(saved)).connect().unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
    }
    let options = options! { retry_first: true };
    let stream = TcpStream::connect(&*Peer::start(|_| false).address).unwrap();
    let error = Follower::with_stream(stream).options(options).connect().unwrap_err();
    assert!(matches!(error, Error::Options(_)), "{error}");
}

#[test]
fn a_failed_first_connect_is_reported() {
    let refusing = Refusing::new();
    let address = refusing.address.to_string();
    match Follower::builder(&*address).connect() {
        Err(Error::Connect { target, source }) => {
            assert_eq!((&target, source.kind()), (&address, io::ErrorKind::ConnectionRefused));
            // The address is named once.
            let message = Error::Connect { target, source }.to_string();
            assert_eq!(message.matches(&address).count(), 1, "{message}");
        }
        other => panic!("{other:?}"),
    }
    let error = Follower::builder("localhost").connect().unwrap_err().to_string();
    assert!(error.contains("localhost:6379"), "{error}");
    for target in ["user:hunter2@localhost:6379", "redis://:hunter2@localhost", ":hunter2@localhost", "hunter2@h:x"] {
        let error = Follower::builder(target).connect().unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(1)).give_up_after(2);
    let mut follower = Follower::builder(&*address).retry_first(true).reconnect(backoff).connect().unwrap();
    let names_it = |follower: &mut Follower| match follower.next_event().unwrap() {
        Some(Event::Disconnected(lost)) => assert!(lost.to_string().starts_with(&format!("{address}: ")), "{lost}"),
        other => panic!("{other:?}"),
    };
    for _ in 0..2 {
        names_it(&mut follower);
    }
    let error = loop {
        match follower.next_event() {
            Ok(Some(Event::Disconnected(_))) => {}
            Err(error) => break error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert!(error.contains("3 attempts failed") && error.contains("refused"), "{error}");
    assert!(error.contains(&address), "{error}");
}

#[test]
fn a_silent_server_is_left() {
    let peer = Peer::start({
        let mut links = 0;
        move |talk| {
            links += 1;
            talk.handshake(&info(100));
            talk.say("+CONTINUE\r\n");
            if links == 2 {
                talk.say(INCR);
            }
            talk.listen();
            links < 2
        }
    });
    let mut follower = peer.follower().silence(Duration::from_millis(200)).connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    assert!(
        matches!(follower.next_event().unwrap(), Some(Event::Disconnected(lost)) if lost.reason == DisconnectReason::Silence(Duration::from_millis(200)))
    );
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Command(_))));
}

#[test]
fn a_large_command_grows_the_buffer_which_shrinks_again() {
    let value = "v".repeat(3 << 20);
    let peer = streaming(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n{INCR}", value.len()));
    let mut follower = peer.follower().buffer(4096).start(Start::NowWithoutFork).connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    match follower.next_event().unwrap() {
        Some(Event::Command(command)) => assert_eq!(command.arg(2).unwrap().len(), 3 << 20),
        other => panic!("{other:?}"),
    }
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Command(command)) if command.is(b"INCR")));
    assert_eq!(follower.position().unwrap().to_string().split(':').next(), Some(ID));
}

#[test]
fn a_timeout_of_zero_takes_received_events() {
    let peer = streaming(INCR);
    let mut follower = peer.follower().connect().unwrap();
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < PATIENCE, "it never reads");
        match follower.next_timeout(Duration::ZERO).unwrap() {
            Some(Event::Command(_)) => break,
            Some(_) => {}
            None => panic!("it ended"),
        }
    }
}

#[test]
fn a_dropped_follower_ends_its_link_although_a_handle_lives() {
    let peer = streaming(INCR);
    let mut follower = peer.follower().connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    let handle = follower.handle();
    drop(follower);
    let (gone, goes) = mpsc::channel();
    thread::spawn(move || {
        peer.join();
        gone.send(()).unwrap();
    });
    goes.recv_timeout(PATIENCE).expect("the server still sees a replica, and keeps what nobody reads");
    handle.heartbeat().unwrap();
}

#[test]
fn a_later_login_failure_is_a_failed_attempt() {
    let peer = Peer::start({
        let mut links = 0;
        move |talk| {
            links += 1;
            talk.handshake(&info(100));
            talk.say("+CONTINUE\r\n");
            talk.close();
            links < 2
        }
    });
    let mut turn = 0;
    let login = move || {
        turn += 1;
        if turn == 2 { Err(io::Error::other("the vault is sealed")) } else { Ok(Login::default()) }
    };
    let mut follower = peer.follower().login(login).connect().unwrap();
    let mut lost = Vec::new();
    while lost.len() < 3 {
        if let Some(Event::Disconnected(event)) = follower.next_event().unwrap() {
            lost.push(event.reason.to_string());
        }
    }
    assert_eq!(lost[1], "can't get user and password: the vault is sealed");
    assert_eq!(lost[2], "the server closed the connection");
}

#[test]
fn a_login_with_a_user_has_a_password() {
    let peer = Peer::start(|_| panic!("a connection without its user"));
    let login = || {
        let mut login = Login::default();
        login.user = Some("cdc".into());
        Ok(login)
    };
    let error = peer.follower().login(login).connect().unwrap_err();
    assert!(matches!(error, Error::Login(_)), "{error}");
    assert_eq!(
        error.to_string(),
        "can't get user and password: the user cdc has no password: give it, or an empty one for a nopass user"
    );
}

#[test]
fn a_small_buffer_and_small_limits_leave_room_for_the_handshake() {
    let long = format!("{}{}", info(100), "module:name=a,ver=1\r\n".repeat(5000));
    let peer = Peer::start(move |talk| {
        talk.handshake(&long);
        talk.say(format!("+CONTINUE\r\n{INCR}"));
        talk.listen();
        false
    });
    let mut limits = Limits::default();
    limits.command = 1000;
    let options = options! { limits };
    let mut follower = peer.follower().options(options).buffer(1024).connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
}

#[cfg(target_os = "linux")]
#[test]
fn a_stop_ends_an_attempt_to_connect() {
    let (full, handle) = (crate::full::Full::new(), Handle::new());
    let builder = Follower::builder(full.address.to_string()).connect_timeout(Duration::from_secs(3600));
    let builder = builder.handle(handle.clone());
    let connecting = thread::spawn(move || builder.connect().map(drop));
    while !full.has_attempt() {
        thread::sleep(Duration::from_millis(10));
    }
    handle.stop();
    connecting.join().unwrap().unwrap_err();
}

/// The example of `Checkpoint`: one write, and PINGs after it.
#[test]
fn a_checkpoint_catches_up_with_a_quiet_stream() {
    let (heard, hears) = mpsc::channel();
    let peer = Peer::start(move |talk| {
        talk.handshake(&info(100));
        talk.say(format!("+CONTINUE\r\n{INCR}{}", "*1\r\n$4\r\nPING\r\n".repeat(3)));
        while let Some(words) = talk.hear() {
            heard.send(words).unwrap();
        }
        false
    });
    let file = std::env::temp_dir().join(format!("redtail-quiet-{}", std::process::id()));
    let mut checkpoint = Checkpoint::open(&file, &peer.address).unwrap();
    let start = Start::At(format!("{ID}:100:0").parse().unwrap());
    let mut follower = peer.follower().start(start).ack(Ack::Applied).connect().unwrap();
    let handle = follower.handle();
    let following = thread::spawn(move || {
        while let Some(event) = follower.next_timeout(Checkpoint::INTERVAL).unwrap() {
            if let Event::Command(_) = event {
                checkpoint.count(1);
            }
            if let Some(position) = follower.position().filter(|_| checkpoint.is_due()) {
                checkpoint.save(position).unwrap();
                follower.commit(position);
            }
        }
    });
    while hears.recv_timeout(PATIENCE).unwrap()[2] != "163" {}
    let saved = Checkpoint::open(&file, &peer.address).unwrap().position().unwrap();
    assert_eq!(saved.offset, 163);
    handle.stop();
    following.join().unwrap();
    std::fs::remove_file(file).unwrap();
}

/// A connection that returns a few bytes a read, counts its system calls, and takes a moment for each read.
struct Counted {
    stream: TcpStream,
    reads: Arc<AtomicU32>,
    timeouts: Arc<AtomicU32>,
}

impl Read for Counted {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(2));
        let most = space.len().min(INCR.len());
        self.stream.read(&mut space[..most])
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for Counted {
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.timeouts.fetch_add(1, Ordering::Relaxed);
        self.stream.set_read_timeout(limit)
    }
}

#[test]
fn an_event_takes_one_system_call() {
    let peer = streaming(INCR.repeat(300));
    let (reads, timeouts) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let address = peer.address.clone();
    let (read, timed) = (reads.clone(), timeouts.clone());
    let connect = move || {
        let stream = TcpStream::connect(&*address)?;
        Ok(Counted { stream, reads: read.clone(), timeouts: timed.clone() })
    };
    let mut follower = Follower::with_connector(connect).connect().unwrap();
    let mut events = 0;
    while events < 300 {
        events += u32::from(matches!(follower.next_event().unwrap(), Some(Event::Command(_))));
    }
    let (reads, timeouts) = (reads.load(Ordering::Relaxed), timeouts.load(Ordering::Relaxed));
    assert!(reads >= 300 && timeouts < reads / 4, "{timeouts} changes of the timeout in {reads} reads");
    drop(follower);
    peer.join();
}

//! Servers that close, lie, stall or talk without end: an error that says so, in bounded memory.

use std::time::{Duration, Instant};

use redtail::{Backoff, Error, Event, Limits, SessionError, Start};

use crate::peer::{ID, Peer, info};

fn end(follower: &mut redtail::Follower) -> Error {
    let began = Instant::now();
    loop {
        assert!(began.elapsed() < Duration::from_secs(30), "it hangs");
        match follower.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without an error"),
            Err(error) => return error,
        }
    }
}

fn refusal(words: &'static str) -> String {
    let peer = Peer::start(move |talk| {
        talk.say(words);
        talk.close();
        false
    });
    end(&mut peer.follower().connect().unwrap()).to_string()
}

#[test]
fn an_error_sent_before_the_close_is_reported() {
    let error = refusal("-DENIED Redis is running in protected mode because protected mode is enabled\r\n");
    assert!(error.contains("protected mode"), "{error}");
    let error = refusal("-ERR max number of clients reached\r\n");
    assert!(error.contains("max number of clients"), "{error}");
}

#[test]
fn a_server_of_another_kind_is_reported() {
    let error = refusal("HTTP/1.1 400 Bad Request\r\n\r\n");
    assert!(error.contains("handshake") && error.contains("'H'"), "{error}");
    let error = refusal("");
    assert!(error.contains("closed the connection"), "{error}");
}

#[test]
fn a_close_at_any_byte_is_an_error_or_a_retry() {
    let answers = ["+PONG\r\n", "+OK\r\n", "$0\r\n\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n"].concat();
    let whole = format!("{answers}+FULLRESYNC {ID} 1\r\n$EOF:{}\r\nREDIS0010", "m".repeat(40));
    for cut in 0..whole.len() {
        let begin = whole[..cut].to_owned();
        // All replies arrive at once: the follower reads one after the other, and loses none.
        let peer = Peer::start(move |talk| {
            talk.say(&begin);
            talk.close();
            false
        });
        let mut follower = peer.follower().reconnect(Backoff::OFF).connect().unwrap();
        let error = loop {
            match follower.next_event() {
                Ok(Some(_)) => {}
                other => break other.map(|_| ()),
            }
        };
        match error {
            Err(Error::Session(error)) => {
                assert!(
                    matches!(*error, SessionError::Lost { .. } | SessionError::Refused { .. }),
                    "cut at {cut}: {error}"
                );
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

#[test]
fn an_endless_line_is_an_error() {
    let peer = Peer::start(|talk| {
        talk.say("-ERR ");
        for _ in 0..100 {
            talk.say([b'x'; 4096]);
        }
        talk.close();
        false
    });
    let error = end(&mut peer.follower().connect().unwrap()).to_string();
    assert!(error.contains("65536"), "{error}");
}

#[test]
fn a_false_length_allocates_nothing() {
    for (lie, words) in [
        ("*1000000000000000000\r\n", "16777216"),
        ("*2\r\n$3\r\nSET\r\n$1000000000000000000\r\n", "536870912"),
        ("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$600000000\r\n", "536870912"),
    ] {
        let peer = Peer::start(move |talk| {
            talk.handshake(&info(100));
            talk.say(format!("+CONTINUE\r\n{lie}"));
            talk.listen();
            false
        });
        let error = end(&mut peer.follower().connect().unwrap()).to_string();
        assert!(error.contains(words) && error.contains("replication offset"), "{error}");
    }
}

#[test]
fn the_buffer_stays_within_its_limit() {
    let mut limits = Limits::default();
    limits.command = 100_000;
    let peer = Peer::start(|talk| {
        talk.handshake(&info(100));
        talk.say("+CONTINUE\r\n*100\r\n");
        for _ in 0..100 {
            talk.say(format!("$5000\r\n{}\r\n", "x".repeat(5000)));
        }
        talk.listen();
        false
    });
    let options = options! { limits };
    let error = end(&mut peer.follower().options(options).buffer(8192).connect().unwrap()).to_string();
    assert!(error.contains("exceeds the limit of 100000 bytes"), "{error}");
}

#[test]
fn protocol_errors_are_not_retried() {
    let peer = Peer::start({
        let mut links = 0;
        move |talk| {
            links += 1;
            assert_eq!(links, 1, "the same bytes would come again");
            talk.handshake(&info(100));
            talk.say("+CONTINUE\r\ngarbage\r\n");
            talk.listen();
            true
        }
    });
    let mut follower = peer.follower().connect().unwrap();
    let error = end(&mut follower);
    assert!(error.to_string().contains("at byte 100"), "{error}");
    let again = end(&mut follower);
    assert_eq!(again.to_string(), error.to_string(), "final");
}

#[test]
fn a_server_that_takes_no_bytes_does_not_stop_the_events() {
    // It reads nothing after the handshake. The kernel's buffers hold the acknowledgements for years.
    let peer = Peer::start(|talk| {
        talk.handshake(&info(100));
        talk.say("+CONTINUE\r\n");
        for _ in 0..200 {
            talk.say("*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n*1\r\n$8\r\nFLUSHALL\r\n");
        }
        std::thread::sleep(Duration::from_millis(200));
        false
    });
    let mut follower = peer.follower().start(Start::NowWithoutFork).reconnect(Backoff::OFF).connect().unwrap();
    let mut commands = 0;
    while let Some(event) = follower.next_event().unwrap() {
        commands += u32::from(matches!(event, Event::Command(_)));
        if commands == 200 {
            break;
        }
    }
    assert_eq!(commands, 200);
}

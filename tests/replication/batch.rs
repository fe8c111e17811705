//! A session's batches hold the events that it delivers one at a time.

use std::ops::ControlFlow;

use redtail::Event;
use redtail::replication::{Progress, Session};

/// Writes, transactions, and all that steers the stream, with enough repetition that the parser knows the shapes.
fn stream() -> Vec<u8> {
    let command = |args: &[&str]| {
        let args: Vec<&[u8]> = args.iter().map(|arg| arg.as_bytes()).collect();
        let mut bytes = vec![0; redtail::resp::encoded_len(&args)];
        redtail::resp::encode_command(&mut bytes, &args).unwrap();
        bytes
    };
    let mut bytes = Vec::new();
    for turn in 0..3_000 {
        let value = "v".repeat(turn * 7 % 40);
        bytes.extend(match turn * turn % 23 {
            0 => command(&["SELECT", &(turn % 16).to_string()]),
            1 => command(&["multi"]),
            2 => command(&["EXEC"]),
            3 => command(&["ping"]),
            4 => command(&["REPLCONF", "GETACK", "*"]),
            6 => command(&["SINTER", "a", "b"]),
            8 => b"\n".to_vec(),
            9 => command(&["RENAMENX", "k", &value]),
            13 => command(&["SET", "k", &"large".repeat(turn % 500)]),
            _ => command(&["SET", &format!("key:{:08}", turn / 100), &value]),
        });
    }
    bytes
}

fn shown(event: &Event<'_>) -> String {
    match event {
        Event::Command(command) | Event::Multi(command) | Event::Exec(command) | Event::Control(command) => {
            format!("{event:?} {:?} {:?} {:?}", command.tx, command.position(), command.received_ms)
        }
        _ => format!("{event:?}"),
    }
}

/// All events and the last position; batches of at most `limit`, of which `each` leaves some early; 0: none.
fn follow(stream: &[u8], control: bool, limit: u32, piece: usize) -> Vec<String> {
    let options = options! { control, parts: Some(1500) };
    let mut session = Session::recorded(options, Some(7));
    let bytes = [b"+CONTINUE 26e9aa58837d8095338f33e660463dbdf56c86c9\r\n", stream].concat();
    let (mut events, mut front, mut end) = (Vec::new(), 0, 0);
    while end < bytes.len() {
        end = bytes.len().min(end + piece);
        session.stamp(end as u64);
        loop {
            let before = events.len();
            if limit > 0 {
                let (count, flow) = session.batch(&bytes[front..end], 0, limit, |event| {
                    events.push(shown(&event));
                    if events.len() % 5 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                front += session.consumed();
                assert_eq!(count as usize, events.len() - before);
                assert_eq!(flow.is_break(), count > 0 && events.len() % 5 == 0);
            }
            if session.poll(&bytes[front..end], 0) == Progress::Event {
                events.push(shown(&session.event(&bytes[front..end])));
                front += session.consumed();
            } else {
                front += session.consumed();
                break;
            }
        }
    }
    assert_eq!(front, bytes.len());
    assert!(session.is_whole());
    events.push(format!("{:?}", session.position()));
    events
}

#[test]
fn a_batch_is_the_same_as_one_at_a_time() {
    let stream = stream();
    for control in [false, true] {
        for (limit, piece) in [(1, 100_000), (3, 3_000), (16, 20_000), (1_000, 100_000_000)] {
            let seen = follow(&stream, control, limit, piece);
            let one_by_one = follow(&stream, control, 0, piece);
            assert!(seen.len() > 2_000);
            assert_eq!(seen, one_by_one, "batches of {limit}, pieces of {piece}");
        }
    }
}

//! Commands in parts. Which commands are delivered in parts, and what the parts contain, depends on the bytes alone and
//! not on how they arrive.

use std::collections::HashMap;

use proptest::prelude::*;
use redtail::resp::{Part, PartsItem, PartsParser, PartsPoll, Status};
use redtail::{Limits, ProtocolError};

use crate::feed;

/// The events, with the pieces of an argument joined.
#[derive(Debug, Clone, PartialEq)]
enum Event {
    Command(Vec<Vec<u8>>),
    Begin(usize),
    Argument(usize, u64, Vec<u8>),
    End,
}

/// Feeds `bytes` in pieces that end at `cuts`. Returns the error and the events, each with the offset after it. The
/// offset of an argument is that after its length line.
fn feed(mut parser: PartsParser, bytes: &[u8], cuts: &[usize]) -> (Vec<(Event, u64)>, Option<ProtocolError>) {
    let (mut events, mut front): (Vec<(Event, u64)>, usize) = (Vec::new(), 0);
    for &cut in cuts.iter().chain([&bytes.len()]) {
        loop {
            let input = &bytes[front..cut];
            let poll = match parser.poll(input) {
                Ok(poll) => poll,
                Err(error) => return (events, Some(error)),
            };
            front += poll.used();
            let offset = parser.offset();
            assert_eq!(offset, front as u64);
            match parser.item(input) {
                Some(PartsItem::Command(command)) => {
                    events.push((Event::Command(command.args().map(<[u8]>::to_vec).collect()), offset));
                }
                Some(PartsItem::Part(Part::Begin { argc })) => events.push((Event::Begin(argc), offset)),
                Some(PartsItem::Part(Part::Argument { index, length })) => {
                    events.push((Event::Argument(index, length, Vec::new()), offset));
                }
                Some(PartsItem::Part(Part::Piece(piece))) => {
                    assert!(!piece.is_empty());
                    let Some((Event::Argument(_, _, value), _)) = events.last_mut() else { panic!() };
                    value.extend(piece);
                }
                Some(PartsItem::Part(Part::End)) => events.push((Event::End, offset)),
                None => {
                    let PartsPoll::Incomplete { needed, .. } = poll else { panic!() };
                    assert!(needed > 0);
                    break;
                }
            }
        }
    }
    (events, None)
}

/// The commands, whole and in parts.
fn joined(events: &[(Event, u64)]) -> Vec<Vec<Vec<u8>>> {
    let mut commands = Vec::new();
    let mut open: Option<(usize, Vec<Vec<u8>>)> = None;
    for (event, _) in events {
        match event {
            Event::Command(arguments) => {
                assert!(open.is_none());
                commands.push(arguments.clone());
            }
            Event::Begin(argc) => assert!(open.replace((*argc, Vec::new())).is_none()),
            Event::Argument(index, length, value) => {
                let (_, arguments) = open.as_mut().unwrap();
                assert_eq!((arguments.len(), value.len() as u64), (*index, *length));
                arguments.push(value.clone());
            }
            Event::End => {
                let (argc, arguments) = open.take().unwrap();
                assert_eq!(arguments.len(), argc);
                commands.push(arguments);
            }
        }
    }
    commands
}

fn encode(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        bytes.extend(format!("${}\r\n", argument.len()).bytes());
        bytes.extend(argument);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// The rule in the documentation.
fn comes_in_parts(arguments: &[Vec<u8>], threshold: u64, limit: u64) -> bool {
    let mut end = format!("*{}\r\n", arguments.len()).len();
    arguments.iter().any(|argument| {
        end += format!("${}\r\n", argument.len()).len() + argument.len() + 2;
        argument.len() as u64 >= threshold || end as u64 > limit
    })
}

fn arguments() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let length = prop_oneof![6 => 0..40usize, 1 => 990..1060usize, 1 => 1990..2010usize];
    let argument =
        (length, any::<u8>()).prop_map(|(length, byte)| (0..length).map(|at| byte.wrapping_add(at as u8)).collect());
    prop::collection::vec(argument, 1..12)
}

fn streams() -> impl Strategy<Value = Vec<(&'static str, Vec<Vec<u8>>)>> {
    let between = prop_oneof![4 => Just(""), 1 => Just("\r\n"), 1 => Just("*0\r\n\n")];
    prop::collection::vec((between, arguments()), 1..6)
}

const THRESHOLDS: [u64; 3] = [1024, 1025, 2000];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_are_the_command_under_any_cut(
        stream in streams(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        threshold in prop::sample::select(THRESHOLDS.to_vec()),
        limit in prop::sample::select(vec![60u64, 1100, 1 << 30]),
    ) {
        let limits = feed::limits!(command: limit);
        let bytes: Vec<u8> = stream.iter().flat_map(|(between, command)| [between.as_bytes().to_vec(), encode(command)].concat()).collect();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let parser = || PartsParser::stream(Some(threshold)).with_limits(limits);
        let (events, error) = feed(parser(), &bytes, &cuts);
        prop_assert_eq!(error, None);
        prop_assert_eq!(&events, &feed(parser(), &bytes, &[]).0);
        let commands: Vec<_> = stream.iter().map(|(_, command)| command.clone()).collect();
        prop_assert_eq!(joined(&events), commands.clone());

        let whole = events.iter().filter(|(event, _)| matches!(event, Event::Command(_))).count();
        let expected = commands.iter().filter(|command| !comes_in_parts(command, threshold, limit)).count();
        prop_assert_eq!(whole, expected);

        let ends: Vec<u64> = events.iter().filter(|(event, _)| matches!(event, Event::Command(_) | Event::End)).map(|(_, at)| *at).collect();
        let mut at = 0;
        let expected: Vec<u64> = stream.iter().map(|(between, command)| { at += between.len() + encode(command).len(); at as u64 }).collect();
        prop_assert_eq!(ends, expected);
    }

    /// Wrong bytes give the same events and the same error under any cut.
    #[test]
    fn broken_parts_break_at_the_same_byte(
        stream in streams(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
    ) {
        let mut bytes: Vec<u8> = stream.iter().flat_map(|(between, command)| [between.as_bytes().to_vec(), encode(command)].concat()).collect();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let parser = || PartsParser::stream(Some(1024));
        prop_assert_eq!(feed(parser(), &bytes, &cuts), feed(parser(), &bytes, &[]));
    }

    /// Without a threshold the parser is the command parser.
    #[test]
    fn commands_are_whole_without_a_threshold(command in arguments(), limit in prop::sample::select(vec![60u64, 1100, 1 << 30])) {
        let limits = feed::limits!(command: limit);
        let bytes = encode(&command);
        let (events, error) = feed(PartsParser::stream(None).with_limits(limits), &bytes, &[]);
        let mut input = &bytes[..];
        match redtail::CommandParser::stream().with_limits(limits).next(&mut input) {
            Ok(_) => prop_assert_eq!((joined(&events), error), (vec![command], None)),
            Err(expected) => prop_assert_eq!((events.len(), error), (0, Some(expected))),
        }
    }
}

/// The length of the events in bytes, and the number of bytes needed after them.
fn needed(limits: Limits, bytes: &[u8]) -> Option<(usize, usize)> {
    let mut parser = PartsParser::stream(Some(1024)).with_limits(limits);
    let (mut events, mut front) = (0, 0);
    loop {
        match parser.poll(&bytes[front..]) {
            Ok(PartsPoll::Incomplete { needed, .. }) => return Some((events, needed)),
            Ok(poll) => front += poll.used(),
            Err(_) => return None,
        }
        events += 1;
    }
}

/// `needed` is the least length that completes a command or part. Among all strings no shorter one does, and one of
/// this length does.
#[test]
fn needed_is_the_least_of_all_strings() {
    let limits = feed::limits!(command: 14);
    let (longest, alphabet) = (11, b"*$019\r\n");
    let mut seen: HashMap<Vec<u8>, (usize, usize)> = HashMap::new();
    let mut least: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut todo = vec![Vec::new()];
    while let Some(bytes) = todo.pop() {
        let Some((events, needed)) = needed(limits, &bytes) else { continue };
        for cut in 0..bytes.len() {
            let before = &bytes[..cut];
            if seen[before].0 < events {
                let least = least.entry(before.to_vec()).or_insert(usize::MAX);
                *least = (*least).min(bytes.len() - cut);
            }
        }
        seen.insert(bytes.clone(), (events, needed));
        if bytes.len() < longest && events < 2 {
            todo.extend(alphabet.iter().map(|&byte| [&bytes[..], &[byte]].concat()));
        }
    }
    for (bytes, &(events, needed)) in seen.iter().filter(|(_, (events, _))| *events < 2) {
        match least.get(bytes) {
            Some(&least) => assert_eq!(needed, least, "{} after {events} events", crate::feed::show(bytes)),
            // Only the end of its line decides between a count or length over its limit and one that fits.
            None if bytes.iter().filter(|byte| byte.is_ascii_digit()).count() > 7 => {}
            None => assert!(bytes.len() + needed > longest, "{} needs {needed}?", crate::feed::show(bytes)),
        }
    }
    assert!(least.len() > 300, "{}", least.len());
}

#[test]
fn needed_considers_the_threshold() {
    let needed = |bytes: &[u8]| needed(Limits::DEFAULT, bytes).unwrap();
    assert_eq!(needed(b"*1\r\n$102"), (0, 3), "4 CR LF");
    assert_eq!(needed(b"*1\r\n$20"), (0, 4), "00 CR LF");
    assert_eq!(needed(b"*1\r\n$2"), (0, 5), "000 CR LF");
    assert_eq!(needed(b"*1\r\n$8"), (0, 5), "000 CR LF");
    assert_eq!(needed(b"*9\r\n"), (0, 7), "$1024 CR LF");
    assert_eq!(needed(b"*9\r\n$1024\r\n"), (2, 1));
    assert_eq!(needed(&[b"*2\r\n$1024\r\n" as &[u8], &[b'x'; 1024]].concat()), (3, 6), "CR LF $0 CR LF");
}

/// A threshold that no argument can reach, because the limit of arguments is lower: no command is delivered in parts.
#[test]
fn a_threshold_beyond_the_limits_has_no_effect() {
    for command in [2048, 10_000] {
        let limits = feed::limits!(bulk: 30, command: command, arguments: 3);
        assert_eq!(needed(limits, b"").unwrap(), (0, 10));
        assert_eq!(needed(limits, b"*3\r\n").unwrap(), (0, 18));
    }
}

#[test]
fn a_value_of_any_size_passes_through_a_small_buffer() {
    let mut parser = PartsParser::stream(Some(1 << 20));
    let length = 300u64 << 20;
    let head = format!("*2\r\n$3\r\nSET\r\n${length}\r\n");
    let mut buffer = vec![b'v'; 4096];
    buffer.splice(..0, head.bytes());
    let (mut got, mut input) = (0, &buffer[..]);
    let payload = vec![b'v'; 4096];
    loop {
        match parser.next(&mut input).unwrap() {
            Status::Complete(PartsItem::Part(Part::Piece(piece))) => got += piece.len() as u64,
            Status::Complete(PartsItem::Part(Part::End)) => break,
            Status::Complete(_) => {}
            Status::Incomplete { needed } => {
                assert!(input.is_empty() && needed <= 2);
                let left = 3 + length - got;
                input = if left == 0 { b"\r\n" } else { &payload[..left.min(4096) as usize] };
            }
        }
    }
    assert_eq!(got, 3 + length);
    assert_eq!(parser.offset(), head.len() as u64 + length + 2);
}

//! Generated frames and commands, valid and broken, cut anywhere. The parser finds the generated items and always
//! agrees with the oracle.

use proptest::prelude::*;
use redtail::Limits;

use crate::feed::{self, Item, Mode};
use crate::oracle::{Node, Seen, Value};
use crate::tokens;

type Encoded = (Node, Vec<u8>);

/// A node and its bytes. Aggregates may be streamed.
fn nodes() -> impl Strategy<Value = Encoded> {
    let scalar = prop_oneof![
        Just((Value::Null, b"_\r\n".to_vec())),
        Just((Value::Null, b"$-1\r\n".to_vec())),
        Just((Value::Null, b"*-1\r\n".to_vec())),
        any::<bool>()
            .prop_map(|value| (Value::Boolean(value), format!("#{}\r\n", if value { 't' } else { 'f' }).into_bytes())),
        any::<i64>().prop_map(|value| (Value::Integer(value), format!(":{value}\r\n").into_bytes())),
        any::<f64>().prop_map(|value| (Value::Double(format!("{value:?}")), format!(",{value:e}\r\n").into_bytes())),
        ("[+-]", "[ -~]{0,20}").prop_map(|(kind, text)| {
            (Value::Text(kind.as_bytes()[0], text.clone().into_bytes()), format!("{kind}{text}\r\n").into_bytes())
        }),
        "-?[0-9]{1,40}"
            .prop_map(|text| (Value::Text(b'(', text.clone().into_bytes()), format!("({text}\r\n").into_bytes())),
        (prop_oneof![Just(b'$'), Just(b'!'), Just(b'=')], payload()).prop_map(|(kind, payload)| {
            let payload = if kind == b'=' { [b"txt:", &payload[..]].concat() } else { payload };
            (Value::Text(kind, payload.clone()), bulk(kind, &payload))
        }),
        prop::collection::vec(payload(), 0..4).prop_map(|chunks| {
            let chunks: Vec<_> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
            let bytes =
                [b"$?\r\n".to_vec(), chunks.iter().flat_map(|chunk| bulk(b';', chunk)).collect(), b";0\r\n".to_vec()];
            (Value::Streamed(chunks), bytes.concat())
        }),
    ];
    let scalar = scalar.prop_map(|(value, bytes)| (Node { attributes: Vec::new(), value }, bytes));
    scalar.prop_recursive(5, 40, 6, |inner| {
        let attributes = prop::collection::vec((inner.clone(), inner.clone()), 0..2);
        let kind = prop_oneof![Just(b'*'), Just(b'~'), Just(b'%')];
        (attributes, kind, any::<bool>(), prop::collection::vec((inner.clone(), inner), 0..4)).prop_map(
            |(attributes, kind, streamed, pairs)| {
                let mut bytes = Vec::new();
                if !attributes.is_empty() {
                    bytes.extend(format!("|{}\r\n", attributes.len()).bytes());
                }
                let flatten = |pairs: Vec<(Encoded, Encoded)>, bytes: &mut Vec<u8>| {
                    let mut nodes = Vec::new();
                    for (node, encoded) in pairs.into_iter().flat_map(|(key, value)| [key, value]) {
                        nodes.push(node);
                        bytes.extend(encoded);
                    }
                    nodes
                };
                let attributes = flatten(attributes, &mut bytes);
                let count = if kind == b'%' { pairs.len() } else { 2 * pairs.len() };
                bytes.push(kind);
                bytes.extend(if streamed { "?\r\n".to_string() } else { format!("{count}\r\n") }.bytes());
                let items = flatten(pairs, &mut bytes);
                if streamed {
                    bytes.extend(b".\r\n");
                }
                (Node { attributes, value: Value::Aggregate(kind, items) }, bytes)
            },
        )
    })
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..12),
        2 => "[\r\n*$0-9]{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 90..1200),
    ]
}

fn bulk(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&[kind], payload.len().to_string().as_bytes(), b"\r\n", payload, b"\r\n"].concat()
}

/// A command and its bytes.
fn commands() -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<u8>)> {
    let few = prop::collection::vec(payload(), 1..8);
    let many = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 60..140);
    prop_oneof![9 => few, 1 => many].prop_map(|arguments| {
        let bytes = arguments.iter().flat_map(|argument| bulk(b'$', argument)).collect::<Vec<u8>>();
        let bytes = [format!("*{}\r\n", arguments.len()).into_bytes(), bytes].concat();
        (arguments, bytes)
    })
}

/// Commands with the bytes that each mode allows between them.
fn streams() -> impl Strategy<Value = (Vec<Vec<Vec<u8>>>, Vec<u8>)> {
    let between =
        prop_oneof![4 => Just(""), 1 => Just("\n"), 1 => Just("\r\n"), 1 => Just("*0\r\n"), 1 => Just("*-1\r\n\n")];
    prop::collection::vec((between, commands()), 0..5).prop_map(|parts| {
        let bytes = parts.iter().flat_map(|(between, (_, bytes))| [between.as_bytes(), bytes].concat()).collect();
        (parts.into_iter().map(|(_, (command, _))| command).collect(), bytes)
    })
}

/// Positions at which bytes are cut: few, many, or all.
fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop_oneof![
        prop::collection::vec(any::<prop::sample::Index>(), 0..3),
        prop::collection::vec(any::<prop::sample::Index>(), 0..40)
    ]
}

fn at(cuts: &[prop::sample::Index], length: usize) -> Vec<usize> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// A change of bytes: another byte, one more, one less, an end.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(b"*$+-:_#,(%~>|!=;?.0129\r\n".to_vec())];
    prop::collection::vec((any::<prop::sample::Index>(), 0..8u8, byte), 1..3)
}

fn change(bytes: &mut Vec<u8>, changes: &[(prop::sample::Index, u8, u8)]) {
    for (place, what, byte) in changes {
        let place = place.index(bytes.len() + 1);
        match what {
            0 => bytes.truncate(place),
            1 if place < bytes.len() => drop(bytes.remove(place)),
            2 | 3 => bytes.insert(place, *byte),
            _ if place < bytes.len() => bytes[place] = *byte,
            _ => {}
        }
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let tight = (0..30u64, 0..200u64, 0..12u64, 0..4usize, 0..24usize);
    let tight = tight.prop_map(|(bulk, command, arguments, depth, line)| feed::limits!(bulk: bulk.max(9), command: command, arguments: arguments, depth: depth, line: line, reply_line: line));
    prop_oneof![Just(Limits::DEFAULT), tight]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_are_what_was_generated((node, bytes) in nodes(), cuts in cuts()) {
        let seen = feed::check(Mode::Frames, &bytes, &at(&cuts, bytes.len()), Limits::DEFAULT);
        for threshold in [None, Some(1), Some(100)] {
            tokens::agree(&bytes, &at(&cuts, bytes.len()), &seen, Limits::DEFAULT, threshold);
        }
        prop_assert_eq!(seen, Seen::Whole { skipped: 0, length: bytes.len(), item: Item::Frame(node) });
    }

    #[test]
    fn broken_frames_are_what_the_oracle_sees((_, mut bytes) in nodes(), changes in changes(), cuts in cuts(), limits in limits()) {
        change(&mut bytes, &changes);
        feed::check(Mode::Frames, &bytes, &at(&cuts, bytes.len()), limits);
        tokens::agree_in_any_pieces(&bytes, &feed::expected(Mode::Frames, &bytes, Limits::DEFAULT));
        let cuts = at(&cuts, bytes.len());
        prop_assert_eq!(feed::all(Mode::Frames, &bytes, &cuts, limits), feed::all(Mode::Frames, &bytes, &[], limits));
    }

    #[test]
    fn commands_are_what_was_generated((commands, bytes) in streams(), cuts in cuts()) {
        let cuts = at(&cuts, bytes.len());
        let items: Vec<_> = commands.into_iter().map(Item::Command).collect();
        for mode in [Mode::Stream, Mode::Aof] {
            prop_assert_eq!(feed::all(mode, &bytes, &cuts, Limits::DEFAULT), (items.clone(), None));
        }
        prop_assert_eq!(feed::all(Mode::Requests, &bytes, &cuts, Limits::DEFAULT).0.len(), items.len());
    }

    #[test]
    fn broken_commands_are_what_the_oracle_sees((_, mut bytes) in streams(), changes in changes(), cuts in cuts(), limits in limits()) {
        change(&mut bytes, &changes);
        let cuts = at(&cuts, bytes.len());
        for mode in [Mode::Stream, Mode::Aof, Mode::Requests] {
            feed::check(mode, &bytes, &cuts, limits);
            prop_assert_eq!(feed::all(mode, &bytes, &cuts, limits), feed::all(mode, &bytes, &[], limits));
        }
    }

    #[test]
    fn inline_requests_are_what_the_oracle_sees(line in "[a\"'\\\\x0f \t\n\r\u{0}]{0,30}", cuts in cuts(), limits in limits()) {
        let cuts = at(&cuts, line.len());
        feed::check(Mode::Requests, line.as_bytes(), &cuts, limits);
    }

    #[test]
    fn a_batch_is_the_same_as_one_at_a_time((commands, bytes) in streams()) {
        let mut batch = Vec::new();
        let mut input = &bytes[..];
        let count = redtail::CommandParser::stream()
            .batch(&mut input, |command| batch.push(command.args().map(<[u8]>::to_vec).collect::<Vec<_>>()))
            .unwrap();
        prop_assert_eq!(count, commands.len());
        prop_assert_eq!(batch, commands);
        prop_assert!(input.is_empty());
    }

    #[test]
    fn encoded_commands_come_back(arguments in prop::collection::vec(payload(), 1..80)) {
        let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let mut buf = vec![0xee; redtail::resp::encoded_len(&arguments) + 3];
        let length = redtail::resp::encode_command(&mut buf, &arguments).unwrap();
        prop_assert_eq!(&buf[length..], &[0xee; 3]);
        let seen = feed::check(Mode::Stream, &buf[..length], &[], Limits::DEFAULT);
        let item = Item::Command(arguments.iter().map(|argument| argument.to_vec()).collect());
        prop_assert_eq!(seen, Seen::Whole { skipped: 0, length, item });
        let short = redtail::resp::encode_command(&mut buf[..length - 1], &arguments);
        prop_assert_eq!(short.map_err(|error| error.needed), Err(length));
    }
}

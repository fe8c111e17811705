//! Templates change no result. With and without them a parser finds the same items, on streams that make them grow,
//! shrink and be replaced, cut and broken anywhere.

use redtail::resp::{PartsItem, PartsParser, PartsPoll, Poll};
use redtail::{CommandParser, Limits, ProtocolError};

use crate::feed;

/// The items of a stream (position, arguments, offset), then the error.
type Seen = (Vec<(usize, Vec<Vec<u8>>, u64)>, Option<ProtocolError>);

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

/// A few shapes. Their arguments mostly keep their length.
fn stream(random: &mut Random) -> Vec<u8> {
    let shapes: Vec<Vec<usize>> = (0..1 + random.below(20))
        .map(|_| {
            let argc = if random.below(10) == 0 { 10 + random.below(60) } else { 1 + random.below(5) };
            (0..argc)
                .map(|_| [random.below(10), random.below(100), random.below(130)][random.below(8).min(2)])
                .collect()
        })
        .collect();
    let (mut bytes, mut shape) = (Vec::new(), 0);
    let changes = 1 + random.below(60);
    for _ in 0..200 + random.below(600) {
        if random.below(3) == 0 {
            shape = random.below(shapes.len());
        }
        bytes.extend(format!("*{}\r\n", shapes[shape].len()).bytes());
        for &length in &shapes[shape] {
            let length = match random.below(8 * changes) {
                0 => random.below(11_000),
                1..8 => random.below(300),
                _ => length,
            };
            bytes.extend(format!("${length}\r\n").bytes());
            // Payloads that resemble headers.
            bytes.extend((0..length).map(|at| b"\r\n$12\r\n*3\r\n$3\r\n"[at % 15]));
            bytes.extend(b"\r\n");
        }
        if random.below(50) == 0 {
            bytes.extend([&b"\n"[..], b"*0\r\n", b"\r\n", b"*-1\r\n"][random.below(4)]);
        }
    }
    bytes
}

fn one_by_one(mut parser: CommandParser, bytes: &[u8], cuts: &[usize]) -> Seen {
    let (mut seen, mut front) = (Vec::new(), 0);
    for &cut in cuts {
        loop {
            let input = &bytes[front..cut];
            match parser.poll(input) {
                Ok(poll) => {
                    front += poll.used();
                    let Poll::Complete { length, .. } = poll else { break };
                    let args = parser.command(input).args().map(<[u8]>::to_vec).collect();
                    seen.push((front - length, args, parser.offset()));
                }
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}

fn in_batches(mut parser: CommandParser, bytes: &[u8], cuts: &[usize]) -> Seen {
    let (mut seen, mut front, mut offset) = (Vec::new(), 0, 0);
    for &cut in cuts {
        let mut input = &bytes[front..cut];
        let result = parser.batch(&mut input, |command| {
            let begin = command.raw().as_ptr() as usize - bytes.as_ptr() as usize;
            offset = (begin + command.raw().len()) as u64;
            seen.push((begin, command.args().map(<[u8]>::to_vec).collect(), offset));
        });
        front = cut - input.len();
        match result {
            Ok(_) => assert_eq!(parser.offset(), front as u64),
            Err(error) => return (seen, Some(error)),
        }
    }
    (seen, None)
}

fn in_parts(mut parser: PartsParser, bytes: &[u8], cuts: &[usize]) -> Seen {
    let (mut seen, mut front) = (Vec::new(), 0);
    for &cut in cuts {
        loop {
            let input = &bytes[front..cut];
            match parser.poll(input) {
                Ok(poll) => {
                    front += poll.used();
                    let PartsPoll::Command { length, .. } = poll else { break };
                    let Some(PartsItem::Command(command)) = parser.item(input) else { panic!("no command") };
                    seen.push((front - length, command.args().map(<[u8]>::to_vec).collect(), parser.offset()));
                }
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}

#[test]
fn templates_are_invisible() {
    let mut commands = 0;
    for seed in 0..if cfg!(debug_assertions) { 150 } else { 5_000 } {
        let mut random = Random(seed);
        let mut bytes = stream(&mut random);
        for _ in 0..random.below(3) {
            let place = random.below(bytes.len());
            bytes[place] = b"\r\n$*0189a"[random.below(9)];
        }
        let pieces = [usize::MAX, 4096, 300, 40][random.below(4)];
        let mut cuts = vec![bytes.len()];
        while pieces < bytes.len() && cuts[cuts.len() - 1] > pieces {
            cuts.push(cuts[cuts.len() - 1] - 1 - random.below(pieces));
        }
        cuts.reverse();
        let limits = match random.below(5) {
            4 => feed::limits!(bulk: 5000, command: 1 << 20),
            0 => feed::limits!(bulk: 1000, command: 120 << 10, arguments: 99),
            1 => feed::limits!(bulk: 200, command: 1000, arguments: 9),
            _ => Limits::DEFAULT,
        };
        let parser = || CommandParser::stream().with_limits(limits);
        let plain = one_by_one(parser().without_templates(), &bytes, &cuts);
        assert_eq!(one_by_one(parser(), &bytes, &cuts), plain, "seed {seed}");
        assert_eq!(in_batches(parser(), &bytes, &cuts), plain, "seed {seed}, in batches");
        assert_eq!(
            in_parts(PartsParser::stream(None).with_limits(limits), &bytes, &cuts),
            plain,
            "seed {seed}, in parts"
        );
        assert_eq!(in_batches(parser(), &bytes, &[bytes.len()]), plain, "seed {seed}, at once");
        commands += plain.0.len();
    }
    assert!(commands > 10_000);
}

/// After many lengths of two digits a batch expects two digits. Any other line gives the same result or error, cut
/// anywhere.
#[test]
fn two_expected_digits_change_no_result() {
    let mut head = Vec::new();
    for number in 0..1_000 {
        let length = 10 + number * 7 % 90;
        head.extend(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${length}\r\n{}\r\n", "v".repeat(length)).bytes());
    }
    let padding = "v".repeat(200);
    let whole = [0, 1, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000]
        .map(|length| format!("${length}\r\n{}\r\n*1\r\n$4\r\nPING\r\n", "v".repeat(length)));
    let broken = ["$05", "$1x", "$x1", "$/1", "$1/", "$:1", "$1:", "#12", "$12\n", "$-1", "$ 12"]
        .map(|line| format!("{line}\r\n{padding}"));
    for (index, tail) in whole.iter().chain(&broken).enumerate() {
        let mut bytes = head.clone();
        bytes.extend(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n{tail}").bytes());
        let start = head.len();
        for cut in (start + 18..start + 31).chain([bytes.len()]) {
            let cuts = [cut, bytes.len()];
            let with = in_batches(CommandParser::stream(), &bytes, &cuts);
            assert_eq!(with, in_batches(CommandParser::stream().without_templates(), &bytes, &cuts), "{tail:?} {cut}");
            assert_eq!(with.0.len(), if index < whole.len() { 1_002 } else { 1_000 }, "{tail:?} {cut}");
            assert_eq!(with.1.is_none(), index < whole.len(), "{tail:?} {cut}");
        }
    }
}

/// A batch returns early if a payload continues beyond its input. After an error it does not, whatever the input.
#[test]
fn a_failed_batch_fails_again() {
    for inputs in [&[&b"*2\r\n$3\r\nGET\r\n$x"[..]] as &[&[u8]], &[b"*1\r\n$9\r\n", b"*1\r\n$9\r\n123456789x"]] {
        let mut parser = CommandParser::stream();
        let mut results = inputs.iter().map(|input| parser.batch(&mut &input[..], |_| {})).collect::<Vec<_>>();
        let failed = results.pop().unwrap();
        assert!(failed.is_err() && results.iter().all(|result| *result == Ok(0)));
        for input in [&b""[..], b"*", b"\r\n", b"\r\n$9\r\n", b"*1\r\n$4\r\nPING\r\n"] {
            assert_eq!(parser.batch(&mut &input[..], |_| {}), failed, "{input:?}");
        }
    }
}

/// The commands that begin in the last 128 bytes of a piece, with any byte broken: the same at each cut.
#[test]
fn the_last_commands_of_a_piece_are_the_same() {
    let command = |key: &str| format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$2\r\nvv\r\n", key.len()).into_bytes();
    let known = command("key:000000000000");
    let (mut with, mut without) = (CommandParser::stream(), CommandParser::stream().without_templates());
    for parser in [&mut with, &mut without] {
        assert_eq!(parser.batch(&mut &known.repeat(2_000)[..], |_| {}), Ok(2_000));
    }
    let tail = [&command("key:1")[..], &known, &known, &command("k:2")].concat();
    let mut whole = 0;
    for at in 0..tail.len() {
        for broken in [tail[at], b'1', b'\r'] {
            let mut bytes = tail.clone();
            bytes[at] = broken;
            for cut in 0..=bytes.len() {
                let parse = |mut parser: CommandParser| {
                    let (mut raws, mut front) = (Vec::new(), 0);
                    let results = [cut, bytes.len()].map(|end| {
                        let mut input = &bytes[front..end];
                        let args =
                            |command: redtail::Command<'_>| command.args().map(<[u8]>::to_vec).collect::<Vec<_>>();
                        let result = parser.batch(&mut input, |command| raws.push(args(command)));
                        front = end - input.len();
                        (result, front)
                    });
                    (raws, results)
                };
                let plain = parse(without.clone());
                assert_eq!(parse(with.clone()), plain, "{broken} at {at}, cut at {cut}");
                whole += usize::from(plain.1[1].0.is_ok());
            }
        }
    }
    assert!(whole > 10_000, "{whole}");
}

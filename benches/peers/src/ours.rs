//! redtail, in each way it can be called.

use redtail::resp::{CommandParser, FrameParser, Item, Part, PartsParser, Status, Token};

use crate::Outcome;
use crate::feed::{FEED, feed};

/// The bound: the copy alone.
pub fn copy(corpus: &[u8]) -> Outcome {
    feed(corpus, FEED, |bytes| std::hint::black_box(bytes).len());
    Outcome::default()
}

/// All commands that are there in one call.
pub fn batch(corpus: &[u8]) -> Outcome {
    batches(corpus, CommandParser::stream())
}

/// The same without templates.
pub fn tape(corpus: &[u8]) -> Outcome {
    batches(corpus, CommandParser::stream().without_templates())
}

#[inline(always)]
fn batches(corpus: &[u8], mut parser: CommandParser) -> Outcome {
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        let mut sum = 0;
        let found = parser.batch(&mut rest, |command| sum += command.args().map(|arg| arg.len() as u64).sum::<u64>());
        outcome.frames += found.expect("valid") as u64;
        outcome.bytes += sum;
        bytes.len() - rest.len()
    });
    outcome
}

/// One command per call.
pub fn next(corpus: &[u8]) -> Outcome {
    let mut parser = CommandParser::stream();
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(command) = parser.next(&mut rest).expect("valid") {
            outcome.frames += 1;
            outcome.bytes += command.args().map(|arg| arg.len() as u64).sum::<u64>();
        }
        bytes.len() - rest.len()
    });
    outcome
}

/// Commands, the large ones in parts.
pub fn parts(corpus: &[u8]) -> Outcome {
    let mut parser = PartsParser::stream(Some(16 << 10));
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(item) = parser.next(&mut rest).expect("valid") {
            match item {
                Item::Command(command) => {
                    outcome.frames += 1;
                    outcome.bytes += command.args().map(|arg| arg.len() as u64).sum::<u64>();
                }
                Item::Part(Part::Piece(piece)) => outcome.bytes += piece.len() as u64,
                Item::Part(Part::End) => outcome.frames += 1,
                Item::Part(_) => {}
            }
        }
        bytes.len() - rest.len()
    });
    outcome
}

/// Frames, found and checked. Their strings are not visited: that is [`walk`].
pub fn frames(corpus: &[u8]) -> Outcome {
    let mut parser = FrameParser::new();
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(frame) = parser.next(&mut rest).expect("valid") {
            std::hint::black_box(&frame);
            outcome.frames += 1;
        }
        bytes.len() - rest.len()
    });
    outcome
}

/// Frames, and every element in them.
pub fn walk(corpus: &[u8]) -> Outcome {
    let mut parser = FrameParser::new();
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(frame) = parser.next(&mut rest).expect("valid") {
            outcome.frames += 1;
            for token in frame.tokens() {
                if let Token::Scalar(scalar) = token
                    && scalar.kind() == redtail::resp::Kind::BulkString
                {
                    outcome.bytes += scalar.as_bytes().map_or(0, <[u8]>::len) as u64;
                }
            }
        }
        bytes.len() - rest.len()
    });
    outcome
}

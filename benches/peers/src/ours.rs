//! redtail, called by each of its methods. With `VISIT`, each argument is read and the total of their lengths
//! returned.

use std::ffi::{c_int, c_void};

use redtail::resp::{
    Command, CommandParser, Frame, FrameParser, Kind, Part, PartsItem, PartsParser, Status, Token, TokenParser,
};

use crate::Outcome;
use crate::feed::{FEED, feed};

/// The lower bound: the copy alone.
pub fn copy(corpus: &[u8]) -> Outcome {
    feed(corpus, FEED, |bytes| std::hint::black_box(bytes).len());
    Outcome::default()
}

/// All buffered commands in one call.
pub fn batch<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    batches::<VISIT>(corpus, CommandParser::stream())
}

/// The same without templates.
pub fn tape<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    batches::<VISIT>(corpus, CommandParser::stream().without_templates())
}

#[inline(always)]
fn batches<const VISIT: bool>(corpus: &[u8], mut parser: CommandParser) -> Outcome {
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        let mut sum = 0;
        let found = parser.batch(&mut rest, |command| sum += measure::<VISIT>(command));
        outcome.frames += found.expect("valid") as u64;
        outcome.bytes += sum;
        bytes.len() - rest.len()
    });
    outcome
}

/// The figures of one command.
#[inline(always)]
fn measure<const VISIT: bool>(command: Command<'_>) -> u64 {
    if VISIT { command.args().map(|arg| arg.len() as u64).sum() } else { (command.raw().len() + command.argc()) as u64 }
}

/// One command per call.
pub fn next<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    let mut parser = CommandParser::stream();
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(command) = parser.next(&mut rest).expect("valid") {
            outcome.frames += 1;
            outcome.bytes += measure::<VISIT>(command);
        }
        bytes.len() - rest.len()
    });
    outcome
}

unsafe extern "C" {
    fn redtail_batch_new() -> *mut c_void;
    fn redtail_batch_run(parser: *mut c_void, data: *const u8, length: usize, visit: c_int, out: *mut Outcome)
    -> usize;
    fn redtail_tokens_new() -> *mut c_void;
    fn redtail_tokens_run(parser: *mut c_void, data: *const u8, length: usize, out: *mut Outcome) -> usize;
    fn redtail_any_free(parser: *mut c_void);
}

/// Through the C interface: a C function for each command.
pub fn c_callback<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    let mut outcome = Outcome::default();
    // Links the library for its C functions.
    std::hint::black_box(redtail::MAX_DEPTH);
    // SAFETY: only this thread uses the parser, which is freed once; the bytes outlive each call.
    unsafe {
        let parser = redtail_batch_new();
        feed(corpus, FEED, |bytes| redtail_batch_run(parser, bytes.as_ptr(), bytes.len(), VISIT.into(), &mut outcome));
        redtail_any_free(parser);
    }
    outcome
}

/// Commands, the large ones in parts.
pub fn parts<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    let mut parser = PartsParser::stream(Some(16 << 10));
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(item) = parser.next(&mut rest).expect("valid") {
            match item {
                PartsItem::Command(command) => {
                    outcome.frames += 1;
                    outcome.bytes += measure::<VISIT>(command);
                }
                PartsItem::Part(Part::Piece(piece)) => outcome.bytes += piece.len() as u64,
                PartsItem::Part(Part::End) => outcome.frames += 1,
                PartsItem::Part(_) => {}
            }
        }
        bytes.len() - rest.len()
    });
    outcome
}

/// Frames, located and checked.
pub fn frames<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    let mut parser = FrameParser::new();
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(frame) = parser.next(&mut rest).expect("valid") {
            outcome.frames += 1;
            outcome.bytes += if VISIT { strings(frame) } else { frame.raw().len() as u64 };
        }
        bytes.len() - rest.len()
    });
    outcome
}

/// All tokens of replies, in one loop, without frames.
pub fn tokens(corpus: &[u8]) -> Outcome {
    let mut parser = TokenParser::new();
    let mut outcome = Outcome::default();
    let mut depth = 0;
    feed(corpus, FEED, |bytes| {
        let mut rest = bytes;
        let (mut frames, mut strings, mut open) = (0, 0, depth);
        let found = parser.batch(&mut rest, |token| {
            match token {
                Token::Begin { .. } => open += 1,
                Token::End => open -= 1,
                token => strings += string(token),
            }
            frames += u64::from(open == 0);
        });
        found.expect("valid");
        (outcome.frames, outcome.bytes, depth) = (outcome.frames + frames, outcome.bytes + strings, open);
        bytes.len() - rest.len()
    });
    outcome
}

/// The same through the C interface, in arrays of tokens.
pub fn c_tokens(corpus: &[u8]) -> Outcome {
    let mut outcome = Outcome::default();
    // SAFETY: only this thread uses the parser, which is freed once; the bytes outlive each call.
    unsafe {
        let parser = redtail_tokens_new();
        feed(corpus, FEED, |bytes| redtail_tokens_run(parser, bytes.as_ptr(), bytes.len(), &mut outcome));
        redtail_any_free(parser);
    }
    outcome
}

/// Total length of all bulk strings in a frame, by a walk over all its elements.
fn strings(frame: Frame<'_>) -> u64 {
    frame.tokens().map(string).sum()
}

/// The length of a bulk string.
#[inline(always)]
fn string(token: Token<'_>) -> u64 {
    match token {
        Token::Scalar(scalar) if scalar.kind() == Kind::BulkString => scalar.as_bytes().map_or(0, <[u8]>::len) as u64,
        _ => 0,
    }
}

//! The peers in Rust. With `VISIT`, each string is read and the total of their lengths returned.

use std::io::BufReader;

use bytes::{Bytes, BytesMut};
use redis_event::resp::{Resp, RespDecode};
use redis_protocol::resp2::types::RangeFrame as Range2;
use redis_protocol::resp3::types::RangeFrame as Range3;
use resp_rs::{ParseError, resp2, resp3};

use crate::Outcome;
use crate::feed::{FEED, feed};

/// The figures of one frame.
#[inline(always)]
fn measure<const VISIT: bool, F>(frame: &F, sum: fn(&F) -> u64) -> u64 {
    // Computed in any case, for an equal comparison.
    let frame = std::hint::black_box(frame);
    if VISIT { sum(frame) } else { 0 }
}

pub fn redis_protocol_resp2<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    fn sum(frame: &Range2) -> u64 {
        match frame {
            Range2::BulkString((start, end)) => (end - start) as u64,
            Range2::Array(frames) => frames.iter().map(sum).sum(),
            _ => 0,
        }
    }
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut at = 0;
        while let Some((frame, used)) = redis_protocol::resp2::decode::decode_range(&bytes[at..]).expect("valid") {
            at += used;
            outcome.frames += 1;
            outcome.bytes += measure::<VISIT, _>(&frame, sum);
        }
        at
    });
    outcome
}

pub fn redis_protocol_resp3<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    fn sum(frame: &Range3) -> u64 {
        match frame {
            Range3::BlobString { data: (start, end), .. } => (end - start) as u64,
            Range3::Array { data, .. } | Range3::Push { data, .. } => data.iter().map(sum).sum(),
            Range3::Set { data, .. } => data.iter().map(sum).sum(),
            Range3::Map { data, .. } => data.iter().map(|(key, value)| sum(key) + sum(value)).sum(),
            _ => 0,
        }
    }
    let mut outcome = Outcome::default();
    feed(corpus, FEED, |bytes| {
        let mut at = 0;
        while let Some((frame, used)) =
            redis_protocol::resp3::decode::complete::decode_range(&bytes[at..]).expect("valid")
        {
            at += used;
            outcome.frames += 1;
            outcome.bytes += measure::<VISIT, _>(&frame, sum);
        }
        at
    });
    outcome
}

pub fn resp_rs_resp2<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    fn sum(frame: &resp2::Frame) -> u64 {
        match frame {
            resp2::Frame::BulkString(Some(bytes)) => bytes.len() as u64,
            resp2::Frame::Array(Some(frames)) => frames.iter().map(sum).sum(),
            _ => 0,
        }
    }
    resp_rs::<VISIT, _>(corpus, resp2::parse_frame, sum)
}

pub fn resp_rs_resp3<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    fn sum(frame: &resp3::Frame) -> u64 {
        use resp3::Frame;
        match frame {
            Frame::BulkString(Some(bytes)) => bytes.len() as u64,
            Frame::Array(Some(frames)) | Frame::Set(frames) | Frame::Push(frames) => frames.iter().map(sum).sum(),
            Frame::Map(pairs) => pairs.iter().map(|(key, value)| sum(key) + sum(value)).sum(),
            _ => 0,
        }
    }
    resp_rs::<VISIT, _>(corpus, resp3::parse_frame, sum)
}

/// This parser slices the buffer that it is given, by reference count. It gets the buffer back after a read that leaves
/// a rest.
#[inline(always)]
fn resp_rs<const VISIT: bool, F>(
    corpus: &[u8],
    parse: impl Fn(Bytes) -> Result<(F, Bytes), ParseError>,
    sum: fn(&F) -> u64,
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut buffer = BytesMut::with_capacity(8 * FEED);
    for piece in corpus.chunks(FEED) {
        buffer.extend_from_slice(piece);
        let mut unread = buffer.freeze();
        loop {
            match parse(unread.clone()) {
                Ok((frame, rest)) => {
                    unread = rest;
                    outcome.frames += 1;
                    outcome.bytes += measure::<VISIT, _>(&frame, sum);
                }
                Err(ParseError::Incomplete) => break,
                Err(error) => panic!("resp-rs refuses the corpus: {error}"),
            }
        }
        // Of an empty rest nothing comes back.
        buffer = unread.try_into_mut().unwrap_or_default();
    }
    assert!(buffer.is_empty(), "the corpus was not read to its end");
    outcome
}

/// This parser does its own reading, and its own copies.
pub fn redis_rs<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    use redis::Value;
    fn sum(value: &Value) -> u64 {
        match value {
            Value::BulkString(bytes) => bytes.len() as u64,
            Value::Array(values) | Value::Set(values) => values.iter().map(sum).sum(),
            Value::Map(pairs) => pairs.iter().map(|(key, value)| sum(key) + sum(value)).sum(),
            Value::Push { data, .. } => data.iter().map(sum).sum(),
            _ => 0,
        }
    }
    let mut outcome = Outcome::default();
    let mut parser = redis::Parser::new();
    let mut rest = corpus;
    while let Ok(value) = parser.parse_value(&mut rest) {
        outcome.frames += 1;
        outcome.bytes += measure::<VISIT, _>(&value, sum);
    }
    assert!(rest.is_empty(), "the redis crate refuses the corpus");
    outcome
}

/// This parser reads byte by byte, and gets a buffer in front.
pub fn redis_event<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    fn sum(value: &Resp) -> u64 {
        match value {
            Resp::BulkBytes(bytes) => bytes.len() as u64,
            Resp::Array(values) => values.iter().map(sum).sum(),
            _ => 0,
        }
    }
    let mut outcome = Outcome::default();
    let mut reader = BufReader::with_capacity(FEED, corpus);
    while let Ok(value) = reader.decode_resp() {
        outcome.frames += 1;
        outcome.bytes += measure::<VISIT, _>(&value, sum);
    }
    outcome
}

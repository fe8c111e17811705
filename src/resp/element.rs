//! The elements of a frame, one after another, in bytes that a parser has validated.
//!
//! Nothing is validated again. In other bytes the walk ends early.

use crate::resp::fast_elements::{FastElement, fast_element};
use crate::resp::kind::Kind;
use crate::resp::stack::{DepthStack, Level};
use crate::resp::swar::line_length;

/// The element at the front of the bytes, and the bytes after it.
#[derive(Clone, Copy)]
pub(super) enum Element<'a> {
    Scalar { kind: Kind, payload: &'a [u8], rest: &'a [u8] },
    Open { kind: Kind, count: Option<u32>, rest: &'a [u8] },
    Chunk { payload: &'a [u8], rest: &'a [u8] },
    Close { rest: &'a [u8] },
}

impl<'a> Element<'a> {
    pub(super) fn rest(&self) -> &'a [u8] {
        match self {
            Self::Scalar { rest, .. } | Self::Open { rest, .. } | Self::Chunk { rest, .. } | Self::Close { rest } => {
                rest
            }
        }
    }
}

#[inline(always)]
pub(super) fn element(bytes: &[u8]) -> Option<Element<'_>> {
    match fast_element(bytes, 0) {
        Some(FastElement::Scalar { text, end }) => {
            let (kind, payload) = (Kind::of(*bytes.first()?)?, bytes.get(text..end - 2)?);
            Some(Element::Scalar { kind, payload, rest: bytes.get(end..)? })
        }
        Some(FastElement::Open { elements, end }) => {
            let (kind, rest) = (Kind::of(*bytes.first()?)?, bytes.get(end..)?);
            Some(Element::Open { kind, count: Some(elements), rest })
        }
        None => slow_element(bytes),
    }
}

#[inline(never)]
fn slow_element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&byte, line) = bytes.split_first()?;
    let end = line_length(line)?;
    let (line, rest) = (line.get(..end)?, line.get(end + 2..)?);
    match byte {
        b'.' => return Some(Element::Close { rest }),
        b';' if line == b"0" => return Some(Element::Close { rest }),
        b';' => {
            let (payload, rest) = payload(line, rest)?;
            return Some(Element::Chunk { payload, rest });
        }
        _ => {}
    }
    let kind = Kind::of(byte)?;
    Some(match (kind, line) {
        (Kind::BulkString | Kind::Array, b"-1") => Element::Scalar { kind: Kind::Null, payload: &[], rest },
        (Kind::BulkString | Kind::Array | Kind::Map | Kind::Set, b"?") => Element::Open { kind, count: None, rest },
        (Kind::BulkString | Kind::BulkError | Kind::VerbatimString, _) => {
            let (payload, rest) = payload(line, rest)?;
            Element::Scalar { kind, payload, rest }
        }
        (Kind::Array | Kind::Map | Kind::Set | Kind::Push | Kind::Attribute, _) => {
            let elements = number(line)?.checked_mul(if kind.is_paired() { 2 } else { 1 })?;
            Element::Open { kind, count: Some(u32::try_from(elements).ok()?), rest }
        }
        _ => Element::Scalar { kind, payload: line, rest },
    })
}

/// The bytes after the first frame and its attributes. `first` is the element at its front.
pub(super) fn skip<'a>(bytes: &'a [u8], first: Element<'a>) -> Option<&'a [u8]> {
    match first {
        Element::Scalar { rest, .. } => Some(rest),
        _ => skip_elements(bytes, 1).or_else(|| walk(bytes, DepthStack::is_done)),
    }
}

/// The bytes after the attribute at the front.
pub(super) fn skip_attribute(bytes: &[u8]) -> Option<&[u8]> {
    skip_elements(bytes, 0).or_else(|| walk(bytes, |stack| stack.depth() == 0))
}

/// The bytes after the first element and after `left` elements in all. `None` if an aggregate is streamed.
fn skip_elements(bytes: &[u8], mut left: u64) -> Option<&[u8]> {
    let mut rest = bytes;
    loop {
        let element = element(rest)?;
        rest = element.rest();
        match element {
            Element::Open { kind: Kind::BulkString, .. } | Element::Chunk { .. } => continue,
            Element::Open { kind, count, .. } => {
                left = (left + u64::from(count?)).saturating_sub(u64::from(kind != Kind::Attribute))
            }
            Element::Scalar { .. } | Element::Close { .. } => left = left.saturating_sub(1),
        }
        if left == 0 {
            return Some(rest);
        }
    }
}

/// Walks over elements until `done` returns true. `done` is called after each element.
fn walk(bytes: &[u8], done: impl Fn(&DepthStack) -> bool) -> Option<&[u8]> {
    let mut stack = DepthStack::new();
    let mut rest = bytes;
    loop {
        let element = element(rest)?;
        rest = element.rest();
        match element {
            Element::Scalar { .. } => stack.count(),
            Element::Open { kind, count, .. } => stack.enter(kind, count),
            Element::Chunk { .. } => {}
            Element::Close { .. } => stack.end(),
        }
        stack.unwind();
        if done(&stack) {
            return Some(rest);
        }
    }
}

impl DepthStack {
    /// Opens the aggregate, attribute or streamed string of a walk, also an empty one.
    pub(super) fn enter(&mut self, kind: Kind, count: Option<u32>) {
        // An attribute does not count as an element.
        if kind != Kind::Attribute {
            self.count();
        }
        self.open(count.map_or(Level::streamed(0, false), Level::counted));
    }
}

fn payload<'a>(line: &[u8], rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let length = usize::try_from(number(line)?).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((payload, rest.get(2..)?))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?))
    })
}

//! The elements of a frame, one after another, in bytes that a parser has validated.
//!
//! Nothing is validated again. In other bytes the walk ends early.

use crate::base::limits::MAX_DEPTH;
use crate::resp::kind::Kind;
use crate::resp::swar::line_length;

/// The element at the front of the bytes, and the bytes after it.
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

pub(super) fn element(bytes: &[u8]) -> Option<Element<'_>> {
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

/// The bytes after the first frame and its attributes.
pub(super) fn skip(bytes: &[u8]) -> Option<&[u8]> {
    match element(bytes)? {
        Element::Scalar { rest, .. }
        | Element::Open { kind: Kind::Array | Kind::Map | Kind::Set, count: Some(0), rest } => Some(rest),
        _ => walk(bytes, WalkStack::is_done),
    }
}

/// The bytes after the attribute at the front.
pub(super) fn skip_attribute(bytes: &[u8]) -> Option<&[u8]> {
    walk(bytes, |stack| stack.depth == 0)
}

/// Walks over elements until `done` returns true. `done` is called after each element.
fn walk(bytes: &[u8], done: impl Fn(&WalkStack) -> bool) -> Option<&[u8]> {
    let mut stack = WalkStack::new();
    let mut rest = bytes;
    loop {
        let element = element(rest)?;
        rest = element.rest();
        match element {
            Element::Scalar { .. } => stack.scalar(),
            Element::Open { kind, count, .. } => stack.open(kind, count),
            Element::Chunk { .. } => {}
            Element::Close { .. } => stack.end(),
        }
        while stack.close() {}
        if done(&stack) {
            return Some(rest);
        }
    }
}

/// The number of missing elements at each level of a walk. Level 0 holds the frame itself.
///
/// It borrows nothing: the C functions keep it between calls.
#[derive(Debug, Clone)]
pub struct WalkStack {
    left: [u32; MAX_DEPTH + 3],
    /// The number of open aggregates.
    pub(crate) depth: usize,
}

/// Elements follow until an end mark.
const STREAMED: u32 = u32::MAX;

impl WalkStack {
    pub(crate) fn new() -> Self {
        let mut left = [0; MAX_DEPTH + 3];
        left[0] = 1;
        Self { left, depth: 0 }
    }

    pub(super) fn scalar(&mut self) {
        if let Some(left) = self.left.get_mut(self.depth)
            && *left != STREAMED
        {
            *left = left.saturating_sub(1);
        }
    }

    pub(super) fn open(&mut self, kind: Kind, count: Option<u32>) {
        // An attribute does not count as an element.
        if kind != Kind::Attribute {
            self.scalar();
        }
        self.depth += 1;
        if let Some(left) = self.left.get_mut(self.depth) {
            *left = count.unwrap_or(STREAMED);
        }
    }

    /// Handles the end mark of a streamed aggregate or string.
    pub(super) fn end(&mut self) {
        if let Some(left) = self.left.get_mut(self.depth) {
            *left = 0;
        }
    }

    /// Leaves the innermost level if it is complete.
    pub(super) fn close(&mut self) -> bool {
        let closes = self.depth > 0 && self.left.get(self.depth) == Some(&0);
        self.depth -= usize::from(closes);
        closes
    }

    pub(super) fn is_done(&self) -> bool {
        self.depth == 0 && self.left[0] == 0
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

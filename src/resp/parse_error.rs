//! Errors relative to the item that is parsed.

use crate::base::error::{Byte, ProtocolError, ProtocolErrorKind};

/// The kind of an error, and its index in the item that is parsed.
#[derive(Debug, Clone, Copy)]
pub(super) struct ParseError {
    pub(super) kind: ProtocolErrorKind,
    pub(super) at: u64,
}

impl ParseError {
    pub(super) fn new(kind: ProtocolErrorKind, at: usize) -> Self {
        Self { kind, at: at as u64 }
    }

    pub(super) fn unexpected(expected: &'static str, found: u8, at: usize) -> Self {
        Self::new(ProtocolErrorKind::Unexpected { expected, found: Byte(found) }, at)
    }

    pub(super) fn error(self, base: u64) -> ProtocolError {
        ProtocolError { kind: self.kind, offset: base.saturating_add(self.at) }
    }
}

/// Moves the index of an error from a line to the item that the line is in.
pub(super) fn shift(by: usize) -> impl Fn(ParseError) -> ParseError {
    move |error| ParseError { at: error.at.saturating_add(by as u64), ..error }
}

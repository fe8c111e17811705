//! Lengths, integers, doubles and fixed line ends, as strictly as servers write them.

use crate::base::error::{Byte, ProtocolErrorKind};
use crate::resp::parse_error::{ParseError, shift};

/// A length or count after its type byte.
pub(super) enum Length {
    /// Digits, CR, LF. `end` is the index after the LF.
    Whole { value: u64, end: usize },
    /// The line continues beyond the bytes. `more` is the least number of bytes that end it.
    Partial { value: Option<u64>, more: usize },
    /// A number that does not fit in 64 bits.
    Huge,
}

/// Reads a length line from the byte after its type byte.
pub(super) fn length(line: &[u8]) -> Result<Length, ParseError> {
    let mut value: Option<u64> = None;
    for (at, &byte) in line.iter().enumerate() {
        value = match (byte, value) {
            (b'0'..=b'9', None) => Some(u64::from(byte - b'0')),
            (b'0'..=b'9', Some(0)) => {
                return Err(ParseError::new(ProtocolErrorKind::InvalidLength("leading zero"), at));
            }
            (b'0'..=b'9', Some(value)) => {
                match value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0'))) {
                    Some(value) => Some(value),
                    None => return Ok(Length::Huge),
                }
            }
            (b'\r', Some(value)) => {
                return match line.get(at + 1) {
                    Some(b'\n') => Ok(Length::Whole { value, end: at + 2 }),
                    Some(&found) => Err(ParseError::unexpected("LF after CR", found, at + 1)),
                    None => Ok(Length::Partial { value: Some(value), more: 1 }),
                };
            }
            (b'-', None) => return Err(ParseError::new(ProtocolErrorKind::InvalidLength("negative"), at)),
            (b'+', None) => return Err(ParseError::new(ProtocolErrorKind::InvalidLength("plus sign"), at)),
            (found, None) => return Err(ParseError::unexpected("a digit", found, at)),
            (found, Some(_)) => return Err(ParseError::unexpected("a digit or CR LF", found, at)),
        };
    }
    Ok(Length::Partial { value, more: if value.is_none() { 3 } else { 2 } })
}

/// The result of a scan over a text with a known grammar.
pub(super) enum Scanned {
    /// The text is whole, including CR LF. `end` is the index after it.
    Whole { end: usize },
    /// The text continues beyond the bytes. `more` is the least number of bytes that end it.
    Partial { more: usize },
}

/// Reads exactly `literal`. `expected` describes it in the error.
pub(super) fn literal(bytes: &[u8], literal: &[u8], expected: &'static str) -> Result<Scanned, ParseError> {
    for (at, &wanted) in literal.iter().enumerate() {
        match bytes.get(at) {
            None => return Ok(Scanned::Partial { more: literal.len() - at }),
            Some(&found) if found != wanted => return Err(ParseError::unexpected(expected, found, at)),
            Some(_) => {}
        }
    }
    Ok(Scanned::Whole { end: literal.len() })
}

/// Reads a signed 64-bit integer and its CR LF.
pub(super) fn integer(line: &[u8]) -> Result<Scanned, ParseError> {
    let invalid = |at| ParseError::new(ProtocolErrorKind::InvalidValue("integer"), at);
    let negative = line.first() == Some(&b'-');
    let first = usize::from(negative);
    let mut value: i64 = 0;
    for (at, &byte) in line.iter().enumerate().skip(first) {
        match byte {
            // A leading zero is the whole number: no sign before it, no digit after it.
            b'0' if at == first && negative => return Err(invalid(at)),
            b'0'..=b'9' if at > first && value == 0 => return Err(invalid(at)),
            b'0'..=b'9' => {
                let digit = i64::from(byte - b'0');
                let next = value
                    .checked_mul(10)
                    .and_then(|v| if negative { v.checked_sub(digit) } else { v.checked_add(digit) });
                value = next.ok_or_else(|| invalid(at))?;
            }
            b'\r' if at > first => return line_end(line, at),
            _ => return Err(invalid(at)),
        }
    }
    Ok(Scanned::Partial { more: if line.len() > first { 2 } else { 3 } })
}

/// Reads an integer that may have a plus sign. `error` is that of the same integer without one. No server writes the
/// sign, so that the other integers do not pay for it.
#[cold]
pub(super) fn after_plus(line: &[u8], error: ParseError) -> Result<Scanned, ParseError> {
    let digits = match line {
        [b'+', b'-', ..] => return Err(ParseError { at: 1, ..error }),
        [b'+', digits @ ..] => digits,
        _ => return Err(error),
    };
    match integer(digits).map_err(shift(1))? {
        Scanned::Whole { end } => Ok(Scanned::Whole { end: 1 + end }),
        partial @ Scanned::Partial { .. } => Ok(partial),
    }
}

/// Reads CR LF. The byte at `at` is the CR.
pub(super) fn line_end(line: &[u8], at: usize) -> Result<Scanned, ParseError> {
    match line.get(at + 1) {
        Some(b'\n') => Ok(Scanned::Whole { end: at + 2 }),
        Some(&found) => Err(ParseError::unexpected("LF after CR", found, at + 1)),
        None => Ok(Scanned::Partial { more: 1 }),
    }
}

/// Checks that CR LF follows the payload that ends at `at`, as far as the bytes reach.
pub(super) fn payload_end(bytes: &[u8], at: usize, length: u64) -> Result<Scanned, ParseError> {
    let missing = |found: u8, at| ParseError::new(ProtocolErrorKind::MissingCrlf { length, found: Byte(found) }, at);
    match bytes.get(at..) {
        Some([b'\r', b'\n', ..]) => Ok(Scanned::Whole { end: at + 2 }),
        Some([b'\r', found, ..]) => Err(missing(*found, at + 1)),
        Some([b'\r']) => Ok(Scanned::Partial { more: 1 }),
        Some([found, ..]) => Err(missing(*found, at)),
        Some([]) | None => Ok(Scanned::Partial { more: (at - bytes.len()).saturating_add(2) }),
    }
}

/// The state of a number that is read byte by byte. A long number can be resumed after any byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberState {
    /// Before the first byte.
    Start,
    /// After a sign.
    Sign,
    /// In whole digits: the number may end.
    Whole,
    /// After a point: a digit must follow.
    Point,
    /// In digits after the point: the number may end.
    Fraction,
    /// After an `e`: a sign or digit must follow.
    Exponent,
    /// After an `e` and a sign: a digit must follow.
    ExponentSign,
    /// In digits of the exponent: the number may end.
    Power,
    /// After this number of letters of `inf`.
    Inf(u8),
    /// After this number of letters of `nan`.
    Nan(u8),
    /// In the payload of a `nan`, after its opening parenthesis.
    NanPayload,
    /// After the closing parenthesis: the number must end.
    NanEnd,
}

impl NumberState {
    /// The state after one more byte of a double: a sign, digits, fraction, exponent, or `inf` and `nan` in any case,
    /// as hiredis reads them. A C library may print a payload after `nan`, such as `nan(0x1)` or `nan(ind)`.
    pub(super) fn double(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Start, b'-' | b'+') => Self::Sign,
            (Self::Start | Self::Sign | Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Whole | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'-' | b'+') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::Power, b'0'..=b'9') => Self::Power,
            (Self::Start | Self::Sign, b'i' | b'I') => Self::Inf(1),
            (Self::Inf(1), b'n' | b'N') => Self::Inf(2),
            (Self::Inf(2), b'f' | b'F') => Self::Inf(3),
            (Self::Start | Self::Sign, b'n' | b'N') => Self::Nan(1),
            (Self::Nan(1), b'a' | b'A') => Self::Nan(2),
            (Self::Nan(2), b'n' | b'N') => Self::Nan(3),
            (Self::Nan(3), b'(') => Self::NanPayload,
            (Self::NanPayload, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_') => Self::NanPayload,
            (Self::NanPayload, b')') => Self::NanEnd,
            _ => return None,
        })
    }

    /// The state after one more byte of a big number: an optional sign, then digits.
    pub(super) fn big(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Start, b'-' | b'+') => Self::Sign,
            (Self::Start | Self::Sign | Self::Whole, b'0'..=b'9') => Self::Whole,
            _ => return None,
        })
    }

    /// The least number of bytes before the number may end.
    pub(super) fn owed(self) -> usize {
        match self {
            Self::Whole | Self::Fraction | Self::Power | Self::NanEnd => 0,
            Self::Start | Self::Sign | Self::Point | Self::Exponent | Self::ExponentSign | Self::NanPayload => 1,
            Self::Inf(letters) | Self::Nan(letters) => 3usize.saturating_sub(usize::from(letters)),
        }
    }
}

/// Scans a number from index `seen`. Returns where a CR ends it and the state there, or the index of the first byte
/// that is not allowed.
pub(super) fn scan(
    rest: &[u8],
    seen: usize,
    mut digits: NumberState,
    next: fn(NumberState, u8) -> Option<NumberState>,
) -> Result<(Option<usize>, NumberState), usize> {
    for (at, &byte) in rest.get(seen..).unwrap_or_default().iter().enumerate() {
        match next(digits, byte) {
            Some(state) => digits = state,
            None if byte == b'\r' && digits.owed() == 0 => return Ok((Some(at), digits)),
            None => return Err(seen + at),
        }
    }
    Ok((None, digits))
}

/// The value of a valid integer.
#[inline]
pub fn integer_value(text: &[u8]) -> i64 {
    let (sign, digits) = match text {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    // The smallest number is the only one that wraps.
    let add = |sum: i64, digit: &u8| sum.wrapping_mul(10).wrapping_add(i64::from(digit.wrapping_sub(b'0')));
    digits.iter().fold(0, add).wrapping_mul(sign)
}

/// The value of a valid double. A payload of `nan`, as in `nan(0x1)`, is ignored.
pub fn double_value(text: &[u8]) -> Option<f64> {
    core::str::from_utf8(text).ok()?.split('(').next()?.parse().ok()
}

/// Turns an error in the text of a value into [`ProtocolErrorKind::InvalidValue`].
pub(super) fn value(error: ParseError, what: &'static str) -> ParseError {
    match error.kind {
        // An error of the line end is none of the value.
        ProtocolErrorKind::Unexpected { expected: "LF after CR", .. } => error,
        _ => ParseError { kind: ProtocolErrorKind::InvalidValue(what), ..error },
    }
}

/// A number of bytes as `usize`; the largest `usize` if it does not fit.
pub(super) fn as_size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

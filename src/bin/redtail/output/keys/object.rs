//! A JSON object that may be written before it is complete.

use std::io::{self, Write};

use redtail::rdb::{StreamId, StreamState};

use crate::output::argument::Argument;
use crate::output::json_argument::push_argument;

/// An object in one line. A short one is held, and begins with its event. A long one is written as it grows, and ends
/// with its event, which may be "void".
#[derive(Debug, Default)]
pub(super) struct Object {
    bytes: Vec<u8>,
    levels: Vec<Level>,
    is_flowing: bool,
}

#[derive(Debug)]
struct Level {
    end: u8,
    is_empty: bool,
}

const SHORT: usize = 64 << 10;

impl Object {
    pub(super) fn begin(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(2 * SHORT);
        self.levels.clear();
        self.levels.push(Level { end: b'}', is_empty: true });
        self.is_flowing = false;
    }

    pub(super) fn is_open(&self) -> bool {
        !self.levels.is_empty()
    }

    /// The current depth of arrays and objects: 1 in the object itself.
    pub(super) fn depth(&self) -> usize {
        self.levels.len()
    }

    /// Closes deeper levels.
    pub(super) fn close_to(&mut self, depth: usize) {
        while self.levels.len() > depth {
            if let Some(level) = self.levels.pop() {
                self.bytes.push(level.end);
            }
        }
    }

    /// Begins an element or a name.
    pub(super) fn element(&mut self) -> &mut Self {
        if let Some(level) = self.levels.last_mut() {
            if !level.is_empty {
                self.bytes.push(b',');
            }
            level.is_empty = false;
        }
        self
    }

    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        self.element();
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        self
    }

    pub(super) fn array(&mut self) {
        self.bytes.push(b'[');
        self.levels.push(Level { end: b']', is_empty: true });
    }

    pub(super) fn object(&mut self) {
        self.bytes.push(b'{');
        self.levels.push(Level { end: b'}', is_empty: true });
    }

    pub(super) fn null(&mut self) {
        self.bytes.extend_from_slice(b"null");
    }

    pub(super) fn number(&mut self, number: impl std::fmt::Display) {
        // Writing to a Vec never fails.
        let _ = write!(self.bytes, "{number}");
    }

    pub(super) fn optional(&mut self, number: Option<impl std::fmt::Display>) {
        match number {
            Some(number) => self.number(number),
            None => self.null(),
        }
    }

    /// Writes a value whose text needs no escapes.
    pub(super) fn plain(&mut self, text: impl std::fmt::Display) {
        let _ = write!(self.bytes, "\"{text}\"");
    }

    pub(super) fn text(&mut self, text: &str) {
        let _ = push_argument(&mut self.bytes, Argument::Whole(text.as_bytes()));
    }

    pub(super) fn double(&mut self, value: f64) {
        match value.is_finite() {
            true => self.number(Number(value)),
            false => self.plain(Number(value)),
        }
    }

    /// A long argument is written at once, and not held twice.
    pub(super) fn argument(&mut self, argument: Argument<'_>, out: &mut impl Write) -> io::Result<()> {
        match argument {
            Argument::Whole(bytes) if bytes.len() > SHORT => {
                self.flow(out)?;
                push_argument(out, argument)
            }
            _ => push_argument(&mut self.bytes, argument),
        }
    }

    /// Writes the state of a stream as fields.
    pub(super) fn state(&mut self, state: &StreamState) {
        let id = |id: Option<StreamId>| id.map(Id);
        self.name("length").number(state.length);
        self.name("last_id").optional(id(Some(state.last)));
        self.name("first_id").optional(id(state.first));
        self.name("max_deleted_id").optional(id(state.max_deleted));
        self.name("entries_added").optional(state.added);
    }

    /// Writes a long object. Called between its parts.
    pub(super) fn part(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.bytes.len() > SHORT { self.flow(out) } else { Ok(()) }
    }

    /// Completes the line.
    pub(super) fn end(&mut self, event: &str, out: &mut impl Write) -> io::Result<()> {
        self.close_to(1);
        self.levels.clear();
        if self.is_flowing {
            out.write_all(&self.bytes)?;
            return writeln!(out, ",\"event\":\"{event}\"}}");
        }
        let comma = if self.bytes.is_empty() { "" } else { "," };
        write!(out, "{{\"event\":\"{event}\"{comma}")?;
        out.write_all(&self.bytes)?;
        out.write_all(b"}\n")
    }

    /// Completes an object that is a value in another line, without an event.
    pub(super) fn end_value(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.close_to(1);
        self.levels.clear();
        if !self.is_flowing {
            out.write_all(b"{")?;
        }
        out.write_all(&self.bytes)?;
        out.write_all(b"}")
    }

    /// The line stays incomplete. Declares it void if it is written already, or drops it.
    pub(super) fn void(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.is_open() && self.is_flowing {
            return self.end("void", out);
        }
        self.levels.clear();
        Ok(())
    }

    fn flow(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.is_flowing {
            out.write_all(b"{")?;
            self.is_flowing = true;
        }
        out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

/// A stream id in quotes.
struct Id(StreamId);

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// A floating-point number in the fewest digits that restore it, as JSON and servers read it: `1`, `0.1`, `1e300`,
/// `inf`, `-inf`, `nan`.
pub(super) struct Number(pub(super) f64);

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(value) = *self;
        match value.abs() {
            size if size.is_nan() => f.write_str("nan"),
            size if size.is_infinite() => f.write_str(if value < 0.0 { "-inf" } else { "inf" }),
            size if size == 0.0 || (1e-5..1e17).contains(&size) => write!(f, "{value}"),
            _ => write!(f, "{value:e}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_come_back() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e300, "1e300"),
            (-1.5e-9, "-1.5e-9"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (f64::MAX, "1.7976931348623157e308"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(Number(value).to_string(), text);
            let back: f64 = text.parse().unwrap();
            assert_eq!(back.to_bits(), value.to_bits());
            if value.is_finite() {
                assert_eq!(serde_json::from_str::<f64>(text).unwrap().to_bits(), value.to_bits());
            }
        }
    }

    #[test]
    fn a_short_line_has_its_event_first_and_a_long_one_last() {
        let (mut object, mut out) = (Object::default(), Vec::new());
        object.begin();
        object.name("a").array();
        object.element().number(1);
        object.void(&mut out).unwrap();
        assert!(out.is_empty() && !object.is_open());
        object.begin();
        object.name("a").array();
        object.element().number(1);
        object.element().null();
        object.end("key", &mut out).unwrap();
        assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), "{\"event\":\"key\",\"a\":[1,null]}\n");
        object.begin();
        object.name("a").array();
        object.element().argument(Argument::Whole(&[b'x'; SHORT + 1]), &mut out).unwrap();
        object.void(&mut out).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert!(line.starts_with("{\"a\":[\"xxx") && line.ends_with("x\"],\"event\":\"void\"}\n"));
    }
}

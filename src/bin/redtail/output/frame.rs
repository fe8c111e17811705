//! One line per frame, for `decode --frames`.

use std::io::{self, Write};

use redtail::resp::{Frame, Kind, Quoted, Token};

use crate::output::argument::Argument;
use crate::output::json_argument::push_argument;

/// Appends the frame that begins at byte `at`, as one line. Values longer than `max_arg` bytes are replaced by their
/// length.
pub(crate) fn push(line: &mut Vec<u8>, frame: Frame<'_>, at: u64, json: bool, max_arg: u64) -> io::Result<()> {
    let length = frame.raw().len();
    if json {
        write!(line, "{{\"event\":\"frame\",\"at\":{at},\"bytes\":{length},")?;
    } else {
        write!(line, "{at} ")?;
    }
    let mut walk =
        Walk { line, json, max_arg, levels: Vec::new(), in_object: true, attributes: None, text: Vec::new() };
    for token in frame.tokens() {
        walk.token(token)?;
    }
    line.push(b'\n');
    Ok(())
}

struct Walk<'a> {
    line: &'a mut Vec<u8>,
    json: bool,
    max_arg: u64,
    levels: Vec<OpenAggregate>,
    /// The object of the next element is open already.
    in_object: bool,
    /// In that object, the number of elements in the list of attributes, which is open.
    attributes: Option<u64>,
    /// The bytes of a streamed string.
    text: Vec<u8>,
}

/// An aggregate that is incomplete.
struct OpenAggregate {
    kind: Kind,
    elements: u64,
}

impl Walk<'_> {
    fn token(&mut self, token: Token<'_>) -> io::Result<()> {
        match token {
            Token::Scalar(frame) => {
                self.begin_element();
                self.scalar(frame)?;
                self.end_element();
            }
            Token::Begin { kind: Kind::BulkString, .. } => {
                self.begin_element();
                self.text.clear();
                self.levels.push(OpenAggregate { kind: Kind::BulkString, elements: 0 });
            }
            Token::Chunk(bytes) => self.text.extend_from_slice(bytes),
            Token::Begin { kind, .. } => {
                let attributes = self.attributes.take_if(|_| kind == Kind::Attribute);
                self.begin_element();
                if attributes.is_none() {
                    self.open(kind);
                }
                self.levels.push(OpenAggregate { kind, elements: attributes.unwrap_or(0) });
            }
            Token::End => {
                let Some(level) = self.levels.pop() else { return Ok(()) };
                if level.kind == Kind::BulkString {
                    let text = std::mem::take(&mut self.text);
                    self.value(Kind::BulkString, &text)?;
                    self.text = text;
                } else {
                    self.close(&level);
                }
                if level.kind != Kind::Attribute {
                    self.end_element();
                }
            }
        }
        Ok(())
    }

    /// Writes the separator before an element.
    fn begin_element(&mut self) {
        if self.in_object {
            self.in_object = false;
            if self.attributes.take().is_some() {
                self.line.extend_from_slice(b"],");
            }
            return;
        }
        let Some(level) = self.levels.last() else { return };
        let key = matches!(level.kind, Kind::Map | Kind::Attribute).then_some(level.elements % 2 == 0);
        let first = level.elements == 0;
        let mark: &[u8] = match (self.json, key, first) {
            (true, Some(true), true) => b"[{",
            (true, Some(true), false) => b",[{",
            (true, None, true) => b"{",
            (true, _, _) => b",{",
            (false, _, true) => b"",
            (false, Some(false), _) => b": ",
            (false, _, _) => b", ",
        };
        self.line.extend_from_slice(mark);
    }

    fn end_element(&mut self) {
        if self.json {
            self.line.push(b'}');
        }
        let Some(level) = self.levels.last_mut() else { return };
        level.elements += 1;
        if self.json && matches!(level.kind, Kind::Map | Kind::Attribute) && level.elements % 2 == 0 {
            self.line.push(b']');
        }
    }

    fn open(&mut self, kind: Kind) {
        let (name, bracket) = (name(kind), if is_paired(kind) { "{" } else { "[" });
        let text = match (self.json, kind) {
            (true, Kind::Attribute) => "\"attributes\":[".to_owned(),
            (true, _) => format!("\"type\":\"{name}\",\"value\":["),
            (false, _) => format!("{name} {bracket}"),
        };
        self.line.extend_from_slice(text.as_bytes());
    }

    fn close(&mut self, level: &OpenAggregate) {
        let mark: &[u8] = match (self.json, level.kind) {
            // More attributes of the same element continue the list.
            (true, Kind::Attribute) => b"",
            (true, _) => b"]",
            (false, Kind::Attribute) => b"} ",
            (false, Kind::Map) => b"}",
            (false, _) => b"]",
        };
        self.line.extend_from_slice(mark);
        // The element that the attributes belong to is in the same object.
        self.in_object = level.kind == Kind::Attribute;
        self.attributes = (self.json && self.in_object).then_some(level.elements);
    }

    fn scalar(&mut self, frame: Frame<'_>) -> io::Result<()> {
        let kind = frame.kind();
        let name = name(kind);
        match kind {
            Kind::Null if self.json => write!(self.line, "\"type\":\"{name}\",\"value\":null"),
            Kind::Null => write!(self.line, "{name}"),
            Kind::Integer => self.plain(name, frame.as_i64().unwrap_or_default()),
            Kind::Boolean => self.plain(name, frame.as_bool().unwrap_or_default()),
            Kind::Double => match frame.as_f64().unwrap_or_default() {
                number if number.is_finite() => self.plain(name, number),
                // JSON has no such number.
                number if self.json => self.plain(name, format_args!("\"{number}\"")),
                number => self.plain(name, number),
            },
            Kind::VerbatimString => {
                let (format, text) = frame.verbatim().unwrap_or((b"   ", b""));
                if self.json {
                    self.line.extend_from_slice(b"\"format\":");
                    push_argument(self.line, Argument::Whole(format))?;
                    self.line.push(b',');
                }
                self.value(kind, text)
            }
            _ => self.value(kind, frame.as_bytes().unwrap_or_default()),
        }
    }

    fn plain(&mut self, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
        match self.json {
            true => write!(self.line, "\"type\":\"{name}\",\"value\":{value}"),
            false => write!(self.line, "{name} {value}"),
        }
    }

    fn value(&mut self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        let name = name(kind);
        let argument = Argument::of(bytes, self.max_arg);
        if self.json {
            write!(self.line, "\"type\":\"{name}\",\"value\":")?;
            return push_argument(self.line, argument);
        }
        match argument {
            Argument::Whole(bytes) => write!(self.line, "{name} {}", Quoted(bytes)),
            Argument::Omitted(length) | Argument::Pieces(length) => {
                write!(self.line, "{name} (omitted {length} bytes)")
            }
        }
    }
}

fn is_paired(kind: Kind) -> bool {
    matches!(kind, Kind::Map | Kind::Attribute)
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::SimpleString => "simple_string",
        Kind::Error => "error",
        Kind::Integer => "integer",
        Kind::BulkString => "bulk_string",
        Kind::Array => "array",
        Kind::Null => "null",
        Kind::Boolean => "boolean",
        Kind::Double => "double",
        Kind::BigNumber => "big_number",
        Kind::BulkError => "bulk_error",
        Kind::VerbatimString => "verbatim_string",
        Kind::Map => "map",
        Kind::Set => "set",
        Kind::Push => "push",
        Kind::Attribute => "attribute",
    }
}

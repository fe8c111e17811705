//! A frame as redis-cli prints it, without recursion.

use core::fmt;
use core::fmt::Write;

use crate::base::limits::MAX_DEPTH;
use crate::resp::frame::Frame;
use crate::resp::kind::Kind;
use crate::resp::quoted;
use crate::resp::token::Token;

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = ReplyPrinter { levels: [PrintLevel::default(); MAX_DEPTH + 2], depth: 0, fresh: true };
        for token in self.tokens() {
            match token {
                Token::Scalar(frame) => {
                    printer.begin_value(f, false)?;
                    scalar(f, frame)?;
                }
                Token::Begin { kind: Kind::BulkString, .. } => {
                    printer.begin_value(f, false)?;
                    f.write_str("\"")?;
                    printer.open(Kind::BulkString, None);
                }
                Token::Chunk(chunk) => quoted::escaped(f, chunk)?,
                Token::Begin { kind, count } => printer.begin(f, kind, count)?,
                Token::End => printer.end(f)?,
            }
        }
        Ok(())
    }
}

/// The position of the next value on the page.
struct ReplyPrinter {
    levels: [PrintLevel; MAX_DEPTH + 2],
    depth: usize,
    /// The next value continues the current line.
    fresh: bool,
}

#[derive(Clone, Copy, Default)]
struct PrintLevel {
    kind: Option<Kind>,
    /// The number of values printed.
    index: u32,
    /// The number of digits of the highest label.
    digits: u8,
    /// The label of the next value is printed already: it is before the attributes.
    labelled: bool,
}

impl PrintLevel {
    fn is_paired(&self) -> bool {
        self.kind.is_some_and(Kind::is_paired)
    }

    /// The columns of a label.
    fn width(&self) -> usize {
        if self.kind.is_some() { usize::from(self.digits) + 2 } else { 0 }
    }
}

impl ReplyPrinter {
    /// Moves to the position of the next value. `below`: the value takes lines of its own and can't follow an arrow.
    fn begin_value(&mut self, f: &mut fmt::Formatter<'_>, below: bool) -> fmt::Result {
        let Some(level) = self.levels.get(self.depth).copied() else {
            return Ok(());
        };
        let is_value = level.is_paired() && level.index % 2 == 1;
        if level.labelled {
            self.line(f, self.depth + 1)?;
        } else if is_value {
            f.write_str(" =>")?;
            if below { self.line(f, self.depth + 1)? } else { f.write_str(" ")? }
        } else {
            if !self.fresh {
                self.line(f, self.depth)?;
            }
            label(f, level)?;
        }
        if let Some(level) = self.levels.get_mut(self.depth) {
            level.index += u32::from(!level.labelled);
            level.labelled = false;
        }
        self.fresh = below;
        Ok(())
    }

    /// Begins a line, indented below the labels of the outermost `levels`.
    fn line(&self, f: &mut fmt::Formatter<'_>, levels: usize) -> fmt::Result {
        let columns: usize = self.levels.iter().take(levels).map(PrintLevel::width).sum();
        write!(f, "\n{:columns$}", "")
    }

    fn begin(&mut self, f: &mut fmt::Formatter<'_>, kind: Kind, count: Option<usize>) -> fmt::Result {
        if kind != Kind::Attribute {
            self.begin_value(f, count != Some(0))?;
            if count == Some(0) {
                empty(f, kind)?;
            }
        } else if count != Some(0) {
            let labelled = self.levels.get(self.depth).is_some_and(|level| level.labelled);
            self.begin_value(f, true)?;
            if let Some(level) = self.levels.get_mut(self.depth) {
                level.labelled = true;
            }
            self.fresh = !labelled || self.fresh;
        }
        self.open(kind, count);
        Ok(())
    }

    fn open(&mut self, kind: Kind, count: Option<usize>) {
        self.depth += 1;
        let highest = count.unwrap_or(0) / if kind.is_paired() { 2 } else { 1 };
        let digits = highest.checked_ilog10().map_or(1, |power| power as u8 + 1);
        if let Some(level) = self.levels.get_mut(self.depth) {
            *level = PrintLevel { kind: Some(kind), index: 0, digits, labelled: count == Some(0) };
        }
    }

    fn end(&mut self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(level) = self.levels.get(self.depth) {
            match level.kind {
                Some(Kind::BulkString) => f.write_str("\"")?,
                // A counted aggregate without elements is printed already.
                Some(kind) if level.index == 0 && !level.labelled => empty(f, kind)?,
                _ => {}
            }
            if !(level.kind == Some(Kind::Attribute) && level.index == 0) {
                self.fresh = false;
            }
        }
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }
}

fn label(f: &mut fmt::Formatter<'_>, level: PrintLevel) -> fmt::Result {
    let digits = usize::from(level.digits);
    let (number, mark) = match level.kind {
        None => return Ok(()),
        Some(Kind::Map) => (level.index / 2 + 1, '#'),
        Some(Kind::Attribute) => (level.index / 2 + 1, '|'),
        Some(Kind::Set) => (level.index + 1, '~'),
        Some(_) => (level.index + 1, ')'),
    };
    write!(f, "{number:>digits$}{mark} ")
}

fn empty(f: &mut fmt::Formatter<'_>, kind: Kind) -> fmt::Result {
    f.write_str(match kind {
        Kind::Map => "(empty hash)",
        Kind::Set => "(empty set)",
        Kind::Push => "(empty push)",
        _ => "(empty array)",
    })
}

fn scalar(f: &mut fmt::Formatter<'_>, frame: Frame<'_>) -> fmt::Result {
    let bytes = frame.payload();
    match frame.kind() {
        Kind::Null => f.write_str("(nil)"),
        Kind::Boolean => f.write_str(if frame.as_bool() == Some(true) { "(true)" } else { "(false)" }),
        Kind::BulkString => {
            f.write_str("\"")?;
            quoted::escaped(f, bytes)?;
            f.write_str("\"")
        }
        Kind::Error | Kind::BulkError => {
            f.write_str("(error) ")?;
            text(f, bytes)
        }
        Kind::Integer => {
            f.write_str("(integer) ")?;
            text(f, bytes)
        }
        Kind::Double => {
            f.write_str("(double) ")?;
            text(f, bytes)
        }
        Kind::BigNumber => {
            f.write_str("(big number) ")?;
            text(f, bytes)
        }
        _ => text(f, frame.as_bytes().unwrap_or(bytes)),
    }
}

/// The text unchanged, apart from control characters, which a terminal would obey.
fn text(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for part in bytes.utf8_chunks() {
        for char in part.valid().chars() {
            match char {
                '\n' | '\t' => f.write_char(char)?,
                _ if char.is_control() => write!(f, "{}", char.escape_default())?,
                _ => f.write_char(char)?,
            }
        }
        for byte in part.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

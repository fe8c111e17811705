//! A second parser, slow and allocating, which shares nothing with the first. It reads byte by byte, recursively, from
//! the first byte each time.

use redtail::{Limits, ProtocolErrorKind};

/// The item at the front of the bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Seen<T> {
    /// After `skipped` bytes an item of `length` bytes.
    Whole { skipped: usize, length: usize, item: T },
    /// After `skipped` bytes an item that needs this number of further bytes.
    Needs { skipped: usize, needed: u64 },
    /// An error at this byte.
    Wrong { fault: Fault, at: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Unexpected,
    Length,
    Value,
    Crlf,
    Bulk,
    Command,
    Arguments,
    Depth,
    Line,
    Quotes,
}

impl Fault {
    pub(crate) fn of(kind: ProtocolErrorKind) -> Self {
        match kind {
            ProtocolErrorKind::Unexpected { .. } => Self::Unexpected,
            ProtocolErrorKind::InvalidLength(_) => Self::Length,
            ProtocolErrorKind::InvalidValue(_) => Self::Value,
            ProtocolErrorKind::MissingCrlf { .. } => Self::Crlf,
            ProtocolErrorKind::BulkTooLong { .. } => Self::Bulk,
            ProtocolErrorKind::CommandTooLong { .. } => Self::Command,
            ProtocolErrorKind::TooManyArguments { .. } => Self::Arguments,
            ProtocolErrorKind::TooDeep { .. } => Self::Depth,
            ProtocolErrorKind::LineTooLong { .. } => Self::Line,
            ProtocolErrorKind::UnbalancedQuotes => Self::Quotes,
            other => panic!("{other:?}"),
        }
    }
}

/// A frame and the attributes before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) attributes: Vec<Node>,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    /// `+ - $ ! = (`, by the type byte.
    Text(u8, Vec<u8>),
    Streamed(Vec<Vec<u8>>),
    Integer(i64),
    /// Printed by Rust: a NaN is not equal to another one.
    Double(String),
    Boolean(bool),
    /// `* % ~ >`, by the type byte; keys and values in turn.
    Aggregate(u8, Vec<Node>),
}

enum Stop {
    /// The bytes end here. At least this number of further bytes is needed.
    Needs(u64),
    /// The bytes end in a line whose end, this number of bytes ahead, is an error.
    Refused(u64),
    Wrong(Fault, usize),
}

impl Stop {
    /// Adds the bytes that must follow the item.
    fn and(self, more: u64) -> Self {
        match self {
            Self::Needs(needed) => Self::Needs(needed + more),
            other => other,
        }
    }
}

type Read<T> = Result<T, Stop>;

fn wrong<T>(fault: Fault, at: usize) -> Read<T> {
    Err(Stop::Wrong(fault, at))
}

fn seen<T>(read: Read<T>, skipped: usize, end: usize) -> Seen<T> {
    match read {
        Ok(item) => Seen::Whole { skipped, length: end - skipped, item },
        Err(Stop::Needs(needed) | Stop::Refused(needed)) => Seen::Needs { skipped, needed },
        Err(Stop::Wrong(fault, at)) => Seen::Wrong { fault, at },
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    begin: usize,
    limits: Limits,
}

/// A number and its CR LF, or the digits that are complete.
enum Number {
    Whole(u64),
    Cut { digits: String, cr: bool },
}

/// The frame at the front of the bytes.
pub(crate) fn frame(bytes: &[u8], limits: Limits) -> Seen<Node> {
    let mut reader = Reader { bytes, at: 0, begin: 0, limits };
    let read = reader.frame(0, 0);
    seen(read, 0, reader.at)
}

/// The command at the front of the bytes of a stream, or with `annotations` of an append-only file.
pub(crate) fn command(bytes: &[u8], annotations: bool, limits: Limits) -> Seen<Vec<Vec<u8>>> {
    let mut reader = Reader { bytes, at: 0, begin: 0, limits };
    loop {
        reader.begin = reader.at;
        let read = match reader.peek() {
            None => Err(Stop::Needs(10)),
            Some(b'*') => match reader.command(10) {
                Ok(None) => continue,
                Ok(Some(arguments)) => Ok(arguments),
                Err(stop) => Err(stop),
            },
            Some(b'\n') => {
                reader.at += 1;
                continue;
            }
            Some(b'\r') => match reader.exactly(b"\r\n", Fault::Unexpected) {
                Ok(()) => continue,
                Err(stop) => Err(stop.and(10)),
            },
            Some(b'#') if annotations => match reader.annotation() {
                Ok(()) => continue,
                Err(stop) => Err(stop.and(10)),
            },
            Some(_) => wrong(Fault::Unexpected, reader.at),
        };
        return seen(read, reader.begin, reader.at);
    }
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn exactly(&mut self, wanted: &[u8], fault: Fault) -> Read<()> {
        for (index, &byte) in wanted.iter().enumerate() {
            match self.peek() {
                None => return Err(Stop::Needs((wanted.len() - index) as u64)),
                Some(found) if found != byte => return wrong(fault, self.at),
                Some(_) => self.at += 1,
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Read<Number> {
        let first = self.at;
        let mut digits = String::new();
        loop {
            match self.peek() {
                None => return Ok(Number::Cut { digits, cr: false }),
                Some(b'0'..=b'9') if digits == "0" => return wrong(Fault::Length, self.at),
                Some(byte) if byte.is_ascii_digit() => {
                    digits.push(byte as char);
                    self.at += 1;
                    if digits.parse::<u64>().is_err() {
                        return Ok(Number::Whole(u64::MAX));
                    }
                }
                Some(b'-' | b'+') if digits.is_empty() => return wrong(Fault::Length, first),
                Some(b'\r') if !digits.is_empty() => {
                    return match self.exactly(b"\r\n", Fault::Unexpected) {
                        Ok(()) => Ok(Number::Whole(digits.parse().unwrap())),
                        Err(Stop::Needs(_)) => Ok(Number::Cut { digits, cr: true }),
                        Err(stop) => Err(stop),
                    };
                }
                Some(_) => return wrong(Fault::Unexpected, self.at),
            }
        }
    }

    /// The least number of bytes that make `digits` a number of at least `least`, with its CR LF and the bytes that
    /// `follows` requires.
    fn cheapest(digits: &str, cr: bool, least: u64, follows: impl Fn(u64) -> u64) -> Option<u64> {
        if cr {
            let number = digits.parse().unwrap();
            return (number >= least).then(|| 1 + follows(number));
        }
        let more = ["", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        more.iter()
            .filter_map(|more| {
                let text = format!("{digits}{more}");
                let number: u64 = text.parse().ok()?;
                let valid = number >= least && (text == "0" || !text.starts_with('0'));
                valid.then(|| more.len() as u64 + 2 + follows(number))
            })
            .min()
    }

    /// Checks that an item ends within the limit of whole frames. An error is at `at`.
    fn fits(&self, end: u64, at: usize) -> Read<()> {
        if end - self.begin as u64 > self.limits.command { wrong(Fault::Command, at) } else { Ok(()) }
    }

    fn frame(&mut self, depth: usize, parent: u8) -> Read<Node> {
        let mut attributes = Vec::new();
        while self.peek() == Some(b'|') {
            let Value::Aggregate(_, pairs) = self.aggregate(b'|', depth).map_err(|stop| stop.and(3))? else { panic!() };
            attributes.extend(pairs);
        }
        let value = self.value(depth, parent)?;
        Ok(Node { attributes, value })
    }

    fn value(&mut self, depth: usize, parent: u8) -> Read<Value> {
        let start = self.at;
        let Some(kind) = self.peek() else { return Err(Stop::Needs(3)) };
        match kind {
            b'+' | b'-' => self.text(kind, |_, _| true, |_| 0),
            b'(' => self.text(kind, big, |text| u64::from(matches!(text, b"" | b"-" | b"+"))),
            b',' => {
                let text = self.text(
                    kind,
                    |text, byte| doubles(&[text, &[byte]].concat()).is_some(),
                    |text| doubles(text).unwrap(),
                )?;
                let Value::Text(_, text) = text else { panic!() };
                let text = String::from_utf8(text).unwrap();
                let number: f64 = text.split_once('(').map_or(&text[..], |(nan, _)| nan).parse().unwrap();
                Ok(Value::Double(format!("{number:?}")))
            }
            b':' => self.integer(),
            b'_' => {
                self.at += 1;
                self.exactly(b"\r\n", Fault::Unexpected).map_err(|stop| self.short_stop(start, 0, stop))?;
                self.short_line(start, 0)?;
                Ok(Value::Null)
            }
            b'#' => {
                self.at += 1;
                let value = match self.peek() {
                    None => return Err(self.short_stop(start, 0, Stop::Needs(3))),
                    Some(b't') => true,
                    Some(b'f') => false,
                    Some(_) => return wrong(Fault::Value, self.at),
                };
                self.at += 1;
                self.exactly(b"\r\n", Fault::Value).map_err(|stop| self.short_stop(start, 1, stop))?;
                self.short_line(start, 1)?;
                Ok(Value::Boolean(value))
            }
            b'$' | b'!' | b'=' => self.bulk(kind),
            b'>' if parent == b'>' => wrong(Fault::Unexpected, self.at),
            b'*' | b'%' | b'~' | b'>' => self.aggregate(kind, depth),
            _ => wrong(Fault::Unexpected, self.at),
        }
    }

    /// A line. `good` accepts its bytes one after the other, and `owed` returns the number of bytes it still needs.
    fn text(&mut self, kind: u8, good: impl Fn(&[u8], u8) -> bool, owed: impl Fn(&[u8]) -> u64) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let mut text = Vec::new();
        let fault = if matches!(kind, b'+' | b'-') { Fault::Unexpected } else { Fault::Value };
        loop {
            self.fits((start + text.len().min(self.limits.reply_line) + 3) as u64, start)?;
            if text.len() > self.limits.reply_line {
                return wrong(Fault::Line, start + 1 + self.limits.reply_line);
            }
            match self.peek() {
                None => return Err(Stop::Needs(owed(&text) + 2)),
                Some(b'\r') if owed(&text) == 0 => {
                    self.exactly(b"\r\n", Fault::Unexpected)?;
                    return Ok(Value::Text(kind, text));
                }
                Some(b'\r' | b'\n') => return wrong(fault, self.at),
                Some(byte) if good(&text, byte) => text.push(byte),
                Some(_) => return wrong(fault, self.at),
            }
            self.at += 1;
        }
    }

    /// The limits of a line that are checked only at its end.
    fn short_line(&self, start: usize, text: usize) -> Read<()> {
        self.fits((start + text.min(self.limits.reply_line) + 3) as u64, start)?;
        if text > self.limits.reply_line {
            return wrong(Fault::Line, start + 1 + self.limits.reply_line);
        }
        Ok(())
    }

    /// The same for an incomplete line.
    fn short_stop(&self, start: usize, text: usize, stop: Stop) -> Stop {
        match (self.short_line(start, text), stop) {
            (Err(_), Stop::Needs(needed)) => Stop::Refused(needed),
            (_, stop) => stop,
        }
    }

    fn integer(&mut self) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let whole = text.parse::<i64>().is_ok() && text != "-";
            match self.peek() {
                None => return Err(self.short_stop(start, text.len(), Stop::Needs(if whole { 2 } else { 3 }))),
                Some(b'\r') if whole => {
                    self.exactly(b"\r\n", Fault::Unexpected)
                        .map_err(|stop| self.short_stop(start, text.len(), stop))?;
                    self.short_line(start, text.len())?;
                    return Ok(Value::Integer(text.parse().unwrap()));
                }
                Some(byte) => {
                    let next = format!("{text}{}", byte as char);
                    let digits = next.strip_prefix('+').unwrap_or(&next);
                    let canonical = matches!(&next[..], "-" | "+")
                        || !next.starts_with("+-")
                            && digits.parse::<i64>().is_ok_and(|number| number.to_string() == digits);
                    if !canonical {
                        return wrong(Fault::Value, self.at);
                    }
                    text = next;
                    self.at += 1;
                }
            }
        }
    }

    fn bulk(&mut self, kind: u8) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let least = if kind == b'=' { 4 } else { 0 };
        match (kind, self.peek()) {
            (b'$', None) => return Err(Stop::Needs(4)),
            (b'$', Some(b'-')) => {
                self.exactly(b"-1\r\n", Fault::Unexpected)?;
                self.fits(self.at as u64, start)?;
                return Ok(Value::Null);
            }
            (b'$', Some(b'?')) => {
                self.exactly(b"?\r\n", Fault::Unexpected).map_err(|stop| stop.and(4))?;
                self.fits(self.at as u64, start)?;
                return self.chunks();
            }
            (b'=', Some(b'0')) => return wrong(Fault::Length, self.at),
            (b'=', Some(b'1'..=b'3')) if self.bytes.get(self.at + 1) == Some(&b'\r') => {
                return wrong(Fault::Length, self.at);
            }
            _ => {}
        }
        let payload = self.payload(least, self.limits.bulk, 0, |reader| {
            if kind == b'=' && reader.bytes.get(reader.at + 3).is_some_and(|mark| *mark != b':') {
                return wrong(Fault::Unexpected, reader.at + 3);
            }
            Ok(())
        })?;
        Ok(Value::Text(kind, payload))
    }

    /// A length line, a payload, its CR LF.
    fn payload(&mut self, least: u64, limit: u64, before: u64, check: impl Fn(&Self) -> Read<()>) -> Read<Vec<u8>> {
        let first = self.at;
        let length = match self.number()? {
            Number::Whole(length) if length.saturating_add(before) > limit => return wrong(Fault::Bulk, first),
            Number::Whole(length) => length,
            Number::Cut { digits, cr } if digits.parse::<u64>().unwrap_or(0).saturating_add(before) > limit => {
                return Err(Stop::Refused(if cr { 1 } else { 2 }));
            }
            Number::Cut { digits, cr } => {
                return Err(Stop::Needs(Self::cheapest(&digits, cr, least, |length| length + 2).unwrap()));
            }
        };
        self.fits((self.at as u64).saturating_add(length).saturating_add(2), first)?;
        check(self)?;
        let length = length as usize;
        let Some(payload) = self.bytes.get(self.at..self.at + length) else {
            return Err(Stop::Needs((self.at + length + 2 - self.bytes.len()) as u64));
        };
        self.at += length;
        self.exactly(b"\r\n", Fault::Crlf)?;
        Ok(payload.to_vec())
    }

    fn chunks(&mut self) -> Read<Value> {
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        loop {
            let start = self.at;
            match self.peek() {
                None => return Err(Stop::Needs(4)),
                Some(b';') => self.at += 1,
                Some(_) => return wrong(Fault::Unexpected, self.at),
            }
            match self.peek() {
                None => return Err(Stop::Needs(3)),
                Some(b'0') => {
                    self.number_zero()?;
                    self.fits(self.at as u64, start)?;
                    return Ok(Value::Streamed(chunks));
                }
                Some(_) => {}
            }
            let before = chunks.iter().map(Vec::len).sum::<usize>() as u64;
            let chunk = self.payload(0, self.limits.bulk, before, |_| Ok(())).map_err(|stop| stop.and(4))?;
            chunks.push(chunk);
        }
    }

    fn number_zero(&mut self) -> Read<()> {
        match self.number()? {
            Number::Whole(_) => Ok(()),
            Number::Cut { cr, .. } => Err(Stop::Needs(if cr { 1 } else { 2 })),
        }
    }

    fn aggregate(&mut self, kind: u8, depth: usize) -> Read<Value> {
        let start = self.at;
        self.at += 1;
        let per: u64 = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
        let too_deep = depth >= self.limits.depth;
        if kind == b'*' && self.peek() == Some(b'-') {
            self.exactly(b"-1\r\n", Fault::Unexpected)?;
            self.fits(self.at as u64, start)?;
            return Ok(Value::Null);
        }
        if matches!(kind, b'*' | b'%' | b'~') && self.peek() == Some(b'?') {
            self.exactly(b"?\r\n", Fault::Unexpected).map_err(|stop| match stop {
                Stop::Needs(needed) if too_deep => Stop::Refused(needed),
                other => other.and(3),
            })?;
            if too_deep {
                return wrong(Fault::Depth, start);
            }
            self.fits(self.at as u64, start)?;
            return self.streamed(kind, per, depth + 1);
        }
        let limit = self.limits.arguments;
        let count = match self.number()? {
            Number::Whole(count) if count.saturating_mul(per) > limit => return wrong(Fault::Arguments, start + 1),
            Number::Whole(count) => count * per,
            Number::Cut { digits, cr } => {
                let count = digits.parse::<u64>().unwrap_or(0).saturating_mul(per);
                if count > limit || (count > 0 && too_deep) {
                    return Err(Stop::Refused(if cr { 1 } else { 2 }));
                }
                return Err(Stop::Needs(
                    Self::cheapest(&digits, cr, 0, |count| count.saturating_mul(per * 3)).unwrap(),
                ));
            }
        };
        if count > 0 && too_deep {
            return wrong(Fault::Depth, start);
        }
        self.fits(self.at as u64, start)?;
        let mut items = Vec::new();
        for index in 0..count {
            items.push(self.frame(depth + 1, kind).map_err(|stop| stop.and(3 * (count - 1 - index)))?);
        }
        Ok(Value::Aggregate(kind, items))
    }

    fn streamed(&mut self, kind: u8, per: u64, depth: usize) -> Read<Value> {
        let mut items = Vec::new();
        loop {
            let may_end = (items.len() as u64).is_multiple_of(per);
            match self.peek() {
                None if may_end => return Err(Stop::Needs(3)),
                Some(b'.') if may_end => {
                    self.exactly(b".\r\n", Fault::Unexpected)?;
                    return Ok(Value::Aggregate(kind, items));
                }
                Some(byte) if items.len() as u64 == self.limits.arguments && b"+-:$*_#,(!=%~>|".contains(&byte) => {
                    return wrong(Fault::Arguments, self.at);
                }
                _ => {}
            }
            let after = if may_end { 3 * per } else { 3 };
            items.push(self.frame(depth, kind).map_err(|stop| stop.and(after))?);
        }
    }

    /// `None`: an empty command. At least `next` bytes after it complete an item.
    fn command(&mut self, next: u64) -> Read<Option<Vec<Vec<u8>>>> {
        let count = self.count(next)?;
        if count == 0 {
            return Ok(None);
        }
        let mut arguments = Vec::new();
        for index in 0..count {
            arguments.push(self.argument().map_err(|stop| stop.and(6 * (count - 1 - index)))?);
        }
        Ok(Some(arguments))
    }

    fn count(&mut self, next: u64) -> Read<u64> {
        self.at += 1;
        let first = self.at;
        if self.peek() == Some(b'-') {
            self.exactly(b"-1\r\n", Fault::Unexpected).map_err(|stop| stop.and(next))?;
            return Ok(0);
        }
        match self.number()? {
            Number::Whole(count) if count > self.limits.arguments => wrong(Fault::Arguments, first),
            Number::Whole(count) => Ok(count),
            Number::Cut { digits, cr } if digits.parse::<u64>().unwrap_or(0) > self.limits.arguments => {
                Err(Stop::Refused(if cr { 1 } else { 2 }))
            }
            Number::Cut { digits, cr } => {
                let follows = |count| if count == 0 { next } else { count * 6 };
                Err(Stop::Needs(Self::cheapest(&digits, cr, 0, follows).unwrap()))
            }
        }
    }

    fn argument(&mut self) -> Read<Vec<u8>> {
        match self.peek() {
            None => return Err(Stop::Needs(6)),
            Some(b'$') => self.at += 1,
            Some(_) => return wrong(Fault::Unexpected, self.at),
        }
        self.payload(0, self.limits.bulk, 0, |_| Ok(()))
    }

    fn annotation(&mut self) -> Read<()> {
        let start = self.at;
        self.at += 1;
        loop {
            if self.at - start - 1 > self.limits.line {
                return wrong(Fault::Line, start + 1 + self.limits.line);
            }
            match self.peek() {
                None => return Err(Stop::Needs(2)),
                Some(b'\r') => return self.exactly(b"\r\n", Fault::Unexpected),
                Some(b'\n') => return wrong(Fault::Unexpected, self.at),
                Some(_) => self.at += 1,
            }
        }
    }
}

fn big(text: &[u8], byte: u8) -> bool {
    byte.is_ascii_digit() || (matches!(byte, b'-' | b'+') && text.is_empty())
}

/// The least number of bytes that complete the text of a double; `None` if no bytes do.
fn doubles(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
    ["", "0", "n", "f", "nf", "an", ")", "inf", "nan"]
        .iter()
        .filter(|end| is_double(&format!("{text}{end}")))
        .map(|end| end.len() as u64)
        .min()
}

fn is_double(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(payload) = text.strip_prefix("nan(").and_then(|text| text.strip_suffix(')')) {
        return payload.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(text, "inf" | "nan") {
        return true;
    }
    let (number, power) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    digits(whole) && digits(fraction) && digits(power.strip_prefix(['+', '-']).unwrap_or(power))
}

/// A request of a client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Command(Vec<Vec<u8>>),
    Inline(Vec<Vec<u8>>),
}

/// The request at the front of the bytes.
pub(crate) fn request(bytes: &[u8], limits: Limits) -> Seen<Request> {
    let mut reader = Reader { bytes, at: 0, begin: 0, limits };
    loop {
        reader.begin = reader.at;
        let rest = &bytes[reader.at..];
        match rest.first() {
            None => return Seen::Needs { skipped: reader.at, needed: 2 },
            Some(b'*') => {
                let read = match reader.command(2) {
                    Ok(None) => continue,
                    Ok(Some(arguments)) => Ok(Request::Command(arguments)),
                    Err(stop) => Err(stop),
                };
                return seen(read, reader.begin, reader.at);
            }
            Some(_) => {}
        }
        if let Some((fault, at)) = first_wrong(rest, limits) {
            return Seen::Wrong { fault, at: reader.at + at };
        }
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return Seen::Needs { skipped: reader.at, needed: completion(rest).unwrap() };
        };
        let words = split(&rest[..end]).unwrap();
        if !words.is_empty() {
            return Seen::Whole { skipped: reader.at, length: end + 1, item: Request::Inline(words) };
        }
        reader.at += end + 1;
    }
}

/// The first byte of a line that no later byte can make valid.
fn first_wrong(rest: &[u8], limits: Limits) -> Option<(Fault, usize)> {
    for (at, byte) in rest.iter().enumerate() {
        if at >= limits.line && *byte != b'\n' && !(at == limits.line && *byte == b'\r') {
            return Some((Fault::Line, limits.line));
        }
        let good = if *byte == b'\n' { split(&rest[..at]).is_some() } else { completion(&rest[..=at]).is_some() };
        if !good {
            return Some((Fault::Quotes, at));
        }
        let words = words_begun(&rest[..=at]);
        if words > limits.arguments {
            return Some((Fault::Arguments, at));
        }
        if *byte == b'\n' {
            return None;
        }
    }
    None
}

/// The number of arguments in the beginning of a line, if its quotes were closed.
fn words_begun(line: &[u8]) -> u64 {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let closed = ["", "\"", "'", "x\"", "x'"].iter().filter_map(|end| split(&[line, end.as_bytes()].concat()));
    closed.map(|words| words.len() as u64).min().unwrap_or(0)
}

/// The least number of bytes that complete a request in this line, or in the next one if this line can have no
/// argument.
fn completion(line: &[u8]) -> Option<u64> {
    let ends = ["\n", "a\n", "\"\n", "'\n", "a\"\n", "a'\n", "\na\n"];
    ends.iter()
        .filter(|end| {
            let bytes = [line, end.as_bytes()].concat();
            let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').map(split).collect();
            lines.iter().all(Option::is_some) && lines.iter().flatten().any(|words| !words.is_empty())
        })
        .map(|end| end.len() as u64)
        .min()
}

/// The arguments of a line, as Redis' `sdssplitargs` finds them.
pub(crate) fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let line: Vec<u8> = line.iter().copied().take_while(|byte| *byte != 0).collect();
    let is_space = |byte: u8| matches!(byte, b' ' | 9..=13);
    let mut words = Vec::new();
    let mut at = 0;
    loop {
        while at < line.len() && is_space(line[at]) {
            at += 1;
        }
        if at == line.len() {
            return Some(words);
        }
        let mut word = Vec::new();
        while at < line.len() && !matches!(line[at], b' ' | b'\n' | b'\r' | b'\t') {
            let quote = line[at];
            at += 1;
            if quote != b'"' && quote != b'\'' {
                word.push(quote);
                continue;
            }
            loop {
                let rest = &line[at..];
                let hex = |index: usize| rest.get(index).and_then(|digit| (*digit as char).to_digit(16));
                if rest.is_empty() {
                    return None;
                } else if quote == b'"' && rest.starts_with(b"\\x") && hex(2).is_some() && hex(3).is_some() {
                    word.push((hex(2)? * 16 + hex(3)?) as u8);
                    at += 4;
                } else if quote == b'"' && rest[0] == b'\\' && rest.len() > 1 {
                    word.push(match rest[1] {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'a' => 7,
                        other => other,
                    });
                    at += 2;
                } else if quote == b'\'' && rest.starts_with(b"\\'") {
                    word.push(b'\'');
                    at += 2;
                } else if rest[0] == quote {
                    at += 1;
                    break;
                } else {
                    word.push(rest[0]);
                    at += 1;
                }
            }
            if at < line.len() && !is_space(line[at]) {
                return None;
            }
            break;
        }
        words.push(word);
    }
}

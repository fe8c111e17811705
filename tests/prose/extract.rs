//! Extracts the prose of a file as paragraphs: comments and messages of Rust and C, Markdown outside of code.

/// Text that belongs together: a paragraph, an item of a list, a cell of a table, a message.
#[derive(Debug)]
pub(crate) struct Paragraph {
    pub(crate) words: Vec<Word>,
}

#[derive(Debug)]
pub(crate) struct Word {
    /// As written, with its punctuation. A code span is one word: `code`.
    pub(crate) text: String,
    /// In lower case and without the punctuation around it.
    pub(crate) core: String,
    pub(crate) line: usize,
}

/// One line of prose as it is in the file.
#[derive(Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) number: usize,
    text: String,
    marker: Marker,
    /// Nothing but the comment is on its line.
    alone: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Marker {
    Markdown,
    /// The number of characters that begin it: `//` is none of `///`.
    Rust(usize),
    Block,
    Message,
}

/// The lines of prose of a file; none if it is of no kind that has prose.
pub(crate) fn lines(path: &str, text: &str) -> Vec<Line> {
    match path.rsplit('.').next() {
        Some("md") => {
            let lines = text.lines().enumerate();
            let line = |(index, text): (usize, &str)| Line {
                number: index + 1,
                text: text.to_owned(),
                marker: Marker::Markdown,
                alone: true,
            };
            lines.map(line).collect()
        }
        Some("rs") => Scanner { rest: text, text, is_rust: true, has_messages: path.starts_with("src/") }.lines(),
        Some("c" | "h" | "cpp" | "hpp") => Scanner { rest: text, text, is_rust: false, has_messages: false }.lines(),
        _ => Vec::new(),
    }
}

/// The lines that wrap as prose does, by their numbers: no tables, no code, no addresses.
pub(crate) fn wrapped(lines: &[Line]) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut fence = Fence::default();
    for line in lines.iter().filter(|line| line.alone && line.marker != Marker::Message) {
        let text = line.text.trim();
        if !fence.covers(line) && !text.starts_with('|') && !text.contains("://") && !is_indented_code(line) {
            numbers.push(line.number);
        }
    }
    numbers
}

pub(crate) fn paragraphs(lines: &[Line]) -> Vec<Paragraph> {
    let mut found = Vec::new();
    let mut open = Builder::default();
    let mut fence = Fence::default();
    for line in lines {
        let text = line.text.trim();
        let is_code = fence.covers(line) || is_indented_code(line);
        let is_item = ["- ", "* ", "+ ", "#", "|"].iter().any(|start| text.starts_with(start)) || is_numbered(text);
        let is_next = open.last.is_some_and(|(number, marker)| number + 1 == line.number && marker == line.marker);
        if is_code || is_item || text.is_empty() || !is_next || !line.alone || line.marker == Marker::Message {
            open.close(&mut found);
        }
        if is_code {
            continue;
        }
        if line.marker == Marker::Message {
            // In a help page a blank line ends a paragraph, and an indented line is an example or a row of its own.
            for part in text.replace("\n\n", "\\n").replace("\n  ", "\\n").split("\\n") {
                open.add(part, line);
                open.close(&mut found);
            }
        } else if let Some(row) = text.strip_prefix('|') {
            for cell in row.split('|') {
                open.add(cell, line);
                open.close(&mut found);
            }
        } else {
            open.add(text, line);
            if text.starts_with('#') {
                open.close(&mut found);
            }
        }
    }
    open.close(&mut found);
    found
}

/// `1. ` and the like.
fn is_numbered(text: &str) -> bool {
    text.split_once(". ").is_some_and(|(number, _)| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// In a C comment four spaces make code.
fn is_indented_code(line: &Line) -> bool {
    line.marker == Marker::Block && line.text.starts_with("     ")
}

#[derive(Default)]
struct Fence {
    open: bool,
    last: usize,
}

impl Fence {
    /// Whether the line is code between fences, or a fence.
    fn covers(&mut self, line: &Line) -> bool {
        // A comment that ends takes its fence with it.
        self.open &= self.last + 1 == line.number;
        self.last = line.number;
        let is_fence = line.text.trim_start().starts_with("```");
        let covered = self.open || is_fence;
        self.open ^= is_fence;
        covered
    }
}

#[derive(Default)]
struct Builder {
    words: Vec<Word>,
    in_code: bool,
    last: Option<(usize, Marker)>,
}

impl Builder {
    fn add(&mut self, text: &str, line: &Line) {
        self.last = Some((line.number, line.marker));
        let mut word = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '`' => {
                    if !self.in_code {
                        word.push_str("code");
                    }
                    self.in_code = !self.in_code;
                    while rest.next_if_eq(&'`').is_some() {}
                }
                _ if self.in_code => {}
                // The target of a link.
                ']' if rest.next_if_eq(&'(').is_some() => while rest.next().is_some_and(|c| c != ')') {},
                '{' if line.marker == Marker::Message => {
                    word.push_str("value");
                    while rest.next().is_some_and(|c| c != '}') {}
                }
                _ if c.is_whitespace() || c == '/' => self.push(&mut word, line.number),
                _ => word.push(c),
            }
        }
        self.push(&mut word, line.number);
    }

    fn push(&mut self, word: &mut String, line: usize) {
        let text = std::mem::take(word);
        let core = text.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        if !core.is_empty() {
            self.words.push(Word { text, core, line });
        } else if let Some(last) = self.words.last_mut() {
            last.text.push_str(&text);
        }
    }

    fn close(&mut self, found: &mut Vec<Paragraph>) {
        let words = std::mem::take(self).words;
        if !words.is_empty() {
            found.push(Paragraph { words });
        }
    }
}

/// Finds comments and strings in Rust and C.
struct Scanner<'a> {
    rest: &'a str,
    text: &'a str,
    is_rust: bool,
    has_messages: bool,
}

impl<'a> Scanner<'a> {
    fn lines(mut self) -> Vec<Line> {
        let mut found = Vec::new();
        let mut number = 1;
        let mut line_start = 0;
        while let Some(c) = self.rest.chars().next() {
            let at = self.text.len() - self.rest.len();
            let is_alone = || self.text[line_start..at].trim().is_empty();
            let piece = if self.rest.starts_with("//") {
                let comment = self.take_until("\n", 0);
                let marks = comment.len() - comment.trim_start_matches(['/', '!']).len();
                let text = comment[marks..].to_owned();
                found.push(Line { number, text, marker: Marker::Rust(marks), alone: is_alone() });
                comment
            } else if self.rest.starts_with("/*") {
                let alone = is_alone();
                let comment = self.take_until("*/", 2);
                for (index, line) in comment.lines().enumerate() {
                    let text = line.trim_end_matches("*/").trim_end();
                    let text = text.trim_start().trim_start_matches('/').trim_start_matches('*').to_owned();
                    found.push(Line { number: number + index, text, marker: Marker::Block, alone: alone || index > 0 });
                }
                comment
            } else if let Some(string) = self.string() {
                if self.has_messages && is_message(string) {
                    let text = string.replace("\\\n", " ");
                    found.push(Line { number, text, marker: Marker::Message, alone: false });
                }
                string
            } else {
                let first = c.len_utf8();
                let next = self.rest[first..].find(['/', '"', '\'', 'r', '#', '\n']);
                let (piece, rest) = self.rest.split_at(next.map_or(self.rest.len(), |at| first + at));
                self.rest = rest;
                // The tests of a file have no messages.
                self.has_messages &= !piece.starts_with("#[cfg(test)]");
                piece
            };
            if let Some(end) = piece.rfind('\n') {
                number += piece.matches('\n').count();
                line_start = at + end + 1;
            }
        }
        found
    }

    /// Takes all up to `end`; with it if it is longer than a line end.
    fn take_until(&mut self, end: &str, from: usize) -> &'a str {
        let length = if end == "\n" { 0 } else { end.len() };
        let found = self.rest[from..].find(end).map_or(self.rest.len(), |at| from + at + length);
        let (taken, rest) = self.rest.split_at(found);
        self.rest = rest;
        taken
    }

    /// A string or character literal at the front.
    fn string(&mut self) -> Option<&'a str> {
        let bytes = self.rest.as_bytes();
        match bytes[0] {
            b'"' => Some(self.take_quoted('"')),
            // A lifetime is none.
            b'\'' if self.is_rust && bytes.get(1) != Some(&b'\\') => {
                let mut chars = self.rest.char_indices().skip(2);
                let (end, _) = chars.next().filter(|(_, c)| *c == '\'')?;
                let (taken, rest) = self.rest.split_at(end + 1);
                self.rest = rest;
                Some(taken)
            }
            b'\'' => Some(self.take_quoted('\'')),
            b'r' if self.is_rust
                && !self.text[..self.text.len() - self.rest.len()].ends_with(char::is_alphanumeric) =>
            {
                let marks = bytes[1..].iter().take_while(|&&byte| byte == b'#').count();
                let is_raw = bytes.get(1 + marks) == Some(&b'"');
                is_raw.then(|| self.take_until(&format!("\"{}", "#".repeat(marks)), marks + 2))
            }
            _ => None,
        }
    }

    fn take_quoted(&mut self, quote: char) -> &'a str {
        let mut escaped = false;
        let is_end = |&(_, c): &(usize, char)| {
            let is_end = c == quote && !escaped;
            escaped = c == '\\' && !escaped;
            is_end
        };
        let end = self.rest.char_indices().skip(1).find(is_end).map_or(self.rest.len(), |(at, _)| at + 1);
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

/// A string with three or more alphabetic tokens is a message.
fn is_message(string: &str) -> bool {
    string.split_whitespace().filter(|word| word.contains(char::is_alphabetic)).count() >= 3
}

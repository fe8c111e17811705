//! The manifest of an append-only directory: its files in the order of reading.

use thiserror::Error;

use crate::base::status::Status;
use crate::resp::{Request, RequestParser};

/// The files that a manifest lists. Since Redis 7.0, servers keep several append-only files: a base with the data set
/// at the last rewrite, and increments with the commands since.
///
/// ```
/// use redtail::io::Manifest;
///
/// let text = b"file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n";
/// let manifest = Manifest::parse(text)?;
/// assert_eq!(manifest.base.unwrap().name, "appendonly.aof.2.base.rdb");
/// assert_eq!(manifest.increments[0].seq, 2);
/// # Ok::<(), redtail::io::ManifestError>(())
/// ```
///
/// Source of the form: the servers' `aof.c`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Manifest {
    /// The data set at the last rewrite: a snapshot, commands, or both.
    pub base: Option<Listed>,
    /// The commands since then, in the order of reading.
    pub increments: Vec<Listed>,
    /// Files that a rewrite has made superfluous. The server will remove them.
    pub history: Vec<Listed>,
}

/// A file of a [`Manifest`].
///
/// ```
/// use redtail::io::{Listed, Manifest};
///
/// fn newest(manifest: &Manifest) -> Option<&Listed> {
///     manifest.increments.iter().max_by_key(|listed| listed.seq)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// Its name in the manifest's folder.
    pub name: String,
    /// Its number. Bases and increments are numbered separately, each from 1.
    pub seq: u64,
}

/// A manifest that servers refuse, too.
///
/// ```
/// use redtail::io::Manifest;
///
/// let error = Manifest::parse(b"file\n").unwrap_err();
/// assert_eq!(error.line, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
#[non_exhaustive]
pub struct ManifestError {
    /// The line, of which the first is number 1.
    pub line: usize,
    /// The error.
    pub reason: &'static str,
}

/// The longest line in bytes, its end included, that servers read.
const LONGEST_LINE: usize = 1024;

impl Manifest {
    /// Parses the text of a manifest. Unknown fields are skipped, as servers do.
    ///
    /// # Errors
    /// A manifest that servers refuse:
    /// - a line that is not a list of names and values, is too long, or has no end;
    /// - a file without name, number or type, or with a path as its name;
    /// - a second base, increments that are not in ascending order, or no line.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        if text.is_empty() {
            return Err(ManifestError { line: 1, reason: "the manifest is empty" });
        }
        for (index, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            manifest.line(line).map_err(|reason| ManifestError { line: index + 1, reason })?;
        }
        Ok(manifest)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), &'static str> {
        if line.len() > LONGEST_LINE {
            return Err("more than 1024 bytes");
        }
        if line.first() == Some(&b'#') {
            return Ok(());
        }
        if !line.ends_with(b"\n") {
            return Err("the last line has no end: the manifest was cut off");
        }
        let (kind, listed) = entry(line)?;
        match kind {
            b'b' if self.base.is_some() => return Err("a second base (type b)"),
            b'b' => self.base = Some(listed),
            b'i' if self.increments.last().is_some_and(|last| listed.seq <= last.seq) => {
                return Err("seq is not greater than that of the increment before");
            }
            b'i' => self.increments.push(listed),
            b'h' => self.history.push(listed),
            _ => return Err("an unknown type: expected b, i or h"),
        }
        Ok(())
    }
}

/// The type of a file, and the file.
fn entry(line: &[u8]) -> Result<(u8, Listed), &'static str> {
    let words = words(line).ok_or("expected: file NAME seq NUMBER type b|i|h")?;
    if words.len() < 6 || words.len() % 2 == 1 {
        return Err("expected: file NAME seq NUMBER type b|i|h");
    }
    let (mut name, mut seq, mut kind) = (None, None, None);
    for pair in words.chunks_exact(2) {
        let [key, value] = pair else { continue };
        match key.to_ascii_lowercase().as_slice() {
            b"file" => name = Some(file_name(value)?),
            b"seq" => seq = Some(number(value).ok_or("seq is no number above 0")?),
            b"type" => kind = value.first().copied(),
            _ => {}
        }
    }
    let name = name.ok_or("no file is named")?;
    let seq = seq.ok_or("seq is missing")?;
    Ok((kind.ok_or("type is missing")?, Listed { name, seq }))
}

/// The fields of a line, quoted as in an inline command. `None` if there are none, or a quote is not closed.
fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (mut parser, mut rest) = (RequestParser::new(), line);
    match parser.next(&mut rest) {
        Ok(Status::Complete(Request::Inline(inline))) => Some(inline.args().map(|arg| arg.bytes().collect()).collect()),
        _ => None,
    }
}

fn file_name(value: &[u8]) -> Result<String, &'static str> {
    let name = String::from_utf8(value.to_vec()).map_err(|_| "the name of the file is not UTF-8")?;
    match name.as_str() {
        "" | "." | ".." => Err("the name of the file is none"),
        name if name.contains(['/', '\\']) => {
            Err("the name of the file is a path: expected a name in the manifest's folder")
        }
        _ => Ok(name),
    }
}

fn number(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok().filter(|&number| number > 0)
}

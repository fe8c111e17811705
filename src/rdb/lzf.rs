//! The bytes of one string: plain bytes in the input, or an LZF-compressed string decompressed into a window.
//!
//! The compression is that of `lzf_d.c` in the servers.

use crate::rdb::error::RdbErrorKind;
use crate::rdb::primitives::{Attempt, Cursor, Halt};
use crate::rdb::text_range::TextRange;

/// The size of the window: decompressed bytes that are not taken yet, and at least [`HISTORY`] bytes before them.
const WINDOW: usize = 32 << 10;
/// The longest distance of a reference, in bytes.
const HISTORY: usize = 8 << 10;
/// The number of bytes copied at once on the fast path: the longest run of literal bytes.
const SPARE: usize = 32;
/// The most bytes of one reference.
const LONGEST_COPY: usize = 264;

#[derive(Debug, Clone)]
pub(super) struct Window {
    /// The number of bytes of the string that are not taken yet.
    left: u64,
    lzf: Option<Compressed>,
    /// The offset of the first compressed byte.
    start: u64,
    /// The length of the string in the input, in bytes.
    encoded: u64,
    bytes: [u8; WINDOW],
    /// The decompressed bytes not taken yet begin here...
    read: usize,
    /// ...and end here.
    write: usize,
}

#[derive(Debug, Clone, Copy)]
struct Compressed {
    /// The number of compressed bytes left in the input.
    packed: u64,
    /// The number of bytes left to decompress.
    missing: u64,
    /// The number of bytes of the current literal run left in the input.
    literal: u64,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self { left: 0, lzf: None, start: 0, encoded: 0, bytes: [0; WINDOW], read: 0, write: 0 }
    }

    pub(super) fn open_plain(&mut self, length: u64) {
        (self.left, self.lzf, self.encoded) = (length, None, length);
    }

    /// `start` is the offset of the first compressed byte.
    pub(super) fn open_lzf(&mut self, packed: u64, length: u64, start: u64) {
        (self.start, self.encoded) = (start, packed);
        (self.left, self.lzf) = (length, Some(Compressed { packed, missing: length, literal: 0 }));
        (self.read, self.write) = (0, 0);
    }

    /// Decompresses a fully buffered string. Returns the index after it, or `None` if the string is invalid.
    pub(super) fn decompress_whole(&mut self, input: &[u8], at: usize, packed: usize, length: usize) -> Option<usize> {
        let end = at + packed;
        if end > input.len() {
            return None;
        }
        let mut cursor = Cursor { input, at };
        self.open_lzf(packed as u64, length as u64, 0);
        self.decompress(&mut cursor, length);
        let whole = cursor.at == end && self.write == length;
        self.close();
        whole.then_some(end)
    }

    /// The number of bytes of the string that are not taken yet.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The length of the string in the input, in bytes.
    pub(super) fn encoded(&self) -> u64 {
        self.encoded
    }

    /// The number of bytes of input that belong to the rest of the string.
    pub(super) fn input_left(&self) -> u64 {
        self.lzf.map_or(self.left, |lzf| lzf.packed)
    }

    /// The offset of the first compressed byte, while a compressed string is read.
    pub(super) fn compressed_from(&self) -> Option<u64> {
        self.lzf.map(|_| self.start)
    }

    /// Ends the string, all of which was taken. Compressed bytes left in the input are an error.
    pub(super) fn end(&mut self) -> Attempt<()> {
        if self.lzf.is_some_and(|lzf| lzf.packed != 0) {
            return broken("bytes are left over once the declared length is reached");
        }
        self.close();
        Ok(())
    }

    pub(super) fn close(&mut self) {
        (self.left, self.lzf) = (0, None);
    }

    /// Replaces the decompressed bytes `from..to`, the whole of a short string, by `line` and them. Returns the length.
    pub(super) fn prepend(&mut self, line: &[u8], from: usize, to: usize) -> usize {
        let end = line.len() + to.saturating_sub(from);
        if from <= to && to <= WINDOW && end <= WINDOW {
            self.bytes.copy_within(from..to, line.len());
        }
        self.write_at(0, line);
        end
    }

    /// Replaces the bytes of the window by `line` and `rest`. Returns their length.
    pub(super) fn fill(&mut self, line: &[u8], rest: &[u8]) -> usize {
        self.write_at(0, line);
        self.write_at(line.len(), rest);
        line.len() + rest.len()
    }

    fn write_at(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.bytes.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }

    pub(super) fn text(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// The next bytes of the string: at least `want` bytes, or all that the string has left. `want` is at most a little
    /// more than [`WHOLE_TEXT`](super::WHOLE_TEXT). The window has room for that beside the history.
    #[inline(always)]
    pub(super) fn available<'b, 'i: 'b>(
        &'b mut self,
        cursor: &mut Cursor<'i>,
        want: usize,
    ) -> Attempt<(&'b [u8], TextRange)> {
        if self.lzf.is_some() {
            return self.decompressed(cursor, want);
        }
        let (rest, left) = (cursor.rest(), usize::try_from(self.left).unwrap_or(usize::MAX));
        let most = left.min(rest.len());
        match rest.get(..most) {
            Some(bytes) if most >= left.min(want) => Ok((bytes, TextRange::Input(cursor.at, cursor.at + most))),
            _ => Err(Halt::Need(left.min(want) - most)),
        }
    }

    /// The bytes of the string that are available without decompression.
    #[inline(always)]
    pub(super) fn buffered<'b>(&'b self, input: &'b [u8]) -> (&'b [u8], TextRange) {
        if self.lzf.is_some() {
            return (self.text(self.read, self.write), TextRange::Window(self.read, self.write));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        (input.get(..most).unwrap_or_default(), TextRange::Input(0, most))
    }

    /// Takes bytes that were [`buffered`](Self::buffered). Returns the number of bytes that the input loses.
    #[inline(always)]
    pub(super) fn pass(&mut self, count: usize) -> usize {
        self.left = self.left.saturating_sub(count as u64);
        match self.lzf {
            Some(_) => {
                self.read += count;
                0
            }
            None => count,
        }
    }

    fn decompressed<'b>(&'b mut self, cursor: &mut Cursor<'_>, want: usize) -> Attempt<(&'b [u8], TextRange)> {
        let least = usize::try_from(self.left).unwrap_or(usize::MAX).min(want);
        if self.write - self.read < least {
            let halt = self.decompress(cursor, least);
            // An error beyond the needed bytes is reported when those bytes are needed, so that the result does not
            // depend on the input.
            if self.write - self.read < least {
                return Err(halt);
            }
        }
        let bytes = self.bytes.get(self.read..self.write).unwrap_or_default();
        Ok((bytes, TextRange::Window(self.read, self.write)))
    }

    /// The next `length` bytes of the string, or an error if the string has fewer.
    pub(super) fn exactly<'b, 'i: 'b>(
        &'b mut self,
        cursor: &mut Cursor<'i>,
        what: &'static str,
        length: usize,
    ) -> Attempt<&'b [u8]> {
        if length as u64 > self.left {
            return Err(Halt::Error(RdbErrorKind::Overrun { what, length: length as u64, left: self.left }));
        }
        let (bytes, _) = self.available(cursor, length)?;
        Ok(bytes.get(..length).unwrap_or_default())
    }

    /// Takes bytes that were [`available`](Self::available).
    #[inline]
    pub(super) fn take(&mut self, cursor: &mut Cursor<'_>, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        match self.lzf {
            Some(_) => self.read += count,
            None => cursor.at += count,
        }
    }

    /// Decompresses as much as the input and the window allow. The window has room for `least` bytes that are not
    /// taken. Returns the reason why it stopped.
    fn decompress(&mut self, cursor: &mut Cursor<'_>, least: usize) -> Halt {
        if self.read + least + LONGEST_COPY > self.bytes.len() {
            self.slide();
        }
        let Some(mut lzf) = self.lzf else { return Halt::Need(1) };
        let halt = loop {
            if lzf.literal == 0 {
                self.fast_instructions(&mut lzf, cursor);
            }
            match self.instruction(&mut lzf, cursor) {
                Ok(true) => {}
                Ok(false) => break Halt::Need(1),
                Err(halt) => break halt,
            }
        };
        self.lzf = Some(lzf);
        halt
    }

    /// Fast path for instructions, as long as input and window have spare room. Each copies more than needed; the next
    /// one overwrites the excess.
    #[inline(always)]
    fn fast_instructions(&mut self, lzf: &mut Compressed, cursor: &mut Cursor<'_>) {
        let (input, bytes) = (cursor.rest(), &mut self.bytes);
        let (mut at, mut write) = (0, self.write);
        let at_most = usize::try_from(lzf.packed).unwrap_or(usize::MAX);
        let write_most = usize::try_from(lzf.missing).unwrap_or(usize::MAX).saturating_add(write);
        while write < write_most
            && let Some((used, count)) = input.get(at..).and_then(|input| fast_instruction(input, bytes, write))
            && at + used <= at_most
            && write + count <= write_most
        {
            (at, write) = (at + used, write + count);
        }
        lzf.packed -= at as u64;
        cursor.at += at;
        self.gave(lzf, write - self.write);
    }

    /// One instruction. Returns false if the window is full or the string is complete.
    #[inline]
    fn instruction(&mut self, lzf: &mut Compressed, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        if lzf.missing == 0 || self.bytes.len() - self.write < LONGEST_COPY {
            return Ok(false);
        }
        if lzf.literal > 0 {
            let rest = cursor.rest();
            let count = rest.len().min(lzf.literal as usize);
            let (Some(from), Some(to)) = (rest.get(..count), self.bytes.get_mut(self.write..self.write + count)) else {
                return Ok(false);
            };
            if count == 0 {
                return Err(Halt::Need(1));
            }
            to.copy_from_slice(from);
            self.gave(lzf, count);
            cursor.at += count;
            lzf.packed -= count as u64;
            lzf.literal -= count as u64;
            return Ok(true);
        }
        let mut peek = cursor.peek();
        // Bytes after the string must not be read as a part of it.
        let most = usize::try_from(lzf.packed).unwrap_or(usize::MAX).min(peek.bytes.len());
        let whole = most as u64 == lzf.packed;
        peek.bytes = peek.bytes.get(..most).unwrap_or_default();
        let cut = |halt| match whole {
            true => Halt::Error(RdbErrorKind::Compression("it ends before the declared length is reached")),
            false => halt,
        };
        let control = peek.byte().map_err(cut)?;
        if control < 32 {
            let run = u64::from(control) + 1;
            if run >= lzf.packed {
                return broken("a run of literal bytes exceeds the compressed bytes");
            }
            if run > lzf.missing {
                return broken("a run of literal bytes exceeds the declared length");
            }
            cursor.pass(&peek);
            lzf.packed -= 1;
            lzf.literal = run;
            return Ok(true);
        }
        let mut length = usize::from(control >> 5);
        if length == 7 {
            length += usize::from(peek.byte().map_err(cut)?);
        }
        let length = length + 2;
        let distance = (usize::from(control & 31) << 8 | usize::from(peek.byte().map_err(cut)?)) + 1;
        if distance > self.write {
            return broken("a reference points before the beginning");
        }
        if length as u64 > lzf.missing {
            return broken("a reference exceeds the declared length");
        }
        lzf.packed -= peek.used as u64;
        cursor.pass(&peek);
        self.copy(distance, length);
        self.gave(lzf, length);
        Ok(true)
    }

    fn gave(&mut self, lzf: &mut Compressed, count: usize) {
        self.write += count;
        lzf.missing -= count as u64;
    }

    /// Copies the bytes at `distance`. If they reach into their own output, the pattern repeats.
    #[inline]
    fn copy(&mut self, distance: usize, length: usize) {
        let start = self.write - distance;
        let mut done = 0;
        while done < length {
            // The bytes from `start` are the pattern repeated, so each round can copy twice as many.
            let count = (length - done).min(distance + done);
            let to = self.write + done;
            if to + count > self.bytes.len() {
                return;
            }
            self.bytes.copy_within(start..start + count, to);
            done += count;
        }
    }

    /// Makes room. Keeps the bytes that are not taken and those that references can reach.
    fn slide(&mut self) {
        let keep = self.read.min(self.write.saturating_sub(HISTORY));
        self.bytes.copy_within(keep..self.write, 0);
        self.read -= keep;
        self.write -= keep;
    }
}

/// Runs the instruction at the front of `input`. Its bytes are written at `write`. Returns the number of bytes that it
/// uses up, and of those that it gives.
#[inline(always)]
fn fast_instruction(input: &[u8], bytes: &mut [u8; WINDOW], write: usize) -> Option<(usize, usize)> {
    let [control, rest @ ..] = input.first_chunk::<{ 1 + SPARE }>()?;
    if *control < 32 {
        let count = usize::from(*control) + 1;
        *bytes.get_mut(write..)?.first_chunk_mut()? = *rest;
        return Some((1 + count, count));
    }
    let [first, second, ..] = *rest;
    let (count, low, used) = match control >> 5 {
        7 => (usize::from(first) + 9, second, 3),
        count => (usize::from(count) + 2, first, 2),
    };
    let distance = (usize::from(control & 31) << 8 | usize::from(low)) + 1;
    let start = write.checked_sub(distance)?;
    if distance < SPARE.min(count) {
        return None;
    }
    copy_chunk(bytes, start, write)?;
    // A reference that reaches into its own output repeats its beginning. The beginning is read anew each time:
    // processors are slow to read bytes that were just written in other portions.
    let (mut lap, mut done) = (0, SPARE);
    while lap + done < count {
        if done >= distance {
            (lap, done) = (lap + distance, 0);
        }
        let from = done.min(distance - SPARE);
        copy_chunk(bytes, start + from, write + lap + from)?;
        done = from + SPARE;
    }
    Some((used, count))
}

#[inline(always)]
fn copy_chunk(bytes: &mut [u8; WINDOW], from: usize, to: usize) -> Option<()> {
    let chunk: [u8; SPARE] = *bytes.get(from..)?.first_chunk()?;
    *bytes.get_mut(to..)?.first_chunk_mut()? = chunk;
    Some(())
}

fn broken<T>(why: &'static str) -> Attempt<T> {
    Err(Halt::Error(RdbErrorKind::Compression(why)))
}

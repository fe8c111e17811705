//! The machine under every command parser: it hops from length to length and keeps the places of the arguments.
//!
//! It stands at the end of the last argument whose length is read. What lies before is never looked at again.

use crate::base::error::ProtocolErrorKind;
use crate::base::limits::{Limits, MAX_COMMAND, TAPE_LENGTH};
use crate::resp::number::{Length, Text};
use crate::resp::templates::Templates;
use crate::resp::{Fault, as_size, number};

/// Where an argument lies, from the first byte of its command.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

impl Span {
    /// The argument, in the bytes of its command.
    #[inline(always)]
    pub(super) fn of(self, command: &[u8]) -> Option<&[u8]> {
        let start = self.start as usize;
        command.get(start..start.checked_add(self.length as usize)?)
    }
}

/// What a count line says.
pub(super) enum Count {
    /// A command follows.
    Command,
    /// An empty command of so many bytes.
    Empty(usize),
    /// The line is not whole; so many bytes are needed for it and the least that must follow.
    Partial(usize),
}

/// How far a command is there.
pub(super) enum Progress {
    /// All of it.
    Whole { length: usize },
    /// Its end is not there.
    Partial { needed: usize },
    /// It is to come in parts.
    Large,
}

/// Bytes of the smallest argument, `$0`, and of the smallest count line.
const SMALLEST_ARGUMENT: u64 = 6;
const SMALLEST_COUNT: u64 = 4;

/// The one-load path takes lengths of at most three digits.
const LARGEST_QUICK: u64 = 999;

/// And counts of at most two.
const LARGEST_COUNT: u64 = 99;

/// A command of at most so many such arguments is shorter than this.
const LARGEST_WHOLE: u64 = 100 << 10;

/// The same for lengths of four digits.
const LARGEST_LONG: u64 = 9_999;
const LARGEST_WHOLE_LONG: u64 = 1 << 20;

#[derive(Debug, Clone)]
pub(super) struct Tape {
    limits: Limits,
    /// Commands with a bulk string this long come in parts.
    threshold: Option<u64>,
    /// The most arguments of a command that the one-load path is tried on; 0 where a limit rules it out.
    quick: usize,
    /// The largest length of four digits that needs no careful look; 0 where a limit rules them out.
    long: usize,
    /// The limit for whole commands.
    largest: usize,
    /// Arguments of the command; 0 while its count is not read.
    argc: usize,
    /// Arguments whose length is read.
    index: usize,
    /// End of the payload of the last of them, or of the digits of the count.
    at: usize,
    /// Its declared length.
    last: u64,
    spans: [Span; TAPE_LENGTH],
    templates: Templates,
}

impl Tape {
    pub(super) fn new(limits: Limits, threshold: Option<u64>) -> Self {
        let limits =
            Limits { command: limits.command.min(MAX_COMMAND), arguments: limits.arguments.min(MAX_COMMAND), ..limits };
        let is_wide = limits.bulk >= LARGEST_QUICK && limits.command >= LARGEST_WHOLE;
        let long = if is_wide && limits.command >= LARGEST_WHOLE_LONG {
            LARGEST_LONG.min(limits.bulk).min(threshold.map_or(u64::MAX, |threshold| threshold.saturating_sub(1)))
        } else {
            0
        };
        Self {
            limits,
            threshold,
            long: as_size(long),
            quick: if is_wide { as_size(limits.arguments) } else { 0 },
            largest: as_size(limits.command),
            argc: 0,
            index: 0,
            at: 0,
            last: 0,
            spans: [Span::default(); TAPE_LENGTH],
            templates: Templates::new(is_wide && limits.arguments >= LARGEST_COUNT),
        }
    }

    pub(super) fn without_templates(self) -> Self {
        Self { templates: Templates::new(false), ..self }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn threshold(&self) -> Option<u64> {
        self.threshold
    }

    /// The least number of bytes that make a command, or tell that one comes in parts.
    pub(super) fn smallest(&self) -> usize {
        as_size(SMALLEST_COUNT + self.least(1, SMALLEST_COUNT))
    }

    /// The count of a command is read and its end is not.
    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.argc != 0
    }

    pub(super) fn argc(&self) -> usize {
        self.argc
    }

    pub(super) fn spans(&self) -> &[Span; TAPE_LENGTH] {
        &self.spans
    }

    /// Forgets the command; the next byte is the first of another.
    #[inline]
    pub(super) fn close(&mut self) {
        self.argc = 0;
    }

    /// Begins no other command any more.
    pub(super) fn stay_open(&mut self) {
        self.argc = usize::MAX;
    }

    /// Reads the count line of a command, whose first byte is known to be `*`. `follows` is the least number of bytes of what may
    /// come after an empty command.
    #[inline(always)]
    pub(super) fn count(&mut self, command: &[u8], follows: usize) -> Result<Count, Fault> {
        if let Some((argc, at)) = quick_count(command)
            && argc as u64 <= self.limits.arguments
        {
            self.open(argc, at);
            return Ok(Count::Command);
        }
        self.any_count(command, follows)
    }

    #[inline(never)]
    fn any_count(&mut self, command: &[u8], follows: usize) -> Result<Count, Fault> {
        let limit = self.limits.arguments;
        let too_many = |count| Fault::new(ProtocolErrorKind::TooManyArguments { count, limit }, 1);
        let line = command.get(1..).unwrap_or_default();
        if line.first() == Some(&b'-') {
            return match number::literal(line, b"-1\r\n", "'*-1' and CR LF").map_err(shift(1))? {
                Text::Whole { end } => Ok(Count::Empty(1 + end)),
                Text::Partial { more } => Ok(Count::Partial(more + follows)),
            };
        }
        match number::length(line).map_err(shift(1))? {
            Length::Whole { value: 0, end } => Ok(Count::Empty(1 + end)),
            Length::Whole { value, .. } if value > limit => Err(too_many(value)),
            Length::Whole { value, end } => {
                self.open(as_size(value), end - 1);
                Ok(Count::Command)
            }
            Length::Huge => Err(too_many(u64::MAX)),
            Length::Partial { value: Some(0), more } => Ok(Count::Partial(more + follows)),
            Length::Partial { value: Some(value), more } if value > limit => Ok(Count::Partial(more)),
            Length::Partial { value, more } => {
                let end = command.len() as u64 + more as u64;
                let mut least = self.least(value.unwrap_or(1), end);
                if value.is_none() {
                    least = least.min(follows as u64);
                }
                Ok(Count::Partial(as_size(more as u64 + least)))
            }
        }
    }

    #[inline]
    fn open(&mut self, argc: usize, at: usize) {
        self.argc = argc;
        self.index = 0;
        self.at = at;
    }

    /// Splits off a command that is whole and of a shape that is known, in one go. What was read of another is kept: it may then be
    /// open, and [`arguments`](Self::arguments) goes on from there. One that is not `wanted`, by its name, is left as if it had not been looked at.
    #[inline(always)]
    pub(super) fn known<'a>(
        &mut self,
        input: &'a [u8],
        wanted: impl FnOnce(&[u8]) -> bool,
    ) -> Option<(&'a [u8], &'a [u8], &[Span])> {
        let start = self.templates.start(input, &mut self.spans)?;
        let here = hop(&mut self.spans, self.long, input, start.argc, (start.index, start.at, 0));
        if here.0 == start.argc
            && let Some((raw, rest)) = split_at_end(input, here.1)
        {
            if !wanted(self.spans.first().and_then(|name| name.of(raw)).unwrap_or_default()) {
                return None;
            }
            self.templates.learn(start.slot, input, &self.spans);
            return Some((raw, rest, self.spans.get(..start.argc)?));
        }
        let last = self.spans.get(here.0 - 1).map_or(0, |span| span.length.into());
        self.leave(start.argc, (here.0, here.1, last));
        None
    }

    /// The same for any command of the common shape: with its argc.
    #[inline]
    pub(super) fn whole<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8], usize)> {
        let (argc, at) = quick_count(input)?;
        if argc > self.quick {
            return None;
        }
        let here = hop(&mut self.spans, self.long, input, argc, (0, at, 0));
        if here.0 == argc
            && let Some((raw, rest)) = split_at_end(input, here.1)
        {
            return Some((raw, rest, argc));
        }
        self.leave(argc, here);
        None
    }

    /// Goes on with the arguments of an open command, shown from its first byte.
    pub(super) fn arguments(&mut self, command: &[u8]) -> Result<Progress, Fault> {
        loop {
            if let Some(progress) = self.any_argument(command)? {
                return Ok(progress);
            }
            if self.quick > 0 {
                self.hop_within_limit(command);
            }
        }
    }

    /// Goes on with an open command that is whole now: with its argc. Otherwise [`arguments`](Self::arguments) tells what there is.
    #[inline]
    pub(super) fn rest<'a>(&mut self, command: &'a [u8]) -> Option<(&'a [u8], &'a [u8], usize)> {
        if self.quick == 0 {
            return None;
        }
        self.hop_within_limit(command);
        if self.index < self.argc {
            return None;
        }
        let (raw, rest) = split_at_end(command, self.at)?;
        Some((raw, rest, core::mem::take(&mut self.argc)))
    }

    fn hop_within_limit(&mut self, command: &[u8]) {
        let window = command.get(..self.largest).unwrap_or(command);
        let here = hop(&mut self.spans, self.long, window, self.argc, (self.index, self.at, self.last));
        // Only the last can end beyond the window, where nothing is read.
        if here.1 <= self.largest.saturating_sub(2) {
            self.leave(self.argc, here);
            return;
        }
        // The careful way tells what that means.
        while self.index + 1 < here.0
            && let Some((start, length)) = quick_argument(window, self.at)
        {
            self.leave(self.argc, (self.index + 1, start + length, length as u64));
        }
    }

    fn leave(&mut self, argc: usize, (index, at, last): Place) {
        (self.argc, self.index, self.at, self.last) = (argc, index, at, last);
    }

    /// One argument the careful way. `Some`: the command ends here, or something keeps it from being read on.
    fn any_argument(&mut self, command: &[u8]) -> Result<Option<Progress>, Fault> {
        let end = self.at as u64 + 2;
        match number::payload_end(command, self.at, self.last)? {
            Text::Partial { more } => partial(more as u64 + self.least((self.argc - self.index) as u64, end)),
            Text::Whole { end } if self.index == self.argc => {
                self.argc = 0;
                Ok(Some(Progress::Whole { length: end }))
            }
            Text::Whole { end } => self.head(command, end),
        }
    }

    /// The `$` line at `at`.
    fn head(&mut self, command: &[u8], at: usize) -> Result<Option<Progress>, Fault> {
        let left = (self.argc - self.index) as u64;
        match command.get(at) {
            None => return partial(self.least(left, at as u64)),
            Some(b'$') => {}
            Some(&found) => return Err(Fault::unexpected("'$' of an argument", found, at)),
        }
        let digits = at + 1;
        match bulk_length(command.get(digits..).unwrap_or_default(), digits, self.limits.bulk)? {
            Bulk::Whole { length, end } => {
                let start = digits + end;
                let past = start as u64 + length + 2;
                if self.threshold.is_some_and(|threshold| length >= threshold) {
                    return Ok(Some(Progress::Large));
                }
                if past > self.limits.command {
                    return self.over_limit(past, digits as u64);
                }
                if let Some(span) = self.spans.get_mut(self.index) {
                    *span = Span { start: start as u32, length: length as u32 };
                }
                (self.index, self.at, self.last) = (self.index + 1, start + as_size(length), length);
                Ok(None)
            }
            Bulk::Partial { value: Some(value), more } if value > self.limits.bulk => partial(more as u64),
            Bulk::Partial { value, more } => {
                let payload = value.unwrap_or(0) + 2;
                let end = command.len() as u64 + more as u64 + payload;
                let whole = more as u64 + payload + self.least(left - 1, end);
                let parts = match more {
                    // The CR is there: this is the length.
                    1 if self.is_large(value.unwrap_or(0), end) => 1,
                    1 => u64::MAX,
                    _ => self.least_parts(value, (command.len() - digits) as u64, at as u64),
                };
                partial(whole.min(parts))
            }
        }
    }

    fn over_limit(&self, length: u64, at: u64) -> Result<Option<Progress>, Fault> {
        if self.threshold.is_some() {
            return Ok(Some(Progress::Large));
        }
        Err(Fault { kind: ProtocolErrorKind::CommandTooLong { length, limit: self.limits.command }, at })
    }

    /// The least number of bytes that `arguments` more of them take, or that tell that the command comes in parts. They begin
    /// at `at`.
    fn least(&self, arguments: u64, at: u64) -> u64 {
        let whole = arguments.saturating_mul(SMALLEST_ARGUMENT);
        if self.threshold.is_none() || arguments == 0 {
            return whole;
        }
        whole.min(self.least_parts(None, 0, at).saturating_add(1))
    }

    /// An argument of this length that ends here makes its command come in parts, if any do.
    fn is_large(&self, length: u64, end: u64) -> bool {
        self.threshold.is_some_and(|threshold| length >= threshold || end > self.limits.command)
    }

    /// The least number of bytes that end a length line so that the command comes in parts; no number does if none do. Its `$` is at `at`; `digits` digits
    /// are there and make `value`.
    fn least_parts(&self, value: Option<u64>, digits: u64, at: u64) -> u64 {
        // What the length can be with so many `more` digits.
        let (mut low, mut high) = (value.unwrap_or(0), value.unwrap_or(0));
        let first = u64::from(value.is_none());
        for more in 0..=20 {
            let length = high.min(self.limits.bulk);
            let end = at.saturating_add(1 + digits + more + 2 + 2).saturating_add(length);
            if more >= first && low <= self.limits.bulk && self.is_large(length, end) {
                return more + 2;
            }
            if value == Some(0) {
                break;
            }
            low = low.saturating_mul(10).max(if more > 0 { 10 } else { 0 });
            high = high.saturating_mul(10).saturating_add(9);
        }
        u64::MAX
    }
}

fn partial(needed: u64) -> Result<Option<Progress>, Fault> {
    Ok(Some(Progress::Partial { needed: as_size(needed) }))
}

/// What the bytes after `$` say.
pub(super) enum Bulk {
    /// A length within the limit; `end` is the index after its LF.
    Whole { length: u64, end: usize },
    /// As [`Length::Partial`].
    Partial { value: Option<u64>, more: usize },
}

/// Reads a length line and holds it against the limit. `at` is where `line` begins.
pub(super) fn bulk_length(line: &[u8], at: usize, limit: u64) -> Result<Bulk, Fault> {
    let too_long = |length| Err(Fault::new(ProtocolErrorKind::BulkTooLong { length, limit }, at));
    match number::length(line).map_err(shift(at))? {
        Length::Whole { value, .. } if value > limit => too_long(value),
        Length::Whole { value, end } => Ok(Bulk::Whole { length: value, end }),
        Length::Huge => too_long(u64::MAX),
        Length::Partial { value, more } => Ok(Bulk::Partial { value, more }),
    }
}

/// Moves a fault found in a line to where the line begins.
pub(super) fn shift(by: usize) -> impl Fn(Fault) -> Fault {
    move |fault| Fault { at: fault.at.saturating_add(by as u64), ..fault }
}

/// Arguments whose length is read, the end of the last one's payload, and its length.
type Place = (usize, usize, u64);

/// Hops from length to length as long as they have the common shape, and keeps the places of the arguments.
#[inline(always)]
fn hop(spans: &mut [Span], long: usize, command: &[u8], argc: usize, mut here: Place) -> Place {
    while here.0 < argc
        && let Some((start, length)) = quick_argument(command, here.1).or_else(|| long_argument(command, here.1, long))
    {
        if let Some(span) = spans.get_mut(here.0) {
            *span = Span { start: start as u32, length: length as u32 };
        }
        here = (here.0 + 1, start + length, length as u64);
    }
    here
}

/// As [`quick_argument`], with four digits that make at most `longest`.
#[cold]
#[inline(never)]
fn long_argument(command: &[u8], at: usize, longest: usize) -> Option<(usize, usize)> {
    let line: &[u8; 9] = command.get(at..)?.first_chunk()?;
    let left = u64::from_le_bytes(*line.first_chunk()?) ^ u64::from_le_bytes(*b"\r\n$0000\r");
    let fits = is_digits(left, 0x0076_7676_7600_0000, 0xff80_8080_80ff_ffff) && left & 0xff00_0000 != 0;
    let length = (digit(left, 24) * 1000 + digit(left, 32) * 100 + digit(left, 40) * 10 + digit(left, 48)) as usize;
    (fits && line.ends_with(b"\n") && length <= longest).then_some((at + line.len(), length))
}

/// The command whose last payload ends at `at`, if CR LF is there, and what follows it.
#[inline(always)]
fn split_at_end(input: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    let end = (at as u32 as usize) + 2;
    let (raw, rest) = input.split_at_checked(end)?;
    (raw.get(end - 2..)? == b"\r\n").then_some((raw, rest))
}

/// `*`, one or two digits, CR LF: the count and the index of the CR.
#[inline(always)]
pub(super) fn quick_count(command: &[u8]) -> Option<(usize, usize)> {
    let word = u64::from_le_bytes(*command.first_chunk()?);
    let one = word.wrapping_sub(0x0a0d_302a);
    let units = (one >> 8) & 0xff;
    if one & 0xffff_00ff == 0 && units.wrapping_sub(1) < 9 {
        return Some((units as usize, 2));
    }
    let two = word.wrapping_sub(0x0a_0d30_302a);
    let (tens, units) = ((two >> 8) & 0xff, (two >> 16) & 0xff);
    if two & 0xff_ff00_00ff == 0 && tens.wrapping_sub(1) < 9 && units < 10 {
        return Some(((tens * 10 + units) as usize, 3));
    }
    None
}

/// CR LF, `$`, a length of up to three digits, CR LF, in one load of eight bytes: where the payload begins, and its length.
///
/// A whole argument has at least eight bytes from the CR LF before it, so that the load fails only on an unfinished one.
/// One digit or two make no difference to the path taken: which it is can seldom be foretold.
#[inline(always)]
pub(super) fn quick_argument(command: &[u8], at: usize) -> Option<(usize, usize)> {
    // Positions have 32 bits; told so, the compiler knows that nothing overflows here.
    let at = at as u32 as usize;
    let bytes: &[u8; 8] = command.get(at..at + 8)?.first_chunk()?;
    let word = u64::from_le_bytes(*bytes);
    // A digit has this bit set, CR has not.
    let more = (word >> 36) as usize & 1;
    // The last digit and what follows, then what precedes and the first digit: below ten where all is as it should be.
    let units = (word >> 24 >> (8 * more)) as u32 & 0x00ff_ffff ^ 0x000a_0d30;
    let first = (word as u32 ^ 0x3024_0a0d).rotate_left(8);
    if units > 9 || first > 9 {
        return three_digits(word).map(|length| (at + 8, length));
    }
    if (first as usize) < more {
        return None;
    }
    let tens = first & (more as u32).wrapping_neg();
    Some((at + 6 + more, (10 * tens + units) as usize))
}

#[inline(always)]
fn three_digits(word: u64) -> Option<usize> {
    let left = word ^ u64::from_le_bytes(*b"\r\n$000\r\n");
    let fits = is_digits(left, 0x0000_7676_7600_0000, 0xffff_8080_80ff_ffff) && left & 0xff00_0000 != 0;
    fits.then_some((digit(left, 24) * 100 + digit(left, 32) * 10 + digit(left, 40)) as usize)
}

/// All bytes of `left` that `mask` looks at are 0, and those that it looks at the top bit of are below 10: `carry` lifts any
/// other to where that bit shows.
#[inline(always)]
pub(super) fn is_digits(left: u64, carry: u64, mask: u64) -> bool {
    (left.wrapping_add(carry) | left) & mask == 0
}

#[inline(always)]
fn digit(left: u64, place: u32) -> u64 {
    (left >> place) & 0xff
}

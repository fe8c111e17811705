//! The core of every command parser. It hops from length to length and keeps the positions of the arguments.
//!
//! Its position is the end of the last argument whose length is read. It never reads the bytes before that position
//! again.

use crate::base::error::ProtocolErrorKind;
use crate::base::limits::{Limits, MAX_COMMAND, TAPE_LENGTH};
use crate::resp::number;
use crate::resp::number::as_size;
use crate::resp::number::{Length, Scanned};
use crate::resp::parse_error::{ParseError, shift};
use crate::resp::span::Span;
use crate::resp::swar::{fast_argument, fast_count, long_argument, two_digits};
use crate::resp::templates::{TemplateMatch, Templates};

/// A count line.
pub(super) enum Count {
    /// A command follows.
    Command,
    /// An empty command of this length in bytes.
    Empty(usize),
    /// The line is incomplete. This number of bytes is needed for it and the least that must follow.
    Partial(usize),
}

/// The state of a command in the input.
pub(super) enum Progress {
    /// The command is whole.
    Whole { length: usize },
    /// The command continues beyond the input.
    Partial { needed: usize },
    /// The command is delivered in parts.
    Large,
}

/// The lengths in bytes of the smallest argument, `$0`, and of the smallest count line.
const SMALLEST_ARGUMENT: u64 = 6;
const SMALLEST_COUNT: u64 = 4;

/// The largest length on the fast path: three digits.
const LARGEST_FAST: u64 = 999;

/// The largest count on the fast path: two digits.
const LARGEST_COUNT: u64 = 99;

/// A command with that number of such arguments is shorter than this.
const LARGEST_WHOLE: u64 = 100 << 10;

/// The largest length of four digits, and a bound on commands with such arguments.
const LARGEST_LONG: u64 = 9_999;
const LARGEST_WHOLE_LONG: u64 = 1 << 20;

/// The bytes of a command, the bytes after it, the spans of its arguments, and what the caller made of its name.
type FastCommand<'a, 't, K> = (&'a [u8], &'a [u8], &'t [Span], K);

#[derive(Debug, Clone)]
pub(super) struct Tape {
    limits: Limits,
    /// A command with a bulk string of this length is delivered in parts.
    threshold: Option<u64>,
    /// The most arguments of a command on the fast path; 0 if a limit rules the fast path out.
    fast_arguments: usize,
    /// The largest length of four digits on the fast path; 0 if a limit rules it out.
    fast_length: usize,
    /// The limit of whole commands.
    largest: usize,
    /// The number of arguments; 0 before the count is read.
    argc: usize,
    /// The number of arguments whose length is read.
    index: usize,
    /// The end of the payload of the last such argument, or of the digits of the count.
    at: usize,
    /// The declared length of that argument.
    last: u64,
    spans: [Span; TAPE_LENGTH],
    templates: Templates,
}

impl Tape {
    pub(super) fn new(limits: Limits, threshold: Option<u64>) -> Self {
        let limits =
            Limits { command: limits.command.min(MAX_COMMAND), arguments: limits.arguments.min(MAX_COMMAND), ..limits };
        let is_wide = limits.bulk >= LARGEST_FAST && limits.command >= LARGEST_WHOLE;
        let fast_length = if is_wide && limits.command >= LARGEST_WHOLE_LONG {
            LARGEST_LONG.min(limits.bulk).min(threshold.map_or(u64::MAX, |threshold| threshold.saturating_sub(1)))
        } else {
            0
        };
        Self {
            limits,
            threshold,
            fast_length: as_size(fast_length),
            fast_arguments: if is_wide { as_size(limits.arguments) } else { 0 },
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

    /// The least number of bytes of a command, or of a prefix that proves a command in parts.
    pub(super) fn smallest(&self) -> usize {
        as_size(SMALLEST_COUNT + self.least(1, SMALLEST_COUNT))
    }

    /// Whether the count of a command is read and its end is not.
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

    /// Forgets the command. The next byte begins another one.
    #[inline]
    pub(super) fn close(&mut self) {
        self.argc = 0;
    }

    /// Begins no command any more, after an error.
    pub(super) fn stay_open(&mut self) {
        self.argc = usize::MAX;
    }

    /// Whether a payload of the open command continues beyond the input. All bytes before it are read then.
    #[inline]
    pub(super) fn is_in_payload(&self, command: &[u8]) -> bool {
        self.is_open() && self.at > command.len()
    }

    /// Reads the count line of a command. The first byte is `*`. `follows` is the least number of bytes after an empty
    /// command.
    #[inline(always)]
    pub(super) fn count(&mut self, command: &[u8], follows: usize) -> Result<Count, ParseError> {
        if let Some((argc, at)) = fast_count(command)
            && argc as u64 <= self.limits.arguments
        {
            self.open(argc, at);
            return Ok(Count::Command);
        }
        self.slow_count(command, follows)
    }

    #[inline(never)]
    fn slow_count(&mut self, command: &[u8], follows: usize) -> Result<Count, ParseError> {
        let limit = self.limits.arguments;
        let too_many = |count| ParseError::new(ProtocolErrorKind::TooManyArguments { count, limit }, 1);
        let line = command.get(1..).unwrap_or_default();
        if line.first() == Some(&b'-') {
            return match number::literal(line, b"-1\r\n", "'*-1' and CR LF").map_err(shift(1))? {
                Scanned::Whole { end } => Ok(Count::Empty(1 + end)),
                Scanned::Partial { more } => Ok(Count::Partial(more + follows)),
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

    /// Fast path: splits off a whole command of a known shape.
    ///
    /// The progress in an unfinished command is kept: the command may then be open, and [`arguments`](Self::arguments)
    /// continues there. A command whose name is not `wanted` is left untouched. `in_loop`, a constant: calls follow
    /// each other, and an expected length of two digits is read in fewer steps.
    #[inline(always)]
    pub(super) fn fast<'a, K>(
        &mut self,
        input: &'a [u8],
        in_loop: bool,
        wanted: impl FnOnce(&[u8]) -> Option<K>,
    ) -> Option<FastCommand<'a, '_, K>> {
        let start = self.templates.find(input, &mut self.spans)?;
        let here = if in_loop { expected(&mut self.spans, input, &start) } else { (start.index, start.at, 0) };
        let here = hop(&mut self.spans, self.fast_length, input, start.argc, here);
        if here.0 == start.argc
            && let Some((raw, rest)) = split_at_end(input, here.1)
        {
            let kind = wanted(self.spans.first().and_then(|name| name.of(raw)).unwrap_or_default())?;
            self.templates.learn(start.slot, raw, &self.spans);
            return Some((raw, rest, self.spans.get(..start.argc)?, kind));
        }
        let last = self.spans.get(here.0 - 1).map_or(0, |span| span.length.into());
        self.leave(start.argc, (here.0, here.1, last));
        None
    }

    /// The same for any command of common form. Returns its argument count too.
    #[inline]
    pub(super) fn common<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8], usize)> {
        let (argc, at) = fast_count(input)?;
        if argc > self.fast_arguments {
            return None;
        }
        let here = hop(&mut self.spans, self.fast_length, input, argc, (0, at, 0));
        if here.0 == argc
            && let Some((raw, rest)) = split_at_end(input, here.1)
        {
            return Some((raw, rest, argc));
        }
        self.leave(argc, here);
        None
    }

    /// Continues an open command. `command` begins with its first byte.
    pub(super) fn arguments(&mut self, command: &[u8]) -> Result<Progress, ParseError> {
        loop {
            if let Some(progress) = self.slow_argument(command)? {
                return Ok(progress);
            }
            if self.fast_arguments > 0 {
                self.hop_within_limit(command);
            }
        }
    }

    /// Continues an open command that is whole now. Returns its argument count too. `None`:
    /// [`arguments`](Self::arguments) decides.
    #[inline]
    pub(super) fn resume<'a>(&mut self, command: &'a [u8]) -> Option<(&'a [u8], &'a [u8], usize)> {
        // Nothing is read before the end of the last payload.
        if self.fast_arguments == 0 || command.len().saturating_sub(self.at) < 2 {
            return None;
        }
        if self.index < self.argc {
            self.hop_within_limit(command);
        }
        if self.index < self.argc {
            return None;
        }
        let (raw, rest) = split_at_end(command, self.at)?;
        Some((raw, rest, core::mem::take(&mut self.argc)))
    }

    fn hop_within_limit(&mut self, command: &[u8]) {
        let window = command.get(..self.largest).unwrap_or(command);
        let here = hop(&mut self.spans, self.fast_length, window, self.argc, (self.index, self.at, self.last));
        // Only the last argument can end beyond the window, where nothing is read.
        if here.1 <= self.largest.saturating_sub(2) {
            self.leave(self.argc, here);
            return;
        }
        // The slow path decides about the last one.
        while self.index + 1 < here.0
            && let Some((start, length)) = fast_argument(window, self.at)
        {
            self.leave(self.argc, (self.index + 1, start + length, length as u64));
        }
    }

    fn leave(&mut self, argc: usize, (index, at, last): TapePosition) {
        (self.argc, self.index, self.at, self.last) = (argc, index, at, last);
    }

    /// Slow path for one argument. `Some`: the command ends here, or it can't continue.
    fn slow_argument(&mut self, command: &[u8]) -> Result<Option<Progress>, ParseError> {
        let end = self.at as u64 + 2;
        match number::payload_end(command, self.at, self.last)? {
            Scanned::Partial { more } => partial(more as u64 + self.least((self.argc - self.index) as u64, end)),
            Scanned::Whole { end } if self.index == self.argc => {
                self.argc = 0;
                Ok(Some(Progress::Whole { length: end }))
            }
            Scanned::Whole { end } => self.head(command, end),
        }
    }

    /// Reads the `$` line at `at`.
    fn head(&mut self, command: &[u8], at: usize) -> Result<Option<Progress>, ParseError> {
        let left = (self.argc - self.index) as u64;
        match command.get(at) {
            None => return partial(self.least(left, at as u64)),
            Some(b'$') => {}
            Some(&found) => return Err(ParseError::unexpected("'$' of an argument", found, at)),
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
                    // The CR is read, so the length is final.
                    1 if self.is_large(value.unwrap_or(0), end) => 1,
                    1 => u64::MAX,
                    _ => self.least_parts(value, (command.len() - digits) as u64, at as u64),
                };
                partial(whole.min(parts))
            }
        }
    }

    fn over_limit(&self, length: u64, at: u64) -> Result<Option<Progress>, ParseError> {
        if self.threshold.is_some() {
            return Ok(Some(Progress::Large));
        }
        Err(ParseError { kind: ProtocolErrorKind::CommandTooLong { length, limit: self.limits.command }, at })
    }

    /// The least number of bytes that `arguments` more arguments need, or that prove a command in parts. The arguments
    /// begin at `at`.
    fn least(&self, arguments: u64, at: u64) -> u64 {
        let whole = arguments.saturating_mul(SMALLEST_ARGUMENT);
        if self.threshold.is_none() || arguments == 0 {
            return whole;
        }
        whole.min(self.least_parts(None, 0, at).saturating_add(1))
    }

    /// Whether an argument with this length and this end makes its command one in parts.
    fn is_large(&self, length: u64, end: u64) -> bool {
        self.threshold.is_some_and(|threshold| length >= threshold || end > self.limits.command)
    }

    /// The least number of bytes that end a length line which proves a command in parts; `u64::MAX` if no length does.
    /// The `$` is at `at`, and the `digits` digits read make `value`.
    fn least_parts(&self, value: Option<u64>, digits: u64, at: u64) -> u64 {
        // The range of the length after `more` further digits.
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

fn partial(needed: u64) -> Result<Option<Progress>, ParseError> {
    Ok(Some(Progress::Partial { needed: as_size(needed) }))
}

/// A length line of a bulk string.
pub(super) enum Bulk {
    /// A length within the limit; `end` is the index after its LF.
    Whole { length: u64, end: usize },
    /// As [`Length::Partial`].
    Partial { value: Option<u64>, more: usize },
}

/// Reads a length line and checks it against the limit. `line` begins at `at`.
pub(super) fn bulk_length(line: &[u8], at: usize, limit: u64) -> Result<Bulk, ParseError> {
    let too_long = |length| Err(ParseError::new(ProtocolErrorKind::BulkTooLong { length, limit }, at));
    match number::length(line).map_err(shift(at))? {
        Length::Whole { value, .. } if value > limit => too_long(value),
        Length::Whole { value, end } => Ok(Bulk::Whole { length: value, end }),
        Length::Huge => too_long(u64::MAX),
        Length::Partial { value, more } => Ok(Bulk::Partial { value, more }),
    }
}

/// The number of arguments whose length is read, the end of the last one's payload, and its length.
type TapePosition = (usize, usize, u64);

/// Hops from length to length while they have the common form, and keeps the positions of the arguments.
#[inline(always)]
fn hop(spans: &mut [Span], longest: usize, command: &[u8], argc: usize, mut here: TapePosition) -> TapePosition {
    while here.0 < argc
        && let Some((start, length)) =
            fast_argument(command, here.1).or_else(|| long_argument(command, here.1, longest))
    {
        if let Some(span) = spans.get_mut(here.0) {
            *span = Span { start: start as u32, length: length as u32 };
        }
        here = (here.0 + 1, start + length, length as u64);
    }
    here
}

/// The argument after those of the template, if its length is as expected.
#[inline(always)]
fn expected(spans: &mut [Span], command: &[u8], start: &TemplateMatch) -> TapePosition {
    if start.two_digits
        && let Some((payload, length)) = two_digits(command, start.at)
        && let Some(span) = spans.get_mut(start.index)
    {
        *span = Span { start: payload as u32, length: length as u32 };
        return (start.index + 1, payload + length, length as u64);
    }
    (start.index, start.at, 0)
}

/// Splits after the CR LF at `at`, which ends the command. `None` if no CR LF is there.
#[inline(always)]
fn split_at_end(input: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    let end = (at as u32 as usize) + 2;
    let (raw, rest) = input.split_at_checked(end)?;
    (raw.get(end - 2..)? == b"\r\n").then_some((raw, rest))
}

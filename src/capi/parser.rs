//! Parsers: RESP2 and RESP3 over bytes that you hold
//!
//! A parser owns no input. You keep a buffer and pass its unread part as a redtail_slice, which redtail_parser_next
//! advances past the bytes it used. The bytes of an incomplete item stay in the buffer. Append at least
//! redtail_parser_needed bytes and pass the incomplete item again, from its first byte, at any address. The parser
//! does not read the bytes twice.
//!
//! Items point into your buffer. They are valid until you change it, and at most until the next redtail_parser_next
//! or _batch.

use std::ffi::{c_char, c_int, c_void};
use std::mem::offset_of;

use crate::base::error::ProtocolError;
use crate::base::limits::{Limits, MIN_PARTS_THRESHOLD};
use crate::capi::basics::*;
use crate::capi::boundary::{
    Guard, Guarded, Out, are_aligned, bytes, call, enter, enter_shared, listen_for_panics, make, refuse, release, there,
};
use crate::capi::convert::status::protocol_status;
use crate::capi::error_kind::protocol_error;
use crate::capi::item::*;
use crate::capi::limits;
use crate::capi::view::{Rest, View};
use crate::resp::{
    Args, Command, CommandParser, FrameParser, InlineArg, InlineArgs, PartsItem, PartsParser, PartsPoll, Poll, Request,
    RequestParser, TokenParser,
};

/// Finds complete commands or frames in bytes. One thread at a time. It allocates nothing after its creation.
pub struct redtail_parser {
    pub(super) guard: Guard,
    pub(super) machine: Machine,
    /// The mode and limits of its creation.
    mode: c_int,
    limits: Limits,
    /// The memory belongs to the caller, who frees it.
    caller_owned: bool,
    error: Option<ProtocolError>,
    pub(super) view: View,
}

#[expect(clippy::large_enum_variant, reason = "it is in memory of the caller, where nothing can be boxed")]
pub(super) enum Machine {
    Frames(FrameParser),
    Requests(RequestParser),
    Commands(CommandParser),
    Parts(PartsParser),
    Tokens(TokenParser),
}

impl Guarded for redtail_parser {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a parser. mode: one of redtail_mode. limits: NULL for the defaults.
///
/// Returns NULL only if memory is exhausted. If mode or limits are invalid, every later call returns
/// REDTAIL_ERROR_ARGUMENT, and the message explains it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_new(mode: c_int, limits: *const redtail_limits) -> *mut redtail_parser {
    make(|| {
        // SAFETY: as the header asks.
        let (machine, limits, guard) = match unsafe { machine(mode, limits) } {
            Ok((machine, limits)) => (machine, limits, Guard::new()),
            Err(message) => {
                let guard = Guard::closed(REDTAIL_ERROR_ARGUMENT, message);
                (Machine::Frames(FrameParser::new()), Limits::DEFAULT, guard)
            }
        };
        Some(redtail_parser::over(machine, mode, limits, guard, false))
    })
}

/// Size in bytes that suffices for redtail_parser_init: a compile-time upper bound of redtail_parser_size. Most of it
/// holds the open aggregates of a frame and of the walk through it, 4 KiB each for a depth of 1024. For a parser on
/// the stack: `union { char bytes[REDTAIL_PARSER_SIZE]; uint64_t alignment; } memory;`.
pub const REDTAIL_PARSER_SIZE: usize = 12288;

/// Alignment that suffices for redtail_parser_init: a compile-time upper bound of redtail_parser_alignment.
pub const REDTAIL_PARSER_ALIGNMENT: usize = 8;

const _: () = assert!(size_of::<redtail_parser>() <= REDTAIL_PARSER_SIZE);
const _: () = assert!(align_of::<redtail_parser>() <= REDTAIL_PARSER_ALIGNMENT);

/// Size in bytes that redtail_parser_init requires. It may differ between versions of the library. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_parser_size() -> usize {
    size_of::<redtail_parser>()
}

/// Alignment that redtail_parser_init requires, a power of 2. Memory of malloc is always aligned. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_parser_alignment() -> usize {
    align_of::<redtail_parser>()
}

/// Creates a parser in memory of the caller. size: size of the memory in bytes. The memory is free for other use
/// after redtail_parser_free, or as soon as the parser is no longer used.
///
/// A parser may be moved between two calls: copy it with memcpy to memory of the same size and alignment, and use
/// only the copy from then on, through a pointer to its memory. Earlier items and tokens are then invalid.
///
/// Returns REDTAIL_OK and sets parser. Returns REDTAIL_ERROR_ARGUMENT if the memory is NULL, too small or
/// misaligned, or mode or limits are invalid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_init(
    memory: *mut c_void,
    size: usize,
    mode: c_int,
    limits: *const redtail_limits,
    parser: *mut *mut redtail_parser,
) -> c_int {
    listen_for_panics();
    call!(; out parser; {
        let place = memory.cast::<redtail_parser>();
        let Some(memory) = Out::new(place).filter(|_| size >= size_of::<redtail_parser>()) else {
            return REDTAIL_ERROR_ARGUMENT;
        };
        // SAFETY: as the header asks.
        let Ok((machine, limits)) = (unsafe { machine(mode, limits) }) else { return REDTAIL_ERROR_ARGUMENT };
        memory.set(redtail_parser::over(machine, mode, limits, Guard::new(), true));
        parser.set(place);
        REDTAIL_OK
    })
}

/// Frees a parser, also one in memory of the caller. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_free(parser: *mut redtail_parser) {
    // SAFETY: NULL, or a parser that lives.
    if unsafe { there(parser) }.is_some_and(|parser| !parser.caller_owned) {
        // SAFETY: from _new, as just seen, and not used again.
        unsafe { release(parser) }
    }
}

/// The message of the last failure; "" if the last call that requested an item did not fail. Never NULL. Valid
/// until the next call on the parser.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_message(parser: *const redtail_parser) -> *const c_char {
    // SAFETY: NULL, or a parser that lives.
    unsafe { there(parser) }.map_or(c"the parser is NULL".as_ptr(), |parser| parser.guard.message())
}

/// Sets the offset of the first byte of input, instead of 0. Call it once, before the first byte.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if offset is 2^63 or more; REDTAIL_ERROR_STATE if the parser has read
/// bytes or has another start already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_start_at(parser: *mut redtail_parser, offset: u64) -> c_int {
    call!(parser; {
        if parser.offset() != 0 || parser.error.is_some() || !matches!(parser.view.rest, Rest::None) {
            return refuse(parser, REDTAIL_ERROR_STATE, "the parser has read bytes, or has a start already");
        }
        if i64::try_from(offset).is_err() {
            return refuse(parser, REDTAIL_ERROR_ARGUMENT, format_args!("offset is {offset}: the maximum is 2^63 - 1"));
        }
        match &mut parser.machine {
            Machine::Frames(machine) => *machine = machine.clone().starting_at(offset),
            Machine::Requests(machine) => *machine = machine.clone().starting_at(offset),
            Machine::Commands(machine) => *machine = machine.clone().starting_at(offset),
            Machine::Parts(machine) => *machine = machine.clone().starting_at(offset),
            Machine::Tokens(machine) => *machine = machine.clone().starting_at(offset),
        }
        REDTAIL_OK
    })
}

/// Delivers large commands in parts: commands with a bulk string of at least threshold bytes, and commands longer than
/// limits.command. A threshold below 1024 counts as 1024. The items are PART_BEGIN, then PART_ARGUMENT and its
/// PART_PIECEs for each argument, then PART_END. Without this call each command is delivered whole: a value of 512 MB
/// needs a buffer of 512 MB. Call it once, before the first byte and before redtail_parser_start_at. Only for
/// REDTAIL_MODE_STREAM, REDTAIL_MODE_AOF and REDTAIL_MODE_TOKENS.
///
/// Of tokens, it delivers strings of at least threshold bytes in pieces: a BEGIN whose count is the length in bytes, a
/// CHUNK for the buffered bytes whenever more arrive, and an END. The chunks of a verbatim string include its format.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_STATE in another mode, after the first byte, after redtail_parser_start_at, or
/// after an earlier call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_set_parts(parser: *mut redtail_parser, threshold: u64) -> c_int {
    call!(parser; {
        if parser.offset() != 0 || parser.error.is_some() || !matches!(parser.view.rest, Rest::None) {
            return refuse(parser, REDTAIL_ERROR_STATE, "the parser has seen bytes, or was told where to start, already");
        }
        let machine = match parser.mode {
            x if x == REDTAIL_MODE_STREAM as c_int => PartsParser::stream(Some(threshold)),
            x if x == REDTAIL_MODE_AOF as c_int => PartsParser::aof(Some(threshold)),
            x if x == REDTAIL_MODE_TOKENS as c_int => {
                let machine = TokenParser::new().with_limits(parser.limits);
                parser.machine = Machine::Tokens(machine.in_pieces(threshold.max(MIN_PARTS_THRESHOLD)));
                return REDTAIL_OK;
            }
            _ => {
                let message = "only tokens, and commands of streams and append-only files, are delivered in parts";
                return refuse(parser, REDTAIL_ERROR_STATE, message);
            }
        };
        if matches!(parser.machine, Machine::Parts(_)) {
            return refuse(parser, REDTAIL_ERROR_STATE, "the threshold of parts is set already");
        }
        parser.machine = Machine::Parts(machine.with_limits(parser.limits));
        REDTAIL_OK
    })
}

/// Finds the next complete item in input, and advances input past it and past skipped bytes before it. input->data may
/// be NULL only if its length is 0. Do not change the bytes while you use the item.
///
/// Returns REDTAIL_OK and sets item. Returns REDTAIL_MORE_ARGS and sets item for a complete command with more than
/// REDTAIL_SPANS arguments. Returns REDTAIL_NEED_MORE if no complete item is left: see redtail_parser_needed.
/// REDTAIL_ERROR_PROTOCOL and REDTAIL_ERROR_LIMIT are final: see redtail_parser_error_kind and
/// redtail_parser_error_offset. REDTAIL_ERROR_ARGUMENT: an invalid pointer or length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_next(
    parser: *mut redtail_parser,
    input: *mut redtail_slice,
    item: *mut *const redtail_item,
) -> c_int {
    if are_aligned(parser, input, item)
        // SAFETY: NULL or a live parser, as the header asks.
        && let Some(checked) = unsafe { parser.as_ref() }
    {
        if checked.guard.is_prepared(parser.addr()) {
            // SAFETY: just checked.
            return unsafe { next_command(parser, input, item) };
        }
        if matches!(checked.machine, Machine::Frames(_)) {
            // SAFETY: just checked.
            return unsafe { next_frame(parser, input, item) };
        }
    }
    next_slow(parser, input, item)
}

/// The same for a command after another one. A function of its own, because the others need fewer registers.
///
/// # Safety
/// The pointers are aligned, and the handle is not NULL.
#[inline(never)]
unsafe fn next_command(
    parser: *mut redtail_parser,
    input: *mut redtail_slice,
    item: *mut *const redtail_item,
) -> c_int {
    // SAFETY: as promised, and as the header asks.
    if let Some((input, bytes)) = unsafe { input_of(input) }
        && let Some(item) = Out::new_aligned(item)
        // SAFETY: as promised.
        && let Some(rest) = unsafe { &mut *parser }.fast(bytes)
    {
        input.set(redtail_slice::of(rest));
        item.set(item_of(parser));
        return REDTAIL_OK as c_int;
    }
    next_slow(parser, input, item)
}

/// The same for a frame.
///
/// # Safety
/// As [`next_command`].
#[inline(never)]
unsafe fn next_frame(parser: *mut redtail_parser, input: *mut redtail_slice, item: *mut *const redtail_item) -> c_int {
    let handle = parser;
    // SAFETY: as promised, and as the header asks.
    let (Some((input, bytes)), Some(item)) = (unsafe { input_of(input) }, Out::new_aligned(item)) else {
        return next_slow(parser, input, item);
    };
    // SAFETY: as promised.
    enter(Some(unsafe { &mut *parser }), |parser| {
        parser.guard.clear();
        let (used, status) = match parser.frame(bytes) {
            Ok(found) => found,
            Err(error) => return parser.fail(error),
        };
        input.set(redtail_slice::of(bytes.get(used..).unwrap_or_default()));
        if status == REDTAIL_OK {
            item.set(item_of(handle));
        }
        status
    })
}

/// The input of a common call: its pointer, and the bytes.
///
/// # Safety
/// `input` is aligned, and NULL or as the header asks.
#[inline(always)]
unsafe fn input_of<'a>(input: *mut redtail_slice) -> Option<(Out<redtail_slice>, &'a [u8])> {
    let input = Out::new_aligned(input)?;
    // SAFETY: as promised.
    let redtail_slice { data, len } = unsafe { *input.pointer() };
    if data.is_null() {
        return None;
    }
    // SAFETY: as promised.
    Some((input, unsafe { bytes(data, len) }?))
}

/// The same for any item, and for a wrong call.
#[inline(never)]
fn next_slow(parser: *mut redtail_parser, input: *mut redtail_slice, item: *mut *const redtail_item) -> c_int {
    let handle = parser;
    call!(parser, out input, out item; {
        // SAFETY: as the header asks.
        let Some(bytes) = (unsafe { parser.shown(input.pointer()) }) else { return REDTAIL_ERROR_ARGUMENT };
        let (rest, status) = parser.slow(handle, bytes);
        input.set(redtail_slice::of(rest));
        if matches!(status, REDTAIL_OK | REDTAIL_MORE_ARGS) {
            item.set(item_of(handle));
        }
        status
    })
}

/// Passes every complete item in input to the callback each, with context, and advances input past the items. If
/// item->argc exceeds REDTAIL_SPANS, redtail_parser_next_arg delivers the other arguments. If the callback returns
/// another value than 0, the batch ends after that item. The callback may call _next_arg, _next_token, _rewind_tokens
/// and _message of this parser. It must return normally: no longjmp, no C++ exception.
///
/// Returns REDTAIL_NEED_MORE if no complete item is left; REDTAIL_STOPPED if the callback ended the batch; errors as
/// redtail_parser_next.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_batch(
    parser: *mut redtail_parser,
    input: *mut redtail_slice,
    each: Option<unsafe extern "C" fn(context: *mut c_void, item: *const redtail_item) -> c_int>,
    context: *mut c_void,
) -> c_int {
    let work = |parser: *mut redtail_parser| {
        let (Some(each), Some(input)) = (each, Out::new(input)) else {
            // SAFETY: as the header asks.
            return refuse(unsafe { &mut *parser }, REDTAIL_ERROR_ARGUMENT, "the pointer input or each is NULL");
        };
        // SAFETY: as the header asks.
        let Some(mut unread) = (unsafe { (*parser).shown(input.pointer()) }) else { return REDTAIL_ERROR_ARGUMENT };
        let status = loop {
            // SAFETY: as the header asks. Nothing of the parser is borrowed while the callback runs.
            let (rest, status) = unsafe { (*parser).next(parser, unread) };
            unread = rest;
            if !matches!(status, REDTAIL_OK | REDTAIL_MORE_ARGS) {
                break status;
            }
            // SAFETY: a function of the caller, and an item of a live parser.
            if unsafe { each(context, item_of(parser)) } != 0 {
                break REDTAIL_STOPPED;
            }
        };
        input.set(redtail_slice::of(unread));
        status
    };
    // SAFETY: as the header asks.
    unsafe { enter_shared(parser, work) }
}

/// The next argument of the last item beyond its spans: the first call delivers argument REDTAIL_SPANS.
///
/// Returns REDTAIL_OK and sets arg; REDTAIL_END after the last argument.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_next_arg(parser: *mut redtail_parser, arg: *mut redtail_slice) -> c_int {
    call!(parser, out arg; {
        // SAFETY: the item's bytes have not changed, as the header asks.
        let Some(next) = (unsafe { parser.next_arg() }) else { return REDTAIL_END };
        arg.set(next);
        REDTAIL_OK
    })
}

/// After REDTAIL_NEED_MORE: the minimum number of further bytes that could complete the item. Otherwise 0.
///
/// Returns REDTAIL_OK and sets needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_needed(parser: *mut redtail_parser, needed: *mut usize) -> c_int {
    call!(parser, out needed; {
        needed.set(parser.view.needed());
        REDTAIL_OK
    })
}

/// The offset of the next byte of input: the bytes used, plus the start of redtail_parser_start_at.
///
/// Returns REDTAIL_OK and sets offset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_offset(parser: *mut redtail_parser, offset: *mut u64) -> c_int {
    call!(parser, out offset; {
        offset.set(parser.offset());
        REDTAIL_OK
    })
}

/// After REDTAIL_ERROR_PROTOCOL or REDTAIL_ERROR_LIMIT: the offset of the invalid byte.
///
/// Returns REDTAIL_OK and sets offset; REDTAIL_NONE if there was no such error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_error_offset(parser: *mut redtail_parser, offset: *mut u64) -> c_int {
    call!(parser, out offset; {
        let Some(error) = parser.error else { return REDTAIL_NONE };
        offset.set(error.offset);
        REDTAIL_OK
    })
}

/// After REDTAIL_ERROR_PROTOCOL or REDTAIL_ERROR_LIMIT: the kind of the error, one of redtail_protocol_error.
///
/// Returns REDTAIL_OK and sets kind; REDTAIL_NONE if there was no such error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_error_kind(parser: *mut redtail_parser, kind: *mut c_int) -> c_int {
    call!(parser, out kind; {
        let Some(error) = &parser.error else { return REDTAIL_NONE };
        kind.set(protocol_error(&error.kind) as c_int);
        REDTAIL_OK
    })
}

/// Removes the quotes and escapes of an inline argument and writes the result to out. size: room in bytes; the
/// length of word always suffices. No NUL is written.
///
/// Returns REDTAIL_OK and sets len; REDTAIL_ERROR_ARGUMENT if a pointer is NULL or the room is too small. Any
/// thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_unquote(
    word: *const redtail_slice,
    out: *mut c_char,
    size: usize,
    len: *mut usize,
) -> c_int {
    call!(; out out, out len; {
        // SAFETY: NULL or a slice of the caller, as the header asks.
        let word = unsafe { there(word).and_then(|word| bytes(word.data, word.len)) };
        let Some(word) = word else { return REDTAIL_ERROR_ARGUMENT };
        let word = InlineArg { raw: word };
        if word.bytes().count() > size {
            return REDTAIL_ERROR_ARGUMENT;
        }
        let mut written = 0;
        for byte in word.bytes() {
            // SAFETY: fewer bytes than there is room, as just counted.
            unsafe { out.pointer().add(written).write(byte as c_char) };
            written += 1;
        }
        len.set(written);
        REDTAIL_OK
    })
}

/// A pointer to the item, derived from the pointer of the caller: a reference would end with the next call.
fn item_of(parser: *mut redtail_parser) -> *const redtail_item {
    parser.wrapping_byte_add(offset_of!(redtail_parser, view.item)).cast()
}

/// A pointer to spans in the parser, derived likewise.
#[inline(always)]
fn within<T>(parser: *mut redtail_parser, spans: *const T) -> *const redtail_span {
    const { assert!(size_of::<T>() == size_of::<redtail_span>()) };
    parser.wrapping_byte_add(spans.addr().wrapping_sub(parser.addr())).cast()
}

/// # Safety
/// `limits` is as the header asks.
unsafe fn machine(mode: c_int, limits: *const redtail_limits) -> Result<(Machine, Limits), String> {
    // SAFETY: as promised.
    let limits = unsafe { limits::read(limits)? };
    let machine = match mode {
        x if x == REDTAIL_MODE_FRAMES as c_int => Machine::Frames(FrameParser::new().with_limits(limits)),
        x if x == REDTAIL_MODE_REQUESTS as c_int => Machine::Requests(RequestParser::new().with_limits(limits)),
        x if x == REDTAIL_MODE_STREAM as c_int => Machine::Commands(CommandParser::stream().with_limits(limits)),
        x if x == REDTAIL_MODE_AOF as c_int => Machine::Commands(CommandParser::aof().with_limits(limits)),
        x if x == REDTAIL_MODE_TOKENS as c_int => Machine::Tokens(TokenParser::new().with_limits(limits)),
        other => return Err(format!("the mode is {other}, which is not a redtail_mode")),
    };
    Ok((machine, limits))
}

impl redtail_parser {
    fn over(machine: Machine, mode: c_int, limits: Limits, guard: Guard, caller_owned: bool) -> Self {
        Self { guard, machine, mode, limits, caller_owned, error: None, view: View::new() }
    }

    /// Checks the input of the caller.
    ///
    /// # Safety
    /// `input` points to a slice of the caller.
    #[inline(always)]
    pub(super) unsafe fn shown<'a>(&mut self, input: *const redtail_slice) -> Option<&'a [u8]> {
        self.guard.clear();
        // SAFETY: as promised.
        let input = unsafe { *input };
        // SAFETY: as promised.
        let bytes = unsafe { bytes(input.data, input.len) };
        if bytes.is_none() {
            refuse(self, REDTAIL_ERROR_ARGUMENT, "input has no data, or a length that exceeds memory");
        }
        bytes
    }

    /// Finds one item. Returns the bytes after it and the status. `handle` points to the parser.
    #[inline(always)]
    fn next<'a>(&mut self, handle: *mut Self, bytes: &'a [u8]) -> (&'a [u8], redtail_status) {
        if self.guard.is_prepared(handle.addr())
            && let Some(rest) = self.fast(bytes)
        {
            return (rest, REDTAIL_OK);
        }
        self.slow(handle, bytes)
    }

    /// Fast path for almost every command after another one. Returns the bytes after it. It can't panic.
    #[inline(always)]
    fn fast<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let Machine::Commands(machine) = &mut self.machine else { return None };
        let (raw, rest, argc, ()) = machine.fast_if(bytes, |_| Some(()))?;
        self.view.next_command(raw, argc, machine.offset());
        Some(rest)
    }

    fn slow<'a>(&mut self, handle: *mut Self, bytes: &'a [u8]) -> (&'a [u8], redtail_status) {
        self.guard.prepare(0);
        let found = match &self.machine {
            Machine::Frames(_) => self.frame(bytes),
            _ => self.other(handle, bytes),
        };
        match found {
            Ok((used, status)) => (bytes.get(used..).unwrap_or_default(), status),
            Err(error) => (bytes, self.fail(error)),
        }
    }

    /// A frame. Returns the number of bytes used and the status.
    #[inline(always)]
    fn frame(&mut self, bytes: &[u8]) -> Result<(usize, redtail_status), ProtocolError> {
        let Machine::Frames(machine) = &mut self.machine else { return Ok((0, REDTAIL_ERROR_STATE)) };
        Ok(match machine.poll_inline(bytes)? {
            Poll::Complete { length, .. } => (length, self.view.frame(machine.frame(bytes), machine.offset())),
            Poll::Incomplete { needed, .. } => (0, self.view.incomplete(needed)),
        })
    }

    /// Any other item, likewise.
    #[inline(never)]
    fn other(&mut self, handle: *mut Self, bytes: &[u8]) -> Result<(usize, redtail_status), ProtocolError> {
        let poll = match &mut self.machine {
            Machine::Commands(machine) => machine.poll(bytes),
            Machine::Requests(machine) => machine.poll(bytes),
            Machine::Frames(_) => return self.frame(bytes),
            Machine::Parts(_) => return self.part(handle, bytes),
            Machine::Tokens(_) => {
                return Ok((0, refuse(self, REDTAIL_ERROR_STATE, "REDTAIL_MODE_TOKENS has no items")));
            }
        }?;
        if let Poll::Incomplete { needed, .. } = poll {
            return Ok((poll.used(), self.view.incomplete(needed)));
        }
        let offset = self.offset();
        let status = match &self.machine {
            Machine::Requests(machine) => match machine.request(bytes) {
                Request::Inline(line) => {
                    let spans = within(handle, self.view.words.as_ptr());
                    self.view.line(line, offset, spans)
                }
                Request::Command(_) => self.command(handle, bytes),
            },
            _ => self.command(handle, bytes),
        };
        Ok((poll.used(), status))
    }

    /// A command, whole or the next part of it.
    fn part(&mut self, handle: *mut Self, bytes: &[u8]) -> Result<(usize, redtail_status), ProtocolError> {
        let Machine::Parts(machine) = &mut self.machine else { return Ok((0, REDTAIL_ERROR_STATE)) };
        let poll = machine.poll(bytes)?;
        let (used, offset) = (poll.used(), machine.offset());
        let skipped = match poll {
            PartsPoll::Begin { skipped, .. } => skipped,
            _ => 0,
        };
        let status = match machine.item(bytes) {
            Some(PartsItem::Part(part)) => self.view.part(part, bytes.get(skipped..used).unwrap_or_default(), offset),
            Some(PartsItem::Command(_)) => self.command(handle, bytes),
            None => match poll {
                PartsPoll::Incomplete { needed, .. } => self.view.incomplete(needed),
                _ => REDTAIL_ERROR_STATE,
            },
        };
        Ok((used, status))
    }

    /// Shows the command that the machine has found in these bytes.
    fn command(&mut self, handle: *mut Self, shown: &[u8]) -> redtail_status {
        let offset = self.offset();
        let Some(command) = self.machine.command(shown) else { return REDTAIL_ERROR_STATE };
        let spans = within(handle, command.spans().as_ptr());
        (self.view.item.index, self.view.item.length) = (0, 0);
        self.view.command(command.raw(), command.argc(), offset, spans);
        if command.argc() <= REDTAIL_SPANS {
            if matches!(self.machine, Machine::Commands(_)) {
                self.guard.prepare(handle.addr());
            }
            return REDTAIL_OK;
        }
        self.view.shown = redtail_slice::of(shown);
        self.view.rest = Rest::Command(command.args_from(REDTAIL_SPANS).cursor);
        REDTAIL_MORE_ARGS
    }

    #[cold]
    pub(super) fn fail(&mut self, error: ProtocolError) -> redtail_status {
        self.error = Some(error);
        self.view.nothing();
        refuse(self, protocol_status(&error.kind), error)
    }

    /// # Safety
    /// The last input has not changed.
    unsafe fn next_arg(&mut self) -> Option<redtail_slice> {
        match &mut self.view.rest {
            Rest::None | Rest::Missing(_) => None,
            Rest::Command(place) => {
                // SAFETY: as promised.
                let shown = unsafe { bytes(self.view.shown.data, self.view.shown.len) }?;
                let command = self.machine.command(shown)?;
                let mut args: Args<'_> = command.args_at(*place);
                let arg = args.next().map(redtail_slice::of);
                *place = args.cursor;
                arg
            }
            Rest::Inline(rest) => {
                // SAFETY: a part of the bytes shown last, which have not changed.
                let mut words = InlineArgs { rest: unsafe { bytes(rest.data, rest.len) }? };
                let word = words.next().map(|word| redtail_slice::of(word.raw()));
                *rest = redtail_slice::of(words.rest);
                word
            }
        }
    }

    fn offset(&self) -> u64 {
        match &self.machine {
            Machine::Frames(machine) => machine.offset(),
            Machine::Requests(machine) => machine.offset(),
            Machine::Commands(machine) => machine.offset(),
            Machine::Parts(machine) => machine.offset(),
            Machine::Tokens(machine) => machine.offset(),
        }
    }
}

impl Machine {
    /// The last command found, in the same bytes.
    fn command<'a>(&'a self, shown: &'a [u8]) -> Option<Command<'a>> {
        match self {
            Self::Commands(machine) => Some(machine.command(shown)),
            Self::Requests(machine) => match machine.request(shown) {
                Request::Command(command) => Some(command),
                Request::Inline(_) => None,
            },
            Self::Parts(machine) => match machine.item(shown)? {
                PartsItem::Command(command) => Some(command),
                PartsItem::Part(_) => None,
            },
            Self::Frames(_) | Self::Tokens(_) => None,
        }
    }
}

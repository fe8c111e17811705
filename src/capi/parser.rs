//! Parsers: RESP2 and RESP3 over bytes that you hold
//!
//! A parser owns no bytes. You keep a buffer and show its unread part as a redtail_slice, which redtail_parser_next moves past what is
//! used up. What is not yet whole stays: append at least redtail_parser_needed bytes and show the unfinished item again, from its
//! first byte, at whatever address it is now. What was seen is not read again.
//!
//! Items point into your buffer: they live until you change it, and no longer than until the next redtail_parser_next or _batch.

use std::ffi::{c_char, c_int, c_void};
use std::mem::offset_of;

use crate::base::error::ProtocolError;
use crate::capi::array::Array;
use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, Out, bytes, call, listen_for_panics, make, refuse, release, there};
use crate::capi::convert::status::protocol_status;
use crate::capi::error_kind::protocol_error;
use crate::capi::item::*;
use crate::capi::view::{Rest, View};
use crate::capi::{boundary, limits};
use crate::resp::{
    Args, Command, CommandParser, FrameParser, InlineArg, InlineArgs, Known, Poll, Request, RequestParser,
};

/// Finds whole commands or frames in bytes. One thread at a time. Allocates nothing after it is made.
pub struct redtail_parser {
    guard: Guard,
    machine: Machine,
    /// Memory of the caller's, which is not ours to free.
    caller_owned: bool,
    error: Option<ProtocolError>,
    view: View,
}

enum Machine {
    Frames(FrameParser),
    Requests(RequestParser),
    Commands(CommandParser),
}

impl Guarded for redtail_parser {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// A new parser. mode: one of redtail_mode. limits: NULL for the defaults.
///
/// Returns NULL only if there is no memory. A wrong mode or limits: each call gives REDTAIL_ERROR_ARGUMENT, and the message says why.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_new(mode: c_int, limits: *const redtail_limits) -> *mut redtail_parser {
    make(|| {
        // SAFETY: as the header asks.
        let (machine, guard) = match unsafe { machine(mode, limits) } {
            Ok(machine) => (machine, Guard::new()),
            Err(words) => (Machine::Frames(FrameParser::new()), Guard::closed(REDTAIL_ERROR_ARGUMENT, words)),
        };
        Some(redtail_parser::over(machine, guard, false))
    })
}

/// Memory in bytes that suffices for redtail_parser_init: an upper bound of redtail_parser_size, known at compile time. A parser on
/// the stack needs `union { char bytes[REDTAIL_PARSER_SIZE]; uint64_t alignment; } memory;`.
pub const REDTAIL_PARSER_SIZE: usize = 6144;

/// The alignment that suffices for redtail_parser_init: an upper bound of redtail_parser_alignment.
pub const REDTAIL_PARSER_ALIGNMENT: usize = 8;

const _: () = assert!(size_of::<redtail_parser>() <= REDTAIL_PARSER_SIZE);
const _: () = assert!(align_of::<redtail_parser>() <= REDTAIL_PARSER_ALIGNMENT);

/// Bytes of memory that redtail_parser_init needs. It may differ between versions of the library. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_parser_size() -> usize {
    size_of::<redtail_parser>()
}

/// The alignment of that memory, a power of 2. What malloc gives is aligned enough. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_parser_alignment() -> usize {
    align_of::<redtail_parser>()
}

/// A parser in memory of the caller, of size bytes. The memory belongs to the caller again after redtail_parser_free, or as soon as
/// the parser is no longer used.
///
/// Between two calls the parser may be moved, with memcpy to memory of the same size and alignment. Then only the copy may be used,
/// as a redtail_parser pointer to its memory. Items and tokens received before the move are invalid.
///
/// Returns REDTAIL_OK and sets parser; REDTAIL_ERROR_ARGUMENT if the memory is NULL, too small or not aligned, or mode or limits
/// can't be.
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
        let Ok(machine) = (unsafe { machine(mode, limits) }) else { return REDTAIL_ERROR_ARGUMENT };
        memory.set(redtail_parser::over(machine, Guard::new(), true));
        parser.set(place);
        REDTAIL_OK
    })
}

/// Ends a parser, in your memory or its own. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_free(parser: *mut redtail_parser) {
    // SAFETY: NULL, or a parser that lives.
    if unsafe { there(parser) }.is_some_and(|parser| !parser.caller_owned) {
        // SAFETY: from _new, as just seen, and not used again.
        unsafe { release(parser) }
    }
}

/// What the last failure was, in words that end with NUL. "" before any; never NULL. Lives until the next call on the parser.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_message(parser: *const redtail_parser) -> *const c_char {
    // SAFETY: NULL, or a parser that lives.
    unsafe { there(parser) }.map_or(c"the parser is NULL".as_ptr(), |parser| parser.guard.message())
}

/// Counts the first byte it is shown as number offset instead of 0. To be called once, before the first byte.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if offset is 2^63 or more; REDTAIL_ERROR_STATE if it was shown bytes or told another
/// number than 0 already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_start_at(parser: *mut redtail_parser, offset: u64) -> c_int {
    call!(parser; {
        if parser.offset() != 0 || parser.error.is_some() || !matches!(parser.view.rest, Rest::None) {
            return refuse(parser, REDTAIL_ERROR_STATE, "the parser has seen bytes, or been told where to start, already");
        }
        if i64::try_from(offset).is_err() {
            return refuse(parser, REDTAIL_ERROR_ARGUMENT, format_args!("offset is {offset}: no stream is so long"));
        }
        match &mut parser.machine {
            Machine::Frames(machine) => *machine = machine.clone().starting_at(offset),
            Machine::Requests(machine) => *machine = machine.clone().starting_at(offset),
            Machine::Commands(machine) => *machine = machine.clone().starting_at(offset),
        }
        REDTAIL_OK
    })
}

/// The next whole item at the front of input, which is moved past it, and past what is skipped before it. The first capacity
/// arguments of a command are written to args; what lies behind them in the array means nothing. In REDTAIL_MODE_FRAMES there are none,
/// and args may be NULL. input->data must not be NULL unless its length is 0, and the bytes must not change while you use the item.
///
/// Returns REDTAIL_OK and sets item; REDTAIL_MORE_ARGS and sets item: whole too, with more arguments than capacity;
/// REDTAIL_NEED_MORE: nothing whole is left, see redtail_parser_needed; REDTAIL_ERROR_PROTOCOL, REDTAIL_ERROR_LIMIT: for good, see
/// redtail_parser_error_offset; REDTAIL_ERROR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_next(
    parser: *mut redtail_parser,
    input: *mut redtail_slice,
    args: *mut redtail_slice,
    capacity: usize,
    item: *mut *const redtail_item,
) -> c_int {
    let found = item_of(parser);
    call!(parser, out input, out item; {
        // SAFETY: as the header asks.
        let Some((bytes, array)) = (unsafe { parser.shown(input.pointer(), args, capacity) }) else {
            return REDTAIL_ERROR_ARGUMENT;
        };
        let (rest, status) = parser.next(bytes, array);
        input.set(redtail_slice::of(rest));
        if matches!(status, REDTAIL_OK | REDTAIL_MORE_ARGS) {
            item.set(found);
        }
        status
    })
}

/// Hands every whole item in input to each, and moves input past it. context is handed through; item->args are in args, which has
/// room for capacity of them, and the others, where item->argc tells of more, come from redtail_parser_next_arg. A result of each other
/// than 0 ends the batch; input then stands after that item. each may call _next_arg, _next_token and _message of this parser. It must
/// return: no longjmp, no exception of C++.
///
/// Returns REDTAIL_NEED_MORE when nothing whole is left; REDTAIL_STOPPED if each has ended the batch; errors as redtail_parser_next.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_batch(
    parser: *mut redtail_parser,
    input: *mut redtail_slice,
    args: *mut redtail_slice,
    capacity: usize,
    each: Option<unsafe extern "C" fn(context: *mut c_void, item: *const redtail_item) -> c_int>,
    context: *mut c_void,
) -> c_int {
    let work = |parser: *mut redtail_parser| {
        let (Some(each), Some(input)) = (each, Out::new(input)) else {
            // SAFETY: as the header asks.
            return refuse(unsafe { &mut *parser }, REDTAIL_ERROR_ARGUMENT, "the pointer input or each is NULL");
        };
        // SAFETY: as the header asks.
        let shown = unsafe { (*parser).shown(input.pointer(), args, capacity) };
        let Some((mut unread, array)) = shown else { return REDTAIL_ERROR_ARGUMENT };
        let status = loop {
            // SAFETY: as the header asks. Nothing of the parser is borrowed while the callback runs.
            let (rest, status) = unsafe { (*parser).next(unread, array) };
            unread = rest;
            if !matches!(status, REDTAIL_OK | REDTAIL_MORE_ARGS) {
                break status;
            }
            // SAFETY: the caller's own function, and an item of a parser that lives.
            if unsafe { each(context, item_of(parser)) } != 0 {
                break REDTAIL_STOPPED;
            }
        };
        input.set(redtail_slice::of(unread));
        status
    };
    // SAFETY: as the header asks.
    unsafe { boundary::enter_shared(parser, work) }
}

/// The next argument of the last item that is not in the array: with a capacity of 0, all of them one after another.
///
/// Returns REDTAIL_OK and sets arg; REDTAIL_END after the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_next_arg(parser: *mut redtail_parser, arg: *mut redtail_slice) -> c_int {
    call!(parser, out arg; {
        // SAFETY: the item's bytes have not changed, as the header asks.
        let Some(next) = (unsafe { parser.next_arg() }) else { return REDTAIL_END };
        arg.set(next);
        REDTAIL_OK
    })
}

/// The next step of the walk through the last frame and all in it, depth first, in one pass. The first step is the frame itself,
/// after its attributes. It neither recurses nor allocates.
///
/// Returns REDTAIL_OK and sets token; REDTAIL_END after the last, and where the last item is no frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_next_token(
    parser: *mut redtail_parser,
    token: *mut *const redtail_token,
) -> c_int {
    let found = token_of(parser);
    call!(parser, out token; {
        // SAFETY: the frame's bytes have not changed, as the header asks.
        if !unsafe { parser.view.next_token() } {
            return REDTAIL_END;
        }
        token.set(found);
        REDTAIL_OK
    })
}

/// Restarts the walk of redtail_parser_next_token at the beginning of the last frame.
///
/// Returns REDTAIL_OK; REDTAIL_NONE if the last item is not a frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_rewind_tokens(parser: *mut redtail_parser) -> c_int {
    call!(parser; { if parser.view.rewind() { REDTAIL_OK } else { REDTAIL_NONE } })
}

/// After REDTAIL_NEED_MORE: the least number of further bytes that could complete the item; else 0. Room for as many is worth a read.
///
/// Returns REDTAIL_OK and sets needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_needed(parser: *mut redtail_parser, needed: *mut usize) -> c_int {
    call!(parser, out needed; {
        needed.set(parser.view.needed());
        REDTAIL_OK
    })
}

/// The number of the next byte to be shown: bytes used up so far, and where redtail_parser_start_at began.
///
/// Returns REDTAIL_OK and sets offset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_offset(parser: *mut redtail_parser, offset: *mut u64) -> c_int {
    call!(parser, out offset; {
        offset.set(parser.offset());
        REDTAIL_OK
    })
}

/// After REDTAIL_ERROR_PROTOCOL or REDTAIL_ERROR_LIMIT: the number of the byte where it shows.
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

/// What a word of an inline command means: writes it without its quotes and escapes to out. size: the bytes of room there; as many as
/// the word has always suffice. No NUL is written.
///
/// Returns REDTAIL_OK and sets len; REDTAIL_ERROR_ARGUMENT if a pointer is NULL or the room too small. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_unquote(
    word: *const redtail_slice,
    out: *mut c_char,
    size: usize,
    len: *mut usize,
) -> c_int {
    call!(; out out, out len; {
        // SAFETY: NULL or a slice of the caller's, as the header asks.
        let word = unsafe { there(word).and_then(|word| bytes(word.data, word.len)) };
        let Some(word) = word else { return REDTAIL_ERROR_ARGUMENT };
        let word = InlineArg::new(word);
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

/// The item of a parser, as a part of what C holds: no reference comes between, which the next call would end.
fn item_of(parser: *mut redtail_parser) -> *const redtail_item {
    parser.wrapping_byte_add(offset_of!(redtail_parser, view.item)).cast()
}

/// Its token, likewise.
fn token_of(parser: *mut redtail_parser) -> *const redtail_token {
    parser.wrapping_byte_add(offset_of!(redtail_parser, view.token)).cast()
}

/// # Safety
/// `limits` is as the header asks.
unsafe fn machine(mode: c_int, limits: *const redtail_limits) -> Result<Machine, String> {
    // SAFETY: as promised.
    let limits = unsafe { limits::read(limits)? };
    Ok(match mode {
        x if x == REDTAIL_MODE_FRAMES as c_int => Machine::Frames(FrameParser::new().with_limits(limits)),
        x if x == REDTAIL_MODE_REQUESTS as c_int => Machine::Requests(RequestParser::new().with_limits(limits)),
        x if x == REDTAIL_MODE_STREAM as c_int => Machine::Commands(CommandParser::stream().with_limits(limits)),
        x if x == REDTAIL_MODE_AOF as c_int => Machine::Commands(CommandParser::aof().with_limits(limits)),
        other => return Err(format!("the mode is {other}, which is no redtail_mode")),
    })
}

impl redtail_parser {
    fn over(machine: Machine, guard: Guard, caller_owned: bool) -> Self {
        Self { guard, machine, caller_owned, error: None, view: View::new() }
    }

    /// What the caller shows, checked: its bytes, and the array for arguments.
    ///
    /// # Safety
    /// `input` points to a slice of the caller's, and `args` to room for `capacity` slices.
    #[inline(always)]
    unsafe fn shown<'a>(
        &mut self,
        input: *const redtail_slice,
        args: *mut redtail_slice,
        capacity: usize,
    ) -> Option<(&'a [u8], Array)> {
        self.guard.clear();
        // SAFETY: as promised.
        let input = unsafe { *input };
        // SAFETY: as promised.
        let Some(bytes) = (unsafe { bytes(input.data, input.len) }) else {
            refuse(self, REDTAIL_ERROR_ARGUMENT, "input has no data, or a length that no memory has");
            return None;
        };
        // SAFETY: as promised.
        let Some(array) = (unsafe { Array::new(args, capacity) }) else {
            refuse(self, REDTAIL_ERROR_ARGUMENT, "args is NULL, or capacity more than memory has");
            return None;
        };
        self.view.item.args = array.start;
        Some((bytes, array))
    }

    /// One item. Gives what follows it, and the status.
    #[inline(always)]
    fn next<'a>(&mut self, bytes: &'a [u8], array: Array) -> (&'a [u8], redtail_status) {
        // The way of almost every command.
        if let Machine::Commands(machine) = &mut self.machine
            && let Some(Known { raw, rest, argc, spans, offset }) = machine.known_spans(bytes)
        {
            if argc > array.capacity {
                machine.keep(raw.len(), argc);
                return (rest, self.more_args(bytes, array));
            }
            self.view.command(raw, argc, offset);
            array.fill_known(raw, argc, spans);
            return (rest, REDTAIL_OK);
        }
        match self.other(bytes, array) {
            Ok((used, status)) => (bytes.get(used..).unwrap_or_default(), status),
            Err(error) => (bytes, self.fail(error)),
        }
    }

    /// Whatever else there is. Gives the bytes used up and the status.
    #[inline(never)]
    fn other(&mut self, bytes: &[u8], array: Array) -> Result<(usize, redtail_status), ProtocolError> {
        let poll = match &mut self.machine {
            Machine::Commands(machine) => machine.poll(bytes),
            Machine::Requests(machine) => machine.poll(bytes),
            Machine::Frames(machine) => machine.poll(bytes),
        }?;
        if let Poll::Incomplete { needed, .. } = poll {
            return Ok((poll.used(), self.view.incomplete(needed)));
        }
        let offset = self.offset();
        let command = match &self.machine {
            Machine::Commands(machine) => machine.command(bytes),
            Machine::Requests(machine) => match machine.request(bytes) {
                Request::Command(command) => command,
                Request::Inline(line) => return Ok((poll.used(), self.view.line(line, array, offset))),
            },
            Machine::Frames(machine) => return Ok((poll.used(), self.view.frame(machine.frame(bytes), offset))),
        };
        if command.argc() > array.capacity {
            return Ok((poll.used(), self.more_args(bytes, array)));
        }
        array.fill_all(&command);
        self.view.command(command.raw(), command.argc(), offset);
        Ok((poll.used(), REDTAIL_OK))
    }

    /// For the command found last, in these bytes.
    #[cold]
    fn more_args(&mut self, shown: &[u8], array: Array) -> redtail_status {
        let offset = self.offset();
        let Some(command) = self.machine.command(shown) else { return REDTAIL_ERROR_STATE };
        let mut args = command.args();
        array.fill(&mut args);
        self.view.command(command.raw(), command.argc(), offset);
        self.view.shown = redtail_slice::of(shown);
        self.view.rest = Rest::Command(args.place());
        REDTAIL_MORE_ARGS
    }

    #[cold]
    fn fail(&mut self, error: ProtocolError) -> redtail_status {
        self.error = Some(error);
        self.view.nothing();
        refuse(self, protocol_status(&error.kind), error)
    }

    /// # Safety
    /// The bytes shown last have not changed.
    unsafe fn next_arg(&mut self) -> Option<redtail_slice> {
        match &mut self.view.rest {
            Rest::None | Rest::Missing(_) => None,
            Rest::Command(place) => {
                // SAFETY: as promised.
                let shown = unsafe { bytes(self.view.shown.data, self.view.shown.len) }?;
                let command = self.machine.command(shown)?;
                let mut args: Args<'_> = command.args_at(*place);
                let arg = args.next().map(redtail_slice::of);
                *place = args.place();
                arg
            }
            Rest::Inline(rest) => {
                // SAFETY: a part of the bytes shown last, which have not changed.
                let mut words = InlineArgs::new(unsafe { bytes(rest.data, rest.len) }?);
                let word = words.next().map(|word| redtail_slice::of(word.raw()));
                *rest = redtail_slice::of(words.rest());
                word
            }
        }
    }

    fn offset(&self) -> u64 {
        match &self.machine {
            Machine::Frames(machine) => machine.offset(),
            Machine::Requests(machine) => machine.offset(),
            Machine::Commands(machine) => machine.offset(),
        }
    }
}

impl Machine {
    /// The command that was found last, in the same bytes.
    fn command<'a>(&'a self, shown: &'a [u8]) -> Option<Command<'a>> {
        match self {
            Self::Commands(machine) => Some(machine.command(shown)),
            Self::Requests(machine) => match machine.request(shown) {
                Request::Command(command) => Some(command),
                Request::Inline(_) => None,
            },
            Self::Frames(_) => None,
        }
    }
}

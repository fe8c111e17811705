//! Items: the results of a parser

use std::ffi::{c_char, c_int};

use crate::base::limits::TAPE_LENGTH;
use crate::capi::basics::*;
use crate::capi::boundary::{bytes, there};
use crate::capi::names::name_of;
use crate::resp::{Kind, Lexeme, Shape, Span, digits_value, double_value, integer_value};

/// The grammar of the input.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_mode {
    /// Replies of a server: every type of RESP2 and RESP3. Items are frames.
    REDTAIL_MODE_FRAMES = 0,
    /// Requests of a client: commands and inline commands. Empty ones are skipped.
    REDTAIL_MODE_REQUESTS = 1,
    /// A replication stream: commands. Single newlines and empty commands are skipped.
    REDTAIL_MODE_STREAM = 2,
    /// An append-only file: as a stream; lines that begin with # are skipped.
    REDTAIL_MODE_AOF = 3,
    /// Replies of a server, one token after another as the bytes arrive: redtail_parser_tokens. No items.
    REDTAIL_MODE_TOKENS = 4,
}

/// The kinds of items.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_item_kind {
    /// An array of bulk strings; args[0] is the command's name.
    REDTAIL_ITEM_COMMAND = 1,
    /// An inline command. Its arguments are raw, with quotes and escapes: redtail_unquote removes them.
    REDTAIL_ITEM_INLINE = 2,
    /// A frame. redtail_parser_next_token walks through it.
    REDTAIL_ITEM_FRAME = 3,
    /// A command in parts begins: see argc. Only after redtail_parser_set_parts.
    REDTAIL_ITEM_PART_BEGIN = 4,
    /// The next argument of the command in parts begins: see index and length.
    REDTAIL_ITEM_PART_ARGUMENT = 5,
    /// The next bytes of the argument: see raw. An empty argument has none.
    REDTAIL_ITEM_PART_PIECE = 6,
    /// The command in parts is complete.
    REDTAIL_ITEM_PART_END = 7,
}

/// The steps of a walk through a frame.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_token_step {
    /// A value.
    REDTAIL_TOKEN_VALUE = 1,
    /// An aggregate begins: an array, map, set, push or attribute, whose elements follow, or a string that is streamed
    /// or in pieces, whose chunks follow.
    REDTAIL_TOKEN_BEGIN = 2,
    /// The next bytes of a string that is streamed or in pieces. A chunk of a streamed string that is itself in pieces
    /// begins with an empty one.
    REDTAIL_TOKEN_CHUNK = 3,
    /// The end of the innermost open aggregate.
    REDTAIL_TOKEN_END = 4,
}

/// The types of RESP2 and RESP3.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_kind {
    /// No type: a chunk or an end.
    REDTAIL_KIND_NONE = 0,
    /// + a line of text
    REDTAIL_KIND_SIMPLE_STRING = 1,
    /// - an error, as a line of text
    REDTAIL_KIND_ERROR = 2,
    /// : a signed 64-bit integer
    REDTAIL_KIND_INTEGER = 3,
    /// $ bytes
    REDTAIL_KIND_BULK_STRING = 4,
    /// * an array
    REDTAIL_KIND_ARRAY = 5,
    /// _ or the nulls of RESP2
    REDTAIL_KIND_NULL = 6,
    /// # a boolean
    REDTAIL_KIND_BOOLEAN = 7,
    /// , a double
    REDTAIL_KIND_DOUBLE = 8,
    /// ( an integer of any size, as text
    REDTAIL_KIND_BIG_NUMBER = 9,
    /// ! an error, as bytes
    REDTAIL_KIND_BULK_ERROR = 10,
    /// = bytes with a format of three letters
    REDTAIL_KIND_VERBATIM_STRING = 11,
    /// % pairs of key and value
    REDTAIL_KIND_MAP = 12,
    /// ~ a set
    REDTAIL_KIND_SET = 13,
    /// > data that is not the reply to a command
    REDTAIL_KIND_PUSH = 14,
    /// | pairs of metadata before a value
    REDTAIL_KIND_ATTRIBUTE = 15,
}

pub(super) use redtail_item_kind::*;
pub(super) use redtail_kind::*;
pub(super) use redtail_mode::*;
pub(super) use redtail_token_step::*;

/// The position of an argument in the bytes of its command.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_span {
    /// The index of its first byte.
    pub start: u32,
    /// Its length in bytes.
    pub len: u32,
}

/// Number of arguments whose positions are in redtail_item.spans. redtail_parser_next_arg delivers the others.
pub const REDTAIL_SPANS: usize = 64;

const _: () = assert!(REDTAIL_SPANS == TAPE_LENGTH);
const _: () = assert!(size_of::<redtail_span>() == size_of::<Span>());

/// A complete command or frame. Owned by the parser; its slices point into the input.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_item {
    /// One of redtail_item_kind.
    pub kind: c_int,
    /// FRAME: one of redtail_kind. Otherwise REDTAIL_KIND_NONE.
    pub frame: c_int,
    /// The offset of the byte after the item. Offsets count from the first byte of input, which is number 0 unless
    /// redtail_parser_start_at set another number.
    pub offset: u64,
    /// The exact bytes of the item. The bytes of all parts, one after another, are the bytes of the command.
    pub raw: redtail_slice,
    /// COMMAND, INLINE: the positions in raw of the arguments, at most REDTAIL_SPANS. The first is the name. Argument i
    /// is at raw.data + spans[i].start and has spans[i].len bytes: redtail_item_arg. Otherwise NULL.
    pub spans: *const redtail_span,
    /// COMMAND, INLINE, PART_BEGIN: number of arguments, including the name.
    pub argc: usize,
    /// PART_ARGUMENT: the index of the argument; the name is 0.
    pub index: usize,
    /// PART_ARGUMENT: the length of the argument in bytes, the sum of its pieces.
    pub length: u64,
}

/// A step of a walk through a frame. Of redtail_parser_next_token: owned by the parser, valid until the next step. Of
/// redtail_parser_tokens: owned by the caller, its slices point into the input.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_token {
    /// One of redtail_token_step.
    pub step: c_int,
    /// VALUE, BEGIN: one of redtail_kind.
    pub kind: c_int,
    /// Number of open aggregates around the step. A BEGIN and its END have the same depth.
    pub depth: u32,
    /// VALUE of kind VERBATIM_STRING: the format and a NUL, for example "txt".
    pub format: [c_char; 4],
    /// BEGIN: number of elements, keys and values of a map counted separately; length in bytes of a string in pieces;
    /// SIZE_MAX if streamed.
    pub count: usize,
    /// VALUE of kind INTEGER: the number. BOOLEAN: 1 or 0. DOUBLE: see redtail_token_double.
    pub integer: i64,
    /// VALUE: text or bytes; for a number its text. CHUNK: the bytes.
    pub bytes: redtail_slice,
    /// The exact bytes of the step. BEGIN: the header. END: the end mark; empty for an aggregate with a count. The
    /// bytes of all steps, one after another, are the frame.
    pub raw: redtail_slice,
}

/// The number of a VALUE of kind DOUBLE, computed by this call. 0 if token is NULL or of another kind. Any thread,
/// while the token is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_token_double(token: *const redtail_token) -> f64 {
    // SAFETY: NULL, or a token whose bytes are unchanged, as the header asks.
    let text = unsafe {
        there(token)
            .filter(|token| token.kind == REDTAIL_KIND_DOUBLE as c_int)
            .and_then(|token| bytes(token.bytes.data, token.bytes.len))
    };
    text.and_then(double_value).unwrap_or(0.0)
}

/// Argument index of a COMMAND or INLINE; the name is 0. A slice without data if item is NULL or of another kind, or if
/// index is REDTAIL_SPANS or more, or not below argc. Any thread, while the item is valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_item_arg(item: *const redtail_item, index: usize) -> redtail_slice {
    // SAFETY: NULL, or an item of a parser, as the header asks.
    let Some(item) = (unsafe { there(item) }) else { return redtail_slice::NONE };
    if item.spans.is_null() || index >= item.argc.min(REDTAIL_SPANS) {
        return redtail_slice::NONE;
    }
    // SAFETY: a valid item has as many spans, within its bytes.
    unsafe {
        let span = *item.spans.add(index);
        redtail_slice { data: item.raw.data.add(span.start as usize), len: span.len as usize }
    }
}

/// The name of a redtail_item_kind, for example "inline"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_item_name(kind: c_int) -> *const c_char {
    name_of!(kind, "REDTAIL_ITEM_",
        REDTAIL_ITEM_COMMAND
        REDTAIL_ITEM_INLINE
        REDTAIL_ITEM_FRAME
        REDTAIL_ITEM_PART_BEGIN
        REDTAIL_ITEM_PART_ARGUMENT
        REDTAIL_ITEM_PART_PIECE
        REDTAIL_ITEM_PART_END
    )
}

/// The name of a redtail_token_step, for example "begin"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_token_name(step: c_int) -> *const c_char {
    name_of!(step, "REDTAIL_TOKEN_",
        REDTAIL_TOKEN_VALUE
        REDTAIL_TOKEN_BEGIN
        REDTAIL_TOKEN_CHUNK
        REDTAIL_TOKEN_END
    )
}

/// The name of a redtail_kind, for example "simple_string"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_kind_name(kind: c_int) -> *const c_char {
    name_of!(kind, "REDTAIL_KIND_",
        REDTAIL_KIND_NONE
        REDTAIL_KIND_SIMPLE_STRING
        REDTAIL_KIND_ERROR
        REDTAIL_KIND_INTEGER
        REDTAIL_KIND_BULK_STRING
        REDTAIL_KIND_ARRAY
        REDTAIL_KIND_NULL
        REDTAIL_KIND_BOOLEAN
        REDTAIL_KIND_DOUBLE
        REDTAIL_KIND_BIG_NUMBER
        REDTAIL_KIND_BULK_ERROR
        REDTAIL_KIND_VERBATIM_STRING
        REDTAIL_KIND_MAP
        REDTAIL_KIND_SET
        REDTAIL_KIND_PUSH
        REDTAIL_KIND_ATTRIBUTE
    )
}

impl redtail_token {
    pub(super) const NOTHING: Self = Self {
        step: 0,
        kind: REDTAIL_KIND_NONE as c_int,
        depth: 0,
        format: [0; 4],
        count: 0,
        integer: 0,
        bytes: redtail_slice::NONE,
        raw: redtail_slice::NONE,
    };

    /// Writes the token at these positions of `input` to `place`. It begins at index `at`, inside `depth` open
    /// aggregates.
    ///
    /// # Safety
    /// `place` has room for a token. What is there is not read.
    #[inline(always)]
    pub(super) unsafe fn write(place: *mut Self, lexeme: Lexeme, input: &[u8], at: usize, depth: usize) {
        // Nearly all tokens are values.
        let Shape::Scalar(kind) = lexeme.shape else {
            // SAFETY: as promised.
            return unsafe { Self::write_other(place, lexeme, input, at, depth) };
        };
        let text = input.get(lexeme.start..).unwrap_or_default();
        let number = if kind == Kind::Integer { digits_value(text, lexeme.extent) } else { None };
        // SAFETY: as promised.
        unsafe { Self::write_value(place, kind, lexeme, input, at, depth, number.unwrap_or(0)) };
        if number.is_none() && Self::is_incomplete(kind) {
            // SAFETY: just written, over bytes that a parser has found.
            unsafe { Self::complete(place) };
        }
    }

    /// A value of this kind. If it [`is_incomplete`](Self::is_incomplete), [`complete`](Self::complete) is due.
    ///
    /// # Safety
    /// As [`write`](Self::write).
    #[inline(always)]
    pub(super) unsafe fn write_value(
        place: *mut Self,
        kind: Kind,
        lexeme: Lexeme,
        input: &[u8],
        at: usize,
        depth: usize,
        number: u64,
    ) {
        let token = Self {
            step: REDTAIL_TOKEN_VALUE as c_int,
            kind: kind as c_int,
            depth: depth as u32,
            integer: number as i64,
            bytes: part(input, lexeme.start, lexeme.extent),
            raw: part(input, at, lexeme.end - at),
            ..Self::NOTHING
        };
        // SAFETY: there is room, as promised.
        unsafe { place.write(token) };
    }

    /// Whether a value of this kind has more than its positions.
    #[inline(always)]
    pub(super) fn is_incomplete(kind: Kind) -> bool {
        matches!(kind, Kind::Integer | Kind::Boolean | Kind::VerbatimString)
    }

    /// Adds to a value what only some kinds have.
    ///
    /// # Safety
    /// `token` points to a value whose bytes have not changed.
    #[inline(never)]
    pub(super) unsafe fn complete(token: *mut Self) -> redtail_status {
        // SAFETY: as promised.
        let token = unsafe { &mut *token };
        // SAFETY: as promised.
        let text = unsafe { bytes(token.bytes.data, token.bytes.len) }.unwrap_or_default();
        if token.kind == REDTAIL_KIND_INTEGER as c_int {
            token.integer = integer_value(text);
        } else if token.kind == REDTAIL_KIND_BOOLEAN as c_int {
            token.integer = i64::from(text == b"t");
        } else if let &[a, b, c, _, ref text @ ..] = text {
            token.format = [a as c_char, b as c_char, c as c_char, 0];
            token.bytes = redtail_slice::of(text);
        }
        REDTAIL_OK
    }

    /// Any other token.
    ///
    /// # Safety
    /// As [`write`](Self::write).
    #[inline(always)]
    unsafe fn write_other(place: *mut Self, lexeme: Lexeme, input: &[u8], at: usize, depth: usize) {
        let (step, kind, count) = match lexeme.shape {
            Shape::Begin(kind) => (REDTAIL_TOKEN_BEGIN, kind as c_int, lexeme.extent),
            Shape::Stream(kind) => (REDTAIL_TOKEN_BEGIN, kind as c_int, usize::MAX),
            Shape::Chunk | Shape::Scalar(_) => (REDTAIL_TOKEN_CHUNK, REDTAIL_KIND_NONE as c_int, 0),
            Shape::End => (REDTAIL_TOKEN_END, REDTAIL_KIND_NONE as c_int, 0),
        };
        let bytes = match lexeme.shape {
            Shape::Chunk => part(input, lexeme.start, lexeme.extent),
            _ => redtail_slice::NONE,
        };
        let (raw, depth) = (part(input, at, lexeme.end - at), depth as u32);
        let token = Self { step: step as c_int, kind, depth, format: [0; 4], count, integer: 0, bytes, raw };
        // SAFETY: there is room, as promised.
        unsafe { place.write(token) };
    }
}

/// `len` bytes from index `start`, which a parser has found within `input`.
#[inline(always)]
fn part(input: &[u8], start: usize, len: usize) -> redtail_slice {
    redtail_slice { data: input.as_ptr().wrapping_add(start).cast(), len }
}

/// A kind in C is the number of the same kind in Rust.
const _: () = {
    assert!(Kind::SimpleString as c_int == REDTAIL_KIND_SIMPLE_STRING as c_int);
    assert!(Kind::Error as c_int == REDTAIL_KIND_ERROR as c_int);
    assert!(Kind::Integer as c_int == REDTAIL_KIND_INTEGER as c_int);
    assert!(Kind::BulkString as c_int == REDTAIL_KIND_BULK_STRING as c_int);
    assert!(Kind::Array as c_int == REDTAIL_KIND_ARRAY as c_int);
    assert!(Kind::Null as c_int == REDTAIL_KIND_NULL as c_int);
    assert!(Kind::Boolean as c_int == REDTAIL_KIND_BOOLEAN as c_int);
    assert!(Kind::Double as c_int == REDTAIL_KIND_DOUBLE as c_int);
    assert!(Kind::BigNumber as c_int == REDTAIL_KIND_BIG_NUMBER as c_int);
    assert!(Kind::BulkError as c_int == REDTAIL_KIND_BULK_ERROR as c_int);
    assert!(Kind::VerbatimString as c_int == REDTAIL_KIND_VERBATIM_STRING as c_int);
    assert!(Kind::Map as c_int == REDTAIL_KIND_MAP as c_int);
    assert!(Kind::Set as c_int == REDTAIL_KIND_SET as c_int);
    assert!(Kind::Push as c_int == REDTAIL_KIND_PUSH as c_int);
    assert!(Kind::Attribute as c_int == REDTAIL_KIND_ATTRIBUTE as c_int);
};

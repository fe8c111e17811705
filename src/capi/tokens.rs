//! Tokens: the elements of replies
//!
//! In REDTAIL_MODE_TOKENS a parser delivers tokens as their bytes arrive, in arrays. In REDTAIL_MODE_FRAMES it walks
//! through the last frame, token by token.

use std::ffi::c_int;
use std::mem::offset_of;
use std::ops::ControlFlow;

use crate::base::status::Status;
use crate::capi::basics::*;
use crate::capi::boundary::{call, checked_at_once, refuse};
use crate::capi::item::*;
use crate::capi::parser::{Machine, redtail_parser};
use crate::resp::{FoldTokens, Lexeme};

/// Finds the complete tokens in input, in REDTAIL_MODE_TOKENS. Writes at most capacity of them to the array tokens,
/// sets count to their number, and advances input past them. Each byte is read once, and a token is delivered as soon
/// as its bytes are there: a reply need not be complete. A frame ends with the first token that is not inside an
/// aggregate (depth 0, and not a BEGIN; an attribute and its END belong to the next value). The tokens are valid until
/// you change the input.
///
/// Strings of any size pass through a small buffer after redtail_parser_set_parts.
///
/// Returns REDTAIL_OK if the array is full; more tokens may follow. Returns REDTAIL_NEED_MORE if no complete token is
/// left: see redtail_parser_needed. Errors as redtail_parser_next, with the count of the tokens before the error.
/// REDTAIL_ERROR_STATE in another mode.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_tokens(
    parser: *mut redtail_parser,
    input: *mut redtail_slice,
    tokens: *mut redtail_token,
    capacity: usize,
    count: *mut usize,
) -> c_int {
    call!(parser, out input, out count; {
        // SAFETY: as the header asks.
        let Some(unread) = (unsafe { parser.shown(input.pointer()) }) else { return REDTAIL_ERROR_ARGUMENT };
        if tokens.is_null() || !tokens.is_aligned() || capacity == 0 {
            return refuse(parser, REDTAIL_ERROR_ARGUMENT, "tokens is NULL or misaligned, or capacity is 0");
        }
        let Machine::Tokens(machine) = &mut parser.machine else {
            return refuse(parser, REDTAIL_ERROR_STATE, "only REDTAIL_MODE_TOKENS delivers tokens");
        };
        let mut array = TokenArray { end: tokens.wrapping_add(capacity) };
        let (next, used, result) = machine.fold(unread, tokens, &mut array);
        input.set(redtail_slice::of(unread.get(used..).unwrap_or_default()));
        count.set((next.addr() - tokens.addr()) / size_of::<redtail_token>());
        match result {
            Ok(Status::Complete(())) => REDTAIL_OK,
            Ok(Status::Incomplete { needed }) => parser.view.incomplete(needed),
            Err(error) => parser.fail(error),
        }
    })
}

/// The next step of a depth-first walk through the last frame. The first step is the frame itself, after its
/// attributes. The walk neither recurses nor allocates.
///
/// Returns REDTAIL_OK and sets token; REDTAIL_END after the last step, and if the last item is not a frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_next_token(
    parser: *mut redtail_parser,
    token: *mut *const redtail_token,
) -> c_int {
    let found = token_of(parser);
    // SAFETY: as the header asks.
    if let Some((parser, token, _)) = unsafe { checked_at_once(parser, token, token) }
        && let Machine::Frames(machine) = &parser.machine
        && parser.guard.refused().is_none()
    {
        let tape = machine.tape();
        // SAFETY: the frame's bytes have not changed, as the header asks.
        if let Some(kind) = unsafe { parser.view.recorded_value(tape) } {
            token.set(found);
            if redtail_token::is_incomplete(kind) {
                // SAFETY: just written, over bytes that have not changed.
                return unsafe { redtail_token::complete(found.cast_mut()) } as c_int;
            }
            return REDTAIL_OK as c_int;
        }
        if parser.view.is_at_end(tape) {
            return REDTAIL_END as c_int;
        }
    }
    other_token(parser, token)
}

/// Restarts the walk of redtail_parser_next_token at the beginning of the last frame.
///
/// Returns REDTAIL_OK; REDTAIL_NONE if the last item is not a frame.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_parser_rewind_tokens(parser: *mut redtail_parser) -> c_int {
    call!(parser; { if parser.view.rewind() { REDTAIL_OK } else { REDTAIL_NONE } })
}

/// The same for any token, and for a wrong call.
#[inline(never)]
fn other_token(parser: *mut redtail_parser, token: *mut *const redtail_token) -> c_int {
    let found = token_of(parser);
    call!(parser, out token; {
        let Machine::Frames(machine) = &parser.machine else { return REDTAIL_END };
        // SAFETY: the frame's bytes have not changed, as the header asks.
        if !unsafe { parser.view.token(machine.tape()) } {
            return REDTAIL_END;
        }
        token.set(found);
        REDTAIL_OK
    })
}

/// An array of the caller.
struct TokenArray {
    end: *mut redtail_token,
}

impl<'a> FoldTokens<'a, *mut redtail_token> for TokenArray {
    #[inline(always)]
    fn token(
        &mut self,
        place: *mut redtail_token,
        bytes: &'a [u8],
        lexeme: Lexeme,
        depth: usize,
    ) -> ControlFlow<*mut redtail_token, *mut redtail_token> {
        // SAFETY: within the room that the caller promises.
        unsafe { redtail_token::write(place, lexeme, bytes, 0, depth) };
        let next = place.wrapping_add(1);
        if next == self.end { ControlFlow::Break(next) } else { ControlFlow::Continue(next) }
    }
}

/// A pointer to the token, derived from the pointer of the caller: a reference would end with the next call.
fn token_of(parser: *mut redtail_parser) -> *const redtail_token {
    parser.wrapping_byte_add(offset_of!(redtail_parser, view.token)).cast()
}

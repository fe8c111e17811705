//! Calls without a handle, or with NULL.

use std::ffi::{c_char, c_int};

use redtail::capi::basics::{redtail_slice, redtail_status as Status, redtail_status_name, redtail_version};
use redtail::capi::command_specs::*;
use redtail::capi::keys::redtail_key;
use redtail::capi::options::{redtail_options, redtail_options_init};
use redtail::capi::parser::{redtail_parser_free, redtail_parser_message, redtail_parser_next};
use redtail::capi::position::*;
use redtail::capi::server::*;
use redtail::capi::session::{redtail_session_free, redtail_session_message, redtail_session_next};

use crate::{Input, is, known, words};

pub(crate) fn call(call: u8, input: &mut Input<'_>) {
    match call % 6 {
        0 => parse(input),
        1 => format(input),
        2 => nothing(),
        3 => server(input),
        4 => describe(input),
        _ => facts(input),
    }
}

fn parse(input: &mut Input<'_>) {
    let text = input.text();
    let mut position = NOWHERE;
    let status = known(unsafe { redtail_position_parse(text.as_ptr().cast(), &mut position) });
    let until = text.iter().position(|byte| *byte == 0).unwrap();
    let expected = std::str::from_utf8(&text[..until]).ok().and_then(|text| text.parse::<redtail::Position>().ok());
    assert_eq!(is(status, Status::REDTAIL_OK), expected.is_some());
    match expected {
        Some(expected) => assert_eq!(printed(&position), Some(expected.to_string())),
        None => assert_eq!(position, NOWHERE, "nothing is written on failure"),
    }
}

fn format(input: &mut Input<'_>) {
    let mut position = NOWHERE;
    let digits = |ids: &mut [c_char; 41], bytes: &[u8]| {
        ids.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from as c_char);
    };
    digits(&mut position.replid, input.bytes());
    digits(&mut position.history, input.bytes());
    (position.offset, position.db) = (input.number(), input.number().cast_signed());
    position.data_offset = input.number();
    if let Some(text) = printed(&position) {
        assert!(text.parse::<redtail::Position>().is_ok(), "{text}");
    }
}

/// The text of a position, written to memory of just its size.
pub(crate) fn printed(position: &redtail_position) -> Option<String> {
    let mut text = vec![1 as c_char; REDTAIL_POSITION_TEXT_SIZE].into_boxed_slice();
    let status = known(unsafe { redtail_position_format(position, text.as_mut_ptr(), text.len()) });
    if !is(status, Status::REDTAIL_OK) {
        assert!(text.iter().all(|byte| *byte == 1));
        return None;
    }
    let printed = words(text.as_ptr());
    let mut exact = vec![1 as c_char; printed.len() + 1].into_boxed_slice();
    known(unsafe { redtail_position_format(position, exact.as_mut_ptr(), exact.len()) });
    assert_eq!(words(exact.as_ptr()), printed);
    let mut short = vec![1 as c_char; printed.len()].into_boxed_slice();
    let status = known(unsafe { redtail_position_format(position, short.as_mut_ptr(), short.len()) });
    assert!(is(status, Status::REDTAIL_ERROR_ARGUMENT));
    Some(printed)
}

fn nothing() {
    use std::ptr::null_mut;
    unsafe {
        redtail_parser_free(null_mut());
        redtail_session_free(null_mut());
        words(redtail_parser_message(null_mut()));
        words(redtail_session_message(null_mut()));
        let mut item = std::ptr::null();
        let mut slice = redtail_slice { data: std::ptr::null(), len: 0 };
        let status = redtail_parser_next(null_mut(), &mut slice, &mut item);
        assert!(is(known(status), Status::REDTAIL_ERROR_ARGUMENT));
        let status = redtail_session_next(null_mut(), 0, null_mut());
        assert!(is(known(status), Status::REDTAIL_ERROR_ARGUMENT));
        assert!(is(known(redtail_position_parse(std::ptr::null(), null_mut())), Status::REDTAIL_ERROR_ARGUMENT));
    }
}

fn server(input: &mut Input<'_>) {
    let text = input.text();
    let mut server = redtail_server { product: 7, major: 7, minor: 7, patch: 7, reserved: 7 };
    let status = known(unsafe { redtail_server_parse(text.as_ptr().cast(), &mut server) });
    let until = text.iter().position(|byte| *byte == 0).unwrap();
    let expected = std::str::from_utf8(&text[..until]).ok().and_then(|text| text.parse::<redtail::Server>().ok());
    assert_eq!(is(status, Status::REDTAIL_OK), expected.is_some());
    let Some(expected) = expected else { return assert_eq!(server.product, 7, "nothing is written on failure") };
    let mut printed = vec![1 as c_char; expected.to_string().len() + 1].into_boxed_slice();
    known(unsafe { redtail_server_format(&server, printed.as_mut_ptr(), printed.len()) });
    assert_eq!(words(printed.as_ptr()), expected.to_string());
    let (magic, version) = (c_int::from(input.byte() % 4), input.number());
    let reads = unsafe { redtail_server_reads(&server, magic, version) };
    assert!(reads == 0 || (1..=2).contains(&magic));
}

/// Learns any bytes as the description of a command, and uses what was learned.
fn describe(input: &mut Input<'_>) {
    let (reply, name): (Box<[u8]>, Box<[u8]>) = (input.bytes().into(), input.bytes().into());
    let specs = redtail_command_specs_new();
    let (mut learned, mut count) = (0, 0);
    let status = unsafe { redtail_command_specs_learn(specs, reply.as_ptr().cast(), reply.len(), &mut learned) };
    assert!(learned == 0 || is(known(status), Status::REDTAIL_OK));
    words(unsafe { redtail_command_specs_message(specs) });
    let args = [&*name, b"a", b"2", b"b"].map(|arg| redtail_slice { data: arg.as_ptr().cast(), len: arg.len() });
    let mut keys = [redtail_key { index: 7, db: 7, access: 7, reserved: 7 }; 2];
    let room = keys.as_mut_ptr();
    let status = unsafe { redtail_command_specs_keys(specs, args.as_ptr(), args.len(), 0, room, 2, &mut count) };
    assert!(known(status) >= 0);
    assert!(keys[..count.min(2)].iter().all(|key| key.index < args.len()));
    unsafe {
        redtail_command_specs_is_write(specs, args.as_ptr(), args.len());
        redtail_command_specs_free(specs);
    }
}

fn facts(input: &mut Input<'_>) {
    words(redtail_version());
    words(redtail_status_name(c_int::from(input.byte()) - 128));
    let mut options = Box::<redtail_options>::new_uninit();
    let size = size_of::<redtail_options>() - usize::from(input.byte() & 1);
    known(unsafe { redtail_options_init(options.as_mut_ptr(), size) });
}

/// A position, or none.
pub(crate) fn somewhere(choice: u8) -> redtail_position {
    let mut position = NOWHERE;
    let text = [c"26e9aa58837d8095338f33e660463dbdf56c86c9:1100:3", c"nowhere"][usize::from(choice >> 7)];
    known(unsafe { redtail_position_parse(text.as_ptr(), &mut position) });
    position
}

pub(crate) const NOWHERE: redtail_position =
    redtail_position { replid: [0; 41], history: [0; 41], offset: 0, db: 0, data_offset: 0 };

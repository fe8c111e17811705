//! hiredis 1.5, with its default replies.
#![allow(unsafe_code, reason = "calls into C")]

use std::ffi::{c_char, c_int, c_longlong, c_void};

use crate::value::Value;
use crate::{End, Reading};

/// `redisReply` of hiredis.h.
#[repr(C)]
struct Reply {
    kind: c_int,
    integer: c_longlong,
    number: f64,
    length: usize,
    text: *const c_char,
    format: [u8; 4],
    count: usize,
    elements: *const *const Reply,
}

unsafe extern "C" {
    fn redisReaderCreate() -> *mut c_void;
    fn redisReaderFree(reader: *mut c_void);
    fn redisReaderFeed(reader: *mut c_void, bytes: *const c_char, length: usize) -> c_int;
    fn redisReaderGetReply(reader: *mut c_void, reply: *mut *mut Reply) -> c_int;
    fn freeReplyObject(reply: *mut Reply);
}

pub(crate) fn read(data: &[u8]) -> Reading {
    let mut values = Vec::new();
    // SAFETY: the reader copies its input, and each reply is freed once.
    unsafe {
        let reader = redisReaderCreate();
        redisReaderFeed(reader, data.as_ptr().cast(), data.len());
        let end = loop {
            let mut reply: *mut Reply = std::ptr::null_mut();
            if redisReaderGetReply(reader, &mut reply) != 0 {
                break End::Refused;
            }
            if reply.is_null() {
                break End::Unfinished;
            }
            values.push(value(&*reply));
            freeReplyObject(reply);
        };
        redisReaderFree(reader);
        Reading { values, end }
    }
}

fn value(reply: &Reply) -> Value {
    let bytes = || match reply.text.is_null() {
        true => Vec::new(),
        // SAFETY: hiredis reports this number of bytes.
        false => unsafe { std::slice::from_raw_parts(reply.text.cast::<u8>(), reply.length) }.to_vec(),
    };
    let elements = || match reply.elements.is_null() {
        true => Vec::new(),
        // SAFETY: hiredis reports this number of replies.
        false => unsafe { std::slice::from_raw_parts(reply.elements, reply.count).iter().map(|reply| value(&**reply)) }
            .collect(),
    };
    match reply.kind {
        1 => Value::Bulk(bytes()),
        2 => Value::Array(elements()),
        3 => Value::Integer(reply.integer),
        4 => Value::Null,
        5 => Value::Text(bytes()),
        6 => Value::Error(bytes()),
        7 => Value::double(reply.number),
        8 => Value::Boolean(reply.integer != 0),
        9 => Value::Map(elements()),
        10 => Value::Set(elements()),
        11 => Value::Attributes,
        12 => Value::Push(elements()),
        13 => Value::BigNumber(bytes()),
        14 => Value::Verbatim([reply.format[0], reply.format[1], reply.format[2]], bytes()),
        other => panic!("hiredis has no reply of kind {other}"),
    }
}

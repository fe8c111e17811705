//! Calls on a snapshot decoder.

use std::ffi::c_uint;

use redtail::capi::basics::{redtail_slice, redtail_status as Status};
use redtail::capi::rdb::*;
use redtail::capi::rdb_item::{redtail_rdb_item, redtail_rdb_item_kind as Kind};
use redtail::io::TemplateBuffer;
use redtail::rdb::{Decoder, Poll};

use crate::{Input, is, known, read, words};

#[derive(Default)]
pub(crate) struct Calls {
    decoder: Option<Handle>,
    unread: Box<[u8]>,
}

struct Handle {
    rdb: *mut redtail_rdb,
    twin: Option<Decoder<TemplateBuffer>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        unsafe { redtail_rdb_free(self.rdb) };
    }
}

impl Calls {
    pub(crate) fn call(&mut self, call: u8, input: &mut Input<'_>) {
        match call % 7 {
            0 => self.make(input),
            1 | 2 => self.unread = [&self.unread, input.bytes()].concat().into_boxed_slice(),
            3 => self.next(1),
            4 => self.next(1000),
            5 => self.look(),
            _ => self.decoder = None,
        }
    }

    fn make(&mut self, input: &mut Input<'_>) {
        let (flags, offset) = (c_uint::from(input.byte() & 7), input.number());
        let rdb = unsafe { redtail_rdb_new(flags, offset, std::ptr::null()) };
        assert!(!rdb.is_null());
        let mut twin = Decoder::new().starting_at(offset).with_templates(TemplateBuffer::default());
        if flags & REDTAIL_RDB_FLAG_LENIENT != 0 {
            twin = twin.skip_damaged();
        }
        if flags & REDTAIL_RDB_FLAG_NO_CHECKSUM != 0 {
            twin = twin.without_checksum();
        }
        let is_good = flags & 4 == 0 && i64::try_from(offset).is_ok();
        self.decoder = Some(Handle { rdb, twin: is_good.then_some(twin) });
        self.unread = Box::default();
    }

    fn next(&mut self, most: usize) {
        let Some(Handle { rdb, twin }) = &mut self.decoder else { return };
        for _ in 0..most {
            let mut input = redtail_slice { data: self.unread.as_ptr().cast(), len: self.unread.len() };
            let mut item = std::ptr::null();
            let status = known(unsafe { redtail_rdb_next(*rdb, &mut input, &mut item) });
            let used = self.unread.len() - input.len;
            let Some(twin) = twin else { return assert!(is(status, Status::REDTAIL_ERROR_ARGUMENT)) };
            match twin.poll(&self.unread) {
                Ok(Poll::Complete { used: expected }) => {
                    assert!(is(status, Status::REDTAIL_OK) && used == expected);
                    check(unsafe { &*item });
                }
                Ok(Poll::Incomplete { used: expected, needed }) => {
                    let end = if needed == 0 { Status::REDTAIL_END } else { Status::REDTAIL_NEED_MORE };
                    assert!(is(status, end) && used == expected);
                }
                Err(_) => assert!(is(status, Status::REDTAIL_ERROR_SNAPSHOT)),
            }
            // The item is no longer valid; its bytes are freed.
            self.unread = self.unread[used..].into();
            if status != 0 {
                return;
            }
        }
    }

    fn look(&mut self) {
        let Some(Handle { rdb, twin }) = &self.decoder else { return };
        let (mut needed, mut offset, mut wrong) = (0, 0, 0);
        unsafe {
            known(redtail_rdb_needed(*rdb, &mut needed));
            known(redtail_rdb_offset(*rdb, &mut offset));
            known(redtail_rdb_error_offset(*rdb, &mut wrong));
            let finished = known(redtail_rdb_finish(*rdb));
            words(redtail_rdb_message(*rdb));
            if let Some(twin) = twin {
                assert_eq!(offset, twin.offset());
                assert_eq!(finished == 0, twin.finish().is_ok());
            }
        }
    }
}

/// Reads the bytes of an item. Items of other kinds have none.
pub(crate) fn check(item: &redtail_rdb_item) {
    let kinds = [Kind::REDTAIL_RDB_ITEM_TEXT, Kind::REDTAIL_RDB_ITEM_KEY, Kind::REDTAIL_RDB_ITEM_RAW];
    if kinds.iter().any(|kind| *kind as i32 == item.kind) {
        read(item.bytes);
    } else {
        assert!(item.bytes.data.is_null() && item.bytes.len == 0);
    }
}

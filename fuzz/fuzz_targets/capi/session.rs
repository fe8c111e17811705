//! Calls on a session.

use std::ffi::{c_char, c_int};

use redtail::capi::basics::{REDTAIL_UNKNOWN, redtail_slice, redtail_status as Status};
use redtail::capi::event::{redtail_event, redtail_event_kind as Kind, redtail_event_position};
use redtail::capi::position::redtail_position;
use redtail::capi::session::*;

use crate::options::Given;
use crate::position::printed;
use crate::{Input, is, known, read, words};

#[derive(Default)]
pub(crate) struct Calls {
    session: Option<Session>,
    now_ms: u64,
}

struct Session {
    handle: *mut redtail_session,
    /// The session returns only these.
    recorded: bool,
}

impl Drop for Session {
    fn drop(&mut self) {
        unsafe { redtail_session_free(self.handle) };
    }
}

impl Calls {
    pub(crate) fn call(&mut self, call: u8, input: &mut Input<'_>) {
        if call.is_multiple_of(16) {
            return self.make(input);
        }
        let Some(session) = &self.session else { return };
        let (handle, now) = (session.handle, self.now_ms);
        let status = match call % 16 {
            1 => {
                let status = unsafe { redtail_session_connected(handle, now) };
                assert!(status != 0 || !session.recorded, "a second link for a recording");
                status
            }
            2 | 3 => return self.receive(input.bytes()),
            4 | 5 => return self.next(input.byte()),
            6 => return self.send(input.byte()),
            7 => {
                self.now_ms += [1, 100, 1000, 61_000][usize::from(input.byte() & 3)];
                unsafe { redtail_session_keep_alive(handle, self.now_ms) }
            }
            8 => unsafe { redtail_session_silent(handle) },
            9 => unsafe { redtail_session_stamp(handle, input.number()) },
            10 => {
                let mut deadline = 0;
                unsafe { redtail_session_deadline_ms(handle, &mut deadline) }
            }
            11 => {
                let reason = input.text();
                let reason = if reason.len() == 1 { std::ptr::null() } else { reason.as_ptr().cast() };
                unsafe { redtail_session_disconnected(handle, reason) }
            }
            12 => return self.position(),
            13 => {
                let (user, password) = (input.text(), input.bytes());
                let password: Box<[u8]> = if password.is_empty() { b"\0"[..].into() } else { password.into() };
                let length = if password[..] == *b"\0" { 0 } else { password.len() };
                unsafe { redtail_session_login(handle, user.as_ptr().cast(), password.as_ptr().cast(), length) }
            }
            // More than there is: rejected, with no other effect.
            14 => unsafe { redtail_session_sent(handle, usize::MAX) },
            _ => unsafe { redtail_session_received(handle, usize::MAX) },
        };
        known(status);
        words(unsafe { redtail_session_message(handle) });
    }

    fn make(&mut self, input: &mut Input<'_>) {
        let given = Given::read(input);
        let (options, recorded) = (given.options(), given.spare);
        let offset = if options.retry_first != 0 { REDTAIL_UNKNOWN } else { 1000 };
        let handle = unsafe {
            match recorded {
                true => redtail_session_new_recorded(options, offset),
                false => redtail_session_new(options),
            }
        };
        assert!(!handle.is_null());
        // All of it is copied: it may be freed now.
        self.session = Some(Session { handle, recorded });
    }

    fn receive(&mut self, bytes: &[u8]) {
        let Some(session) = &self.session else { return };
        let mut rest = bytes;
        while !rest.is_empty() {
            let (mut data, mut room): (*mut c_char, usize) = (std::ptr::null_mut(), 0);
            let status = known(unsafe { redtail_session_space(session.handle, &mut data, &mut room) });
            if status < 0 {
                return;
            }
            assert!(room > 0 && !data.is_null());
            let (now, later) = rest.split_at(room.min(rest.len()));
            unsafe { std::ptr::copy_nonoverlapping(now.as_ptr().cast(), data, now.len()) };
            // The last byte of the room is usable too.
            unsafe { data.add(room - 1).write(if room == now.len() { *now.last().unwrap() as c_char } else { 0 }) };
            if known(unsafe { redtail_session_received(session.handle, now.len()) }) != 0 {
                return;
            }
            rest = later;
        }
    }

    fn next(&mut self, most: u8) {
        let Some(session) = &self.session else { return };
        let handle = session.handle;
        for _ in 0..u16::from(most) + 1 {
            let mut event = std::ptr::null();
            let status = known(unsafe { redtail_session_next(handle, self.now_ms, &mut event) });
            words(unsafe { redtail_session_message(handle) });
            match status {
                0 => check(unsafe { &*event }),
                _ => {
                    assert!(event.is_null());
                    if status < 0 && !is(status, Status::REDTAIL_ERROR_ARGUMENT) {
                        let again = unsafe { redtail_session_next(handle, self.now_ms, &mut event) };
                        assert_eq!(known(again), status, "an error is final");
                    }
                    return;
                }
            }
        }
    }

    fn send(&mut self, most: u8) {
        let Some(session) = &self.session else { return };
        let (mut data, mut len): (*const c_char, usize) = (std::ptr::null(), 0);
        if known(unsafe { redtail_session_to_send(session.handle, &mut data, &mut len) }) == 0 {
            assert!(len == 0 || !session.recorded);
            read(redtail_slice { data, len });
            known(unsafe { redtail_session_sent(session.handle, len.min(usize::from(most))) });
        }
    }

    fn position(&mut self) {
        let Some(session) = &self.session else { return };
        let mut position = redtail_position { replid: [0; 41], history: [0; 41], offset: 0, db: 0, data_offset: 0 };
        if known(unsafe { redtail_session_position(session.handle, &mut position) }) == 0 {
            printed(&position).unwrap();
            known(unsafe { redtail_session_commit(session.handle, &position) });
        }
    }
}

/// Reads everything an event points to.
pub(crate) fn check(event: &redtail_event) {
    let args = match event.args.is_null() {
        true => &[],
        false => unsafe { std::slice::from_raw_parts(event.args, event.argc) },
    };
    assert!(!event.args.is_null() || event.argc == 0);
    let raw = read(event.raw);
    for arg in args {
        let arg = read(*arg);
        assert!(raw.as_ptr_range().start <= arg.as_ptr() && arg.as_ptr_range().end <= raw.as_ptr_range().end);
    }
    for id in [event.replid, event.history] {
        assert!(matches!(read(id).len(), 0 | 40));
    }
    let mut position = redtail_position { replid: [0; 41], history: [0; 41], offset: 0, db: 0, data_offset: 0 };
    let status = known(unsafe { redtail_event_position(event, &mut position) });
    assert_eq!(is(status, Status::REDTAIL_OK), event.resumable != 0);
    if event.resumable != 0 {
        printed(&position).unwrap();
    }
    if let Some(item) = unsafe { event.item.as_ref() } {
        crate::rdb::check(item);
    }
    unsafe {
        if let Some(attached) = event.attached.as_ref() {
            attached.position.as_ref().map(|position| printed(position).unwrap());
            if !attached.server.is_null() {
                words(attached.server);
            }
        }
        if let Some(gap) = event.gap.as_ref() {
            printed(&*gap.from).unwrap();
            printed(&*gap.to).unwrap();
        }
        if let Some(lost) = event.disconnected.as_ref() {
            lost.resume.as_ref().map(|position| printed(position).unwrap());
        }
        let facts = [event.forking.is_null(), event.snapshot.is_null(), event.part.is_null()];
        let kind = event.kind;
        let has = |kinds: &[Kind]| kinds.iter().any(|other| *other as c_int == kind);
        assert_eq!(!facts[0], has(&[Kind::REDTAIL_EVENT_FORKING]));
        assert_eq!(!facts[1], has(&[Kind::REDTAIL_EVENT_SNAPSHOT_BEGIN, Kind::REDTAIL_EVENT_SNAPSHOT_END]));
        assert_eq!(!facts[2], has(&[Kind::REDTAIL_EVENT_PART_BEGIN, Kind::REDTAIL_EVENT_PART_ARGUMENT]));
    }
}

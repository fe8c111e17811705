//! Calls on a follower and its handles. Its server is a Unix socket of this process: no call reaches a network.

use std::ffi::{CString, OsStr, c_int, c_void};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::ptr::null_mut;
use std::sync::OnceLock;

use redtail::capi::basics::redtail_status as Status;
use redtail::capi::event::redtail_event;
use redtail::capi::follower::*;
use redtail::capi::handle::*;
use redtail::capi::position::redtail_position;

use crate::options::Given;
use crate::position::printed;
use crate::session::check;
use crate::{Input, is, known, words};

#[derive(Default)]
pub(crate) struct Calls {
    follower: Option<Follower>,
    /// They may outlive the follower, and belong to several.
    handles: Vec<Handle>,
}

struct Follower {
    handle: *mut redtail_follower,
    /// The server's side of the connection.
    peer: Option<UnixStream>,
    connected: bool,
    stopped: bool,
    single_link: bool,
    /// The connection is the only one, and the server has closed it.
    cut: bool,
}

/// Its number is that of its follower's memory. It identifies the living follower.
struct Handle(*mut redtail_handle, usize);

impl Drop for Follower {
    fn drop(&mut self) {
        unsafe { redtail_follower_free(self.handle) };
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        unsafe { redtail_handle_free(self.0) };
    }
}

impl Calls {
    pub(crate) fn call(&mut self, call: u8, input: &mut Input<'_>) {
        match call % 16 {
            0 => self.make(input),
            1 => self.follower = None,
            2 => nothing(),
            3 => self.use_a_handle(input.byte(), input.byte()),
            call => {
                let Some(follower) = &mut self.follower else { return };
                follower.accept();
                match call {
                    4 | 5 => follower.connect(),
                    6 => follower.connect_badly(input.byte()),
                    7 | 8 => follower.hear(input.bytes()),
                    9 => follower.close(),
                    10 | 11 => follower.next(input.byte()),
                    12 => follower.batch(input.byte()),
                    13 => follower.position(),
                    14 => follower.login(input),
                    _ if self.handles.len() < 4 => {
                        let handle = unsafe { redtail_follower_handle(follower.handle) };
                        // Invalid options.
                        if !handle.is_null() {
                            self.handles.push(Handle(handle, follower.handle.addr()));
                        }
                    }
                    _ => {}
                }
                words(unsafe { redtail_follower_message(follower.handle) });
            }
        }
    }

    fn make(&mut self, input: &mut Input<'_>) {
        // A new follower may have the address of a freed one.
        self.follower = None;
        self.handles.iter_mut().for_each(|handle| handle.1 = 0);
        while server().0.accept().is_ok() {}
        let mut given = Given::read(input);
        given.hurry();
        let handle = unsafe { redtail_follower_new(given.options()) };
        assert!(!handle.is_null());
        let single_link = given.options().single_link != 0;
        self.follower =
            Some(Follower { handle, peer: None, connected: false, stopped: false, single_link, cut: false });
    }

    fn use_a_handle(&mut self, which: u8, how: u8) {
        let which = usize::from(which) % self.handles.len().max(1);
        let Some(Handle(handle, owner)) = self.handles.get(which) else { return };
        let status = match how % 4 {
            0 => {
                if let Some(follower) = self.follower.as_mut().filter(|own| own.handle.addr() == *owner) {
                    follower.stopped = true;
                }
                unsafe { redtail_handle_stop(*handle) }
            }
            1 => unsafe { redtail_handle_heartbeat(*handle) },
            2 => unsafe { redtail_handle_commit(*handle, &crate::position::somewhere(how)) },
            _ => return drop(self.handles.remove(which)),
        };
        known(status);
    }
}

impl Follower {
    fn connect(&mut self) {
        let status = known(unsafe { redtail_follower_connect(self.handle, server().1.as_ptr()) });
        assert!(!is(status, Status::REDTAIL_OK) || !self.connected && !self.stopped);
        self.connected |= status == 0;
        self.accept();
    }

    fn connect_badly(&mut self, which: u8) {
        let long = CString::new([&b"unix:/"[..], &[b'x'; 300]].concat()).unwrap();
        let addresses = [
            c"",
            c" ",
            c":",
            c"127.0.0.1:0",
            c"127.0.0.1:65536",
            c"127.0.0.1:1x",
            c"[::1",
            c"[::1]:x",
            c"unix:",
            c"unix:/nonexistent/socket",
            c"\xff",
            &long,
        ];
        let address = addresses.get(usize::from(which)).map_or(std::ptr::null(), |address| address.as_ptr());
        let status = known(unsafe { redtail_follower_connect(self.handle, address) });
        // If the first attempt may fail, this follower retries.
        self.connected |= status == 0;
    }

    /// Takes the last connection, and the bytes sent on it. The follower then does not block on them.
    fn accept(&mut self) {
        while let Ok((stream, _)) = server().0.accept() {
            stream.set_nonblocking(true).unwrap();
            self.peer = Some(stream);
        }
        if let Some(peer) = &mut self.peer {
            while matches!(peer.read(&mut [0; 4096]), Ok(1..)) {}
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        if let Some(peer) = &mut self.peer {
            // The follower may be gone.
            let _ = peer.write(bytes);
        }
    }

    fn close(&mut self) {
        self.cut |= self.peer.take().is_some() && self.single_link;
    }

    /// No wait is endless.
    fn may_wait(&self) -> bool {
        self.cut || self.stopped || !self.connected
    }

    fn next(&mut self, most: u8) {
        for _ in 0..=most {
            let mut event = std::ptr::null();
            let status = unsafe {
                match self.may_wait() && most & 1 == 0 {
                    true => redtail_follower_next(self.handle, &mut event),
                    false => redtail_follower_next_timeout(self.handle, u64::from(most & 2), &mut event),
                }
            };
            words(unsafe { redtail_follower_message(self.handle) });
            match known(status) {
                0 => check(unsafe { &*event }),
                _ => assert!(event.is_null()),
            }
            assert!(!self.stopped || status != 0, "an event after the stop");
            self.accept();
            if status != 0 {
                return self.ends(status);
            }
        }
    }

    /// A finished state is final.
    fn ends(&mut self, status: c_int) {
        if is(status, Status::REDTAIL_IDLE) || is(status, Status::REDTAIL_STOPPED) {
            return;
        }
        let mut event = std::ptr::null();
        let again = known(unsafe { redtail_follower_next_timeout(self.handle, 0, &mut event) });
        assert!(again == status || self.stopped && is(again, Status::REDTAIL_CLOSED), "{status}, then {again}");
    }

    fn batch(&mut self, most: u8) {
        if !self.may_wait() {
            return;
        }
        let mut seen = Seen { follower: self.handle, left: most };
        let status = unsafe { redtail_follower_batch(self.handle, Some(each), (&raw mut seen).cast::<c_void>()) };
        if known(status) != 0 {
            self.ends(status);
        }
    }

    fn position(&mut self) {
        let mut position = crate::position::NOWHERE;
        if known(unsafe { redtail_follower_position(self.handle, &mut position) }) == 0 {
            printed(&position).unwrap();
        }
        known(unsafe { redtail_follower_commit(self.handle, &position) });
    }

    fn login(&mut self, input: &mut Input<'_>) {
        let (user, password) = (input.text(), input.text());
        // With its NUL, and up to it.
        let length = usize::from(input.byte() & 1) * password.len();
        let (user, password) = (user.as_ptr().cast(), password.as_ptr().cast());
        known(unsafe { redtail_follower_login(self.handle, user, password, length) });
    }
}

struct Seen {
    follower: *mut redtail_follower,
    left: u8,
}

unsafe extern "C" fn each(context: *mut c_void, event: *const redtail_event) -> c_int {
    let seen = unsafe { &mut *context.cast::<Seen>() };
    check(unsafe { &*event });
    // The calls allowed inside the callback.
    let mut position = crate::position::NOWHERE;
    unsafe {
        words(redtail_follower_message(seen.follower));
        known(redtail_follower_position(seen.follower, &mut position));
        known(redtail_follower_commit(seen.follower, &position));
        known(redtail_follower_login(seen.follower, std::ptr::null(), c"secret".as_ptr(), 0));
        check(&*event);
    }
    let over = seen.left == 0;
    seen.left = seen.left.saturating_sub(1);
    c_int::from(over)
}

fn nothing() {
    unsafe {
        redtail_follower_free(null_mut());
        redtail_handle_free(null_mut());
        words(redtail_follower_message(std::ptr::null()));
        assert!(redtail_follower_handle(null_mut()).is_null());
        let none: *const redtail_position = std::ptr::null();
        for status in [
            redtail_follower_connect(null_mut(), c"".as_ptr()),
            redtail_follower_next(null_mut(), null_mut()),
            redtail_follower_next_timeout(null_mut(), 0, null_mut()),
            redtail_follower_batch(null_mut(), None, null_mut()),
            redtail_follower_commit(null_mut(), none),
            redtail_follower_position(null_mut(), null_mut()),
            redtail_follower_login(null_mut(), std::ptr::null(), std::ptr::null(), 0),
            redtail_handle_stop(null_mut()),
            redtail_handle_heartbeat(null_mut()),
            redtail_handle_commit(null_mut(), none),
        ] {
            assert!(is(known(status), Status::REDTAIL_ERROR_ARGUMENT));
        }
    }
}

/// The server, and its address.
fn server() -> &'static (UnixListener, CString) {
    static SERVER: OnceLock<(UnixListener, CString)> = OnceLock::new();
    SERVER.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("redtail-fuzz-{}", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        unsafe { atexit(remove) };
        (listener, CString::new([b"unix:", path.as_os_str().as_bytes()].concat()).unwrap())
    })
}

extern "C" fn remove() {
    let path = OsStr::from_bytes(server().1.to_bytes().strip_prefix(b"unix:").unwrap());
    let _ = std::fs::remove_file(path);
}

unsafe extern "C" {
    fn atexit(each: extern "C" fn()) -> c_int;
}

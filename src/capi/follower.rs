//! Followers: one blocking call per event; sockets, reconnection and waiting included
//!
//! IN A POLL LOOP. redtail_follower_fd gives the socket of the connection. The loop waits until the socket is
//! readable, at most a second, and then calls redtail_follower_next_timeout with 0 until it returns REDTAIL_IDLE, or
//! for a number of events that leaves time for its other descriptors:
//!
//!   for (;;) {
//!       for (int n = 0; n < 1000 && (status = redtail_follower_next_timeout(follower, 0, &event)) == REDTAIL_OK; n++)
//!           handle(event);
//!       if (status != REDTAIL_OK && status != REDTAIL_IDLE)
//!           break;
//!       if (redtail_follower_fd(follower, &fd) != REDTAIL_OK)
//!           fd = -1;                     no connection now: poll ignores -1
//!       wait_until_readable(fd, status == REDTAIL_IDLE ? 1000 : 0);
//!   }
//!
//! After REDTAIL_OK, further events may be in the follower while the socket is not readable: do not wait. After
//! REDTAIL_IDLE wait at most a second, for three reasons. An acknowledgement is due each second. A reconnect is due
//! after a pause. With TLS, received bytes may be buffered inside the TLS connection while the socket is not readable.
//! Request the socket again after every REDTAIL_IDLE: each connection has another one. With epoll, add it again after
//! every REDTAIL_EVENT_DISCONNECTED, even if its number is the same. Do not read from the socket or close it. A
//! reconnect inside redtail_follower_next_timeout blocks for at most connect_timeout_ms for each address. A loop that
//! must never block uses a session.

use std::ffi::{c_char, c_int, c_void};
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::capi::basics::*;
use crate::capi::boundary::{Creator, Guard, Guarded, call, checked, enter_shared, make, refuse, release, text, there};
use crate::capi::chosen_options::{ChosenOptions, ChosenTimeouts};
use crate::capi::convert::event::EventBuffer;
use crate::capi::convert::status::follower_status;
use crate::capi::event::redtail_event;
use crate::capi::handle::redtail_handle;
use crate::capi::options::redtail_options;
use crate::capi::position::redtail_position;
use crate::capi::sentinel::redtail_sentinel;
use crate::capi::tls::ChosenTls;
use crate::capi::{chosen_options, login, position, sentinel};
use crate::io::recording::Recorder;
use crate::net::{Builder, Error, Follower, Handle, Login, Socket, Source};
use crate::replication::{Backoff, Event, Options};

/// Follows a primary in the caller's thread. One thread at a time.
pub struct redtail_follower {
    guard: Guard,
    creator: Creator,
    options: Options,
    timeouts: ChosenTimeouts,
    tls: ChosenTls,
    buffer: usize,
    login: Arc<Mutex<Login>>,
    handle: Handle,
    follower: Option<Follower>,
    /// The file of a recording, until the connect that begins it.
    record_to: Option<File>,
    events: EventBuffer,
    /// The callback of a batch runs.
    in_callback: bool,
}

impl Guarded for redtail_follower {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a follower without a connection. options: NULL for the defaults.
///
/// Returns NULL only if memory is exhausted. If the options are invalid, every later call returns
/// REDTAIL_ERROR_ARGUMENT, and the message names the option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_new(options: *const redtail_options) -> *mut redtail_follower {
    make(|| {
        // SAFETY: as the header asks.
        let (chosen, guard) = match unsafe { chosen_options::read(options, Backoff::default()) } {
            Ok(chosen) => (chosen, Guard::new()),
            Err(message) => (ChosenOptions::default(), Guard::closed(REDTAIL_ERROR_ARGUMENT, message)),
        };
        Some(redtail_follower {
            guard,
            creator: Creator::this_process(),
            options: chosen.options,
            timeouts: chosen.timeouts,
            tls: chosen.tls,
            buffer: chosen.buffer,
            login: Arc::new(Mutex::new(chosen.login)),
            handle: Handle::new(),
            follower: None,
            record_to: None,
            events: EventBuffer::new()?,
            in_callback: false,
        })
    })
}

/// Frees a follower and closes its connection. Its handles stay valid. NULL does nothing, and neither does a call in a
/// forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_free(follower: *mut redtail_follower) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe {
        // The end of a TLS connection and of a recording would be written to what the parent still uses.
        if there(follower).is_none_or(|follower| follower.creator.is_this_process()) {
            release(follower);
        }
    }
}

/// The message of the last failure, or of the last event if it is a gap, a lost connection or a fork; otherwise
/// "". Never NULL. Valid until the next call on the follower.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_message(follower: *const redtail_follower) -> *const c_char {
    // SAFETY: NULL, or a follower that lives.
    unsafe { there(follower) }.map_or(c"the follower is NULL".as_ptr(), |follower| follower.guard.message())
}

/// Replaces user and password of the options, from the next connection on. user: NULL for the default user. password:
/// NULL for none. password_len: its length in bytes; 0 if it ends with NUL. Both are copied.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if there is a user and no password, the user is not UTF-8, or the length
/// exceeds memory. A nopass user has the password "".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_login(
    follower: *mut redtail_follower,
    user: *const c_char,
    password: *const c_char,
    password_len: usize,
) -> c_int {
    call!(follower; {
        // SAFETY: as the header asks.
        match unsafe { login::read(user, password, password_len) } {
            Ok(login) => *follower.login.lock().unwrap_or_else(PoisonError::into_inner) = login,
            Err(message) => return refuse(follower, REDTAIL_ERROR_ARGUMENT, message),
        }
        REDTAIL_OK
    })
}

/// Connects to host:port, [address]:port (IPv6) or unix:PATH. It blocks for at most connect_timeout_ms for each address
/// of the host. The handshake with the server follows in the first redtail_follower_next.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ADDRESS if the address is invalid; REDTAIL_ERROR_CONNECT if the connection failed.
/// After these two errors the call may be repeated. REDTAIL_ERROR_STATE if the follower is connected already;
/// REDTAIL_CLOSED if it was stopped; REDTAIL_ERROR_RECORDING if the recording cannot be written; REDTAIL_ERROR_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_connect(follower: *mut redtail_follower, address: *const c_char) -> c_int {
    call!(follower; {
        // SAFETY: NULL, or text that ends with NUL, as the header asks.
        let address = match unsafe { text(address) } {
            Ok(address) => address,
            Err(what) => return refuse(follower, REDTAIL_ERROR_ARGUMENT, format_args!("the address {what}")),
        };
        let builder = Follower::builder(address)
            .login(follower.ask_login())
            .handle(follower.handle.clone());
        follower.connect(follower.tls.on(follower.timeouts.on(builder)), address)
    })
}

/// Asks Sentinels for a primary and connects to it. After each lost connection the follower asks the Sentinels again:
/// after a failover it resumes from the same position on the new primary. By default each Sentinel has 2 s to connect
/// and 5 s to answer. A thread of the library listens for failovers. redtail_follower_free ends it
/// at once. Outside Linux, a thread that is just connecting to a Sentinel ends after connect_timeout_ms at the latest.
///
/// The address that a Sentinel gives is checked: the server must report that it is a primary, and, if it may be asked
/// (+info), the run id that the Sentinel knows. Otherwise the connection fails, and the message names the address and
/// the Sentinel.
///
/// Returns as redtail_follower_connect; REDTAIL_ERROR_ARGUMENT if sentinel is invalid; REDTAIL_ERROR_CONNECT also if
/// no Sentinel knows the name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_connect_sentinel(
    follower: *mut redtail_follower,
    sentinel: *const redtail_sentinel,
) -> c_int {
    call!(follower; {
        // SAFETY: as the header asks.
        let sentinel = match unsafe { sentinel::read(sentinel) } {
            Ok(sentinel) => sentinel,
            Err((status, message)) => return refuse(follower, status, message),
        };
        let sentinel = sentinel
            .login(follower.ask_login())
            .handle(follower.handle.clone());
        follower.connect(follower.tls.on(follower.timeouts.on(sentinel)), "a primary found by Sentinels")
    })
}

/// Records the stream to a file: call it before redtail_follower_connect. An existing file is replaced.
/// redtail_primary_serve_file and "redtail replay" serve the file, for tests without a server.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if the file cannot be created; REDTAIL_ERROR_STATE after
/// redtail_follower_connect; REDTAIL_ERROR_ARGUMENT if the path is NULL or not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_record(follower: *mut redtail_follower, path: *const c_char) -> c_int {
    call!(follower; {
        if follower.follower.is_some() {
            return refuse(follower, REDTAIL_ERROR_STATE, "the follower is connected: record before the connect");
        }
        // SAFETY: NULL, or text that ends with NUL, as the header asks.
        let path = match unsafe { text(path) } {
            Ok(path) => path,
            Err(what) => return refuse(follower, REDTAIL_ERROR_ARGUMENT, format_args!("the path {what}")),
        };
        match File::create(path) {
            Ok(file) => follower.record_to = Some(file),
            Err(error) => return refuse(follower, REDTAIL_ERROR_RECORDING, format_args!("{path}: {error}")),
        }
        REDTAIL_OK
    })
}

/// Ends the recording after the last delivered event, and writes buffered bytes to the file. Later events are not
/// recorded. Without a recording it does nothing. redtail_follower_free also ends a recording, but reports no error.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if this or an earlier write failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_finish_recording(follower: *mut redtail_follower) -> c_int {
    call!(follower; {
        let finished = follower.follower.as_mut().map_or(Ok(()), Follower::finish_recording);
        match finished {
            Ok(()) => REDTAIL_OK,
            Err(error) => refuse(follower, REDTAIL_ERROR_RECORDING, error),
        }
    })
}

/// The socket of the current connection, for poll: see above. A file descriptor; on Windows a SOCKET. It belongs to
/// the follower: do not read from it or close it. It is valid until the next call on the follower.
///
/// Returns REDTAIL_OK and sets fd; REDTAIL_NONE while there is no connection.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_fd(follower: *mut redtail_follower, fd: *mut i64) -> c_int {
    call!(follower, out fd; {
        let Some(socket) = follower.follower.as_ref().and_then(Follower::transport) else { return REDTAIL_NONE };
        fd.set(number_of(socket));
        REDTAIL_OK
    })
}

#[cfg(unix)]
fn number_of(socket: &Socket) -> i64 {
    use std::os::fd::AsRawFd;
    i64::from(socket.as_raw_fd())
}

#[cfg(windows)]
fn number_of(socket: &Socket) -> i64 {
    use std::os::windows::io::AsRawSocket;
    socket.as_raw_socket() as i64
}

/// Waits for the next event. The event is valid until the next redtail_follower_next, _next_timeout, _batch or _free.
///
/// Returns REDTAIL_OK and sets event. REDTAIL_CLOSED after redtail_handle_stop, or if the server closed the connection
/// and reconnection is off. REDTAIL_ERROR_STATE before redtail_follower_connect. After any other error following has
/// ended, and every later redtail_follower_next returns the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_next(
    follower: *mut redtail_follower,
    event: *mut *const redtail_event,
) -> c_int {
    call!(follower, out event; {
        let status = follower.advance(Follower::next_event);
        if status == REDTAIL_OK {
            event.set(follower.events.event());
        }
        status
    })
}

/// Waits at most limit_ms milliseconds for the next event. 0: reads without waiting. A reconnect may take longer than
/// limit_ms: up to connect_timeout_ms for each address.
///
/// Returns as redtail_follower_next; REDTAIL_IDLE if no event arrived within limit_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_next_timeout(
    follower: *mut redtail_follower,
    limit_ms: u64,
    event: *mut *const redtail_event,
) -> c_int {
    call!(follower, out event; {
        let status = follower.advance(|follower| follower.next_timeout(Duration::from_millis(limit_ms)));
        if status == REDTAIL_OK {
            event.set(follower.events.event());
        }
        status
    })
}

/// Waits for the next event. Passes it and all further received events to the callback each, with context. If the
/// callback returns another value than 0, the batch ends after that event. The callback may call _position, _message,
/// _commit and _login of this follower. In it _next, _next_timeout and _batch of this follower return
/// REDTAIL_ERROR_STATE, and _free must not be called. It must return normally: no longjmp, no C++ exception.
///
/// Returns REDTAIL_OK if no received event is left: a good time to flush output. REDTAIL_STOPPED if the callback ended
/// the batch. Otherwise as redtail_follower_next.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_batch(
    follower: *mut redtail_follower,
    each: Option<unsafe extern "C" fn(context: *mut c_void, event: *const redtail_event) -> c_int>,
    context: *mut c_void,
) -> c_int {
    let work = |follower: *mut redtail_follower| {
        let Some(each) = each else {
            // SAFETY: as the header asks.
            return refuse(unsafe { &mut *follower }, REDTAIL_ERROR_ARGUMENT, "the pointer each is NULL");
        };
        // SAFETY: as the header asks. Nothing of the follower is borrowed while the callback runs.
        let mut status = unsafe { (*follower).advance(Follower::next_event) };
        while status == REDTAIL_OK {
            // SAFETY: the caller's own function, and an event that lives.
            let result = unsafe {
                (*follower).in_callback = true;
                let result = each(context, (*follower).events.event());
                (*follower).in_callback = false;
                result
            };
            if result != 0 {
                return REDTAIL_STOPPED;
            }
            // SAFETY: as above.
            status = match unsafe { (*follower).advance(|_| Ok(None)) } {
                REDTAIL_CLOSED => return REDTAIL_OK,
                status => status,
            };
        }
        status
    };
    // SAFETY: as the header asks.
    unsafe { enter_shared(follower, work) }
}

/// Commits a position: you have stored everything up to it. With REDTAIL_ACK_APPLIED the acknowledgement contains its
/// offset, also of the bytes after it that no event delivers (PING, SELECT). If the primary has requested an
/// acknowledgement that this commit makes possible (WAIT), this call sends it. Otherwise the next one, within a second,
/// has the position. A position of a history that has ended with a gap is ignored. Other threads use
/// redtail_handle_commit.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the position is invalid; REDTAIL_ERROR_ARGUMENT if it is NULL;
/// REDTAIL_ERROR_STATE before redtail_follower_connect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_commit(
    follower: *mut redtail_follower,
    position: *const redtail_position,
) -> c_int {
    call!(follower; {
        // SAFETY: NULL or a position, as the header asks.
        let position = match unsafe { position::given(position) } {
            Ok(position) => position,
            Err((status, message)) => return refuse(follower, status, message),
        };
        match &mut follower.follower {
            Some(inner) => inner.commit(position),
            None => return refuse(follower, REDTAIL_ERROR_STATE, NOT_CONNECTED),
        }
        REDTAIL_OK
    })
}

/// The last position to resume from, as of the last delivered event.
///
/// Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_position(
    follower: *mut redtail_follower,
    position: *mut redtail_position,
) -> c_int {
    call!(follower, out position; {
        let Some(last) = follower.follower.as_ref().and_then(Follower::position) else { return REDTAIL_NONE };
        position.set(last.into());
        REDTAIL_OK
    })
}

/// Creates a handle of the follower, connected or not. Free it with redtail_handle_free.
///
/// Returns NULL if the follower is NULL, its options are invalid, or memory is exhausted. Also NULL after
/// REDTAIL_ERROR_PANIC.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_handle(follower: *mut redtail_follower) -> *mut redtail_handle {
    // SAFETY: NULL, or a follower that lives, used by this thread.
    match unsafe { checked(follower) } {
        Some(follower) if follower.guard.refused().is_none() => {
            make(|| Some(redtail_handle::new(follower.handle.clone())))
        }
        _ => std::ptr::null_mut(),
    }
}

const NOT_CONNECTED: &str = "the follower is not connected: redtail_follower_connect comes first";

impl redtail_follower {
    fn ask_login(&self) -> impl FnMut() -> io::Result<Login> + Send + 'static {
        let login = Arc::clone(&self.login);
        move || Ok(login.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn connect<S: Source<Transport = Socket>>(&mut self, builder: Builder<S>, name: &str) -> redtail_status {
        if self.follower.is_some() {
            return refuse(self, REDTAIL_ERROR_STATE, "the follower is connected already");
        }
        if self.handle.is_stopped() {
            return refuse(self, REDTAIL_CLOSED, "the follower was stopped");
        }
        let builder = builder.options(self.options).buffer(self.buffer);
        // A connect that fails may be repeated, and needs the file again.
        let builder = match self.record_to.as_ref().map(File::try_clone).transpose() {
            Ok(Some(file)) => builder.record(Recorder::new(file, name)),
            Ok(None) => builder,
            Err(error) => return refuse(self, REDTAIL_ERROR_RECORDING, error),
        };
        match builder.connect() {
            Ok(made) => self.follower = Some(made),
            Err(error) => return refuse(self, follower_status(&error), error),
        }
        self.record_to = None;
        REDTAIL_OK
    }

    /// Converts the next event. `wait` waits for it, if none was received already.
    #[inline(always)]
    fn advance(&mut self, wait: impl FnOnce(&mut Follower) -> Result<Option<Event<'_>>, Error>) -> redtail_status {
        self.guard.clear();
        // The event of the callback would become invalid, and a wait could last for ever.
        if self.in_callback {
            return refuse(self, REDTAIL_ERROR_STATE, "the callback of redtail_follower_batch cannot request events");
        }
        let Some(inner) = &mut self.follower else { return refuse(self, REDTAIL_ERROR_STATE, NOT_CONNECTED) };
        if inner.find_received() {
            return match inner.found_write() {
                Some(command) => self.events.convert_command(&command, &mut self.guard),
                None => self.events.convert(&inner.found_event(), &mut self.guard),
            };
        }
        match wait(inner) {
            Ok(Some(event)) => self.events.convert(&event, &mut self.guard),
            Ok(None) => REDTAIL_CLOSED,
            Err(error) => refuse(self, follower_status(&error), error),
        }
    }
}

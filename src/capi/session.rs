//! Sessions: the replication protocol over your own socket and event loop
//!
//! A session owns a receive buffer. It has no socket, clock or thread. Parameters named now_ms are the current time of
//! your clock: milliseconds since any start, never decreasing. The loop of a program that polls its sockets:
//!
//!   1. Call redtail_session_next. REDTAIL_OK: handle the event, repeat step 1. REDTAIL_NEED_MORE: go to step 2.
//!      REDTAIL_RECONNECT: close the socket if there is one, connect at the time of redtail_session_deadline_ms, call
//!      redtail_session_connected, repeat step 1. REDTAIL_CLOSED or an error: the session has ended.
//!   2. Call redtail_session_to_send, write the bytes, call redtail_session_sent. Wait until the socket is readable, or
//!      writable if bytes are left to send, at most until redtail_session_deadline_ms.
//!   3. If the socket is readable: call redtail_session_space, read, call redtail_session_received. After end of file
//!      or an error, call redtail_session_disconnected. After a read without data (EAGAIN), and after every wait that
//!      ended without a readable socket, call redtail_session_silent: without it a primary that hangs is never noticed.
//!      Continue with step 1.
//!
//! BACK-PRESSURE. While your own queue is full, do not read. At the deadline call redtail_session_keep_alive (or
//! redtail_session_next, if the queue has room for one event) and continue with step 2: the primary needs your
//! acknowledgements.
//!
//! LOOPS THAT READ FOR YOU (libuv, Asio, io_uring, completion ports) deliver bytes and report no empty read. Call
//! redtail_session_timer once a second while there is a connection. It replaces redtail_session_silent and
//! redtail_session_keep_alive. Do steps 1 and 2 after redtail_session_timer, redtail_session_received and
//! redtail_session_connected.
//!
//! A READ IN THE BACKGROUND may fill the space of redtail_session_space while the program calls other functions.
//! Between redtail_session_space and redtail_session_received these are allowed: _next, _to_send, _sent,
//! _keep_alive, _timer, _silent, _stamp, _deadline_ms, _commit, _position, _login and _message. The space keeps its
//! address, and events that are already in the buffer are delivered. A further redtail_session_space, _connected,
//! _disconnected and _free invalidate the space: end the read before the call. REDTAIL_RECONNECT also invalidates
//! the space: end the read, and do not report its bytes.
//!
//! WHILE A CONNECT IS PENDING, redtail_session_next returns REDTAIL_RECONNECT again and the deadline does not change.
//! No call is required. You may also call redtail_session_connected when the connect begins, and send when the socket
//! becomes writable. Report a failed connect with redtail_session_disconnected. A session limits the time of a connect
//! only after redtail_session_connected, by silence_ms.

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, call, make, refuse, release, text, there};
use crate::capi::chosen_options::ChosenOptions;
use crate::capi::convert::event::EventBuffer;
use crate::capi::convert::status::{full_status, session_status};
use crate::capi::event::redtail_event;
use crate::capi::options::redtail_options;
use crate::capi::position::redtail_position;
use crate::capi::{chosen_options, login, position};
use crate::io::{BufferedSession, SpaceError, Step};
use crate::net::Login;
use crate::replication::{Backoff, Closed, Credentials, Options, Session};

/// The replication protocol with one primary, over one connection after another. One thread at a time.
pub struct redtail_session {
    guard: Guard,
    engine: BufferedSession,
    login: Login,
    events: EventBuffer,
    /// The last read found no data.
    silent: bool,
    timer: SilenceTimer,
}

impl Guarded for redtail_session {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a session without a connection. options: NULL for the defaults.
///
/// Returns NULL only if memory is exhausted. If the options are invalid, every later call returns
/// REDTAIL_ERROR_ARGUMENT, and the message names the option.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_new(options: *const redtail_options) -> *mut redtail_session {
    // SAFETY: as the header asks.
    unsafe { over(options, Session::new) }
}

/// Creates a session over a recorded connection. Its input is all bytes that a server sent after PSYNC or SYNC,
/// beginning with the reply. The session sends nothing and is connected from the start: do not call
/// redtail_session_connected. An error of the recorded connection ends the session. options: those of the live session,
/// or NULL. They are checked as by redtail_session_new; those of the start, of the login and of reconnects then have no
/// effect, because the bytes decide. offset: the replication offset before the first byte of the stream, if the
/// recording does not contain it (a reply of +CONTINUE); otherwise REDTAIL_UNKNOWN.
///
/// Returns NULL as redtail_session_new.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_new_recorded(
    options: *const redtail_options,
    offset: u64,
) -> *mut redtail_session {
    let offset = (offset != REDTAIL_UNKNOWN).then_some(offset);
    // SAFETY: as the header asks.
    unsafe { over(options, |options| Session::recorded(options, offset)) }
}

/// # Safety
/// `options` is as the header asks.
unsafe fn over(options: *const redtail_options, session: impl FnOnce(Options) -> Session) -> *mut redtail_session {
    make(|| {
        // SAFETY: as promised.
        let chosen = unsafe { chosen_options::read(options, Backoff::default()) };
        let (chosen, guard) = match chosen.and_then(ChosenOptions::without_socket) {
            Ok(chosen) => (chosen, Guard::new()),
            Err(message) => {
                let none = ChosenOptions { buffer: 0, ..ChosenOptions::default() };
                (none, Guard::closed(REDTAIL_ERROR_ARGUMENT, message))
            }
        };
        let silence_ms = chosen.options.silence.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        Some(redtail_session {
            guard,
            engine: BufferedSession::with_capacity(session(chosen.options), chosen.buffer).ok()?,
            login: chosen.login,
            events: EventBuffer::new()?,
            silent: false,
            timer: SilenceTimer { limit_ms: silence_ms, at_ms: None, silent_ms: 0 },
        })
    })
}

/// Frees a session. It sends nothing and closes no socket. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_free(session: *mut redtail_session) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(session) }
}

/// The message of the last failure, or of the last event if it is a gap, a lost connection or a fork; otherwise
/// "". Never NULL. Valid until the next call on the session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_message(session: *const redtail_session) -> *const c_char {
    // SAFETY: NULL, or a session that lives.
    unsafe { there(session) }.map_or(c"the session is NULL".as_ptr(), |session| session.guard.message())
}

/// Replaces user and password of the options, from the next redtail_session_connected on. user: NULL for the default
/// user. password: NULL for none. password_len: its length in bytes; 0 if it ends with NUL. Both are copied.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if there is a user and no password, the user is not UTF-8, or the length
/// exceeds memory. A nopass user has the password "".
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_login(
    session: *mut redtail_session,
    user: *const c_char,
    password: *const c_char,
    password_len: usize,
) -> c_int {
    call!(session; {
        // SAFETY: as the header asks.
        match unsafe { login::read(user, password, password_len) } {
            Ok(login) => session.login = login,
            Err(words) => return refuse(session, REDTAIL_ERROR_ARGUMENT, words),
        }
        REDTAIL_OK
    })
}

/// Reports that the socket is connected, or that a connect has begun. Starts the handshake. Unprocessed bytes of the
/// last connection are dropped.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_STATE if the session has a connection already, or has ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_connected(session: *mut redtail_session, now_ms: u64) -> c_int {
    call!(session; {
        let login = &session.login;
        let credentials =
            Credentials { user: login.user.as_deref().map(str::as_bytes), password: login.password.as_deref() };
        if !session.engine.connected(credentials, now_ms) {
            return refuse(session, REDTAIL_ERROR_STATE, "the session has a connection already, or has ended");
        }
        session.silent = false;
        session.timer.restart(now_ms);
        REDTAIL_OK
    })
}

/// Reports the end of a connection or a failed connect. reason: NULL if the primary closed the connection; otherwise
/// the message of the system, for example from strerror. The session does not know the address: add it to the reason.
/// Call it once for each connection or connect. Do not call it for a connection that the session itself ended with
/// REDTAIL_RECONNECT. redtail_session_next still delivers the events that were received before, then
/// REDTAIL_EVENT_DISCONNECTED or an error. A failed first connect is an error (REDTAIL_ERROR_LOST), unless
/// redtail_options.retry_first is set.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the reason is not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_disconnected(session: *mut redtail_session, reason: *const c_char) -> c_int {
    call!(session; {
        // SAFETY: NULL, or text that ends with NUL, as the header asks.
        let how = match unsafe { text(reason) } {
            _ if reason.is_null() => Closed::ByPeer,
            Ok(reason) => Closed::Failed(reason),
            Err(what) => return refuse(session, REDTAIL_ERROR_ARGUMENT, format_args!("the reason {what}")),
        };
        if session.engine.is_connected() {
            session.engine.disconnected(how);
        } else {
            session.engine.connect_failed(how);
        }
        REDTAIL_OK
    })
}

/// The space to read to: sets data to its address and len to its size in bytes, at least 1. The space is valid until
/// the next redtail_session_space, _received, _connected, _disconnected or _free, or until redtail_session_next
/// returns REDTAIL_RECONNECT. The last event is no longer valid.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_LIMIT if the buffer is full: call redtail_session_next until it returns
/// REDTAIL_NEED_MORE; REDTAIL_ERROR_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_space(
    session: *mut redtail_session,
    data: *mut *mut c_char,
    len: *mut usize,
) -> c_int {
    call!(session, out data, out len; {
        match session.engine.space() {
            Ok(space) => {
                data.set(space.as_mut_ptr().cast());
                len.set(space.len());
                REDTAIL_OK
            }
            Err(SpaceError::Buffer(full)) => refuse(session, full_status(&full), full),
            // Never: no recorder was attached.
            Err(error @ SpaceError::Recording(_)) => refuse(session, REDTAIL_ERROR_STATE, error),
        }
    })
}

/// Reports that count bytes were read to the beginning of the space. Call it at most once for each
/// redtail_session_space. For calls between the two see "A READ IN THE BACKGROUND" above.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if count is 0 or larger than the space; REDTAIL_ERROR_STATE if there is
/// no connection, or no space: redtail_session_space was not called, or its space is reported already or invalid. A
/// read of 0 bytes is the end of the connection: call redtail_session_disconnected instead.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_received(session: *mut redtail_session, count: usize) -> c_int {
    call!(session; {
        let most = session.engine.room();
        let missing = match (session.engine.is_connected(), most) {
            (false, _) => Some("there is no connection: redtail_session_connected comes first"),
            (true, 0) if count > 0 => Some("there is no space: redtail_session_space comes before each read"),
            (true, _) => None,
        };
        if let Some(message) = missing {
            return refuse(session, REDTAIL_ERROR_STATE, message);
        }
        if count == 0 || count > most {
            return refuse(session, REDTAIL_ERROR_ARGUMENT, format_args!(
                "{count} bytes can't have been received: between 1 and what redtail_session_space gave"
            ));
        }
        session.engine.received(count);
        session.silent = false;
        session.timer.silent_ms = 0;
        REDTAIL_OK
    })
}

/// Reports that a read found no data (EAGAIN), or that a wait ended without a readable socket. If nothing was received
/// for silence_ms, the next redtail_session_next counts the connection as lost. For programs that read themselves; all
/// others call redtail_session_timer.
///
/// Returns REDTAIL_OK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_silent(session: *mut redtail_session) -> c_int {
    call!(session; {
        session.silent = true;
        REDTAIL_OK
    })
}

/// For loops that read for you: call it once a second while there is a connection. It prepares an acknowledgement if
/// one is due, as redtail_session_keep_alive. It also counts silence: if nothing was received for silence_ms, the next
/// redtail_session_next counts the connection as lost. The time between two calls counts as 2 s at most: after a pause
/// of the program, the loop may hold received bytes that it has not reported yet. The last event stays valid.
///
/// Returns REDTAIL_OK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_timer(session: *mut redtail_session, now_ms: u64) -> c_int {
    call!(session; {
        session.engine.keep_alive(now_ms);
        session.silent |= session.timer.tick(now_ms);
        REDTAIL_OK
    })
}

/// Sets redtail_event.received_ms of all later events, for example to the milliseconds since 1970 at the last read.
///
/// Returns REDTAIL_OK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_stamp(session: *mut redtail_session, received_ms: u64) -> c_int {
    call!(session; {
        session.engine.stamp(received_ms);
        REDTAIL_OK
    })
}

/// The next event in the received bytes. Never reads and never waits. The event is valid until the next
/// redtail_session_next, _space, _connected, _disconnected or _free.
///
/// Returns REDTAIL_OK and sets event. REDTAIL_NEED_MORE: send, wait and read. REDTAIL_RECONNECT: close the socket, and
/// connect at the time of redtail_session_deadline_ms. REDTAIL_CLOSED or an error: the session has ended, and every
/// later redtail_session_next returns the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_next(
    session: *mut redtail_session,
    now_ms: u64,
    event: *mut *const redtail_event,
) -> c_int {
    call!(session, out event; {
        session.guard.clear();
        if std::mem::take(&mut session.silent) {
            session.engine.silent(now_ms);
        }
        let Some(step) = session.engine.advance(now_ms) else {
            let status = match session.engine.write() {
                Some(command) => session.events.convert_command(&command, &mut session.guard),
                None => session.events.convert(&session.engine.event(), &mut session.guard),
            };
            if status == REDTAIL_OK {
                event.set(session.events.event());
            }
            return status;
        };
        match step {
            Step::Read { .. } | Step::Event(_) => REDTAIL_NEED_MORE,
            Step::Connect { .. } => REDTAIL_RECONNECT,
            Step::Ended => REDTAIL_CLOSED,
            Step::Failed(error) => refuse(session, session_status(&error), error),
        }
    })
}

/// Prepares an acknowledgement if one is due, as redtail_session_next, but delivers no event. Call
/// redtail_session_to_send afterwards. The last event stays valid.
///
/// Returns REDTAIL_OK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_keep_alive(session: *mut redtail_session, now_ms: u64) -> c_int {
    call!(session; {
        session.engine.keep_alive(now_ms);
        REDTAIL_OK
    })
}

/// The bytes to write to the socket. Sets data to the first byte and len to their number; 0 if there is nothing to
/// send. The bytes are valid until the next call on the session.
///
/// Returns REDTAIL_OK.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_to_send(
    session: *mut redtail_session,
    data: *mut *const c_char,
    len: *mut usize,
) -> c_int {
    call!(session, out data, out len; {
        let bytes = session.engine.to_send();
        data.set(bytes.as_ptr().cast());
        len.set(bytes.len());
        REDTAIL_OK
    })
}

/// Reports that the first count bytes of redtail_session_to_send were written. More may be left to send afterwards.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if count is larger than the number of bytes to send.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_sent(session: *mut redtail_session, count: usize) -> c_int {
    call!(session; {
        let most = session.engine.to_send().len();
        if count > most {
            return refuse(session, REDTAIL_ERROR_ARGUMENT, format_args!("{count} bytes were sent of {most}"));
        }
        session.engine.sent(count);
        REDTAIL_OK
    })
}

/// The time of the next step if nothing arrives, on the clock of now_ms; it is not a duration. With a connection: the
/// time to call redtail_session_next or redtail_session_keep_alive. Without a connection: the time to connect.
/// REDTAIL_FOREVER: the session has ended.
///
/// Returns REDTAIL_OK and sets deadline_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_deadline_ms(session: *mut redtail_session, deadline_ms: *mut u64) -> c_int {
    call!(session, out deadline_ms; {
        deadline_ms.set(session.engine.deadline_ms());
        REDTAIL_OK
    })
}

/// Commits a position: you have stored everything up to it. With REDTAIL_ACK_APPLIED the acknowledgement contains its
/// offset, also of the bytes after it that no event delivers (PING, SELECT). If the primary has requested an
/// acknowledgement that this commit makes possible (WAIT), redtail_session_to_send returns it at once: send it. A
/// position of a history that has ended with a gap is ignored.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the position is invalid; REDTAIL_ERROR_ARGUMENT if it is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_commit(
    session: *mut redtail_session,
    position: *const redtail_position,
) -> c_int {
    call!(session; {
        // SAFETY: NULL or a position, as the header asks.
        match unsafe { position::given(position) } {
            Ok(position) => session.engine.commit(position),
            Err((status, words)) => return refuse(session, status, words),
        }
        REDTAIL_OK
    })
}

/// The last position to resume from, as of the last delivered event.
///
/// Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_session_position(
    session: *mut redtail_session,
    position: *mut redtail_position,
) -> c_int {
    call!(session, out position; {
        let Some(last) = session.engine.position() else { return REDTAIL_NONE };
        position.set(last.into());
        REDTAIL_OK
    })
}

/// Counts the time without bytes in a program whose loop reads for it. The clock alone does not prove silence:
/// after a pause of the program, its timers may run before the loop delivers the bytes that arrived meanwhile.
struct SilenceTimer {
    limit_ms: Option<u64>,
    at_ms: Option<u64>,
    silent_ms: u64,
}

impl SilenceTimer {
    const LONGEST_TICK_MS: u64 = 2000;

    fn restart(&mut self, now_ms: u64) {
        (self.at_ms, self.silent_ms) = (Some(now_ms), 0);
    }

    /// Whether the limit is reached.
    fn tick(&mut self, now_ms: u64) -> bool {
        let since_ms = self.at_ms.replace(now_ms).map_or(0, |last| now_ms.saturating_sub(last));
        self.silent_ms = self.silent_ms.saturating_add(since_ms.min(Self::LONGEST_TICK_MS));
        self.limit_ms.is_some_and(|limit| self.silent_ms >= limit)
    }
}

//! Followers: one blocking call per event; sockets, reconnection and waiting included

use std::ffi::{c_char, c_int, c_void};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::capi::basics::*;
use crate::capi::boundary::{
    Guard, Guarded, call, checked, enter_shared, make, refuse, release, text, there, without_handle,
};
use crate::capi::convert::{Screen, follower_status};
use crate::capi::event::redtail_event;
use crate::capi::options::{Chosen, Patience, redtail_options};
use crate::capi::position::redtail_position;
use crate::capi::sentinel::redtail_sentinel;
use crate::capi::{options, position, sentinel, tls};
use crate::net::{Builder, Error, Follower, Handle, Login, Timeouts};
use crate::replication::{Backoff, Event, Options};
use crate::topology::ASKING;

/// Follows a primary in your own thread. One thread at a time.
pub struct redtail_follower {
    guard: Guard,
    options: Options,
    patience: Patience,
    tls: tls::Chosen,
    buffer: usize,
    login: Arc<Mutex<Login>>,
    handle: Handle,
    follower: Option<Follower>,
    screen: Screen,
}

/// Stops a follower, or tells its primary that it lives or what is kept, from any thread. Several threads may use one handle at once; it may outlive
/// its follower.
pub struct redtail_handle {
    handle: Handle,
}

impl redtail_handle {
    pub(super) const fn of(handle: Handle) -> Self {
        Self { handle }
    }
}

impl Guarded for redtail_follower {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// A new follower, not connected. options: what you choose; NULL: the defaults.
///
/// Returns NULL only if there is no memory. Wrong options: each call gives REDTAIL_ERROR_ARGUMENT, and the message says which.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_new(options: *const redtail_options) -> *mut redtail_follower {
    make(|| {
        // SAFETY: as the header asks.
        let (chosen, guard) = match unsafe { options::read(options, Backoff::default()) } {
            Ok(chosen) => (chosen, Guard::new()),
            Err(words) => (Chosen::default(), Guard::closed(REDTAIL_ERROR_ARGUMENT, words)),
        };
        Some(redtail_follower {
            guard,
            options: chosen.options,
            patience: chosen.patience,
            tls: chosen.tls,
            buffer: chosen.buffer,
            login: Arc::new(Mutex::new(chosen.login)),
            handle: Handle::new(),
            follower: None,
            screen: Screen::new()?,
        })
    })
}

/// Ends a follower and its link. Its handles live on. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_free(follower: *mut redtail_follower) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(follower) }
}

/// What the last failure, gap, lost link or coming fork was, in words that end with NUL. "" before any; never NULL. Lives until the
/// next call on the follower.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_message(follower: *const redtail_follower) -> *const c_char {
    // SAFETY: NULL, or a follower that lives.
    unsafe { there(follower) }.map_or(c"the follower is NULL".as_ptr(), |follower| follower.guard.message())
}

/// User and password from the next connection on, instead of those of the options. As there, NULL means none, and a length of 0 that
/// the password ends with NUL.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the user is not UTF-8 or the length is more than memory has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_login(
    follower: *mut redtail_follower,
    user: *const c_char,
    password: *const c_char,
    password_len: usize,
) -> c_int {
    call!(follower; {
        // SAFETY: as the header asks.
        match unsafe { options::credentials(user, password, password_len) } {
            Ok(login) => *follower.login.lock().unwrap_or_else(PoisonError::into_inner) = login,
            Err(words) => return refuse(follower, REDTAIL_ERROR_ARGUMENT, words),
        }
        REDTAIL_OK
    })
}

/// Connects to host:port, [address]:port or unix:PATH, so that a wrong address shows at once. The handshake follows in the first
/// redtail_follower_next.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ADDRESS, REDTAIL_ERROR_CONNECT: you may try again; REDTAIL_ERROR_STATE if it is connected already;
/// REDTAIL_CLOSED if it was stopped; REDTAIL_ERROR_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_connect(follower: *mut redtail_follower, address: *const c_char) -> c_int {
    call!(follower; {
        // SAFETY: NULL, or text that ends with NUL, as the header asks.
        let address = match unsafe { text(address) } {
            Ok(address) => address,
            Err(what) => return refuse(follower, REDTAIL_ERROR_ARGUMENT, format_args!("the address {what}")),
        };
        let builder = Builder::new(address)
            .timeouts(follower.patience.over(Timeouts::default()))
            .login(follower.ask_login())
            .handle(follower.handle.clone());
        follower.connect(follower.tls.on(builder))
    })
}

/// Connects to the primary that these Sentinels know by that name, so that a wrong address or name shows at once. Each time the link is
/// lost they are asked again: after a failover the follower goes on from the same position on the new primary. Time limits that the options
/// leave open are 2 s for connecting and 5 s for an answer. A thread listens for failovers meanwhile; it ends with the
/// follower, at the latest a second after it.
///
/// Returns as redtail_follower_connect; REDTAIL_ERROR_ARGUMENT if sentinel can't be; REDTAIL_ERROR_CONNECT also if no Sentinel tells where
/// the primary is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_connect_sentinel(
    follower: *mut redtail_follower,
    sentinel: *const redtail_sentinel,
) -> c_int {
    call!(follower; {
        // SAFETY: as the header asks.
        let sentinel = match unsafe { sentinel::read(sentinel) } {
            Ok(sentinel) => sentinel,
            Err((status, words)) => return refuse(follower, status, words),
        };
        let sentinel = sentinel
            .timeouts(follower.patience.over(ASKING))
            .login(follower.ask_login())
            .handle(follower.handle.clone());
        follower.connect(follower.tls.on(sentinel).builder())
    })
}

/// The next event; waits for it. It lives until the next call of this, _next_timeout, _batch or _free.
///
/// Returns REDTAIL_OK and sets event; REDTAIL_CLOSED after redtail_handle_stop, and when the server has closed the link while
/// reconnection is off; REDTAIL_ERROR_STATE before redtail_follower_connect; another error why following is over, for good.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_next(
    follower: *mut redtail_follower,
    event: *mut *const redtail_event,
) -> c_int {
    call!(follower, out event; {
        let status = follower.advance(Follower::next);
        if status == REDTAIL_OK {
            event.set(follower.screen.event());
        }
        status
    })
}

/// The next event; waits at most limit_ms milliseconds for it.
///
/// Returns as redtail_follower_next; REDTAIL_IDLE if nothing came in time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_next_timeout(
    follower: *mut redtail_follower,
    limit_ms: u64,
    event: *mut *const redtail_event,
) -> c_int {
    call!(follower, out event; {
        let status = follower.advance(|follower| follower.next_timeout(Duration::from_millis(limit_ms)));
        if status == REDTAIL_OK {
            event.set(follower.screen.event());
        }
        status
    })
}

/// Waits for the next event and hands it to each, then every further event that is here already. context is handed through. A result
/// of each other than 0 ends the batch. each may call _position, _message, _commit and _login of this follower. It must return: no
/// longjmp, no exception of C++.
///
/// Returns REDTAIL_OK when nothing more is here: the natural moment to flush an output; REDTAIL_STOPPED if each has ended the batch;
/// else as redtail_follower_next.
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
        loop {
            // SAFETY: as the header asks. Nothing of the follower is borrowed while the callback runs.
            let (status, event) = unsafe { ((*follower).advance(Follower::next), (*follower).screen.event()) };
            if status != REDTAIL_OK {
                return status;
            }
            // SAFETY: the caller's own function, and an event that lives.
            if unsafe { each(context, event) } != 0 {
                return REDTAIL_STOPPED;
            }
            // SAFETY: as above.
            if unsafe { (*follower).follower.as_mut() }.is_none_or(Follower::is_drained) {
                return REDTAIL_OK;
            }
        }
    };
    // SAFETY: as the header asks.
    unsafe { enter_shared(follower, work) }
}

/// For REDTAIL_ACK_APPLIED: you have safely kept everything up to this position. One of a history that a gap has ended counts for
/// nothing. Other threads have redtail_handle_commit.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the struct holds none; REDTAIL_ERROR_ARGUMENT if it is NULL;
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
            Err((status, words)) => return refuse(follower, status, words),
        };
        match &mut follower.follower {
            Some(inner) => inner.commit(position),
            None => return refuse(follower, REDTAIL_ERROR_STATE, NOT_CONNECTED),
        }
        REDTAIL_OK
    })
}

/// The last place that can be resumed from.
///
/// Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_position(
    follower: *const redtail_follower,
    position: *mut redtail_position,
) -> c_int {
    call!(follower, out position; {
        let Some(last) = follower.follower.as_ref().and_then(Follower::position) else { return REDTAIL_NONE };
        position.set(last.into());
        REDTAIL_OK
    })
}

/// A handle of the follower, also before it is connected. Give it back with redtail_handle_free.
///
/// Returns NULL if the follower is NULL or of no more use, or if there is no memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_follower_handle(follower: *mut redtail_follower) -> *mut redtail_handle {
    // SAFETY: NULL, or a follower that lives, used by this thread.
    match unsafe { checked(follower) } {
        Some(follower) if follower.guard.refused().is_none() => {
            make(|| Some(redtail_handle::of(follower.handle.clone())))
        }
        _ => std::ptr::null_mut(),
    }
}

/// Ends the follower: redtail_follower_next gives REDTAIL_CLOSED from now on. What waits in a read or write returns at once, a pause
/// before a reconnect within 100 ms; an attempt to connect is not cut short (see connect_timeout_ms).
///
/// Any thread, also several at once, and signal handlers: takes no lock, allocates nothing, never waits. It may change errno, which a
/// signal handler is to put back; and no handler may run any more once redtail_handle_free was called.
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_stop(handle: *const redtail_handle) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    handle.handle.stop();
    REDTAIL_OK as c_int
}

/// Tells the primary at once that the link lives, as redtail_follower_next does each second: for a thread that watches while you work on
/// one event for longer than the primary's repl-timeout (60 s). Does nothing while there is no link.
///
/// Any thread, also several at once; not in signal handlers.
/// Returns REDTAIL_OK; REDTAIL_ERROR_LOST if it could not be written, which redtail_follower_next will notice;
/// REDTAIL_ERROR_ARGUMENT if the handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_heartbeat(handle: *const redtail_handle) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    without_handle(|| if handle.handle.heartbeat().is_ok() { REDTAIL_OK } else { REDTAIL_ERROR_LOST })
}

/// As redtail_follower_commit, for a sink in another thread than the follower's. Of two that come close together only the later one counts.
/// The primary hears of it from the thread that is in redtail_follower_next, within a second or when it asks.
///
/// Any thread, also several at once; not in signal handlers.
/// Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the struct holds none; REDTAIL_ERROR_ARGUMENT if it or the handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_commit(
    handle: *const redtail_handle,
    position: *const redtail_position,
) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    // SAFETY: NULL or a position, as the header asks.
    without_handle(|| match unsafe { position::given(position) } {
        Ok(position) => {
            handle.handle.commit(position);
            REDTAIL_OK
        }
        Err((status, _)) => status,
    })
}

/// Gives a handle back; the follower goes on. The last use of it. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_free(handle: *mut redtail_handle) {
    // SAFETY: NULL, or from redtail_follower_handle and not used again.
    unsafe { release(handle) }
}

const NOT_CONNECTED: &str = "the follower is not connected: redtail_follower_connect comes first";

impl redtail_follower {
    fn ask_login(&self) -> impl FnMut() -> io::Result<Login> + Send + 'static {
        let login = Arc::clone(&self.login);
        move || Ok(login.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn connect(&mut self, builder: Builder) -> redtail_status {
        if self.follower.is_some() {
            return refuse(self, REDTAIL_ERROR_STATE, "the follower is connected already");
        }
        if self.handle.is_stopped() {
            return refuse(self, REDTAIL_CLOSED, "the follower was stopped");
        }
        match builder.options(self.options).buffer(self.buffer).connect() {
            Ok(made) => self.follower = Some(made),
            Err(error) => return refuse(self, follower_status(&error), error),
        }
        REDTAIL_OK
    }

    #[inline]
    fn advance(&mut self, next: impl FnOnce(&mut Follower) -> Result<Option<Event<'_>>, Error>) -> redtail_status {
        let Some(inner) = &mut self.follower else { return refuse(self, REDTAIL_ERROR_STATE, NOT_CONNECTED) };
        match next(inner) {
            Ok(Some(event)) => self.screen.show(&event, &mut self.guard),
            Ok(None) => REDTAIL_CLOSED,
            Err(error) => refuse(self, follower_status(&error), error),
        }
    }
}

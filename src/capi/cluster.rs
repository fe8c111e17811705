//! Clusters: all primaries, each followed on a thread of its own
//!
//! redtail_cluster_new says which cluster and how, redtail_cluster_follow starts it, and from then on your callbacks are called: event and
//! idle for each shard on that shard's thread, so for several shards at once, but never twice at once for one; notice on a thread of its own.
//! Meanwhile yours waits, and saves the places from time to time:
//!
//!   status = redtail_cluster_follow(cluster, &callbacks);
//!   while (status == REDTAIL_OK || status == REDTAIL_IDLE) {
//!       status = redtail_cluster_wait(cluster, 1000);
//!       save(cluster);                   redtail_cluster_positions
//!   }
//!   redtail_cluster_free(cluster);
//!
//! THREADS. Any thread may use a redtail_cluster, also several at once, but that nothing may use it once redtail_cluster_free is called, other than the
//! callbacks, which may until it returns; and redtail_cluster_message only while no other thread calls anything. In callbacks of a
//! cluster its _wait gives REDTAIL_ERROR_STATE, and its _free only stops it. Nothing here is for signal handlers: let them set a
//! variable that the loop around redtail_cluster_wait looks at.
//!
//! SINKS THAT ANSWER LATER. redtail_cluster_positions counts what the callback event has returned from. Where that is not yet safe (a broker
//! acknowledges later), keep the shard and redtail_event_position with each message, call redtail_handle_commit of redtail_shard_handle
//! when it is safe, and save redtail_cluster_committed. Commit the place of REDTAIL_EVENT_ATTACHED and, where nothing is under way,
//! that of redtail_shard_position in idle too: a shard without a saved place starts as one that was added.

use std::ffi::{c_char, c_int};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, Out, enter, make, refuse, release, text, there};
use crate::capi::callbacks::{Callbacks, ClusterState, redtail_cluster_callbacks};
use crate::capi::chosen_options::ChosenOptions;
use crate::capi::options::{REDTAIL_FOREVER, redtail_options};
use crate::capi::structs::sized;
use crate::capi::text::{addresses, write_text};
use crate::capi::{chosen_options, login};
use crate::net::{Builder, Login};
use crate::replication::Start;
use crate::topology::{Cluster, ClusterError, ClusterHandle, Positions};

/// Follows all primaries of a cluster.
pub struct redtail_cluster {
    state: Mutex<State>,
    shared: Arc<ClusterState>,
}

/// Where a shard starts that appears later, or that none of the saved positions belongs to.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_added {
    /// With a snapshot. A node that has just joined is (almost) empty, and what was moved there before we saw it is in it.
    REDTAIL_ADDED_SNAPSHOT = 0,
    /// As REDTAIL_START_NOW: what is there already is missing.
    REDTAIL_ADDED_NOW = 1,
    /// As REDTAIL_START_NOW_WITHOUT_FORK.
    REDTAIL_ADDED_NOW_WITHOUT_FORK = 2,
}

use redtail_added::*;

/// Which cluster, and what is to be known of it. You fill it; what it points to is copied. 0 and NULL are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_cluster_options {
    /// sizeof(redtail_cluster_options)
    pub struct_size: usize,
    /// Addresses of nodes, each host:port. One is enough to learn of the others from; more help while that one is down.
    pub nodes: *const *const c_char,
    /// Their number, at least 1.
    pub node_count: usize,
    /// Where to go on: what redtail_cluster_positions or redtail_cluster_committed gave. NULL or "": each shard begins as
    /// redtail_options.start says. Each shard takes the place whose history it continues; one that nobody continues is REDTAIL_NOTICE_LOST.
    pub positions: *const c_char,
    /// One of redtail_added.
    pub added: c_int,
    /// How often the nodes are asked what the cluster consists of, besides when a link is lost, in milliseconds. Default 10,000.
    pub refresh_ms: u64,
    /// Not 0: follow each shard at a replica that is in good order, to spare the primaries; at its primary where there is none. Positions
    /// hold for both.
    pub prefer_replica: c_int,
}

struct State {
    guard: Guard,
    plan: Option<Plan>,
    login: Arc<Mutex<Login>>,
    following: Option<ClusterHandle>,
}

/// What was chosen.
pub(super) struct Plan {
    chosen: ChosenOptions,
    nodes: Vec<String>,
    positions: Positions,
    added: Start,
    refresh: Option<Duration>,
    prefer_replica: bool,
}

impl Guarded for State {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// A new follower of a cluster, not started. options: what holds for each shard's follower, with these differences: start may not be
/// REDTAIL_START_AT (see redtail_cluster_options.positions), single_link can't be, retry_first is always on, and unless said the longest pause
/// between attempts is 1 s, and connecting takes at most 2 s. NULL: the defaults.
///
/// Returns NULL only if there is no memory. Wrong options: each call gives REDTAIL_ERROR_ARGUMENT, REDTAIL_ERROR_ADDRESS or
/// REDTAIL_ERROR_POSITION, and the message says which.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_new(
    options: *const redtail_options,
    cluster: *const redtail_cluster_options,
) -> *mut redtail_cluster {
    make(|| {
        // SAFETY: as the header asks.
        let plan = unsafe { plan(options, cluster) };
        let (guard, plan) = match plan {
            Ok(plan) => (Guard::new(), Some(plan)),
            Err((status, words)) => (Guard::closed(status, words), None),
        };
        let login = plan.as_ref().map(Plan::login).unwrap_or_default();
        let state = State { guard, plan, login, following: None };
        Some(redtail_cluster { state: Mutex::new(state), shared: Arc::default() })
    })
}

/// Ends all followers and waits for their threads: for callbacks to return, and for an attempt to connect to be through. NULL does nothing.
/// In a callback of this cluster it only stops it, as redtail_cluster_stop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_free(cluster: *mut redtail_cluster) {
    // SAFETY: NULL, or from _new and not used again but by its callbacks, which end in here.
    unsafe {
        if let Some(it) = there(cluster) {
            it.shared.stop();
            if it.shared.is_calling() {
                return;
            }
            let following = it.state().following.take();
            // Callbacks at work may want the lock.
            drop(following);
        }
        release(cluster);
    }
}

/// What the last failure was, in words that end with NUL. "" before any; never NULL. Lives until the next call on the cluster, from
/// whichever thread. The callbacks are told in other ways: notices have words, and shards redtail_shard_message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_message(cluster: *const redtail_cluster) -> *const c_char {
    // SAFETY: NULL, or a cluster that lives.
    unsafe { there(cluster) }.map_or(c"the cluster is NULL".as_ptr(), |cluster| cluster.state().guard.message())
}

/// User and password from the next connection on, instead of those of the options. As there, NULL means none, and a length of 0 that
/// the password ends with NUL.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the user is not UTF-8 or the length is more than memory has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_login(
    cluster: *mut redtail_cluster,
    user: *const c_char,
    password: *const c_char,
    password_len: usize,
) -> c_int {
    let work = |state: &mut State| {
        // SAFETY: as the header asks.
        match unsafe { login::read(user, password, password_len) } {
            Ok(login) => *state.login.lock().unwrap_or_else(PoisonError::into_inner) = login,
            Err(words) => return refuse(state, REDTAIL_ERROR_ARGUMENT, words),
        }
        REDTAIL_OK
    };
    // SAFETY: NULL, or a cluster that lives.
    unsafe { with(cluster, work) }
}

/// Asks the nodes what the cluster consists of, and starts to follow every primary. Callbacks may come before it returns.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if no node tells: you may try again (a primary that can't be reached is tried again and
/// again by itself); REDTAIL_ERROR_ARGUMENT if the callbacks can't be; REDTAIL_ERROR_STATE if it was started already; REDTAIL_CLOSED if it was
/// stopped; REDTAIL_ERROR_MEMORY if the system gives no thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_follow(
    cluster: *mut redtail_cluster,
    callbacks: *const redtail_cluster_callbacks,
) -> c_int {
    // SAFETY: NULL, or a cluster that lives.
    let Some(it) = (unsafe { there(cluster) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    let work = |state: &mut State| {
        if callbacks.is_null() {
            return refuse(state, REDTAIL_ERROR_ARGUMENT, "the pointer callbacks is NULL");
        }
        // SAFETY: as the header asks.
        let given = unsafe { sized(callbacks, redtail_cluster_callbacks::DEFAULT, "redtail_cluster_callbacks") };
        let callbacks = match given.and_then(|given| Callbacks::new(&given, &it.shared)) {
            Ok(callbacks) => callbacks,
            Err(words) => return refuse(state, REDTAIL_ERROR_ARGUMENT, words),
        };
        if state.following.is_some() {
            return refuse(state, REDTAIL_ERROR_STATE, "the cluster is followed already");
        }
        if it.shared.is_stopped() {
            return refuse(state, REDTAIL_CLOSED, "the cluster was stopped");
        }
        let Some(plan) = &state.plan else { return REDTAIL_ERROR_STATE };
        match plan.cluster(&state.login).and_then(|cluster| callbacks.follow(cluster)) {
            Ok(following) => {
                it.shared.began(following.stopper());
                state.following = Some(following);
                REDTAIL_OK
            }
            Err(error) => refuse(state, cluster_status(&error), error),
        }
    };
    // SAFETY: a cluster that lives.
    unsafe { with(cluster, work) }
}

/// Waits until following has ended and all threads are through, at most limit_ms milliseconds; REDTAIL_FOREVER: as long as it takes.
///
/// Returns REDTAIL_IDLE if it goes on; REDTAIL_CLOSED after redtail_cluster_stop; REDTAIL_STOPPED if a callback has ended it;
/// REDTAIL_ERROR_STATE before redtail_cluster_follow, and in callbacks of this cluster; REDTAIL_ERROR_MEMORY, REDTAIL_ERROR_PANIC if that
/// is why it has ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_wait(cluster: *mut redtail_cluster, limit_ms: u64) -> c_int {
    // SAFETY: NULL, or a cluster that lives.
    let Some(it) = (unsafe { there(cluster) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    let begin = |state: &mut State| {
        if state.following.is_none() {
            return refuse(state, REDTAIL_ERROR_STATE, "nothing is followed: redtail_cluster_follow comes first");
        }
        if it.shared.is_calling() {
            return refuse(state, REDTAIL_ERROR_STATE, "a callback can't wait for the end of itself");
        }
        REDTAIL_OK
    };
    // SAFETY: a cluster that lives.
    let status = unsafe { with(cluster, begin) };
    if status != REDTAIL_OK as c_int {
        return status;
    }
    // Without the lock, which others may want meanwhile.
    let limit = (limit_ms != REDTAIL_FOREVER).then(|| Duration::from_millis(limit_ms));
    let Some(end) = it.shared.wait(limit) else { return REDTAIL_IDLE as c_int };
    let finish = |state: &mut State| match end {
        REDTAIL_ERROR_PANIC => {
            state.guard = Guard::closed(end, "a bug in redtail: standard error has its place");
            end
        }
        REDTAIL_ERROR_MEMORY => refuse(state, end, "no memory for the event of a shard"),
        end => end,
    };
    // SAFETY: a cluster that lives.
    unsafe { with(cluster, finish) }
}

/// Ends all followers, without waiting for that: redtail_cluster_wait does. Callbacks that are at work go on to their end. Any thread and all
/// callbacks; not signal handlers.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the cluster is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_stop(cluster: *mut redtail_cluster) -> c_int {
    // SAFETY: NULL, or a cluster that lives.
    let Some(cluster) = (unsafe { there(cluster) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    cluster.shared.stop();
    REDTAIL_OK as c_int
}

/// How far the callbacks are through: the last resumable place of each shard, as one text with a NUL behind it, for
/// redtail_cluster_options.positions. size: the bytes of room at text; needed: the bytes it takes, the NUL included. Also after the end.
///
/// Returns REDTAIL_OK; REDTAIL_NEED_MORE if the room is too small: nothing was written but needed, and it may have grown by the next call;
/// REDTAIL_ERROR_STATE before redtail_cluster_follow; REDTAIL_ERROR_ARGUMENT if a pointer is NULL (text may be while size is 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_positions(
    cluster: *mut redtail_cluster,
    text: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> c_int {
    // SAFETY: as the header asks.
    unsafe { tell(cluster, ClusterHandle::positions, text, size, needed) }
}

/// The same of what was committed: each shard's furthest place that redtail_handle_commit was given, on redtail_shard_handle. A shard
/// of which nothing was committed has the saved place it went on from, or none.
///
/// Returns as redtail_cluster_positions.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_committed(
    cluster: *mut redtail_cluster,
    text: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> c_int {
    // SAFETY: as the header asks.
    unsafe { tell(cluster, ClusterHandle::committed, text, size, needed) }
}

/// # Safety
/// `cluster` is NULL or lives; at `text` are `size` bytes of room; `needed` is NULL or points to room for a number.
unsafe fn tell(
    cluster: *mut redtail_cluster,
    which: impl FnOnce(&ClusterHandle) -> Positions,
    text: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> c_int {
    let work = |state: &mut State| {
        let Some(needed) = Out::new(needed) else {
            return refuse(state, REDTAIL_ERROR_ARGUMENT, "the pointer needed is NULL");
        };
        let Some(following) = &state.following else {
            return refuse(state, REDTAIL_ERROR_STATE, "nothing is followed: redtail_cluster_follow comes first");
        };
        write_text(&which(following).to_string(), text, size, needed)
    };
    // SAFETY: as promised.
    unsafe { with(cluster, work) }
}

/// # Safety
/// `cluster` is NULL or lives.
unsafe fn with(cluster: *mut redtail_cluster, work: impl FnOnce(&mut State) -> redtail_status) -> c_int {
    // SAFETY: as promised.
    let Some(cluster) = (unsafe { there(cluster) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    enter(Some(&mut *cluster.state()), work)
}

/// # Safety
/// Both are NULL or as the header asks.
pub(super) unsafe fn plan(
    options: *const redtail_options,
    cluster: *const redtail_cluster_options,
) -> Result<Plan, (redtail_status, String)> {
    let wrong = |words: String| (REDTAIL_ERROR_ARGUMENT, words);
    // SAFETY: as promised.
    let (chosen, given) = unsafe {
        let chosen = chosen_options::read(options, Cluster::BACKOFF).map_err(wrong)?;
        let given = sized(cluster, redtail_cluster_options::DEFAULT, "redtail_cluster_options").map_err(wrong)?;
        (chosen, given)
    };
    if matches!(chosen.options.start, Start::At(_)) {
        return Err(wrong("a cluster starts at many places: redtail_cluster_options.positions has them".into()));
    }
    if chosen.options.single_link {
        return Err(wrong("single_link is set: a cluster is never followed over one link".into()));
    }
    let positions = if given.positions.is_null() {
        Positions::default()
    } else {
        // SAFETY: text that ends with NUL, as promised.
        let text = unsafe { text(given.positions) }.map_err(|what| wrong(format!("positions {what}")))?;
        text.parse().map_err(|error| (REDTAIL_ERROR_POSITION, format!("positions: {error}")))?
    };
    // SAFETY: as promised.
    let nodes = unsafe { addresses(given.nodes, given.node_count) }.map_err(wrong)?;
    Cluster::builder(&nodes).map_err(|error| (cluster_status(&error), error.to_string()))?;
    let added = match given.added {
        x if x == REDTAIL_ADDED_SNAPSHOT as c_int => Start::Snapshot,
        x if x == REDTAIL_ADDED_NOW as c_int => Start::Now,
        x if x == REDTAIL_ADDED_NOW_WITHOUT_FORK as c_int => Start::NowWithoutFork,
        other => return Err(wrong(format!("added is {other}, which is no redtail_added"))),
    };
    let refresh = (given.refresh_ms > 0).then(|| Duration::from_millis(given.refresh_ms.min(LONGEST_REFRESH_MS)));
    Ok(Plan { chosen, nodes, positions, added, refresh, prefer_replica: given.prefer_replica != 0 })
}

/// A year: what is added to the present time must remain one.
const LONGEST_REFRESH_MS: u64 = 31_536_000_000;

pub(super) const fn cluster_status(error: &ClusterError) -> redtail_status {
    match error {
        ClusterError::NoNode | ClusterError::SingleLink => REDTAIL_ERROR_ARGUMENT,
        ClusterError::Target(_) => REDTAIL_ERROR_ADDRESS,
        ClusterError::Silent { .. } => REDTAIL_ERROR_CONNECT,
        ClusterError::Thread(_) => REDTAIL_ERROR_MEMORY,
    }
}

impl Plan {
    /// User and password, to be changed while the cluster is followed.
    pub(super) fn login(&self) -> Arc<Mutex<Login>> {
        Arc::new(Mutex::new(self.chosen.login.clone()))
    }

    pub(super) fn cluster(&self, login: &Arc<Mutex<Login>>) -> Result<Builder<Cluster>, ClusterError> {
        let login = Arc::clone(login);
        let cluster = Cluster::builder(&self.nodes)?
            .options(self.chosen.options)
            .buffer(self.chosen.buffer)
            .login(move || Ok(login.lock().unwrap_or_else(PoisonError::into_inner).clone()))
            .positions(self.positions.clone())
            .added(self.added)
            .prefer_replica(self.prefer_replica);
        let cluster = self.chosen.tls.on(self.chosen.timeouts.on(cluster));
        Ok(match self.refresh {
            Some(interval) => cluster.refresh(interval),
            None => cluster,
        })
    }
}

impl redtail_cluster {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl redtail_cluster_options {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        nodes: std::ptr::null(),
        node_count: 0,
        positions: std::ptr::null(),
        added: 0,
        refresh_ms: 0,
        prefer_replica: 0,
    };
}

//! Clusters: all primaries, each followed on a thread of its own
//!
//! redtail_cluster_new creates the cluster, redtail_cluster_follow starts it. From then on the library calls your
//! callbacks: event and idle on the thread of each shard, notice on a thread of its own. Callbacks of different
//! shards run at once, those of one shard never do. Meanwhile your thread waits, and saves the positions from time
//! to time:
//!
//!   status = redtail_cluster_follow(cluster, &callbacks);
//!   while (status == REDTAIL_OK || status == REDTAIL_IDLE) {
//!       status = redtail_cluster_wait(cluster, 1000);
//!       save(cluster);                   redtail_cluster_positions, then redtail_cluster_commit
//!   }
//!   redtail_cluster_free(cluster);
//!
//! THREADS. Several threads may use a redtail_cluster at once. Exceptions: no thread may use it after the call of
//! redtail_cluster_free, except callbacks until that call returns. redtail_cluster_message is valid only while no
//! other thread calls a function of the cluster. In its own callbacks _wait returns REDTAIL_ERROR_STATE, and _free
//! only stops the cluster. No function is for signal handlers. A signal handler can set a variable that the loop
//! around redtail_cluster_wait reads.
//!
//! ASYNCHRONOUS SINKS. redtail_cluster_positions counts events whose callback has returned. If a broker acknowledges
//! later, keep the shard and redtail_event_position with each message. On acknowledgement call redtail_handle_commit
//! with redtail_shard_handle. Then save redtail_cluster_committed. Commit also the position of
//! REDTAIL_EVENT_ATTACHED, and in idle, if no message is pending, redtail_shard_position: a shard without a saved
//! position starts as a new one.

use std::ffi::{CStr, c_char, c_int};
use std::mem::offset_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::capi::basics::*;
use crate::capi::boundary::{Creator, Guard, Guarded, Out, enter, make, refuse, release, text, there};
use crate::capi::callbacks::{Callbacks, ClusterState, redtail_cluster_callbacks};
use crate::capi::chosen_options::ChosenOptions;
use crate::capi::options::{REDTAIL_FOREVER, redtail_options};
use crate::capi::structs::{CallerStruct, sized};
use crate::capi::text::{addresses, write_text};
use crate::capi::{chosen_options, login};
use crate::net::{Builder, Login};
use crate::replication::Start;
use crate::topology::{Cluster, ClusterError, ClusterHandle, Positions};

/// Follows all primaries of a cluster.
pub struct redtail_cluster {
    creator: Creator,
    state: Mutex<State>,
    shared: Arc<ClusterState>,
}

/// The start of a shard that is added later, or that has no saved position.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_added {
    /// With a snapshot. A new node is almost empty. The snapshot contains keys that were moved there before the
    /// library knew the node.
    REDTAIL_ADDED_SNAPSHOT = 0,
    /// As REDTAIL_START_NOW: existing data is not delivered.
    REDTAIL_ADDED_NOW = 1,
    /// As REDTAIL_START_NOW_WITHOUT_FORK.
    REDTAIL_ADDED_NOW_WITHOUT_FORK = 2,
}

use redtail_added::*;

/// The cluster. Filled by the caller, copied by the library; 0 and NULL select the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_cluster_options {
    /// sizeof(redtail_cluster_options)
    pub struct_size: usize,
    /// Addresses of nodes, each host:port. From one reachable node the library learns all others.
    pub nodes: *const *const c_char,
    /// Number of addresses, at least 1.
    pub node_count: usize,
    /// Saved positions of redtail_cluster_positions or redtail_cluster_committed. NULL or "": each shard starts
    /// as redtail_options.start. Each shard resumes from the position whose history it continues. A position
    /// without such a shard is REDTAIL_NOTICE_LOST.
    pub positions: *const c_char,
    /// One of redtail_added.
    pub added: c_int,
    /// Interval in milliseconds between requests for the topology. A lost connection also causes one. Default
    /// 10,000.
    pub refresh_ms: u64,
    /// 1: follow each shard at a healthy replica, or at its primary if there is none. Positions are valid for
    /// both.
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

/// Creates a follower of a cluster, not started. options: the options of each shard's follower, with these
/// differences. start cannot be REDTAIL_START_AT (see redtail_cluster_options.positions), single_link is invalid,
/// and retry_first is always on. The default of the longest pause between attempts is 1 s, that of a connection
/// attempt 2 s. NULL: the defaults.
///
/// Returns NULL only if memory is exhausted. If the options are invalid, every later call returns
/// REDTAIL_ERROR_ARGUMENT, REDTAIL_ERROR_ADDRESS or REDTAIL_ERROR_POSITION, and the message explains it.
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
            Err((status, message)) => (Guard::closed(status, message), None),
        };
        let login = plan.as_ref().map(Plan::login).unwrap_or_default();
        let state = State { guard, plan, login, following: None };
        Some(redtail_cluster { creator: Creator::this_process(), state: Mutex::new(state), shared: Arc::default() })
    })
}

/// Ends all followers and waits for their threads, until callbacks have returned. Outside Linux it also waits for
/// connection attempts. NULL does nothing, and neither does a call in a forked child. In a callback of this cluster it
/// only stops the cluster, as redtail_cluster_stop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_free(cluster: *mut redtail_cluster) {
    // SAFETY: NULL, or from _new and not used again but by its callbacks, which end in here.
    unsafe {
        if let Some(it) = there(cluster) {
            if !it.creator.is_this_process() {
                return;
            }
            it.shared.stop();
            if it.shared.is_calling() {
                return;
            }
            let following = it.state().following.take();
            // Running callbacks may need the lock.
            drop(following);
        }
        release(cluster);
    }
}

/// The message of the last failure; "" before any. Never NULL. Valid until the next call on the cluster from any
/// thread. Callbacks have redtail_notice.message and redtail_shard_message instead.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_message(cluster: *const redtail_cluster) -> *const c_char {
    // SAFETY: NULL, or a cluster that lives.
    match unsafe { there(cluster) } {
        None => c"the cluster is NULL".as_ptr(),
        Some(cluster) if !cluster.creator.is_this_process() => OF_ANOTHER_PROCESS.as_ptr(),
        Some(cluster) => cluster.state().guard.message(),
    }
}

/// Changes user and password for later connections. NULL: none. A length of 0: the password ends with NUL.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if there is a user and no password, the user is not UTF-8, or the length
/// exceeds memory. A nopass user has the password "".
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
            Err(message) => return refuse(state, REDTAIL_ERROR_ARGUMENT, message),
        }
        REDTAIL_OK
    };
    // SAFETY: NULL, or a cluster that lives.
    unsafe { with(cluster, work) }
}

/// Requests the topology from the nodes and starts to follow every primary. Callbacks may run before it returns. An
/// unreachable primary is retried automatically. At each connection the node is asked for its id; the user needs
/// +cluster|myid. Another server at that address is not followed but retried, and the text of
/// REDTAIL_EVENT_DISCONNECTED names both nodes.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if no node reports the topology: you may try again;
/// REDTAIL_ERROR_ARGUMENT if the callbacks are invalid; REDTAIL_ERROR_STATE if it was started already;
/// REDTAIL_CLOSED if it was stopped; REDTAIL_ERROR_MEMORY if the system cannot start a thread.
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
            Err(message) => return refuse(state, REDTAIL_ERROR_ARGUMENT, message),
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

/// Waits for the end of all threads, at most limit_ms milliseconds; REDTAIL_FOREVER: without limit.
///
/// Returns REDTAIL_IDLE if following continues; REDTAIL_CLOSED after redtail_cluster_stop; REDTAIL_STOPPED if a
/// callback ended it; REDTAIL_ERROR_STATE before redtail_cluster_follow and in callbacks of this cluster;
/// REDTAIL_ERROR_MEMORY or REDTAIL_ERROR_PANIC if following ended for that reason.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_wait(cluster: *mut redtail_cluster, limit_ms: u64) -> c_int {
    // SAFETY: NULL, or a cluster that lives.
    let Some(it) = (unsafe { there(cluster) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    let begin = |state: &mut State| {
        if state.following.is_none() {
            return refuse(state, REDTAIL_ERROR_STATE, "nothing is followed: redtail_cluster_follow comes first");
        }
        if it.shared.is_calling() {
            return refuse(state, REDTAIL_ERROR_STATE, "a callback cannot wait for its own end");
        }
        REDTAIL_OK
    };
    // SAFETY: a cluster that lives.
    let status = unsafe { with(cluster, begin) };
    if status != REDTAIL_OK as c_int {
        return status;
    }
    // Without the lock, which other threads may need meanwhile.
    let limit = (limit_ms != REDTAIL_FOREVER).then(|| Duration::from_millis(limit_ms));
    let Some(end) = it.shared.wait(limit) else { return REDTAIL_IDLE as c_int };
    let finish = |state: &mut State| match end {
        REDTAIL_ERROR_PANIC => {
            state.guard = Guard::closed(end, "a bug in redtail: standard error has the file and line");
            end
        }
        REDTAIL_ERROR_MEMORY => refuse(state, end, "no memory for the event of a shard"),
        end => end,
    };
    // SAFETY: a cluster that lives.
    unsafe { with(cluster, finish) }
}

/// Stops all followers without waiting. redtail_cluster_wait waits for the end. Running callbacks complete. Any
/// thread and all callbacks; not in signal handlers.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_STATE in a forked child, where it does nothing; REDTAIL_ERROR_ARGUMENT if the
/// cluster is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_stop(cluster: *mut redtail_cluster) -> c_int {
    // SAFETY: NULL, or a cluster that lives.
    let Some(cluster) = (unsafe { there(cluster) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    if !cluster.creator.is_this_process() {
        return REDTAIL_ERROR_STATE as c_int;
    }
    cluster.shared.stop();
    REDTAIL_OK as c_int
}

/// Writes the last resumable position of each shard that the callbacks have processed, as one text with a NUL, for
/// redtail_cluster_options.positions. size: room in bytes. Sets needed to the required size, including the NUL. Also
/// valid after the end.
///
/// Returns REDTAIL_OK; REDTAIL_NEED_MORE if the room is too small: only needed was written, and the next call may
/// need more; REDTAIL_ERROR_STATE before redtail_cluster_follow; REDTAIL_ERROR_ARGUMENT if a pointer is NULL (text
/// may be NULL if size is 0).
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

/// For REDTAIL_ACK_APPLIED: everything up to these positions, a text of redtail_cluster_positions, is safely kept.
/// Commits each position to its shard, as redtail_handle_commit. A position whose shard has left, or of a history that
/// a gap has ended, is ignored.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_STATE before redtail_cluster_follow; REDTAIL_ERROR_POSITION if positions is
/// another text; REDTAIL_ERROR_ARGUMENT if a pointer is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_cluster_commit(cluster: *mut redtail_cluster, positions: *const c_char) -> c_int {
    let work = |state: &mut State| {
        // SAFETY: NULL, or a text, as the header asks.
        let text = match unsafe { text(positions) } {
            Ok(text) => text,
            Err(what) => return refuse(state, REDTAIL_ERROR_ARGUMENT, format!("positions {what}")),
        };
        let Some(following) = &state.following else {
            return refuse(state, REDTAIL_ERROR_STATE, "nothing is followed: redtail_cluster_follow comes first");
        };
        match text.parse::<Positions>() {
            Ok(positions) => following.commit(&positions),
            Err(error) => return refuse(state, REDTAIL_ERROR_POSITION, error),
        }
        REDTAIL_OK
    };
    // SAFETY: NULL, or a cluster that lives.
    unsafe { with(cluster, work) }
}

/// Writes the committed position of each shard: the furthest position that redtail_handle_commit received for its
/// redtail_shard_handle. For a shard without a commit: the saved position that the shard resumed from, or none.
/// Parameters and results as redtail_cluster_positions.
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
    // Another thread may have held the lock at the fork: nobody would release it.
    if !cluster.creator.is_this_process() {
        return REDTAIL_ERROR_STATE as c_int;
    }
    enter(Some(&mut *cluster.state()), work)
}

const OF_ANOTHER_PROCESS: &CStr = c"the cluster was created by another process: this is its forked child";

/// # Safety
/// Both are NULL or as the header asks.
pub(super) unsafe fn plan(
    options: *const redtail_options,
    cluster: *const redtail_cluster_options,
) -> Result<Plan, (redtail_status, String)> {
    let wrong = |message: String| (REDTAIL_ERROR_ARGUMENT, message);
    // SAFETY: as promised.
    let (chosen, given) = unsafe {
        let chosen = chosen_options::read(options, Cluster::BACKOFF).map_err(wrong)?;
        let given = sized(cluster, redtail_cluster_options::DEFAULT, "redtail_cluster_options").map_err(wrong)?;
        (chosen, given)
    };
    if matches!(chosen.options.start, Start::At(_)) {
        return Err(wrong("REDTAIL_START_AT is for one primary: set redtail_cluster_options.positions".into()));
    }
    if chosen.options.single_link {
        return Err(wrong("single_link is set: a cluster needs several connections".into()));
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
        other => return Err(wrong(format!("added is {other}, which is not a redtail_added"))),
    };
    let refresh = (given.refresh_ms > 0).then(|| Duration::from_millis(given.refresh_ms.min(LONGEST_REFRESH_MS)));
    Ok(Plan { chosen, nodes, positions, added, refresh, prefer_replica: given.prefer_replica != 0 })
}

/// A year. The sum with the present time must remain a valid time.
const LONGEST_REFRESH_MS: u64 = 31_536_000_000;

pub(super) const fn cluster_status(error: &ClusterError) -> redtail_status {
    match error {
        ClusterError::NoNode | ClusterError::SingleLink | ClusterError::StartAt | ClusterError::Options(_) => {
            REDTAIL_ERROR_ARGUMENT
        }
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

impl CallerStruct for redtail_cluster_options {
    const SHORTEST: usize = offset_of!(Self, prefer_replica) + size_of::<c_int>();
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

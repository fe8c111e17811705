//! Callbacks of a cluster

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::capi::basics::*;
use crate::capi::convert::event::EventBuffer;
use crate::capi::event::redtail_event;
use crate::capi::notice;
use crate::capi::notice::redtail_notice;
use crate::capi::shard::redtail_shard;
use crate::capi::structs::CallerStruct;
use crate::net::Builder;
use crate::replication::Event;
use crate::topology::{Cluster, ClusterError, ClusterHandle, Notice, Shard, Stopper};

/// Callbacks. Filled by the caller, copied by the library. Callbacks must return normally: no longjmp, no C++
/// exception.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_cluster_callbacks {
    /// sizeof(redtail_cluster_callbacks)
    pub struct_size: usize,
    /// A pointer of the caller, passed to each callback.
    pub context: *mut c_void,
    /// An event of a shard, on the thread of the shard. Valid until the callback returns. Another result than 0
    /// ends all shards. If the callback takes longer than the primary's repl-timeout (60 s), call
    /// redtail_handle_heartbeat meanwhile. Required.
    pub event: Option<
        unsafe extern "C" fn(context: *mut c_void, shard: *mut redtail_shard, event: *const redtail_event) -> c_int,
    >,
    /// A change of the cluster, on a thread of its own. Unordered relative to the events of shards, except that
    /// ADDED precedes the first event of its shard. May be NULL.
    pub notice: Option<unsafe extern "C" fn(context: *mut c_void, notice: *const redtail_notice)>,
    /// Nothing arrived from this shard for a second. On the thread of the shard. Another result than 0 ends all
    /// shards. May be NULL.
    pub idle: Option<unsafe extern "C" fn(context: *mut c_void, shard: *mut redtail_shard) -> c_int>,
}

impl CallerStruct for redtail_cluster_callbacks {
    const SHORTEST: usize = offset_of!(Self, idle) + size_of::<*const u8>();
}

impl redtail_cluster_callbacks {
    pub(super) const DEFAULT: Self =
        Self { struct_size: size_of::<Self>(), context: std::ptr::null_mut(), event: None, notice: None, idle: None };
}

/// The state that the handle and all threads share.
#[derive(Default)]
pub(super) struct ClusterState {
    stopped: AtomicBool,
    stopper: OnceLock<Stopper>,
    /// All shards that ever existed: C may hold pointers to them.
    shards: Mutex<Vec<Arc<redtail_shard>>>,
    end: Mutex<End>,
    ended: Condvar,
}

#[derive(Default)]
struct End {
    is_over: bool,
    /// The reason, unless the cluster was stopped.
    why: Option<redtail_status>,
}

thread_local! {
    /// The cluster whose callbacks run on this thread.
    static CALLING: Cell<*const ClusterState> = const { Cell::new(std::ptr::null()) };
}

impl ClusterState {
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(stopper) = self.stopper.get() {
            stopper.stop();
        }
    }

    /// Stores the stopper. Stops at once if the cluster was stopped meanwhile.
    pub(super) fn began(&self, stopper: Stopper) {
        let stopper = self.stopper.get_or_init(|| stopper);
        if self.is_stopped() {
            stopper.stop();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Whether this thread is in one of its callbacks.
    pub(super) fn is_calling(&self) -> bool {
        CALLING.get() == std::ptr::from_ref(self)
    }

    /// The result of following; `None` if it has not ended within the limit.
    pub(super) fn wait(&self, limit: Option<Duration>) -> Option<redtail_status> {
        let goes_on = |end: &mut End| !end.is_over;
        let end = self.end();
        let end = match limit {
            Some(limit) => self.ended.wait_timeout_while(end, limit, goes_on).unwrap_or_else(PoisonError::into_inner).0,
            None => self.ended.wait_while(end, goes_on).unwrap_or_else(PoisonError::into_inner),
        };
        end.is_over.then(|| end.why.unwrap_or(REDTAIL_CLOSED))
    }

    /// The first reason counts.
    fn end_because(&self, why: redtail_status) {
        self.end().why.get_or_insert(why);
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, shard: &Shard) -> Arc<redtail_shard> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shards.iter().find(|known| known.shard == *shard) {
            return Arc::clone(known);
        }
        let new = Arc::new(redtail_shard::new(shard.clone()));
        shards.push(Arc::clone(&new));
        new
    }
}

/// The callbacks and the state of their cluster.
#[derive(Clone)]
pub(super) struct Callbacks {
    context: *mut c_void,
    event: unsafe extern "C" fn(*mut c_void, *mut redtail_shard, *const redtail_event) -> c_int,
    notice: Option<unsafe extern "C" fn(*mut c_void, *const redtail_notice)>,
    idle: Option<unsafe extern "C" fn(*mut c_void, *mut redtail_shard) -> c_int>,
    state: Arc<ClusterState>,
}

// SAFETY: the header says that the callbacks are called on other threads, each with this context.
unsafe impl Send for Callbacks {}

impl Callbacks {
    pub(super) fn new(given: &redtail_cluster_callbacks, state: &Arc<ClusterState>) -> Result<Self, String> {
        let event = given.event.ok_or("the callback event is NULL")?;
        let (context, notice, idle) = (given.context, given.notice, given.idle);
        Ok(Self { context, event, notice, idle, state: Arc::clone(state) })
    }

    pub(super) fn follow(self, cluster: Builder<Cluster>) -> Result<ClusterHandle, ClusterError> {
        let guard = EndGuard(Arc::clone(&self.state));
        let begun = guard.0.clone();
        let callbacks = self.clone();
        let notice = move |notice: Notice| {
            // The guard lives as long as the coordinator, which joins all other threads first.
            let _ = &guard;
            callbacks.notice(&notice);
        };
        let factory = move |shard: &Shard| {
            let mut one = One { shard: self.state.shard(shard), buffer: EventBuffer::new(), callbacks: self.clone() };
            move |_: &Shard, event: Event<'_>| one.event(&event)
        };
        let following = cluster.follow(notice, factory);
        if following.is_err() {
            *begun.end() = End::default();
        }
        following
    }

    fn notice(&self, notice: &Notice) {
        let Some(call) = self.notice else { return };
        CALLING.set(Arc::as_ptr(&self.state));
        let shard = |shard: &Shard| Arc::as_ptr(&self.state.shard(shard)).cast_mut();
        // SAFETY: the caller's own function; notice and shard live.
        notice::convert(notice, shard, |notice| unsafe { call(self.context, notice) });
    }
}

/// One shard, on its thread.
struct One {
    shard: Arc<redtail_shard>,
    /// None without memory.
    buffer: Option<EventBuffer>,
    callbacks: Callbacks,
}

impl One {
    fn event(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        let (callbacks, shard) = (&self.callbacks, Arc::as_ptr(&self.shard).cast_mut());
        CALLING.set(Arc::as_ptr(&callbacks.state));
        let result = if let Event::Idle(_) = event {
            let Some(idle) = callbacks.idle else { return ControlFlow::Continue(()) };
            // SAFETY: the caller's own function; the shard lives.
            unsafe { idle(callbacks.context, shard) }
        } else {
            let Some(shown) = self.buffer.as_mut().and_then(|buffer| convert(buffer, event, &self.shard)) else {
                callbacks.state.end_because(REDTAIL_ERROR_MEMORY);
                return ControlFlow::Break(());
            };
            // SAFETY: the caller's own function; shard and event live.
            unsafe { (callbacks.event)(callbacks.context, shard, shown) }
        };
        if result == 0 {
            return ControlFlow::Continue(());
        }
        callbacks.state.end_because(REDTAIL_STOPPED);
        ControlFlow::Break(())
    }
}

/// `None` without memory.
fn convert(buffer: &mut EventBuffer, event: &Event<'_>, shard: &redtail_shard) -> Option<*const redtail_event> {
    let mut guard = shard.guard.lock().unwrap_or_else(PoisonError::into_inner);
    (buffer.convert(event, &mut guard) == REDTAIL_OK).then(|| buffer.event())
}

/// Reports the end of following when it is dropped.
struct EndGuard(Arc<ClusterState>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        let mut end = self.0.end();
        end.is_over = true;
        if std::thread::panicking() {
            end.why = Some(REDTAIL_ERROR_PANIC);
        }
        drop(end);
        self.0.ended.notify_all();
    }
}

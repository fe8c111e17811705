//! What stands between the threads of a cluster and the callbacks of C.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::capi::basics::*;
use crate::capi::cluster::redtail_cluster_callbacks;
use crate::capi::convert::Screen;
use crate::capi::event::redtail_event;
use crate::capi::notice;
use crate::capi::notice::redtail_notice;
use crate::capi::shard::redtail_shard;
use crate::net::Builder;
use crate::replication::Event;
use crate::topology::{Cluster, ClusterError, ClusterHandle, Notice, Shard, Stopper};

/// What the handle and all threads share.
#[derive(Default)]
pub(super) struct Common {
    stopped: AtomicBool,
    stopper: OnceLock<Stopper>,
    /// All there ever were: C may hold on to them.
    shards: Mutex<Vec<Arc<redtail_shard>>>,
    end: Mutex<End>,
    ended: Condvar,
}

#[derive(Default)]
struct End {
    is_over: bool,
    /// Why, where it is not that somebody stopped it.
    why: Option<redtail_status>,
}

thread_local! {
    /// Whose callbacks run on this thread.
    static CALLING: Cell<*const Common> = const { Cell::new(std::ptr::null()) };
}

impl Common {
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        if let Some(stopper) = self.stopper.get() {
            stopper.stop();
        }
    }

    /// What was stopped meanwhile ends now.
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

    /// How it has ended; `None` if it has not within that time.
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

/// The callbacks, and whose they are.
#[derive(Clone)]
pub(super) struct Callbacks {
    context: *mut c_void,
    event: unsafe extern "C" fn(*mut c_void, *const redtail_shard, *const redtail_event) -> c_int,
    notice: Option<unsafe extern "C" fn(*mut c_void, *const redtail_notice)>,
    idle: Option<unsafe extern "C" fn(*mut c_void, *const redtail_shard) -> c_int>,
    common: Arc<Common>,
}

// SAFETY: the header says that the callbacks are called on other threads, each with this context.
unsafe impl Send for Callbacks {}

impl Callbacks {
    pub(super) fn new(given: &redtail_cluster_callbacks, common: &Arc<Common>) -> Result<Self, String> {
        let event = given.event.ok_or("the callback event is NULL")?;
        let (context, notice, idle) = (given.context, given.notice, given.idle);
        Ok(Self { context, event, notice, idle, common: Arc::clone(common) })
    }

    pub(super) fn follow(self, cluster: Builder<Cluster>) -> Result<ClusterHandle, ClusterError> {
        let over = Over(Arc::clone(&self.common));
        let begun = over.0.clone();
        let callbacks = self.clone();
        let notice = move |notice: Notice| {
            // It ends when the coordinator does, which has joined all others before.
            let _ = &over;
            callbacks.notice(&notice);
        };
        let factory = move |shard: &Shard| {
            let mut one = One { shard: self.common.shard(shard), screen: Screen::new(), callbacks: self.clone() };
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
        CALLING.set(Arc::as_ptr(&self.common));
        let shard = |shard: &Shard| Arc::as_ptr(&self.common.shard(shard));
        // SAFETY: the caller's own function; notice and shard live.
        notice::show(notice, shard, |notice| unsafe { call(self.context, notice) });
    }
}

/// One shard, on its thread.
struct One {
    shard: Arc<redtail_shard>,
    /// None without memory.
    screen: Option<Screen>,
    callbacks: Callbacks,
}

impl One {
    fn event(&mut self, event: &Event<'_>) -> ControlFlow<()> {
        let (callbacks, shard) = (&self.callbacks, Arc::as_ptr(&self.shard));
        CALLING.set(Arc::as_ptr(&callbacks.common));
        let result = if let Event::Idle(_) = event {
            let Some(idle) = callbacks.idle else { return ControlFlow::Continue(()) };
            // SAFETY: the caller's own function; the shard lives.
            unsafe { idle(callbacks.context, shard) }
        } else {
            let Some(shown) = self.screen.as_mut().and_then(|screen| show(screen, event, &self.shard)) else {
                callbacks.common.end_because(REDTAIL_ERROR_MEMORY);
                return ControlFlow::Break(());
            };
            // SAFETY: the caller's own function; shard and event live.
            unsafe { (callbacks.event)(callbacks.context, shard, shown) }
        };
        if result == 0 {
            return ControlFlow::Continue(());
        }
        callbacks.common.end_because(REDTAIL_STOPPED);
        ControlFlow::Break(())
    }
}

/// `None` without memory.
fn show(screen: &mut Screen, event: &Event<'_>, shard: &redtail_shard) -> Option<*const redtail_event> {
    let mut guard = shard.guard.lock().unwrap_or_else(PoisonError::into_inner);
    (screen.show(event, &mut guard) == REDTAIL_OK).then(|| screen.event())
}

/// Says so when it is dropped.
struct Over(Arc<Common>);

impl Drop for Over {
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

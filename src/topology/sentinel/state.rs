//! The state that a follower's connector shares with the thread that watches the Sentinels.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::net::Target;
use crate::topology::access::Access;
use crate::topology::sentinel::finder::PrimaryFinder;

pub(super) struct State {
    pub(super) finder: PrimaryFinder,
    pub(super) sentinels: Access,
    pub(super) servers: Access,
    /// The server of the present connection.
    pub(super) linked: Option<Target>,
    /// The servers' user may run INFO. A denied one is not repeated: each denial is logged.
    pub(super) may_ask_info: bool,
}

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

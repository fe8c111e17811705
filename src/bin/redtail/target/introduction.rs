//! This run in the server's `CLIENT LIST`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use redtail::net::{Client, ClientError};
use redtail::replication::ReplicaLabel;

/// The name in INFO and ROLE, for the other connections of the run.
static NAME: OnceLock<ReplicaLabel> = OnceLock::new();

/// The user may not tell it.
static IS_DENIED: AtomicBool = AtomicBool::new(false);

/// Sets the name of this run, if it has one.
pub(crate) fn set_name(name: Option<&ReplicaLabel>) {
    if let Some(name) = name {
        NAME.get_or_init(|| *name);
    }
}

/// The name for connections that the library makes.
pub(crate) fn label() -> ReplicaLabel {
    NAME.get().copied().unwrap_or_default()
}

/// Introduces this run to a server that has answered. A denied introduction is not repeated.
///
/// `only_named`: not unless this run has a name. `CLIENT LIST` shows an ACL user anyway, who is rarely allowed to do
/// this. Without a name to tell, none is denied.
pub(crate) fn introduce(client: &mut Client, only_named: bool) -> Result<(), ClientError> {
    let name = NAME.get().and_then(|name| std::str::from_utf8(name.as_bytes()).ok());
    if only_named && name.is_none() {
        return Ok(());
    }
    if !IS_DENIED.load(Ordering::Relaxed) && !client.introduce(name)? {
        IS_DENIED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

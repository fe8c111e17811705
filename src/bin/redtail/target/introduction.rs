//! This run in the server's `CLIENT LIST`.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use redtail::net::{Client, ClientError};
use redtail::replication::ReplicaLabel;

/// The name in INFO and ROLE, for the other connections of the run.
static NAME: OnceLock<String> = OnceLock::new();

/// The user may not tell it.
static IS_DENIED: AtomicBool = AtomicBool::new(false);

/// Sets the name of this run, if it has one.
pub(crate) fn set_name(name: Option<&ReplicaLabel>) {
    if let Some(name) = name.and_then(|name| std::str::from_utf8(name.as_bytes()).ok()) {
        NAME.get_or_init(|| name.to_owned());
    }
}

/// Introduces this run to a server that has answered. A denied introduction is not repeated.
///
/// `CLIENT LIST` shows an ACL user anyway, who is rarely allowed to do this. Without a name to tell, none is denied.
pub(crate) fn introduce(client: &mut Client, is_acl_user: bool) -> Result<(), ClientError> {
    if is_acl_user && NAME.get().is_none() {
        return Ok(());
    }
    if !IS_DENIED.load(Ordering::Relaxed) && !client.introduce(NAME.get().map(String::as_str))? {
        IS_DENIED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

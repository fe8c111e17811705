//! Sentinel: followers of a primary that is found by its name

use std::ffi::{c_char, c_int, c_void};
use std::mem::offset_of;

use crate::capi::basics::*;
use crate::capi::boundary::text;
use crate::capi::structs::{CallerStruct, sized};
use crate::capi::text::{addresses, c_text};
use crate::capi::tls::redtail_tls;
use crate::capi::{login, tls};
use crate::net::Builder;
use crate::topology::{Sentinel, SentinelError};

/// A primary and its Sentinels. Filled by the caller, copied by the library; 0 and NULL select the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_sentinel {
    /// sizeof(redtail_sentinel)
    pub struct_size: usize,
    /// The name of the primary in the configuration of the Sentinels. Required.
    pub name: *const c_char,
    /// Addresses of Sentinels, each host:port. From one reachable Sentinel the library learns all others.
    pub addresses: *const *const c_char,
    /// Number of addresses, at least 1.
    pub address_count: usize,
    /// 1: follow a healthy replica, or the primary if there is none. A replica delivers writes only after it has
    /// received them.
    pub prefer_replica: c_int,
    /// The ACL user at the Sentinels. NULL: the default user. (redtail_options.user is for the servers.)
    pub user: *const c_char,
    /// The password at the Sentinels. NULL: none, an error with a user. A nopass user has the password "".
    pub password: *const c_char,
    /// Length of password in bytes; 0 if password ends with NUL.
    pub password_len: usize,
    /// TLS for connections to Sentinels. NULL: no TLS. (redtail_options.tls is for the servers.)
    pub tls: *const redtail_tls,
    /// Called with a message when a failover may be noticed late or not at all, while the follower continues: a
    /// Sentinel denies SUBSCRIBE, no Sentinel answers, or no thread is available. Once for each reason. On any thread,
    /// at any time before redtail_follower_free returns. It must return normally and not use the follower. The message
    /// is valid until it returns. NULL: none.
    pub warning: Option<unsafe extern "C" fn(context: *mut c_void, message: *const c_char)>,
    /// A pointer of the caller, passed to warning.
    pub context: *mut c_void,
}

impl CallerStruct for redtail_sentinel {
    const SHORTEST: usize = offset_of!(Self, context) + size_of::<*mut u8>();
}

impl redtail_sentinel {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        name: std::ptr::null(),
        addresses: std::ptr::null(),
        address_count: 0,
        prefer_replica: 0,
        user: std::ptr::null(),
        password: std::ptr::null(),
        password_len: 0,
        tls: std::ptr::null(),
        warning: None,
        context: std::ptr::null_mut(),
    };
}

/// # Safety
/// `given` and what it points to are as the header asks.
pub(super) unsafe fn read(given: *const redtail_sentinel) -> Result<Builder<Sentinel>, (redtail_status, String)> {
    let wrong = |message: String| (REDTAIL_ERROR_ARGUMENT, message);
    if given.is_null() {
        return Err(wrong("the pointer sentinel is NULL".into()));
    }
    // SAFETY: as promised, for each of the pointers in it.
    let (given, name, addresses, login, tls) = unsafe {
        let given = sized(given, redtail_sentinel::DEFAULT, "redtail_sentinel").map_err(wrong)?;
        let name = text(given.name).map_err(|what| wrong(format!("name {what}")))?;
        let addresses = addresses(given.addresses, given.address_count).map_err(wrong)?;
        let login = login::read(given.user, given.password, given.password_len).map_err(wrong)?;
        (given, name, addresses, login, tls::read(given.tls).map_err(wrong)?)
    };
    let sentinel = Sentinel::builder(addresses, name).map_err(|error| {
        let status =
            if matches!(error, SentinelError::Target(_)) { REDTAIL_ERROR_ADDRESS } else { REDTAIL_ERROR_ARGUMENT };
        (status, error.to_string())
    })?;
    let sentinel = sentinel.prefer_replica(given.prefer_replica != 0).sentinel_login(move || Ok(login.clone()));
    let sentinel = match given.warning {
        Some(call) => {
            let warning = Warning { call, context: given.context };
            sentinel.on_warning(move |error| warning.call(error))
        }
        None => sentinel,
    };
    Ok(tls.on_sentinels(sentinel))
}

/// The callback of the caller.
struct Warning {
    call: unsafe extern "C" fn(*mut c_void, *const c_char),
    context: *mut c_void,
}

// SAFETY: the header says that the callback is called on other threads, with this context.
unsafe impl Send for Warning {}

impl Warning {
    fn call(&self, error: &SentinelError) {
        let message = c_text(error);
        // SAFETY: the caller's own function; the message lives.
        unsafe { (self.call)(self.context, message.as_ptr()) }
    }
}

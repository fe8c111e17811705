//! Sentinels: for followers of a primary that is found by its name

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::text;
use crate::capi::structs::sized;
use crate::capi::text::addresses;
use crate::capi::tls::{OverTls, redtail_tls};
use crate::capi::{login, tls};
#[cfg(feature = "tls")]
use crate::net::Tls;
use crate::topology::{Sentinel, SentinelError};

/// Whom to ask where a primary is. You fill it; what it points to is copied. 0 and NULL are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_sentinel {
    /// sizeof(redtail_sentinel)
    pub struct_size: usize,
    /// What the Sentinels call the primary. Required.
    pub name: *const c_char,
    /// Their addresses, each host:port. One is enough to learn of the others from; more help while that one is down.
    pub addresses: *const *const c_char,
    /// Their number, at least 1.
    pub address_count: usize,
    /// Not 0: follow a replica that is in good order, to spare the primary; the primary where there is none. What a replica has not received
    /// can't be seen there, and it is sent later.
    pub prefer_replica: c_int,
    /// The ACL user at the Sentinels, which have their own. NULL: the default user.
    pub user: *const c_char,
    /// The password there. NULL: none is sent.
    pub password: *const c_char,
    /// Its length in bytes; 0: it ends with NUL.
    pub password_len: usize,
    /// Speak TLS with the Sentinels. NULL: no TLS. (redtail_options.tls is for the servers.)
    pub tls: *const redtail_tls,
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
    };
}

/// # Safety
/// `given` and what it points to are as the header asks.
pub(super) unsafe fn read(given: *const redtail_sentinel) -> Result<Sentinel, (redtail_status, String)> {
    let wrong = |words: String| (REDTAIL_ERROR_ARGUMENT, words);
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
    let sentinel = Sentinel::new(addresses, name).map_err(|error| {
        let status =
            if matches!(error, SentinelError::Target(_)) { REDTAIL_ERROR_ADDRESS } else { REDTAIL_ERROR_ARGUMENT };
        (status, error.to_string())
    })?;
    let sentinel = sentinel.prefer_replica(given.prefer_replica != 0).sentinel_login(move || Ok(login.clone()));
    Ok(tls.on(Asked(sentinel)).0)
}

/// The Sentinels themselves, not the servers.
struct Asked(Sentinel);

impl OverTls for Asked {
    #[cfg(feature = "tls")]
    fn over(self, tls: Tls) -> Self {
        Self(self.0.sentinel_tls(tls))
    }
}

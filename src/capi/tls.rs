//! TLS for followers (in builds with the feature tls): what is trusted, and who we are

use std::ffi::{c_char, c_int};

#[cfg(feature = "tls")]
use crate::capi::boundary::text;
use crate::capi::structs::sized;
use crate::net::Builder;
#[cfg(feature = "tls")]
use crate::net::Tls;
#[cfg(feature = "tls")]
use crate::net::Verify;
use crate::topology::{Cluster, Sentinel};

/// How much of the server's certificate is verified.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_verify {
    /// The chain up to a trusted authority, the dates, and the name.
    REDTAIL_VERIFY_FULL = 0,
    /// Chain and dates, but not the name; a certificate that ca_file or ca_folder holds itself is accepted as it is.
    REDTAIL_VERIFY_AUTHORITY = 1,
    /// Nothing: whoever sits in between can read and change everything, the password included.
    REDTAIL_VERIFY_NOTHING = 2,
}

/// How to speak TLS. You fill it; what it points to is copied. 0 and NULL are the defaults. Files are PEM, and are read anew for every
/// link. If your own code speaks TLS, use a session instead: it does not know what carries its bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_tls {
    /// sizeof(redtail_tls)
    pub struct_size: usize,
    /// One of redtail_verify.
    pub verify: c_int,
    /// A file with the authorities to trust. With neither this nor ca_folder: those the system trusts.
    pub ca_file: *const c_char,
    /// A folder with files of authorities to trust.
    pub ca_folder: *const c_char,
    /// Our own certificate, for servers that ask for one; and
    pub certificate: *const c_char,
    /// its private key.
    pub key: *const c_char,
    /// The name to ask the server for and to expect in its certificate. NULL: the host of the address.
    pub server_name: *const c_char,
}

impl redtail_tls {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        verify: 0,
        ca_file: std::ptr::null(),
        ca_folder: std::ptr::null(),
        certificate: std::ptr::null(),
        key: std::ptr::null(),
        server_name: std::ptr::null(),
    };
}

/// What a [`redtail_tls`] comes to.
#[derive(Debug, Clone, Default)]
pub(super) struct ChosenTls {
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

/// What can be told to speak TLS.
pub(super) trait OverTls: Sized {
    #[cfg(feature = "tls")]
    fn over(self, tls: Tls) -> Self;
}

impl OverTls for Builder {
    #[cfg(feature = "tls")]
    fn over(self, tls: Tls) -> Self {
        self.tls(tls)
    }
}

impl OverTls for Sentinel {
    #[cfg(feature = "tls")]
    fn over(self, tls: Tls) -> Self {
        self.tls(tls)
    }
}

impl OverTls for Cluster {
    #[cfg(feature = "tls")]
    fn over(self, tls: Tls) -> Self {
        self.tls(tls)
    }
}

impl ChosenTls {
    #[cfg(feature = "tls")]
    pub(super) fn on<T: OverTls>(&self, it: T) -> T {
        match &self.tls {
            Some(tls) => it.over(tls.clone()),
            None => it,
        }
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_self, reason = "the same call in every build")]
    pub(super) fn on<T: OverTls>(&self, it: T) -> T {
        it
    }
}

/// # Safety
/// `tls` and what it points to are as the header asks; NULL: no TLS.
pub(super) unsafe fn read(tls: *const redtail_tls) -> Result<ChosenTls, String> {
    if tls.is_null() {
        return Ok(ChosenTls::default());
    }
    // SAFETY: as promised.
    unsafe { chosen(&sized(tls, redtail_tls::DEFAULT, "redtail_tls")?) }
}

#[cfg(not(feature = "tls"))]
unsafe fn chosen(_: &redtail_tls) -> Result<ChosenTls, String> {
    Err("tls is set, and this library was built without: build it with the feature tls (make FEATURES=capi,tls)".into())
}

#[cfg(feature = "tls")]
unsafe fn chosen(given: &redtail_tls) -> Result<ChosenTls, String> {
    let word = |pointer: *const c_char, name: &str| -> Result<Option<&str>, String> {
        if pointer.is_null() {
            return Ok(None);
        }
        // SAFETY: text that ends with NUL, as promised to `read`.
        unsafe { text(pointer) }.map(Some).map_err(|what| format!("{name} {what}"))
    };
    let mut tls = Tls::new().verify(match given.verify {
        x if x == redtail_verify::REDTAIL_VERIFY_FULL as c_int => Verify::Full,
        x if x == redtail_verify::REDTAIL_VERIFY_AUTHORITY as c_int => Verify::Authority,
        x if x == redtail_verify::REDTAIL_VERIFY_NOTHING as c_int => Verify::Nothing,
        other => return Err(format!("verify is {other}, which is no redtail_verify")),
    });
    if let Some(file) = word(given.ca_file, "ca_file")? {
        tls = tls.ca_file(file);
    }
    if let Some(folder) = word(given.ca_folder, "ca_folder")? {
        tls = tls.ca_folder(folder);
    }
    tls = match (word(given.certificate, "certificate")?, word(given.key, "key")?) {
        (Some(certificate), Some(key)) => tls.identity(certificate, key),
        (None, None) => tls,
        _ => return Err("certificate and key are given together, or neither of them".into()),
    };
    if let Some(name) = word(given.server_name, "server_name")? {
        tls = tls.server_name(name);
    }
    Ok(ChosenTls { tls: Some(tls) })
}

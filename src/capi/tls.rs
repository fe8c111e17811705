//! TLS for followers (in builds with the feature tls)

use std::ffi::{c_char, c_int};
use std::mem::offset_of;

#[cfg(feature = "tls")]
use crate::capi::boundary::text;
use crate::capi::structs::{CallerStruct, sized};
#[cfg(feature = "tls")]
use crate::net::Tls;
#[cfg(feature = "tls")]
use crate::net::Verify;
use crate::net::{Builder, Dial};
use crate::topology::Sentinel;

/// The checks of the server's certificate.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_verify {
    /// The chain up to a trusted authority, the dates, and the name.
    REDTAIL_VERIFY_FULL = 0,
    /// The chain and the dates, but not the name. Certificates in ca_file or ca_folder are accepted as they are.
    REDTAIL_VERIFY_AUTHORITY = 1,
    /// Nothing. Anyone on the network path can read and change everything, including the password.
    REDTAIL_VERIFY_NOTHING = 2,
}

/// TLS settings. Filled by the caller, copied by the library; 0 and NULL select the defaults. Files are PEM,
/// and are read again for every connection. If your own code speaks TLS, use a session, which never sees the
/// transport.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_tls {
    /// sizeof(redtail_tls)
    pub struct_size: usize,
    /// One of redtail_verify.
    pub verify: c_int,
    /// A file with trusted authorities. Without ca_file and ca_folder: those of the system.
    pub ca_file: *const c_char,
    /// A folder with files of trusted authorities.
    pub ca_folder: *const c_char,
    /// The client certificate, for servers that require one. Only together with key.
    pub certificate: *const c_char,
    /// The private key of the client certificate.
    pub key: *const c_char,
    /// The name to request from the server and to expect in its certificate. NULL: the host of the address.
    pub server_name: *const c_char,
}

impl CallerStruct for redtail_tls {
    const SHORTEST: usize = offset_of!(Self, server_name) + size_of::<*const u8>();
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

/// The checked form of a [`redtail_tls`].
#[derive(Debug, Clone, Default)]
pub(super) struct ChosenTls {
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

impl ChosenTls {
    pub(super) const fn is_set(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// For the servers.
    pub(super) fn on<S: Dial>(&self, builder: Builder<S>) -> Builder<S> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return builder.tls(tls.clone());
        }
        builder
    }

    /// For the Sentinels.
    pub(super) fn on_sentinels(&self, builder: Builder<Sentinel>) -> Builder<Sentinel> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return builder.sentinel_tls(tls.clone());
        }
        builder
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
    Err("tls is set, but this library was built without TLS: build it with the feature tls (make FEATURES=capi,tls)"
        .into())
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
        other => return Err(format!("verify is {other}, which is not a redtail_verify")),
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
        _ => return Err("certificate and key: set both or neither".into()),
    };
    if let Some(name) = word(given.server_name, "server_name")? {
        tls = tls.server_name(name);
    }
    Ok(ChosenTls { tls: Some(tls) })
}

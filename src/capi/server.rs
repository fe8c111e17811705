//! Servers: product and version, and what follows from them

use std::ffi::{c_char, c_int};
use std::fmt::Write;

use crate::base::excerpt::Excerpt;
use crate::capi::basics::*;
use crate::capi::boundary::{call, text, there};
use crate::capi::names::name_of;
use crate::capi::rdb_item::redtail_rdb_magic;
use crate::rdb::{Format, Magic};
use crate::replication::{Product, Server, Version};

/// Size in bytes that suffices for any server as text, including the NUL.
pub const REDTAIL_SERVER_TEXT_SIZE: usize = 32;

/// The program that a server runs.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_product {
    /// Redis, or a server that reports a redis_version.
    REDTAIL_PRODUCT_REDIS = 1,
    /// Valkey.
    REDTAIL_PRODUCT_VALKEY = 2,
}

use redtail_product::*;
use redtail_rdb_magic::*;

/// Product and version of a server. The caller may fill it. Everything that differs between releases depends on it. A
/// version in development is 255.255.255. This struct never changes.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct redtail_server {
    /// One of redtail_product.
    pub product: c_int,
    /// The first number of the version. 8.10 is later than 8.9.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number.
    pub patch: u16,
    /// 0.
    pub reserved: u16,
}

/// Parses the product, "-" or a space, and two or three numbers: redis-7.0, "valkey 9.1.2". attached->server of an
/// event has this form.
///
/// Returns REDTAIL_OK and sets server; REDTAIL_NONE if the text has another form; REDTAIL_ERROR_ARGUMENT if a pointer
/// is NULL. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_server_parse(text: *const c_char, server: *mut redtail_server) -> c_int {
    call!(; out server; {
        if text.is_null() {
            return REDTAIL_ERROR_ARGUMENT;
        }
        // SAFETY: text that ends with NUL, as the header asks.
        let parsed = unsafe { self::text(text) }.ok().and_then(|text| text.parse::<Server>().ok());
        let Some(parsed) = parsed else { return REDTAIL_NONE };
        server.set(parsed.into());
        REDTAIL_OK
    })
}

/// Writes a server as text with a NUL, for example "redis 7.0.15". size: room in bytes; REDTAIL_SERVER_TEXT_SIZE always
/// suffices.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if a pointer is NULL, the product is unknown or the room is too small.
/// After an error nothing was written. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_server_format(server: *const redtail_server, text: *mut c_char, size: usize) -> c_int {
    call!(; out text; {
        // SAFETY: NULL or a server, as the header asks.
        let Some(server) = (unsafe { given(server) }) else { return REDTAIL_ERROR_ARGUMENT };
        let mut formatted: Excerpt<REDTAIL_SERVER_TEXT_SIZE> = Excerpt::EMPTY;
        let _ = write!(formatted, "{server}\0");
        if formatted.as_bytes().len() > size {
            return REDTAIL_ERROR_ARGUMENT;
        }
        // SAFETY: there is room for as many bytes, as just compared with what the caller says.
        unsafe { text.fill(formatted.as_bytes()) };
        REDTAIL_OK
    })
}

/// Whether the server is of this product, and of this release or a later one. A release is the major and the minor
/// number. HEXPIRE exists since Redis 7.4 and Valkey 9.0: ask for one, then for the other.
///
/// Returns 1 or 0; 0 also if server is NULL or its product is unknown. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_server_is_since(
    server: *const redtail_server,
    product: c_int,
    major: u16,
    minor: u16,
) -> c_int {
    let of = |wanted| (product == wanted as c_int).then_some((major, minor));
    // SAFETY: NULL or a server, as the header asks.
    let server = unsafe { given(server) };
    c_int::from(server.is_some_and(|server| server.is_since(of(REDTAIL_PRODUCT_REDIS), of(REDTAIL_PRODUCT_VALKEY))))
}

/// Whether the server is of a later release than those that this version of redtail was tested with. It may use
/// commands, types and snapshots that redtail does not know. attached->newer_than_tested of an event tells the same.
///
/// Returns 1 or 0; 0 also if server is NULL or its product is unknown. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_server_is_newer_than_tested(server: *const redtail_server) -> c_int {
    // SAFETY: NULL or a server, as the header asks.
    c_int::from(unsafe { given(server) }.is_some_and(|server| server.is_newer_than_tested()))
}

/// The latest release of a product that this version of redtail was tested with. The third number of the version is 0.
///
/// Returns REDTAIL_OK and sets server; REDTAIL_ERROR_ARGUMENT if server is NULL or the product is unknown. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_product_newest_tested(product: c_int, server: *mut redtail_server) -> c_int {
    call!(; out server; {
        let Some(product) = known(product) else { return REDTAIL_ERROR_ARGUMENT };
        let (major, minor) = product.newest_tested();
        server.set(Server::new(product, Version { major, minor, patch: 0 }).into());
        REDTAIL_OK
    })
}

/// The snapshot format that the server writes, which is the latest that it reads: one of redtail_rdb_magic, and the
/// version. For a release that is newer than redtail: the latest known format.
///
/// Returns REDTAIL_OK and sets magic and version; REDTAIL_ERROR_ARGUMENT if a pointer is NULL or the product is
/// unknown. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_server_snapshot_format(
    server: *const redtail_server,
    magic: *mut c_int,
    version: *mut u64,
) -> c_int {
    call!(; out magic, out version; {
        // SAFETY: NULL or a server, as the header asks.
        let Some(server) = (unsafe { given(server) }) else { return REDTAIL_ERROR_ARGUMENT };
        let format = server.snapshot_format();
        magic.set(match format.magic {
            Magic::Redis => REDTAIL_RDB_MAGIC_REDIS,
            Magic::Valkey => REDTAIL_RDB_MAGIC_VALKEY,
        } as c_int);
        version.set(format.version.into());
        REDTAIL_OK
    })
}

/// Whether the server loads snapshots and payloads of this format: each of its product, up to its own. Valkey also
/// loads those of Redis up to 7.2. magic and version: as in a REDTAIL_RDB_ITEM_START, or of
/// redtail_server_snapshot_format.
///
/// Returns 1 or 0; 0 also if server is NULL, or its product, magic or version is unknown. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_server_reads(server: *const redtail_server, magic: c_int, version: u64) -> c_int {
    let magic = match magic {
        x if x == REDTAIL_RDB_MAGIC_REDIS as c_int => Magic::Redis,
        x if x == REDTAIL_RDB_MAGIC_VALKEY as c_int => Magic::Valkey,
        _ => return 0,
    };
    let Ok(version) = u16::try_from(version) else { return 0 };
    // SAFETY: NULL or a server, as the header asks.
    c_int::from(unsafe { given(server) }.is_some_and(|server| server.reads(Format { magic, version })))
}

/// The name of a redtail_product: "redis" or "valkey"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_product_name(product: c_int) -> *const c_char {
    name_of!(product, "REDTAIL_PRODUCT_",
        REDTAIL_PRODUCT_REDIS
        REDTAIL_PRODUCT_VALKEY
    )
}

/// `None` if the pointer is NULL or the product is unknown.
///
/// # Safety
/// `server` is NULL or points to one.
unsafe fn given(server: *const redtail_server) -> Option<Server> {
    // SAFETY: NULL or a server, as the caller promises.
    let server = unsafe { there(server) }?;
    let redtail_server { product, major, minor, patch, .. } = *server;
    Some(Server::new(known(product)?, Version { major, minor, patch }))
}

fn known(product: c_int) -> Option<Product> {
    match product {
        x if x == REDTAIL_PRODUCT_REDIS as c_int => Some(Product::Redis),
        x if x == REDTAIL_PRODUCT_VALKEY as c_int => Some(Product::Valkey),
        _ => None,
    }
}

impl From<Server> for redtail_server {
    fn from(server: Server) -> Self {
        let product = match server.product {
            Product::Redis => REDTAIL_PRODUCT_REDIS,
            Product::Valkey => REDTAIL_PRODUCT_VALKEY,
        };
        let Version { major, minor, patch } = server.version;
        Self { product: product as c_int, major, minor, patch, reserved: 0 }
    }
}

//! Options of sessions and followers: every default surprises no primary

use std::ffi::{c_char, c_int};
use std::ptr::copy_nonoverlapping;
use std::time::Duration;

use crate::base::limits::{BUFFER_CAPACITY, Limits, MAX_DEPTH};
use crate::capi::basics::*;
use crate::capi::boundary::{call, text};
use crate::capi::position::redtail_position;
use crate::capi::tls::redtail_tls;
use crate::capi::{position, tls};
use crate::net::{Login, Timeouts};
use crate::replication::{Ack, Backoff, OnGap, Options, ReplicaLabel, SnapshotForm, Start};

/// For silence_ms: never. For other times: as long as it takes.
pub const REDTAIL_FOREVER: u64 = u64::MAX;

/// Where to start.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_start {
    /// With the next write. The primary is asked for a snapshot with nothing in it (about 200 bytes) and forks once. Redis 7.0 and
    /// later, and Valkey; on older servers as REDTAIL_START_NOW_WITHOUT_FORK.
    REDTAIL_START_NOW = 0,
    /// With the next write, from the position that INFO tells. Needs an existing backlog and permission for INFO.
    REDTAIL_START_NOW_WITHOUT_FORK = 1,
    /// With the whole data set, then the writes after it. The primary forks and sends everything.
    REDTAIL_START_SNAPSHOT = 2,
    /// After redtail_options.position.
    REDTAIL_START_AT = 3,
    /// With the old SYNC: the whole data set, then the writes; no position, no resuming.
    REDTAIL_START_SYNC = 4,
}

/// What to do when history was lost. The gap itself always comes as an event.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_on_gap {
    /// End with REDTAIL_ERROR_HISTORY_LOST.
    REDTAIL_ON_GAP_STOP = 0,
    /// Go on with the writes from now on.
    REDTAIL_ON_GAP_CONTINUE = 1,
    /// Take a snapshot, then go on with the writes after it.
    REDTAIL_ON_GAP_SNAPSHOT = 2,
}

/// What the primary is told of our progress, each second.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_ack {
    /// Offset 0: the link lives, and neither WAIT nor FAILOVER counts on us.
    REDTAIL_ACK_OBSERVE = 0,
    /// The offset received. WAIT counts us, though nothing is stored; a FAILOVER may choose us, which leaves the primary read-only.
    REDTAIL_ACK_RECEIVED = 1,
    /// What was given to redtail_..._commit. WAIT then means "my sink has it"; of FAILOVER the same as above holds.
    REDTAIL_ACK_APPLIED = 2,
}

pub(super) use redtail_ack::*;
pub(super) use redtail_on_gap::*;
pub(super) use redtail_start::*;

/// Everything a session or follower may be told. You fill it, best after redtail_options_init; what it points to is copied. 0 and
/// NULL are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_options {
    /// sizeof(redtail_options)
    pub struct_size: usize,
    /// One of redtail_start.
    pub start: c_int,
    /// One of redtail_on_gap.
    pub on_gap: c_int,
    /// One of redtail_ack.
    pub ack: c_int,
    /// Not 0: REDTAIL_START_NOW may fall back to a probe on servers before 7.0 without a backlog; the primary then dumps its data
    /// set to its own disk once.
    pub allow_probe: c_int,
    /// Not 0: try again when the very first attempt fails in a way that may pass.
    pub retry_first: c_int,
    /// Not 0: ask for a snapshot again when one breaks off. Each attempt makes the primary fork and send everything.
    pub retry_snapshot: c_int,
    /// Not 0: never reconnect. When the server closes the link, that is REDTAIL_CLOSED.
    pub no_reconnect: c_int,
    /// Not 0: the link is the only one there will be; as no_reconnect, and a start that needs a second one is an error.
    pub single_link: c_int,
    /// Not 0: SELECT, PING and REPLCONF come out as REDTAIL_EVENT_CONTROL.
    pub control: c_int,
    /// The port the primary shows for us; 0: none.
    pub listening_port: u16,
    /// For REDTAIL_START_AT.
    pub position: *const redtail_position,
    /// How the primary shows us in INFO and ROLE: 1 to 255 bytes without blanks. Default redtail.invalid.
    pub label: *const c_char,
    /// The ACL user. NULL: the default user.
    pub user: *const c_char,
    /// The password. NULL: none is sent.
    pub password: *const c_char,
    /// Its length in bytes; 0: it ends with NUL.
    pub password_len: usize,
    /// Commands with a bulk string of at least this many bytes (less than 1024 is read as 1024), or longer than limits.command, come in
    /// parts; 0: every command comes whole.
    pub parts: u64,
    /// How long the primary may be silent before the link counts as dead, in milliseconds. Default 60,000; REDTAIL_FOREVER: for ever.
    pub silence_ms: u64,
    /// The delay before the first reconnect, in milliseconds; it doubles with each attempt. Default 100.
    pub backoff_first_ms: u64,
    /// The longest delay. Default 10,000.
    pub backoff_longest_ms: u64,
    /// Attempts in a row before giving up; 0: never give up.
    pub backoff_attempts: u32,
    /// Size of the receive buffer in bytes. It grows for a longer command and shrinks again. Default 256 KiB; less than 1 KiB is read as
    /// 1 KiB; more than 1 GiB is an error.
    pub buffer_size: usize,
    /// Follower only: the time for connecting to each address, in milliseconds. Default 5,000.
    pub connect_timeout_ms: u64,
    /// Follower only: the time for a write, in milliseconds. Default 10,000; REDTAIL_FOREVER: for ever.
    pub write_timeout_ms: u64,
    /// NULL: the defaults.
    pub limits: *const redtail_limits,
    /// Not 0: a snapshot comes as REDTAIL_EVENT_SNAPSHOT_ITEM: keys and their elements; 0: as its bytes.
    pub snapshot_items: c_int,
    /// Not 0: items also from a snapshot of a version from the future, or one that holds broken values: what can be passed over is, and
    /// REDTAIL_RDB_ITEM_SKIPPED says so. 0: such a snapshot is an error.
    pub lenient: c_int,
    /// Follower only: speak TLS. NULL: no TLS. An error where the library was built without.
    pub tls: *const redtail_tls,
}

/// Sets all options to their defaults and struct_size to size, which is to be sizeof(redtail_options).
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if options is NULL or the size can't be: larger than this library's, whose header is then
/// older than yours, or of no struct at all. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_options_init(options: *mut redtail_options, size: usize) -> c_int {
    call!(; out options; {
        if !is_prefix::<redtail_options>(size) {
            return REDTAIL_ERROR_ARGUMENT;
        }
        let defaults = redtail_options { struct_size: size, ..redtail_options::DEFAULT };
        // SAFETY: not NULL; there is room for so many bytes, as the header asks, and the defaults have at least as many.
        unsafe { copy_nonoverlapping((&raw const defaults).cast::<u8>(), options.pointer().cast(), size) };
        REDTAIL_OK
    })
}

/// What the options of a session or follower come to.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) options: Options,
    pub(super) login: Login,
    pub(super) buffer: usize,
    pub(super) patience: Patience,
    pub(super) tls: tls::Chosen,
}

impl Default for Chosen {
    fn default() -> Self {
        Self {
            options: Options::default(),
            login: Login::default(),
            buffer: 1024,
            patience: Patience::default(),
            tls: tls::Chosen::default(),
        }
    }
}

/// The time limits that were chosen; the others depend on what is connected to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    connect: Option<Duration>,
    write: Option<Option<Duration>>,
}

impl Patience {
    pub(super) fn over(self, default: Timeouts) -> Timeouts {
        let (connect, write) = (self.connect.unwrap_or(default.connect), self.write.unwrap_or(default.write));
        Timeouts { connect, write, ..default }
    }
}

const LARGEST_BUFFER: usize = 1 << 30;

/// # Safety
/// `options` and what it points to are as the header asks; NULL stands for the defaults, of which `pauses` are those between attempts.
pub(super) unsafe fn read(options: *const redtail_options, pauses: Backoff) -> Result<Chosen, String> {
    // SAFETY: as promised.
    let given = unsafe { sized(options, redtail_options::DEFAULT, "redtail_options")? };
    let silence = match given.silence_ms {
        0 => Options::default().silence,
        REDTAIL_FOREVER => None,
        ms => Some(Duration::from_millis(ms)),
    };
    let buffer = or(given.buffer_size, BUFFER_CAPACITY).max(1024);
    if buffer > LARGEST_BUFFER {
        return Err(format!("buffer_size is {buffer}: at most {LARGEST_BUFFER}"));
    }
    // SAFETY: as promised, for each of the pointers in it.
    let (start, label, limits, login) =
        unsafe { (start(&given)?, label(&given)?, limits(given.limits)?, login(&given)?) };
    let options = Options {
        start,
        on_gap: on_gap(given.on_gap)?,
        ack: ack(given.ack)?,
        allow_probe: given.allow_probe != 0,
        retry_first: given.retry_first != 0,
        retry_snapshot: given.retry_snapshot != 0,
        single_link: given.single_link != 0,
        control: given.control != 0,
        parts: (given.parts > 0).then_some(given.parts),
        label,
        listening_port: (given.listening_port > 0).then_some(given.listening_port),
        backoff: backoff(&given, pauses),
        silence,
        seed: crate::io::random(),
        limits,
        snapshot: if given.snapshot_items == 0 { SnapshotForm::Bytes } else { SnapshotForm::Items },
        lenient: given.lenient != 0,
    };
    // SAFETY: as promised.
    let tls = unsafe { tls::read(given.tls)? };
    Ok(Chosen { options, login, buffer, patience: patience(&given), tls })
}

/// # Safety
/// As [`read`].
pub(super) unsafe fn limits(limits: *const redtail_limits) -> Result<Limits, String> {
    // SAFETY: as promised.
    let given = unsafe { sized(limits, redtail_limits::DEFAULT, "redtail_limits")? };
    let default = Limits::DEFAULT;
    Ok(Limits {
        bulk: or(given.bulk, default.bulk),
        command: or(given.command, default.command),
        arguments: or(given.arguments, default.arguments),
        depth: or(given.depth, default.depth).min(MAX_DEPTH),
        line: or(given.line, default.line),
    })
}

/// A struct whose first field is its size, as the caller's header has it. An older header knows only the first fields; the others
/// keep their defaults.
///
/// # Safety
/// `given` is NULL or points to as many bytes as its struct_size says.
pub(super) unsafe fn sized<T: Copy>(given: *const T, default: T, name: &str) -> Result<T, String> {
    if given.is_null() {
        return Ok(default);
    }
    if !given.is_aligned() {
        return Err(format!("the pointer to {name} is not aligned"));
    }
    // SAFETY: the first field of all these structs is a size, and is there whatever the size says.
    let size = unsafe { *given.cast::<usize>() };
    if !is_prefix::<T>(size) {
        let most = size_of::<T>();
        return Err(if size > most {
            format!("struct_size of {name} is {size}, and this library knows {most}: its header is older than yours")
        } else {
            format!("struct_size of {name} is {size}: set it to sizeof({name})")
        });
    }
    let mut whole = default;
    // SAFETY: both have so many bytes, and any bytes make a T, which is made of numbers and pointers.
    unsafe { copy_nonoverlapping(given.cast::<u8>(), (&raw mut whole).cast(), size) };
    Ok(whole)
}

/// A struct of this size, whose first field is its size, is all of `T` or its first fields.
const fn is_prefix<T>(size: usize) -> bool {
    size >= size_of::<usize>() && size <= size_of::<T>() && size.is_multiple_of(align_of::<T>())
}

unsafe fn start(given: &redtail_options) -> Result<Start, String> {
    Ok(match given.start {
        x if x == REDTAIL_START_NOW as c_int => Start::Now,
        x if x == REDTAIL_START_NOW_WITHOUT_FORK as c_int => Start::NowWithoutFork,
        x if x == REDTAIL_START_SNAPSHOT as c_int => Start::Snapshot,
        x if x == REDTAIL_START_SYNC as c_int => Start::Sync,
        x if x == REDTAIL_START_AT as c_int => {
            // SAFETY: NULL or a position, as promised to `read`.
            let position = unsafe { position::read(given.position) };
            let position = position.ok_or("REDTAIL_START_AT needs a position")?;
            Start::At(position.to_position().ok_or("position is none: ids are 40 hexadecimal digits")?)
        }
        other => return Err(format!("start is {other}, which is no redtail_start")),
    })
}

fn on_gap(number: c_int) -> Result<OnGap, String> {
    Ok(match number {
        x if x == REDTAIL_ON_GAP_STOP as c_int => OnGap::Stop,
        x if x == REDTAIL_ON_GAP_CONTINUE as c_int => OnGap::Continue,
        x if x == REDTAIL_ON_GAP_SNAPSHOT as c_int => OnGap::Snapshot,
        other => return Err(format!("on_gap is {other}, which is no redtail_on_gap")),
    })
}

fn ack(number: c_int) -> Result<Ack, String> {
    Ok(match number {
        x if x == REDTAIL_ACK_OBSERVE as c_int => Ack::Observe,
        x if x == REDTAIL_ACK_RECEIVED as c_int => Ack::Received,
        x if x == REDTAIL_ACK_APPLIED as c_int => Ack::Applied,
        other => return Err(format!("ack is {other}, which is no redtail_ack")),
    })
}

unsafe fn label(given: &redtail_options) -> Result<ReplicaLabel, String> {
    if given.label.is_null() {
        return Ok(ReplicaLabel::default());
    }
    // SAFETY: text that ends with NUL, as promised to `read`.
    let label = unsafe { text(given.label) }.map_err(|what| format!("label {what}"))?;
    ReplicaLabel::new(label).ok_or_else(|| "label is to be 1 to 255 bytes without blanks".into())
}

unsafe fn login(given: &redtail_options) -> Result<Login, String> {
    // SAFETY: as promised to `read`.
    unsafe { credentials(given.user, given.password, given.password_len) }
}

/// # Safety
/// `user` is NULL or ends with NUL; `password` is NULL or has `len` bytes, or ends with NUL where `len` is 0.
pub(super) unsafe fn credentials(user: *const c_char, password: *const c_char, len: usize) -> Result<Login, String> {
    let mut login = Login::default();
    if !user.is_null() {
        // SAFETY: as promised.
        login.user = Some(unsafe { text(user) }.map_err(|what| format!("user {what}"))?.to_owned());
    }
    if !password.is_null() {
        // SAFETY: as promised.
        let bytes = unsafe {
            match len {
                0 => Some(std::ffi::CStr::from_ptr(password).to_bytes()),
                len => super::boundary::bytes(password, len),
            }
        };
        login.password = Some(bytes.ok_or("password_len is longer than memory")?.to_vec());
    }
    Ok(login)
}

fn backoff(given: &redtail_options, default: Backoff) -> Backoff {
    if given.no_reconnect != 0 {
        return Backoff::OFF;
    }
    Backoff {
        first: if given.backoff_first_ms > 0 { Duration::from_millis(given.backoff_first_ms) } else { default.first },
        longest: if given.backoff_longest_ms > 0 {
            Duration::from_millis(given.backoff_longest_ms)
        } else {
            default.longest
        },
        attempts: (given.backoff_attempts > 0).then_some(given.backoff_attempts),
    }
}

fn patience(given: &redtail_options) -> Patience {
    // A time-out beyond a year is refused by some systems.
    let limit = |ms: u64| Duration::from_millis(ms.min(31_536_000_000));
    Patience {
        connect: (given.connect_timeout_ms > 0).then(|| limit(given.connect_timeout_ms)),
        write: match given.write_timeout_ms {
            0 => None,
            REDTAIL_FOREVER => Some(None),
            ms => Some(Some(limit(ms))),
        },
    }
}

fn or<T: Default + PartialEq>(given: T, default: T) -> T {
    if given == T::default() { default } else { given }
}

impl redtail_options {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        start: 0,
        on_gap: 0,
        ack: 0,
        allow_probe: 0,
        retry_first: 0,
        retry_snapshot: 0,
        no_reconnect: 0,
        single_link: 0,
        control: 0,
        listening_port: 0,
        position: std::ptr::null(),
        label: std::ptr::null(),
        user: std::ptr::null(),
        password: std::ptr::null(),
        password_len: 0,
        parts: 0,
        silence_ms: 0,
        backoff_first_ms: 0,
        backoff_longest_ms: 0,
        backoff_attempts: 0,
        buffer_size: 0,
        connect_timeout_ms: 0,
        write_timeout_ms: 0,
        limits: std::ptr::null(),
        snapshot_items: 0,
        lenient: 0,
        tls: std::ptr::null(),
    };
}

impl redtail_limits {
    const DEFAULT: Self = Self { struct_size: size_of::<Self>(), bulk: 0, command: 0, arguments: 0, depth: 0, line: 0 };
}

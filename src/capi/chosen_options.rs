//! The options of the caller, checked and in the form of the library.

use std::ffi::c_int;
use std::time::Duration;

use crate::base::limits::BUFFER_CAPACITY;
use crate::capi::boundary::text;
use crate::capi::limits::or;
use crate::capi::options::*;
use crate::capi::structs::sized;
use crate::capi::tls::ChosenTls;
use crate::capi::{limits, login, tls};
use crate::net::{Builder, Dial, Login};
use crate::replication::{Ack, Backoff, OnGap, Options, ReplicaLabel, SnapshotForm, Start};

/// The options of a session or follower.
#[derive(Debug)]
pub(super) struct ChosenOptions {
    pub(super) options: Options,
    pub(super) login: Login,
    pub(super) buffer: usize,
    pub(super) timeouts: ChosenTimeouts,
    pub(super) tls: ChosenTls,
}

impl ChosenOptions {
    /// The same for a session, which has no socket.
    pub(super) fn without_socket(self) -> Result<Self, String> {
        let of_sockets = [
            ("tls", self.tls.is_set()),
            ("connect_timeout_ms", self.timeouts.connect.is_some()),
            ("write_timeout_ms", self.timeouts.write.is_some()),
        ];
        match of_sockets.iter().find(|(_, is_set)| *is_set) {
            Some((name, _)) => Err(format!("{name} is set, but a session has no socket: only a follower uses {name}")),
            None => Ok(self),
        }
    }
}

impl Default for ChosenOptions {
    fn default() -> Self {
        Self {
            options: Options::default(),
            login: Login::default(),
            buffer: 1024,
            timeouts: ChosenTimeouts::default(),
            tls: ChosenTls::default(),
        }
    }
}

/// The timeouts that the caller set. The others depend on the kind of connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ChosenTimeouts {
    connect: Option<Duration>,
    write: Option<Option<Duration>>,
}

impl ChosenTimeouts {
    pub(super) fn on<S: Dial>(self, mut builder: Builder<S>) -> Builder<S> {
        if let Some(limit) = self.connect {
            builder = builder.connect_timeout(limit);
        }
        match self.write {
            Some(limit) => builder.write_timeout(limit),
            None => builder,
        }
    }
}

const LARGEST_BUFFER: usize = 1 << 30;

const SHORTEST_SILENCE_MS: u64 = 1000;

/// # Safety
/// `options` is NULL for the defaults or as the header asks. `pauses`: the default pauses between attempts.
pub(super) unsafe fn read(options: *const redtail_options, pauses: Backoff) -> Result<ChosenOptions, String> {
    // SAFETY: as promised.
    let given = unsafe { sized(options, redtail_options::DEFAULT, "redtail_options")? };
    let silence = match given.silence_ms {
        0 => Options::default().silence,
        REDTAIL_FOREVER => None,
        ms if ms < SHORTEST_SILENCE_MS => {
            return Err(format!(
                "silence_ms is {ms}: at least {SHORTEST_SILENCE_MS}, the shortest period of a primary's PINGs"
            ));
        }
        ms => Some(Duration::from_millis(ms)),
    };
    let buffer = or(given.buffer_size, BUFFER_CAPACITY).max(1024);
    if buffer > LARGEST_BUFFER {
        return Err(format!("buffer_size is {buffer}: at most {LARGEST_BUFFER}"));
    }
    check_pairs(&given)?;
    // SAFETY: as promised, for each of the pointers in it.
    let (label, limits, login) = unsafe { (label(&given)?, limits::read(given.limits)?, login(&given)?) };
    let options = Options {
        start: start(&given)?,
        on_gap: on_gap(given.on_gap)?,
        ack: ack(given.ack)?,
        allow_probe: given.allow_probe != 0,
        retry_first: given.retry_first != 0,
        retry_snapshot: given.retry_snapshot != 0,
        retry_refused: (given.retry_refused_ms > 0).then(|| Duration::from_millis(given.retry_refused_ms)),
        single_link: given.single_link != 0,
        control: given.control != 0,
        parts: (given.parts > 0).then_some(given.parts),
        label,
        listening_port: (given.listening_port > 0).then_some(given.listening_port),
        backoff: backoff(&given, pauses)?,
        silence,
        seed: crate::io::random(),
        limits,
        snapshot: if given.snapshot_items == 0 { SnapshotForm::Bytes } else { SnapshotForm::Items },
        lenient: given.lenient != 0,
    };
    // SAFETY: as promised.
    let tls = unsafe { tls::read(given.tls)? };
    Ok(ChosenOptions { options, login, buffer, timeouts: timeouts(&given), tls })
}

fn start(given: &redtail_options) -> Result<Start, String> {
    Ok(match given.start {
        x if x == REDTAIL_START_NOW as c_int => Start::Now,
        x if x == REDTAIL_START_NOW_WITHOUT_FORK as c_int => Start::NowWithoutFork,
        x if x == REDTAIL_START_SNAPSHOT as c_int => Start::Snapshot,
        x if x == REDTAIL_START_SYNC as c_int => Start::Sync,
        x if x == REDTAIL_START_AT as c_int => {
            let position = given.position.to_position();
            Start::At(position.ok_or("REDTAIL_START_AT needs a position, whose ids are 40 hexadecimal digits")?)
        }
        other => return Err(format!("start is {other}, which is not a redtail_start")),
    })
}

fn on_gap(number: c_int) -> Result<OnGap, String> {
    Ok(match number {
        x if x == REDTAIL_ON_GAP_STOP as c_int => OnGap::Stop,
        x if x == REDTAIL_ON_GAP_CONTINUE as c_int => OnGap::Continue,
        x if x == REDTAIL_ON_GAP_SNAPSHOT as c_int => OnGap::Snapshot,
        other => return Err(format!("on_gap is {other}, which is not a redtail_on_gap")),
    })
}

fn ack(number: c_int) -> Result<Ack, String> {
    Ok(match number {
        x if x == REDTAIL_ACK_OBSERVE as c_int => Ack::Observe,
        x if x == REDTAIL_ACK_RECEIVED as c_int => Ack::Received,
        x if x == REDTAIL_ACK_APPLIED as c_int => Ack::Applied,
        other => return Err(format!("ack is {other}, which is not a redtail_ack")),
    })
}

unsafe fn label(given: &redtail_options) -> Result<ReplicaLabel, String> {
    if given.label.is_null() {
        return Ok(ReplicaLabel::default());
    }
    // SAFETY: text that ends with NUL, as promised to `read`.
    let label = unsafe { text(given.label) }.map_err(|what| format!("label {what}"))?;
    ReplicaLabel::new(label).ok_or_else(|| "label must have 1 to 255 bytes and no blanks".into())
}

unsafe fn login(given: &redtail_options) -> Result<Login, String> {
    // SAFETY: as promised to `read`.
    unsafe { login::read(given.user, given.password, given.password_len) }
}

fn backoff(given: &redtail_options, default: Backoff) -> Result<Backoff, String> {
    if given.no_reconnect != 0 {
        return Ok(Backoff::OFF);
    }
    let or_default = |ms: u64, default| if ms > 0 { Duration::from_millis(ms) } else { default };
    let (first, longest) =
        (or_default(given.backoff_first_ms, default.first), or_default(given.backoff_longest_ms, default.longest));
    if given.backoff_first_ms > 0 && first > longest {
        let (first, longest) = (first.as_millis(), longest.as_millis());
        return Err(format!("backoff_first_ms is {first}, more than backoff_longest_ms, which is {longest}: set both"));
    }
    Ok(Backoff { first, longest, attempts: (given.backoff_attempts > 0).then_some(given.backoff_attempts) })
}

/// Refuses an option that another one leaves without effect: an option is never ignored.
fn check_pairs(given: &redtail_options) -> Result<(), String> {
    if given.position.replid[0] != 0 && given.start != REDTAIL_START_AT as c_int {
        return Err("position is set, but start does not use it: set start to REDTAIL_START_AT".into());
    }
    if given.lenient != 0 && given.snapshot_items == 0 {
        return Err("lenient is set, but snapshots are delivered as bytes: set snapshot_items".into());
    }
    // A program that saves its position starts at it the next time, with the options of its first run.
    let is_for_probes = [REDTAIL_START_NOW as c_int, REDTAIL_START_AT as c_int].contains(&given.start);
    if given.allow_probe != 0 && !is_for_probes && given.on_gap != REDTAIL_ON_GAP_CONTINUE as c_int {
        return Err("allow_probe is set, but only REDTAIL_START_NOW and REDTAIL_ON_GAP_CONTINUE use a probe".into());
    }
    if given.start == REDTAIL_START_SYNC as c_int && given.on_gap != REDTAIL_ON_GAP_STOP as c_int {
        return Err("on_gap is set, but a stream of REDTAIL_START_SYNC has no position to resume from".into());
    }
    let off = match (given.no_reconnect, given.single_link) {
        (0, 0) => return Ok(()),
        (0, _) => "single_link",
        _ => "no_reconnect",
    };
    let of_reconnects = [
        ("retry_first", given.retry_first != 0),
        ("retry_snapshot", given.retry_snapshot != 0),
        ("retry_refused_ms", given.retry_refused_ms > 0),
        ("backoff_first_ms", given.backoff_first_ms > 0),
        ("backoff_longest_ms", given.backoff_longest_ms > 0),
        ("backoff_attempts", given.backoff_attempts > 0),
    ];
    match of_reconnects.iter().find(|(_, is_set)| *is_set) {
        Some((name, _)) => {
            Err(format!("{name} and {off} are set, but {off} excludes every retry: set only one of them"))
        }
        None => Ok(()),
    }
}

fn timeouts(given: &redtail_options) -> ChosenTimeouts {
    // Some systems reject a timeout of more than a year.
    let limit = |ms: u64| Duration::from_millis(ms.min(31_536_000_000));
    ChosenTimeouts {
        connect: (given.connect_timeout_ms > 0).then(|| limit(given.connect_timeout_ms)),
        write: match given.write_timeout_ms {
            0 => None,
            REDTAIL_FOREVER => Some(None),
            ms => Some(Some(limit(ms))),
        },
    }
}

//! What a run is made of: its target, its format and the choices that decide whether an option has an effect.

/// A set of facts. `|` joins two sets.
pub(crate) type Facts = u64;

const fn fact(number: u32) -> Facts {
    1 << number
}

// The target.
pub(crate) const SERVER: Facts = fact(0);
pub(crate) const UNIX: Facts = fact(1);
pub(crate) const SENTINELS: Facts = fact(2);
/// A snapshot, or an append-only file that begins with one.
pub(crate) const DUMP: Facts = fact(3);
pub(crate) const COMMANDS: Facts = fact(4);
pub(crate) const DIRECTORY: Facts = fact(5);
/// A recording that contains its offsets.
pub(crate) const RECORDING: Facts = fact(6);
/// The bytes that a server sent, without the reply that contains the offset.
pub(crate) const BARE_RECORDING: Facts = fact(7);
pub(crate) const ANY_FILE: Facts = DUMP | COMMANDS | DIRECTORY | RECORDING | BARE_RECORDING;
/// One file, with offsets of its own.
pub(crate) const ONE_FILE: Facts = ANY_FILE & !DIRECTORY;

pub(crate) const ONE_SERVER: Facts = fact(8);
pub(crate) const ALL_SHARDS: Facts = fact(9);
pub(crate) const BY_PATH: Facts = fact(10);
pub(crate) const READ_ONCE: Facts = fact(11);

// The connections.
pub(crate) const TLS: Facts = fact(12);
pub(crate) const NO_TLS: Facts = fact(13);
/// TLS is a part of the address: `rediss://`.
pub(crate) const TLS_IN_ADDRESS: Facts = fact(14);
pub(crate) const SENTINEL_TLS: Facts = fact(15);

// The output.
pub(crate) const TEXT: Facts = fact(16);
pub(crate) const JSON: Facts = fact(17);
pub(crate) const RESP: Facts = fact(18);
/// Keys of a snapshot are printed, or may be.
pub(crate) const KEYS: Facts = fact(19);
pub(crate) const NO_KEYS: Facts = fact(20);
/// The target is emptied.
pub(crate) const EMPTIED: Facts = fact(21);
pub(crate) const ALL_COMMANDS: Facts = fact(22);

// The file that is written.
pub(crate) const NEW_FILE: Facts = fact(23);
pub(crate) const DEVICE: Facts = fact(24);
pub(crate) const STDOUT: Facts = fact(25);

// The start, and losses.
pub(crate) const NOW: Facts = fact(26);
pub(crate) const NOW_WITHOUT_FORK: Facts = fact(27);
pub(crate) const SNAPSHOT: Facts = fact(28);
pub(crate) const SYNC: Facts = fact(29);
pub(crate) const POSITION: Facts = fact(30);
pub(crate) const GAP_STOP: Facts = fact(31);
pub(crate) const GAP_CONTINUE: Facts = fact(32);
pub(crate) const OBSERVE: Facts = fact(33);
pub(crate) const CHECKPOINT: Facts = fact(34);

// The bytes of the input.
pub(crate) const COMPRESSED: Facts = fact(35);
/// The input is not compressed, or that is not known yet.
pub(crate) const PLAIN: Facts = fact(36);
/// The input is read as commands, a snapshot or a recording.
pub(crate) const NO_FRAMES: Facts = fact(37);

/// `yes` if the condition holds, else `no`.
pub(crate) fn either(condition: bool, yes: Facts, no: Facts) -> Facts {
    if condition { yes } else { no }
}

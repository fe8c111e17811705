//! The streams of all measurements: made from a fixed seed, the same on every machine.
//!
//! Included by path from the benches and from the packages next to them.
#![allow(dead_code, reason = "each bench uses some of it")]

mod commands;
mod random;
mod replies;
pub(crate) mod server;
mod snapshots;

use random::Random;

/// Default size of a corpus in bytes: too large for the branch predictor to learn.
pub(crate) const SIZE: usize = 64 << 20;

/// The content of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A command stream.
    Commands,
    /// A command stream with values to be delivered in parts.
    Large,
    /// RESP2 replies.
    Replies2,
    /// RESP3 replies.
    Replies3,
}

/// Name, kind, description.
pub(crate) const CORPORA: &[(&str, Kind, &str)] = &[
    ("small_set", Kind::Commands, "SET key:<12 digits> <16..64 random bytes>"),
    ("mixed", Kind::Commands, "thirteen commands, values of 2..400 random bytes"),
    ("captured", Kind::Commands, "what a real server sent its replica under redis-benchmark"),
    ("incr", Kind::Commands, "INCR counter:<n>"),
    ("alternating", Kind::Commands, "SET and INCR in turn"),
    ("runs", Kind::Commands, "runs of four of the same command"),
    ("random_lengths", Kind::Commands, "2..6 arguments, one to three digits of length each"),
    ("transactions", Kind::Commands, "MULTI SET HSET EXEC"),
    ("changing", Kind::Commands, "SET, with a length that changes each 40th command"),
    ("v1k", Kind::Commands, "SET with values of 1 KiB"),
    ("v64k", Kind::Large, "SET with values of 64 KiB"),
    ("v4m", Kind::Large, "SET with values of 1..4 MiB"),
    ("replies2", Kind::Replies2, "nested RESP2 replies"),
    ("replies3", Kind::Replies3, "nested RESP3 replies"),
    ("strings", Kind::Replies2, "arrays of fifty bulk strings"),
    ("short", Kind::Replies2, "single statuses, integers and values"),
];

/// Makes the corpus of this name: at least `size` bytes, ending after a whole item. [`server`] makes `captured`
/// instead. A name that begins with `rdb_` is that of a snapshot.
///
/// # Panics
/// If there is no corpus of this name.
pub(crate) fn make(name: &str, size: usize) -> Vec<u8> {
    let mut random = Random::new(0x9e37_79b9_7f4a_7c15);
    if name.starts_with("rdb_") {
        return snapshots::make(name, size, &mut random);
    }
    let mut bytes = Vec::with_capacity(size + (8 << 20));
    let mut number = 0;
    while bytes.len() < size {
        match name {
            "replies2" => replies::resp2(&mut bytes, &mut random),
            "replies3" => replies::resp3(&mut bytes, &mut random),
            "strings" => replies::strings(&mut bytes, &mut random),
            "short" => replies::short(&mut bytes, &mut random),
            _ => commands::push(name, &mut bytes, &mut random, number),
        }
        number += 1;
    }
    bytes
}

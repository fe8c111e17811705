//! Random numbers without a dependency.

use std::hash::{BuildHasher, RandomState};

/// A number that differs between calls and between processes. The keys of the standard library's hasher are its only
/// random numbers.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

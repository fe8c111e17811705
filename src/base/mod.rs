//! The types that every room uses: parser errors, limits, short texts, kinds of compression, the result of a
//! parser.

pub(crate) mod compression;
pub(crate) mod error;
pub(crate) mod excerpt;
pub(crate) mod limits;
#[cfg(feature = "std")]
pub(crate) mod speaker;
pub(crate) mod status;

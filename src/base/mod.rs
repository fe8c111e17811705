//! What every room uses: errors of the parsers, limits, short texts kept by value, the answer of a parser.

pub(crate) mod error;
pub(crate) mod excerpt;
pub(crate) mod limits;
pub(crate) mod status;

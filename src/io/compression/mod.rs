//! Compressed files: recognised by their first bytes, and decompressed with the feature `compression`.

#[cfg(feature = "compression")]
mod codec;
mod decompress_reader;
mod error;
#[cfg(feature = "compression")]
mod input;
#[cfg(feature = "compression")]
mod member;

pub use decompress_reader::DecompressReader;
pub use error::{CompressionError, CompressionErrorKind, MAX_WINDOW};

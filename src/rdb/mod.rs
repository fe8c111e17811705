//! The snapshot format of the servers (RDB): bytes in, keys and their elements out. Needs neither `std` nor an
//! allocator.
//!
//! [`Decoder`] reads the versions 1 to 17 of Redis and 80 to 81 of Valkey, with all types and encodings. It needs
//! constant memory: a hash of a hundred million fields needs no more than one of ten. Only the hash templates of Redis
//! 8.10 need more, which the caller supplies as [`TemplateMemory`].
//!
//! A key is delivered as [`Item::Key`], its elements, and [`Item::KeyEnd`]:
//!
//! ```
//! use redtail::rdb::{Decoder, Item, Role};
//! use redtail::resp::Status;
//!
//! // A hash as a listpack: {"a": "1"}.
//! let mut input: &[u8] = b"REDIS0010\x10\x01h\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff\xff\0\0\0\0\0\0\0\0";
//! let mut decoder = Decoder::new();
//! let mut texts = Vec::new();
//! while let Status::Complete(item) = decoder.next(&mut input)? {
//!     if let Item::Text(text) = item {
//!         texts.push((text.role, text.bytes.to_vec()));
//!     }
//! }
//! decoder.finish()?;
//! assert_eq!(texts, [(Role::Field, b"a".to_vec()), (Role::FieldValue, b"1".to_vec())]);
//! # Ok::<(), redtail::rdb::RdbError>(())
//! ```
//!
//! [`Dump`] reads the payload of a `RESTORE`, with the same items.
//!
//! | purpose | items |
//! | --- | --- |
//! | decoders | [`Decoder`], [`TemplateMemory`], [`Dump`], [`Poll`], [`Crc64`] |
//! | items | [`Item`], [`Key`], [`Type`], [`Role`], [`Text`], [`Entry`], [`StreamState`], [`StreamId`], [`ModuleId`], [`Checksum`] |
//! | formats | [`Format`], [`Magic`] |
//! | errors | [`RdbError`], [`RdbErrorKind`] |
//! | limits | [`WHOLE_TEXT`], [`SHARED_FIELDS`], [`MIN_INPUT`] |
//!
//! The format is taken from the servers' `rdb.c`, `listpack.c`, `ziplist.c`, `zipmap.c`, `intset.c` and `t_stream.c`.

mod checksum;
mod crc64;
mod decoder;
mod dump;
mod early_library;
mod error;
mod fast_path;
mod format;
mod item;
mod lzf;
mod opcode;
mod packed;
mod primitives;
mod raw;
mod sizes;
mod state;
mod stream;
mod stream_node;
mod string;
mod template_memory;
mod template_table;
mod templates;
mod text_range;
mod type_table;
mod value;

pub use crc64::Crc64;
pub use decoder::{Decoder, Poll};
pub use dump::Dump;
pub use error::{RdbError, RdbErrorKind};
pub use format::{Format, Magic};
pub use item::{Checksum, Entry, Item, Key, ModuleId, Role, StreamId, StreamState, Text, Type};
pub use sizes::{MIN_INPUT, SHARED_FIELDS, WHOLE_TEXT};
pub use template_memory::TemplateMemory;

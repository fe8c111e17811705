//! The meaning of type numbers: one table for each magic.

use crate::base::excerpt::Excerpt;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::format::{Format, Magic};
use crate::rdb::item::{Role, Type};
use crate::rdb::packed::PackedForm;

/// A column of a value that consists of rows. The columns of a row are in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Text(Role),
    /// Eight bytes of a double.
    BinaryScore,
    /// A byte with the length of a decimal text, or a mark for infinity or not-a-number.
    TextScore,
    /// In a packed form: a decimal text or an integer.
    PackedScore,
    /// The expiry of the next field or member: 0 for never, otherwise one more than the difference from the earliest
    /// expiry of the value.
    RelativeExpiry,
    /// The expiry of the next field in milliseconds since 1970; 0 for never.
    LengthExpiry,
    /// No bytes: the expiry read before the field or member is delivered here.
    ExpiryNow,
    /// The expiry after the value: eight bytes, -1 for never.
    BinaryExpiry,
    /// In a packed form: an integer, 0 for never.
    PackedExpiry,
    /// The index of an array element.
    Index,
    /// The tag of an array element, which defines its encoding.
    Tag,
    /// An array element.
    Tagged,
    /// In a packed form: the id of the hash's template, in front of the first row.
    Template,
    /// No bytes: the next field name of the hash's template.
    Name,
}

/// The layout of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One string.
    Text,
    /// A count, then that number of rows.
    Rows(&'static [Column]),
    /// The earliest expiry of the value, a count, then that number of rows.
    DatedRows(&'static [Column]),
    /// One packed string of rows.
    Packed(PackedForm, &'static [Column]),
    /// The earliest expiry of the value, then one packed string of rows.
    DatedPacked(PackedForm, &'static [Column]),
    /// A count, then that number of packed strings.
    Nodes(PackedForm),
    /// A count, then that number of nodes. A node is a number, then a string: one element or packed, as the number
    /// says.
    MarkedNodes,
    /// A stream of this generation, 1 to 5.
    Stream(u8),
    Module,
    Array,
    Rate,
    /// A hash with a template, which is inside of the value or in front of the keys. The values are a listpack or
    /// strings.
    Templated {
        is_inside: bool,
        is_packed: bool,
    },
    /// A hash of paths, each with fields.
    Paths,
}

/// The version of Redis 8.10. It gives the number of rate limiters to hash templates.
pub(super) const REDIS_8_10: u16 = 15;
/// The version of development between Redis 8.10 and 8.12. Its builds disagree on a number.
const AMBIGUOUS: u16 = 16;
const REDIS_8_12: u16 = 17;

use Column::{
    BinaryExpiry, BinaryScore, ExpiryNow, LengthExpiry, PackedExpiry, PackedScore, RelativeExpiry, Text, TextScore,
};

pub(super) const ELEMENT: &[Column] = &[Text(Role::Element)];
const MEMBER: &[Column] = &[Text(Role::Member)];
const PAIR: &[Column] = &[Text(Role::Field), Text(Role::FieldValue)];
pub(super) const TEMPLATE: &[Column] = &[Column::Template];
pub(super) const TEMPLATED: &[Column] = &[Column::Name, Text(Role::FieldValue)];
pub(super) const ARRAY: &[Column] = &[Column::Index, Column::Tag, Column::Tagged];

/// The type and layout of a type number, which depend on the version, too: a number may move.
pub(super) fn layout(format: Format, number: u8) -> Option<(Type, Layout)> {
    use Layout::{DatedPacked, DatedRows, Packed, Rows};
    use PackedForm::{Intset, Listpack, Ziplist, Zipmap};
    let is_8_10 = format.version >= REDIS_8_10;
    Some(match (number, format.magic) {
        (0, _) => (Type::String, Layout::Text),
        (1, _) => (Type::List, Rows(ELEMENT)),
        (2, _) => (Type::Set, Rows(MEMBER)),
        (3, _) => (Type::Zset, Rows(&[Text(Role::Member), TextScore])),
        (4, _) => (Type::Hash, Rows(PAIR)),
        (5, _) => (Type::Zset, Rows(&[Text(Role::Member), BinaryScore])),
        (7, _) => (Type::Module, Layout::Module),
        (9, _) => (Type::Hash, Packed(Zipmap, PAIR)),
        (10, _) => (Type::List, Packed(Ziplist, ELEMENT)),
        (11, _) => (Type::Set, Packed(Intset, MEMBER)),
        (12, _) => (Type::Zset, Packed(Ziplist, &[Text(Role::Member), PackedScore])),
        (13, _) => (Type::Hash, Packed(Ziplist, PAIR)),
        (14, _) => (Type::List, Layout::Nodes(Ziplist)),
        (15, _) => (Type::Stream, Layout::Stream(1)),
        (16, _) => (Type::Hash, Packed(Listpack, PAIR)),
        (17, _) => (Type::Zset, Packed(Listpack, &[Text(Role::Member), PackedScore])),
        (18, _) => (Type::List, Layout::MarkedNodes),
        (19, _) => (Type::Stream, Layout::Stream(2)),
        (20, _) => (Type::Set, Packed(Listpack, MEMBER)),
        (21, _) => (Type::Stream, Layout::Stream(3)),
        (22, Magic::Redis) => (Type::Hash, Rows(&[LengthExpiry, Text(Role::Field), Text(Role::FieldValue), ExpiryNow])),
        (23, Magic::Redis) => {
            (Type::Hash, Packed(Listpack, &[Text(Role::Field), Text(Role::FieldValue), PackedExpiry]))
        }
        (24, Magic::Redis) => {
            (Type::Hash, DatedRows(&[RelativeExpiry, Text(Role::Field), Text(Role::FieldValue), ExpiryNow]))
        }
        (25, Magic::Redis) => {
            (Type::Hash, DatedPacked(Listpack, &[Text(Role::Field), Text(Role::FieldValue), PackedExpiry]))
        }
        (26, Magic::Redis) => (Type::Stream, Layout::Stream(4)),
        (27, Magic::Redis) => (Type::Stream, Layout::Stream(5)),
        (28, Magic::Redis) => (Type::Array, Layout::Array),
        (29, Magic::Redis) if !is_8_10 => (Type::Rate, Layout::Rate),
        (29, Magic::Redis) => (Type::Hash, Layout::Templated { is_inside: true, is_packed: true }),
        (30, Magic::Redis) if is_8_10 => (Type::Hash, Layout::Templated { is_inside: false, is_packed: true }),
        (31, Magic::Redis) if is_8_10 => (Type::Hash, Layout::Templated { is_inside: true, is_packed: false }),
        (32, Magic::Redis) if is_8_10 => (Type::Hash, Layout::Templated { is_inside: false, is_packed: false }),
        (33, Magic::Redis) if is_8_10 && format.version != AMBIGUOUS => (Type::Rate, Layout::Rate),
        (34, Magic::Redis) if format.version >= REDIS_8_12 => {
            (Type::Set, DatedPacked(Listpack, &[Text(Role::Member), PackedExpiry]))
        }
        (35, Magic::Redis) if format.version >= REDIS_8_12 => {
            (Type::Set, DatedRows(&[RelativeExpiry, Text(Role::Member), ExpiryNow]))
        }
        (22, Magic::Valkey) => (Type::Hash, Rows(&[Text(Role::Field), Text(Role::FieldValue), BinaryExpiry])),
        (23, Magic::Valkey) => (Type::PathHash, Layout::Paths),
        _ => return None,
    })
}

/// The reason why a known number can't be read.
pub(super) fn refused(format: Format, number: u8) -> Option<&'static str> {
    // The version of the snapshots of Dragonfly and KeyDB, which number their own types and opcodes.
    const OTHERS: u16 = 9;
    match (number, format.magic) {
        (6, _) => Some("values of modules before Redis 4.0 don't contain their length"),
        (246, Magic::Valkey) => Some("functions of a release candidate of Redis 7.0, which Valkey refuses too"),
        (101 | 102, Magic::Redis) => Some("an opcode of Redis Enterprise, whose length is not known"),
        (33, Magic::Redis) if format.version == AMBIGUOUS => {
            Some("a rate limiter or a bitmap, depending on the build of a version in development")
        }
        (36, Magic::Redis) if format.version > AMBIGUOUS => Some("probably a roaring bitmap of Redis 8.12"),
        (64, Magic::Redis) if format.version == OTHERS => Some("a cron job of KeyDB"),
        (30..=37, Magic::Redis) if format.version == OTHERS => Some("a type of Dragonfly, which no other server loads"),
        (200..=203 | 210 | 211 | 220 | 222..=224, Magic::Redis) if format.version == OTHERS => {
            Some("an opcode of Dragonfly, which no other server loads")
        }
        _ => None,
    }
}

/// Whether a format has an opcode of this number.
pub(super) const fn is_opcode(format: Format, number: u8) -> bool {
    match (number, format.magic) {
        (241, Magic::Redis) => format.version >= AMBIGUOUS,
        (242, Magic::Redis) => format.version >= REDIS_8_10,
        (246, Magic::Valkey) => false,
        (242, Magic::Valkey) | (243.., _) => true,
        _ => false,
    }
}

/// Reads the magic and version.
///
/// # Errors
/// A version that no server has: from 80 on the magic is that of Valkey, and a version far beyond today's is damage.
pub(super) fn magic(bytes: &[u8; 9]) -> Result<Format, RdbErrorKind> {
    let not_rdb = RdbErrorKind::NotRdb(Excerpt::new(bytes));
    let (magic, digits) = match bytes {
        [b'R', b'E', b'D', b'I', b'S', digits @ ..] => (Magic::Redis, &digits[..]),
        [b'V', b'A', b'L', b'K', b'E', b'Y', digits @ ..] => (Magic::Valkey, &digits[..]),
        _ => return Err(not_rdb),
    };
    let version = digits
        .iter()
        .try_fold(0, |version: u16, digit| digit.is_ascii_digit().then(|| version * 10 + u16::from(digit - b'0')))
        .ok_or(not_rdb)?;
    let versions = match magic {
        Magic::Redis => 1..=79,
        Magic::Valkey => 80..=199,
    };
    let format = Format { magic, version };
    if versions.contains(&version) { Ok(format) } else { Err(RdbErrorKind::UnknownVersion(format)) }
}

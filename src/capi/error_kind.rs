//! Kinds of errors: the reason of a failure as a number, for parsers and RDB decoders

use std::ffi::{c_char, c_int};

use crate::base::error::ProtocolErrorKind;
use crate::capi::names::name_of;
use crate::rdb::RdbErrorKind;

/// The kinds of REDTAIL_ERROR_PROTOCOL and REDTAIL_ERROR_LIMIT of a parser: see redtail_parser_error_kind.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_protocol_error {
    /// A byte that the grammar does not allow here.
    REDTAIL_PROTOCOL_ERROR_UNEXPECTED = 1,
    /// A length or count that is not a plain decimal number.
    REDTAIL_PROTOCOL_ERROR_INVALID_LENGTH = 2,
    /// Text that is not the integer, double, boolean or big number that its type announces.
    REDTAIL_PROTOCOL_ERROR_INVALID_VALUE = 3,
    /// A payload without CR LF after it.
    REDTAIL_PROTOCOL_ERROR_MISSING_CRLF = 4,
    /// A string longer than redtail_limits.bulk.
    REDTAIL_PROTOCOL_ERROR_BULK_TOO_LONG = 5,
    /// A command or frame longer than redtail_limits.command.
    REDTAIL_PROTOCOL_ERROR_COMMAND_TOO_LONG = 6,
    /// More arguments or elements than redtail_limits.arguments.
    REDTAIL_PROTOCOL_ERROR_TOO_MANY_ARGUMENTS = 7,
    /// Aggregates nested deeper than redtail_limits.depth.
    REDTAIL_PROTOCOL_ERROR_TOO_DEEP = 8,
    /// A line longer than redtail_limits.line, or in a frame longer than redtail_limits.reply_line.
    REDTAIL_PROTOCOL_ERROR_LINE_TOO_LONG = 9,
    /// An inline command with unbalanced quotes.
    REDTAIL_PROTOCOL_ERROR_UNBALANCED_QUOTES = 10,
}

/// The kinds of REDTAIL_ERROR_SNAPSHOT of an RDB decoder: see redtail_rdb_error_kind.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_error {
    /// The first nine bytes are not the magic of a snapshot.
    REDTAIL_RDB_ERROR_NOT_RDB = 1,
    /// The hash templates need more than redtail_limits.templates.
    REDTAIL_RDB_ERROR_TEMPLATES = 2,
    /// A type or opcode that the format does not have.
    REDTAIL_RDB_ERROR_UNKNOWN_NUMBER = 3,
    /// A known type or opcode that cannot be decoded.
    REDTAIL_RDB_ERROR_REFUSED = 4,
    /// An unknown encoding inside a value.
    REDTAIL_RDB_ERROR_UNKNOWN_ENCODING = 5,
    /// A value outside its range.
    REDTAIL_RDB_ERROR_INVALID = 6,
    /// An element that is longer than its container.
    REDTAIL_RDB_ERROR_OVERRUN = 7,
    /// Two numbers that contradict each other.
    REDTAIL_RDB_ERROR_MISMATCH = 8,
    /// Invalid LZF data.
    REDTAIL_RDB_ERROR_COMPRESSION = 9,
    /// The checksum does not match the bytes.
    REDTAIL_RDB_ERROR_CHECKSUM = 10,
    /// The input ends before the snapshot does.
    REDTAIL_RDB_ERROR_TRUNCATED = 11,
    /// The snapshot is compressed, or in the VCS envelope of Valkey. The message names a command that decompresses
    /// it.
    REDTAIL_RDB_ERROR_COMPRESSED = 12,
    /// A version that no server has.
    REDTAIL_RDB_ERROR_UNKNOWN_VERSION = 13,
}

use redtail_protocol_error::*;
use redtail_rdb_error::*;

/// The name of a redtail_protocol_error, for example "unexpected"; "unknown" for other numbers. Static. Any
/// thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_protocol_error_name(kind: c_int) -> *const c_char {
    name_of!(kind, "REDTAIL_PROTOCOL_ERROR_",
        REDTAIL_PROTOCOL_ERROR_UNEXPECTED
        REDTAIL_PROTOCOL_ERROR_INVALID_LENGTH
        REDTAIL_PROTOCOL_ERROR_INVALID_VALUE
        REDTAIL_PROTOCOL_ERROR_MISSING_CRLF
        REDTAIL_PROTOCOL_ERROR_BULK_TOO_LONG
        REDTAIL_PROTOCOL_ERROR_COMMAND_TOO_LONG
        REDTAIL_PROTOCOL_ERROR_TOO_MANY_ARGUMENTS
        REDTAIL_PROTOCOL_ERROR_TOO_DEEP
        REDTAIL_PROTOCOL_ERROR_LINE_TOO_LONG
        REDTAIL_PROTOCOL_ERROR_UNBALANCED_QUOTES
    )
}

/// The name of a redtail_rdb_error, for example "not_rdb"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_rdb_error_name(kind: c_int) -> *const c_char {
    name_of!(kind, "REDTAIL_RDB_ERROR_",
        REDTAIL_RDB_ERROR_NOT_RDB
        REDTAIL_RDB_ERROR_TEMPLATES
        REDTAIL_RDB_ERROR_UNKNOWN_NUMBER
        REDTAIL_RDB_ERROR_REFUSED
        REDTAIL_RDB_ERROR_UNKNOWN_ENCODING
        REDTAIL_RDB_ERROR_INVALID
        REDTAIL_RDB_ERROR_OVERRUN
        REDTAIL_RDB_ERROR_MISMATCH
        REDTAIL_RDB_ERROR_COMPRESSION
        REDTAIL_RDB_ERROR_CHECKSUM
        REDTAIL_RDB_ERROR_TRUNCATED
        REDTAIL_RDB_ERROR_COMPRESSED
        REDTAIL_RDB_ERROR_UNKNOWN_VERSION
    )
}

pub(super) const fn protocol_error(kind: &ProtocolErrorKind) -> redtail_protocol_error {
    use ProtocolErrorKind as Kind;
    match kind {
        Kind::Unexpected { .. } => REDTAIL_PROTOCOL_ERROR_UNEXPECTED,
        Kind::InvalidLength(_) => REDTAIL_PROTOCOL_ERROR_INVALID_LENGTH,
        Kind::InvalidValue(_) => REDTAIL_PROTOCOL_ERROR_INVALID_VALUE,
        Kind::MissingCrlf { .. } => REDTAIL_PROTOCOL_ERROR_MISSING_CRLF,
        Kind::BulkTooLong { .. } => REDTAIL_PROTOCOL_ERROR_BULK_TOO_LONG,
        Kind::CommandTooLong { .. } => REDTAIL_PROTOCOL_ERROR_COMMAND_TOO_LONG,
        Kind::TooManyArguments { .. } => REDTAIL_PROTOCOL_ERROR_TOO_MANY_ARGUMENTS,
        Kind::TooDeep { .. } => REDTAIL_PROTOCOL_ERROR_TOO_DEEP,
        Kind::LineTooLong { .. } => REDTAIL_PROTOCOL_ERROR_LINE_TOO_LONG,
        Kind::UnbalancedQuotes => REDTAIL_PROTOCOL_ERROR_UNBALANCED_QUOTES,
    }
}

pub(super) const fn rdb_error(kind: &RdbErrorKind) -> redtail_rdb_error {
    use RdbErrorKind as Kind;
    match kind {
        Kind::NotRdb(_) => REDTAIL_RDB_ERROR_NOT_RDB,
        Kind::UnknownVersion(_) => REDTAIL_RDB_ERROR_UNKNOWN_VERSION,
        Kind::Templates { .. } => REDTAIL_RDB_ERROR_TEMPLATES,
        Kind::UnknownNumber { .. } => REDTAIL_RDB_ERROR_UNKNOWN_NUMBER,
        Kind::Refused { .. } => REDTAIL_RDB_ERROR_REFUSED,
        Kind::UnknownEncoding { .. } => REDTAIL_RDB_ERROR_UNKNOWN_ENCODING,
        Kind::Invalid { .. } => REDTAIL_RDB_ERROR_INVALID,
        Kind::Overrun { .. } => REDTAIL_RDB_ERROR_OVERRUN,
        Kind::Mismatch { .. } => REDTAIL_RDB_ERROR_MISMATCH,
        Kind::Compression(_) => REDTAIL_RDB_ERROR_COMPRESSION,
        Kind::Checksum { .. } => REDTAIL_RDB_ERROR_CHECKSUM,
        Kind::Compressed(_) => REDTAIL_RDB_ERROR_COMPRESSED,
        Kind::Truncated(_) => REDTAIL_RDB_ERROR_TRUNCATED,
    }
}

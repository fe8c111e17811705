//! A reply, in a form common to all parsers.

use redtail::resp::{Frame, Kind};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Text(Vec<u8>),
    Error(Vec<u8>),
    Bulk(Vec<u8>),
    Integer(i64),
    /// The bits. All NaNs are equal.
    Double(u64),
    Boolean(bool),
    BigNumber(Vec<u8>),
    Verbatim([u8; 3], Vec<u8>),
    Array(Vec<Value>),
    /// Alternating keys and values.
    Map(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    /// A value that redtail does not have.
    Attributes,
}

impl Value {
    pub(crate) fn double(number: f64) -> Self {
        Self::Double(if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() })
    }

    pub(crate) fn of(frame: Frame<'_>) -> Self {
        let bytes = || frame.as_bytes().map_or_else(|| frame.chunks().flatten().copied().collect(), <[u8]>::to_vec);
        let items = || frame.items().map(Self::of).collect();
        match frame.kind() {
            Kind::Null | Kind::Attribute => Self::Null,
            Kind::SimpleString => Self::Text(bytes()),
            Kind::Error | Kind::BulkError => Self::Error(bytes()),
            Kind::BulkString => Self::Bulk(bytes()),
            Kind::Integer => Self::Integer(frame.as_i64().unwrap()),
            Kind::Double => Self::double(frame.as_f64().unwrap()),
            Kind::Boolean => Self::Boolean(frame.as_bool().unwrap()),
            Kind::BigNumber => Self::BigNumber(bytes()),
            Kind::VerbatimString => Self::Verbatim(*frame.verbatim().unwrap().0, bytes()),
            Kind::Array => Self::Array(items()),
            Kind::Map => Self::Map(items()),
            Kind::Set => Self::Set(items()),
            Kind::Push => Self::Push(items()),
        }
    }
}

//! Serde for byte strings and commands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::owned::command::OwnedCommand;
use crate::replication::{Position, ReplicationId};

/// An [`OwnedCommand`] as it is serialized.
#[derive(serde::Serialize, serde::Deserialize)]
struct Shape {
    offset: u64,
    db: Option<u32>,
    tx: Option<u64>,
    received_ms: Option<u64>,
    position: Option<Position>,
    history: Option<ReplicationId>,
    args: Vec<Bytes>,
}

impl Serialize for OwnedCommand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let &Self { offset, db, tx, received_ms, position, history, .. } = self;
        let args = self.args().map(|arg| Bytes(arg.to_vec())).collect();
        Shape { offset, db, tx, received_ms, position, history, args }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OwnedCommand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Shape { offset, db, tx, received_ms, position, history, args } = Shape::deserialize(deserializer)?;
        let mut command = Self::new(offset, args.iter().map(|arg| arg.0.as_slice()));
        (command.db, command.tx, command.received_ms) = (db, tx, received_ms);
        (command.position, command.history) = (position, history);
        Ok(command)
    }
}

/// For fields that hold bytes: `#[serde(with = "…")]`.
pub(super) mod bytes {
    use serde::de::{Deserialize, Deserializer};
    use serde::ser::Serializer;

    use super::Bytes;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        Bytes::deserialize(deserializer).map(|bytes| bytes.0)
    }
}

/// Bytes, where the format has them; otherwise a sequence of numbers.
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kept;

        impl<'de> Visitor<'de> for Kept {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(bytes))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = numbers.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }

        deserializer.deserialize_byte_buf(Kept)
    }
}

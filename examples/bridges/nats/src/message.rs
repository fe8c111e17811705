//! A message and its body: one JSON object, which docs/bridge-messages.md describes.

use std::io::{self, Write};

use base64::display::Base64Display;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use redtail::topology::{Migration, MigrationTask};
use redtail::{Position, StreamCommand};
use serde_json::{Value, json};

pub(crate) struct Message {
    pub(crate) partition: u16,
    /// The id by which the broker deduplicates.
    pub(crate) id: String,
    /// Copies share this id.
    pub(crate) body: Bytes,
}

impl Message {
    pub(crate) fn size(&self) -> usize {
        self.id.len() + self.body.len()
    }

    /// The index of the message in its transaction, within its partition: a consumer sees when the transaction is
    /// complete.
    pub(crate) fn number(&mut self, at: usize, of: usize) {
        let mut body: Vec<u8> = std::mem::take(&mut self.body).into();
        body.extend_from_slice(format!(",\"tx_at\":{at},\"tx_of\":{of}}}").as_bytes());
        self.body = body.into();
    }

    /// Changes before this position are not in the stream.
    pub(crate) fn begin(shard: Option<&str>, at: Position, partitions: u16) -> impl Iterator<Item = Self> {
        Self::note("begin", "begin", shard, at, json!({ "position": at.to_string() }), partitions)
    }

    /// Changes after `from` are missing: the results of earlier ones may be wrong, and consumers must know.
    pub(crate) fn gap(
        shard: Option<&str>,
        from: Position,
        to: Option<Position>,
        missed: Option<u64>,
        partitions: u16,
    ) -> impl Iterator<Item = Self> {
        let (at, kind) = to.map_or((from, "lost"), |to| (to, "gap"));
        let body = json!({ "from": from.to_string(), "to": to.map(|to| to.to_string()), "missed": missed });
        Self::note("gap", kind, shard, at, body, partitions)
    }

    /// One message for each partition about an event that is no command.
    fn note(
        event: &str,
        kind: &str,
        shard: Option<&str>,
        at: Position,
        mut body: Value,
        partitions: u16,
    ) -> impl Iterator<Item = Self> + use<> {
        let id = format!("{}:{}:{kind}", at.history, at.offset);
        body["event"] = event.into();
        body["id"] = id.clone().into();
        body["offset"] = at.offset.into();
        if let Some(shard) = shard {
            body["shard"] = shard.into();
        }
        Self::copies((0..partitions).collect(), &id, &Bytes::from(body.to_string()))
    }

    /// A message to each of these partitions. The deduplication window covers the whole stream: copies under one id
    /// would be dropped as repetitions.
    pub(crate) fn copies(partitions: Vec<u16>, id: &str, body: &Bytes) -> impl Iterator<Item = Self> + use<> {
        let (id, body, is_alone) = (id.to_owned(), body.clone(), partitions.len() == 1);
        partitions.into_iter().map(move |partition| {
            let id = if is_alone { id.clone() } else { format!("{id}@{partition}") };
            Self { partition, id, body: body.clone() }
        })
    }
}

/// The size of a message besides its body: headers, and the fields added to a body at the end of its transaction.
pub(crate) const OVERHEAD: usize = 512;

/// The body of a command without its last brace, to append fields. `None` if it would exceed `largest`.
pub(crate) fn body(
    command: &StreamCommand<'_>,
    id: &str,
    shard: Option<&str>,
    migration: Option<&Migration<'_>>,
    largest: usize,
) -> io::Result<Option<Vec<u8>>> {
    // JSON never shortens its input.
    if command.args().map(|arg| arg.len() + 3).sum::<usize>() > largest {
        return Ok(None);
    }
    let body = with_arguments(command, id, shard, migration, usize::MAX, usize::MAX)?;
    Ok(Some(body).filter(|body| body.len() <= largest))
}

/// The same, with only as many arguments as fit.
pub(crate) fn shortened(
    command: &StreamCommand<'_>,
    id: &str,
    shard: Option<&str>,
    migration: Option<&Migration<'_>>,
    largest: usize,
) -> io::Result<Vec<u8>> {
    // The mildest omission first: the longest argument is usually the value.
    for (longest, most) in [(largest / 4, 1000), (4096, 1000), (64, 1000), (64, 64), (64, 8), (0, 1)] {
        let body = with_arguments(command, id, shard, migration, longest, most)?;
        if body.len() <= largest {
            return Ok(body);
        }
    }
    with_arguments(command, id, shard, migration, 0, 0)
}

/// Adds all partitions of a message with several.
pub(crate) fn copies(body: &mut Vec<u8>, partitions: &[u16]) {
    if partitions.len() > 1 {
        let all: Vec<String> = partitions.iter().map(u16::to_string).collect();
        body.extend_from_slice(format!(",\"partitions\":[{}]", all.join(",")).as_bytes());
    }
}

/// Adds a list of strings.
pub(crate) fn arguments<'a>(body: &mut Vec<u8>, args: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    body.push(b'[');
    for (at, arg) in args.enumerate() {
        if at > 0 {
            body.push(b',');
        }
        argument(body, arg)?;
    }
    body.push(b']');
    Ok(())
}

/// Adds a string if the bytes are valid UTF-8, else `{"base64":"…"}`.
pub(crate) fn argument(body: &mut Vec<u8>, bytes: &[u8]) -> io::Result<()> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(serde_json::to_writer(body, text)?),
        Err(_) => write!(body, "{{\"base64\":\"{}\"}}", Base64Display::new(bytes, &BASE64_STANDARD)),
    }
}

fn with_arguments(
    command: &StreamCommand<'_>,
    id: &str,
    shard: Option<&str>,
    migration: Option<&Migration<'_>>,
    longest: usize,
    most: usize,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::with_capacity(256);
    write!(body, "{{\"event\":\"command\",\"id\":\"{id}\",\"offset\":{},\"db\":", command.offset)?;
    match command.db {
        Some(db) => write!(body, "{db}")?,
        None => body.extend_from_slice(b"null"),
    }
    match command.tx {
        Some(tx) => write!(body, ",\"tx\":true,\"tx_id\":{tx}")?,
        None => body.extend_from_slice(b",\"tx\":false"),
    }
    if let Some(received_ms) = command.received_ms {
        write!(body, ",\"received_ms\":{received_ms}")?;
    }
    if let Some(shard) = shard {
        write!(body, ",\"shard\":\"{shard}\"")?;
    }
    if let Some(migration) = migration {
        write!(body, ",\"migration\":\"{}\"", migration.as_str())?;
        if let Some(MigrationTask { id, source, target, side, slots, .. }) = migration.task() {
            // Ids are letters and digits.
            write!(body, ",\"task\":{{\"id\":\"{id}\",\"source\":\"{source}\",\"target\":\"{target}\"")?;
            write!(body, ",\"side\":\"{}\",\"slots\":\"{slots}\"}}", side.as_str())?;
        }
    }
    body.extend_from_slice(b",\"args\":[");
    for (at, arg) in command.args().take(most).enumerate() {
        if at > 0 {
            body.push(b',');
        }
        match arg.len() > longest {
            true => write!(body, "{{\"omitted\":{}}}", arg.len())?,
            false => argument(&mut body, arg)?,
        }
    }
    body.push(b']');
    match command.argc().saturating_sub(most) {
        0 => {}
        more => write!(body, ",\"omitted_args\":{more}")?,
    }
    Ok(body)
}

//! The readers of a snapshot.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};

use redtail::owned::Collector;
use redtail::owned::Value;
use redtail::owned::Whole;
use redtail::rdb::{Decoder, Item, Role};
use redtail::resp::Status;

pub struct Reader {
    pub name: &'static str,
    pub run: fn(&Path) -> io::Result<Option<Found>>,
}

/// The contents of a snapshot, in two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    pub keys: u64,
    /// Of values, elements, members and fields, without keys.
    pub bytes: u64,
}

pub const READERS: [Reader; 6] = [
    Reader { name: "redtail items", run: |file| items(file, Decoder::new()).map(Some) },
    Reader { name: "without checksum", run: |file| items(file, Decoder::new().without_checksum()).map(Some) },
    Reader { name: "one item a call", run: |file| single_items(file).map(Some) },
    Reader { name: "redtail whole keys", run: |file| whole(file).map(Some) },
    Reader { name: "rdb 0.4", run: |file| rdb_crate(file).map(Some) },
    Reader { name: "redis-check-rdb", run: |file| check_rdb(file).map(|()| None) },
];

/// The buffer of each reader.
pub const BUFFER: usize = 256 << 10;

fn items(file: &Path, mut decoder: Decoder) -> io::Result<Found> {
    let mut found = Found::default();
    walk(file, &mut decoder, |item| {
        found.add(item);
        Ok(())
    })?;
    Ok(found)
}

impl Found {
    fn add(&mut self, item: Item<'_>) {
        match item {
            Item::Key(_) => self.keys += 1,
            Item::Text(text)
                if matches!(text.role, Role::Value | Role::Element | Role::Member | Role::Field | Role::FieldValue) =>
            {
                self.bytes += text.bytes.len() as u64;
            }
            _ => {}
        }
    }
}

fn whole(file: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    let mut collector = Collector::new(1 << 30);
    let sum = |texts: &[Vec<u8>]| texts.iter().map(|text| text.len() as u64).sum::<u64>();
    walk(file, &mut Decoder::new(), |item| {
        let whole = collector.take(item);
        if let Some(Whole::Omitted(omitted)) = &whole {
            return Err(io::Error::other(omitted.reason));
        }
        if let Some(Whole::Key(key)) = whole {
            found.keys += 1;
            found.bytes += match &key.value {
                Value::String(text) => text.len() as u64,
                Value::List(texts) => sum(texts),
                Value::Set(members) => members.iter().map(|member| member.member.len() as u64).sum(),
                Value::Zset(members) => members.iter().map(|(member, _)| member.len() as u64).sum(),
                Value::Hash(fields) => fields.iter().map(|field| (field.field.len() + field.value.len()) as u64).sum(),
                _ => 0,
            };
        }
        Ok(())
    })?;
    Ok(found)
}

fn walk(file: &Path, decoder: &mut Decoder, mut each: impl FnMut(Item<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut broken = Ok(());
    feed(file, |input| {
        let status = decoder.batch(input, |item| match each(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                broken = Err(error);
                ControlFlow::Break(())
            }
        });
        match status.map_err(io::Error::other)? {
            Status::Complete(()) | Status::Incomplete { needed: 0 } => Ok(false),
            Status::Incomplete { .. } => Ok(true),
        }
    })?;
    broken?;
    decoder.finish().map_err(io::Error::other)
}

fn single_items(file: &Path) -> io::Result<Found> {
    let (mut decoder, mut found) = (Decoder::new(), Found::default());
    feed(file, |input| {
        loop {
            match decoder.next(input).map_err(io::Error::other)? {
                Status::Complete(item) => found.add(item),
                Status::Incomplete { needed } => return Ok(needed > 0),
            }
        }
    })?;
    decoder.finish().map_err(io::Error::other)?;
    Ok(found)
}

/// Passes the file to `take`, which advances the slice past its consumed bytes, until `take` ends or the file does.
fn feed(file: &Path, mut take: impl FnMut(&mut &[u8]) -> io::Result<bool>) -> io::Result<()> {
    let mut file = File::open(file)?;
    let mut buffer = vec![0; BUFFER];
    let mut held = 0;
    loop {
        let count = file.read(&mut buffer[held..])?;
        let mut input = &buffer[..held + count];
        if count == 0 || !take(&mut input)? {
            return Ok(());
        }
        let from = held + count - input.len();
        buffer.copy_within(from..held + count, 0);
        held = held + count - from;
    }
}

fn rdb_crate(file: &Path) -> io::Result<Found> {
    let file = BufReader::with_capacity(BUFFER, File::open(file)?);
    let mut found = Found::default();
    let sum = |texts: &[Vec<u8>]| texts.iter().map(|text| text.len() as u64).sum::<u64>();
    for value in rdb::RdbDecoder::new(file, rdb::filter::Simple::new())
        .map_err(|error| io::Error::other(format!("{error:?}")))?
    {
        found.keys += 1;
        found.bytes += match value.map_err(|error| io::Error::other(format!("{error:?}")))? {
            rdb::RdbValue::String { value, .. } => value.len() as u64,
            rdb::RdbValue::List { values, .. } => sum(&values),
            rdb::RdbValue::Set { members, .. } => sum(&members),
            rdb::RdbValue::SortedSet { values, .. } => values.iter().map(|(_, member)| member.len() as u64).sum(),
            rdb::RdbValue::Hash { values, .. } => {
                values.iter().map(|(field, value)| (field.len() + value.len()) as u64).sum()
            }
            _ => {
                found.keys -= 1;
                0
            }
        };
    }
    Ok(found)
}

fn check_rdb(file: &Path) -> io::Result<()> {
    let status = Command::new("redis-check-rdb").arg(file).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("redis-check-rdb: {status}"))) }
}

/// Of this process and its finished children.
pub fn cpu_seconds() -> io::Result<f64> {
    let own = fs::read_to_string("/proc/self/schedstat")?;
    let own: f64 = own.split(' ').next().unwrap_or_default().parse().map_err(io::Error::other)?;
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    // Children count in ticks of 10 ms.
    Ok(own / 1e9 + (ticks(13) + ticks(14)) / 100.0)
}

//! Runs the decoder over bytes that arrive in pieces.

use std::ops::ControlFlow;

use redtail::io::TemplateBuffer;
use redtail::rdb::{Decoder, Item, MIN_INPUT, Poll, RdbError, Role, TemplateMemory, WHOLE_TEXT};
use redtail::resp::Status;

/// An item by value. Strings and raw bytes are joined.
#[derive(Clone, PartialEq)]
pub(crate) enum Seen {
    Text(Role, Vec<u8>),
    /// The name, and the other attributes of the key.
    Key(Vec<u8>, String),
    Raw(Vec<u8>),
    Other(String),
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |bytes: &[u8]| format!("{} ({})", bytes[..bytes.len().min(60)].escape_ascii(), bytes.len());
        match self {
            Self::Text(role, bytes) => write!(f, "{role:?} {}", short(bytes)),
            Self::Key(name, rest) => write!(f, "Key {} {rest}", short(name)),
            Self::Raw(bytes) => write!(f, "Raw {}", short(bytes)),
            Self::Other(text) => write!(f, "{text}"),
        }
    }
}

/// The items that a decoder finds in `bytes`, which arrive up to each of `cuts` and then whole. Returns the bytes used
/// up.
pub(crate) fn run_with(decoder: Decoder, bytes: &[u8], cuts: &[usize]) -> (Vec<Seen>, Result<usize, RdbError>) {
    run_within(TemplateBuffer::default(), decoder, bytes, cuts)
}

/// The same with this memory for hash templates.
pub(crate) fn run_within<M: TemplateMemory + Clone>(
    memory: M,
    decoder: Decoder,
    bytes: &[u8],
    cuts: &[usize],
) -> (Vec<Seen>, Result<usize, RdbError>) {
    let decoder = decoder.with_templates(memory);
    let singly = singly(decoder.clone(), bytes, cuts);
    assert!(batched(decoder, bytes, cuts) == singly, "batches give something else than single items");
    singly
}

fn singly<M: TemplateMemory>(
    mut decoder: Decoder<M>,
    bytes: &[u8],
    cuts: &[usize],
) -> (Vec<Seen>, Result<usize, RdbError>) {
    let (mut seen, mut used) = (Vec::new(), 0);
    let mut whole_by = 0;
    for &arrived in cuts.iter().chain([&bytes.len()]) {
        loop {
            let shown = &bytes[used..arrived];
            let poll = match decoder.poll(shown) {
                Ok(poll) => poll,
                Err(error) => {
                    assert_eq!(decoder.poll(shown), Err(error), "an error is final");
                    assert_eq!(decoder.finish(), Err(error));
                    return (seen, Err(error));
                }
            };
            used += poll.used();
            assert_eq!(decoder.offset(), used as u64);
            match poll {
                Poll::Complete { .. } => {
                    assert!(arrived >= whole_by, "more bytes were asked for than needed");
                    take(&mut seen, decoder.item(shown).unwrap());
                }
                Poll::Incomplete { needed, .. } => {
                    assert!(decoder.item(shown).is_none());
                    assert_eq!(needed == 0, decoder.is_finished());
                    assert!(arrived - used < MIN_INPUT || decoder.is_finished(), "{} bytes are held", arrived - used);
                    whole_by = arrived + needed;
                    break;
                }
            }
        }
    }
    let end = decoder.finish().map(|()| used);
    (seen, end)
}

/// The same in batches, some of which break early.
fn batched<M: TemplateMemory>(
    mut decoder: Decoder<M>,
    bytes: &[u8],
    cuts: &[usize],
) -> (Vec<Seen>, Result<usize, RdbError>) {
    let (mut seen, mut used, mut items) = (Vec::new(), 0, 0);
    for &arrived in cuts.iter().chain([&bytes.len()]) {
        loop {
            let mut input = &bytes[used..arrived];
            let status = decoder.batch(&mut input, |item| {
                take(&mut seen, item);
                items += 1;
                if items % 7 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            used = arrived - input.len();
            match status {
                Err(error) => {
                    assert_eq!(decoder.batch(&mut input, |_| panic!("an item after an error")), Err(error));
                    return (seen, Err(error));
                }
                Ok(status) => {
                    assert_eq!(decoder.offset(), used as u64);
                    if let Status::Incomplete { needed } = status {
                        assert_eq!(needed == 0, decoder.is_finished());
                        break;
                    }
                }
            }
        }
    }
    let end = decoder.finish().map(|()| used);
    (seen, end)
}

pub(crate) fn run(bytes: &[u8], cuts: &[usize]) -> (Vec<Seen>, Result<usize, RdbError>) {
    run_with(Decoder::new(), bytes, cuts)
}

pub(crate) fn one_byte_at_a_time(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).collect()
}

pub(crate) fn take(seen: &mut Vec<Seen>, item: Item<'_>) {
    match item {
        Item::Key(key) => {
            assert!(key.name.is_first());
            assert!(key.name.is_whole() || key.name.length > WHOLE_TEXT as u64);
            let rest = key_facts(key.db, key.number, key.expire_at_ms, key.idle_s, key.frequency, key.no_evict);
            seen.push(Seen::Key(key.name.bytes.to_vec(), format!("{:?} {rest}", key.kind)));
        }
        Item::Text(text) => {
            assert!(text.is_whole() || text.length > WHOLE_TEXT as u64, "a short string in pieces: {text:?}");
            if text.is_first() {
                assert_ne!(text.role, Role::KeyName);
                return seen.push(Seen::Text(text.role, text.bytes.to_vec()));
            }
            assert!(!text.bytes.is_empty());
            let Some(Seen::Text(_, bytes) | Seen::Key(bytes, _)) = seen.last_mut() else { panic!("{text:?}") };
            assert_eq!(bytes.len() as u64, text.at);
            bytes.extend_from_slice(text.bytes);
            assert_eq!(bytes.len() as u64 == text.length, text.is_last());
        }
        Item::Raw { bytes: raw, last } => {
            assert!(!raw.is_empty());
            match seen.last_mut() {
                Some(Seen::Raw(bytes)) => bytes.extend_from_slice(raw),
                _ => seen.push(Seen::Raw(raw.to_vec())),
            }
            if last {
                seen.push(Seen::Other("end of raw bytes".into()));
            }
        }
        item => seen.push(Seen::Other(format!("{item:?}"))),
    }
}

pub(crate) fn key_facts(
    database: u32,
    number: u8,
    expire_at_ms: Option<i64>,
    idle_s: Option<u64>,
    frequency: Option<u8>,
    no_evict: bool,
) -> String {
    let facts = format!("db {database} type {number} expires {expire_at_ms:?} idle {idle_s:?} frequency {frequency:?}");
    if no_evict { facts + " never evicted" } else { facts }
}

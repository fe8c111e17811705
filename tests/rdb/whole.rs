//! Whole keys: every fact of their items, and no key over the limit.

use redtail::Status;
use redtail::owned::{ArrayElement, CollectError, Collector, Value, Whole};
use redtail::rdb::Decoder;

use crate::build::{File, atoms, listpack};
use crate::corpus::carried;
use crate::encodings::{large, small};
use crate::run::{Seen, run};

fn collect(bytes: &[u8], limit: usize) -> Result<Vec<Whole>, CollectError> {
    let (mut decoder, mut collector, mut whole) = (Decoder::new(), Collector::new(limit), Vec::new());
    let mut input = bytes;
    while let Status::Complete(item) = decoder.next(&mut input).unwrap() {
        whole.extend(collector.take(item)?);
    }
    decoder.finish().unwrap();
    Ok(whole)
}

fn texts(whole: &[Whole]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for whole in whole {
        let key = match whole {
            Whole::Aux { name, value } => {
                texts.extend([name.clone(), value.clone()]);
                continue;
            }
            Whole::Function(code) => {
                texts.push(code.clone());
                continue;
            }
            Whole::Key(key) => key,
            _ => continue,
        };
        texts.push(key.name.clone());
        match &key.value {
            Value::String(value) => texts.push(value.clone()),
            Value::List(list) | Value::Set(list) => texts.extend(list.clone()),
            Value::Zset(zset) => texts.extend(zset.iter().map(|(member, _)| member.clone())),
            Value::Hash(hash) => {
                texts.extend(hash.iter().flat_map(|field| [field.field.clone(), field.value.clone()]));
            }
            Value::Stream(stream) => {
                let fields = stream.entries.iter().flat_map(|entry| entry.fields.clone());
                texts.extend(fields.flat_map(|(field, value)| [field, value]));
                for group in &stream.groups {
                    texts.push(group.name.clone());
                    texts.extend(group.consumers.iter().map(|consumer| consumer.name.clone()));
                }
                for producer in &stream.producers {
                    texts.push(producer.name.clone());
                    texts.extend(producer.keys.iter().map(|(key, _)| key.clone()));
                }
            }
            Value::Array { elements, .. } => texts.extend(elements.iter().filter_map(|(_, element)| match element {
                ArrayElement::Text(text) => Some(text.clone()),
                _ => None,
            })),
            _ => {}
        }
    }
    texts
}

#[test]
fn whole_keys_have_every_string() {
    let files = small().into_iter().chain(large()).map(|(name, bytes)| (name.to_owned(), bytes));
    let files = files.chain(carried().into_iter().map(|snapshot| (snapshot.name, snapshot.bytes)));
    for (name, bytes) in files.filter(|(name, _)| !name.starts_with("stream") || name.len() == 8) {
        let found = texts(&collect(&bytes, 1 << 30).unwrap());
        let wanted: Vec<Vec<u8>> = run(&bytes, &[])
            .0
            .into_iter()
            .filter_map(|seen| match seen {
                Seen::Text(role, bytes) => {
                    let elsewhere = ["SharedField", "SlotImport", "Argument"];
                    (!elsewhere.contains(&format!("{role:?}").as_str())).then_some(bytes)
                }
                Seen::Key(name, _) => Some(name),
                _ => None,
            })
            .collect();
        assert!(found == wanted, "{name}");
    }
}

#[test]
fn dropped_stream_names_are_restored() {
    for name in ["stream", "stream, compressed"] {
        let (_, bytes) = large().into_iter().find(|(found, _)| *found == name).unwrap();
        let whole = collect(&bytes, 1 << 30).unwrap();
        let Whole::Key(key) = &whole[0] else { panic!("{whole:?}") };
        let Value::Stream(stream) = &key.value else { panic!("{key:?}") };
        let lengths: Vec<Vec<usize>> = stream
            .entries
            .iter()
            .map(|entry| entry.fields.iter().flat_map(|(field, value)| [field.len(), value.len()]).collect())
            .collect();
        let expected = [[4094, 12_282, 4094, 12_282], [4094, 12_282, 4095, 12_285], [20_000, 60_000, 5, 15]];
        assert_eq!(lengths, expected.map(|lengths| [lengths; 2]).concat());
    }
}

#[test]
fn whole_keys_keep_their_attributes() {
    let bytes = |name: &str| small().into_iter().find(|(found, _)| *found == name).unwrap().1;
    let first = |name: &str| collect(&bytes(name), 1 << 20).unwrap().remove(0);
    let Whole::Key(key) = first("stream 5") else { panic!() };
    let Value::Stream(stream) = key.value else { panic!() };
    assert_eq!(stream.groups.len(), 2);
    assert_eq!((stream.groups[0].read, stream.groups[1].read), (None, Some(7)));
    assert_eq!(stream.groups[1].pending[0].2, 9);
    assert_eq!(stream.groups[1].consumers[0].pending.len(), 1);
    assert_eq!(stream.groups[1].returned.len(), 1);
    assert_eq!((stream.idempotence, stream.idempotence_counts), (Some((3600, 100)), Some((11, 12))));
    let Whole::Key(key) = first("hash 24") else { panic!() };
    let Value::Hash(hash) = key.value else { panic!() };
    assert_eq!((hash[0].expire_at_ms, hash[1].expire_at_ms), (None, Some(1_700_000_000_098)));
    let Whole::Key(key) = first("metadata") else { panic!() };
    assert_eq!((key.metadata.len(), key.metadata[0].raw.len(), key.expire_at_ms), (2, 3, Some(5)));
    let Whole::ModuleAux { when: 1, raw, .. } = first("module's own") else { panic!() };
    assert_eq!(raw, b"\x05\x03abc\x00");
    let Whole::Key(key) = first("module") else { panic!() };
    let Value::Module { raw, .. } = key.value else { panic!() };
    assert!(bytes("module").windows(raw.len()).any(|window| window == raw));
}

#[test]
fn keys_over_the_limit_are_errors() {
    let set = File::new("REDIS0011").key(20, "s").string(listpack(&atoms!["a", "b", "c"])).end();
    assert!(collect(&set, 4 * 49).is_ok());
    let error = collect(&set, 4 * 49 - 1).unwrap_err();
    assert_eq!(error, CollectError::TooLarge { limit: 195 });
    // The limit applies to one key, not to all.
    let many = (0..100).fold(File::new("REDIS0011"), |file, _| file.key(0, "k").string("v")).end();
    assert_eq!(collect(&many, 200).unwrap().len(), 100);
}

//! Whole keys: every fact of their items, and no key over the limit.

use redtail::Status;
use redtail::io::TemplateBuffer;
use redtail::owned::{Collector, Omission, Omitted, Value, Whole};
use redtail::rdb::{Decoder, Type};

use crate::build::{File, atoms, listpack};
use crate::corpus::carried;
use crate::encodings::{large, small};
use crate::run::{Seen, run};

fn collect(bytes: &[u8], limit: usize) -> Vec<Whole> {
    let (mut decoder, mut collector, mut whole) =
        (Decoder::new().skip_damaged().with_templates(TemplateBuffer::default()), Collector::new(limit), Vec::new());
    let mut input = bytes;
    while let Status::Complete(item) = decoder.next(&mut input).unwrap() {
        whole.extend(collector.take(item));
    }
    decoder.finish().unwrap();
    whole
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
            Whole::Command { args, .. } => {
                texts.extend(args.clone());
                continue;
            }
            Whole::Key(key) => key,
            _ => continue,
        };
        texts.push(key.name.clone());
        match &key.value {
            Value::String(value) => texts.push(value.clone()),
            Value::List(list) => texts.extend(list.clone()),
            Value::Set(set) => texts.extend(set.iter().map(|member| member.member.clone())),
            Value::PathHash(paths) => {
                for path in paths {
                    texts.push(path.path.clone());
                    texts.extend(path.fields.iter().flat_map(|(field, value)| [field.clone(), value.clone()]));
                }
            }
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
            Value::Array { elements, .. } => texts.extend(elements.iter().map(|(_, element)| element.clone())),
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
        let found = texts(&collect(&bytes, 1 << 30));
        let wanted: Vec<Vec<u8>> = run(&bytes, &[])
            .0
            .into_iter()
            .filter_map(|seen| match seen {
                Seen::Text(role, bytes) => {
                    let elsewhere = ["SharedField", "SlotImport"];
                    (!elsewhere.contains(&format!("{role:?}").as_str())).then_some(bytes)
                }
                Seen::Key(name, _) => Some(name),
                _ => None,
            })
            .collect();
        assert!(found == wanted, "{name}");
    }
}

/// Valkey 9.2 writes the changes of a sync without a fork between the keys.
#[test]
fn commands_between_keys_are_delivered_where_they_are() {
    let bytes = std::fs::read(crate::corpus::root().join("tests/data/handmade/valkey-81-forkless-sync.rdb")).unwrap();
    let shown = |limit| -> Vec<String> {
        let shown = |whole| match whole {
            Whole::Key(key) => Some(format!("{} {}", key.db, key.name.escape_ascii())),
            Whole::Command { db, args } => {
                let args: Vec<_> = args.iter().map(|arg| arg.escape_ascii().to_string()).collect();
                Some(format!("{db} {}", args.join(" ")))
            }
            Whole::Omitted(omitted) => Some(format!("omitted {:?} {:?}", omitted.name, omitted.kind)),
            _ => None,
        };
        collect(&bytes, limit).into_iter().filter_map(shown).collect()
    };
    let expected = [
        "0 k1",
        "0 SET k1 changed while it was saved",
        "0 k2",
        "2 other",
        "2 RPUSH new x \\r\\n\\x00",
        "0 MULTI",
        "0 INCR n",
        "0 PHSET p /a f v",
        "0 EXEC",
        "0 k3",
    ];
    assert_eq!(shown(1 << 20), expected);
    // A command over the limit is passed over, and the keys after it follow.
    assert_eq!(shown(170)[..3], ["0 k1", "omitted None None", "0 k2"]);
}

#[test]
fn dropped_stream_names_are_restored() {
    for name in ["stream", "stream, compressed"] {
        let (_, bytes) = large().into_iter().find(|(found, _)| *found == name).unwrap();
        let whole = collect(&bytes, 1 << 30);
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
    let first = |name: &str| collect(&bytes(name), 1 << 20).remove(0);
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
    let Whole::Key(key) = first("set 34") else { panic!() };
    let Value::Set(set) = key.value else { panic!() };
    let members: Vec<_> = set.iter().map(|member| (&member.member[..], member.expire_at_ms)).collect();
    assert_eq!(members, [(&b"m"[..], Some(1_700_000_000_000)), (b"7", Some(1_700_000_000_001)), (b"", None)]);
    assert!(key.no_evict);
    let Whole::Key(key) = first("array") else { panic!() };
    let Value::Array { last_insert, elements } = key.value else { panic!() };
    assert_eq!((last_insert, elements[2].0, &elements[2].1[..]), (Some(17), 9, &b"2.5"[..]));
    let Whole::Key(key) = first("path hash") else { panic!() };
    let Value::PathHash(paths) = key.value else { panic!() };
    let fields: Vec<_> = paths.iter().map(|path| (&path.path[..], path.fields.len())).collect();
    assert_eq!(fields, [(&b""[..], 1), (b"/a", 2)]);
    let Whole::Key(key) = first("metadata") else { panic!() };
    assert_eq!((key.metadata.len(), key.metadata[0].raw.len(), key.expire_at_ms), (2, 3, Some(5)));
    let Whole::ModuleAux { when: 1, raw, .. } = first("module's own") else { panic!() };
    assert_eq!(raw, b"\x05\x03abc\x00");
    let Whole::Key(key) = first("module") else { panic!() };
    let Value::Module { raw, .. } = key.value else { panic!() };
    assert!(bytes("module").windows(raw.len()).any(|window| window == raw));
}

/// What was omitted, and the names of the keys that were not.
fn split(wholes: Vec<Whole>) -> (Vec<Omitted>, Vec<String>) {
    let (mut omitted, mut keys) = (Vec::new(), Vec::new());
    for whole in wholes {
        match whole {
            Whole::Omitted(whole) => omitted.push(whole),
            Whole::Key(key) => keys.push(String::from_utf8(key.name).unwrap()),
            _ => {}
        }
    }
    (omitted, keys)
}

#[test]
fn keys_over_the_limit_are_passed_over_and_named() {
    let set =
        File::new("REDIS0011").key(20, "s").string(listpack(&atoms!["a", "b", "c"])).key(0, "k").string("v").end();
    assert_eq!(split(collect(&set, 4 * 49)), (vec![], vec!["s".into(), "k".into()]));
    let (omitted, keys) = split(collect(&set, 4 * 49 - 1));
    let [omitted] = &omitted[..] else { panic!("{omitted:?}") };
    assert_eq!((omitted.db, omitted.name.as_deref(), omitted.kind), (0, Some(&b"s"[..]), Some(Type::Set)));
    assert_eq!(omitted.reason, Omission::TooLarge { limit: 195 });
    assert_eq!(keys, ["k"], "the keys after it follow");
    // The limit applies to one key, not to all.
    let many = (0..100).fold(File::new("REDIS0011"), |file, _| file.key(0, "k").string("v")).end();
    assert_eq!(collect(&many, 200).len(), 100);
}

#[test]
fn a_key_is_never_delivered_in_part() {
    // Large sets, strings, names, metadata, libraries and fields, with a small key after each.
    let long = "x".repeat(300_000);
    let members = |file: File| (0..20_000).fold(file.len(20_000), |file, n| file.string(format!("member {n}")));
    let small = |file: File| file.key(0, "k").string("v");
    let file = File::new("REDIS0014").number(250).string("field").string(&long);
    let file = small(file.number(245).string(&long));
    let file = small(members(file.key(2, "set")));
    let file = small(file.key(0, "string").string(&long));
    let file = small(file.key(0, &long).string("v"));
    let file = file.number(254).len(7);
    let file = small(members(file.key(1, "list")));
    let bytes = file.end();
    for limit in [100, 1000, 100_000] {
        let (omitted, keys) = split(collect(&bytes, limit));
        let seen: Vec<_> = omitted
            .iter()
            .map(|omitted| {
                assert_eq!(omitted.reason, Omission::TooLarge { limit });
                (omitted.db, omitted.name.as_deref().map(|name| name.escape_ascii().to_string()), omitted.kind)
            })
            .collect();
        let name = |name: &str| Some(name.to_string());
        let expected = [
            (0, name("field"), None),
            (0, None, None),
            (0, name("set"), Some(Type::Set)),
            (0, name("string"), Some(Type::String)),
            (0, None, Some(Type::String)),
            (7, name("list"), Some(Type::List)),
        ];
        assert_eq!(seen, expected, "limit {limit}");
        assert_eq!(keys, ["k"; 5], "limit {limit}");
    }
    let (omitted, keys) = split(collect(&bytes, 1 << 30));
    assert_eq!((omitted, keys.len()), (vec![], 9));
}

#[test]
fn damaged_keys_are_passed_over_and_named() {
    let mut broken = listpack(&atoms!["a", "b", "c"]);
    let last = broken.len() - 2;
    broken[last] = 0x7f;
    // A compressed string whose first back-reference has no bytes to refer to.
    let bad = [0xc3, 4, 20, 0xe0, 9, 9, 9];
    let file = File::new("REDIS0011").number(250).raw(bad).string("value").number(250).string("field").raw(bad);
    let file = file.number(250).string("ver").string("7").number(245).raw(bad);
    let bytes = file.key(20, "s").string(&broken).key(0, "t").raw(bad).key(0, "k").string("v").end();
    let wholes = collect(&bytes, 1 << 20);
    let aux: Vec<_> = wholes.iter().filter(|whole| matches!(whole, Whole::Aux { .. })).cloned().collect();
    assert_eq!(aux, [Whole::Aux { name: b"ver".to_vec(), value: b"7".to_vec() }]);
    let (omitted, keys) = split(wholes);
    let seen: Vec<_> = omitted.iter().map(|omitted| (omitted.name.as_deref(), omitted.kind)).collect();
    let expected: [(Option<&[u8]>, _); 5] = [
        (None, None),
        (Some(b"field"), None),
        (None, None),
        (Some(b"s"), Some(Type::Set)),
        (Some(b"t"), Some(Type::String)),
    ];
    assert_eq!(seen, expected);
    assert!(omitted.iter().all(|omitted| matches!(omitted.reason, Omission::Damaged(_))), "{omitted:?}");
    assert_eq!(keys, ["k"]);
}

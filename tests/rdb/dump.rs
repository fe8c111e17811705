//! Payloads of `DUMP` and `FUNCTION DUMP`.

use redtail::io::TemplateBuffer;
use redtail::rdb::{Checksum, Crc64, Decoder, Dump, Item, Magic, RdbError, RdbErrorKind, Role};
use redtail::resp::Status;

use crate::build::{Atom, File, listpack};
use crate::corpus::{Snapshot, carried};
use crate::run::{Seen, take};

#[test]
fn every_carried_key_is_the_same_in_a_payload() {
    for snapshot in carried() {
        let keys = keys_of(&snapshot);
        assert!(keys.len() > 20, "{}", snapshot.name);
        for key in keys {
            let (seen, end) = read(&payload(key.number, &key.value, key.version));
            assert_eq!(end, Ok(Checksum::Verified), "{}: {:?}", snapshot.name, key.items);
            assert_eq!(seen, key.items, "{}", snapshot.name);
        }
    }
}

#[test]
fn a_payload_cut_short_is_an_error_that_says_so() {
    for snapshot in carried() {
        for key in keys_of(&snapshot) {
            for end in 0..key.value.len() {
                let (_, result) = read(&payload(key.number, &key.value[..end], key.version));
                let error = result.unwrap_err();
                assert!(error.offset <= 1 + end as u64, "{error}");
            }
        }
    }
    for short in [&b""[..], b"\0\0\0\0\0\0\0\0\0", b"\x0a\0\0\0\0\0\0\0\0\0"] {
        let error = Dump::new(short).err().unwrap();
        assert!(matches!(error.kind, RdbErrorKind::Truncated(_)), "{error}");
        assert_eq!(error.offset, short.len() as u64);
    }
}

#[test]
fn bytes_after_the_value_are_an_error() {
    let (seen, result) = read(&payload(0, b"\x03abcd", 11));
    assert_eq!(seen.last(), Some(&Seen::Other("KeyEnd".into())));
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "invalid payload: expected nothing after the value, at byte 5");
    let (_, result) = read(&payload(245, b"\x01a\x00\x01b", 11));
    assert_eq!(
        result.unwrap_err().to_string(),
        "invalid payload: expected nothing after the last function library, at byte 3"
    );
}

/// Redis 6.2 and Valkey 9.1 returned these.
#[test]
fn payloads_of_servers() {
    let old = b"\r\x10\x10\x00\x00\x00\r\x00\x00\x00\x02\x00\x00\x01a\x03\xf2\xff\t\x00\xe0\xa8$_=\x06\xbd\x8f";
    let (seen, end) = read(old);
    assert_eq!(end, Ok(Checksum::Verified));
    assert_eq!(seen[1..3], [text(Role::Field, b"a"), text(Role::FieldValue, b"1")]);
    let format = Dump::new(b"\x00\x03abcP\x00\x16\x86\xf9\xac\xdf \xc5\x16").unwrap().format();
    assert_eq!((format.magic, format.version), (Magic::Valkey, 80));

    let (one, two) = (
        b"#!lua name=one\nredis.register_function('f', function(k, a) return 1 end)",
        b"#!lua name=two\nredis.register_function('g', function(k, a) return 2 end)",
    );
    let functions = [b"\xf5@H", &two[..], b"\xf5@H", one, b"P\x00{\xa2\x11x\xc2)\xdaN"].concat();
    let (seen, end) = read(&functions);
    assert_eq!(end, Ok(Checksum::Verified));
    assert_eq!(seen, [text(Role::Function, two), text(Role::Function, one)]);
}

#[test]
fn the_checksum_may_be_absent_but_not_wrong() {
    let mut bytes = payload(0, b"\x03abc", 11);
    let sum = bytes.len() - 8;
    bytes[sum..].fill(0);
    assert_eq!(read(&bytes).1, Ok(Checksum::Absent));
    bytes[sum] = 1;
    let error = Dump::new(&bytes).err().unwrap();
    assert!(matches!(error.kind, RdbErrorKind::Checksum { stored: 1, .. }), "{error}");
    assert_eq!(error.offset, sum as u64);
}

/// Redis 8.6 and later write a key's metadata before the type.
#[test]
fn metadata_comes_before_the_key() {
    for (count, metadata) in [(0, &b""[..]), (1, b"abcd\x02\x05\x00")] {
        let value = [&[count][..], metadata, b"\x00\x03abc"].concat();
        let (seen, end) = read(&payload(243, &value, 14));
        assert_eq!(end, Ok(Checksum::Verified), "{seen:?}");
        assert!(matches!(&seen[seen.len() - 3], Seen::Key(name, _) if name.is_empty()), "{seen:?}");
        assert_eq!(seen[seen.len() - 2], text(Role::Value, b"abc"));
    }
}

#[test]
fn a_version_of_the_future_is_read_as_far_as_it_is_known() {
    assert_eq!(read(&payload(0, b"\x03abc", 19)).1, Ok(Checksum::Verified));
    assert_eq!(read(&payload(0, b"\x03abc", 99)).1, Ok(Checksum::Verified));
    for version in [19, 99] {
        let error = read(&payload(77, b"\x03abc", version)).1.unwrap_err();
        assert!(matches!(error.kind, RdbErrorKind::UnknownNumber { number: 77, .. }), "{error}");
        assert_eq!(error.offset, 0);
    }
}

/// Servers refuse them, too: the template is in front of the keys of a snapshot.
#[test]
fn a_payload_never_refers_to_a_template() {
    for (number, value) in [(30, &b"\x0b\x0b\0\0\0\x02\0\x01\x01\x02\x01\xff"[..]), (32, b"\x01\x01a")] {
        let error = read(&payload(number, value, 15)).1.unwrap_err();
        let expected = "invalid hash: expected the id of a template defined before it, at byte";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

/// Those of a snapshot need memory: see `templates_need_bounded_memory`.
#[test]
fn the_field_names_in_a_payload_need_no_memory() {
    let mut names: Vec<Vec<u8>> = (0..2_200).map(|n| format!("field_number_{n:06}").into_bytes()).collect();
    names.extend([
        b"12".to_vec(),
        vec![b'n'; 100],
        vec![b'n'; 100_000],
        vec![],
        (0..=255).cycle().take(40_000).collect(),
    ]);
    let values: Vec<Vec<u8>> = (0..names.len()).map(|n| vec![b'v'; n * 7 % 1_000]).collect();
    let begin = || File(Vec::new());
    let all = |file: File, texts: &[Vec<u8>]| {
        texts.iter().enumerate().fold(file, |file, (n, text)| match &text[..] {
            b"12" => file.raw([0xc0, 12]),
            // Compressed names beside compressed values.
            _ if n % 3 == 0 && text.len() > 4 => file.lzf(text),
            _ => file.string(text),
        })
    };
    let atoms = |texts: &[Vec<u8>]| texts.iter().map(|text| Atom::from(&text[..])).collect::<Vec<_>>();
    let packed_values = || listpack(&[vec![Atom::from(0)], atoms(&values)].concat());
    let front = || begin().lens(&[1, names.len() as u64]);
    let forms = [
        (31, all(all(front(), &names), &values)),
        (31, all(begin().len(0).string(listpack(&atoms(&names))), &values)),
        (31, all(begin().len(0).lzf(listpack(&atoms(&names))), &values)),
        (29, all(front(), &names).lzf(packed_values())),
        (29, begin().len(0).lzf(listpack(&atoms(&names))).lzf(packed_values())),
        (29, begin().len(0).string(listpack(&atoms(&names))).string(packed_values())),
    ];
    for (number, file) in forms {
        let (seen, end) = read(&payload(number, &file.0, 15));
        assert_eq!(end, Ok(Checksum::Verified));
        let pairs = names.iter().zip(&values).flat_map(|(n, v)| [text(Role::Field, n), text(Role::FieldValue, v)]);
        assert!(seen[1..seen.len() - 1].iter().eq(&pairs.collect::<Vec<_>>()), "{number}: {seen:?}");
        let (_, end) = read(&payload(number, &file.0[..file.0.len() - 1], 15));
        assert_eq!(end.unwrap_err().kind.to_string(), "the data is cut short: expected the rest of a value");
    }
}

/// The items of a payload without its start and end.
fn read(bytes: &[u8]) -> (Vec<Seen>, Result<Checksum, RdbError>) {
    let mut dump = match Dump::new(bytes) {
        Ok(dump) => dump,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let format = dump.format();
    assert_eq!(dump.next_item(), Ok(Some(Item::Start(format))));
    let mut seen = Vec::new();
    loop {
        match dump.next_item() {
            Ok(Some(Item::End(checksum))) => {
                assert_eq!(dump.next_item(), Ok(None));
                return (seen, Ok(checksum));
            }
            Ok(Some(item)) => take(&mut seen, item),
            Ok(None) => panic!("no end: {seen:?}"),
            Err(error) => {
                assert_eq!(dump.next_item(), Err(error), "an error is final");
                return (seen, Err(error));
            }
        }
    }
}

fn text(role: Role, bytes: &[u8]) -> Seen {
    Seen::Text(role, bytes.to_vec())
}

fn payload(number: u8, value: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [&[number], value, &version.to_le_bytes()].concat();
    payload.extend(Crc64::new().update(&payload).value().to_le_bytes());
    payload
}

struct KeyBytes {
    number: u8,
    value: Vec<u8>,
    version: u16,
    items: Vec<Seen>,
}

/// The value's bytes and the items of each key. As in a payload, the items have no name, database or expiry.
fn keys_of(snapshot: &Snapshot) -> Vec<KeyBytes> {
    let (mut decoder, mut input) = (Decoder::new().with_templates(TemplateBuffer::default()), &snapshot.bytes[..]);
    let (mut keys, mut version, mut begin): (Vec<KeyBytes>, _, _) = (Vec::new(), 0, 0);
    loop {
        let Status::Complete(item) = decoder.next(&mut input).unwrap() else { return keys };
        match item {
            Item::Start(format) => version = format.version,
            Item::Key(key) => {
                let facts = crate::run::key_facts(0, key.number, None, None, None, false);
                let items = vec![Seen::Key(Vec::new(), format!("{:?} {facts}", key.kind))];
                begin = snapshot.bytes.len() - input.len();
                keys.push(KeyBytes { number: key.number, value: Vec::new(), version, items });
            }
            // Their template is not in the value.
            Item::KeyEnd if matches!(keys.last().unwrap().number, 30 | 32) && version >= 15 => {
                keys.pop();
                begin = 0;
            }
            Item::KeyEnd => {
                let key = keys.last_mut().unwrap();
                key.value = snapshot.bytes[begin..snapshot.bytes.len() - input.len()].to_vec();
                take(&mut key.items, item);
                begin = 0;
            }
            item if begin > 0 => take(&mut keys.last_mut().unwrap().items, item),
            _ => {}
        }
    }
}

//! Snapshots of one kind of value each, in the encodings that a server writes. The kinds are those of
//! `benches/snapshots`, where a real server makes them.

use super::random::Random;

/// Makes the snapshot of this name: at least `size` bytes, without a checksum.
///
/// # Panics
/// If there is no snapshot of this name.
pub(crate) fn make(name: &str, size: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = b"REDIS0010".to_vec();
    let mut number = 1;
    while bytes.len() < size {
        key(name, &mut bytes, random, number);
        number += 1;
    }
    bytes.extend_from_slice(&[255, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

/// The types of values: a byte of the format.
const STRING: u8 = 0;
const SET: u8 = 2;
const HASH: u8 = 4;
const SCORED: u8 = 5;
const INTSET: u8 = 11;
const PACKED_HASH: u8 = 16;
const PACKED_SCORED: u8 = 17;
const LIST: u8 = 18;

fn key(name: &str, to: &mut Vec<u8>, random: &mut Random, number: u64) {
    let mut begin = |kind: u8| {
        to.push(kind);
        string(to, format!("key:{number}").as_bytes());
    };
    match name {
        "rdb_strings" => {
            begin(STRING);
            string(to, &hex(random));
        }
        "rdb_compressed" => {
            begin(STRING);
            let name = " name=somebody mail=somebody@example.com";
            let text = [&*hex(random).repeat(4), format!("user:{number}{name}{name}").as_bytes()].concat();
            compressed(to, &text);
        }
        "rdb_integers" => {
            begin(INTSET);
            let members: Vec<u8> = (1..=400_u32).flat_map(|member| (member * 7919).to_le_bytes()).collect();
            string(to, &[&[4, 0, 0, 0, 0x90, 1, 0, 0], &*members].concat());
        }
        "rdb_list" => {
            begin(LIST);
            length(to, 1);
            // The node is a listpack.
            length(to, 2);
            string(to, &listpack((0..100).map(|_| hex(random))));
        }
        "rdb_set" => {
            begin(SET);
            length(to, 50);
            (0..50).for_each(|_| string(to, &hex(random)));
        }
        "rdb_zset" => {
            begin(SCORED);
            length(to, 50);
            for member in 1..=50 {
                string(to, &hex(random));
                to.extend_from_slice(&(f64::from(member) * 1.5).to_le_bytes());
            }
        }
        "rdb_zset_packed" => {
            begin(PACKED_SCORED);
            let pair = |member: u32| [hex(random), (f64::from(member) * 1.5).to_string().into_bytes()];
            let packed = listpack((1..=50).flat_map(pair));
            string(to, &packed);
        }
        "rdb_hash" => {
            begin(HASH);
            length(to, 50);
            for field in 1..=50 {
                string(to, format!("field:{field}").as_bytes());
                string(to, &hex(random));
            }
        }
        "rdb_hash_packed" => {
            begin(PACKED_HASH);
            let pair = |field: u32| [format!("field:{field}").into_bytes(), hex(random)];
            let packed = listpack((1..=50).flat_map(pair));
            string(to, &packed);
        }
        other => panic!("no snapshot {other}"),
    }
}

/// Forty hexadecimal digits.
fn hex(random: &mut Random) -> Vec<u8> {
    format!("{:016x}{:016x}{:08x}", random.next(), random.next(), random.next() as u32).into_bytes()
}

fn length(to: &mut Vec<u8>, length: usize) {
    match length {
        0..=63 => to.push(length as u8),
        64..=16383 => to.extend_from_slice(&(length as u16 | 0x4000).to_be_bytes()),
        _ => {
            to.push(0x80);
            to.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

fn string(to: &mut Vec<u8>, text: &[u8]) {
    length(to, text.len());
    to.extend_from_slice(text);
}

/// A listpack of strings. Numbers are packed as such, as a server packs them.
fn listpack(texts: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut packed = vec![0; 6];
    let mut count = 0_u16;
    for text in texts {
        let start = packed.len();
        match str::from_utf8(&text).ok().and_then(|text| text.parse::<u8>().ok()) {
            Some(number @ ..128) => packed.push(number),
            _ => {
                packed.push(0x80 | text.len() as u8);
                packed.extend_from_slice(&text);
            }
        }
        packed.push((packed.len() - start) as u8);
        count += 1;
    }
    packed.push(255);
    let total = packed.len() as u32;
    packed[..4].copy_from_slice(&total.to_le_bytes());
    packed[4..6].copy_from_slice(&count.to_le_bytes());
    packed
}

fn compressed(to: &mut Vec<u8>, text: &[u8]) {
    let packed = lzf(text);
    to.push(0xc3);
    length(to, packed.len());
    length(to, text.len());
    to.extend_from_slice(&packed);
}

/// LZF as the servers' `lzf_c.c` writes it: at each byte a reference to the last occurrence of the next three bytes.
fn lzf(text: &[u8]) -> Vec<u8> {
    let (mut packed, mut literal, mut at) = (Vec::new(), 0, 0);
    let flush = |packed: &mut Vec<u8>, run: &[u8]| {
        for run in run.chunks(32) {
            packed.push(run.len() as u8 - 1);
            packed.extend_from_slice(run);
        }
    };
    while at + 3 <= text.len() {
        let last = (at.saturating_sub(8192)..at).rev().find(|&from| text[from..from + 3] == text[at..at + 3]);
        let Some(from) = last else {
            at += 1;
            continue;
        };
        flush(&mut packed, &text[literal..at]);
        let count = (at..text.len()).take(264).take_while(|&end| text[end] == text[from + end - at]).count();
        let (distance, extra) = (at - from - 1, count - 2);
        packed.push((extra.min(7) << 5 | distance >> 8) as u8);
        if extra >= 7 {
            packed.push((extra - 7) as u8);
        }
        packed.push(distance as u8);
        at += count;
        literal = at;
    }
    flush(&mut packed, &text[literal..]);
    packed
}

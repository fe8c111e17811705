//! Nested replies: per frame about forty elements and 660 bytes.

use std::io::Write;

use super::random::Random;

/// One RESP2 reply to a transaction: slots of a cluster, entries of a stream, fields of a hash, scalars.
pub(crate) fn resp2(to: &mut Vec<u8>, random: &mut Random) {
    to.extend_from_slice(b"*6\r\n");
    slots(to, random);
    entries(to, random);
    to.extend_from_slice(b"*10\r\n");
    fields(to, random, 5);
    scalars(to, random);
    to.extend_from_slice(b"$-1\r\n");
}

/// The same reply in RESP3, with a set of doubles and booleans, and sometimes a push before it.
pub(crate) fn resp3(to: &mut Vec<u8>, random: &mut Random) {
    if random.between(0, 7) == 0 {
        to.extend_from_slice(b">3\r\n+invalidate\r\n");
        bulk(to, random, 5, 20);
        to.extend_from_slice(b"#t\r\n");
    }
    to.extend_from_slice(b"*7\r\n");
    slots(to, random);
    entries(to, random);
    to.extend_from_slice(b"%5\r\n");
    fields(to, random, 5);
    to.extend_from_slice(b"~4\r\n");
    for _ in 0..4 {
        line(to, format_args!(",{}.{}", random.between(0, 9999), random.between(1, 99)));
    }
    scalars(to, random);
    to.extend_from_slice(b"_\r\n");
}

/// Fifty bulk strings of common lengths, as MGET returns.
pub(crate) fn strings(to: &mut Vec<u8>, random: &mut Random) {
    to.extend_from_slice(b"*50\r\n");
    (0..50).for_each(|_| bulk(to, random, 5, 60));
}

/// One short reply: a status, an integer or a value.
pub(crate) fn short(to: &mut Vec<u8>, random: &mut Random) {
    match random.between(0, 2) {
        0 => to.extend_from_slice(b"+PONG\r\n"),
        1 => line(to, format_args!(":{}", random.between(0, 9999))),
        _ => bulk(to, random, 10, 64),
    }
}

fn slots(to: &mut Vec<u8>, random: &mut Random) {
    to.extend_from_slice(b"*2\r\n");
    for _ in 0..2 {
        let first = random.between(0, 16_000);
        line(to, format_args!("*3\r\n:{first}\r\n:{}", first + random.between(1, 300)));
        line(
            to,
            format_args!("*3\r\n$12\r\n10.{:03}.{:03}.7\r\n:{}", first % 256, first % 251, random.between(6379, 7000)),
        );
        to.extend_from_slice(b"$40\r\n");
        for _ in 0..5 {
            write!(to, "{:08x}", random.next() as u32).expect("memory");
        }
        to.extend_from_slice(b"\r\n");
    }
}

fn entries(to: &mut Vec<u8>, random: &mut Random) {
    to.extend_from_slice(b"*2\r\n");
    for _ in 0..2 {
        line(to, format_args!("*2\r\n$15\r\n{}-0\r\n*4", random.between(1_700_000_000_000, 1_800_000_000_000)));
        fields(to, random, 2);
    }
}

fn fields(to: &mut Vec<u8>, random: &mut Random, count: usize) {
    for _ in 0..count {
        bulk(to, random, 3, 12);
        bulk(to, random, 2, 60);
    }
}

fn scalars(to: &mut Vec<u8>, random: &mut Random) {
    line(to, format_args!("+OK\r\n:{}", random.next() as i64 >> random.between(1, 60)));
}

fn bulk(to: &mut Vec<u8>, random: &mut Random, low: u64, high: u64) {
    let length = random.between(low, high);
    line(to, format_args!("${length}"));
    random.bytes(to, length as usize);
    to.extend_from_slice(b"\r\n");
}

fn line(to: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    write!(to, "{text}\r\n").expect("memory");
}

//! Command streams.

use std::io::Write;

use super::random::Random;

/// Appends the next command (or the next few related ones) of the corpus `name`.
pub(crate) fn push(name: &str, to: &mut Vec<u8>, random: &mut Random, number: u64) {
    match name {
        "small_set" => small_set(to, random),
        "mixed" => mixed(to, random),
        "incr" => incr(to, random),
        "alternating" if number.is_multiple_of(2) => small_set(to, random),
        "alternating" => incr(to, random),
        "runs" => {
            let which = random.between(0, 5);
            for _ in 0..4 {
                run(which, to, random);
            }
        }
        "random_lengths" => {
            let argc = random.between(2, 6) as usize;
            head(to, argc);
            for _ in 0..argc {
                let length = match random.between(1, 3) {
                    1 => random.between(0, 9),
                    2 => random.between(10, 99),
                    _ => random.between(100, 199),
                };
                noise(to, random, length);
            }
        }
        "transactions" => {
            command(to, &[b"MULTI"]);
            small_set(to, random);
            head(to, 4);
            arg(to, b"HSET");
            arg(to, format!("hash:{:08}", random.between(0, 9_999_999)).as_bytes());
            arg(to, b"field");
            noise(to, random, 24);
            command(to, &[b"EXEC"]);
        }
        "changing" => set(to, random, 16 + number / 40 % 49),
        "v1k" => set(to, random, 1 << 10),
        "v64k" => set(to, random, 64 << 10),
        "v4m" => {
            let length = random.between(1 << 20, 4 << 20);
            set(to, random, length);
        }
        _ => panic!("there is no corpus {name}"),
    }
}

fn small_set(to: &mut Vec<u8>, random: &mut Random) {
    let length = random.between(16, 64);
    set(to, random, length);
}

fn set(to: &mut Vec<u8>, random: &mut Random, length: u64) {
    head(to, 3);
    arg(to, b"SET");
    arg(to, format!("key:{:012}", random.between(0, 999_999_999_999)).as_bytes());
    noise(to, random, length);
}

fn incr(to: &mut Vec<u8>, random: &mut Random) {
    command(to, &[b"INCR", format!("counter:{}", random.between(0, 9_999)).as_bytes()]);
}

fn run(which: u64, to: &mut Vec<u8>, random: &mut Random) {
    let key =
        format!("{}:{:012}", ["key", "counter", "list", "set", "hash", "zset"][which as usize], random.next() >> 25);
    let key = &key.as_bytes()[..key.len().min(20)];
    match which {
        0 => small_set(to, random),
        1 => command(to, &[b"INCR", key]),
        2 => value(to, random, &[b"LPUSH", key], 100),
        3 => value(to, random, &[b"SADD", key], 24),
        4 => value(to, random, &[b"HSET", key, b"field:01"], 100),
        _ => value(to, random, &[b"ZADD", key, b"1234567"], 16),
    }
}

/// With a value of up to `most` bytes after the arguments.
fn value(to: &mut Vec<u8>, random: &mut Random, args: &[&[u8]], most: u64) {
    head(to, args.len() + 1);
    args.iter().for_each(|word| arg(to, word));
    let length = random.between(most / 2, most);
    noise(to, random, length);
}

fn mixed(to: &mut Vec<u8>, random: &mut Random) {
    let dice = random.between(0, 99);
    let key = format!("{}:{}", ["user", "session", "cart", "job"][random.between(0, 3) as usize], random.next() >> 40);
    let key = key.as_bytes();
    let number = random.between(0, 999_999).to_string();
    match dice {
        0..22 => {
            head(to, 5);
            arg(to, b"SET");
            arg(to, key);
            any_value(to, random);
            arg(to, b"PXAT");
            arg(to, time(random).as_bytes());
        }
        22..52 => {
            let fields = random.between(1, 8) as usize;
            head(to, 2 + 2 * fields);
            arg(to, b"HSET");
            arg(to, key);
            for field in 0..fields {
                arg(to, ["name", "mail", "state", "total", "address", "note", "updated_at", "v"][field].as_bytes());
                let length = random.between(2, 60);
                noise(to, random, length);
            }
        }
        52..59 => {
            head(to, 4);
            arg(to, b"ZADD");
            arg(to, key);
            arg(to, number.as_bytes());
            let length = random.between(4, 40);
            noise(to, random, length);
        }
        59..65 => {
            head(to, 7);
            arg(to, b"XADD");
            arg(to, key);
            arg(to, format!("{}-0", time(random)).as_bytes());
            arg(to, b"type");
            arg(to, b"click");
            arg(to, b"body");
            any_value(to, random);
        }
        65..72 => {
            head(to, 3);
            arg(to, b"LPUSH");
            arg(to, key);
            any_value(to, random);
        }
        72..77 => command(to, &[b"DEL", key]),
        77..85 => command(to, &[b"INCRBY", key, number.as_bytes()]),
        85..90 => command(to, &[b"PEXPIREAT", key, time(random).as_bytes()]),
        90..95 => {
            head(to, 3);
            arg(to, b"SADD");
            arg(to, key);
            any_value(to, random);
        }
        95..98 => {
            command(to, &[b"MULTI"]);
            command(to, &[b"INCRBY", key, number.as_bytes()]);
            command(to, &[b"EXEC"]);
        }
        98 => command(to, &[b"SELECT", random.between(0, 15).to_string().as_bytes()]),
        _ => command(to, &[b"PING"]),
    }
}

fn any_value(to: &mut Vec<u8>, random: &mut Random) {
    let length = random.between(2, 400);
    noise(to, random, length);
}

fn time(random: &mut Random) -> String {
    random.between(1_700_000_000_000, 1_800_000_000_000).to_string()
}

fn command(to: &mut Vec<u8>, args: &[&[u8]]) {
    head(to, args.len());
    args.iter().for_each(|word| arg(to, word));
}

fn head(to: &mut Vec<u8>, argc: usize) {
    write!(to, "*{argc}\r\n").expect("memory");
}

fn arg(to: &mut Vec<u8>, word: &[u8]) {
    write!(to, "${}\r\n", word.len()).expect("memory");
    to.extend_from_slice(word);
    to.extend_from_slice(b"\r\n");
}

fn noise(to: &mut Vec<u8>, random: &mut Random, length: u64) {
    write!(to, "${length}\r\n").expect("memory");
    random.bytes(to, length as usize);
    to.extend_from_slice(b"\r\n");
}

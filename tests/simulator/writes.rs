//! The writes of clients, as a primary puts them into its stream.

use crate::log::{Log, What};
use crate::rng::Rng;
use crate::tally::{Sight, Tally};

/// The style of the writes in one life.
#[derive(Debug, Clone)]
pub(crate) struct Style {
    /// The longest value and the longest command.
    pub(crate) largest_value: usize,
    pub(crate) largest_command: usize,
    /// Large values, in percent of the writes.
    pub(crate) large: u64,
    pub(crate) databases: u32,
    /// Redis 6.2 and 7.0 select before MULTI, later servers after it.
    pub(crate) select_inside: bool,
    /// KeyDB's active replicas wrap each write.
    pub(crate) wrapped: bool,
    /// The mark of the primary's snapshots, which a client may have seen.
    pub(crate) mark: String,
}

const NAMES: &[&str] = &[
    "SET",
    "set",
    "DEL",
    "INCR",
    "zadd",
    "HSET",
    "RPUSH",
    "PEXPIREAT",
    "FLUSHALL",
    "PUBLISH",
    "XADD",
    "JSON.SET",
    "MULTIPLY",
    "EXECUTE",
    "SELECTED",
    "PINGED",
    "REPLCONFS",
    "CLUSTER",
    "EXE",
    "SELEC",
    "PIN",
    "PFCOUNT",
    "multi-x",
];

/// Adds one thing that is written at once; it never ends inside a transaction. `again`: the database must be named
/// again.
pub(crate) fn write(log: &mut Log, style: &Style, again: &mut bool, rng: &mut Rng, tally: &mut Tally) {
    match rng.below(20) {
        0 => (0..rng.between(1, 4)).for_each(|_| harmless(log, style, again, rng, tally)),
        1 => nothing(log, style, again, rng, tally),
        2..=5 => transaction(log, style, again, rng, tally),
        6 | 7 => {
            // The same shape again and again, as most streams have it.
            let name = rng.pick(NAMES).as_bytes();
            select(log, style, again, rng, true);
            let most = if rng.chance(20) { 60 } else { 8 };
            for _ in 0..rng.between(2, most) {
                let key = rng.between(1, 99_999).to_string();
                log.push(What::Write, &[name, key.as_bytes(), b"value"]);
            }
        }
        _ => {
            select(log, style, again, rng, false);
            one(log, style, rng, tally);
        }
    }
}

/// A command that changes no data.
fn harmless(log: &mut Log, style: &Style, again: &mut bool, rng: &mut Rng, tally: &mut Tally) {
    if rng.chance(70) {
        return control(log, style, rng, tally);
    }
    let keep = rng.chance(80);
    select(log, style, again, rng, keep);
    push(log, style, What::Write, &[rng.pick(&[b"PUBLISH", b"publish"]), b"__sentinel__:hello", b"x"], rng);
}

fn control(log: &mut Log, style: &Style, rng: &mut Rng, tally: &mut Tally) {
    match rng.below(3) {
        0 => push(log, style, What::Control, &[rng.pick(&[b"ping", b"PING"])], rng),
        1 => {
            tally.sight(Sight::GetAcks);
            let name = rng.pick(&[b"REPLCONF", b"replconf"]);
            push(log, style, What::GetAck, &[name, b"GETACK", b"*"], rng);
        }
        _ => push(log, style, What::Control, &[b"REPLCONF", b"CAPA", b"x"], rng),
    }
}

/// Adds a command, which a KeyDB active replica wraps.
fn push(log: &mut Log, style: &Style, what: What, words: &[&[u8]], rng: &mut Rng) {
    if !style.wrapped {
        return log.push(what, words);
    }
    let mut inner = Vec::new();
    crate::log::encode(&mut inner, words);
    if inner.len() > style.largest_value || inner.len() + 100 > style.largest_command {
        return log.push(what, if what == What::Write { &[b"FLUSHDB"] } else { words });
    }
    let (db, time) = (log.db().to_string(), rng.number().to_string());
    let uuid = b"8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55";
    log.push(what, &[b"RREPLAY", uuid, &inner, db.as_bytes(), time.as_bytes()]);
}

fn nothing(log: &mut Log, style: &Style, again: &mut bool, rng: &mut Rng, tally: &mut Tally) {
    let bytes: &[u8] = rng.pick(&[&b"\n"[..], b"\r\n", b"*0\r\n", b"*-1\r\n"]);
    if bytes[0] == b'*' {
        tally.sight(Sight::EmptyCommands);
    } else {
        // No stream after a snapshot begins with a newline.
        select(log, style, again, rng, false);
        one(log, style, rng, tally);
        tally.sight(Sight::Newlines);
    }
    log.push_nothing(bytes);
}

/// Names the database, if it is another than the last, or must be named again.
fn select(log: &mut Log, style: &Style, again: &mut bool, rng: &mut Rng, keep: bool) {
    let old = log.db();
    let new = if keep || rng.chance(60) { old } else { rng.number() as u32 % style.databases };
    if new != old || *again {
        *again = false;
        log.push(What::Select, &[rng.pick(&[&b"SELECT"[..], b"select", b"SELECT"]), new.to_string().as_bytes()]);
    }
}

fn transaction(log: &mut Log, style: &Style, again: &mut bool, rng: &mut Rng, tally: &mut Tally) {
    tally.sight(Sight::Transactions);
    if !style.select_inside {
        select(log, style, again, rng, false);
    }
    let multi: &[u8] = rng.pick(&[&b"MULTI"[..], b"multi"]);
    push(log, style, What::Multi, &[multi], rng);
    for number in 0..rng.below(5) {
        let before = log.units.len();
        // A later server names the database first inside; any server in the middle, where a transaction changes it.
        if style.select_inside || number > 0 {
            select(log, style, again, rng, false);
        }
        if log.units.len() > before {
            tally.sight(Sight::SelectInside);
        }
        one(log, style, rng, tally);
    }
    let exec: &[u8] = rng.pick(&[&b"EXEC"[..], b"exec"]);
    push(log, style, What::Exec, &[exec], rng);
}

/// One write.
fn one(log: &mut Log, style: &Style, rng: &mut Rng, tally: &mut Tally) {
    let name = rng.pick(NAMES).as_bytes().to_vec();
    let mut args = vec![name];
    let count = match rng.below(40) {
        0 => rng.between(60, 90),
        1..=6 => 0,
        _ => rng.between(1, 5),
    };
    if count > 59 {
        tally.sight(Sight::ManyArguments);
    }
    args.extend((0..count).map(|_| value(style, rng)));
    if count > 0 && rng.chance(style.large) {
        let room = style.largest_command.saturating_sub(args.iter().map(|arg| arg.len() + 16).sum::<usize>() + 32);
        let most = style.largest_value.min(room);
        let size = match rng.below(20) {
            0 => most,
            1..=5 => rng.between(0, most),
            6..=12 => rng.between(1000, 1100).min(most),
            _ => rng.between(0, 6000).min(most),
        };
        args.push(long_value(style, size, rng));
    }
    if args.iter().any(Vec::is_empty) {
        tally.sight(Sight::EmptyArguments);
    }
    let words: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    push(log, style, What::Write, &words, rng);
}

fn value(style: &Style, rng: &mut Rng) -> Vec<u8> {
    match rng.below(12) {
        0 | 1 => Vec::new(),
        2 => b"*1\r\n$4\r\nEXEC\r\n".to_vec(),
        3 => b"\r\n".to_vec(),
        4 => b"\n".to_vec(),
        5 => style.mark.clone().into_bytes(),
        6 => (0..rng.between(1, 20)).map(|_| rng.number() as u8).collect(),
        _ => "abcdefghijklmnopqrstuvwxyz0123456789-_"[..rng.between(1, 38)].into(),
    }
}

fn long_value(style: &Style, size: usize, rng: &mut Rng) -> Vec<u8> {
    let fill = match rng.below(3) {
        0 => b"x".to_vec(),
        1 => b"\r\n*1\r\n$5\r\nMULTI\r\n".to_vec(),
        _ => style.mark.clone().into_bytes(),
    };
    fill.into_iter().cycle().take(size).collect()
}

//! Commands with the same effect that older servers understand.

/// Commands instead of one, and whether something is lost.
pub(super) struct Rewritten {
    pub(super) commands: Vec<Vec<Vec<u8>>>,
    pub(super) is_lossy: bool,
}

/// The conditions of EXPIRE and its relatives.
pub(super) const CONDITIONS: &[&str] = &["NX", "XX", "GT", "LT"];

/// Moves elements as LMOVEM does: all are popped, then pushed one by one. With BULK they keep their order.
const LMOVEM: &str = concat!(
    "local pop = string.sub(ARGV[1], 1, 1) .. 'POP' local push = string.sub(ARGV[2], 1, 1) .. 'PUSH' ",
    "local moved = {} for count = 1, ARGV[3] do local element = redis.call(pop, KEYS[1]) ",
    "if not element then break end moved[count] = element end ",
    "local first, last, step = 1, #moved, 1 ",
    "if ARGV[4] == 'BULK' and ARGV[1] == ARGV[2] then first, last, step = #moved, 1, -1 end ",
    "for number = first, last, step do redis.call(push, KEYS[2], moved[number]) end",
);

fn commands(commands: Vec<Vec<Vec<u8>>>) -> Rewritten {
    Rewritten { commands, is_lossy: false }
}

fn command(args: &[&[u8]]) -> Vec<Vec<u8>> {
    args.iter().map(|arg| arg.to_vec()).collect()
}

fn arg(args: &[Vec<u8>], index: usize) -> &[u8] {
    args.get(index).map_or(b"", Vec::as_slice)
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// The arguments after a word, at this index or later, and a count: `FIELDS 2 a b`, `IDS 1 1-1`.
fn counted<'a>(args: &'a [Vec<u8>], first: usize, word: &str) -> &'a [Vec<u8>] {
    let at = args.iter().skip(first).position(|arg| is(arg, word));
    at.and_then(|at| args.get(first + at + 2..)).unwrap_or_default()
}

/// The key is deleted, or can't be computed and is deleted.
pub(super) fn del(args: &[Vec<u8>]) -> Rewritten {
    Rewritten { commands: vec![command(&[b"DEL", arg(args, 1)])], is_lossy: true }
}

pub(super) fn del_third(args: &[Vec<u8>]) -> Rewritten {
    Rewritten { commands: vec![command(&[b"DEL", arg(args, 2)])], is_lossy: true }
}

/// `MSETEX 2 a 1 b 2 PXAT ms` as one SET for each key. NX and XX held at the source.
pub(super) fn msetex(args: &[Vec<u8>]) -> Rewritten {
    let count = std::str::from_utf8(arg(args, 1)).ok().and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
    let (pairs, options) = args.get(2..).unwrap_or_default().split_at_checked(2 * count).unwrap_or_default();
    let options: Vec<&[u8]> =
        options.iter().map(Vec::as_slice).filter(|option| !is(option, "NX") && !is(option, "XX")).collect();
    let set = |pair: &[Vec<u8>]| command(&[&[b"SET", arg(pair, 0), arg(pair, 1)], options.as_slice()].concat());
    commands(pairs.chunks(2).map(set).collect())
}

/// `HSETEX h [FNX|FXX] [KEEPTTL|PXAT ms] FIELDS n f v …` as HSET, which removes the expiry of a field, and HPEXPIREAT.
pub(super) fn hsetex(args: &[Vec<u8>]) -> Rewritten {
    let key = arg(args, 1);
    let pairs = counted(args, 2, "FIELDS");
    let options = args.get(2..args.len() - pairs.len()).unwrap_or_default();
    let set: Vec<&[u8]> = [&b"HSET"[..], key].into_iter().chain(pairs.iter().map(Vec::as_slice)).collect();
    let mut made = vec![command(&set)];
    let time = options.windows(2).find(|pair| is(arg(pair, 0), "PXAT")).map(|pair| arg(pair, 1));
    if let Some(time) = time {
        let count = (pairs.len() / 2).to_string();
        let fields = pairs.iter().step_by(2).map(Vec::as_slice);
        let head = [&b"HPEXPIREAT"[..], key, time, b"FIELDS", count.as_bytes()];
        made.push(command(&head.into_iter().chain(fields).collect::<Vec<_>>()));
    }
    Rewritten { commands: made, is_lossy: options.iter().any(|option| is(option, "KEEPTTL")) }
}

pub(super) fn hgetdel(args: &[Vec<u8>]) -> Rewritten {
    let fields = counted(args, 2, "FIELDS").iter().map(Vec::as_slice);
    commands(vec![command(&[&b"HDEL"[..], arg(args, 1)].into_iter().chain(fields).collect::<Vec<_>>())])
}

/// A script, since one LMOVE for each element would need the number of elements, and BULK their order.
pub(super) fn lmovem(args: &[Vec<u8>]) -> Rewritten {
    let side = |index: usize| arg(args, index).to_ascii_uppercase();
    let (count, order) = match args.get(6..) {
        Some([count, order, ..]) => (count.as_slice(), order.to_ascii_uppercase()),
        _ => (&b"1"[..], b"OBO".to_vec()),
    };
    let script: [&[u8]; 9] =
        [b"EVAL", LMOVEM.as_bytes(), b"2", arg(args, 1), arg(args, 2), &side(3), &side(4), count, &order];
    commands(vec![command(&script)])
}

/// `XDELEX s [KEEPREF|DELREF|ACKED] IDS n id …`. With ACKED only some of the entries may have been deleted.
pub(super) fn xdelex(args: &[Vec<u8>]) -> Rewritten {
    let ids = counted(args, 2, "IDS");
    let (is_acked, is_kept) = (is(arg(args, 2), "ACKED"), is(arg(args, 2), "KEEPREF") || is(arg(args, 2), "IDS"));
    let delete: Vec<&[u8]> = [&b"XDEL"[..], arg(args, 1)].into_iter().chain(ids.iter().map(Vec::as_slice)).collect();
    let made = if is_acked && ids.len() > 1 { Vec::new() } else { vec![command(&delete)] };
    Rewritten { commands: made, is_lossy: !is_kept }
}

/// `XACKDEL s g [KEEPREF|DELREF|ACKED] IDS n id …`. With ACKED the entries stay: other groups may not have acknowledged
/// them.
pub(super) fn xackdel(args: &[Vec<u8>]) -> Rewritten {
    let ids: Vec<&[u8]> = counted(args, 3, "IDS").iter().map(Vec::as_slice).collect();
    let word = arg(args, 3);
    let mut made = vec![command(&[&[b"XACK", arg(args, 1), arg(args, 2)], ids.as_slice()].concat())];
    if !is(word, "ACKED") {
        made.push(command(&[&[b"XDEL", arg(args, 1)], ids.as_slice()].concat()));
    }
    Rewritten { commands: made, is_lossy: is(word, "ACKED") || is(word, "DELREF") }
}

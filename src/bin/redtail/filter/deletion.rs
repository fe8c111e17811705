//! Commands that delete all keys of a target that the filters select.

/// Deletes the keys that match a pattern, in the selected database.
const DELETE_MATCHES: &str = concat!(
    "for _, pattern in ipairs(ARGV) do local cursor = '0' repeat ",
    "local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000) cursor = found[1] ",
    "for _, key in ipairs(found[2]) do redis.call('DEL', key) end until cursor == '0' end",
);

/// The same in every database: their number is unknown.
const DELETE_MATCHES_EVERYWHERE: &str = concat!(
    "local db = 0 while true do if redis.pcall('SELECT', db).err then break end ",
    "for _, pattern in ipairs(ARGV) do local cursor = '0' repeat ",
    "local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000) cursor = found[1] ",
    "for _, key in ipairs(found[2]) do redis.call('DEL', key) end until cursor == '0' end db = db + 1 end",
);

/// Deletes the keys of slots, as TRIMSLOTS does. The arguments are the number of ranges, the first and last slot of
/// each, and patterns. The target may be no cluster, so the script computes each slot.
const DELETE_SLOTS: &str = concat!(
    "local function slot(key) local from = string.find(key, '{', 1, true) ",
    "local to = from and string.find(key, '}', from + 1, true) ",
    "if to and to > from + 1 then key = string.sub(key, from + 1, to - 1) end ",
    "local crc = 0 for at = 1, #key do crc = bit.bxor(crc, bit.lshift(string.byte(key, at), 8)) ",
    "for count = 1, 8 do crc = bit.lshift(crc, 1) ",
    "if bit.band(crc, 65536) ~= 0 then crc = bit.bxor(crc, 69665) end end end return crc % 16384 end ",
    "local last = 2 * ARGV[1] + 1 local function is_trimmed(key) local found = slot(key) ",
    "for at = 2, last, 2 do if found >= tonumber(ARGV[at]) and found <= tonumber(ARGV[at + 1]) then return true end end end ",
    "for number = last + 1, #ARGV do local cursor = '0' repeat ",
    "local found = redis.call('SCAN', cursor, 'MATCH', ARGV[number], 'COUNT', 1000) cursor = found[1] ",
    "for _, key in ipairs(found[2]) do if is_trimmed(key) then redis.call('DEL', key) end end until cursor == '0' end",
);

/// Swaps the keys that match a pattern between the databases of the first two arguments.
const SWAP_MATCHES: &str = concat!(
    "local held = {} for at = 1, 2 do held[at] = {} redis.call('SELECT', ARGV[at]) ",
    "for number = 3, #ARGV do local cursor = '0' repeat ",
    "local found = redis.call('SCAN', cursor, 'MATCH', ARGV[number], 'COUNT', 1000) cursor = found[1] ",
    "for _, key in ipairs(found[2]) do held[at][key] = true end until cursor == '0' end ",
    "for key in pairs(held[at]) do local dump = redis.call('DUMP', key) ",
    "held[at][key] = dump and {math.max(redis.call('PTTL', key), 0), dump} end ",
    "for key in pairs(held[at]) do redis.call('DEL', key) end end ",
    "for at = 1, 2 do redis.call('SELECT', ARGV[3 - at]) for key, value in pairs(held[at]) do ",
    "if value then redis.call('RESTORE', key, value[1], value[2], 'REPLACE') end end end",
);

/// A command for the target, and its database. `None`: any database.
#[derive(Debug, PartialEq)]
pub(crate) struct TargetCommand {
    pub(crate) db: Option<u32>,
    pub(crate) args: Vec<Vec<u8>>,
}

impl TargetCommand {
    pub(crate) fn new(db: Option<u32>, args: &[&[u8]]) -> Self {
        Self { db, args: args.iter().map(|arg| arg.to_vec()).collect() }
    }
}

/// Deletes the keys that match these patterns in these databases. An empty list selects everything. `options` are those
/// of FLUSHALL and FLUSHDB.
pub(crate) fn deletion(dbs: &[u32], patterns: &[Vec<u8>], options: &[&[u8]]) -> Vec<TargetCommand> {
    let of_db = |db, flush: &[u8], script: &str| match patterns {
        [] => TargetCommand::new(db, &[&[flush], options].concat()),
        patterns => with_script(db, script, patterns),
    };
    match dbs {
        [] => vec![of_db(None, b"FLUSHALL", DELETE_MATCHES_EVERYWHERE)],
        dbs => dbs.iter().map(|&db| of_db(Some(db), b"FLUSHDB", DELETE_MATCHES)).collect(),
    }
}

/// Swaps the keys that match these patterns between two databases.
pub(super) fn swap(first: u32, second: u32, patterns: &[Vec<u8>]) -> TargetCommand {
    let dbs = [first, second].map(|db| db.to_string().into_bytes());
    with_script(None, SWAP_MATCHES, &[&dbs, patterns].concat())
}

/// Deletes the keys of the slots of a TRIMSLOTS with these arguments that match the patterns. An empty list selects
/// everything. `None` if the command is incomplete.
///
/// A cluster of Redis has one database. `TRIMSLOTS RANGES 1 0 2000`
pub(crate) fn trimmed<'a>(mut args: impl Iterator<Item = &'a [u8]>, patterns: &[Vec<u8>]) -> Option<TargetCommand> {
    let count = args.nth(2)?;
    let ranges: Vec<Vec<u8>> = args.map(<[u8]>::to_vec).collect();
    let is_complete = ranges.len() == str::from_utf8(count).ok()?.parse::<usize>().ok()?.checked_mul(2)?;
    let all = [b"*".to_vec()];
    let patterns = if patterns.is_empty() { &all } else { patterns };
    is_complete.then(|| with_script(Some(0), DELETE_SLOTS, &[&[count.to_vec()], ranges.as_slice(), patterns].concat()))
}

fn with_script(db: Option<u32>, script: &str, arguments: &[Vec<u8>]) -> TargetCommand {
    let args = [&b"EVAL"[..], script.as_bytes(), b"0"].map(<[u8]>::to_vec);
    TargetCommand { db, args: [&args, arguments].concat() }
}

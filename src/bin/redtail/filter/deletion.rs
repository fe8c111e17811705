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

fn with_script(db: Option<u32>, script: &str, arguments: &[Vec<u8>]) -> TargetCommand {
    let args = [&b"EVAL"[..], script.as_bytes(), b"0"].map(<[u8]>::to_vec);
    TargetCommand { db, args: [&args, arguments].concat() }
}

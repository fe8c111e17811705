//! What each command touches. Made by `tests/commands` from the servers' own words (`COMMAND`), not to be changed by hand.
//!
//! Source: Redis 6.2.14, Redis 7.0.15, Valkey 8.1.8, Redis 8.2.3, Valkey 9.1.2.
//! What a later one of these says counts. A server named behind a command is the only one that has it, or the first of several.
//!
//! - Specifications of what is no key (`not_key`: channels) are left out.
//! - `All`: a write of the category keyspace without any specification.
//! - `Store` and `MigrateKeys` stand where the servers' specification is `unknown` or `incomplete`; what SORT reads by its
//!   patterns (`unknown` too) is left out.
//! - object: Redis 6.2.14 says At(2, 0, 1).
//! - stralgo of Redis 6.2.14 is left out: it does not say where the keys lie.
//! - xgroup: Redis 6.2.14 says At(2, 0, 1).
//! - xinfo: Redis 6.2.14 says At(2, 0, 1).

use crate::resp::keys::shape::TableEntry;
use crate::resp::keys::shape::Shape::All;
use crate::resp::keys::shape::Shape::Container;
use crate::resp::keys::shape::Shape::Named;
use crate::resp::keys::shape::Shape::Nothing;
use crate::resp::keys::shape::Spec::After;
use crate::resp::keys::shape::Spec::At;
use crate::resp::keys::shape::Spec::Counted;
use crate::resp::keys::shape::Spec::MigrateKeys;
use crate::resp::keys::shape::Spec::Store;

/// The commands whose names have so many letters, in the order of their names.
pub(super) static BY_LENGTH: [&[TableEntry]; 21] = [
    &[],
    &[],
    &[],
    // 3
    &[
        ("acl", Container(&[
            ("cat", Nothing),
            ("deluser", Nothing),
            ("dryrun", Nothing),
            ("genpass", Nothing),
            ("getuser", Nothing),
            ("help", Nothing),
            ("list", Nothing),
            ("load", Nothing),
            ("log", Nothing),
            ("save", Nothing),
            ("setuser", Nothing),
            ("users", Nothing),
            ("whoami", Nothing),
        ])),
        ("del", Named(&[At(1, -1, 1)])),
        ("get", Named(&[At(1, 0, 1)])),
        ("lcs", Named(&[At(1, 1, 1)])),
        ("set", Named(&[At(1, 0, 1)])),
        ("ttl", Named(&[At(1, 0, 1)])),
    ],
    // 4
    &[
        ("auth", Nothing),
        ("copy", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("decr", Named(&[At(1, 0, 1)])),
        ("dump", Named(&[At(1, 0, 1)])),
        ("echo", Nothing),
        ("eval", Named(&[Counted(2, 3, 1)])),
        ("exec", Nothing),
        ("hdel", Named(&[At(1, 0, 1)])),
        ("hget", Named(&[At(1, 0, 1)])),
        ("hlen", Named(&[At(1, 0, 1)])),
        ("hset", Named(&[At(1, 0, 1)])),
        ("httl", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("incr", Named(&[At(1, 0, 1)])),
        ("info", Nothing),
        ("keys", Nothing),
        ("llen", Named(&[At(1, 0, 1)])),
        ("lpop", Named(&[At(1, 0, 1)])),
        ("lpos", Named(&[At(1, 0, 1)])),
        ("lrem", Named(&[At(1, 0, 1)])),
        ("lset", Named(&[At(1, 0, 1)])),
        ("mget", Named(&[At(1, -1, 1)])),
        ("move", Named(&[At(1, 0, 1)])),
        ("mset", Named(&[At(1, -1, 2)])),
        ("ping", Nothing),
        ("post", Nothing),
        ("pttl", Named(&[At(1, 0, 1)])),
        ("quit", Nothing),
        ("role", Nothing),
        ("rpop", Named(&[At(1, 0, 1)])),
        ("sadd", Named(&[At(1, 0, 1)])),
        ("save", Nothing),
        ("scan", Nothing),
        ("sort", Named(&[At(1, 0, 1), Store])),
        ("spop", Named(&[At(1, 0, 1)])),
        ("srem", Named(&[At(1, 0, 1)])),
        ("sync", Nothing),
        ("time", Nothing),
        ("type", Named(&[At(1, 0, 1)])),
        ("vadd", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("vdim", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("vemb", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("vrem", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("vsim", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("wait", Nothing),
        ("xack", Named(&[At(1, 0, 1)])),
        ("xadd", Named(&[At(1, 0, 1)])),
        ("xdel", Named(&[At(1, 0, 1)])),
        ("xlen", Named(&[At(1, 0, 1)])),
        ("zadd", Named(&[At(1, 0, 1)])),
        ("zrem", Named(&[At(1, 0, 1)])),
    ],
    // 5
    &[
        ("bitop", Named(&[At(2, 0, 1), At(3, -1, 1)])),
        ("blpop", Named(&[At(1, -2, 1)])),
        ("brpop", Named(&[At(1, -2, 1)])),
        ("debug", Nothing),
        ("fcall", Named(&[Counted(2, 3, 1)])),
        ("getex", Named(&[At(1, 0, 1)])),
        ("hello", Nothing),
        ("hkeys", Named(&[At(1, 0, 1)])),
        ("hmget", Named(&[At(1, 0, 1)])),
        ("hmset", Named(&[At(1, 0, 1)])),
        ("host:", Nothing),
        ("hpttl", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("hscan", Named(&[At(1, 0, 1)])),
        ("hvals", Named(&[At(1, 0, 1)])),
        ("lmove", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("lmpop", Named(&[Counted(1, 2, 1)])),
        ("lpush", Named(&[At(1, 0, 1)])),
        ("ltrim", Named(&[At(1, 0, 1)])),
        ("multi", Nothing),
        ("pfadd", Named(&[At(1, 0, 1)])),
        ("psync", Nothing),
        ("reset", Nothing),
        ("rpush", Named(&[At(1, 0, 1)])),
        ("scard", Named(&[At(1, 0, 1)])),
        ("sdiff", Named(&[At(1, -1, 1)])),
        ("setex", Named(&[At(1, 0, 1)])),
        ("setnx", Named(&[At(1, 0, 1)])),
        ("smove", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("sscan", Named(&[At(1, 0, 1)])),
        ("touch", Named(&[At(1, -1, 1)])),
        ("vcard", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("vinfo", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("watch", Named(&[At(1, -1, 1)])),
        ("xinfo", Container(&[
            ("consumers", Named(&[At(2, 0, 1)])),
            ("groups", Named(&[At(2, 0, 1)])),
            ("help", Nothing),
            ("stream", Named(&[At(2, 0, 1)])),
        ])),
        ("xread", Named(&[After("streams", 1, -1, 1, 2)])),
        ("xtrim", Named(&[At(1, 0, 1)])),
        ("zcard", Named(&[At(1, 0, 1)])),
        ("zdiff", Named(&[Counted(1, 2, 1)])),
        ("zmpop", Named(&[Counted(1, 2, 1)])),
        ("zrank", Named(&[At(1, 0, 1)])),
        ("zscan", Named(&[At(1, 0, 1)])),
    ],
    // 6
    &[
        ("append", Named(&[At(1, 0, 1)])),
        ("asking", Nothing),
        ("bgsave", Nothing),
        ("bitpos", Named(&[At(1, 0, 1)])),
        ("blmove", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("blmpop", Named(&[Counted(2, 3, 1)])),
        ("bzmpop", Named(&[Counted(2, 3, 1)])),
        ("client", Container(&[
            ("caching", Nothing),
            ("capa", Nothing), // Valkey 8.1
            ("getname", Nothing),
            ("getredir", Nothing),
            ("help", Nothing),
            ("id", Nothing),
            ("import-source", Nothing), // Valkey 8.1
            ("info", Nothing),
            ("kill", Nothing),
            ("list", Nothing),
            ("no-evict", Nothing),
            ("no-touch", Nothing), // Valkey 8.1
            ("pause", Nothing),
            ("reply", Nothing),
            ("setinfo", Nothing), // Valkey 8.1
            ("setname", Nothing),
            ("tracking", Nothing),
            ("trackinginfo", Nothing),
            ("unblock", Nothing),
            ("unpause", Nothing),
        ])),
        ("config", Container(&[
            ("get", Nothing),
            ("help", Nothing),
            ("resetstat", Nothing),
            ("rewrite", Nothing),
            ("set", Nothing),
        ])),
        ("dbsize", Nothing),
        ("decrby", Named(&[At(1, 0, 1)])),
        ("exists", Named(&[At(1, -1, 1)])),
        ("expire", Named(&[At(1, 0, 1)])),
        ("geoadd", Named(&[At(1, 0, 1)])),
        ("geopos", Named(&[At(1, 0, 1)])),
        ("getbit", Named(&[At(1, 0, 1)])),
        ("getdel", Named(&[At(1, 0, 1)])),
        ("getset", Named(&[At(1, 0, 1)])),
        ("hgetex", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("hsetex", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("hsetnx", Named(&[At(1, 0, 1)])),
        ("incrby", Named(&[At(1, 0, 1)])),
        ("lindex", Named(&[At(1, 0, 1)])),
        ("lolwut", Nothing),
        ("lpushx", Named(&[At(1, 0, 1)])),
        ("lrange", Named(&[At(1, 0, 1)])),
        ("memory", Container(&[
            ("doctor", Nothing),
            ("help", Nothing),
            ("malloc-stats", Nothing),
            ("purge", Nothing),
            ("stats", Nothing),
            ("usage", Named(&[At(2, 0, 1)])),
        ])),
        ("module", Container(&[
            ("help", Nothing),
            ("list", Nothing),
            ("load", Nothing),
            ("loadex", Nothing),
            ("unload", Nothing),
        ])),
        ("msetex", Named(&[Counted(1, 2, 2)])), // Valkey 9.1
        ("msetnx", Named(&[At(1, -1, 2)])),
        ("object", Container(&[
            ("encoding", Named(&[At(2, 0, 1)])),
            ("freq", Named(&[At(2, 0, 1)])),
            ("help", Nothing),
            ("idletime", Named(&[At(2, 0, 1)])),
            ("refcount", Named(&[At(2, 0, 1)])),
        ])),
        ("psetex", Named(&[At(1, 0, 1)])),
        ("pubsub", Container(&[
            ("channels", Nothing),
            ("help", Nothing),
            ("numpat", Nothing),
            ("numsub", Nothing),
            ("shardchannels", Nothing),
            ("shardnumsub", Nothing),
        ])),
        ("rename", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("rpushx", Named(&[At(1, 0, 1)])),
        ("script", Container(&[
            ("debug", Nothing),
            ("exists", Nothing),
            ("flush", Nothing),
            ("help", Nothing),
            ("kill", Nothing),
            ("load", Nothing),
            ("show", Nothing), // Valkey 8.1
        ])),
        ("select", Nothing),
        ("setbit", Named(&[At(1, 0, 1)])),
        ("sinter", Named(&[At(1, -1, 1)])),
        ("strlen", Named(&[At(1, 0, 1)])),
        ("substr", Named(&[At(1, 0, 1)])),
        ("sunion", Named(&[At(1, -1, 1)])),
        ("swapdb", All),
        ("unlink", Named(&[At(1, -1, 1)])),
        ("vlinks", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("xclaim", Named(&[At(1, 0, 1)])),
        ("xdelex", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("xgroup", Container(&[
            ("create", Named(&[At(2, 0, 1)])),
            ("createconsumer", Named(&[At(2, 0, 1)])),
            ("delconsumer", Named(&[At(2, 0, 1)])),
            ("destroy", Named(&[At(2, 0, 1)])),
            ("help", Nothing),
            ("setid", Named(&[At(2, 0, 1)])),
        ])),
        ("xrange", Named(&[At(1, 0, 1)])),
        ("xsetid", Named(&[At(1, 0, 1)])),
        ("zcount", Named(&[At(1, 0, 1)])),
        ("zinter", Named(&[Counted(1, 2, 1)])),
        ("zrange", Named(&[At(1, 0, 1)])),
        ("zscore", Named(&[At(1, 0, 1)])),
        ("zunion", Named(&[Counted(1, 2, 1)])),
    ],
    // 7
    &[
        ("cluster", Container(&[
            ("addslots", Nothing),
            ("addslotsrange", Nothing),
            ("bumpepoch", Nothing),
            ("cancelslotmigrations", Nothing), // Valkey 9.1
            ("count-failure-reports", Nothing),
            ("countkeysinslot", Nothing),
            ("delslots", Nothing),
            ("delslotsrange", Nothing),
            ("failover", Nothing),
            ("flushslot", All), // Valkey 9.1
            ("flushslots", Nothing),
            ("forget", Nothing),
            ("getkeysinslot", Nothing),
            ("getslotmigrations", Nothing), // Valkey 9.1
            ("help", Nothing),
            ("info", Nothing),
            ("keyslot", Nothing),
            ("links", Nothing),
            ("meet", Nothing),
            ("migrateslots", Nothing), // Valkey 9.1
            ("myid", Nothing),
            ("myshardid", Nothing), // Valkey 8.1
            ("nodes", Nothing),
            ("replicas", Nothing),
            ("replicate", Nothing),
            ("reset", Nothing),
            ("saveconfig", Nothing),
            ("set-config-epoch", Nothing),
            ("setslot", Nothing),
            ("shards", Nothing),
            ("slaves", Nothing),
            ("slot-stats", Nothing), // Valkey 8.1
            ("slots", Nothing),
            ("syncslots", Nothing), // Valkey 9.1
        ])),
        ("command", Container(&[
            ("count", Nothing),
            ("docs", Nothing),
            ("getkeys", Nothing),
            ("getkeysandflags", Nothing),
            ("help", Nothing),
            ("info", Nothing),
            ("list", Nothing),
        ])),
        ("delifeq", Named(&[At(1, 0, 1)])), // Valkey 9.1
        ("discard", Nothing),
        ("eval_ro", Named(&[Counted(2, 3, 1)])),
        ("evalsha", Named(&[Counted(2, 3, 1)])),
        ("flushdb", All),
        ("geodist", Named(&[At(1, 0, 1)])),
        ("geohash", Named(&[At(1, 0, 1)])),
        ("hexists", Named(&[At(1, 0, 1)])),
        ("hexpire", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("hgetall", Named(&[At(1, 0, 1)])),
        ("hgetdel", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("hincrby", Named(&[At(1, 0, 1)])),
        ("hstrlen", Named(&[At(1, 0, 1)])),
        ("latency", Container(&[
            ("doctor", Nothing),
            ("graph", Nothing),
            ("help", Nothing),
            ("histogram", Nothing),
            ("history", Nothing),
            ("latest", Nothing),
            ("reset", Nothing),
        ])),
        ("linsert", Named(&[At(1, 0, 1)])),
        ("migrate", Named(&[At(3, 0, 1), MigrateKeys])),
        ("monitor", Nothing),
        ("persist", Named(&[At(1, 0, 1)])),
        ("pexpire", Named(&[At(1, 0, 1)])),
        ("pfcount", Named(&[At(1, -1, 1)])),
        ("pfdebug", Named(&[At(2, 0, 1)])),
        ("pfmerge", Named(&[At(1, 0, 1), At(2, -1, 1)])),
        ("publish", Nothing),
        ("restore", Named(&[At(1, 0, 1)])),
        ("slaveof", Nothing),
        ("slowlog", Container(&[
            ("get", Nothing),
            ("help", Nothing),
            ("len", Nothing),
            ("reset", Nothing),
        ])),
        ("sort_ro", Named(&[At(1, 0, 1)])),
        ("unwatch", Nothing),
        ("waitaof", Nothing), // Valkey 8.1
        ("xackdel", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("zincrby", Named(&[At(1, 0, 1)])),
        ("zmscore", Named(&[At(1, 0, 1)])),
        ("zpopmax", Named(&[At(1, 0, 1)])),
        ("zpopmin", Named(&[At(1, 0, 1)])),
    ],
    // 8
    &[
        ("bitcount", Named(&[At(1, 0, 1)])),
        ("bitfield", Named(&[At(1, 0, 1)])),
        ("bzpopmax", Named(&[At(1, -2, 1)])),
        ("bzpopmin", Named(&[At(1, -2, 1)])),
        ("expireat", Named(&[At(1, 0, 1)])),
        ("failover", Nothing),
        ("fcall_ro", Named(&[Counted(2, 3, 1)])),
        ("flushall", All),
        ("function", Container(&[
            ("delete", Nothing),
            ("dump", Nothing),
            ("flush", Nothing),
            ("help", Nothing),
            ("kill", Nothing),
            ("list", Nothing),
            ("load", Nothing),
            ("restore", Nothing),
            ("stats", Nothing),
        ])),
        ("getrange", Named(&[At(1, 0, 1)])),
        ("hpersist", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("hpexpire", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("lastsave", Nothing),
        ("readonly", Nothing),
        ("renamenx", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("replconf", Nothing),
        ("setrange", Named(&[At(1, 0, 1)])),
        ("shutdown", Nothing),
        ("smembers", Named(&[At(1, 0, 1)])),
        ("spublish", Nothing),
        ("vgetattr", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("vsetattr", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("xpending", Named(&[At(1, 0, 1)])),
        ("zrevrank", Named(&[At(1, 0, 1)])),
    ],
    // 9
    &[
        ("georadius", Named(&[At(1, 0, 1), After("store", 6, 0, 1, 0), After("storedist", 6, 0, 1, 0)])),
        ("geosearch", Named(&[At(1, 0, 1)])),
        ("hexpireat", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("pexpireat", Named(&[At(1, 0, 1)])),
        ("randomkey", Nothing),
        ("readwrite", Nothing),
        ("replicaof", Nothing),
        ("rpoplpush", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("sismember", Named(&[At(1, 0, 1)])),
        ("subscribe", Nothing),
        ("vismember", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("xrevrange", Named(&[At(1, 0, 1)])),
        ("zlexcount", Named(&[At(1, 0, 1)])),
        ("zrevrange", Named(&[At(1, 0, 1)])),
    ],
    // 10
    &[
        ("brpoplpush", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("commandlog", Container(&[
            ("get", Nothing), // Valkey 8.1
            ("help", Nothing), // Valkey 8.1
            ("len", Nothing), // Valkey 8.1
            ("reset", Nothing), // Valkey 8.1
        ])),
        ("evalsha_ro", Named(&[Counted(2, 3, 1)])),
        ("expiretime", Named(&[At(1, 0, 1)])),
        ("hpexpireat", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("hrandfield", Named(&[At(1, 0, 1)])),
        ("pfselftest", Nothing),
        ("psubscribe", Nothing),
        ("sdiffstore", Named(&[At(1, 0, 1), At(2, -1, 1)])),
        ("sintercard", Named(&[Counted(1, 2, 1)])),
        ("smismember", Named(&[At(1, 0, 1)])),
        ("ssubscribe", Nothing),
        ("xautoclaim", Named(&[At(1, 0, 1)])),
        ("xreadgroup", Named(&[After("streams", 4, -1, 1, 2)])),
        ("zdiffstore", Named(&[At(1, 0, 1), Counted(2, 3, 1)])),
        ("zintercard", Named(&[Counted(1, 2, 1)])),
    ],
    // 11
    &[
        ("bitfield_ro", Named(&[At(1, 0, 1)])),
        ("clusterscan", Nothing), // Valkey 9.1
        ("hexpiretime", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("incrbyfloat", Named(&[At(1, 0, 1)])),
        ("pexpiretime", Named(&[At(1, 0, 1)])),
        ("sinterstore", Named(&[At(1, 0, 1), At(2, -1, 1)])),
        ("srandmember", Named(&[At(1, 0, 1)])),
        ("sunionstore", Named(&[At(1, 0, 1), At(2, -1, 1)])),
        ("unsubscribe", Nothing),
        ("vrandmember", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("zinterstore", Named(&[At(1, 0, 1), Counted(2, 3, 1)])),
        ("zrandmember", Named(&[At(1, 0, 1)])),
        ("zrangebylex", Named(&[At(1, 0, 1)])),
        ("zrangestore", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("zunionstore", Named(&[At(1, 0, 1), Counted(2, 3, 1)])),
    ],
    // 12
    &[
        ("bgrewriteaof", Nothing),
        ("georadius_ro", Named(&[At(1, 0, 1)])),
        ("hincrbyfloat", Named(&[At(1, 0, 1)])),
        ("hpexpiretime", Named(&[At(1, 0, 1)])), // Redis 8.2
        ("punsubscribe", Nothing),
        ("sunsubscribe", Nothing),
    ],
    // 13
    &[
        ("zrangebyscore", Named(&[At(1, 0, 1)])),
    ],
    // 14
    &[
        ("geosearchstore", Named(&[At(1, 0, 1), At(2, 0, 1)])),
        ("restore-asking", Named(&[At(1, 0, 1)])),
        ("zremrangebylex", Named(&[At(1, 0, 1)])),
        ("zrevrangebylex", Named(&[At(1, 0, 1)])),
    ],
    // 15
    &[
        ("zremrangebyrank", Named(&[At(1, 0, 1)])),
    ],
    // 16
    &[
        ("zremrangebyscore", Named(&[At(1, 0, 1)])),
        ("zrevrangebyscore", Named(&[At(1, 0, 1)])),
    ],
    // 17
    &[
        ("georadiusbymember", Named(&[At(1, 0, 1), After("store", 5, 0, 1, 0), After("storedist", 5, 0, 1, 0)])),
    ],
    &[],
    &[],
    // 20
    &[
        ("georadiusbymember_ro", Named(&[At(1, 0, 1)])),
    ],
];

//! Data sets, made by scripts in the server and saved by it.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use crate::server::Server;

pub struct Set {
    pub name: &'static str,
    /// Makes keys `ARGV[1]` to `ARGV[2]`.
    script: &'static str,
    /// The approximate size of one key in the snapshot, in bytes.
    bytes_each: u64,
    settings: &'static [(&'static str, &'static str)],
}

/// With these settings packed encodings hold values of any size, plain ones none.
pub const SETS: [Set; 10] = [
    Set { name: "strings_40", script: "redis.call('SET', 'key:'..i, hex(i))", bytes_each: 56, settings: PLAIN },
    Set {
        name: "strings_1k",
        script: "redis.call('SET', 'key:'..i, string.rep(hex(i), 25)..'0123456789abcdefghijklmn')",
        bytes_each: 1040,
        settings: PLAIN,
    },
    Set {
        name: "strings_lzf",
        script: "redis.call('SET', 'key:'..i, string.rep(hex(i), 4)..'user:'..i..' name=somebody mail=somebody@example.com name=somebody mail=somebody@example.com')",
        bytes_each: 130,
        settings: LZF,
    },
    Set {
        name: "hash_packed",
        script: "for j = 1, 50 do redis.call('HSET', 'key:'..i, 'field:'..j, hex(j)) end",
        bytes_each: 2700,
        settings: PACKED,
    },
    Set {
        name: "hash_plain",
        script: "for j = 1, 50 do redis.call('HSET', 'key:'..i, 'field:'..j, hex(j)) end",
        bytes_each: 2600,
        settings: PLAIN,
    },
    Set {
        name: "list",
        script: "for j = 1, 100 do redis.call('RPUSH', 'key:'..i, hex(j)) end",
        bytes_each: 4300,
        settings: PACKED,
    },
    Set {
        name: "set_integers",
        script: "for j = 1, 400 do redis.call('SADD', 'key:'..i, j * 7919) end",
        bytes_each: 1620,
        settings: PACKED,
    },
    Set {
        name: "set_plain",
        script: "for j = 1, 50 do redis.call('SADD', 'key:'..i, hex(j)) end",
        bytes_each: 2070,
        settings: PLAIN,
    },
    Set {
        name: "zset_packed",
        script: "for j = 1, 50 do redis.call('ZADD', 'key:'..i, j * 1.5, hex(j)) end",
        bytes_each: 2500,
        settings: PACKED,
    },
    Set {
        name: "zset_plain",
        script: "for j = 1, 50 do redis.call('ZADD', 'key:'..i, j * 1.5, hex(j)) end",
        bytes_each: 2500,
        settings: PLAIN,
    },
];

/// Keys of each type, as a server with its default settings saves them.
pub const MIXED: Set = Set {
    name: "mixed",
    script: "local key, kind = 'key:'..i, i % 5 \
        if kind == 0 then redis.call('SET', key, 'user:'..i..' name=somebody mail=somebody@example.com '..hex(i)) \
        elseif kind == 1 then for j = 1, 10 do redis.call('HSET', key, 'field:'..j, hex(j)) end \
        elseif kind == 2 then for j = 1, 20 do redis.call('RPUSH', key, 'element '..hex(j)) end \
        elseif kind == 3 then for j = 1, 50 do redis.call('SADD', key, j * 7919) end \
        else for j = 1, 20 do redis.call('ZADD', key, j * 1.5, hex(j)) end end",
    bytes_each: 560,
    settings: &[],
};

const PLAIN: &[(&str, &str)] = &[
    ("rdbcompression", "no"),
    ("hash-max-listpack-entries", "0"),
    ("zset-max-listpack-entries", "0"),
    ("set-max-intset-entries", "0"),
];

const PACKED: &[(&str, &str)] = &[
    ("rdbcompression", "no"),
    ("hash-max-listpack-entries", "128"),
    ("zset-max-listpack-entries", "128"),
    ("set-max-intset-entries", "512"),
];

const LZF: &[(&str, &str)] = &[("rdbcompression", "yes")];

/// The number of keys made by one call of the script: few enough for a quick reply.
const STEP: u64 = 1000;

/// Fills the server with about `size` bytes of the set, and saves. The file is in the server's folder, and is removed
/// with it.
pub fn make(server: &Server, set: &Set, size: u64) -> io::Result<PathBuf> {
    let mut link = server.connect()?;
    ask(&mut link, &["FLUSHALL"])?;
    for (name, value) in set.settings {
        ask(&mut link, &["CONFIG", "SET", name, value])?;
    }
    let script = format!(
        "local hex = function(n) return redis.sha1hex(n) end for i = ARGV[1], ARGV[2] do {} end return redis.status_reply('OK')",
        set.script
    );
    let keys = (size / set.bytes_each).max(STEP);
    let mut first = 1;
    while first <= keys {
        let last = (first + STEP - 1).min(keys);
        ask(&mut link, &["EVAL", &script, "0", &first.to_string(), &last.to_string()])?;
        first = last + 1;
    }
    ask(&mut link, &["SAVE"])?;
    let saved = server.folder().join("dump.rdb");
    let file = server.folder().join(format!("{}.rdb", set.name));
    fs::rename(saved, &file)?;
    Ok(file)
}

fn ask(link: &mut std::net::TcpStream, words: &[&str]) -> io::Result<()> {
    let mut bytes = format!("*{}\r\n", words.len());
    for word in words {
        bytes.push_str(&format!("${}\r\n{word}\r\n", word.len()));
    }
    link.write_all(bytes.as_bytes())?;
    let mut reply = Vec::new();
    let mut byte = [0];
    while byte != *b"\n" {
        link.read_exact(&mut byte)?;
        reply.push(byte[0]);
    }
    match reply.as_slice() {
        b"+OK\r\n" => Ok(()),
        reply => Err(io::Error::other(format!("{}: {}", words[0], reply.escape_ascii()))),
    }
}

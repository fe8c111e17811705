//! A fixed list of client commands: every data type, scripts, transactions, several databases, binary keys, large
//! commands.
//!
//! One command a line, quoted as in redis-cli; `\r`, `\n` and `\xHH` inside double quotes.

use crate::client::{Command, command};
use crate::server::Kind;

/// The commands this server knows, in an order in which each of them succeeds.
pub(crate) fn workload(kind: Kind) -> Vec<Command> {
    let mut commands = parse(EVERYWHERE);
    if kind != Kind::Redis62 {
        commands.extend(parse(SINCE_7));
    }
    if kind.expires_fields() {
        commands.extend(parse(EXPIRING_FIELDS));
    }
    commands.extend(large());
    commands
}

const EVERYWHERE: &str = r#"
SET s:a 1
SET s:a 2 EX 1000000000
SET s:a 3 PX 1000000000000 GET
SET s:a 4 KEEPTTL
SET s:nx v NX
SETEX s:ex 1000000000 v
GETEX s:ex PXAT 4000000000000
GETDEL s:nx
APPEND s:ap ab
SETRANGE s:ap 5 x
INCR s:n
INCRBYFLOAT s:f 3.25
MSET s:m1 1 s:m2 2
SETBIT s:bits 100 1
BITFIELD s:bf INCRBY u8 0 250 OVERFLOW SAT INCRBY u8 0 250
BITOP XOR s:bop s:bits s:bf
sEt c:mixed 1
GET s:a

SET "" "the empty key"
SET b:empty ""
SET "b:\r\n\x00k" "v\r\n\x00\xff"
SET "*3\r\n$3\r\nSET\r\n" "$5\r\nhello\r\n"
SET b:ü€😀 é
RPUSH "b:l\x00" "" "\r\n" "\n" "$-1\r\n" "*-1\r\n"
HSET b:h "" "" "\r\n" "\x00"
SET "b:notutf8\xc3(" "\x80\x81"

SET k:1 v
EXPIRE k:1 1000000000
PEXPIREAT k:1 4000000000000
PERSIST k:1
SET k:2 v
EXPIREAT k:2 1
SET k:3 v PX 1
RENAME k:1 k:4
COPY k:4 k:5
COPY k:4 k:cp DB 5
MOVE k:5 4
UNLINK k:4 k:none

RPUSH l:a 1 2 3 4 5 6 7 8
LPUSH l:a 0
LINSERT l:a BEFORE 2 n
LSET l:a 0 y
LREM l:a 1 n
LPOP l:a 2
RPOPLPUSH l:a l:b
LMOVE l:a l:b LEFT RIGHT
BLPOP l:none l:a 1
BLMOVE l:a l:b LEFT LEFT 1
SORT l:b ALPHA DESC STORE l:sorted

SADD t:a a b c d e f
SADD t:b b c z
SREM t:a a nope
SMOVE t:a t:b f
SUNIONSTORE t:u t:a t:b
SPOP t:u
SPOP t:u 2
SPOP t:u 100

HSET h:a f1 v1 f2 v2
HINCRBY h:a n 5
HINCRBYFLOAT h:a fl 1.5
HDEL h:a f1 nope

ZADD z:a 1 a 2 b 3.5 c inf i -inf j
ZINCRBY z:a 0.1 c
ZADD z:b 1 a 5 e
ZUNIONSTORE z:u 2 z:a z:b WEIGHTS 1 2
ZRANGESTORE z:r z:a 0 -1
ZPOPMIN z:u
BZPOPMIN z:b 1
ZREMRANGEBYSCORE z:r 1 2
GEOADD g:a 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
GEOSEARCHSTORE g:b g:a FROMLONLAT 15 37 BYRADIUS 200 km ASC
PFADD p:a x y z
PFADD p:b q
PFMERGE p:c p:a p:b
PFCOUNT p:a

XADD st:a * f v
XADD st:a 9999999999999-1 f v "bin\r\n" "\x00"
XADD st:a MAXLEN ~ 1000 99999999999990-1 f v
XADD st:a 99999999999992-1 f v
XGROUP CREATE st:a gr 0
XGROUP CREATE st:new gr $ MKSTREAM
XREADGROUP GROUP gr c1 COUNT 1 STREAMS st:a >
XREADGROUP GROUP gr c2 STREAMS st:a >
XCLAIM st:a gr c1 0 99999999999992-1
XACK st:a gr 9999999999999-1
XTRIM st:a MAXLEN 3
XSETID st:a 99999999999999-1

MULTI
SET m:1 a
INCR m:n
GET m:1
LPUSH m:l x
EXEC
MULTI
EXEC
MULTI
SET m:2 a
SELECT 3
SET m:2 "in database 3"
SELECT 0
SET m:3 a
EXEC
MULTI
EVAL "redis.call('SET',KEYS[1],'1') redis.call('SET',KEYS[2],'2')" 2 m:4 m:5
SET m:6 x
EXEC
MULTI
SET m:7 a
DISCARD
PUBLISH channel hello
EVAL "redis.call('SET',KEYS[1],ARGV[1]) redis.call('INCR',KEYS[2]) return redis.call('SET',KEYS[3],'x')" 3 e:1 e:2 e:3 v
EVAL "return redis.call('SET',KEYS[1],'single')" 1 e:1
EVAL "redis.call('INCRBYFLOAT',KEYS[1],'1.5') redis.call('EXPIRE',KEYS[1],1000000000)" 1 e:f

SELECT 9
SET d:9 nine
SELECT 15
SET d:15 fifteen
SWAPDB 9 10
SELECT 10
SET d:10 ten
SELECT 11
SET d:11 gone
FLUSHDB
SELECT 0
SET d:0 zero
"#;

const SINCE_7: &str = r##"
RPUSH l:mp 1 2 3
LMPOP 2 l:none l:mp LEFT COUNT 2
ZMPOP 1 z:a MIN COUNT 2
FUNCTION LOAD "#!lua name=mylib\nredis.register_function('setboth', function(keys, args) redis.call('SET', keys[1], args[1]) return redis.call('SET', keys[2], args[1]) end)"
FCALL setboth 2 f:a f:b v
SPUBLISH shard hello
"##;

const EXPIRING_FIELDS: &str = r#"
HSET h:t a 1 b 2 c 3
HEXPIRE h:t 1000000000 FIELDS 1 a
HPEXPIREAT h:t 4000000000000 FIELDS 1 b
HPERSIST h:t FIELDS 1 b
"#;

/// 5000 arguments, a value of 1 MiB, and a value of line ends only.
fn large() -> Vec<Command> {
    let mut many = command(&["RPUSH", "big:args"]);
    many.extend((0..4998).map(|number: u32| number.to_string().into_bytes()));
    let mib = (0..1_u32 << 20).map(|index| (index % 251) as u8).collect();
    let ends = b"\r\n".repeat(3000);
    vec![many, vec![b"SET".into(), b"big:mib".into(), mib], vec![b"SET".into(), b"big:ends".into(), ends]]
}

/// Commands from lines of text.
pub(crate) fn parse(lines: &str) -> Vec<Command> {
    lines.lines().filter(|line| !line.is_empty()).map(split).collect()
}

fn split(line: &str) -> Command {
    let mut args = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let arg;
        (arg, rest) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = rest.find(' ').unwrap_or(rest.len());
                (rest.as_bytes()[..end].to_vec(), &rest[end..])
            }
        };
        args.push(arg);
        rest = rest.trim_start();
    }
    args
}

/// The bytes up to the closing quote, and the rest after it.
fn unquote(mut text: &str) -> (Vec<u8>, &str) {
    let mut bytes = Vec::new();
    loop {
        let plain = text.find(['"', '\\']).expect("a closing quote");
        bytes.extend_from_slice(&text.as_bytes()[..plain]);
        let (mark, escaped) = text[plain..].split_at(1);
        if mark == "\"" {
            return (bytes, escaped);
        }
        let (byte, length) = match escaped.as_bytes()[0] {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b'x' => (u8::from_str_radix(&escaped[1..3], 16).expect("two hexadecimal digits"), 3),
            other => panic!("no such escape: {}", other as char),
        };
        bytes.push(byte);
        text = &escaped[length..];
    }
}

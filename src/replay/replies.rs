//! Replies to the requests before the stream, as Redis 7.0 gives them.

use crate::replay::segment::Segment;

pub(super) const OK: &[u8] = b"+OK\r\n";
pub(super) const SYNTAX_ERROR: &[u8] = b"-ERR syntax error\r\n";
pub(super) const NOT_AN_INTEGER: &[u8] = b"-ERR value is not an integer or out of range\r\n";
pub(super) const NO_AUTH: &[u8] = b"-NOAUTH Authentication required.\r\n";
pub(super) const WRONG_PASSWORD: &[u8] = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n";
pub(super) const NO_PASSWORD_SET: &[u8] =
    b"-ERR AUTH <password> called without any password configured for the default user. \
      Are you sure your configuration is correct?\r\n";
pub(super) const FILTER_NEEDS_EOF: &[u8] = b"-ERR Filtered replica requires EOF capability\r\n";

pub(super) fn wrong_arguments(command: &str) -> Vec<u8> {
    format!("-ERR wrong number of arguments for '{command}' command\r\n").into_bytes()
}

/// `prefix` and the client's text, cut to fit in a line.
pub(super) fn error_about(prefix: &str, word: &[u8]) -> Vec<u8> {
    let word: String = String::from_utf8_lossy(word).chars().filter(|c| !c.is_control()).take(128).collect();
    format!("-ERR {prefix}{word}\r\n").into_bytes()
}

pub(super) fn bulk(text: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat()
}

pub(super) fn role(offset: u64) -> Vec<u8> {
    format!("*3\r\n$6\r\nmaster\r\n:{offset}\r\n*0\r\n").into_bytes()
}

/// INFO with the sections a follower reads; `section` in any case, or nothing for all. The segment is what the server
/// has in its backlog, up to `offset`.
pub(super) fn info(section: Option<&[u8]>, segment: &Segment, offset: u64) -> Vec<u8> {
    let sections = [
        ("Server", "redis_version:7.0.15\r\nredis_mode:standalone\r\n".to_owned()),
        ("Memory", "used_memory:1048576\r\n".to_owned()),
        ("Persistence", "loading:0\r\n".to_owned()),
        ("Stats", "latest_fork_usec:0\r\n".to_owned()),
        ("Replication", replication(segment, offset)),
    ];
    let wanted = |name: &str| {
        section.is_none_or(|section| {
            section.eq_ignore_ascii_case(name.as_bytes())
                || [b"default".as_slice(), b"all", b"everything"].iter().any(|all| section.eq_ignore_ascii_case(all))
        })
    };
    let texts: Vec<String> =
        sections.iter().filter(|(name, _)| wanted(name)).map(|(name, lines)| format!("# {name}\r\n{lines}")).collect();
    bulk(texts.join("\r\n").as_bytes())
}

fn replication(segment: &Segment, offset: u64) -> String {
    let start = segment.start_offset();
    format!(
        "role:master\r\n\
         connected_slaves:0\r\n\
         master_failover_state:no-failover\r\n\
         master_replid:{}\r\n\
         master_replid2:0000000000000000000000000000000000000000\r\n\
         master_repl_offset:{offset}\r\n\
         second_repl_offset:-1\r\n\
         repl_backlog_active:1\r\n\
         repl_backlog_size:{}\r\n\
         repl_backlog_first_byte_offset:{}\r\n\
         repl_backlog_histlen:{}\r\n",
        segment.replid(),
        segment.end_offset().saturating_sub(start).max(16_384),
        start.saturating_add(1),
        offset.saturating_sub(start),
    )
}

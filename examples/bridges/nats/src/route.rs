//! Finds the partitions of a command.

use redtail::resp::{Command, Keys};
use redtail::topology::slot;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Not published: PUBLISH and SPUBLISH change no data.
    Nowhere,
    /// In ascending order, each once.
    Some(Vec<u16>),
    /// The command has no keys, or touches keys it does not name, or is unknown.
    All,
}

/// A key is in the partition of its slot, with a cluster or without: its partition is the same if there is a cluster
/// later. A command with keys of several partitions, possible only outside of clusters, is in each of them.
pub(crate) fn route(command: &Command<'_>, partitions: u16) -> Route {
    match command.keys() {
        Keys::Some(keys) => {
            let mut all: Vec<u16> = keys.map(|(_, key)| slot(key) % partitions).collect();
            all.sort_unstable();
            all.dedup();
            Route::Some(all)
        }
        _ if is_message(command) => Route::Nowhere,
        _ => Route::All,
    }
}

fn is_message(command: &Command<'_>) -> bool {
    let name = command.args().next().unwrap_or_default();
    name.eq_ignore_ascii_case(b"PUBLISH") || name.eq_ignore_ascii_case(b"SPUBLISH")
}

#[cfg(test)]
mod tests {
    use redtail::{CommandParser, Status};

    use super::*;

    fn routed(words: &str, partitions: u16) -> Route {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        let mut bytes = vec![0; redtail::resp::encoded_len(&words)];
        redtail::resp::encode_command(&mut bytes, &words).unwrap();
        let mut input = &bytes[..];
        let mut parser = CommandParser::stream();
        let Ok(Status::Complete(command)) = parser.next(&mut input) else { panic!("a command") };
        route(&command, partitions)
    }

    #[test]
    fn keys_decide_and_what_has_none_goes_everywhere() {
        // By CLUSTER KEYSLOT: a 15495, b 3300, c 7365.
        assert_eq!(routed("SET a 1", 16_384), Route::Some(vec![15_495]));
        assert_eq!(routed("MSET a 1 b 2 c 3", 10), Route::Some(vec![0, 5]));
        assert_eq!(routed("DEL {a}1 {a}2", 16), Route::Some(vec![7]));
        for everywhere in ["FLUSHALL", "SCRIPT FLUSH", "MY.MODULE k", "SWAPDB 0 1", "EVAL x 0"] {
            assert_eq!(routed(everywhere, 4), Route::All, "{everywhere}");
        }
        assert_eq!(routed("PUBLISH a b", 4), Route::Nowhere);
        assert_eq!(routed("spublish a b", 4), Route::Nowhere);
    }
}

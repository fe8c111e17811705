//! The facts in INFO that a follower needs.

use core::time::Duration;

use crate::replication::event::Role;
use crate::replication::position::{Position, ReplicationId};
use crate::replication::server::{Server, Version};

/// The fields of an INFO reply that matter here; each is absent if the server does not give it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Info {
    redis_version: Option<Version>,
    valkey_version: Option<Version>,
    pub(crate) role: Option<Role>,
    /// On a replica: the connection to its own primary is down.
    link_is_down: bool,
    replid: Option<ReplicationId>,
    replid2: Option<ReplicationId>,
    second_offset: Option<u64>,
    offset: Option<u64>,
    backlog_active: bool,
    backlog_first: Option<u64>,
    pub(crate) used_memory: Option<u64>,
    pub(crate) last_fork: Option<Duration>,
}

impl Info {
    /// Reads the text of `INFO`: lines of `name:value`.
    pub(crate) fn read(text: &[u8]) -> Self {
        let mut info = Self::default();
        for line in text.split(|&b| b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(colon) = memchr::memchr(b':', line) {
                let (name, value) = line.split_at(colon);
                info.field(name, value.get(1..).unwrap_or_default());
            }
        }
        info
    }

    fn field(&mut self, name: &[u8], value: &[u8]) {
        match name {
            b"redis_version" => self.redis_version = Some(Version::stated(value)),
            b"valkey_version" => self.valkey_version = Some(Version::stated(value)),
            b"role" => {
                self.role = match value {
                    b"master" => Some(Role::Primary),
                    b"slave" => Some(Role::Replica),
                    _ => None,
                }
            }
            b"master_link_status" => self.link_is_down = value != b"up",
            b"master_replid" => self.replid = ReplicationId::from_bytes(value),
            b"master_replid2" => self.replid2 = ReplicationId::from_bytes(value),
            b"second_repl_offset" => self.second_offset = number(value),
            b"master_repl_offset" => self.offset = number(value),
            b"repl_backlog_active" => self.backlog_active = value == b"1",
            b"repl_backlog_first_byte_offset" => self.backlog_first = number(value),
            b"used_memory" => self.used_memory = number(value),
            b"latest_fork_usec" => self.last_fork = number(value).map(Duration::from_micros),
            _ => {}
        }
    }

    /// Valkey gives a `redis_version` too, for clients that know no other.
    pub(crate) fn server(&self) -> Option<Server> {
        Server::stated(self.redis_version, self.valkey_version)
    }

    /// The present position of the stream; `None` without a backlog: the first replica changes the id and offset that
    /// are shown then.
    pub(crate) fn now(&self) -> Option<Position> {
        self.shown().filter(|_| self.backlog_active)
    }

    /// A replica in a full resynchronisation: it has no backlog until that is done, and only PSYNC fails.
    pub(crate) fn is_out_of_step(&self) -> bool {
        self.link_is_down && self.now().is_none()
    }

    /// The id and offset shown, whether they can be started from or not.
    pub(crate) fn shown(&self) -> Option<Position> {
        Some(Position::new(self.replid?, self.offset?, None))
    }

    /// Whether the server could continue from `position` without a full resynchronisation, by the rule of its own
    /// `masterTryPartialResync`.
    pub(crate) fn covers(&self, position: &Position) -> bool {
        let (true, Some(first), Some(last)) = (self.backlog_active, self.backlog_first, self.offset) else {
            return false;
        };
        let next = position.offset.saturating_add(1);
        let known = self.replid == Some(position.replid)
            || (self.replid2 == Some(position.replid) && self.second_offset.is_some_and(|second| next <= second));
        known && (first..=last.saturating_add(1)).contains(&next)
    }

    /// The position at which this primary's own history begins, if it lies before `position` and nothing between the
    /// two changes data. The new history names it.
    ///
    /// The database is unknown: a promoted server repeats SELECT before its first command, as a restarted one does
    /// (`slaveseldb` in the servers' `replication.c`). A replica passes on a stream that does not.
    pub(crate) fn parting(&self, position: &Position) -> Option<Position> {
        let has_parted = self.replid2 == Some(position.replid) && self.replid != self.replid2;
        let replid = self.replid.filter(|_| has_parted && self.role == Some(Role::Primary))?;
        let offset = self.second_offset?.checked_sub(1)?;
        let parting = Position::new(position.replid, offset, None).with_history(replid);
        let is_harmless = (position.data_offset..position.offset).contains(&offset);
        (is_harmless && self.covers(&parting)).then_some(parting)
    }
}

/// A decimal number below 2^63, as servers count. `-1` is not one.
fn number(text: &[u8]) -> Option<u64> {
    core::str::from_utf8(text).ok()?.parse().ok().filter(|&number: &u64| number < i64::MAX.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.1.2\r\n# Replication\r\nrole:master\r\n\
        master_replid:26e9aa58837d8095338f33e660463dbdf56c86c9\r\nmaster_replid2:36c5b256fc563b711ac7b6ff2e615bab7d161378\r\n\
        master_repl_offset:1000\r\nsecond_repl_offset:501\r\nrepl_backlog_active:1\r\nrepl_backlog_first_byte_offset:301\r\n";

    fn at(replid: &str, offset: u64) -> Position {
        let replid = replid.parse().unwrap();
        Position::new(replid, offset, None)
    }

    #[test]
    fn tells_what_the_server_is_and_where_it_stands() {
        let info = Info::read(TEXT);
        assert_eq!(info.server().unwrap().to_string(), "valkey 9.1.2");
        assert_eq!(info.role, Some(Role::Primary));
        assert_eq!(info.now(), Some(at("26e9aa58837d8095338f33e660463dbdf56c86c9", 1000)));
    }

    #[test]
    fn covers_exactly_what_the_backlog_holds() {
        let info = Info::read(TEXT);
        let (now, before) = ("26e9aa58837d8095338f33e660463dbdf56c86c9", "36c5b256fc563b711ac7b6ff2e615bab7d161378");
        for (replid, offset, expected) in [
            (now, 299, false),
            (now, 300, true),
            (now, 1000, true),
            (now, 1001, false),
            (before, 500, true),
            (before, 501, false),
            (before, 299, false),
            ("0000000000000000000000000000000000000000", 600, false),
        ] {
            assert_eq!(info.covers(&at(replid, offset)), expected, "{replid} {offset}");
        }
    }

    #[test]
    fn histories_part_where_nothing_after_it_changed_data() {
        let info = Info::read(TEXT);
        let (now, before) = ("26e9aa58837d8095338f33e660463dbdf56c86c9", "36c5b256fc563b711ac7b6ff2e615bab7d161378");
        let parting = |info: &Info, replid, offset, data| info.parting(&at(replid, offset).with_data_offset(data));
        for (replid, offset, data, expected) in [
            (before, 700, 500, true),
            (before, 501, 500, true),
            (before, 700, 350, true),
            (before, 700, 501, false),
            (before, 700, 700, false),
            (before, 500, 300, false),
            (now, 1200, 500, false),
            ("0000000000000000000000000000000000000000", 700, 500, false),
        ] {
            let found = parting(&info, replid, offset, data);
            let wanted = at(before, 500).with_history(now.parse().unwrap());
            assert_eq!(found, expected.then_some(wanted), "{replid} {offset} {data}");
        }
        let edited = |from: &str, to: &str| Info::read(str::from_utf8(TEXT).unwrap().replace(from, to).as_bytes());
        for (from, to) in [
            ("role:master", "role:slave"),
            ("backlog_active:1", "backlog_active:0"),
            ("first_byte_offset:301", "first_byte_offset:502"),
            ("second_repl_offset:501", "second_repl_offset:-1"),
        ] {
            assert_eq!(parting(&edited(from, to), before, 700, 400), None, "{to}");
        }
    }

    #[test]
    fn an_inactive_backlog_tells_no_place() {
        let info = Info::read(b"master_replid:26e9aa58837d8095338f33e660463dbdf56c86c9\r\nmaster_repl_offset:0\r\nrepl_backlog_active:0\r\n");
        assert_eq!(info.now(), None);
        assert!(!info.covers(&at("26e9aa58837d8095338f33e660463dbdf56c86c9", 0)));
    }
}

//! A primary made of the rules in the servers' sources: which replica may resume, and the reply to all others.

mod resync;

use crate::log::{Log, Words};
use crate::profile::{Profile, Psync};
use crate::rng::Rng;
use crate::snapshot::Fact;
use crate::tally::{Fault, Sight, Tally};
use crate::wire::{Tag, Wire};
use crate::words::{NOPERM_CLIENT, NOPERM_INFO, Question, Row, UNRECOGNIZED, Verdict, WRONG, errors};
use crate::writes::{Style, write};

#[derive(Debug)]
pub(crate) struct Primary {
    pub(crate) profile: &'static Profile,
    pub(crate) log: Log,
    /// A replica that lags shows the log only up to here.
    pub(crate) shown: Option<u64>,
    pub(crate) is_replica: bool,
    /// A replica whose own link is down, without a backlog.
    pub(crate) out_of_step: bool,
    pub(crate) replid: String,
    /// The id before a promotion, and the first offset that was not its own.
    pub(crate) replid2: Option<(String, u64)>,
    pub(crate) backlog_first: Option<u64>,
    /// The next write names its database.
    pub(crate) again: bool,
    pub(crate) style: Style,
    talk: Talk,
    pub(crate) trouble: Option<Trouble>,
}

/// The state of a link.
#[derive(Debug, Default)]
struct Talk {
    eof: bool,
    psync2: bool,
    filter: bool,
    stage: Stage,
    /// The offset up to which the stream was sent.
    sent: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Handshake,
    /// Acknowledgements count from this time on.
    AwaitsAck {
        from: u64,
    },
    Stream,
    /// Nothing more will be said.
    Over,
    /// And the link will be closed.
    Closing,
}

/// A fault in the answers of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    Error(Question, usize),
    Wrong(usize),
    GarbageReply(Question),
    GarbageHeader,
    SnapshotFails(usize),
    FilterIgnored,
    BrokenSnapshot,
    ChildDies,
    MovesOnAfterInfo,
}

/// A primary's answer, for the judge.
#[derive(Debug)]
pub(crate) enum Said {
    /// Nothing, or an answer without information.
    Fine,
    Error {
        row: Row,
    },
    Wrong,
    /// This number of meaningless bytes.
    Garbage(usize),
    Info(Told),
    Continue {
        replid: Option<String>,
    },
    Full(Box<Full>),
}

/// The facts given by INFO.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) server: Option<String>,
    pub(crate) is_replica: bool,
    pub(crate) out_of_step: bool,
    pub(crate) active: bool,
    pub(crate) shown: Option<(String, u64)>,
    pub(crate) backlog_first: u64,
    pub(crate) replid2: Option<(String, u64)>,
}

pub(crate) const USED_MEMORY: u64 = 1_234_567;
pub(crate) const LAST_FORK_US: u64 = 321;

/// A full resynchronisation as it was sent. Bytes are counted from the first byte of the link.
#[derive(Debug)]
pub(crate) struct Full {
    pub(crate) replid: String,
    pub(crate) offset: u64,
    pub(crate) is_sync: bool,
    pub(crate) line_end: usize,
    pub(crate) header_start: usize,
    pub(crate) header_end: usize,
    pub(crate) instead: Option<Instead>,
    pub(crate) length: Option<u64>,
    pub(crate) data: Vec<u8>,
    /// The contents of the snapshot.
    pub(crate) facts: Vec<Fact>,
    pub(crate) end: usize,
    /// Its structure and its frame do not agree, or its checksum is wrong.
    pub(crate) is_broken: bool,
    /// Only newlines follow its mark.
    pub(crate) is_last: bool,
    pub(crate) db: Option<u32>,
    /// The server, as the snapshot describes it.
    pub(crate) server: Option<String>,
}

/// Sent instead of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Instead {
    Error(Row),
    Garbage,
}

impl Primary {
    pub(crate) fn new(profile: &'static Profile, style: Style, rng: &mut Rng) -> Self {
        let base = rng.pick(&[0, 0, 0, 1, 9, 95, 998, 1 << 20, 1 << 33, 999_999_999_990, (1 << 62) + 7]);
        Self {
            profile,
            log: Log::new(base, rng.below(3) as u32),
            shown: None,
            is_replica: rng.chance(15),
            out_of_step: false,
            replid: rng.id(),
            replid2: None,
            backlog_first: rng.chance(85).then_some(base + 1),
            again: true,
            style,
            talk: Talk::default(),
            trouble: None,
        }
    }

    /// Another server of the same version. It shares nothing with this one but offsets.
    pub(crate) fn stranger(&self, rng: &mut Rng, tally: &mut Tally) -> Self {
        let mut other = Self::new(self.profile, Style { mark: rng.id(), ..self.style.clone() }, rng);
        let base = self.end().saturating_sub(rng.below(200) as u64);
        (other.log, other.backlog_first) = (Log::new(base, 0), Some(base + 1));
        (0..rng.between(1, 20)).for_each(|_| other.write(rng, tally));
        other
    }

    /// The offset of the last byte it has.
    pub(crate) fn end(&self) -> u64 {
        self.shown.unwrap_or(self.log.end())
    }

    pub(crate) fn accept(&mut self) {
        self.talk = Talk::default();
    }

    /// The offset up to which the last stream was sent.
    pub(crate) fn sent(&self) -> u64 {
        self.talk.sent.min(self.log.end())
    }

    pub(crate) fn is_streaming(&self) -> bool {
        self.talk.stage == Stage::Stream
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.talk.stage == Stage::Closing
    }

    pub(crate) fn awaits_ack(&self) -> bool {
        matches!(self.talk.stage, Stage::AwaitsAck { .. })
    }

    /// Writes something. Without a backlog nothing of it is kept for a stream.
    pub(crate) fn write(&mut self, rng: &mut Rng, tally: &mut Tally) {
        if let Some(shown) = &mut self.shown {
            // A replica that lags takes over what is there already.
            let next = self.log.units[self.log.after(*shown)..].iter().find(|unit| unit.is_boundary());
            *shown = next.map_or(self.log.end(), |unit| unit.end);
            if *shown == self.log.end() {
                self.shown = None;
            }
        } else if self.backlog_first.is_some() {
            write(&mut self.log, &self.style, &mut self.again, rng, tally);
        }
    }

    /// Whether it has all from byte `next` on of the history `replid`.
    pub(crate) fn has(&self, replid: &str, next: u64) -> bool {
        let known =
            replid == self.replid || self.replid2.as_ref().is_some_and(|(id, second)| id == replid && next <= *second);
        known && self.backlog_first.is_some_and(|first| (first..=self.end() + 1).contains(&next))
    }

    /// Puts what the stream has more onto the wire.
    pub(crate) fn flush(&mut self, now: u64, wire: &mut Wire) {
        if self.talk.stage == Stage::Stream && self.talk.sent < self.end() {
            wire.queue(now, Tag::Stream, self.log.slice(self.talk.sent, self.end()));
            self.talk.sent = self.end();
        }
    }

    /// Puts something into the stream that is no part of it, and says no more. Gives the offset before it.
    pub(crate) fn spoil(&mut self, bytes: &[u8], now: u64, wire: &mut Wire) -> u64 {
        self.flush(now, wire);
        wire.queue(now, Tag::Stream, bytes);
        self.talk.stage = Stage::Over;
        self.talk.sent
    }

    /// Hears one command, and answers.
    pub(crate) fn hear(&mut self, words: &Words, now: u64, wire: &mut Wire, rng: &mut Rng, tally: &mut Tally) -> Said {
        let words: Vec<&str> = words.iter().map(|word| std::str::from_utf8(word).unwrap_or("?")).collect();
        let question = match words[..] {
            [""] => return Said::Fine,
            ["REPLCONF", "ACK", _] => {
                self.acknowledged(now, wire, tally);
                return Said::Fine;
            }
            ["AUTH", ..] => Question::Auth,
            ["PING"] => Question::Ping,
            ["REPLCONF", "ip-address", _] => Question::Label,
            ["REPLCONF", "listening-port", _] => Question::Port,
            ["INFO"] => Question::Info,
            // The reply to the second one is suppressed.
            ["CLIENT", "REPLY", "SKIP"] | ["REPLCONF", "version", "0.0.0"] => return Said::Fine,
            ["REPLCONF", "version", _] => Question::Version,
            ["CLIENT", "REPLY", "ON"] => Question::ClientReply,
            ["REPLCONF", "capa", "eof"] => Question::Eof,
            ["REPLCONF", "capa", "psync2"] => Question::Psync2,
            ["REPLCONF", "rdb-filter-only", ""] => Question::Filter,
            _ => Question::Attach,
        };
        if question != Question::Attach && rng.chance(10) {
            tally.sight(Sight::KeepAlives);
            wire.queue(now, Tag::Reply, rng.pick(&[&b"\n"[..], b"\r\n", b"\n\n\n"]));
        }
        match self.trouble {
            Some(Trouble::Error(at, row)) if at == question => {
                let rows = errors(question);
                let row = rows[row % rows.len()];
                tally.fault(match row.1 {
                    Verdict::GoOn | Verdict::Retry | Verdict::RetryMuchLater => Fault::ErrorThatPasses,
                    Verdict::RetryAFewTimes => Fault::ErrorUnknown,
                    Verdict::Fatal => Fault::ErrorForGood,
                });
                return self.error(row, now, wire);
            }
            Some(Trouble::Wrong(row)) if question == Question::Attach => {
                tally.fault(Fault::WrongAnswer);
                self.talk.stage = Stage::Over;
                wire.queue(now, Tag::Reply, format!("{}\r\n", WRONG[row % WRONG.len()]).as_bytes());
                return Said::Wrong;
            }
            Some(Trouble::GarbageReply(at)) if at == question && at != Question::Attach => {
                tally.fault(Fault::GarbageInHandshake);
                self.talk.stage = Stage::Over;
                let bytes =
                    rng.pick(&[&b"HTTP/1.1 400\r\n"[..], b"\0\0\0", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01"]);
                wire.queue(now, Tag::Reply, bytes);
                return Said::Garbage(bytes.len());
            }
            _ => {}
        }
        let known = match question {
            Question::Auth | Question::Ping | Question::Port => Ok(()),
            Question::Label if !self.profile.ip_address => Err(UNRECOGNIZED),
            Question::Version if !self.profile.version => Err(UNRECOGNIZED),
            Question::Filter if !self.profile.filter => Err(UNRECOGNIZED),
            Question::ClientReply if self.profile.client_denied => Err(NOPERM_CLIENT),
            Question::Eof | Question::Psync2 => self.profile.capa,
            Question::Label | Question::Version | Question::ClientReply | Question::Filter => Ok(()),
            Question::Info if self.profile.info_denied => Err(NOPERM_INFO),
            Question::Info => return self.info(now, wire, rng, tally),
            Question::Attach => return self.attach(&words, now, wire, rng, tally),
        };
        if let Err(words) = known {
            return self.error((words, Verdict::GoOn), now, wire);
        }
        self.talk.eof |= question == Question::Eof;
        self.talk.psync2 |= question == Question::Psync2;
        self.talk.filter |= question == Question::Filter;
        wire.queue(now, Tag::Reply, if question == Question::Ping { b"+PONG\r\n" } else { b"+OK\r\n" });
        Said::Fine
    }

    fn error(&mut self, row: Row, now: u64, wire: &mut Wire) -> Said {
        if row.1 != Verdict::GoOn {
            self.talk.stage = Stage::Over;
        }
        wire.queue(now, Tag::Reply, format!("{}\r\n", row.0).as_bytes());
        Said::Error { row }
    }

    fn acknowledged(&mut self, now: u64, wire: &mut Wire, tally: &mut Tally) {
        if let Stage::AwaitsAck { from } = self.talk.stage {
            // Before the child that sent the snapshot is reaped, it has no effect.
            if now < from {
                tally.fault(Fault::AckForgotten);
                return;
            }
            self.talk.stage = Stage::Stream;
            self.flush(now, wire);
        }
    }

    fn info(&mut self, now: u64, wire: &mut Wire, rng: &mut Rng, tally: &mut Tally) -> Said {
        let active = self.backlog_first.is_some() && !self.out_of_step;
        let told = Told {
            server: self.profile.shown(),
            is_replica: self.is_replica || self.out_of_step,
            out_of_step: self.out_of_step,
            active,
            shown: self.profile.shows_replid.then(|| (self.replid.clone(), self.end())),
            backlog_first: self.backlog_first.unwrap_or(0),
            replid2: self.replid2.clone(),
        };
        let mut text = String::from("# Server\r\n");
        let mut line = |name: &str, value: &str| text.push_str(&format!("{name}:{value}\r\n"));
        if let Some(version) = self.profile.redis_version {
            line("redis_version", version);
        }
        if let Some(version) = self.profile.valkey_version {
            line("server_name", "valkey");
            line("valkey_version", version);
        }
        line("os", "Linux 6.1 x86_64");
        line("used_memory", &USED_MEMORY.to_string());
        line("latest_fork_usec", &LAST_FORK_US.to_string());
        line("role", if told.is_replica { "slave" } else { "master" });
        if told.is_replica {
            line("master_link_status", if self.out_of_step { "down" } else { "up" });
        }
        if self.profile.shows_replid {
            let (id, second) =
                self.replid2.clone().map_or(("0".repeat(40), "-1".into()), |(id, second)| (id, second.to_string()));
            line("master_replid", &self.replid);
            line("master_replid2", &id);
            line("second_repl_offset", &second);
        }
        line("master_repl_offset", &self.end().to_string());
        line("repl_backlog_active", if active { "1" } else { "0" });
        line("repl_backlog_first_byte_offset", &told.backlog_first.to_string());
        wire.queue(now, Tag::Reply, format!("${}\r\n{text}\r\n", text.len()).as_bytes());
        if self.trouble == Some(Trouble::MovesOnAfterInfo) && active && self.shown.is_none() {
            (0..3).for_each(|_| self.write(rng, tally));
            if self.end() > told.shown.as_ref().map_or(0, |shown| shown.1) {
                tally.fault(Fault::MovedOnAfterInfo);
                self.backlog_first = Some(self.end() + 1);
            }
        }
        Said::Info(told)
    }

    fn attach(&mut self, words: &[&str], now: u64, wire: &mut Wire, rng: &mut Rng, tally: &mut Tally) -> Said {
        let (replid, next) = match (words, self.profile.psync) {
            (["SYNC"], _) => return self.full(true, now, wire, rng, tally),
            (_, Psync::None(words)) => return self.error((words, Verdict::Fatal), now, wire),
            (["PSYNC", replid, next], _) => (*replid, *next),
            _ => return self.error(("-ERR wrong number of arguments for 'psync' command", Verdict::Fatal), now, wire),
        };
        if self.out_of_step {
            let words = "-NOMASTERLINK Can't SYNC while not connected with my master";
            return self.error((words, Verdict::Retry), now, wire);
        }
        match next.parse::<u64>() {
            Ok(next) if self.has(replid, next) => {
                if rng.chance(20) {
                    tally.sight(Sight::KeepAlives);
                    wire.queue(now, Tag::Reply, b"\n");
                }
                let replid = (self.talk.psync2 && self.profile.psync == Psync::Two).then(|| self.replid.clone());
                let line = replid.as_ref().map_or("+CONTINUE\r\n".into(), |replid| format!("+CONTINUE {replid}\r\n"));
                wire.queue(now, Tag::Reply, line.as_bytes());
                self.talk.stage = Stage::Stream;
                self.talk.sent = next - 1;
                Said::Continue { replid }
            }
            _ => self.full(false, now, wire, rng, tally),
        }
    }
}

//! A full resynchronisation, as the servers send it.

use super::{Full, Instead, Primary, Said, Stage, Trouble};
use crate::rng::Rng;
use crate::snapshot::{Content, large, snapshot};
use crate::tally::{Fault, Sight, Tally};
use crate::wire::{Tag, Wire};
use crate::words::INSTEAD;

impl Primary {
    pub(super) fn full(&mut self, is_sync: bool, now: u64, wire: &mut Wire, rng: &mut Rng, tally: &mut Tally) -> Said {
        if self.backlog_first.is_none() {
            self.replid = rng.id();
            self.replid2 = None;
            self.backlog_first = Some(self.log.end() + 1);
        }
        let ignored = self.trouble == Some(Trouble::FilterIgnored);
        let is_filtered = self.talk.filter;
        let diskless = is_filtered || (self.talk.eof && self.profile.diskless == rng.chance(80));
        let mut at = now;
        let mut wait = |wire: &mut Wire, tally: &mut Tally, rng: &mut Rng| {
            let most = if rng.chance(50) { 4 } else { 1 };
            for _ in 0..rng.below(most) {
                at += 1000;
                tally.sight(Sight::KeepAlives);
                wire.queue(at, Tag::Reply, b"\n");
            }
        };
        if diskless || is_sync {
            wait(wire, tally, rng);
            (0..rng.below(3)).for_each(|_| self.write(rng, tally));
        }
        // A replica is asked for a snapshot between two commands.
        while self.log.is_newline_next(self.end()) {
            self.write(rng, tally);
        }
        let offset = self.end();
        let mut line_end = 0;
        if !is_sync {
            line_end = wire.queue(now, Tag::Reply, format!("+FULLRESYNC {} {offset}\r\n", self.replid).as_bytes());
        }
        if !diskless && !is_sync {
            wait(wire, tally, rng);
        }
        let has_db = self.profile.rdb_version() >= 8 && (is_filtered || rng.chance(90));
        let stream_db = if self.again && !self.is_replica { 0 } else { self.log.db_at(offset) };
        // A primary names the database again for each new replica; a replica passes on the stream it receives.
        self.again |= !self.is_replica;
        let mark = self.style.mark.clone();
        let holds_mark = diskless && rng.chance(40);
        let content = Content {
            stream_db: has_db.then_some(stream_db),
            empty: is_filtered && !ignored,
            mark: holds_mark.then_some(&*mark),
        };
        let mut made = snapshot(self.profile, &content, rng);
        if ignored && is_filtered {
            tally.fault(Fault::FilterIgnored);
            made = large(self.profile);
        } else if holds_mark && made.bytes.windows(40).any(|window| window == mark.as_bytes()) {
            tally.sight(Sight::MarkInside);
        }
        let server = match (self.profile.rdb_version() >= 7, self.profile.valkey_version, self.profile.redis_version) {
            (true, None, version) => version.map(|version| format!("redis {version}")),
            (true, Some(version), _) => Some(format!("valkey {version}")),
            _ => None,
        };
        let mut length = (!diskless).then_some(made.bytes.len() as u64);
        let mut end_mark = mark.clone();
        let is_broken = self.trouble == Some(Trouble::BrokenSnapshot);
        if is_broken {
            tally.fault(Fault::SnapshotBroken);
            break_up(&mut made.bytes, &mut length, &mut end_mark, rng);
        }
        let mut full = Full {
            replid: self.replid.clone(),
            offset,
            is_sync,
            line_end,
            header_start: wire.total,
            header_end: usize::MAX,
            instead: None,
            length,
            data: made.bytes,
            facts: made.facts,
            end: usize::MAX,
            is_broken,
            is_last: false,
            db: content.stream_db,
            server,
        };
        self.talk.sent = offset;
        match self.trouble {
            Some(Trouble::SnapshotFails(row)) if !is_sync => {
                let row = INSTEAD[row % INSTEAD.len()];
                tally.fault(Fault::SnapshotFails);
                full.instead = Some(Instead::Error(row));
                full.header_end = wire.queue(now, Tag::Header, format!("{}\r\n", row.0).as_bytes());
                self.talk.stage = Stage::Over;
            }
            Some(Trouble::GarbageHeader) if !is_sync => {
                tally.fault(Fault::GarbageBeforeSnapshot);
                full.instead = Some(Instead::Garbage);
                full.header_end = wire.queue(
                    now,
                    Tag::Header,
                    rng.pick(&[&b"*1\r\n$4\r\nping\r\n"[..], b"+OK\r\n", b"REDIS0009", b"\0"]),
                );
                self.talk.stage = Stage::Over;
            }
            _ => self.payload(&mut full, &end_mark, at, wire, rng, tally),
        }
        Said::Full(Box::new(full))
    }

    fn payload(&mut self, full: &mut Full, mark: &str, mut at: u64, wire: &mut Wire, rng: &mut Rng, tally: &mut Tally) {
        let header = full.length.map_or(format!("$EOF:{}\r\n", self.style.mark), |length| format!("${length}\r\n"));
        full.header_end = wire.queue(at, Tag::Header, header.as_bytes());
        let piece = (full.data.len() / rng.between(1, 4)).max(1);
        for piece in full.data.chunks(piece) {
            wire.queue(at, Tag::Snapshot, piece);
            at += if rng.chance(50) { rng.ms(0, 2500) } else { 0 };
        }
        full.end = wire.total;
        self.talk.stage = Stage::Stream;
        if full.length.is_none() {
            full.end = wire.queue(at, Tag::Mark, mark.as_bytes());
            if self.trouble == Some(Trouble::ChildDies) && !full.is_broken {
                tally.fault(Fault::ChildDies);
                full.is_last = true;
                for _ in 0..rng.between(1, 3) {
                    wire.queue(at, Tag::Mark, b"\n");
                    at += rng.ms(0, 1000);
                }
                self.talk.stage = Stage::Closing;
                tally.sight(Sight::MarkFramed);
                return;
            }
            // Servers wait for an acknowledgement; one that does not is followed as well.
            if rng.chance(85) {
                self.talk.stage = Stage::AwaitsAck { from: at + if rng.chance(50) { rng.ms(0, 450) } else { 0 } };
            } else {
                tally.sight(Sight::StreamAfterMark);
            }
        }
        tally.sight(if full.length.is_some() { Sight::LengthFramed } else { Sight::MarkFramed });
        if full.is_broken {
            self.talk.stage = Stage::Over;
        }
    }
}

/// Makes a snapshot disagree with its frame, or with itself.
fn break_up(bytes: &mut Vec<u8>, length: &mut Option<u64>, mark: &mut String, rng: &mut Rng) {
    let size = bytes.len();
    match (rng.below(if length.is_some() { 3 } else { 4 }), length) {
        // The checksum; where there was none before, now there is one.
        (0, _) => bytes[size - 1] ^= 1,
        (1, Some(length)) => *length += 5,
        (_, Some(length)) => {
            *length -= 1 + rng.below(8) as u64;
            bytes.truncate(*length as usize);
        }
        (1, None) => mark.replace_range(39.., "x"),
        (2, None) => bytes.push(0),
        // But for a mark that begins with just that byte: then the frame is whole one byte later than it should be.
        (3, None) if bytes[size - 1] != mark.as_bytes()[0] => {
            bytes.remove(size - 1);
        }
        (_, None) => bytes.insert(size, 255),
    }
}

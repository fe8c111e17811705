//! The consequences of a primary's answers.

use redtail::{AttachMethod, Attached, OnGap, Position, Role, SnapshotBegin, SnapshotEnd};

use super::ends::Ending;
use super::stream::Cursor;
use super::{Check, Expected, Judge, Place, Request, Snapshot, gap};
use crate::primary::{Full, Instead, Said};
use crate::words::Verdict;

impl Judge {
    /// The primary has answered: `due` is where its answer ends.
    pub(crate) fn said(&mut self, said: Said, due: usize) -> Check {
        self.link.handshake.answered_at = Some(due);
        match said {
            Said::Fine => {}
            Said::Error { row } => {
                // A user who may not ask is not made to ask again.
                if self.link.handshake.is_at_info() && row.0.starts_with("-NOPERM") {
                    self.link.denied_at = Some(due);
                }
                if self.link.handshake.is_at_client_reply() && row.0.starts_with("-NOPERM") {
                    self.link.client_denied_at = Some(due);
                }
                if row.1 != Verdict::GoOn {
                    self.link.ending = Some(Ending::refusal(due, row));
                }
                self.link.handshake.refused = true;
            }
            Said::Wrong => self.link.ending = Some(Ending::wrong(due)),
            // A byte that cannot begin a reply shows at once.
            Said::Garbage(length) => self.link.ending = Some(Ending::garbage_reply(due - length)),
            Said::Info(told) => {
                let covers = self.resume.is_some_and(|place| told.covers(&place));
                self.link.info = Some((told, covers));
            }
            Said::Continue { replid } => self.goes_on(replid, due)?,
            Said::Full(full) => self.starts_over(*full)?,
        }
        Ok(())
    }

    fn goes_on(&mut self, replid: Option<String>, due: usize) -> Check {
        let (from, method) = match self.link.request {
            Some(Request::Info(from)) => (from, AttachMethod::Info),
            Some(Request::Probed(from)) => (from, AttachMethod::Probed),
            Some(Request::Resume(from)) => (from, AttachMethod::Continued),
            Some(Request::Rewound(from)) => (from, AttachMethod::Rewound),
            other => return Err(format!("+CONTINUE was not asked for: {other:?}")),
        };
        let replid = replid.map(|replid| replid.parse().unwrap());
        let is_rewound = method == AttachMethod::Rewound;
        let place = match is_rewound {
            // Other commands follow at offsets that were used before.
            true => Position::new(replid.unwrap_or(from.history), from.offset, None),
            false => Position::new(replid.unwrap_or(from.replid), from.offset, from.db)
                .with_history(from.history)
                .with_data_offset(from.data_offset),
        };
        let mut attached = self.attached(method, place, true, None);
        attached.rewound_from = self.resume.filter(|_| is_rewound);
        self.link.expected.push_back((due, Expected::Attached(attached)));
        let mut cursor = Cursor::new(due, place, false);
        cursor.is_rewound = is_rewound;
        self.link.stream = Some(cursor);
        Ok(())
    }

    /// An attach at this position; `tells`: it can be resumed from.
    fn attached(&self, method: AttachMethod, place: Position, tells: bool, server: Option<String>) -> Attached {
        let info = self.link.info.as_ref().map(|(told, _)| told);
        let server = info.and_then(|told| told.server.clone()).or(server);
        let mut attached = Attached::new(method, place);
        attached.position = tells.then_some(place);
        attached.server = server.map(|text| text.parse().unwrap());
        attached.role = info.map(|told| if told.is_replica { Role::Replica } else { Role::Primary });
        attached
    }

    fn starts_over(&mut self, full: Full) -> Check {
        let Some(request) = self.link.request else { return Err("an answer to nothing".into()) };
        let to = Position::at(&full.replid, full.offset, None);
        if request == Request::Sync {
            let mut attached = self.attached(AttachMethod::Sync, Position::new(to.replid, 0, to.db), false, None);
            (attached.replid, attached.history) = (None, None);
            self.link.expected.push_back((full.header_start + 1, Expected::Attached(attached)));
            self.takes_data(full, None);
            return Ok(());
        }
        if request == Request::Probe {
            self.link.ending = Some(Ending::leave(full.line_end, to));
            return Ok(());
        }
        let is_refused = !matches!(request, Request::Filtered | Request::Snapshot);
        let filtered = self.link.handshake.is_filtered();
        match (is_refused, self.resume) {
            (false, _) if request == Request::Snapshot => self.takes_data(full, Some(to)),
            (false, _) => self.learns(full, to, None),
            (true, None) if filtered => self.learns(full, to, None),
            (true, None) => self.link.ending = Some(Ending::too_late(full.line_end, None)),
            (true, Some(from)) if filtered && self.options.on_gap == OnGap::Continue => {
                self.learns(full, to, Some(from))
            }
            (true, Some(from)) => {
                let gap = gap(from, to);
                self.link.expected.push_back((full.line_end, Expected::Gap(gap)));
                match self.options.on_gap {
                    OnGap::Stop => self.link.ending = Some(Ending::history_lost(full.line_end, gap)),
                    OnGap::Snapshot => self.takes_data(full, Some(to)),
                    OnGap::Continue if self.options.single_link => {
                        self.link.ending = Some(Ending::second_link_needed(full.line_end));
                    }
                    OnGap::Continue => {
                        let again = matches!(request, Request::Probed(_));
                        self.link.ending = Some(match again {
                            true => Ending::too_late(full.line_end, Some(to)),
                            false => Ending::leave(full.line_end, to),
                        });
                    }
                    other => unreachable!("{other:?}"),
                }
            }
        }
        Ok(())
    }

    /// A snapshot that only gives the position.
    fn learns(&mut self, full: Full, to: Position, from: Option<Position>) {
        let to = Position::new(to.replid, to.offset, full.db);
        if full.data.len() > 1 << 20 && full.instead.is_none() {
            self.link.ending = Some(Ending::not_empty(full.header_end + (1 << 20), full.end));
        } else if !full.is_broken {
            if let Some(from) = from {
                self.link.expected.push_back((full.end, Expected::Gap(gap(from, to))));
            }
            let attached = self.attached(AttachMethod::Filtered, to, true, full.server.clone());
            self.link.expected.push_back((full.end, Expected::Attached(attached)));
        }
        self.snapshot(full, Some(to), false);
    }

    /// A snapshot for the caller.
    fn takes_data(&mut self, full: Full, to: Option<Position>) {
        let offset = to.map_or(0, |to| to.offset);
        if let Some(to) = to {
            let attached = self.attached(AttachMethod::Full, to, false, None);
            self.link.expected.push_back((full.line_end, Expected::Attached(attached)));
        }
        let mut begin = SnapshotBegin::new(to.map(|to| to.replid), offset);
        begin.length = full.length;
        let place = to.map(|to| Position::new(to.replid, to.offset, full.db));
        let at = Position::new(full.replid.parse().unwrap(), offset, full.db);
        let mut end = SnapshotEnd::new(full.data.len() as u64, at);
        end.position = place;
        if full.instead.is_none() {
            self.link.expected.push_back((full.header_end, Expected::Begin(begin)));
        }
        if full.instead.is_none() && !full.is_broken {
            self.link.expected.push_back((full.end, Expected::End(end)));
        }
        self.snapshot(full, place, true);
    }

    fn snapshot(&mut self, full: Full, place: Option<Position>, is_wanted: bool) {
        match full.instead {
            Some(Instead::Error(row)) => self.link.ending = Some(Ending::refusal(full.header_end, row)),
            Some(Instead::Garbage) => self.link.ending = Some(Ending::garbage_header(full.header_start)),
            None if full.is_broken => self.link.ending = Some(Ending::broken(full.header_end, full.end)),
            None => {}
        }
        let mut cursor =
            Cursor::new(full.end, place.unwrap_or(Position::at(&full.replid, 0, full.db)), place.is_none());
        cursor.is_empty = full.is_last;
        cursor.hurries = full.length.is_none();
        cursor.shift = if full.is_sync { full.offset } else { 0 };
        if full.instead.is_none() && !full.is_broken {
            self.link.stream = Some(cursor);
        }
        self.link.snapshot = Some(Snapshot {
            is_wanted,
            line_end: if full.is_sync { full.header_start + 1 } else { full.line_end },
            header_end: full.header_end,
            data: full.data,
            told: 0,
            facts: full.facts,
            facts_told: (0, 0),
            end: full.end,
        });
    }

    /// The primary writes bytes that break the protocol, `at` bytes after its present offset.
    pub(crate) fn spoiled(&mut self, offset: u64, at: Option<u64>, length: u64, due: usize) {
        let shift = self.link.stream.as_ref().map_or(0, |cursor| cursor.shift);
        self.link.ending = Some(Ending::spoiled(due, offset - shift, at, length));
    }
}

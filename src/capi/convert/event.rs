//! Events of the library as those of the header.

use std::ffi::{c_char, c_int};
use std::ptr::NonNull;

use crate::base::excerpt::Excerpt;
use crate::capi::array::Array;
use crate::capi::basics::*;
use crate::capi::boundary::{Guard, allocate, release};
use crate::capi::event::*;
use crate::capi::position::{database, redtail_position};
use crate::capi::rdb_item::redtail_rdb_item;
use crate::rdb::Item;
use crate::replication::{
    AttachMethod, Attached, DisconnectReason, Disconnected, Event, ForkReason, Forking, Gap, Lineage, Position, Role,
    Server, StreamCommand, StreamPart,
};
use crate::resp::Part;

/// The event of C, in memory of its own. No reference to the handle covers it. The event remains valid while C
/// calls functions that do not request the next one.
#[derive(Debug)]
pub(in crate::capi) struct EventBuffer(NonNull<Shown>);

impl EventBuffer {
    /// `None` without memory.
    pub(in crate::capi) fn new() -> Option<Self> {
        NonNull::new(allocate(Shown::new())).map(Self)
    }

    /// Converts an event. Sets or removes the message of the guard.
    #[inline(never)]
    pub(in crate::capi) fn convert(&mut self, event: &Event<'_>, guard: &mut Guard) -> redtail_status {
        guard.clear();
        // SAFETY: ours, from `new`, and what C holds of it ends with this call.
        unsafe { self.0.as_mut() }.convert(event, guard)
    }

    /// Converts an [`Event::Command`]. The guard has no message.
    #[inline(always)]
    pub(in crate::capi) fn convert_command(
        &mut self,
        command: &StreamCommand<'_>,
        guard: &mut Guard,
    ) -> redtail_status {
        // SAFETY: as above.
        unsafe { self.0.as_mut() }.command(REDTAIL_EVENT_COMMAND, command, guard)
    }

    /// The last event.
    #[inline]
    pub(in crate::capi) const fn event(&self) -> *const redtail_event {
        // SAFETY: ours, from `new`.
        unsafe { &raw const (*self.0.as_ptr()).event }
    }
}

// SAFETY: it owns what it points to; what C holds of it is used where the header says.
unsafe impl Send for EventBuffer {}

impl Drop for EventBuffer {
    fn drop(&mut self) {
        // SAFETY: ours, from `new`, and not used again.
        unsafe { release(self.0.as_ptr()) }
    }
}

/// The event and all its data outside of the receive buffer.
#[derive(Debug)]
struct Shown {
    event: redtail_event,
    /// Always empty: its capacity is what is used.
    args: Vec<redtail_slice>,
    /// Fields are set that commands do not use.
    rare: bool,
    positions: [redtail_position; 2],
    server: Excerpt<64>,
    forking: redtail_forking,
    attached: redtail_attached,
    snapshot: redtail_snapshot,
    part: redtail_part,
    gap: redtail_gap,
    disconnected: redtail_disconnected,
    item: redtail_rdb_item,
}

impl Shown {
    const fn new() -> Self {
        Self {
            event: redtail_event::NOTHING,
            args: Vec::new(),
            rare: false,
            positions: [redtail_position { db: -1, ..redtail_position::NONE }; 2],
            server: Excerpt::EMPTY,
            forking: redtail_forking { reason: 0, used_memory: 0, last_fork_us: 0, server: std::ptr::null() },
            attached: redtail_attached {
                method: 0,
                role: 0,
                position: std::ptr::null(),
                server: std::ptr::null(),
                newer_than_tested: 0,
                rewound_from: std::ptr::null(),
            },
            snapshot: redtail_snapshot { length: 0, verified: 0, beyond_templates: 0 },
            part: redtail_part { argc: 0, index: 0, length: 0 },
            gap: redtail_gap { from: std::ptr::null(), to: std::ptr::null(), missed: 0 },
            disconnected: redtail_disconnected { reason: 0, resume: std::ptr::null(), retry_in_ms: 0 },
            item: redtail_rdb_item::ZERO,
        }
    }

    fn convert(&mut self, event: &Event<'_>, guard: &mut Guard) -> redtail_status {
        let (kind, command) = match event {
            Event::Command(command) => (REDTAIL_EVENT_COMMAND, command),
            Event::Multi(command) => (REDTAIL_EVENT_MULTI, command),
            Event::Exec(command) => (REDTAIL_EVENT_EXEC, command),
            Event::Control(command) => (REDTAIL_EVENT_CONTROL, command),
            Event::SnapshotItem(item) => {
                self.item(item, guard);
                return REDTAIL_OK;
            }
            other => return self.rare(other, guard),
        };
        self.command(kind, command, guard)
    }

    fn item(&mut self, item: &Item<'_>, guard: &mut Guard) {
        if let Item::Skipped { error, .. } = item {
            guard.say(error);
        }
        self.item.convert(item);
        // Consecutive items use the same fields of the event.
        if self.event.kind != REDTAIL_EVENT_SNAPSHOT_ITEM as c_int {
            self.rare = true;
            self.event = redtail_event { kind: REDTAIL_EVENT_SNAPSHOT_ITEM as c_int, ..redtail_event::NOTHING };
        }
        self.event.item = &raw const self.item;
    }

    #[inline(always)]
    fn command(&mut self, kind: redtail_event_kind, command: &StreamCommand<'_>, guard: &mut Guard) -> redtail_status {
        if self.rare {
            self.event = redtail_event::NOTHING;
            self.rare = false;
        }
        let argc = command.argc();
        if self.args.capacity() < argc && !self.grow(argc) {
            return no_memory(guard, argc, command.offset);
        }
        let array = Array::of(&mut self.args);
        array.fill_all(&command.command);
        let event = &mut self.event;
        event.kind = kind as c_int;
        event.resumable = c_int::from(command.resumable && command.lineage.is_some());
        event.offset = command.offset;
        event.db = database(command.db);
        event.tx = command.tx.unwrap_or(0);
        event.received_ms = command.received_ms.unwrap_or(0);
        event.args = array.start;
        event.argc = argc;
        event.raw = redtail_slice::of(command.raw());
        name_history(event, command.lineage);
        event.data_offset = command.lineage.map_or(0, |lineage| lineage.data_offset(command.offset));
        REDTAIL_OK
    }

    #[cold]
    fn grow(&mut self, argc: usize) -> bool {
        self.args.try_reserve(argc).is_ok()
    }

    #[cold]
    fn rare(&mut self, event: &Event<'_>, guard: &mut Guard) -> redtail_status {
        self.event = redtail_event::NOTHING;
        self.rare = true;
        match event {
            Event::Forking(forking) => {
                guard.say(forking);
                self.forking(forking);
            }
            Event::Attached(attached) => self.attached(attached),
            Event::SnapshotBegin(begin) => {
                self.event.offset = begin.offset;
                if let Some(replid) = begin.replid {
                    self.keep(0, Some(Position::new(replid, begin.offset, None)));
                    self.event.replid = self.replid();
                }
                self.snapshot(REDTAIL_EVENT_SNAPSHOT_BEGIN, begin.length, 0, None);
            }
            Event::SnapshotBytes(bytes) => {
                self.event.kind = REDTAIL_EVENT_SNAPSHOT_BYTES as c_int;
                self.event.raw = redtail_slice::of(bytes);
            }
            Event::SnapshotEnd(end) => {
                self.event.offset = end.offset;
                self.event.db = database(end.db);
                self.resumable(end.position);
                self.snapshot(REDTAIL_EVENT_SNAPSHOT_END, Some(end.bytes), end.verified, end.beyond_templates);
            }
            Event::Part(part) => self.part(part),
            Event::Gap(gap) => {
                guard.say(gap);
                self.gap(gap);
            }
            Event::Disconnected(disconnected) => {
                guard.say(disconnected);
                self.disconnected(disconnected);
            }
            Event::Idle(_) => return REDTAIL_IDLE,
            // Converted above.
            Event::SnapshotItem(_) | Event::Command(_) | Event::Multi(_) | Event::Exec(_) | Event::Control(_) => {}
        }
        REDTAIL_OK
    }

    fn forking(&mut self, forking: &Forking) {
        self.forking = redtail_forking {
            reason: match forking.reason {
                ForkReason::Filtered => REDTAIL_FORK_FILTERED,
                ForkReason::Snapshot => REDTAIL_FORK_SNAPSHOT,
                ForkReason::Probe => REDTAIL_FORK_PROBE,
            } as c_int,
            used_memory: forking.used_memory.unwrap_or(REDTAIL_UNKNOWN),
            last_fork_us: forking
                .last_fork
                .map_or(REDTAIL_UNKNOWN, |time| u64::try_from(time.as_micros()).unwrap_or(u64::MAX)),
            server: self.name(forking.server),
        };
        self.event.kind = REDTAIL_EVENT_FORKING as c_int;
        self.event.forking = &raw const self.forking;
    }

    /// The server as a text of C, kept until the next event.
    fn name(&mut self, server: Option<Server>) -> *const c_char {
        let Some(server) = server else { return std::ptr::null() };
        self.server = Excerpt::of(format_args!("{server}\0"));
        self.server.as_bytes().as_ptr().cast::<c_char>()
    }

    fn attached(&mut self, attached: &Attached) {
        self.attached = redtail_attached {
            method: match attached.method {
                AttachMethod::Filtered => REDTAIL_METHOD_FILTERED,
                AttachMethod::Info => REDTAIL_METHOD_INFO,
                AttachMethod::Full => REDTAIL_METHOD_FULL,
                AttachMethod::Continued => REDTAIL_METHOD_CONTINUED,
                AttachMethod::Probed => REDTAIL_METHOD_PROBED,
                AttachMethod::Sync => REDTAIL_METHOD_SYNC,
                AttachMethod::Rewound => REDTAIL_METHOD_REWOUND,
            } as c_int,
            role: match attached.role {
                None => REDTAIL_ROLE_UNKNOWN,
                Some(Role::Primary) => REDTAIL_ROLE_PRIMARY,
                Some(Role::Replica) => REDTAIL_ROLE_REPLICA,
            } as c_int,
            position: self.keep(0, attached.position),
            server: self.name(attached.server),
            newer_than_tested: c_int::from(attached.server.is_some_and(|server| server.is_newer_than_tested())),
            rewound_from: self.keep(1, attached.rewound_from),
        };
        self.event.kind = REDTAIL_EVENT_ATTACHED as c_int;
        self.event.offset = attached.offset;
        self.event.db = database(attached.db);
        self.resumable(attached.position);
        self.event.attached = &raw const self.attached;
    }

    fn snapshot(
        &mut self,
        kind: redtail_event_kind,
        length: Option<u64>,
        verified: u64,
        beyond_templates: Option<u64>,
    ) {
        self.snapshot = redtail_snapshot {
            length: length.unwrap_or(REDTAIL_UNKNOWN),
            verified,
            beyond_templates: beyond_templates.unwrap_or(0),
        };
        self.event.kind = kind as c_int;
        self.event.snapshot = &raw const self.snapshot;
    }

    fn part(&mut self, part: &StreamPart<'_>) {
        self.part = redtail_part { argc: 0, index: 0, length: 0 };
        let event = &mut self.event;
        event.kind = match part.part {
            Part::Begin { argc } => {
                self.part.argc = argc;
                event.part = &raw const self.part;
                REDTAIL_EVENT_PART_BEGIN
            }
            Part::Argument { index, length } => {
                (self.part.index, self.part.length) = (index, length);
                event.part = &raw const self.part;
                REDTAIL_EVENT_PART_ARGUMENT
            }
            Part::Piece(bytes) => {
                event.raw = redtail_slice::of(bytes);
                REDTAIL_EVENT_PART_PIECE
            }
            Part::End => REDTAIL_EVENT_PART_END,
        } as c_int;
        event.offset = part.offset.unwrap_or(0);
        event.db = database(part.db);
        event.tx = part.tx.unwrap_or(0);
        event.received_ms = part.received_ms.unwrap_or(0);
        event.resumable = c_int::from(part.position().is_some());
        event.data_offset = part.position().map_or(0, |position| position.data_offset);
        name_history(event, part.lineage);
    }

    fn gap(&mut self, gap: &Gap) {
        let (from, to) = (self.keep(0, Some(gap.from)), self.keep(1, Some(gap.to)));
        self.gap = redtail_gap { from, to, missed: gap.missed.unwrap_or(REDTAIL_UNKNOWN) };
        self.event.kind = REDTAIL_EVENT_GAP as c_int;
        self.event.gap = &raw const self.gap;
    }

    fn disconnected(&mut self, disconnected: &Disconnected) {
        self.disconnected = redtail_disconnected {
            reason: match disconnected.reason {
                DisconnectReason::Closed => REDTAIL_DISCONNECT_CLOSED,
                DisconnectReason::Io(_) => REDTAIL_DISCONNECT_IO,
                DisconnectReason::Silence(_) => REDTAIL_DISCONNECT_SILENCE,
                DisconnectReason::Refused(_) => REDTAIL_DISCONNECT_REFUSED,
                DisconnectReason::NeedsFix(_) => REDTAIL_DISCONNECT_NEEDS_FIX,
            } as c_int,
            resume: self.keep(0, disconnected.resume),
            retry_in_ms: disconnected
                .retry_in
                .map_or(REDTAIL_UNKNOWN, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        };
        self.event.kind = REDTAIL_EVENT_DISCONNECTED as c_int;
        self.event.disconnected = &raw const self.disconnected;
    }

    /// Keeps a position for as long as the event.
    fn keep(&mut self, index: usize, position: Option<Position>) -> *const redtail_position {
        match (position, self.positions.get_mut(index)) {
            (Some(position), Some(place)) => {
                *place = position.into();
                place
            }
            _ => std::ptr::null(),
        }
    }

    /// For an event with a resumable position. Its ids are stored nowhere else.
    fn resumable(&mut self, position: Option<Position>) {
        let Some(position) = position else { return };
        self.keep(0, Some(position));
        self.event.resumable = 1;
        self.event.data_offset = position.data_offset;
        self.event.replid = self.replid();
        self.event.history = redtail_slice { data: self.positions[0].history.as_ptr(), len: 40 };
    }

    /// Of the kept position.
    fn replid(&self) -> redtail_slice {
        redtail_slice { data: self.positions[0].replid.as_ptr(), len: 40 }
    }
}

/// The stream is already past the command. Nobody may resume after it, because the command would be missing.
#[cold]
fn no_memory(guard: &mut Guard, argc: usize, offset: u64) -> redtail_status {
    *guard = Guard::closed(
        REDTAIL_ERROR_MEMORY,
        format_args!("no memory for the {argc} arguments of the command that ends at offset {offset}"),
    );
    REDTAIL_ERROR_MEMORY
}

#[inline]
fn name_history(event: &mut redtail_event, lineage: Option<&Lineage>) {
    (event.replid, event.history) = match lineage {
        Some(lineage) => (redtail_slice::of(lineage.replid.as_bytes()), redtail_slice::of(lineage.history.as_bytes())),
        None => (redtail_slice::NONE, redtail_slice::NONE),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_command_that_could_not_be_shown_nothing_follows() {
        let mut guard = Guard::new();
        assert_eq!(no_memory(&mut guard, 5, 7), REDTAIL_ERROR_MEMORY);
        assert_eq!(guard.refused(), Some(REDTAIL_ERROR_MEMORY));
    }
}

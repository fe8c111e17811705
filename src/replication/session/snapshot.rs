//! Where a snapshot ends.

use core::ops::ControlFlow;

use memchr::memmem;

use crate::base::excerpt::Excerpt;
use crate::base::status::Status;
use crate::rdb::{Decoder, Item, Poll, RdbError, Role, TemplateMemory, Text};
use crate::replication::error::SessionError;
use crate::replication::options::SnapshotForm;
use crate::replication::server::Version;

/// How the primary frames a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `$<length>`: the number of bytes.
    Length(u64),
    /// `$EOF:<mark>`: until these 40 bytes.
    Mark([u8; MARK_LENGTH]),
}

pub(super) const MARK_LENGTH: usize = 40;
/// The opcode that ends a snapshot, and its checksum.
const TRAILER_LENGTH: usize = 9;
const OPCODE_END: u8 = 255;
/// `$EOF:` and the mark, the longest header line there is.
pub(super) const HEADER_LENGTH: usize = 5 + MARK_LENGTH;

impl Framing {
    /// Reads the header line, without its CRLF. `None` if it is not one.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"$")?;
        if let Some(mark) = rest.strip_prefix(b"EOF:") {
            let mark: [u8; MARK_LENGTH] = mark.try_into().ok()?;
            return mark.iter().all(u8::is_ascii_graphic).then_some(Self::Mark(mark));
        }
        let digits = core::str::from_utf8(rest).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse().ok().map(Self::Length)
    }
}

/// A snapshot being received. Its structure is parsed, so that no data is mistaken for its end.
#[derive(Debug, Clone)]
pub(super) struct Snapshot<M> {
    framing: Framing,
    form: SnapshotForm,
    decoder: Decoder<M>,
    aux: AuxFields,
    received: u64,
    tail: Tail,
    /// The first byte of data of an unknown version or type. From there on only the frame shows the end. Never with
    /// items.
    blind_from: Option<u64>,
    /// The reason for it is the size of the hash templates: the limit.
    beyond_templates: Option<u64>,
}

/// The kind of the next bytes of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Data: the number of its bytes.
    Data(usize),
    /// Data outside of an item, or of an incomplete one: the number of its bytes.
    Passed(usize),
    /// An item: the number of its bytes.
    Item(usize),
    /// The end: the length of the mark, then the stream.
    End(usize),
    /// Not known: the number of bytes needed.
    Need(usize),
    /// Not a snapshot, or not one that matches its frame.
    Broken(SessionError),
}

impl<M: TemplateMemory> Snapshot<M> {
    /// A snapshot for a decoder before its first byte.
    pub(super) const fn new(framing: Framing, form: SnapshotForm, lenient: bool, decoder: Decoder<M>) -> Self {
        let decoder = match form {
            // The receiver of the bytes may know more than this decoder.
            SnapshotForm::Bytes => decoder.skip_damaged(),
            SnapshotForm::Items if lenient => decoder.skip_damaged(),
            SnapshotForm::Items => decoder,
        };
        Self {
            framing,
            form,
            decoder,
            aux: AuxFields::NOTHING,
            received: 0,
            tail: Tail::NONE,
            blind_from: None,
            beyond_templates: None,
        }
    }

    /// Another snapshot, with the memory of this one.
    pub(super) fn begin(&mut self, framing: Framing, form: SnapshotForm, lenient: bool) {
        *self = Self::new(framing, form, lenient, self.decoder.anew());
    }

    /// The same before its first byte, with this memory for hash templates.
    pub(super) fn with_templates<N: TemplateMemory>(self, memory: N) -> Snapshot<N> {
        let Self { framing, form, decoder, aux, received, tail, blind_from, beyond_templates } = self;
        let decoder = decoder.with_templates(memory);
        Snapshot { framing, form, decoder, aux, received, tail, blind_from, beyond_templates }
    }

    pub(super) const fn aux(&self) -> &AuxFields {
        &self.aux
    }

    /// Bytes of data so far.
    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    /// Bytes of data so far whose structure is parsed.
    pub(super) const fn verified(&self) -> u64 {
        match self.blind_from {
            Some(first) => first,
            None => self.received,
        }
    }

    /// The limit of the hash templates, if it is the reason why the rest is not parsed.
    pub(super) const fn beyond_templates(&self) -> Option<u64> {
        self.beyond_templates
    }

    pub(super) const fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::Mark(_) => None,
        }
    }

    /// The item found last, in the bytes shown then.
    pub(super) fn item<'a>(&'a self, input: &'a [u8]) -> Option<Item<'a>> {
        self.decoder.item(input)
    }

    /// The kind of the first bytes of `input`, the unread bytes. Data is counted as read.
    pub(super) fn next(&mut self, input: &[u8]) -> Next {
        let data = match self.framing {
            Framing::Length(length) => {
                let left = usize::try_from(length - self.received).unwrap_or(usize::MAX);
                input.get(..left).unwrap_or(input)
            }
            Framing::Mark(_) => input,
        };
        let next = if self.blind_from.is_some() { self.next_blind(data) } else { self.walk(data) };
        if let Next::Data(count) | Next::Item(count) | Next::Passed(count) = next {
            self.received += count as u64;
            self.tail.append(data.get(..count).unwrap_or_default());
        }
        next
    }

    fn walk(&mut self, data: &[u8]) -> Next {
        let mut rest = data;
        let needed = match self.form {
            SnapshotForm::Items => match self.decoder.poll(data) {
                Ok(Poll::Complete { used }) => {
                    if let Some(Item::Text(text)) = self.decoder.item(data) {
                        self.aux.text(&text);
                    }
                    return Next::Item(used);
                }
                Ok(Poll::Incomplete { used, needed }) => {
                    rest = data.get(used..).unwrap_or_default();
                    Ok(needed)
                }
                Err(error) => Err(error),
            },
            SnapshotForm::Bytes => self.pass(&mut rest),
        };
        let used = data.len() - rest.len();
        match needed {
            Ok(needed) => match used {
                0 if self.decoder.is_finished() => self.end(data),
                0 if self.is_cut_off(data) => self.broken(),
                0 => Next::Need(needed),
                _ if self.form == SnapshotForm::Items => Next::Passed(used),
                _ => Next::Data(used),
            },
            Err(error) if self.form == SnapshotForm::Bytes && error.kind.is_unknown(self.decoder.format) => {
                self.blind_from = Some(error.offset);
                self.beyond_templates = error.kind.template_limit();
                // From the unknown byte on, however many bytes before it arrived in the same piece.
                let known = usize::try_from(error.offset.saturating_sub(self.received)).unwrap_or(0);
                if known > 0 { Next::Data(known) } else { self.next_blind(data) }
            }
            Err(_) if used > 0 => Next::Data(used),
            Err(error) => Next::Broken(SessionError::Snapshot(error)),
        }
    }

    /// Moves `data` past all items at its front. Returns the number of further bytes needed.
    fn pass(&mut self, data: &mut &[u8]) -> Result<usize, RdbError> {
        let Self { decoder, aux, .. } = self;
        let status = decoder.batch(data, |item| {
            if let Item::Text(text) = item {
                aux.text(&text);
            }
            ControlFlow::Continue(())
        })?;
        match status {
            Status::Incomplete { needed } => Ok(needed),
            // The callback never breaks.
            Status::Complete(()) => Ok(1),
        }
    }

    /// The structure has ended: the frame must end, too.
    fn end(&self, data: &[u8]) -> Next {
        match self.framing {
            Framing::Length(length) if length > self.received => Next::Broken(SessionError::SnapshotFrame {
                ended_at: self.received,
                expected: "its frame announces a greater length",
            }),
            Framing::Length(_) => Next::End(0),
            Framing::Mark(mark) => match data.get(..MARK_LENGTH) {
                Some(found) if found == mark => Next::End(MARK_LENGTH),
                None if mark.starts_with(data) => Next::Need(MARK_LENGTH - data.len()),
                _ => Next::Broken(SessionError::SnapshotFrame {
                    ended_at: self.received,
                    expected: "its mark does not follow",
                }),
            },
        }
    }

    /// The structure needs more bytes than the frame has. Decided once all of them are buffered, so that the error does
    /// not depend on how they arrive.
    fn is_cut_off(&self, data: &[u8]) -> bool {
        match self.framing {
            Framing::Length(length) => length - self.received == data.len() as u64,
            Framing::Mark(_) => false,
        }
    }

    fn broken(&self) -> Next {
        match self.decoder.finish() {
            Err(error) => Next::Broken(SessionError::Snapshot(error)),
            Ok(()) => Next::Need(1),
        }
    }

    fn next_blind(&self, data: &[u8]) -> Next {
        match self.framing {
            Framing::Length(length) if length == self.received => Next::End(0),
            Framing::Length(_) if data.is_empty() => Next::Need(1),
            Framing::Length(_) => Next::Data(data.len()),
            Framing::Mark(mark) => self.until_mark(data, &mark),
        }
    }

    fn until_mark(&self, input: &[u8], mark: &[u8; MARK_LENGTH]) -> Next {
        if input.is_empty() {
            return Next::Need(1);
        }
        match memmem::find(input, mark) {
            Some(0) if self.tail.may_be_the_end() => Next::End(MARK_LENGTH),
            // The mark's bytes inside the data: a value may contain them, since a server process uses one mark for all
            // its syncs.
            Some(0) => Next::Data(1),
            Some(data) => Next::Data(data),
            None => {
                let (most, held) = (input.len(), longest_overlap(input, mark));
                if held == most { Next::Need(MARK_LENGTH - held) } else { Next::Data(most - held) }
            }
        }
    }
}

/// The last bytes of the data, newest last. Every snapshot with a mark ends with the end opcode and a checksum of eight
/// bytes (RDB 5 and later).
#[derive(Debug, Clone, Copy)]
struct Tail([u8; TRAILER_LENGTH]);

impl Tail {
    const NONE: Self = Self([0; TRAILER_LENGTH]);

    fn append(&mut self, data: &[u8]) {
        let newest = data.get(data.len().saturating_sub(TRAILER_LENGTH)..).unwrap_or_default();
        self.0.rotate_left(newest.len());
        if let Some(slot) = self.0.get_mut(TRAILER_LENGTH - newest.len()..) {
            slot.copy_from_slice(newest);
        }
    }

    fn may_be_the_end(&self) -> bool {
        self.0.first() == Some(&OPCODE_END)
    }
}

/// The auxiliary fields of a snapshot that a follower needs.
#[derive(Debug, Clone)]
pub(super) struct AuxFields {
    field: Excerpt<16>,
    /// The database selected where the stream continues (`repl-stream-db`).
    pub(super) stream_db: Option<u32>,
    /// The version of the Redis server that wrote it.
    pub(super) redis_version: Option<Version>,
    /// The version of the Valkey server that wrote it.
    pub(super) valkey_version: Option<Version>,
}

impl AuxFields {
    const NOTHING: Self = Self { field: Excerpt::EMPTY, stream_db: None, redis_version: None, valkey_version: None };

    fn text(&mut self, text: &Text<'_>) {
        match text.role {
            Role::AuxName if text.is_whole() => self.field = Excerpt::new(text.bytes),
            Role::AuxName => self.field = Excerpt::EMPTY,
            Role::AuxValue => match self.field.as_bytes() {
                b"repl-stream-db" => {
                    self.stream_db = core::str::from_utf8(text.bytes).ok().and_then(|text| text.parse().ok());
                }
                b"redis-ver" => self.redis_version = Some(Version::stated(text.bytes)),
                b"valkey-ver" => self.valkey_version = Some(Version::stated(text.bytes)),
                _ => {}
            },
            _ => {}
        }
    }
}

/// The length of the longest end of `input` with which `mark` begins.
fn longest_overlap(input: &[u8], mark: &[u8; MARK_LENGTH]) -> usize {
    (1..=input.len().min(MARK_LENGTH - 1))
        .rev()
        .find(|&length| mark.get(..length) == input.get(input.len() - length..))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdb::RdbErrorKind;

    const MARK: &[u8; 40] = b"398c1a683d14df9f2e290fd53a6174729509e866";

    /// What a snapshot gives, shown `pieces` as they arrive: its data, its items, and what is left after the end or why
    /// there is none.
    struct Run {
        data: Vec<u8>,
        items: Vec<String>,
        rest: Result<Option<Vec<u8>>, SessionError>,
    }

    fn run(framing: Framing, form: SnapshotForm, pieces: &[&[u8]]) -> Run {
        let mut snapshot = Snapshot::new(framing, form, false, Decoder::new());
        let (mut unread, mut data, mut items) = (Vec::new(), Vec::new(), Vec::new());
        for piece in pieces {
            unread.extend_from_slice(piece);
            loop {
                match snapshot.next(&unread) {
                    Next::Data(count) => {
                        assert!(count > 0);
                        data.extend(unread.drain(..count));
                    }
                    Next::Passed(count) => data.extend(unread.drain(..count)),
                    Next::Item(count) => {
                        items.push(format!("{:?}", snapshot.item(&unread).unwrap()));
                        data.extend(unread.drain(..count));
                    }
                    Next::End(count) => return Run { data, items, rest: Ok(Some(unread.split_off(count))) },
                    Next::Need(count) => {
                        assert!(count > 0);
                        break;
                    }
                    Next::Broken(error) => return Run { data, items, rest: Err(error) },
                }
            }
        }
        assert_eq!(snapshot.received(), data.len() as u64);
        Run { data, items, rest: Ok(None) }
    }

    const FORMS: [SnapshotForm; 2] = [SnapshotForm::Bytes, SnapshotForm::Items];

    /// One key `k` with this string, and the checksum of a server that computes none.
    fn snapshot(value: &[u8]) -> Vec<u8> {
        [b"REDIS0010\xfa\x03abc\x01d\xfe\0\0\x01k", &[value.len() as u8][..], value, b"\xff\0\0\0\0\0\0\0\0"].concat()
    }

    /// The same with a key of a type that is not known, after which only the frame tells the end.
    fn unknown(value: &[u8]) -> Vec<u8> {
        [b"REDIS0079\xfe\0\xc8", value, b"\xff12345678"].concat()
    }

    #[test]
    fn headers() {
        assert_eq!(Framing::read(b"$172"), Some(Framing::Length(172)));
        assert_eq!(Framing::read(&[&b"$EOF:"[..], MARK].concat()), Some(Framing::Mark(*MARK)));
        for bad in [&b"$"[..], b"$-1", b"$+1", b"$EOF:", b"$EOF:abc", b"$99999999999999999999", b"*1", b"", b"$1 "] {
            assert_eq!(Framing::read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_mark_split_anywhere_is_found_and_what_follows_is_kept() {
        for rdb in [snapshot(b"value"), unknown(b"value")] {
            let bytes = [&rdb[..], MARK, b"*1\r\n"].concat();
            for first in 0..bytes.len() {
                for second in first..bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    let ran = run(Framing::Mark(*MARK), SnapshotForm::Bytes, &pieces);
                    assert_eq!(ran.data, rdb);
                    let seen = if second >= rdb.len() + 40 { second - rdb.len() - 40 } else { 4 };
                    assert!(ran.rest.unwrap().unwrap().len() <= 4.max(seen));
                }
            }
        }
    }

    #[test]
    fn no_value_can_be_taken_for_the_end() {
        // The mark alone; and the mark between the bytes around a true end.
        for value in [MARK.to_vec(), [b"\xff12345678", &MARK[..], b"*1\r\n$4\r\nPING\r\n"].concat()] {
            let rdb = snapshot(&value);
            let bytes = [&rdb[..], MARK].concat();
            for form in FORMS {
                for cut in 0..bytes.len() {
                    let ran = run(Framing::Mark(*MARK), form, &[&bytes[..cut], &bytes[cut..]]);
                    assert_eq!((ran.data, ran.rest), (rdb.clone(), Ok(Some(Vec::new()))), "{form:?}, cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn after_unknown_data_the_mark_needs_the_end_opcode_before_it() {
        let rdb = unknown(MARK);
        let bytes = [&rdb[..], MARK].concat();
        for cut in 0..bytes.len() {
            let ran = run(Framing::Mark(*MARK), SnapshotForm::Bytes, &[&bytes[..cut], &bytes[cut..]]);
            assert_eq!((ran.data, ran.rest), (rdb.clone(), Ok(Some(Vec::new()))), "cut at {cut}");
        }
        let ran = run(Framing::Length(rdb.len() as u64), SnapshotForm::Bytes, &[&bytes]);
        assert_eq!((ran.data, ran.rest), (rdb, Ok(Some(MARK.to_vec()))));
    }

    #[test]
    fn items_need_a_snapshot_that_is_known() {
        let ran = run(Framing::Mark(*MARK), SnapshotForm::Items, &[&unknown(b"value")]);
        let Err(SessionError::Snapshot(error)) = ran.rest else { panic!("an error") };
        assert!(matches!(error.kind, RdbErrorKind::UnknownNumber { number: 200, .. }), "{error}");
    }

    #[test]
    fn items_are_those_of_the_data() {
        let ran = run(Framing::Mark(*MARK), SnapshotForm::Items, &[&[&snapshot(b"value")[..], MARK].concat()]);
        let items = ran.items.join("\n");
        for expected in
            ["AuxName \"abc\"", "AuxValue \"d\"", "KeyName \"k\"", "Value \"value\"", "KeyEnd", "End(Absent)"]
        {
            assert!(items.contains(expected), "{expected} in {items}");
        }
    }

    #[test]
    fn a_snapshot_that_goes_on_waits() {
        for form in FORMS {
            let ran = run(Framing::Mark(*MARK), form, &[&snapshot(b"value"), &MARK[..39]]);
            assert_eq!((ran.data, ran.rest), (snapshot(b"value"), Ok(None)));
            let ran = run(Framing::Length(1000), form, &[&snapshot(b"value")[..20]]);
            assert_eq!(ran.rest, Ok(None));
        }
    }

    #[test]
    fn a_frame_that_does_not_fit_is_an_error() {
        let rdb = snapshot(b"value");
        let ended_at = rdb.len() as u64;
        for form in FORMS {
            let expected = "its mark does not follow";
            let ran = run(Framing::Mark(*MARK), form, &[&rdb, b"398c1a683d14df9f2e290fd53a6174729509e867"]);
            assert_eq!(ran.rest, Err(SessionError::SnapshotFrame { ended_at, expected }));
            let ran = run(Framing::Mark(*MARK), form, &[&rdb, b"x"]);
            assert_eq!(ran.rest, Err(SessionError::SnapshotFrame { ended_at, expected }));

            let expected = "its frame announces a greater length";
            let ran = run(Framing::Length(ended_at + 1), form, &[&rdb, b"x"]);
            assert_eq!(ran.rest, Err(SessionError::SnapshotFrame { ended_at, expected }));
            for length in 0..ended_at {
                let ran = run(Framing::Length(length), form, &[&rdb]);
                let Err(SessionError::Snapshot(error)) = ran.rest else { panic!("{length}: {:?}", ran.rest) };
                assert!(matches!(error.kind, RdbErrorKind::Truncated(_)), "{length}: {error}");
            }
        }
    }

    #[test]
    fn what_no_server_writes_is_an_error() {
        for form in FORMS {
            let ran = run(Framing::Length(5), form, &[b"hello"]);
            assert!(
                matches!(ran.rest, Err(SessionError::Snapshot(error)) if matches!(error.kind, RdbErrorKind::NotRdb(_)))
            );
            let mut rdb = snapshot(b"value");
            *rdb.last_mut().unwrap() = 1;
            let ran = run(Framing::Length(rdb.len() as u64), form, &[&rdb]);
            assert!(
                matches!(ran.rest, Err(SessionError::Snapshot(error)) if matches!(error.kind, RdbErrorKind::Checksum { .. }))
            );
        }
    }

    #[test]
    fn a_length_is_exact() {
        let rdb = snapshot(b"value");
        let bytes = [&rdb[..], b"*1"].concat();
        for form in FORMS {
            for cut in 0..bytes.len() {
                let ran = run(Framing::Length(rdb.len() as u64), form, &[&bytes[..cut], &bytes[cut..]]);
                assert_eq!(ran.data, rdb);
                assert!(b"*1".starts_with(&ran.rest.unwrap().unwrap()));
            }
        }
    }
}

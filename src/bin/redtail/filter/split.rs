//! A command with many keys that arrives in parts, as one command for each selected key.

use redtail::resp::Part;

use crate::filter::decision::MOST_HELD;
use crate::filter::event_filter::EventFilter;

/// A command that is split, for as long as it arrives.
#[derive(Debug)]
pub(super) struct Split {
    verb: &'static str,
    has_values: bool,
    key: Vec<u8>,
    /// The missing bytes of the current argument.
    missing: u64,
    state: SplitState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SplitState {
    Key,
    /// The value of a key. It is printed if the key is selected.
    Value {
        is_selected: bool,
    },
}

impl Split {
    /// `None` if a command with this name is not split.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        let is = |names: [&str; 2]| names.iter().any(|it| name.eq_ignore_ascii_case(it.as_bytes()));
        let (verb, has_values) = match () {
            () if is(["DEL", "UNLINK"]) => ("DEL", false),
            () if is(["MSET", "MSETNX"]) => ("SET", true),
            () => return None,
        };
        let state = SplitState::Value { is_selected: false };
        Some(Self { verb, has_values, key: Vec::new(), missing: 0, state })
    }

    /// Appends to `out` the bytes that this part adds to the output. The first part is the argument after the name.
    pub(super) fn part(&mut self, filter: &mut EventFilter, part: &Part<'_>, out: &mut Vec<u8>) {
        match *part {
            Part::Argument { length, .. } => {
                self.missing = length;
                self.state = match self.state {
                    SplitState::Key if self.has_values => {
                        let is_selected = self.is_selected(filter);
                        if is_selected {
                            self.begin(3, out);
                            header(length, out);
                        }
                        SplitState::Value { is_selected }
                    }
                    SplitState::Key | SplitState::Value { .. } => {
                        self.key.clear();
                        SplitState::Key
                    }
                };
            }
            Part::Piece(bytes) => {
                self.missing = self.missing.saturating_sub(bytes.len() as u64);
                match self.state {
                    SplitState::Key if self.key.len() as u64 <= MOST_HELD => self.key.extend_from_slice(bytes),
                    SplitState::Value { is_selected: true } => out.extend_from_slice(bytes),
                    SplitState::Key | SplitState::Value { .. } => {}
                }
            }
            Part::Begin { .. } | Part::End => return,
        }
        if self.missing > 0 {
            return;
        }
        match self.state {
            SplitState::Value { is_selected: true } => out.extend_from_slice(b"\r\n"),
            SplitState::Key if !self.has_values && self.is_selected(filter) => self.begin(2, out),
            SplitState::Key | SplitState::Value { .. } => {}
        }
    }

    fn is_selected(&self, filter: &mut EventFilter) -> bool {
        if self.key.len() as u64 > MOST_HELD {
            filter.warn_once.large_left_out();
            return false;
        }
        filter.passes_key(&self.key)
    }

    /// Begins a command of `argc` arguments with its name and key.
    fn begin(&self, argc: usize, out: &mut Vec<u8>) {
        let Self { verb, key, .. } = self;
        out.extend_from_slice(format!("*{argc}\r\n${}\r\n{verb}\r\n", verb.len()).as_bytes());
        header(key.len() as u64, out);
        out.extend_from_slice(key);
        out.extend_from_slice(b"\r\n");
    }
}

fn header(length: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("${length}\r\n").as_bytes());
}

//! The times at which bytes of the stream are due.

use std::time::{Duration, Instant};

use crate::base::limits::{Limits, MIN_PARTS_THRESHOLD};
use crate::replay::playback::Playback;
use crate::resp::{PartsParser, PartsPoll};

/// Holds the stream back as a [`Playback`] says.
pub(super) enum Pace {
    Fastest,
    /// One command after another.
    Commands {
        interval: Duration,
        due: Instant,
        commands: Box<Commands>,
    },
    /// A multiple of the recorded speed. `first`: when the first bytes were sent, and when they were recorded.
    Recorded {
        times: f64,
        first: Option<(Instant, u64)>,
    },
}

impl Pace {
    pub(super) fn of(playback: &Playback) -> Self {
        match (playback.commands_per_second, playback.times) {
            (Some(rate), _) => Self::Commands {
                interval: Duration::from_secs(1) / rate.max(1),
                due: Instant::now(),
                commands: Box::new(Commands::new()),
            },
            (None, Some(times)) if times > 0.0 => Self::Recorded { times, first: None },
            _ => Self::Fastest,
        }
    }

    /// How many bytes at the front of `unread`, which were received together, are to be sent at once, and when. With 0
    /// of them more is needed; there is more unless `all` are here.
    pub(super) fn next(&mut self, unread: &[u8], all: bool, received_ms: Option<u64>) -> (usize, Option<Instant>) {
        match self {
            Self::Fastest => (unread.len(), None),
            Self::Commands { interval, due, commands } => {
                let length = match commands.first(unread) {
                    Some(length) => length,
                    None if all => unread.len(),
                    None => return (0, None),
                };
                let at = *due;
                if commands.is_between() {
                    *due += *interval;
                }
                (length, Some(at))
            }
            Self::Recorded { times, first } => {
                let Some(received_ms) = received_ms else { return (unread.len(), None) };
                let (began, first_ms) = *first.get_or_insert_with(|| (Instant::now(), received_ms));
                let passed = received_ms.saturating_sub(first_ms) as f64 / 1000.0 / *times;
                let wait = Duration::try_from_secs_f64(passed).ok();
                // What is due in a thousand years never is.
                (unread.len(), wait.and_then(|wait| began.checked_add(wait)).or(Some(began + NEVER)))
            }
        }
    }
}

const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Finds where commands end.
pub(super) struct Commands {
    parser: PartsParser,
    /// The bytes given last end a command, or what there is are no commands: the stream was asked for from the middle
    /// of one.
    between: bool,
    lost: bool,
}

impl Commands {
    fn new() -> Self {
        // What is longer need not be held until it is whole.
        let limits = Limits { command: 2 * MIN_PARTS_THRESHOLD, bulk: u64::MAX >> 1, ..Limits::DEFAULT };
        let parser = PartsParser::stream(Some(MIN_PARTS_THRESHOLD)).with_limits(limits);
        Self { parser, between: true, lost: false }
    }

    /// The length of the command, or of a part of it, at the front. `None`: more is needed.
    fn first(&mut self, unread: &[u8]) -> Option<usize> {
        if self.lost {
            return Some(unread.len());
        }
        let Ok(poll) = self.parser.poll(unread) else {
            (self.lost, self.between) = (true, true);
            return Some(unread.len());
        };
        self.between = matches!(poll, PartsPoll::Command { .. } | PartsPoll::End { .. });
        Some(poll.used()).filter(|&used| used > 0)
    }

    fn is_between(&self) -> bool {
        self.between
    }
}

//! What a person may type.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use redtail::{Backoff, Checkpoint, Limits, OnGap, Options, Position, SnapshotForm, Start};

const EXAMPLES: &str = "\
Examples:
  redtail                                    a demonstration; needs no server
  redtail tail localhost:6379                every write from now on, one a line
  redtail tail localhost:6379 --format json  the same for programs
  redtail snapshot localhost:6379            everything a server holds
  redtail decode appendonly.aof              the same from a file
  redtail decode dump.rdb                    the keys of a snapshot

`redtail help tail` says more about following a server.";

const TAIL_EXAMPLES: &str = "\
Examples:
  Every write from now on:
    redtail tail localhost:6379
  For programs, as a user of its own:
    redtail tail redis://cdc@localhost --password-file pw --format json
  After the place where an earlier run ended:
    redtail tail localhost:6379 --from REPLID:OFFSET:DB
  Everything, and every write after it, into another server:
    redtail tail old:6379 --from snapshot --format resp | redis-cli -h new --pipe

A user needs no more than
  ACL SETUSER cdc on >PASSWORD +psync +replconf +ping
and +info for the server's name, for --from now-without-fork, and for
every start before Redis 7.0 but from a snapshot or a position.

Standard output has the writes, standard error has words for you.
Exit codes: 0 done, 1 failed, 2 wrong usage, 4 history lost.";

const DECODE_EXAMPLES: &str = "\
Examples:
  redtail decode dump.rdb
  redtail decode --format json dump.rdb | jq -c 'select(.event == \"key\") | [.key, .type]'
  redtail decode --format resp dump.rdb | redis-cli -h new --pipe
  redtail decode appendonlydir/appendonly.aof.1.incr.aof
  redtail decode --format json --offset 1310 recording.bin
  printf 'PING\\r\\n' | nc -q1 localhost 6379 | redtail decode --frames

With --elements the lines of a key are one `key_begin`; in order an `element`
each (`value` of a string or list; `member` of a set; `member` and `score`;
`field`, `value` and `expire_at_ms`; of an array `index` and `value`), of a
stream `entry` (`id`, `fields`), `stream`, `group`, `pending`, `consumer`,
`consumer_pending`, of a module's value `module`; at last one `key_end`, without
which it is not whole. A string of more than 16 KiB stands in `piece` lines
(`of`, `at`, `length`, `value`) before the line it belongs to, and there as
{\"pieces\":LENGTH}.

Exit codes: 0 done, 1 failed or cut off in the middle, 2 wrong usage.";

const SNAPSHOT_EXAMPLES: &str = "\
Examples:
  redtail snapshot localhost:6379
  redtail snapshot localhost:6379 --format json | jq -r .key
  redtail snapshot old:6379 --format resp | redis-cli -h new --pipe

The server forks and sends everything, as to a new replica. What is written
meanwhile is not in it: `redtail tail --from snapshot` prints it after the keys,
without a gap, and so does `redtail tail --from POSITION` with the position that
is said at the end.

Exit codes: 0 done, 1 failed or cut off in the middle, 2 wrong usage.";

const STARTS: &str = "\
Where to start

Possible values:
- now:              With the next write. The server forks once, for a
  snapshot without data that tells position and database (Redis 7.0
  and later, Valkey; older servers are asked with INFO)
- now-without-fork: The same with INFO alone. Needs a backlog, and the
  database is unknown until a SELECT passes
- snapshot:         With everything the server holds, key by key, then the
  writes after it, no gap between. The server forks and sends it all
- sync:             The same with the old SYNC, for servers that know no
  PSYNC; there is no position to resume from
- POSITION:         After the place where an earlier run ended
  (replid:offset:db)";

/// Follow the replication stream of a Redis or Valkey server: every write, in order, with its exact position.
#[derive(Debug, Parser)]
#[command(name = "redtail", version, after_help = EXAMPLES, disable_help_subcommand = false)]
pub(crate) struct Arguments {
    /// Without one: a demonstration.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Follow a server and print every write
    Tail(Tail),
    /// Print everything a server holds
    Snapshot(Snapshot),
    /// Print what is in a file: a snapshot, an append-only file, a recorded connection, a bare stream
    Decode(Decode),
}

#[derive(Debug, Args)]
#[command(after_help = TAIL_EXAMPLES)]
pub(crate) struct Tail {
    /// host:port, redis://[user:password@]host[:port] or unix:PATH
    ///
    /// Everyone on this machine can see a password on a command line: better give it with --password-file, or in the environment
    /// as REDTAIL_PASSWORD or REDISCLI_AUTH.
    pub(crate) target: String,

    /// Where to start: now, now-without-fork, snapshot, sync, or a position [default: now]
    #[arg(long, value_name = "START", value_parser = start, long_help = STARTS)]
    pub(crate) from: Option<Start>,

    /// Keep the position of what was printed in this file, and go on from it in the next run
    ///
    /// It is written when we attach (with --from snapshot: once the snapshot is whole), then each time only after the output before it
    /// has been flushed (and synced, where it is a regular file), and replaced as a whole. After a crash at any moment nothing is missing
    /// from what the runs print together; what came after the last save comes twice.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,

    /// Save the position after so many commands
    #[arg(long, value_name = "N", default_value_t = Checkpoint::COMMANDS, requires = "checkpoint",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) checkpoint_commands: u64,

    /// Save the position after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", requires = "checkpoint", value_parser = seconds,
          allow_negative_numbers = true)]
    pub(crate) checkpoint_interval: Duration,

    /// Let a server before 7.0 that keeps no backlog dump its data set to its own disk once, to learn the position
    #[arg(long)]
    pub(crate) allow_probe: bool,

    /// What to do when the server no longer has what came after our position
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t = GapChoice::Stop)]
    pub(crate) on_gap: GapChoice,

    /// What to acknowledge
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = AckChoice::Observe)]
    pub(crate) ack: AckChoice,

    /// The ACL user
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// A file with the password (a newline at its end does not count)
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// When the link is lost: try again forever, never, or so many times in a row [default: forever]
    ///
    /// Without this option the very first connect is tried once, so that a wrong address or password shows at once.
    #[arg(long, value_name = "TRIES", value_parser = backoff)]
    pub(crate) reconnect: Option<Backoff>,

    /// Say the position whenever nothing was printed for so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) heartbeat: Option<Duration>,

    #[command(flatten)]
    pub(crate) output: Output,

    /// End behind the snapshot.
    #[arg(skip)]
    pub(crate) only_snapshot: bool,
}

#[derive(Debug, Args)]
#[command(after_help = SNAPSHOT_EXAMPLES)]
pub(crate) struct Snapshot {
    /// host:port, redis://[user:password@]host[:port] or unix:PATH
    ///
    /// Everyone on this machine can see a password on a command line: better give it with --password-file, or in the environment
    /// as REDTAIL_PASSWORD or REDISCLI_AUTH.
    target: String,

    /// The ACL user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// A file with the password (a newline at its end does not count)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// text: one line a key; json: one object a line, for programs; resp: commands that `redis-cli --pipe` loads
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// End after N keys
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Print what stands beside the keys too
    #[arg(long)]
    all: bool,

    /// With --format json: print each element of a key on a line of its own, and long strings in pieces
    ///
    /// Memory then does not depend on how much a key holds. `redtail help decode` tells which lines there are.
    #[arg(long)]
    elements: bool,

    /// Leave out strings longer than this, and say how long they are [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    max_arg: Option<u64>,
}

impl Snapshot {
    /// Following a server, but not beyond its snapshot.
    pub(crate) fn as_tail(&self) -> Tail {
        let Self { target, user, password_file, format, count, all, elements, max_arg } = self;
        let (format, count, all, elements, max_arg) = (*format, *count, *all, *elements, *max_arg);
        Tail {
            target: target.clone(),
            from: Some(Start::Snapshot),
            checkpoint: None,
            checkpoint_commands: Checkpoint::COMMANDS,
            checkpoint_interval: Checkpoint::INTERVAL,
            allow_probe: false,
            on_gap: GapChoice::Stop,
            ack: AckChoice::Observe,
            user: user.clone(),
            password_file: password_file.clone(),
            reconnect: Some(Backoff::OFF),
            heartbeat: None,
            output: Output { format, count, until: None, all, elements, max_arg, assume_db: None },
            only_snapshot: true,
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = DECODE_EXAMPLES)]
pub(crate) struct Decode {
    /// The file, or - for standard input
    ///
    /// A snapshot (dump.rdb), an append-only file (with a binary preamble or without), a connection recorded from the first byte
    /// after PSYNC or SYNC was sent, or a bare stream of commands.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,

    /// The replication offset before the first byte of the stream, where the bytes do not tell it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub(crate) offset: Option<u64>,

    /// Take the input as RESP of any kind, and print one frame a line
    #[arg(long, conflicts_with_all = ["offset", "all", "until", "assume_db", "elements", "skip_damaged"])]
    pub(crate) frames: bool,

    /// Pass over what is broken inside a value of a snapshot, and say what and where
    ///
    /// Possible where the length of the broken part is known. Without it the first broken byte is the end.
    #[arg(long)]
    pub(crate) skip_damaged: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

/// What both verbs know about printing.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// text: one line a command or key; json: one object a line, for programs; resp: commands that `redis-cli --pipe` loads
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// End after N printed commands or keys, but not inside a transaction
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End once this offset is reached, but not inside a transaction
    #[arg(long, value_name = "OFFSET")]
    pub(crate) until: Option<u64>,

    /// Print (and count) SELECT, PING and REPLCONF too, as they pass; of a snapshot what stands beside the keys
    #[arg(long)]
    pub(crate) all: bool,

    /// With --format json: print each element of a key on a line of its own, and long strings in pieces
    ///
    /// Memory then does not depend on how much a key holds.
    #[arg(long)]
    pub(crate) elements: bool,

    /// Leave out arguments longer than this, and say how long they are [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_arg: Option<u64>,

    /// With --format resp: the database of the first commands, while the stream has not told it
    #[arg(long, value_name = "N")]
    pub(crate) assume_db: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
    Resp,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum GapChoice {
    /// End with exit code 4
    Stop,
    /// Go on with the writes from now on
    Continue,
    /// Print a snapshot, then go on with the writes after it
    Snapshot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AckChoice {
    /// Nothing that WAIT or FAILOVER would count on
    Observe,
    /// What --checkpoint has saved: WAIT then means that it has been printed and written
    Applied,
}

impl From<GapChoice> for OnGap {
    fn from(choice: GapChoice) -> Self {
        match choice {
            GapChoice::Stop => Self::Stop,
            GapChoice::Continue => Self::Continue,
            GapChoice::Snapshot => Self::Snapshot,
        }
    }
}

impl Output {
    pub(crate) const MAX_ARG: u64 = 16 << 20;

    /// The longest argument to print.
    pub(crate) fn max_arg(&self) -> u64 {
        self.max_arg.unwrap_or(Self::MAX_ARG)
    }

    /// What the library is told: what it delivers, and how much of it at once.
    pub(crate) fn settings(&self) -> Options {
        let parts = match self.format {
            Format::Resp => 64 << 10,
            Format::Text | Format::Json => self.max_arg().saturating_add(1),
        };
        // What is larger flows through in parts, so this is what bounds our memory.
        // Nothing has to be held of a large argument, so it may be longer than servers allow by default.
        let limits = Limits { command: parts.saturating_mul(2).max(4 << 20), bulk: 1 << 40, ..Limits::default() };
        Options { control: true, parts: Some(parts), snapshot: SnapshotForm::Items, limits, ..Options::default() }
    }

    fn check(&self) -> Result<(), &'static str> {
        match self {
            Self { format: Format::Resp, all: true, .. } => Err(
                "--all can't be used with --format resp: that stream always carries SELECT, and PING and REPLCONF can't be loaded; \
                 remove --all, or choose --format json",
            ),
            Self { format: Format::Resp, max_arg: Some(_), .. } => Err(
                "--max-arg can't be used with --format resp: a command with an argument left out can't be loaded; remove --max-arg \
                 (values of any size pass in little memory)",
            ),
            Self { format: Format::Text | Format::Resp, elements: true, .. } => Err(
                "--elements is for --format json only: text shortens long keys, and resp holds no whole key anyway; add --format json, \
                 or remove --elements",
            ),
            Self { format: Format::Text | Format::Json, assume_db: Some(_), .. } => Err(
                "--assume-db is for --format resp only: text and json show an unknown database as unknown; remove --assume-db",
            ),
            _ => Ok(()),
        }
    }
}

impl Arguments {
    /// What was typed. Ends the process after help (exit code 0), and with words on what is wrong (2).
    pub(crate) fn read() -> Self {
        let arguments = Self::parse();
        let checked = match &arguments.verb {
            Some(Verb::Tail(tail)) => tail.check(),
            Some(Verb::Snapshot(snapshot)) => snapshot.as_tail().check(),
            Some(Verb::Decode(decode)) => decode.check(),
            None => Ok(()),
        };
        if let (Some(verb), Err(words)) = (&arguments.verb, checked) {
            verb.wrong_usage(words);
        }
        arguments
    }
}

impl Tail {
    fn check(&self) -> Result<(), &'static str> {
        if self.ack == AckChoice::Applied && self.checkpoint.is_none() {
            return Err(
                "--ack applied acknowledges what a checkpoint has saved: add --checkpoint FILE, or use --ack observe",
            );
        }
        if self.checkpoint.is_some() && matches!(self.from, Some(Start::Sync)) {
            return Err("--checkpoint needs positions, and --from sync has none; use another start");
        }
        self.output.check()
    }

    /// Ends the process with exit code 2.
    pub(crate) fn wrong_usage(&self, words: impl Display) -> ! {
        wrong_usage(if self.only_snapshot { "snapshot" } else { "tail" }, words)
    }
}

impl Decode {
    fn check(&self) -> Result<(), &'static str> {
        if self.frames && self.output.format == Format::Resp {
            return Err("--frames prints text or json: use --format text or --format json");
        }
        self.output.check()
    }
}

impl Verb {
    fn wrong_usage(&self, words: &str) -> ! {
        match self {
            Self::Tail(_) => wrong_usage("tail", words),
            Self::Snapshot(_) => wrong_usage("snapshot", words),
            Self::Decode(_) => wrong_usage("decode", words),
        }
    }
}

fn wrong_usage(verb: &str, words: impl Display) -> ! {
    let mut command = Arguments::command();
    command.build();
    match command.find_subcommand_mut(verb) {
        Some(verb) => verb.error(ErrorKind::ValueValidation, words).exit(),
        None => command.error(ErrorKind::ValueValidation, words).exit(),
    }
}

fn start(text: &str) -> Result<Start, String> {
    match text {
        "now" => Ok(Start::Now),
        "now-without-fork" => Ok(Start::NowWithoutFork),
        "snapshot" => Ok(Start::Snapshot),
        "sync" => Ok(Start::Sync),
        text => match text.parse::<Position>() {
            Ok(position) => Ok(Start::At(position)),
            Err(error) if text.contains(':') => Err(error.to_string()),
            Err(_) => Err("choose now, now-without-fork, snapshot, sync, or a position (replid:offset:db)".into()),
        },
    }
}

fn backoff(text: &str) -> Result<Backoff, &'static str> {
    match text {
        "forever" => Ok(Backoff::default()),
        "never" => Ok(Backoff::OFF),
        number => match number.parse() {
            Ok(attempts) => Ok(Backoff { attempts: Some(attempts), ..Backoff::default() }),
            Err(_) => Err("choose forever, never, or how often to try in a row"),
        },
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|&it| it >= Duration::from_millis(1)).ok_or("give a number of seconds, for example 5 or 0.5")
}

//! Which option has its effect where. An option without an effect is refused.
//!
//! The table has at least one row for every option of every verb. A row without a message documents that the option
//! has its effect with every target and format of the verb. clap itself refuses pairs of options that never go
//! together.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::args::fact::{
    ALL_COMMANDS, ALL_SHARDS, ANY_FILE, BARE_RECORDING, BY_PATH, CHECKPOINT, COMMANDS, DEVICE, DIRECTORY, DUMP,
    EMPTIED, Facts, GAP_CONTINUE, GAP_STOP, JSON, KEYS, NEW_FILE, NO_FRAMES, NO_KEYS, NO_TLS, NOW, NOW_WITHOUT_FORK,
    OBSERVE, ONE_FILE, ONE_SERVER, PLAIN, POSITION, READ_ONCE, RESP, SENTINEL_TLS, SENTINELS, SERVER, SNAPSHOT, STDOUT,
    SYNC, TEXT, TLS, TLS_IN_ADDRESS, UNIX,
};
use crate::args::output::SNAPSHOT_NEEDS_EMPTYING;

/// The options that were typed, by their long names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    verb: &'static str,
    options: Vec<String>,
}

impl Given {
    /// The options of `command`, the verb, that the command line contains.
    pub(super) fn of(verb: &'static str, command: &Command, matches: &ArgMatches) -> Self {
        let is_typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let options = command.get_arguments().filter(|option| is_typed(option.get_id().as_str()));
        Self { verb, options: options.filter_map(|option| Some(option.get_long()?.to_owned())).collect() }
    }

    /// Refuses an option that has no effect in a run with these facts.
    pub(crate) fn check(&self, facts: Facts) -> Result<(), String> {
        let refused = RULES.iter().filter(|rule| rule.verbs.contains(&self.verb) && rule.works & facts == 0);
        let mut refused = refused.flat_map(|rule| rule.options.iter().map(move |option| (rule, *option)));
        match refused.find(|(_, option)| self.options.iter().any(|given| given == option)) {
            Some((rule, option)) => Err(rule.otherwise.replace("{}", &format!("--{option}"))),
            None => Ok(()),
        }
    }
}

/// The options have their effect in a run with one of the facts.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) verbs: &'static [&'static str],
    pub(super) options: &'static [&'static str],
    pub(super) works: Facts,
    /// The message elsewhere. `{}` is the option.
    pub(super) otherwise: &'static str,
}

const TAIL: &[&str] = &["tail"];
const DECODE: &[&str] = &["decode"];
const SAVE: &[&str] = &["snapshot"];
const RECORD: &[&str] = &["record"];
const REPLAY: &[&str] = &["replay"];
const DOCTOR: &[&str] = &["doctor"];
const TAIL_AND_RECORD: &[&str] = &["tail", "record"];
const TAIL_AND_DECODE: &[&str] = &["tail", "decode"];
const LOAD: &[&str] = &["load"];
const CONNECTED: &[&str] = &["tail", "snapshot", "record", "doctor", "load", "compare"];
const PRINTING: &[&str] = &["tail", "decode", "snapshot"];

const fn rule(
    verbs: &'static [&'static str],
    options: &'static [&'static str],
    works: Facts,
    otherwise: &'static str,
) -> Rule {
    Rule { verbs, options, works, otherwise }
}

const fn always(verbs: &'static [&'static str], options: &'static [&'static str]) -> Rule {
    rule(verbs, options, Facts::MAX, "")
}

const SENTINEL: &[&str] = &["sentinel-user", "sentinel-password-file", "sentinel-tls", "sentinel-no-tls"];
const TLS_OPTIONS: &[&str] = &["tls", "cacert", "cacertdir", "cert", "cert-key", "sni", "verify", "insecure"];
const OF_TLS: &[&str] = &["cacert", "cacertdir", "cert", "cert-key", "sni", "verify", "insecure"];
const OF_KEYS: &[&str] = &[
    "format",
    "count",
    "db",
    "key",
    "not-key",
    "all",
    "elements",
    "max-arg",
    "raw",
    "no-raw",
    "empty-target",
    "target-version",
];

/// The first row that refuses an option gives the message.
pub(super) const RULES: &[Rule] = &[
    // The connection.
    always(CONNECTED, &["user", "password-file", "ask-password"]),
    rule(CONNECTED, SENTINEL, SENTINELS, "{} is for targets that begin with redis+sentinel://"),
    rule(
        CONNECTED,
        &["prefer-replica"],
        SENTINELS | ALL_SHARDS,
        "{} is for targets that begin with redis+sentinel://, and for tail --cluster",
    ),
    rule(DOCTOR, &["prefer-replica"], SENTINELS, "the doctor examines all nodes of a cluster: remove {}"),
    rule(
        CONNECTED,
        &["sentinel-tls"],
        NO_TLS,
        "the target asks for TLS, which includes the Sentinels: remove --sentinel-tls",
    ),
    rule(
        CONNECTED,
        &["sentinel-no-tls"],
        TLS | TLS_IN_ADDRESS,
        "{} is for servers with TLS: add --tls, or remove --sentinel-no-tls",
    ),
    rule(CONNECTED, TLS_OPTIONS, SERVER | SENTINELS, "TLS is not supported over a Unix socket: remove {}"),
    rule(
        CONNECTED,
        OF_TLS,
        TLS | TLS_IN_ADDRESS | SENTINEL_TLS,
        "{} is for TLS: add --tls, or write rediss:// before the host",
    ),
    rule(
        &["tail", "doctor", "load"],
        &["cluster"],
        SERVER | UNIX,
        "{} takes the address of one of the nodes, not of Sentinels",
    ),
    rule(LOAD, &["prefer-replica"], 0, "a replica takes no writes: remove {}"),
    always(LOAD, &["on-error", "position-key", "print-position", "source", "source-password-file", "until-caught-up"]),
    always(&["compare"], &["source-password-file", "db", "key", "not-key", "position-key"]),
    always(DOCTOR, &["json", "sample", "target-version"]),
    // The start, and what the run survives.
    rule(
        TAIL,
        &["from"],
        ONE_SERVER | NOW | NOW_WITHOUT_FORK | SNAPSHOT,
        "with --cluster, --from takes now, now-without-fork or snapshot; use --checkpoint FILE for positions of all \
         shards",
    ),
    rule(
        TAIL_AND_RECORD,
        &["allow-probe"],
        NOW | GAP_CONTINUE,
        "{} is for --from now and --on-gap continue: remove it",
    ),
    rule(
        TAIL_AND_RECORD,
        &["on-gap"],
        NOW | NOW_WITHOUT_FORK | SNAPSHOT | POSITION,
        "{} is for a run that resumes, and a stream of --from sync has no position to resume from: remove {}",
    ),
    rule(
        TAIL,
        &["ack"],
        OBSERVE | CHECKPOINT,
        "--ack applied acknowledges the position of a checkpoint: add --checkpoint FILE, or use --ack observe",
    ),
    rule(
        TAIL,
        &["checkpoint"],
        NOW | NOW_WITHOUT_FORK | SNAPSHOT | POSITION,
        "--checkpoint saves positions, and --from sync has none; use another start",
    ),
    rule(
        TAIL,
        &["snapshot-to"],
        TEXT | JSON | GAP_STOP | GAP_CONTINUE,
        "--on-gap snapshot replaces the file of --snapshot-to, and the target of --format resp would keep the data of \
         the earlier file: remove --on-gap snapshot",
    ),
    rule(
        TAIL,
        &["positions"],
        RESP,
        "{} is for --format resp only: each line of json has its position; remove --positions",
    ),
    rule(
        TAIL,
        &["positions"],
        NOW | NOW_WITHOUT_FORK | SNAPSHOT | POSITION,
        "{} adds positions, and --from sync has none; use another start",
    ),
    rule(
        TAIL,
        &["until-caught-up"],
        ONE_SERVER,
        "{} ends at an offset, and each shard of a cluster has its own: remove it",
    ),
    always(RECORD, &["from"]),
    always(TAIL_AND_RECORD, &["reconnect"]),
    always(TAIL, &["checkpoint-commands", "checkpoint-interval", "heartbeat"]),
    always(&["tail", "record", "load"], &["metrics", "status", "name"]),
    // The file that is written.
    rule(TAIL, &["snapshot-to"], ONE_SERVER, "{} writes the snapshot of one server: remove --cluster"),
    rule(TAIL, &["snapshot-to"], SNAPSHOT | SYNC, "{} needs a snapshot: add --from snapshot"),
    rule(
        TAIL,
        &["snapshot-to"],
        NEW_FILE | DEVICE,
        "standard output is for the writes: use --snapshot-to FILE, or redtail snapshot TARGET -o - for the snapshot \
         alone",
    ),
    rule(DECODE, &["snapshot-to"], NEW_FILE | DEVICE, "standard output is for the commands: use --snapshot-to FILE"),
    always(TAIL_AND_DECODE, &["force"]),
    rule(
        SAVE,
        &["output"],
        NEW_FILE | DEVICE | STDOUT,
        "-o - can't write a snapshot to a terminal: redirect standard output, or use -o FILE",
    ),
    rule(
        RECORD,
        &["output"],
        NEW_FILE | DEVICE | STDOUT,
        "-o - can't write a recording to a terminal: redirect standard output, or use -o FILE",
    ),
    rule(RECORD, &["append"], NEW_FILE | DEVICE, "{} needs a file, and -o - writes to standard output; use -o FILE"),
    rule(
        &["snapshot", "record"],
        &["force"],
        NEW_FILE | DEVICE,
        "{} needs a file, and -o - writes to standard output; remove --force",
    ),
    rule(RECORD, &["append", "force"], NEW_FILE, "{} needs a regular file, and -o names a device or a pipe: remove {}"),
    always(RECORD, &["count", "until", "duration"]),
    // The keys of a snapshot.
    rule(
        SAVE,
        OF_KEYS,
        KEYS,
        "-o writes the whole snapshot as the server sends it, and {} is for printed keys; remove one of them",
    ),
    rule(
        DECODE,
        &["skip-damaged", "elements", "empty-target"],
        KEYS,
        "{} is for printed keys of a snapshot: remove --commands-only and --snapshot-to",
    ),
    rule(
        DECODE,
        &["skip-damaged", "elements", "empty-target"],
        ANY_FILE & !COMMANDS,
        "{} is for a snapshot, and the input has none: remove it",
    ),
    // The input.
    rule(
        DECODE,
        &["follow"],
        BY_PATH,
        "{} needs a file or directory, and standard input is read to its end anyway; remove --follow",
    ),
    rule(DECODE, &["follow"], PLAIN, "{} needs a file that grows, and a compressed file does not: remove --follow"),
    rule(
        DECODE,
        &["offset"],
        ONE_FILE,
        "{} is for one stream of commands, and this is a directory: its offsets count the bytes of each file",
    ),
    rule(DECODE, &["offset"], READ_ONCE, "{} can't be used with --follow: offsets count the bytes of the file"),
    rule(DECODE, &["offset"], DUMP | COMMANDS | BARE_RECORDING, "this recording contains its offsets: remove --offset"),
    rule(
        DECODE,
        &["until"],
        ONE_FILE,
        "{} is for one file, and this is a directory: its offsets count the bytes of each file; give the path of one \
         file",
    ),
    rule(
        DECODE,
        &["max-corrupt-tail"],
        DUMP | COMMANDS | DIRECTORY,
        "{} is for append-only files, and this is a recording: remove it",
    ),
    rule(
        DECODE,
        &["max-corrupt-tail"],
        READ_ONCE,
        "{} can't be used with --follow, which reads what comes after the end: remove one of them",
    ),
    rule(
        DECODE,
        &[
            "offset",
            "all",
            "raw",
            "no-raw",
            "until",
            "assume-db",
            "elements",
            "skip-damaged",
            "follow",
            "commands-only",
            "snapshot-to",
            "db",
            "command",
            "not-command",
            "key",
            "not-key",
            "keys",
            "stats",
            "empty-target",
            "target-version",
            "max-corrupt-tail",
        ],
        NO_FRAMES,
        "{} can't be used with --frames, which prints any kind of RESP: remove one of them",
    ),
    rule(DECODE, &["frames"], TEXT | JSON, "{} prints text or json: use --format text or --format json"),
    // The output.
    rule(TAIL, &["until"], ONE_SERVER, "{} is an offset, and each shard of a cluster has its own: remove it"),
    rule(
        TAIL,
        &["format"],
        TEXT | JSON | ONE_SERVER,
        "--format resp can't be used with --cluster: transactions of several shards would mix; choose --format json",
    ),
    always(DECODE, &["format", "command", "commands-only"]),
    always(TAIL_AND_DECODE, &["output", "count", "stats", "db", "key", "not-command"]),
    rule(
        PRINTING,
        &["not-key"],
        TEXT | JSON,
        "{} can't be used with --format resp: a command with both kinds of keys would need another one; use --key",
    ),
    rule(
        PRINTING,
        &["all"],
        TEXT | JSON,
        "{} can't be used with --format resp: its output always has SELECT, and servers can't load PING and REPLCONF; \
         remove --all, or choose --format json",
    ),
    rule(
        PRINTING,
        &["max-arg"],
        TEXT | JSON,
        "{} can't be used with --format resp: servers can't load a command without one of its arguments; remove \
         --max-arg (values of any size need little memory)",
    ),
    rule(
        PRINTING,
        &["raw", "no-raw"],
        TEXT,
        "{} is for --format text: json is UTF-8, and resp has no escapes; remove {}",
    ),
    rule(
        PRINTING,
        &["elements"],
        JSON,
        "{} is for --format json only: text shortens long keys, and resp never holds a whole key; add --format json, \
         or remove --elements",
    ),
    rule(
        TAIL,
        &["elements"],
        KEYS,
        "{} is for printed keys of a snapshot: add --from snapshot, and remove --snapshot-to",
    ),
    rule(TAIL_AND_DECODE, &["keys"], JSON, "{} adds a field to JSON lines: add --format json, or remove --keys"),
    rule(
        TAIL_AND_DECODE,
        &["assume-db"],
        RESP,
        "{} is for --format resp only: text and json show an unknown database as unknown; remove --assume-db",
    ),
    rule(
        PRINTING,
        &["empty-target"],
        RESP,
        "{} is for --format resp only: text and json have no target; remove --empty-target",
    ),
    rule(
        &["tail", "snapshot"],
        &["target-is-empty"],
        RESP,
        "{} is for --format resp only: text and json have no target; remove --target-is-empty",
    ),
    rule(
        &["tail", "snapshot"],
        &["target-is-empty"],
        KEYS,
        "{} is for a printed snapshot: add --from snapshot, and remove --snapshot-to and -o",
    ),
    rule(
        TAIL,
        &["target-is-empty"],
        GAP_STOP | GAP_CONTINUE,
        "{} leaves the keys of an earlier snapshot in the target, and --on-gap snapshot takes another: use --empty-target",
    ),
    rule(
        PRINTING,
        &["target-version"],
        RESP,
        "{} is for --format resp only: text and json have no target; remove --target-version",
    ),
    rule(
        PRINTING,
        &["empty-target"],
        ALL_COMMANDS,
        "{} is for the keys of a snapshot, and --command drops them: remove one of them",
    ),
    rule(
        TAIL,
        &["empty-target"],
        KEYS,
        "{} empties the target before a printed snapshot: add --from snapshot, and remove --snapshot-to",
    ),
    rule(
        TAIL,
        &["command"],
        TEXT | JSON | NO_KEYS,
        "{} drops the keys of a snapshot, so the target would lack them: remove --command, or start without a snapshot",
    ),
    rule(&["tail", "snapshot"], &["format"], TEXT | JSON | NO_KEYS | EMPTIED, SNAPSHOT_NEEDS_EMPTYING),
    always(REPLAY, &["listen", "speed", "ping", "password-file", "once"]),
];

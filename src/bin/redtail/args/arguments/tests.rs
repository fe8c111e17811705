//! Every option of every verb, with every kind of target.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::CommandFactory;

use super::*;
use crate::args::fact::{BARE_RECORDING, COMMANDS, COMPRESSED, DIRECTORY, DUMP, Facts, RECORDING};
use crate::args::rules::RULES;

/// clap reports a duplicate option only when it is used.
#[test]
fn the_arguments_are_consistent() {
    Arguments::command().debug_assert();
}

const VERBS: [&str; 8] = ["tail", "snapshot", "decode", "record", "replay", "doctor", "load", "compare"];

fn options(verb: &str) -> Vec<(String, bool)> {
    let mut command = Arguments::command();
    command.build();
    let verb = command.find_subcommand(verb).unwrap();
    let options =
        verb.get_arguments().filter_map(|it| Some((it.get_long()?.to_owned(), it.get_action().takes_values())));
    options.filter(|(option, _)| option != "help" && option != "version").collect()
}

#[test]
fn the_table_has_every_option_of_every_verb() {
    for verb in VERBS {
        let known: BTreeSet<_> = options(verb).into_iter().map(|(option, _)| option).collect();
        let rows = RULES.iter().filter(|rule| rule.verbs.contains(&verb)).flat_map(|rule| rule.options);
        let rows: BTreeSet<_> = rows.map(|&option| option.to_owned()).collect();
        #[cfg(feature = "tls")]
        assert_eq!(known, rows, "{verb}");
        #[cfg(not(feature = "tls"))]
        assert!(known.is_subset(&rows), "{verb}");
    }
    for rule in RULES {
        assert!(rule.works == Facts::MAX || !rule.otherwise.is_empty(), "{rule:?}");
    }
}

/// A value that every other option accepts.
fn value(option: &str) -> &'static str {
    match option {
        "from" => "now",
        "on-gap" => "continue",
        "ack" => "observe",
        "format" => "json",
        "verify" => "full",
        "listen" => "127.0.0.1:0",
        "reconnect" => "3",
        "cert" | "cert-key" | "output" | "snapshot-to" | "checkpoint" => "new-file",
        _ => "1",
    }
}

/// The options that a run with these arguments refuses, tried one at a time. Pairs that clap refuses are left out.
fn refused(words: &str, input: Option<Facts>) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    let mut refused = Vec::new();
    for (option, takes_value) in options(words[0]) {
        let name = format!("--{option}");
        if words.contains(&name.as_str()) {
            continue;
        }
        let value = takes_value.then(|| value(&option));
        let partner: &[&str] = match option.as_str() {
            "cert" => &["--cert-key", "k"],
            "cert-key" => &["--cert", "c"],
            _ => &[],
        };
        let typed = ["redtail"].into_iter().chain(words.iter().copied()).chain([name.as_str()]);
        let typed = typed.chain(value).chain(partner.iter().copied());
        let Ok(arguments) = Arguments::parsed(typed.map(Into::into).collect()) else { continue };
        let checked = arguments.check().and_then(|()| match (&arguments.verb, input) {
            (Some(Verb::Decode(decode)), Some(input)) => decode.check_input(input),
            _ => Ok(()),
        });
        if let Err(message) = checked {
            assert!(message.contains("--"), "{words:?} {name}: {message}");
            let paired = partner.first().is_some_and(|partner| message.contains(partner));
            assert!(message.contains(&name) || paired || message.contains("--format"), "{words:?} {name}: {message}");
            refused.push(option);
        }
    }
    refused.join(" ")
}

/// Each option with each kind of target: refused here, or it has its effect.
#[cfg(feature = "tls")]
#[test]
fn options_without_effect_are_refused_with_every_target() {
    const SENTINEL: &str = "sentinel-user sentinel-password-file prefer-replica";
    let of_tls = "cacert cacertdir cert cert-key sni verify sentinel-tls sentinel-no-tls insecure";
    let no_tls = "cacert cacertdir cert cert-key sni verify sentinel-no-tls insecure";
    let unix_tls = format!("tls {of_tls}");
    let in_tls = "sentinel-tls sentinel-no-tls";
    let for_resp = "assume-db empty-target positions target-is-empty";
    // A value of --format is json, and one of --from is now.
    for (words, expected) in [
        ("tail h:1", format!("{SENTINEL} {of_tls} snapshot-to elements keys {for_resp}")),
        ("tail unix:/s", format!("{SENTINEL} {unix_tls} snapshot-to elements keys {for_resp}")),
        ("tail rediss://h:1", format!("{SENTINEL} {in_tls} snapshot-to elements keys {for_resp}")),
        ("tail h:1 --tls", format!("{SENTINEL} sentinel-no-tls snapshot-to elements keys {for_resp}")),
        ("tail redis+sentinel://h/m", format!("{no_tls} cluster snapshot-to elements keys {for_resp}")),
        ("tail rediss+sentinel://h/m", format!("sentinel-tls cluster snapshot-to elements keys {for_resp}")),
        ("tail redis+sentinel://h/m --sentinel-tls", format!("cluster snapshot-to elements keys {for_resp}")),
        (
            "tail h:1 --cluster",
            format!(
                "sentinel-user sentinel-password-file {of_tls} snapshot-to until until-caught-up elements keys {for_resp}"
            ),
        ),
        ("tail h:1 --format json", format!("{SENTINEL} {of_tls} snapshot-to elements {for_resp}")),
        (
            "tail h:1 --format resp",
            format!(
                "{SENTINEL} {of_tls} cluster snapshot-to all elements keys max-arg empty-target target-is-empty not-key"
            ),
        ),
        ("tail h:1 --from snapshot", format!("{SENTINEL} {of_tls} allow-probe elements keys {for_resp}")),
        ("tail h:1 --from snapshot --format json", format!("{SENTINEL} {of_tls} allow-probe {for_resp}")),
        (
            "tail h:1 --from snapshot --format resp --empty-target",
            format!("{SENTINEL} {of_tls} cluster snapshot-to allow-probe all elements keys max-arg command not-key"),
        ),
        (
            "tail h:1 --from sync",
            format!("{SENTINEL} {of_tls} cluster checkpoint allow-probe on-gap elements keys {for_resp}"),
        ),
        ("snapshot h:1", format!("{SENTINEL} {of_tls} empty-target target-is-empty elements")),
        (
            "snapshot h:1 --format resp --empty-target",
            format!("{SENTINEL} {of_tls} output all elements max-arg not-key"),
        ),
        (
            "snapshot h:1 -o new-file",
            format!(
                "{SENTINEL} {of_tls} format count empty-target target-is-empty db key not-key all elements max-arg"
            ),
        ),
        ("snapshot redis+sentinel://h/m", format!("{no_tls} empty-target target-is-empty elements")),
        ("record h:1 -o new-file", format!("{SENTINEL} {of_tls}")),
        ("record h:1 -o new-file --from snapshot", format!("{SENTINEL} {of_tls} allow-probe")),
        ("record h:1 -o new-file --from sync", format!("{SENTINEL} {of_tls} allow-probe on-gap")),
        ("record h:1 -o new-file --from sync --append", format!("{SENTINEL} {of_tls} allow-probe")),
        ("record redis+sentinel://h/m -o new-file", no_tls.into()),
        ("doctor h:1", format!("{SENTINEL} {of_tls}")),
        ("doctor h:1 --cluster", format!("{SENTINEL} {of_tls}")),
        ("doctor redis+sentinel://h/m", format!("{no_tls} cluster")),
        ("load h:1", format!("{SENTINEL} {of_tls}")),
        ("load h:1 --cluster", format!("{SENTINEL} {of_tls}")),
        ("load redis+sentinel://h/m", format!("{no_tls} cluster prefer-replica")),
        ("compare s:1 h:1", format!("{SENTINEL} {of_tls}")),
        ("compare redis+sentinel://h/m h:1", no_tls.into()),
        ("replay f", String::new()),
    ] {
        let sorted = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(sorted(&refused(words, None)), sorted(&with_raw(words, expected)), "{words}");
    }
}

/// Each option of `decode` with each kind of input and format: refused here, or it has its effect.
#[test]
fn options_without_effect_are_refused_with_every_input() {
    let folder = std::env::temp_dir();
    assert!(fs::metadata(&folder).unwrap().is_dir() && Path::new("none").extension().is_none());
    let folder = folder.display();
    let text = "keys elements assume-db empty-target";
    let sorted = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<_>>();
    for (words, input, expected) in [
        ("decode none".to_owned(), DUMP, text.to_owned()),
        ("decode none".into(), COMMANDS, format!("{text} skip-damaged")),
        ("decode none".into(), DUMP | COMPRESSED, format!("{text} follow")),
        ("decode none".into(), RECORDING, format!("{text} offset max-corrupt-tail")),
        ("decode none".into(), BARE_RECORDING, format!("{text} max-corrupt-tail")),
        (format!("decode {folder}"), DIRECTORY, format!("{text} offset until")),
        ("decode -".into(), DUMP, format!("{text} follow")),
        ("decode -".into(), COMMANDS, format!("{text} follow skip-damaged")),
        ("decode none --follow".into(), DUMP, format!("{text} offset frames max-corrupt-tail")),
        ("decode none --format json".into(), DUMP, "assume-db empty-target".into()),
        ("decode none --format json".into(), COMMANDS, "elements skip-damaged assume-db empty-target".into()),
        ("decode none --format resp".into(), DUMP, "all max-arg keys elements frames not-key".into()),
        (
            "decode none --format resp".into(),
            COMMANDS,
            "all max-arg keys elements frames skip-damaged empty-target not-key".into(),
        ),
        (
            "decode none --format json --commands-only".into(),
            DUMP,
            "elements skip-damaged assume-db empty-target frames".into(),
        ),
        (
            "decode none --format json --snapshot-to new".into(),
            DUMP,
            "elements skip-damaged assume-db empty-target frames".into(),
        ),
        (
            "decode none --frames".into(),
            DUMP,
            format!(
                "{text} offset all until skip-damaged follow commands-only snapshot-to db command not-command key not-key stats \
                 max-corrupt-tail"
            ),
        ),
    ] {
        assert_eq!(sorted(&refused(&words, Some(input))), sorted(&with_raw(&words, expected)), "{words} {input:b}");
    }
}

/// Only commands and keys as text, the format without an option, have bytes to escape.
fn with_raw(words: &str, refused: String) -> String {
    let is_text = !["--format", "-o new-file", "--frames"].iter().any(|option| words.contains(option));
    if is_text || words.starts_with("record") { refused } else { format!("{refused} raw no-raw") }
}

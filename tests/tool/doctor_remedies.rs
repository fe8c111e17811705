//! The remedies of `redtail doctor`: where each is carried out, and that the report does not contradict itself.

use serde_json::{Value, json};

use crate::doctor::{Examined, Script};
use crate::run::run;

/// The remedies of the finding about this subject.
#[track_caller]
fn remedies<'a>(examined: &'a Examined, about: &str) -> &'a Vec<Value> {
    let findings = examined.report["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["about"] == about);
    finding.unwrap_or_else(|| panic!("{about}: {:#}", examined.report))["fix"].as_array().unwrap()
}

fn as_default() -> Script {
    Script::healthy().answer("ACL WHOAMI", "$7\r\ndefault\r\n")
}

#[test]
fn a_user_is_proposed_where_there_is_only_default() {
    let rule = "ACL SETUSER cdc on >PASSWORD +psync +replconf +ping +info";
    let page = include_str!("../../docs/getting-started.md").replace('\'', "");
    assert!(page.contains(rule), "the page has the same rule");
    let examined = as_default().examine();
    assert_eq!(examined.code, 0, "{:#}", examined.report);
    examined.says("good", &["the user default may replicate"]);
    assert_eq!(remedies(&examined, "permission")[0], json!({"kind": "server", "command": rule}));
    let (address, _) = as_default().serve();
    let text = run(&["doctor", &address, "--sample", "0.01"]).ok();
    assert!(text.text().contains(&format!(" server> {rule}\n")), "{}", text.text());
    // Another user has been made for this.
    assert_eq!(remedies(&Script::healthy().examine(), "permission"), &Vec::<Value>::new());
    // Before 6.0 there is none.
    let old = Script::healthy().info(&[("redis_version", "5.0.14")]).answer("ACL", "-ERR unknown command 'ACL'\r\n");
    assert_eq!(remedies(&old.examine(), "permission"), &Vec::<Value>::new());
}

#[test]
fn each_remedy_says_where_it_is_carried_out() {
    let stored = [("config_file", "/etc/redis/redis.conf"), ("repl_backlog_size", "16384")];
    let mut script = Script::healthy().info(&stored);
    script.grows = 1 << 20;
    let examined = script.clone().examine();
    let kinds: Vec<_> = remedies(&examined, "backlog").iter().map(|remedy| &remedy["kind"]).collect();
    assert_eq!(kinds, ["server", "server"], "CONFIG SET and CONFIG REWRITE: {:#}", examined.report);
    let examined = script.info(&[("config_file", "")]).examine();
    let config = json!({"kind": "config", "command": "it has no redis.conf: set this where it is started, too"});
    assert_eq!(remedies(&examined, "backlog")[1], config);

    let missing = "*3\r\n*-1\r\n*6\r\n$4\r\nsync\r\n:-3\r\n*0\r\n:0\r\n:0\r\n:0\r\n*-1\r\n";
    let examined = Script::healthy().answer("COMMAND INFO", missing).examine();
    let renamed = &remedies(&examined, "permission")[0];
    assert_eq!(renamed["kind"], "config");
    assert!(renamed["command"].as_str().unwrap().starts_with("remove the line `rename-command PSYNC"), "{renamed}");

    let cluster = Script::healthy().info(&[("min_slaves_good_slaves", "1")]).examine();
    assert_eq!(remedies(&cluster, "redtail")[0]["kind"], "shell");
}

/// The table of starts and the finding about permissions name the same rules.
#[test]
fn starts_and_findings_have_the_same_remedies() {
    let no = "+User cdc has no permissions to run the 'psync' command\r\n";
    for script in [
        Script::healthy().denied("ACL").denied("COMMAND").denied("REPLCONF"),
        Script::healthy().denied("ACL").denied("COMMAND"),
        Script::healthy().answer("ACL DRYRUN cdc PSYNC", no),
        Script::healthy().answer("ACL DRYRUN cdc PSYNC", no).denied("REPLCONF"),
    ] {
        let examined = script.examine();
        let starts = examined.start("snapshot")["fix"].as_array().unwrap();
        assert!(!starts.is_empty(), "{:#}", examined.report);
        // The finding adds how to keep the rule.
        assert!(remedies(&examined, "permission").starts_with(starts), "{:#}", examined.report);
    }
}

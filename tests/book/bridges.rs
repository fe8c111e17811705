//! The options of both bridges: they are spelled as in the tool, and as in each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::{read, root};

/// Options, and the names of their values; "" for an option without one.
type Options = BTreeMap<String, BTreeSet<String>>;

/// Those of a program whose options are fields with attributes.
fn declared(folder: &str) -> Options {
    let mut options = Options::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let code = if path.is_file() { fs::read_to_string(&path).unwrap() } else { String::new() };
        let (mut attribute, mut is_open, mut value) = (String::new(), false, None);
        for line in code.split("#[cfg(test)]\nmod").next().unwrap().lines().map(str::trim) {
            if line.starts_with("#[arg(long") {
                (attribute, is_open) = (String::new(), true);
            }
            if is_open {
                attribute += line;
                if line.ends_with(")]") {
                    let name = attribute.split("value_name = \"").nth(1).and_then(|rest| rest.split('"').next());
                    (value, is_open) = (Some(name.unwrap_or_default().to_owned()), false);
                }
                continue;
            }
            let field = line.rsplit_once("pub(crate) ").map_or(line, |(_, field)| field).split(':').next().unwrap();
            if !line.starts_with('#')
                && let Some(value) = value.take()
            {
                options.entry(format!("--{}", field.replace('_', "-"))).or_default().insert(value);
            }
        }
    }
    options
}

/// Those of a program that prints this text.
fn printed(text: &str) -> Options {
    let mut options = Options::new();
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || "\"(),;".contains(c)).collect();
    for (at, word) in words.iter().enumerate().filter(|(_, word)| word.starts_with("--")) {
        let value = words.get(at + 1).filter(|it| !it.is_empty() && it.chars().all(|c| c.is_ascii_uppercase()));
        options.entry((*word).into()).or_default().extend(value.map(|it| (*it).to_owned()));
    }
    options
}

#[test]
fn the_bridges_spell_options_as_the_tool_does() {
    let code = read("examples/bridges/kafka/options.c");
    let help = code.split("HELP[] =").nth(1).unwrap().split("void wrong").next().unwrap().replace("\\n", " ");
    let (tool, nats, kafka) = (declared("src/bin/redtail/args"), declared("examples/bridges/nats/src"), printed(&help));
    assert!(tool.len() > 60 && nats.len() > 30 && kafka.len() > 30, "the options were not found");
    let without_flags = |values: &BTreeSet<String>| -> BTreeSet<String> {
        values.iter().filter(|value| !value.is_empty()).cloned().collect()
    };
    for (name, values) in &kafka {
        for (who, others) in [("the tool", &tool), ("redtail-nats", &nats)] {
            if let Some(others) = others.get(name) {
                assert_eq!(*values, without_flags(others), "{name} of redtail-kafka and {who}");
            }
        }
        // As getopt reads it.
        assert!(code.contains(&format!("{{\"{}\", ", &name[2..])), "{name} is in the help alone");
    }
    for (name, values) in &nats {
        if let Some(others) = tool.get(name) {
            assert_eq!(values, others, "{name} of redtail-nats and the tool");
        }
    }
    // Only what concerns the broker is in one of them alone.
    let alone = |one: &Options, other: &Options| -> Vec<String> {
        one.keys().filter(|name| !other.contains_key(*name) && !name.starts_with("--broker-")).cloned().collect()
    };
    let of_nats = ["--in-flight", "--memory", "--partitions", "--prefix", "--replicas", "--stream", "--window"];
    assert_eq!(alone(&nats, &kafka), of_nats);
    assert_eq!(alone(&kafka, &nats), ["--help", "--kafka-config", "--topic", "--version"]);
}

//! What real servers know that the sources do not: commands, settings, fields of INFO, options of REPLCONF, the
//! snapshot format. `tests/drift` runs it.

use std::collections::BTreeSet;
use std::path::Path;

use redtail::owned::OwnedCommand;
use redtail::replication::Version;
use redtail::{Product, Server as Release};

use crate::client::{Client, Value};
use crate::server::{Kind, Server};

#[path = "../../src/bin/redtail/releases.rs"]
#[allow(dead_code, reason = "the table of the tool")]
mod releases;

/// Names that were seen before, one for each line: `config NAME`, `info NAME`.
const KNOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/known-names.txt");

/// The newest first.
const SERVERS: [Kind; 6] =
    [Kind::Redis810, Kind::Valkey91, Kind::Redis82, Kind::Valkey81, Kind::Redis70, Kind::Redis62];

/// Options of REPLCONF, and the release of Redis and of Valkey that introduced them.
const OPTIONS: [(&[&str], Since, Since); 8] = [
    (&["listening-port", "1"], EVER, EVER),
    (&["ip-address", "drift.invalid"], EVER, EVER),
    (&["capa", "drift"], EVER, EVER),
    (&["rdb-filter-only", ""], Some((7, 0)), EVER),
    (&["version", "0.0.0"], None, Some((8, 0))),
    (&["set-cluster-node-id", "0123456789012345678901234567890123456789"], None, None),
    (&["rdb-no-compress", "1"], Some((8, 6)), None),
    (&["rdb-no-checksum", "1"], Some((8, 10)), None),
];

/// Redis 6.2 only. `tests/commands` leaves it out, because its keys are unknown.
const OMITTED: &str = "stralgo";

type Since = Option<(u16, u16)>;
const EVER: Since = Some((0, 0));

#[test]
#[ignore = "needs real servers: tests/run"]
fn servers_are_as_the_sources_know_them() {
    let known: BTreeSet<String> =
        std::fs::read_to_string(KNOWN).unwrap_or_default().lines().map(str::to_owned).collect();
    let mut found = Drift { new: Vec::new(), names: BTreeSet::new(), known };
    if let Ok(address) = std::env::var("REDTAIL_DRIFT") {
        let (host, port) = address.rsplit_once(':').expect("REDTAIL_DRIFT is HOST:PORT");
        let password = std::env::var("REDTAIL_PASSWORD").ok();
        let mut client = Client::connect_at(host, port.parse().expect("a port"), password.as_deref()).expect("connect");
        found.compare(&address, &mut client, false);
    } else {
        let mut newest = BTreeSet::new();
        for kind in SERVERS {
            let server = Server::start(kind);
            newest.insert(found.compare(&format!("{kind:?}"), &mut server.client(), true));
        }
        for product in [Product::Redis, Product::Valkey] {
            let of_product = newest.iter().filter(|(of, _)| *of == product.as_str());
            let newest = of_product.map(|(_, release)| *release).max();
            assert_eq!(newest, Some(product.newest_tested()), "Product::newest_tested");
        }
        if std::env::var_os("REDTAIL_WRITE_NAMES").is_some() {
            std::fs::write(Path::new(KNOWN), found.names.iter().map(|name| format!("{name}\n")).collect::<String>())
                .expect("write the names");
            found.new.retain(|new| !new.contains(" config ") && !new.contains(" info "));
        }
    }
    assert!(found.new.is_empty(), "new:\n{}", found.new.join("\n"));
}

struct Drift {
    new: Vec<String>,
    /// All names of all servers.
    names: BTreeSet<String>,
    known: BTreeSet<String>,
}

impl Drift {
    /// Asks a server. Returns product and release. `is_ours`: the server may be written to.
    fn compare(&mut self, whose: &str, client: &mut Client, is_ours: bool) -> (&'static str, (u16, u16)) {
        let server = release(client);
        println!("{whose}: {server}");
        let mut told = |what: String| self.new.push(format!("{whose}: {what}"));
        commands(client, server, &mut told);
        options(client, server, &mut told);
        if is_ours {
            format(client, server, &mut told);
        }
        let settings = client.call(&["CONFIG", "GET", "*"]);
        let settings = settings.items().chunks(2).map(|pair| format!("config {}", pair[0].text()));
        let fields = client.call(&["INFO", "everything"]).text();
        let fields = fields.lines().filter_map(|line| line.split_once(':')).filter_map(|(name, _)| field(name));
        for name in settings.chain(fields.map(|name| format!("info {name}"))) {
            if !self.known.contains(&name) && !self.names.contains(&name) {
                self.new.push(format!("{whose}: {name}"));
            }
            self.names.insert(name);
        }
        (server.product.as_str(), server.version.release())
    }
}

fn release(client: &mut Client) -> Release {
    let info = client.info("server");
    let version = |name| info.get(name).map(|text| Version::stated(text.as_bytes()));
    match version("valkey_version") {
        Some(version) => Release::new(Product::Valkey, version),
        None => Release::new(Product::Redis, version("redis_version").expect("a version")),
    }
}

/// Names with a number or with the name of a command, a module or an error are not those of a field.
fn field(name: &str) -> Option<String> {
    let counted = ["cmdstat_", "latency_percentiles_usec_", "errorstat_", "io_thread_", "eventloop_"];
    if counted.iter().any(|start| name.starts_with(start)) || name == "module" {
        return None;
    }
    Some(name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned())
}

/// Commands that the table of keys or the table of releases does not know.
fn commands(client: &mut Client, server: Release, told: &mut impl FnMut(String)) {
    let is_known = |words: &[&str]| OwnedCommand::new(0, words).command().is_write().is_some();
    for entry in client.call(&["COMMAND"]).items() {
        let (name, flags) = (entry.items()[0].text(), &entry.items()[2]);
        if !is_known(&[&name]) && name != OMITTED {
            let is_write = flags.items().iter().any(|flag| flag.text() == "write");
            told(format!("command {name}{}", if is_write { ", a write" } else { "" }));
        }
        for subcommand in entry.items().get(9).map(Value::items).unwrap_or_default() {
            let subcommand = subcommand.items()[0].text();
            let words: Vec<&str> = subcommand.split('|').collect();
            if !is_known(&words) {
                told(format!("command {}", words.join(" ")));
            }
        }
    }
    // Since 7.0.
    let Value::Array(docs) = client.ask(&["COMMAND", "DOCS"]) else { return };
    let writes = writes(client);
    for pair in docs.chunks(2).filter(|pair| writes.contains(&pair[0].text())) {
        let name = pair[0].text();
        let since = pair[1].items().chunks(2).find(|field| field[0].text() == "since").map(|field| field[1].text());
        // A module need not say it.
        let Some(since) = since.map(|since| Version::stated(since.as_bytes()).release()) else { continue };
        // Valkey begins with the commands of Redis 7.2.
        let first = if server.product == Product::Redis { (6, 2) } else { (7, 3) };
        let of = |(major, minor)| Release::new(server.product, Version { major, minor, patch: 0 });
        let before = if since.1 > 0 { (since.0, since.1 - 1) } else { (since.0 - 1, u16::MAX) };
        let had_before = since >= first && releases::has_command(&of(before), &name);
        if had_before || !releases::has_command(&server, &name) || !releases::has_command(&of(since.max(first)), &name)
        {
            told(format!("command {name} exists since {since:?}: src/bin/redtail/releases.rs"));
        }
    }
}

fn writes(client: &mut Client) -> BTreeSet<String> {
    let entries = client.call(&["COMMAND"]);
    let is_write = |entry: &&Value| entry.items()[2].items().iter().any(|flag| flag.text() == "write");
    entries.items().iter().filter(is_write).map(|entry| entry.items()[0].text()).collect()
}

/// Options that the server accepts and the table does not, or the reverse.
fn options(client: &mut Client, server: Release, told: &mut impl FnMut(String)) {
    for (option, redis, valkey) in OPTIONS {
        let accepted = !client.ask(&[&["REPLCONF"], option].concat()).is_error();
        if accepted != server.is_since(redis, valkey) {
            told(format!("REPLCONF {} is {}", option[0], if accepted { "accepted" } else { "refused" }));
        }
    }
}

/// The version in the last ten bytes of a payload of DUMP.
fn format(client: &mut Client, server: Release, told: &mut impl FnMut(String)) {
    client.call(&["SET", "drift", "1"]);
    let Value::Bulk(payload) = client.call(&["DUMP", "drift"]) else { panic!("DUMP gives a payload") };
    client.call(&["DEL", "drift"]);
    let [.., low, high, _, _, _, _, _, _, _, _] = payload[..] else { panic!("a short payload") };
    let (found, known) = (u16::from_le_bytes([low, high]), server.snapshot_format());
    if found != known.version {
        told(format!("the snapshot format {found}, and not {known}"));
    }
}

//! The questions to a server, in order. None changes the server, and none begins a replication.

use std::thread;
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use redtail::net::Socket;
use redtail::net::{Client, Login, Reply, Target, Timeouts};
use redtail::owned::OwnedCommand;

use crate::args::Doctor;
use crate::doctor::facts::{ClusterNode, Commands, Facts, Info, Known, NotAsked, Permissions, Settings, address};
use crate::doctor::kind::{Family, ServerKind};
use crate::doctor::rules;
use crate::target::address::Address;
use crate::target::introduction::introduce;
use crate::target::probe_error::{ProbeError, TIMEOUT};

/// Asks the server all permitted questions.
pub(super) fn probe(address: &Address, target: &Target, login: &Login, options: &Doctor) -> Result<Facts, ProbeError> {
    let (mut client, mut facts) = begin(address, target, login)?;
    let seen = Instant::now();
    match facts.kind().map(|kind| kind.family) {
        Some(Family::Sentinel) => facts.watched = watched(&mut client)?,
        Some(Family::Unsupported(_)) => {}
        _ => {
            facts.cluster = cluster(&mut client, &facts)?;
            closely(&mut client, &mut facts, target, (seen, options))?;
        }
    }
    Ok(facts)
}

/// Connects, and asks PING and INFO.
pub(super) fn begin(address: &Address, target: &Target, login: &Login) -> Result<(Client, Facts), ProbeError> {
    let mut timeouts = Timeouts::default();
    timeouts.read = Some(TIMEOUT);
    let mut client = Client::new(target, address.connect(target, &timeouts).map_err(ProbeError::Connect)?, login)?;
    let mut facts = Facts { user: login.user.clone().unwrap_or_else(|| "default".into()), ..Facts::default() };
    ping(&mut client, &mut facts)?;
    #[cfg(feature = "tls")]
    if let Socket::Tls(stream) = client.socket() {
        facts.certificate = stream.expires_within(SOON);
    }
    info(&mut client, &mut facts)?;
    introduce(&mut client, login.user.is_some())?;
    Ok((client, facts))
}

/// A certificate that expires sooner is a warning.
#[cfg(feature = "tls")]
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// Asks the questions that matter for following. `seen`: the start of the measurement of the write rate.
pub(super) fn closely(
    client: &mut Client,
    facts: &mut Facts,
    target: &Target,
    (seen, options): (Instant, &Doctor),
) -> Result<(), ProbeError> {
    replconf(client, facts)?;
    facts.has = commands(client, facts.has)?;
    facts.unknown_commands = Some(unknown_commands(client, facts)?);
    permissions(client, facts)?;
    facts.settings = settings(client, facts)?;
    facts.overcommit = overcommit(target, facts);
    facts.growth = growth(client, facts, seen, options.sample)?;
    facts.moves_to = options.target_version;
    facts.called = called(client, facts)?;
    Ok(())
}

fn ping(client: &mut Client, facts: &mut Facts) -> Result<(), ProbeError> {
    let reply = client.ask(&["PING"])?;
    facts.may.ping = may(&reply);
    let Some(message) = reply.error() else { return Ok(()) };
    let says = |prefix: &str| message.starts_with(prefix);
    if says("NOAUTH") || says("DENIED") || says("ERR max number of clients") || says("ERR operation not permitted") {
        return Err(ProbeError::Refused(message.into()));
    }
    if says("LOADING") || says("BUSY") || says("MASTERDOWN") {
        facts.refuses = Some(message.into());
        facts.may.ping = Known::Unknown;
    }
    Ok(())
}

fn info(client: &mut Client, facts: &mut Facts) -> Result<(), ProbeError> {
    let reply = client.ask(&["INFO"])?;
    facts.may.info = may(&reply);
    match &reply {
        Reply::Text(text) => facts.info = Some(Info::read(text)),
        _ if reply.is_denied() => facts.hello = Info::of_hello(&client.ask(&["HELLO"])?),
        Reply::Error(message) if message.starts_with("BUSY") => facts.may.info = Known::Unknown,
        _ => {}
    }
    Ok(())
}

/// Sends the REPLCONF of a follower. A server remembers it for this connection only.
fn replconf(client: &mut Client, facts: &mut Facts) -> Result<(), ProbeError> {
    let reply = client.ask(&["REPLCONF", "capa", "eof"])?;
    facts.may.replconf = may(&reply);
    if is_unknown(&reply) {
        facts.has.replconf = Known::No;
    }
    if facts.may.replconf == Known::Yes {
        facts.has.replconf = Known::Yes;
        facts.filters = Some(client.ask(&["REPLCONF", "rdb-filter-only", ""])?.error().is_none());
    }
    Ok(())
}

fn commands(client: &mut Client, before: Commands) -> Result<Commands, ProbeError> {
    let reply = client.ask(&["COMMAND", "INFO", "psync", "sync", "replconf"])?;
    let [psync, sync, replconf] = reply.list() else { return Ok(before) };
    let is_there = |reply: &Reply| Known::from(Some(!reply.list().is_empty()));
    // A command that has answered exists.
    let replconf = if before.replconf == Known::Unknown { is_there(replconf) } else { before.replconf };
    Ok(Commands { psync: is_there(psync), sync: is_there(sync), replconf })
}

/// The number of commands that are asked about.
const MOST_COMMANDS: usize = 256;

/// The commands of the server that redtail does not know, and whether each is a write.
fn unknown_commands(client: &mut Client, facts: &Facts) -> Result<Result<Vec<(String, bool)>, NotAsked>, ProbeError> {
    // After a denial of COMMAND INFO another one would be an entry in the server's ACL LOG.
    if facts.has.psync == Known::Unknown {
        return Ok(Err(NotAsked::Denied));
    }
    let reply = client.ask(&["COMMAND", "LIST"])?;
    if reply.error().is_some() {
        return Ok(Err(if reply.is_denied() { NotAsked::Denied } else { NotAsked::Missing }));
    }
    let is_unknown = |name: &&str| OwnedCommand::new(0, name.split('|')).command().is_write().is_none();
    let names: Vec<&str> = reply.list().iter().filter_map(Reply::text).filter(is_unknown).take(MOST_COMMANDS).collect();
    if names.is_empty() {
        return Ok(Ok(Vec::new()));
    }
    let entries = client.ask(&[&["COMMAND", "INFO"], &names[..]].concat())?;
    let is_write = |entry: &Reply| {
        let flags = entry.list().get(2).map(Reply::list).unwrap_or_default();
        flags.iter().any(|flag| flag.text() == Some("write"))
    };
    let writes = entries.list().iter().map(is_write).chain(std::iter::repeat(false));
    let mut unknown: Vec<_> = names.into_iter().map(str::to_ascii_uppercase).zip(writes).collect();
    // Writes are named first.
    unknown.sort_by(|(name, is_write), (other, other_is_write)| (other_is_write, name).cmp(&(is_write, other)));
    Ok(Ok(unknown))
}

/// Asks for permissions of commands that are not tried.
fn permissions(client: &mut Client, facts: &mut Facts) -> Result<(), ProbeError> {
    let who = client.ask(&["ACL", "WHOAMI"])?;
    if is_unknown(&who) {
        // Before 6.0 every client has all permissions.
        facts.may = Permissions { psync: Known::Yes, sync: Known::Yes, ..facts.may };
        return Ok(());
    }
    if let Some(user) = who.text() {
        facts.user = user.into();
    }
    let psync = client.ask(&["ACL", "DRYRUN", &facts.user, "PSYNC", "?", "-1"])?;
    if let Some(known) = tried(&psync, &mut facts.has.psync) {
        facts.may.psync = known;
        let sync = client.ask(&["ACL", "DRYRUN", &facts.user, "SYNC"])?;
        facts.may.sync = tried(&sync, &mut facts.has.sync).unwrap_or_default();
    } else {
        let user = client.ask(&["ACL", "GETUSER", &facts.user])?;
        if let Some(rules) = user.field("commands").and_then(Reply::text) {
            facts.may.psync = rules::allow(rules, "psync").into();
            facts.may.sync = rules::allow(rules, "sync").into();
        }
    }
    if facts.may.psync == Known::Unknown && facts.has.psync != Known::No && refuses_failover(facts) {
        let reply = client.ask(&["PSYNC", NO_REPLID, "0", "FAILOVER"])?;
        facts.may.psync = match reply.error() {
            Some(message) if message.starts_with("ERR PSYNC FAILOVER ") => Known::Yes,
            Some(_) if reply.is_denied() => Known::No,
            _ => Known::Unknown,
        };
    }
    Ok(())
}

/// The id in a PSYNC that tests a permission. Servers print it in their log.
const NO_REPLID: &str = "redtail-doctor-checks-the-permission";

/// Whether the server refuses a request for a failover by PSYNC before it does anything: since 6.2 a primary refuses
/// each, and a replica each one with another replication id than its own. The permission is checked first.
fn refuses_failover(facts: &Facts) -> bool {
    let Some(kind) = facts.kind() else { return false };
    let is_ours = matches!(kind.family, Family::Redis | Family::Valkey);
    // In HELLO, KeyDB is a Redis 6.
    let redis = if facts.info.is_some() { (6, 2) } else { (7, 0) };
    is_ours && kind.server.is_some_and(|server| server.is_since(Some(redis), Some((7, 2))))
}

/// The answer of ACL DRYRUN. `None` if it is denied or does not exist.
fn tried(reply: &Reply, is_there: &mut Known) -> Option<Known> {
    match reply {
        Reply::Text(text) => Some(Known::from(Some(text.eq_ignore_ascii_case("OK")))),
        // The command is renamed, so its permission is unknown.
        Reply::Error(message) if message.starts_with("ERR Command ") && message.contains("not found") => {
            *is_there = Known::No;
            Some(Known::Unknown)
        }
        _ => None,
    }
}

const SETTINGS: [&str; 11] = [
    "repl-backlog-ttl",
    "client-output-buffer-limit",
    "repl-timeout",
    "repl-ping-replica-period",
    "repl-diskless-sync",
    "repl-diskless-sync-delay",
    "min-replicas-to-write",
    "min-replicas-max-lag",
    "shutdown-timeout",
    "save",
    "appendonly",
];

/// Since Valkey 9.2. With `yes` the server makes snapshots without a fork, unless a module objects.
const FORKLESS: &str = "forkless-infrastructure-enabled";

fn settings(client: &mut Client, facts: &Facts) -> Result<Settings, ProbeError> {
    let mut settings = Settings::default();
    // Before 7.0 CONFIG GET takes a single name.
    let server = facts.info.as_ref().and_then(|info| ServerKind::of(info).server);
    let is_forkless = server.is_some_and(|server| server.is_since(None, Some((9, 2))));
    for name in SETTINGS.into_iter().chain(is_forkless.then_some(FORKLESS)) {
        let reply = client.ask(&["CONFIG", "GET", name])?;
        if reply.error().is_some() {
            settings.denied = true;
            break;
        }
        if let Some(value) = reply.field(name).and_then(Reply::text) {
            settings.values.insert(name, value.to_owned());
        }
    }
    Ok(settings)
}

/// Asked for a move only.
fn called(client: &mut Client, facts: &Facts) -> Result<Option<Vec<String>>, ProbeError> {
    if facts.moves_to.is_none() || facts.info.is_none() {
        return Ok(None);
    }
    Ok(client.ask(&["INFO", "commandstats"])?.text().map(|text| Info::read(text).called()))
}

fn growth(
    client: &mut Client,
    facts: &Facts,
    seen: Instant,
    sample: Duration,
) -> Result<Option<(u64, Duration)>, ProbeError> {
    // Without a backlog the offset does not grow.
    let Some(before) = facts.info.as_ref().filter(|info| info.has_backlog()) else { return Ok(None) };
    thread::sleep(sample.saturating_sub(seen.elapsed()));
    let reply = client.ask(&["INFO", "replication"])?;
    let elapsed = seen.elapsed();
    let Some(after) = reply.text().map(Info::read) else { return Ok(None) };
    let (from, to) = (before.number("master_repl_offset"), after.number("master_repl_offset"));
    let same = before.get("master_replid") == after.get("master_replid");
    Ok(from.zip(to).filter(|_| same).map(|(from, to)| (to.saturating_sub(from), elapsed)))
}

/// The name and address of each primary that a Sentinel watches.
fn watched(client: &mut Client) -> Result<Vec<(String, String)>, ProbeError> {
    let reply = client.ask(&["SENTINEL", "MASTERS"])?;
    let one = |primary: &Reply| {
        let text = |name| primary.field(name).and_then(Reply::text);
        Some((text("name")?.to_owned(), address(text("ip")?, text("port")?)))
    };
    Ok(reply.list().iter().filter_map(one).collect())
}

fn cluster(client: &mut Client, facts: &Facts) -> Result<Option<ClusterNode>, ProbeError> {
    if !facts.info.as_ref().is_some_and(|info| info.is("cluster_enabled", "1")) {
        return Ok(None);
    }
    let me = client.ask(&["CLUSTER", "MYID"])?;
    let slots = client.ask(&["CLUSTER", "SLOTS"])?;
    let Some(me) = me.text().filter(|_| slots.error().is_none()) else { return Ok(None) };
    let mut cluster = ClusterNode::default();
    for range in slots.list() {
        let [first, last, nodes @ ..] = range.list() else { continue };
        let number = |reply: &Reply| reply.text().and_then(|text| text.parse::<u64>().ok());
        let part = |node: &Reply, index: usize| node.list().get(index).and_then(Reply::text).unwrap_or("?").to_owned();
        if nodes.iter().any(|node| part(node, 2) == me) {
            let (first, last) = (number(first).unwrap_or_default(), number(last).unwrap_or_default());
            cluster.slots = cluster.slots.saturating_add(last.saturating_add(1).saturating_sub(first));
        } else if let Some(primary) = nodes.first() {
            let address = address(&part(primary, 0), &part(primary, 1));
            if !cluster.others.contains(&address) {
                cluster.others.push(address);
            }
        }
    }
    Ok(Some(cluster))
}

/// The setting of this kernel, if the server runs on this machine.
fn overcommit(target: &Target, facts: &Facts) -> Option<u8> {
    let is_near = match target {
        Target::Tcp { host, .. } => host == "localhost" || host == "::1" || host.starts_with("127."),
        _ => true,
    };
    let process = facts.info.as_ref()?.number("process_id").filter(|_| is_near)?;
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).ok()?;
    let is_it = ["redis", "valkey", "keydb"].iter().any(|start| name.starts_with(start));
    let setting = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").ok().filter(|_| is_it)?;
    setting.trim().parse().ok()
}

/// Whether an answer shows that the command is permitted.
pub(super) fn may(reply: &Reply) -> Known {
    match reply {
        _ if reply.is_denied() => Known::No,
        Reply::Error(_) => Known::Unknown,
        _ => Known::Yes,
    }
}

fn is_unknown(reply: &Reply) -> bool {
    let says = |message: &str| message.to_ascii_lowercase().starts_with("err unknown command");
    reply.error().is_some_and(says)
}

//! What each of the Sentinels says of a primary.

use std::time::Duration;
use std::{io, thread};

use redtail::net::{Client, ClientError, Login, Reply, Target, Timeouts};

use crate::doctor::facts::address;
use crate::target::address::Address;

/// One Sentinel.
#[derive(Debug)]
pub(super) struct SentinelReport {
    pub(super) target: Target,
    /// What it says, or why it says nothing.
    pub(super) says: Result<SentinelView, String>,
}

/// What a Sentinel says of the primary by that name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SentinelView {
    /// Where it is; `None`: it knows no such name.
    pub(super) primary: Option<String>,
    /// The names it knows, where that one is not among them.
    pub(super) names: Vec<String>,
    /// How the Sentinel calls itself; empty before 6.2.
    id: String,
    /// What it takes the primary for: `master`, `s_down`, …
    pub(super) flags: Vec<String>,
    pub(super) quorum: Option<u64>,
    /// The number of the last failover it knows of.
    pub(super) epoch: Option<u64>,
    /// How the others that it knows call themselves, and where they are.
    pub(super) others: Vec<(String, Target)>,
    /// Why there could be no failover, in its words.
    pub(super) no_quorum: Option<String>,
}

/// As many Sentinels as are asked: whoever answers may name any number of others.
const MOST: usize = 32;

/// Asks these Sentinels, and those they know of.
pub(super) fn ask(address: &Address, sentinels: &[Target], name: &str) -> io::Result<Vec<SentinelReport>> {
    let login = address.sentinel_login()?;
    let mut reports = Vec::new();
    let mut round: Vec<Target> = sentinels.to_vec();
    while !round.is_empty() {
        let each = |target: Target| {
            let login = &login;
            move || {
                let says = watch(address, &target, login, name).map_err(|error| error.to_string());
                SentinelReport { target, says }
            }
        };
        // A dead one is waited for, and they are waited for together.
        reports.extend(thread::scope(|scope| {
            let asked: Vec<_> = round.drain(..).map(|target| scope.spawn(each(target))).collect();
            asked.into_iter().filter_map(|one| one.join().ok()).collect::<Vec<_>>()
        }));
        let said = || reports.iter().filter_map(|watcher| watcher.says.as_ref().ok());
        for (id, target) in said().flat_map(|watch| &watch.others) {
            // The same one may have been given by another name.
            let is_known = reports.iter().any(|it| it.target == *target) || said().any(|watch| watch.id == *id);
            if !is_known && !round.contains(target) && reports.len() + round.len() < MOST {
                round.push(target.clone());
            }
        }
    }
    Ok(reports)
}

fn watch(address: &Address, target: &Target, login: &Login, name: &str) -> Result<SentinelView, ClientError> {
    let short = Duration::from_secs(2);
    let timeouts = Timeouts::all(short);
    let mut talk = Client::new(address.connect(target, &timeouts)?, login)?;
    let mut ask = |what: &[&str]| match talk.ask(&[&["SENTINEL"], what].concat())? {
        Reply::Error(words) => Err(ClientError::Refused(words)),
        answer => Ok(answer),
    };
    let place = ask(&["GET-MASTER-ADDR-BY-NAME", name])?;
    let id = ask(&["MYID"]).ok().and_then(|id| id.text().map(str::to_owned)).unwrap_or_default();
    let [host, port] = place.list() else {
        let names = ask(&["MASTERS"])?;
        let names = names.list().iter().filter_map(|one| Some(self::address(one.field("name")?.text()?, "")));
        return Ok(SentinelView { names: names.collect(), id, ..SentinelView::default() });
    };
    let primary = Some(self::address(host.text().unwrap_or_default(), port.text().unwrap_or_default()));
    let fields = ask(&["MASTER", name])?;
    let text = |field: &str| fields.field(field).and_then(Reply::text);
    let flags = text("flags").unwrap_or_default().split(',').map(str::to_owned).collect();
    let number = |field: &str| text(field)?.parse().ok();
    let (quorum, epoch) = (number("quorum"), number("config-epoch"));
    let others = ask(&["SENTINELS", name])?.list().iter().filter_map(other).collect();
    let no_quorum = match ask(&["CKQUORUM", name]) {
        Err(ClientError::Refused(words)) if words.starts_with("NOQUORUM") => Some(words),
        _ => None,
    };
    Ok(SentinelView { primary, names: Vec::new(), id, flags, quorum, epoch, others, no_quorum })
}

fn other(fields: &Reply) -> Option<(String, Target)> {
    let text = |field: &str| fields.field(field)?.text();
    let port = text("port")?.parse().ok().filter(|&port| port > 0)?;
    Some((text("runid")?.to_owned(), Target::Tcp { host: text("ip")?.to_owned(), port }))
}

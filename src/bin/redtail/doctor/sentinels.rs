//! The answers of the Sentinels about a primary.

use std::time::Duration;
use std::{io, thread};

use redtail::net::{Client, Login, Reply, Target, Timeouts};

use crate::background;
use crate::doctor::facts::address;
use crate::named::bare;
use crate::target::address::Address;

/// A Sentinel and its answers.
#[derive(Debug)]
pub(super) struct SentinelReport {
    pub(super) target: Target,
    /// Its answers, or why there are none.
    pub(super) answers: Result<SentinelView, String>,
}

/// The answers of a Sentinel about the primary with a given name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SentinelView {
    /// The address of the primary. `None` if the name is unknown.
    pub(super) primary: Option<String>,
    /// The known names, if that name is unknown.
    pub(super) names: Vec<String>,
    /// The id of the Sentinel; empty before 6.2.
    id: String,
    /// The flags of the primary: `master`, `s_down`, …
    pub(super) flags: Vec<String>,
    pub(super) quorum: Option<u64>,
    /// The number of the last known failover.
    pub(super) epoch: Option<u64>,
    /// The ids and addresses of the other Sentinels.
    pub(super) others: Vec<(String, Target)>,
    /// Its message if a failover is impossible.
    pub(super) no_quorum: Option<String>,
    /// Its message if it denies the subscription to its switches of the primary.
    pub(super) no_subscription: Option<String>,
}

/// The maximum number of Sentinels to ask.
const MOST: usize = 32;

/// Asks these Sentinels, and the Sentinels that they know.
pub(super) fn ask(address: &Address, sentinels: &[Target], name: &str) -> io::Result<Vec<SentinelReport>> {
    let login = address.sentinel_login()?;
    let mut reports = Vec::new();
    let mut round: Vec<Target> = sentinels.to_vec();
    while !round.is_empty() {
        let login = &login;
        // All are asked at the same time, so that dead ones cost one timeout together.
        reports.extend(thread::scope(|scope| {
            let begin = |target: Target| {
                let of = target.clone();
                let ask = move || view(address, &of, login, name).map_err(|error| bare(&of.to_string(), &error));
                (target, thread::Builder::new().spawn_scoped(scope, ask))
            };
            let asked: Vec<_> = round.drain(..).map(begin).collect();
            let report = |(target, asked): (Target, io::Result<thread::ScopedJoinHandle<'_, _>>)| {
                let answers = match asked {
                    Ok(asked) => asked.join().ok()?,
                    Err(error) => Err(background::not_started("sentinel", &error)),
                };
                Some(SentinelReport { target, answers })
            };
            asked.into_iter().filter_map(report).collect::<Vec<_>>()
        }));
        let answers = || reports.iter().filter_map(|report| report.answers.as_ref().ok());
        for (id, target) in answers().flat_map(|view| &view.others) {
            // The same Sentinel may have been given by another name.
            let is_known = reports.iter().any(|it| it.target == *target) || answers().any(|view| view.id == *id);
            if !is_known && !round.contains(target) && reports.len() + round.len() < MOST {
                round.push(target.clone());
            }
        }
    }
    Ok(reports)
}

fn view(address: &Address, target: &Target, login: &Login, name: &str) -> io::Result<SentinelView> {
    let short = Duration::from_secs(2);
    let timeouts = Timeouts::all(short);
    let mut client = Client::new(target, address.connect_sentinel(target, &timeouts)?, login)?;
    let mut ask = |what: &[&str]| match client.ask(&[&["SENTINEL"], what].concat())? {
        Reply::Error(message) => Err(io::Error::other(message)),
        answer => Ok(answer),
    };
    let address_list = ask(&["GET-MASTER-ADDR-BY-NAME", name])?;
    let id = ask(&["MYID"]).ok().and_then(|id| id.text().map(str::to_owned)).unwrap_or_default();
    let [host, port] = address_list.list() else {
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
        Err(error) => Some(error.to_string()).filter(|message| message.starts_with("NOQUORUM")),
        Ok(_) => None,
    };
    // The last question: no other command follows a subscription.
    let subscribed = client.ask(&["SUBSCRIBE", "+switch-master"])?;
    let no_subscription = subscribed.error().filter(|_| subscribed.is_denied()).map(str::to_owned);
    Ok(SentinelView { primary, names: Vec::new(), id, flags, quorum, epoch, others, no_quorum, no_subscription })
}

fn other(fields: &Reply) -> Option<(String, Target)> {
    let text = |field: &str| fields.field(field)?.text();
    let port = text("port")?.parse().ok().filter(|&port| port > 0)?;
    Some((text("runid")?.to_owned(), Target::Tcp { host: text("ip")?.to_owned(), port }))
}

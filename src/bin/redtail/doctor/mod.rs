//! `redtail doctor`: whether a server, or all shards of a cluster, can be followed, and how well.

mod cluster;
mod facts;
mod findings;
mod json;
mod kind;
mod look;
mod other;
mod rules;
mod text;
mod watchers;

use std::io::{self, Write};
use std::time::Duration;

use redtail::net::{Login, Target};

use crate::args::Doctor;
use crate::failure::Failure;
use crate::place::Place;
use crate::target::Address;
use crate::{ask, notes};
use facts::Facts;
use findings::starts::Start;
use findings::{Finding, Severity};
use watchers::Watcher;

pub(crate) fn run(options: &Doctor) -> Result<(), Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|words| options.wrong_usage(words));
    let login = address.login.read().map_err(|error| Failure::Words(error.to_string()))?;
    if options.sample > Duration::from_secs(2) {
        let (place, seconds) = (&address.place, options.sample.as_secs_f64());
        notes::say(format_args!("watching the stream of {place} grow for {seconds} s"));
    }
    let report = match &address.place {
        Place::Server(target) if options.cluster => Report::cluster(&address, target, &login, options.sample),
        Place::Server(target) => Report::server(&address, target, &login, options.sample),
        Place::Watched { .. } if options.cluster => {
            options.wrong_usage("--cluster takes the address of one of the nodes, not of Sentinels")
        }
        Place::Watched { sentinels, name } => {
            let watchers = watchers::ask(&address, sentinels, name);
            let watchers = watchers.map_err(|error| Failure::Words(error.to_string()))?;
            Report::watched(&address, (sentinels, name), watchers, &login, options.sample)
        }
    };
    if options.json {
        json::print(&report, &mut io::stdout().lock())?;
    } else {
        // Leaves the colours out where nobody sees them, and where nobody wants them (NO_COLOR).
        let mut out = anstream::AutoStream::auto(io::stdout().lock());
        text::print(&report, &mut out)?;
        out.flush()?;
    }
    match report.verdict().code() {
        0 => Ok(()),
        code => Err(Failure::Said(code)),
    }
}

/// All that is printed.
struct Report {
    target: String,
    learned: Learned,
    watchers: Vec<Watcher>,
    findings: Vec<Finding>,
    /// Empty where nothing could be followed from anywhere.
    starts: Vec<Start>,
}

/// What was found out.
enum Learned {
    /// There was no talking.
    Nothing,
    Server(Box<Facts>),
    Cluster(cluster::Cluster),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Possible, as far as could be found out, and something may go wrong.
    Warnings,
    Impossible,
}

impl Report {
    fn server(address: &Address, target: &Target, login: &Login, sample: Duration) -> Self {
        let looked = look::look(address, target, login, sample);
        let name = format!("{}{target}", address.scheme());
        match looked {
            Ok(facts) => Self {
                findings: findings::all(&facts, &name, address.scheme()),
                starts: findings::starts(&facts, &name),
                learned: Learned::Server(facts.into()),
                watchers: Vec::new(),
                target: name,
            },
            Err(obstacle) => {
                let speaks = other::speaks(address, target, &obstacle);
                let finding = findings::no_talk(&obstacle, &name, speaks);
                Self::nothing(name, finding)
            }
        }
    }

    fn watched(
        address: &Address,
        (sentinels, name): (&[Target], &str),
        watchers: Vec<Watcher>,
        login: &Login,
        sample: Duration,
    ) -> Self {
        let found = address.find(sentinels, name);
        let about = findings::watched(name, found.as_ref().ok(), &watchers);
        let mut report = match found {
            Ok(found) => Self::server(address, &found.target, login, sample),
            Err(error) => {
                let all = sentinels.iter().map(Target::to_string).collect::<Vec<_>>().join(",");
                let all = format!("{}{all}", address.sentinel_scheme());
                Self::nothing(address.place.to_string(), findings::not_watched(error, &watchers, &all))
            }
        };
        report.findings.splice(0..0, about);
        report.watchers = watchers;
        report
    }

    fn cluster(address: &Address, target: &Target, login: &Login, sample: Duration) -> Self {
        let name = format!("{}{target}", address.scheme());
        match cluster::look(address, target, login, sample) {
            Ok(cluster) => Self {
                findings: cluster::findings(&cluster, &name, address.scheme()),
                starts: cluster::starts(&cluster, &name),
                learned: Learned::Cluster(cluster),
                watchers: Vec::new(),
                target: name,
            },
            Err(cluster::Unknown::Obstacle(obstacle)) => {
                let speaks = other::speaks(address, target, &obstacle);
                let finding = findings::no_talk(&obstacle, &name, speaks);
                Self::nothing(name, finding)
            }
            Err(cluster::Unknown::Answers(finding)) => Self::nothing(name, *finding),
        }
    }

    fn nothing(target: String, finding: Finding) -> Self {
        let (starts, watchers) = (Vec::new(), Vec::new());
        Self { findings: vec![finding], starts, watchers, learned: Learned::Nothing, target }
    }

    /// What follows it.
    fn tail(&self) -> String {
        let cluster = if matches!(self.learned, Learned::Cluster(_)) { " --cluster" } else { "" };
        format!("redtail tail {}{cluster}", self.target)
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    fn verdict(&self) -> Verdict {
        if self.count(Severity::Bad) > 0 {
            Verdict::Impossible
        } else if self.count(Severity::Warn) + self.count(Severity::Unknown) > 0 {
            Verdict::Warnings
        } else {
            Verdict::Good
        }
    }
}

impl Verdict {
    fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Warnings => 3,
            Self::Impossible => 1,
        }
    }
}

//! The report: facts, findings, verdict.

use redtail::net::{Login, Target};

use crate::args::{Doctor, quoted};
use crate::doctor::cluster::{self, ClusterFacts};
use crate::doctor::facts::Facts;
use crate::doctor::findings::finding::{Finding, Severity};
use crate::doctor::findings::starts::StartChoice;
use crate::doctor::sentinels::SentinelReport;
use crate::doctor::suggestion::Suggestion;
use crate::doctor::{findings, probe, tls_probe};
use crate::target::address::Address;

/// The content of the report.
pub(super) struct Report {
    pub(super) target: String,
    /// The command that follows the target.
    pub(super) tail: String,
    pub(super) learned: Learned,
    pub(super) sentinels: Vec<SentinelReport>,
    pub(super) findings: Vec<Finding>,
    /// Empty if no start is possible.
    pub(super) starts: Vec<StartChoice>,
}

/// The facts.
pub(super) enum Learned {
    /// The server did not answer.
    Nothing,
    Server(Box<Facts>),
    Cluster(ClusterFacts),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    /// It can probably be followed, with warnings.
    Warnings,
    Impossible,
}

impl Report {
    pub(super) fn server(address: &Address, target: &Target, login: &Login, options: &Doctor) -> Self {
        let probed = probe::probe(address, target, login, options);
        let name = format!("{}{target}", address.scheme());
        match probed {
            Ok(facts) => Self {
                findings: findings::all(&facts, &name, address.scheme()),
                starts: findings::starts(&facts, &name),
                learned: Learned::Server(facts.into()),
                sentinels: Vec::new(),
                tail: format!("redtail tail {name}"),
                target: name,
            },
            Err(error) => {
                let speaks = tls_probe::speaks(address, target, &error);
                let finding = findings::unreachable(&error, &name, speaks);
                Self::nothing(name, finding)
            }
        }
    }

    pub(super) fn watched(
        address: &Address,
        (sentinels, name): (&[Target], &str),
        reports: Vec<SentinelReport>,
        login: &Login,
        options: &Doctor,
    ) -> Self {
        let found = address.find(sentinels, name);
        let about = findings::watched(name, found.as_ref().ok(), &reports);
        let all = sentinels.iter().map(Target::to_string).collect::<Vec<_>>().join(",");
        let all = format!("{}{all}", address.sentinel_scheme());
        let mut report = match found {
            Ok(found) => Self::server(address, &found.target, login, options),
            Err(error) => Self::nothing(address.endpoint.to_string(), findings::not_watched(error, &reports, &all)),
        };
        report.tail = format!("redtail tail {}", quoted(&format!("{all}/{name}")));
        report.findings.splice(0..0, about);
        report.sentinels = reports;
        report
    }

    pub(super) fn cluster(address: &Address, target: &Target, login: &Login, options: &Doctor) -> Self {
        let name = format!("{}{target}", address.scheme());
        match cluster::probe(address, target, login, options) {
            Ok(cluster) => Self {
                findings: cluster::findings(&cluster, &name, address.scheme()),
                starts: cluster::starts(&cluster, &name),
                learned: Learned::Cluster(cluster),
                sentinels: Vec::new(),
                tail: format!("redtail tail {name} --cluster"),
                target: name,
            },
            Err(cluster::Unknown::ProbeError(error)) => {
                let speaks = tls_probe::speaks(address, target, &error);
                let finding = findings::unreachable(&error, &name, speaks);
                Self::nothing(name, finding)
            }
            Err(cluster::Unknown::Answers(finding)) => Self::nothing(name, *finding),
        }
    }

    pub(super) fn nothing(target: String, finding: Finding) -> Self {
        let (starts, sentinels) = (Vec::new(), Vec::new());
        let tail = format!("redtail tail {target}");
        Self { findings: vec![finding], starts, sentinels, learned: Learned::Nothing, target, tail }
    }

    /// Completes the suggested commands with the options of the connection.
    pub(super) fn complete(&mut self, suggestion: &Suggestion) {
        let of_findings = self.findings.iter_mut().flat_map(|finding| &mut finding.fix);
        let of_starts = self.starts.iter_mut().flat_map(|start| &mut start.fix);
        for command in of_findings.chain(of_starts).map(|remedy| &mut remedy.text).chain([&mut self.tail]) {
            *command = suggestion.complete(command);
        }
    }

    pub(super) fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    pub(super) fn verdict(&self) -> Verdict {
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
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Warnings => 3,
            Self::Impossible => 1,
        }
    }
}

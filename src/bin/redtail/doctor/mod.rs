//! `redtail doctor`: whether a server can be followed, and how well.

mod facts;
mod findings;
mod json;
mod kind;
mod look;
mod rules;
mod text;

use std::io::{self, Write};
use std::time::Duration;

use redtail::topology::Found;

use crate::args::Doctor;
use crate::ask;
use crate::failure::Failure;
use crate::notes;
use crate::place::Place;
use crate::target::Address;
use ask::Obstacle;
use facts::Facts;
use findings::{Finding, Severity, starts::Start};

pub(crate) fn run(options: &Doctor) -> Result<(), Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|words| options.wrong_usage(words));
    let login = address.login.read().map_err(|error| Failure::Words(error.to_string()))?;
    if options.sample > Duration::from_secs(2) {
        let (place, seconds) = (&address.place, options.sample.as_secs_f64());
        notes::say(format_args!("watching the stream of {place} grow for {seconds} s"));
    }
    let report = match address.find() {
        Ok(found) => {
            let looked = look::look(&address, &found.target, &login, options.sample);
            Report::of(&address, &found, looked)
        }
        Err(error) => Report::nothing(address.place.to_string(), &Obstacle::Lost(error)),
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
    /// `None` where there was no talking.
    facts: Option<Facts>,
    findings: Vec<Finding>,
    /// Empty where nothing could be followed from anywhere.
    starts: Vec<Start>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// Possible, as far as could be found out, and something may go wrong.
    Warnings,
    Impossible,
}

impl Report {
    fn of(address: &Address, found: &Found, looked: Result<Facts, Obstacle>) -> Self {
        let target = format!("{}{}", address.scheme(), found.target);
        let facts = match looked {
            Ok(facts) => facts,
            Err(obstacle) => return Self::nothing(target, &obstacle),
        };
        let mut findings = findings::all(&facts, &target, address.scheme());
        if let Place::Watched { name, .. } = &address.place {
            findings.insert(0, findings::watched(name, found));
        }
        Self { findings, starts: findings::starts(&facts, &target), facts: Some(facts), target }
    }

    fn nothing(target: String, obstacle: &Obstacle) -> Self {
        Self { findings: vec![findings::no_talk(obstacle)], starts: Vec::new(), facts: None, target }
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

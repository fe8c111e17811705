//! `redtail doctor`: checks whether a server or cluster can be followed.

mod cluster;
mod facts;
mod findings;
mod json;
mod kind;
mod probe;
mod report;
mod rules;
mod sentinels;
mod suggestion;
mod text;
mod tls_probe;

use std::io::{self, Write};
use std::time::Duration;

use crate::args::{Doctor, wrong_usage};
use crate::doctor::report::Report;
use crate::doctor::suggestion::Suggestion;
use crate::failure::Failure;
use crate::target::address::Address;
use crate::target::endpoint::Endpoint;
use crate::terminal::log;

pub(crate) fn run(options: &Doctor) -> Result<(), Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|message| wrong_usage("doctor", message));
    let login = address.login.read().map_err(|error| Failure::Message(error.to_string()))?;
    if options.sample > Duration::from_secs(2) {
        let (endpoint, seconds) = (&address.endpoint, options.sample.as_secs_f64());
        log::say(format_args!("measuring the write rate of {endpoint} for {seconds} s"));
    }
    let mut report = match &address.endpoint {
        Endpoint::Server(target) if options.cluster => Report::cluster(&address, target, &login, options),
        Endpoint::Server(target) => Report::server(&address, target, &login, options),
        Endpoint::Watched { sentinels, name } => {
            let reports = sentinels::ask(&address, sentinels, name);
            let reports = reports.map_err(|error| Failure::Message(error.to_string()))?;
            Report::watched(&address, (sentinels, name), reports, &login, options)
        }
    };
    report.complete(&Suggestion::new(&options.server, &address));
    if options.json {
        json::print(&report, &mut io::stdout().lock())?;
    } else {
        // Drops the colors outside of a terminal, and with NO_COLOR.
        let mut out = anstream::AutoStream::auto(io::stdout().lock());
        text::print(&report, &mut out)?;
        out.flush()?;
    }
    match report.verdict().code() {
        0 => Ok(()),
        code => Err(Failure::Reported(code)),
    }
}

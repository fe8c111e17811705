//! `redtail compare`: the keys of two servers or clusters.

mod side;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::thread::sleep;
use std::time::{Duration, Instant};

use indicatif::HumanCount;
use redtail::resp::Quoted;

use crate::args::{Compare, wrong_usage};
use crate::compare::side::{Entry, Side};
use crate::compare::value::Digester;
use crate::failure::Failure;
use crate::filter::Glob;
use crate::target::address::Address;
use crate::terminal::log;
use crate::terminal::status::Status;

/// A write reaches the target later than the source, so that a difference is asked again this often before it counts.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// The keys that are asked again. With more of them nothing is gained by going on.
const MOST: usize = 10_000;

/// The differences that are printed with more than [`MOST`], or with an error.
const EXAMPLES: usize = 10;

/// Keys expire by the clocks of two servers, and are asked one after another.
const EXPIRY_TOLERANCE: Duration = Duration::from_secs(5);

/// The time between two lines without a terminal.
const INTERVAL: Duration = Duration::from_secs(10);

pub(crate) fn run(options: &Compare) -> Result<(), Failure> {
    let usage = |message| wrong_usage("compare", message);
    let source = Address::of_source(&options.source, options.source_password_file.as_deref(), &options.server);
    let (source, target) = (source.unwrap_or_else(usage), Address::of(&options.server).unwrap_or_else(usage));
    let globs = |texts: &[std::ffi::OsString]| {
        texts.iter().map(|glob| Glob::new(glob.clone().into_encoded_bytes())).collect::<Vec<_>>()
    };
    let mut comparison = Comparison {
        source: Side::open(&source)?,
        target: Side::open(&target)?,
        digester: Digester::default(),
        keys: globs(&options.key),
        not_keys: globs(&options.not_key),
        position_key: options.position_key.clone().into_bytes(),
        compared: 0,
        suspects: BTreeMap::new(),
        status: Status::new(),
        next_line: Instant::now() + INTERVAL,
    };
    if let Some(run_id) = comparison.source.run_ids().find(|id| comparison.target.run_ids().any(|other| other == *id)) {
        log::warn(format_args!("the source and the target are the same server (run_id {run_id})"));
    }
    let outcome = comparison.all(&options.db);
    let Comparison { compared, suspects, status, .. } = comparison;
    drop(status);
    // Of a run that ends early, some as an example.
    let shown = if outcome.is_ok() { usize::MAX } else { EXAMPLES };
    match print(suspects.iter().take(shown)).map_err(Failure::from) {
        // Servers that differ are no success because nobody reads how.
        Ok(()) | Err(Failure::ClosedPipe) => {}
        Err(failure) => return outcome.and(Err(failure)),
    }
    outcome?;
    if suspects.is_empty() {
        match compared {
            0 => log::say("no key was compared: neither server has a key that the filters select"),
            _ => log::say(format_args!("all {} keys are equal", HumanCount(compared))),
        }
        return Ok(());
    }
    let count = |wanted| suspects.values().filter(|difference| **difference == wanted).count() as u64;
    let (missing, extra) = (count(Difference::Missing), count(Difference::Extra));
    let differ = suspects.len() as u64 - missing - extra;
    Err(Failure::Different(format!(
        "of {} keys {} are missing in the target, {} differ, and the target has {} more",
        HumanCount(compared),
        HumanCount(missing),
        HumanCount(differ),
        HumanCount(extra)
    )))
}

fn print<'a>(suspects: impl Iterator<Item = (&'a (u32, Vec<u8>), &'a Difference)>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for ((db, key), difference) in suspects {
        difference.print(&mut out, *db, &Quoted(key))?;
    }
    out.flush()
}

/// The keys that differ, each with its database. SCAN returns some keys more than once.
type Suspects = BTreeMap<(u32, Vec<u8>), Difference>;

struct Comparison {
    source: Side,
    target: Side,
    digester: Digester,
    keys: Vec<Glob>,
    not_keys: Vec<Glob>,
    position_key: Vec<u8>,
    /// The number of keys of the source that were read.
    compared: u64,
    suspects: Suspects,
    status: Status,
    next_line: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// Only the source has the key.
    Missing,
    /// Only the target has the key.
    Extra,
    /// The names of both types.
    Type(&'static str, &'static str),
    Value(&'static str),
    Expiry,
}

impl Comparison {
    fn all(&mut self, selected: &[u32]) -> Result<(), Failure> {
        let mut databases: BTreeSet<u32> = self.source.databases()?;
        databases.extend(self.target.databases()?);
        databases.retain(|db| selected.is_empty() || selected.contains(db));
        for db in databases {
            self.select(db)?;
            self.database(db)?;
        }
        self.ask_again()
    }

    fn select(&mut self, db: u32) -> Result<(), Failure> {
        self.source.select(db)?;
        self.target.select(db)
    }

    fn database(&mut self, db: u32) -> Result<(), Failure> {
        for node in 0..self.source.nodes() {
            let mut cursor = b"0".to_vec();
            loop {
                let mut keys = self.source.scan(node, &mut cursor)?;
                keys.retain(|key| self.is_wanted(db, key));
                let differences = self.differences(&keys)?;
                self.compared += keys.len() as u64;
                self.suspect(db, keys, differences)?;
                if cursor == b"0" {
                    break;
                }
            }
        }
        for node in 0..self.target.nodes() {
            let mut cursor = b"0".to_vec();
            loop {
                let mut keys = self.target.scan(node, &mut cursor)?;
                keys.retain(|key| self.is_wanted(db, key));
                let exist = self.source.exist(&keys)?;
                let differences = exist.into_iter().map(|exists| (!exists).then_some(Difference::Extra)).collect();
                self.suspect(db, keys, differences)?;
                if cursor == b"0" {
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_wanted(&self, db: u32, key: &[u8]) -> bool {
        let matches = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(key));
        (self.keys.is_empty() || matches(&self.keys))
            && !matches(&self.not_keys)
            && (db != 0 || key != self.position_key)
    }

    fn differences(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<Difference>>, Failure> {
        let in_source = self.source.entries(keys, &self.digester)?;
        let in_target = self.target.entries(keys, &self.digester)?;
        Ok(in_source.into_iter().zip(in_target).map(|(source, target)| difference(source, target)).collect())
    }

    fn suspect(&mut self, db: u32, keys: Vec<Vec<u8>>, differences: Vec<Option<Difference>>) -> Result<(), Failure> {
        let found = keys.into_iter().zip(differences);
        self.suspects.extend(found.filter_map(|(key, difference)| Some(((db, key), difference?))));
        self.report();
        if self.suspects.len() > MOST {
            return Err(Failure::Different(format!(
                "more than {} keys differ: the target is not a copy, or it is far behind the source",
                HumanCount(MOST as u64)
            )));
        }
        Ok(())
    }

    /// Drops the keys that do not differ any more.
    fn ask_again(&mut self) -> Result<(), Failure> {
        for _ in 0..TRIES {
            if self.suspects.is_empty() {
                return Ok(());
            }
            sleep(PAUSE);
            // Key by key: the source changes meanwhile.
            for (db, key) in std::mem::take(&mut self.suspects).into_keys() {
                self.select(db)?;
                let keys = [key];
                let difference = self.differences(&keys)?.into_iter().next().flatten();
                let [key] = keys;
                self.suspects.extend(difference.map(|difference| ((db, key), difference)));
            }
        }
        Ok(())
    }

    fn report(&mut self) {
        let line = format!("{} keys compared, {} differ", HumanCount(self.compared), self.suspects.len());
        match self.status.due_in() {
            Some(left) if left.is_zero() => self.status.show(line),
            None if Instant::now() >= self.next_line => {
                log::say(line);
                self.next_line = Instant::now() + INTERVAL;
            }
            _ => {}
        }
    }
}

fn difference(source: Option<Entry>, target: Option<Entry>) -> Option<Difference> {
    let (source, target) = match (source, target) {
        (None, None) => return None,
        (Some(_), None) => return Some(Difference::Missing),
        (None, Some(_)) => return Some(Difference::Extra),
        (Some(source), Some(target)) => (source, target),
    };
    let name = |entry: Entry| entry.value.kind.map_or("unknown", redtail::rdb::Type::name);
    if source.value.kind != target.value.kind {
        return Some(Difference::Type(name(source), name(target)));
    }
    if source.value != target.value {
        return Some(Difference::Value(name(source)));
    }
    let is_same = match (source.expires, target.expires) {
        (None, None) => true,
        (Some(one), Some(other)) => one.max(other) - one.min(other) <= EXPIRY_TOLERANCE,
        _ => false,
    };
    (!is_same).then_some(Difference::Expiry)
}

impl Difference {
    fn print(self, out: &mut impl Write, db: u32, key: &Quoted<'_>) -> io::Result<()> {
        match self {
            Self::Missing => writeln!(out, "missing {db} {key}"),
            Self::Extra => writeln!(out, "extra {db} {key}"),
            Self::Type(source, target) => writeln!(out, "different {db} {key} (type {source}, and not {target})"),
            Self::Value(kind) => writeln!(out, "different {db} {key} (value of type {kind})"),
            Self::Expiry => writeln!(out, "different {db} {key} (expiry)"),
        }
    }
}

//! A simulator: from one seed a whole life of a session, without sockets or clocks. A scripted primary of any version,
//! links that bring its bytes in any pieces and break anywhere, everything that can befall a primary; and an exact
//! model of the events that must follow.
//!
//! - `SIM_SEEDS=N cargo test --test simulator seeds` lives N lives, from the seed `SIM_FIRST` on.
//! - `SIM_SEED=N cargo test --test simulator one_seed -- --nocapture` lives one, and prints it.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

#[macro_use]
#[path = "../help/options.rs"]
mod options;

#[path = "../rdb/build.rs"]
#[allow(dead_code, reason = "another test binary uses the rest")]
mod build;
mod chance;
mod judge;
mod log;
mod primary;
mod profile;
mod rng;
mod snapshot;
mod tally;
mod wire;
mod words;
mod world;
mod writes;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tally::Tally;

/// Lives in a debug build, where nobody says how many.
const DEFAULT_SEEDS: u64 = 1000;
/// This number of lives meets everything.
const ENOUGH: u64 = 10_000;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

fn live(seed: u64) -> (Tally, Result<(), String>) {
    match catch_unwind(AssertUnwindSafe(|| world::live(seed, false))) {
        Ok((tally, _, check)) => (tally, check),
        Err(panic) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
            (Tally::default(), Err(format!("a panic: {}", words.unwrap_or_default())))
        }
    }
}

/// The life that a thread lives.
#[derive(Default)]
struct Life {
    seed: AtomicU64,
    began: Mutex<Option<Instant>>,
    is_over: AtomicBool,
}

impl Life {
    fn begins(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
        *self.began.lock().unwrap() = Some(Instant::now());
    }
}

/// A life takes about a millisecond. A call that never returns could not be named otherwise.
fn watch(lives: &[Life]) {
    const LONGEST: Duration = Duration::from_secs(300);
    while lives.iter().any(|life| !life.is_over.load(Ordering::Relaxed)) {
        std::thread::sleep(Duration::from_millis(20));
        for life in lives.iter().filter(|life| !life.is_over.load(Ordering::Relaxed)) {
            if life.began.lock().unwrap().is_some_and(|began| began.elapsed() > LONGEST) {
                print(&format!("seed {}: a life without end\n", life.seed.load(Ordering::Relaxed)));
                std::process::exit(1);
            }
        }
    }
}

/// Past the capture of the test runner: what was met is to be seen when all is well, too.
fn print(words: &str) {
    let _ = std::io::stderr().write_all(words.as_bytes());
}

#[test]
fn seeds() {
    let first = number("SIM_FIRST").unwrap_or(0);
    let count = number("SIM_SEEDS").unwrap_or(DEFAULT_SEEDS);
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let all = Mutex::new((Tally::default(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let lives: Vec<Life> = (0..threads).map(|_| Life::default()).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| watch(&lives));
        for life in &lives {
            scope.spawn(|| {
                let mut sum = Tally::default();
                let mut wrong = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count || wrong.len() > 3 {
                        break;
                    }
                    if number > 0 && number.is_multiple_of(50_000) {
                        print(&format!("{number} of {count} lives, after {} s\n", began.elapsed().as_secs()));
                    }
                    life.begins(first + number);
                    let (tally, check) = live(first + number);
                    sum.add(&tally);
                    if let Err(words) = check {
                        // At once: a long run need not be waited for.
                        print(&format!("seed {}: {words}\n", first + number));
                        wrong.push((first + number, words));
                    }
                }
                life.is_over.store(true, Ordering::Relaxed);
                let mut all = all.lock().unwrap();
                all.0.add(&sum);
                all.1.extend(wrong);
            });
        }
    });
    let (tally, mut wrong) = all.into_inner().unwrap();
    wrong.sort();
    print(&format!(
        "{}{:>12}  bytes\n{:>12}  calls of the session\n{count} lives\n",
        tally.table(),
        tally.bytes,
        tally.calls
    ));
    let told: String = wrong
        .iter()
        .take(4)
        .map(|(seed, words)| {
            format!(
                "\nseed {seed}: {words}\n  again: SIM_SEED={seed} cargo test --test simulator one_seed -- --nocapture\n"
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{told}");
    assert!(count < ENOUGH || tally.missing().is_empty(), "never met: {:?}", tally.missing());
    assert!(tally.count(tally::Sight::Commands) > count, "too little happens");
}

/// The life of the seed in `SIM_SEED`, told.
#[test]
fn one_seed() {
    if let Some(seed) = number("SIM_SEED") {
        let (_, _, check) = world::live(seed, true);
        assert_eq!(check, Ok(()), "seed {seed}");
    }
}

#[test]
fn the_same_seed_is_the_same_life() {
    for seed in 0..50 {
        let (one, other) = (world::live(seed, false), world::live(seed, false));
        assert_eq!(one, other, "seed {seed}");
    }
}

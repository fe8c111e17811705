//! The keys of the measured writes, and the times of their arrival.

use std::io::{self, Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use memchr::memmem::Finder;

const PREFIX: &[u8] = b"lat:";

/// Every key has this length: the prefix, then nanoseconds since 1970 or one of the two names below.
const LENGTH: usize = 23;

/// Is written until the reader has seen it: it is attached then.
pub const WARM: &str = "lat:warm---------------";
/// The last key.
pub const LAST: &str = "lat:last---------------";

/// The key of a write that is sent now.
pub fn key() -> String {
    format!("lat:{:019}", now())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64)
}

/// The latencies of one reader.
pub struct Arrivals {
    nanoseconds: Vec<u64>,
    attached: bool,
}

impl Arrivals {
    pub fn new() -> Self {
        Self { nanoseconds: Vec::with_capacity(4 << 20), attached: false }
    }

    /// Notes the arrival of a key. Returns whether it was the last one.
    pub fn note(&mut self, key: &[u8]) -> bool {
        let Some(rest) = key.strip_prefix(PREFIX) else { return false };
        if rest.iter().all(u8::is_ascii_digit) {
            let sent = rest.iter().fold(0, |sum: u64, digit| sum * 10 + u64::from(digit - b'0'));
            self.nanoseconds.push(now().saturating_sub(sent));
        } else if key == WARM.as_bytes() && !self.attached {
            self.attached = true;
            tell("ready");
        }
        key == LAST.as_bytes()
    }

    /// Prints the number of writes, and the nanoseconds of the median, p99 and p99.9.
    pub fn report(mut self) {
        self.nanoseconds.sort_unstable();
        let count = self.nanoseconds.len();
        let at = |share: f64| self.nanoseconds.get((count as f64 * share) as usize).copied().unwrap_or(0);
        tell(&format!("{count} {} {} {}", at(0.5), at(0.99), at(0.999)));
    }
}

/// Prints a line for the process that started this one.
pub fn tell(line: &str) {
    let mut output = io::stdout().lock();
    // Without a parent there is nobody to tell.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Finds the keys in any text and notes them, to the last one.
pub fn scan(mut input: impl Read, arrivals: &mut Arrivals) -> io::Result<()> {
    let finder = Finder::new(PREFIX);
    let mut bytes = vec![0; 256 << 10];
    let mut filled = 0;
    loop {
        match input.read(&mut bytes[filled..])? {
            0 => return Err(io::Error::other("the stream ended before the last key")),
            count => filled += count,
        }
        let mut from = 0;
        while let Some(found) = finder.find(&bytes[from..filled]) {
            from += found;
            let Some(key) = bytes[..filled].get(from..from + LENGTH) else { break };
            if arrivals.note(key) {
                return Ok(());
            }
            from += LENGTH;
        }
        // The last bytes may be the beginning of a key.
        let kept = (filled - from).min(LENGTH - 1);
        bytes.copy_within(filled - kept..filled, 0);
        filled = kept;
    }
}

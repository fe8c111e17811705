//! One `redtail load` for each position key: a second one would apply every write again.
//!
//! The name of the connection is the lock. A server lists a connection until it has executed everything that arrived
//! over it, also after its program was killed.

use std::fmt::Write;
use std::process;
use std::sync::LazyLock;
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redtail::net::{Reply, Target};

use crate::failure::Failure;
use crate::terminal::log;

const PREFIX: &str = "redtail-load:";

/// A killed program may still be listed for a moment.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);

/// This process, among those of all hosts.
static NONCE: LazyLock<String> = LazyLock::new(|| {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}", process::id(), since.as_nanos())
});

/// The claim of this process to a position key.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    key: String,
}

impl Claim {
    pub(crate) fn new(key: &str) -> Self {
        let mut encoded = String::new();
        for byte in key.bytes() {
            // A name of a connection has no spaces.
            if byte.is_ascii_graphic() && byte != b'%' {
                encoded.push(char::from(byte));
            } else {
                let _ = write!(encoded, "%{byte:02x}");
            }
        }
        Self { key: encoded }
    }

    /// Fails if another process has the claim to the same key at this server. `ask`: sends a command to it, and returns
    /// the reply.
    pub(super) fn enforce(
        &self,
        target: &Target,
        mut ask: impl FnMut(&[&[u8]]) -> Result<Reply, Failure>,
    ) -> Result<(), Failure> {
        // The name is set before the others are listed: of two that start at once, one at least sees the other.
        let name = format!("{PREFIX}{}:{}", *NONCE, self.key);
        if let Some(text) = ask(&[b"CLIENT", b"SETNAME", name.as_bytes()])?.error() {
            is_unchecked(target, "SETNAME", text);
            return Ok(());
        }
        let mut tries = TRIES;
        loop {
            let reply = ask(&[b"CLIENT", b"LIST"])?;
            if let Some(text) = reply.error() {
                is_unchecked(target, "LIST", text);
                return Ok(());
            }
            let clients = reply.text().unwrap_or_default();
            let Some((id, address)) = clients.lines().find_map(|line| self.other(line)) else { return Ok(()) };
            tries -= 1;
            if tries == 0 {
                return Err(Failure::Message(format!(
                    "another redtail load, at {address}, writes to {target} with this position key: end it. If its \
                     machine is lost: CLIENT KILL ID {id}"
                )));
            }
            sleep(PAUSE);
        }
    }

    /// The id and the address of another process with this claim, if the line of `CLIENT LIST` is about one.
    fn other<'a>(&self, line: &'a str) -> Option<(&'a str, &'a str)> {
        let value = |name| line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let (nonce, key) = value("name")?.strip_prefix(PREFIX)?.split_once(':')?;
        (key == self.key && nonce != *NONCE).then_some((value("id")?, value("addr")?))
    }
}

fn is_unchecked(target: &Target, command: &str, text: &str) {
    log::warn(format_args!(
        "can't check that no other redtail load runs: {target} refused CLIENT {command}: {text}; grant +client|setname \
         and +client|list"
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_that_of_one_key_and_another_process() {
        let claim = Claim::new("a b:%");
        assert_eq!(claim.key, "a%20b:%25");
        let line = |nonce: &str, key: &str| format!("id=7 addr=1.2.3.4:5 name=redtail-load:{nonce}:{key} age=1");
        assert_eq!(claim.other(&line("1-2", "a%20b:%25")), Some(("7", "1.2.3.4:5")));
        for line in [line("1-2", "a%20b"), line(&NONCE, "a%20b:%25"), "id=7 addr=1.2.3.4:5 name= age=1".into()] {
            assert_eq!(claim.other(&line), None, "{line}");
        }
    }
}

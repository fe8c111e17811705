//! Where the primary stands: INFO, once a second, over a connection of its own.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use redtail::net::{Socket, Timeouts};
use redtail::resp::{encode_command, encoded_len};
use redtail::{FrameParser, Status};

use super::{Counters, INTERVAL};
use crate::target::Address;

const PATIENCE: Duration = Duration::from_secs(2);

/// After a failure the next try is so far away.
const PAUSE: Duration = Duration::from_secs(5);

/// Why nothing is known.
enum Trouble {
    /// The server does not let us ask: each try would be an entry in its log.
    Denied,
    /// It may go away.
    Other,
}

impl From<io::Error> for Trouble {
    fn from(_: io::Error) -> Self {
        Self::Other
    }
}

/// Asks until the counters say that it is over, or the server that it may not.
pub(super) fn watch(address: &Address, counters: &Counters) {
    let mut link = None;
    while !counters.is_over.load(Ordering::Relaxed) {
        if !counters.may_ask.load(Ordering::Relaxed) {
            thread::sleep(INTERVAL / 10);
            continue;
        }
        let place = ask(&mut link, address, counters);
        let known = place.as_ref().ok().copied().flatten();
        counters.primary.store(known.map_or(0, |offset| offset.saturating_add(1)), Ordering::Relaxed);
        match place {
            Ok(_) => thread::sleep(INTERVAL),
            Err(Trouble::Denied) => return,
            Err(Trouble::Other) => {
                link = None;
                thread::sleep(PAUSE);
            }
        }
    }
}

/// The offset of the history that we follow; `None` if the server is at another.
fn ask(link: &mut Option<Link>, address: &Address, counters: &Counters) -> Result<Option<u64>, Trouble> {
    let link = match link {
        Some(link) => link,
        None => link.insert(Link::open(address)?),
    };
    let info = link.exchange(&[b"INFO", b"replication"])?;
    let field = |name: &str| {
        info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':').map(str::to_owned))
    };
    let ours = counters.replid().map(|replid| replid.to_string());
    Ok(field("master_repl_offset").filter(|_| field("master_replid") == ours).and_then(|offset| offset.parse().ok()))
}

struct Link(Socket);

impl Link {
    fn open(address: &Address) -> Result<Self, Trouble> {
        let timeouts = Timeouts { connect: PATIENCE, read: Some(PATIENCE), write: Some(PATIENCE) };
        let mut link = Self(address.connect(&timeouts)?);
        let login = address.login.read()?;
        match (&login.user, &login.password) {
            (Some(user), Some(password)) => link.exchange(&[b"AUTH", user.as_bytes(), password])?,
            (None, Some(password)) => link.exchange(&[b"AUTH", password])?,
            (_, None) => return Ok(link),
        };
        Ok(link)
    }

    /// Sends a command and gives the text of the reply.
    fn exchange(&mut self, command: &[&[u8]]) -> Result<String, Trouble> {
        let mut bytes = vec![0; encoded_len(command)];
        let _enough_room = encode_command(&mut bytes, command);
        self.0.write_all(&bytes)?;
        let (mut parser, mut reply, mut piece) = (FrameParser::new(), Vec::new(), [0; 4096]);
        loop {
            let count = self.0.read(&mut piece)?;
            if count == 0 {
                return Err(Trouble::Other);
            }
            reply.extend(piece.iter().take(count));
            let mut unread = reply.as_slice();
            match parser.next(&mut unread) {
                Ok(Status::Complete(frame)) if frame.is_error() => {
                    let words = String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned();
                    let is_denied = ["NOPERM", "WRONGPASS", "NOAUTH"].iter().any(|word| words.starts_with(word));
                    return Err(if is_denied { Trouble::Denied } else { Trouble::Other });
                }
                Ok(Status::Complete(frame)) => {
                    return Ok(String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned());
                }
                Ok(Status::Incomplete { .. }) => {}
                Err(_) => return Err(Trouble::Other),
            }
        }
    }
}

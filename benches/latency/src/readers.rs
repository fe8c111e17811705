//! The readers. Each runs in a process of its own, which ends after the last key.

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::{Command, Stdio};

use redtail::{Event, Follower};

use crate::arrivals::{Arrivals, scan, tell};
use crate::server::Remote;

type Reader = fn(u16, &mut Arrivals) -> io::Result<()>;

/// The first is the bound: what the others are compared with.
pub const READERS: &[(&str, Reader)] = &[
    ("bare read loop", bare),
    ("redtail, next_event", next),
    ("redtail, batch", batch),
    ("redtail in C, batch", in_c),
    ("redtail tail, text", |port, arrivals| tail("text", port, arrivals)),
    ("redtail tail, json", |port, arrivals| tail("json", port, arrivals)),
    ("redis-cli --replica", replica),
    ("MONITOR, bare", |port, arrivals| subscribed("MONITOR\r\n", port, arrivals)),
    ("keyspace events, bare", |port, arrivals| subscribed("SUBSCRIBE __keyevent@0__:set\r\n", port, arrivals)),
];

unsafe extern "C" {
    fn follow_in_c(target: *const c_char) -> c_int;
}

/// A replica's socket, whose bytes are searched for the keys and not parsed.
fn bare(port: u16, arrivals: &mut Arrivals) -> io::Result<()> {
    let mut link = Remote { port }.connect()?;
    link.write_all(b"PSYNC ? -1\r\n")?;
    scan(link, arrivals)
}

fn next(port: u16, arrivals: &mut Arrivals) -> io::Result<()> {
    let mut follower = Follower::builder(format!("127.0.0.1:{port}")).connect().map_err(io::Error::other)?;
    while let Some(event) = follower.next_event().map_err(io::Error::other)? {
        if last(&event, arrivals) {
            return Ok(());
        }
    }
    Err(io::Error::other("the stream ended before the last key"))
}

fn batch(port: u16, arrivals: &mut Arrivals) -> io::Result<()> {
    let mut follower = Follower::builder(format!("127.0.0.1:{port}")).connect().map_err(io::Error::other)?;
    let mut over = false;
    while !over {
        let more = follower.batch(|event| {
            over = last(&event, arrivals);
            if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        over |= !more.map_err(io::Error::other)?;
    }
    Ok(())
}

fn last(event: &Event<'_>, arrivals: &mut Arrivals) -> bool {
    let Event::Command(command) = event else { return false };
    command.args().nth(1).is_some_and(|key| arrivals.note(key))
}

thread_local! {
    static IN_C: RefCell<Arrivals> = RefCell::new(Arrivals::new());
}

fn in_c(port: u16, arrivals: &mut Arrivals) -> io::Result<()> {
    // Links the library for its C functions.
    std::hint::black_box(redtail::MAX_DEPTH);
    let target = CString::new(format!("127.0.0.1:{port}")).map_err(io::Error::other)?;
    // SAFETY: the text ends with NUL and outlives the call.
    if unsafe { follow_in_c(target.as_ptr()) } != 0 {
        return Err(io::Error::other("the follower in C ended"));
    }
    IN_C.with_borrow_mut(|noted| std::mem::swap(noted, arrivals));
    Ok(())
}

// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
extern "C" fn latency_note(key: *const u8, length: usize) -> c_int {
    // SAFETY: the follower's arguments are valid during its callback.
    let key = unsafe { std::slice::from_raw_parts(key, length) };
    IN_C.with_borrow_mut(|arrivals| c_int::from(arrivals.note(key)))
}

fn tail(format: &str, port: u16, arrivals: &mut Arrivals) -> io::Result<()> {
    let tool = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/redtail");
    piped(Command::new(tool).args(["tail", &format!("127.0.0.1:{port}"), "--format", format]), arrivals)
}

fn replica(port: u16, arrivals: &mut Arrivals) -> io::Result<()> {
    piped(Command::new("redis-cli").args(["-p", &port.to_string(), "--replica"]), arrivals)
}

/// The process that is measured is the child.
fn piped(command: &mut Command, arrivals: &mut Arrivals) -> io::Result<()> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    tell(&format!("pid {}", child.id()));
    let output = child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?;
    let scanned = scan(output, arrivals);
    CHILD.set(Some(child));
    scanned
}

thread_local! {
    static CHILD: RefCell<Option<std::process::Child>> = const { RefCell::new(None) };
}

/// Ends the child of this reader, once it has been measured.
pub fn end_child() -> io::Result<()> {
    let Some(mut child) = CHILD.take() else { return Ok(()) };
    child.kill()?;
    child.wait().map(|_| ())
}

fn subscribed(request: &str, port: u16, arrivals: &mut Arrivals) -> io::Result<()> {
    let mut link = Remote { port }.connect()?;
    link.write_all(request.as_bytes())?;
    scan(link, arrivals)
}

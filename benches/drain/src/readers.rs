//! The readers: each runs in a process of its own and reports the number of commands.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redtail::net::Tls;
use redtail::{Builder, Event, Follower, Position, Start};

use crate::Job;

pub type Reader = fn(&Job) -> io::Result<u64>;

pub const READERS: &[(&str, Reader)] = &[
    ("read", bare_read),
    ("redtail_batch", batch),
    ("redtail_next", next),
    ("redtail_tls", over_tls),
    ("redtail_c", in_c),
    ("redis_event", redis_event),
];

unsafe extern "C" {
    fn drain_in_c(target: *const c_char, place: *const c_char, end: u64) -> u64;
}

/// The lower bound: receives the bytes and does not inspect them.
fn bare_read(job: &Job) -> io::Result<u64> {
    let mut link = job.server().resume(&job.id, job.offset)?;
    let mut buffer = vec![0; 256 << 10];
    let mut left = job.end - job.offset;
    while left > 0 {
        match link.read(&mut buffer)? as u64 {
            0 => return Err(io::Error::other("the server closed the link")),
            count => left = left.saturating_sub(count),
        }
    }
    Ok(0)
}

fn follower(job: &Job) -> io::Result<Follower> {
    follow(job, Follower::builder(job.target()))
}

fn follow(job: &Job, builder: Builder) -> io::Result<Follower> {
    let position: Position = job.position().parse().map_err(io::Error::other)?;
    builder.start(Start::At(position)).control(true).connect().map_err(io::Error::other)
}

fn batch(job: &Job) -> io::Result<u64> {
    drain(job, follower(job)?)
}

/// In batches too.
fn over_tls(job: &Job) -> io::Result<u64> {
    let mut link = job.server().connect()?;
    link.write_all(b"CONFIG GET tls-port\r\n")?;
    let mut answer = [0; 64];
    let length = link.read(&mut answer)?;
    let text = String::from_utf8_lossy(&answer[..length]);
    let port = text.lines().last().ok_or_else(|| io::Error::other("no tls-port"))?;
    let tls = Tls::new().ca_file(format!("{}/ca.crt", crate::CERTIFICATES));
    drain(job, follow(job, Follower::builder(format!("127.0.0.1:{port}")).tls(tls))?)
}

fn drain(job: &Job, mut follower: Follower) -> io::Result<u64> {
    let (mut commands, mut bytes, mut over) = (0, 0, false);
    while !over {
        let more = follower.batch(|event| {
            if let Event::Command(command) | Event::Control(command) | Event::Multi(command) | Event::Exec(command) =
                event
            {
                commands += 1;
                bytes += command.args().map(<[u8]>::len).sum::<usize>();
                over = command.offset >= job.end;
            }
            if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        over |= !more.map_err(io::Error::other)?;
    }
    std::hint::black_box(bytes);
    Ok(commands)
}

fn next(job: &Job) -> io::Result<u64> {
    let mut follower = follower(job)?;
    let (mut commands, mut bytes) = (0, 0);
    while let Some(event) = follower.next_event().map_err(io::Error::other)? {
        if let Event::Command(command) | Event::Control(command) | Event::Multi(command) | Event::Exec(command) = event
        {
            commands += 1;
            bytes += command.args().map(<[u8]>::len).sum::<usize>();
            if command.offset >= job.end {
                break;
            }
        }
    }
    std::hint::black_box(bytes);
    Ok(commands)
}

fn in_c(job: &Job) -> io::Result<u64> {
    // Links the library for its C functions.
    std::hint::black_box(redtail::MAX_DEPTH);
    let text = |text: String| CString::new(text).map_err(io::Error::other);
    let (target, place) = (text(job.target())?, text(job.position())?);
    // SAFETY: both end with NUL and outlive the call.
    Ok(unsafe { drain_in_c(target.as_ptr(), place.as_ptr(), job.end) })
}

/// All of redis-event, with a handler for each command. It ends at the last command, which has a unique key.
fn redis_event(job: &Job) -> io::Result<u64> {
    use redis_event::{EventHandler, RedisListener, cmd, config::Config, listener};
    struct Count {
        commands: u64,
        running: Arc<AtomicBool>,
    }
    impl EventHandler for Count {
        fn handle(&mut self, event: redis_event::Event) {
            if let redis_event::Event::AOF(command) = event {
                self.commands += 1;
                if let cmd::Command::SET(set) = command
                    && set.key == crate::LAST_KEY.as_bytes()
                {
                    self.running.store(false, Ordering::Relaxed);
                }
            }
        }
    }
    let config = Config {
        is_discard_rdb: true,
        is_aof: true,
        host: "127.0.0.1".into(),
        port: job.port,
        username: String::new(),
        password: String::new(),
        repl_id: job.id.clone(),
        // PSYNC takes the next offset.
        repl_offset: job.offset as i64 + 1,
        read_timeout: None,
        write_timeout: None,
        is_tls_enabled: false,
        is_tls_insecure: false,
        identity: None,
        identity_passwd: None,
    };
    let running = Arc::new(AtomicBool::new(true));
    let handler = Rc::new(RefCell::new(Count { commands: 0, running: Arc::clone(&running) }));
    let mut builder = listener::Builder::new();
    builder.with_config(config);
    builder.with_control_flag(running);
    builder.with_event_handler(handler.clone());
    builder.build().start()?;
    let commands = handler.borrow().commands;
    Ok(commands)
}

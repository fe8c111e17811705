//! Prints every write of a server, in asynchronous code: `cargo run --example tokio 127.0.0.1:6379`.

use std::error::Error;
use std::ops::ControlFlow;
use std::time::Duration;

use redtail::io::{BufferedSession, Step};
use redtail::replication::Closed;
use redtail::replication::Credentials;
use redtail::{Ack, Event, Options};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let target = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".into());
    let mut options = Options::default();
    options.ack = Ack::Received;
    let print = |event: Event<'_>| {
        match event {
            Event::Command(command) => println!("{command}"), // 1311 [0] "SET" "k" "v"
            Event::Gap(gap) => eprintln!("history lost: {gap}"),
            _ => {}
        }
        ControlFlow::Continue(())
    };
    if let Err(error) = follow(&target, options, print).await {
        eprintln!("tokio: {error}");
        std::process::exit(1);
    }
}

/// Follows the server at `target` until `each` breaks: reconnects, resumes and acknowledges.
pub(crate) async fn follow(
    target: &str,
    options: Options,
    mut each: impl FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<(), Box<dyn Error>> {
    let (mut session, mut stream) = (BufferedSession::new(options), None::<TcpStream>);
    let start = Instant::now();
    let now_ms = || start.elapsed().as_millis() as u64;
    let at = |ms: u64| start + Duration::from_millis(ms.min(now_ms() + 60_000));
    loop {
        match (session.next(now_ms()), &mut stream) {
            (Step::Event(event), _) => {
                if each(event).is_break() {
                    return Ok(());
                }
            }
            (Step::Read { deadline_ms }, Some(stream)) => {
                // A server that closes the connection may have sent its reason: the read tells the end of it.
                let _ = stream.write_all(session.to_send()).await;
                session.sent(session.to_send().len());
                match timeout_at(at(deadline_ms), stream.read(session.space()?)).await {
                    Ok(Ok(0)) => session.disconnected(Closed::ByPeer),
                    Ok(Ok(count)) => session.received(count),
                    Ok(Err(error)) => session.disconnected(Closed::Failed(&error.to_string())),
                    Err(_) => session.silent(now_ms()),
                }
            }
            (Step::Connect { at_ms }, _) => {
                stream = None;
                sleep_until(at(at_ms)).await;
                match timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await {
                    Ok(Ok(connected)) => {
                        stream = Some(connected);
                        session.connected(Credentials::default(), now_ms());
                    }
                    Ok(Err(error)) => session.connect_failed(Closed::Failed(&error.to_string())),
                    Err(_) => session.connect_failed(Closed::Failed("no connection in time")),
                }
            }
            (Step::Failed(error), _) => return Err(error.into()),
            (Step::Read { .. } | Step::Ended, _) => return Ok(()),
        }
    }
}

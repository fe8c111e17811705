//! One connection to the broker, and the stream.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{ContextBuilder, CreateStreamErrorKind};
use async_nats::jetstream::stream::{Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use async_nats::{ConnectErrorKind, ConnectOptions, Event};
use tokio::sync::Notify;

use crate::args::Args;
use crate::end::Failure;

/// The timeout of a reply; after it the connection counts as lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// One connection, used until it is lost. The client library never reconnects: messages sent just before would be
/// missing while later ones are stored, out of order. The publisher opens a new connection and sends all unconfirmed
/// messages again.
pub(crate) struct Connection {
    pub(crate) jetstream: Context,
    pub(crate) max_payload: usize,
    lost: Arc<Notify>,
}

/// The reason why there is no connection, or no stream.
pub(crate) enum Trouble {
    /// Temporary: to be retried.
    Passing(String),
    Lasting(Failure),
}

impl Connection {
    pub(crate) async fn make(args: &Args) -> Result<Self, Trouble> {
        let lost = Arc::new(Notify::new());
        let options =
            options(args, &lost).await.map_err(|error| Trouble::Lasting(Failure::new(2, error.to_string())))?;
        let client = options.connect(&args.brokers[..]).await.map_err(|error| {
            let words = format!("can't connect to the broker at {}: {error}", args.brokers.join(", "));
            match error.kind() {
                ConnectErrorKind::ServerParse => Trouble::Lasting(Failure::new(2, words)),
                _ => Trouble::Passing(words),
            }
        })?;
        let max_payload = client.max_payload();
        let jetstream =
            ContextBuilder::new().timeout(PATIENCE).max_ack_inflight(usize::from(args.in_flight) + 1).build(client);
        Ok(Self { jetstream, max_payload, lost })
    }

    pub(crate) async fn lost(&self) {
        self.lost.notified().await;
    }

    /// Checks the stream's settings, and creates the stream if it does not exist and `may_make` allows it.
    pub(crate) async fn stream(&self, args: &Args, may_make: bool) -> Result<(), Trouble> {
        let name = &args.stream;
        let config = match self.jetstream.get_stream(name).await {
            Ok(stream) => stream.cached_info().config.clone(),
            Err(error) => match error.kind() {
                jetstream::context::GetStreamErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    if !may_make {
                        let words = format!(
                            "the broker no longer has the stream {name}. What was confirmed was in it: if it is gone for good, remove --checkpoint to start \
                             afresh"
                        );
                        return Err(Trouble::Lasting(Failure::new(1, words)));
                    }
                    self.make_stream(args).await?
                }
                jetstream::context::GetStreamErrorKind::InvalidStreamName
                | jetstream::context::GetStreamErrorKind::EmptyName => {
                    return Err(Trouble::Lasting(Failure::new(2, format!("{name:?} is not a valid stream name"))));
                }
                _ => return Err(Trouble::Passing(format!("the broker does not describe the stream {name}: {error}"))),
            },
        };
        check(&config, args).map_err(|words| Trouble::Lasting(Failure::new(2, format!("the stream {name} {words}"))))
    }

    async fn make_stream(&self, args: &Args) -> Result<Config, Trouble> {
        let config = Config {
            name: args.stream.clone(),
            subjects: vec![format!("{}.*", args.prefix())],
            storage: StorageType::File,
            num_replicas: args.replicas,
            duplicate_window: args.window,
            ..Config::default()
        };
        match self.jetstream.create_stream(config).await {
            Ok(stream) => {
                eprintln!("redtail-nats: created the stream {} with subjects {}.*", args.stream, args.prefix());
                Ok(stream.cached_info().config.clone())
            }
            Err(error) => {
                let words = format!("can't create the stream {}: {error}", args.stream);
                Err(match error.kind() {
                    CreateStreamErrorKind::TimedOut | CreateStreamErrorKind::Response => Trouble::Passing(words),
                    _ => Trouble::Lasting(Failure::new(2, words)),
                })
            }
        }
    }
}

/// Checks that the stream can hold every message once, in order, without loss.
fn check(config: &Config, args: &Args) -> Result<(), String> {
    let human = |time: Duration| humantime::format_duration(time).to_string();
    let subject = format!("{}.*", args.prefix());
    let (name, window) = (&config.name, config.duplicate_window);
    if window < args.window {
        return Err(format!(
            "has a deduplication window of {}, less than --window {}: `nats stream edit {name} --dupe-window {}`, or a smaller --window",
            human(window),
            human(args.window),
            human(args.window)
        ));
    }
    let takes = |listed: &String| *listed == subject || *listed == format!("{}.>", args.prefix()) || listed == ">";
    if !config.subjects.iter().any(takes) {
        return Err(format!(
            "does not listen on {subject}: `nats stream edit {name} --subjects {subject}`, or another --prefix"
        ));
    }
    if config.no_ack {
        return Err("confirms nothing (no_ack): the confirmed position would be unknown".into());
    }
    if config.sealed {
        return Err("is sealed".into());
    }
    // A refused message would be stored after the next one.
    if config.discard == DiscardPolicy::New && (config.max_bytes > 0 || config.max_messages > 0) {
        eprintln!(
            "redtail-nats: the stream {name} refuses messages when it is full: messages in transit may then be stored out of order"
        );
    }
    if config.max_message_size > 0 {
        eprintln!(
            "redtail-nats: the stream {name} takes no messages above {} bytes: the first larger one ends the bridge",
            config.max_message_size
        );
    }
    Ok(())
}

async fn options(args: &Args, lost: &Arc<Notify>) -> io::Result<ConnectOptions> {
    let mut options = ConnectOptions::new();
    #[cfg(feature = "nkeys")]
    if let Some(file) = &args.broker_creds {
        let text = std::fs::read_to_string(file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        options = ConnectOptions::with_credentials(&text)?;
    }
    match (&args.broker_user, args.broker_password()?) {
        (Some(user), password) => options = options.user_and_password(user.clone(), password.unwrap_or_default()),
        (None, Some(token)) => options = options.token(token),
        (None, None) => {}
    }
    if let Some(file) = &args.broker_cacert {
        options = options.add_root_certificates(file.clone()).require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (&args.broker_cert, &args.broker_cert_key) {
        options = options.add_client_certificate(certificate.clone(), key.clone()).require_tls(true);
    }
    let (tell, was_made) = (Arc::clone(lost), Arc::new(AtomicBool::new(false)));
    let is_made = Arc::clone(&was_made);
    Ok(options
        .name("redtail-nats")
        .connection_timeout(Duration::from_secs(5))
        .ping_interval(Duration::from_secs(5))
        .reconnect_delay_callback(move |_| match was_made.load(Ordering::Relaxed) {
            true => Duration::from_secs(24 * 60 * 60),
            false => Duration::ZERO,
        })
        .event_callback(move |event| {
            let (tell, is_made) = (Arc::clone(&tell), Arc::clone(&is_made));
            async move {
                match event {
                    Event::Connected => is_made.store(true, Ordering::Relaxed),
                    Event::Disconnected | Event::Closed => tell.notify_one(),
                    _ => {}
                }
            }
        }))
}

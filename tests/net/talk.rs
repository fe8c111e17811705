//! Questions to a server, and every other reply that may arrive instead of an answer.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use redtail::net::{Client, ClientError, ClientErrorKind, Login, Reply, Socket, Timeouts};

/// Talks with one that gives these answers, one for each read, and then hangs up; it stays if there are none.
fn talk(answers: &[&'static [u8]], login: &Login) -> Result<Client, ClientError> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string().parse().unwrap();
    let silence = if answers.is_empty() { Duration::from_millis(200) } else { Duration::from_secs(60) };
    let mut timeouts = Timeouts::default();
    timeouts.read = Some(silence);
    let answers = answers.to_vec();
    std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        let mut space = [0; 1024];
        for answer in &answers {
            let _ = link.read(&mut space);
            let _ = link.write_all(answer);
        }
        while answers.is_empty() && link.read(&mut space).is_ok_and(|count| count > 0) {}
    });
    Client::new(&target, Socket::connect(&target, &timeouts).unwrap(), login)
}

/// The address is in front of the message, once, also as an error of the system.
#[track_caller]
fn is_named(error: &ClientError, message: &str) {
    let (target, text) = (error.target.to_string(), error.to_string());
    assert!(text.starts_with(&format!("{target}: {message}")), "{text}");
    assert_eq!(text.matches(&target).count(), 1, "{text}");
}

#[test]
fn answers_of_every_kind_own_what_they_say() {
    let map = b"%2\r\n+Role\r\n$6\r\nmaster\r\n+n\r\n:7\r\n";
    let mut talk = talk(&[map, b"-NOPERM no\r\n", b"$-1\r\n", b"$2\r\n\xff!\r\n"], &Login::default()).unwrap();
    let answer = talk.ask(&["HELLO", "3"]).unwrap();
    assert_eq!(answer.field("role").and_then(Reply::text), Some("master"));
    assert_eq!((answer.field("n").and_then(Reply::text), answer.list().len()), (Some("7"), 4));
    let denied = talk.ask(&["ROLE"]).unwrap();
    assert!(denied.is_denied() && denied.error() == Some("NOPERM no") && denied.text().is_none());
    assert_eq!(talk.ask(&["GET", "k"]).unwrap(), Reply::Null);
    assert_eq!(talk.ask(&["GET", "k"]).unwrap().text(), Some("\u{fffd}!"));
    let error = talk.ask(&["PING"]).unwrap_err();
    assert!(matches!(&error.kind, ClientErrorKind::Closed { asked } if asked == "PING"));
    is_named(&error, "the server closed the connection");
}

/// A refused introduction is no error. A denied one is not continued.
#[test]
fn an_introduction_is_refused_without_an_error() {
    let introduced = |answers: &[&'static [u8]], name| {
        let mut talk = talk(answers, &Login::default()).unwrap();
        let is_allowed = talk.introduce(name);
        (is_allowed.unwrap(), talk.ask(&["PING"]).unwrap())
    };
    let pong = || Reply::Text("PONG".to_owned());
    let (ok, denied) = (b"+OK\r\n", b"-NOPERM User cdc has no permissions to run the 'client|setname' command\r\n");
    assert_eq!(introduced(&[ok, ok, ok, b"+PONG\r\n"], Some("orders")), (true, pong()));
    assert_eq!(introduced(&[ok, ok, b"+PONG\r\n"], None), (true, pong()));
    // Before 7.2 there is no SETINFO.
    let unknown = b"-ERR Unknown subcommand or wrong number of arguments for 'SETINFO'. Try CLIENT HELP.\r\n";
    assert_eq!(introduced(&[ok, unknown, b"+PONG\r\n"], Some("orders")), (true, pong()));
    assert_eq!(introduced(&[denied, b"+PONG\r\n"], Some("orders")), (false, pong()));
    assert_eq!(introduced(&[denied, b"+PONG\r\n"], None), (false, pong()));
}

#[test]
fn a_client_with_a_user_has_a_password() {
    let mut login = Login::default();
    login.user = Some("cdc".into());
    match talk(&[b"+PONG\r\n"], &login) {
        Err(error) => {
            is_named(&error, "the user cdc has no password: give it, or an empty one for a nopass user");
            assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::InvalidInput);
        }
        Ok(client) => panic!("{client:?}"),
    }
    assert!(talk(&[b"+OK\r\n"], &Login::user("cdc", "")).is_ok());
}

#[test]
fn what_is_no_answer_says_what_it_is() {
    let nobody = Login::default();
    let alert = b"\x15\x03\x01\x00\x02\x02\x46";
    let error = talk(&[alert], &nobody).unwrap().ask(&["PING"]).unwrap_err();
    assert!(matches!(&error.kind, ClientErrorKind::Protocol { heard } if heard == alert), "{error:?}");
    is_named(
        &error,
        "the server does not speak the protocol of Redis and Valkey: a server that requires TLS answers: ",
    );
    let error = talk(&[], &nobody).unwrap().ask(&["PING"]).unwrap_err();
    assert!(matches!(error.kind, ClientErrorKind::TimedOut), "{error:?}");
    is_named(&error, "no reply within the time limit: ");
    let login = Login::user("cdc", "secret");
    let wrong = b"-WRONGPASS invalid username-password pair\r\n";
    let error = talk(&[wrong], &login).unwrap_err();
    assert!(matches!(error.kind, ClientErrorKind::Refused(_)), "{error:?}");
    is_named(&error, "WRONGPASS invalid username-password pair");
    // One that asks for none has nothing against one.
    let open = b"-ERR AUTH <password> called without any password configured for the default user.\r\n";
    let mut open = talk(&[open, b"+PONG\r\n"], &login).unwrap();
    assert_eq!(open.ask(&["PING"]).unwrap().text(), Some("PONG"));
}

/// Such a reply is from a server that speaks the protocol.
#[test]
fn a_reply_that_is_too_long_is_no_other_protocol() {
    let mut talk = talk(&[b"$99999999\r\n"], &Login::default()).unwrap();
    let error = talk.ask(&["INFO"]).unwrap_err();
    assert!(matches!(error.kind, ClientErrorKind::Io(_)), "{error:?}");
    is_named(&error, "a bulk string of 99999999 bytes exceeds the limit of 16777216 bytes (limit: bulk), at byte 1");
}

//! A blocking RESP2 client that shares no code with the library, so that no defect of the library can hide in it.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

/// One command: its name and its arguments.
pub(crate) type Command = Vec<Vec<u8>>;

/// A command from pieces of text.
pub(crate) fn command<A: AsRef<[u8]>>(args: &[A]) -> Command {
    args.iter().map(|arg| arg.as_ref().to_vec()).collect()
}

#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    Simple(String),
    Error(String),
    Int(i64),
    Bulk(Vec<u8>),
    Null,
    Array(Vec<Value>),
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Simple(text) => write!(f, "+{text}"),
            Value::Error(text) => write!(f, "-{text}"),
            Value::Int(number) => write!(f, "{number}"),
            Value::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Value::Null => f.write_str("null"),
            Value::Array(items) => f.debug_list().entries(items).finish(),
        }
    }
}

impl Value {
    /// The text of a simple string, a bulk string (with replacement characters where it is not UTF-8) or an error.
    pub(crate) fn text(&self) -> String {
        match self {
            Value::Simple(text) | Value::Error(text) => text.clone(),
            Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("expected a string, got {other:?}"),
        }
    }

    pub(crate) fn int(&self) -> i64 {
        match self {
            Value::Int(number) => *number,
            other => panic!("expected an integer, got {other:?}"),
        }
    }

    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) => items,
            other => panic!("expected an array, got {other:?}"),
        }
    }

    pub(crate) fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }
}

pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(port: u16, password: Option<&str>) -> std::io::Result<Client> {
        Client::connect_at("127.0.0.1", port, password)
    }

    pub(crate) fn connect_at(host: &str, port: u16, password: Option<&str>) -> std::io::Result<Client> {
        let stream = TcpStream::connect((host, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut client = Client { reader: BufReader::new(stream) };
        if let Some(password) = password {
            client.try_call(&["AUTH", password])?;
        }
        Ok(client)
    }

    /// Sends one command and waits for its reply; an error of the connection or an error reply fails the test.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        let reply = self.ask(args);
        let name = String::from_utf8_lossy(args[0].as_ref());
        assert!(!reply.is_error(), "{name}: {reply:?}");
        reply
    }

    /// As `call`, but an error reply is a value like any other.
    pub(crate) fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.try_call(args).expect("the connection to the server broke")
    }

    pub(crate) fn try_call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> std::io::Result<Value> {
        self.reader.get_mut().write_all(&encode(args))?;
        read_value(&mut self.reader)
    }

    /// Waits until the server closes the connection.
    pub(crate) fn ends(&mut self) -> bool {
        self.reader.fill_buf().is_ok_and(<[u8]>::is_empty)
    }

    /// Sends all commands before reading the first reply.
    pub(crate) fn pipeline(&mut self, commands: &[Command]) -> Vec<Value> {
        for command in commands {
            self.reader.get_mut().write_all(&encode(command)).expect("write to the server");
        }
        commands.iter().map(|_| read_value(&mut self.reader).expect("read from the server")).collect()
    }

    /// A section of INFO.
    pub(crate) fn info(&mut self, section: &str) -> HashMap<String, String> {
        let text = self.call(&["INFO", section]).text();
        text.lines().filter_map(|line| line.split_once(':')).map(|(key, value)| (key.into(), value.into())).collect()
    }

    /// The replication offset: the number of the last byte of the stream.
    pub(crate) fn offset(&mut self) -> u64 {
        self.info("replication")["master_repl_offset"].parse().expect("master_repl_offset is a number")
    }

    /// A digest of all data, without expiry times, consumer groups and functions.
    pub(crate) fn digest(&mut self) -> String {
        self.call(&["DEBUG", "DIGEST"]).text()
    }
}

fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

fn read_value(reader: &mut impl BufRead) -> std::io::Result<Value> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let Some(line) = line.strip_suffix("\r\n") else {
        return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the server closed the connection"));
    };
    let (kind, rest) = line.split_at(1);
    let number = || rest.parse::<i64>().unwrap_or_else(|_| panic!("not a number: {line:?}"));
    Ok(match kind {
        "+" => Value::Simple(rest.into()),
        "-" => Value::Error(rest.into()),
        ":" => Value::Int(number()),
        "$" | "*" if number() < 0 => Value::Null,
        "$" => {
            let mut bytes = vec![0; number() as usize + 2];
            reader.read_exact(&mut bytes)?;
            assert!(bytes.ends_with(b"\r\n"), "a bulk string without its end");
            bytes.truncate(bytes.len() - 2);
            Value::Bulk(bytes)
        }
        "*" => Value::Array((0..number()).map(|_| read_value(reader)).collect::<std::io::Result<_>>()?),
        _ => panic!("not RESP2: {line:?}"),
    })
}

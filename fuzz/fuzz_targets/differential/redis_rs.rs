//! The parser of the redis crate.

use redis::{ErrorKind, PushKind, Value as Theirs, VerbatimFormat};

use crate::value::Value;
use crate::{End, Reading};

pub(crate) fn read(data: &[u8]) -> Reading {
    let (mut parser, mut rest, mut values) = (redis::Parser::new(), data, Vec::new());
    let end = loop {
        match parser.parse_value(&mut rest) {
            Ok(reply) => values.push(value(reply)),
            Err(error) if error.kind() == ErrorKind::Io => break End::Unfinished,
            Err(_) => break End::Refused,
        }
    };
    Reading { values, end }
}

fn value(reply: Theirs) -> Value {
    let all = |replies: Vec<Theirs>| replies.into_iter().map(value).collect();
    match reply {
        Theirs::Nil => Value::Null,
        Theirs::Int(number) => Value::Integer(number),
        Theirs::BulkString(bytes) => Value::Bulk(bytes),
        Theirs::Array(replies) => Value::Array(all(replies)),
        Theirs::SimpleString(text) => Value::Text(text.into_bytes()),
        Theirs::Okay => Value::Text(b"OK".to_vec()),
        Theirs::Map(pairs) => {
            Value::Map(pairs.into_iter().flat_map(|(key, reply)| [value(key), value(reply)]).collect())
        }
        Theirs::Attribute { .. } => Value::Attributes,
        Theirs::Set(replies) => Value::Set(all(replies)),
        Theirs::Double(number) => Value::double(number),
        Theirs::Boolean(truth) => Value::Boolean(truth),
        Theirs::VerbatimString { format, text } => {
            let format = match format {
                VerbatimFormat::Text => "txt".to_owned(),
                VerbatimFormat::Markdown => "mkd".to_owned(),
                VerbatimFormat::Unknown(format) => format,
                _ => String::new(),
            };
            Value::Verbatim(format.as_bytes().try_into().unwrap_or_default(), text.into_bytes())
        }
        Theirs::BigNumber(text) => Value::BigNumber(text),
        Theirs::Push { kind, data } => {
            let mut values = vec![Value::Bulk(kind_of(kind))];
            values.extend(data.into_iter().map(value));
            Value::Push(values)
        }
        Theirs::ServerError(error) => Value::Error(match error.details() {
            Some(details) => format!("{} {details}", error.code()).into_bytes(),
            None => error.code().as_bytes().to_vec(),
        }),
        other => panic!("a reply of a new kind: {other:?}"),
    }
}

fn kind_of(kind: PushKind) -> Vec<u8> {
    kind.to_string().into_bytes()
}

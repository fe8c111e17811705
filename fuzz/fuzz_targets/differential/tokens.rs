//! The same replies, built from their tokens.

use redtail::resp::{Kind, Token, TokenParser};

use crate::value::Value;
use crate::{End, Reading};

/// An open aggregate or string.
struct Open {
    kind: Kind,
    values: Vec<Value>,
    bytes: Vec<u8>,
}

/// Passes `data` in two parts. Strings of five bytes and more arrive in pieces.
pub(crate) fn read(data: &[u8]) -> Reading {
    let mut parser = TokenParser::new().in_pieces(5);
    let mut open = vec![Open { kind: Kind::Array, values: Vec::new(), bytes: Vec::new() }];
    let (mut front, mut end) = (0, End::Unfinished);
    for arrived in [data.len() / 2, data.len()] {
        let mut input = &data[front..arrived];
        if parser.batch(&mut input, |token| take(&mut open, token)).is_err() {
            end = End::Refused;
        }
        front = arrived - input.len();
    }
    Reading { values: open.swap_remove(0).values, end }
}

fn take(open: &mut Vec<Open>, token: Token<'_>) {
    let value = match token {
        Token::Begin { kind, .. } => return open.push(Open { kind, values: Vec::new(), bytes: Vec::new() }),
        Token::Chunk(bytes) => return open.last_mut().unwrap().bytes.extend_from_slice(bytes),
        Token::Scalar(scalar) => Value::of(scalar),
        Token::End => {
            let Open { kind, values, bytes } = open.pop().unwrap();
            match kind {
                Kind::Attribute => return,
                Kind::Array => Value::Array(values),
                Kind::Map => Value::Map(values),
                Kind::Set => Value::Set(values),
                Kind::Push => Value::Push(values),
                Kind::BulkString => Value::Bulk(bytes),
                Kind::BulkError => Value::Error(bytes),
                Kind::VerbatimString => Value::Verbatim(*bytes.first_chunk().unwrap(), bytes[4..].to_vec()),
                kind => panic!("{kind:?} has no elements"),
            }
        }
    };
    open.last_mut().unwrap().values.push(value);
}

//! Commands and frames print as redis-cli shows them.

use redtail::resp::{Kind, Quoted, Token};
use redtail::{CommandParser, Frame, FrameParser, Status};

fn frame(bytes: &[u8]) -> Frame<'_> {
    let mut input = bytes;
    // The frame borrows from its parser.
    match Box::leak(Box::new(FrameParser::new())).next(&mut input) {
        Ok(Status::Complete(frame)) if input.is_empty() => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn quotes_are_those_of_redis_cli() {
    assert_eq!(Quoted(b"").to_string(), r#""""#);
    assert_eq!(Quoted(b"a b\n\r\t\x07\x08\\\"'").to_string(), r#""a b\n\r\t\a\b\\\"'""#);
    assert_eq!(Quoted(b"\0\x1b\x7f\x80\xff~ ").to_string(), r#""\x00\x1b\x7f\x80\xff~ ""#);
    assert_eq!(Quoted("é→x".as_bytes()).to_string(), r#""\xc3\xa9\xe2\x86\x92x""#);
    assert_eq!(format!("{:?}", Quoted(b"k")), r#""k""#);
}

#[test]
fn commands_print_quoted_arguments() {
    let mut parser = CommandParser::stream();
    let mut input: &[u8] = b"*3\r\n$3\r\nSET\r\n$2\r\nk\n\r\n$0\r\n\r\n";
    let Status::Complete(command) = parser.next(&mut input).unwrap() else { panic!() };
    assert_eq!(command.to_string(), r#""SET" "k\n" """#);
    assert_eq!(format!("{command:?}"), r#"["SET", "k\n", ""]"#);
}

#[test]
fn scalars_print_as_in_redis_cli() {
    let shown = [
        ("+OK\r\n", "OK"),
        ("-ERR no\r\n", "(error) ERR no"),
        ("!6\r\nERR no\r\n", "(error) ERR no"),
        (":-3\r\n", "(integer) -3"),
        ("$3\r\na\"\n\r\n", r#""a\"\n""#),
        ("$-1\r\n", "(nil)"),
        ("_\r\n", "(nil)"),
        ("#t\r\n", "(true)"),
        ("#f\r\n", "(false)"),
        (",1.50\r\n", "(double) 1.50"),
        ("(123\r\n", "(big number) 123"),
        ("=9\r\ntxt:a\nb\u{1b}c\r\n", "a\nb\\u{1b}c"),
        ("+\u{1b}[2Jx\r\n", "\\u{1b}[2Jx"),
        ("$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n", r#""abc""#),
        ("*0\r\n", "(empty array)"),
        ("*?\r\n.\r\n", "(empty array)"),
        ("%0\r\n", "(empty hash)"),
        ("~0\r\n", "(empty set)"),
        (">0\r\n", "(empty push)"),
    ];
    for (bytes, text) in shown {
        assert_eq!(frame(bytes.as_bytes()).to_string(), text, "{bytes:?}");
    }
}

#[test]
fn aggregates_print_as_in_redis_cli() {
    let nested = b"*3\r\n:1\r\n*2\r\n$1\r\na\r\n*1\r\n+x\r\n:2\r\n";
    assert_eq!(frame(nested).to_string(), "1) (integer) 1\n2) 1) \"a\"\n   2) 1) x\n3) (integer) 2");
    let map = b"%2\r\n$1\r\nk\r\n:1\r\n$1\r\nl\r\n*2\r\n:2\r\n:3\r\n";
    assert_eq!(frame(map).to_string(), "1# \"k\" => (integer) 1\n2# \"l\" =>\n   1) (integer) 2\n   2) (integer) 3");
    let set = b"~2\r\n:1\r\n:2\r\n";
    assert_eq!(frame(set).to_string(), "1~ (integer) 1\n2~ (integer) 2");
    let attributed = b"*2\r\n|1\r\n+ttl\r\n:9\r\n:1\r\n:2\r\n";
    assert_eq!(frame(attributed).to_string(), "1) 1| ttl => (integer) 9\n   (integer) 1\n2) (integer) 2");
    assert_eq!(frame(b"|1\r\n+a\r\n:1\r\n+OK\r\n").to_string(), "1| a => (integer) 1\nOK");
    let ten = [b"*10\r\n" as &[u8], &b":1\r\n".repeat(10)].concat();
    let text = frame(&ten).to_string();
    assert!(text.starts_with(" 1) (integer) 1\n 2) ") && text.ends_with("\n10) (integer) 1"), "{text}");
}

/// The walk is balanced, agrees with the items, and needs no recursion at the deepest nesting.
#[test]
fn token_walks_are_balanced() {
    let deepest = [&b"*1\r\n".repeat(redtail::MAX_DEPTH)[..], b"$?\r\n;1\r\nx\r\n;0\r\n"].concat();
    let tokens: Vec<_> = frame(&deepest).tokens().collect();
    assert_eq!(tokens.len(), 2 * redtail::MAX_DEPTH + 3);
    assert_eq!(tokens[redtail::MAX_DEPTH], Token::Begin { kind: Kind::BulkString, count: None });
    assert!(frame(&deepest).to_string().ends_with("1) \"x\""));

    let bytes = b"|1\r\n+a\r\n+b\r\n*2\r\n%?\r\n:1\r\n:2\r\n.\r\n_\r\n";
    let shape: String = frame(bytes)
        .tokens()
        .map(|token| match token {
            Token::Scalar(_) => 's',
            Token::Begin { kind: Kind::Attribute, .. } => '|',
            Token::Begin { .. } => '[',
            Token::Chunk(_) => ';',
            Token::End => ']',
        })
        .collect();
    assert_eq!(shape, "|ss][[ss]s]");
}

#[test]
fn accessors_that_do_not_fit_give_none() {
    let number = frame(b":7\r\n");
    assert_eq!((number.as_bytes(), number.as_f64(), number.as_bool(), number.len()), (None, None, None, None));
    assert_eq!((number.items().count(), number.pairs().count(), number.chunks().count()), (0, 0, 0));
    assert!(number.attributes().is_none() && number.verbatim().is_none() && !number.is_null() && !number.is_error());
    let array = frame(b"*1\r\n-ERR x\r\n");
    assert_eq!((array.as_str(), array.as_i64(), array.pairs().count(), array.len()), (None, None, 0, Some(1)));
    assert!(array.items().next().unwrap().is_error());
    assert_eq!(frame(b"$1\r\n\xff\r\n").as_str(), None);
    assert_eq!(frame(b"|1\r\n:1\r\n:2\r\n|1\r\n:3\r\n:4\r\n:5\r\n").attributes().unwrap().count(), 2);
    assert_eq!(frame(b"|1\r\n:1\r\n:2\r\n|1\r\n:3\r\n:4\r\n:5\r\n").as_i64(), Some(5));
    assert_eq!(frame(b"|0\r\n:5\r\n").attributes().unwrap().count(), 0);
}

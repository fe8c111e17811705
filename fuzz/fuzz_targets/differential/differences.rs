//! The known differences, one by one, with their reasons.

use redtail::resp::{Frame, Kind, Token};
use redtail::{ProtocolError, ProtocolErrorKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Hiredis,
    RedisRs,
}

/// A difference that is not our defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Both peers accept more than our limits: longer lines and payloads, more elements.
    OurLimits,
    /// hiredis: attributes are a reply of their own, and count as an element inside an aggregate. redis: the reply and
    /// its attributes together are a value, and cannot precede an element. RESP3: they describe the next value and are
    /// not counted.
    Attributes,
    /// Neither supports streamed strings and aggregates.
    NoStreams,
    /// Both accept a push directly inside a push, which no server sends.
    PushInPush,
    /// Both accept more doubles than RESP3. hiredis: `.5`, `5.`, `INF`; redis: any number that Rust parses, surrounded
    /// by blanks. hiredis also rejects doubles that overflow, and texts over 325 bytes. Both reject a payload of `nan`.
    Doubles,
    /// Both accept an empty big number, redis any text.
    BigNumbers,
    /// Both read a length of -1 as null for more types than the two of RESP2.
    NegativeLengths,
    /// hiredis skips the two bytes after a payload without checking them.
    UncheckedCrlf,
    /// hiredis accepts `#T`, `#F` and `#` with a NUL byte: it searches for the byte with strchr.
    Booleans,
    /// hiredis does not support bulk errors.
    NoBulkErrors,
    /// hiredis rejects a plus sign before a number. RESP3 allows it.
    PlusSigns,
    /// redis accepts blanks around a number, a plus sign and leading zeros, in lengths too.
    LooseNumbers,
    /// redis accepts any bytes up to CR LF as a line, also a lone CR or LF, and any text after `_`.
    LooseLines,
    /// redis requires UTF-8 in lines, bulk errors and verbatim strings, or converts them.
    OnlyUtf8,
    /// redis requires a string as the kind of a push, and returns another value if it is not a bulk string.
    PushKinds,
    /// redis cuts a verbatim string at its first colon.
    VerbatimFormats,
    /// redis limits nesting to 100 levels.
    Depth100,
}

/// An aggregate declares more elements than there are bytes. Both peers allocate all of them at once.
pub(crate) fn declares_much(data: &[u8]) -> bool {
    data.windows(6).any(|window| {
        b"*%~>|$=!".contains(&window[0])
            && window[1..].iter().all(|byte| byte.is_ascii_digit() || b"+- \t\x0b\x0c".contains(byte))
    })
}

impl Difference {
    /// The reason why a peer reads this frame differently.
    pub(crate) fn in_frame(peer: Peer, frame: Frame<'_>) -> Option<Self> {
        let (mut depth, mut deepest) = (0_usize, 0);
        let mut found = None;
        for token in frame.tokens() {
            let difference = match (peer, token) {
                (_, Token::Begin { kind: Kind::Attribute, .. }) => Some(Self::Attributes),
                (_, Token::Begin { count: None, .. } | Token::Chunk(_)) => Some(Self::NoStreams),
                (Peer::RedisRs, Token::Begin { kind: Kind::Push, .. }) => Some(Self::PushKinds),
                (Peer::Hiredis, Token::Scalar(frame)) => Self::for_hiredis(frame),
                (Peer::RedisRs, Token::Scalar(frame)) => Self::for_redis_rs(frame),
                _ => None,
            };
            match token {
                Token::Begin { .. } => depth += 1,
                Token::End => depth -= 1,
                _ => {}
            }
            deepest = deepest.max(depth);
            found = found.or(difference);
        }
        found.or((peer == Peer::RedisRs && deepest >= 99).then_some(Self::Depth100))
    }

    fn for_hiredis(frame: Frame<'_>) -> Option<Self> {
        match frame.kind() {
            Kind::BulkError => Some(Self::NoBulkErrors),
            Kind::Integer | Kind::BigNumber | Kind::Double if frame.raw().get(1) == Some(&b'+') => {
                Some(Self::PlusSigns)
            }
            Kind::Double if frame.raw().contains(&b'(') => Some(Self::Doubles),
            Kind::Double if frame.raw().len() > 320 || frame.as_f64().is_some_and(f64::is_infinite) => {
                Some(Self::Doubles)
            }
            _ => None,
        }
    }

    fn for_redis_rs(frame: Frame<'_>) -> Option<Self> {
        let text = frame.as_bytes().unwrap_or_default();
        match frame.kind() {
            Kind::SimpleString | Kind::Error | Kind::BulkError if frame.as_str().is_none() => Some(Self::OnlyUtf8),
            Kind::Double if frame.raw().contains(&b'(') => Some(Self::Doubles),
            Kind::VerbatimString => {
                let (format, _) = frame.verbatim()?;
                let is_utf8 = std::str::from_utf8(text).is_ok() && format.is_ascii();
                (!is_utf8).then_some(Self::OnlyUtf8).or(format.contains(&b':').then_some(Self::VerbatimFormats))
            }
            _ => None,
        }
    }

    /// The reason why a peer decides on bytes that are incomplete for us.
    pub(crate) fn in_rest(peer: Peer, rest: &[u8]) -> Option<Self> {
        let has = |byte: u8| rest.contains(&byte);
        match peer {
            _ if has(b'|') => Some(Self::Attributes),
            _ if has(b'?') => Some(Self::NoStreams),
            Peer::Hiredis if has(b'!') => Some(Self::NoBulkErrors),
            Peer::Hiredis if has(b',') => Some(Self::Doubles),
            Peer::Hiredis if has(b'+') => Some(Self::PlusSigns),
            Peer::RedisRs if rest.windows(4).any(|text| text.eq_ignore_ascii_case(b"nan(")) => Some(Self::Doubles),
            Peer::RedisRs if has(b'>') => Some(Self::PushKinds),
            Peer::RedisRs if !rest.is_ascii() => Some(Self::OnlyUtf8),
            Peer::RedisRs if rest.iter().filter(|byte| b"*%~".contains(byte)).count() >= 99 => Some(Self::Depth100),
            _ => None,
        }
    }

    /// The reason why a peer accepts bytes that we reject.
    pub(crate) fn after(peer: Peer, error: &ProtocolError, rest: &[u8]) -> Option<Self> {
        // A frame may have several reasons: earlier ones in the same frame count too.
        if let Some(difference) = Self::in_rest(peer, rest).filter(|difference| *difference == Self::Attributes) {
            return Some(difference);
        }
        match (error.kind, peer) {
            (
                ProtocolErrorKind::BulkTooLong { .. }
                | ProtocolErrorKind::CommandTooLong { .. }
                | ProtocolErrorKind::TooManyArguments { .. }
                | ProtocolErrorKind::TooDeep { limit: _ }
                | ProtocolErrorKind::LineTooLong { .. },
                _,
            ) => Some(Self::OurLimits),
            (ProtocolErrorKind::Unexpected { found, .. }, _) if found.0 == b'>' => Some(Self::PushInPush),
            (ProtocolErrorKind::InvalidValue("double"), _) => Some(Self::Doubles),
            (ProtocolErrorKind::InvalidValue("big number"), _) => Some(Self::BigNumbers),
            (ProtocolErrorKind::InvalidLength("negative"), _) => Some(Self::NegativeLengths),
            (ProtocolErrorKind::MissingCrlf { .. }, Peer::Hiredis) => Some(Self::UncheckedCrlf),
            (ProtocolErrorKind::InvalidValue("boolean"), Peer::Hiredis) => Some(Self::Booleans),
            (ProtocolErrorKind::InvalidLength("a verbatim string has at least 4 bytes"), Peer::RedisRs) => {
                Some(Self::VerbatimFormats)
            }
            (ProtocolErrorKind::InvalidLength(_) | ProtocolErrorKind::InvalidValue("integer"), Peer::RedisRs) => {
                Some(Self::LooseNumbers)
            }
            (
                ProtocolErrorKind::Unexpected { expected: "':' after the format of a verbatim string", .. },
                Peer::RedisRs,
            ) => Some(Self::VerbatimFormats),
            (ProtocolErrorKind::Unexpected { .. }, Peer::RedisRs) => Some(Self::LooseLines),
            _ => None,
        }
    }
}

/// 105 nested arrays.
const NESTED: &[u8] = &nested::<424>(105);

/// `*1` and its CR LF repeatedly, then `:1`.
const fn nested<const N: usize>(depth: usize) -> [u8; N] {
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        bytes[at] = match (at < 4 * depth, at % 4) {
            (true, 0) => b'*',
            (false, 0) => b':',
            (_, 1) => b'1',
            (_, 2) => b'\r',
            _ => b'\n',
        };
        at += 1;
    }
    bytes
}

/// Each difference still exists: the peers differ on these bytes.
pub(crate) const EXAMPLES: &[(Peer, Difference, &[u8])] = &[
    (Peer::Hiredis, Difference::PushInPush, b">1\r\n>1\r\n+x\r\n"),
    (Peer::RedisRs, Difference::PushInPush, b">2\r\n$1\r\nk\r\n>1\r\n$1\r\nx\r\n"),
    (Peer::Hiredis, Difference::Attributes, b"|1\r\n+ttl\r\n:3\r\n+OK\r\n"),
    (Peer::Hiredis, Difference::Attributes, b"*1\r\n|1\r\n+ttl\r\n:3\r\n"),
    (Peer::RedisRs, Difference::Attributes, b"|1\r\n+ttl\r\n:3\r\n+OK\r\n"),
    (Peer::Hiredis, Difference::NoStreams, b"$?\r\n;1\r\na\r\n;0\r\n"),
    (Peer::RedisRs, Difference::NoStreams, b"*?\r\n.\r\n"),
    (Peer::Hiredis, Difference::Doubles, b",.5\r\n"),
    (Peer::Hiredis, Difference::Doubles, b",1e999\r\n"),
    (Peer::RedisRs, Difference::Doubles, b", infinity \r\n"),
    (Peer::Hiredis, Difference::BigNumbers, b"(\r\n"),
    (Peer::RedisRs, Difference::BigNumbers, b"(ten\r\n"),
    (Peer::Hiredis, Difference::NegativeLengths, b"=-1\r\n"),
    (Peer::RedisRs, Difference::NegativeLengths, b"~-1\r\n"),
    (Peer::Hiredis, Difference::UncheckedCrlf, b"$1\r\naXX"),
    (Peer::Hiredis, Difference::Booleans, b"#T\r\n"),
    (Peer::Hiredis, Difference::Booleans, b"#\0\r\n"),
    (Peer::Hiredis, Difference::NoBulkErrors, b"!3\r\nERR\r\n"),
    (Peer::Hiredis, Difference::PlusSigns, b":+1\r\n"),
    (Peer::Hiredis, Difference::PlusSigns, b",+7\r\n"),
    (Peer::RedisRs, Difference::LooseNumbers, b": +07 \r\n"),
    (Peer::RedisRs, Difference::LooseNumbers, b"$01\r\na\r\n"),
    (Peer::RedisRs, Difference::LooseLines, b"+a\nb\r\n"),
    (Peer::RedisRs, Difference::LooseLines, b"_x\r\n"),
    (Peer::RedisRs, Difference::OnlyUtf8, b"+\xff\r\n"),
    (Peer::RedisRs, Difference::PushKinds, b">1\r\n:1\r\n"),
    (Peer::RedisRs, Difference::VerbatimFormats, b"=3\r\na:b\r\n"),
    (Peer::RedisRs, Difference::Depth100, NESTED),
];

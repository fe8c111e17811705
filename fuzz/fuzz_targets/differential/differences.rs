//! What is known to differ, one by one, and why.

use redtail::resp::{Frame, Kind, Token};
use redtail::{ProtocolError, ProtocolErrorKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    Hiredis,
    RedisRs,
}

/// A difference that is no fault of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Both peers accept more than our limits: longer lines and payloads, deeper nesting (hiredis: 1024), more elements.
    OurLimits,
    /// hiredis: attributes are a reply of their own, and inside an aggregate they count as an element. redis: the reply and its attributes
    /// together are a value, and they can't stand before an element of anything. RESP3 says they belong to what follows and count
    /// nowhere.
    Attributes,
    /// Both know no streamed strings and aggregates.
    NoStreams,
    /// Both take a push anywhere. RESP3 has it only at the top level.
    PushAnywhere,
    /// Both take more for a double than RESP3 has. hiredis: `.5`, `5.`, `INF`; redis: whatever Rust reads, blanks around it.
    /// hiredis also refuses what is too large for a double, and texts over 325 bytes.
    Doubles,
    /// Both take any big number that is empty, or (redis) any text at all.
    BigNumbers,
    /// Both take more lengths of -1 for null than RESP2's two.
    NegativeLengths,
    /// hiredis skips the two bytes after a payload, whatever they are.
    UncheckedCrlf,
    /// hiredis takes `#T`, `#F`, and, since it looks the byte up with strchr, `#` and a NUL.
    Booleans,
    /// hiredis knows no bulk errors.
    NoBulkErrors,
    /// redis takes blanks around a number, a plus sign and leading zeros, in lengths too.
    LooseNumbers,
    /// redis takes any bytes up to CR LF for a line, also a lone CR or LF, and any text after `_`.
    LooseLines,
    /// redis wants lines, bulk errors and verbatim strings to be UTF-8, or mends them.
    OnlyUtf8,
    /// redis takes the kind of a push for a string, wants one, and gives another value where it is not a bulk string.
    PushKinds,
    /// redis cuts a verbatim string at its first colon, wherever it stands.
    VerbatimFormats,
    /// redis nests no deeper than 100.
    Depth100,
}

/// An aggregate is declared that has more elements than there are bytes. Both peers make room for all of them at once.
pub(crate) fn declares_much(data: &[u8]) -> bool {
    data.windows(6).any(|window| {
        b"*%~>|$=!".contains(&window[0])
            && window[1..].iter().all(|byte| byte.is_ascii_digit() || b"+- \t\x0b\x0c".contains(byte))
    })
}

impl Difference {
    /// Why a peer can't read this frame as we do.
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
            Kind::VerbatimString => {
                let (format, _) = frame.verbatim()?;
                let is_utf8 = std::str::from_utf8(text).is_ok() && format.is_ascii();
                (!is_utf8).then_some(Self::OnlyUtf8).or(format.contains(&b':').then_some(Self::VerbatimFormats))
            }
            _ => None,
        }
    }

    /// Why a peer has a verdict on bytes that for us go on.
    pub(crate) fn in_rest(peer: Peer, rest: &[u8]) -> Option<Self> {
        let has = |byte: u8| rest.contains(&byte);
        match peer {
            _ if has(b'|') => Some(Self::Attributes),
            _ if has(b'?') => Some(Self::NoStreams),
            Peer::Hiredis if has(b'!') => Some(Self::NoBulkErrors),
            Peer::Hiredis if has(b',') => Some(Self::Doubles),
            Peer::RedisRs if has(b'>') => Some(Self::PushKinds),
            Peer::RedisRs if !rest.is_ascii() => Some(Self::OnlyUtf8),
            Peer::RedisRs if rest.iter().filter(|byte| b"*%~".contains(byte)).count() >= 99 => Some(Self::Depth100),
            _ => None,
        }
    }

    /// Why a peer takes what we refuse.
    pub(crate) fn after(peer: Peer, error: &ProtocolError, rest: &[u8]) -> Option<Self> {
        // A frame may have more than one of these: what was before it in the same frame counts too.
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
            (ProtocolErrorKind::Unexpected { found, .. }, _) if found.0 == b'>' => Some(Self::PushAnywhere),
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

/// 130 arrays in one another, and 105.
const DEEP: &[u8] = &nested::<524>(130);
const NESTED: &[u8] = &nested::<424>(105);

/// `*1` and its CR LF again and again, then `:1`.
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

/// That each of them is still there: what a peer makes of these bytes differs so.
pub(crate) const EXAMPLES: &[(Peer, Difference, &[u8])] = &[
    (Peer::Hiredis, Difference::OurLimits, DEEP),
    (Peer::Hiredis, Difference::Attributes, b"|1\r\n+ttl\r\n:3\r\n+OK\r\n"),
    (Peer::Hiredis, Difference::Attributes, b"*1\r\n|1\r\n+ttl\r\n:3\r\n"),
    (Peer::RedisRs, Difference::Attributes, b"|1\r\n+ttl\r\n:3\r\n+OK\r\n"),
    (Peer::Hiredis, Difference::NoStreams, b"$?\r\n;1\r\na\r\n;0\r\n"),
    (Peer::RedisRs, Difference::NoStreams, b"*?\r\n.\r\n"),
    (Peer::Hiredis, Difference::PushAnywhere, b"*1\r\n>1\r\n+x\r\n"),
    (Peer::RedisRs, Difference::PushAnywhere, b"*1\r\n>1\r\n+x\r\n"),
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
    (Peer::RedisRs, Difference::LooseNumbers, b": +07 \r\n"),
    (Peer::RedisRs, Difference::LooseNumbers, b"$01\r\na\r\n"),
    (Peer::RedisRs, Difference::LooseLines, b"+a\nb\r\n"),
    (Peer::RedisRs, Difference::LooseLines, b"_x\r\n"),
    (Peer::RedisRs, Difference::OnlyUtf8, b"+\xff\r\n"),
    (Peer::RedisRs, Difference::PushKinds, b">1\r\n:1\r\n"),
    (Peer::RedisRs, Difference::VerbatimFormats, b"=3\r\na:b\r\n"),
    (Peer::RedisRs, Difference::Depth100, NESTED),
];

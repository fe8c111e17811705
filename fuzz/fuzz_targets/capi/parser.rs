//! Calls on a parser.

use std::alloc::Layout;
use std::ffi::{c_int, c_void};

use redtail::capi::basics::{redtail_slice, redtail_status as Status};
use redtail::capi::item::{REDTAIL_SPANS, redtail_item, redtail_item_arg, redtail_item_kind as Kind, redtail_token};
use redtail::capi::parser::*;
use redtail::capi::tokens::redtail_parser_next_token;
use redtail::resp::{CommandParser, FrameParser, Poll, Request, RequestParser};

use crate::{Input, is, known, pointer, read, understood, words};

#[derive(Default)]
pub(crate) struct Calls {
    parser: Option<Parser>,
    /// The unread bytes, in memory of their own.
    unread: Box<[u8]>,
    /// The unread bytes at the last request of an item.
    shown: Box<[u8]>,
}

struct Parser {
    handle: *mut redtail_parser,
    /// The caller's memory that holds the parser.
    memory: Option<(*mut u8, Layout)>,
    twin: Option<Twin>,
    /// The offset of its first byte.
    begin: u64,
    item: *const redtail_item,
    /// The last item's bytes are unchanged.
    fresh: bool,
    /// Arguments of the item that were seen.
    seen: usize,
}

/// The same parser in Rust.
enum Twin {
    Frames(FrameParser),
    Requests(RequestParser),
    Commands(CommandParser),
}

impl Drop for Parser {
    fn drop(&mut self) {
        unsafe { redtail_parser_free(self.handle) };
        if let Some((memory, layout)) = self.memory {
            unsafe { std::alloc::dealloc(memory, layout) };
        }
    }
}

impl Calls {
    pub(crate) fn call(&mut self, call: u8, input: &mut Input<'_>) {
        match call % 14 {
            0 => self.make(input),
            1 => self.init(input),
            2 => self.parser = None,
            3..6 => self.feed(input.bytes()),
            6..8 => self.next(),
            8 => self.walk_args(input.byte()),
            9 => self.walk_tokens(),
            10 => self.batch(input.byte()),
            11 => self.look(),
            12 => self.start_at(input.number()),
            _ => unquote(input),
        }
    }

    fn make(&mut self, input: &mut Input<'_>) {
        let (mode, limits) = (c_int::from(input.byte() % 5), input.limits());
        let handle = unsafe { redtail_parser_new(mode, pointer(limits.as_deref())) };
        assert!(!handle.is_null());
        self.adopt(handle, None, mode, limits.as_deref());
    }

    fn init(&mut self, input: &mut Input<'_>) {
        let (mode, limits) = (c_int::from(input.byte() % 5), input.limits());
        let size = redtail_parser_size() - usize::from(input.byte() == 1);
        let layout = Layout::from_size_align(size, redtail_parser_alignment()).unwrap();
        let memory = unsafe { std::alloc::alloc(layout) };
        let mut handle = std::ptr::null_mut();
        let limits_pointer = pointer(limits.as_deref());
        let status = unsafe { redtail_parser_init(memory.cast::<c_void>(), size, mode, limits_pointer, &mut handle) };
        if is(known(status), Status::REDTAIL_OK) {
            assert_eq!(handle.cast::<u8>(), memory);
            self.adopt(handle, Some((memory, layout)), mode, limits.as_deref());
        } else {
            assert!(handle.is_null());
            unsafe { std::alloc::dealloc(memory, layout) };
        }
    }

    fn adopt(
        &mut self,
        handle: *mut redtail_parser,
        memory: Option<(*mut u8, Layout)>,
        mode: c_int,
        limits: Option<&[u64]>,
    ) {
        let understood = understood(limits);
        let twin = match (mode, understood) {
            (0, Some(limits)) => Some(Twin::Frames(FrameParser::new().with_limits(limits))),
            (1, Some(limits)) => Some(Twin::Requests(RequestParser::new().with_limits(limits))),
            (2, Some(limits)) => Some(Twin::Commands(CommandParser::stream().with_limits(limits))),
            (3, Some(limits)) => Some(Twin::Commands(CommandParser::aof().with_limits(limits))),
            _ => None,
        };
        let (begin, item) = (0, std::ptr::null());
        self.parser = Some(Parser { handle, memory, twin, begin, item, fresh: false, seen: 0 });
        self.unread = Box::default();
    }

    fn feed(&mut self, bytes: &[u8]) {
        // New memory: an access through a pointer into the old one is a use after free.
        self.unread = [&self.unread, bytes].concat().into_boxed_slice();
        self.shown = Box::default();
        if let Some(parser) = &mut self.parser {
            parser.fresh = false;
        }
    }

    fn next(&mut self) {
        let Some(parser) = &mut self.parser else { return };
        parser.fresh = false;
        let mut input = redtail_slice { data: self.unread.as_ptr().cast(), len: self.unread.len() };
        let mut item = std::ptr::null();
        let status = known(unsafe { redtail_parser_next(parser.handle, &mut input, &mut item) });
        let used = self.unread.len() - input.len;
        let expected = parser.twin.as_mut().map(|twin| twin.next(&self.unread));
        match expected {
            None => return assert!(is(status, Status::REDTAIL_ERROR_ARGUMENT)),
            Some(Err(())) => assert!(status < 0),
            Some(Ok((bytes, None))) => assert!(used == bytes && is(status, Status::REDTAIL_NEED_MORE)),
            Some(Ok((bytes, Some(expected)))) => {
                assert_eq!(used, bytes);
                let whole = expected.is_none_or(|argc| argc <= REDTAIL_SPANS);
                assert!(is(status, if whole { Status::REDTAIL_OK } else { Status::REDTAIL_MORE_ARGS }));
                (parser.item, parser.fresh) = (item, true);
                parser.seen = REDTAIL_SPANS.min(unsafe { (*item).argc });
                check(unsafe { &*item }, &self.unread, expected);
            }
        }
        assert_eq!(parser.offset(), parser.begin + parser.twin.as_ref().unwrap().offset());
        let rest = self.unread[used..].into();
        // The item's bytes live until the next feed.
        self.shown = std::mem::replace(&mut self.unread, rest);
    }

    fn walk_args(&mut self, most: u8) {
        let Some(parser) = self.parser.as_mut().filter(|parser| parser.fresh) else { return };
        let argc = unsafe { (*parser.item).argc };
        for _ in 0..most {
            let mut arg = redtail_slice { data: std::ptr::null(), len: 0 };
            let status = known(unsafe { redtail_parser_next_arg(parser.handle, &mut arg) });
            if is(status, Status::REDTAIL_END) {
                assert_eq!(parser.seen, argc);
                return;
            }
            assert!(!arg.data.is_null());
            read(arg);
            parser.seen += 1;
        }
    }

    fn walk_tokens(&mut self) {
        let Some(parser) = self.parser.as_mut().filter(|parser| parser.fresh) else { return };
        let mut open = 0_usize;
        loop {
            let mut token: *const redtail_token = std::ptr::null();
            let status = known(unsafe { redtail_parser_next_token(parser.handle, &mut token) });
            if is(status, Status::REDTAIL_END) {
                assert_eq!(open, 0);
                return;
            }
            let token = unsafe { &*token };
            read(token.bytes);
            match token.step {
                2 => {
                    assert_eq!(token.depth as usize, open);
                    open += 1;
                }
                4 => {
                    open -= 1;
                    assert_eq!(token.depth as usize, open);
                }
                step => assert!((step == 1 || step == 3) && token.depth as usize == open),
            }
        }
    }

    fn batch(&mut self, stop_after: u8) {
        let Some(parser) = &mut self.parser else { return };
        let mut input = redtail_slice { data: self.unread.as_ptr().cast(), len: self.unread.len() };
        let mut seen = Seen { parser: parser.handle, left: stop_after, items: 0, unread: &self.unread };
        let context = (&raw mut seen).cast::<c_void>();
        let status = unsafe { redtail_parser_batch(parser.handle, &mut input, Some(each), context) };
        let (status, used) = (known(status), self.unread.len() - input.len);
        let Some(twin) = &mut parser.twin else { return assert!(is(status, Status::REDTAIL_ERROR_ARGUMENT)) };
        let (mut at, items) = (0, seen.items);
        for _ in 0..items {
            let Ok((used, Some(_))) = twin.next(&self.unread[at..]) else { panic!("more items than there are") };
            at += used;
        }
        if !is(status, Status::REDTAIL_STOPPED) {
            match twin.next(&self.unread[at..]) {
                Ok((used, None)) => {
                    at += used;
                    assert!(is(status, Status::REDTAIL_NEED_MORE));
                }
                Ok(_) => panic!("an item was left out"),
                Err(()) => assert!(status < 0),
            }
        }
        assert_eq!(used, at);
        self.unread = self.unread[used..].into();
        (parser.fresh, parser.item) = (false, std::ptr::null());
    }

    fn look(&mut self) {
        let Some(parser) = &mut self.parser else { return };
        let (mut needed, mut offset) = (0, 0);
        unsafe {
            known(redtail_parser_needed(parser.handle, &mut needed));
            known(redtail_parser_error_offset(parser.handle, &mut offset));
            words(redtail_parser_message(parser.handle));
        }
    }

    fn start_at(&mut self, offset: u64) {
        let Some(parser) = &mut self.parser else { return };
        let begun = parser.offset();
        let status = known(unsafe { redtail_parser_start_at(parser.handle, offset) });
        if is(status, Status::REDTAIL_OK) {
            assert!(begun == 0 && i64::try_from(offset).is_ok());
            parser.begin = offset;
        }
    }
}

impl Parser {
    fn offset(&self) -> u64 {
        let mut offset = 0;
        known(unsafe { redtail_parser_offset(self.handle, &mut offset) });
        offset
    }
}

impl Twin {
    /// The number of bytes consumed and, for an item, its number of arguments if any.
    fn next(&mut self, bytes: &[u8]) -> Result<(usize, Option<Option<usize>>), ()> {
        let poll = match self {
            Self::Frames(parser) => parser.poll(bytes),
            Self::Requests(parser) => parser.poll(bytes),
            Self::Commands(parser) => parser.poll(bytes),
        };
        let poll = poll.map_err(drop)?;
        let is_whole = matches!(poll, Poll::Complete { .. });
        let argc = match self {
            Self::Frames(_) => None,
            Self::Requests(parser) if is_whole => match parser.request(bytes) {
                Request::Command(command) => Some(command.argc()),
                Request::Inline(line) => Some(line.args().count()),
            },
            Self::Commands(parser) if is_whole => Some(parser.command(bytes).argc()),
            _ => None,
        };
        Ok((poll.used(), is_whole.then_some(argc)))
    }

    fn offset(&self) -> u64 {
        match self {
            Self::Frames(parser) => parser.offset(),
            Self::Requests(parser) => parser.offset(),
            Self::Commands(parser) => parser.offset(),
        }
    }
}

/// An item as expected: all within the given bytes.
fn check(item: &redtail_item, shown: &[u8], argc: Option<usize>) {
    let inside = |slice: redtail_slice| {
        let bytes = read(slice);
        assert!(shown.as_ptr_range().start <= bytes.as_ptr_range().start);
        assert!(bytes.as_ptr_range().end <= shown.as_ptr_range().end);
        bytes
    };
    let raw = inside(item.raw);
    assert!(!raw.is_empty());
    assert_eq!(item.argc, argc.unwrap_or(0));
    for index in 0..item.argc + 1 {
        let arg = unsafe { redtail_item_arg(item, index) };
        let has_span = argc.is_some() && index < item.argc.min(REDTAIL_SPANS);
        assert_eq!(arg.data.is_null(), !has_span);
        if has_span {
            inside(arg);
        }
    }
    assert_eq!(item.kind == Kind::REDTAIL_ITEM_FRAME as c_int, argc.is_none());
}

struct Seen<'a> {
    parser: *mut redtail_parser,
    left: u8,
    items: usize,
    unread: &'a [u8],
}

unsafe extern "C" fn each(context: *mut c_void, item: *const redtail_item) -> c_int {
    let seen = unsafe { &mut *context.cast::<Seen<'_>>() };
    let first = unsafe { redtail_item_arg(item, 0) };
    let item = unsafe { &*item };
    let raw = read(item.raw);
    if !first.data.is_null() {
        read(first);
    }
    assert!(seen.unread.as_ptr_range().contains(&raw.as_ptr()));
    seen.items += 1;
    // In the middle of a batch the parser answers for this item.
    for _ in 0..seen.items % 3 {
        let mut arg = redtail_slice { data: std::ptr::null(), len: 0 };
        if known(unsafe { redtail_parser_next_arg(seen.parser, &mut arg) }) == 0 {
            read(arg);
        }
        let mut token: *const redtail_token = std::ptr::null();
        if known(unsafe { redtail_parser_next_token(seen.parser, &mut token) }) == 0 {
            read(unsafe { &*token }.bytes);
        }
    }
    words(unsafe { redtail_parser_message(seen.parser) });
    seen.left = seen.left.wrapping_sub(1);
    c_int::from(seen.left == 0)
}

fn unquote(input: &mut Input<'_>) {
    let word: Box<[u8]> = input.bytes().into();
    let slice = redtail_slice { data: word.as_ptr().cast(), len: word.len() };
    let mut room = vec![0_u8; word.len()].into_boxed_slice();
    let mut length = usize::MAX;
    let status = known(unsafe { redtail_unquote(&slice, room.as_mut_ptr().cast(), room.len(), &mut length) });
    assert!(is(status, Status::REDTAIL_OK) && length <= word.len());
    // With exactly the necessary room, and with one byte less.
    let mut exact = vec![0_u8; length].into_boxed_slice();
    let mut again = 0;
    known(unsafe { redtail_unquote(&slice, exact.as_mut_ptr().cast(), length, &mut again) });
    assert_eq!((again, &exact[..]), (length, &room[..length]));
    if length > 0 {
        let status = unsafe { redtail_unquote(&slice, exact.as_mut_ptr().cast(), length - 1, &mut again) };
        assert!(is(known(status), Status::REDTAIL_ERROR_ARGUMENT));
    }
}

#![no_main]
//! Every parser of commands returns encoded arguments unchanged. The encoder writes into memory of the exact size.
//!
//! An argument is a byte with its length (from 250 on: repeated 2 to 64 times more) and its bytes.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

use libfuzzer_sys::fuzz_target;
use redtail::resp::{Request, RequestParser, encode_command, encoded_len};
use redtail::{CommandParser, FrameParser, Status};

fuzz_target!(|data: &[u8]| {
    let args = arguments(data);
    let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
    let needed = encoded_len(&args);
    let mut buffer = vec![0xee; needed].into_boxed_slice();
    let short = encode_command(&mut buffer[..needed - 1], &args);
    assert_eq!(short.map_err(|error| error.needed), Err(needed));
    assert!(buffer.iter().all(|byte| *byte == 0xee), "nothing is written where there is no room");
    assert_eq!(encode_command(&mut buffer, &args), Ok(needed));

    let mut input = &buffer[..];
    let mut frames = FrameParser::new();
    let Ok(Status::Complete(frame)) = frames.next(&mut input) else { panic!("no frame") };
    assert!(input.is_empty());
    assert_eq!(frame.items().map(|item| item.as_bytes().unwrap()).collect::<Vec<_>>(), args);
    if args.is_empty() {
        return;
    }
    let mut input = &buffer[..];
    let mut stream = CommandParser::stream();
    let Ok(Status::Complete(command)) = stream.next(&mut input) else { panic!("no command") };
    assert_eq!((command.args().collect::<Vec<_>>(), command.raw()), (args.clone(), &buffer[..]));
    assert!(input.is_empty());
    let mut requests = RequestParser::new();
    let mut input = &buffer[..];
    let Ok(Status::Complete(Request::Command(command))) = requests.next(&mut input) else { panic!("no request") };
    assert_eq!(command.args().collect::<Vec<_>>(), args);
});

fn arguments(mut data: &[u8]) -> Vec<Vec<u8>> {
    let mut args = Vec::new();
    while let Some((&length, rest)) = data.split_first() {
        let (times, length) = match length {
            250.. => (1 << (length - 249), rest.first().copied().unwrap_or(0)),
            _ => (1, length),
        };
        let (bytes, rest) = rest.split_at(usize::from(length).min(rest.len()));
        args.push(bytes.repeat(times));
        data = rest;
    }
    args
}

//! Bytes in, frames out. The parser needs no standard library: `cargo run --example parse --no-default-features`.

use redtail::{FrameParser, ProtocolError, Status};

fn main() -> Result<(), ProtocolError> {
    let mut parser = FrameParser::new();
    let mut input: &[u8] = b"+OK\r\n*2\r\n$5\r\nhello\r\n:42\r\n%1\r\n$3\r\nkey\r\n#t\r\n$10\r\nnot yet";
    while let Status::Complete(frame) = parser.next(&mut input)? {
        println!("{frame}");
    }
    println!("{} bytes are left for the next read, which begins at byte {}", input.len(), parser.offset());
    Ok(())
}

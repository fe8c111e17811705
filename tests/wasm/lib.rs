//! The parser without an operating system: a digest of all frames of an input, computed alike in WebAssembly and on
//! this machine. `run.mjs` compares the two.
#![cfg_attr(target_arch = "wasm32", no_std)]

use core::fmt::{self, Write};

use redtail::{FrameParser, Status};

/// FNV-1a over the display of every frame, then over the error or the final offset. Each call of the parser gets at
/// most `step` bytes more.
pub fn digest(input: &[u8], step: usize) -> u64 {
    let mut seen = Fnv(0xcbf2_9ce4_8422_2325);
    let (mut parser, mut read, mut given) = (FrameParser::new(), 0, 0);
    while given < input.len() {
        given = input.len().min(given + step);
        let mut piece = &input[read..given];
        loop {
            let frame = parser.next(&mut piece);
            // Formatting into a hash has no error.
            let _ = match frame {
                Ok(Status::Complete(frame)) => write!(seen, "{frame}"),
                Ok(Status::Incomplete { .. }) => break,
                Err(error) => {
                    let _ = write!(seen, "{error}");
                    return seen.0;
                }
            };
        }
        read = given - piece.len();
    }
    let _ = write!(seen, "{}", parser.offset());
    seen.0
}

struct Fnv(u64);

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        Ok(())
    }
}

#[cfg(target_arch = "wasm32")]
mod exports {
    use core::ptr::addr_of_mut;
    use core::slice;

    const CAPACITY: usize = 4 << 20;
    static mut INPUT: [u8; CAPACITY] = [0; CAPACITY];

    /// Where the caller writes its input.
    #[unsafe(no_mangle)]
    extern "C" fn input() -> *mut u8 {
        addr_of_mut!(INPUT).cast()
    }

    #[unsafe(no_mangle)]
    extern "C" fn digest(len: usize, step: usize) -> u64 {
        // SAFETY: there is one thread, and nothing writes while this function runs.
        let input = unsafe { slice::from_raw_parts(input(), len.min(CAPACITY)) };
        super::digest(input, step.max(1))
    }

    #[panic_handler]
    fn panic(_: &core::panic::PanicInfo) -> ! {
        core::arch::wasm32::unreachable()
    }
}

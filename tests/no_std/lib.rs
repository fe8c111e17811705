//! Proof that the parser alone needs no standard library; `tests/run` compiles it against redtail without default
//! features.
//!
//! This library brings its own panic handler, so the compiler refuses it ("duplicate lang item") if redtail, or
//! anything below it, links `std`.
#![no_std]
// Without a name in use the linker would skip the library entirely.
pub use redtail::Limits;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}

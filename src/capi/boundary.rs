//! The boundary between C and the library: checks pointers, catches panics, stores the message of each failure
//! in the handle.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int};
use std::fmt;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::OnceLock;

use crate::capi::basics::*;

/// The body of every function with a handle.
///
/// `call!(handle, out a, out b; { body })` checks `handle` and the output pointers, and shadows them with a `&mut`
/// and [`Out`]s. The body returns a [`redtail_status`]. Without a handle (`call!(; out a; { body })`) there is no
/// message.
macro_rules! call {
    (; $(out $out:ident),*; $body:block) => {
        $crate::capi::boundary::without_handle(|| {
            $(let Some($out) = $crate::capi::boundary::Out::new($out) else { return REDTAIL_ERROR_ARGUMENT };)*
            $body
        })
    };
    ($handle:ident $(, out $out:ident)*; $body:block) => {
        $crate::capi::boundary::enter(
            // SAFETY: the header asks for a pointer from _new or _init that was not freed, used by one thread at a
            // time.
            unsafe { $crate::capi::boundary::checked($handle) },
            |$handle| {
                $(let Some($out) = $crate::capi::boundary::Out::new($out) else {
                    let message = concat!("the pointer ", stringify!($out), " is NULL");
                    return $crate::capi::boundary::refuse($handle, REDTAIL_ERROR_ARGUMENT, message);
                };)*
                $body
            },
        )
    };
}
pub(super) use call;

/// The state that every handle has.
#[derive(Debug)]
pub(super) struct Guard {
    /// The error that each call returns at once: a panic, or invalid options.
    refused: Option<redtail_status>,
    /// The address of the handle, if its fast path needs no preparation: no error, no message, not moved. Otherwise 0.
    prepared: usize,
    message: Message,
}

impl Guard {
    pub(super) const fn new() -> Self {
        Self { refused: None, prepared: 0, message: Message::EMPTY }
    }

    /// A guard that rejects every call.
    pub(super) fn closed(status: redtail_status, message: impl fmt::Display) -> Self {
        let mut guard = Self { refused: Some(status), prepared: 0, message: Message::EMPTY };
        guard.say(message);
        guard
    }

    /// Sets the message.
    #[cold]
    pub(super) fn say(&mut self, message: impl fmt::Display) {
        let mut given = Message::EMPTY;
        self.prepared = 0;
        self.message.length = 0;
        // A message that is too long is cut, which is not an error.
        let _ = write!(given, "{message}").and_then(|()| translate(given.as_str(), &mut self.message));
    }

    /// Removes the message. For calls that ask for the next item or event.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.message.length = 0;
        self.message.text[0] = 0;
    }

    /// Notes that the handle at `address` is prepared for its fast path; 0 if none is. A handle with a message is not
    /// prepared: the fast path removes no message.
    #[inline]
    pub(super) fn prepare(&mut self, address: usize) {
        self.prepared = if self.message.length == 0 { address } else { 0 };
    }

    #[inline]
    pub(super) fn is_prepared(&self, address: usize) -> bool {
        self.prepared == address
    }

    pub(super) const fn message(&self) -> *const c_char {
        self.message.text.as_ptr().cast()
    }

    pub(super) const fn refused(&self) -> Option<redtail_status> {
        self.refused
    }
}

/// The process that created a handle. A forked child has a copy of the handle, without the threads of the library and
/// with the parent's sockets and files: nothing that the child does may reach them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Creator(u32);

impl Creator {
    pub(super) fn this_process() -> Self {
        Self(std::process::id())
    }

    /// A signal handler may call this.
    pub(super) fn is_this_process(self) -> bool {
        self.0 == std::process::id()
    }
}

/// A handle of C.
pub(super) trait Guarded {
    fn guard(&mut self) -> &mut Guard;
}

/// Sets the message of the handle.
#[cold]
pub(super) fn refuse(handle: &mut impl Guarded, status: redtail_status, message: impl fmt::Display) -> redtail_status {
    handle.guard().say(message);
    status
}

/// # Safety
/// `handle` is NULL, or points to a live `H` that nobody else uses while the result lives.
#[inline]
pub(super) unsafe fn checked<'a, H>(handle: *mut H) -> Option<&'a mut H> {
    if handle.addr() & (align_of::<H>() - 1) != 0 || handle.is_null() {
        return None;
    }
    // SAFETY: not NULL and aligned, as just checked; live and exclusive, as the caller promises.
    Some(unsafe { &mut *handle })
}

/// The same with two output parameters, in one step. `None` also for pointers that are not aligned as the strictest of
/// the three types: the caller then checks each one.
///
/// # Safety
/// As [`checked`].
#[inline(always)]
pub(super) unsafe fn checked_at_once<'a, H, A, B>(
    handle: *mut H,
    first: *mut A,
    second: *mut B,
) -> Option<(&'a mut H, Out<A>, Out<B>)> {
    if !are_aligned(handle, first, second) || handle.is_null() || first.is_null() || second.is_null() {
        return None;
    }
    // SAFETY: not NULL and aligned, as just checked; live and exclusive, as the caller promises.
    Some((unsafe { &mut *handle }, Out(first), Out(second)))
}

/// Whether the three pointers are aligned as the strictest of their types.
#[inline(always)]
pub(super) fn are_aligned<H, A, B>(handle: *mut H, first: *mut A, second: *mut B) -> bool {
    let strictest = const {
        let (handle, first, second) = (align_of::<H>(), align_of::<A>(), align_of::<B>());
        let outputs = if first > second { first } else { second };
        if handle > outputs { handle } else { outputs }
    };
    (handle.addr() | first.addr() | second.addr()) & (strictest - 1) == 0
}

/// The same for data that other threads may read at once.
///
/// # Safety
/// `pointer` is NULL, or points to a live `T` that nobody changes while the result lives.
#[inline]
pub(super) unsafe fn there<'a, T>(pointer: *const T) -> Option<&'a T> {
    // SAFETY: aligned, as just checked; `as_ref` checks for NULL; live, as the caller promises.
    if pointer.is_aligned() { unsafe { pointer.as_ref() } } else { None }
}

#[inline]
pub(super) fn enter<H: Guarded>(handle: Option<&mut H>, work: impl FnOnce(&mut H) -> redtail_status) -> c_int {
    let Some(handle) = handle else { return REDTAIL_ERROR_ARGUMENT as c_int };
    if let Some(status) = handle.guard().refused {
        return status as c_int;
    }
    // After a panic the handle may be inconsistent. It is never used again.
    match catch_unwind(AssertUnwindSafe(|| work(handle))) {
        Ok(status) => status as c_int,
        Err(_) => poison(handle) as c_int,
    }
}

/// For a callback that may use the same handle: `work` borrows it only between its calls.
///
/// # Safety
/// As [`checked`], at every moment that `work` borrows it.
#[inline]
pub(super) unsafe fn enter_shared<H: Guarded>(handle: *mut H, work: impl FnOnce(*mut H) -> redtail_status) -> c_int {
    // SAFETY: as promised.
    match unsafe { checked(handle) } {
        None => return REDTAIL_ERROR_ARGUMENT as c_int,
        Some(handle) => {
            if let Some(status) = handle.guard().refused {
                return status as c_int;
            }
        }
    }
    catch_unwind(AssertUnwindSafe(|| work(handle))).unwrap_or_else(|_| {
        // SAFETY: as promised; the work has ended.
        poison(unsafe { &mut *handle })
    }) as c_int
}

pub(super) fn without_handle(work: impl FnOnce() -> redtail_status) -> c_int {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(REDTAIL_ERROR_PANIC) as c_int
}

#[cold]
fn poison(handle: &mut impl Guarded) -> redtail_status {
    let guard = handle.guard();
    guard.refused = Some(REDTAIL_ERROR_PANIC);
    PANICKED.with_borrow(|panic| guard.say(format_args!("a bug in redtail {}: {panic}", env!("CARGO_PKG_VERSION"))));
    REDTAIL_ERROR_PANIC
}

thread_local! {
    static PANICKED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Installs a hook, because only a hook knows the location of a panic. The previous hook still runs.
pub(super) fn listen_for_panics() {
    type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;
    static BEFORE: OnceLock<Hook> = OnceLock::new();
    // Both hooks are without captures. An allocation would be reported as a leak at the end of a program.
    BEFORE.get_or_init(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|info| {
            PANICKED.with_borrow_mut(|panic| *panic = info.to_string().replace('\n', " "));
            if let Some(before) = BEFORE.get() {
                before(info);
            }
        }));
        before
    });
}

/// A pointer to an output parameter.
#[derive(Debug)]
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    #[inline]
    pub(super) fn new(pointer: *mut T) -> Option<Self> {
        if pointer.addr() & (align_of::<T>() - 1) != 0 || pointer.is_null() { None } else { Some(Self(pointer)) }
    }

    /// The same for a pointer that is aligned.
    #[inline]
    pub(super) fn new_aligned(pointer: *mut T) -> Option<Self> {
        debug_assert!(pointer.is_aligned());
        if pointer.is_null() { None } else { Some(Self(pointer)) }
    }

    pub(super) const fn pointer(&self) -> *mut T {
        self.0
    }

    #[inline]
    pub(super) fn set(self, value: T) {
        // SAFETY: not NULL and aligned (see `new`), and room for a T, as the header asks. The old value is not
        // read.
        unsafe { self.0.write(value) }
    }
}

/// Bytes of the caller. `None`: NULL with a length, or a length that exceeds memory.
///
/// # Safety
/// `data` points to `len` bytes that nobody changes while the result is used. Invalid pointers and lengths are
/// rejected here.
#[inline]
pub(super) unsafe fn bytes<'a>(data: *const c_char, len: usize) -> Option<&'a [u8]> {
    if data.is_null() {
        return (len == 0).then_some(&[]);
    }
    if len > isize::MAX as usize {
        return None;
    }
    // SAFETY: not NULL, not longer than memory, and readable as the caller promises.
    Some(unsafe { std::slice::from_raw_parts(data.cast(), len) })
}

/// Text of the caller; `Err` with the reason if it is invalid.
///
/// # Safety
/// `text` is NULL or points to bytes that end with NUL, and nobody changes them while the result is used.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Result<&'a str, &'static str> {
    if text.is_null() {
        return Err("is NULL");
    }
    // SAFETY: not NULL; it ends with NUL, as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_str().map_err(|_| "is not UTF-8")
}

/// Creates a handle on the heap. NULL if memory is exhausted or the creation panics: there is no handle for a
/// message.
pub(super) fn make<T>(made: impl FnOnce() -> Option<T>) -> *mut T {
    listen_for_panics();
    match catch_unwind(AssertUnwindSafe(made)) {
        Ok(Some(made)) => allocate(made),
        _ => std::ptr::null_mut(),
    }
}

/// Moves a value to the heap. NULL if memory is exhausted, where `Box` would end the process.
pub(super) fn allocate<T>(value: T) -> *mut T {
    const { assert!(size_of::<T>() > 0) };
    // SAFETY: the layout of a type that has a size.
    let place = unsafe { std::alloc::alloc(std::alloc::Layout::new::<T>()) }.cast::<T>();
    if !place.is_null() {
        // SAFETY: fresh memory of the right layout.
        unsafe { place.write(value) };
    }
    place
}

/// Drops what [`allocate`] made.
///
/// # Safety
/// `place` is NULL, or from `allocate`, and not used again.
pub(super) unsafe fn release<T>(place: *mut T) {
    if !place.is_null() && place.is_aligned() {
        // SAFETY: `allocate` takes its memory as Box does, and the caller gives it up.
        let owned = unsafe { Box::from_raw(place) };
        // A drop that panics must not unwind into C. The rest of the value leaks.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(owned)));
    }
}

/// A message in the memory of the handle, always NUL-terminated.
struct Message {
    text: [u8; 640],
    length: usize,
}

impl Message {
    const EMPTY: Self = Self { text: [0; 640], length: 0 };

    fn as_str(&self) -> &str {
        std::str::from_utf8(self.text.get(..self.length).unwrap_or_default()).unwrap_or_default()
    }
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            let mut utf8 = [0; 4];
            let encoded = if char == '\0' { "?" } else { &*char.encode_utf8(&mut utf8) }.as_bytes();
            let end = self.length + encoded.len();
            match self.text.get_mut(self.length..end) {
                // One byte stays for the NUL.
                Some(place) if end < 640 => place.copy_from_slice(encoded),
                _ => break,
            }
            self.length = end;
        }
        if let Some(end) = self.text.get_mut(self.length) {
            *end = 0;
        }
        Ok(())
    }
}

/// Rewrites a message of the library for C: the names of limits become those of the header. The number of a system
/// error goes, because its text precedes it.
fn translate(message: &str, translated: &mut impl Write) -> fmt::Result {
    let mut rest = message;
    while let Some((before, inside)) = rest.split_once(" (") {
        translated.write_str(before)?;
        rest = if let Some(limit) = inside.strip_prefix("Limits::") {
            translated.write_str(" (redtail_limits.")?;
            limit
        } else if let Some((_, after)) = inside.strip_prefix("os error ").and_then(|number| number.split_once(')')) {
            after
        } else {
            translated.write_str(" (")?;
            inside
        };
    }
    translated.write_str(rest)
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(Guard);

    impl Guarded for Thing {
        fn guard(&mut self) -> &mut Guard {
            &mut self.0
        }
    }

    fn message(thing: &Thing) -> String {
        // SAFETY: a message always ends with NUL.
        unsafe { CStr::from_ptr(thing.0.message()) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_becomes_a_status_and_poisons_the_handle() {
        listen_for_panics();
        let mut thing = Thing(Guard::new());
        let line = line!() + 1;
        let status = enter(Some(&mut thing), |_| panic!("on purpose"));
        assert_eq!(status, REDTAIL_ERROR_PANIC as c_int);
        let message = message(&thing);
        assert!(message.contains("on purpose") && message.contains(&format!("boundary.rs:{line}")), "{message}");
        let again = enter(Some(&mut thing), |_| unreachable!("a poisoned handle is not entered"));
        assert_eq!(again, REDTAIL_ERROR_PANIC as c_int);
    }

    #[test]
    fn a_handle_whose_creation_panics_is_null() {
        assert!(make::<u8>(|| panic!("on purpose")).is_null());
        assert!(make::<u8>(|| None).is_null());
        let made = make(|| Some(7_u8));
        // SAFETY: just made, and released once.
        unsafe {
            assert_eq!(*made, 7);
            release(made);
        }
    }

    #[test]
    fn a_message_that_is_too_long_is_cut_between_characters() {
        let mut thing = Thing(Guard::new());
        refuse(&mut thing, REDTAIL_ERROR_STATE, "é\0".repeat(400));
        assert_eq!(message(&thing), "é?".repeat(213));
        refuse(&mut thing, REDTAIL_ERROR_STATE, "short");
        assert_eq!(message(&thing), "short");
    }

    #[test]
    fn a_message_speaks_c() {
        let mut thing = Thing(Guard::new());
        for (rust, c) in [
            ("over the limit of 3 (Limits::depth)", "over the limit of 3 (redtail_limits.depth)"),
            ("127.0.0.1:1: Connection refused (os error 111), again", "127.0.0.1:1: Connection refused, again"),
            ("a (b) (os error (c", "a (b) (os error (c"),
            ("", ""),
        ] {
            refuse(&mut thing, REDTAIL_ERROR_STATE, rust);
            assert_eq!(message(&thing), c);
        }
        refuse(&mut thing, REDTAIL_ERROR_STATE, "short");
        thing.0.clear();
        assert_eq!(message(&thing), "");
    }

    #[test]
    fn lengths_that_no_memory_has_are_refused() {
        let byte: c_char = 0;
        // SAFETY: the lengths are refused, or 0.
        unsafe {
            assert!(bytes(&raw const byte, usize::MAX).is_none());
            assert!(bytes(&raw const byte, isize::MAX as usize + 1).is_none());
            assert!(bytes(std::ptr::null(), 1).is_none());
            assert_eq!(bytes(std::ptr::null(), 0), Some(&[] as &[u8]));
        }
    }

    #[test]
    fn the_version_is_the_crates() {
        let number = |text: &str| text.parse::<u32>().unwrap();
        let version = (REDTAIL_VERSION_MAJOR, REDTAIL_VERSION_MINOR, REDTAIL_VERSION_PATCH);
        let expected =
            [env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH")];
        assert_eq!(version, expected.map(number).into());
        assert_eq!(version.0 * 1_000_000 + version.1 * 1_000 + version.2, REDTAIL_VERSION_NUMBER);
    }
}

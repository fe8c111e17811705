//! Names of constants, as text for C.

/// The name of a constant: its text without the prefix, in lower case and with a NUL. `"unknown"` for other
/// numbers.
macro_rules! name_of {
    ($number:ident, $prefix:literal, $($constant:ident)*) => {
        match $number {
            $(x if x == $constant as c_int => {
                const NAME: [u8; stringify!($constant).len() - $prefix.len() + 1] =
                    $crate::capi::names::lower_case(stringify!($constant), $prefix.len());
                NAME.as_ptr().cast()
            })*
            _ => c"unknown".as_ptr(),
        }
    };
}
pub(super) use name_of;

/// The letters after `skipped` in lower case, then a NUL.
pub(super) const fn lower_case<const N: usize>(name: &str, skipped: usize) -> [u8; N] {
    let (name, mut lower, mut at) = (name.as_bytes(), [0; N], 0);
    while at + 1 < N {
        lower[at] = name[skipped + at].to_ascii_lowercase();
        at += 1;
    }
    lower
}

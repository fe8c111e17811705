//! Structs of the caller, which begin with their size.

use std::ptr::copy_nonoverlapping;

/// A struct of the caller whose first field is its size. An older header has only the first fields; the others keep
/// their defaults.
///
/// # Safety
/// `given` is NULL or points to as many bytes as its struct_size.
pub(super) unsafe fn sized<T: Copy>(given: *const T, default: T, name: &str) -> Result<T, String> {
    if given.is_null() {
        return Ok(default);
    }
    if !given.is_aligned() {
        return Err(format!("the pointer to {name} is not aligned"));
    }
    // SAFETY: the first field of all these structs is a size, and is there whatever the size says.
    let size = unsafe { *given.cast::<usize>() };
    if !is_prefix::<T>(size) {
        let most = size_of::<T>();
        return Err(if size > most {
            format!("struct_size of {name} is {size}, but this library knows {most}: it is older than your header")
        } else {
            format!("struct_size of {name} is {size}: set it to sizeof({name})")
        });
    }
    let mut whole = default;
    // SAFETY: both have that many bytes, and any bytes make a T, which consists of numbers and pointers.
    unsafe { copy_nonoverlapping(given.cast::<u8>(), (&raw mut whole).cast(), size) };
    Ok(whole)
}

/// Whether a struct of this size is all of `T` or its first fields.
pub(super) const fn is_prefix<T>(size: usize) -> bool {
    size >= size_of::<usize>() && size <= size_of::<T>() && size.is_multiple_of(align_of::<T>())
}

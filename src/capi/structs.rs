//! Structs of the caller, which begin with their size.

use std::ptr::copy_nonoverlapping;

/// A struct that the caller fills. Later versions add fields at its end.
pub(super) trait CallerStruct: Copy {
    /// The end of its last field in 0.2.0, the first version with this interface. A smaller size is a mistake, such as
    /// the size of a pointer.
    const SHORTEST: usize;
}

/// A struct of the caller whose first field is its size. An older header has only the first fields; the others keep
/// their defaults.
///
/// # Safety
/// `given` is NULL or points to as many bytes as its struct_size.
pub(super) unsafe fn sized<T: CallerStruct>(given: *const T, default: T, name: &str) -> Result<T, String> {
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
            format!("struct_size of {name} is {size}, and no version is that short: set it to sizeof({name})")
        });
    }
    let mut whole = default;
    // SAFETY: both have that many bytes, and any bytes make a T, which consists of numbers and pointers.
    unsafe { copy_nonoverlapping(given.cast::<u8>(), (&raw mut whole).cast(), size) };
    Ok(whole)
}

/// Whether a version of `T` up to this one has that size.
pub(super) const fn is_prefix<T: CallerStruct>(size: usize) -> bool {
    size >= T::SHORTEST && size <= size_of::<T>() && size.is_multiple_of(align_of::<T>())
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::{CallerStruct, sized};

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Grown {
        struct_size: usize,
        // On i686 its alignment is half of its size.
        first: u64,
        added: usize,
    }

    impl CallerStruct for Grown {
        const SHORTEST: usize = offset_of!(Self, first) + size_of::<u64>();
    }

    fn read(struct_size: usize) -> Result<(usize, u64, usize), String> {
        let given = Grown { struct_size, first: 1, added: 2 };
        let default = Grown { struct_size: size_of::<Grown>(), first: 3, added: 4 };
        // SAFETY: a whole struct.
        let grown = unsafe { sized(&raw const given, default, "grown") }?;
        Ok((grown.struct_size, grown.first, grown.added))
    }

    #[test]
    fn an_older_struct_keeps_the_defaults_of_added_fields() {
        assert_eq!(read(offset_of!(Grown, added)), Ok((offset_of!(Grown, added), 1, 4)));
        assert_eq!(read(size_of::<Grown>()), Ok((size_of::<Grown>(), 1, 2)));
    }

    #[test]
    fn a_struct_shorter_than_the_first_published_one_is_refused() {
        for size in 0..offset_of!(Grown, added) {
            let message =
                format!("struct_size of grown is {size}, and no version is that short: set it to sizeof(grown)");
            assert_eq!(read(size), Err(message));
        }
    }
}

//! Compressed files: gzip, LZ4, xz, zstd, and the envelope of Valkey 9.2
//!
//! A redtail_decompress reads compressed bytes through your callback and returns the bytes of the file in them: for a
//! redtail_rdb, a redtail_parser or a recording. The first bytes show the compression. The bytes of a file that is not
//! compressed are returned as they are.
//!
//! Memory is bounded, whatever the file contains: a window of a file may have up to 128 MiB. Checksums of the
//! compressed data are verified, and the last byte is returned only after that. Decompression needs the feature
//! "compression": see redtail_features.

use std::ffi::{c_char, c_int, c_void};
use std::io::{self, Read};

use crate::base::compression::Compression;
use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, call, make, refuse, release, there};
use crate::io::DecompressReader;

/// Reads a file that may be compressed. One thread at a time.
pub struct redtail_decompress {
    guard: Guard,
    reader: DecompressReader<Source>,
}

struct Source {
    read: unsafe extern "C" fn(*mut c_void, *mut c_char, usize, *mut usize) -> c_int,
    context: *mut c_void,
}

impl Guarded for redtail_decompress {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a reader. read is called with context to read the source: it writes up to room bytes to space, and sets
/// count to their number; 0 at the end of the source. space is never NULL and room never 0. read returns 0, or another
/// number if reading fails. redtail_decompress_read then fails, and its message has that number.
///
/// read is called only during redtail_decompress_read, on the same thread. It must not use the reader. context may be
/// NULL; it must live until redtail_decompress_free.
///
/// Returns NULL only if memory is exhausted. After a NULL read, every later call returns REDTAIL_ERROR_ARGUMENT, and
/// the message explains it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_decompress_new(
    read: Option<
        unsafe extern "C" fn(context: *mut c_void, space: *mut c_char, room: usize, count: *mut usize) -> c_int,
    >,
    context: *mut c_void,
) -> *mut redtail_decompress {
    make(|| {
        let guard = match read {
            Some(_) => Guard::new(),
            None => Guard::closed(REDTAIL_ERROR_ARGUMENT, "the callback read is NULL"),
        };
        let reader = DecompressReader::new(Source { read: read.unwrap_or(nothing), context });
        Some(redtail_decompress { guard, reader })
    })
}

/// Frees a reader. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_decompress_free(decompress: *mut redtail_decompress) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(decompress) }
}

/// The message of the last failure; otherwise "". Never NULL. Valid until the next call on the reader.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_decompress_message(decompress: *const redtail_decompress) -> *const c_char {
    // SAFETY: NULL, or a reader that lives.
    unsafe { there(decompress) }.map_or(c"the reader is NULL".as_ptr(), |decompress| decompress.guard.message())
}

/// Reads up to room decompressed bytes into space, at least one. space must not be NULL, nor room 0.
///
/// Returns REDTAIL_OK and sets count. Returns REDTAIL_END at the end of the file, and sets count to 0.
/// REDTAIL_ERROR_COMPRESSION: the callback failed, or the compressed data is invalid, truncated or needs too large a
/// window, or the library has no feature "compression". The message names the byte, and for the last two a command that
/// decompresses the file. REDTAIL_ERROR_ARGUMENT: an invalid pointer or length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_decompress_read(
    decompress: *mut redtail_decompress,
    space: *mut c_char,
    room: usize,
    count: *mut usize,
) -> c_int {
    call!(decompress, out count; {
        decompress.guard.clear();
        if space.is_null() || room == 0 || room > isize::MAX as usize {
            return refuse(decompress, REDTAIL_ERROR_ARGUMENT, "space is NULL, or room is 0 or exceeds memory");
        }
        // SAFETY: not NULL and not longer than memory. The header asks for room bytes, which are initialised here.
        let space = unsafe {
            space.write_bytes(0, room);
            std::slice::from_raw_parts_mut(space.cast::<u8>(), room)
        };
        match read(&mut decompress.reader, space) {
            Ok(0) => {
                count.set(0);
                REDTAIL_END
            }
            Ok(read) => {
                count.set(read);
                REDTAIL_OK
            }
            Err(error) => refuse(decompress, REDTAIL_ERROR_COMPRESSION, error),
        }
    })
}

/// The compression of the file, for example "zstd" or "LZ4 in a VCS envelope". Static.
///
/// Returns REDTAIL_OK and sets name. Returns REDTAIL_NONE if the file is not compressed, or if nothing was read yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_decompress_name(
    decompress: *mut redtail_decompress,
    name: *mut *const c_char,
) -> c_int {
    call!(decompress, out name; {
        let Some(compression) = decompress.reader.compression() else { return REDTAIL_NONE };
        name.set(match compression {
            Compression::Gzip => c"gzip",
            Compression::Lz4 => c"LZ4",
            Compression::Xz => c"xz",
            Compression::Zstd => c"zstd",
            Compression::VcsLz4 => c"LZ4 in a VCS envelope",
            Compression::VcsZstd => c"zstd in a VCS envelope",
            Compression::VcsUnknown => c"an unknown codec in a VCS envelope",
        }.as_ptr());
        REDTAIL_OK
    })
}

/// Reads at least one byte, unless the source has ended.
fn read(reader: &mut impl Read, space: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(space) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl Read for Source {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if space.is_empty() {
            return Ok(0);
        }
        let mut count = 0;
        // SAFETY: the header asks for this function and its context; space has room for this number of bytes.
        match unsafe { (self.read)(self.context, space.as_mut_ptr().cast(), space.len(), &raw mut count) } {
            0 if count <= space.len() => Ok(count),
            0 => Err(io::Error::other(format!("the callback read returned {count} bytes into {}", space.len()))),
            number => Err(io::Error::other(format!("the callback read failed with {number}"))),
        }
    }
}

/// The callback of a reader that has none. It is never called.
unsafe extern "C" fn nothing(_: *mut c_void, _: *mut c_char, _: usize, count: *mut usize) -> c_int {
    // SAFETY: from `Source`, which has the number.
    unsafe { count.write(0) };
    0
}

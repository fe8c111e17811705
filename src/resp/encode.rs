//! The encoder of commands.

use thiserror::Error;

/// The buffer is too small for the encoded command. Nothing was written.
///
/// ```
/// use redtail::resp::encode_command;
///
/// let error = encode_command(&mut [0; 8], &[b"PING"]).unwrap_err();
/// assert_eq!(error.needed, 14);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the command needs a buffer of {needed} bytes")]
#[non_exhaustive]
pub struct BufferTooSmall {
    /// The length of the encoded command in bytes.
    pub needed: usize,
}

/// The number of bytes that [`encode_command`] writes for `args`.
#[must_use]
pub fn encoded_len(args: &[&[u8]]) -> usize {
    length_of(args.iter().copied())
}

/// Writes a command to the front of `buf` and returns its length in bytes. A command is an array of bulk strings.
///
/// # Errors
/// [`BufferTooSmall`] if `buf` is shorter than [`encoded_len`]. `buf` is then unchanged.
///
/// ```
/// let mut buf = [0; 64];
/// let len = redtail::resp::encode_command(&mut buf, &[b"GET", b"key"])?;
/// assert_eq!(&buf[..len], b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
/// # Ok::<(), redtail::resp::BufferTooSmall>(())
/// ```
pub fn encode_command(buf: &mut [u8], args: &[&[u8]]) -> Result<usize, BufferTooSmall> {
    encode_args(buf, args.iter().copied())
}

/// [`encode_command`] for arguments that are not in one slice.
///
/// # Errors
/// As [`encode_command`].
pub fn encode_args<'a>(
    buf: &mut [u8],
    args: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
) -> Result<usize, BufferTooSmall> {
    let needed = length_of(args.clone());
    let Some(room) = buf.get_mut(..needed) else {
        return Err(BufferTooSmall { needed });
    };
    let mut rest = head(room, b'*', args.len());
    for arg in args {
        rest = head(rest, b'$', arg.len());
        rest = put(rest, arg);
        rest = put(rest, b"\r\n");
    }
    Ok(needed)
}

fn length_of<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>) -> usize {
    let head = |number: usize| 1 + digits(number) + 2;
    let first = head(args.len());
    args.fold(first, |sum, arg| sum.saturating_add(head(arg.len()) + 2).saturating_add(arg.len()))
}

fn head(room: &mut [u8], kind: u8, number: usize) -> &mut [u8] {
    let mut text = [0; 20];
    let mut left = number;
    let count = digits(number);
    for slot in text.iter_mut().take(count).rev() {
        *slot = b'0' + (left % 10) as u8;
        left /= 10;
    }
    let room = put(room, &[kind]);
    let room = put(room, text.get(..count).unwrap_or_default());
    put(room, b"\r\n")
}

/// Copies `bytes` to the front of `room` and returns the space after them.
fn put<'r>(room: &'r mut [u8], bytes: &[u8]) -> &'r mut [u8] {
    match room.split_at_mut_checked(bytes.len()) {
        Some((front, rest)) => {
            front.copy_from_slice(bytes);
            rest
        }
        None => &mut [],
    }
}

fn digits(number: usize) -> usize {
    number.checked_ilog10().map_or(1, |power| power as usize + 1)
}

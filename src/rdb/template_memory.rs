//! The memory for hash templates, which the caller supplies.

/// The memory in which a [`Decoder`](super::Decoder) keeps the hash templates of a snapshot (Redis 8.10). A decoder
/// allocates nothing, so its caller supplies the memory, see
/// [`Decoder::with_templates`](super::Decoder::with_templates).
///
/// - `[u8; 0]`: none.
/// - `&mut [u8]`: a fixed size.
/// - `io::TemplateBuffer`: grows with the templates, up to a limit.
///
/// Each template needs 28 bytes and 4 for each of its fields. Each field name, of any number of templates, needs its
/// length and 12 bytes. A decoder uses at most 256 MiB.
///
/// The bytes must stay as the decoder has written them. A decoder over other bytes delivers wrong field names, and does
/// not panic.
pub trait TemplateMemory: AsRef<[u8]> + AsMut<[u8]> + Default {
    /// The most bytes that the memory can have. If the templates need more, the decoder stops with
    /// [`RdbErrorKind::Templates`](super::RdbErrorKind::Templates). Default: the present number.
    fn limit(&self) -> usize {
        self.as_ref().len()
    }

    /// Makes the memory at least `length` bytes long, which is at most the limit, and keeps its present bytes. Returns
    /// whether it could. Default: it can't.
    fn grow(&mut self, length: usize) -> bool {
        let _ = length;
        false
    }

    /// The content is of no more use: a snapshot begins or has ended. Default: nothing happens.
    fn clear(&mut self) {}
}

impl TemplateMemory for [u8; 0] {}

impl TemplateMemory for &mut [u8] {}

//! Memory for hash templates that grows with them.

use crate::base::limits::Limits;
use crate::rdb::TemplateMemory;

/// Memory for the hash templates of a snapshot, up to a limit. Nothing is allocated until a snapshot has a template.
/// The memory is freed at the end of the snapshot.
///
/// ```
/// use redtail::io::TemplateBuffer;
/// use redtail::rdb::Decoder;
///
/// let decoder = Decoder::new().with_templates(TemplateBuffer::with_limit(1 << 20));
/// # let _ = decoder;
/// ```
#[derive(Debug, Clone)]
pub struct TemplateBuffer {
    bytes: Vec<u8>,
    limit: usize,
}

/// The least memory, if there is any.
const FIRST: usize = 4096;

impl TemplateBuffer {
    /// Memory of at most `limit` bytes.
    pub const fn with_limit(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit }
    }
}

/// With the limit of [`Limits::DEFAULT`].
impl Default for TemplateBuffer {
    fn default() -> Self {
        Self::with_limit(Limits::DEFAULT.templates)
    }
}

impl AsRef<[u8]> for TemplateBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for TemplateBuffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl TemplateMemory for TemplateBuffer {
    fn limit(&self) -> usize {
        self.limit
    }

    fn grow(&mut self, length: usize) -> bool {
        let present = self.bytes.len();
        let wanted = length.max(present * 2).max(FIRST).min(self.limit);
        if self.bytes.try_reserve_exact(wanted.saturating_sub(present)).is_err() {
            return false;
        }
        self.bytes.resize(wanted, 0);
        wanted >= length
    }

    fn clear(&mut self) {
        self.bytes = Vec::new();
    }
}

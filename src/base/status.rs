//! What every parser answers.

/// What a parser made of the bytes it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<T> {
    /// A whole item.
    Complete(T),
    /// Not an error: the item goes on after the bytes that are there.
    Incomplete {
        /// The least number of further bytes that could complete it. Where what is there already passes a limit, the bytes
        /// up to the end of that line, which is where the error is given.
        needed: usize,
    },
}

//! The position of a text in the memory that holds it.

/// A range of bytes, and the memory that holds them.
#[derive(Debug, Clone, Copy)]
pub(super) enum TextRange {
    /// In the input, from and to.
    Input(usize, usize),
    /// In the window of the decoder.
    Window(usize, usize),
    /// In the names that stream entries share.
    Names(usize, usize),
    /// In the names of the hash templates.
    Templates(usize, usize),
    /// In the decimal text of the decoder.
    Number,
}

impl TextRange {
    /// A range inside this one.
    pub(super) fn part(self, from: usize, to: usize) -> Self {
        match self {
            Self::Input(start, _) => Self::Input(start + from, start + to),
            Self::Window(start, _) => Self::Window(start + from, start + to),
            Self::Names(start, _) => Self::Names(start + from, start + to),
            Self::Templates(start, _) => Self::Templates(start + from, start + to),
            Self::Number => Self::Number,
        }
    }
}

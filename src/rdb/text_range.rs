//! The position of a text in the memory that holds it.

/// Where bytes of an item lie.
#[derive(Debug, Clone, Copy)]
pub(super) enum TextRange {
    /// In the input shown, from and to.
    Input(usize, usize),
    /// In the window.
    Window(usize, usize),
    /// In the names that stream entries share.
    Names(usize, usize),
    /// The decoder's number, as text.
    Number,
}

impl TextRange {
    /// A part of it.
    pub(super) fn part(self, from: usize, to: usize) -> Self {
        match self {
            Self::Input(start, _) => Self::Input(start + from, start + to),
            Self::Window(start, _) => Self::Window(start + from, start + to),
            Self::Names(start, _) => Self::Names(start + from, start + to),
            Self::Number => Self::Number,
        }
    }
}

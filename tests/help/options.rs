//! `Options` as a literal: `options! { start: Start::Snapshot, parts, ..base }`. The struct may grow, so other crates
//! can't write one.

macro_rules! options {
    (@set $options:ident $field:ident) => { $options.$field = $field };
    (@set $options:ident $field:ident $value:expr) => { $options.$field = $value };
    ($($field:ident $(: $value:expr)?),* $(,)?) => { options! { $($field $(: $value)?,)* ..redtail::Options::default() } };
    ($($field:ident $(: $value:expr)?,)* ..$base:expr) => {{
        let mut options = $base;
        $(options!(@set options $field $($value)?);)*
        options
    }};
}

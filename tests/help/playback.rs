//! `Playback` as a literal: `playback! { piece: Some(1), cuts }`. The struct may grow, so other crates can't write one.

macro_rules! playback {
    (@set $playback:ident $field:ident) => { $playback.$field = $field };
    (@set $playback:ident $field:ident $value:expr) => { $playback.$field = $value };
    ($($field:ident $(: $value:expr)?),* $(,)?) => {{
        let mut playback = redtail::replay::Playback::default();
        $(playback!(@set playback $field $($value)?);)*
        playback
    }};
}

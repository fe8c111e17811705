//! Limits of the caller.

use std::mem::offset_of;

use crate::base::limits::{Limits, MAX_COMMAND, MAX_DEPTH, MAX_TEMPLATES};
use crate::capi::basics::redtail_limits;
use crate::capi::structs::{CallerStruct, sized};

/// # Safety
/// `limits` is NULL or as the header asks.
pub(super) unsafe fn read(limits: *const redtail_limits) -> Result<Limits, String> {
    // SAFETY: as promised.
    let given = unsafe { sized(limits, redtail_limits::DEFAULT, "redtail_limits")? };
    let maxima = [
        ("command", given.command, MAX_COMMAND),
        ("depth", given.depth as u64, MAX_DEPTH as u64),
        ("templates", given.templates as u64, MAX_TEMPLATES as u64),
    ];
    if let Some((name, given, most)) = maxima.iter().find(|(_, given, most)| given > most) {
        return Err(format!("limits.{name} is {given}: at most {most}"));
    }
    let default = Limits::DEFAULT;
    Ok(Limits {
        bulk: or(given.bulk, default.bulk),
        command: or(given.command, default.command),
        arguments: or(given.arguments, default.arguments),
        depth: or(given.depth, default.depth),
        line: or(given.line, default.line),
        reply_line: or(given.reply_line, default.reply_line),
        templates: or(given.templates, default.templates),
    })
}

pub(super) fn or<T: Default + PartialEq>(given: T, default: T) -> T {
    if given == T::default() { default } else { given }
}

impl CallerStruct for redtail_limits {
    const SHORTEST: usize = offset_of!(Self, templates) + size_of::<usize>();
}

impl redtail_limits {
    const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        bulk: 0,
        command: 0,
        arguments: 0,
        depth: 0,
        line: 0,
        reply_line: 0,
        templates: 0,
    };
}

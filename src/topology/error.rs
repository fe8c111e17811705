//! Texts that several errors share.

use crate::net::Target;

/// Each server that was asked, and its error.
pub(super) fn each(tried: &[(Target, String)]) -> String {
    let each: Vec<_> = tried.iter().map(|(target, error)| format!("{target}: {error}")).collect();
    each.join("; ")
}

//! Addresses in messages. A message of the library about a connection may begin with its address already.

use std::fmt::Display;

/// The message with this address in front, once.
pub(crate) fn named(address: &str, message: &(impl Display + ?Sized)) -> String {
    let message = message.to_string();
    match message.contains(&prefix(address)) {
        true => message,
        false => prefix(address) + &message,
    }
}

/// The message without this address in front.
pub(crate) fn bare(address: &str, message: &(impl Display + ?Sized)) -> String {
    let message = message.to_string();
    message.strip_prefix(&prefix(address)).unwrap_or(&message).to_owned()
}

fn prefix(address: &str) -> String {
    format!("{address}: ")
}

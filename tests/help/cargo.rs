//! Calls of cargo inside a test.

use std::process::Command;

/// A call of cargo in the folder of the library.
#[allow(dead_code, reason = "some tests call it through make or a script")]
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    without_package(&mut cargo).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo
}

/// Removes what cargo tells a test of its package. A cargo below it would run the build scripts of dependencies again,
/// and so would the next cargo without these variables: ring and rustls take minutes.
pub(crate) fn without_package(command: &mut Command) -> &mut Command {
    let is_of_a_package =
        |name: &str| name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_a_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

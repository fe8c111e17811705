//! The certificates that are trusted, and how much of a server's certificate is verified.

use std::fmt;
use std::path::PathBuf;

/// How much of the server's certificate is verified. The server always has to prove that it has the certificate's key.
///
/// ```
/// use redtail::net::{Tls, Verify};
///
/// // The certificates name hosts, and the follower knows only addresses.
/// let tls = Tls::new().ca_file("ca.crt").verify(Verify::Authority);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Verify {
    /// The chain up to a trusted authority, the dates, and the name.
    #[default]
    Full,
    /// The chain and the dates, but not the name: for certificates without a usable name.
    ///
    /// A certificate that is itself among the trusted ones is accepted as it is, even if it is an authority's.
    Authority,
    /// Nothing: anybody between the follower and the server can read and change everything, including the password.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Authority {
    File(PathBuf),
    Folder(PathBuf),
}

/// As in the tool's option `--verify`.
impl fmt::Display for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Authority => "ca",
            Self::Nothing => "nothing",
        })
    }
}

//! TLS options, named as in redis-cli.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use redtail::net::{self, Verify};

use crate::args::shell::quoted;

/// Set on each option. Set on the struct, it would also apply to the options of the verb that follow.
const HEADING: &str = "TLS";

#[derive(Debug, Clone, Args)]
pub(crate) struct Tls {
    /// Connect with TLS; the same as a target with rediss://
    #[arg(long, help_heading = HEADING)]
    tls: bool,

    /// Trust the CA certificates in this PEM file instead of those of the system
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    cacert: Option<PathBuf>,

    /// Trust the CA certificates in the PEM files of this folder instead of those of the system
    #[arg(long, value_name = "FOLDER", help_heading = HEADING)]
    cacertdir: Option<PathBuf>,

    /// The client certificate, a PEM file, for servers that require one
    #[arg(long, value_name = "FILE", requires = "cert_key", help_heading = HEADING)]
    cert: Option<PathBuf>,

    /// The private key of the client certificate, a PEM file; --cert FILE --key FILE also works, as in redis-cli
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = HEADING)]
    cert_key: Option<PathBuf>,

    /// The server name to request and to expect in the certificate [default: the host]
    #[arg(long, value_name = "NAME", help_heading = HEADING)]
    sni: Option<String>,

    /// What to verify in the server's certificate
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = VerifyChoice::Full, help_heading = HEADING)]
    verify: VerifyChoice,

    /// Connect to the Sentinels with TLS although the servers have none; the options above are then for the Sentinels
    #[arg(long, conflicts_with = "tls", help_heading = HEADING)]
    pub(crate) sentinel_tls: bool,

    /// Connect to the Sentinels without TLS although the servers have TLS
    #[arg(long, conflicts_with = "sentinel_tls", help_heading = HEADING)]
    pub(crate) sentinel_no_tls: bool,

    /// Verify nothing: an attacker on the network can then read and change everything, including the password
    #[arg(long, conflicts_with = "verify", help_heading = HEADING)]
    insecure: bool,
}

/// Renames redis-cli's --key to --cert-key, since --key is a filter here. With --cert, this is the first --key after
/// it, or else the first before it.
pub(super) fn without_redis_cli_key(typed: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = typed.collect();
    let is = |word: &OsString, name: &str| {
        let rest = word.to_str().and_then(|word| word.strip_prefix(name));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    let Some(cert) = words.iter().position(|word| is(word, "--cert")) else { return words };
    if words.iter().any(|word| is(word, "--cert-key")) {
        return words;
    }
    let behind = words.iter().skip(cert).position(|word| is(word, "--key")).map(|at| at + cert);
    let index = behind.or_else(|| words.iter().position(|word| is(word, "--key")));
    if let Some(word) = index.and_then(|index| words.get_mut(index)) {
        let value = word.to_str().and_then(|word| word.strip_prefix("--key")).unwrap_or_default();
        *word = format!("--cert-key{value}").into();
    }
    words
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerifyChoice {
    /// Chain, dates and name
    Full,
    /// Chain and dates, but not the name; a certificate contained in --cacert is accepted
    Ca,
}

impl Tls {
    /// The TLS settings, or `None` without TLS. `wanted`: the servers have TLS.
    pub(crate) fn chosen(&self, wanted: bool) -> Option<net::Tls> {
        let Self { cacert, cacertdir, cert, cert_key, sni, verify, insecure, sentinel_tls, .. } = self;
        if !wanted && !sentinel_tls {
            return None;
        }
        let mut chosen = net::Tls::new().verify(match (insecure, verify) {
            (true, _) => Verify::Nothing,
            (false, VerifyChoice::Full) => Verify::Full,
            (false, VerifyChoice::Ca) => Verify::Authority,
        });
        if let Some(file) = cacert {
            chosen = chosen.ca_file(file);
        }
        if let Some(folder) = cacertdir {
            chosen = chosen.ca_folder(folder);
        }
        if let (Some(certificate), Some(key)) = (cert, cert_key) {
            chosen = chosen.identity(certificate, key);
        }
        if let Some(name) = sni {
            chosen = chosen.server_name(name);
        }
        Some(chosen)
    }

    /// Whether `--tls` is given.
    pub(crate) fn is_wanted(&self) -> bool {
        self.tls
    }

    /// The options of the servers, for another command line. TLS is a part of its target.
    pub(crate) fn options(&self) -> Vec<String> {
        let Self { cacert, cacertdir, cert, cert_key, sni, verify, insecure, .. } = self;
        let file = |option: &str, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!("{option} {}", quoted(&path.display().to_string())))
        };
        let sni = sni.as_ref().map(|name| format!("--sni {}", quoted(name)));
        let ca = (*verify == VerifyChoice::Ca).then(|| "--verify ca".into());
        let nothing = insecure.then(|| "--insecure".into());
        let files = [
            file("--cacert", cacert),
            file("--cacertdir", cacertdir),
            file("--cert", cert),
            file("--cert-key", cert_key),
        ];
        files.into_iter().chain([sni, ca, nothing]).flatten().collect()
    }

    /// The options that are for Sentinels only.
    pub(crate) fn sentinel_options(&self) -> Vec<String> {
        let given = [("--sentinel-tls", self.sentinel_tls), ("--sentinel-no-tls", self.sentinel_no_tls)];
        given.into_iter().filter(|(_, given)| *given).map(|(option, _)| option.into()).collect()
    }

    pub(crate) fn is_insecure(&self) -> bool {
        self.insecure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> String {
        let words = without_redis_cli_key(words.split(' ').map(OsString::from));
        words.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn a_key_that_belongs_to_a_certificate_is_no_filter() {
        for (typed, meant) in [
            ("tail h:1 --key user:*", "tail h:1 --key user:*"),
            ("tail h:1 --cert c --key k", "tail h:1 --cert c --cert-key k"),
            ("tail h:1 --cert=c --key=k", "tail h:1 --cert=c --cert-key=k"),
            ("tail --key a:* --cert c --key k --key b:*", "tail --key a:* --cert c --cert-key k --key b:*"),
            ("tail --key k --cert c h:1", "tail --cert-key k --cert c h:1"),
            ("tail --cert c --cert-key k --key a:*", "tail --cert c --cert-key k --key a:*"),
            ("tail --cert c --keys", "tail --cert c --keys"),
        ] {
            assert_eq!(read(typed), meant);
        }
    }
}

//! TLS, by the names that redis-cli has for it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use redtail::net::{self, Verify};

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct Tls {
    /// Speak TLS, as a target that begins with rediss:// does too
    #[arg(long)]
    tls: bool,

    /// Trust the authorities in this PEM file, instead of those of the system
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,

    /// Trust the authorities in the PEM files of this folder, instead of those of the system
    #[arg(long, value_name = "FOLDER")]
    cacertdir: Option<PathBuf>,

    /// Our certificate, a PEM file, for servers that ask for one
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// The private key of our certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// The name to ask the server for, and to expect in its certificate [default: the host]
    #[arg(long, value_name = "NAME")]
    sni: Option<String>,

    /// How much of the server's certificate to verify
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = VerifyChoice::Full)]
    verify: VerifyChoice,

    /// Verify nothing: whoever is in between can read and change everything, the password included
    #[arg(long, conflicts_with = "verify")]
    insecure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerifyChoice {
    /// Chain, dates, and the name
    Full,
    /// Chain and dates, but not the name; a certificate that --cacert holds itself is taken as it is
    Ca,
}

impl Tls {
    /// What was chosen, if TLS was; `wanted`: by the target.
    pub(crate) fn chosen(&self, wanted: bool) -> Result<Option<net::Tls>, String> {
        let Self { tls, cacert, cacertdir, cert, key, sni, verify, insecure } = self;
        if !tls && !wanted {
            let given = [
                ("--cacert", cacert.is_some()),
                ("--cacertdir", cacertdir.is_some()),
                ("--cert", cert.is_some()),
                ("--sni", sni.is_some()),
                ("--verify", *verify != VerifyChoice::Full),
                ("--insecure", *insecure),
            ];
            return match given.iter().find(|(_, given)| *given) {
                Some((option, _)) => Err(format!("{option} is for TLS: add --tls, or write rediss:// before the host")),
                None => Ok(None),
            };
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
        if let (Some(certificate), Some(key)) = (cert, key) {
            chosen = chosen.identity(certificate, key);
        }
        if let Some(name) = sni {
            chosen = chosen.server_name(name);
        }
        Ok(Some(chosen))
    }

    pub(crate) fn is_insecure(&self) -> bool {
        self.insecure
    }
}

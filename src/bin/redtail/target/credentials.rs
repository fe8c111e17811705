//! User and password.

use std::path::{Path, PathBuf};
use std::{env, fmt, fs, io};

use redtail::net::Login;

use crate::args::quoted;

/// User and password for a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(super) user: Option<String>,
    pub(super) password: Option<Password>,
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Password {
    /// A part of the address.
    Given(Vec<u8>),
    Environment(Vec<u8>),
    /// Typed by a person.
    Asked(Vec<u8>),
    File(PathBuf),
}

impl Credentials {
    /// Whether they are those of an ACL user, and not of the default user.
    pub(crate) const fn is_acl_user(&self) -> bool {
        self.user.is_some()
    }

    /// Reads the credentials. A file is read before each connect, since a password may change during a run.
    pub(crate) fn read(&self) -> io::Result<Login> {
        let password = match &self.password {
            None => None,
            Some(Password::Given(password) | Password::Environment(password) | Password::Asked(password)) => {
                Some(password.clone())
            }
            Some(Password::File(file)) => Some(password_in(file)?),
        };
        let mut login = Login::default();
        (login.user, login.password) = (self.user.clone(), password);
        Ok(login)
    }

    /// The options for a command line, `--user` and `--password-file`, with this prefix. A password is never repeated:
    /// FILE takes its part.
    pub(crate) fn options(&self, prefix: &str) -> Vec<String> {
        let user = self.user.as_ref().map(|user| format!("{prefix}user {}", quoted(user)));
        let password = match &self.password {
            Some(Password::File(file)) => {
                Some(format!("{prefix}password-file {}", quoted(&file.display().to_string())))
            }
            Some(Password::Given(_)) => Some(format!("{prefix}password-file FILE")),
            Some(Password::Asked(_)) => Some("--ask-password".into()),
            Some(Password::Environment(_)) | None => None,
        };
        user.into_iter().chain(password).collect()
    }
}

impl Password {
    /// Asks for a password on the terminal, which does not show it.
    pub(super) fn asked(of: &str) -> Result<Self, String> {
        match rpassword::prompt_password(format!("Password of {of}: ")) {
            Ok(password) => Ok(Self::Asked(password.into_bytes())),
            Err(error) => Err(format!(
                "--ask-password needs a terminal to ask for the password of {of}: {error}; use --password-file FILE, or \
                 the environment variable REDTAIL_PASSWORD"
            )),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a password")
    }
}

pub(super) fn from_environment(name: &str) -> Option<Vec<u8>> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.into_encoded_bytes())
}

pub(crate) fn password_in(file: &Path) -> io::Result<Vec<u8>> {
    let mut password = fs::read(file).map_err(|error| {
        let message = format!(
            "can't read {}: {error}; --password-file takes a file that contains only the password",
            file.display()
        );
        io::Error::new(error.kind(), message)
    })?;
    if password.last() == Some(&b'\n') {
        password.pop();
        if password.last() == Some(&b'\r') {
            password.pop();
        }
    }
    Ok(password)
}

/// The advice for a character that a URL gives another meaning.
pub(super) const ENCODING: &str = "in the user and the password of a URL, % is written %25, @ %40, : %3A, / %2F, ? %3F \
                                   and # %23; --password-file takes a password as it is";

/// Strict, since a stray `%` would otherwise become an inexplicably wrong password.
pub(super) fn percent_decoded(text: &str) -> Result<Vec<u8>, String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        let value = digit().zip(digit()).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        decoded.push(value.ok_or(ENCODING)?);
    }
    Ok(decoded)
}

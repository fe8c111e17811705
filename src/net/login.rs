//! User and password.

use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

/// A function that is called again for every connection.
pub(crate) type Ask<T> = dyn FnMut() -> io::Result<T> + Send;

/// User and password of a connection. The default has neither: no AUTH is sent.
///
/// ```
/// # use redtail::net::Login;
/// let login = Login::user("cdc", "secret");
/// assert_eq!(login.user.as_deref(), Some("cdc"));
/// assert_eq!(Login::password("secret").user, None);
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Login {
    /// The ACL user; `None`: the default user. A user without a password is an error: without AUTH the connection would
    /// be the default user's.
    pub user: Option<String>,
    /// The password; `None`: no AUTH is sent. A `nopass` user has an empty one.
    pub password: Option<Vec<u8>>,
}

impl Login {
    /// The password of the default user.
    pub fn password(password: impl Into<Vec<u8>>) -> Self {
        Self { user: None, password: Some(password.into()) }
    }

    /// An ACL user and its password, which is empty for a `nopass` user.
    pub fn user(user: impl Into<String>, password: impl Into<Vec<u8>>) -> Self {
        Self { user: Some(user.into()), password: Some(password.into()) }
    }

    /// An error if there is a user without a password.
    pub(crate) fn checked(self) -> io::Result<Self> {
        match self.incomplete() {
            Some(error) => Err(error),
            None => Ok(self),
        }
    }

    pub(super) fn incomplete(&self) -> Option<io::Error> {
        let (Some(user), None) = (&self.user, &self.password) else { return None };
        let message = format!("the user {user} has no password: give it, or an empty one for a nopass user");
        Some(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

/// The function that supplies the login of each connection. Clones share it.
#[derive(Clone)]
pub struct LoginSource(Arc<Mutex<Ask<Login>>>);

impl LoginSource {
    pub(crate) fn new(ask: impl FnMut() -> io::Result<Login> + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(ask)))
    }

    pub(crate) fn ask(&self) -> io::Result<Login> {
        let mut ask = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (*ask)()?.checked()
    }
}

impl Default for LoginSource {
    fn default() -> Self {
        Self::new(|| Ok(Login::default()))
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}

impl fmt::Debug for LoginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginSource")
    }
}

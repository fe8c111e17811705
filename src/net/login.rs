//! User and password.

use std::{fmt, io};

/// A question that is asked again for every connection.
pub(crate) type Ask<T> = dyn FnMut() -> io::Result<T> + Send;

/// User and password, asked for at every connect.
#[derive(Clone, Default)]
pub struct Login {
    /// The ACL user; `None` for the default user.
    pub user: Option<String>,
    /// The password; `None`: none is sent.
    pub password: Option<Vec<u8>>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .finish()
    }
}

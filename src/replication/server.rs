//! A server's product and version, on which everything hangs that differs between releases.

use core::fmt;
use core::str::FromStr;

use crate::rdb::{Format, Magic};

/// Product and version of a server. Known from INFO, from the fields of a snapshot, or from a text: `valkey-8.1`.
///
/// ```
/// use redtail::{Product, Server};
///
/// let server: Server = "redis-7.4".parse()?;
/// assert_eq!(server.product, Product::Redis);
/// // HEXPIRE exists since Redis 7.4 and Valkey 9.0.
/// assert!(server.is_since(Some((7, 4)), Some((9, 0))));
/// assert_eq!(server.snapshot_format().to_string(), "REDIS0012");
/// # Ok::<(), redtail::replication::ServerError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Server {
    /// The product.
    pub product: Product,
    /// Its version.
    pub version: Version,
}

/// The program that a server runs.
///
/// ```
/// use redtail::{Product, Server};
///
/// let server: Server = "valkey 9.1.2".parse()?;
/// assert_eq!(server.product, Product::Valkey);
/// # Ok::<(), redtail::replication::ServerError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Product {
    /// Redis, or a server that reports a `redis_version`.
    Redis,
    /// Valkey.
    Valkey,
}

/// The version of a release: 8.10 is later than 8.9. A version in development is 255.255.255, as servers state it.
///
/// ```
/// use redtail::replication::Version;
///
/// let version: Version = "8.10.2".parse()?;
/// assert!(version > "8.9".parse()?);
/// assert_eq!(version.release(), (8, 10));
/// # Ok::<(), redtail::replication::ServerError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "a version has three numbers")]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number.
    pub patch: u16,
}

/// The text is not a product and a version, such as `redis-7.0` or `valkey-8.1.8`.
///
/// ```
/// use redtail::Server;
///
/// println!("{}", "dragonfly-1.0".parse::<Server>().unwrap_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerError;

impl Server {
    /// A server of this product and version.
    #[must_use]
    pub const fn new(product: Product, version: Version) -> Self {
        Self { product, version }
    }

    /// From the texts of `redis_version` and `valkey_version`. Valkey gives both.
    pub(crate) fn stated(redis: Option<Version>, valkey: Option<Version>) -> Option<Self> {
        match (redis, valkey) {
            (_, Some(version)) => Some(Self::new(Product::Valkey, version)),
            (Some(version), None) => Some(Self::new(Product::Redis, version)),
            (None, None) => None,
        }
    }

    /// Whether the server is of this release of its product or of a later one. A release is its major and minor number;
    /// `None`: no release of that product.
    #[must_use]
    pub fn is_since(&self, redis: Option<(u16, u16)>, valkey: Option<(u16, u16)>) -> bool {
        let since = match self.product {
            Product::Redis => redis,
            Product::Valkey => valkey,
        };
        since.is_some_and(|since| self.version.release() >= since)
    }

    /// Whether the server is of a later release than those that this version of redtail was tested with. It may use
    /// commands, types and snapshots that redtail does not know.
    #[must_use]
    pub fn is_newer_than_tested(&self) -> bool {
        self.version.release() > self.product.newest_tested()
    }

    /// The snapshot format that the server writes, which is the latest that it reads. For a release that is newer than
    /// redtail: the latest known format.
    ///
    /// From `RDB_VERSION` in the servers' `rdb.h`.
    #[must_use]
    pub fn snapshot_format(&self) -> Format {
        let redis = |version| Format { magic: Magic::Redis, version };
        let valkey = |version| Format { magic: Magic::Valkey, version };
        match (self.product, self.version.release()) {
            (Product::Redis, (8, 12..) | (9.., _)) => redis(17),
            (Product::Redis, (8, 10..)) => redis(15),
            (Product::Redis, (8, 8..)) => redis(14),
            (Product::Redis, (8, 6..)) => redis(13),
            (Product::Redis, (7, 4..) | (8, _)) => redis(12),
            (Product::Redis, (7, 2..)) | (Product::Valkey, (..=8, _)) => redis(11),
            (Product::Redis, (7, _)) => redis(10),
            (Product::Redis, (5.., _)) => redis(9),
            (Product::Redis, (4, _)) => redis(8),
            (Product::Redis, (3, 2..)) => redis(7),
            (Product::Redis, _) => redis(6),
            (Product::Valkey, (9, ..2)) => valkey(80),
            (Product::Valkey, _) => valkey(81),
        }
    }
}

impl Server {
    /// Whether the server loads snapshots and `DUMP` payloads of this format: each of its product, up to its own.
    /// Valkey also loads those of Redis up to 7.2 (REDIS0011).
    ///
    /// From `rdbLoadRioWithLoadingCtx` and `verifyDumpPayload` in the servers' sources.
    #[must_use]
    pub fn reads(&self, format: Format) -> bool {
        let own = self.snapshot_format();
        match (self.product, format.magic) {
            (Product::Valkey, Magic::Redis) => format.version <= 11,
            _ => format.magic == own.magic && format.version <= own.version,
        }
    }
}

impl Product {
    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }

    /// The latest release that this version of redtail was tested with: major and minor number.
    #[must_use]
    pub const fn newest_tested(self) -> (u16, u16) {
        match self {
            Self::Redis => (8, 10),
            Self::Valkey => (9, 1),
        }
    }
}

impl Version {
    /// Major and minor number.
    #[must_use]
    pub const fn release(self) -> (u16, u16) {
        (self.major, self.minor)
    }

    /// As a server states it. A suffix is ignored, and so are further numbers: `7.2.4-rc1`. A text without numbers is a
    /// version in development.
    #[must_use]
    pub fn stated(text: &[u8]) -> Self {
        let mut numbers = text.split(|&b| b == b'.').map(|number| {
            let digits = number.iter().take_while(|b| b.is_ascii_digit()).count();
            core::str::from_utf8(number.get(..digits)?).ok()?.parse().ok()
        });
        let mut next = || numbers.next().flatten();
        match (next(), next(), next()) {
            (Some(major), Some(minor), patch) => Self { major, minor, patch: patch.unwrap_or(0) },
            _ => Self { major: 255, minor: 255, patch: 255 },
        }
    }
}

impl FromStr for Version {
    type Err = ServerError;

    /// Two or three numbers: `7.0`, `7.0.15`.
    fn from_str(text: &str) -> Result<Self, ServerError> {
        let mut numbers = text.split('.').map(|number| match number.as_bytes() {
            [b'0'..=b'9', ..] => number.parse().map_err(|_| ServerError),
            _ => Err(ServerError),
        });
        let mut next = || numbers.next().transpose();
        let (Some(major), Some(minor), patch, None) = (next()?, next()?, next()?, next()?) else {
            return Err(ServerError);
        };
        Ok(Self { major, minor, patch: patch.unwrap_or(0) })
    }
}

impl FromStr for Server {
    type Err = ServerError;

    /// The product, `-` or a space, and the version: `redis-7.0`, `valkey 9.1.2`.
    fn from_str(text: &str) -> Result<Self, ServerError> {
        let (product, version) = text.split_once(['-', ' ']).ok_or(ServerError)?;
        let product =
            [Product::Redis, Product::Valkey].into_iter().find(|it| it.as_str().eq_ignore_ascii_case(product));
        Ok(Self::new(product.ok_or(ServerError)?, version.parse()?))
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.product.as_str(), self.version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a server: the product and its version, such as redis-7.0 or valkey-8.1")
    }
}

impl core::error::Error for ServerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_parsed_from_text() {
        for (text, printed) in [
            ("redis-7.0", "redis 7.0.0"),
            ("valkey 9.1.2", "valkey 9.1.2"),
            ("Redis-8.10.2", "redis 8.10.2"),
            ("redis-255.255.255", "redis 255.255.255"),
        ] {
            assert_eq!(text.parse::<Server>().map(|server| server.to_string()).as_deref(), Ok(printed));
        }
        for text in ["", "redis", "redis-7", "redis-7.x", "redis-7.0.1.2", "keydb-6.3", "redis-+7.0", "redis-7.65536"] {
            assert_eq!(text.parse::<Server>(), Err(ServerError), "{text}");
        }
    }

    #[test]
    fn versions_are_read_as_servers_state_them() {
        for (text, printed) in [
            ("7.0.15", "7.0.15"),
            ("7.2.4-rc1", "7.2.4"),
            ("8.1", "8.1.0"),
            ("6.2.7.1", "6.2.7"),
            ("7.2-x", "7.2.0"),
            ("unstable", "255.255.255"),
            ("", "255.255.255"),
            ("99999.1.1", "255.255.255"),
        ] {
            assert_eq!(Version::stated(text.as_bytes()).to_string(), printed, "{text}");
        }
    }

    #[test]
    fn later_releases_of_the_same_product_only() {
        let is_since = |text: &str, redis, valkey| text.parse::<Server>().is_ok_and(|it| it.is_since(redis, valkey));
        assert!(is_since("redis-8.10", Some((8, 9)), None) && is_since("valkey-9.1", None, Some((9, 1))));
        assert!(!is_since("redis-8.8", Some((8, 10)), Some((7, 2))) && !is_since("valkey-9.1.9", Some((6, 2)), None));
    }

    #[test]
    fn servers_read_formats_of_earlier_releases() {
        for (reader, writer, expected) in [
            ("redis-7.0", "redis-6.2", true),
            ("redis-7.0", "redis-7.2", false),
            ("redis-8.10", "redis-8.8", true),
            ("valkey-9.1", "redis-7.2", true),
            ("valkey-9.1", "redis-7.4", false),
            ("valkey-9.1", "valkey-9.2", false),
            ("redis-8.12", "valkey-8.1", true),
            ("redis-8.12", "valkey-9.0", false),
        ] {
            let server = |text: &str| text.parse::<Server>();
            let reads = server(reader).and_then(|reader| Ok(reader.reads(server(writer)?.snapshot_format())));
            assert_eq!(reads, Ok(expected), "{reader} {writer}");
        }
    }

    #[test]
    fn formats_of_releases() {
        for (text, format) in [
            ("redis-2.8", "REDIS0006"),
            ("redis-6.2", "REDIS0009"),
            ("redis-7.0", "REDIS0010"),
            ("redis-7.2", "REDIS0011"),
            ("redis-8.4", "REDIS0012"),
            ("redis-8.6", "REDIS0013"),
            ("redis-8.10", "REDIS0015"),
            ("redis-9.0", "REDIS0017"),
            ("valkey-8.1", "REDIS0011"),
            ("valkey-9.1", "VALKEY080"),
            ("valkey-9.2", "VALKEY081"),
        ] {
            let server = text.parse::<Server>().map(|server| server.snapshot_format().to_string());
            assert_eq!(server.as_deref(), Ok(format), "{text}");
        }
    }
}

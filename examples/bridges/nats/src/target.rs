//! The target, as the redtail tool reads it.

/// The server or servers to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Host and port of the server, or of several nodes or Sentinels; or `unix:PATH`.
    pub(crate) hosts: Vec<String>,
    pub(crate) user: Option<String>,
    /// The name of the primary, if the hosts are Sentinels.
    pub(crate) name: Option<String>,
    pub(crate) uses_tls: bool,
}

impl Target {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.starts_with("unix:") {
            return Ok(Self { hosts: vec![text.into()], user: None, name: None, uses_tls: false });
        }
        let (scheme, rest) = text.split_once("://").map_or((None, text), |(scheme, rest)| (Some(scheme), rest));
        let (server, is_sentinel) = match scheme.map(|scheme| (scheme, scheme.strip_suffix("+sentinel"))) {
            None => ("redis", false),
            Some((_, Some(server))) => (server, true),
            Some((scheme, None)) => (scheme, false),
        };
        let uses_tls = match server {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return Err("the scheme is none of redis, rediss, valkey, valkeys, each also with +sentinel".into()),
        };
        let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
        if user.is_some_and(|user| user.contains(':')) {
            return Err("it has a password, which every user of this machine can read: use --password-file".into());
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let name = match (is_sentinel, path) {
            (true, "") => return Err("the name of the primary is missing: redis+sentinel://host,host/name".into()),
            (true, name) => Some(name.to_owned()),
            (false, "" | "0") => None,
            (false, _) => return Err("a stream has all databases: use --db".into()),
        };
        let port = match (scheme.is_some() || user.is_some(), is_sentinel) {
            (false, _) => "",
            (true, false) => ":6379",
            (true, true) => ":26379",
        };
        let has_port = |host: &str| host.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let hosts = hosts.split(',').map(|host| match has_port(host) {
            true => host.to_owned(),
            false => format!("{host}{port}"),
        });
        Ok(Self { hosts: hosts.collect(), user: user.map(str::to_owned), name, uses_tls })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_those_of_the_tool() {
        let read = |text: &str| {
            let Target { hosts, user, name, uses_tls } = Target::read(text).unwrap();
            (hosts.join(" "), user.unwrap_or_default(), name.unwrap_or_default(), uses_tls)
        };
        let plain = |hosts: &str, user: &str, name: &str| (hosts.to_owned(), user.to_owned(), name.to_owned(), false);
        assert_eq!(read("h:1"), plain("h:1", "", ""));
        assert_eq!(read("h:1,[::1]:2"), plain("h:1 [::1]:2", "", ""));
        assert_eq!(read("cdc@h"), plain("h:6379", "cdc", ""));
        assert_eq!(read("redis://cdc@[::1]/0"), plain("[::1]:6379", "cdc", ""));
        assert_eq!(read("unix:/a@b:1"), plain("unix:/a@b:1", "", ""));
        assert_eq!(read("valkey+sentinel://a,b:1/orders"), plain("a:26379 b:1", "", "orders"));
        assert_eq!(read("rediss://h:1"), ("h:1".into(), String::new(), String::new(), true));
        for (wrong, why) in [
            ("http://h:1", "the scheme is none of redis"),
            ("redis://cdc:secret@h:1", "it has a password"),
            ("redis+sentinel://h:1", "the name of the primary is missing"),
            ("redis://h/3", "a stream has all databases: use --db"),
        ] {
            assert!(Target::read(wrong).unwrap_err().starts_with(why), "{wrong}");
        }
    }
}

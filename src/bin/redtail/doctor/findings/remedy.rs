//! Remedies, and where each is carried out.

/// A remedy of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::doctor) struct Remedy {
    pub(in crate::doctor) kind: RemedyKind,
    /// A command, or for `Config` a sentence.
    pub(in crate::doctor) text: String,
}

/// Where a remedy is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::doctor) enum RemedyKind {
    /// A command of a server or Sentinel, typed in redis-cli.
    Server,
    /// A command of a shell.
    Shell,
    /// A change of redis.conf, or of the arguments of the server.
    Config,
}

impl RemedyKind {
    pub(in crate::doctor) fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Shell => "shell",
            Self::Config => "config",
        }
    }
}

impl Remedy {
    pub(super) fn config(text: impl Into<String>) -> Self {
        Self { kind: RemedyKind::Config, text: text.into() }
    }
}

/// A command. Only commands of servers are written in capitals.
impl From<String> for Remedy {
    fn from(text: String) -> Self {
        let name = text.split(' ').next().unwrap_or_default();
        let kind = match name.chars().all(|letter| letter.is_ascii_uppercase()) {
            true => RemedyKind::Server,
            false => RemedyKind::Shell,
        };
        Self { kind, text }
    }
}

impl From<&str> for Remedy {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_servers_and_of_shells_are_told_apart() {
        for (text, kind) in [
            ("CONFIG SET repl-timeout 60", RemedyKind::Server),
            ("BGSAVE   # then INFO persistence", RemedyKind::Server),
            ("redtail tail db:6379", RemedyKind::Shell),
            ("sysctl vm.overcommit_memory=1", RemedyKind::Shell),
        ] {
            assert_eq!(Remedy::from(text).kind, kind, "{text}");
        }
    }
}

//! Suggested commands repeat the options of the connection, so that they can be pasted as they are.

use crate::args::Server;
use crate::target::address::Address;

/// The options of the connection.
pub(super) struct Suggestion {
    /// User and password of the servers.
    login: Vec<String>,
    sentinels: Vec<String>,
    tls: Vec<String>,
}

impl Suggestion {
    pub(super) fn new(server: &Server, address: &Address) -> Self {
        #[cfg(feature = "tls")]
        let (tls, of_sentinels) = (server.tls.options(), server.tls.sentinel_options());
        #[cfg(not(feature = "tls"))]
        let (tls, of_sentinels) = (Vec::new(), Vec::new());
        let prefer_replica = server.prefer_replica.then(|| "--prefer-replica".into());
        let mut sentinels = address.sentinel_options();
        sentinels.extend(of_sentinels.into_iter().chain(prefer_replica));
        Self { login: address.login.options("--"), sentinels, tls }
    }

    /// Adds the options that a command `redtail VERB TARGET …` lacks. Other commands remain as they are.
    pub(super) fn complete(&self, command: &str) -> String {
        let (command, comment) = match command.split_once("   # ") {
            Some((command, comment)) => (command, format!("   # {comment}")),
            None => (command, String::new()),
        };
        let mut words = command.split(' ');
        let ("redtail", Some(target)) = (words.next().unwrap_or_default(), words.nth(1)) else {
            return format!("{command}{comment}");
        };
        let (login, mut sentinels, mut tls) = (self.login.iter(), [].iter(), [].iter());
        if target.contains("+sentinel://") {
            sentinels = self.sentinels.iter();
        }
        if target.starts_with("rediss") || sentinels.clone().any(|option| option == "--sentinel-tls") {
            tls = self.tls.iter();
        }
        let lacks = |option: &&String| {
            let name = option.split(' ').next().unwrap_or_default();
            let replaced = if name == "--insecure" { "--verify" } else { name };
            !command.split(' ').any(|word| word == name || word == replaced)
        };
        let mut completed = command.trim_end().to_owned();
        for option in login.chain(sentinels).chain(tls).filter(lacks) {
            completed.push(' ');
            completed.push_str(option);
        }
        completed + &comment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(options: &[&str]) -> Vec<String> {
        options.iter().map(|&option| option.into()).collect()
    }

    #[test]
    fn options_fit_the_target_of_the_command() {
        let suggestion = Suggestion {
            login: list(&["--user cdc", "--password-file pw"]),
            sentinels: list(&["--sentinel-user s", "--sentinel-no-tls"]),
            tls: list(&["--cacert ca.crt", "--insecure"]),
        };
        for (command, completed) in [
            ("redtail tail db:1", "redtail tail db:1 --user cdc --password-file pw"),
            (
                "redtail tail rediss://db:1 --from snapshot   # or later",
                "redtail tail rediss://db:1 --from snapshot --user cdc --password-file pw --cacert ca.crt --insecure   \
                 # or later",
            ),
            (
                "redtail doctor rediss://db:1 --verify ca --cacert FILE",
                "redtail doctor rediss://db:1 --verify ca --cacert FILE --user cdc --password-file pw",
            ),
            (
                "redtail tail rediss+sentinel://a:1/m",
                "redtail tail rediss+sentinel://a:1/m --user cdc --password-file pw --sentinel-user s \
                 --sentinel-no-tls --cacert ca.crt --insecure",
            ),
            ("CONFIG SET maxclients 1   # now", "CONFIG SET maxclients 1   # now"),
        ] {
            assert_eq!(suggestion.complete(command), completed);
        }
        let suggestion =
            Suggestion { login: Vec::new(), sentinels: list(&["--sentinel-tls"]), tls: list(&["--cacert ca.crt"]) };
        assert_eq!(suggestion.complete("redtail tail db:1"), "redtail tail db:1");
        let watched = "redtail tail redis+sentinel://a:1/m";
        assert_eq!(suggestion.complete(watched), format!("{watched} --sentinel-tls --cacert ca.crt"));
    }
}

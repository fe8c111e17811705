//! The errors of a node that does not serve a slot, or not now.

use redtail::net::Target;

/// What to do with a command that a node of a cluster has not executed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Redirect {
    /// Another node serves the slot.
    Moved(u16, Target),
    /// The key is at a node that receives the slot, which takes the command after ASKING.
    Ask(Target),
    /// The command is sent again later: keys of it are being moved, or nobody serves the slot.
    Wait,
}

impl Redirect {
    /// Reads the error of the node at `from`. `None` for an error of another kind.
    pub(crate) fn read(error: &str, from: &Target) -> Option<Self> {
        let mut words = error.split(' ');
        let code = words.next()?;
        if matches!(code, "TRYAGAIN" | "CLUSTERDOWN") {
            return Some(Self::Wait);
        }
        let is_moved = match code {
            "MOVED" => true,
            "ASK" => false,
            _ => return None,
        };
        let slot = words.next()?.parse().ok()?;
        let (host, port) = words.next()?.rsplit_once(':')?;
        let port = port.parse().ok()?;
        // A node that does not know its own address, or must not give it.
        let host = match (host, from) {
            ("" | "?", Target::Tcp { host, .. }) => host.clone(),
            ("" | "?", Target::Unix(_)) => "127.0.0.1".to_owned(),
            (host, _) => host.to_owned(),
        };
        let target = Target::Tcp { host, port };
        Some(if is_moved { Self::Moved(slot, target) } else { Self::Ask(target) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_nodes_name_another_node() {
        let from = Target::Tcp { host: "h".into(), port: 1 };
        let at = |host: &str, port| Target::Tcp { host: host.into(), port };
        for (error, redirect) in [
            ("MOVED 3999 127.0.0.1:6381", Some(Redirect::Moved(3999, at("127.0.0.1", 6381)))),
            ("MOVED 0 ::1:6381", Some(Redirect::Moved(0, at("::1", 6381)))),
            ("ASK 3999 node.example:6381", Some(Redirect::Ask(at("node.example", 6381)))),
            ("ASK 3999 :6381", Some(Redirect::Ask(at("h", 6381)))),
            ("MOVED 3999 ?:6381", Some(Redirect::Moved(3999, at("h", 6381)))),
            ("TRYAGAIN Multiple keys request during rehashing of slot", Some(Redirect::Wait)),
            ("CLUSTERDOWN Hash slot not served", Some(Redirect::Wait)),
            ("MOVED 3999", None),
            ("MOVED 3999 h:x", None),
            ("CROSSSLOT Keys in request don't hash to the same slot", None),
        ] {
            assert_eq!(Redirect::read(error, &from), redirect, "{error}");
        }
    }
}

//! `redtail doctor` with scripted Sentinels.

use std::net::TcpListener;

use crate::doctor::{Examined, Script};
use crate::run::run;

/// The answers of a Sentinel about `m`.
#[derive(Clone)]
struct Says {
    primary: u16,
    flags: &'static str,
    quorum: u32,
    epoch: u32,
    others: Vec<u16>,
    usable: &'static str,
    knows: bool,
    /// Each of its answers has a field that is not known.
    has_future: bool,
    denies_subscribe: bool,
}

fn strings(words: &[&str]) -> String {
    let each: String = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
    format!("*{}\r\n{each}", words.len())
}

impl Says {
    fn script(&self, me: u16) -> Script {
        let Self { primary, flags, quorum, epoch, others, usable, knows, has_future, denies_subscribe } = self;
        let fields = |known: &[&str]| match has_future {
            true => strings(&[&["future", "a=b"], known, &["future2", ""]].concat()),
            false => strings(known),
        };
        let (port, quorum, epoch) = (primary.to_string(), quorum.to_string(), epoch.to_string());
        let primary = ["name", "m", "flags", flags, "quorum", &quorum, "config-epoch", &epoch];
        let id = |port: u16| format!("{port:040}");
        let each = others.iter().filter(|other| **other != me);
        let each: Vec<_> =
            each.map(|other| fields(&["ip", "127.0.0.1", "port", &other.to_string(), "runid", &id(*other)])).collect();
        let script = Script::healthy().answer("SENTINEL MYID", &format!("$40\r\n{}\r\n", id(me))).answer(
            "SENTINEL MASTERS",
            &format!("*1\r\n{}", strings(&["name", "other", "ip", "10.0.0.1", "port", "1"])),
        );
        let script = match denies_subscribe {
            true => {
                script.answer("SUBSCRIBE", "-NOPERM this user has no permissions to run the 'subscribe' command\r\n")
            }
            false => script.answer("SUBSCRIBE", "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n"),
        };
        if !knows {
            let unknown = "-ERR No such master with that name\r\n";
            return script.answer("SENTINEL", unknown).answer("SENTINEL GET-MASTER-ADDR-BY-NAME", "*-1\r\n");
        }
        script
            .answer("SENTINEL GET-MASTER-ADDR-BY-NAME m", &strings(&["127.0.0.1", &port]))
            .answer("SENTINEL MASTER m", &fields(&primary))
            .answer("SENTINEL SENTINELS m", &format!("*{}\r\n{}", each.len(), each.concat()))
            .answer("SENTINEL CKQUORUM m", usable)
    }
}

/// Three Sentinels. The tool gets the first one. Those for which `change` returns `None` do not listen.
fn examine(change: impl Fn(usize, &mut Says) -> bool) -> Examined {
    let (primary, _) = Script::healthy().serve();
    let port = |address: &str| address.rsplit_once(':').unwrap().1.parse().unwrap();
    let listeners: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    for (at, listener) in listeners.into_iter().enumerate() {
        let mut says = Says {
            primary: port(&primary),
            flags: "master",
            quorum: 2,
            epoch: 3,
            others: ports.clone(),
            usable: "+OK 3 usable Sentinels. Quorum and failover authorization can be reached\r\n",
            knows: true,
            has_future: false,
            denies_subscribe: false,
        };
        if change(at, &mut says) {
            says.script(ports[at]).serve_at(listener);
        }
    }
    let target = format!("redis+sentinel://127.0.0.1:{}/m", ports[0]);
    Examined::of(run(&["doctor", &target, "--json", "--sample", "0.01"]), Vec::new())
}

#[test]
fn sentinels_that_agree_are_good() {
    let examined = examine(|_, _| true);
    assert_eq!(examined.code, 0, "{:#}", examined.report);
    examined.says("good", &["3 of 3 Sentinels say that the primary m is 127.0.0.1:"]);
    let sentinels = examined.report["sentinels"].as_array().unwrap();
    assert_eq!(sentinels.len(), 3, "each of them once: {:#}", examined.report);
    assert!(sentinels.iter().all(|one| one["quorum"] == 2 && one["config_epoch"] == 3 && one["others"] == 2));
}

/// Fields that no Sentinel has change nothing, and neither does a flag.
#[test]
fn unknown_fields_of_sentinels_change_nothing() {
    let examined = examine(|_, says| {
        (says.flags, says.has_future) = ("master,future", true);
        true
    });
    assert_eq!(examined.code, 0, "{:#}", examined.report);
    examined.says("good", &["3 of 3 Sentinels say that the primary m is 127.0.0.1:"]);
    let sentinels = examined.report["sentinels"].as_array().unwrap();
    assert!(sentinels.iter().all(|one| one["quorum"] == 2 && one["config_epoch"] == 3 && one["others"] == 2));
}

#[test]
fn a_sentinel_that_denies_the_subscription_is_named() {
    let examined = examine(|at, says| {
        says.denies_subscribe = at == 1;
        true
    });
    examined.only("warn", &["denies SUBSCRIBE: NOPERM this user", "+subscribe &+switch-master"]);
}

#[test]
fn sentinels_that_disagree_are_warnings_with_what_each_says() {
    let elsewhere = examine(|at, says| {
        if at == 1 {
            says.primary = 1;
        }
        true
    });
    elsewhere.only("warn", &["they disagree on the address of m", "127.0.0.1:1 (127.0.0.1:", "SENTINEL MASTER m"]);
    elsewhere.says("good", &["2 of 3 Sentinels say"]);
    let of_the_past = examine(|at, says| {
        says.epoch += u32::from(at == 0);
        true
    });
    of_the_past.only("warn", &["config epochs differ", "4 (127.0.0.1:", "3 (127.0.0.1:", "SENTINEL CKQUORUM m"]);
    let other_quorum = examine(|at, says| {
        says.quorum -= u32::from(at == 2);
        true
    });
    other_quorum.only("warn", &["quorums differ", "SENTINEL SET m quorum"]);
    let strange = examine(|at, says| {
        says.knows = at != 2;
        true
    });
    strange.only("warn", &["does not know the name m", "SENTINEL MONITOR m"]);
    let lonely = examine(|at, says| {
        says.others.truncate(if at == 1 { 2 } else { 3 });
        true
    });
    lonely.only("warn", &["different numbers of others: 2 (127.0.0.1:", "1 (127.0.0.1:"]);
}

#[test]
fn sentinels_that_are_away_are_counted() {
    examine(|at, _| at != 2).only("warn", &["does not answer: Connection refused", "the others know the primary"]);
    examine(|at, _| at == 0).only("warn", &["2 of 3 do not answer", "no majority"]);
    let nobody = examine(|_, _| false);
    assert_eq!(nobody.code, 1);
    nobody.says("bad", &["no Sentinel tells where m is"]);
}

#[test]
fn no_failover_and_a_primary_that_is_down_are_said() {
    let words = "-NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the majority and authorize a failover\r\n";
    let without = examine(|at, says| {
        if at == 0 {
            says.usable = words;
        }
        true
    });
    without.only("warn", &["a failover is impossible", "1 usable Sentinels", "SENTINEL RESET m"]);
    let down = examine(|at, says| {
        if at < 2 {
            says.flags = "master,s_down";
        }
        true
    });
    down.only("warn", &["can't reach m and regards it as down"]);
    let under_way = examine(|_, says| {
        says.flags = "master,s_down,o_down,failover_in_progress";
        true
    });
    under_way.only("warn", &["a failover is in progress"]);
}

#[test]
fn a_name_that_nobody_knows_has_the_names_that_are_known() {
    let nobody = examine(|_, says| {
        says.knows = false;
        true
    });
    nobody.only("bad", &["know no primary called", "redtail doctor redis+sentinel://127.0.0.1:", "/other"]);
}

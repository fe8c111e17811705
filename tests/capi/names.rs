//! The functions that name constants: the name is the constant without its prefix, in lower case.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::build::{How, program, root, stdout};

/// The function between `redtail_` and `_name`, its enum, and the prefix of the enum's constants.
const FUNCTIONS: [(&str, &str, &str); 19] = [
    ("item", "redtail_item_kind", "REDTAIL_ITEM_"),
    ("token", "redtail_token_step", "REDTAIL_TOKEN_"),
    ("kind", "redtail_kind", "REDTAIL_KIND_"),
    ("protocol_error", "redtail_protocol_error", "REDTAIL_PROTOCOL_ERROR_"),
    ("rdb_error", "redtail_rdb_error", "REDTAIL_RDB_ERROR_"),
    ("rdb_item", "redtail_rdb_item_kind", "REDTAIL_RDB_ITEM_"),
    ("rdb_type", "redtail_rdb_type", "REDTAIL_RDB_TYPE_"),
    ("rdb_role", "redtail_rdb_role", "REDTAIL_RDB_ROLE_"),
    ("rdb_magic", "redtail_rdb_magic", "REDTAIL_RDB_MAGIC_"),
    ("rdb_checksum", "redtail_rdb_checksum", "REDTAIL_RDB_CHECKSUM_"),
    ("event", "redtail_event_kind", "REDTAIL_EVENT_"),
    ("fork_reason", "redtail_fork_reason", "REDTAIL_FORK_"),
    ("method", "redtail_method", "REDTAIL_METHOD_"),
    ("role", "redtail_role", "REDTAIL_ROLE_"),
    ("disconnect_reason", "redtail_disconnect_reason", "REDTAIL_DISCONNECT_"),
    ("notice", "redtail_notice_kind", "REDTAIL_NOTICE_"),
    ("migration", "redtail_migration", "REDTAIL_MIGRATION_"),
    ("product", "redtail_product", "REDTAIL_PRODUCT_"),
    ("migration_side", "redtail_migration_side", "REDTAIL_MIGRATION_SIDE_"),
];

#[test]
fn every_constant_has_its_name() {
    let header = fs::read_to_string(root().join("include/redtail.h")).unwrap();
    let mut expected = String::new();
    for (function, name, prefix) in FUNCTIONS {
        let body = header.split(&format!("typedef enum {name} {{")).nth(1).unwrap().split('}').next().unwrap();
        let constants: Vec<(i32, &str)> = body
            .lines()
            .filter_map(|line| line.trim().trim_end_matches(',').split_once(" = "))
            .filter(|(constant, _)| constant.starts_with("REDTAIL_"))
            .map(|(constant, number)| (number.parse().unwrap(), constant.strip_prefix(prefix).unwrap()))
            .collect();
        for number in -1..=40 {
            let known = constants.iter().find(|constant| constant.0 == number);
            let constant = known.map_or_else(|| "unknown".into(), |constant| constant.1.to_ascii_lowercase());
            writeln!(expected, "{function} {number} {constant}").unwrap();
        }
    }
    assert_eq!(stdout(&mut Command::new(program("tests/c/names.c", How::Debug))), expected);
}

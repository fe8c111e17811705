//! Sizes, alignments, offsets and values: as a C compiler sees them in the header, and as they are in Rust.

use std::fmt::Write;
use std::fs;
use std::mem::offset_of;
use std::process::Command;

use redtail::capi::basics::*;
use redtail::capi::callbacks::*;
use redtail::capi::cluster::*;
use redtail::capi::discovery::*;
use redtail::capi::error_kind::*;
use redtail::capi::event::*;
use redtail::capi::item::*;
use redtail::capi::keys::*;
use redtail::capi::migration::*;
use redtail::capi::notice::*;
use redtail::capi::options::*;
use redtail::capi::parser::{REDTAIL_PARSER_ALIGNMENT, REDTAIL_PARSER_SIZE};
use redtail::capi::position::*;
use redtail::capi::rdb::*;
use redtail::capi::rdb_item::*;
use redtail::capi::sentinel::*;
use redtail::capi::server::*;
use redtail::capi::tls::*;
use redtail::capi::wrapped::*;

use crate::build::{WARNINGS, cc, for_this_machine, root, run, stdout};

/// Every struct with its size, alignment and the offsets of its fields, in Rust.
fn structs() -> String {
    let mut lines = String::new();
    macro_rules! table {
        ($($type:ident: $($field:ident)*;)*) => {$(
            writeln!(lines, "{} {} {}", stringify!($type), size_of::<$type>(), align_of::<$type>()).unwrap();
            $(writeln!(lines, "{}.{} {}", stringify!($type), stringify!($field), offset_of!($type, $field)).unwrap();)*
        )*};
    }
    table! {
        redtail_slice: data len;
        redtail_limits: struct_size bulk command arguments depth line reply_line templates;
        redtail_position: replid history offset db data_offset;
        redtail_item: kind frame offset raw spans argc index length;
        redtail_span: start len;
        redtail_wrapped: origin commands db mvcc;
        redtail_token: step kind depth format count integer bytes raw;
        redtail_options: struct_size start on_gap ack allow_probe retry_first retry_snapshot no_reconnect single_link control listening_port position label user password password_len parts silence_ms backoff_first_ms backoff_longest_ms backoff_attempts buffer_size connect_timeout_ms write_timeout_ms limits snapshot_items lenient tls retry_refused_ms;
        redtail_tls: struct_size verify ca_file ca_folder certificate key server_name;
        redtail_sentinel: struct_size name addresses address_count prefer_replica user password password_len tls warning context;
        redtail_cluster_options: struct_size nodes node_count positions added refresh_ms prefer_replica;
        redtail_cluster_callbacks: struct_size context event notice idle;
        redtail_server: product major minor patch reserved;
        redtail_key: index db access reserved;
        redtail_node: shard is_primary is_up id address slots;
        redtail_migration_task: side id source target slots;
        redtail_notice: kind message shard start status position from to gained lost node;
        redtail_stream_id: ms seq;
        redtail_rdb_item: kind role key_type magic checksum flag frequency db bytes at length number count expires added idle_s time_ms active_ms score id first max_deleted module;
        redtail_forking: reason used_memory last_fork_us server;
        redtail_attached: method role position server newer_than_tested rewound_from;
        redtail_snapshot: length verified beyond_templates;
        redtail_part: argc index length;
        redtail_gap: from to missed;
        redtail_disconnected: reason resume retry_in_ms;
        redtail_event: kind resumable offset db tx received_ms args argc raw replid history forking attached snapshot part gap disconnected item data_offset;
    }
    lines
}

/// Every constant with its value, in Rust.
fn constants() -> String {
    let mut lines = String::new();
    macro_rules! table {
        ($($name:ident)*; $($type:ident: $($variant:ident)*;)*) => {
            $(writeln!(lines, "{} {}", stringify!($name), $name as u64).unwrap();)*
            $($(writeln!(lines, "{} {}", stringify!($variant), $type::$variant as i64 as u64).unwrap();)*)*
        };
    }
    table! {
        REDTAIL_VERSION_MAJOR REDTAIL_VERSION_MINOR REDTAIL_VERSION_PATCH REDTAIL_VERSION_NUMBER REDTAIL_UNKNOWN REDTAIL_POSITION_TEXT_SIZE REDTAIL_SERVER_TEXT_SIZE REDTAIL_SPANS
        REDTAIL_PARSER_SIZE REDTAIL_PARSER_ALIGNMENT REDTAIL_FOREVER REDTAIL_NO_TIME REDTAIL_ALL_DATABASES REDTAIL_RDB_MIN_INPUT REDTAIL_RDB_FLAG_LENIENT REDTAIL_RDB_FLAG_NO_CHECKSUM;
        redtail_status: REDTAIL_OK REDTAIL_NEED_MORE REDTAIL_MORE_ARGS REDTAIL_END REDTAIL_NONE
            REDTAIL_STOPPED REDTAIL_IDLE REDTAIL_RECONNECT REDTAIL_CLOSED REDTAIL_ALL_KEYS REDTAIL_UNKNOWN_KEYS REDTAIL_ERROR_ARGUMENT
            REDTAIL_ERROR_STATE REDTAIL_ERROR_PANIC REDTAIL_ERROR_MEMORY REDTAIL_ERROR_POSITION
            REDTAIL_ERROR_PROTOCOL REDTAIL_ERROR_LIMIT REDTAIL_ERROR_ADDRESS REDTAIL_ERROR_CONNECT
            REDTAIL_ERROR_LOST REDTAIL_ERROR_REFUSED REDTAIL_ERROR_UNEXPECTED REDTAIL_ERROR_HISTORY_LOST
            REDTAIL_ERROR_NO_BACKLOG REDTAIL_ERROR_INFO_NEEDED REDTAIL_ERROR_SECOND_LINK
            REDTAIL_ERROR_NOT_RESUMABLE REDTAIL_ERROR_SNAPSHOT_BROKEN REDTAIL_ERROR_SNAPSHOT_NOT_EMPTY
            REDTAIL_ERROR_CREDENTIALS REDTAIL_ERROR_SNAPSHOT REDTAIL_ERROR_VERSION REDTAIL_ERROR_RECORDING
            REDTAIL_ERROR_COMPRESSION;
        redtail_mode: REDTAIL_MODE_FRAMES REDTAIL_MODE_REQUESTS REDTAIL_MODE_STREAM REDTAIL_MODE_AOF
            REDTAIL_MODE_TOKENS;
        redtail_item_kind: REDTAIL_ITEM_COMMAND REDTAIL_ITEM_INLINE REDTAIL_ITEM_FRAME REDTAIL_ITEM_PART_BEGIN
            REDTAIL_ITEM_PART_ARGUMENT REDTAIL_ITEM_PART_PIECE REDTAIL_ITEM_PART_END;
        redtail_token_step: REDTAIL_TOKEN_VALUE REDTAIL_TOKEN_BEGIN REDTAIL_TOKEN_CHUNK REDTAIL_TOKEN_END;
        redtail_kind: REDTAIL_KIND_NONE REDTAIL_KIND_SIMPLE_STRING REDTAIL_KIND_ERROR REDTAIL_KIND_INTEGER
            REDTAIL_KIND_BULK_STRING REDTAIL_KIND_ARRAY REDTAIL_KIND_NULL REDTAIL_KIND_BOOLEAN
            REDTAIL_KIND_DOUBLE REDTAIL_KIND_BIG_NUMBER REDTAIL_KIND_BULK_ERROR REDTAIL_KIND_VERBATIM_STRING
            REDTAIL_KIND_MAP REDTAIL_KIND_SET REDTAIL_KIND_PUSH REDTAIL_KIND_ATTRIBUTE;
        redtail_start: REDTAIL_START_NOW REDTAIL_START_NOW_WITHOUT_FORK REDTAIL_START_SNAPSHOT
            REDTAIL_START_AT REDTAIL_START_SYNC;
        redtail_on_gap: REDTAIL_ON_GAP_STOP REDTAIL_ON_GAP_CONTINUE REDTAIL_ON_GAP_SNAPSHOT;
        redtail_ack: REDTAIL_ACK_OBSERVE REDTAIL_ACK_RECEIVED REDTAIL_ACK_APPLIED;
        redtail_verify: REDTAIL_VERIFY_FULL REDTAIL_VERIFY_AUTHORITY REDTAIL_VERIFY_NOTHING;
        redtail_event_kind: REDTAIL_EVENT_FORKING REDTAIL_EVENT_ATTACHED REDTAIL_EVENT_SNAPSHOT_BEGIN
            REDTAIL_EVENT_SNAPSHOT_BYTES REDTAIL_EVENT_SNAPSHOT_END REDTAIL_EVENT_COMMAND REDTAIL_EVENT_MULTI
            REDTAIL_EVENT_EXEC REDTAIL_EVENT_CONTROL REDTAIL_EVENT_PART_BEGIN REDTAIL_EVENT_PART_ARGUMENT
            REDTAIL_EVENT_PART_PIECE REDTAIL_EVENT_PART_END REDTAIL_EVENT_GAP REDTAIL_EVENT_DISCONNECTED REDTAIL_EVENT_SNAPSHOT_ITEM;
        redtail_rdb_item_kind: REDTAIL_RDB_ITEM_START REDTAIL_RDB_ITEM_TEXT REDTAIL_RDB_ITEM_DATABASE REDTAIL_RDB_ITEM_SIZES REDTAIL_RDB_ITEM_SLOT REDTAIL_RDB_ITEM_SLOT_RANGE REDTAIL_RDB_ITEM_COMMAND REDTAIL_RDB_ITEM_MODULE_AUX REDTAIL_RDB_ITEM_KEY_METADATA REDTAIL_RDB_ITEM_KEY REDTAIL_RDB_ITEM_SCORE REDTAIL_RDB_ITEM_FIELD_EXPIRY REDTAIL_RDB_ITEM_ENTRY REDTAIL_RDB_ITEM_STREAM REDTAIL_RDB_ITEM_GROUP REDTAIL_RDB_ITEM_PENDING REDTAIL_RDB_ITEM_CONSUMERS REDTAIL_RDB_ITEM_CONSUMER REDTAIL_RDB_ITEM_CONSUMER_PENDING REDTAIL_RDB_ITEM_RETURNED REDTAIL_RDB_ITEM_IDEMPOTENCE REDTAIL_RDB_ITEM_PRODUCER REDTAIL_RDB_ITEM_IDEMPOTENT REDTAIL_RDB_ITEM_IDEMPOTENCE_COUNTS REDTAIL_RDB_ITEM_MODULE REDTAIL_RDB_ITEM_RAW REDTAIL_RDB_ITEM_ARRAY REDTAIL_RDB_ITEM_INDEX REDTAIL_RDB_ITEM_PATH REDTAIL_RDB_ITEM_RATE REDTAIL_RDB_ITEM_SKIPPED REDTAIL_RDB_ITEM_KEY_END REDTAIL_RDB_ITEM_END REDTAIL_RDB_ITEM_FOREIGN;
        redtail_rdb_magic: REDTAIL_RDB_MAGIC_REDIS REDTAIL_RDB_MAGIC_VALKEY;
        redtail_rdb_type: REDTAIL_RDB_TYPE_STRING REDTAIL_RDB_TYPE_LIST REDTAIL_RDB_TYPE_SET REDTAIL_RDB_TYPE_ZSET REDTAIL_RDB_TYPE_HASH REDTAIL_RDB_TYPE_STREAM REDTAIL_RDB_TYPE_MODULE REDTAIL_RDB_TYPE_ARRAY REDTAIL_RDB_TYPE_RATE REDTAIL_RDB_TYPE_PATH_HASH;
        redtail_rdb_role: REDTAIL_RDB_ROLE_AUX_NAME REDTAIL_RDB_ROLE_AUX_VALUE REDTAIL_RDB_ROLE_FUNCTION REDTAIL_RDB_ROLE_SLOT_IMPORT REDTAIL_RDB_ROLE_ARGUMENT REDTAIL_RDB_ROLE_KEY_NAME REDTAIL_RDB_ROLE_VALUE REDTAIL_RDB_ROLE_ELEMENT REDTAIL_RDB_ROLE_MEMBER REDTAIL_RDB_ROLE_FIELD REDTAIL_RDB_ROLE_FIELD_VALUE REDTAIL_RDB_ROLE_SHARED_FIELD REDTAIL_RDB_ROLE_ENTRY_FIELD REDTAIL_RDB_ROLE_ENTRY_VALUE REDTAIL_RDB_ROLE_GROUP_NAME REDTAIL_RDB_ROLE_CONSUMER_NAME REDTAIL_RDB_ROLE_PRODUCER_NAME REDTAIL_RDB_ROLE_IDEMPOTENCY_KEY REDTAIL_RDB_ROLE_PATH;
        redtail_rdb_checksum: REDTAIL_RDB_CHECKSUM_VERIFIED REDTAIL_RDB_CHECKSUM_ABSENT REDTAIL_RDB_CHECKSUM_IGNORED;
        redtail_protocol_error: REDTAIL_PROTOCOL_ERROR_UNEXPECTED REDTAIL_PROTOCOL_ERROR_INVALID_LENGTH REDTAIL_PROTOCOL_ERROR_INVALID_VALUE REDTAIL_PROTOCOL_ERROR_MISSING_CRLF REDTAIL_PROTOCOL_ERROR_BULK_TOO_LONG REDTAIL_PROTOCOL_ERROR_COMMAND_TOO_LONG REDTAIL_PROTOCOL_ERROR_TOO_MANY_ARGUMENTS REDTAIL_PROTOCOL_ERROR_TOO_DEEP REDTAIL_PROTOCOL_ERROR_LINE_TOO_LONG REDTAIL_PROTOCOL_ERROR_UNBALANCED_QUOTES;
        redtail_rdb_error: REDTAIL_RDB_ERROR_NOT_RDB REDTAIL_RDB_ERROR_TEMPLATES REDTAIL_RDB_ERROR_UNKNOWN_NUMBER REDTAIL_RDB_ERROR_REFUSED REDTAIL_RDB_ERROR_UNKNOWN_ENCODING REDTAIL_RDB_ERROR_INVALID REDTAIL_RDB_ERROR_OVERRUN REDTAIL_RDB_ERROR_MISMATCH REDTAIL_RDB_ERROR_COMPRESSION REDTAIL_RDB_ERROR_CHECKSUM REDTAIL_RDB_ERROR_TRUNCATED REDTAIL_RDB_ERROR_COMPRESSED REDTAIL_RDB_ERROR_UNKNOWN_VERSION;
        redtail_fork_reason: REDTAIL_FORK_FILTERED REDTAIL_FORK_SNAPSHOT REDTAIL_FORK_PROBE;
        redtail_method: REDTAIL_METHOD_FILTERED REDTAIL_METHOD_INFO REDTAIL_METHOD_FULL
            REDTAIL_METHOD_CONTINUED REDTAIL_METHOD_PROBED REDTAIL_METHOD_SYNC REDTAIL_METHOD_REWOUND;
        redtail_role: REDTAIL_ROLE_UNKNOWN REDTAIL_ROLE_PRIMARY REDTAIL_ROLE_REPLICA;
        redtail_notice_kind: REDTAIL_NOTICE_ADDED REDTAIL_NOTICE_FAILED_OVER REDTAIL_NOTICE_SLOTS_MOVED REDTAIL_NOTICE_REMOVED REDTAIL_NOTICE_ENDED REDTAIL_NOTICE_LOST REDTAIL_NOTICE_UNREACHABLE REDTAIL_NOTICE_MOVED;
        redtail_added: REDTAIL_ADDED_SNAPSHOT REDTAIL_ADDED_NOW REDTAIL_ADDED_NOW_WITHOUT_FORK;
        redtail_product: REDTAIL_PRODUCT_REDIS REDTAIL_PRODUCT_VALKEY;
        redtail_access: REDTAIL_ACCESS_READ REDTAIL_ACCESS_WRITE REDTAIL_ACCESS_REMOVED;
        redtail_migration: REDTAIL_MIGRATION_NONE REDTAIL_MIGRATION_KEY REDTAIL_MIGRATION_BEGINS REDTAIL_MIGRATION_ENDS REDTAIL_MIGRATION_FAILED REDTAIL_MIGRATION_TRIMMED REDTAIL_MIGRATION_MESSAGE REDTAIL_MIGRATION_IMPORTED;
        redtail_migration_side: REDTAIL_MIGRATION_SIDE_NONE REDTAIL_MIGRATION_SIDE_IMPORT REDTAIL_MIGRATION_SIDE_MIGRATE;
        redtail_disconnect_reason: REDTAIL_DISCONNECT_CLOSED REDTAIL_DISCONNECT_IO REDTAIL_DISCONNECT_SILENCE REDTAIL_DISCONNECT_REFUSED REDTAIL_DISCONNECT_NEEDS_FIX;
    }
    lines
}

/// A program that prints the same of whatever the header declares.
fn program() -> String {
    let header = fs::read_to_string(root().join("include/redtail.h")).unwrap();
    let (mut structs, mut constants, mut open) = (String::new(), String::new(), None);
    for line in header.lines() {
        let code = line.trim();
        if code.starts_with("/*") || code.starts_with('*') {
            continue;
        }
        if let Some(name) = code.strip_prefix("typedef struct ").and_then(|rest| rest.strip_suffix(" {")) {
            open = Some(name);
            writeln!(structs, r#"printf("{name} %zu %zu\n", sizeof({name}), _Alignof({name}));"#).unwrap();
        } else if code.starts_with('}') {
            open = None;
        } else if let (Some(name), Some(declared)) = (open, code.strip_suffix(';')) {
            let declared = declared.split('[').next().unwrap();
            let field = match declared.split_once("(*") {
                Some((_, callback)) => callback.split(')').next().unwrap(),
                None => declared.rsplit([' ', '*']).next().unwrap(),
            };
            writeln!(structs, r#"printf("{name}.{field} %zu\n", offsetof({name}, {field}));"#).unwrap();
        } else {
            let constant = match code.strip_prefix("#define ") {
                Some(define) => define.split_once(' ').map(|(name, _)| name),
                None => code.split_once(" = ").map(|(name, _)| name),
            };
            if let Some(name) =
                constant.filter(|name| name.starts_with("REDTAIL_") && *name != "REDTAIL_API" && !name.contains('('))
            {
                writeln!(constants, r#"printf("{name} %llu\n", (unsigned long long){name});"#).unwrap();
            }
        }
    }
    format!(
        "#include <redtail.h>\n#include <stdio.h>\nint main(void) {{\n{structs}puts(\"\");\n{constants}return 0;\n}}\n"
    )
}

#[test]
fn c_and_rust_see_the_same() {
    let file = std::env::temp_dir().join(format!("redtail-layout-{}.c", std::process::id()));
    let binary = file.with_extension("bin");
    fs::write(&file, program()).unwrap();
    let mut compiler = cc("CC", "cc");
    run(compiler
        .arg("-std=c11")
        .args(WARNINGS)
        .arg("-I")
        .arg(root().join("include"))
        .arg(&file)
        .arg("-o")
        .arg(binary.with_extension("built")));
    for_this_machine(&binary.with_extension("built"), &binary);
    let seen = stdout(&mut Command::new(&binary));
    fs::remove_file(&file).unwrap();
    fs::remove_file(&binary).unwrap();
    let (in_c, in_rust) = (seen.split_once("\n\n").unwrap(), (structs(), constants()));
    assert_eq!(sorted(in_c.0), sorted(&in_rust.0));
    assert_eq!(sorted(in_c.1), sorted(&in_rust.1));
}

fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

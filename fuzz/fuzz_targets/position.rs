#![no_main]
//! A text is a position or a clear error, and a position is its text.

use libfuzzer_sys::fuzz_target;
use redtail::{Position, PositionError, ReplicationId};

fuzz_target!(|data: &[u8]| {
    if let Some(id) = ReplicationId::from_bytes(data) {
        assert_eq!(id.as_str().as_bytes(), data.to_ascii_lowercase());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Position>() {
        Ok(position) => {
            let printed = position.to_string();
            assert_eq!(printed.parse(), Ok(position));
            assert!(printed.len() < 160, "room for a position is 160 bytes in C");
            assert_eq!(printed.parse().map(|again: Position| again.data_offset), Ok(position.data_offset));
            assert!(position.data_offset <= position.offset);
            assert!(position.offset < i64::MAX as u64);
            // The text may differ in the case of the ids, in leading zeros, and in a redundant history or data offset.
            let (fields, canonical): (Vec<&str>, Vec<&str>) = (text.split(':').collect(), printed.split(':').collect());
            let redundant = fields.len() - canonical.len();
            let (same_id, same_offset) = (position.history == position.replid, position.data_offset == position.offset);
            assert!(redundant <= usize::from(same_id) + usize::from(same_offset));
            assert!(fields[0].eq_ignore_ascii_case(canonical[0]));
            assert_eq!(fields[1].parse(), Ok(position.offset));
            assert_eq!(fields[2].parse().ok(), position.db);
        }
        Err(error) => {
            // Each error describes the first defect.
            let fields: Vec<&str> = text.split(':').collect();
            let id = |field: &str| ReplicationId::from_bytes(field.as_bytes()).is_some();
            match error {
                PositionError::ReplicationId => assert!(!id(fields[0]) || !id(fields[3])),
                PositionError::Offset => assert!(id(fields[0])),
                PositionError::Database => assert!(fields[1].bytes().all(|byte| byte.is_ascii_digit())),
                PositionError::Trailing => assert!(fields.len() > 4),
                _ => {}
            }
        }
    }
});

//! A snapshot without data.

use crate::replay::segment::Segment;

/// The snapshot a server makes for `rdb-filter-only ""`: the facts of its replication and no data.
pub(super) fn snapshot(segment: &Segment) -> Vec<u8> {
    let mut rdb = b"REDIS0010".to_vec();
    let (id, offset) = (segment.replid(), segment.start_offset().to_string());
    let mut field = |name: &str, value: &str| {
        rdb.push(0xfa);
        for text in [name, value] {
            // All of these are shorter than 64 bytes, so their length is one byte.
            rdb.push(text.len() as u8);
            rdb.extend_from_slice(text.as_bytes());
        }
    };
    field("redis-ver", "7.0.15");
    field("redis-bits", "64");
    if let Some(db) = segment.db() {
        field("repl-stream-db", &db.to_string());
    }
    field("repl-id", id.as_str());
    field("repl-offset", &offset);
    rdb.push(0xff);
    // A checksum of zero: none was computed.
    rdb.extend_from_slice(&[0; 8]);
    rdb
}

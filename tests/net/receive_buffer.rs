//! The buffer against a queue of bytes.

use std::collections::VecDeque;

use proptest::prelude::*;
use redtail::io::{BufferFull, ReceiveBuffer};

#[derive(Debug, Clone)]
enum Step {
    Receive { at_least: usize, count: usize },
    Consume(usize),
    Shrink,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..400_usize, 0..300_usize).prop_map(|(at_least, count)| Step::Receive { at_least, count }),
        4 => (0..400_usize).prop_map(Step::Consume),
        1 => Just(Step::Shrink),
    ];
    prop::collection::vec(step, 0..200)
}

/// Appends the next bytes of an endless counter, at most `count`, to the buffer and to the model.
fn receive(buffer: &mut ReceiveBuffer, model: &mut VecDeque<u8>, next: &mut u8, count: usize) -> usize {
    let space = buffer.space();
    let count = count.min(space.len());
    for byte in &mut space[..count] {
        *byte = *next;
        model.push_back(*next);
        *next = next.wrapping_add(1);
    }
    buffer.filled(count);
    count
}

proptest! {
    #[test]
    fn holds_what_a_queue_holds(base in 1..300_usize, limit in 1..2_000_usize, steps in steps()) {
        let limit = limit.max(base);
        let mut buffer = ReceiveBuffer::with_capacity(base);
        let mut model = VecDeque::new();
        let mut next = 0;
        for step in steps {
            match step {
                Step::Receive { at_least, count } => {
                    match buffer.make_room(at_least, limit) {
                        Ok(()) => prop_assert!(!buffer.space().is_empty()),
                        Err(error) => {
                            prop_assert_eq!(error, BufferFull::Limit { limit });
                            prop_assert_eq!(model.len(), limit);
                        }
                    }
                    receive(&mut buffer, &mut model, &mut next, count);
                }
                Step::Consume(count) => {
                    buffer.consume(count);
                    model.drain(..count.min(model.len()));
                }
                Step::Shrink => {
                    buffer.shrink(base);
                    prop_assert!(buffer.capacity() <= 4 * base + 3 || model.len() > base / 2);
                }
            }
            prop_assert_eq!(buffer.readable(), model.make_contiguous() as &[u8]);
            prop_assert_eq!((buffer.len(), buffer.is_empty()), (model.len(), model.is_empty()));
            prop_assert!(buffer.capacity() <= limit);
        }
    }

    #[test]
    fn moves_no_more_bytes_than_pass_through(base in 1..300_usize, steps in steps()) {
        let mut buffer = ReceiveBuffer::with_capacity(base);
        let mut model = VecDeque::new();
        let (mut next, mut consumed) = (0, 0);
        for step in steps {
            match step {
                Step::Receive { at_least, count } => {
                    let before = (buffer.capacity(), buffer.len());
                    buffer.make_room(at_least, usize::MAX).unwrap();
                    if buffer.capacity() > before.0 {
                        prop_assert!(before.1 > before.0 / 2, "grown with {} of {} bytes unread", before.1, before.0);
                        prop_assert!(buffer.capacity() <= (2 * before.0).max(1));
                    }
                    receive(&mut buffer, &mut model, &mut next, count);
                }
                Step::Consume(count) => {
                    consumed += count.min(buffer.len()) as u64;
                    buffer.consume(count);
                }
                Step::Shrink => {}
            }
            prop_assert!(buffer.moved() <= consumed, "{} moved, {} consumed", buffer.moved(), consumed);
        }
    }
}

#[test]
fn a_declared_length_makes_nothing_grow() {
    let mut buffer = ReceiveBuffer::with_capacity(1024);
    buffer.make_room(500 << 20, 1 << 30).unwrap();
    assert_eq!(buffer.capacity(), 1024);
    buffer.filled(1023);
    buffer.make_room(500 << 20, 1 << 30).unwrap();
    assert_eq!(buffer.capacity(), 1024, "there is still a byte of space");
    buffer.filled(1);
    buffer.make_room(500 << 20, 1 << 30).unwrap();
    assert_eq!(buffer.capacity(), 2048, "it was full of unread bytes");
}

#[test]
fn a_ring_without_storage_grows_from_nothing() {
    let mut buffer = ReceiveBuffer::with_capacity(0);
    buffer.make_room(0, 10).unwrap();
    assert_eq!(buffer.space().len(), 1);
    assert_eq!(ReceiveBuffer::with_capacity(0).make_room(1, 0), Err(BufferFull::Limit { limit: 0 }));
}

#[test]
fn large_storage_grows_in_steps_and_goes_back() {
    const BASE: usize = 256 << 10;
    let mut buffer = ReceiveBuffer::with_capacity(BASE);
    while buffer.len() < 10 << 20 {
        buffer.make_room(1 << 30, 1 << 30).unwrap();
        assert!(buffer.space().len() <= 1 << 20);
        let count = buffer.space().len();
        buffer.filled(count);
    }
    assert_eq!(buffer.capacity(), buffer.len());
    buffer.consume((10 << 20) - 100);
    buffer.shrink(BASE);
    assert_eq!((buffer.capacity(), buffer.len()), (BASE, 100));
}

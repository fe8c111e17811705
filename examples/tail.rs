//! Prints every write of a server as it happens: `cargo run --example tail 127.0.0.1:6379`.

use redtail::{Event, Follower};

fn main() -> Result<(), redtail::Error> {
    let target = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".into());
    let mut follower = Follower::builder(target).connect()?;
    while let Some(event) = follower.next_event()? {
        match event {
            Event::Attached(at) => eprintln!("attached at {}", at.offset),
            Event::Command(command) => println!("{command}"), // 1311 [0] "SET" "k" "v"
            Event::Gap(gap) => eprintln!("history lost: {gap}"),
            _ => {}
        }
    }
    Ok(())
}

//! Prints the digest of a file, read with a step: the two arguments.

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, step] = arguments.as_slice() else { panic!("usage: native FILE STEP") };
    let input = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    println!("{}", redtail_wasm::digest(&input, step.parse().expect("a number of bytes")));
}

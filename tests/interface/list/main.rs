//! Prints the public API that a rustdoc JSON file describes, one item per line: `redtail-api-list FILE`.

use std::collections::HashSet;
use std::process::ExitCode;

use public_api::tokens::Token;
use public_api::{Builder, PublicItem};

/// Traits that the compiler implements, and on which callers do not depend. `Send` and `Sync` are listed.
const UNLISTED: [&str; 6] = ["StructuralPartialEq", "Freeze", "Unpin", "UnsafeUnpin", "UnwindSafe", "RefUnwindSafe"];

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: redtail-api-list FILE");
        return ExitCode::from(2);
    };
    let api = match Builder::from_rustdoc_json(&file).omit_blanket_impls(true).build() {
        Ok(api) => api,
        Err(error) => {
            eprintln!("{file}: {error}");
            eprintln!(
                "If Rust was updated, set the version of public-api in tests/interface/list/Cargo.toml that reads its format."
            );
            return ExitCode::FAILURE;
        }
    };
    let trait_impls: HashSet<_> = api.items().filter(|item| trait_name(item).is_some()).map(PublicItem::id).collect();
    let mut printed = HashSet::new();
    for item in api.items() {
        // The trait determines the signatures of its methods.
        let implied = is_function(item) && item.parent_id().is_some_and(|parent| trait_impls.contains(&parent));
        let unlisted = trait_name(item).is_some_and(|name| UNLISTED.contains(&name.as_str()));
        let line = item.to_string();
        // A type that is re-exported has its impls once for each path.
        if !implied && !unlisted && printed.insert(line.clone()) {
            println!("{line}");
        }
    }
    ExitCode::SUCCESS
}

fn is_function(item: &PublicItem) -> bool {
    item.tokens().any(|token| matches!(token, Token::Kind(kind) if kind == "fn"))
}

/// The last segment of the trait's path, if the item is `impl Trait for Type`.
fn trait_name(item: &PublicItem) -> Option<String> {
    let line = item.to_string();
    let (before, _) = line.strip_prefix("impl")?.split_once(" for ")?;
    let path = before.rsplit(' ').next()?;
    Some(path.split('<').next()?.rsplit("::").next()?.to_owned())
}

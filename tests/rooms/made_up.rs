//! Tests of the checks on made-up sources that break one rule each.

use std::collections::BTreeMap;

use super::House;

fn house(sources: &[(&str, &str)]) -> House {
    let sources = sources.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    House::new(sources.collect::<BTreeMap<_, _>>())
}

/// A room with two files; its face re-exports `A`.
fn pair(a: &str, b: &str) -> House {
    house(&[
        ("lib.rs", "pub mod resp; pub use resp::A;"),
        ("resp/mod.rs", "mod a; mod b; pub use a::A;"),
        ("resp/a.rs", a),
        ("resp/b.rs", b),
    ])
}

#[test]
fn two_files_that_import_each_other_are_a_circle() {
    let circles = pair("use super::b::B; pub struct A(B);", "use super::a::A; pub struct B(Option<Box<A>>);").circles();
    assert_eq!(
        circles,
        ["resp/a.rs, resp/b.rs\n    resp/a.rs:1 imports B of resp/b.rs\n    resp/b.rs:1 imports A of resp/a.rs"]
    );
}

#[test]
fn an_import_one_way_is_no_circle() {
    let house =
        pair("use super::b::{self, B}; pub struct A(B); fn f() { b::f(self::B) }", "pub struct B; pub fn f() {}");
    assert!(house.circles().is_empty() && house.detours().is_empty() && house.upward().is_empty());
    assert_eq!(house.arrows.len(), 4);
}

#[test]
fn a_path_in_code_or_in_a_macro_ties_as_an_import_does() {
    for code in ["fn f() { super::b::f() }", "fn f() { println!(\"{}\", crate::resp::b::f()) }"] {
        let circles = pair(&format!("pub struct A; {code}"), "use super::a::A; pub fn f() {}").circles();
        assert_eq!(circles.len(), 1, "{code}");
    }
}

#[test]
fn a_circle_of_three_files_is_one_circle() {
    let circles = house(&[
        ("lib.rs", "mod resp;"),
        ("resp/mod.rs", "mod a; mod b; mod c;"),
        ("resp/a.rs", "use super::{b::{B as Other}}; pub struct A;"),
        ("resp/b.rs", "use crate::resp::c::*; pub struct B;"),
        ("resp/c.rs", "pub struct C(super::a::A);"),
    ])
    .circles();
    assert_eq!(circles.len(), 1);
    assert!(circles[0].starts_with("resp/a.rs, resp/b.rs, resp/c.rs\n"), "{circles:?}");
}

#[test]
fn tests_and_comments_and_texts_import_nothing() {
    let code = "// use super::b::B;\n/// [`B`](super::b::B)\npub struct A;\nconst TEXT: &str = \"super::b::B\";\n\
                #[cfg(test)]\nmod tests { use super::super::b::B; }";
    assert!(pair(code, "use super::a::A; pub struct B(A);").circles().is_empty());
}

#[test]
fn a_child_that_extends_its_parents_type_makes_no_circle() {
    let with = |child: &str| {
        house(&[
            ("lib.rs", "mod resp;"),
            ("resp/mod.rs", "mod child; use child::Part; pub struct Whole(Part); pub struct Other;"),
            ("resp/child.rs", child),
        ])
    };
    let extends = with("use super::Whole; pub struct Part; impl Whole { fn part(&self) {} }");
    assert_eq!(extends.circles(), [""; 0]);
    for child in [
        "use super::Whole; pub struct Part; fn f(_: Whole) {}",
        "use super::Other; pub struct Part; impl Part { fn f(_: Other) {} }",
    ] {
        assert_eq!(with(child).circles().len(), 1, "{child}");
    }
}

#[test]
fn an_import_of_a_higher_level_is_found() {
    let upward = |low: &str| {
        house(&[
            ("lib.rs", "mod resp; mod net; pub use net::N;"),
            ("resp/mod.rs", low),
            ("net/mod.rs", "pub struct N;"),
        ])
        .upward()
    };
    assert_eq!(upward("use crate::net::N;"), ["resp/mod.rs:1 imports N of net/mod.rs"]);
    assert_eq!(upward("\npub use crate::N;"), ["resp/mod.rs:2 imports N (through lib.rs) of net/mod.rs"]);
    assert_eq!(upward("fn f() -> crate::net::N {}").len(), 1);
}

#[test]
fn an_import_of_a_room_on_the_same_level_is_found() {
    let upward = house(&[
        ("lib.rs", "mod resp; mod rdb;"),
        ("resp/mod.rs", "pub struct R;"),
        ("rdb/mod.rs", "use crate::resp::R;"),
    ])
    .upward();
    assert_eq!(upward, ["rdb/mod.rs:1 imports R of resp/mod.rs"]);
}

#[test]
fn an_import_through_the_crate_root_is_found() {
    let detours = pair("pub struct A;", "use crate::A;").detours();
    assert_eq!(detours, ["resp/b.rs:1 imports A (through lib.rs) of resp/a.rs"]);
    assert_eq!(pair("pub struct A;", "fn f(_: crate::A) {}").detours().len(), 1);
}

#[test]
fn an_import_through_the_own_rooms_face_is_found() {
    let detours = pair("pub struct A;", "use crate::resp::A;").detours();
    assert_eq!(detours, ["resp/b.rs:1 imports A (through resp/mod.rs) of resp/a.rs"]);
}

#[test]
fn another_rooms_face_shows_what_is_its_own_only() {
    let net = |import: &str| {
        house(&[
            ("lib.rs", "mod resp; mod replication; mod net;"),
            ("resp/mod.rs", "mod a; pub use a::A;"),
            ("resp/a.rs", "pub struct A;"),
            ("replication/mod.rs", "pub use crate::resp::A;"),
            ("net/mod.rs", import),
        ])
        .detours()
    };
    assert_eq!(net("use crate::resp::A;"), [""; 0]);
    let detours = net("use crate::replication::A;");
    assert_eq!(detours, ["net/mod.rs:1 imports A (through replication/mod.rs) of resp/a.rs"]);
}

#[test]
fn the_tool_uses_the_librarys_root_and_not_its_own() {
    let tool = |file: &str| {
        house(&[
            ("lib.rs", "mod resp; pub use resp::A;"),
            ("resp/mod.rs", "pub struct A;"),
            ("bin/redtail/main.rs", "mod args; use args::Verb; fn f(_: Verb) {} fn g() {}"),
            ("bin/redtail/args.rs", file),
        ])
    };
    let fine = tool("use redtail::A; pub struct Verb(A);");
    assert!(fine.detours().is_empty() && fine.upward().is_empty() && fine.circles().is_empty());
    assert_eq!(tool("pub struct Verb; fn f() { crate::g() }").circles().len(), 1);
    assert_eq!(tool("use crate::Verb as V; pub struct Verb;").detours(), [""; 0]);
}

#[test]
fn a_path_without_a_definition_is_found() {
    assert_eq!(pair("pub struct A;", "use super::a::Missing;").unresolved, ["resp/b.rs:1: super::a::Missing"]);
}

#[test]
fn functions_are_measured() {
    let house = pair("pub struct A;\nimpl A {\n    fn long() {\n\n\n    }\n}\n", "fn short() {}");
    let functions = house.tree.files.iter().flat_map(|file| &file.functions);
    let found: Vec<_> = functions.map(|function| (function.name.as_str(), function.line, function.lines)).collect();
    assert_eq!(found, [("long", 3, 4), ("short", 1, 1)]);
}

//! The JSON lines of the tool against their documented contract, docs/schema/events.schema.json.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

struct Contract {
    text: Value,
    schemas: Schemas,
    lines: SchemaIndex,
}

/// Lines of a test process that are checked one by one. A check takes a debug build longer than the tool takes for the
/// line: of the later lines of a stream one in 100 is checked, so that its reader keeps up with the writers.
const CHECKED: u32 = 1000;

/// The event of a line. The line must be valid, and each of its fields must be in the schema: readers may meet unknown
/// fields, but not of this version.
pub(crate) fn event(line: &str) -> Value {
    static LINES: AtomicU32 = AtomicU32::new(0);
    let lines = LINES.fetch_add(1, Ordering::Relaxed);
    let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:.1000}"));
    if lines < CHECKED || lines.is_multiple_of(100) {
        check(line, &event);
    }
    event
}

/// Fails if the line, which has this event, is not as documented.
pub(crate) fn check(line: &str, event: &Value) {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    let contract = CONTRACT.get_or_init(|| {
        let text: Value = serde_json::from_str(include_str!("../../docs/schema/events.schema.json")).expect("JSON");
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.add_resource("events", text.clone()).expect("a schema");
        let lines = compiler.compile("events", &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
        Contract { text, schemas, lines }
    });
    if let Err(error) = contract.schemas.validate(event, contract.lines) {
        panic!("{error:#}\n{line:.1000}");
    }
    let name = event["event"].as_str().expect("checked by the schema");
    let documented = &contract.text["$defs"][format!("event-{name}")];
    let is_unknown = |field: &&String| documented["properties"][field.as_str()].is_null();
    let fields = event.as_object().expect("an object").keys();
    let unknown: Vec<&String> =
        fields.filter(is_unknown).filter(|_| documented["additionalProperties"].is_null()).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "undocumented fields of {name}: {line:.1000}");
}

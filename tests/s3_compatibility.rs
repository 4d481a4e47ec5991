//! The document on S3's operations against the list that the server dispatches on.

use larder::s3::Operation;
use std::{collections::BTreeMap, fs, path::Path};

const STATES: [&str; 3] = ["works", "nothing configured", "not yet"];

/// Operation and state of each row of the first table.
fn rows() -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/s3-compatibility.md");
    let text = fs::read_to_string(path).unwrap();
    let table = text.split_once("| --- |").unwrap().1.split_once("\n\n").unwrap().0;
    let row = |line: &str| {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        (cells.next().unwrap(), cells.next().unwrap())
    };
    table.lines().skip(1).map(row).collect()
}

#[test]
fn every_operation_stands_in_the_document_once() {
    let mut counts: BTreeMap<&str, u32> = Operation::ALL.iter().map(|operation| (operation.name(), 0)).collect();
    let rows = rows();
    for (name, state) in &rows {
        assert!(STATES.contains(&state.as_str()), "{name}: {state} is no state");
        let count = counts.get_mut(name.as_str()).unwrap_or_else(|| panic!("{name} is no operation of S3"));
        *count += 1;
    }
    let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 1).collect();
    assert!(wrong.is_empty(), "operations and how often they stand in the document: {wrong:?}");
}

#[test]
fn what_is_not_yet_there_is_what_the_server_refuses() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/s3/ops/handlers.rs");
    let source = fs::read_to_string(path).unwrap();
    let arms: Vec<&str> = source.split("=>").collect();
    let refused_arm = arms.iter().position(|after| after.trim_start().starts_with("Err(S3Error::not_implemented"));
    let refused = arms[refused_arm.unwrap() - 1];
    for (name, state) in rows() {
        let is_refused = refused.split_whitespace().any(|word| word.strip_prefix("Op::") == Some(name.as_str()));
        assert_eq!(state == "not yet", is_refused, "{name}");
    }
}

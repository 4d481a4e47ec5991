//! How every verb prints a table: columns under headings, no lines, so that it can be cut and searched.

use comfy_table::{Table, presets};

/// An empty table with its headings.
pub fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    table
}

/// Prints it, without blanks at the ends of lines.
pub fn print(table: &Table) {
    println!("{}", table.trim_fmt());
}

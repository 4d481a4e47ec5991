//! Metadata: commands that change it, queries that read it, and the only place that knows SQL.
//!
//! `Command` in, `Outcome` out; nothing of SQLite shows through, so that the same commands can one day come from a
//! replicated log. One writer task owns the writing connection (`writer.rs`); `apply` is the only function that changes rows.

pub mod command;
pub mod outcome;
pub mod rows;

pub use command::Command;
pub use outcome::{CommandError, Outcome};

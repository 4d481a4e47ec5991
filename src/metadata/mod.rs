//! Metadata: commands that change it, queries that read it, and the only place that knows SQL.
//!
//! `Command` in, `Outcome` out; nothing of SQLite shows through, so that the same commands can one day come from a
//! replicated log. One writer task owns the writing connection (`writer.rs`); `apply` is the only function that changes rows.

mod apply;
mod backup;
mod bucket_cache;
mod checkpoint;
mod columns;
pub mod command;
mod connection;
mod directory;
pub mod doctor;
mod error;
mod handle;
mod identity;
mod lacking;
pub mod log;
mod log_index;
mod object_cache;
mod open_mark;
pub mod outcome;
mod place;
mod query;
mod readers;
mod recorder;
pub mod replay;
mod reserve;
pub mod rows;
mod schema;
mod script;
pub mod settings;
#[cfg(test)]
mod tests;
mod version_selector;
mod writer;

pub use backup::BackupReport;
pub use command::Command;
pub use error::{DatabaseError, MetadataError, ProposeError, QueryError};
pub use handle::{Metadata, MetadataHooks};
pub use object_cache::LookupStats;
pub use open_mark::Ending;
pub use outcome::{CommandError, Outcome};
pub use query::{BucketLookup, FoundVersion};
pub use settings::MetadataSettings;
pub use writer::WriterStats;

//! Queries: `impl Metadata` by subject, one file each. Each is one statement, or one short transaction.

mod access_keys;
mod bucket_usage;
mod buckets;
mod extents;
mod job_states;
mod key;
mod lifecycle;
mod list_objects;
mod list_uploads;
mod list_versions;
mod lookup;
mod nodes;
mod parts;
mod placed;
mod reign;
mod repair;
mod totals;
mod uploads;
mod walk;

#[cfg(test)]
pub(in crate::metadata) use lookup::Answer;
pub use lookup::{BucketLookup, FoundVersion};
pub(in crate::metadata) use nodes::nodes_in;
pub(in crate::metadata) use walk::successor;

//! The operations: one file each, parse, act, render, in this order. Only parse sees headers and query, only render
//! builds a response, act is one call into `objects`.
//!
//! What several operations parse or render alike stands in files of its own here: `*_input.rs` parses, `*_output.rs`
//! renders.

mod acl_document;
mod acl_input;
mod checksum_output;
mod condition_input;
mod copy_source_input;
mod cors;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
mod handlers;
mod lifecycle_input;
mod lifecycle_output;
mod list_input;
mod list_output;
mod object_input;
mod object_lock_input;
mod object_output;
mod owner_output;
mod ownership_controls;
mod parameter;
mod public_access_block;
mod tagging;
mod upload_input;
mod website;

pub mod bucket;
pub mod multipart;
pub mod object;
pub mod service;

pub use handlers::ObjectOperations;

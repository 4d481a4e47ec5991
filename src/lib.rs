//! Larder: an S3-compatible object store in one binary. ARCHITECTURE.md is the map of this crate.
//!
//! Modules are listed from the bottom up; each imports only what stands above it in this list
//! (`tests/tidy.rs` holds the exact table).

pub mod types;

pub mod runtime;

pub mod volume;

pub mod node;

pub mod metadata;

pub mod cluster;

pub mod identity;

pub mod objects;

pub mod s3;

pub mod tasks;

pub mod admin;

pub mod config;

pub mod app;

pub mod cli;

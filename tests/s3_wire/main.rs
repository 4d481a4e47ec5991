//! The S3 wire from outside: hostile and odd requests, written by hand onto a socket of the real server.

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod connections;
mod fixed_region;
mod raw_request;
mod signature_v2;
mod signatures;
mod smuggling;
mod stalled_downloads;
mod tls;
mod virtual_hosts;
mod website;

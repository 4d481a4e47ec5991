//! The composition root: turns a configuration into a running process. Only here all layers meet.
//!
//! - `directories`: what lies where below `--data`, and the lock that keeps a second process out
//! - `credentials`: the root credentials and the cluster secret: given, kept, or made
//! - `limits`, `signals`: what the process asks of the operating system

mod credentials;
mod directories;
mod limits;
mod signals;

pub use credentials::{Origin as CredentialOrigin, RootCredentials};

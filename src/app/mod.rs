//! The composition root: turns a configuration into a running process. Only here all layers meet.
//!
//! - `process`: log, limits, runtime, an end within a bound: the same for every process
//! - `directories`: what lies where below `--data`, and the lock that keeps a second process out
//! - `credentials`: the root credentials and the cluster secret: given, kept, or made
//! - `node`: a storage node as a process of its own
//! - `bind`, `limits`, `signals`: what a process asks of the operating system

mod bind;
mod credentials;
mod directories;
mod limits;
mod process;
mod signals;
mod usage;

pub use credentials::{Origin as CredentialOrigin, RootCredentials};
pub use usage::UsageError;

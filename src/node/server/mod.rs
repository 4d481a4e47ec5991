//! The side of a node that owns volumes: the service, and the HTTP listener that serves it to authenticated peers.
//!
//! `service` is a node as a whole and the one `NodeApi` over its `volumes`; what it does on a request lies in `write`, `read`,
//! `destroy`, `doubles`, `pull`, `inventory` and `status`. `node_state`, `state_file` and `state_keeper` remember what a node must
//! never forget. `upkeep` runs a volume's background work, `scrub` reads all that it holds
//! again and again. `http`, `connection`, `dispatch` and `write_deadline` are the wire;
//! `admission`, `disk_threads` and `chunk_memory` bound what the node does at a time.

mod admission;
mod chunk_memory;
mod connection;
mod destroy;
mod disk_threads;
mod dispatch;
mod doubles;
mod errors;
pub mod http;
mod inventory;
mod last_word;
mod node_state;
mod one_volume;
mod open_volumes;
mod parts;
mod pull;
mod quarantined;
mod read;
mod scrub;
mod scrub_pace;
mod service;
mod shared_device;
mod state_file;
mod state_keeper;
mod status;
mod upkeep;
mod volumes;
mod write;
mod write_deadline;

pub use parts::{NodeParts, OpenError};
pub use service::NodeService;

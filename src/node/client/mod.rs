//! The client of a remote node: `NodeApi` over HTTP/1.1, authenticated, with a deadline on everything.
//!
//! `remote` turns each call into a request and its answer into a value, `put_batches` sends small chunks
//! together, `pool` keeps the connections, `connection` is one of them: its handshake, its counter, one exchange at a time.

mod connection;
mod pool;
mod put_batches;
mod remote;

pub use remote::RemoteNode;

use super::{authentication::ClusterSecret, settings::NodeSettings};
use crate::{runtime::Random, types::ClusterId};
use std::sync::Arc;

/// What all clients of a process share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RemoteParts {
    pub secret: ClusterSecret,
    pub cluster: ClusterId,
    pub settings: Arc<NodeSettings>,
    /// The operating system's: nonces come from it.
    pub random: Arc<dyn Random>,
}

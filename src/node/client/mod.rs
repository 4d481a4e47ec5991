//! The client of a remote node: `NodeApi` over HTTP/1.1, authenticated, with a deadline on everything.
//!
//! `remote` turns each call into a request and its answer into a value, `put_batches` sends small chunks
//! together, `pool` keeps the connections, `connection` is one of them: its handshake, its counter, one exchange at a time.

mod connection;
mod pool;
mod put_batches;
mod remote;

pub use remote::RemoteNode;

use super::{NodeError, authentication::ClusterSecret, settings::NodeSettings};
use crate::{
    runtime::Random,
    types::{ClusterId, NodeId},
};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// What all clients of a process share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RemoteParts {
    pub secret: ClusterSecret,
    pub cluster: ClusterId,
    pub settings: Arc<NodeSettings>,
    /// The operating system's: nonces come from it.
    pub random: Arc<dyn Random>,
}

/// Which node answers at `address` (`host:port`), and of which cluster it is: for one who knows the secret and nothing else.
pub async fn who_is_at(
    address: &str,
    secret: &ClusterSecret,
    random: &dyn Random,
    deadline: Duration,
) -> Result<(NodeId, ClusterId), NodeError> {
    let asked = timeout(deadline, connection::ask_who(address, secret, random)).await;
    asked.map_err(|_| connection::unreachable("no answer in time"))?
}

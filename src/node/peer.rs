//! How a node reaches its peers: a call when they are in the same process, else their address.

use super::{NodeApi, api::PeerAddress};
use std::sync::Arc;

/// Where nodes and the cluster get their connections to nodes from.
pub trait PeerConnector: Send + Sync {
    /// `None` when the peer is not in this process and no address of it is known.
    fn connect(&self, peer: &PeerAddress) -> Option<Arc<dyn NodeApi>>;
}

//! How a node reaches its peers: a call when they are in the same process, else their address.

use super::{
    NodeApi,
    api::PeerAddress,
    client::{RemoteNode, RemoteParts},
};
use crate::types::NodeId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

/// Where nodes and the cluster get their connections to nodes from.
pub trait PeerConnector: Send + Sync {
    /// `None` when the peer is not in this process and no address of it is known.
    fn connect(&self, peer: &PeerAddress) -> Option<Arc<dyn NodeApi>>;
}

/// Remote nodes that a process keeps clients of. Beyond it the clients are made anew for each use: a cluster has
/// hundreds of nodes, not thousands.
const REMOTES_MAX: usize = 4096;

/// The nodes of this process, and clients of all others. Cheap to clone.
#[derive(Clone)]
pub struct Peers {
    state: Arc<Mutex<State>>,
    remote: RemoteParts,
}

#[derive(Default)]
struct State {
    /// Weak: a node that pulls from its neighbours holds this table, which must not keep the node alive.
    local: HashMap<NodeId, Weak<dyn NodeApi>>,
    remote: HashMap<NodeId, Arc<RemoteNode>>,
    /// What the gateway told of peers whose address a request does not name.
    addresses: HashMap<NodeId, String>,
}

impl Peers {
    pub fn new(remote: RemoteParts) -> Self {
        Self { state: Arc::default(), remote }
    }

    /// Makes a node of this process reachable by a call.
    pub fn add_local(&self, node: &Arc<dyn NodeApi>) {
        self.state().local.insert(node.id(), Arc::downgrade(node));
    }

    /// Remembers where peers are, in place of what was known.
    pub fn learn_addresses(&self, peers: Vec<PeerAddress>) {
        let known = peers.into_iter().take(REMOTES_MAX).filter_map(|peer| Some((peer.node, peer.address?)));
        self.state().addresses = known.collect();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeerConnector for Peers {
    fn connect(&self, peer: &PeerAddress) -> Option<Arc<dyn NodeApi>> {
        let mut state = self.state();
        if let Some(local) = state.local.get(&peer.node).and_then(Weak::upgrade) {
            return Some(local);
        }
        let address = peer.address.clone().or_else(|| state.addresses.get(&peer.node).cloned())?;
        if let Some(remote) = state.remote.get(&peer.node)
            && remote.address() == address
        {
            return Some(Arc::clone(remote) as Arc<dyn NodeApi>);
        }
        let remote = Arc::new(RemoteNode::new(peer.node, address, self.remote.clone()));
        if state.remote.len() < REMOTES_MAX || state.remote.contains_key(&peer.node) {
            state.remote.insert(peer.node, Arc::clone(&remote));
        }
        Some(remote)
    }
}

//! Where a gateway and the fake nodes find each other.

use super::fake_nodes::{FakeNode, Place};
use crate::{
    node::{NodeApi, PeerConnector, api::PeerAddress},
    types::NodeId,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

#[derive(Debug, Default)]
pub struct FakeNetwork {
    nodes: Mutex<HashMap<NodeId, Arc<FakeNode>>>,
}

impl FakeNetwork {
    pub fn add(self: &Arc<Self>, number: u8, place: Place) -> Arc<FakeNode> {
        let node = Arc::new(FakeNode::new(number, place, Arc::downgrade(self)));
        self.nodes.lock().unwrap().insert(node.id(), node.clone());
        node
    }

    pub fn node(&self, node: NodeId) -> Option<Arc<FakeNode>> {
        self.nodes.lock().unwrap().get(&node).cloned()
    }
}

impl PeerConnector for FakeNetwork {
    fn connect(&self, peer: &PeerAddress) -> Option<Arc<dyn NodeApi>> {
        self.node(peer.node).map(|node| node as Arc<dyn NodeApi>)
    }
}

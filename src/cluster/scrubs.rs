//! How the nodes' scrubs stand, and the order to scrub now: asked of the nodes themselves, all at once. What they answer is noted
//! as a heartbeat is: whoever has read here that a scrub is over is told by the status what came of it.

use super::{cluster_node::ClusterNode, handle::Cluster};
use crate::{
    node::{
        NodeError,
        api::{NodeStatus, ScrubStatus},
    },
    types::Term,
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use std::sync::Arc;

/// A node's answer, or why there is none.
#[derive(Clone, Debug)]
pub struct ScrubView {
    pub node_name: String,
    pub scrub: Result<ScrubStatus, String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Begin,
    None,
}

impl Cluster {
    /// Begins a pass at full pace on every node that can be reached; the others' views say why not.
    pub async fn begin_scrubs(&self) -> Vec<ScrubView> {
        self.ask_scrubs(Order::Begin).await
    }

    /// Of every node that belongs to the cluster, in the order of their names.
    pub async fn scrubs(&self) -> Vec<ScrubView> {
        self.ask_scrubs(Order::None).await
    }

    async fn ask_scrubs(&self, order: Order) -> Vec<ScrubView> {
        let topology = self.membership().topology().load_full();
        let asked: Vec<BoxFuture<'_, ScrubView>> =
            topology.nodes().map(|(node, _)| self.ask_scrub(node.clone(), order).boxed()).collect();
        let mut views = join_all(asked).await;
        views.sort_by(|one, other| one.node_name.cmp(&other.node_name));
        views
    }

    async fn ask_scrub(&self, node: Arc<ClusterNode>, order: Order) -> ScrubView {
        let asked = ask(self.term(), &node, order).await;
        let node_name = node.row.name.clone();
        match asked {
            Ok(status) => {
                let scrub = status.scrub.clone();
                self.membership().answered(status).await;
                ScrubView { node_name, scrub: Ok(scrub) }
            }
            Err(error) => ScrubView { node_name, scrub: Err(error.to_string()) },
        }
    }
}

async fn ask(term: Term, node: &ClusterNode, order: Order) -> Result<NodeStatus, NodeError> {
    if order == Order::Begin {
        node.api.begin_scrub(term).await?;
    }
    node.api.status(term, None).await
}

//! How the nodes' scrubs stand, and the order to scrub now: asked of the nodes themselves, all at once.

use super::{cluster_node::ClusterNode, handle::Cluster};
use crate::{node::api::ScrubStatus, types::Term};
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
            topology.nodes().map(|(node, _)| ask(self.term(), node.clone(), order).boxed()).collect();
        let mut views = join_all(asked).await;
        views.sort_by(|one, other| one.node_name.cmp(&other.node_name));
        views
    }
}

async fn ask(term: Term, node: Arc<ClusterNode>, order: Order) -> ScrubView {
    let begun = match order {
        Order::Begin => node.api.begin_scrub(term).await,
        Order::None => Ok(()),
    };
    let status = match begun {
        Ok(()) => node.api.status(term, None).await,
        Err(error) => Err(error),
    };
    let scrub = status.map(|status| status.scrub).map_err(|error| error.to_string());
    ScrubView { node_name: node.row.name.clone(), scrub }
}

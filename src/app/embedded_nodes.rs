//! Storage nodes inside a server's process: each with a directory, an identity and a volume of its own, called directly.

use super::{
    directories::DataDirectory,
    node::{close, open},
    process::Process,
    usage::UsageError,
};
use crate::{
    config::Settings,
    node::{
        NodeApi, PeerConnector, Peers,
        identity::{IdentityError, NodeIdentity},
        server::{NodeParts, NodeService},
    },
    types::{ClusterId, NodeId},
    volume::RealDisk,
};
use futures_util::future::try_join_all;
use std::{path::PathBuf, sync::Arc};

/// The open nodes. They live as long as this does.
pub struct EmbeddedNodes {
    nodes: Vec<(NodeService, Arc<dyn NodeApi>)>,
    /// Of each node, as it is called for people.
    names: Vec<String>,
}

/// What a node is called: in the directory and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedNode {
    pub node: NodeId,
    pub name: String,
}

/// Directories and identities of nodes that all belong to `cluster` afterwards. None joins before all may: a node that
/// joined a wrong cluster would be kept out of the right one.
fn join_all(
    process: &Process,
    data: &DataDirectory,
    count: u32,
    cluster: ClusterId,
) -> Result<Vec<(PathBuf, NodeIdentity)>, IdentityError> {
    let mut nodes = Vec::new();
    for number in 1..=count {
        let directory = data.embedded_node(number);
        let identity = NodeIdentity::load_or_make(&directory, &format!("node-{number}"), &*process.random)?;
        identity.may_join(&directory, cluster)?;
        nodes.push((directory, identity));
    }
    for (directory, identity) in &mut nodes {
        identity.join(directory, cluster)?;
    }
    Ok(nodes)
}

impl EmbeddedNodes {
    /// Opens all of them side by side and makes them reachable for each other.
    pub async fn open(
        process: &Process,
        settings: &Settings,
        data: &DataDirectory,
        cluster: ClusterId,
        peers: &Peers,
    ) -> anyhow::Result<(Self, Vec<EmbeddedNode>)> {
        let (present, wanted) = (data.embedded_nodes_present(), settings.process.nodes);
        if present > wanted {
            return Err(UsageError::FewerNodes { present, wanted }.into());
        }
        let joined = join_all(process, data, wanted, cluster)?;
        let member = |identity: &NodeIdentity| EmbeddedNode { node: identity.node, name: identity.name.clone() };
        let members = joined.iter().map(|(_, identity)| member(identity)).collect();
        Ok((Self::open_present(process, settings, joined, cluster, peers).await?, members))
    }

    /// Those of up to `count` that have belonged to a cluster, with their directories.
    pub fn present(data: &DataDirectory, count: u32) -> Result<Vec<(PathBuf, NodeIdentity)>, IdentityError> {
        let mut present = Vec::new();
        for directory in (1..=count).map(|number| data.embedded_node(number)) {
            if let Some(identity) = NodeIdentity::load(&directory)?.filter(|identity| identity.cluster.is_some()) {
                present.push((directory, identity));
            }
        }
        Ok(present)
    }

    /// Opens nodes that belong to the cluster, side by side, and makes them reachable for each other.
    pub async fn open_present(
        process: &Process,
        settings: &Settings,
        present: Vec<(PathBuf, NodeIdentity)>,
        cluster: ClusterId,
        peers: &Peers,
    ) -> anyhow::Result<Self> {
        let node_settings = Arc::new(settings.node.clone());
        let (mut names, mut opening) = (Vec::new(), Vec::new());
        for (directory, identity) in present {
            names.push(identity.name);
            opening.push(open(NodeParts {
                directory,
                volumes: Vec::new(),
                node: identity.node,
                cluster,
                disk: Arc::new(RealDisk),
                volume_settings: settings.volume.clone(),
                settings: node_settings.clone(),
                peers: Arc::new(peers.clone()) as Arc<dyn PeerConnector>,
                random: process.random.clone(),
                clock: process.clock.clone(),
            }));
        }
        let services = try_join_all(opening).await?;
        let nodes: Vec<_> = services
            .into_iter()
            .map(|service| {
                let api: Arc<dyn NodeApi> = Arc::new(service.clone());
                peers.add_local(&api);
                (service, api)
            })
            .collect();
        Ok(Self { nodes, names })
    }

    /// Each with its name.
    pub fn apis(&self) -> Vec<(String, Arc<dyn NodeApi>)> {
        self.names.iter().cloned().zip(self.nodes.iter().map(|(_, api)| api.clone())).collect()
    }

    /// Each with the number of its directory as a name.
    pub fn services(&self) -> Vec<(String, NodeService)> {
        self.nodes.iter().zip(1..).map(|((service, _), number)| (format!("node-{number}"), service.clone())).collect()
    }

    pub async fn close(self) {
        close(self.nodes.into_iter().map(|(service, _)| service).collect()).await;
    }
}

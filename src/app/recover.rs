//! `--recover`: the metadata, which is gone, is made anew of what nodes keep of the command log. Then the start goes on.
//!
//! Without metadata nobody knows the cluster and its nodes. Nodes inside this process know it from their directories, and
//! those elsewhere are asked at the addresses that the operator gives; the others are named by what is recovered.

use super::{directories::DataDirectory, embedded_nodes::EmbeddedNodes, process::Process, usage::UsageError};
use crate::{
    cluster::{
        Succession,
        command_log::{Accepted, Recovered, Recovery, recover},
    },
    config::{ProcessSettings, Settings},
    metadata::Metadata,
    node::{ClusterSecret, NodeApi, PeerConnector, Peers, RemoteParts, api::PeerAddress, client::who_is_at},
    runtime::make_durable_directory,
    types::{ClusterId, NodeId},
};
use anyhow::{Context, bail};
use std::sync::Arc;

/// Whether the start is to recover the metadata.
pub fn is_wanted(settings: &ProcessSettings) -> bool {
    settings.recover || settings.recover_incomplete
}

/// What a recovery starts from.
pub struct RecoverParts<'a> {
    pub process: &'a Process,
    pub settings: &'a Settings,
    pub data: &'a DataDirectory,
    pub secret: ClusterSecret,
    /// How many nodes are in this process.
    pub embedded: u32,
    pub succession: Succession,
}

/// The nodes that were found at the addresses.
#[derive(Default)]
struct FoundRemote {
    nodes: Vec<(NodeId, String)>,
    /// Addresses at which nobody proved to be a node.
    silent: Vec<String>,
    /// With the place that says so.
    cluster: Option<(ClusterId, String)>,
}

impl RecoverParts<'_> {
    /// Afterwards the data directory holds the metadata, or, after an error, none, as before.
    pub async fn recover(self) -> anyhow::Result<()> {
        let Self { process, settings, data, .. } = &self;
        let directory = data.metadata();
        if Metadata::is_in(&directory) {
            bail!(
                "cannot recover: {} holds metadata. When it is damaged or not wanted, move that directory away first; nothing \
                 was changed",
                directory.display()
            );
        }
        let mut found = self.find_remote().await?;
        let embedded = EmbeddedNodes::present(data, self.embedded)?;
        for (path, identity) in &embedded {
            if let Some(cluster) = identity.cluster {
                found.note_cluster(cluster, &path.display().to_string())?;
            }
        }
        let cluster = match found.cluster {
            Some((cluster, _)) => cluster,
            None if settings.process.recover_from.is_empty() => {
                let meaning = "addresses of storage nodes, HOST:PORT[,HOST:PORT...], that hold the command log";
                return Err(UsageError::Missing { flag: "--recover-from", meaning }.into());
            }
            None => bail!("cannot recover: no node answered at {}; nothing was changed", found.silent.join(", ")),
        };
        let peers = Peers::new(RemoteParts {
            secret: self.secret.clone(),
            cluster,
            settings: Arc::new(settings.node.clone()),
            random: process.random.clone(),
        });
        let nodes = EmbeddedNodes::open_present(process, settings, embedded, cluster, &peers).await?;
        make_durable_directory(&directory)?;
        let recovered = recover(Recovery {
            directory: &directory,
            cluster,
            nodes: named(&nodes, &found, &peers),
            silent: found.silent,
            connector: &peers,
            clock: &*process.clock,
            random: &*process.random,
            succession: self.succession,
            suspect_after: settings.cluster.suspect_after.0,
            copies: usize::from(settings.cluster.metadata_log_copies),
            accepted: if settings.process.recover_incomplete { Accepted::Incomplete } else { Accepted::Whole },
        });
        let recovered = recovered.await.context("cannot recover the metadata");
        nodes.close().await;
        tell(&recovered?);
        Ok(())
    }

    async fn find_remote(&self) -> anyhow::Result<FoundRemote> {
        let Self { process, settings, secret, .. } = self;
        let addresses: Vec<&str> = settings.process.recover_addresses().collect();
        let deadline = settings.node.node_connect_timeout.0;
        let asking = addresses.iter().map(|address| who_is_at(address, secret, &*process.random, deadline));
        let answers = futures_util::future::join_all(asking).await;
        let mut found = FoundRemote::default();
        for (address, answer) in addresses.into_iter().zip(answers) {
            match answer {
                Ok((node, cluster)) => {
                    found.note_cluster(cluster, address)?;
                    if found.nodes.iter().all(|(known, _)| *known != node) {
                        found.nodes.push((node, address.to_owned()));
                    }
                }
                Err(error) => {
                    tracing::warn!(address, %error, "no node answers at an address of --recover-from");
                    found.silent.push(address.to_owned());
                }
            }
        }
        Ok(found)
    }
}

impl FoundRemote {
    fn note_cluster(&mut self, cluster: ClusterId, place: &str) -> anyhow::Result<()> {
        match &self.cluster {
            Some((other, whose)) if *other != cluster => {
                bail!("cannot recover: {place} belongs to cluster {cluster}, and {whose} to cluster {other}")
            }
            _ => self.cluster = Some((cluster, place.to_owned())),
        }
        Ok(())
    }
}

/// Those of this process by their names, the others by their addresses.
fn named(nodes: &EmbeddedNodes, found: &FoundRemote, peers: &Peers) -> Vec<(String, Arc<dyn NodeApi>)> {
    let local = nodes.apis();
    let remote = found.nodes.iter().filter_map(|(node, address)| {
        let peer = PeerAddress { node: *node, address: Some(address.clone()) };
        Some((address.clone(), peers.connect(&peer)?))
    });
    local.into_iter().chain(remote).collect()
}

fn tell(recovered: &Recovered) {
    let Recovered { committed, snapshot, begun, missing } = recovered;
    tracing::warn!(%committed, %snapshot, "the metadata was recovered from the nodes' command log");
    if !missing.is_nothing() {
        tracing::warn!(%missing, "it was recovered though something was missing");
    }
    if let Some(history) = begun {
        tracing::warn!(%history, "a new history begins: nothing is reclaimed before `larder admin metadata confirm`");
    }
}

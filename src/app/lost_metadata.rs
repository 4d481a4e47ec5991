//! A server whose nodes belong to a cluster but whose metadata is gone must not begin a new cluster: its nodes would refuse
//! it, and the empty database that was made by then would stand in the way of the right one, or of a restore. So this is
//! looked at before a database is made.
//!
//! A gateway alone has nothing of its nodes here: they refuse a gateway of another cluster when they meet it.

use super::{directories::DataDirectory, recover};
use crate::{config::ProcessSettings, metadata::Metadata, node::identity::NodeIdentity, types::ClusterId};
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
#[error(
    "the metadata is gone: {metadata} holds no database, but {node} belongs to cluster {cluster}. Put the database back, or \
     start with --recover, which makes it anew of what the nodes keep of it (docs/recovering.md), or with --restore FILE from a \
     backup; nothing was changed"
)]
pub struct LostMetadata {
    metadata: PathBuf,
    node: PathBuf,
    cluster: ClusterId,
}

/// Refuses to begin anew beside nodes that belong to a cluster already.
pub fn refuse_to_begin_anew(data: &DataDirectory, settings: &ProcessSettings) -> anyhow::Result<()> {
    let metadata = data.metadata();
    if settings.restore.is_some() || recover::is_wanted(settings) || Metadata::is_in(&metadata) {
        return Ok(());
    }
    for node in (1..=settings.nodes).map(|number| data.embedded_node(number)) {
        if let Some(NodeIdentity { cluster: Some(cluster), .. }) = NodeIdentity::load(&node)? {
            return Err(LostMetadata { metadata, node, cluster }.into());
        }
    }
    Ok(())
}

//! What a node is made of, and why it may not start.

use super::scrub::OpenScrubError;
use crate::{
    node::{NodeSettings, PeerConnector},
    runtime::{Clock, Random},
    types::{ClusterId, NodeId},
    volume::{Disk, VolumeError, VolumeSettings},
};
use std::{io, path::PathBuf, sync::Arc};

pub struct NodeParts {
    /// The node's data directory: its state, and the volume below it, when no others are named.
    pub directory: PathBuf,
    /// Directories of its volumes, each on a disk of its own. Empty: one volume in the node's own directory.
    pub volumes: Vec<PathBuf>,
    pub node: NodeId,
    pub cluster: ClusterId,
    pub disk: Arc<dyn Disk>,
    pub volume_settings: VolumeSettings,
    pub settings: Arc<NodeSettings>,
    /// Where `pull_blob` gets its sources from.
    pub peers: Arc<dyn PeerConnector>,
    pub random: Arc<dyn Random>,
    pub clock: Arc<dyn Clock>,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A node that forgot its newest term could be made to destroy what a later gateway wrote.
    #[error("the node's state can't be read: {0}")]
    State(#[from] io::Error),
}

impl From<OpenScrubError> for OpenError {
    fn from(error: OpenScrubError) -> Self {
        match error {
            OpenScrubError::Volume(error) => Self::Volume(error),
            OpenScrubError::Thread(error) => Self::State(error),
        }
    }
}

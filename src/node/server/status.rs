//! What a node says of itself.

use super::service::Inner;
use crate::{
    node::{
        NodeError,
        api::{MetadataWitness, NodeStatus, VolumeState},
    },
    types::Term,
};

impl Inner {
    pub(super) async fn status(&self, term: Term, witness: Option<MetadataWitness>) -> Result<NodeStatus, NodeError> {
        let witness = self.state.note_witness(term, witness).await?;
        let volumes = self.volumes.clone();
        let mut volumes = self.disk_threads.run(move || Ok(volumes.status())).await?;
        // A node that can't remember what it must is as good as frozen: it takes no chunk.
        if let Some(reason) = self.state.broken().await {
            for volume in &mut volumes {
                if matches!(volume.state, VolumeState::Writable | VolumeState::Full) {
                    volume.state = VolumeState::Frozen { reason: reason.clone() };
                }
            }
        }
        Ok(NodeStatus {
            node: self.node,
            cluster: self.cluster,
            volumes,
            scrub: self.volumes.scrub_status(),
            // This request is one of them, and says nothing about the node.
            load: self.admission.under_way().saturating_sub(1),
            witness,
            term: self.state.term(),
            run: Some(self.run),
        })
    }
}

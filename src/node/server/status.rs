//! What a node says of itself.

use super::service::Inner;
use crate::{
    node::{
        NodeError,
        api::{MetadataWitness, NodeStatus, VolumeState, VolumeStatus},
    },
    types::Term,
    volume::{VolumeCondition, VolumeUsage},
};

impl Inner {
    pub(super) async fn status(&self, term: Term, witness: Option<MetadataWitness>) -> Result<NodeStatus, NodeError> {
        let witness = self.state.note_witness(term, witness).await?;
        let volume = self.volume.clone();
        let usage = self.disk_threads.run(move || Ok(volume.usage())).await?;
        let mut volume = volume_status(usage);
        // A node that can't remember what it must is as good as frozen: it takes no chunk.
        if let (VolumeState::Writable | VolumeState::Full, Some(reason)) = (&volume.state, self.state.broken().await) {
            volume.state = VolumeState::Frozen { reason };
        }
        Ok(NodeStatus {
            node: self.node,
            cluster: self.cluster,
            volumes: vec![volume],
            // This request is one of them, and says nothing about the node.
            load: self.admission.under_way().saturating_sub(1),
            witness,
            term: self.state.term(),
        })
    }
}

fn volume_status(usage: VolumeUsage) -> VolumeStatus {
    VolumeStatus {
        volume: usage.volume,
        capacity: usage.capacity,
        used: usage.used,
        free: usage.free,
        chunks: usage.chunks,
        live: usage.live,
        index_bytes: usage.index_bytes,
        device: usage.device,
        durable_sequence: usage.durable_sequence,
        start_count: usage.start_count,
        state: match usage.condition {
            VolumeCondition::Writable => VolumeState::Writable,
            VolumeCondition::Full => VolumeState::Full,
            VolumeCondition::Frozen { reason } => VolumeState::Frozen { reason },
        },
    }
}

//! Notices volumes that went back in time: restored from a copy, or on a disk that lied about a sync. What such a volume
//! says it holds is not to be believed before a full inventory.

use crate::{node::api::NodeStatus, types::VolumeId};
use std::collections::HashMap;

/// The furthest that each volume was seen, since this gateway's start.
#[derive(Debug, Default)]
pub struct RollbackWatch {
    furthest: HashMap<VolumeId, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    durable_sequence: u64,
    start_count: u64,
}

impl RollbackWatch {
    /// Looks at a node's status; returns the volumes that have just been found to have gone back.
    pub fn look(&mut self, status: &NodeStatus) -> Vec<VolumeId> {
        let mut gone_back = Vec::new();
        for volume in &status.volumes {
            let now = (volume.start_count, volume.durable_sequence);
            let first = Seen { durable_sequence: now.1, start_count: now.0 };
            let seen = self.furthest.entry(volume.volume).or_insert(first);
            if now.0 < seen.start_count || now.1 < seen.durable_sequence {
                gone_back.push(volume.volume);
            }
            (seen.start_count, seen.durable_sequence) = now;
        }
        gone_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        node::api::{VolumeState, VolumeStatus},
        types::{ClusterId, NodeId, Term},
    };

    const VOLUME: VolumeId = VolumeId::from_bytes([3; 16]);

    fn status(start_count: u64, durable_sequence: u64) -> NodeStatus {
        let volume = VolumeStatus {
            volume: VOLUME,
            capacity: 0,
            used: 0,
            free: 0,
            chunks: 0,
            live: 0,
            index_bytes: 0,
            device: String::new(),
            durable_sequence,
            start_count,
            state: VolumeState::Writable,
        };
        NodeStatus {
            node: NodeId::from_bytes([1; 16]),
            cluster: ClusterId::from_bytes([2; 16]),
            volumes: vec![volume],
            scrub: Default::default(),
            load: 0,
            witness: None,
            term: Term(1),
            run: None,
        }
    }

    #[test]
    fn a_volume_that_goes_back_is_noticed_once() {
        let mut watch = RollbackWatch::default();
        for (starts, sequence) in [(1, 10), (1, 10), (1, 20), (2, 20)] {
            assert!(watch.look(&status(starts, sequence)).is_empty());
        }
        assert_eq!(watch.look(&status(2, 15)), [VOLUME]);
        assert!(watch.look(&status(2, 16)).is_empty());
        assert_eq!(watch.look(&status(1, 30)), [VOLUME]);
    }
}

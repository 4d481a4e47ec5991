//! What a node is between two events by which it may have come to hold less: the same run of its process, over the same
//! volumes, each in the same of its starts, none more of them frozen. What was found out about a node holds for one
//! incarnation of it; another one is looked at anew.
//!
//! The volumes are compared one by one. A sum of their starts can stand still while a volume is exchanged: the new one
//! begins to count at 1.

use crate::{
    node::api::NodeStatus,
    types::{RunId, VolumeId},
};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incarnation {
    /// `None` of a node of a release that draws none.
    run: Option<RunId>,
    /// In the order of their ids.
    volumes: Vec<SeenVolume>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SeenVolume {
    volume: VolumeId,
    start_count: u64,
    /// What lies on a frozen volume doesn't count as held.
    is_frozen: bool,
}

impl Incarnation {
    pub fn of(status: &NodeStatus) -> Self {
        // Of a node of which all volumes are frozen nothing is asked: that changes nothing about what is known of it.
        let is_asked = status.volumes.iter().any(|volume| !volume.is_frozen());
        let seen = status.volumes.iter().map(|volume| SeenVolume {
            volume: volume.volume,
            start_count: volume.start_count,
            is_frozen: is_asked && volume.is_frozen(),
        });
        let mut volumes: Vec<SeenVolume> = seen.collect();
        volumes.sort_unstable();
        Self { run: status.run, volumes }
    }

    /// One of which nothing but the run is known.
    #[cfg(test)]
    pub fn of_run(run: u8) -> Self {
        Self { run: Some(RunId::from_bytes([run; 16])), volumes: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        node::api::{VolumeState, VolumeStatus},
        types::{ClusterId, NodeId, Term},
    };

    fn volume(id: u8, start_count: u64) -> VolumeStatus {
        VolumeStatus { start_count, ..VolumeStatus::empty(VolumeId::from_bytes([id; 16])) }
    }

    fn frozen(volume: VolumeStatus) -> VolumeStatus {
        VolumeStatus { state: VolumeState::Frozen { reason: "EIO".into() }, ..volume }
    }

    fn incarnation(run: u8, volumes: &[VolumeStatus]) -> Incarnation {
        Incarnation::of(&NodeStatus {
            node: NodeId::from_bytes([1; 16]),
            cluster: ClusterId::from_bytes([2; 16]),
            volumes: volumes.to_vec(),
            scrub: Default::default(),
            load: 0,
            witness: None,
            term: Term(1),
            run: Some(RunId::from_bytes([run; 16])),
        })
    }

    #[test]
    fn a_node_is_another_when_its_process_or_any_of_its_volumes_is() {
        let before = incarnation(1, &[volume(1, 1), volume(2, 3)]);
        assert_eq!(before, incarnation(1, &[volume(2, 3), volume(1, 1)]), "the order says nothing");
        let busy = VolumeStatus { chunks: 9, durable_sequence: 9, used: 9, ..volume(1, 1) };
        assert_eq!(before, incarnation(1, &[busy, volume(2, 3)]), "what is written changes nothing");
        for others in [
            &[volume(1, 2), volume(2, 3)][..],
            // As many starts in all.
            &[volume(1, 2), volume(2, 2)],
            &[volume(1, 1), volume(9, 3)],
            &[volume(1, 1)],
            &[volume(1, 1), frozen(volume(2, 3))],
            &[frozen(volume(1, 1)), volume(2, 3)],
        ] {
            assert_ne!(before, incarnation(1, others), "{others:?}");
        }
        assert_ne!(before, incarnation(2, &[volume(1, 1), volume(2, 3)]), "another run");
        let all_frozen = [frozen(volume(1, 1)), frozen(volume(2, 3))];
        assert_eq!(before, incarnation(1, &all_frozen), "nothing can be asked of it");
    }
}

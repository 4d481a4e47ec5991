//! What a node is between two events by which it may have come to hold less, nobody knows what: the same run of its process,
//! over the same volumes, each in the same of its starts, none more of them frozen, no more damaged records found of which
//! the node can't say whose they were. What was found out about a node holds for one incarnation of it; another one is
//! looked at anew.
//!
//! The volumes are compared one by one. A sum of their starts can stand still while a volume is exchanged: the new one
//! begins to count at 1.

use crate::{
    node::api::NodeStatus,
    types::{RunId, VolumeId},
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// `None` of a node of a release that draws none.
    run: Option<RunId>,
    /// In the order of their ids.
    volumes: Vec<SeenVolume>,
    /// Damaged records without names that were found in this run.
    unidentified: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
        Self { run: status.run, volumes, unidentified: status.scrub.unidentified_since_start }
    }

    /// Whether it can't be taken for an earlier one of the node by somebody who saw nothing in between. A node that draws no
    /// runs has its starts alone to tell them apart, and a volume that is put back from a copy repeats these.
    pub fn is_unmistakable(&self) -> bool {
        self.run.is_some()
    }

    /// One of which nothing but the run is known.
    #[cfg(test)]
    pub fn of_run(run: u8) -> Self {
        Self { run: Some(RunId::from_bytes([run; 16])), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::tests::fake_nodes::quiet_status,
        node::api::{VolumeState, VolumeStatus},
        types::ScrubStatus,
    };

    fn volume(id: u8, start_count: u64) -> VolumeStatus {
        VolumeStatus { start_count, ..VolumeStatus::empty(VolumeId::from_bytes([id; 16])) }
    }

    fn frozen(volume: VolumeStatus) -> VolumeStatus {
        VolumeStatus { state: VolumeState::Frozen { reason: "EIO".into() }, ..volume }
    }

    fn incarnation(run: u8, volumes: &[VolumeStatus]) -> Incarnation {
        Incarnation::of(&status(run, volumes))
    }

    fn status(run: u8, volumes: &[VolumeStatus]) -> NodeStatus {
        quiet_status(1, Some(run), volumes.to_vec())
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
        let mut damaged = status(1, &[volume(1, 1), volume(2, 3)]);
        damaged.scrub = ScrubStatus { quarantined: 1, quarantined_since_start: 1, ..damaged.scrub };
        assert_eq!(before, Incarnation::of(&damaged), "the node says which chunks it has quarantined");
        damaged.scrub.unidentified_since_start = 1;
        assert_ne!(before, Incarnation::of(&damaged), "a damaged record without a name");
        let all_frozen = [frozen(volume(1, 1)), frozen(volume(2, 3))];
        assert_eq!(before, incarnation(1, &all_frozen), "nothing can be asked of it");
    }
}

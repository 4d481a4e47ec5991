//! Notices volumes that went back in time: restored from a copy, or on a disk that lied about a sync. What such a volume
//! says it holds is not to be believed before a full inventory.
//!
//! A volume does not go back under a process that has it open. A status that says so was overtaken on its way: heartbeats and
//! answers to probes go over connections of their own.

use crate::{
    node::api::NodeStatus,
    types::{RunId, VolumeId},
};
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
    /// Of the process; `None` from a release that draws none.
    run: Option<RunId>,
}

impl RollbackWatch {
    /// Looks at a node's status; returns the volumes that have just been found to have gone back.
    pub fn look(&mut self, status: &NodeStatus) -> Vec<VolumeId> {
        let mut gone_back = Vec::new();
        for volume in &status.volumes {
            let now =
                Seen { durable_sequence: volume.durable_sequence, start_count: volume.start_count, run: status.run };
            let seen = self.furthest.entry(volume.volume).or_insert(now);
            let is_behind = now.start_count < seen.start_count || now.durable_sequence < seen.durable_sequence;
            if is_behind {
                if now.run.is_some() && now.run == seen.run {
                    continue;
                }
                gone_back.push(volume.volume);
            }
            *seen = now;
        }
        gone_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cluster::tests::fake_nodes::quiet_status, node::api::VolumeStatus};

    const VOLUME: VolumeId = VolumeId::from_bytes([3; 16]);

    fn status(start_count: u64, durable_sequence: u64) -> NodeStatus {
        status_of(None, start_count, durable_sequence)
    }

    fn status_of(run: Option<u8>, start_count: u64, durable_sequence: u64) -> NodeStatus {
        let volume = VolumeStatus { start_count, durable_sequence, ..VolumeStatus::empty(VOLUME) };
        quiet_status(1, run, vec![volume])
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

    /// Under load heartbeats and probes overtook each other every few seconds, and each time all copies of the node were looked at.
    #[test]
    fn a_status_that_was_overtaken_by_a_newer_one_of_the_same_run_is_no_step_back() {
        let mut watch = RollbackWatch::default();
        assert!(watch.look(&status_of(Some(1), 1, 20)).is_empty());
        assert!(watch.look(&status_of(Some(1), 1, 15)).is_empty());
        assert_eq!(watch.look(&status_of(Some(2), 1, 18)), [VOLUME], "20 was seen, whatever came late since");
        assert!(watch.look(&status_of(Some(2), 1, 19)).is_empty());
    }
}

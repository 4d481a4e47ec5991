//! One node is one process. A data directory that was copied, and started a second time, says that it is the first.
//!
//! A node that moved looks the same as a copy: a known identity from another address. So before the address is changed, the
//! known one is asked. Who answers there as this node, but from another run, is alive: the newcomer is refused. Nobody
//! there, or somebody else: the node moved. Whichever of two is slow or stopped at that moment, one alone stays a member,
//! because heartbeats of a run that is not the registered one send their node back to registration, and so to the question.

use super::{cluster_node::ClusterNode, error::ClusterError};
use crate::{
    node::api::NodeStatus,
    types::{NodeId, Term},
};
use std::time::Duration;

/// Bound of the question at the known address: a host that is gone often answers nothing at all, and the node that moved
/// away from it waits meanwhile.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// What is asked before a known node gets another address.
#[derive(Debug)]
pub struct Claim<'a> {
    pub status: &'a NodeStatus,
    /// Where the newcomer is; `None` for a node in this process.
    pub address: Option<&'a str>,
    pub term: Term,
    /// On the gateway's monotonic clock.
    pub now: Duration,
}

impl Claim<'_> {
    /// Refuses the claim when the node answers at its known address, from another run than the newcomer's.
    pub async fn check(&self, known: &ClusterNode) -> Result<(), ClusterError> {
        let asked = known.api.status(self.term, None);
        let answer = tokio::time::timeout(ANSWER_DEADLINE, asked).await;
        let place = known.row.address.as_deref().unwrap_or(HERE);
        let newcomer = self.address.unwrap_or(HERE);
        match answer {
            Ok(Ok(answer)) if is_another_process(known.id(), &answer, self.status) => {
                known.vitals.refused_claim.note(self.now, newcomer.to_owned());
                tracing::error!(
                    node = %known.row.name,
                    place,
                    newcomer,
                    "two processes claim to be this node: the newcomer is refused"
                );
                Err(ClusterError::NodeTaken { place: place.to_owned() })
            }
            _ => {
                tracing::info!(node = %known.row.name, from = place, to = newcomer, "the node moved");
                Ok(())
            }
        }
    }
}

/// For people, in place of an address.
const HERE: &str = "this process";

/// Whether who answered is the node, but not the process that says so.
fn is_another_process(node: NodeId, answer: &NodeStatus, newcomer: &NodeStatus) -> bool {
    answer.node == node && answer.run != newcomer.run
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::tests::fake_nodes::quiet_status;

    fn status(node: u8, run: Option<u8>) -> NodeStatus {
        quiet_status(node, run, Vec::new())
    }

    #[test]
    fn only_the_same_node_in_another_run_is_another_process() {
        let newcomer = status(1, Some(1));
        for (answer, expected) in [
            (status(1, Some(2)), true),
            // A release that draws no run: the newcomer would have answered with its own.
            (status(1, None), true),
            // The same process, reached under its former address.
            (status(1, Some(1)), false),
            // Its host was given to another node.
            (status(2, Some(2)), false),
        ] {
            assert_eq!(is_another_process(newcomer.node, &answer, &newcomer), expected, "{answer:?}");
        }
        let old = status(1, None);
        assert!(!is_another_process(old.node, &old, &old), "nothing tells two old releases apart");
    }
}

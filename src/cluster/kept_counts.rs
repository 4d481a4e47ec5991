//! What was found out by counting nodes (`head_count`), kept with the metadata, so that a start of the gateway costs no
//! count of nodes that went on meanwhile, and one in the middle of a count does not begin it anew.
//!
//! A count holds for an incarnation of the node, of a process that tells its run: that one has lost nothing since without
//! saying so. Chunks that it has quarantined it names (`quarantined`); all else that may make it hold less makes another
//! incarnation of it. What was written since is not the count's business: a commit names who did not get it.
//!
//! And it holds for a history of the metadata. What a restored backup names may have been dropped by the nodes since the backup,
//! on the word of later metadata; the restore began another history, and all nodes are counted. (An older copy of the metadata that
//! was put back without a restore stops the gateway, `Reign::check_witness`.) Nor does it outlive another gateway's reign over the
//! nodes (`kept_findings`).

use super::{Cluster, error::ClusterError, head_count::CountedTo, incarnation::Incarnation};
use crate::{
    metadata::{Command, command::SaveJobState},
    types::{BlobId, HistoryId, NodeId},
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A job's state for each node, named by it.
pub const JOBS: &str = "head-count/";

/// A count under way is kept once in so many requests: some 100 000 chunks.
const REQUESTS_PER_KEEPING: u32 = 32;

/// As it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptCount {
    history: HistoryId,
    incarnation: Incarnation,
    counted: Counted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Counted {
    Everything,
    UpTo(BlobId),
}

/// The step's memory of it.
#[derive(Debug, Default)]
pub struct KeptCounts {
    is_read: bool,
    /// Counts that were under way at the last start.
    begun: HashMap<NodeId, CountedTo>,
    /// Requests to a node since its count was kept.
    requests: HashMap<NodeId, u32>,
}

impl KeptCounts {
    /// Reads what was kept, the first time; tells of the nodes that were counted, as what.
    pub async fn read(
        &mut self,
        cluster: &Cluster,
        mut tell: impl FnMut(NodeId, Incarnation),
    ) -> Result<(), ClusterError> {
        if self.is_read {
            return Ok(());
        }
        for (name, state) in cluster.metadata().job_states(JOBS).await? {
            let node = name.strip_prefix(JOBS).and_then(|node| node.parse::<NodeId>().ok());
            // What another version has written is as if it had not been.
            let kept = serde_json::from_str::<KeptCount>(&state).ok();
            let (Some(node), Some(kept)) = (node, kept) else { continue };
            let KeptCount { history, incarnation, counted } = kept;
            if history != cluster.metadata().history() {
                continue;
            }
            match counted {
                Counted::Everything => tell(node, incarnation),
                Counted::UpTo(blob) => {
                    self.begun.insert(node, CountedTo { node, incarnation, blob: Some(blob) });
                }
            }
        }
        self.is_read = true;
        Ok(())
    }

    /// How far the node was counted before the last start; `None`: not at all, or it is another one by now.
    pub fn counted_to(&self, node: NodeId, incarnation: &Incarnation) -> Option<BlobId> {
        let begun = self.begun.get(&node).filter(|begun| begun.incarnation == *incarnation);
        begun.and_then(|begun| begun.blob)
    }

    /// The count has come so far.
    pub async fn keep_some(&mut self, cluster: &Cluster, to: CountedTo) -> Result<(), ClusterError> {
        let requests = self.requests.entry(to.node).or_default();
        *requests += 1;
        let Some(blob) = to.blob.filter(|_| *requests >= REQUESTS_PER_KEEPING) else { return Ok(()) };
        *requests = 0;
        save(cluster, to.node, to.incarnation, Counted::UpTo(blob)).await
    }

    /// The count is over.
    pub async fn keep_all(
        &mut self,
        cluster: &Cluster,
        node: NodeId,
        incarnation: Incarnation,
    ) -> Result<(), ClusterError> {
        self.begun.remove(&node);
        self.requests.remove(&node);
        save(cluster, node, incarnation, Counted::Everything).await
    }
}

async fn save(cluster: &Cluster, node: NodeId, incarnation: Incarnation, counted: Counted) -> Result<(), ClusterError> {
    if !incarnation.is_unmistakable() {
        return Ok(());
    }
    let kept = KeptCount { history: cluster.metadata().history(), incarnation, counted };
    let state = serde_json::to_string(&kept).map_err(|error| ClusterError::Metadata(error.to_string()))?;
    let job = SaveJobState { name: format!("{JOBS}{node}"), state: Some(state) };
    cluster.metadata().propose(Command::SaveJobState(job)).await?;
    Ok(())
}

//! What was found out about nodes and is kept with the metadata holds while nobody else commands them.
//!
//! Counts (`kept_counts`) and marks of inventories (`kept_walks`) say what a node holds and which of it is named, as long as the
//! node is the same. Another gateway, with other metadata, may have had it drop anything meanwhile without a start of it. That
//! takes a newer term than ours, by which we are over; only a beginning that leaps over terms which it did not give out itself can
//! take such a node back. So before every such beginning what was kept is void, and all nodes are looked at as if never before.
//! A gateway that is started again where it was follows on its own reign, leaps over nothing, and believes what it kept.

use super::{error::ClusterError, kept_counts, kept_walks};
use crate::metadata::{Command, Metadata, command::SaveJobState};
use futures_util::future::join_all;

/// Resolves when nothing of it is left, durably.
pub async fn forget(metadata: &Metadata) -> Result<(), ClusterError> {
    for jobs in [kept_counts::JOBS, kept_walks::JOBS] {
        // A list of them is bounded.
        loop {
            let kept = metadata.job_states(jobs).await?;
            if kept.is_empty() {
                break;
            }
            let forget = |name| metadata.propose(Command::SaveJobState(SaveJobState { name, state: None }));
            let forgotten = join_all(kept.into_iter().map(|(name, _)| forget(name))).await;
            forgotten.into_iter().collect::<Result<Vec<_>, _>>()?;
        }
    }
    Ok(())
}

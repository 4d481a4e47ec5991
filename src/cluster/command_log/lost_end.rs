//! Before a reign begins on a database whose last process broke off: whether its end is there.
//!
//! What was committed last is in the database's own log. Where the end of that can't be read (a sector, a disk that lied about a
//! sync), SQLite leaves it out without a word. Nodes have kept each batch before it was answered, so they are asked what they
//! have behind the newest command, before anything takes its numbers:
//!
//! - Nothing: the end is there.
//! - One batch right behind it: the process died before it committed, or was about to answer. It is carried out: then it counts,
//!   whoever was told of it. There can't be two such, since the next is handed over when one is committed.
//! - More, or with a hole, or of a reign that this database does not know: the end was lost. The reign does not begin. The
//!   recovery from the log brings it back; to add to this database what it lacks would not be right, for what its log could not
//!   tell any more may have come to some of its pages before.
//!
//! When nodes are away on which it may be, the reign begins after a while all the same.

use super::{
    collect::{Collected, LogSource},
    log_nodes_of,
    members::{copies_wanted, majority},
    selection::{Logged, Reached},
};
use crate::{
    cluster::{
        ClusterError,
        succession::{NamedNode, ask, named_nodes},
    },
    metadata::{Metadata, log::LoggedBatch},
    node::{PeerConnector, api::ReignSeen},
    types::{CommitSequence, NodeId},
};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::{Instant, sleep};

/// How long nodes may take to come, when everything was started at once.
const NODES_WITHIN: Duration = Duration::from_secs(10);
const ASKED_EVERY: Duration = Duration::from_millis(200);

/// What a database may have lost.
pub struct LostEnd<'a> {
    pub metadata: &'a Metadata,
    pub connector: &'a dyn PeerConnector,
    /// Nodes of this process: of a young cluster even the knowledge of its nodes may be in the end that was lost.
    pub present: &'a [NamedNode],
    /// How many nodes were to keep each batch.
    pub copies: usize,
}

/// Who was asked, and what each has seen.
struct Asked {
    nodes: Vec<NamedNode>,
    seen: Vec<Option<ReignSeen>>,
    given_up: Vec<NodeId>,
    /// On how many nodes each batch is, at least.
    required: usize,
}

impl LostEnd<'_> {
    /// Called before anything is proposed. Afterwards the database has everything that was acknowledged, as far as the nodes
    /// know that answer.
    pub async fn find(&self) -> Result<(), ClusterError> {
        let (history, own) = (self.metadata.history(), self.metadata.committed());
        let term = self.metadata.last_reign().await?.term;
        let asked = self.ask_enough().await?;
        let collected = Collected::newer_than(own, asked.sources(), self.metadata.cluster_id()).await;
        asked.tell_what_is_unknown(&collected);
        let behind = collected.log.behind(Reached { history, term, last: own });
        let seen = || asked.seen.iter().flatten();
        let witnesses = seen().filter_map(|seen| seen.witness).filter(|seen| seen.history == history);
        let newest = [collected.log.committed(history), behind.gap.map_or(own, |gap| gap.newest)]
            .into_iter()
            .chain(witnesses.map(|seen| seen.commit_sequence))
            .chain(behind.frames.last().map(|frame| frame.head.last))
            .fold(own, CommitSequence::max);
        let is_of_this_reign = seen().all(|seen| seen.term <= term);
        match *behind.frames {
            _ if newest == own => Ok(()),
            [frame] if is_of_this_reign && newest == frame.head.last => self.carry_out(&collected, frame).await,
            _ => {
                self.metadata.note_lacking(newest);
                Err(ClusterError::EndLost { own, newest })
            }
        }
    }

    /// Returns when so many have answered that each batch is on one of them, or after a while.
    async fn ask_enough(&self) -> Result<Asked, ClusterError> {
        let (mut nodes, given_up) = named_nodes(self.metadata, self.connector).await?;
        let is_named = |present: &NamedNode| nodes.iter().any(|(_, node)| node.id() == present.1.id());
        let unnamed: Vec<NamedNode> = self.present.iter().filter(|present| !is_named(present)).cloned().collect();
        nodes.extend(unnamed);
        let required = majority(copies_wanted(&log_nodes_of(&self.metadata.nodes().await?), self.copies));
        let deadline = Instant::now() + NODES_WITHIN;
        let mut asked = Asked { seen: ask(&nodes).await, nodes, given_up, required };
        while asked.without(Option::is_some).len() >= required && Instant::now() < deadline {
            sleep(ASKED_EVERY).await;
            asked.seen = ask(&asked.nodes).await;
        }
        Ok(asked)
    }

    async fn carry_out(&self, collected: &Collected, frame: &Logged) -> Result<(), ClusterError> {
        let (first, last) = (frame.head.first, frame.head.last);
        let own = self.metadata.committed();
        let bytes = collected.payload(frame).await.ok_or(ClusterError::EndLost { own, newest: last })?;
        match self.metadata.carry_out(&LoggedBatch { first, last, bytes }).await {
            Ok(()) => {
                tracing::info!(%first, %last, "the batch that was under way when the last process ended is carried out");
                Ok(())
            }
            Err(error) if error.is_damage() => {
                tracing::error!(%error, "the database is damaged");
                self.metadata.note_lacking(last);
                Err(ClusterError::EndLost { own, newest: last })
            }
            Err(error) => Err(ClusterError::Metadata(error.to_string())),
        }
    }
}

impl Asked {
    fn sources(&self) -> Vec<LogSource> {
        let answers = self.nodes.iter().zip(&self.seen);
        let source = |((name, node), seen): (&NamedNode, &Option<ReignSeen>)| {
            Some(LogSource { name: name.clone(), node: node.clone(), term: seen.as_ref()?.term })
        };
        answers.filter_map(source).collect()
    }

    /// Names of nodes that were not given up and have not answered so.
    fn without(&self, is_enough: impl Fn(&Option<ReignSeen>) -> bool) -> BTreeSet<String> {
        let answers = self.nodes.iter().zip(&self.seen);
        let lacking = answers.filter(|((_, node), seen)| !is_enough(seen) && !self.given_up.contains(&node.id()));
        lacking.map(|((name, _), _)| name.clone()).collect()
    }

    fn tell_what_is_unknown(&self, collected: &Collected) {
        let shows_all = |seen: &Option<ReignSeen>| seen.is_some_and(|seen| seen.volumes_left_out == 0);
        let mut unknown = self.without(shows_all);
        unknown.extend(collected.failed());
        if unknown.len() >= self.required || collected.unreadable > 0 {
            tracing::warn!(
                nodes = unknown.into_iter().collect::<Vec<_>>().join(", "),
                unreadable_chunks = collected.unreadable,
                "the last process broke off, and whether the end of its metadata is there could not be asked of enough nodes",
            );
        }
    }
}

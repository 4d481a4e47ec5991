//! Recovers the metadata from what nodes hold of the command log, when the gateway's disk is gone.
//!
//! 1. No other gateway of the cluster may be alive: its metadata would be the right one.
//! 2. The nodes that are known are asked for their pieces (`collect`), and the newest snapshot that can be read whole is
//!    put where the database will be (`selection` says which).
//! 3. The database names the cluster's nodes. Those that were not asked yet are asked too, and all begins again with what
//!    they hold; and once more, should the commands behind the snapshot name further ones.
//! 4. The commands are carried out in their order.
//! 5. What was acknowledged is on most of its members. So nothing of it is missing when every node answered, no hole is
//!    before a command that was found, and no node has seen a newer commit. (A node that had failed for good need not: when
//!    that was noted, all that it had of the log was put elsewhere.) Else nothing is made, unless the operator takes what
//!    there is.
//! 6. Only then the database gets its name. Broken off before, a recovery leaves nothing, and may be begun again.
//!
//! Nothing is changed on any node: each is asked with the newest term that it has seen.

use super::{
    LogHead,
    collect::{Collected, LogSource},
    log_nodes_of,
    members::{copies_wanted, majority},
    missing::Missing,
    selection::{Continuation, Gap, Logged},
};
use crate::{
    cluster::{
        ClusterError, Succession,
        succession::{NamedNode, ask, await_silence, given_up},
    },
    metadata::{
        MetadataError,
        command::NodeDuty,
        log::{LoggedBatch, RebuildPlace, Rebuilding},
        rows::Node,
    },
    node::{
        PeerConnector,
        api::{PeerAddress, ReignSeen},
    },
    runtime::{Clock, Random},
    types::{ClusterId, CommitSequence, HistoryId, NodeId},
};
use futures_util::{StreamExt, stream};
use std::{collections::BTreeSet, fmt, fs::File, io::Write, path::Path, time::Duration};

/// Frames and pieces of a snapshot that are fetched ahead.
const FETCHED_AHEAD: usize = 8;

/// Frames that are carried out at a time: what they hold is in memory.
const FRAMES_TOGETHER: usize = 64;

/// What a recovery has to begin with.
pub struct Recovery<'a> {
    /// Of the metadata; holds none.
    pub directory: &'a Path,
    pub cluster: ClusterId,
    pub nodes: Vec<NamedNode>,
    /// Places that the operator named and that did not answer.
    pub silent: Vec<String>,
    pub connector: &'a dyn PeerConnector,
    pub clock: &'a dyn Clock,
    pub random: &'a dyn Random,
    pub succession: Succession,
    /// How long nodes must have heard no gateway.
    pub suspect_after: Duration,
    /// How many nodes were to keep each frame, as the lost gateway was set.
    pub copies: usize,
    pub accepted: Accepted,
}

/// What an operator is content with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Everything that was acknowledged.
    Whole,
    /// What there is.
    Incomplete,
}

/// What was recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Everything up to this command.
    pub committed: CommitSequence,
    /// How far the snapshot went.
    pub snapshot: CommitSequence,
    /// Set when a history of its own began: nothing is reclaimed before an operator confirms it.
    pub begun: Option<HistoryId>,
    /// What was missing, and accepted.
    pub missing: Missing,
}

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(
        "the nodes that answered hold no snapshot of the metadata that can be read whole ({unreadable} chunks of the command log \
         can't be read; not asked, or without an answer: {}); nothing was changed",
        names(.silent)
    )]
    NoSnapshot { unreadable: usize, silent: Vec<String> },
    #[error(
        "{0}; nothing was changed. Bring what is missing back and start again, or take what there is with --recover-incomplete"
    )]
    Incomplete(Missing),
}

/// Afterwards the directory holds the metadata, or, after an error, nothing that looks like it.
pub async fn recover(recovery: Recovery<'_>) -> Result<Recovered, RecoveryError> {
    let place = RebuildPlace::claim(recovery.directory)?;
    let Recovery { nodes, silent, .. } = &recovery;
    let (nodes, silent) = (nodes.clone(), silent.clone());
    let mut search = Search { recovery: &recovery, nodes, given_up: Vec::new(), silent };
    let mut place = Some(place);
    let result = search.run(&mut place).await;
    // What is left was not finished.
    if let Some(place) = place {
        place.abandon()?;
    }
    result
}

/// What is known of the nodes so far.
struct Search<'a> {
    recovery: &'a Recovery<'a>,
    nodes: Vec<NamedNode>,
    /// Nodes that had failed, as far as is known.
    given_up: Vec<NodeId>,
    silent: Vec<String>,
}

/// Everything that there is was carried out.
struct All {
    missing: Missing,
    /// On how many nodes each frame was, at least.
    required: usize,
}

/// What a round of questions came to.
struct Round {
    seen: Vec<Option<ReignSeen>>,
    collected: Collected,
}

impl Search<'_> {
    /// The place is taken when the database has its name.
    async fn run(&mut self, place: &mut Option<RebuildPlace>) -> Result<Recovered, RecoveryError> {
        loop {
            let round = self.ask_all().await?;
            let (mut rebuilding, snapshot) = self.begin(&round, place).await?;
            match self.go_on(&round, &snapshot.head, &mut rebuilding).await {
                Ok(Some(all)) => return self.finish(rebuilding, all, snapshot.head.last).await,
                undone => {
                    *place = Some(rebuilding.stop().await);
                    undone?;
                }
            }
        }
    }

    /// Carries out what is behind the snapshot; `None` when there are nodes that have to be asked first.
    async fn go_on(
        &mut self,
        round: &Round,
        snapshot: &LogHead,
        rebuilding: &mut Rebuilding,
    ) -> Result<Option<All>, RecoveryError> {
        let finds_further = self.finds_further_nodes(&rebuilding.nodes().await?);
        // Whether one that does not answer has failed for good since, what is behind the snapshot tells.
        if finds_further && ask(&self.nodes).await.iter().all(Option::is_some) {
            return Ok(None);
        }
        let behind = round.collected.log.behind(snapshot);
        let gap = carry_out(&round.collected, &behind, rebuilding).await?;
        let rows = rebuilding.nodes().await?;
        if self.finds_further_nodes(&rows) || finds_further {
            return Ok(None);
        }
        let missing = self.missing(round, &rows, gap, rebuilding);
        if !missing.is_nothing() && self.recovery.accepted == Accepted::Whole {
            return Err(RecoveryError::Incomplete(missing));
        }
        let wanted = copies_wanted(&log_nodes_of(&rows), self.recovery.copies.max(1));
        Ok(Some(All { missing, required: majority(wanted) }))
    }

    async fn ask_all(&self) -> Result<Round, RecoveryError> {
        let Recovery { clock, succession, suspect_after, cluster, .. } = self.recovery;
        let seen = match succession {
            Succession::WhenFree => await_silence(&self.nodes, &self.given_up, *clock, *suspect_after).await?,
            Succession::AtOnce => ask(&self.nodes).await,
        };
        let sources = self.nodes.iter().zip(&seen).filter_map(|((name, node), seen)| {
            let term = seen.as_ref()?.term;
            Some(LogSource { name: name.clone(), node: node.clone(), term })
        });
        let collected = Collected::from(sources.collect(), *cluster).await;
        Ok(Round { seen, collected })
    }

    /// The newest snapshot that can be read is the database.
    async fn begin(
        &self,
        round: &Round,
        place: &mut Option<RebuildPlace>,
    ) -> Result<(Rebuilding, Logged), RecoveryError> {
        for snapshot in &round.collected.log.snapshots {
            let passed_over = |reason: &dyn fmt::Display| {
                tracing::warn!(sequence = %snapshot.head.last, %reason, "a snapshot of the metadata is passed over");
            };
            if let Some(here) = &place
                && !write(&round.collected, snapshot, here.file()).await?
            {
                passed_over(&"a piece of it can't be read");
                continue;
            }
            let Some(here) = place.take() else { break };
            match Rebuilding::begin(here).await {
                Ok(rebuilding) if is_as_said(&rebuilding, &snapshot.head) => return Ok((rebuilding, snapshot.clone())),
                Ok(rebuilding) => {
                    passed_over(&"it is not what its pieces say");
                    *place = Some(rebuilding.stop().await);
                }
                Err((here, error)) => {
                    *place = Some(here);
                    // A release that does not know its format must not go on from an older one.
                    if matches!(error, MetadataError::NewerFormat { .. }) {
                        return Err(error.into());
                    }
                    passed_over(&error);
                }
            }
        }
        let mut silent = self.silent.clone();
        silent.extend(self.unanswered(round));
        Err(RecoveryError::NoSnapshot { unreadable: round.collected.unreadable, silent })
    }

    /// Takes in what the database knows of nodes: true when there are some that were not asked.
    fn finds_further_nodes(&mut self, rows: &[Node]) -> bool {
        self.given_up = given_up(rows);
        let asked: BTreeSet<NodeId> = self.nodes.iter().map(|(_, node)| node.id()).collect();
        let wanted = rows.iter().filter(|row| row.duty != NodeDuty::Removed && !asked.contains(&row.node));
        let further: Vec<NamedNode> = wanted
            .filter_map(|row| {
                let address = PeerAddress { node: row.node, address: row.address.clone() };
                Some((row.name.clone(), self.recovery.connector.connect(&address)?))
            })
            .collect();
        let is_any = !further.is_empty();
        self.nodes.extend(further);
        is_any
    }

    /// Names of asked nodes that did not answer, or not to the end, or don't show all that they hold.
    fn unanswered(&self, round: &Round) -> BTreeSet<String> {
        let shows_all = |seen: &Option<ReignSeen>| seen.is_some_and(|seen| seen.volumes_left_out == 0);
        let nodes = self.nodes.iter().zip(&round.seen).filter(|(_, seen)| !shows_all(seen));
        nodes.map(|((name, _), _)| name.clone()).chain(round.collected.failed()).collect()
    }

    fn missing(&self, round: &Round, rows: &[Node], gap: Option<Gap>, rebuilding: &Rebuilding) -> Missing {
        let unanswered = self.unanswered(round);
        let is_removed = |row: &Node| row.duty == NodeDuty::Removed;
        let asked = |row: &&Node| self.nodes.iter().find(|(_, node)| node.id() == row.node);
        // One that had failed was given up, and what it had of the log made up for, before what is recovered ends.
        let counting = rows.iter().filter(|row| !is_removed(row) && !self.given_up.contains(&row.node));
        let silent_rows = counting.filter(|row| asked(row).is_none_or(|(name, _)| unanswered.contains(name)));
        // An address that did not answer may be that of a node that the database names.
        let is_of_no_row = |place: &&String| !rows.iter().any(|row| row.address.as_ref() == Some(*place));
        let mut silent: Vec<String> = silent_rows.map(|row| row.name.clone()).collect();
        silent.extend(self.silent.iter().filter(is_of_no_row).cloned());
        let newest = rebuilding.newest();
        let witnessed = self.nodes.iter().zip(&round.seen).filter_map(|((name, _), seen)| {
            let witness = seen.as_ref()?.witness?;
            let is_newer = witness.history == rebuilding.history() && witness.commit_sequence > newest;
            is_newer.then(|| (name.clone(), witness.commit_sequence))
        });
        let newer = witnessed.max_by_key(|(_, sequence)| *sequence);
        let committed = round.collected.log.committed(rebuilding.history());
        let torn_snapshot = (committed > newest).then_some(committed);
        Missing { silent, gap, newer, torn_snapshot, recovered: newest }
    }

    async fn finish(
        &self,
        rebuilding: Rebuilding,
        All { missing, required }: All,
        snapshot: CommitSequence,
    ) -> Result<Recovered, RecoveryError> {
        let committed = rebuilding.newest();
        let begun = if missing.hides_nothing(required) {
            rebuilding.finish().await?;
            None
        } else {
            Some(rebuilding.finish_anew(self.recovery.clock, self.recovery.random).await?)
        };
        Ok(Recovered { committed, snapshot, begun, missing })
    }
}

fn is_as_said(rebuilding: &Rebuilding, head: &LogHead) -> bool {
    let LogHead { cluster, history, last, .. } = *head;
    (rebuilding.cluster(), rebuilding.history(), rebuilding.newest()) == (cluster, history, last)
}

/// Writes the snapshot to the file, in place of what is there; false when a piece of it can't be read.
async fn write(collected: &Collected, snapshot: &Logged, file: &Path) -> Result<bool, RecoveryError> {
    let io = |error| MetadataError::Io { path: file.to_owned(), error };
    // Nobody else waits for this thread while a gateway starts.
    let mut out = File::create(file).map_err(io)?;
    let pieces = (0..snapshot.pieces.len()).map(|piece| collected.piece(snapshot, piece));
    let mut pieces = stream::iter(pieces).buffered(FETCHED_AHEAD);
    while let Some(piece) = pieces.next().await {
        let Some(bytes) = piece else { return Ok(false) };
        out.write_all(&bytes).map_err(io)?;
    }
    Ok(true)
}

/// Where a frame can no longer be read as it was found, there is a hole.
async fn carry_out(
    collected: &Collected,
    behind: &Continuation<'_>,
    rebuilding: &mut Rebuilding,
) -> Result<Option<Gap>, RecoveryError> {
    let found = behind.frames.last().map_or(rebuilding.newest(), |frame| frame.head.last);
    let newest = behind.gap.map_or(found, |gap| gap.newest);
    let payloads = behind.frames.iter().map(|frame| collected.payload(frame));
    let mut fetched = stream::iter(payloads).buffered(FETCHED_AHEAD);
    for frames in behind.frames.chunks(FRAMES_TOGETHER) {
        let mut batches = Vec::with_capacity(frames.len());
        for frame in frames {
            let Some(bytes) = fetched.next().await.flatten() else { break };
            batches.push(LoggedBatch { first: frame.head.first, last: frame.head.last, bytes });
        }
        rebuilding.apply(&batches).await?;
        if let Some(lost) = frames.get(batches.len()) {
            return Ok(Some(Gap { after: rebuilding.newest(), before: lost.head.last.next(), newest }));
        }
    }
    Ok(behind.gap)
}

fn names(silent: &[String]) -> String {
    if silent.is_empty() { "none".to_owned() } else { silent.join(", ") }
}

//! Before a gateway begins to reign: whether another one of this cluster is alive, from which it would take the nodes.
//!
//! Nodes follow the newest term. So a gateway that was started from a backup or a copy, only to look at it, would depose the
//! one that serves. An ordinary start, in the directory of the last reign, has no other: the directory is locked while it is
//! in use. A database that lies elsewhere than at its last reign (`Metadata::place`) is a restored, copied or moved one:
//! then the nodes are asked, without a word that changes anything on them, how long ago a gateway asked them how they are.
//! Living ones do that every few seconds. One word since this gateway began to look: the other is alive, and this one
//! ends. It begins when most nodes have answered and none of those has heard a gateway for `suspect_after`: whoever reigns
//! without most of the nodes has lost them anyway. A copy that is older than what nodes have seen (`Reign::check_witness`)
//! does not begin either: the one that it was taken from is still the right one, and must find its nodes as they were.
//!
//! An operator's word (`--take-over`) goes before all of this but the last.

use super::error::ClusterError;
use crate::{
    metadata::{
        Metadata,
        command::{NodeDuty, NodeState},
        rows::{LastReign, Node},
    },
    node::{
        NodeApi, PeerConnector,
        api::{PeerAddress, ReignSeen},
    },
    runtime::Clock,
    types::{NodeId, Term},
};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};

/// Between two rounds of questions.
const PAUSE: Duration = Duration::from_millis(500);

/// A node that takes longer has not answered in this round.
const ANSWER_DEADLINE: Duration = Duration::from_secs(2);

/// How a gateway comes to reign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Succession {
    /// Not while another one is alive.
    WhenFree,
    /// Whoever reigns is to stop: the operator says so.
    AtOnce,
}

/// With which term the reign may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// The newest term that a node has named.
    pub above: Term,
    /// Whether terms may have been given out that the metadata does not know: then many are leapt over.
    pub leaps: bool,
}

/// What decides whether a gateway may begin.
pub struct Candidate<'a> {
    pub metadata: &'a Metadata,
    pub connector: &'a dyn PeerConnector,
    pub clock: &'a dyn Clock,
    pub succession: Succession,
    /// How long nodes must have heard no gateway.
    pub suspect_after: Duration,
}

/// A node, and its name for people.
pub type NamedNode = (String, Arc<dyn NodeApi>);

impl Candidate<'_> {
    /// Resolves when the gateway may begin; fails when another one is alive. Dropping it leaves nothing behind.
    pub async fn await_turn(&self) -> Result<Beginning, ClusterError> {
        let unplaced = |error| ClusterError::Metadata(format!("the database can't be looked at: {error}"));
        let last = self.metadata.last_reign().await?;
        let place = self.metadata.place().map_err(unplaced)?;
        let is_elsewhere = is_elsewhere(&last, &place, self.metadata.needs_confirmation());
        match (self.succession, is_elsewhere) {
            (Succession::WhenFree, false) => Ok(Beginning { above: Term(0), leaps: false }),
            (Succession::WhenFree, true) => {
                let (nodes, given_up) = named_nodes(self.metadata, self.connector).await?;
                self.begin_above(&await_silence(&nodes, &given_up, self.clock, self.suspect_after).await?)
            }
            (Succession::AtOnce, _) => {
                let (nodes, _) = named_nodes(self.metadata, self.connector).await?;
                self.begin_above(&ask(&nodes).await)
            }
        }
    }

    /// Above all terms that nodes have seen, unless they have seen newer metadata.
    fn begin_above(&self, answers: &[Option<ReignSeen>]) -> Result<Beginning, ClusterError> {
        let (history, own) = (self.metadata.history(), self.metadata.committed());
        let witnesses = answers.iter().flatten().filter_map(|seen| seen.witness);
        let newest = witnesses.filter(|seen| seen.history == history).map(|seen| seen.commit_sequence).max();
        if let Some(seen) = newest.filter(|seen| *seen > own) {
            return Err(ClusterError::OldMetadata { seen, own });
        }
        let above = answers.iter().flatten().map(|seen| seen.term).max().unwrap_or(Term(0));
        Ok(Beginning { above, leaps: true })
    }
}

/// All nodes, and which had failed. Those of this process are asked as well: no other gateway reaches them, but they have seen
/// metadata.
pub(super) async fn named_nodes(
    metadata: &Metadata,
    connector: &dyn PeerConnector,
) -> Result<(Vec<NamedNode>, Vec<NodeId>), ClusterError> {
    let rows = metadata.nodes().await?;
    let given_up = given_up(&rows);
    let staying = rows.into_iter().filter(|row| row.duty != NodeDuty::Removed);
    let reached = staying.filter_map(|row| {
        let address = PeerAddress { node: row.node, address: row.address };
        Some((row.name, connector.connect(&address)?))
    });
    Ok((reached.collect(), given_up))
}

/// Nodes that had failed: identities of such as were emptied stay so for ever, and may be more than all others.
pub(super) fn given_up(rows: &[Node]) -> Vec<NodeId> {
    rows.iter().filter(|row| row.state == NodeState::Failed).map(|row| row.node).collect()
}

/// Resolves when no other gateway commands these nodes, with what each has heard; fails when one does. Dropping it leaves
/// nothing behind. Those of this process are not waited for, nor is who was given up: his word counts if he answers.
pub(super) async fn await_silence(
    nodes: &[NamedNode],
    given_up: &[NodeId],
    clock: &dyn Clock,
    suspect_after: Duration,
) -> Result<Vec<Option<ReignSeen>>, ClusterError> {
    let remote: Vec<NamedNode> = nodes.iter().filter(|(_, node)| !node.is_local()).cloned().collect();
    let began = clock.monotonic();
    let mut told = None;
    loop {
        let watched = clock.monotonic().saturating_sub(began);
        let asked = remote.iter().zip(ask(&remote).await);
        let counting = asked.filter(|((_, node), answer)| answer.is_some() || !given_up.contains(&node.id()));
        let (counting, answers): (Vec<&NamedNode>, Vec<Option<ReignSeen>>) = counting.unzip();
        match judge(&answers, watched, suspect_after) {
            Judgement::Free => return Ok(ask(nodes).await),
            Judgement::Taken { by_node } => {
                let node = counting.get(by_node).map_or_else(String::new, |(name, _)| name.clone());
                return Err(ClusterError::OtherGateway { node });
            }
            Judgement::Wait { answered } => {
                if told.replace(answered) != Some(answered) {
                    let silent = counting.iter().zip(&answers).filter(|(_, answer)| answer.is_none());
                    tracing::warn!(
                        answered,
                        nodes = counting.len(),
                        silent = silent.map(|((name, _), _)| name.as_str()).collect::<Vec<_>>().join(", "),
                        "the metadata was restored, recovered, copied or moved: this gateway begins when most nodes answer \
                         and none has heard another gateway for {suspect_after:?}; --take-over begins at once",
                    );
                }
            }
        }
        sleep(PAUSE).await;
    }
}

/// Whether the database does not lie where its last reign was.
fn is_elsewhere(last: &LastReign, place: &str, is_restored: bool) -> bool {
    match &last.place {
        Some(noted) => noted != place,
        // Of a release that did not note it. One that never reigned has no nodes.
        None => last.term > Term(0) && is_restored,
    }
}

/// `None` of a node that did not answer, or is of a release that can't.
pub(super) async fn ask(nodes: &[NamedNode]) -> Vec<Option<ReignSeen>> {
    let asking = nodes.iter().map(|(_, node)| timeout(ANSWER_DEADLINE, node.reign_seen()));
    join_all(asking).await.into_iter().map(|answer| answer.ok()?.ok()).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    Free,
    Wait {
        answered: usize,
    },
    /// The node in this position has heard another gateway meanwhile.
    Taken {
        by_node: usize,
    },
}

/// What the answers mean to one who has watched for so long.
fn judge(answers: &[Option<ReignSeen>], watched: Duration, silence: Duration) -> Judgement {
    let since_word = |seen: &ReignSeen| seen.heard_ms.map(Duration::from_millis);
    let has_heard = |answer: &Option<ReignSeen>| answer.as_ref().and_then(since_word).is_some_and(|ago| ago < watched);
    if let Some(by_node) = answers.iter().position(has_heard) {
        return Judgement::Taken { by_node };
    }
    // A node that was started a moment ago may have heard one just before.
    let is_quiet = |seen: &ReignSeen| {
        seen.term == Term(0) || since_word(seen).unwrap_or(Duration::from_millis(seen.up_ms)) >= silence
    };
    let answered = answers.iter().flatten().count();
    let is_most = answers.is_empty() || answered * 2 > answers.len();
    match is_most && answers.iter().flatten().all(is_quiet) {
        true => Judgement::Free,
        false => Judgement::Wait { answered },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(15);

    fn heard(ago_ms: u64) -> Option<ReignSeen> {
        Some(ReignSeen { term: Term(3), witness: None, heard_ms: Some(ago_ms), up_ms: 1_000_000, volumes_left_out: 0 })
    }

    fn started(ago_ms: u64) -> Option<ReignSeen> {
        Some(ReignSeen { term: Term(3), witness: None, heard_ms: None, up_ms: ago_ms, volumes_left_out: 0 })
    }

    fn new() -> Option<ReignSeen> {
        Some(ReignSeen { term: Term(0), witness: None, heard_ms: None, up_ms: 0, volumes_left_out: 0 })
    }

    #[test]
    fn a_gateway_begins_when_most_nodes_have_heard_no_other_for_long() {
        let after = Duration::from_secs(5);
        for (answers, expected) in [
            (&[][..], Judgement::Free),
            (&[heard(15_000), heard(20_000), started(15_000)], Judgement::Free),
            (&[new(), new(), new()], Judgement::Free),
            (&[heard(15_000), heard(15_000), None], Judgement::Free),
            (&[heard(15_000), None], Judgement::Wait { answered: 1 }),
            (&[heard(15_000), None, None], Judgement::Wait { answered: 1 }),
            (&[None, None, None], Judgement::Wait { answered: 0 }),
            // Before this one looked: the other may have ended since.
            (&[heard(15_000), heard(15_000), heard(5000)], Judgement::Wait { answered: 3 }),
            (&[heard(15_000), heard(15_000), started(14_999)], Judgement::Wait { answered: 3 }),
            (&[heard(15_000), heard(4999), heard(15_000)], Judgement::Taken { by_node: 1 }),
            (&[None, None, heard(0)], Judgement::Taken { by_node: 2 }),
        ] {
            assert_eq!(judge(answers, after, SILENCE), expected, "{answers:?}");
        }
        assert_eq!(judge(&[heard(0)], Duration::ZERO, SILENCE), Judgement::Wait { answered: 1 }, "it may have ended");
    }

    #[test]
    fn a_database_is_elsewhere_when_it_says_so_or_was_restored() {
        let last = |term, place: Option<&str>| LastReign { term: Term(term), place: place.map(str::to_owned) };
        for (last, is_restored, expected) in [
            (last(0, None), false, false),
            (last(0, None), true, false),
            (last(4, Some("here")), false, false),
            // It was restored, but has reigned here since.
            (last(4, Some("here")), true, false),
            (last(4, Some("there")), false, true),
            (last(4, Some("there")), true, true),
            (last(4, None), false, false),
            (last(4, None), true, true),
        ] {
            assert_eq!(is_elsewhere(&last, "here", is_restored), expected, "{last:?} {is_restored}");
        }
    }
}

//! Makes a written content visible: proposes the command that names it, and keeps its blobs in flight until the outcome is
//! known, also when nobody waits for it any more.

use super::{
    cluster_node::ClusterNode,
    content_writer::WrittenContent,
    error::{ClusterError, CommitError},
    in_flight::WriteInFlight,
    known_missing::KnownMissing,
    pulls,
    reign::Reign,
    topology::Topology,
};
use crate::{
    metadata::{
        Command, CommandError, Metadata, Outcome, ProposeError,
        command::{NewBlob, NewContent},
        rows::Group,
    },
    node::{
        NodeError,
        api::{PULL_CHUNKS_MAX, PeerAddress, PullBlob},
    },
    runtime::in_current_request,
    types::{BlobId, NodeId},
};
use arc_swap::ArcSwap;
use std::sync::Arc;

/// How often a group may move under one write before the write fails: membership changes take minutes, not milliseconds.
const MOVES_MAX: u32 = 3;

/// What commits need of the cluster.
#[derive(Debug)]
pub struct Commits {
    pub metadata: Metadata,
    pub topology: Arc<ArcSwap<Topology>>,
    pub reign: Reign,
    pub known_missing: KnownMissing,
}

impl Commits {
    /// Proposes `command` of the content. Dropping the future leaves the proposal to a task that sees it through.
    pub async fn commit(
        &self,
        written: WrittenContent,
        command: impl Fn(NewContent) -> Command + Send,
    ) -> Result<Outcome, CommitError> {
        let WrittenContent { mut content, mut in_flight } = written;
        if content.blobs.is_empty() {
            return Ok(self.metadata.propose(command(content)).await?);
        }
        for _ in 0..MOVES_MAX {
            let proposal = Proposal::new(self.metadata.clone(), command(content.clone()), &content, in_flight);
            // Boxed, since the future of a proposal is long and is moved several times on its way into a task.
            let joined = tokio::spawn(in_current_request(Box::pin(proposal.see_through()))).await;
            match joined.map_err(|_| ClusterError::Metadata("the commit's task failed".to_owned()))? {
                Proposed::Decided(outcome) => {
                    let outcome = outcome?;
                    self.note_unreached(&content);
                    return Ok(outcome);
                }
                Proposed::GroupMoved(still_in_flight) => in_flight = still_in_flight,
            }
            self.follow_groups(&mut content).await?;
        }
        Err(ClusterError::Malformed("the placement groups moved faster than the write").into())
    }

    fn note_unreached(&self, content: &NewContent) {
        let topology = self.topology.load();
        for blob in &content.blobs {
            let members = topology.group(blob.group).into_iter().flat_map(|group| &group.members);
            self.known_missing.note_unreached(blob, members.map(|member| member.id()));
        }
    }

    /// Lets the members that a group has now pull what they lack of the blobs, and names them in the content.
    async fn follow_groups(&self, content: &mut NewContent) -> Result<(), ClusterError> {
        let groups = self.metadata.groups().await?;
        for blob in &mut content.blobs {
            let Some(group) = groups.iter().find(|group| group.group == blob.group) else {
                return Err(ClusterError::Malformed("a blob names a group that is gone"));
            };
            self.follow_group(blob, group).await;
        }
        Ok(())
    }

    async fn follow_group(&self, blob: &mut NewBlob, group: &Group) {
        blob.epoch = group.epoch;
        let topology = self.topology.load_full();
        let address = |id: &NodeId| topology.node(*id).map(|node| node.peer_address());
        let sources: Vec<PeerAddress> = blob.durable_on.iter().filter_map(address).collect();
        let lacking: Vec<NodeId> =
            group.members.iter().copied().filter(|member| !blob.durable_on.contains(member)).collect();
        for member in lacking {
            let Some(node) = topology.node(member) else { continue };
            match self.pull_whole_blob(node, blob, &sources).await {
                Ok(true) => blob.durable_on.push(member),
                Ok(false) => {
                    tracing::warn!(node = %node.row.name, blob = %blob.blob, "a new member could not pull a blob")
                }
                Err(error) => {
                    tracing::warn!(node = %node.row.name, blob = %blob.blob, %error, "a new member could not pull a blob")
                }
            }
        }
    }

    /// Whether the node holds every chunk of the blob afterwards.
    async fn pull_whole_blob(
        &self,
        node: &ClusterNode,
        blob: &NewBlob,
        sources: &[PeerAddress],
    ) -> Result<bool, NodeError> {
        let mut first_chunk = 0;
        for roots in blob.roots.chunks(PULL_CHUNKS_MAX) {
            let request = PullBlob {
                // A client waits for it.
                rest_percent: 0,
                term: self.reign.term(),
                group: blob.group,
                blob: blob.blob,
                first_chunk,
                roots: roots.to_vec(),
                sources: sources.to_vec(),
            };
            let count = u32::try_from(roots.len()).unwrap_or(u32::MAX);
            if pulls::pull(&self.topology, node, request).await?.held < count {
                return Ok(false);
            }
            first_chunk += count;
        }
        Ok(true)
    }
}

enum Proposed {
    Decided(Result<Outcome, ProposeError>),
    /// Nothing was committed: the blobs are still in flight.
    GroupMoved(WriteInFlight),
}

/// A proposal and the blobs that are in flight until its outcome is known.
struct Proposal {
    metadata: Metadata,
    command: Command,
    named: Vec<BlobId>,
    in_flight: WriteInFlight,
}

impl Proposal {
    fn new(metadata: Metadata, command: Command, content: &NewContent, in_flight: WriteInFlight) -> Self {
        let named = content.blobs.iter().map(|blob| blob.blob).collect();
        Self { metadata, command, named, in_flight }
    }

    async fn see_through(self) -> Proposed {
        let outcome = self.metadata.propose(self.command).await;
        match &outcome {
            Ok(_) => self.in_flight.committed(&self.named),
            Err(ProposeError::Refused(CommandError::GroupMoved { .. })) => return Proposed::GroupMoved(self.in_flight),
            Err(ProposeError::Refused(_) | ProposeError::NoRoom) => drop(self.in_flight),
            Err(ProposeError::Unavailable(_)) => self.in_flight.outcome_is_unknown(),
        }
        Proposed::Decided(outcome)
    }
}

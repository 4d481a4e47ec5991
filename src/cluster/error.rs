//! Why the cluster did not do what it was asked. Each variant says what the caller can do about it.

use super::drain::Obstacle;
use crate::{
    metadata::{CommandError, ProposeError, QueryError},
    types::{ChunkKey, CommitSequence, Term},
};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// Come back when more nodes are up. Nothing of the write remains.
    #[error("{needed} storage nodes are needed, {alive} are alive")]
    NotEnoughNodes { needed: usize, alive: usize },
    /// Nothing can be written until something is deleted or a node joins. Deleting is still possible.
    #[error("there is no room left")]
    NoRoom,
    #[error("the disk of the metadata is full: only deletes are carried out")]
    MetadataFull,
    /// The memory for data is spent and stayed so for as long as a request may wait: come back later.
    #[error("the server is busy: its memory for data is spent")]
    Busy,
    /// No replica gave the right bytes. Those that failed are on the repair list; ask again later.
    #[error("no replica of chunk {chunk} could be read: {reason}")]
    Unreadable { chunk: ChunkKey, reason: String },
    /// The content that was being read was let go of: no version names it any more, so look the object up again.
    #[error("the object was replaced or deleted, and let go of, while it was read")]
    ContentReleased,
    /// The metadata could not be asked: the process is going down or its disk is failing.
    #[error("the metadata is not available: {0}")]
    Metadata(String),
    /// A row of the metadata holds what can't be read.
    #[error("{0}")]
    DamagedMetadata(String),
    /// A node of this process does not work.
    #[error("a storage node failed: {0}")]
    Node(String),
    /// The caller broke a rule (a range outside of the content, a chunk after the end): a fault of ours.
    #[error("the request makes no sense: {0}")]
    Malformed(&'static str),
    /// A node has seen a newer term: another gateway reigns, this one has to stop.
    #[error(
        "another gateway reigns with term {seen}: this one may take its place with --take-over, if its metadata is the right one"
    )]
    Deposed { seen: Term },
    /// This gateway was started beside another one.
    #[error(
        "another gateway of this cluster is alive: node {node} has heard it since this one was started. Stop that one first, or \
         start with --take-over if this one is to take its place"
    )]
    OtherGateway { node: String },
    /// An older copy of the metadata was put back, or it lost its end: this gateway has to stop.
    #[error(
        "the metadata is older than what the nodes have seen (commit {own}, they have seen {seen}): put the newest copy \
         back, or move this one away and start with --recover, which makes it anew of what the nodes keep; or start with \
         --restore FILE if this one is meant"
    )]
    OldMetadata { seen: CommitSequence, own: CommitSequence },
    /// The end of the metadata is missing. What was acknowledged would be lost for good if anything came in its place.
    #[error(
        "the metadata ends at command {own}, and nodes have kept or seen command {newest}: the end of the database was lost, or \
         another gateway has reigned since. Nothing was changed"
    )]
    EndLost { own: CommitSequence, newest: CommitSequence },
    #[error("there is no such node")]
    NoSuchNode,
    /// The operator wants a node gone that is still needed: drain it first.
    #[error("groups still count on the node")]
    NodeInGroups,
    /// The operator wants a node emptied, and the others can't take over what it holds.
    #[error("the node can't be drained: {0}")]
    CannotDrain(Obstacle),
    /// The node is part of this process, which would not start without it.
    #[error("the node is inside of this server")]
    NodeIsInside,
    /// A copied data directory, or a node that was started twice.
    #[error(
        "another process is this node already and answers at {place}: stop one of the two; a further node begins with an \
         empty directory, not with a copy"
    )]
    NodeTaken { place: String },
    #[error("the server is stopping")]
    Stopping,
}

/// Why `Cluster::commit` made nothing visible.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommitError {
    /// The command was refused; the blobs that were written for it are garbage now.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// Whether the command was carried out is not known to the caller: it was not acknowledged.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl From<ProposeError> for CommitError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Refused(refusal) => Self::Refused(refusal),
            ProposeError::NoRoom => Self::Cluster(ClusterError::NoRoom),
            ProposeError::Unavailable(reason) => Self::Cluster(ClusterError::Metadata(reason)),
        }
    }
}

/// For commands of the cluster's own: a refusal is a fault of ours.
impl From<ProposeError> for ClusterError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::NoRoom => Self::NoRoom,
            ProposeError::Refused(CommandError::NodeInGroups) => Self::NodeInGroups,
            other => Self::Metadata(other.to_string()),
        }
    }
}

impl From<QueryError> for ClusterError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Damaged(_) => Self::DamagedMetadata(error.to_string()),
            _ => Self::Metadata(error.to_string()),
        }
    }
}

//! The command log on the nodes (DESIGN.md, "Growth"): what makes the loss of the gateway's disk no loss of objects.
//!
//! Every batch of commands is durable on more than half of a few chosen nodes before it commits (`keeper`; the writer waits in
//! `metadata::log`). From time to time a copy of the database goes there too (`snapshot`), and what it shows is cleared (`register`
//! knows what lies where, `upkeep` does it). All of it are chunks that say themselves what they are (`format`), so that a gateway
//! without metadata finds and orders them.
//!
//! To get it back, `collect` reads it from the nodes, `selection` says what of it is the metadata, `recovery` makes the database,
//! and `missing` is what it could not get. After a crash `lost_end` asks whether the database's end is there.

mod collect;
mod format;
mod keeper;
mod log_blob;
mod lost_end;
mod members;
mod missing;
mod recovery;
mod register;
mod selection;
mod snapshot;
mod upkeep;

#[cfg(test)]
pub use format::pieces_of;
pub use format::{LogHead, LogKind};
pub use lost_end::LostEnd;
pub use missing::Missing;
pub use recovery::{Accepted, Recovered, Recovery, RecoveryError, recover};
pub use register::Superseded;

use super::{Cluster, cluster_node::ClusterNode, topology::Topology};
use crate::{
    metadata::{
        Metadata,
        command::NodeDuty,
        log::{LogStanding, Seat},
        rows::Node,
    },
    runtime::Shutdown,
    types::{BlobId, CommitSequence, NodeId},
};
use keeper::Keeper;
use members::{LogNode, Place};
use register::{Holder, Register};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use upkeep::Upkeep;

/// What is known of the log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CommandLog {
    copies: usize,
    /// Where the batches come from, when they are kept.
    seat: Option<Seat>,
    register: Arc<Mutex<Register>>,
}

/// How the metadata is kept on nodes, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLogView {
    pub standing: LogStanding,
    /// Names of the nodes that get what is committed now.
    pub nodes: Vec<String>,
    /// The newest command in the newest snapshot, and its bytes.
    pub snapshot: Option<(CommitSequence, u64)>,
    /// Bytes of commands behind older snapshots and this one.
    pub frame_bytes: u64,
    /// Chunks that all nodes together hold of the log at most.
    pub chunks: u64,
}

struct Chosen {
    members: Vec<NodeId>,
    required: usize,
}

impl CommandLog {
    /// Gathers what is committed from now on. Called before anything is proposed. `copies`: 0 keeps none.
    pub fn begin(copies: usize, metadata: &Metadata) -> Self {
        let seat = (copies > 0).then(|| metadata.log_feed().begin(metadata.committed().next()));
        Self { copies, seat, register: Arc::default() }
    }

    /// A node holds what may be a leftover of the log.
    pub fn note_seen(&self, seen: Superseded) {
        self.register().note_seen(seen);
    }

    /// A node found a chunk of the blob damaged. If it is of the log, and needed, the next snapshot makes up for it.
    pub fn note_damaged(&self, blob: BlobId) {
        self.register().note_damaged(blob);
    }

    pub fn view(&self, metadata: &Metadata, topology: &Topology) -> CommandLogView {
        let register = self.register();
        let holders = register.open().map_or(&[][..], |open| &open.holders);
        let name = |holder: &Holder| topology.node(holder.node).map(|node| node.row.name.clone());
        let mut nodes: Vec<String> = holders.iter().filter_map(name).collect();
        nodes.sort_unstable();
        CommandLogView {
            standing: metadata.log_feed().standing(),
            nodes,
            snapshot: register.snapshot().map(|snapshot| (snapshot.last, snapshot.bytes)),
            frame_bytes: register.frame_bytes(),
            chunks: register.chunks(),
        }
    }

    fn choose(&self, topology: &Topology, current: &[NodeId], avoided: &[NodeId]) -> Chosen {
        let nodes = log_nodes(topology, avoided);
        let required = members::majority(members::copies_wanted(&nodes, self.copies));
        Chosen { members: members::choose(&nodes, current, self.copies), required }
    }

    fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to keep the log, where it is kept, and to clear what is not needed of it.
pub fn start(cluster: &Cluster, shutdown: &Shutdown) {
    let log = cluster.command_log().clone();
    if let Some(seat) = log.seat {
        // Not one of those that the shutdown waits for: what is committed while requests finish is kept as well.
        tokio::spawn(Keeper::new(cluster.clone(), log.clone(), seat).run());
    }
    shutdown.spawn(Upkeep::new(cluster.clone(), log).run(shutdown.clone()));
}

/// A node that gets something of the log, as it is now.
fn holder(cluster: &Cluster, node: &ClusterNode) -> Holder {
    let status = node.vitals.status();
    let volumes = status.iter().flat_map(|status| &status.volumes).map(|volume| volume.volume).collect();
    Holder { node: node.id(), volumes, rolled_back: cluster.doubts().rolled_back(node.id()) }
}

/// As the keeper saw them, when it is not known who was fit.
fn log_nodes_of(rows: &[Node]) -> Vec<LogNode> {
    let staying = rows.iter().filter(|row| row.duty != NodeDuty::Removed);
    let log_node = |row: &Node| LogNode { node: row.node, zone: row.zone.clone(), place: place_of(row), is_fit: true };
    staying.map(log_node).collect()
}

/// Nodes that were removed are not in the topology.
fn log_nodes(topology: &Topology, avoided: &[NodeId]) -> Vec<LogNode> {
    let log_node = |(node, standing): (&Arc<ClusterNode>, super::Standing)| {
        let is_heard = node.vitals.was_heard() && !avoided.contains(&node.id());
        LogNode {
            node: node.id(),
            zone: node.row.zone.clone(),
            place: place_of(&node.row),
            is_fit: is_heard && standing.keeps_groups(),
        }
    };
    topology.nodes().map(log_node).collect()
}

/// Also of one that is gone: its directory was emptied, and the node that came of it has another identity.
fn place_of(row: &Node) -> Place {
    let device = row.device.clone().filter(|_| row.address.is_none());
    device.map_or(Place::Node(row.node), Place::OwnDevice)
}

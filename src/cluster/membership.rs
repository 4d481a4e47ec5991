//! Who belongs to the cluster and how each node stands: registrations, heartbeats, silence. Makes the topology.
//!
//! Liveness is in memory, on the monotonic clock, counted from this gateway's start: a gateway that was away itself does
//! not take its own absence for theirs. `node_life` judges; only transitions (healthy, suspect, failed) are commands. One
//! lock orders registrations and transitions, so groups are planned from the nodes that are there.

use super::{
    absent_node::AbsentNode,
    claims::Claim,
    cluster_node::{ClusterNode, Vitals},
    doubts::Doubts,
    error::ClusterError,
    node_life::{NodeLife, Seen, Standing},
    placement::{PlacedNode, plan_groups},
    reign::Reign,
    rollback::RollbackWatch,
    settings::ClusterSettings,
    topology::{Topology, placed},
};
use crate::{
    metadata::{
        Command, CommandError, Metadata, ProposeError,
        command::{NewGroup, NodeDuty, NodeState, RegisterNode},
        rows::{Group, Node},
    },
    node::{
        PeerConnector,
        api::{NodeStatus, PeerAddress},
    },
    runtime::Clock,
    types::{GroupId, NodeId},
};
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Mutex, MutexGuard, Notify};

/// Who a node says it is.
#[derive(Clone, Debug)]
pub struct NodeRegistration {
    pub node: NodeId,
    pub name: String,
    /// `None` for a node in this process.
    pub address: Option<String>,
    pub zone: String,
    pub status: NodeStatus,
}

/// Groups created by one command: bounds its size.
const GROUPS_PER_COMMAND: usize = 1000;
/// Names tried when a name is taken by another node (an emptied disk comes back as a new node of the same name).
const NAMES_TRIED_MAX: u32 = 100;

/// Changes of a node's address that one registration meets: more at once are a fault.
const MOVES_MET_MAX: u32 = 3;

/// What a membership is made of.
pub struct MembershipParts {
    pub metadata: Metadata,
    pub connector: Arc<dyn PeerConnector>,
    pub reign: Reign,
    pub clock: Arc<dyn Clock>,
    /// Told of nodes that went back in time.
    pub doubts: Doubts,
    pub settings: ClusterSettings,
}

pub struct Membership {
    metadata: Metadata,
    connector: Arc<dyn PeerConnector>,
    topology: Arc<ArcSwap<Topology>>,
    reign: Reign,
    clock: Arc<dyn Clock>,
    settings: ClusterSettings,
    doubts: Doubts,
    changed: Arc<Notify>,
    start: Duration,
    members: Mutex<Members>,
    rolled_back: AtomicU64,
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership").field("topology", &self.topology).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Members {
    /// In the order of their registration.
    nodes: Vec<Arc<ClusterNode>>,
    groups: Vec<Group>,
    /// Of every node.
    lives: HashMap<NodeId, NodeLife>,
    rollbacks: RollbackWatch,
}

impl Members {
    fn node(&self, node: NodeId) -> Option<&Arc<ClusterNode>> {
        self.nodes.iter().find(|known| known.id() == node)
    }

    fn standing(&self, node: NodeId) -> Standing {
        self.lives.get(&node).map_or(Standing::Joining, |life| life.standing)
    }
}

impl Membership {
    /// Reads nodes and groups from the metadata and connects to them.
    pub async fn load(parts: MembershipParts) -> Result<Self, ClusterError> {
        let MembershipParts { metadata, connector, reign, clock, doubts, settings } = parts;
        let membership = Self {
            metadata,
            connector,
            topology: Arc::default(),
            reign,
            start: clock.monotonic(),
            clock,
            settings,
            doubts,
            changed: Arc::default(),
            members: Mutex::default(),
            rolled_back: AtomicU64::new(0),
        };
        {
            let mut members = membership.members.lock().await;
            for row in membership.metadata.nodes().await? {
                membership.enter(&mut members, row);
            }
            members.groups = membership.metadata.groups().await?;
            membership.rebuild(&mut members);
        }
        Ok(membership)
    }

    pub fn topology(&self) -> &Arc<ArcSwap<Topology>> {
        &self.topology
    }

    pub fn connector(&self) -> &Arc<dyn PeerConnector> {
        &self.connector
    }

    /// Told when the topology should be looked at again before its time.
    pub fn changed(&self) -> &Notify {
        &self.changed
    }

    /// Makes a node a member, or notes its new address, zone or capacity. Afterwards it is in groups, if there are enough
    /// nodes for groups. Dropping the future may leave it registered; registering again goes on from there.
    pub async fn register(&self, registration: NodeRegistration) -> Result<(), ClusterError> {
        self.reign.check_witness(&registration.name, &registration.status)?;
        let mut members = self.members_with_room_for(&registration).await?;
        let known = members.node(registration.node).map(|node| node.row.clone());
        if known.as_ref().is_some_and(|known| known.duty == NodeDuty::Removed) {
            return Err(ClusterError::Malformed(
                "the node was removed from the cluster: empty its directory to join anew",
            ));
        }
        let row = self.propose_registration(&registration, known.as_deref()).await?;
        let node = self.enter(&mut members, row);
        if node.is_absent {
            return Err(ClusterError::Malformed("the node has no address that it could be reached at"));
        }
        self.hear(&mut members, &node, registration.status, self.clock.monotonic());
        self.settle(&mut members).await
    }

    /// The members, after it is known that no other process is the node that registers. The known address is asked without
    /// the lock: others go on. Who changed it meanwhile is asked as well.
    async fn members_with_room_for(
        &self,
        registration: &NodeRegistration,
    ) -> Result<MutexGuard<'_, Members>, ClusterError> {
        let address = registration.address.as_deref();
        let mut asked = None;
        for _ in 0..MOVES_MET_MAX {
            let members = self.members.lock().await;
            let known =
                members.node(registration.node).filter(|known| known.row.address.as_deref() != address).cloned();
            let Some(known) = known.filter(|known| asked.as_ref() != Some(&known.row.address)) else {
                return Ok(members);
            };
            drop(members);
            let (term, now) = (self.reign.term(), self.clock.monotonic());
            Claim { status: &registration.status, address, term, now }.check(&known).await?;
            asked = Some(known.row.address.clone());
        }
        Err(ClusterError::Malformed("the node registers from several addresses at once"))
    }

    /// Notes how a node says it is; `false` when it is not a member, or another run of it than the one that is: its
    /// registration decides.
    pub async fn heartbeat(&self, status: NodeStatus) -> bool {
        let topology = self.topology.load();
        let last = topology.node(status.node).and_then(|node| node.vitals.status());
        if last.is_some_and(|last| last.run != status.run) {
            return false;
        }
        self.answered(status).await
    }

    /// Notes what a node answered at its address; `false` when it is not a member.
    pub async fn answered(&self, status: NodeStatus) -> bool {
        let node = self.topology.load().node(status.node).cloned();
        let Some(node) = node else { return false };
        if self.reign.check_witness(&node.row.name, &status).is_err() {
            return false;
        }
        let at = self.clock.monotonic();
        self.hear(&mut *self.members.lock().await, &node, status, at);
        true
    }

    /// A doubt stands before anybody can see the node in its new state.
    fn hear(&self, members: &mut Members, node: &ClusterNode, status: NodeStatus, at: Duration) {
        for volume in members.rollbacks.look(&status) {
            self.rolled_back.fetch_add(1, Ordering::Relaxed);
            self.doubts.raise_for_rollback(node.id());
            tracing::error!(node = %node.row.name, %volume, "the volume went back in time: its copies are in doubt");
        }
        node.vitals.heard(at, status);
    }

    /// Looks at everybody: proposes the transitions that came about, and makes the topology anew.
    pub async fn review(&self) -> Result<(), ClusterError> {
        let mut members = self.members.lock().await;
        self.look(&mut members);
        for i in 0..members.nodes.len() {
            let node = members.nodes[i].clone();
            let state = recorded(members.standing(node.id()));
            if state != node.row.state && node.row.duty != NodeDuty::Removed {
                tracing::warn!(node = %node.row.name, ?state, "a node's state changed");
                self.metadata.propose(Command::SetNodeState { node: node.id(), state, at: self.clock.now() }).await?;
                let row = Arc::new(Node { state, ..(*node.row).clone() });
                members.nodes[i] = Arc::new(ClusterNode { row, ..(*node).clone() });
            }
        }
        self.settle(&mut members).await
    }

    /// Carries out changes of groups and publishes what came of them. One that no longer fits its group is left out.
    pub(super) async fn change_groups(&self, changes: Vec<Command>) -> Result<(), ClusterError> {
        let mut members = self.members.lock().await;
        for result in join_all(changes.into_iter().map(|change| self.metadata.propose(change))).await {
            match result {
                Ok(_) => {}
                Err(ProposeError::Refused(error)) => tracing::debug!(%error, "a change of a group was refused"),
                Err(error) => return Err(error.into()),
            }
        }
        members.groups = self.metadata.groups().await?;
        self.settle(&mut members).await
    }

    /// Notes what the operator wants of the node.
    pub(super) async fn set_duty(&self, node: NodeId, duty: NodeDuty) -> Result<(), ClusterError> {
        let mut members = self.members.lock().await;
        self.metadata.propose(Command::SetNodeDuty { node, duty, at: self.clock.now() }).await?;
        for known in &mut members.nodes {
            if known.id() == node {
                let row = Arc::new(Node { duty, ..(*known.row).clone() });
                *known = Arc::new(ClusterNode { row, ..(**known).clone() });
            }
        }
        self.settle(&mut members).await
    }

    /// Volumes that were found to have gone back in time, since the start.
    pub fn rolled_back_count(&self) -> u64 {
        self.rolled_back.load(Ordering::Relaxed)
    }

    /// Creates the groups that are lacking and publishes the topology.
    async fn settle(&self, members: &mut Members) -> Result<(), ClusterError> {
        self.rebuild(members);
        let created = self.create_groups(members).await;
        if created? {
            self.rebuild(members);
        }
        Ok(())
    }

    async fn propose_registration(
        &self,
        registration: &NodeRegistration,
        known: Option<&Node>,
    ) -> Result<Node, ClusterError> {
        let volumes = &registration.status.volumes;
        let mut row = Node {
            node: registration.node,
            name: registration.name.clone(),
            address: registration.address.clone(),
            zone: registration.zone.clone(),
            capacity: volumes.iter().map(|volume| volume.capacity).sum(),
            device: volumes.first().map(|volume| volume.device.clone()).filter(|device| !device.is_empty()),
            volumes: volumes.iter().map(|volume| volume.volume).collect(),
            state: NodeState::Healthy,
            duty: known.map_or(NodeDuty::Serving, |known| known.duty),
            registered: known.map_or(self.clock.now(), |known| known.registered),
        };
        if let Some(known) = known
            && (Node { name: row.name.clone(), ..known.clone() }) == row
        {
            return Ok(known.clone());
        }
        for attempt in 2..NAMES_TRIED_MAX {
            match self.metadata.propose(Command::RegisterNode(self.command(&row))).await {
                Ok(_) => return Ok(row),
                Err(ProposeError::Refused(CommandError::NodeNameTaken)) => {
                    row.name = format!("{}-{attempt}", registration.name);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(ClusterError::Malformed("the node's name is taken, and so is every variant of it"))
    }

    fn command(&self, row: &Node) -> RegisterNode {
        RegisterNode {
            node: row.node,
            name: row.name.clone(),
            address: row.address.clone(),
            zone: row.zone.clone(),
            capacity: row.capacity,
            device: row.device.clone(),
            volumes: row.volumes.clone(),
            at: self.clock.now(),
        }
    }

    /// Enters the node with its row, its connection, and what is known of how it does.
    fn enter(&self, members: &mut Members, row: Node) -> Arc<ClusterNode> {
        let position = members.nodes.iter().position(|node| node.id() == row.node);
        let before = position.map(|position| members.nodes[position].clone());
        let address = PeerAddress { node: row.node, address: row.address.clone() };
        let api = match &before {
            Some(before) if !before.is_absent && before.row.address == row.address => Some(before.api.clone()),
            _ => self.connector.connect(&address),
        };
        let is_absent = api.is_none();
        let api = api.unwrap_or_else(|| {
            tracing::warn!(node = %row.name, "the node can't be reached: it is not in this process and has no address");
            Arc::new(AbsentNode { id: row.node })
        });
        let vitals = before.map(|before| before.vitals.clone());
        let vitals = vitals.unwrap_or_else(|| Arc::new(Vitals::new(self.start, self.changed.clone())));
        let node = Arc::new(ClusterNode { row: Arc::new(row), api, is_absent, vitals });
        match position {
            Some(position) => members.nodes[position] = node.clone(),
            None => members.nodes.push(node.clone()),
        }
        node
    }

    /// Plans with nodes that are alive and have been heard of; whether groups were created.
    async fn create_groups(&self, members: &mut Members) -> Result<bool, ClusterError> {
        let scheme = self.settings.scheme();
        let is_there = |node: &&Arc<ClusterNode>| {
            node.row.duty == NodeDuty::Serving && node.vitals.was_heard() && members.standing(node.id()).is_alive()
        };
        let nodes: Vec<PlacedNode> = members.nodes.iter().filter(is_there).map(|node| placed(node)).collect();
        let groups: Vec<Vec<NodeId>> =
            members.groups.iter().filter(|group| group.scheme == scheme).map(|group| group.members.clone()).collect();
        let replicas = usize::from(self.settings.replicas);
        let planned = plan_groups(&nodes, &groups, replicas, self.settings.groups_per_node as usize);
        if planned.is_empty() {
            return Ok(false);
        }
        let first = members.groups.iter().map(|group| group.group.0).max().unwrap_or(0) + 1;
        let groups: Vec<NewGroup> = (first..)
            .zip(planned)
            .map(|(number, members)| NewGroup { group: GroupId(number), members, scheme: scheme.clone() })
            .collect();
        tracing::info!(count = groups.len(), nodes = nodes.len(), "new placement groups");
        for groups in groups.chunks(GROUPS_PER_COMMAND) {
            self.metadata.propose(Command::CreateGroups { groups: groups.to_vec() }).await?;
        }
        members.groups = self.metadata.groups().await?;
        Ok(true)
    }

    fn rebuild(&self, members: &mut Members) {
        self.look(members);
        let staying = members.nodes.iter().filter(|node| node.row.duty != NodeDuty::Removed);
        let nodes = staying.map(|node| (node.clone(), members.standing(node.id()))).collect();
        let replicas = usize::from(self.settings.replicas);
        let topology = Topology::new(nodes, &members.groups, replicas, self.settings.write_acks);
        self.topology.store(Arc::new(topology));
    }

    /// How every node stands now.
    fn look(&self, members: &mut Members) {
        let now = self.clock.monotonic();
        let in_groups: HashSet<NodeId> =
            members.groups.iter().flat_map(|group| group.members.iter().copied()).collect();
        let former: HashSet<NodeId> = members.groups.iter().flat_map(|group| group.former.iter().copied()).collect();
        for node in &members.nodes {
            let status = node.vitals.status();
            let seen = Seen {
                duty: node.row.duty,
                recorded: node.row.state,
                was_heard: node.vitals.was_heard(),
                silence: node.vitals.silence(now),
                has_address: !node.is_absent,
                is_late: node.vitals.health.is_shunned(),
                volumes: node.vitals.volumes_seen(),
                is_in_doubt: status.as_ref().is_some_and(|status| self.doubts.concern(status)),
                is_in_groups: in_groups.contains(&node.id()),
                has_left_groups: former.contains(&node.id()),
                holds_chunks: status.is_some_and(|status| status.volumes.iter().any(|volume| volume.chunks > 0)),
            };
            let life = members.lives.entry(node.id()).or_insert_with(|| NodeLife::begin(now));
            let next = life.next(&seen, now, &self.settings.life_limits());
            if next.standing != life.standing {
                let (before, after) = (life.standing, next.standing);
                tracing::info!(node = %node.row.name, ?before, ?after, "a node stands otherwise");
            }
            *life = next;
        }
    }

    /// The gateway's reign, for what nodes are told of it.
    pub fn reign(&self) -> &Reign {
        &self.reign
    }
}

/// What the metadata keeps of it, for the next start of the gateway.
fn recorded(standing: Standing) -> NodeState {
    match standing {
        Standing::Failed => NodeState::Failed,
        Standing::Suspect => NodeState::Suspect,
        _ => NodeState::Healthy,
    }
}

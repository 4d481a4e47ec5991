//! Background step: lets groups change their members. Begins what `moves` plans, puts what newcomers lack on the repair
//! list, and finishes a change when its newcomer holds everything. All of it is in the metadata, so it goes on after a
//! restart where it was.

use super::{
    Cluster,
    cluster_node::ClusterNode,
    error::ClusterError,
    group_weights::GroupWeights,
    move_planner::{Candidate, Cause, GroupNow, Move, Role},
    moves::{Halt, plan_moves},
    node_life::Standing,
    reclaim::OfGroup,
    status::NodeView,
    topology::{Arrival, PlacedGroup, Topology, placed},
};
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason, NodeDuty, ReplaceMember},
        rows::CountedBlob,
    },
    runtime::{Progress, Step},
    types::{BlobId, Epoch, GroupId, NodeId},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Blobs of one step of a listing: a few milliseconds of the database.
const BLOBS_PER_STEP: u32 = 1000;
/// Groups that change at once. All of them are listed in one walk over the blobs, so few at once would mean many walks;
/// how fast data moves is up to repair.
const CHANGES_AT_ONCE: usize = 64;

/// The step's memory; a restart lists anew what was not listed to the end.
#[derive(Debug)]
pub struct ChangeGroups {
    cluster: Cluster,
    listing: Option<Listing>,
    weights: GroupWeights,
    halt: Option<Halt>,
    progress: Progress,
}

/// A walk over all blobs, for those of the groups that a newcomer arrives in.
#[derive(Debug)]
struct Listing {
    after: Option<BlobId>,
    arrivals: HashMap<GroupId, (Epoch, NodeId)>,
}

impl ChangeGroups {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, listing: None, weights: GroupWeights::default(), halt: None, progress: Progress::default() }
    }

    /// Groups of which the newcomer holds everything.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// One page of a listing or of counting what groups hold, or one look at what is finished and what to begin. An error, or dropping the future, ends a
    /// listing; it begins anew.
    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let topology = self.cluster.membership().topology().load_full();
        let listing = match self.listing.take() {
            Some(listing) => Some(listing),
            None => self.begin_listing(&topology).await,
        };
        if let Some(listing) = listing {
            self.listing = self.list(listing).await?;
            return Ok(Step::Busy);
        }
        if self.weights.step(self.cluster.metadata()).await? {
            return Ok(Step::Busy);
        }
        let mut changes = self.finished(&topology).await?;
        changes.extend(self.planned(&topology));
        if changes.is_empty() {
            return Ok(Step::Idle);
        }
        self.cluster.membership().change_groups(changes).await?;
        Ok(Step::Busy)
    }

    /// A newcomer that was a member before may still hold copies, and a request to drop them may be on its way: its copies
    /// are listed, and then looked at, only when it refuses such requests. One that can't be reached waits, and is asked for
    /// one of its groups, not for each: a node that hangs holds this up for one deadline at most.
    async fn begin_listing(&self, topology: &Topology) -> Option<Listing> {
        let (mut arrivals, mut silent) = (HashMap::new(), HashSet::new());
        for group in topology.groups() {
            let Some(Arrival { node, is_listed: false }) = group.arriving else { continue };
            if silent.contains(&node) || !topology.standing(node).is_some_and(Standing::is_reachable) {
                continue;
            }
            let Some(newcomer) = group.members.iter().find(|member| member.id() == node) else { continue };
            let of_group = OfGroup { group: group.group, epoch: group.epoch };
            match self.cluster.reclaimer().fence(newcomer, of_group).await {
                Ok(()) => _ = arrivals.insert(group.group, (group.epoch, node)),
                Err(error) => {
                    tracing::debug!(%node, group = %group.group, %error, "a newcomer's copies are not listed yet");
                    silent.insert(node);
                }
            }
        }
        (!arrivals.is_empty()).then_some(Listing { after: None, arrivals })
    }

    /// Blobs that are committed from here on know the newcomer as a member; those from before are all met by the walk.
    async fn list(&self, mut listing: Listing) -> Result<Option<Listing>, ClusterError> {
        let page = self.cluster.metadata().counted_blobs(listing.after, BLOBS_PER_STEP).await?;
        let lacking = |blob: &CountedBlob| {
            listing.arrivals.get(&blob.group).map(|(_, node)| BlobCopy { blob: blob.blob, node: *node })
        };
        let copies: Vec<BlobCopy> = page.iter().filter_map(lacking).collect();
        if !copies.is_empty() {
            let command = Command::MarkMissing { copies, reason: MissingReason::Arriving };
            self.cluster.metadata().propose(command).await?;
        }
        if page.len() == BLOBS_PER_STEP as usize {
            listing.after = page.last().map(|blob| blob.blob);
            return Ok(Some(listing));
        }
        let listed = |(group, (epoch, _)): (GroupId, (Epoch, NodeId))| Command::NoteArrivalListed { group, epoch };
        self.cluster.membership().change_groups(listing.arrivals.into_iter().map(listed).collect()).await?;
        Ok(None)
    }

    /// Changes whose newcomer holds everything.
    async fn finished(&self, topology: &Topology) -> Result<Vec<Command>, ClusterError> {
        let mut waiting: HashMap<NodeId, Vec<Command>> = HashMap::new();
        for group in topology.groups() {
            if let Some(Arrival { node, is_listed: true }) = group.arriving {
                let finish = Command::FinishArrival { group: group.group, epoch: group.epoch };
                waiting.entry(node).or_default().push(finish);
            }
        }
        let mut finished = Vec::new();
        for (node, changes) in waiting {
            if !self.cluster.metadata().has_arriving_copies(node).await? {
                tracing::info!(%node, groups = changes.len(), "a node holds all of the groups that it came into");
                self.progress.add(changes.len(), 0);
                finished.extend(changes);
            }
        }
        Ok(finished)
    }

    fn planned(&mut self, topology: &Topology) -> Vec<Command> {
        if self.cluster.metadata().needs_confirmation() {
            return Vec::new();
        }
        let candidates = candidates(topology);
        let (now, live) = (self.cluster.clock().monotonic(), candidates.iter().map(|node| node.live_bytes).sum());
        let weighed =
            |group: &Arc<PlacedGroup>| GroupNow { bytes: self.weights.of(group.group, now, live), ..group_now(group) };
        let mut groups: Vec<GroupNow> = topology.groups().map(weighed).collect();
        groups.sort_by_key(|group| group.group);
        let plan = plan_moves(&candidates, &groups, CHANGES_AT_ONCE);
        if plan.wants_weights {
            self.weights.begin(now, live);
        }
        if plan.halt != self.halt {
            self.halt = plan.halt;
            tracing::warn!(halt = ?plan.halt, "whether lost nodes are replaced has changed");
        }
        for cause in [Cause::Lost, Cause::Drained, Cause::Uneven, Cause::Close] {
            let count = plan.moves.iter().filter(|change| change.cause == cause).count();
            if count > 0 {
                tracing::info!(groups = count, ?cause, "groups change a member");
            }
        }
        let replace = |change: &Move| {
            let Move { group, epoch, leaving, arriving, cause: _ } = *change;
            Command::ReplaceMember(ReplaceMember { group, epoch, leaving, arriving })
        };
        plan.moves.iter().map(replace).collect()
    }
}

/// Why lost nodes would not be replaced if these were lost too.
pub(super) fn halt_without(topology: &Topology, lost: &HashSet<NodeId>) -> Option<String> {
    let candidate = |known: Candidate| match lost.contains(&known.node.node) {
        true => Candidate { role: Role::Lost, ..known },
        false => known,
    };
    let candidates: Vec<Candidate> = candidates(topology).into_iter().map(candidate).collect();
    let groups: Vec<GroupNow> = topology.groups().map(|group| group_now(group)).collect();
    plan_moves(&candidates, &groups, 0).halt.map(|halt| halt.to_string())
}

pub(super) fn candidates(topology: &Topology) -> Vec<Candidate> {
    let answers_at = |(node, standing): (&'_ Arc<ClusterNode>, Standing)| match standing.is_reachable() {
        true => node.row.address.clone(),
        false => None,
    };
    let taken: HashSet<String> = topology.nodes().filter_map(answers_at).collect();
    let is_taken = |node: &ClusterNode| node.row.address.as_ref().is_some_and(|own| taken.contains(own));
    let is_gone = |node: &ClusterNode| node.is_absent || node.row.duty == NodeDuty::Draining || is_taken(node);
    let candidate = |(node, standing): (&Arc<ClusterNode>, Standing)| {
        let known = candidate(node, standing);
        Candidate { is_gone: known.role == Role::Lost && is_gone(node), ..known }
    };
    topology.nodes().map(candidate).collect()
}

fn candidate(node: &ClusterNode, standing: Standing) -> Candidate {
    let is_draining = node.row.duty == NodeDuty::Draining;
    let role = match standing {
        Standing::Failed => Role::Lost,
        _ if is_draining => Role::Draining,
        // A node that this gateway has not heard of yet has said nothing of its room.
        standing if standing.takes_groups() && node.vitals.was_heard() => Role::Serving,
        Standing::NearlyFull => Role::Crowded,
        _ => Role::Resting,
    };
    let live = node.vitals.status().map_or(0, |status| status.volumes.iter().map(|volume| volume.live).sum());
    Candidate { node: placed(node), role, live_bytes: live, is_gone: false }
}

pub(super) fn group_now(group: &PlacedGroup) -> GroupNow {
    GroupNow {
        group: group.group,
        epoch: group.epoch,
        members: group.members.iter().map(|member| member.id()).collect(),
        former: group.former.iter().map(|former| former.id()).collect(),
        arriving: group.arriving.map(|arrival| arrival.node),
        bytes: None,
    }
}

impl Cluster {
    /// Why lost nodes are not replaced, if they are not.
    pub fn replacement_halt(&self) -> Option<String> {
        let topology = self.membership().topology().load();
        let has_lost = topology.nodes().any(|(_, standing)| standing == Standing::Failed);
        if has_lost { halt_without(&topology, &HashSet::new()) } else { None }
    }

    /// Groups whose change of members is under way.
    pub fn changing_groups(&self) -> usize {
        self.membership().topology().load().groups().filter(|group| group.arriving.is_some()).count()
    }

    /// Groups that change a member, or have one that is to be replaced: one that is lost, or drained.
    pub fn groups_to_change(&self) -> usize {
        let topology = self.membership().topology().load();
        let leaves = |standing| matches!(standing, Standing::Draining | Standing::Failed);
        let leaving: HashSet<NodeId> =
            topology.nodes().filter(|(_, standing)| leaves(*standing)).map(|(node, _)| node.id()).collect();
        let is_to_change = |group: &&Arc<PlacedGroup>| {
            group.arriving.is_some() || group.members.iter().any(|member| leaving.contains(&member.id()))
        };
        topology.groups().filter(is_to_change).count()
    }

    /// Sets what the operator wants of the node of this name. Removing is refused while a group counts on the node, draining when
    /// nobody could take its place.
    pub async fn set_duty(&self, name: &str, duty: NodeDuty) -> Result<(), ClusterError> {
        let node = self.nodes().into_iter().find(|node| node.row.name == name).ok_or(ClusterError::NoSuchNode)?;
        let former = match duty {
            NodeDuty::Removed => self.groups_left_for_good(&node)?,
            NodeDuty::Draining => {
                self.refuse_drain(&node)?;
                HashSet::new()
            }
            NodeDuty::Serving => HashSet::new(),
        };
        self.membership().set_duty(node.row.node, duty).await?;
        tracing::info!(name, ?duty, "the operator changed what a node is for");
        // A node that is gone for good is nobody's source.
        let topology = self.membership().topology().load_full();
        let epoch = |group: &GroupId| topology.group(*group).map(|placed| (*group, placed.epoch));
        let forget = |(group, epoch)| Command::ForgetFormerMember { group, epoch, node: node.row.node };
        self.membership().change_groups(former.iter().filter_map(epoch).map(forget).collect()).await
    }

    /// The groups that a node which is to be removed had left. While it is there to be asked, what it holds of them may
    /// still be needed: a copy goes when every member has shown its own, and the group then forgets the node by itself.
    fn groups_left_for_good(&self, view: &NodeView) -> Result<HashSet<GroupId>, ClusterError> {
        let (topology, node) = (self.membership().topology().load(), view.row.node);
        if topology.node(node).is_some_and(|node| node.api.is_local()) {
            return Err(ClusterError::NodeIsInside);
        }
        let is_former = |group: &&Arc<PlacedGroup>| group.former.iter().any(|former| former.id() == node);
        let left: HashSet<GroupId> = topology.groups().filter(is_former).map(|group| group.group).collect();
        if view.standing.is_alive() && !left.is_empty() { Err(ClusterError::NodeInGroups) } else { Ok(left) }
    }
}

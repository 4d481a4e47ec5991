//! What it would mean if some nodes went now: a walk over the metadata, a page at a time. First over the blobs; where some
//! are concerned, over the versions of objects too, for their names. What the metadata does not tell is asked of the nodes.
//! Writes that go on meanwhile may be met or not.

use super::{
    Cluster,
    ask::{AskedBlob, CopyAnswer, Depth},
    cluster_node::ClusterNode,
    copies_left::{Holders, Left, Scene},
    error::ClusterError,
    node_life::Standing,
    regroup,
    topology::{PlacedGroup, Topology},
};
use crate::{
    metadata::{
        command::NodeDuty,
        rows::{Bucket, PlacedBlob, PlacedPiece},
    },
    types::{BlobId, BucketName, GroupId, NodeId, ObjectKey, VersionId},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Rows of one page: a few milliseconds of the database.
const ROWS_PER_PAGE: u32 = 1000;
/// Buckets of one page.
const BUCKETS_PER_PAGE: u32 = 1000;
/// Blobs that nodes are asked for: some seconds of their work. What goes beyond counts as if nobody had it.
const ASKED_MAX: usize = 5000;
/// Blobs that are asked for together, with the roots of their chunks in memory.
const ASKED_AT_ONCE: usize = 100;

/// What the nodes' loss would mean.
#[derive(Clone, Debug, Default)]
pub struct Outage {
    pub blobs_seen: u64,
    pub now: Tolls,
    pub then: Tolls,
    /// The first objects without any copy then.
    pub unavailable: Vec<ObjectAtRisk>,
    /// The first objects with one copy then.
    pub one_copy: Vec<ObjectAtRisk>,
    /// Blobs that some node may have and was not asked for, there were too many: counted as if it had none.
    pub unasked: u64,
    pub writes: WriteOutlook,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tolls {
    pub unavailable: Toll,
    pub one_copy: Toll,
}

/// Versions of objects, their bytes, and blobs: those of open uploads too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toll {
    pub objects: u64,
    pub object_bytes: u64,
    pub blobs: u64,
    pub blob_bytes: u64,
}

/// Which objects are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    AtRisk,
    /// Only those that have a copy now.
    NotLostAlready,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectAtRisk {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub version: Option<VersionId>,
    pub size: u64,
}

/// Whether writes would go on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOutlook {
    pub groups: usize,
    /// Groups in which enough members could be written to.
    pub writable_groups: usize,
    /// Nodes that groups could be made of, and how many one takes.
    pub serving_nodes: usize,
    pub replicas: usize,
    /// Why the nodes' places would not be taken by others after `replace_after`.
    pub halt: Option<String>,
}

impl Tolls {
    fn of(&mut self, copies: usize) -> Option<&mut Toll> {
        match copies {
            0 => Some(&mut self.unavailable),
            1 => Some(&mut self.one_copy),
            _ => None,
        }
    }
}

impl Cluster {
    /// What it would mean if the nodes `down` went now. Names at most `list` objects of each kind.
    pub async fn outage(&self, down: HashSet<NodeId>, list: usize) -> Result<Outage, ClusterError> {
        let topology = self.membership().topology().load_full();
        let writes = self.write_outlook(&topology, &down);
        let outage = self.walk(scene(&topology, down), Named::AtRisk, list).await?;
        Ok(Outage { writes, ..outage })
    }

    /// What is nowhere else than on this node, which may be silent: then it counts as having all that it may have. `now` is
    /// with the node, `then` without it; only what it has the last copy of is named.
    pub async fn last_copies_on(&self, node: NodeId, list: usize) -> Result<Outage, ClusterError> {
        let topology = self.membership().topology().load_full();
        let mut scene = scene(&topology, HashSet::from([node]));
        scene.believed = scene.up.insert(node).then_some(node);
        self.walk(scene, Named::NotLostAlready, list).await
    }

    async fn walk(&self, scene: Scene, named: Named, list: usize) -> Result<Outage, ClusterError> {
        let outage = Outage::default();
        let mut walk =
            Walk { cluster: self, scene, unknown: HashSet::new(), found: HashMap::new(), outage, named, list };
        walk.blobs().await?;
        let Outage { now, then, .. } = &walk.outage;
        if [now.unavailable, now.one_copy, then.unavailable, then.one_copy].iter().any(|toll| toll.blobs > 0) {
            walk.objects().await?;
        }
        Ok(walk.outage)
    }

    fn write_outlook(&self, topology: &Topology, down: &HashSet<NodeId>) -> WriteOutlook {
        let mut outlook = WriteOutlook { replicas: usize::from(self.settings().replicas), ..WriteOutlook::default() };
        for group in topology.groups() {
            let members = group.writable.iter().filter_map(|position| group.members.get(position));
            let staying = members.filter(|member| !down.contains(&member.id())).count();
            outlook.groups += 1;
            outlook.writable_groups += usize::from(staying >= topology.required(group));
        }
        let staying = topology.nodes().filter(|(node, standing)| {
            standing.is_alive() && node.row.duty == NodeDuty::Serving && !down.contains(&node.id())
        });
        outlook.serving_nodes = staying.count();
        outlook.halt = regroup::halt_without(topology, down);
        outlook
    }
}

/// Silent nodes give nothing: what they hold is not there now.
fn scene(topology: &Topology, down: HashSet<NodeId>) -> Scene {
    let is_there = |(node, standing): &(&Arc<ClusterNode>, Standing)| standing.is_alive() && node.vitals.was_heard();
    let up = topology.nodes().filter(is_there).map(|(node, _)| node.id()).collect();
    let groups = topology.groups().map(|group| (group.group, holders(group))).collect();
    Scene { groups, up, down, believed: None }
}

fn holders(group: &PlacedGroup) -> Holders {
    Holders {
        members: group.members.iter().map(|member| member.id()).collect(),
        unlisted: group.arriving.filter(|arrival| !arrival.is_listed).map(|arrival| arrival.node),
        former: group.former.iter().map(|former| former.id()).collect(),
    }
}

struct Walk<'a> {
    cluster: &'a Cluster,
    scene: Scene,
    /// Groups that were looked up.
    unknown: HashSet<GroupId>,
    /// Of blobs of which it matters, the nodes that were asked and have them.
    found: HashMap<BlobId, Vec<NodeId>>,
    outage: Outage,
    named: Named,
    list: usize,
}

impl Walk<'_> {
    async fn blobs(&mut self) -> Result<(), ClusterError> {
        let mut after = None;
        loop {
            let page = self.cluster.metadata().placed_blobs(after, ROWS_PER_PAGE).await?;
            page.iter().for_each(|blob| self.know(blob.group));
            self.ask(&page).await?;
            for blob in &page {
                let left = self.left(blob.blob, blob.group, &blob.missing);
                self.count_blob(blob.size, left);
            }
            after = page.last().map(|blob| blob.blob);
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn left(&self, blob: BlobId, group: GroupId, missing: &[NodeId]) -> Left {
        let copies = self.scene.copies(group, missing);
        self.scene.left(&copies, self.found.get(&blob).map_or(&[], Vec::as_slice))
    }

    /// A group that was made since the walk began is looked up, once.
    fn know(&mut self, group: GroupId) {
        if !self.scene.groups.contains_key(&group) && self.unknown.insert(group) {
            let topology = self.cluster.membership().topology().load_full();
            self.scene.groups.extend(topology.group(group).map(|placed| (group, holders(placed))));
        }
    }

    fn count_blob(&mut self, size: u64, left: Left) {
        self.outage.blobs_seen += 1;
        for (tolls, copies) in [(&mut self.outage.now, left.now), (&mut self.outage.then, left.then)] {
            if let Some(toll) = tolls.of(copies) {
                toll.blobs += 1;
                toll.blob_bytes += size;
            }
        }
    }

    /// Asks those that have one of the blobs perhaps, where it matters.
    async fn ask(&mut self, page: &[PlacedBlob]) -> Result<(), ClusterError> {
        let doubtful: Vec<(BlobId, Vec<NodeId>)> = page
            .iter()
            .map(|blob| (blob.blob, self.scene.copies(blob.group, &blob.missing)))
            .filter(|(_, copies)| self.scene.is_worth_asking(copies))
            .map(|(blob, copies)| (blob, copies.perhaps))
            .collect();
        for doubtful in doubtful.chunks(ASKED_AT_ONCE) {
            if self.found.len() >= ASKED_MAX {
                self.outage.unasked += doubtful.len() as u64;
                continue;
            }
            let mut perhaps: HashMap<BlobId, Vec<NodeId>> = doubtful.iter().cloned().collect();
            let ids: Vec<BlobId> = doubtful.iter().map(|(blob, _)| *blob).collect();
            let roots = self.cluster.metadata().blob_roots(&ids).await?;
            let asked = roots.into_iter().map(|row| AskedBlob {
                nodes: perhaps.remove(&row.blob).unwrap_or_default(),
                blob: row.blob,
                group: row.group,
                chunk_size: row.chunk_size,
                chunks: (0..).zip(row.roots).collect(),
            });
            let asked: Vec<AskedBlob> = asked.collect();
            let answers = self.cluster.ask_copies(&asked, Depth::Tables).await;
            for (position, blob) in asked.into_iter().enumerate() {
                let has = |node: &NodeId| {
                    answers.get(&(position, *node)).is_some_and(|all| all.iter().all(CopyAnswer::is_good))
                };
                self.found.insert(blob.blob, blob.nodes.into_iter().filter(has).collect());
            }
        }
        Ok(())
    }

    async fn objects(&mut self) -> Result<(), ClusterError> {
        let mut after: Option<String> = None;
        loop {
            let page = self.cluster.metadata().buckets("", after.as_deref(), BUCKETS_PER_PAGE).await?;
            for bucket in &page {
                self.objects_of(bucket).await?;
            }
            after = page.last().map(|bucket| bucket.name.as_str().to_owned());
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn objects_of(&mut self, bucket: &Bucket) -> Result<(), ClusterError> {
        let mut current: Option<(PlacedPiece, Left)> = None;
        loop {
            let after = current.as_ref().map(|(piece, _)| &piece.place);
            let page = self.cluster.metadata().placed_pieces(bucket.id, after, ROWS_PER_PAGE).await?;
            if page.is_empty() {
                break;
            }
            for piece in page {
                self.know(piece.group);
                let left = self.left(piece.blob, piece.group, &piece.missing);
                current = match current.take() {
                    Some((before, worst)) if is_of_one_version(&before, &piece) => Some((piece, worst.worse(left))),
                    before => {
                        self.count_object(bucket, before);
                        Some((piece, left))
                    }
                };
            }
        }
        self.count_object(bucket, current);
        Ok(())
    }

    fn count_object(&mut self, bucket: &Bucket, object: Option<(PlacedPiece, Left)>) {
        let Some((piece, left)) = object else { return };
        for (tolls, copies) in [(&mut self.outage.now, left.now), (&mut self.outage.then, left.then)] {
            if let Some(toll) = tolls.of(copies) {
                toll.objects += 1;
                toll.object_bytes += piece.size;
            }
        }
        let named = match left.then {
            0 => &mut self.outage.unavailable,
            1 => &mut self.outage.one_copy,
            _ => return,
        };
        let is_named = self.named == Named::AtRisk || left.now > 0;
        if is_named && named.len() < self.list {
            let PlacedPiece { place, version, size, .. } = piece;
            named.push(ObjectAtRisk { bucket: bucket.name.clone(), key: place.key, version, size });
        }
    }
}

fn is_of_one_version(one: &PlacedPiece, other: &PlacedPiece) -> bool {
    one.place.key == other.place.key && one.place.sequence == other.place.sequence
}

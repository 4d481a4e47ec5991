//! A walk over the metadata, a page at a time, that counts what copies are left of. First over the blobs; where some are
//! concerned, over the versions of objects too, for their names. What the metadata does not tell is asked of the nodes.
//! Writes that go on meanwhile may be met or not.

use super::{
    Cluster,
    ask::{AskedBlob, CopyAnswer, Depth},
    copies_left::{Copies, Holders, Left, Question, Scene},
    error::ClusterError,
    outage_toll::{ObjectAtRisk, Outage},
};
use crate::{
    metadata::rows::{Bucket, PlacedBlob, PlacedPiece},
    types::{BlobId, GroupId, NodeId},
};
use std::collections::{HashMap, HashSet};

/// Rows of one page: a few milliseconds of the database.
const ROWS_PER_PAGE: u32 = 1000;
/// Buckets of one page.
const BUCKETS_PER_PAGE: u32 = 1000;
/// Blobs that are asked for together, with the roots of their chunks in memory.
const ASKED_AT_ONCE: usize = 100;

/// Bounds of a walk.
#[derive(Clone, Copy, Debug)]
pub struct WalkLimits {
    /// Objects that are named of each kind.
    pub named: usize,
    /// Blobs that nodes are asked for.
    pub asked: usize,
}

pub struct OutageWalk<'a> {
    cluster: &'a Cluster,
    scene: Scene,
    /// Groups that were looked up.
    unknown: HashSet<GroupId>,
    /// Of blobs of which it matters, the nodes that were asked and have them.
    found: HashMap<BlobId, Vec<NodeId>>,
    limits: WalkLimits,
    outage: Outage,
}

impl<'a> OutageWalk<'a> {
    pub fn new(cluster: &'a Cluster, scene: Scene, limits: WalkLimits) -> Self {
        let (unknown, found) = (HashSet::new(), HashMap::new());
        Self { cluster, scene, unknown, found, limits, outage: Outage::default() }
    }

    pub async fn run(mut self) -> Result<Outage, ClusterError> {
        self.blobs().await?;
        if self.has_objects_to_name() {
            self.objects().await?;
        }
        Ok(self.outage)
    }

    fn has_objects_to_name(&self) -> bool {
        let Outage { now, then, .. } = &self.outage;
        match self.scene.question {
            Question::WhatIf => {
                [now.unavailable, now.one_copy, then.unavailable, then.one_copy].iter().any(|toll| toll.blobs > 0)
            }
            Question::LastCopiesOn(_) => then.unavailable.blobs > now.unavailable.blobs,
        }
    }

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
        match self.found.get(&blob) {
            Some(found) => self.scene.left(&copies, found),
            None => self.scene.left(&copies, &self.scene.found_unasked(&copies)),
        }
    }

    /// A group that was made since the walk began is looked up, once.
    fn know(&mut self, group: GroupId) {
        if !self.scene.groups.contains_key(&group) && self.unknown.insert(group) {
            let topology = self.cluster.membership().topology().load_full();
            self.scene.groups.extend(topology.group(group).map(|placed| (group, Holders::of(placed))));
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
        let open: Vec<(BlobId, Copies)> = page
            .iter()
            .map(|blob| (blob.blob, self.scene.copies(blob.group, &blob.missing)))
            .filter(|(_, copies)| self.scene.is_worth_asking(copies))
            .collect();
        for open in open.chunks(ASKED_AT_ONCE) {
            if self.found.len() >= self.limits.asked {
                self.outage.unasked += open.len() as u64;
            } else {
                self.ask_some(open).await?;
            }
        }
        Ok(())
    }

    async fn ask_some(&mut self, open: &[(BlobId, Copies)]) -> Result<(), ClusterError> {
        let mut copies: HashMap<BlobId, Copies> = open.iter().cloned().collect();
        let ids: Vec<BlobId> = open.iter().map(|(blob, _)| *blob).collect();
        let roots = self.cluster.metadata().blob_roots(&ids).await?;
        let asked = roots.into_iter().map(|row| AskedBlob {
            nodes: copies.get(&row.blob).map(|copies| copies.perhaps.clone()).unwrap_or_default(),
            blob: row.blob,
            group: row.group,
            chunk_size: row.chunk_size,
            chunks: (0..).zip(row.roots).collect(),
        });
        let asked: Vec<AskedBlob> = asked.collect();
        let mut answers = self.cluster.ask_copies(&asked, Depth::Tables).await;
        for (position, blob) in asked.into_iter().enumerate() {
            let said = blob.nodes.iter().filter_map(|node| Some((*node, answers.remove(&(position, *node))?)));
            let said: Vec<(NodeId, Vec<CopyAnswer>)> = said.collect();
            let copies = copies.remove(&blob.blob).unwrap_or_default();
            self.note_answers(blob.blob, &copies, &said);
        }
        // What is not there any more has nothing to be lost.
        self.found.extend(copies.into_keys().map(|gone| (gone, Vec::new())));
        Ok(())
    }

    fn note_answers(&mut self, blob: BlobId, copies: &Copies, said: &[(NodeId, Vec<CopyAnswer>)]) {
        let found = self.scene.found(said);
        let is_silent = |answers: &[CopyAnswer]| answers.iter().any(|answer| matches!(answer, CopyAnswer::Silent(_)));
        let silent: Vec<NodeId> = said.iter().filter(|(_, all)| is_silent(all)).map(|(node, _)| *node).collect();
        if !silent.is_empty() && self.scene.is_open(copies, &found) {
            self.outage.unanswered += 1;
            self.outage.silent.extend(silent);
        }
        self.found.insert(blob, found);
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
        let is_named = self.scene.question == Question::WhatIf || left.now > 0;
        if is_named && named.len() < self.limits.named {
            let PlacedPiece { place, version, size, .. } = piece;
            named.push(ObjectAtRisk { bucket: bucket.name.clone(), key: place.key, version, size });
        }
    }
}

fn is_of_one_version(one: &PlacedPiece, other: &PlacedPiece) -> bool {
    one.place.key == other.place.key && one.place.sequence == other.place.sequence
}

//! The volumes of a node, one for each of its disks: which of them has a chunk, which takes the next one.
//!
//! Each is frozen, filled and lost on its own. What lies on a frozen volume is still read, but does not count as held: the
//! node's inventory leaves it out, so the gateway has it copied from other nodes onto the volumes that are well. A volume
//! that can't be opened is as good as frozen (`open_volumes.rs`). After a repair two
//! volumes may hold the same chunk: chunks are immutable, so either is right, a drop drops both, and the inventory names one.

use super::{
    one_volume::OneVolume,
    open_volumes::{OpenVolumes, open_all},
    parts::{NodeParts, OpenError},
    shared_device::share_out,
};
use crate::{
    node::{
        NodeError,
        api::{ChunkRun, VolumeMark},
    },
    types::{BlobId, ChunkKey, ChunkRoot, ChunkSlice, ScrubStatus, VolumeState, VolumeStatus},
    volume::{
        AppendChunk, DeviceRoom, HeldChunk, InventoryCursor, QuarantineCounts, RecoveryReport, VolumeError, VolumeStats,
    },
};
use std::{path::PathBuf, sync::Arc};
use tokio::sync::oneshot;

/// A volume takes a chunk in another's place when it has more room by one part of so many: small differences don't decide,
/// or the emptiest disk alone would be written to.
const ROOM_STEPS: u64 = 16;

/// Cheap to clone.
#[derive(Clone)]
pub struct Volumes {
    inner: Arc<Inner>,
}

struct Inner {
    /// At least one.
    open: Vec<OneVolume>,
    /// Directories that could not be opened, and why.
    lost: Vec<(PathBuf, String)>,
}

/// A drop on one volume.
pub struct BegunDrop {
    /// What the chunks belong to.
    pub blobs: Vec<BlobId>,
    /// Hears when it is durable.
    pub durable: oneshot::Receiver<Result<(), VolumeError>>,
}

/// Quarantined chunks that are looked through at once.
const QUARANTINED_PAGE: usize = 1000;

/// Where a page begins: the volume's position, and the place in it.
pub type Place = (u32, InventoryCursor);

/// The position of the volume that a page is of, what it shows, and where the next page begins.
type VolumePage = (usize, Vec<HeldChunk>, Option<Place>);

/// Some of what is held, and where the next page begins.
pub type Page = (Vec<HeldChunk>, Option<Place>);

impl Volumes {
    /// Opens or makes a volume in each directory. Blocks for as long as recovery takes.
    pub fn open(parts: &NodeParts, directories: &[PathBuf]) -> Result<(Self, Vec<RecoveryReport>), OpenError> {
        let OpenVolumes { open, lost, reports } = open_all(parts, directories)?;
        Ok((Self { inner: Arc::new(Inner { open, lost }) }, reports))
    }

    /// Whether any can be relied on.
    pub fn has_serving(&self) -> bool {
        self.inner.open.iter().any(|one| !one.volume.is_frozen())
    }

    /// Those that can be relied on; all of them when none can.
    fn serving(&self) -> impl Iterator<Item = &OneVolume> {
        let has_serving = self.has_serving();
        self.inner.open.iter().filter(move |one| !has_serving || !one.volume.is_frozen())
    }

    /// How many there are of which the inventory shows nothing.
    pub fn left_out(&self) -> u32 {
        (self.inner.open.len() - self.serving().count() + self.inner.lost.len()) as u32
    }

    /// Those that may have the chunk, frozen ones last.
    fn holders(&self, key: ChunkKey) -> impl Iterator<Item = &OneVolume> {
        let mut holders: Vec<&OneVolume> = self.inner.open.iter().filter(|one| one.volume.may_hold(key)).collect();
        holders.sort_by_key(|one| one.volume.is_frozen());
        holders.into_iter()
    }

    /// The answer when it is cached in memory, and nothing must be written for it.
    pub fn read_cached(
        &self,
        key: ChunkKey,
        first_block: u32,
        block_count: u32,
    ) -> Option<Result<ChunkSlice, VolumeError>> {
        if let [only] = &self.inner.open[..] {
            return only.volume.read_cached(key, first_block, block_count);
        }
        let first = self.holders(key).next();
        first.map_or(Some(Err(VolumeError::NotFound)), |one| one.volume.read_cached(key, first_block, block_count))
    }

    /// Reads from whichever volume has it right. A record that is found damaged is quarantined. Blocks.
    pub fn read(&self, key: ChunkKey, first_block: u32, block_count: u32) -> Result<ChunkSlice, VolumeError> {
        let mut result = Err(VolumeError::NotFound);
        for one in self.holders(key) {
            match one.volume.read(key, first_block, block_count) {
                Ok(slice) => return Ok(slice),
                Err(VolumeError::NotFound) => {}
                Err(VolumeError::Corrupt(reason)) => {
                    tracing::warn!(%key, reason, "a damaged chunk was read; it is quarantined");
                    if let Err(error) = one.volume.quarantine_damaged(key) {
                        tracing::warn!(%key, %error, "the damaged chunk could not be quarantined");
                    }
                    result = Err(VolumeError::Corrupt(reason));
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Whether a volume that can be relied on holds the chunk as its root says; copies that are damaged are quarantined.
    /// `NotFound` when none of them holds it. Blocks.
    pub fn verify_or_quarantine(&self, key: ChunkKey, root: ChunkRoot) -> Result<bool, VolumeError> {
        let mut result = Err(VolumeError::NotFound);
        for one in self.serving() {
            match one.volume.verify_or_quarantine(key, root) {
                Ok(true) => return Ok(true),
                Err(VolumeError::NotFound) => {}
                other => result = other,
            }
        }
        result
    }

    /// Whether the chunk may be held on a volume that can be relied on; `false` is certain.
    pub fn may_hold(&self, key: ChunkKey) -> bool {
        self.serving().any(|one| one.volume.may_hold(key))
    }

    /// Makes room for the right chunk, which the caller has in hand. Blocks.
    pub fn give_way(&self, key: ChunkKey, root: ChunkRoot) -> Result<(), VolumeError> {
        self.serving().try_for_each(|one| one.volume.give_way(key, root))
    }

    /// Resolves when the chunk is durable: on the volume that holds it already, else on one of two that its key draws, the
    /// one with clearly more room; a volume that can't take it is followed by the next. Cancelled, it leaves at worst a durable
    /// chunk that nobody names.
    pub async fn append(&self, chunk: AppendChunk) -> Result<(), NodeError> {
        if let [only] = &self.inner.open[..] {
            return append_to(only, chunk).await;
        }
        let mut result = Err(NodeError::Full);
        for one in self.targets(chunk.key) {
            result = append_to(one, chunk.clone()).await;
            if !matches!(result, Err(NodeError::Full | NodeError::Frozen(_))) {
                return result;
            }
        }
        result
    }

    fn targets(&self, key: ChunkKey) -> Vec<&OneVolume> {
        let mut targets: Vec<&OneVolume> = self.serving().collect();
        // The last byte of the blob's id is random, and its chunks follow each other: a big object uses all disks.
        let shift = usize::from(key.blob.as_bytes()[15]).wrapping_add(key.index as usize) % targets.len().max(1);
        targets.rotate_left(shift);
        if let [first, second, ..] = &targets[..]
            && second.room() / ROOM_STEPS * (ROOM_STEPS - 1) > first.room()
        {
            targets.swap(0, 1);
        }
        targets.sort_by_key(|one| !one.volume.may_hold(key));
        targets
    }

    /// Whether a drop of the chunk may have something to do.
    pub fn may_know(&self, key: ChunkKey) -> bool {
        self.inner.open.iter().any(|one| one.volume.may_know(key))
    }

    /// Begins to drop the chunks on every volume that may hold them. Blocks.
    pub fn drop_chunks(&self, keys: &[ChunkKey], guard: &Arc<impl Send + Sync + 'static>) -> Vec<BegunDrop> {
        let drop = |one: &OneVolume| {
            let own: Vec<ChunkKey> = keys.iter().copied().filter(|key| one.volume.may_know(*key)).collect();
            let mut blobs: Vec<BlobId> = own.iter().map(|key| key.blob).collect();
            blobs.dedup();
            (!own.is_empty()).then(|| BegunDrop { blobs, durable: one.drop_chunks(own, guard.clone()) })
        };
        self.inner.open.iter().filter_map(drop).collect()
    }

    /// How far each has come.
    pub fn marks(&self) -> Vec<VolumeMark> {
        let mark = |one: &OneVolume| VolumeMark { volume: one.volume.id(), sequence: one.volume.settled_sequence() };
        self.inner.open.iter().map(mark).collect()
    }

    /// A page of what can be relied on, volume by volume; of those that are marked, what was written behind the mark. Blocks.
    pub fn inventory(&self, after: &[VolumeMark], from: Option<Place>, limit: usize) -> Result<Page, VolumeError> {
        let Some((now, mut held, next)) = self.page(after, from, limit)? else { return Ok((Vec::new(), None)) };
        held.retain(|chunk| !self.is_held_before(now, chunk.key));
        Ok((held, next))
    }

    /// Where a search for doubles begins: the first volume has no earlier one.
    pub fn second(&self) -> Option<Place> {
        self.positions_serving().get(1).map(|second| (position(*second), (0, 0)))
    }

    /// A page of the chunks that an earlier volume may hold too, both being relied on. Blocks.
    pub fn doubles(&self, from: Place, limit: usize) -> Result<(Vec<ChunkKey>, Option<Place>), VolumeError> {
        let Some((now, held, next)) = self.page(&[], Some(from), limit)? else { return Ok((Vec::new(), None)) };
        let keys = held.into_iter().map(|chunk| chunk.key).filter(|key| self.is_held_before(now, *key));
        Ok((keys.collect(), next))
    }

    /// Begins to drop the chunk from every volume but the first one that holds it, those that can be relied on alone counting.
    /// Each copy is read before: one that is damaged is quarantined, and one that is another chunk than the first is kept. Blocks.
    pub fn drop_doubles(
        &self,
        key: ChunkKey,
        guard: &Arc<impl Send + Sync + 'static>,
    ) -> Result<Vec<(u32, BegunDrop)>, VolumeError> {
        let (mut first, mut drops) = (None, Vec::new());
        for one in self.serving().filter(|one| one.volume.may_hold(key)) {
            let Some((root, length)) = one.whole(key)? else { continue };
            match first {
                None => first = Some(root),
                Some(first) if first == root => {
                    let durable = one.drop_chunks(vec![key], guard.clone());
                    drops.push((length, BegunDrop { blobs: vec![key.blob], durable }));
                }
                Some(_) => tracing::error!(%key, "two volumes hold different chunks under one key; both are kept"),
            }
        }
        Ok(drops)
    }

    /// Whether a volume before this one that can be relied on may hold the chunk.
    fn is_held_before(&self, now: usize, key: ChunkKey) -> bool {
        let serving = self.positions_serving();
        serving.into_iter().take_while(|open| *open < now).any(|open| self.inner.open[open].volume.may_hold(key))
    }

    /// A page of the first volume that has one from there on.
    fn page(&self, after: &[VolumeMark], from: Option<Place>, limit: usize) -> Result<Option<VolumePage>, VolumeError> {
        let (position_from, place) = from.map_or((0, None), |(position, place)| (position, Some(place)));
        let serving: Vec<usize> = self.positions_serving();
        let Some(now) = serving.iter().copied().find(|open| *open >= position_from as usize) else { return Ok(None) };
        // The volume that the page was to come from may have been frozen since.
        let place = place.filter(|_| now == position_from as usize);
        let volume = &self.inner.open[now].volume;
        let mark = after.iter().find(|mark| mark.volume == volume.id());
        let (held, next) = volume.inventory_after(mark.map_or(0, |mark| mark.sequence), place, limit)?;
        let next = match next {
            Some(place) => Some((position(now), place)),
            None => serving.iter().copied().find(|open| *open > now).map(|open| (position(open), (0, 0))),
        };
        Ok(Some((now, held, next)))
    }

    /// Those of the runs' blobs of which no volume that can be relied on holds some chunk. Known from memory.
    pub fn lacking(&self, runs: &[ChunkRun]) -> Vec<BlobId> {
        let serving: Vec<&OneVolume> = self.serving().collect();
        let is_held = |key| serving.iter().any(|one| one.volume.may_hold(key));
        runs.iter().filter(|run| !run.keys().all(is_held)).map(|run| run.blob).collect()
    }

    fn positions_serving(&self) -> Vec<usize> {
        let all = || self.inner.open.iter().enumerate();
        let serving: Vec<usize> = all().filter(|(_, one)| !one.volume.is_frozen()).map(|(open, _)| open).collect();
        if serving.is_empty() { all().map(|(open, _)| open).collect() } else { serving }
    }

    /// In the order of the directories that were opened, then those that were not. Blocks.
    pub fn status(&self) -> Vec<VolumeStatus> {
        let open = self.inner.open.iter().map(OneVolume::status);
        let lost = self.inner.lost.iter().map(|(directory, reason)| {
            VolumeStatus::lost(VolumeState::Frozen { reason: format!("{}: {reason}", directory.display()) })
        });
        let mut volumes: Vec<VolumeStatus> = open.chain(lost).collect();
        let rooms: Vec<DeviceRoom> = self.inner.open.iter().map(|one| one.volume.device_room()).collect();
        share_out(&mut volumes, &rooms);
        volumes
    }

    pub fn stats(&self) -> VolumeStats {
        self.inner.open.iter().map(|one| one.volume.stats()).sum()
    }

    /// Quarantined chunks of all volumes, from behind `after` on, in the order of their keys.
    pub fn quarantined(&self, after: Option<ChunkKey>, limit: usize) -> Vec<ChunkKey> {
        self.forget_replaced();
        let mut all: Vec<ChunkKey> =
            self.inner.open.iter().flat_map(|one| one.volume.quarantined(after, limit)).collect();
        all.sort_unstable();
        all.dedup();
        all.truncate(limit);
        all
    }

    pub fn forget_quarantined(&self, keys: &[ChunkKey]) {
        self.inner.open.iter().for_each(|one| one.volume.forget_quarantined(keys));
    }

    /// A chunk that another volume holds was replaced, or had two copies.
    fn forget_replaced(&self) {
        if self.inner.open.len() == 1 {
            return;
        }
        for one in &self.inner.open {
            let others = || self.inner.open.iter().filter(|other| !std::ptr::eq(*other, one));
            let is_replaced =
                |key: &ChunkKey| others().any(|other| !other.volume.is_frozen() && other.volume.may_hold(*key));
            let mut page = one.volume.quarantined(None, QUARANTINED_PAGE);
            while let Some(last) = page.last().copied() {
                page.retain(is_replaced);
                one.volume.forget_quarantined(&page);
                page = one.volume.quarantined(Some(last), QUARANTINED_PAGE);
            }
        }
    }

    pub fn scrub_status(&self) -> ScrubStatus {
        self.forget_replaced();
        let counts: QuarantineCounts = self.inner.open.iter().map(|one| one.volume.quarantine_counts()).sum();
        ScrubStatus {
            quarantined: counts.now,
            quarantined_since_start: counts.additions,
            unidentified_since_start: counts.unidentified,
            ..ScrubStatus::of_all(self.inner.open.iter().map(|one| one.scrubber.status()))
        }
    }

    /// Begins a scrub of every volume. Blocks for a step of each.
    pub fn begin_scrub(&self) -> Result<(), NodeError> {
        self.serving().try_for_each(|one| one.scrubber.begin())
    }

    /// Ends the background work and closes every volume; the first error is told. Blocks.
    pub fn close(&self) -> Result<(), VolumeError> {
        let mut result = Ok(());
        for one in &self.inner.open {
            result = result.and(one.close());
        }
        result
    }
}

fn position(open: usize) -> u32 {
    u32::try_from(open).unwrap_or(u32::MAX)
}

async fn append_to(one: &OneVolume, chunk: AppendChunk) -> Result<(), NodeError> {
    let (done, durable) = oneshot::channel();
    one.volume.append(chunk, move |result| {
        // Nobody waits any more when the request was cancelled.
        let _ = done.send(result);
    });
    match durable.await {
        Ok(result) => Ok(result?),
        Err(_) => Err(NodeError::Unreachable("the volume was closed".to_owned())),
    }
}

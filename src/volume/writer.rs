//! The writer: takes what gathered in the queue, writes it, makes it durable with one sync, and answers all who wait.
//!
//! It alone writes to open segments and alone changes the index; its lock is taken by the writer's thread for each batch, and
//! by compaction for its switch. What it plans is laid out in two lanes (small and big records); a flush writes a lane,
//! syncs, and only then makes the effects visible and calls back. So an answer, or a look into the index, never
//! tells of something that a power cut could undo.
//!
//! Within a batch the order of the jobs is kept for each key: a key that was touched already in the batch flushes first.
//!
//! After a failed write without a failed sync (a full disk) the segment is sealed where it was durable: bytes of the failed
//! batch lie behind that point and must never be taken for records. After any other failure the volume is frozen.

use super::{
    AppendChunk, VolumeError,
    catalog::{Catalog, Located},
    counters::Counters,
    format::{Layout, RecordHeader, RecordKind, decode_tail},
    health::Health,
    index::{HashBuilder, Place},
    lane::{Content, Effect, Lane, Planned},
    punch::PunchList,
    queue::{Done, Job},
    segment::Segment,
    segment_files::SegmentFiles,
    segment_header::{SEGMENT_HEADER_LENGTH, SegmentClass, SegmentState},
    space::Space,
};
use crate::types::{BlobId, BlockTable, ChunkKey, ChunkRoot, GroupId, Term, crc32c};
use bytes::Bytes;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

pub struct Writer {
    parts: WriterParts,
    small: Lane,
    big: Lane,
    next_sequence: u64,
    /// Hashes of keys that the current plans are about.
    touched: HashSet<u64, HashBuilder>,
    /// Mark jobs that are answered when the small lane was flushed.
    marks_done: Vec<Done>,
}

/// What the writer works on; all of it shared with others.
pub struct WriterParts {
    pub catalog: Arc<Catalog>,
    pub files: Arc<SegmentFiles>,
    pub space: Arc<Space>,
    pub health: Arc<Health>,
    pub counters: Arc<Counters>,
    pub punches: Arc<PunchList>,
    /// Highest sequence that is durable.
    pub durable_sequence: Arc<AtomicU64>,
    /// Up to it every record was made visible or given up. Small and big records are flushed one after the other, so that
    /// what is durable may be ahead of it.
    pub settled_sequence: Arc<AtomicU64>,
    /// Payloads from this length on go to segments for big records.
    pub big_record_size: u64,
}

/// Marks that are planned before they are written: 4 MiB of them. A compaction may have to bury all that it copied.
const MARKS_AT_ONCE_MAX: usize = 8192;

/// What room a record may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// Stops at the reserve.
    Chunk,
    /// May use the reserve: it is how space comes back.
    Mark,
}

impl Writer {
    pub fn new(parts: WriterParts) -> Self {
        let next_sequence = parts.durable_sequence.load(Ordering::Acquire) + 1;
        Self {
            parts,
            small: Lane::new(SegmentClass::Small),
            big: Lane::new(SegmentClass::Big),
            next_sequence,
            touched: HashSet::default(),
            marks_done: Vec::new(),
        }
    }

    /// Carries out a batch. Afterwards every job was answered.
    pub fn commit(&mut self, batch: &mut Vec<Job>) {
        for job in batch.drain(..) {
            match self.parts.health.check_writable() {
                Err(frozen) => job.refuse(frozen),
                Ok(()) => self.plan(job),
            }
        }
        // The failure, if any, was told to all whom it concerns.
        let _ = self.flush();
        self.parts.counters.batches.add(1);
    }

    fn plan(&mut self, job: Job) {
        match job {
            Job::Append { chunk, done } => self.plan_append(chunk, done),
            Job::Mark { kind, keys, done } => {
                for (key, place) in keys {
                    if let Err(error) = self.plan_mark(kind, key, place) {
                        return done(Err(error));
                    }
                }
                self.marks_done.push(done);
            }
        }
    }

    fn plan_append(&mut self, chunk: AppendChunk, done: Done) {
        let hash = self.parts.catalog.index.hash(chunk.key);
        if self.touched.contains(&hash) {
            // The failure, if any, was told to those who were planned; this append goes on its own.
            let _ = self.flush();
        }
        if self.parts.catalog.index.may_hold(hash) {
            match self.compare_with_held(&chunk) {
                Ok(Held::Nothing) => {}
                Ok(Held::Same) => return done(Ok(())),
                Err(error) => return done(Err(self.parts.health.judge(error))),
            }
        }
        let class = match u64::from(chunk.data.length) >= self.parts.big_record_size {
            true => SegmentClass::Big,
            false => SegmentClass::Small,
        };
        if let Err(error) = self.make_room(class, chunk.data.length, Purpose::Chunk) {
            return done(Err(error));
        }
        // Only now: making room may flush, after which nothing is touched.
        self.touched.insert(hash);
        let content = Content::of_chunk(chunk, self.take_sequence());
        self.lane(class).plan(content, Effect::Insert { hash, done });
    }

    /// A chunk may be appended again: after a lost answer, or to replace a damaged copy.
    fn compare_with_held(&mut self, chunk: &AppendChunk) -> Result<Held, VolumeError> {
        let Some(held) = self.parts.catalog.locate(chunk.key)? else { return Ok(Held::Nothing) };
        match read_root(&held)? {
            Some(root) if root == chunk.root => Ok(Held::Same),
            Some(_) => Err(VolumeError::Conflict),
            None => {
                // The mark keeps the damaged record from coming back when the new one is dropped.
                self.plan_mark_of(RecordKind::Quarantine, chunk.key, held)?;
                self.flush()?;
                Ok(Held::Nothing)
            }
        }
    }

    fn plan_mark(&mut self, kind: RecordKind, key: ChunkKey, place: Option<Place>) -> Result<(), VolumeError> {
        let index = &self.parts.catalog.index;
        let hash = index.hash(key);
        if self.touched.contains(&hash) {
            self.flush()?;
        }
        let known = place.filter(|place| self.parts.catalog.index.holds(hash, *place));
        let located = match known.and_then(|place| Some((place, self.parts.catalog.segment(place.segment())?))) {
            Some((place, segment)) => Located { place, segment, header: None, bytes: Vec::new() },
            // Not yet held when the caller looked, or moved since; mostly not held at all.
            None => match self.parts.catalog.locate(key).map_err(|error| self.parts.health.judge(error))? {
                Some(located) => located,
                None if kind == RecordKind::Tombstone => return self.plan_to_forget(key),
                None => return Ok(()),
            },
        };
        self.plan_mark_of(kind, key, located)
    }

    /// A tombstone for what is quarantined, so that it is not named again after a restart. It is about the segment with the
    /// damaged record, as the quarantine's mark is: either stays for as long as that segment. Here, not where the drop is
    /// asked for: a scrub may have quarantined the chunk in between.
    fn plan_to_forget(&mut self, key: ChunkKey) -> Result<(), VolumeError> {
        let Some(generation) = self.parts.catalog.quarantined.generation_of(key) else { return Ok(()) };
        if !self.parts.catalog.has_generation(generation) {
            self.parts.catalog.quarantined.remove(key);
            return Ok(());
        }
        self.make_room(SegmentClass::Small, 0, Purpose::Mark)?;
        self.touched.insert(self.parts.catalog.index.hash(key));
        let content = mark(RecordKind::Tombstone, key, generation, self.take_sequence());
        self.small.plan(content, Effect::Forget);
        Ok(())
    }

    fn plan_mark_of(&mut self, kind: RecordKind, key: ChunkKey, victim: Located) -> Result<(), VolumeError> {
        self.make_room(SegmentClass::Small, 0, Purpose::Mark)?;
        let hash = self.parts.catalog.index.hash(key);
        self.touched.insert(hash);
        let content = mark(kind, key, victim.segment.generation, self.take_sequence());
        let effect = Effect::Kill { hash, place: victim.place, victim: victim.segment };
        self.small.plan(content, effect);
        Ok(())
    }

    fn take_sequence(&mut self) -> u64 {
        self.next_sequence += 1;
        self.next_sequence - 1
    }

    fn lane(&mut self, class: SegmentClass) -> &mut Lane {
        match class {
            SegmentClass::Small => &mut self.small,
            SegmentClass::Big => &mut self.big,
        }
    }

    /// Afterwards the lane has a segment with room for a record with so much payload.
    fn make_room(&mut self, class: SegmentClass, payload: u32, purpose: Purpose) -> Result<(), VolumeError> {
        let need = self.lane(class).layout().record_length(payload);
        if self.lane(class).has_room(need) {
            return Ok(());
        }
        self.flush()?;
        // Begin the next before the old one is sealed: without a next one the old one serves on for what still fits.
        let next = self.next_segment(class, need, purpose)?;
        if let Some(full) = self.lane(class).segment.take() {
            full.seal().map_err(|error| self.parts.health.judge(error))?;
        }
        self.parts.catalog.add_segment(next.clone());
        let direct = self.parts.files.open_direct(&next);
        self.lane(class).begin_segment(next, direct);
        Ok(())
    }

    fn next_segment(&self, class: SegmentClass, need: u64, purpose: Purpose) -> Result<Arc<Segment>, VolumeError> {
        let judge = |error| self.parts.health.judge(error);
        let room = self.parts.space.measure();
        let smallest = self.parts.files.wanted_size(class, 0);
        // When little is left, the file that is ready is kept for marks: without them nothing can be given back.
        if class == SegmentClass::Small
            && (purpose == Purpose::Mark || room.for_chunks >= smallest)
            && let Some(segment) = self.parts.files.begin_spare(need).map_err(judge)?
        {
            return Ok(segment);
        }
        // A big record may be longer than a small segment.
        let least = (need + SEGMENT_HEADER_LENGTH).next_multiple_of(Layout::Aligned.unit());
        let size = match purpose {
            Purpose::Mark => smallest.max(least),
            Purpose::Chunk => self.parts.files.wanted_size(class, room.used).min(room.for_chunks).max(least),
        };
        if purpose == Purpose::Chunk && size > room.for_chunks {
            self.parts.health.set_full();
            return Err(VolumeError::Full);
        }
        let mut begun = self.parts.files.begin_new(class, SegmentState::Open, size);
        if purpose == Purpose::Mark && matches!(begun, Err(VolumeError::Full)) {
            begun = self.parts.files.begin_new(class, SegmentState::Open, least);
        }
        begun.map_err(|error| {
            if error == VolumeError::Full {
                self.parts.health.set_full();
            }
            judge(error)
        })
    }

    /// Makes everything that is planned durable, and answers for it.
    fn flush(&mut self) -> Result<(), VolumeError> {
        self.touched.clear();
        let marks_done = std::mem::take(&mut self.marks_done);
        let small = flush_lane(&self.parts, &mut self.small);
        for done in marks_done {
            done(small.clone());
        }
        let big = flush_lane(&self.parts, &mut self.big);
        self.parts.settled_sequence.store(self.next_sequence - 1, Ordering::Release);
        small.and(big)
    }

    /// Marks one chunk as damaged and waits until that is durable. With a place only if it still lies there: what was
    /// appended since in its stead is not what was found damaged.
    pub fn quarantine(&mut self, key: ChunkKey, found_at: Option<Place>) -> Result<(), VolumeError> {
        self.parts.health.check_writable()?;
        let index = &self.parts.catalog.index;
        if found_at.is_some_and(|place| !index.holds(index.hash(key), place)) {
            return Ok(());
        }
        self.plan_mark(RecordKind::Quarantine, key, found_at)?;
        self.flush()
    }

    /// Lets go of a damaged record of which nobody can say whose it is: no mark could name it. Says whether it counted until now.
    /// The loss is counted when the index says so already: who asks because of the count misses the chunk.
    pub fn give_up(&mut self, hash: u64, place: Place, generation: u64) -> bool {
        let catalog = &self.parts.catalog;
        let segment = catalog.segment(place.segment()).filter(|segment| segment.generation == generation);
        let Some(segment) = segment.filter(|_| catalog.index.remove(hash, place)) else { return false };
        segment.remove_live(place);
        self.parts.counters.quarantined.add(1);
        catalog.quarantined.note_unidentified(1);
        true
    }

    /// Durable marks for chunks that died while compaction copied them: nothing else would keep their copies from coming
    /// to life with the switch. Each has the sequence of its copy: a newer record of the key is not concerned.
    pub fn bury_copies(&mut self, copies: &[(ChunkKey, u64)], output_generation: u64) -> Result<(), VolumeError> {
        self.parts.health.check_writable()?;
        for some in copies.chunks(MARKS_AT_ONCE_MAX) {
            for (key, sequence) in some {
                self.make_room(SegmentClass::Small, 0, Purpose::Mark)?;
                let content = mark(RecordKind::Tombstone, *key, output_generation, *sequence);
                self.small.plan(content, Effect::Nothing);
            }
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the switch record of a compaction, durably.
    pub fn write_switch(&mut self, payload: Vec<u8>) -> Result<(), VolumeError> {
        self.parts.health.check_writable()?;
        let length = payload.len() as u32;
        self.make_room(SegmentClass::Small, length, Purpose::Mark)?;
        let header = RecordHeader { kind: RecordKind::Switch, length, sequence: self.take_sequence(), ..EMPTY_HEADER };
        let table = BlockTable::new(vec![crc32c(&payload)]);
        let root = table.root(header.key, length);
        let content = Content { header, payload: vec![Bytes::from(payload)], table, root };
        self.small.plan(content, Effect::Nothing);
        self.flush()
    }

    /// Seals the open segments: nothing is written after this.
    pub fn seal_all(&mut self) -> Result<(), VolumeError> {
        self.parts.health.check_writable()?;
        for lane in [&mut self.small, &mut self.big] {
            if let Some(segment) = lane.segment.take() {
                segment.seal().map_err(|error| self.parts.health.judge(error))?;
            }
        }
        Ok(())
    }
}

/// What the index has under a key that is to be appended.
enum Held {
    Nothing,
    Same,
}

/// The parts of a header that only chunks use.
const EMPTY_HEADER: RecordHeader = RecordHeader {
    kind: RecordKind::Switch,
    layout: Layout::Packed,
    length: 0,
    key: ChunkKey { blob: BlobId::from_bytes([0; 16]), index: 0 },
    group: GroupId(0),
    term: Term(0),
    sequence: 0,
    generation: 0,
    offset: 0,
    synced_to: 0,
    target: 0,
};

fn mark(kind: RecordKind, key: ChunkKey, target: u64, sequence: u64) -> Content {
    Content {
        header: RecordHeader { kind, key, target, sequence, ..EMPTY_HEADER },
        payload: Vec::new(),
        table: BlockTable::default(),
        root: ChunkRoot::from_bytes([0; 32]),
    }
}

/// The root of a held chunk; `None` when its head, table or trailer is damaged.
fn read_root(held: &Located) -> Result<Option<ChunkRoot>, VolumeError> {
    let Some(header) = &held.header else { return Ok(None) };
    let mut tail = Vec::new();
    let length = super::format::tail_length(header.length);
    let read = held.segment.file.read_at(header.offset + header.tail_offset(), length, &mut tail);
    read.map_err(VolumeError::disk("reading a record's trailer"))?;
    Ok(decode_tail(header, &tail).map(|(_, root)| root))
}

/// Writes and syncs what the lane has planned, makes it visible, calls back.
fn flush_lane(parts: &WriterParts, lane: &mut Lane) -> Result<(), VolumeError> {
    if lane.is_empty() {
        return Ok(());
    }
    let result = write_and_sync(parts, lane);
    let end = lane.planned_end();
    let mut planned = lane.take_planned();
    if let Err(error) = result {
        fail(&mut planned, &error);
        abandon_tail(parts, lane, &error);
        return Err(error);
    }
    let segment = lane.segment.clone().expect("a lane with plans has a segment");
    segment.set_end(end);
    let highest = planned.iter().map(|record| record.header.sequence).max().unwrap_or(0);
    parts.durable_sequence.fetch_max(highest, Ordering::AcqRel);
    // All effects before any call back: who is called back sees the whole batch.
    for record in &planned {
        take_effect(parts, &segment, record);
    }
    for record in planned.drain(..) {
        if let Effect::Insert { done, .. } = record.effect {
            done(Ok(()));
        }
    }
    lane.give_back(planned);
    Ok(())
}

fn write_and_sync(parts: &WriterParts, lane: &mut Lane) -> Result<(), VolumeError> {
    parts.health.check_writable()?;
    let judge = |error| parts.health.judge(error);
    lane.write().map_err(judge)?;
    let segment = lane.segment.as_ref().expect("a lane with plans has a segment");
    parts.counters.syncs.add(1);
    if let Err(error) = segment.file.sync_data() {
        // Whatever the error says: it is not known what is durable.
        return Err(parts.health.freeze(&format!("syncing records failed: {error}")));
    }
    let status = segment.file.status().map_err(VolumeError::disk("asking for a segment's size")).map_err(judge)?;
    if status.links == 0 {
        return Err(parts.health.freeze("the open segment's file was removed by somebody else"));
    }
    Ok(())
}

fn fail(planned: &mut Vec<Planned>, error: &VolumeError) {
    for record in planned.drain(..) {
        if let Effect::Insert { done, .. } = record.effect {
            done(Err(error.clone()));
        }
    }
}

/// After a failed write: whole records of the failed batch may lie behind the durable ones. Nothing must ever be
/// written before them, so the segment ends here.
fn abandon_tail(parts: &WriterParts, lane: &mut Lane, error: &VolumeError) {
    if *error == VolumeError::Full {
        parts.health.set_full();
    }
    lane.rewind();
    if parts.health.check_writable().is_ok()
        && let Some(segment) = lane.segment.take()
        && let Err(error) = segment.seal()
    {
        parts.health.freeze(&format!("sealing a segment after a failed write failed: {error}"));
    }
}

fn take_effect(parts: &WriterParts, segment: &Arc<Segment>, record: &Planned) {
    let header = &record.header;
    match &record.effect {
        Effect::Insert { hash, .. } => {
            let place = Place::new(segment.number, header.offset, header.record_length());
            segment.add_live(place);
            segment.note_sequence(header.sequence);
            parts.catalog.index.insert(*hash, place);
            parts.catalog.quarantined.remove(header.key);
            parts.counters.appends.add(1);
            parts.counters.appended_bytes.add(u64::from(header.length));
        }
        Effect::Kill { hash, place, victim } => {
            segment.add_mark(header.kind, header.target, header.record_length());
            if parts.catalog.index.remove(*hash, *place) {
                victim.remove_live(*place);
            }
            match header.kind {
                RecordKind::Quarantine => {
                    parts.counters.quarantined.add(1);
                    parts.catalog.quarantined.add(header.key, header.target);
                }
                _ => {
                    parts.counters.tombstones.add(1);
                    parts.punches.add(victim.generation, *place);
                }
            }
        }
        Effect::Forget => {
            segment.add_mark(header.kind, header.target, header.record_length());
            parts.catalog.quarantined.remove(header.key);
            parts.counters.tombstones.add(1);
        }
        Effect::Nothing if header.kind.is_mark() => {
            segment.add_mark(header.kind, header.target, header.record_length());
        }
        Effect::Nothing => {}
    }
}

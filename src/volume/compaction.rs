//! Compaction: live records of segments that are mostly dead are copied into one new segment, and the old ones given up.
//!
//! Stages, each made of bounded steps; a crash in any of them leaves what was there before, or what is there after:
//!
//! 1. *Copy.* The output's head says `Output`: its records don't exist. Records are copied with their sequences; each is checked
//!    in full before it is copied, and a damaged one is quarantined instead. Meanwhile chunks may be dropped and read.
//! 2. *Read back.* The output is synced and every record of it read again and checked. The sources are still what counts.
//! 3. *Switch*, under the writer's lock: chunks that died since they were copied get a tombstone about the output (their old one
//!    is about a source, and may go with it). It carries the sequence of the copy, so that it kills the copy and not a
//!    newer record of the key. That is made durable; then one switch record is synced; then the index points to the copies.
//! 4. *Carry out.* The output's head says `Sealed`, then the sources' heads say `Free`. Only then are the sources retired, and
//!    only then may another compaction begin.
//!
//! What is kept: chunks that the index has at this very place; marks about a segment that exists and is not itself a source.
//! Switch records are never kept: by stage 4 all of them were carried out.

use super::{
    VolumeError,
    catalog::Catalog,
    counters::Counters,
    format::{HEADER_LENGTH, RecordHeader, RecordKind, encode_tail},
    index::Place,
    scan::{Scanned, Scanner, WholeRecord, read_whole},
    segment::Segment,
    segment_files::SegmentFiles,
    segment_header::{SEGMENT_HEADER_LENGTH, SegmentState},
    switch::{SOURCES_MAX, Switch},
    writer::Writer,
};
use crate::types::ChunkKey;
use std::{
    io::IoSlice,
    sync::{Arc, Mutex, PoisonError},
};

/// A step copies or reads back about so many bytes: it holds up nobody, but a step costs a lock and a look around.
const STEP_BYTES: u64 = 4 << 20;

/// A compaction under way.
pub struct Compaction {
    sources: Vec<Arc<Segment>>,
    output: Arc<Segment>,
    stage: Stage,
    moved: Vec<Moved>,
    marks: Vec<RecordHeader>,
}

enum Stage {
    Copy { source: usize, from: u64 },
    ReadBack { from: u64 },
    Ready,
}

/// A chunk that was copied.
struct Moved {
    key: ChunkKey,
    sequence: u64,
    old: Place,
    new: Place,
}

/// What compaction works on.
pub struct CompactionParts<'a> {
    pub catalog: &'a Catalog,
    pub files: &'a SegmentFiles,
    pub writer: &'a Mutex<Writer>,
    pub counters: &'a Counters,
}

/// Whether a compaction goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    GoesOn,
    Finished,
}

impl Compaction {
    /// Begins to copy what counts in the sources, all of one class, to a new segment.
    pub fn begin(files: &SegmentFiles, sources: Vec<Arc<Segment>>) -> Result<Self, VolumeError> {
        debug_assert!(!sources.is_empty() && sources.len() <= SOURCES_MAX);
        let kept: u64 = sources.iter().map(|segment| segment.live_bytes() + segment.mark_bytes()).sum();
        let capacity = (SEGMENT_HEADER_LENGTH + kept).next_multiple_of(4096);
        let class = sources[0].class;
        let output = files.begin_new(class, SegmentState::Output, capacity)?;
        let stage = Stage::Copy { source: 0, from: SEGMENT_HEADER_LENGTH };
        Ok(Self { sources, output, stage, moved: Vec::new(), marks: Vec::new() })
    }

    /// One bounded step. After an error the compaction is to be given up, unless it freezes the volume: every error behind
    /// the switch does.
    pub fn step(&mut self, parts: &CompactionParts<'_>) -> Result<Progress, VolumeError> {
        self.stage = match self.stage {
            Stage::Copy { source, from } => self.copy_some(parts, source, from)?,
            Stage::ReadBack { from } => self.read_back_some(from)?,
            Stage::Ready => {
                self.finish(parts)?;
                return Ok(Progress::Finished);
            }
        };
        Ok(Progress::GoesOn)
    }

    fn copy_some(&mut self, parts: &CompactionParts<'_>, source: usize, from: u64) -> Result<Stage, VolumeError> {
        let Some(segment) = self.sources.get(source).cloned() else { return self.end_copy() };
        let mut scanner = Scanner::new(&*segment.file, segment.class, segment.generation, from, segment.end());
        let begun_at = self.output.end();
        while let Some(scanned) = scanner.next()? {
            let Scanned::Record(header) = scanned else { continue };
            self.copy_if_it_counts(parts, &segment, &header)?;
            if self.output.end() - begun_at >= STEP_BYTES {
                parts.counters.copied_bytes.add(self.output.end() - begun_at);
                return Ok(Stage::Copy { source, from: header.end() });
            }
        }
        parts.counters.copied_bytes.add(self.output.end() - begun_at);
        Ok(Stage::Copy { source: source + 1, from: SEGMENT_HEADER_LENGTH })
    }

    fn copy_if_it_counts(
        &mut self,
        parts: &CompactionParts<'_>,
        source: &Segment,
        header: &RecordHeader,
    ) -> Result<(), VolumeError> {
        let place = Place::new(source.number, header.offset, header.record_length());
        match header.kind {
            RecordKind::Chunk => {
                let hash = parts.catalog.index.hash(header.key);
                if !parts.catalog.index.holds(hash, place) {
                    return Ok(());
                }
                match read_whole(&*source.file, header)? {
                    Some(record) => {
                        let new = self.write_copy(header, &record)?;
                        self.output.note_sequence(header.sequence);
                        self.moved.push(Moved { key: header.key, sequence: header.sequence, old: place, new });
                    }
                    // Dropped and punched since the index was asked, or damaged.
                    None => lock(parts.writer).quarantine(header.key, Some(place))?,
                }
            }
            RecordKind::Tombstone | RecordKind::Quarantine => {
                let about_source = self.sources.iter().any(|source| source.generation == header.target);
                if !about_source
                    && parts.catalog.has_generation(header.target)
                    && let Some(record) = read_whole(&*source.file, header)?
                {
                    self.write_copy(header, &record)?;
                    self.marks.push(*header);
                }
            }
            RecordKind::Switch => {}
        }
        Ok(())
    }

    /// Writes the record behind the others of the output: the same but for its place.
    fn write_copy(&mut self, header: &RecordHeader, record: &WholeRecord) -> Result<Place, VolumeError> {
        let offset = self.output.end();
        let copy = RecordHeader { generation: self.output.generation, offset, synced_to: 0, ..*header };
        let encoded = copy.encode();
        let tail_start = header.tail_offset() as usize;
        let mut tail = Vec::new();
        encode_tail(&encoded, &record.table, &record.root, &mut tail);
        tail.resize(header.record_length() as usize - tail_start, 0);
        let slices =
            [IoSlice::new(&encoded), IoSlice::new(&record.bytes[HEADER_LENGTH..tail_start]), IoSlice::new(&tail)];
        self.output.file.write_vectored_at(offset, &slices).map_err(VolumeError::disk("copying a record"))?;
        self.output.set_end(copy.end());
        Ok(Place::new(self.output.number, offset, copy.record_length()))
    }

    /// Afterwards the copies, and the output's length in its head, are durable.
    fn end_copy(&mut self) -> Result<Stage, VolumeError> {
        self.output.file.sync_data().map_err(VolumeError::doubt("syncing a compaction's output"))?;
        self.output.write_header(SegmentState::Output)?;
        Ok(Stage::ReadBack { from: SEGMENT_HEADER_LENGTH })
    }

    fn read_back_some(&mut self, from: u64) -> Result<Stage, VolumeError> {
        let output = &self.output;
        let mut scanner = Scanner::new(&*output.file, output.class, output.generation, from, output.end());
        while let Some(scanned) = scanner.next()? {
            let whole = match scanned {
                Scanned::Record(header) => read_whole(&*output.file, &header)?.map(|_| header),
                Scanned::Gap { .. } => None,
            };
            let Some(header) = whole else {
                let reason = "what was copied and synced reads back otherwise".to_owned();
                return Err(VolumeError::Disk { during: "reading a compaction's output back", reason });
            };
            if header.end() - from >= STEP_BYTES {
                return Ok(Stage::ReadBack { from: header.end() });
            }
        }
        Ok(Stage::Ready)
    }

    fn finish(&mut self, parts: &CompactionParts<'_>) -> Result<(), VolumeError> {
        let mut writer = lock(parts.writer);
        let index = &parts.catalog.index;
        let died = |moved: &&Moved| !index.holds(index.hash(moved.key), moved.old);
        let died: Vec<(ChunkKey, u64)> =
            self.moved.iter().filter(died).map(|moved| (moved.key, moved.sequence)).collect();
        writer.bury_copies(&died, self.output.generation)?;
        let output = (self.output.end() > SEGMENT_HEADER_LENGTH).then_some(self.output.generation);
        let sources = self.sources.iter().map(|source| source.generation).collect();
        writer.write_switch(Switch { output, sources }.encode())?;
        // From here on the copies count. The writer's lock is kept until the index says so.
        parts.catalog.add_segment(self.output.clone());
        for moved in &self.moved {
            if index.replace(index.hash(moved.key), moved.old, moved.new) {
                self.output.add_live(moved.new);
                let source = self.sources.iter().find(|source| source.number == moved.old.segment());
                source.inspect(|source| source.remove_live(moved.old));
            }
        }
        for mark in self.marks.iter().filter(|mark| parts.catalog.has_generation(mark.target)) {
            self.output.add_mark(mark.kind, mark.target, mark.record_length());
        }
        give_up_sources(parts, &self.sources);
        drop(writer);
        match output {
            Some(_) => self.output.seal()?,
            None => release(parts, std::slice::from_ref(&self.output))?,
        }
        release(parts, &self.sources)
    }

    /// Gives the output up, before the switch; the sources count as before.
    pub fn abandon(self, parts: &CompactionParts<'_>) -> Result<(), VolumeError> {
        self.output.write_header(SegmentState::Free)?;
        // It was in no catalog, but tombstones about it may have been counted.
        parts.catalog.remove_segment(&self.output);
        parts.files.retire(self.output);
        Ok(())
    }
}

/// Gives up segments in which nothing counts: a switch without an output.
pub fn release_dead(parts: &CompactionParts<'_>, sources: &[Arc<Segment>]) -> Result<(), VolumeError> {
    let generations = sources.iter().map(|source| source.generation).collect();
    let mut writer = lock(parts.writer);
    writer.write_switch(Switch { output: None, sources: generations }.encode())?;
    give_up_sources(parts, sources);
    drop(writer);
    release(parts, sources)
}

/// Takes the sources out of the catalog. What the index still has there was damaged so that the copying didn't find it.
fn give_up_sources(parts: &CompactionParts<'_>, sources: &[Arc<Segment>]) {
    for source in sources {
        let missed = match source.live_chunks() {
            0 => Vec::new(),
            _ => parts.catalog.index.entries_in(source.number),
        };
        let index = &parts.catalog.index;
        let lost = missed.into_iter().filter(|(hash, place)| index.remove(*hash, *place)).count() as u64;
        if lost > 0 {
            tracing::warn!(segment = source.number, chunks = lost, "damaged chunks were given up with their segment");
            parts.counters.quarantined.add(lost);
            parts.catalog.quarantined.note_unidentified(lost);
        }
        parts.catalog.remove_segment(source);
    }
}

/// The last stage: heads say that the segments are free, then their files may be used again.
fn release(parts: &CompactionParts<'_>, segments: &[Arc<Segment>]) -> Result<(), VolumeError> {
    for segment in segments {
        segment.write_header(SegmentState::Free)?;
        parts.catalog.remove_segment(segment);
        parts.files.retire(segment.clone());
        parts.counters.compacted_segments.add(1);
    }
    Ok(())
}

fn lock(writer: &Mutex<Writer>) -> std::sync::MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

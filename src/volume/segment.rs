//! One use of a segment file: its open file, and what is known of its records. Shared by the writer and all readers; the
//! file is used again only when nobody else holds this value.

use super::{
    VolumeError,
    disk::DiskFile,
    format::RecordKind,
    index::Place,
    segment_header::{SEGMENT_HEADER_LENGTH, SegmentClass, SegmentHeader, SegmentState},
};
use crate::types::VolumeId;
use std::{
    collections::HashMap,
    io::IoSlice,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// The head without its state, which changes.
#[derive(Debug)]
pub struct Segment {
    pub number: u32,
    pub generation: u64,
    pub class: SegmentClass,
    /// Length in bytes that records may fill, the head included.
    pub capacity: u64,
    volume: VolumeId,
    pub file: Arc<dyn DiskFile>,
    sealed: AtomicBool,
    /// Where the durable records end.
    end: AtomicU64,
    live_bytes: AtomicU64,
    live_chunks: AtomicU64,
    /// Bytes that the file occupies, as last asked.
    allocated: AtomicU64,
    /// Bytes of marks in this segment, by the generation that they are about: they count as live while it exists.
    marks: Mutex<HashMap<u64, u64>>,
    has_hint: AtomicBool,
    /// No chunk's record in it has a higher sequence.
    newest: AtomicU64,
}

impl Segment {
    pub fn new(number: u32, header: &SegmentHeader, file: Arc<dyn DiskFile>) -> Self {
        let end = if header.state == SegmentState::Sealed { header.sealed_length } else { SEGMENT_HEADER_LENGTH };
        Self {
            number,
            generation: header.generation,
            class: header.class,
            capacity: header.capacity,
            volume: header.volume,
            file,
            sealed: AtomicBool::new(header.state == SegmentState::Sealed),
            end: AtomicU64::new(end),
            live_bytes: AtomicU64::new(0),
            live_chunks: AtomicU64::new(0),
            allocated: AtomicU64::new(0),
            marks: Mutex::default(),
            has_hint: AtomicBool::new(false),
            newest: AtomicU64::new(0),
        }
    }

    /// Where the durable records end.
    pub fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub fn set_end(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }

    pub fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    pub fn has_hint(&self) -> bool {
        self.has_hint.load(Ordering::Acquire)
    }

    pub fn set_has_hint(&self) {
        self.has_hint.store(true, Ordering::Release);
    }

    /// A record of this sequence is about to count.
    pub fn note_sequence(&self, sequence: u64) {
        self.newest.fetch_max(sequence, Ordering::AcqRel);
    }

    /// No chunk's record in it has a higher sequence.
    pub fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    /// Writes the head, durably. Others rely on what it says: a failure of any kind leaves that in doubt.
    pub fn write_header(&self, state: SegmentState) -> Result<(), VolumeError> {
        let sealed_length = if matches!(state, SegmentState::Sealed | SegmentState::Output) { self.end() } else { 0 };
        let header = SegmentHeader {
            volume: self.volume,
            class: self.class,
            state,
            generation: self.generation,
            capacity: self.capacity,
            sealed_length,
        };
        rewrite_segment_header(&*self.file, &header)
    }

    /// Afterwards the segment ends at `end`, durably, and nothing is ever written behind it.
    pub fn seal(&self) -> Result<(), VolumeError> {
        self.write_header(SegmentState::Sealed)?;
        self.sealed.store(true, Ordering::Release);
        // Not durable until some later sync, which does no harm: the head says where the records end.
        self.file.set_len(self.end()).map_err(VolumeError::disk("cutting a sealed segment"))?;
        self.refresh_allocated()
    }

    pub fn refresh_allocated(&self) -> Result<(), VolumeError> {
        let status = self.file.status().map_err(VolumeError::disk("asking for a segment's size"))?;
        self.allocated.store(status.allocated, Ordering::Relaxed);
        Ok(())
    }

    pub fn allocated(&self) -> u64 {
        self.allocated.load(Ordering::Relaxed)
    }

    pub fn live_bytes(&self) -> u64 {
        self.live_bytes.load(Ordering::Relaxed)
    }

    pub fn live_chunks(&self) -> u64 {
        self.live_chunks.load(Ordering::Relaxed)
    }

    /// A chunk's record counts from now on.
    pub fn add_live(&self, place: Place) {
        self.live_bytes.fetch_add(place.record_length(), Ordering::Relaxed);
        self.live_chunks.fetch_add(1, Ordering::Relaxed);
    }

    /// A chunk's record doesn't count any more.
    pub fn remove_live(&self, place: Place) {
        self.live_bytes.fetch_sub(place.record_length(), Ordering::Relaxed);
        self.live_chunks.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn add_mark(&self, kind: RecordKind, target: u64, record_length: u64) {
        debug_assert!(kind.is_mark());
        *self.marks.lock().unwrap_or_else(PoisonError::into_inner).entry(target).or_default() += record_length;
    }

    /// The generation is gone: marks about it are dead.
    pub fn forget_marks(&self, target: u64) {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).remove(&target);
    }

    pub fn mark_bytes(&self) -> u64 {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Bytes that would come back if the segment's live records were copied elsewhere.
    pub fn dead_bytes(&self) -> u64 {
        self.allocated().saturating_sub(SEGMENT_HEADER_LENGTH + self.live_bytes() + self.mark_bytes())
    }
}

/// Replaces the head of a file that is in use, durably. A failure of any kind leaves it open which head counts.
pub fn rewrite_segment_header(file: &dyn DiskFile, header: &SegmentHeader) -> Result<(), VolumeError> {
    let bytes = header.encode();
    file.write_vectored_at(0, &[IoSlice::new(&bytes)]).map_err(VolumeError::doubt("writing a segment's head"))?;
    file.sync_data().map_err(VolumeError::doubt("syncing a segment's head"))
}

/// Writes both copies of a head; durable after the file's next sync.
pub fn write_segment_header(file: &dyn DiskFile, header: &SegmentHeader) -> Result<(), VolumeError> {
    let bytes = header.encode();
    file.write_vectored_at(0, &[IoSlice::new(&bytes)]).map_err(VolumeError::disk("writing a segment's head"))
}

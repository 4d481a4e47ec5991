//! The catalog: which segments there are, and in which of them each live chunk lies.
//!
//! A look-up races with compaction, which moves records and gives their old file to a new use. It is safe because a
//! `Segment` stands for one use of a file and is held while it is read, because a record says its generation and place,
//! and because the index is asked again when a record was not what it should be (`Catalog::locate`).

use super::{
    VolumeError,
    format::{HEADER_LENGTH, RecordHeader, RecordKind},
    index::{Index, Place},
    quarantine_list::QuarantineList,
    segment::Segment,
};
use crate::types::ChunkKey;
use std::sync::{Arc, PoisonError, RwLock};

/// A look-up that lost its record to compaction so many times is given up. Each loss needs a whole compaction in between.
const LOCATE_ATTEMPTS: usize = 8;

/// A live chunk's record.
#[derive(Clone, Debug)]
pub struct Located {
    pub place: Place,
    pub segment: Arc<Segment>,
    /// `None`: the record's head is damaged. Nothing but the index says that the record is this chunk's.
    pub header: Option<RecordHeader>,
    /// What was read to find out: the whole record when it is short, else its head.
    pub bytes: Vec<u8>,
}

/// Records up to this length in bytes are read as a whole at once: one system call serves a small chunk.
const READ_WHOLE_MAX: u64 = 80 << 10;

/// How the heads of records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Only from memory: see `Lookup::WouldBlock`.
    Never,
    ForTheDisk,
}

#[derive(Debug)]
pub enum Lookup {
    Found(Located),
    Absent,
    WouldBlock,
}

#[derive(Debug)]
pub struct Catalog {
    pub index: Index,
    /// By file number. Free files are not here.
    segments: RwLock<Vec<Option<Arc<Segment>>>>,
    pub quarantined: QuarantineList,
}

impl Catalog {
    pub fn new(index: Index) -> Self {
        Self { index, segments: RwLock::default(), quarantined: QuarantineList::default() }
    }

    pub fn segment(&self, number: u32) -> Option<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).get(number as usize)?.clone()
    }

    pub fn add_segment(&self, segment: Arc<Segment>) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let at = segment.number as usize;
        if segments.len() <= at {
            segments.resize(at + 1, None);
        }
        segments[at] = Some(segment);
    }

    /// Afterwards no new reader finds the segment; marks about it are dead.
    pub fn remove_segment(&self, segment: &Segment) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = segments.get_mut(segment.number as usize) {
            *slot = None;
        }
        segments.iter().flatten().for_each(|other| other.forget_marks(segment.generation));
    }

    /// All segments, oldest use first.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Segment>> = segments.iter().flatten().cloned().collect();
        all.sort_by_key(|segment| segment.generation);
        all
    }

    /// The oldest use that is not older than the generation.
    pub fn first_segment_from(&self, generation: u64) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let later = segments.iter().flatten().filter(|segment| segment.generation >= generation);
        later.min_by_key(|segment| segment.generation).cloned()
    }

    /// Whether a segment with this generation exists.
    pub fn has_generation(&self, generation: u64) -> bool {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.iter().flatten().any(|segment| segment.generation == generation)
    }

    /// The live record of a chunk; reads its head from the disk when there is one.
    pub fn locate(&self, key: ChunkKey) -> Result<Option<Located>, VolumeError> {
        match self.look_up(key, Wait::ForTheDisk)? {
            Lookup::Found(located) => Ok(Some(located)),
            Lookup::Absent => Ok(None),
            Lookup::WouldBlock => Err(VolumeError::Corrupt("a waiting read did not wait")),
        }
    }

    pub fn look_up(&self, key: ChunkKey, wait: Wait) -> Result<Lookup, VolumeError> {
        let hash = self.index.hash(key);
        for _ in 0..LOCATE_ATTEMPTS {
            let (first, others) = self.index.candidates(hash);
            let mut damaged = None;
            let mut moved = false;
            for place in first.into_iter().chain(others) {
                match self.probe(hash, place, wait)? {
                    Probe::Chunk(located) if located.header.is_some_and(|header| header.key == key) => {
                        return Ok(Lookup::Found(located));
                    }
                    Probe::Chunk(_) => {}
                    Probe::Damaged(located) => damaged = Some(located),
                    Probe::Moved => moved = true,
                    Probe::WouldBlock => return Ok(Lookup::WouldBlock),
                }
            }
            if !moved {
                return Ok(damaged.map_or(Lookup::Absent, Lookup::Found));
            }
        }
        Err(VolumeError::Busy)
    }

    fn probe(&self, hash: u64, place: Place, wait: Wait) -> Result<Probe, VolumeError> {
        let Some(segment) = self.segment(place.segment()) else { return Ok(Probe::Moved) };
        let length = match place.record_length() {
            whole @ ..=READ_WHOLE_MAX => whole as usize,
            _ => HEADER_LENGTH,
        };
        let mut bytes = Vec::new();
        let reading = VolumeError::disk("reading a record");
        match wait {
            Wait::ForTheDisk => {
                segment.file.read_at(place.offset(), length, &mut bytes).map_err(reading)?;
            }
            Wait::Never => {
                if segment.file.read_cached_at(place.offset(), length, &mut bytes).map_err(reading)?.is_none() {
                    return Ok(Probe::WouldBlock);
                }
            }
        }
        let fits = |header: &RecordHeader| {
            header.kind == RecordKind::Chunk && header.lies_at(segment.generation, place.offset())
        };
        if let Some(header) = RecordHeader::decode(&bytes).filter(fits) {
            return Ok(Probe::Chunk(Located { place, segment, header: Some(header), bytes }));
        }
        // Either the record moved while we looked, or it is damaged: the index knows.
        let stays = self.index.holds(hash, place)
            && self.segment(place.segment()).is_some_and(|now| now.generation == segment.generation);
        Ok(if stays { Probe::Damaged(Located { place, segment, header: None, bytes }) } else { Probe::Moved })
    }
}

/// What lies at a place that the index named.
enum Probe {
    /// A chunk with this hash, maybe of another key.
    Chunk(Located),
    Damaged(Located),
    Moved,
    WouldBlock,
}

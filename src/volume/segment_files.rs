//! The files that segments live in: new ones, ones made ready ahead, ones that wait to be used again or removed.
//!
//! A file gets its name only when its head is durable, and the name is durable before anything in the file is
//! acknowledged: a segment file without a readable head is damage, never an accident of timing.
//!
//! A segment that compaction gave up is retired: its head says so, durably. When no reader holds it any more its file is
//! kept for a next use, if it is of use, or removed. Records of the former use don't count in the next one because they
//! carry another generation.
//!
//! Files for small records are filled with zeros before they are used. A sync into space that was written before changes
//! no metadata of the file system, and is several times faster (docs/performance.md, "The volume").

use super::{
    Disk, SmallSpace, VolumeError, VolumeSettings,
    disk::{Access, DiskFile},
    durable_file::{self, NameSync},
    index::SEGMENT_NUMBER_LIMIT,
    segment::{Segment, write_segment_header},
    segment_header::{SEGMENT_HEADER_LENGTH, SegmentClass, SegmentHeader, SegmentState, next_generation},
    settings::BigWrites,
};
use crate::{runtime::Random, types::VolumeId};
use std::{
    collections::BTreeSet,
    io::IoSlice,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Files that are made ready ahead for small records: one is in use while the next is prepared.
const PREPARED_MAX: usize = 1;
/// Files that are kept of those that compaction gave up: more would be space that nothing asked for.
const SPARES_MAX: usize = 2;
/// Zeros are written in pieces of so many bytes.
const ZERO_PIECE: usize = 1 << 20;

#[derive(Debug)]
pub struct SegmentFiles {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    volume: VolumeId,
    small_space: SmallSpace,
    big_writes: BigWrites,
    size_min: u64,
    size_max: u64,
    random: Arc<dyn Random>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Numbers that are in use, by whatever file.
    numbers: BTreeSet<u32>,
    highest_generation: u64,
    spares: Vec<Spare>,
    /// Given up, maybe still being read.
    retired: Vec<Arc<Segment>>,
}

/// A file whose head says `Free`, with all its space written.
#[derive(Debug)]
pub struct Spare {
    pub number: u32,
    pub length: u64,
    pub file: Arc<dyn DiskFile>,
}

impl SegmentFiles {
    pub fn new(
        disk: Arc<dyn Disk>,
        directory: PathBuf,
        volume: VolumeId,
        settings: &VolumeSettings,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            disk,
            directory,
            volume,
            small_space: settings.small_space,
            big_writes: settings.big_writes,
            size_min: settings.segment_size_min.bytes(),
            size_max: settings.segment_size_max.bytes(),
            random,
            state: Mutex::default(),
        }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn disk(&self) -> &dyn Disk {
        &*self.disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number and a generation that a file on disk has: neither is given out again.
    pub fn note_existing(&self, number: u32, generation: u64) {
        let mut state = self.state();
        state.numbers.insert(number);
        state.highest_generation = state.highest_generation.max(generation);
    }

    /// Size in bytes that the next segment should have: an eighth of what the volume holds, so that few segments
    /// hold much and a small volume stays small. Segments for small records are kept to a quarter of the greatest size,
    /// because they are filled with zeros first.
    pub fn wanted_size(&self, class: SegmentClass, volume_bytes: u64) -> u64 {
        let max = match class {
            SegmentClass::Small => (self.size_max / 4).max(self.size_min),
            SegmentClass::Big => self.size_max,
        };
        (volume_bytes / 8).checked_next_power_of_two().unwrap_or(max).clamp(self.size_min, max)
    }

    /// A prepared file with room for a record of `need` bytes, begun as an open segment. Durable when it returns.
    pub fn begin_spare(&self, need: u64) -> Result<Option<Arc<Segment>>, VolumeError> {
        let spare = {
            let mut state = self.state();
            let fits = |spare: &Spare| spare.length >= SEGMENT_HEADER_LENGTH + need;
            let Some(at) = state.spares.iter().position(fits) else { return Ok(None) };
            state.spares.swap_remove(at)
        };
        let header = self.new_header(SegmentClass::Small, SegmentState::Open, spare.length);
        if let Err(error) = write_segment_header(&*spare.file, &header) {
            // Nothing relies on the file yet, whichever of its heads counts.
            self.state().spares.push(spare);
            return Err(error);
        }
        spare.file.sync_data().map_err(VolumeError::doubt("syncing a segment's head"))?;
        begun(spare.number, &header, spare.file).map(Some)
    }

    /// A new file of `capacity` bytes, begun as a segment in the given state. Durable when it returns.
    pub fn begin_new(
        &self,
        class: SegmentClass,
        state: SegmentState,
        capacity: u64,
    ) -> Result<Arc<Segment>, VolumeError> {
        let header = self.new_header(class, state, capacity);
        let (number, file) =
            self.create(&header, |file| file.allocate(capacity).map_err(VolumeError::disk("allocating a segment")))?;
        begun(number, &header, file)
    }

    /// The segment's file once more, to write to past the page cache: where that is wanted, and the file system can. Whoever
    /// asks keeps it no longer than it writes, since it costs a descriptor.
    pub fn open_direct(&self, segment: &Segment) -> Option<Arc<dyn DiskFile>> {
        match (segment.class, self.big_writes) {
            (SegmentClass::Big, BigWrites::Direct) => self.disk.open(&self.path(segment.number), Access::Direct).ok(),
            _ => None,
        }
    }

    /// The segment's file once more, to read past the page cache, where the file system can.
    pub fn open_uncached(&self, segment: &Segment) -> Option<Arc<dyn DiskFile>> {
        self.disk.open(&self.path(segment.number), Access::Direct).ok()
    }

    fn new_header(&self, class: SegmentClass, state: SegmentState, capacity: u64) -> SegmentHeader {
        let mut files = self.state();
        files.highest_generation = next_generation(files.highest_generation, self.random.next_u64());
        let generation = files.highest_generation;
        SegmentHeader { volume: self.volume, class, state, generation, capacity, sealed_length: 0 }
    }

    /// A file with a durable head and name, its space made ready by `make_ready`. A failure leaves at most a file with a
    /// temporary name.
    fn create(
        &self,
        header: &SegmentHeader,
        make_ready: impl FnOnce(&dyn DiskFile) -> Result<(), VolumeError>,
    ) -> Result<(u32, Arc<dyn DiskFile>), VolumeError> {
        let number = self.take_number()?;
        let name = segment_name(number);
        let made = || {
            let file = durable_file::create_temporary(&*self.disk, &self.directory, &name)?;
            make_ready(&*file)?;
            write_segment_header(&*file, header)?;
            file.sync_data().map_err(VolumeError::disk("syncing a new segment"))?;
            durable_file::install(&*self.disk, &self.directory, &name, NameSync::Now)?;
            Ok(file)
        };
        let file = made().inspect_err(|_| self.undo_create(number, &name))?;
        Ok((number, file))
    }

    fn undo_create(&self, number: u32, name: &str) {
        // The space of a file that didn't fit is needed; if removing fails too, the next start does it.
        let _ = self.disk.remove(&self.directory.join(format!("{name}{}", durable_file::TEMPORARY_ENDING)));
        self.state().numbers.remove(&number);
    }

    fn take_number(&self) -> Result<u32, VolumeError> {
        let mut state = self.state();
        let mut number = 0;
        for taken in &state.numbers {
            if *taken != number {
                break;
            }
            number += 1;
        }
        if number >= SEGMENT_NUMBER_LIMIT {
            return Err(VolumeError::Full);
        }
        state.numbers.insert(number);
        Ok(number)
    }

    fn path(&self, number: u32) -> PathBuf {
        self.directory.join(segment_name(number))
    }

    fn keeps_more(&self) -> bool {
        self.state().spares.len() < SPARES_MAX
    }

    pub fn has_spare(&self) -> bool {
        self.state().spares.len() >= PREPARED_MAX
    }

    /// Makes a file of `length` bytes ready for small records.
    pub fn prepare_spare(&self, length: u64) -> Result<(), VolumeError> {
        let header = self.new_header(SegmentClass::Small, SegmentState::Free, length);
        let (number, file) = self.create(&header, |file| self.fill(file, SEGMENT_HEADER_LENGTH, length))?;
        self.state().spares.push(Spare { number, length, file });
        Ok(())
    }

    /// Makes the space between two offsets ready to be written.
    fn fill(&self, file: &dyn DiskFile, from: u64, to: u64) -> Result<(), VolumeError> {
        if self.small_space == SmallSpace::Allocated {
            return file.allocate(to).map_err(VolumeError::disk("allocating a segment"));
        }
        let zeros = vec![0; ZERO_PIECE.min((to - from) as usize)];
        let mut at = from;
        while at < to {
            let piece = &zeros[..zeros.len().min((to - at) as usize)];
            file.write_vectored_at(at, &[IoSlice::new(piece)]).map_err(VolumeError::disk("filling a segment"))?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// A file whose head says `Free` was found when the volume was opened. It is kept if it is as good as a new one.
    pub fn adopt_free(&self, number: u32, class: SegmentClass, file: Arc<dyn DiskFile>) -> Result<(), VolumeError> {
        let status = file.status().map_err(VolumeError::disk("asking for a segment's size"))?;
        let all_written = status.allocated >= status.length;
        if class == SegmentClass::Small && all_written && status.length >= self.size_min && self.keeps_more() {
            self.state().spares.push(Spare { number, length: status.length, file });
            return Ok(());
        }
        self.remove(number)
    }

    /// Its head says `Free`, durably, and the catalog doesn't know it any more.
    pub fn retire(&self, segment: Arc<Segment>) {
        self.state().retired.push(segment);
    }

    /// Takes up one retired segment that nobody reads any more. Says whether there was one, and whether its file is kept.
    pub fn recycle_one(&self) -> Result<Option<Recycled>, VolumeError> {
        let segment = {
            let mut state = self.state();
            // Nobody can find the segment any more, so a count of one stays one.
            let Some(at) = state.retired.iter().position(|segment| Arc::strong_count(segment) == 1) else {
                return Ok(None);
            };
            state.retired.swap_remove(at)
        };
        let status = segment.file.status().map_err(VolumeError::disk("asking for a segment's size"))?;
        let all_written = status.allocated >= status.length;
        let useful = segment.class == SegmentClass::Small && all_written && status.length >= self.size_min / 2;
        if !useful || !self.keeps_more() {
            self.remove(segment.number)?;
            return Ok(Some(Recycled::Removed));
        }
        let length = status.length.max(segment.capacity.min(self.size_max));
        if length > status.length {
            match self.fill(&*segment.file, status.length, length) {
                // The room is needed for other things.
                Err(VolumeError::Full) => return self.remove(segment.number).map(|()| Some(Recycled::Removed)),
                filled => filled?,
            }
            segment.file.sync_data().map_err(VolumeError::doubt("syncing a segment"))?;
        }
        self.remove_hint(segment.number)?;
        self.state().spares.push(Spare { number: segment.number, length, file: segment.file.clone() });
        Ok(Some(Recycled::Kept))
    }

    fn remove(&self, number: u32) -> Result<(), VolumeError> {
        self.remove_hint(number)?;
        self.disk.remove(&self.path(number)).map_err(VolumeError::disk("removing a segment"))?;
        self.state().numbers.remove(&number);
        Ok(())
    }

    fn remove_hint(&self, number: u32) -> Result<(), VolumeError> {
        match self.disk.remove(&self.directory.join(hint_name(number))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(VolumeError::disk("removing a hint file")(error))
            }
            _ => Ok(()),
        }
    }

    /// Bytes in files that hold no segment at the moment.
    pub fn idle_bytes(&self) -> u64 {
        let state = self.state();
        let spares: u64 = state.spares.iter().map(|spare| spare.length).sum();
        spares + state.retired.iter().map(|segment| segment.allocated()).sum::<u64>()
    }
}

fn begun(number: u32, header: &SegmentHeader, file: Arc<dyn DiskFile>) -> Result<Arc<Segment>, VolumeError> {
    let segment = Segment::new(number, header, file);
    segment.refresh_allocated()?;
    Ok(Arc::new(segment))
}

/// What became of a retired segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recycled {
    Kept,
    Removed,
}

pub fn segment_name(number: u32) -> String {
    format!("segment-{number:08}")
}

pub fn hint_name(number: u32) -> String {
    format!("segment-{number:08}.hint")
}

/// The number of a segment file, `None` for any other name.
pub fn segment_number(name: &str) -> Option<u32> {
    let number: u32 = name.strip_prefix("segment-")?.parse().ok()?;
    (number < SEGMENT_NUMBER_LIMIT && name == segment_name(number)).then_some(number)
}

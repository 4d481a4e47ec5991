//! Reading past the page cache: what scrub reads pushes nothing out of memory, and is what lies on the disk, not what was
//! read from there once. Where the file system can't, reads go through the cache.

use super::{
    VolumeError,
    disk::{DIRECT_ALIGNMENT, DiskFile},
    segment::Segment,
    segment_files::SegmentFiles,
};
use std::{io, sync::Arc};

const BLOCK: u64 = DIRECT_ALIGNMENT;

/// Reads of one segment. Its buffer lasts as long.
pub struct UncachedReader<'a> {
    segment: &'a Segment,
    direct: Option<Arc<dyn DiskFile>>,
    buffer: Vec<u8>,
}

impl<'a> UncachedReader<'a> {
    /// The segment must be held: its file is given to no other use meanwhile.
    pub fn open(files: &SegmentFiles, segment: &'a Segment) -> Self {
        Self { segment, direct: files.open_uncached(segment), buffer: Vec::new() }
    }

    /// Up to `length` bytes from `offset` on; fewer at the end of the file.
    pub fn read(&mut self, offset: u64, length: usize) -> Result<&[u8], VolumeError> {
        let from = offset / BLOCK * BLOCK;
        let whole = (offset + length as u64).next_multiple_of(BLOCK) - from;
        let room = whole as usize + BLOCK as usize;
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let aligned = self.buffer.as_ptr().align_offset(BLOCK as usize);
        let into = &mut self.buffer[aligned..][..whole as usize];
        let mut read = match &self.direct {
            Some(file) => file.read_into(from, into),
            None => self.segment.file.read_into(from, into),
        };
        if read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput) && self.direct.take().is_some()
        {
            // The file opens for direct access, but wants other borders than ours.
            read = self.segment.file.read_into(from, into);
        }
        let end = read.map_err(VolumeError::disk("scrubbing a segment"))?;
        let start = (offset - from) as usize;
        Ok(&into[start.min(end)..(start + length).min(end)])
    }
}

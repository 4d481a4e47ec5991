//! A lane: the open segment of one class, and the records that are planned for it but not yet durable.
//!
//! Records are laid out in memory as slices: heads, tables and trailers stand in one scratch buffer that is used again for
//! every batch, payloads stay where the caller has them. A flush is one vectored write (past the page cache: `direct_write`) and
//! one sync.

use super::{
    AppendChunk, VolumeError,
    direct_write::DirectWriter,
    disk::DiskFile,
    format::{HEADER_LENGTH, Layout, RecordHeader, encode_tail},
    index::Place,
    queue::Done,
    segment::Segment,
    segment_header::SegmentClass,
};
use crate::types::{BlockTable, ChunkRoot};
use bytes::Bytes;
use std::{
    io::{self, IoSlice},
    ops::Range,
    sync::Arc,
};

/// What becomes true when a planned record is durable.
pub enum Effect {
    /// A chunk is held.
    Insert { hash: u64, done: Done },
    /// A chunk is no longer held: its record in `victim` at `place` doesn't count.
    Kill { hash: u64, place: Place, victim: Arc<Segment> },
    /// A quarantined chunk is not wanted any more.
    Forget,
    /// A mark about a segment that the index doesn't know, or a switch: nothing changes by itself.
    Nothing,
}

pub struct Planned {
    pub header: RecordHeader,
    pub payload: Vec<Bytes>,
    pub effect: Effect,
    head: Range<usize>,
    tail: Range<usize>,
}

pub struct Lane {
    pub class: SegmentClass,
    pub segment: Option<Arc<Segment>>,
    /// The segment's file, opened to pass the page cache by.
    direct: Option<Arc<dyn DiskFile>>,
    /// Where the next record goes.
    planned_end: u64,
    planned: Vec<Planned>,
    scratch: Vec<u8>,
    direct_writer: DirectWriter,
}

/// What a record says besides its place, which the lane chooses.
pub struct Content {
    /// Generation, offset, layout and `synced_to` are filled in.
    pub header: RecordHeader,
    pub payload: Vec<Bytes>,
    pub table: BlockTable,
    pub root: ChunkRoot,
}

impl Content {
    pub fn of_chunk(chunk: AppendChunk, sequence: u64) -> Self {
        let header = RecordHeader {
            kind: super::format::RecordKind::Chunk,
            layout: Layout::Packed,
            length: chunk.data.length,
            key: chunk.key,
            group: chunk.group,
            term: chunk.term,
            sequence,
            generation: 0,
            offset: 0,
            synced_to: 0,
            target: 0,
        };
        Self { header, payload: chunk.data.pieces, table: chunk.data.table, root: chunk.root }
    }
}

impl Lane {
    pub fn new(class: SegmentClass) -> Self {
        Self {
            class,
            segment: None,
            direct: None,
            planned_end: 0,
            planned: Vec::new(),
            scratch: Vec::new(),
            direct_writer: DirectWriter::default(),
        }
    }

    pub fn layout(&self) -> Layout {
        self.class.layout()
    }

    pub fn is_empty(&self) -> bool {
        self.planned.is_empty()
    }

    /// Whether a record of this length fits behind what is planned.
    pub fn has_room(&self, record_length: u64) -> bool {
        self.segment.as_ref().is_some_and(|segment| self.planned_end + record_length <= segment.capacity)
    }

    /// Goes on in another segment. Nothing is planned for the old one.
    pub fn begin_segment(&mut self, segment: Arc<Segment>, direct: Option<Arc<dyn DiskFile>>) {
        debug_assert!(self.planned.is_empty());
        self.planned_end = segment.end();
        (self.segment, self.direct) = (Some(segment), direct);
    }

    /// Lays out a record behind those that are planned. The caller made sure that it fits.
    pub fn plan(&mut self, content: Content, effect: Effect) {
        let segment = self.segment.as_ref().expect("a lane has a segment before something is planned");
        let header = RecordHeader {
            layout: self.layout(),
            generation: segment.generation,
            offset: self.planned_end,
            synced_to: segment.end(),
            ..content.header
        };
        let encoded = header.encode();
        let head_start = self.scratch.len();
        self.scratch.extend_from_slice(&encoded);
        // The gap of aligned records, if any.
        self.scratch.resize(head_start + header.layout.payload_offset() as usize, 0);
        let tail_start = self.scratch.len();
        encode_tail(&encoded, &content.table, &content.root, &mut self.scratch);
        let padding = header.record_length() - header.tail_offset() - (self.scratch.len() - tail_start) as u64;
        self.scratch.resize(self.scratch.len() + padding as usize, 0);
        self.planned_end += header.record_length();
        debug_assert!(self.planned_end <= segment.capacity && HEADER_LENGTH <= tail_start - head_start);
        self.planned.push(Planned {
            header,
            payload: content.payload,
            effect,
            head: head_start..tail_start,
            tail: tail_start..self.scratch.len(),
        });
    }

    /// Writes what is planned; durable after the segment's next sync.
    pub fn write(&mut self) -> Result<(), VolumeError> {
        let Some(segment) = &self.segment else { return Ok(()) };
        let mut slices = Vec::with_capacity(self.planned.len() * 3);
        for planned in &self.planned {
            slices.push(IoSlice::new(&self.scratch[planned.head.clone()]));
            slices.extend(planned.payload.iter().map(|piece| IoSlice::new(piece)));
            slices.push(IoSlice::new(&self.scratch[planned.tail.clone()]));
        }
        let start = segment.end();
        let mut written = match &self.direct {
            Some(direct) => self.direct_writer.write(&**direct, start, &slices),
            None => segment.file.write_vectored_at(start, &slices),
        };
        if self.direct.is_some() && written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput) {
            // The file system opens files for direct writes but doesn't take these.
            self.direct = None;
            written = segment.file.write_vectored_at(start, &slices);
        }
        written.map_err(VolumeError::disk("writing records"))
    }

    /// Hands out what was planned, in order, and has nothing planned. `give_back` returns the vector's memory.
    pub fn take_planned(&mut self) -> Vec<Planned> {
        self.scratch.clear();
        std::mem::take(&mut self.planned)
    }

    pub fn give_back(&mut self, emptied: Vec<Planned>) {
        debug_assert!(emptied.is_empty() && self.planned.is_empty());
        self.planned = emptied;
    }

    /// Forgets what was planned: the next record goes where the durable ones end.
    pub fn rewind(&mut self) {
        self.planned_end = self.segment.as_ref().map_or(0, |segment| segment.end());
    }

    /// Where the records end once all that is planned is durable.
    pub fn planned_end(&self) -> u64 {
        self.planned_end
    }
}

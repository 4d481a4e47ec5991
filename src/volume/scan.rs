//! Walking over the records of one segment file, from head to head.
//!
//! Where no record is, the walk goes on sector by sector until one begins. What the gap means, damage or a torn
//! tail, is for recovery to judge (`load.rs`).

use super::{
    VolumeError,
    disk::{DiskFile, SECTOR},
    format::{HEADER_LENGTH, RecordHeader, decode_tail, payload_is_intact, tail_length},
    segment_header::{SEGMENT_HEADER_LENGTH, SegmentClass},
};
use crate::types::{BlockTable, ChunkRoot};

/// What a walk came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scanned {
    /// Head, table and trailer are whole. The payload was not looked at.
    Record(RecordHeader),
    /// No record begins in these bytes, or none that is whole.
    Gap { from: u64, to: u64 },
}

/// Bytes read at once where heads are close together, or are being searched for.
const DENSE_WINDOW: usize = 256 << 10;
/// Bytes read at once where heads are megabytes apart.
const SPARSE_WINDOW: usize = 4096;

pub struct Scanner<'a> {
    window: Window<'a>,
    read_ahead: usize,
    generation: u64,
    limit: u64,
    at: u64,
}

impl<'a> Scanner<'a> {
    /// Walks from `from`, the start of a record, to `limit`.
    pub fn new(file: &'a dyn DiskFile, class: SegmentClass, generation: u64, from: u64, limit: u64) -> Self {
        let read_ahead = match class {
            SegmentClass::Small => DENSE_WINDOW,
            SegmentClass::Big => SPARSE_WINDOW,
        };
        let window = Window { file, start: 0, bytes: Vec::new() };
        Self { window, read_ahead, generation, limit, at: from.max(SEGMENT_HEADER_LENGTH) }
    }

    pub fn next(&mut self) -> Result<Option<Scanned>, VolumeError> {
        if self.at >= self.limit {
            return Ok(None);
        }
        if let Some(header) = self.record_at(self.at, self.read_ahead)? {
            self.at = header.end();
            return Ok(Some(Scanned::Record(header)));
        }
        let from = self.at;
        self.at += SECTOR;
        while self.at < self.limit && self.record_at(self.at, DENSE_WINDOW)?.is_none() {
            self.at += SECTOR;
        }
        self.at = self.at.min(self.limit);
        Ok(Some(Scanned::Gap { from, to: self.at }))
    }

    /// The record that begins at `offset`, if one does, lies where it says, and ends before the limit.
    fn record_at(&mut self, offset: u64, read_ahead: usize) -> Result<Option<RecordHeader>, VolumeError> {
        let bytes = self.window.get(offset, HEADER_LENGTH, read_ahead)?;
        let fits = |header: &RecordHeader| header.lies_at(self.generation, offset) && header.end() <= self.limit;
        let Some(header) = RecordHeader::decode(bytes).filter(fits) else { return Ok(None) };
        let tail = self.window.get(offset + header.tail_offset(), tail_length(header.length), read_ahead)?;
        Ok(decode_tail(&header, tail).map(|_| header))
    }
}

/// A piece of a file in memory.
struct Window<'a> {
    file: &'a dyn DiskFile,
    start: u64,
    bytes: Vec<u8>,
}

impl Window<'_> {
    /// `length` bytes from `offset` on; fewer at the end of the file.
    fn get(&mut self, offset: u64, length: usize, read_ahead: usize) -> Result<&[u8], VolumeError> {
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + length as u64 > end {
            self.bytes.clear();
            self.start = offset;
            let read = self.file.read_at(offset, length.max(read_ahead), &mut self.bytes);
            read.map_err(VolumeError::disk("scanning a segment"))?;
        }
        let from = (offset - self.start) as usize;
        let to = (from + length).min(self.bytes.len());
        Ok(&self.bytes[from..to])
    }
}

/// A record with everything that belongs to it, checked.
#[derive(Debug)]
pub struct WholeRecord {
    /// The record's bytes, from its head to its padding.
    pub bytes: Vec<u8>,
    pub table: BlockTable,
    pub root: ChunkRoot,
}

impl WholeRecord {
    pub fn payload<'a>(&'a self, header: &RecordHeader) -> &'a [u8] {
        &self.bytes[header.layout.payload_offset() as usize..header.tail_offset() as usize]
    }
}

/// Reads a record as a whole; `None` when any part of it is damaged.
pub fn read_whole(file: &dyn DiskFile, header: &RecordHeader) -> Result<Option<WholeRecord>, VolumeError> {
    let mut bytes = Vec::new();
    let length = header.record_length() as usize;
    let read = file.read_at(header.offset, length, &mut bytes).map_err(VolumeError::disk("reading a record"))?;
    if read < length || RecordHeader::decode(&bytes) != Some(*header) {
        return Ok(None);
    }
    let Some((table, root)) = decode_tail(header, &bytes[header.tail_offset() as usize..]) else { return Ok(None) };
    let record = WholeRecord { bytes, table, root };
    Ok(payload_is_intact(&record.table, record.payload(header)).then_some(record))
}

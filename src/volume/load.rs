//! What one segment file holds, found by a scan. The rules are explained at the head of `recovery.rs`.

use super::{
    VolumeError,
    disk::DiskFile,
    format::{RecordHeader, RecordKind},
    index::Place,
    scan::{Scanned, Scanner, read_whole},
    segment_header::{SEGMENT_HEADER_LENGTH, SegmentHeader, SegmentState},
    switch::Switch,
};
use crate::types::ChunkKey;

/// A record, as far as recovery needs it: of millions of them each byte counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub key: ChunkKey,
    pub kind: RecordKind,
    pub sequence: u64,
    pub place: Place,
}

/// A mark, and the generation that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundMark {
    pub place: Place,
    pub kind: RecordKind,
    pub target: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentContents {
    /// In the order of their offsets.
    pub found: Vec<Found>,
    pub marks: Vec<FoundMark>,
    pub switches: Vec<(Place, Switch)>,
    /// Where the records end.
    pub end: u64,
    /// Bytes behind the end that were written but never acknowledged.
    pub torn_bytes: u64,
    /// Where damaged records, durable once, begin.
    pub corrupt: Vec<u64>,
    /// From here on nothing proves that the records are durable.
    pub unproven_from: u64,
}

impl SegmentContents {
    pub fn note(&mut self, header: &RecordHeader, number: u32) {
        let place = Place::new(number, header.offset, header.record_length());
        self.found.push(Found { key: header.key, kind: header.kind, sequence: header.sequence, place });
        if header.kind.is_mark() {
            self.marks.push(FoundMark { place, kind: header.kind, target: header.target });
        }
    }

    pub fn highest_sequence(&self) -> u64 {
        self.found.iter().map(|found| found.sequence).max().unwrap_or(0)
    }

    /// Drops everything from `end` on.
    fn cut(&mut self, end: u64) {
        self.found.retain(|found| found.place.offset() < end);
        self.marks.retain(|mark| mark.place.offset() < end);
        self.switches.retain(|(place, _)| place.offset() < end);
        self.end = end;
    }
}

/// Scans a segment file.
pub fn scan_segment(file: &dyn DiskFile, number: u32, header: &SegmentHeader) -> Result<SegmentContents, VolumeError> {
    match header.state {
        SegmentState::Open => scan_open(file, number, header),
        _ => scan_sealed(file, number, header),
    }
}

/// Every gap is damage: the records end where the head says.
fn scan_sealed(file: &dyn DiskFile, number: u32, header: &SegmentHeader) -> Result<SegmentContents, VolumeError> {
    let end = header.sealed_length;
    let mut contents = SegmentContents { end, unproven_from: end, ..SegmentContents::default() };
    let mut scanner = Scanner::new(file, header.class, header.generation, SEGMENT_HEADER_LENGTH, header.sealed_length);
    while let Some(scanned) = scanner.next()? {
        match scanned {
            Scanned::Record(record) => contents.note(&record, number),
            Scanned::Gap { from, .. } => contents.corrupt.push(from),
        }
    }
    note_switches(file, header, &mut contents)?;
    Ok(contents)
}

/// A gap below the highest `synced_to` is damage; the first one at or above it is where the records end.
fn scan_open(file: &dyn DiskFile, number: u32, header: &SegmentHeader) -> Result<SegmentContents, VolumeError> {
    let length = file.status().map_err(VolumeError::disk("asking for a segment's size"))?.length;
    let limit = length.min(header.capacity);
    let mut contents = SegmentContents { end: SEGMENT_HEADER_LENGTH, ..SegmentContents::default() };
    let (mut gaps, mut synced_to, mut written_to) = (Vec::new(), SEGMENT_HEADER_LENGTH, SEGMENT_HEADER_LENGTH);
    let mut unproven: Vec<RecordHeader> = Vec::new();
    let mut scanner = Scanner::new(file, header.class, header.generation, SEGMENT_HEADER_LENGTH, limit);
    while let Some(scanned) = scanner.next()? {
        match scanned {
            Scanned::Record(record) => {
                contents.note(&record, number);
                synced_to = synced_to.max(record.synced_to);
                written_to = record.end();
                unproven.retain(|earlier| earlier.offset >= synced_to);
                unproven.push(record);
            }
            Scanned::Gap { from, .. } => gaps.push(from),
        }
    }
    let cut = gaps.iter().copied().find(|from| *from >= synced_to).unwrap_or(written_to);
    let cut = first_damaged(file, &unproven, synced_to, cut)?.unwrap_or(cut);
    contents.corrupt = gaps.into_iter().filter(|from| *from < synced_to).collect();
    contents.torn_bytes = written_to.saturating_sub(cut);
    contents.unproven_from = synced_to;
    contents.cut(cut);
    note_switches(file, header, &mut contents)?;
    Ok(contents)
}

/// Of the records that nothing proves durable, the first whose payload didn't arrive whole.
fn first_damaged(
    file: &dyn DiskFile,
    unproven: &[RecordHeader],
    synced_to: u64,
    cut: u64,
) -> Result<Option<u64>, VolumeError> {
    for record in unproven.iter().filter(|record| (synced_to..cut).contains(&record.offset)) {
        if read_whole(file, record)?.is_none() {
            return Ok(Some(record.offset));
        }
    }
    Ok(None)
}

/// Reads the payloads of the switch records among what was found. There are few: one for each compaction.
pub fn note_switches(
    file: &dyn DiskFile,
    header: &SegmentHeader,
    contents: &mut SegmentContents,
) -> Result<(), VolumeError> {
    for found in contents.found.iter().filter(|found| found.kind == RecordKind::Switch) {
        let mut bytes = Vec::new();
        let read = file.read_at(found.place.offset(), found.place.record_length() as usize, &mut bytes);
        read.map_err(VolumeError::disk("reading a switch record"))?;
        let record = RecordHeader::decode(&bytes).filter(|record| {
            record.lies_at(header.generation, found.place.offset()) && record.kind == RecordKind::Switch
        });
        let whole = match record {
            Some(record) => read_whole(file, &record)?.map(|whole| Switch::decode(whole.payload(&record))),
            None => None,
        };
        match whole.flatten() {
            Some(switch) => contents.switches.push((found.place, switch)),
            None => contents.corrupt.push(found.place.offset()),
        }
    }
    Ok(())
}

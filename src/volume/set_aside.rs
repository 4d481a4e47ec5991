//! Which damaged records of a closed volume matter. A record stays where it is when it is found damaged: a mark, a drop or the
//! right chunk written again says that it does not count any more, and compaction removes it one day. Whoever looks at the
//! volume from outside must not take it for a loss.
//!
//! Whose a damaged record is says its head, if the damage lies behind it; the segment's hint; or the head with one bit turned, if
//! its checksum is right then. Of the rest nobody knows: it counts as damage.

use super::{
    VolumeError,
    disk::DiskFile,
    format::{HEADER_LENGTH, RecordHeader, RecordKind},
    load::{Found, SegmentContents},
    segment_header::SegmentHeader,
};
use crate::types::ChunkKey;
use serde::Serialize;
use std::{collections::HashMap, ops::Range};

/// What took the place of a damaged record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Successor {
    /// The right chunk was written again.
    Replaced,
    /// The chunk was dropped: nobody wants it any more.
    Dropped,
    /// The damage is known, and the gateway is told of it as long as the chunk is wanted.
    Quarantined,
}

/// A damaged record, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged {
    pub offset: u64,
    pub chunk: Option<ChunkKey>,
    /// `None`: nothing took its place.
    pub successor: Option<Successor>,
}

/// Of each key the record that counts.
pub struct Newest(HashMap<ChunkKey, (u64, RecordKind)>);

impl Newest {
    pub fn of(counting: impl Iterator<Item = Found>) -> Self {
        Self(counting.map(|found| (found.key, (found.sequence, found.kind))).collect())
    }

    fn successor(&self, record: Identified) -> Option<Successor> {
        let (sequence, kind) = *self.0.get(&record.key)?;
        let is_newer = sequence > record.sequence || (sequence == record.sequence && kind.is_mark());
        match kind {
            _ if !is_newer => None,
            RecordKind::Chunk => Some(Successor::Replaced),
            RecordKind::Tombstone => Some(Successor::Dropped),
            RecordKind::Quarantine => Some(Successor::Quarantined),
            RecordKind::Switch => None,
        }
    }
}

/// A segment with damage, and what its hint says, if there is one that fits.
pub struct DamagedSegment<'a> {
    pub file: &'a dyn DiskFile,
    pub header: &'a SegmentHeader,
    pub contents: &'a SegmentContents,
    pub hint: Option<&'a SegmentContents>,
}

/// Whose a damaged record is, and where it ends.
#[derive(Clone, Copy)]
struct Identified {
    key: ChunkKey,
    kind: RecordKind,
    sequence: u64,
    end: u64,
}

impl DamagedSegment<'_> {
    /// The records in the segment's gaps.
    pub fn records(&self, newest: &Newest) -> Result<Vec<Damaged>, VolumeError> {
        let mut records = Vec::new();
        for from in &self.contents.corrupt {
            let behind = self.contents.found.iter().map(|found| found.place.offset()).find(|offset| offset > from);
            self.look_into(*from..behind.unwrap_or(self.contents.end), newest, &mut records)?;
        }
        Ok(records)
    }

    fn look_into(&self, gap: Range<u64>, newest: &Newest, records: &mut Vec<Damaged>) -> Result<(), VolumeError> {
        let mut offset = gap.start;
        while offset < gap.end {
            let identified = self.identify(offset)?.filter(|record| (offset + 1..=gap.end).contains(&record.end));
            let Some(record) = identified else {
                records.push(Damaged { offset, chunk: None, successor: None });
                return Ok(());
            };
            let chunk = (record.kind != RecordKind::Switch).then_some(record.key);
            records.push(Damaged { offset, chunk, successor: newest.successor(record) });
            offset = record.end;
        }
        Ok(())
    }

    fn identify(&self, offset: u64) -> Result<Option<Identified>, VolumeError> {
        let listed = self.hint.and_then(|hint| hint.found.iter().find(|found| found.place.offset() == offset));
        if let Some(Found { key, kind, sequence, place }) = listed.copied() {
            return Ok(Some(Identified { key, kind, sequence, end: offset + place.record_length() }));
        }
        let mut bytes = Vec::new();
        let read = self.file.read_at(offset, HEADER_LENGTH, &mut bytes);
        read.map_err(VolumeError::disk("reading a record's head"))?;
        let header = RecordHeader::decode(&bytes).or_else(|| RecordHeader::decode_with_one_bit_turned(&bytes));
        let header = header.filter(|header| header.lies_at(self.header.generation, offset));
        Ok(header.map(|header| {
            let (end, RecordHeader { key, kind, sequence, .. }) = (header.end(), header);
            Identified { key, kind, sequence, end }
        }))
    }
}

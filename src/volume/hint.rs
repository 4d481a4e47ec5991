//! Hint files: what a sealed segment holds, so that opening the volume need not scan it. Format version 1.
//!
//! | field | bytes | |
//! | --- | --- | --- |
//! | magic `LaRh`, version | 4, 4 | |
//! | generation | 8 | of another use of the file: the hint is ignored |
//! | sealed length | 8 | differs from the segment's: ignored |
//! | count | 8 | |
//! | entries | 56 each | blob 16, index 4, kind 4, sequence 8, offset 8, record length 8, target 8 |
//! | CRC32C | 4 | over everything before it |
//!
//! Anything wrong with a hint means a scan. Hints are written when the segment is sealed and never changed: whatever
//! happens to its records later is said by records elsewhere.

use super::{
    Disk, VolumeError,
    durable_file::{NameSync, read_file, replace_file},
    format::RecordKind,
    index::Place,
    load::{Found, FoundMark, SegmentContents},
    segment_files::hint_name,
    segment_header::{SEGMENT_HEADER_LENGTH, SegmentHeader},
};
use crate::types::{BlobId, ChunkKey, crc32c};
use std::path::Path;

const MAGIC: [u8; 4] = *b"LaRh";
pub const HINT_FORMAT: u32 = 1;
const HEAD_LENGTH: usize = 32;
const ENTRY_LENGTH: usize = 56;
/// A 4 GiB segment of the smallest records: more is no hint of ours.
const FILE_LENGTH_MAX: u64 = (4 << 30) / 512 * ENTRY_LENGTH as u64 + 64;

/// Writes the hint of a sealed segment. It may be lost in a crash, which costs a scan.
pub fn write_hint(
    disk: &dyn Disk,
    directory: &Path,
    number: u32,
    generation: u64,
    contents: &SegmentContents,
) -> Result<(), VolumeError> {
    replace_file(disk, directory, &hint_name(number), &encode(generation, contents), NameSync::Later)
}

/// What the hint says, if there is one and everything about it is right.
pub fn read_hint(
    disk: &dyn Disk,
    directory: &Path,
    number: u32,
    header: &SegmentHeader,
) -> Result<Option<SegmentContents>, VolumeError> {
    match read_file(disk, &directory.join(hint_name(number)), FILE_LENGTH_MAX) {
        Ok(bytes) => Ok(bytes.and_then(|bytes| decode(&bytes, number, header))),
        Err(VolumeError::Corrupt(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn encode(generation: u64, contents: &SegmentContents) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_LENGTH + contents.found.len() * ENTRY_LENGTH + 4);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&HINT_FORMAT.to_le_bytes());
    for word in [generation, contents.end, contents.found.len() as u64] {
        bytes.extend_from_slice(&word.to_le_bytes());
    }
    let mut marks = contents.marks.iter().peekable();
    for found in &contents.found {
        // Both lists are in the order of offsets.
        let target = marks.next_if(|mark| mark.place == found.place).map_or(0, |mark| mark.target);
        bytes.extend_from_slice(found.key.blob.as_bytes());
        bytes.extend_from_slice(&found.key.index.to_le_bytes());
        bytes.extend_from_slice(&(found.kind as u32).to_le_bytes());
        for word in [found.sequence, found.place.offset(), found.place.record_length(), target] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
    }
    let crc = crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8], number: u32, header: &SegmentHeader) -> Option<SegmentContents> {
    let (checked, crc) = bytes.split_last_chunk::<4>()?;
    let (head, entries) = checked.split_first_chunk::<HEAD_LENGTH>()?;
    if head[..4] != MAGIC || head[4..8] != HINT_FORMAT.to_le_bytes() || u32::from_le_bytes(*crc) != crc32c(checked) {
        return None;
    }
    let words: [u64; 3] = std::array::from_fn(|i| word_at(head, 8 + i * 8));
    let (entries, rest) = entries.as_chunks::<ENTRY_LENGTH>();
    let [generation, end, count] = words;
    if generation != header.generation || end != header.sealed_length || count != entries.len() as u64 {
        return None;
    }
    let mut contents = SegmentContents { end, unproven_from: end, ..SegmentContents::default() };
    for entry in entries {
        let (found, target) = decode_entry(entry, number, end)?;
        contents.found.push(found);
        if found.kind.is_mark() {
            contents.marks.push(FoundMark { place: found.place, kind: found.kind, target });
        }
    }
    rest.is_empty().then_some(contents)
}

fn decode_entry(entry: &[u8; ENTRY_LENGTH], number: u32, end: u64) -> Option<(Found, u64)> {
    let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| entry[at + i]));
    let key = ChunkKey { blob: BlobId::from_slice(&entry[..16]).ok()?, index: u32_at(16) };
    let kind = [RecordKind::Chunk, RecordKind::Tombstone, RecordKind::Quarantine, RecordKind::Switch]
        .into_iter()
        .find(|kind| *kind as u32 == u32_at(20))?;
    let (sequence, offset, length, target) =
        (word_at(entry, 24), word_at(entry, 32), word_at(entry, 40), word_at(entry, 48));
    let fits = offset >= SEGMENT_HEADER_LENGTH && offset.checked_add(length)? <= end;
    let aligned = offset.is_multiple_of(512) && length.is_multiple_of(512) && length / 512 <= 0xFFFF;
    (fits && aligned).then(|| (Found { key, kind, sequence, place: Place::new(number, offset, length) }, target))
}

fn word_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        types::VolumeId,
        volume::segment_header::{SegmentClass, SegmentState},
    };
    use proptest::prelude::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            volume: VolumeId::from_bytes([0x11; 16]),
            class: SegmentClass::Small,
            state: SegmentState::Sealed,
            generation: 77,
            capacity: 1 << 20,
            sealed_length: 8192 + 1024,
        }
    }

    fn contents() -> SegmentContents {
        let found = |index, kind, sequence, offset| Found {
            key: ChunkKey { blob: BlobId::from_bytes([9; 16]), index },
            kind,
            sequence,
            place: Place::new(5, offset, 512),
        };
        let mark = FoundMark { place: Place::new(5, 8704, 512), kind: RecordKind::Tombstone, target: 42 };
        SegmentContents {
            found: vec![found(1, RecordKind::Chunk, 10, 8192), found(2, RecordKind::Tombstone, 11, 8704)],
            marks: vec![mark],
            end: 8192 + 1024,
            unproven_from: 8192 + 1024,
            ..SegmentContents::default()
        }
    }

    #[test]
    fn hints_are_as_the_golden_file_has_them() {
        let golden = include_bytes!("../../tests/golden/hint-v1.bin");
        assert!(encode(77, &contents()) == golden, "format 1 changed: make it format 2");
        assert_eq!(decode(golden, 5, &header()), Some(contents()));
    }

    #[test]
    fn a_hint_of_another_use_or_length_is_ignored() {
        let bytes = encode(77, &contents());
        assert_eq!(decode(&bytes, 5, &SegmentHeader { generation: 78, ..header() }), None);
        assert_eq!(decode(&bytes, 5, &SegmentHeader { sealed_length: 8192, ..header() }), None);
    }

    proptest! {
        #[test]
        fn a_damaged_hint_is_ignored(at in 0_usize..148 * 8, cut in 0_usize..148) {
            let mut bytes = encode(77, &contents());
            prop_assert_eq!(bytes.len(), 148);
            prop_assert_eq!(decode(&bytes[..cut], 5, &header()), None);
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert_eq!(decode(&bytes, 5, &header()), None);
        }

        #[test]
        fn random_bytes_are_never_a_hint(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            prop_assert_eq!(decode(&bytes, 5, &header()), None);
        }
    }
}

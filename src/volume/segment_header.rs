//! The head of a segment file: which use of the file this is, and what state it is in. Format version 1.
//!
//! | field | at | |
//! | --- | --- | --- |
//! | magic `LaRs` | 0 | |
//! | format version | 4 | u16 |
//! | class, state | 6, 7 | u8 each |
//! | generation | 8 | u64: number of this use of the file |
//! | capacity | 16 | u64: length in bytes that records may fill, this head included |
//! | sealed length | 24 | u64: where the records end; 0 while the segment is open |
//! | volume id | 32 | a file that strayed here from another volume is refused |
//! | reserved | 48 | zero |
//! | CRC32C | 60 | over the 60 bytes before it |
//!
//! Two copies are written together, in blocks of their own (at 0 and 4096), so that a damaged block loses no segment. After a
//! crash they may differ: then the copy with the later use, or of one use the later state, counts. Seeing the later
//! state although it was not yet durable does no harm: it is written only when everything it depends on is durable.
//!
//! A generation is a counter in the upper 32 bits, so that later uses are greater, and 32 random bits below it. Recycled
//! space holds bytes that clients chose; who can't guess the generation can't plant a record there that a later use
//! of the file would take for its own.

use super::format::Layout;
use crate::types::{VolumeId, crc32c};
use std::cmp::Reverse;

pub const SEGMENT_FORMAT: u16 = 1;
/// Both copies: records begin here.
pub const SEGMENT_HEADER_LENGTH: u64 = 8192;
const COPY_LENGTH: usize = 64;
const COPY_OFFSETS: [usize; 2] = [0, 4096];
const MAGIC: [u8; 4] = *b"LaRs";

/// What kind of records a segment takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentClass {
    /// Packed records: small chunks, and every mark and switch.
    Small = 1,
    /// Aligned records: big chunks.
    Big = 2,
}

impl SegmentClass {
    /// How its records lie.
    pub const fn layout(self) -> Layout {
        match self {
            Self::Small => Layout::Packed,
            Self::Big => Layout::Aligned,
        }
    }
}

/// The life of one use of a file: open, sealed, free; or output, sealed, free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SegmentState {
    Open = 1,
    /// Being filled by compaction: its records don't exist until a switch names the segment.
    Output = 2,
    /// Never written again; records end at the sealed length.
    Sealed = 3,
    /// Nothing in it counts: the file may be used again or removed.
    Free = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    pub volume: VolumeId,
    pub class: SegmentClass,
    pub state: SegmentState,
    pub generation: u64,
    pub capacity: u64,
    pub sealed_length: u64,
}

impl SegmentHeader {
    /// Both copies, as they stand at the start of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut copy = [0; COPY_LENGTH];
        copy[0..4].copy_from_slice(&MAGIC);
        copy[4..6].copy_from_slice(&SEGMENT_FORMAT.to_le_bytes());
        copy[6] = self.class as u8;
        copy[7] = self.state as u8;
        copy[8..16].copy_from_slice(&self.generation.to_le_bytes());
        copy[16..24].copy_from_slice(&self.capacity.to_le_bytes());
        copy[24..32].copy_from_slice(&self.sealed_length.to_le_bytes());
        copy[32..48].copy_from_slice(self.volume.as_bytes());
        let crc = crc32c(&copy[..60]);
        copy[60..].copy_from_slice(&crc.to_le_bytes());
        let mut bytes = vec![0; SEGMENT_HEADER_LENGTH as usize];
        for offset in COPY_OFFSETS {
            bytes[offset..offset + COPY_LENGTH].copy_from_slice(&copy);
        }
        bytes
    }

    /// What the start of a file says; `None` when neither copy is whole.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let copies = COPY_OFFSETS.iter().filter_map(|offset| Self::decode_copy(bytes.get(*offset..)?));
        copies.min_by_key(|header| Reverse((header.generation, header.state)))
    }

    fn decode_copy(bytes: &[u8]) -> Option<Self> {
        let copy: &[u8; COPY_LENGTH] = bytes.first_chunk()?;
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| copy[at + i]));
        let crc = u32::from_le_bytes(std::array::from_fn(|i| copy[60 + i]));
        let version = u16::from_le_bytes([copy[4], copy[5]]);
        if copy[0..4] != MAGIC || crc != crc32c(&copy[..60]) || version != SEGMENT_FORMAT || copy[48..60] != [0; 12] {
            return None;
        }
        let header = Self {
            volume: VolumeId::from_slice(&copy[32..48]).ok()?,
            class: [SegmentClass::Small, SegmentClass::Big].into_iter().find(|class| *class as u8 == copy[6])?,
            state: [SegmentState::Open, SegmentState::Output, SegmentState::Sealed, SegmentState::Free]
                .into_iter()
                .find(|state| *state as u8 == copy[7])?,
            generation: word(8),
            capacity: word(16),
            sealed_length: word(24),
        };
        Some(header)
    }
}

/// Makes the generation that follows the highest that the volume has used.
pub fn next_generation(highest: u64, random: u64) -> u64 {
    (((highest >> 32) + 1) << 32) | (random & 0xFFFF_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> SegmentHeader {
        SegmentHeader {
            volume: VolumeId::from_bytes([0x11; 16]),
            class: SegmentClass::Small,
            state: SegmentState::Sealed,
            generation: 0x0000_0005_1234_5678,
            capacity: 16 << 20,
            sealed_length: 12 << 20,
        }
    }

    #[test]
    fn segment_heads_are_as_the_golden_file_has_them() {
        let golden = include_bytes!("../../tests/golden/segment-header-v1.bin");
        assert!(header().encode() == golden, "format 1 changed: make it format 2");
        assert_eq!(SegmentHeader::decode(golden), Some(header()));
    }

    #[test]
    fn one_damaged_copy_loses_nothing_and_the_later_state_counts() {
        let (old, new) = (header(), SegmentHeader { state: SegmentState::Free, ..header() });
        let mut mixed = old.encode();
        mixed[..4096].copy_from_slice(&new.encode()[..4096]);
        assert_eq!(SegmentHeader::decode(&mixed), Some(new));
        mixed[9] ^= 1;
        assert_eq!(SegmentHeader::decode(&mixed), Some(old));
        let reused = SegmentHeader { state: SegmentState::Open, generation: next_generation(old.generation, 7), ..old };
        mixed[..4096].copy_from_slice(&reused.encode()[..4096]);
        assert_eq!(SegmentHeader::decode(&mixed), Some(reused));
    }

    #[test]
    fn generations_grow_whatever_is_drawn() {
        let first = next_generation(0, u64::MAX);
        assert!(next_generation(first, 0) > first);
    }

    proptest! {
        #[test]
        fn random_bytes_are_never_a_segment_head(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            prop_assert_eq!(SegmentHeader::decode(&bytes), None);
        }
    }
}

//! Records on disk, format version 1: the one place that encodes and decodes them.
//!
//! A record is one chunk, or a mark about one, or a switch of compaction. All integers are little-endian.
//!
//! | part | bytes | |
//! | --- | --- | --- |
//! | header | 96 | see below |
//! | gap | 0 or 4000 | zeros, so that an aligned record's payload begins on a block |
//! | payload | `length` | the chunk's bytes |
//! | block table | 4 a block | CRC32C of each 64 KiB of payload |
//! | trailer | 40 | magic `LaRe` (4), root (32), CRC32C (4) over header, table, and the trailer before it |
//! | padding | to the unit | zeros; unit 512 (packed) or 4096 (aligned) |
//!
//! | header | at | |
//! | --- | --- | --- |
//! | magic `LaRc` | 0 | what a scan looks for first, at the start of each sector |
//! | format version | 4 | u16: decides how to read on, so it precedes everything that may change |
//! | kind, layout | 6, 7 | u8 each |
//! | length | 8 | u32: with the layout it gives the record's length, so a scan can step over what it doesn't understand |
//! | chunk index, blob id | 12, 16 | the key: a read that was misdirected is refused by it |
//! | group, term | 32, 40 | u64: whom the chunk belongs to and under whose reign it came |
//! | sequence | 48 | u64: of two records of one key the higher counts |
//! | generation, own offset | 56, 64 | u64: a record that lies elsewhere than it says doesn't exist |
//! | synced_to | 72 | u64: how far its segment was durable when it was written (recovery.rs) |
//! | target | 80 | u64: of a mark: generation of the segment that holds what it is about; else 0 |
//! | reserved | 88 | zero |
//! | CRC32C | 92 | over the 92 bytes before it |
//!
//! The header fits one sector and the disk writes sectors whole, so a header is there or not. It stands before the payload
//! because a scan steps from header to header; table and trailer stand behind it because big payloads are written while
//! nothing behind them matters yet: a trailer that fits says that the writer got there. The table lies away from the
//! payload that it covers, so that one misdirected write can't replace both.
//!
//! The gap lets a payload be written, read and punched in whole blocks of the file system.

use super::CHUNK_LENGTH_MAX;
use crate::types::{BLOCK_LENGTH, BlobId, BlockTable, ChunkKey, ChunkRoot, GroupId, Term, crc32c};

/// Version of records that this code writes; older ones it reads as well, once there are any.
pub const RECORD_FORMAT: u16 = 1;
pub const HEADER_LENGTH: usize = 96;
const HEADER_CHECKED: usize = HEADER_LENGTH - 4;
pub const TRAILER_LENGTH: usize = 40;
const MAGIC: [u8; 4] = *b"LaRc";
const TRAILER_MAGIC: [u8; 4] = *b"LaRe";
const ENTRY_LENGTH: usize = 4;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordKind {
    Chunk = 1,
    /// The chunk of this key was dropped: records with its sequence or a lower one don't count.
    Tombstone = 2,
    /// The chunk of this key was found damaged: records with its sequence or a lower one don't count.
    Quarantine = 3,
    /// Compaction gives up some segments for another (switch.rs).
    Switch = 4,
}

impl RecordKind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Chunk, Self::Tombstone, Self::Quarantine, Self::Switch].into_iter().find(|kind| *kind as u8 == byte)
    }

    /// Whether the record only says that older ones of its key don't count.
    pub fn is_mark(self) -> bool {
        matches!(self, Self::Tombstone | Self::Quarantine)
    }
}

/// How a record lies in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Payload right behind the header, records on sectors.
    Packed = 0,
    /// Payload and record on blocks of 4 KiB.
    Aligned = 1,
}

impl Layout {
    /// Records begin and end at multiples of this many bytes.
    pub const fn unit(self) -> u64 {
        match self {
            Self::Packed => 512,
            Self::Aligned => 4096,
        }
    }

    /// Where the payload begins, from the record's start.
    pub const fn payload_offset(self) -> u64 {
        match self {
            Self::Packed => HEADER_LENGTH as u64,
            Self::Aligned => 4096,
        }
    }

    /// Length in bytes of a record with so much payload, padding included.
    pub const fn record_length(self, payload: u32) -> u64 {
        (self.payload_offset() + payload as u64 + tail_length(payload) as u64).next_multiple_of(self.unit())
    }
}

/// Length in bytes of table and trailer.
pub const fn tail_length(payload: u32) -> usize {
    payload.div_ceil(BLOCK_LENGTH) as usize * ENTRY_LENGTH + TRAILER_LENGTH
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    pub kind: RecordKind,
    pub layout: Layout,
    /// Length of the payload in bytes.
    pub length: u32,
    pub key: ChunkKey,
    pub group: GroupId,
    pub term: Term,
    pub sequence: u64,
    pub generation: u64,
    pub offset: u64,
    pub synced_to: u64,
    pub target: u64,
}

impl RecordHeader {
    /// Length in bytes of the whole record.
    pub fn record_length(&self) -> u64 {
        self.layout.record_length(self.length)
    }

    /// Where the record ends in its segment.
    pub fn end(&self) -> u64 {
        self.offset + self.record_length()
    }

    /// Where table and trailer begin, from the record's start.
    pub fn tail_offset(&self) -> u64 {
        self.layout.payload_offset() + u64::from(self.length)
    }

    pub fn encode(&self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&RECORD_FORMAT.to_le_bytes());
        bytes[6] = self.kind as u8;
        bytes[7] = self.layout as u8;
        bytes[8..12].copy_from_slice(&self.length.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.key.index.to_le_bytes());
        bytes[16..32].copy_from_slice(self.key.blob.as_bytes());
        let words =
            [self.group.0, self.term.0, self.sequence, self.generation, self.offset, self.synced_to, self.target];
        for (place, word) in bytes[32..88].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32c(&bytes[..HEADER_CHECKED]);
        bytes[HEADER_CHECKED..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header that begins at `bytes`, if it is whole and of a version that we know. Where the record lies is for the
    /// caller to compare: see `lies_at`.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_LENGTH] = bytes.first_chunk()?;
        // The magic first: it turns down nearly everything that is no header, at no cost.
        if bytes[0..4] != MAGIC || u32_at(bytes, HEADER_CHECKED) != crc32c(&bytes[..HEADER_CHECKED]) {
            return None;
        }
        if u16::from_le_bytes([bytes[4], bytes[5]]) != RECORD_FORMAT || bytes[88..92] != [0; 4] {
            return None;
        }
        let layout = match bytes[7] {
            0 => Layout::Packed,
            1 => Layout::Aligned,
            _ => return None,
        };
        let blob = BlobId::from_slice(&bytes[16..32]).ok()?;
        let header = Self {
            kind: RecordKind::from_byte(bytes[6])?,
            layout,
            length: u32_at(bytes, 8),
            key: ChunkKey { blob, index: u32_at(bytes, 12) },
            group: GroupId(u64_at(bytes, 32)),
            term: Term(u64_at(bytes, 40)),
            sequence: u64_at(bytes, 48),
            generation: u64_at(bytes, 56),
            offset: u64_at(bytes, 64),
            synced_to: u64_at(bytes, 72),
            target: u64_at(bytes, 80),
        };
        header.is_plausible().then_some(header)
    }

    /// The header that these bytes were before one of their bits flipped. The checksum tells all heads apart that differ in a
    /// few bits.
    pub fn decode_with_one_bit_turned(bytes: &[u8]) -> Option<Self> {
        let mut bytes: [u8; HEADER_LENGTH] = *bytes.first_chunk()?;
        for bit in 0..HEADER_LENGTH * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Some(header) = Self::decode(&bytes) {
                return Some(header);
            }
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        None
    }

    fn is_plausible(&self) -> bool {
        self.length <= CHUNK_LENGTH_MAX
            && (!self.kind.is_mark() || (self.length == 0 && self.layout == Layout::Packed))
            && self.offset.is_multiple_of(self.layout.unit())
    }

    /// Whether the record belongs where it was found: old bytes in recycled space look valid otherwise.
    pub fn lies_at(&self, generation: u64, offset: u64) -> bool {
        self.generation == generation && self.offset == offset
    }
}

/// Appends table and trailer to `out`. `header` is the encoded header of the same record.
pub fn encode_tail(header: &[u8; HEADER_LENGTH], table: &BlockTable, root: &ChunkRoot, out: &mut Vec<u8>) {
    let start = out.len();
    for crc in table.checksums() {
        out.extend_from_slice(&crc.to_le_bytes());
    }
    out.extend_from_slice(&TRAILER_MAGIC);
    out.extend_from_slice(root.as_bytes());
    let crc = tail_checksum(header, &out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Table and root behind the payload of `header`'s record, if they are whole and belong to this very header.
pub fn decode_tail(header: &RecordHeader, bytes: &[u8]) -> Option<(BlockTable, ChunkRoot)> {
    let bytes = bytes.get(..tail_length(header.length))?;
    let (checked, crc) = bytes.split_last_chunk::<4>()?;
    if tail_checksum(&header.encode(), checked) != u32::from_le_bytes(*crc) {
        return None;
    }
    let (rest, root) = checked.split_last_chunk::<{ ChunkRoot::LENGTH }>()?;
    let (table, magic) = rest.split_last_chunk::<4>()?;
    (*magic == TRAILER_MAGIC).then_some((BlockTable::from_bytes(table)?, ChunkRoot::from_bytes(*root)))
}

fn tail_checksum(header: &[u8; HEADER_LENGTH], table_and_trailer: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(header);
    digest.update(table_and_trailer);
    digest.finalize() as u32
}

/// Whether `payload` is what `table` was made of.
pub fn payload_is_intact(table: &BlockTable, payload: &[u8]) -> bool {
    payload.chunks(BLOCK_LENGTH as usize).enumerate().all(|(index, block)| table.block_is_intact(index, block))
}

fn u32_at(bytes: &[u8; HEADER_LENGTH], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8; HEADER_LENGTH], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(kind: RecordKind, layout: Layout, length: u32) -> RecordHeader {
        RecordHeader {
            kind,
            layout,
            length,
            key: ChunkKey { blob: BlobId::from_bytes([0xAB; 16]), index: 7 },
            group: GroupId(3),
            term: Term(11),
            sequence: 1234,
            generation: 0x0000_0002_DEAD_BEEF,
            offset: 8192,
            synced_to: 8192,
            target: if kind.is_mark() { 99 } else { 0 },
        }
    }

    fn record(header: RecordHeader, payload: &[u8]) -> Vec<u8> {
        let table = BlockTable::new(payload.chunks(BLOCK_LENGTH as usize).map(crc32c).collect());
        let root = table.root(header.key, header.length);
        let encoded = header.encode();
        let mut bytes = encoded.to_vec();
        bytes.resize(header.layout.payload_offset() as usize, 0);
        bytes.extend_from_slice(payload);
        encode_tail(&encoded, &table, &root, &mut bytes);
        bytes.resize(header.record_length() as usize, 0);
        bytes
    }

    /// A packed chunk, a tombstone and an aligned chunk, as version 1 has written them ever since.
    fn golden() -> Vec<u8> {
        let chunk = record(header(RecordKind::Chunk, Layout::Packed, 11), b"hello world");
        let tombstone = record(header(RecordKind::Tombstone, Layout::Packed, 0), b"");
        let aligned = record(header(RecordKind::Chunk, Layout::Aligned, 3), b"big");
        [chunk, tombstone, aligned].concat()
    }

    #[test]
    fn records_are_written_as_the_golden_file_has_them() {
        assert!(golden() == include_bytes!("../../tests/golden/record-v1.bin"), "format 1 changed: make it format 2");
    }

    #[test]
    fn records_of_the_golden_file_are_read() {
        let bytes = include_bytes!("../../tests/golden/record-v1.bin");
        let first = RecordHeader::decode(bytes).unwrap();
        assert_eq!(first, header(RecordKind::Chunk, Layout::Packed, 11));
        let (table, root) = decode_tail(&first, &bytes[first.tail_offset() as usize..]).unwrap();
        assert_eq!(root, table.root(first.key, 11));
        assert!(payload_is_intact(&table, b"hello world") && !payload_is_intact(&table, b"hello worle"));
        let second = RecordHeader::decode(&bytes[512..]).unwrap();
        assert_eq!(second, header(RecordKind::Tombstone, Layout::Packed, 0));
        let third = RecordHeader::decode(&bytes[1024..]).unwrap();
        assert_eq!(third, header(RecordKind::Chunk, Layout::Aligned, 3));
        assert_eq!(bytes.len() as u64, 1024 + third.record_length());
    }

    proptest! {
        #[test]
        fn headers_and_tails_survive_the_round_trip(
            index: u32, group: u64, term: u64, sequence: u64, generation: u64, place in 0_u64..1 << 40,
            blob: [u8; 16], payload in proptest::collection::vec(any::<u8>(), 0..2000), aligned: bool,
        ) {
            let layout = if aligned { Layout::Aligned } else { Layout::Packed };
            let header = RecordHeader {
                kind: RecordKind::Chunk, layout, length: payload.len() as u32,
                key: ChunkKey { blob: BlobId::from_bytes(blob), index }, group: GroupId(group), term: Term(term),
                sequence, generation, offset: place * layout.unit(), synced_to: place, target: 0,
            };
            let bytes = record(header, &payload);
            prop_assert_eq!(bytes.len() as u64 % layout.unit(), 0);
            prop_assert_eq!(RecordHeader::decode(&bytes), Some(header));
            let (table, root) = decode_tail(&header, &bytes[header.tail_offset() as usize..]).unwrap();
            prop_assert_eq!(root, table.root(header.key, header.length));
            prop_assert!(payload_is_intact(&table, &payload));
        }

        #[test]
        fn random_bytes_are_never_a_header(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), magic: bool) {
            if magic && bytes.len() >= 6 {
                bytes[..4].copy_from_slice(&MAGIC);
                bytes[4..6].copy_from_slice(&RECORD_FORMAT.to_le_bytes());
            }
            prop_assert_eq!(RecordHeader::decode(&bytes), None);
        }

        #[test]
        fn one_flipped_bit_is_always_noticed(at in 0_usize..512 * 8) {
            let mut bytes = record(header(RecordKind::Chunk, Layout::Packed, 300), &[5; 300]);
            let padding = 96 + 300 + tail_length(300);
            prop_assume!(at / 8 < padding);
            bytes[at / 8] ^= 1 << (at % 8);
            let intact = RecordHeader::decode(&bytes).is_some_and(|header| {
                decode_tail(&header, &bytes[header.tail_offset() as usize..])
                    .is_some_and(|(table, _)| payload_is_intact(&table, &bytes[96..396]))
            });
            prop_assert!(!intact);
        }
    }
}

//! Reading chunks. A read answers whole blocks and the chunk's table, verified as far as the record's own heads go: key,
//! place, and trailer. The blocks themselves are checked against the table by whoever asked, who alone knows the root.
//!
//! A record may be dropped or moved while it is read. So the index is asked again afterwards: if it still names the same
//! place in the same use of the file, what was read was that record.

use super::{
    VolumeError,
    catalog::{Catalog, Located, Lookup, Wait},
    format::{RecordHeader, decode_tail, tail_length},
    index::Place,
};
use crate::types::{BLOCK_LENGTH, BlockTable, ChunkKey, ChunkRoot, ChunkSlice};
use bytes::Bytes;

/// A read whose record is moved so many times while it runs is given up.
const READ_ATTEMPTS: usize = 4;

/// A run of blocks of one chunk.
#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    pub first: u32,
    /// Past the chunk's end is cut there; 0 asks for the table alone.
    pub count: u32,
}

impl Blocks {
    pub const ALL: Self = Self { first: 0, count: u32::MAX };

    /// The bytes of the payload that the blocks are.
    fn byte_range(self, length: u32) -> (u64, u64) {
        let block = u64::from(BLOCK_LENGTH);
        let start = (u64::from(self.first) * block).min(u64::from(length));
        let end = (start + u64::from(self.count) * block).min(u64::from(length));
        (start, end)
    }
}

/// `None`: `wait` is `Never` and not everything is in memory.
pub fn read(catalog: &Catalog, key: ChunkKey, blocks: Blocks, wait: Wait) -> Result<Option<ChunkSlice>, VolumeError> {
    read_with_place(catalog, key, blocks, wait)?.map_or(Ok(None), |(_, read)| read)
}

/// From where, and what was read there.
type PlacedRead = (Place, Result<Option<ChunkSlice>, VolumeError>);

/// `None`: not even the record's head is in memory.
fn read_with_place(
    catalog: &Catalog,
    key: ChunkKey,
    blocks: Blocks,
    wait: Wait,
) -> Result<Option<PlacedRead>, VolumeError> {
    let hash = catalog.index.hash(key);
    for _ in 0..READ_ATTEMPTS {
        let located = match catalog.look_up(key, wait)? {
            Lookup::Found(located) => located,
            Lookup::Absent => return Err(VolumeError::NotFound),
            Lookup::WouldBlock => return Ok(None),
        };
        let (place, generation) = (located.place, located.segment.generation);
        let slice = read_located(located, blocks, wait);
        let stayed = catalog.index.holds(hash, place)
            && catalog.segment(place.segment()).is_some_and(|segment| segment.generation == generation);
        if stayed {
            return Ok(Some((place, slice)));
        }
    }
    Err(VolumeError::Busy)
}

fn read_located(located: Located, blocks: Blocks, wait: Wait) -> Result<Option<ChunkSlice>, VolumeError> {
    let header = located.header.ok_or(VolumeError::Corrupt("its head is damaged"))?;
    if located.bytes.len() as u64 == header.record_length() {
        return slice_of_whole(&header, Bytes::from(located.bytes), blocks).map(Some);
    }
    let (start, end) = blocks.byte_range(header.length);
    let payload_start = header.offset + header.layout.payload_offset();
    let tail_length = tail_length(header.length);
    // Blocks up to the chunk's end are followed by table and trailer: one read.
    if end == u64::from(header.length) && end > start {
        let length = (end - start) as usize + tail_length;
        let Some(mut bytes) = read_exactly(&located, payload_start + start, length, wait)? else { return Ok(None) };
        let table = table_of(&header, &bytes[(end - start) as usize..])?;
        bytes.truncate((end - start) as usize);
        return Ok(Some(slice(&header, table, start, Bytes::from(bytes))));
    }
    let tail_offset = header.offset + header.tail_offset();
    let Some(tail) = read_exactly(&located, tail_offset, tail_length, wait)? else { return Ok(None) };
    let table = table_of(&header, &tail)?;
    let Some(bytes) = read_exactly(&located, payload_start + start, (end - start) as usize, wait)? else {
        return Ok(None);
    };
    Ok(Some(slice(&header, table, start, Bytes::from(bytes))))
}

fn slice_of_whole(header: &RecordHeader, record: Bytes, blocks: Blocks) -> Result<ChunkSlice, VolumeError> {
    let table = table_of(header, &record[header.tail_offset() as usize..])?;
    let (start, end) = blocks.byte_range(header.length);
    let payload = header.layout.payload_offset();
    let bytes = record.slice((payload + start) as usize..(payload + end) as usize);
    Ok(slice(header, table, start, bytes))
}

fn slice(header: &RecordHeader, table: BlockTable, start: u64, bytes: Bytes) -> ChunkSlice {
    let first_block = start.div_ceil(u64::from(BLOCK_LENGTH)) as u32;
    ChunkSlice { chunk_length: header.length, table, first_block, bytes }
}

fn table_of(header: &RecordHeader, tail: &[u8]) -> Result<BlockTable, VolumeError> {
    let (table, _) = decode_tail(header, tail).ok_or(VolumeError::Corrupt("its table or trailer is damaged"))?;
    Ok(table)
}

fn read_exactly(located: &Located, offset: u64, length: usize, wait: Wait) -> Result<Option<Vec<u8>>, VolumeError> {
    let reading = VolumeError::disk("reading a chunk");
    let mut bytes = Vec::new();
    if length == 0 {
        return Ok(Some(bytes));
    }
    let file = &located.segment.file;
    let read = match wait {
        Wait::ForTheDisk => file.read_at(offset, length, &mut bytes).map_err(reading)?,
        Wait::Never => match file.read_cached_at(offset, length, &mut bytes).map_err(reading)? {
            Some(read) => read,
            None => return Ok(None),
        },
    };
    match read == length {
        true => Ok(Some(bytes)),
        false => Err(VolumeError::Corrupt("its segment ends before it")),
    }
}

/// What a chunk's record turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The one that the root proves.
    Right,
    /// It does not fit its own checksums.
    Damaged(Place),
    /// It fits its own checksums, and another root: somebody is wrong about it, and it may be whoever named the root.
    Other(Place),
}

/// Reads all of the chunk and holds it against the root.
pub fn compare(catalog: &Catalog, key: ChunkKey, root: ChunkRoot) -> Result<Likeness, VolumeError> {
    match read_with_place(catalog, key, Blocks::ALL, Wait::ForTheDisk)? {
        Some((_, Ok(Some(slice)))) if slice.is_intact(key, &root) => Ok(Likeness::Right),
        Some((place, Ok(Some(slice)))) if slice.is_intact(key, &slice.table.root(key, slice.chunk_length)) => {
            Ok(Likeness::Other(place))
        }
        Some((place, Ok(_) | Err(VolumeError::Corrupt(_)))) => Ok(Likeness::Damaged(place)),
        Some((_, Err(error))) => Err(error),
        None => Err(DID_NOT_WAIT),
    }
}

/// Where the chunk's record lies, if its head, table or trailer is damaged.
pub fn damaged_record(catalog: &Catalog, key: ChunkKey) -> Result<Option<Place>, VolumeError> {
    match read_with_place(catalog, key, Blocks { first: 0, count: 0 }, Wait::ForTheDisk) {
        Ok(Some((_, Ok(_)))) | Err(VolumeError::NotFound) => Ok(None),
        Ok(Some((place, Err(VolumeError::Corrupt(_))))) => Ok(Some(place)),
        Ok(Some((_, Err(error)))) | Err(error) => Err(error),
        Ok(None) => Err(DID_NOT_WAIT),
    }
}

const DID_NOT_WAIT: VolumeError = VolumeError::Corrupt("a waiting read did not wait");

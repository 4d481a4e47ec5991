//! What stands before the bytes of several small chunks that are put together, little-endian. For each chunk: blob (16
//! bytes), index (4), id of the client's request that it is written for (16 digits, or zeros), length of its head (4), its
//! head (`chunk_head`). The chunks' bytes follow in the same order.

use super::chunk_head::PutHead;
use crate::{
    node::api::PutChunk,
    types::{BlobId, ChunkKey, RequestId},
};

/// The longest chunk that is put together with others: from here on the bytes cost more than their exchange.
pub const BATCHED_CHUNK_LENGTH_MAX: u32 = 64 << 10;

/// The most chunks of one batch.
pub const BATCH_CHUNKS_MAX: usize = 64;

/// The most bytes of chunks in one batch.
pub const BATCH_LENGTH_MAX: u32 = 1 << 20;

const NO_REQUEST: [u8; RequestId::LENGTH] = [0; RequestId::LENGTH];

/// One chunk of a batch, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchEntry {
    pub key: ChunkKey,
    pub request: Option<RequestId>,
    pub head: PutHead,
}

pub fn encode<'a>(puts: impl IntoIterator<Item = (&'a PutChunk, Option<RequestId>)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (put, request) in puts {
        let head = PutHead::encode(put.group, put.root, &put.data);
        bytes.extend_from_slice(put.key.blob.as_bytes());
        bytes.extend_from_slice(&put.key.index.to_le_bytes());
        bytes.extend_from_slice(&request.map_or(NO_REQUEST, |request| *request.as_bytes()));
        bytes.extend_from_slice(&(head.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&head);
    }
    bytes
}

/// `None` when the bytes are no such heads, or more or longer chunks than may be put together.
pub fn decode(mut bytes: &[u8]) -> Option<Vec<BatchEntry>> {
    let (mut entries, mut length) = (Vec::new(), 0);
    while !bytes.is_empty() {
        let (entry, rest) = decode_entry(bytes)?;
        length += entry.head.length;
        if entry.head.length > BATCHED_CHUNK_LENGTH_MAX
            || length > BATCH_LENGTH_MAX
            || entries.len() == BATCH_CHUNKS_MAX
        {
            return None;
        }
        entries.push(entry);
        bytes = rest;
    }
    (!entries.is_empty()).then_some(entries)
}

fn decode_entry(bytes: &[u8]) -> Option<(BatchEntry, &[u8])> {
    let (blob, bytes) = bytes.split_first_chunk()?;
    let (index, bytes) = bytes.split_first_chunk()?;
    let (request, bytes) = bytes.split_first_chunk()?;
    let (length, bytes) = bytes.split_first_chunk()?;
    let (head, rest) = bytes.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let key = ChunkKey { blob: BlobId::from_bytes(*blob), index: u32::from_le_bytes(*index) };
    let request = match *request == NO_REQUEST {
        true => None,
        false => Some(RequestId::from_bytes(*request).ok()?),
    };
    Some((BatchEntry { key, request, head: PutHead::decode(head)? }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BlockTable, ChunkData, ChunkRoot, GroupId, Term};
    use proptest::prelude::*;

    fn put(length: u32, number: u64) -> PutChunk {
        let checksums = (0..BlockTable::block_count(length) as u32).collect();
        PutChunk {
            term: Term(1),
            group: GroupId(number),
            key: ChunkKey { blob: BlobId::from_bytes([number as u8; 16]), index: number as u32 },
            data: ChunkData { pieces: Vec::new(), length, table: BlockTable::new(checksums) },
            root: ChunkRoot::from_bytes([number as u8; 32]),
        }
    }

    fn encode_all(puts: &[PutChunk]) -> Vec<u8> {
        let request = |put: &PutChunk| (put.group.0.is_multiple_of(2)).then(|| RequestId::from_number(put.group.0));
        encode(puts.iter().map(|put| (put, request(put))))
    }

    proptest! {
        #[test]
        fn batches_decode_to_what_was_encoded(lengths in proptest::collection::vec(1..=16_384_u32, 1..=BATCH_CHUNKS_MAX)) {
            let puts: Vec<PutChunk> = lengths.iter().zip(1..).map(|(length, number)| put(*length, number)).collect();
            let mut bytes = encode_all(&puts);
            let entries = decode(&bytes).unwrap();
            prop_assert_eq!(entries.len(), puts.len());
            for (entry, put) in entries.iter().zip(&puts) {
                let head = PutHead { group: put.group, length: put.data.length, root: put.root, table: put.data.table.clone() };
                prop_assert_eq!((entry.key, &entry.head), (put.key, &head));
                prop_assert_eq!(entry.request, (put.group.0.is_multiple_of(2)).then(|| RequestId::from_number(put.group.0)));
            }
            bytes.pop();
            prop_assert_eq!(decode(&bytes), None);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            decode(&bytes);
        }
    }

    #[test]
    fn a_batch_of_nothing_or_of_too_much_is_none() {
        let puts = |lengths: &[u32]| lengths.iter().map(|length| put(*length, 1)).collect::<Vec<_>>();
        let decodes = |lengths: &[u32]| decode(&encode_all(&puts(lengths))).is_some();
        assert!(!decodes(&[]));
        assert!(decodes(&[1; BATCH_CHUNKS_MAX]) && !decodes(&[1; BATCH_CHUNKS_MAX + 1]));
        assert!(decodes(&[BATCHED_CHUNK_LENGTH_MAX]) && !decodes(&[BATCHED_CHUNK_LENGTH_MAX + 1]));
        let full = [BATCHED_CHUNK_LENGTH_MAX; (BATCH_LENGTH_MAX / BATCHED_CHUNK_LENGTH_MAX) as usize];
        assert!(decodes(&full) && !decodes(&[&full[..], &[1]].concat()));
    }
}

//! Runs of chunks on the wire: 24 bytes each, blob (16), index of the first chunk (4), number of chunks (4), little-endian. A
//! node that has started is asked about all that it should hold, so these are no JSON.

use crate::{node::api::ChunkRun, types::BlobId};

const RUN_LENGTH: usize = 24;

pub fn encode(runs: &[ChunkRun]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(runs.len() * RUN_LENGTH);
    for run in runs {
        bytes.extend_from_slice(run.blob.as_bytes());
        bytes.extend_from_slice(&run.first.to_le_bytes());
        bytes.extend_from_slice(&run.count.to_le_bytes());
    }
    bytes
}

/// `None` when the bytes are no whole runs.
pub fn decode(bytes: &[u8]) -> Option<Vec<ChunkRun>> {
    let (runs, rest) = bytes.as_chunks::<RUN_LENGTH>();
    rest.is_empty().then(|| runs.iter().map(decode_run).collect())
}

fn decode_run(bytes: &[u8; RUN_LENGTH]) -> ChunkRun {
    let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    let blob = BlobId::from_bytes(std::array::from_fn(|i| bytes[i]));
    ChunkRun { blob, first: u32_at(16), count: u32_at(20) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn runs_decode_to_what_was_encoded(runs in proptest::collection::vec(any::<([u8; 16], u32, u32)>(), 0..20)) {
            let run = |(blob, first, count)| ChunkRun { blob: BlobId::from_bytes(blob), first, count };
            let runs: Vec<ChunkRun> = runs.into_iter().map(run).collect();
            let mut bytes = encode(&runs);
            prop_assert_eq!(decode(&bytes), Some(runs));
            bytes.push(0);
            prop_assert_eq!(decode(&bytes), None);
        }
    }
}

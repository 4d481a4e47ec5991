//! A running hash of blocks (`block_hash.rs`) that can be fed alone or side by side with others of its kind, slice by
//! slice as it comes.

use super::block_hash::{BLOCK_BYTES, BlockHash, SIDE_BY_SIDE_MAX, States};
use bytes::Bytes;
use std::{array, marker::PhantomData, slice};

pub struct BlockStream<H, const WORDS: usize> {
    state: [u32; WORDS],
    /// The begun block: its first `length % 64` bytes.
    tail: [u8; BLOCK_BYTES],
    /// Bytes taken in.
    length: u64,
    hash: PhantomData<H>,
}

impl<H: BlockHash<WORDS>, const WORDS: usize> BlockStream<H, WORDS> {
    pub fn new() -> Self {
        Self { state: H::STATE_AT_START, tail: [0; BLOCK_BYTES], length: 0, hash: PhantomData }
    }

    fn tail_length(&self) -> usize {
        (self.length % BLOCK_BYTES as u64) as usize
    }

    /// Takes in what belongs to the begun block. What is left begins at a block's edge.
    fn complete_block<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let begun = self.tail_length();
        if begun == 0 {
            return bytes;
        }
        let (first, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - begun));
        self.begin_block(first);
        if self.tail_length() == 0 {
            H::add_blocks(&mut self.state, &[self.tail]);
        }
        rest
    }

    /// Keeps bytes, which don't reach beyond the end of the begun block.
    fn begin_block(&mut self, bytes: &[u8]) {
        let begun = self.tail_length();
        self.tail[begun..begun + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len() as u64;
    }

    pub fn update(&mut self, bytes: &[u8]) {
        let (blocks, rest) = self.complete_block(bytes).as_chunks();
        H::add_blocks(&mut self.state, blocks);
        self.length += blocks.as_flattened().len() as u64;
        self.begin_block(rest);
    }

    /// A bit, zeros up to 8 bytes before a block's end, and the length in bits.
    pub fn finish(mut self) -> Vec<u8> {
        let length = H::length_bytes(self.length.wrapping_mul(8));
        let mut padding = [0; BLOCK_BYTES];
        padding[0] = 0x80;
        let padding_length = BLOCK_BYTES - (self.tail_length() + length.len()) % BLOCK_BYTES;
        self.update(&padding[..padding_length]);
        self.update(&length);
        self.state.into_iter().flat_map(H::word_bytes).collect()
    }
}

/// A stream and what it is to take in.
pub struct Feed<'a, H, const WORDS: usize> {
    stream: &'a mut BlockStream<H, WORDS>,
    /// Begins at a block's edge once `seek_blocks` has been here.
    bytes: &'a [u8],
    pieces: slice::Iter<'a, Bytes>,
}

impl<'a, H: BlockHash<WORDS>, const WORDS: usize> Feed<'a, H, WORDS> {
    pub fn new(stream: &'a mut BlockStream<H, WORDS>, pieces: &'a [Bytes]) -> Self {
        Self { stream, bytes: &[], pieces: pieces.iter() }
    }

    /// Takes in what is less than a block, until a whole block is ahead. Says whether there is one.
    fn seek_blocks(&mut self) -> bool {
        loop {
            self.bytes = self.stream.complete_block(self.bytes);
            if self.bytes.len() >= BLOCK_BYTES {
                return true;
            }
            self.stream.begin_block(self.bytes);
            let Some(piece) = self.pieces.next() else { return false };
            self.bytes = piece;
        }
    }

    fn take_in_alone(&mut self) {
        self.stream.update(self.bytes);
        self.pieces.by_ref().for_each(|piece| self.stream.update(piece));
    }
}

/// Every stream takes in all that it is fed: in step as far as the shortest piece goes, then again. The last one that has
/// something left goes on alone.
pub fn update_side_by_side<H: BlockHash<WORDS>, const WORDS: usize>(mut feeds: Vec<Feed<'_, H, WORDS>>) {
    loop {
        feeds.retain_mut(Feed::seek_blocks);
        match feeds.as_mut_slice() {
            [] => return,
            [last] => return last.take_in_alone(),
            few @ ([_, _] | [_, _, _] | [_, _, _, _]) => step_together::<H, WORDS, 4>(few),
            many => {
                let count = many.len().min(SIDE_BY_SIDE_MAX);
                step_together::<H, WORDS, SIDE_BY_SIDE_MAX>(&mut many[..count]);
            }
        }
    }
}

/// The whole blocks that all of the feeds have ahead. Lanes to spare repeat the last feed, and what they make is not used.
fn step_together<H: BlockHash<WORDS>, const WORDS: usize, const LANES: usize>(feeds: &mut [Feed<'_, H, WORDS>]) {
    let blocks = feeds.iter().map(|feed| feed.bytes.len() / BLOCK_BYTES).min().unwrap_or(0);
    let length = blocks * BLOCK_BYTES;
    let feed_of = |lane: usize| &feeds[lane.min(feeds.len() - 1)];
    let mut states: States<WORDS, LANES> =
        array::from_fn(|word| array::from_fn(|lane| feed_of(lane).stream.state[word]));
    let inputs: [&[u8]; LANES] = array::from_fn(|lane| &feed_of(lane).bytes[..length]);
    H::add_blocks_side_by_side(&mut states, &inputs);
    for (lane, feed) in feeds.iter_mut().enumerate() {
        feed.stream.state = states.map(|word| word[lane]);
        feed.stream.length += length as u64;
        feed.bytes = &feed.bytes[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{md5_blocks::Md5Blocks, sha256_blocks::Sha256Blocks},
        *,
    };
    use md5::{Digest, Md5};
    use proptest::prelude::*;
    use sha2::Sha256;

    fn assert_right<H: BlockHash<WORDS>, D: Digest, const WORDS: usize>(stream: BlockStream<H, WORDS>, whole: &[u8]) {
        assert_eq!(stream.finish(), D::digest(whole).to_vec(), "{} bytes", whole.len());
    }

    fn assert_padded_right<H: BlockHash<WORDS>, D: Digest, const WORDS: usize>() {
        for length in 0..=3 * BLOCK_BYTES {
            let whole: Vec<u8> = (0..length).map(|i| (i * 31 % 251) as u8).collect();
            let mut stream = BlockStream::<H, WORDS>::new();
            stream.update(&whole);
            assert_right::<H, D, WORDS>(stream, &whole);
        }
    }

    #[test]
    fn every_length_up_to_three_blocks_is_padded_right() {
        assert_padded_right::<Md5Blocks, Md5, 4>();
        assert_padded_right::<Sha256Blocks, Sha256, 8>();
    }

    #[test]
    fn nothing_fed_side_by_side_changes_nothing() {
        let mut streams = [BlockStream::<Md5Blocks, 4>::new(), BlockStream::new()];
        update_side_by_side(streams.iter_mut().map(|stream| Feed::new(stream, &[])).collect());
        streams.into_iter().for_each(|stream| assert_right::<Md5Blocks, Md5, 4>(stream, b""));
    }

    type Pieces = Vec<Bytes>;

    /// Shorter and longer than a block, and whole blocks.
    fn pieces() -> impl Strategy<Value = Pieces> {
        let length = prop_oneof![0..200_usize, 0..4000_usize, (0..20_usize).prop_map(|blocks| blocks * BLOCK_BYTES)];
        let piece = (length, any::<u8>()).prop_map(|(length, seed)| {
            (0..length).map(|i| (i as u8).wrapping_mul(29).wrapping_add(seed)).collect::<Bytes>()
        });
        proptest::collection::vec(piece, 0..6)
    }

    /// What each of some streams is fed in company, round after round.
    fn rounds() -> impl Strategy<Value = Vec<Vec<Pieces>>> {
        proptest::collection::vec(proptest::collection::vec(pieces(), 0..=SIDE_BY_SIDE_MAX + 3), 1..4)
    }

    /// Each stream begins alone, goes on beside a changing number of others, and ends alone.
    fn assert_company_changes_nothing<H: BlockHash<WORDS>, D: Digest, const WORDS: usize>(
        rounds: &[Vec<Pieces>],
        alone: &Pieces,
    ) {
        let count = rounds.iter().map(Vec::len).max().unwrap_or(0);
        let mut streams: Vec<_> = (0..count).map(|_| (BlockStream::<H, WORDS>::new(), Vec::new())).collect();
        for round in rounds {
            let fed = streams.iter_mut().zip(round).map(|((stream, whole), pieces)| {
                whole.extend(pieces.concat());
                Feed::new(stream, pieces)
            });
            update_side_by_side(fed.collect());
            for (stream, whole) in &mut streams {
                alone.iter().for_each(|piece| stream.update(piece));
                whole.extend(alone.concat());
            }
        }
        for (stream, whole) in streams {
            assert_right::<H, D, WORDS>(stream, &whole);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_md5s_in_any_company_hash_as_alone(rounds in rounds(), alone in pieces()) {
            assert_company_changes_nothing::<Md5Blocks, Md5, 4>(&rounds, &alone);
        }

        #[test]
        fn any_sha256s_in_any_company_hash_as_alone(rounds in rounds(), alone in pieces()) {
            assert_company_changes_nothing::<Sha256Blocks, Sha256, 8>(&rounds, &alone);
        }
    }
}

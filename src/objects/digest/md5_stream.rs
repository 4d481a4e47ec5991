//! A running MD5 that can be fed alone or side by side with others, slice by slice as it comes. Alone it costs what the
//! md-5 crate costs, whose compression function it uses.

use super::md5_blocks::{BLOCK_BYTES, States, add_blocks};
use bytes::Bytes;
use md5::block_api::compress;
use std::{array, slice};

/// Most streams that gain from going together. Sixteen took as long as twice eight where vectors have eight lanes.
pub const SIDE_BY_SIDE_MAX: usize = 8;

const STATE_AT_START: [u32; 4] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

pub struct Md5Stream {
    state: [u32; 4],
    /// The begun block: its first `length % 64` bytes.
    tail: [u8; BLOCK_BYTES],
    /// Bytes taken in.
    length: u64,
}

impl Md5Stream {
    pub fn new() -> Self {
        Self { state: STATE_AT_START, tail: [0; BLOCK_BYTES], length: 0 }
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
            compress(&mut self.state, &[self.tail]);
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
        compress(&mut self.state, blocks);
        self.length += blocks.as_flattened().len() as u64;
        self.begin_block(rest);
    }

    /// A bit, zeros up to 8 bytes before a block's end, and the length in bits.
    pub fn finish(mut self) -> [u8; 16] {
        let bit_length = self.length.wrapping_mul(8);
        let mut padding = [0; BLOCK_BYTES];
        padding[0] = 0x80;
        let padding_length = BLOCK_BYTES - (self.tail_length() + size_of_val(&bit_length)) % BLOCK_BYTES;
        self.update(&padding[..padding_length]);
        self.update(&bit_length.to_le_bytes());
        let mut value = [0; 16];
        value.as_chunks_mut().0.iter_mut().zip(self.state).for_each(|(bytes, word)| *bytes = word.to_le_bytes());
        value
    }
}

/// A stream and what it is to take in.
pub struct Feed<'a> {
    stream: &'a mut Md5Stream,
    /// Begins at a block's edge once `seek_blocks` has been here.
    bytes: &'a [u8],
    pieces: slice::Iter<'a, Bytes>,
}

impl<'a> Feed<'a> {
    pub fn new(stream: &'a mut Md5Stream, pieces: &'a [Bytes]) -> Self {
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
pub fn update_side_by_side(mut feeds: Vec<Feed<'_>>) {
    loop {
        feeds.retain_mut(Feed::seek_blocks);
        match feeds.as_mut_slice() {
            [] => return,
            [last] => return last.take_in_alone(),
            few @ ([_, _] | [_, _, _] | [_, _, _, _]) => step_together::<4>(few),
            many => {
                let count = many.len().min(SIDE_BY_SIDE_MAX);
                step_together::<SIDE_BY_SIDE_MAX>(&mut many[..count]);
            }
        }
    }
}

/// The whole blocks that all of the feeds have ahead. Lanes to spare repeat the last feed, and what they make is not used.
fn step_together<const LANES: usize>(feeds: &mut [Feed<'_>]) {
    let blocks = feeds.iter().map(|feed| feed.bytes.len() / BLOCK_BYTES).min().unwrap_or(0);
    let length = blocks * BLOCK_BYTES;
    let feed_of = |lane: usize| &feeds[lane.min(feeds.len() - 1)];
    let mut states: States<LANES> = array::from_fn(|word| array::from_fn(|lane| feed_of(lane).stream.state[word]));
    let inputs: [&[u8]; LANES] = array::from_fn(|lane| &feed_of(lane).bytes[..length]);
    add_blocks(&mut states, &inputs);
    for (lane, feed) in feeds.iter_mut().enumerate() {
        feed.stream.state = states.map(|word| word[lane]);
        feed.stream.length += length as u64;
        feed.bytes = &feed.bytes[length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use md5::{Digest, Md5};
    use proptest::prelude::*;

    fn assert_right(stream: Md5Stream, whole: &[u8]) {
        assert_eq!(stream.finish(), <[u8; 16]>::from(Md5::digest(whole)), "{} bytes", whole.len());
    }

    #[test]
    fn every_length_up_to_three_blocks_is_padded_right() {
        for length in 0..=3 * BLOCK_BYTES {
            let whole: Vec<u8> = (0..length).map(|i| (i * 31 % 251) as u8).collect();
            let mut stream = Md5Stream::new();
            stream.update(&whole);
            assert_right(stream, &whole);
        }
    }

    #[test]
    fn nothing_fed_side_by_side_changes_nothing() {
        let mut streams = [Md5Stream::new(), Md5Stream::new()];
        update_side_by_side(streams.iter_mut().map(|stream| Feed::new(stream, &[])).collect());
        streams.into_iter().for_each(|stream| assert_right(stream, b""));
    }

    /// Pieces of which each is as long as one of these says: shorter and longer than a block, and whole blocks.
    fn pieces() -> impl Strategy<Value = Vec<Bytes>> {
        let length = prop_oneof![0..200_usize, 0..4000_usize, (0..20_usize).prop_map(|blocks| blocks * BLOCK_BYTES)];
        let piece = (length, any::<u8>()).prop_map(|(length, seed)| {
            (0..length).map(|i| (i as u8).wrapping_mul(29).wrapping_add(seed)).collect::<Bytes>()
        });
        proptest::collection::vec(piece, 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Each stream begins alone, goes on beside a changing number of others, and ends alone.
        #[test]
        fn any_streams_in_any_company_hash_as_alone(
            rounds in proptest::collection::vec(proptest::collection::vec(pieces(), 0..=SIDE_BY_SIDE_MAX + 3), 1..4),
            alone in pieces(),
        ) {
            let count = rounds.iter().map(Vec::len).max().unwrap_or(0);
            let mut streams: Vec<_> = (0..count).map(|_| (Md5Stream::new(), Vec::new())).collect();
            for round in &rounds {
                let fed = streams.iter_mut().zip(round);
                update_side_by_side(fed.map(|((stream, whole), pieces)| {
                    whole.extend(pieces.concat());
                    Feed::new(stream, pieces)
                }).collect());
                for (stream, whole) in &mut streams {
                    alone.iter().for_each(|piece| stream.update(piece));
                    whole.extend(alone.concat());
                }
            }
            for (stream, whole) in streams {
                assert_right(stream, &whole);
            }
        }
    }
}

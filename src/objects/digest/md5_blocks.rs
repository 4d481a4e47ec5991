//! MD5's compression function (RFC 1321) over several streams side by side. Each step of MD5 waits for the one before, so
//! that one stream leaves most of a processor idle: four cost no more time than one, eight little more.
//!
//! Plain code over one lane; the compiler makes a vector of the lanes, and `multiversion` chooses at run time among
//! what it made for this processor. A single stream is hashed by the md-5 crate, which is as fast as anything.

use super::block_hash::{BLOCK_BYTES, BlockHash, States};
use md5::block_api::compress;
use multiversion::multiversion;

/// Sixteen words of a block of each lane.
type Words<const LANES: usize> = [[u32; LANES]; 16];

/// The sines of 1 to 64, as RFC 1321 has them.
#[rustfmt::skip]
const SINES: [u32; 64] = [
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
];

/// What differs between the four rounds beside their function: rotations of four steps in turn, the word of the first
/// step, and how many words further the next one is.
const ROTATIONS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
const FIRST_WORD: [usize; 4] = [0, 1, 5, 0];
const WORD_STRIDE: [usize; 4] = [1, 5, 3, 7];

pub struct Md5Blocks;

impl BlockHash<4> for Md5Blocks {
    const STATE_AT_START: [u32; 4] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

    fn add_blocks(state: &mut [u32; 4], blocks: &[[u8; BLOCK_BYTES]]) {
        compress(state, blocks);
    }

    fn add_blocks_side_by_side<const LANES: usize>(states: &mut States<4, LANES>, inputs: &[&[u8]; LANES]) {
        add_blocks(states, inputs);
    }

    fn word_bytes(word: u32) -> [u8; 4] {
        word.to_le_bytes()
    }

    fn length_bytes(bits: u64) -> [u8; 8] {
        bits.to_le_bytes()
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx2+bmi2", "x86_64+avx2+bmi2"))]
fn add_blocks<const LANES: usize>(states: &mut States<4, LANES>, inputs: &[&[u8]; LANES]) {
    add_blocks_here(states, inputs);
}

// What follows is inlined into each version of `add_blocks`, or it would be compiled for the oldest processor.

#[inline(always)]
fn add_blocks_here<const LANES: usize>(states: &mut States<4, LANES>, inputs: &[&[u8]; LANES]) {
    let block_count = inputs.iter().map(|input| input.len() / BLOCK_BYTES).min().unwrap_or(0);
    for block in 0..block_count {
        add_block(states, &words_at(inputs, block * BLOCK_BYTES));
    }
}

#[inline(always)]
fn words_at<const LANES: usize>(inputs: &[&[u8]; LANES], offset: usize) -> Words<LANES> {
    let mut words = [[0; LANES]; 16];
    for lane in 0..LANES {
        let block = &inputs[lane][offset..offset + BLOCK_BYTES];
        for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
            word[lane] = u32::from_le_bytes(*bytes);
        }
    }
    words
}

/// The loop over lanes is outside of the steps: so the compiler turns the body, whatever it holds, into vectors.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "the lane is an index into every word of the state and of the input")]
fn add_block<const LANES: usize>(states: &mut States<4, LANES>, words: &Words<LANES>) {
    for lane in 0..LANES {
        let before = [states[0][lane], states[1][lane], states[2][lane], states[3][lane]];
        let after = round::<0, LANES>(before, words, lane);
        let after = round::<1, LANES>(after, words, lane);
        let after = round::<2, LANES>(after, words, lane);
        let after = round::<3, LANES>(after, words, lane);
        states[0][lane] = before[0].wrapping_add(after[0]);
        states[1][lane] = before[1].wrapping_add(after[1]);
        states[2][lane] = before[2].wrapping_add(after[2]);
        states[3][lane] = before[3].wrapping_add(after[3]);
    }
}

#[inline(always)]
fn round<const ROUND: usize, const LANES: usize>(
    [mut a, mut b, mut c, mut d]: [u32; 4],
    words: &Words<LANES>,
    lane: usize,
) -> [u32; 4] {
    let added = |step: usize| {
        let word = words[(FIRST_WORD[ROUND] + WORD_STRIDE[ROUND] * step) % 16][lane];
        word.wrapping_add(SINES[ROUND * 16 + step])
    };
    let rotations = ROTATIONS[ROUND];
    let mut step = 0;
    while step < 16 {
        a = mixed::<ROUND>([a, b, c, d], added(step), rotations[0]);
        d = mixed::<ROUND>([d, a, b, c], added(step + 1), rotations[1]);
        c = mixed::<ROUND>([c, d, a, b], added(step + 2), rotations[2]);
        b = mixed::<ROUND>([b, c, d, a], added(step + 3), rotations[3]);
        step += 4;
    }
    [a, b, c, d]
}

/// One step. `b` is the word that the step before made; everything that can be done without it comes first. The second
/// function's halves have no bit in common, so they may be added one by one.
#[inline(always)]
fn mixed<const ROUND: usize>([a, b, c, d]: [u32; 4], added: u32, rotation: u32) -> u32 {
    let sum = a.wrapping_add(added);
    let sum = match ROUND {
        0 => sum.wrapping_add(d ^ (b & (c ^ d))),
        1 => sum.wrapping_add(c & !d).wrapping_add(b & d),
        2 => sum.wrapping_add(b ^ (c ^ d)),
        _ => sum.wrapping_add(c ^ (b | !d)),
    };
    sum.rotate_left(rotation).wrapping_add(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// By `add_blocks` as it is for this processor and for any, and by the crate, one lane after the other.
    fn assert_right<const LANES: usize>(states: [[u32; 4]; LANES], inputs: &[Vec<u8>; LANES]) {
        let mut together: States<4, LANES> = std::array::from_fn(|word| states.map(|state| state[word]));
        let mut on_any_processor = together;
        let inputs = inputs.each_ref().map(Vec::as_slice);
        add_blocks(&mut together, &inputs);
        add_blocks_here(&mut on_any_processor, &inputs);
        assert_eq!(together, on_any_processor);
        let block_count = inputs.iter().map(|input| input.len() / BLOCK_BYTES).min().unwrap();
        for lane in 0..LANES {
            let mut expected = states[lane];
            compress(&mut expected, &inputs[lane].as_chunks().0[..block_count]);
            assert_eq!(together.map(|word| word[lane]), expected, "lane {lane}");
        }
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..5 * BLOCK_BYTES)
    }

    proptest! {
        #[test]
        fn each_lane_of_four_is_what_it_is_alone(states: [[u32; 4]; 4], inputs in proptest::array::uniform4(bytes())) {
            assert_right(states, &inputs);
        }

        #[test]
        fn each_lane_of_eight_is_what_it_is_alone(states: [[u32; 4]; 8], inputs in proptest::array::uniform8(bytes())) {
            assert_right(states, &inputs);
        }
    }
}

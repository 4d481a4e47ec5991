//! SHA-256's compression function (FIPS 180-4) over one stream or several side by side, for processors that have wide
//! vectors but no SHA instructions.
//!
//! What the rounds of a block add, its message schedule, depends on no other block: so the schedules of `COLUMNS` blocks
//! are made at once, whether they are of one stream or of several. The rounds themselves need the state that the block
//! before has left: there only streams go side by side. One stream takes the time of good assembly that way, and each of
//! four takes half of it.
//!
//! Plain code over one column or lane; the compiler makes a vector of them, and `multiversion` chooses at run time among
//! what it made for this processor.

use super::block_hash::{BLOCK_BYTES, BlockHash, States};
use multiversion::multiversion;

/// Blocks whose schedules are made at once.
const COLUMNS: usize = 8;

const ROUNDS: usize = 64;

/// What the rounds add, constants included. The blocks of a stream are `LANES` columns apart.
type Schedule = [[u32; COLUMNS]; ROUNDS];

/// Fractional parts of the cube roots of the first 64 primes, as FIPS 180-4 has them.
#[rustfmt::skip]
const CONSTANTS: [u32; ROUNDS] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

pub struct Sha256Blocks;

impl BlockHash<8> for Sha256Blocks {
    const STATE_AT_START: [u32; 8] =
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    fn add_blocks(state: &mut [u32; 8], blocks: &[[u8; BLOCK_BYTES]]) {
        let mut states = state.map(|word| [word]);
        add_blocks(&mut states, &[blocks.as_flattened()]);
        *state = states.map(|[word]| word);
    }

    fn add_blocks_side_by_side<const LANES: usize>(states: &mut States<8, LANES>, inputs: &[&[u8]; LANES]) {
        add_blocks(states, inputs);
    }

    fn word_bytes(word: u32) -> [u8; 4] {
        word.to_be_bytes()
    }

    fn length_bytes(bits: u64) -> [u8; 8] {
        bits.to_be_bytes()
    }
}

/// Whether this processor is one of those that this file is for. With SHA instructions a stream alone is faster than four
/// side by side here, and without AVX2 an assembly of the oldest instructions is.
pub fn is_worth_it() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("bmi2") && !is_x86_feature_detected!("sha");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// One lane or a divisor of `COLUMNS`.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+movbe"))]
fn add_blocks<const LANES: usize>(states: &mut States<8, LANES>, inputs: &[&[u8]; LANES]) {
    add_blocks_here(states, inputs);
}

// What follows is inlined into each version of `add_blocks`, or it would be compiled for the oldest processor.

#[inline(always)]
fn add_blocks_here<const LANES: usize>(states: &mut States<8, LANES>, inputs: &[&[u8]; LANES]) {
    let block_count = inputs.iter().map(|input| input.len() / BLOCK_BYTES).min().unwrap_or(0);
    let mut schedule = [[0; COLUMNS]; ROUNDS];
    for first in (0..block_count).step_by(COLUMNS / LANES) {
        // Columns to spare repeat the last block, and what they hold is not used.
        make_schedule(&mut schedule, |column| {
            let offset = (first + column / LANES).min(block_count - 1) * BLOCK_BYTES;
            &inputs[column % LANES][offset..offset + BLOCK_BYTES]
        });
        for block in 0..COLUMNS / LANES {
            if first + block < block_count {
                add_block(states, &schedule, block * LANES);
            }
        }
    }
}

#[inline(always)]
fn make_schedule<'a>(schedule: &mut Schedule, block_of: impl Fn(usize) -> &'a [u8]) {
    let mut words = [[0; COLUMNS]; 16];
    for column in 0..COLUMNS {
        for (word, bytes) in words.iter_mut().zip(block_of(column).as_chunks().0) {
            word[column] = u32::from_le_bytes(*bytes);
        }
    }
    for column in 0..COLUMNS {
        // The last sixteen words, of which the next one is made. Big-endian: as vectors they turn round at less cost.
        let mut last: [u32; 16] = std::array::from_fn(|at| words[at][column].swap_bytes());
        for at in 0..16 {
            schedule[at][column] = last[at].wrapping_add(CONSTANTS[at]);
        }
        next_sixteen(schedule, &mut last, column, 16);
        next_sixteen(schedule, &mut last, column, 32);
        next_sixteen(schedule, &mut last, column, 48);
    }
}

// No loops over rounds from here on: the compiler leaves long ones as they are, and then makes no vectors around them.

#[inline(always)]
fn next_sixteen(schedule: &mut Schedule, last: &mut [u32; 16], column: usize, first: usize) {
    next_four(schedule, last, column, first);
    next_four(schedule, last, column, first + 4);
    next_four(schedule, last, column, first + 8);
    next_four(schedule, last, column, first + 12);
}

#[inline(always)]
fn next_four(schedule: &mut Schedule, last: &mut [u32; 16], column: usize, first: usize) {
    schedule[first][column] = next_word(last, first).wrapping_add(CONSTANTS[first]);
    schedule[first + 1][column] = next_word(last, first + 1).wrapping_add(CONSTANTS[first + 1]);
    schedule[first + 2][column] = next_word(last, first + 2).wrapping_add(CONSTANTS[first + 2]);
    schedule[first + 3][column] = next_word(last, first + 3).wrapping_add(CONSTANTS[first + 3]);
}

/// Takes the place of the word that is sixteen rounds old.
#[inline(always)]
fn next_word(last: &mut [u32; 16], at: usize) -> u32 {
    let ago = |rounds: usize| last[(at - rounds) % 16];
    let sigma0 = ago(15).rotate_right(7) ^ ago(15).rotate_right(18) ^ (ago(15) >> 3);
    let sigma1 = ago(2).rotate_right(17) ^ ago(2).rotate_right(19) ^ (ago(2) >> 10);
    let word = ago(16).wrapping_add(sigma0).wrapping_add(ago(7)).wrapping_add(sigma1);
    last[at % 16] = word;
    word
}

/// The loop over lanes is outside of the rounds: so the compiler turns the body, whatever it holds, into vectors.
#[inline(always)]
fn add_block<const LANES: usize>(states: &mut States<8, LANES>, schedule: &Schedule, first_column: usize) {
    for lane in 0..LANES {
        let before: [u32; 8] = std::array::from_fn(|word| states[word][lane]);
        let added = |at: usize| std::array::from_fn(|round| schedule[at + round][first_column + lane]);
        let after = eight_rounds(before, added(0));
        let after = eight_rounds(after, added(8));
        let after = eight_rounds(after, added(16));
        let after = eight_rounds(after, added(24));
        let after = eight_rounds(after, added(32));
        let after = eight_rounds(after, added(40));
        let after = eight_rounds(after, added(48));
        let after = eight_rounds(after, added(56));
        for word in 0..8 {
            states[word][lane] = before[word].wrapping_add(after[word]);
        }
    }
}

/// Instead of moving the words along, each round has them named one further.
#[inline(always)]
fn eight_rounds([mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h]: [u32; 8], added: [u32; 8]) -> [u32; 8] {
    let mut differs = b ^ c;
    (d, h) = round([a, b, d, e, f, g, h], &mut differs, added[0]);
    (c, g) = round([h, a, c, d, e, f, g], &mut differs, added[1]);
    (b, f) = round([g, h, b, c, d, e, f], &mut differs, added[2]);
    (a, e) = round([f, g, a, b, c, d, e], &mut differs, added[3]);
    (h, d) = round([e, f, h, a, b, c, d], &mut differs, added[4]);
    (g, c) = round([d, e, g, h, a, b, c], &mut differs, added[5]);
    (f, b) = round([c, d, f, g, h, a, b], &mut differs, added[6]);
    (e, a) = round([b, c, e, f, g, h, a], &mut differs, added[7]);
    [a, b, c, d, e, f, g, h]
}

/// The new `d` and `h`. `differs` is where `b` and `c` do, and becomes where `a` and `b` do: the same of the next round. The
/// majority of the three is `b` but where it differs from both others.
#[inline(always)]
fn round([a, b, d, e, f, g, h]: [u32; 7], differs: &mut u32, added: u32) -> (u32, u32) {
    let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let choice = g ^ (e & (f ^ g));
    let first = h.wrapping_add(added).wrapping_add(choice).wrapping_add(sum1);
    let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let differs_from_a = a ^ b;
    let majority = b ^ (differs_from_a & *differs);
    *differs = differs_from_a;
    (d.wrapping_add(first), first.wrapping_add(sum0).wrapping_add(majority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::block_api::compress256;

    /// By `add_blocks` as it is for this processor and for any, and by the crate, one lane after the other.
    fn assert_right<const LANES: usize>(states: [[u32; 8]; LANES], inputs: &[Vec<u8>; LANES]) {
        let mut together: States<8, LANES> = std::array::from_fn(|word| states.map(|state| state[word]));
        let mut on_any_processor = together;
        let inputs = inputs.each_ref().map(Vec::as_slice);
        add_blocks(&mut together, &inputs);
        add_blocks_here(&mut on_any_processor, &inputs);
        assert_eq!(together, on_any_processor);
        let block_count = inputs.iter().map(|input| input.len() / BLOCK_BYTES).min().unwrap();
        for lane in 0..LANES {
            let mut expected = states[lane];
            compress256(&mut expected, &inputs[lane].as_chunks().0[..block_count]);
            assert_eq!(together.map(|word| word[lane]), expected, "lane {lane}");
        }
    }

    fn bytes(blocks_max: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..blocks_max * BLOCK_BYTES)
    }

    proptest! {
        #[test]
        fn one_lane_is_what_the_crate_says(state: [u32; 8], input in bytes(20)) {
            assert_right([state], &[input]);
        }

        #[test]
        fn each_lane_of_four_is_what_it_is_alone(states: [[u32; 8]; 4], inputs in proptest::array::uniform4(bytes(6))) {
            assert_right(states, &inputs);
        }

        #[test]
        fn each_lane_of_eight_is_what_it_is_alone(states: [[u32; 8]; 8], inputs in proptest::array::uniform8(bytes(4))) {
            assert_right(states, &inputs);
        }
    }
}

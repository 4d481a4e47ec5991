//! What MD5 and SHA-256 have in common: blocks of 64 bytes, one after the other, go into a state of some words. So what
//! feeds them (`block_stream.rs`) is one for both.

pub const BLOCK_BYTES: usize = 64;

/// Most streams that gain from going together: vectors have eight lanes. Sixteen MD5s took as long as twice eight.
pub const SIDE_BY_SIDE_MAX: usize = 8;

/// State of `LANES` streams: word by word, because the same word of all lanes makes one vector.
pub type States<const WORDS: usize, const LANES: usize> = [[u32; LANES]; WORDS];

/// A hash with a state of `WORDS` words.
pub trait BlockHash<const WORDS: usize>: Send + 'static {
    const STATE_AT_START: [u32; WORDS];

    /// Takes in blocks of one stream.
    fn add_blocks(state: &mut [u32; WORDS], blocks: &[[u8; BLOCK_BYTES]]);

    /// Takes in as many whole blocks of every lane as the shortest input has.
    fn add_blocks_side_by_side<const LANES: usize>(states: &mut States<WORDS, LANES>, inputs: &[&[u8]; LANES]);

    /// A word of the state as it stands in the value.
    fn word_bytes(word: u32) -> [u8; 4];

    /// A stream's length as it stands at its end.
    fn length_bytes(bits: u64) -> [u8; 8];
}

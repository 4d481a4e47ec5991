//! Randomness: the operating system's for production and for secrets, a seeded generator for tests.

use std::{
    cell::RefCell,
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use zeroize::Zeroize;

/// Where random bytes come from.
pub trait Random: Send + Sync + fmt::Debug {
    fn fill(&self, bytes: &mut [u8]);

    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Uniform in `0..bound`, close enough for choosing among few. `bound` is not 0.
    fn below(&self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}

/// The operating system's generator, fit for keys and nonces.
///
/// A call of the generator costs the same for a few bytes as for some hundred, and every request draws a few several times.
/// So each thread draws ahead. What was given out is wiped at once.
#[derive(Debug, Default)]
pub struct SystemRandom;

/// What a thread draws at once: some twenty small draws.
const AHEAD_LENGTH_BYTES: usize = 256;

/// Longer draws than this are made on their own: they are rare.
const SMALL_DRAW_MAX_BYTES: usize = 32;

thread_local! {
    static AHEAD: RefCell<Ahead> = const { RefCell::new(Ahead { bytes: [0; AHEAD_LENGTH_BYTES], left: 0 }) };
}

/// Bytes that nobody has been given yet: the first `left` of them.
struct Ahead {
    bytes: [u8; AHEAD_LENGTH_BYTES],
    left: usize,
}

impl Ahead {
    fn give(&mut self, wanted: &mut [u8]) {
        if self.left < wanted.len() {
            draw(&mut self.bytes);
            self.left = self.bytes.len();
        }
        self.left -= wanted.len();
        let given = &mut self.bytes[self.left..][..wanted.len()];
        wanted.copy_from_slice(given);
        given.zeroize();
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        if bytes.len() > SMALL_DRAW_MAX_BYTES {
            return draw(bytes);
        }
        // At a thread's end its bytes may be gone already.
        if AHEAD.try_with(|ahead| ahead.borrow_mut().give(bytes)).is_err() {
            draw(bytes);
        }
    }
}

fn draw(bytes: &mut [u8]) {
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
}

/// SplitMix64: the same sequence for the same seed. For tests only, never for secrets.
#[derive(Debug)]
pub struct SeededRandom {
    state: AtomicU64,
}

impl SeededRandom {
    pub fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for piece in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            piece.copy_from_slice(&word[..piece.len()]);
        }
    }

    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashSet, thread};

    #[test]
    fn nothing_is_given_out_twice() {
        let draw_some = || {
            let draws = (0..500).map(|_| {
                let mut bytes = [0; 12];
                SystemRandom.fill(&mut bytes);
                bytes
            });
            draws.collect::<Vec<_>>()
        };
        let other = thread::spawn(draw_some);
        let drawn: HashSet<_> = draw_some().into_iter().chain(other.join().unwrap()).collect();
        assert_eq!(drawn.len(), 1000);
    }

    #[test]
    fn a_draw_of_any_length_is_whole() {
        for length in 0..600 {
            // A byte that was left out would be 0 in all of them.
            let mut or = vec![0; length];
            for _ in 0..16 {
                let mut bytes = vec![0; length];
                SystemRandom.fill(&mut bytes);
                or.iter_mut().zip(bytes).for_each(|(or, byte)| *or |= byte);
            }
            assert!(or.iter().all(|byte| *byte != 0), "{length}");
        }
    }

    #[test]
    fn what_was_given_out_is_wiped() {
        let mut ahead = Ahead { bytes: [0; AHEAD_LENGTH_BYTES], left: 0 };
        let mut key = [0; 32];
        ahead.give(&mut key);
        assert_eq!(ahead.bytes[ahead.left..], [0; 32]);
        assert_ne!(key, [0; 32]);
    }
}

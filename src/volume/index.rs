//! The index: where each live chunk lies. In memory, rebuilt when the volume is opened.
//!
//! An entry is 16 bytes, a hash of the key and a packed place, plus the table's slack: 17 bytes a slot, of which between
//! 7/16 and 7/8 are taken, so 20 to 39 bytes an entry; 4 million chunks are 143 MiB. Keys are not kept: the record's
//! own key decides, and who looks something up reads the record anyway. Two keys with one hash are as good as never seen
//! (one pair in two million volumes of 4 million chunks), and right nevertheless: the second goes to `overflow`.
//!
//! The map is cut into shards that grow one after the other, so that growing needs room for one shard twice, not for
//! the whole index.
//!
//! Only the writer changes the index (under its lock); readers see each change as a whole.

use crate::{runtime::Random, types::ChunkKey};
use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// Unit of a place's offset and length in bytes.
const PLACE_UNIT: u64 = 512;
/// More shards make growing smoother and cost memory when the volume is empty.
const SHARD_COUNT: usize = 64;

/// Where a record lies: segment file (24 bits), offset in sectors (24 bits), length in sectors (16 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(u64);

impl Place {
    pub fn new(segment: u32, offset: u64, record_length: u64) -> Self {
        let (sectors, length) = (offset / PLACE_UNIT, record_length / PLACE_UNIT);
        debug_assert!(segment < SEGMENT_NUMBER_LIMIT && sectors < 1 << 24 && length < 1 << 16);
        Self((u64::from(segment) << 40) | (sectors << 16) | length)
    }

    pub fn segment(self) -> u32 {
        (self.0 >> 40) as u32
    }

    pub fn offset(self) -> u64 {
        ((self.0 >> 16) & 0xFF_FFFF) * PLACE_UNIT
    }

    pub fn record_length(self) -> u64 {
        (self.0 & 0xFFFF) * PLACE_UNIT
    }
}

/// Segment files are numbered below this: what a place has bits for.
pub const SEGMENT_NUMBER_LIMIT: u32 = 1 << 24;

/// A key's hash is mixed already: hashing it again would only cost.
#[derive(Default)]
pub struct KeptHash(u64);

impl Hasher for KeptHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 keys are used with this hasher");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

pub type HashBuilder = BuildHasherDefault<KeptHash>;
type Shard = RwLock<HashMap<u64, Place, HashBuilder>>;

/// Hashes keys with a secret of this run of the volume.
#[derive(Clone, Copy, Debug)]
pub struct KeyHasher {
    secret: [u64; 4],
    mask: u64,
}

impl KeyHasher {
    pub fn new(random: &dyn Random) -> Self {
        Self { secret: std::array::from_fn(|_| random.next_u64()), mask: u64::MAX }
    }

    /// Lets nearly all keys collide: for tests.
    #[cfg(test)]
    pub fn with_collisions(random: &dyn Random) -> Self {
        Self { mask: 0x3, ..Self::new(random) }
    }

    pub fn hash(&self, key: ChunkKey) -> u64 {
        let blob = u128::from_le_bytes(*key.blob.as_bytes());
        let folded = fold(blob as u64 ^ self.secret[0], (blob >> 64) as u64 ^ self.secret[1]);
        fold(folded ^ self.secret[2], u64::from(key.index) ^ self.secret[3]) & self.mask
    }
}

/// Multiplies to 128 bits and folds the halves: every bit of both factors reaches every bit of the result.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a | 1) * u128::from(b | 1);
    ((product >> 64) as u64 ^ product as u64).wrapping_add(a.rotate_left(32) ^ b)
}

#[derive(Debug)]
pub struct Index {
    hasher: KeyHasher,
    shards: Vec<Shard>,
    /// Entries whose hash another key took first.
    overflow: RwLock<Vec<(u64, Place)>>,
    overflow_count: AtomicUsize,
    count: AtomicU64,
}

impl Index {
    pub fn new(hasher: KeyHasher) -> Self {
        Self {
            hasher,
            shards: (0..SHARD_COUNT).map(|_| Shard::default()).collect(),
            overflow: RwLock::default(),
            overflow_count: AtomicUsize::new(0),
            count: AtomicU64::new(0),
        }
    }

    pub fn hash(&self, key: ChunkKey) -> u64 {
        self.hasher.hash(key)
    }

    fn shard(&self, hash: u64) -> &Shard {
        // The lowest bits choose the slot within a shard, the highest its control byte: take others.
        &self.shards[(hash >> 32) as usize % SHARD_COUNT]
    }

    /// The places entered for this hash: one or none, and as good as never more.
    pub fn candidates(&self, hash: u64) -> (Option<Place>, Vec<Place>) {
        // The shard's lock is kept while `overflow` is read, so that no entry moves from one to the other unseen.
        let shard = self.shard(hash).read().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = shard.get(&hash).copied() else { return (None, Vec::new()) };
        if self.overflow_count.load(Ordering::Acquire) == 0 {
            return (Some(first), Vec::new());
        }
        let overflow = self.overflow.read().unwrap_or_else(PoisonError::into_inner);
        (Some(first), overflow.iter().filter(|entry| entry.0 == hash).map(|entry| entry.1).collect())
    }

    /// Whether any chunk has this hash.
    pub fn may_hold(&self, hash: u64) -> bool {
        self.shard(hash).read().unwrap_or_else(PoisonError::into_inner).contains_key(&hash)
    }

    /// Whether this very place is entered for the hash.
    pub fn holds(&self, hash: u64, place: Place) -> bool {
        let (first, others) = self.candidates(hash);
        first == Some(place) || others.contains(&place)
    }

    /// Enters a chunk that is not in the index.
    pub fn insert(&self, hash: u64, place: Place) {
        self.count.fetch_add(1, Ordering::Relaxed);
        let mut shard = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        if let std::collections::hash_map::Entry::Vacant(slot) = shard.entry(hash) {
            slot.insert(place);
            return;
        }
        let mut overflow = self.overflow.write().unwrap_or_else(PoisonError::into_inner);
        overflow.push((hash, place));
        self.overflow_count.store(overflow.len(), Ordering::Release);
    }

    /// The record moved. Says whether the old place was entered.
    pub fn replace(&self, hash: u64, old: Place, new: Place) -> bool {
        let mut shard = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = shard.get_mut(&hash).filter(|place| **place == old) {
            *place = new;
            return true;
        }
        let mut overflow = self.overflow.write().unwrap_or_else(PoisonError::into_inner);
        let entry = overflow.iter_mut().find(|entry| **entry == (hash, old));
        entry.map(|entry| entry.1 = new).is_some()
    }

    /// The record doesn't count any more. Says whether it was entered.
    pub fn remove(&self, hash: u64, place: Place) -> bool {
        let mut shard = self.shard(hash).write().unwrap_or_else(PoisonError::into_inner);
        let mut overflow = self.overflow.write().unwrap_or_else(PoisonError::into_inner);
        if shard.get(&hash) == Some(&place) {
            // Another key with this hash takes the place in the map, so that `first` being empty means none.
            match overflow.iter().position(|entry| entry.0 == hash) {
                Some(at) => drop(shard.insert(hash, overflow.swap_remove(at).1)),
                None => drop(shard.remove(&hash)),
            }
        } else if let Some(at) = overflow.iter().position(|entry| *entry == (hash, place)) {
            overflow.swap_remove(at);
        } else {
            return false;
        }
        self.overflow_count.store(overflow.len(), Ordering::Release);
        self.count.fetch_sub(1, Ordering::Relaxed);
        true
    }

    /// Entries that lie in one segment file. Looks at every entry.
    pub fn entries_in(&self, segment: u32) -> Vec<(u64, Place)> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            found
                .extend(shard.iter().map(|(hash, place)| (*hash, *place)).filter(|entry| entry.1.segment() == segment));
        }
        let overflow = self.overflow.read().unwrap_or_else(PoisonError::into_inner);
        found.extend(overflow.iter().filter(|entry| entry.1.segment() == segment));
        found
    }

    /// Number of chunks.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Memory that the entries occupy.
    pub fn bytes(&self) -> u64 {
        // One control byte a slot; a table is full at 7/8 of its slots.
        let slot = (size_of::<(u64, Place)>() + 1) as u64;
        let capacity = |shard: &Shard| shard.read().unwrap_or_else(PoisonError::into_inner).capacity() as u64;
        let slots: u64 = self.shards.iter().map(|shard| capacity(shard) * 8 / 7).sum();
        slots * slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{runtime::SeededRandom, types::BlobId};

    fn key(number: u32) -> ChunkKey {
        ChunkKey { blob: BlobId::from_bytes([3; 16]), index: number }
    }

    #[test]
    fn a_place_keeps_its_parts() {
        let place = Place::new(SEGMENT_NUMBER_LIMIT - 1, (4 << 30) - 512, 512 * 0xFFFF);
        assert_eq!(
            (place.segment(), place.offset(), place.record_length()),
            (SEGMENT_NUMBER_LIMIT - 1, (4 << 30) - 512, 512 * 0xFFFF)
        );
    }

    #[test]
    fn keys_with_one_hash_are_all_found_moved_and_removed() {
        let random = SeededRandom::new(1);
        let index = Index::new(KeyHasher::with_collisions(&random));
        let places: Vec<Place> = (0..100).map(|i| Place::new(i, 8192, 512)).collect();
        for (i, place) in places.iter().enumerate() {
            index.insert(index.hash(key(i as u32)), *place);
        }
        for (i, place) in places.iter().enumerate() {
            let hash = index.hash(key(i as u32));
            assert!(index.holds(hash, *place));
            let moved = Place::new(i as u32, 16384, 512);
            assert!(index.replace(hash, *place, moved) && !index.replace(hash, *place, moved));
            assert!(index.remove(hash, moved) && !index.remove(hash, moved));
            assert_eq!(index.count(), 99 - i as u64);
            assert_eq!(!index.may_hold(hash), !(i + 1..100).any(|j| index.hash(key(j as u32)) == hash));
        }
    }

    #[test]
    fn four_million_chunks_fit_256_mib() {
        let index = Index::new(KeyHasher::new(&SeededRandom::new(2)));
        const COUNT: u32 = 4_000_000;
        for i in 0..COUNT {
            index.insert(index.hash(key(i)), Place::new(i % 1000, 8192, 512));
        }
        assert_eq!(index.count(), u64::from(COUNT));
        assert!(index.bytes() <= 256 << 20, "{} bytes an entry", index.bytes() / u64::from(COUNT));
    }
}

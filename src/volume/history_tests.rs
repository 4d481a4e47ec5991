//! Random histories against a small model: what was acknowledged is there, what was not is whole or absent, nothing
//! that was dropped returns. The power fails, the process is killed, a sync fails, the disk fills up, at any step, in
//! recovery as well.
//!
//! Everything follows from the seed. A failing one is printed; `LARDER_HISTORY_SEED=<seed>` runs it alone.

use super::{
    AppendChunk, RecoveryReport, ScrubPass, Step, Volume, VolumeError, VolumeOwner, VolumeSettings,
    faulty_disk::FaultyDisk,
    format::{HEADER_LENGTH, tail_length},
    index::KeyHasher,
    segment_files::segment_name,
    volume::{Mechanics, WriterRuns},
};
use crate::{
    runtime::{Random, SeededRandom},
    types::{
        BLOCK_LENGTH, BlobId, BlockTable, ByteSize, ChunkData, ChunkKey, ChunkRoot, ClusterId, GroupId, NodeId, Term,
        crc32c,
    },
};
use bytes::Bytes;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, OnceLock},
};

const HISTORIES: u64 = 10_000;
const LONG_HISTORIES: u64 = 500_000;
const STEPS: u64 = 24;
/// Histories run side by side.
const THREADS: u64 = 2;

pub const OWNER: VolumeOwner =
    VolumeOwner { cluster: ClusterId::from_bytes([1; 16]), node: NodeId::from_bytes([2; 16]) };

/// Segments so small that everything happens within a few records.
pub fn tiny_settings() -> VolumeSettings {
    VolumeSettings {
        disk_reserve: ByteSize::kib(64),
        segment_size_min: ByteSize::kib(32),
        segment_size_max: ByteSize::kib(64),
        big_record_size: ByteSize::kib(4),
        recovery_threads: 1,
        ..VolumeSettings::default()
    }
}

/// The one chunk that a key may have in these tests. Made once for the usual keys: making payloads is what would take most of
/// the time.
pub fn chunk_of(key: ChunkKey) -> AppendChunk {
    static MADE: OnceLock<Vec<AppendChunk>> = OnceLock::new();
    let made = MADE.get_or_init(|| (0..256).map(|number| make_chunk(key_number(number))).collect());
    match made.get(key.index as usize) {
        Some(chunk) if chunk.key == key => chunk.clone(),
        _ => make_chunk(key),
    }
}

fn make_chunk(key: ChunkKey) -> AppendChunk {
    let random = SeededRandom::new(u64::from(key.index) + 1);
    let length = match random.below(10) {
        0 => 4096 + random.below(8000),
        1 => 210_000 * u64::from(key.index.is_multiple_of(40)) + 1,
        _ => 1 + random.below(3000),
    };
    let mut payload = vec![0; length as usize];
    random.fill(&mut payload);
    let table = BlockTable::new(payload.chunks(BLOCK_LENGTH as usize).map(crc32c).collect());
    let root = table.root(key, length as u32);
    // Two pieces, as chunks arrive from the network.
    let payload = Bytes::from(payload);
    let middle = payload.len() / 2;
    let pieces = vec![payload.slice(..middle), payload.slice(middle..)];
    let data = ChunkData { pieces, length: length as u32, table };
    AppendChunk { term: Term(1), group: GroupId(7), key, root, data }
}

pub fn key_number(number: u64) -> ChunkKey {
    ChunkKey { blob: BlobId::from_bytes([9; 16]), index: number as u32 }
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Truth {
    Held,
    Absent,
    /// A change was not acknowledged: it happened or not.
    Either,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Append,
    Remove,
}

impl Truth {
    fn after(self, change: Change, acknowledged: bool) -> Self {
        match (change, acknowledged, self) {
            (Change::Append, true, _) => Self::Held,
            (Change::Remove, true, _) => Self::Absent,
            (Change::Append, false, Self::Held) => Self::Held,
            (Change::Remove, false, Self::Absent) => Self::Absent,
            (_, false, _) => Self::Either,
        }
    }
}

type Answers = Arc<Mutex<Vec<(usize, Result<(), VolumeError>)>>>;

struct History {
    random: SeededRandom,
    disk: FaultyDisk,
    settings: VolumeSettings,
    volume: Option<Volume>,
    model: BTreeMap<u64, Truth>,
    roots: BTreeMap<u64, ChunkRoot>,
    next_key: u64,
    collisions: bool,
    last_start: u64,
    last_sequence: u64,
    /// A pass that other steps come between.
    scrub: Option<ScrubPass>,
}

impl History {
    fn new(seed: u64) -> Self {
        let random = SeededRandom::new(seed);
        let disk = FaultyDisk::new(seed ^ 0xD15C);
        if random.below(8) == 0 {
            disk.set_capacity(300_000 + random.below(400_000));
        }
        let collisions = random.below(4) == 0;
        Self {
            random,
            disk,
            settings: tiny_settings(),
            volume: None,
            model: BTreeMap::new(),
            roots: BTreeMap::new(),
            next_key: 0,
            collisions,
            last_start: 0,
            last_sequence: 0,
            scrub: None,
        }
    }

    fn run(mut self) {
        self.start();
        for _ in 0..STEPS {
            self.step();
            let frozen = self.volume().compact_step();
            if self.disk.power_is_off() || matches!(frozen, Err(VolumeError::Frozen(_))) {
                self.crash();
            }
        }
        self.restart_cleanly();
        self.check_all();
    }

    fn volume(&self) -> Volume {
        self.volume.clone().expect("a volume is open between steps")
    }

    fn step(&mut self) {
        match self.random.below(23) {
            0..=8 => self.append_some(),
            9..=11 => self.drop_some(),
            12 => self.quarantine_one(),
            13..=14 => self.read_one(),
            15..=17 => self.work_in_background(),
            18 => self.restart_cleanly(),
            19..=20 => self.scrub_some(),
            21 => self.damage_one(),
            _ => self.crash(),
        }
    }

    fn append_some(&mut self) {
        let answers = Answers::default();
        let count = 1 + self.random.below(4);
        let keys: Vec<u64> = (0..count).map(|_| self.key_to_append()).collect();
        for (at, key) in keys.iter().enumerate() {
            let chunk = chunk_of(key_number(*key));
            self.roots.insert(*key, chunk.root);
            let answers = answers.clone();
            self.volume().append(chunk, move |result| answers.lock().unwrap().push((at, result)));
        }
        self.volume().run_writer();
        self.note(&keys, Change::Append, &answers);
    }

    /// Mostly a new key; sometimes one that is held, or was.
    fn key_to_append(&mut self) -> u64 {
        if self.next_key > 0 && self.random.below(5) == 0 {
            return self.random.below(self.next_key);
        }
        self.next_key += 1;
        self.next_key - 1
    }

    fn drop_some(&mut self) {
        if self.next_key == 0 {
            return;
        }
        let answers = Answers::default();
        let keys: Vec<u64> = (0..1 + self.random.below(6)).map(|_| self.random.below(self.next_key)).collect();
        let shared = answers.clone();
        let all = keys.iter().map(|key| key_number(*key)).collect();
        let count = keys.len();
        self.volume().drop_chunks(all, move |result| {
            shared.lock().unwrap().extend((0..count).map(|at| (at, result.clone())));
        });
        self.volume().run_writer();
        self.note(&keys, Change::Remove, &answers);
    }

    fn quarantine_one(&mut self) {
        if self.next_key == 0 {
            return;
        }
        let key = self.random.below(self.next_key);
        let result = self.volume().quarantine(key_number(key));
        self.note(&[key], Change::Remove, &Arc::new(Mutex::new(vec![(0, result)])));
    }

    fn note(&mut self, keys: &[u64], change: Change, answers: &Answers) {
        let answers = answers.lock().unwrap();
        assert_eq!(answers.len(), keys.len(), "every job is answered once");
        let mut acknowledged = vec![false; keys.len()];
        for (at, result) in answers.iter() {
            acknowledged[*at] = result.is_ok();
        }
        for (key, acknowledged) in keys.iter().zip(acknowledged) {
            let before = self.model.get(key).copied().unwrap_or(Truth::Absent);
            self.model.insert(*key, before.after(change, acknowledged));
        }
    }

    fn read_one(&mut self) {
        if self.next_key > 0 {
            let key = self.random.below(self.next_key);
            self.check(key);
        }
    }

    fn work_in_background(&mut self) {
        for _ in 0..1 + self.random.below(30) {
            if !matches!(self.volume().compact_step(), Ok(Step::Busy)) {
                break;
            }
        }
    }

    /// Goes on with a pass, a few records at a time, whatever happened between.
    fn scrub_some(&mut self) {
        let mut pass = self.scrub.take().unwrap_or_else(|| self.volume().begin_scrub());
        for _ in 0..1 + self.random.below(12) {
            // Frozen, or without power.
            let Ok(step) = self.volume().scrub_step(&mut pass, 1 + self.random.below(8000)) else { break };
            assert_eq!((step.quarantined, step.unidentified), (vec![], 0), "nothing is damaged");
            if step.is_over {
                return;
            }
        }
        self.scrub = Some(pass);
    }

    /// A bit of a record flips: one pass finds that record and nothing else. Then the bit flips back, and the record must
    /// stay dead all the same.
    fn damage_one(&mut self) {
        let held: Vec<u64> =
            self.model.iter().filter(|(_, truth)| **truth == Truth::Held).map(|(key, _)| *key).collect();
        if held.is_empty() {
            return;
        }
        let number = held[self.random.below(held.len() as u64) as usize];
        let Ok(Some((segment, header))) = self.volume().locate(key_number(number)) else { return };
        let path = Path::new("/volume/segments").join(segment_name(segment));
        let at = match self.random.below(3) {
            0 => self.random.below(HEADER_LENGTH as u64),
            1 => header.layout.payload_offset() + self.random.below(u64::from(header.length)),
            _ => header.tail_offset() + self.random.below(tail_length(header.length) as u64),
        };
        let bit = self.random.below(8) as u8;
        self.disk.flip_bit(&path, header.offset + at, bit);
        let removed = self.one_pass().map(|found| assert_eq!(found, (vec![key_number(number)], 0)));
        if removed.is_ok() {
            assert!(self.volume().quarantined(None, usize::MAX).contains(&key_number(number)));
        }
        self.note(&[number], Change::Remove, &Arc::new(Mutex::new(vec![(0, removed)])));
        self.disk.flip_bit(&path, header.offset + at, bit);
    }

    fn one_pass(&self) -> Result<(Vec<ChunkKey>, u64), VolumeError> {
        let (mut pass, mut found) = (self.volume().begin_scrub(), (Vec::new(), 0));
        loop {
            let step = self.volume().scrub_step(&mut pass, 1 + self.random.below(100_000))?;
            found.0.extend(step.quarantined);
            found.1 += step.unidentified;
            if step.is_over {
                return Ok(found);
            }
        }
    }

    fn restart_cleanly(&mut self) {
        let closed = self.volume().close();
        self.volume = None;
        if closed.is_err() {
            return self.crash();
        }
        if self.random.below(2) == 0 {
            self.disk.restart_machine();
        } else {
            self.disk.restart_process();
        }
        self.start();
    }

    fn crash(&mut self) {
        self.volume = None;
        if self.disk.power_is_off() || self.random.below(2) == 0 {
            self.disk.restart_machine();
        } else {
            self.disk.restart_process();
        }
        self.start();
    }

    /// Opens the volume, however often that crashes, and arms the next fault.
    fn start(&mut self) {
        self.arm();
        let mut attempts = 0;
        let volume = loop {
            match self.open() {
                Ok((volume, report)) => {
                    assert_eq!(
                        (report.corrupt, report.unreadable_segments),
                        (vec![], vec![]),
                        "a crash damages nothing"
                    );
                    break volume;
                }
                Err(error) => {
                    attempts += 1;
                    assert!(attempts < 50, "the volume can't be opened: {error}");
                    self.disk.restart_machine();
                    // Let the power fail in recovery too, but not for ever.
                    if attempts < 4 {
                        self.arm();
                    }
                }
            }
        };
        self.volume = Some(volume);
        self.scrub = self.scrub.take().map(|pass| ScrubPass::resume(pass.point()));
        let usage = self.volume().status();
        assert!(usage.start_count > self.last_start, "starts are counted");
        assert!(usage.durable_sequence >= self.last_sequence, "sequences don't go back");
        self.last_start = usage.start_count;
        self.check_all();
    }

    fn arm(&mut self) {
        match self.random.below(3) {
            0 => {}
            1 => self.disk.cut_power_after(Some(self.random.below(120))),
            _ => {
                self.disk.cut_power_after(Some(self.random.below(30)));
            }
        }
        if self.random.below(12) == 0 {
            self.disk.fail_sync_after(Some(self.random.below(40)));
        }
    }

    fn open(&self) -> Result<(Volume, RecoveryReport), VolumeError> {
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(self.random.next_u64()));
        let hasher = match self.collisions {
            true => KeyHasher::with_collisions(&*random),
            false => KeyHasher::new(&*random),
        };
        let mechanics = Mechanics { writer_runs: WriterRuns::WhenCalled, hasher };
        let disk = Arc::new(self.disk.clone());
        Volume::open_with(disk, Path::new("/volume"), OWNER, &self.settings, random, mechanics)
    }

    fn check_all(&mut self) {
        for key in 0..self.next_key {
            self.check(key);
        }
        let held = self.model.values().filter(|truth| **truth == Truth::Held).count() as u64;
        if !self.disk.power_is_off() {
            self.last_sequence = self.volume().status().durable_sequence;
            assert_eq!(self.volume().status().chunks, held, "nothing else is held");
            let (inventory, next) = self.volume().inventory(None, usize::MAX).expect("the inventory is readable");
            assert_eq!((inventory.len() as u64, next), (held, None), "the inventory lists what is held");
        }
    }

    /// Compares one key with the model, which learns what was open.
    fn check(&mut self, number: u64) {
        let key = key_number(number);
        let truth = self.model.get(&number).copied().unwrap_or(Truth::Absent);
        let read = self.volume().read(key, 0, u32::MAX);
        if self.disk.power_is_off() {
            return;
        }
        let held = match read {
            Ok(slice) => {
                assert!(slice.is_intact(key, &self.roots[&number]), "chunk {number} has wrong bytes");
                true
            }
            Err(VolumeError::NotFound) => false,
            Err(error) => panic!("chunk {number}, which is {truth:?}, can't be read: {error}"),
        };
        match truth {
            Truth::Held => assert!(held, "chunk {number} was acknowledged and is lost"),
            Truth::Absent => assert!(!held, "chunk {number} was dropped and returned"),
            Truth::Either => drop(self.model.insert(number, if held { Truth::Held } else { Truth::Absent })),
        }
    }
}

fn run_seed(seed: u64) {
    let result = std::panic::catch_unwind(|| History::new(seed).run());
    if let Err(panic) = result {
        eprintln!("history failed: run it alone with LARDER_HISTORY_SEED={seed}");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn random_histories_with_crashes_keep_what_was_acknowledged() {
    if let Ok(seed) = std::env::var("LARDER_HISTORY_SEED") {
        return run_seed(seed.parse().expect("LARDER_HISTORY_SEED is a number"));
    }
    let long = std::env::var("LARDER_LONG_TESTS").is_ok_and(|value| value == "1");
    let histories = if long { LONG_HISTORIES } else { HISTORIES };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || (thread..histories).step_by(THREADS as usize).for_each(run_seed));
        }
    });
}

//! Measurements behind `docs/performance.md`, "The volume". Not run with the tests:
//!
//! `cargo test --release --lib volume::measurements -- --ignored --nocapture --test-threads 1`
//!
//! Variants are run in turns, and compared by the ratio of their medians, because machines are noisy. They are written to the
//! directory that `TMPDIR` names: let it be a disk, not memory.

use super::{
    AppendChunk, BigWrites, RealDisk, SmallSpace, Step, Volume, VolumeSettings,
    history_tests::{OWNER, key_number},
};
use crate::{
    runtime::{PIECE_LENGTH_BYTES, PiecePool, SystemRandom},
    types::{BLOCK_LENGTH, BlobId, BlockTable, ByteSize, ChunkData, ChunkKey, GroupId, Term, crc32c},
};
use bytes::Bytes;
use std::{
    path::Path,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

const ROUNDS: usize = 7;

fn open(directory: &Path, settings: &VolumeSettings) -> Volume {
    Volume::open(RealDisk::shared(), directory, OWNER, settings, Arc::new(SystemRandom)).unwrap().0
}

fn settings() -> VolumeSettings {
    VolumeSettings { disk_reserve: ByteSize(0), ..VolumeSettings::default() }
}

struct Chunks {
    pieces: Vec<Bytes>,
    length: u32,
    table: BlockTable,
    next: u32,
}

impl Chunks {
    fn of(length: usize) -> Self {
        let payload = vec![0x5A; length];
        let table = BlockTable::new(payload.chunks(BLOCK_LENGTH as usize).map(crc32c).collect());
        Self { pieces: vec![Bytes::from(payload)], length: length as u32, table, next: 0 }
    }

    /// Whose payload lies in pieces as the gateway makes them.
    fn aligned(length: usize) -> Self {
        let pool = Arc::<PiecePool>::default();
        let pieces = (0..length / PIECE_LENGTH_BYTES).map(|_| {
            let mut piece = pool.take();
            piece.push(&[0x5A; PIECE_LENGTH_BYTES]);
            piece.into_bytes()
        });
        Self { pieces: pieces.collect(), ..Self::of(length) }
    }

    fn next(&mut self) -> AppendChunk {
        let key = key_number(u64::from(self.next));
        self.next += 1;
        let root = self.table.root(key, self.length);
        let data = ChunkData { pieces: self.pieces.clone(), length: self.length, table: self.table.clone() };
        AppendChunk { term: Term(1), group: GroupId(1), key, root, data }
    }
}

/// Appends so many chunks, keeping `in_flight` of them unanswered; the time that each took.
fn append_all(volume: &Volume, chunks: &mut Chunks, count: usize, in_flight: usize) -> Vec<Duration> {
    let (sender, answers) = mpsc::channel();
    let mut times = Vec::with_capacity(count);
    let append = |chunks: &mut Chunks| {
        let (sender, begun) = (sender.clone(), Instant::now());
        volume.append(chunks.next(), move |result| sender.send((begun.elapsed(), result)).unwrap());
    };
    (0..in_flight.min(count)).for_each(|_| append(chunks));
    for done in 0..count {
        let (time, result) = answers.recv().unwrap();
        result.unwrap();
        times.push(time);
        if done + in_flight < count {
            append(chunks);
        }
    }
    times
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Processor time of all living threads of this process.
fn cpu() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = tasks.filter_map(|task| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn work(volume: &Volume) {
    while volume.compact_step().unwrap() == Step::Busy {}
}

#[test]
#[ignore = "a measurement"]
fn small_appends_by_group_size() {
    let directory = tempfile::tempdir().unwrap();
    let volume = open(directory.path(), &settings());
    let mut chunks = Chunks::of(4096);
    for in_flight in [1, 16, 64, 256] {
        let (mut rates, mut costs, mut latencies) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            work(&volume);
            let count = 200 * in_flight.min(16);
            let (begun, cpu_before) = (Instant::now(), cpu());
            let times = append_all(&volume, &mut chunks, count, in_flight);
            rates.push(count as f64 / begun.elapsed().as_secs_f64());
            costs.push(micros(cpu() - cpu_before) / count as f64);
            latencies.push(median(times.into_iter().map(micros).collect()));
        }
        let (rate, cost, latency) = (median(rates), median(costs), median(latencies));
        println!("append 4 KiB, {in_flight} in flight: {rate:.0}/s, {cost:.1} us CPU each, p50 {latency:.0} us");
    }
}

#[test]
#[ignore = "a measurement"]
fn small_appends_into_written_and_into_allocated_space() {
    let mut latencies = [Vec::new(), Vec::new()];
    let directories = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let volumes = [SmallSpace::Written, SmallSpace::Allocated].map(|small_space| VolumeSettings {
        small_space,
        segment_size_max: ByteSize::mib(64),
        ..settings()
    });
    let volumes = [open(directories[0].path(), &volumes[0]), open(directories[1].path(), &volumes[1])];
    volumes.iter().for_each(work);
    let mut chunks = [Chunks::of(4096), Chunks::of(4096)];
    for _ in 0..ROUNDS {
        for (at, volume) in volumes.iter().enumerate() {
            let times = append_all(volume, &mut chunks[at], 300, 1);
            latencies[at].push(median(times.into_iter().map(micros).collect()));
        }
    }
    let [written, allocated] = latencies.map(median);
    println!("append 4 KiB alone: p50 {written:.0} us into written space, {allocated:.0} us into allocated space");
    println!("ratio allocated / written: {:.2}", allocated / written);
}

#[test]
#[ignore = "a measurement"]
fn big_appends_past_and_through_the_page_cache() {
    let directories = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let ways = [BigWrites::Direct, BigWrites::Direct, BigWrites::Cached];
    let volumes: Vec<Volume> = directories
        .iter()
        .zip(ways)
        .map(|(directory, big_writes)| open(directory.path(), &VolumeSettings { big_writes, ..settings() }))
        .collect();
    let mut chunks = [Chunks::aligned(4 << 20), Chunks::of(4 << 20), Chunks::of(4 << 20)];
    let (mut costs, mut times) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    for _ in 0..ROUNDS {
        for (at, volume) in volumes.iter().enumerate() {
            let (begun, cpu_before) = (Instant::now(), cpu());
            append_all(volume, &mut chunks[at], 16, 4);
            costs[at].push(micros(cpu() - cpu_before) / 64.0);
            times[at].push(micros(begun.elapsed()) / 64.0);
        }
    }
    let [aligned, direct, cached] = costs.map(median);
    println!(
        "append 4 MiB, 4 in flight, CPU/MiB: direct from aligned payload {aligned:.0} us, direct {direct:.0} us, cached {cached:.0} us"
    );
    let [aligned, direct, cached] = times.map(median);
    println!("time/MiB: direct from aligned payload {aligned:.0} us, direct {direct:.0} us, cached {cached:.0} us");
}

#[test]
#[ignore = "a measurement"]
fn a_recycled_file_and_a_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let volume = open(directory.path(), &settings());
    // The first step makes one file of 16 MiB ready.
    let begun = Instant::now();
    assert_eq!(volume.compact_step(), Ok(Step::Busy));
    let made = micros(begun.elapsed());
    let mut chunks = Chunks::of(4096);
    // More than the file holds, so that it is sealed.
    append_all(&volume, &mut chunks, 4000, 64);
    let (sender, answer) = mpsc::channel();
    volume.drop_chunks((0..4000).map(key_number).collect(), move |result| sender.send(result).unwrap());
    answer.recv().unwrap().unwrap();
    let mut recycled = None;
    loop {
        let (begun, before) = (Instant::now(), volume.stats().recycled_segments);
        if volume.compact_step() == Ok(Step::Idle) {
            break;
        }
        if volume.stats().recycled_segments > before {
            recycled = Some(micros(begun.elapsed()));
        }
    }
    println!("a file of 16 MiB made ready: {made:.0} us; recycled: {recycled:?} us");
}

/// How dropped space comes back.
enum Way {
    Punching,
    Copying,
}

#[test]
#[ignore = "a measurement"]
fn space_of_dropped_big_chunks_by_punching_and_by_copying() {
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..3 {
        for (at, way) in [Way::Punching, Way::Copying].into_iter().enumerate() {
            let directory = tempfile::tempdir().unwrap();
            let volume = open(directory.path(), &settings());
            let mut chunks = Chunks::of(1 << 20);
            append_all(&volume, &mut chunks, 128, 4);
            let (sender, answer) = mpsc::channel();
            let every_other = (0..128).step_by(2).map(key_number).collect();
            volume.drop_chunks(every_other, move |result| sender.send(result).unwrap());
            answer.recv().unwrap().unwrap();
            // A restart forgets what was to be punched: then only copying gives the space back.
            let volume = match way {
                Way::Punching => volume,
                Way::Copying => {
                    volume.close().unwrap();
                    drop(volume);
                    open(directory.path(), &settings())
                }
            };
            let begun = Instant::now();
            work(&volume);
            costs[at].push(micros(begun.elapsed()) / 64.0);
        }
    }
    let [punching, copying] = costs.map(median);
    println!(
        "space of 64 dropped chunks of 1 MiB among 64 live: punched {punching:.0} us/MiB, copied {copying:.0} us/MiB"
    );
}

#[test]
#[ignore = "a measurement"]
fn opening_with_hints_and_by_scanning() {
    let directory = tempfile::tempdir().unwrap();
    let volume = open(directory.path(), &settings());
    append_all(&volume, &mut Chunks::of(1024), 200_000, 512);
    volume.close().unwrap();
    let used = volume.status();
    drop(volume);
    println!("200000 chunks: {} bytes of index each", used.index_bytes / used.chunks);
    let (mut hinted, mut scanned) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let begun = Instant::now();
        let volume = open(directory.path(), &settings());
        hinted.push(micros(begun.elapsed()) / 1000.0);
        drop(volume);
        for entry in std::fs::read_dir(directory.path().join("segments")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "hint") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let begun = Instant::now();
        let volume = open(directory.path(), &settings());
        scanned.push(micros(begun.elapsed()) / 1000.0);
        volume.close().unwrap();
    }
    println!("opening: {:.0} ms with hints, {:.0} ms by scanning", median(hinted), median(scanned));
}

#[test]
#[ignore = "a measurement"]
fn reading_small_and_big_chunks_that_are_cached() {
    let directory = tempfile::tempdir().unwrap();
    let volume = open(directory.path(), &VolumeSettings { big_writes: BigWrites::Cached, ..settings() });
    append_all(&volume, &mut Chunks::of(4096), 1000, 64);
    let begun = Instant::now();
    for number in 0..100_000 {
        assert!(volume.read_cached(key_number(number % 1000), 0, 1).is_some_and(|read| read.is_ok()));
    }
    println!("cached read of 4 KiB: {:.2} us", micros(begun.elapsed()) / 100_000.0);
    let mut big = Chunks::of(4 << 20);
    big.next = 5000;
    append_all(&volume, &mut big, 8, 4);
    let begun = Instant::now();
    for number in 0..10_000 {
        assert!(volume.read_cached(key_number(5000 + number % 8), 17, 1).is_some_and(|read| read.is_ok()));
    }
    println!("cached read of one block of 4 MiB: {:.2} us", micros(begun.elapsed()) / 10_000.0);
}

#[test]
#[ignore = "a measurement"]
fn an_empty_volume() {
    let directory = tempfile::tempdir().unwrap();
    let volume = open(directory.path(), &settings());
    work(&volume);
    append_all(&volume, &mut Chunks::of(100), 1, 1);
    work(&volume);
    println!("an empty volume takes {} bytes", volume.status().used);
    let nobody = ChunkKey { blob: BlobId::from_bytes([0; 16]), index: 0 };
    assert!(!volume.may_hold(nobody));
}

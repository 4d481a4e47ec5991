//! A volume: the handle that a node holds, and how its parts are put together.

use super::{
    AppendChunk, CHUNK_LENGTH_MAX, Disk, InventoryCursor, InventoryPage, QuarantineCounts, RecoveryReport, ScrubPass,
    ScrubRecord, ScrubStep, Step, VolumeError, VolumeOwner, VolumeSettings, VolumeStats,
    background::{Background, BackgroundParts},
    catalog::{Catalog, Wait},
    counters::Counters,
    disk::DiskLock,
    format::RecordKind,
    health::Health,
    identity::{Identity, LOCK_FILE, SEGMENT_DIRECTORY, count_start},
    index::{Index, KeyHasher},
    inventory,
    punch::PunchList,
    queue::{Job, JobQueue},
    reader::{self, Blocks, Likeness},
    recovery::recover,
    segment_files::SegmentFiles,
    segment_header::SegmentClass,
    space::{DeviceRoom, Space},
    writer::{Writer, WriterParts},
};
use crate::{
    runtime::Random,
    types::{BlockTable, ChunkKey, ChunkRoot, ChunkSlice, VolumeId, VolumeStatus},
};
use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

/// One data directory, open. Cheap to clone; the directory stays locked until `close`, or until the last clone is gone.
#[derive(Clone)]
pub struct Volume(Arc<Inner>);

struct Inner {
    catalog: Arc<Catalog>,
    space: Arc<Space>,
    health: Arc<Health>,
    counters: Arc<Counters>,
    queue: Arc<JobQueue>,
    writer: Arc<Mutex<Writer>>,
    background: Background,
    durable_sequence: Arc<AtomicU64>,
    settled_sequence: Arc<AtomicU64>,
    start_count: u64,
    thread: Mutex<Option<JoinHandle<()>>>,
    lock: Mutex<Option<Box<dyn DiskLock>>>,
}

/// Who runs the writer, and how keys are hashed: tests run it themselves, so that every run of a seed is the same.
pub(super) struct Mechanics {
    pub writer_runs: WriterRuns,
    pub hasher: KeyHasher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriterRuns {
    OnItsThread,
    #[cfg(test)]
    WhenCalled,
}

impl Volume {
    /// Opens the volume of a directory, or makes one in an empty directory. Afterwards the directory is locked, and what
    /// the volume holds is known and durable.
    pub fn open(
        disk: Arc<dyn Disk>,
        directory: &Path,
        owner: VolumeOwner,
        settings: &VolumeSettings,
        random: Arc<dyn Random>,
    ) -> Result<(Self, RecoveryReport), VolumeError> {
        let mechanics = Mechanics { writer_runs: WriterRuns::OnItsThread, hasher: KeyHasher::new(&*random) };
        Self::open_with(disk, directory, owner, settings, random, mechanics)
    }

    pub(super) fn open_with(
        disk: Arc<dyn Disk>,
        directory: &Path,
        owner: VolumeOwner,
        settings: &VolumeSettings,
        random: Arc<dyn Random>,
        mechanics: Mechanics,
    ) -> Result<(Self, RecoveryReport), VolumeError> {
        disk.create_dir(directory).map_err(VolumeError::disk("making the volume's directory"))?;
        let lock = disk.lock(&directory.join(LOCK_FILE)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => VolumeError::Locked(directory.display().to_string()),
            _ => VolumeError::disk("locking the volume's directory")(error),
        })?;
        let identity = Identity::open_or_create(&*disk, directory, owner, &*random)?;
        let segments = directory.join(SEGMENT_DIRECTORY);
        disk.create_dir(&segments).map_err(VolumeError::disk("making the segments' directory"))?;
        disk.sync_dir(directory).map_err(VolumeError::disk("syncing the volume's directory"))?;
        let files = SegmentFiles::new(disk.clone(), segments, identity.volume, settings, random);
        let catalog = Catalog::new(Index::new(mechanics.hasher));
        let recovered = recover(&files, identity.volume, &catalog, settings.recovery_threads)?;
        let start_count = count_start(&*disk, directory)?;
        let (catalog, files) = (Arc::new(catalog), Arc::new(files));
        let space = Arc::new(Space::new(disk, directory.to_owned(), catalog.clone(), files.clone(), settings)?);
        let durable_sequence = Arc::new(AtomicU64::new(recovered.highest_sequence));
        let settled_sequence = Arc::new(AtomicU64::new(recovered.highest_sequence));
        let (health, counters) = (Arc::new(Health::default()), Arc::new(Counters::default()));
        let punches = Arc::new(PunchList::default());
        let parts = WriterParts {
            catalog: catalog.clone(),
            files: files.clone(),
            space: space.clone(),
            health: health.clone(),
            counters: counters.clone(),
            punches: punches.clone(),
            durable_sequence: durable_sequence.clone(),
            settled_sequence: settled_sequence.clone(),
            big_record_size: settings.big_record_size.bytes(),
        };
        let writer = Arc::new(Mutex::new(Writer::new(parts)));
        let queue = Arc::new(JobQueue::new(settings.write_queue_size.bytes(), settings.write_batch_size.bytes()));
        let background = BackgroundParts {
            catalog: catalog.clone(),
            files,
            space: space.clone(),
            writer: writer.clone(),
            health: health.clone(),
            counters: counters.clone(),
            punches,
            identity,
        };
        let thread = match mechanics.writer_runs {
            WriterRuns::OnItsThread => Some(spawn_writer(queue.clone(), writer.clone(), health.clone())?),
            #[cfg(test)]
            WriterRuns::WhenCalled => None,
        };
        let inner = Inner {
            catalog,
            space,
            health,
            counters,
            queue,
            writer,
            background: Background::new(background, settings),
            durable_sequence,
            settled_sequence,
            start_count,
            thread: Mutex::new(thread),
            lock: Mutex::new(Some(lock)),
        };
        Ok((Self(Arc::new(inner)), recovered.report))
    }

    /// Makes a chunk durable, then calls `done`, from the writer's thread: it must be quick. The same key with the same root
    /// again succeeds and writes nothing. Never blocks.
    pub fn append(&self, chunk: AppendChunk, done: impl FnOnce(Result<(), VolumeError>) + Send + 'static) {
        match self.check_append(&chunk) {
            Ok(()) => self.0.queue.push(Job::Append { chunk, done: Box::new(done) }),
            Err(error) => done(Err(error)),
        }
    }

    fn check_append(&self, chunk: &AppendChunk) -> Result<(), VolumeError> {
        self.0.health.check_writable()?;
        let data = &chunk.data;
        if data.length > CHUNK_LENGTH_MAX {
            return Err(VolumeError::Invalid("the chunk is too long"));
        }
        let length: u64 = data.pieces.iter().map(|piece| piece.len() as u64).sum();
        if length != u64::from(data.length) || data.table.checksums().len() != BlockTable::block_count(data.length) {
            return Err(VolumeError::Invalid("the chunk's length, pieces and table don't fit each other"));
        }
        if self.0.health.is_full() { Err(VolumeError::Full) } else { Ok(()) }
    }

    /// Whole blocks of a chunk, and its table. Blocks past the chunk's end are cut; 0 blocks ask for the table alone. May wait
    /// for the disk.
    pub fn read(&self, key: ChunkKey, first_block: u32, block_count: u32) -> Result<ChunkSlice, VolumeError> {
        let blocks = Blocks { first: first_block, count: block_count };
        let slice = self.read_blocks(key, blocks, Wait::ForTheDisk)?;
        slice.ok_or(VolumeError::Corrupt("a waiting read did not wait"))
    }

    /// The same if everything is in memory; `None` when it would have to wait for the disk.
    pub fn read_cached(
        &self,
        key: ChunkKey,
        first_block: u32,
        block_count: u32,
    ) -> Option<Result<ChunkSlice, VolumeError>> {
        self.read_blocks(key, Blocks { first: first_block, count: block_count }, Wait::Never).transpose()
    }

    fn read_blocks(&self, key: ChunkKey, blocks: Blocks, wait: Wait) -> Result<Option<ChunkSlice>, VolumeError> {
        self.0.counters.reads.add(1);
        reader::read(&self.0.catalog, key, blocks, wait).map_err(|error| self.note_read_error(error))
    }

    /// A disk that fails reads is not written to any more, but what it still reads is good: it is verified.
    fn note_read_error(&self, error: VolumeError) -> VolumeError {
        if let VolumeError::Disk { .. } = error {
            self.0.health.freeze(&error.to_string());
        }
        error
    }

    /// Whether the chunk is held and its bytes are what `root` proves. Reads all of it; may wait for the disk.
    pub fn verify_chunk(&self, key: ChunkKey, root: ChunkRoot) -> Result<bool, VolumeError> {
        Ok(self.compare(key, root)? == Likeness::Right)
    }

    /// The same, and takes a damaged chunk out of what is held, durably: the right one can be appended in its stead. One that is
    /// whole and only not the one of the root stays: the root may be what is wrong.
    pub fn verify_or_quarantine(&self, key: ChunkKey, root: ChunkRoot) -> Result<bool, VolumeError> {
        let likeness = self.compare(key, root)?;
        match likeness {
            Likeness::Damaged(place) => lock(&self.0.writer).quarantine(key, Some(place))?,
            Likeness::Other(_) => tracing::error!(%key, "a whole chunk is not the one that was asked for; it is kept"),
            Likeness::Right => {}
        }
        Ok(likeness == Likeness::Right)
    }

    /// Takes whatever is held under the key out, durably, unless it is what `root` proves. For who has the right chunk in hand:
    /// that it exists shows that the root is right.
    pub fn give_way(&self, key: ChunkKey, root: ChunkRoot) -> Result<(), VolumeError> {
        match self.compare(key, root) {
            Ok(Likeness::Damaged(place) | Likeness::Other(place)) => lock(&self.0.writer).quarantine(key, Some(place)),
            Ok(Likeness::Right) | Err(VolumeError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn compare(&self, key: ChunkKey, root: ChunkRoot) -> Result<Likeness, VolumeError> {
        reader::compare(&self.0.catalog, key, root).map_err(|error| self.note_read_error(error))
    }

    /// Takes a chunk out of what is held, durably, when its record is damaged in a way that needs no root to see: one that a
    /// read found corrupt. Waits for the disk.
    pub fn quarantine_damaged(&self, key: ChunkKey) -> Result<(), VolumeError> {
        let found = reader::damaged_record(&self.0.catalog, key).map_err(|error| self.note_read_error(error))?;
        match found {
            Some(place) => lock(&self.0.writer).quarantine(key, Some(place)),
            None => Ok(()),
        }
    }

    /// Takes a chunk out of what is held, durably, whatever it is.
    #[cfg(test)]
    pub fn quarantine(&self, key: ChunkKey) -> Result<(), VolumeError> {
        lock(&self.0.writer).quarantine(key, None)
    }

    /// Drops chunks, quarantined ones as well; those that are not held are passed over. `done` is called, from the writer's thread, when the drop is
    /// durable. Looks the chunks up first, which may wait for the disk.
    pub fn drop_chunks(&self, keys: Vec<ChunkKey>, done: impl FnOnce(Result<(), VolumeError>) + Send + 'static) {
        if let Err(error) = self.0.health.check_writable() {
            return done(Err(error));
        }
        let mut placed = Vec::with_capacity(keys.len());
        for key in keys {
            match self.0.catalog.locate(key) {
                Ok(located) => placed.push((key, located.map(|located| located.place))),
                Err(error) => return done(Err(self.note_read_error(error))),
            }
        }
        self.0.queue.push(Job::Mark { kind: RecordKind::Tombstone, keys: placed, done: Box::new(done) });
    }

    /// Fail-stop: it takes no writes until a restart.
    pub fn is_frozen(&self) -> bool {
        self.0.health.is_frozen()
    }

    /// Whether the chunk is held, as far as is known without the disk: `false` is certain, `true` but for a chance of one in
    /// 2^64 a chunk that is held.
    pub fn may_hold(&self, key: ChunkKey) -> bool {
        self.0.catalog.index.may_hold(self.0.catalog.index.hash(key))
    }

    /// Whether a drop of the chunk may have something to do: it may be held, or it is quarantined.
    pub fn may_know(&self, key: ChunkKey) -> bool {
        self.may_hold(key) || self.0.catalog.quarantined.contains(key)
    }

    /// A page of what is held, in the order of the segments' age, of at most `limit` chunks; and where the
    /// next page begins. What is appended meanwhile may be missing; what compaction moves is not. Waits for the disk.
    pub fn inventory(&self, from: Option<InventoryCursor>, limit: usize) -> Result<InventoryPage, VolumeError> {
        self.inventory_after(0, from, limit)
    }

    /// The same, of what was written after this `settled_sequence` of the same run alone. Costs what was written since.
    pub fn inventory_after(
        &self,
        sequence: u64,
        from: Option<InventoryCursor>,
        limit: usize,
    ) -> Result<InventoryPage, VolumeError> {
        inventory::page(&self.0.catalog, sequence, from, limit).map_err(|error| self.note_read_error(error))
    }

    /// An inventory that begins now shows everything up to it, as far as it is still held.
    pub fn settled_sequence(&self) -> u64 {
        self.0.settled_sequence.load(Ordering::Acquire)
    }

    pub fn id(&self) -> VolumeId {
        self.0.background.volume()
    }

    /// What a node reports of the volume. Asks the file system.
    pub fn status(&self) -> VolumeStatus {
        let inner = &self.0;
        let room = inner.space.measure();
        let open = inner.space.open_room(SegmentClass::Small) + inner.space.open_room(SegmentClass::Big);
        let segments = inner.catalog.segments();
        VolumeStatus {
            volume: inner.background.volume(),
            capacity: room.capacity,
            used: room.used,
            free: if inner.health.is_full() { 0 } else { room.for_chunks + open },
            chunks: inner.catalog.index.count(),
            live: segments.iter().map(|segment| segment.live_bytes()).sum(),
            index_bytes: inner.catalog.index.bytes(),
            device: room.device,
            durable_sequence: inner.durable_sequence.load(Ordering::Acquire),
            start_count: inner.start_count,
            state: inner.health.state(),
        }
    }

    /// Of the file system that it stands on, as last measured.
    pub fn device_room(&self) -> DeviceRoom {
        self.0.space.device_room()
    }

    pub fn stats(&self) -> VolumeStats {
        self.0.counters.snapshot()
    }

    /// One bounded step of background work: compaction, recycling, making space ready. Waits for the disk. Call it again at
    /// once after `Busy`, after a while after `Idle`.
    pub fn compact_step(&self) -> Result<Step, VolumeError> {
        self.0.background.step()
    }

    /// A pass over all that the volume holds now; it does nothing before `scrub_step`.
    pub fn begin_scrub(&self) -> ScrubPass {
        ScrubPass::begin(&self.0.catalog)
    }

    /// Checks records of about `bytes_max`, at least one, and quarantines what is damaged. Waits for the disk.
    pub fn scrub_step(&self, pass: &mut ScrubPass, bytes_max: u64) -> Result<ScrubStep, VolumeError> {
        self.0.background.scrub_step(pass, bytes_max)
    }

    /// Keeps how a scrub stands over a restart.
    pub fn keep_scrub(&self, record: &ScrubRecord) -> Result<(), VolumeError> {
        self.0.background.keep_scrub(record)
    }

    pub fn kept_scrub(&self) -> Result<Option<ScrubRecord>, VolumeError> {
        self.0.background.kept_scrub()
    }

    /// Bytes of records that count: what a scrub has to check.
    pub fn live_bytes(&self) -> u64 {
        self.0.catalog.segments().iter().map(|segment| segment.live_bytes()).sum()
    }

    /// Chunks that are quarantined, in the order of their keys, from behind `after` on.
    pub fn quarantined(&self, after: Option<ChunkKey>, limit: usize) -> Vec<ChunkKey> {
        self.0.catalog.quarantined.page(after, limit)
    }

    /// Takes chunks off the list of quarantined ones. After a restart they are on it again, until compaction has let go of
    /// their marks.
    pub fn forget_quarantined(&self, keys: &[ChunkKey]) {
        keys.iter().for_each(|key| self.0.catalog.quarantined.remove(*key));
    }

    pub fn quarantine_counts(&self) -> QuarantineCounts {
        let (additions, unidentified) = self.0.catalog.quarantined.additions();
        QuarantineCounts { now: self.0.catalog.quarantined.len() as u64, additions, unidentified }
    }

    /// Ends the volume: what waits is still written, segments are sealed and get their hints, the directory is unlocked. Calls
    /// after this are refused. Without it the next start recovers, as after a crash.
    pub fn close(&self) -> Result<(), VolumeError> {
        self.0.stop_writer();
        let _still = self.0.background.stand_still();
        if self.0.health.is_closed() {
            return Ok(());
        }
        let sealed = lock(&self.0.writer).seal_all();
        let hints = sealed.and_then(|()| self.write_hints());
        self.0.health.close();
        drop(lock(&self.0.lock).take());
        hints
    }

    fn write_hints(&self) -> Result<(), VolumeError> {
        loop {
            match self.0.background.write_one_hint() {
                Ok(Step::Busy) => {}
                // Without hints the next start scans.
                Ok(Step::Idle) | Err(VolumeError::Full) => return Ok(()),
                Err(error) => return Err(self.0.health.judge(error)),
            }
        }
    }

    /// Where the chunk's record lies: the number of its segment's file, and its head.
    #[cfg(test)]
    pub(super) fn locate(&self, key: ChunkKey) -> Result<Option<(u32, super::format::RecordHeader)>, VolumeError> {
        let located = self.0.catalog.locate(key)?;
        Ok(located.and_then(|located| Some((located.place.segment(), located.header?))))
    }

    /// Runs the writer over what is queued, for tests without its thread.
    #[cfg(test)]
    pub(super) fn run_writer(&self) {
        let mut batch = Vec::new();
        while self.0.queue.take_batch(&mut batch) {
            lock(&self.0.writer).commit(&mut batch);
        }
    }
}

impl Inner {
    /// Afterwards nothing is queued any more and the thread has ended.
    fn stop_writer(&self) {
        self.queue.close();
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
        {
            // It ends by itself when the queue is empty; a panic in a call back was reported by the panic itself.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_writer();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers everybody when the writer's thread ends by a panic.
struct WriterGuard {
    queue: Arc<JobQueue>,
    health: Arc<Health>,
}

impl Drop for WriterGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let frozen = self.health.freeze("the writer's thread panicked");
            self.queue.close_refusing(&frozen);
        }
    }
}

fn spawn_writer(
    queue: Arc<JobQueue>,
    writer: Arc<Mutex<Writer>>,
    health: Arc<Health>,
) -> Result<JoinHandle<()>, VolumeError> {
    let run = move || {
        let _guard = WriterGuard { queue: queue.clone(), health };
        raise_priority();
        let mut batch = Vec::new();
        while queue.wait_for_batch(&mut batch) {
            lock(&writer).commit(&mut batch);
        }
    };
    let spawned = std::thread::Builder::new().name("volume-writer".to_owned()).spawn(run);
    spawned.map_err(VolumeError::disk("starting the writer's thread"))
}

/// A sync that waits for a processor looks like a slow disk to everyone who waits for it (LIMITS.md). Without the right
/// to raise it the priority stays as it is.
fn raise_priority() {
    const PRIORITY: i32 = -10;
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), PRIORITY);
}

impl std::fmt::Debug for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Volume").field("id", &self.0.background.volume()).finish_non_exhaustive()
    }
}

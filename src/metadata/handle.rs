//! `Metadata`: the handle that others hold. Opening it, proposing commands, and what is known without asking the database.

use super::{
    apply::KnownGroups,
    bucket_cache::BucketCache,
    checkpoint,
    command::Command,
    connection,
    directory::{Directory, LACKING, database_in},
    error::{MetadataError, ProposeError, QueryError},
    identity::Identity,
    lacking,
    log::LogFeed,
    log_index::LogReach,
    object_cache::{LookupStats, ObjectCache},
    open_mark::{EndIsKnown, Ending, OpenMark},
    outcome::Outcome,
    readers::{Reader, Readers},
    recorder::Recorder,
    reserve::{self, FreeSpace, Reserve},
    schema,
    settings::MetadataSettings,
    writer::{self, Answer, Fatal, Origin, Proposal, Writer, WriterState, WriterStats},
};
use crate::{
    runtime::{Clock, Random},
    types::{ClusterId, CommitSequence, HistoryId},
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};
use tokio::sync::{mpsc, oneshot, watch};

/// Cheap to clone. The database is closed when the last clone is gone, or by `close`.
#[derive(Clone)]
pub struct Metadata {
    inner: Arc<Inner>,
}

struct Inner {
    identity: Identity,
    last_ending: Ending,
    /// Of a process that broke off: its whole log was read.
    log_is_proved: bool,
    end_is_known: EndIsKnown,
    state: Arc<WriterState>,
    buckets: Arc<BucketCache>,
    objects: Arc<ObjectCache>,
    log: LogFeed,
    /// Taken by `close`.
    queue: Mutex<Option<mpsc::Sender<Proposal>>>,
    readers: Readers,
    /// Changes when the writer and the checkpointer have ended.
    ended: watch::Receiver<bool>,
    settings: MetadataSettings,
    database: PathBuf,
    free_space: FreeSpace,
    /// Held by the doctor while it looks.
    examination: tokio::sync::Mutex<()>,
}

/// What a test puts in the place of the machine.
pub struct MetadataHooks {
    pub fatal: Fatal,
    pub free_space: FreeSpace,
}

impl Default for MetadataHooks {
    fn default() -> Self {
        Self { fatal: writer::abort_process(), free_space: reserve::free_space() }
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata").field("identity", &self.inner.identity).finish_non_exhaustive()
    }
}

impl Metadata {
    /// Whether the directory `path` holds metadata, so that `open` does not make it.
    pub fn is_in(path: &Path) -> bool {
        std::fs::metadata(database_in(path)).is_ok_and(|file| file.len() > 0)
    }

    /// Opens the metadata in the directory `path`, or makes it. One process at a time; call within a tokio runtime.
    pub async fn open(
        path: &Path,
        settings: &MetadataSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, MetadataError> {
        Self::open_with(path, settings, clock, random, MetadataHooks::default()).await
    }

    pub async fn open_with(
        path: &Path,
        settings: &MetadataSettings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        hooks: MetadataHooks,
    ) -> Result<Self, MetadataError> {
        settings.validate().map_err(MetadataError::Settings)?;
        let directory = Directory::lock(path)?;
        let database = directory.database();
        let last_ending = OpenMark::check(&directory)?;
        let log_before = LogReach::read(&directory.log_index());
        let mut reserve =
            Reserve::new(directory.ballast(), settings.metadata_reserve.bytes(), hooks.free_space.clone());
        // To be opened at all the database needs room for the index of its log.
        reserve.check(0);
        let mut connection = connection::writer(&database, settings).await?;
        schema::bring_up_to_date(&mut connection, &database, schema::known()).await?;
        let identity = match last_ending {
            // One that was read knows who it is, unless what it came from can't be read any more.
            Ending::BrokenOff => Identity::read(&mut connection).await?,
            _ => Identity::read_or_make(&mut connection, &*clock, &*random).await?,
        };
        let log_now = LogReach::read(&directory.log_index());
        if LogReach::is_cut(log_before, log_now) {
            lacking::note(&directory.lacking(), identity.history, identity.committed.next())?;
        }
        lacking::check(&directory, &identity)?;
        let readers = Readers::open(&database, settings).await?;
        let checkpointer = connection::checkpointer(&database, settings).await?;
        let begin_at = settings.metadata_checkpoint_at.bytes();
        let (checkpoints, checkpointer) =
            checkpoint::checkpoints(checkpointer, directory.log(), begin_at, settings.metadata_log_limit.bytes())
                .await?;
        let recorder = match &settings.record_commands {
            Some(path) => Some(Recorder::open(path, identity.committed)?),
            None => None,
        };
        let end_is_known = EndIsKnown::new((last_ending == Ending::Orderly).into());
        let open_mark = OpenMark::set(&directory, end_is_known.clone())?;
        let state = Arc::new(WriterState::new(identity.committed, identity.needs_confirmation));
        let buckets = Arc::new(BucketCache::default());
        let objects = Arc::new(ObjectCache::new(settings.object_cache));
        let log = LogFeed::default();
        let (sender, queue) = mpsc::channel(settings.metadata_queue as usize);
        let writer = Writer {
            _open_mark: open_mark,
            connection,
            database: database.clone(),
            settings: settings.clone(),
            history: identity.history,
            queue,
            state: Arc::clone(&state),
            buckets: Arc::clone(&buckets),
            objects: Arc::clone(&objects),
            checkpoints,
            reserve,
            recorder,
            log: log.clone(),
            groups: KnownGroups::default(),
            fatal: hooks.fatal,
        };
        let ended = spawn(writer, checkpointer, directory);
        let queue = Mutex::new(Some(sender));
        let (settings, free_space) = (settings.clone(), hooks.free_space);
        let inner = Inner {
            identity,
            last_ending,
            log_is_proved: LogReach::is_proved(log_before, log_now),
            end_is_known,
            state,
            buckets,
            objects,
            log,
            queue,
            readers,
            ended,
            settings,
            database,
            free_space,
            examination: tokio::sync::Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Carries the command out. Returns when its outcome is durable. Dropped before that: the command may still commit.
    pub async fn propose(&self, command: Command) -> Result<Outcome, ProposeError> {
        self.submit(command, Origin::Caller).await?.await.map_err(|_| closed())?
    }

    /// Returns when the command is in the queue.
    pub(super) async fn submit(&self, command: Command, origin: Origin) -> Result<Answer, ProposeError> {
        let (answer, outcome) = oneshot::channel();
        let queue = self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        queue.ok_or_else(closed)?.send(Proposal { command, origin, answer }).await.map_err(|_| closed())?;
        Ok(outcome)
    }

    /// Somebody knows of a newer command that was acknowledged: the database is not opened again before it has it.
    pub fn note_lacking(&self, newest: CommitSequence) {
        let file = self.inner.database.with_file_name(LACKING);
        if let Err(error) = lacking::note(&file, self.history(), newest) {
            tracing::error!(%error, "that the metadata lacks something can't be noted");
        }
    }

    /// How the process before this one let go of the database.
    pub fn last_ending(&self) -> Ending {
        self.inner.last_ending
    }

    /// After an ending that was not orderly: the database's end is there, as far as anybody can tell. Until this is said, and
    /// however often the database is opened and closed, the ending stays what it was.
    pub fn trust_end(&self) {
        self.inner.end_is_known.store(true, Ordering::Release);
    }

    /// The newest durable sequence.
    pub fn committed(&self) -> CommitSequence {
        self.inner.state.committed()
    }

    /// The newest sequence that anybody may have been told of: what is newer may be gone with the disk of the database.
    pub fn answered(&self) -> CommitSequence {
        self.inner.state.answered()
    }

    pub fn history(&self) -> HistoryId {
        self.inner.identity.history
    }

    pub fn cluster_id(&self) -> ClusterId {
        self.inner.identity.cluster
    }

    /// Restored from a backup, and no operator has confirmed it: nothing may be reclaimed.
    pub fn needs_confirmation(&self) -> bool {
        self.inner.state.needs_confirmation()
    }

    /// Its disk is full: only what frees something is carried out.
    pub fn is_full(&self) -> bool {
        self.inner.state.is_full()
    }

    pub fn stats(&self) -> WriterStats {
        self.inner.state.stats()
    }

    /// Where the batches of commands come out, for whoever keeps them on storage nodes.
    pub fn log_feed(&self) -> &LogFeed {
        &self.inner.log
    }

    pub fn lookup_stats(&self) -> LookupStats {
        self.inner.objects.stats()
    }

    /// Takes no more commands, carries out those that wait, closes the database and releases the directory.
    pub async fn close(&self) {
        self.inner.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.inner.readers.close();
        let mut ended = self.inner.ended.clone();
        // An error means that the task is gone, which is what is waited for.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    pub(super) fn log_is_proved(&self) -> bool {
        self.inner.log_is_proved
    }

    pub(super) async fn reader(&self) -> Result<Reader<'_>, QueryError> {
        self.inner.readers.lend().await
    }

    pub(super) fn bucket_cache(&self) -> &BucketCache {
        &self.inner.buckets
    }

    pub(super) fn object_cache(&self) -> &ObjectCache {
        &self.inner.objects
    }

    pub(super) fn settings(&self) -> &MetadataSettings {
        &self.inner.settings
    }

    /// `None` while another holds it.
    pub(super) fn examination_turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.inner.examination.try_lock().ok()
    }

    pub(super) fn free_space(&self) -> &FreeSpace {
        &self.inner.free_space
    }

    pub(super) fn database(&self) -> &Path {
        &self.inner.database
    }
}

fn closed() -> ProposeError {
    ProposeError::Unavailable("it is closing or has failed".to_owned())
}

/// Runs both tasks; the directory stays locked until they have ended. A panic in the writer stops the process like an I/O error: its batch's fate is unknown.
fn spawn(writer: Writer, checkpointer: checkpoint::Checkpointer, directory: Directory) -> watch::Receiver<bool> {
    let (sender, ended) = watch::channel(false);
    let fatal = Arc::clone(&writer.fatal);
    let checkpointing = tokio::spawn(checkpointer.run());
    let writing = tokio::spawn(writer.run());
    tokio::spawn(async move {
        if writing.await.is_err_and(|error| error.is_panic()) {
            fatal("the writer panicked");
        }
        let _ = checkpointing.await;
        drop(directory);
        sender.send_replace(true);
    });
    ended
}

//! The writer: one task that owns the connection which changes rows. Commands queue; whatever gathered while the last
//! commit ran forms the next transaction. Nothing is answered, a refusal included, before its batch is durable.
//!
//! An I/O error stops the process (a failed sync can't be retried: the pages are marked clean); a restart recovers. A
//! full disk is no such error: SQLite takes the batch back whole, and nothing of it was answered.

use super::{
    apply::{ApplyError, KnownGroups, Pace, Transaction, apply, foresee},
    bucket_cache::BucketCache,
    checkpoint::Checkpoints,
    command::Command,
    connection,
    error::{ProposeError, QueryError},
    log::{BatchNumber, Deposed, KeptWhen, LogFeed},
    object_cache::ObjectCache,
    open_mark::OpenMark,
    outcome::{CommandError, Outcome},
    recorder::Recorder,
    reserve::{Reserve, Room, goes_on_a_full_disk},
    script::Script,
    settings::MetadataSettings,
};
use crate::types::{CommitSequence, HistoryId};
use sqlx::SqliteConnection;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// What the process does when the metadata can't go on. A test puts its own in its place.
pub type Fatal = Arc<dyn Fn(&str) + Send + Sync>;

pub(super) fn abort_process() -> Fatal {
    Arc::new(|reason| {
        tracing::error!(reason, "the metadata can't go on: the process stops, a restart recovers");
        std::process::abort();
    })
}

/// A command on its way, and where its outcome goes. Whoever asked may be gone: then the outcome is dropped.
pub(super) struct Proposal {
    pub command: Command,
    pub origin: Origin,
    pub answer: oneshot::Sender<Result<Outcome, ProposeError>>,
}

pub(super) type Answer = oneshot::Receiver<Result<Outcome, ProposeError>>;

/// Where a command comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Caller,
    /// From a batch that nodes kept. It is one transaction once more, and goes on whatever room there is: it may have been
    /// acknowledged.
    CommandLog(Place),
}

/// In its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    BeforeOthers,
    Last,
}

/// What others read of the writer without asking it.
#[derive(Debug)]
pub(super) struct WriterState {
    /// Newest durable sequence.
    committed: AtomicU64,
    /// Newest one that may have been answered: not before the command log has it, where that is in force.
    answered: AtomicU64,
    needs_confirmation: AtomicBool,
    commands: AtomicU64,
    batches: AtomicU64,
    refusals: AtomicU64,
    /// The last batch found room for deletes only.
    is_full: AtomicBool,
}

impl WriterState {
    pub fn new(committed: CommitSequence, needs_confirmation: bool) -> Self {
        Self {
            committed: AtomicU64::new(committed.0),
            answered: AtomicU64::new(committed.0),
            needs_confirmation: AtomicBool::new(needs_confirmation),
            commands: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
        }
    }

    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    pub fn committed(&self) -> CommitSequence {
        CommitSequence(self.committed.load(Ordering::Acquire))
    }

    pub fn answered(&self) -> CommitSequence {
        CommitSequence(self.answered.load(Ordering::Acquire))
    }

    pub fn needs_confirmation(&self) -> bool {
        self.needs_confirmation.load(Ordering::Acquire)
    }

    pub fn stats(&self) -> WriterStats {
        WriterStats {
            commands: self.commands.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
            refusals: self.refusals.load(Ordering::Relaxed),
        }
    }
}

/// Counts since the start, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStats {
    /// Commands whose batch is durable, refused ones included.
    pub commands: u64,
    /// Transactions, each with one sync.
    pub batches: u64,
    pub refusals: u64,
}

/// Takes a number and no more.
const CHANGES_NOTHING: Command = Command::FinishDeletions { blobs: Vec::new() };

const UNKNOWN_IF_TAKEN_BACK: &str = "the disk of the metadata was full, and the nodes that may have been told of the change can't be told that it was taken back";

/// Rest between two looks at a full disk.
const FULL_REST: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    /// Goes before the connection does: fields are dropped in this order.
    pub _open_mark: Option<OpenMark>,
    pub connection: SqliteConnection,
    pub database: PathBuf,
    pub settings: MetadataSettings,
    pub history: HistoryId,
    pub queue: mpsc::Receiver<Proposal>,
    pub state: Arc<WriterState>,
    pub buckets: Arc<BucketCache>,
    pub objects: Arc<ObjectCache>,
    pub checkpoints: Checkpoints,
    pub reserve: Reserve,
    pub recorder: Option<Recorder>,
    pub log: LogFeed,
    pub groups: KnownGroups,
    pub fatal: Fatal,
}

/// Why a batch was lost.
enum BatchError {
    /// It has to be run again, each command alone.
    Entangled,
    DiskFull,
    /// Another gateway writes the log: the batch must not commit, nor any after it.
    Deposed(Deposed),
    Fatal(String),
}

impl From<QueryError> for BatchError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Database(error) if error.is_disk_full() => Self::DiskFull,
            other => Self::Fatal(other.to_string()),
        }
    }
}

impl From<ApplyError> for BatchError {
    /// A refusal outside of a command is nobody's.
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Entangled => Self::Entangled,
            ApplyError::Storage(error) => error.into(),
            ApplyError::Refused(error) => Self::Fatal(error.to_string()),
        }
    }
}

impl Writer {
    /// Ends when every sender of the queue is gone and the queue is empty, or after an error that nothing survives.
    pub async fn run(mut self) {
        self.work().await;
        self.log.close();
    }

    async fn work(&mut self) {
        let batch_max = self.settings.metadata_batch as usize;
        let mut proposals = Vec::with_capacity(batch_max);
        while self.receive(&mut proposals, batch_max).await > 0 {
            let room = self.look_for_room().await;
            if room == Room::DeletesOnly {
                refuse_what_needs_room(&mut proposals);
            }
            if proposals.is_empty() {
                continue;
            }
            let commands = proposals.len() as u64;
            match self.carry_out(&proposals).await {
                Ok(outcomes) => answer(&mut proposals, outcomes),
                Err(BatchError::DiskFull) => {
                    if !self.give_batch_up(&mut proposals).await {
                        return;
                    }
                    continue;
                }
                Err(BatchError::Deposed(error)) => return refuse(&mut proposals, error),
                Err(BatchError::Fatal(reason)) => return (self.fatal)(&reason),
                Err(BatchError::Entangled) => return (self.fatal)("a command that ran alone was entangled"),
            }
            self.checkpoints.after_commit(commands, room).await;
        }
    }

    /// What waits, and until something does; 0 at the end. On a full disk it looks meanwhile if that is still so: whoever
    /// asks is told, and nobody may have something to write.
    async fn receive(&mut self, proposals: &mut Vec<Proposal>, batch_max: usize) -> usize {
        while self.state.is_full() {
            match tokio::time::timeout(FULL_REST, self.queue.recv_many(proposals, batch_max)).await {
                Ok(count) => return self.complete(proposals, count).await,
                Err(_) => _ = self.look_for_room().await,
            }
        }
        let count = self.queue.recv_many(proposals, batch_max).await;
        self.complete(proposals, count).await
    }

    /// With what belongs into the same transaction.
    async fn complete(&mut self, proposals: &mut Vec<Proposal>, count: usize) -> usize {
        let is_open = |last: &Proposal| last.origin == Origin::CommandLog(Place::BeforeOthers);
        while proposals.last().is_some_and(is_open) && self.queue.recv_many(proposals, 1).await > 0 {}
        count
    }

    async fn look_for_room(&mut self) -> Room {
        let mut room = self.reserve.check(self.checkpoints.reusable_bytes());
        if room == Room::DeletesOnly {
            // What is missing may be the log's, or inside of the database.
            self.checkpoints.shrink_log().await;
            room = self.reserve.check(self.checkpoints.reusable_bytes());
        }
        self.state.is_full.store(room == Room::DeletesOnly, Ordering::Relaxed);
        room
    }

    /// One transaction. When this returns outcomes, they are durable.
    async fn carry_out(&mut self, proposals: &[Proposal]) -> Result<Vec<Result<Outcome, CommandError>>, BatchError> {
        let commands = proposals.iter().map(|proposal| &proposal.command);
        // What is taken back below stays in the log until the next batch, which begins at the same sequence, takes its place.
        let logged = self.log.offer(self.state.committed().next(), commands);
        match self.attempt(proposals, Pace::Together, logged).await {
            Err(BatchError::Entangled) => {
                tracing::warn!(commands = proposals.len(), "a command names an id that is in use: each runs alone");
                Script::of("ROLLBACK").execute(&mut self.connection).await?;
                self.groups.forget();
                if let Some(recorder) = &mut self.recorder {
                    recorder.forget_lines();
                }
                self.attempt(proposals, Pace::EachAlone, logged).await
            }
            decided => decided,
        }
    }

    async fn attempt(
        &mut self,
        proposals: &[Proposal],
        pace: Pace,
        logged: Option<BatchNumber>,
    ) -> Result<Vec<Result<Outcome, CommandError>>, BatchError> {
        let mut tx = Transaction::begin(&mut self.connection, &mut self.groups, self.state.committed(), pace);
        let mut outcomes = Vec::with_capacity(proposals.len());
        if pace == Pace::Together {
            foresee(proposals.iter().map(|proposal| &proposal.command), &mut tx).await?;
        }
        for proposal in proposals {
            let sequence = tx.begin_command();
            if let Some(recorder) = &mut self.recorder {
                recorder.add(sequence, &proposal.command);
            }
            match apply(&proposal.command, &mut tx).await {
                Ok(outcome) => {
                    tx.keep_command();
                    outcomes.push(Ok(outcome));
                }
                Err(ApplyError::Refused(error)) => {
                    tx.undo_command();
                    outcomes.push(Err(error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        // What waits is written before the recorder writes: a batch that is run again is recorded once.
        if let Some(recorder) = &mut self.recorder {
            tx.write_waiting().await?;
            recorder.write().map_err(|error| BatchError::Fatal(format!("recording commands: {error}")))?;
        }
        let kept_when = self.log.kept_when();
        if logged.is_some() && kept_when == KeptWhen::BeforeCommit {
            // Done by the time that the log is: what is left then is the commit.
            tx.write_waiting().await?;
            self.log.kept(logged).await.map_err(BatchError::Deposed)?;
        }
        let committed = tx.commit().await?;
        self.publish(committed, proposals, &outcomes);
        if kept_when == KeptWhen::BeforeAnswer {
            self.log.kept(logged).await.map_err(BatchError::Deposed)?;
        }
        self.state.answered.store(committed.0, Ordering::Release);
        Ok(outcomes)
    }

    fn publish(&self, committed: CommitSequence, proposals: &[Proposal], outcomes: &[Result<Outcome, CommandError>]) {
        let refusals = outcomes.iter().filter(|outcome| outcome.is_err()).count() as u64;
        self.state.commands.fetch_add(outcomes.len() as u64, Ordering::Relaxed);
        self.state.refusals.fetch_add(refusals, Ordering::Relaxed);
        self.state.batches.fetch_add(1, Ordering::Relaxed);
        for proposal in proposals {
            self.buckets.forget_what_changes(&proposal.command, committed);
            self.objects.forget_what_changes(&proposal.command, committed);
            if let Command::ConfirmHistory { history, .. } = &proposal.command {
                // Confirming another history than this one changes nothing here.
                if *history == self.history {
                    self.state.needs_confirmation.store(false, Ordering::Release);
                }
            }
        }
        self.state.committed.store(committed.0, Ordering::Release);
    }

    /// The disk was full: nothing of the batch remains once the connection is gone. False when there is no new one.
    async fn give_batch_up(&mut self, proposals: &mut Vec<Proposal>) -> bool {
        tracing::error!(commands = proposals.len(), "the disk of the metadata is full: a batch was taken back");
        if let Some(Err(error)) = self.recorder.as_mut().map(Recorder::discard) {
            (self.fatal)(&format!("recording commands: {error}"));
            return false;
        }
        self.groups.forget();
        // Nobody who begins from the log carries it out.
        let in_its_place = self.log.take_back(self.state.committed().next(), &CHANGES_NOTHING);
        match connection::writer(&self.database, &self.settings).await {
            // Dropping the old connection rolls its transaction back.
            Ok(fresh) => self.connection = fresh,
            Err(error) => {
                (self.fatal)(&error.to_string());
                return false;
            }
        }
        let (log, refused) = (self.log.clone(), std::mem::take(proposals));
        // Others do not wait for it.
        tokio::spawn(refuse_taken_back(log, in_its_place, refused));
        true
    }
}

/// Not before the log has what takes the batch's place: who is told that there was no room may rely on it, whatever dies then.
async fn refuse_taken_back(log: LogFeed, in_its_place: Option<BatchNumber>, refused: Vec<Proposal>) {
    let is_final = log.surely_kept(in_its_place).await;
    for proposal in refused {
        let error =
            if is_final { ProposeError::NoRoom } else { ProposeError::Unavailable(UNKNOWN_IF_TAKEN_BACK.to_owned()) };
        let _ = proposal.answer.send(Err(error));
    }
}

fn refuse_what_needs_room(proposals: &mut Vec<Proposal>) {
    let goes_on = |proposal: &Proposal| proposal.origin != Origin::Caller || goes_on_a_full_disk(&proposal.command);
    let (going, refused) = std::mem::take(proposals).into_iter().partition(goes_on);
    *proposals = going;
    for proposal in refused {
        let _ = proposal.answer.send(Err(ProposeError::NoRoom));
    }
}

fn refuse(proposals: &mut Vec<Proposal>, error: Deposed) {
    tracing::error!(%error, "nothing commits any more");
    for proposal in proposals.drain(..) {
        let _ = proposal.answer.send(Err(ProposeError::Unavailable(error.to_string())));
    }
}

fn answer(proposals: &mut Vec<Proposal>, outcomes: Vec<Result<Outcome, CommandError>>) {
    for (proposal, outcome) in proposals.drain(..).zip(outcomes) {
        // Whoever asked may have gone away; the command stands.
        let _ = proposal.answer.send(outcome.map_err(ProposeError::Refused));
    }
}

//! The writer: batches, refusals in between, a full disk, checkpoints, cancelled proposers.

use super::fixture::*;
use crate::{
    metadata::{
        Command, CommandError, MetadataHooks, MetadataSettings, Outcome, ProposeError,
        apply::KnownGroups,
        checkpoint::{Checkpointer, checkpoints},
        connection,
        directory::{database_in, log_of},
        identity::Identity,
        object_cache::ObjectCache,
        reserve::Reserve,
        writer::{Fatal, Origin, Proposal, Writer, WriterState},
    },
    types::*,
};
use futures_util::{FutureExt, future::join_all};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot};

#[tokio::test(flavor = "multi_thread")]
async fn commands_that_gather_share_a_commit() {
    let fixture = Fixture::new().await;
    let before = fixture.metadata.stats();
    let names: Vec<String> = (0..500).map(|index| format!("key-{index}")).collect();
    join_all(names.iter().map(|name| fixture.put(name, &[10]))).await;
    let after = fixture.metadata.stats();
    assert_eq!(after.commands - before.commands, 500);
    assert!(after.batches - before.batches < 100, "{} batches", after.batches - before.batches);
    assert_eq!(names.len(), fixture.list("", "", None, 1000).await.entries.len());
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn a_refusal_in_a_batch_undoes_its_own_command_alone() {
    let fixture = Fixture::new().await;
    let duplicate = fixture.content(&[10]);
    let good = fixture.put_of("good", duplicate.clone());
    let bad = fixture.put_of("bad", duplicate);
    let also_good = fixture.put_of("also-good", fixture.content(&[10]));
    let proposals = [good, bad, also_good].map(|put| fixture.propose(Command::PutObject(put)));
    let outcomes = join_all(proposals).await;
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok());
    assert!(matches!(outcomes[1], Err(CommandError::Malformed { .. })), "a blob id twice: {:?}", outcomes[1]);
    assert_eq!(names(&fixture.list("", "", None, 10).await), ["also-good", "good"]);
    fixture.assert_counts_are_references().await;
}

#[tokio::test]
async fn a_command_is_carried_out_though_its_proposer_went_away() {
    let fixture = Fixture::new().await;
    let put = Command::PutObject(fixture.put_of("a", fixture.content(&[10])));
    let mut proposing = Box::pin(fixture.metadata.propose(put));
    // One poll puts it into the queue.
    assert!(futures_util::poll!(&mut proposing).is_pending());
    drop(proposing);
    // Commands are carried out in order, so this one comes later.
    fixture.put("b", &[10]).await;
    assert_eq!(names(&fixture.list("", "", None, 10).await), ["a", "b"]);
}

#[tokio::test]
async fn closing_carries_out_what_waits() {
    let fixture = Fixture::new().await;
    let puts: Vec<_> = (0..50)
        .map(|index| Command::PutObject(fixture.put_of(&format!("key-{index}"), fixture.content(&[1]))))
        .collect();
    let mut proposing: Vec<_> = puts.into_iter().map(|put| Box::pin(fixture.metadata.propose(put))).collect();
    for proposal in &mut proposing {
        assert!(futures_util::poll!(proposal).is_pending());
    }
    fixture.metadata.close().await;
    assert!(join_all(proposing).await.iter().all(Result::is_ok));
}

/// Free bytes as the test wants them.
fn disk(free: &Arc<AtomicU64>) -> MetadataHooks {
    let free = Arc::clone(free);
    MetadataHooks { free_space: Arc::new(move |_| Ok(free.load(Ordering::Relaxed))), ..hooks() }
}

#[tokio::test]
async fn a_full_disk_takes_deletes_and_refuses_writes() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[10]).await;
    let put = || Command::PutObject(fixture.put_of("b", fixture.content(&[10])));
    let (first, second) = (put(), put());
    fixture.metadata.close().await;
    let free = Arc::new(AtomicU64::new(1 << 30));
    let metadata = open(&fixture.folder.path().join("metadata"), &settings(), disk(&free)).await;
    free.store(100, Ordering::Relaxed);
    assert_eq!(metadata.propose(first).await, Err(ProposeError::NoRoom));
    assert!(metadata.propose(Command::DeleteObject(fixture.delete_of("a"))).await.is_ok());
    assert!(metadata.propose(Command::UnrollDeletedContents { limit: 10 }).await.is_ok());
    free.store(1 << 30, Ordering::Relaxed);
    assert!(metadata.propose(second).await.is_ok());
}

/// Found by starting a server again on a full disk: SQLite could not make the index of its log, beside the reserve.
#[tokio::test]
async fn the_reserve_makes_room_for_a_start_on_a_full_disk() {
    let fixture = Fixture::new().await;
    fixture.metadata.close().await;
    let folder = fixture.folder.path().join("metadata");
    let (free, ballast) = (Arc::new(AtomicU64::new(1 << 40)), folder.join("ballast"));
    open(&folder, &settings(), disk(&free)).await.close().await;
    assert!(ballast.exists(), "a start makes it");
    free.store(0, Ordering::Relaxed);
    let metadata = open(&folder, &settings(), disk(&free)).await;
    assert!(!ballast.exists(), "nothing was proposed yet");
    metadata.close().await;
}

/// A disk of which this directory's files are all that there is.
fn small_disk(folder: &Path, capacity: u64) -> MetadataHooks {
    let folder = folder.to_owned();
    let used = move || -> u64 {
        let files = std::fs::read_dir(&folder).unwrap();
        files.filter_map(|file| file.ok()?.metadata().ok()).map(|file| file.len()).sum()
    };
    MetadataHooks { free_space: Arc::new(move |_| Ok(capacity.saturating_sub(used()))), ..hooks() }
}

/// The log kept what it had once needed, and emptied pages did not count: whoever deleted everything could not write again.
#[tokio::test]
async fn a_full_disk_takes_writes_again_once_enough_is_deleted() {
    let fixture = Fixture::new().await;
    let names: Vec<String> = (0..4000).map(|index| format!("{index}-{}", "x".repeat(900))).collect();
    let puts: Vec<_> = names.iter().map(|name| fixture.put_of(name, fixture.content(&[10]))).collect();
    let last = Command::PutObject(fixture.put_of("last", fixture.content(&[10])));
    let deletes: Vec<_> = names.iter().map(|name| fixture.delete_of(name)).collect();
    fixture.metadata.close().await;
    let folder = fixture.folder.path().join("metadata");
    let settings = MetadataSettings {
        metadata_reserve: ByteSize::mib(1),
        metadata_checkpoint_at: ByteSize::kib(512),
        ..settings()
    };
    let metadata = open(&folder, &settings, small_disk(&folder, 12 << 20)).await;
    let mut refused = 0;
    for some in puts.chunks(50) {
        let outcomes = join_all(some.iter().map(|put| metadata.propose(Command::PutObject(put.clone())))).await;
        refused += outcomes.iter().filter(|outcome| matches!(outcome, Err(ProposeError::NoRoom))).count();
    }
    assert!(refused > 0 && metadata.is_full(), "{refused} of {} did not fit", names.len());
    for some in deletes.chunks(50) {
        let outcomes =
            join_all(some.iter().map(|delete| metadata.propose(Command::DeleteObject(delete.clone())))).await;
        assert!(outcomes.iter().all(Result::is_ok));
        while metadata.propose(Command::UnrollDeletedContents { limit: 100 }).await.unwrap()
            != (Outcome::Progress { rows: 0 })
        {}
    }
    assert!(metadata.propose(last).await.is_ok());
    assert!(!metadata.is_full());
}

/// A writer of its own over the fixture's database, with a connection that answers as on a full disk once the file would
/// have more than `pages`.
async fn writer_on_a_full_disk(
    folder: &Path,
    pages: u64,
    fatal: Fatal,
) -> (Writer, mpsc::Sender<Proposal>, Checkpointer) {
    let database = database_in(folder);
    let mut connection = connection::writer(&database, &settings()).await.unwrap();
    let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
    sqlx::query(limit).execute(&mut connection).await.unwrap();
    let identity = Identity::read(&mut connection).await.unwrap();
    let log = connection::checkpointer(&database, &settings()).await.unwrap();
    let (checkpoints, checkpointer) = checkpoints(log, log_of(&database), 1 << 20, 2 << 20).await.unwrap();
    let (sender, queue) = mpsc::channel(10);
    let writer = Writer {
        _open_mark: None,
        connection,
        database,
        settings: settings(),
        history: identity.history,
        queue,
        state: Arc::new(WriterState::new(identity.committed, false)),
        buckets: Arc::default(),
        objects: Arc::new(ObjectCache::new(ByteSize::mib(1))),
        checkpoints,
        reserve: Reserve::new(folder.join("ballast"), 1 << 20, Arc::new(|_| Ok(1 << 40))),
        recorder: None,
        log: Default::default(),
        groups: KnownGroups::default(),
        fatal,
    };
    (writer, sender, checkpointer)
}

async fn propose(queue: &mpsc::Sender<Proposal>, command: Command) -> Result<Outcome, ProposeError> {
    let (answer, outcome) = oneshot::channel();
    queue
        .send(Proposal { command, origin: Origin::Caller, answer })
        .await
        .map_err(|_| ProposeError::Unavailable(String::new()))?;
    outcome.await.map_err(|_| ProposeError::Unavailable(String::new()))?
}

fn big_put(fixture: &Fixture) -> Command {
    let mut put = fixture.put_of("big", fixture.content(&[10]));
    put.attributes.headers.user.insert("filler".into(), "x".repeat(8 << 20));
    Command::PutObject(put)
}

#[tokio::test]
async fn a_batch_that_finds_no_room_is_taken_back_and_answered_so() {
    let fixture = Fixture::new().await;
    fixture.metadata.close().await;
    let folder = fixture.folder.path().join("metadata");
    let fatal: Fatal = Arc::new(|reason| panic!("{reason}"));
    let (writer, queue, checkpointer) = writer_on_a_full_disk(&folder, 200, fatal).await;
    let tasks = [tokio::spawn(writer.run()), tokio::spawn(checkpointer.run())];
    let big = big_put(&fixture);
    assert_eq!(propose(&queue, big.clone()).await, Err(ProposeError::NoRoom));
    assert!(propose(&queue, big).await.is_ok(), "the writer goes on with a new connection, and nothing had remained");
    drop(queue);
    for task in tasks {
        task.await.unwrap();
    }
}

/// Found by killing a server on a full disk: a write that it had refused was carried out by its next start.
#[tokio::test]
async fn that_there_was_no_room_is_said_once_nodes_know_that_the_batch_was_taken_back() {
    let fixture = Fixture::new().await;
    fixture.metadata.close().await;
    let folder = fixture.folder.path().join("metadata");
    let fatal: Fatal = Arc::new(|reason| panic!("{reason}"));
    let (writer, queue, checkpointer) = writer_on_a_full_disk(&folder, 200, fatal).await;
    let next = writer.state.committed().next();
    let feed = writer.log.clone();
    let seat = feed.begin(next);
    feed.note_snapshot(writer.state.committed());
    feed.begin_with_what_comes();
    let tasks = [tokio::spawn(writer.run()), tokio::spawn(checkpointer.run())];
    let sender = queue.clone();
    let big = big_put(&fixture);
    let mut asked = tokio::spawn(async move { propose(&sender, big).await });
    // What is taken back, and what takes its place: one behind the other, or both at once.
    let (mut last, mut batches) = feed.next(seat).await.unwrap();
    if batches.len() == 1 {
        feed.settle(last);
        (last, batches) = feed.next(seat).await.unwrap();
    }
    assert_eq!(batches.last().map(|batch| batch.first), Some(next));
    // Others go on meanwhile, also where the log does not.
    feed.fall_behind();
    let deletion = propose(&queue, Command::UnrollDeletedContents { limit: 1 }).await;
    assert!(deletion.is_ok(), "{deletion:?}");
    assert!((&mut asked).now_or_never().is_none(), "nodes would carry it out");
    feed.settle(last);
    assert_eq!(asked.await.unwrap(), Err(ProposeError::NoRoom));
    drop(queue);
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_database_that_fails_stops_the_process_and_answers_nothing() {
    let fixture = Fixture::new().await;
    fixture.prepare("DROP TABLE contents").await;
    fixture.metadata.close().await;
    let folder = fixture.folder.path().join("metadata");
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&reasons);
    let fatal: Fatal = Arc::new(move |reason| noted.lock().unwrap().push(reason.to_owned()));
    let (writer, queue, _checkpointer) = writer_on_a_full_disk(&folder, 1 << 20, fatal).await;
    let writing = tokio::spawn(writer.run());
    let put = Command::PutObject(fixture.put_of("a", fixture.content(&[10])));
    assert!(matches!(propose(&queue, put).await, Err(ProposeError::Unavailable(_))), "its fate is unknown");
    writing.await.unwrap();
    assert_eq!(reasons.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_long_log_makes_the_writer_wait_for_checkpoints() {
    let limit = ByteSize::kib(256);
    let settings =
        MetadataSettings { metadata_checkpoint_at: ByteSize::kib(64), metadata_log_limit: limit, ..settings() };
    let fixture = Fixture::with(settings).await;
    for round in 0..40 {
        let names: Vec<String> = (0..100).map(|index| format!("key-{index}-{round}")).collect();
        join_all(names.iter().map(|name| fixture.put(name, &[10]))).await;
    }
    let log = fixture.folder.path().join("metadata/metadata.sqlite-wal");
    let length = std::fs::metadata(log).unwrap().len();
    // All 4000 puts together write 22 MB. Between two looks 128 commands go by, and some more while a look is under way.
    assert!(length < 11 * MIB, "the log has {length} bytes");
    fixture.assert_counts_are_references().await;
}

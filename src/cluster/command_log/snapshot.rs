//! A copy of the database on the nodes: what comes before it in the log is not needed any more.

use super::{
    CommandLog,
    format::{LogHead, LogKind, PIECE_LENGTH_MAX},
    holder,
    log_blob::{LogBlob, NotKept},
    register::{Holder, LaidBlob},
};
use crate::{
    cluster::{Cluster, ClusterError},
    metadata::log::DatabaseCopy,
    node::NodeError,
    types::CommitSequence,
};
use bytes::Bytes;
use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// How long enough members may take for a piece.
const PIECE_WITHIN: Duration = Duration::from_secs(30);

/// Pieces under way to one member, 4 MiB each.
const TURNS: usize = 2;

/// How long the commands of the frames that are put already may take to commit. Past it they stay in the log for longer.
const COMMITTED_WITHIN: Duration = Duration::from_secs(4);
const COMMITTED_ASKED_EVERY: Duration = Duration::from_millis(10);

/// Puts a snapshot; the newest command in it. `number` counts those of this reign.
pub async fn put_snapshot(cluster: &Cluster, log: &CommandLog, number: u64) -> Result<CommitSequence, ClusterError> {
    let closed_at = log.register().close();
    await_commit(cluster, closed_at).await;
    let metadata = cluster.metadata();
    let copied = metadata.copy_for_log().await.map_err(|error| ClusterError::Metadata(error.to_string()))?;
    let Some(DatabaseCopy { file, report }) = copied else { return Err(ClusterError::NoRoom) };
    let topology = cluster.membership().topology().load_full();
    let chosen = log.choose(&topology, &[], &[]);
    if chosen.members.len() < chosen.required {
        return Err(ClusterError::NotEnoughNodes { needed: chosen.required, alive: chosen.members.len() });
    }
    let nodes: Vec<_> = chosen.members.iter().filter_map(|member| topology.node(*member).cloned()).collect();
    let holders: Vec<Holder> = nodes.iter().map(|node| holder(cluster, node)).collect();
    let mut blob = LogBlob::new(cluster.new_blob_id(), nodes, chosen.required, TURNS);
    let (last, kind) = (report.committed, LogKind::Snapshot);
    log.register().lay(LaidBlob { blob: blob.blob, kind, holders, chunk_limit: 0, bytes: 0, last });
    let head = LogHead {
        kind,
        cluster: report.cluster,
        history: report.history,
        term: cluster.term(),
        number,
        first: last,
        last,
        piece: 0,
        pieces: u32::try_from(report.bytes.div_ceil(PIECE_LENGTH_MAX as u64)).unwrap_or(u32::MAX).max(1),
    };
    let sent = send(cluster, &mut blob, head, file, report.bytes).await;
    match sent {
        Ok(()) => log.register().finish_snapshot(blob.blob, blob.chunk_limit(), report.bytes),
        Err(_) => log.register().give_up(blob.blob, blob.chunk_limit()),
    }
    sent.map(|()| last)
}

/// What was put in frames so far is in a copy that is made afterwards.
async fn await_commit(cluster: &Cluster, until: Option<CommitSequence>) {
    let deadline = Instant::now() + COMMITTED_WITHIN;
    while until.is_some_and(|until| cluster.metadata().committed() < until) && Instant::now() < deadline {
        sleep(COMMITTED_ASKED_EVERY).await;
    }
}

async fn send(
    cluster: &Cluster,
    blob: &mut LogBlob,
    head: LogHead,
    file: File,
    length: u64,
) -> Result<(), ClusterError> {
    let file = Arc::new(file);
    for piece in 0..head.pieces {
        let began = Instant::now();
        let payload =
            read_piece(&file, piece, length).await.map_err(|error| ClusterError::Metadata(error.to_string()))?;
        let pieces = [(LogHead { piece, ..head }, payload)];
        match blob.put(head.term, &pieces, PIECE_WITHIN).await {
            Ok(()) => {}
            Err(NotKept::Deposed { seen }) => {
                cluster.reign().check(&NodeError::StaleTerm { seen });
                return Err(ClusterError::Deposed { seen });
            }
            Err(NotKept::TooFew) => {
                return Err(ClusterError::Node("too few nodes took a piece of the snapshot".to_owned()));
            }
        }
        // Clients come first.
        sleep(began.elapsed() * cluster.rest_percent() / 100).await;
    }
    Ok(())
}

async fn read_piece(file: &Arc<File>, piece: u32, length: u64) -> io::Result<Bytes> {
    let file = Arc::clone(file);
    let offset = u64::from(piece) * PIECE_LENGTH_MAX as u64;
    let wanted = length.saturating_sub(offset).min(PIECE_LENGTH_MAX as u64) as usize;
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = vec![0; wanted];
        file.read_exact_at(&mut bytes, offset)?;
        Ok(Bytes::from(bytes))
    });
    read.await.map_err(io::Error::other)?
}

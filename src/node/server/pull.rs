//! Fetching chunks from peers: how a node gets what it missed. The bytes never pass the gateway.

use super::service::Inner;
use crate::{
    node::{
        NodeApi, NodeError,
        api::{GetChunk, PULL_CHUNKS_MAX, PULL_REST_PERCENT_MAX, PULL_SOURCES_MAX, PullBlob, PullReport},
    },
    types::{ChunkData, ChunkKey, ChunkRoot, ChunkSlice},
    volume::VolumeError,
};
use std::sync::Arc;
use tokio::time::{Instant, sleep, timeout};

impl Inner {
    /// At the deadline, or when it is cancelled, what was fetched stays: the same request again does the rest.
    pub(super) async fn pull_in_time(&self, request: PullBlob) -> Result<PullReport, NodeError> {
        let pulled = timeout(self.settings.node_pull_timeout.0, self.pull(request)).await;
        pulled.unwrap_or_else(|_| Err(NodeError::Unreachable("the pull did not finish in time".to_owned())))
    }

    async fn pull(&self, request: PullBlob) -> Result<PullReport, NodeError> {
        if request.roots.len() > PULL_CHUNKS_MAX || request.sources.len() > PULL_SOURCES_MAX {
            return Err(NodeError::Refused("too much to pull in one request".to_owned()));
        }
        if request.first_chunk.checked_add(request.roots.len() as u32).is_none() {
            return Err(NodeError::Refused("no blob has so many chunks".to_owned()));
        }
        self.state.admit_write(request.term).await?;
        let _permit = self.pulls.acquire().await.map_err(|error| NodeError::Unreachable(error.to_string()))?;
        let others = request.sources.iter().filter(|source| source.node != self.node);
        let sources: Vec<_> = others.filter_map(|source| self.peers.connect(source)).collect();
        let mut report = PullReport::default();
        for (index, root) in (request.first_chunk..).zip(&request.roots) {
            let began = Instant::now();
            let key = ChunkKey { blob: request.blob, index };
            self.pull_chunk(&request, &sources, key, *root, &mut report).await?;
            if request.rest_percent > 0 {
                sleep(began.elapsed() * request.rest_percent.min(PULL_REST_PERCENT_MAX) / 100).await;
            }
        }
        Ok(report)
    }

    async fn pull_chunk(
        &self,
        request: &PullBlob,
        sources: &[Arc<dyn NodeApi>],
        key: ChunkKey,
        root: ChunkRoot,
        report: &mut PullReport,
    ) -> Result<(), NodeError> {
        if self.holds_intact(key, root).await? {
            report.held += 1;
            return Ok(());
        }
        let Some(data) = fetch(request, sources, key, &root, report).await else { return Ok(()) };
        let length = u64::from(data.length);
        if self.volumes.may_hold(key) {
            self.give_way(key, root).await?;
        }
        self.append(request.term, request.group, key, root, data).await?;
        report.held += 1;
        report.pulled_bytes += length;
        Ok(())
    }

    /// Whether the chunk is here and right. A damaged one is quarantined.
    async fn holds_intact(&self, key: ChunkKey, root: ChunkRoot) -> Result<bool, NodeError> {
        let volumes = self.volumes.clone();
        let check = move || match volumes.verify_or_quarantine(key, root) {
            Err(VolumeError::NotFound) => Ok(false),
            verified => Ok(verified?),
        };
        self.disk_threads.run(check).await
    }

    /// A chunk that is whole and not the one that was asked for goes when the right one has come, and not on anybody's word.
    async fn give_way(&self, key: ChunkKey, root: ChunkRoot) -> Result<(), NodeError> {
        let volumes = self.volumes.clone();
        self.disk_threads.run(move || Ok(volumes.give_way(key, root)?)).await
    }
}

/// The chunk from the first source that has it right. Sources that were asked and lacked it, or sent another, are reported;
/// one that did not answer is not: it may have it.
async fn fetch(
    request: &PullBlob,
    sources: &[Arc<dyn NodeApi>],
    key: ChunkKey,
    root: &ChunkRoot,
    report: &mut PullReport,
) -> Option<ChunkData> {
    for source in sources {
        let get = GetChunk { term: request.term, key, first_block: 0, block_count: u32::MAX };
        match source.get_chunk(get).await {
            Ok(slice) if is_whole(&slice) && slice.is_intact(key, root) => {
                return Some(ChunkData { length: slice.chunk_length, table: slice.table, pieces: vec![slice.bytes] });
            }
            Ok(_) | Err(NodeError::Corrupt) => report.bad_sources.push((source.id(), key)),
            Err(NodeError::NotFound) => report.lacking_sources.push((source.id(), key)),
            Err(error) => tracing::debug!(source = %source.id(), %key, %error, "a peer could not be asked"),
        }
    }
    None
}

fn is_whole(slice: &ChunkSlice) -> bool {
    slice.first_block == 0 && slice.bytes.len() == slice.chunk_length as usize
}

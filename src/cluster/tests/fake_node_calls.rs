//! What fake nodes answer.

use super::fake_nodes::{FakeNode, Fault, Held};
use crate::{
    node::{
        NodeApi, NodeError,
        api::{
            ChunkRun, DropBlobs, DropReport, DroppedBlob, GetChunk, InventoryCursor, InventoryEntry, InventoryPage,
            MergeDoubles, MergeReport, MetadataWitness, NodeStatus, PULL_SOURCES_MAX, PullBlob, PullReport, PutChunk,
            ReignSeen, VolumeMark,
        },
    },
    types::{BLOCK_LENGTH, BlobId, ChunkKey, ChunkRoot, ChunkSlice, NodeId, Term},
};
use futures_util::future::BoxFuture;

impl NodeApi for FakeNode {
    fn id(&self) -> NodeId {
        self.id
    }

    fn is_local(&self) -> bool {
        self.is_local
    }

    fn put_chunk(&self, put: PutChunk) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(put.term).await?;
            // Durable answers come from another thread, not within the call.
            tokio::task::yield_now().await;
            let mut state = self.state();
            if state.fault == Fault::Full {
                return Err(NodeError::Full);
            }
            assert_eq!(put.data.table.root(put.key, put.data.length), put.root);
            let bytes: Vec<u8> = put.data.pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
            assert_eq!(bytes.len(), put.data.length as usize);
            let held =
                Held { bytes: bytes.into(), table: put.data.table, group: put.group, term: put.term, sequence: 0 };
            state.puts += 1;
            state.hold(put.key, held);
            Ok(())
        })
    }

    fn get_chunk(&self, get: GetChunk) -> BoxFuture<'_, Result<ChunkSlice, NodeError>> {
        Box::pin(async move {
            self.pass(get.term).await?;
            self.slice(get)
        })
    }

    fn get_chunk_inline(&self, get: GetChunk) -> Option<Result<ChunkSlice, NodeError>> {
        let answers = self.is_local && self.state().fault == Fault::None;
        answers.then(|| self.slice(get))
    }

    fn quarantine(&self, term: Term, key: ChunkKey, root: ChunkRoot) -> BoxFuture<'_, Result<bool, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            let is_wrong = !self.is_intact(key, &root);
            let mut state = self.state();
            state.quarantine_requests += 1;
            if !state.chunks.contains_key(&key) {
                return Err(NodeError::NotFound);
            }
            if is_wrong {
                state.chunks.remove(&key);
                state.quarantined.push(key);
            }
            Ok(is_wrong)
        })
    }

    fn drop_blobs(&self, request: DropBlobs) -> BoxFuture<'_, Result<DropReport, NodeError>> {
        Box::pin(async move {
            self.pass(request.term).await?;
            let mut state = self.state();
            if let Some(seen) = state.witness {
                let is_older = request.witness.commit_sequence < seen.commit_sequence;
                if request.witness.history != seen.history || is_older {
                    return Err(NodeError::StaleMetadata { seen });
                }
            }
            let frozen = state.on_frozen_volume.clone();
            let (kept, dropped): (Vec<DroppedBlob>, Vec<DroppedBlob>) =
                request.blobs.iter().copied().partition(|dropped| frozen.contains(&dropped.blob));
            for dropped in dropped {
                let is_dropped = |key: &ChunkKey| key.blob == dropped.blob && key.index < dropped.chunk_limit;
                state.chunks.retain(|key, _| !is_dropped(key));
                state.dropped.push(dropped.blob);
            }
            Ok(DropReport { kept: kept.into_iter().map(|kept| kept.blob).collect() })
        })
    }

    fn pull_blob(&self, request: PullBlob) -> BoxFuture<'_, Result<PullReport, NodeError>> {
        Box::pin(async move {
            self.pass(request.term).await?;
            if request.sources.len() > PULL_SOURCES_MAX {
                return Err(NodeError::Refused("too much to pull in one request".to_owned()));
            }
            let mut report = PullReport::default();
            for (index, root) in (request.first_chunk..).zip(&request.roots) {
                let key = ChunkKey { blob: request.blob, index };
                if self.is_intact(key, root) {
                    report.held += 1;
                    continue;
                }
                for source in &request.sources {
                    let Some(peer) = self.network.upgrade().and_then(|network| network.node(source.node)) else {
                        continue;
                    };
                    let get =
                        GetChunk { term: request.term, key, first_block: 0, block_count: u32::MAX / BLOCK_LENGTH };
                    match peer.get_chunk(get).await {
                        Ok(slice) if slice.is_intact(key, root) => {
                            report.pulled_bytes += slice.bytes.len() as u64;
                            report.held += 1;
                            let ChunkSlice { bytes, table, .. } = slice;
                            let held = Held { bytes, table, group: request.group, term: request.term, sequence: 0 };
                            self.state().hold(key, held);
                            break;
                        }
                        Ok(_) | Err(NodeError::Corrupt) => report.bad_sources.push((source.node, key)),
                        Err(NodeError::NotFound) => report.lacking_sources.push((source.node, key)),
                        Err(_) => {}
                    }
                }
            }
            Ok(report)
        })
    }

    fn inventory_after(
        &self,
        term: Term,
        after: Vec<VolumeMark>,
        from: Option<InventoryCursor>,
        limit: u32,
    ) -> BoxFuture<'_, Result<InventoryPage, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            let mut state = self.state();
            let after = after.iter().find(|mark| mark.volume == state.volume).map_or(0, |mark| mark.sequence);
            let from = from.map_or(0, |cursor| usize::try_from(cursor.offset).unwrap());
            let wanted: Vec<_> = state.chunks.iter().filter(|(_, held)| held.sequence > after).collect();
            let count = wanted.len();
            let page = wanted.into_iter().skip(from).take(limit as usize);
            let mut entries: Vec<InventoryEntry> = Vec::new();
            for (key, held) in page {
                match entries.last_mut() {
                    Some(entry) if entry.blob == key.blob => {
                        entry.chunk_count += 1;
                        entry.chunk_limit = key.index + 1;
                        entry.term = entry.term.max(held.term);
                    }
                    _ => entries.push(InventoryEntry {
                        blob: key.blob,
                        group: held.group,
                        term: held.term,
                        chunk_count: 1,
                        chunk_limit: key.index + 1,
                        bytes: held.bytes.len() as u64,
                    }),
                }
            }
            let end = from + limit as usize;
            let next = (end < count).then_some(InventoryCursor { volume: 0, segment: 0, offset: end as u64 });
            state.listed += entries.iter().map(|entry| u64::from(entry.chunk_count)).sum::<u64>();
            let marks = vec![VolumeMark { volume: state.volume, sequence: state.written }];
            Ok(InventoryPage { blobs: entries, next, marks })
        })
    }

    fn lacking(&self, term: Term, runs: Vec<ChunkRun>) -> BoxFuture<'_, Result<Vec<BlobId>, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            let mut state = self.state();
            state.asked += runs.iter().map(|run| u64::from(run.count)).sum::<u64>();
            let is_whole = |run: &ChunkRun| run.keys().all(|key| state.chunks.contains_key(&key));
            Ok(runs.iter().filter(|run| !is_whole(run)).map(|run| run.blob).collect())
        })
    }

    fn quarantined(
        &self,
        term: Term,
        after: Option<ChunkKey>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<ChunkKey>, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            let mut listed = self.state().still_quarantined();
            listed.retain(|key| Some(*key) > after);
            listed.sort();
            listed.truncate(limit as usize);
            Ok(listed)
        })
    }

    fn forget_quarantined(&self, term: Term, keys: Vec<ChunkKey>) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            self.state().quarantined.retain(|key| !keys.contains(key));
            Ok(())
        })
    }

    fn merge_doubles(&self, request: MergeDoubles) -> BoxFuture<'_, Result<MergeReport, NodeError>> {
        Box::pin(async move {
            self.pass(request.term).await?;
            Ok(MergeReport::default())
        })
    }

    fn begin_scrub(&self, term: Term) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            self.scrub(&[]);
            Ok(())
        })
    }

    fn status(&self, term: Term, witness: Option<MetadataWitness>) -> BoxFuture<'_, Result<NodeStatus, NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            if let Some(witness) = witness {
                let mut state = self.state();
                let seen = *state.witness.get_or_insert(witness);
                if seen.history == witness.history && seen.commit_sequence < witness.commit_sequence {
                    state.witness = Some(witness);
                }
            }
            Ok(self.status_now())
        })
    }

    fn reign_seen(&self) -> BoxFuture<'_, Result<ReignSeen, NodeError>> {
        Box::pin(async move {
            let seen = {
                let state = self.state();
                ReignSeen {
                    term: state.term,
                    witness: state.witness,
                    heard_ms: None,
                    up_ms: 0,
                    volumes_left_out: state.volumes_left_out,
                }
            };
            self.pass(seen.term).await.map(|()| seen)
        })
    }

    fn confirm_history(&self, term: Term, witness: MetadataWitness) -> BoxFuture<'_, Result<(), NodeError>> {
        Box::pin(async move {
            self.pass(term).await?;
            self.state().witness = Some(witness);
            Ok(())
        })
    }
}

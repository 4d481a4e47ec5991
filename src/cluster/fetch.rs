//! Fetches blocks of a chunk from the best replica, and verifies them before anybody sees them.
//!
//! Order: nodes that are not known to lack it, nodes in good standing before others, sluggish ones last of these, nodes in
//! this process before remote ones, then the least loaded, then by chunk, so that a chunk is always read from the same
//! node's cache. A replica that answers an error or wrong bytes is followed by the next. One that is slower than its usual,
//! or than the next would be, is *hedged*: the next is asked too and the first good answer counts; that is rationed, and
//! never done between nodes of one device, which would only load it twice. One that has not answered after `straggler_wait`
//! counts as late and is followed by the next in any case. A sluggish node is asked first now and then, by one read that
//! may always be hedged: so it comes back.

use super::{
    bad_copies::{BadCopies, CopyFault},
    budget::Budget,
    cluster_node::ClusterNode,
    error::ClusterError,
    known_missing::KnownMissing,
    latency::{HedgeAllowance, sluggish_from},
    node_life::Standing,
    plain_share::{Pieces, pieces_of},
    read_plan::Fetch,
    reign::Reign,
    topology::Topology,
};
use crate::{
    metadata::Metadata,
    node::{NodeError, api::GetChunk},
    runtime::{Activity, Clock},
    types::{ChunkSlice, NodeId},
};
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What reads need of the cluster.
pub struct Reads {
    pub topology: Arc<ArcSwap<Topology>>,
    pub budget: Budget,
    pub metadata: Metadata,
    pub reign: Reign,
    pub clock: Arc<dyn Clock>,
    pub hedges: HedgeAllowance,
    pub bad_copies: Arc<BadCopies>,
    pub known_missing: KnownMissing,
    pub straggler_wait: Duration,
    pub stats: ReadStats,
    pub activity: Arc<Activity>,
}

impl fmt::Debug for Reads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reads").field("stats", &self.stats).finish_non_exhaustive()
    }
}

/// Counters since the start.
#[derive(Debug, Default)]
pub struct ReadStats {
    /// Fetches answered without waiting, from the cache of a node in this process.
    pub inline: AtomicU64,
    /// Fetches that asked nodes and waited.
    pub waited: AtomicU64,
    pub hedged: AtomicU64,
    /// Fetches for which a replica had to be followed by another: bad, unreachable or late.
    pub failed_over: AtomicU64,
}

impl Reads {
    /// The blocks when they are in memory in this process, else `None`; never waits.
    pub fn fetch_inline(&self, fetch: &Fetch) -> Option<Bytes> {
        let topology = self.topology.load();
        // Nothing is put in order for nothing when all nodes are processes of their own.
        if !topology.group(fetch.group)?.members.iter().any(|node| node.api.is_local()) {
            return None;
        }
        let candidates = candidates(&topology, &self.known_missing, fetch);
        let node = candidates.first().filter(|node| node.api.is_local())?;
        let bytes = match node.api.get_chunk_inline(self.request(fetch))? {
            Ok(slice) => verified(slice, fetch),
            // The way that waits meets it again, and handles it.
            Err(_) => None,
        };
        if bytes.is_some() {
            self.stats.inline.fetch_add(1, Ordering::Relaxed);
            self.activity.note(u64::from(fetch.length));
        }
        bytes
    }

    /// The blocks from whichever replica has them. Dropping the future drops the requests.
    pub async fn fetch(&self, fetch: &Fetch) -> Result<Bytes, ClusterError> {
        self.stats.waited.fetch_add(1, Ordering::Relaxed);
        self.activity.note(u64::from(fetch.length));
        self.hedges.earn();
        let mut waiting: VecDeque<_> = candidates(&self.topology.load(), &self.known_missing, fetch).into();
        let trial = self.try_sluggish(&mut waiting, fetch);
        let attempts = Attempts {
            reads: self,
            fetch,
            waiting,
            trial,
            running: FuturesUnordered::new(),
            running_nodes: Vec::new(),
            hedge_memory: None,
        };
        attempts.run().await
    }

    /// Puts a sluggish node first when it is time to see whether it still is; which.
    fn try_sluggish(&self, candidates: &mut VecDeque<Arc<ClusterNode>>, fetch: &Fetch) -> Option<NodeId> {
        let best = candidates.front()?.vitals.slow_answer.estimate();
        let now = self.clock.monotonic();
        let is_tried = |node: &Arc<ClusterNode>| {
            let slow = &node.vitals.slow_answer;
            let is_fit = !node.vitals.health.is_shunned() && !self.known_missing.contains(fetch.key.blob, node.id());
            is_fit && slow.estimate() > sluggish_from(best) && slow.begin_trial(now)
        };
        let position = candidates.iter().position(is_tried)?;
        let tried = candidates.remove(position)?;
        let id = tried.id();
        candidates.push_front(tried);
        Some(id)
    }

    fn request(&self, fetch: &Fetch) -> GetChunk {
        GetChunk {
            term: self.reign.term(),
            key: fetch.key,
            first_block: fetch.first_block,
            block_count: fetch.block_count,
        }
    }

    async fn ask(
        &self,
        node: Arc<ClusterNode>,
        fetch: &Fetch,
        is_trial: bool,
    ) -> (Arc<ClusterNode>, Result<Bytes, String>) {
        let _load = node.vitals.begin_request();
        let began = self.clock.monotonic();
        let answer = node.api.get_chunk(self.request(fetch)).await;
        node.note(&answer);
        let fault = match answer {
            Ok(slice) => match verified(slice, fetch) {
                Some(bytes) => {
                    let (took, slow) = (self.clock.monotonic().saturating_sub(began), &node.vitals.slow_answer);
                    if is_trial {
                        slow.record_trial(took)
                    } else {
                        slow.record(took)
                    }
                    return (node, Ok(bytes));
                }
                None => (CopyFault::Wrong, "what came is not what its root says".to_owned()),
            },
            Err(NodeError::NotFound) => (CopyFault::Absent, NodeError::NotFound.to_string()),
            Err(NodeError::Corrupt) => (CopyFault::Corrupt, NodeError::Corrupt.to_string()),
            Err(error) => {
                self.reign.check(&error);
                return (node, Err(error.to_string()));
            }
        };
        self.bad_copies.report(&node, fetch.key, fetch.root, fault.0);
        (node, Err(fault.1))
    }
}

/// The wanted bytes of the slice, if it is what the root says.
fn verified(slice: ChunkSlice, fetch: &Fetch) -> Option<Bytes> {
    let (from, to) = (fetch.skip as usize, (fetch.skip + fetch.length) as usize);
    let is_right = slice.chunk_length == fetch.chunk_length
        && slice.first_block == fetch.first_block
        && slice.bytes.len() >= to
        && slice.is_intact(fetch.key, &fetch.root);
    is_right.then(|| slice.bytes.slice(from..to))
}

/// Who may hold the chunk, best first.
fn candidates(topology: &Topology, known_missing: &KnownMissing, fetch: &Fetch) -> Vec<Arc<ClusterNode>> {
    let Some(group) = topology.group(fetch.group) else { return Vec::new() };
    let mut members: Vec<Arc<ClusterNode>> = group.holders().cloned().collect();
    if let [_] = members[..] {
        return members;
    }
    let preference = |standing| match standing {
        Some(Standing::Frozen) => 2,
        Some(Standing::Slow) => 3,
        Some(Standing::Suspect) => 4,
        Some(Standing::Failed) | None => 5,
        Some(Standing::Returning) => 1,
        Some(_) => 0,
    };
    // The last byte of the blob's id is random, so chunks spread evenly.
    let spread = usize::from(fetch.key.blob.as_bytes()[15]).wrapping_add(fetch.key.index as usize);
    let shift = spread % members.len();
    members.rotate_left(shift);
    let estimate = |node: &Arc<ClusterNode>| node.vitals.slow_answer.estimate();
    let sluggish_from = sluggish_from(members.iter().map(estimate).min().unwrap_or_default());
    members.sort_by_cached_key(|node| {
        let lacks_it = known_missing.contains(fetch.key.blob, node.id());
        let standing = preference(topology.standing(node.id()));
        // What was written before a change is with the former member, what was written since with the one that arrives.
        let is_doubtful =
            !group.has_member(node.id()) || group.arriving.is_some_and(|arrival| arrival.node == node.id());
        let is_sluggish = estimate(node) > sluggish_from;
        (lacks_it, standing, is_doubtful, is_sluggish, !node.api.is_local(), node.vitals.load() / LOAD_STEP)
    });
    members
}

/// Requests by which loads must differ before they decide: below that, the cache of the chunk's usual node is worth more.
const LOAD_STEP: u32 = 4;

type Answer<'a> = BoxFuture<'a, (Arc<ClusterNode>, Result<Bytes, String>)>;

/// One fetch: replicas asked and not yet asked.
struct Attempts<'a> {
    reads: &'a Reads,
    fetch: &'a Fetch,
    waiting: VecDeque<Arc<ClusterNode>>,
    running: FuturesUnordered<Answer<'a>>,
    running_nodes: Vec<Arc<ClusterNode>>,
    /// The first replica that is asked is sluggish, and tried.
    trial: Option<NodeId>,
    /// Memory for the answer of a second replica.
    hedge_memory: Option<Pieces>,
}

/// How long the replicas that are being asked have taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Usual,
    /// Longer than their usual: a hedge was considered.
    Slow,
}

impl Attempts<'_> {
    async fn run(mut self) -> Result<Bytes, ClusterError> {
        let mut pace = Pace::Usual;
        let mut reason = "no node that could have it is known".to_owned();
        self.ask_next();
        while !self.running.is_empty() {
            let patience = self.patience(pace);
            tokio::select! {
                biased;
                Some((node, answer)) = self.running.next() => match answer {
                    Ok(bytes) => return Ok(bytes),
                    Err(error) => {
                        reason = error;
                        self.running_nodes.retain(|running| running.id() != node.id());
                        self.fail_over();
                        pace = Pace::Usual;
                    }
                },
                () = tokio::time::sleep(patience), if !self.waiting.is_empty() => {
                    pace = self.lose_patience(pace);
                }
            }
        }
        Err(ClusterError::Unreadable { chunk: self.fetch.key, reason })
    }

    fn patience(&self, pace: Pace) -> Duration {
        let estimate = |node: &Arc<ClusterNode>| node.vitals.slow_answer.estimate();
        let usual = self.running_nodes.last().map(estimate).unwrap_or_default().min(self.reads.straggler_wait);
        let usual = self.waiting.front().map_or(usual, |next| usual.min(sluggish_from(estimate(next))));
        match pace {
            Pace::Usual => usual,
            Pace::Slow => self.reads.straggler_wait.saturating_sub(usual),
        }
    }

    fn lose_patience(&mut self, pace: Pace) -> Pace {
        match pace {
            Pace::Usual => {
                if self.may_hedge() {
                    self.reads.stats.hedged.fetch_add(1, Ordering::Relaxed);
                    // Their answers may never be seen.
                    self.running_nodes.iter().for_each(|node| node.vitals.slow_answer.record_given_up());
                    self.ask_next();
                }
                Pace::Slow
            }
            Pace::Slow => {
                self.running_nodes.iter().for_each(|node| node.note_late("it did not answer a read in time"));
                self.fail_over();
                Pace::Usual
            }
        }
    }

    /// Whether the next replica may be asked beside the one that is slow.
    fn may_hedge(&mut self) -> bool {
        let Some(next) = self.waiting.front() else { return false };
        let shares_device =
            |running: &Arc<ClusterNode>| next.row.device.is_some() && running.row.device == next.row.device;
        if self.running_nodes.iter().any(shares_device) || (self.trial.is_none() && !self.reads.hedges.spend()) {
            return false;
        }
        self.hedge_memory = self.reads.budget.node_io().try_take(pieces_of(self.fetch.fetched_bytes()));
        self.hedge_memory.is_some()
    }

    fn fail_over(&mut self) {
        if self.ask_next() {
            self.reads.stats.failed_over.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Asks the next replica; `false` when there is none left.
    fn ask_next(&mut self) -> bool {
        let Some(node) = self.waiting.pop_front() else { return false };
        self.running_nodes.push(node.clone());
        let is_trial = self.trial == Some(node.id());
        self.running.push(Box::pin(self.reads.ask(node, self.fetch, is_trial)));
        true
    }
}

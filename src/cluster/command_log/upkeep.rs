//! When a snapshot is due, and clearing what is not needed any more.

use super::{
    CommandLog,
    register::{Holder, LaidBlob, Superseded},
    snapshot::put_snapshot,
};
use crate::{
    cluster::{
        Cluster, ClusterError, Standing,
        cluster_node::ClusterNode,
        reclaim::{Candidate, Cause, OfGroup},
        topology::Topology,
    },
    metadata::{Command, command::SaveJobState},
    node::api::DROP_BLOBS_MAX,
    runtime::Shutdown,
    types::{BlobId, Epoch, GroupId},
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The job state that tells the next gateway what there is.
const JOB: &str = "command-log";

const EVERY: Duration = Duration::from_millis(500);

/// After a snapshot that failed, and between those that nodes' losses ask for.
const SNAPSHOT_PAUSE: Duration = Duration::from_secs(10);
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Bytes of commands that a recovery may have to replay, at least; and as many as the last snapshot has.
const FRAMES_BYTES_MIN: u64 = 16 << 20;

/// Blobs of frames, begun whenever nodes came and went.
const BLOBS_MAX: usize = 64;

pub struct Upkeep {
    cluster: Cluster,
    log: CommandLog,
    snapshots: u64,
    next_snapshot: Instant,
    is_resumed: bool,
}

impl Upkeep {
    pub fn new(cluster: Cluster, log: CommandLog) -> Self {
        Self { cluster, log, snapshots: 0, next_snapshot: Instant::now(), is_resumed: false }
    }

    /// Until the shutdown.
    pub async fn run(mut self, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                result = self.step() => if let Err(error) = result {
                    tracing::debug!(%error, "the command log's upkeep");
                },
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(EVERY) => {}
            }
        }
    }

    async fn step(&mut self) -> Result<(), ClusterError> {
        if !self.is_resumed {
            self.resume().await?;
        }
        let topology = self.cluster.membership().topology().load_full();
        if self.log.copies == 0 {
            self.log.register().supersede_all();
        } else if Instant::now() >= self.next_snapshot
            && let Some(reason) = self.why_snapshot(&topology)
        {
            self.snapshot(reason).await;
        }
        self.clear(&topology).await?;
        self.keep().await
    }

    async fn resume(&mut self) -> Result<(), ClusterError> {
        for (name, state) in self.cluster.metadata().job_states(JOB).await? {
            if name == JOB {
                self.log.register().resume(&state);
            }
        }
        self.is_resumed = true;
        Ok(())
    }

    fn why_snapshot(&self, topology: &Topology) -> Option<&'static str> {
        let register = self.log.register();
        let Some(snapshot) = register.snapshot() else { return Some("there is none of this reign") };
        if self.cluster.metadata().log_feed().needs_snapshot() {
            return Some("commands are not in the log");
        }
        if register.frame_bytes() > snapshot.bytes.max(FRAMES_BYTES_MIN) {
            return Some("the log is long");
        }
        if register.live().len() > BLOBS_MAX {
            return Some("the log is in many pieces");
        }
        if register.is_damaged() {
            return Some("a node found its part damaged");
        }
        let holders = || register.live().iter().flat_map(|laid: &LaidBlob| &laid.holders);
        holders().any(|holder| self.is_doubtful(holder, topology)).then_some("a node has lost its part, or leaves")
    }

    /// Whether what the holder got has to be made up for elsewhere.
    fn is_doubtful(&self, holder: &Holder, topology: &Topology) -> bool {
        let Some(node) = topology.node(holder.node) else { return true };
        let gone = [Standing::Failed, Standing::Frozen, Standing::Draining, Standing::Drained];
        if topology.standing(holder.node).is_none_or(|standing| gone.contains(&standing)) {
            return true;
        }
        let Some(status) = node.vitals.status() else { return false };
        let is_there = |volume| status.volumes.iter().any(|now| now.volume == volume && !now.is_frozen());
        !holder.volumes.iter().all(|volume| is_there(*volume))
            || self.cluster.doubts().rolled_back(holder.node) != holder.rolled_back
    }

    async fn snapshot(&mut self, reason: &'static str) {
        self.snapshots += 1;
        match put_snapshot(&self.cluster, &self.log, self.snapshots).await {
            Ok(last) => {
                tracing::info!(%last, reason, "a snapshot of the metadata is on the nodes");
                self.cluster.metadata().log_feed().note_snapshot(last);
                self.next_snapshot = Instant::now() + SNAPSHOT_PAUSE;
            }
            Err(error) => {
                tracing::debug!(%error, reason, "no snapshot of the metadata could be put on nodes");
                self.next_snapshot = Instant::now() + RETRY_PAUSE;
            }
        }
    }

    async fn clear(&self, topology: &Topology) -> Result<(), ClusterError> {
        let to_clear = self.log.register().to_clear();
        for (id, blobs) in to_clear {
            match topology.node(id) {
                Some(_) if !topology.standing(id).is_some_and(Standing::is_reachable) => {}
                Some(node) => {
                    for some in blobs.chunks(DROP_BLOBS_MAX) {
                        let dropped = self.clear_on(node, some).await?;
                        self.log.register().note_cleared(id, &dropped);
                    }
                }
                // It was removed.
                None => self.log.register().note_cleared(id, &ids(&blobs)),
            }
        }
        Ok(())
    }

    async fn clear_on(&self, node: &ClusterNode, blobs: &[Superseded]) -> Result<Vec<BlobId>, ClusterError> {
        let first_seen = self.cluster.clock().monotonic();
        let candidate = |of: &Superseded| Candidate {
            blob: of.blob,
            chunk_limit: of.chunk_limit,
            cause: Cause::LogSuperseded,
            first_seen,
        };
        let candidates: Vec<Candidate> = blobs.iter().map(candidate).collect();
        let of_group = OfGroup { group: GroupId::COMMAND_LOG, epoch: Epoch(1) };
        match self.cluster.reclaimer().reclaim(node, of_group, &candidates).await {
            Ok(reclaimed) => Ok(reclaimed.dropped),
            // Another time.
            Err(ClusterError::Node(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    async fn keep(&self) -> Result<(), ClusterError> {
        let Some(state) = self.log.register().take_changed() else { return Ok(()) };
        let job = SaveJobState { name: JOB.to_owned(), state: Some(state) };
        self.cluster.metadata().propose(Command::SaveJobState(job)).await?;
        Ok(())
    }
}

fn ids(blobs: &[Superseded]) -> Vec<BlobId> {
    blobs.iter().map(|of| of.blob).collect()
}

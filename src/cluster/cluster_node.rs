//! A storage node as the gateway sees it: how to call it, and how it has been doing.

use super::{
    health::{Health, HealthChange},
    latency::SlowAnswer,
    node_life::VolumesSeen,
    refused_claim::RefusedClaim,
};
use crate::{
    metadata::rows::Node,
    node::{
        NodeApi, NodeError,
        api::{NodeStatus, PeerAddress, VolumeState, VolumeStatus},
    },
    types::NodeId,
};
use arc_swap::ArcSwapOption;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// A registered node: its row, its connection, its vitals.
#[derive(Clone)]
pub struct ClusterNode {
    pub row: Arc<Node>,
    pub api: Arc<dyn NodeApi>,
    /// There is no way to call it (`AbsentNode`).
    pub is_absent: bool,
    pub vitals: Arc<Vitals>,
}

impl fmt::Debug for ClusterNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterNode").field("row", &self.row).finish_non_exhaustive()
    }
}

impl ClusterNode {
    pub fn id(&self) -> NodeId {
        self.row.node
    }

    /// How another node reaches it.
    pub fn peer_address(&self) -> PeerAddress {
        PeerAddress { node: self.row.node, address: self.row.address.clone() }
    }

    /// Notes what a call brought: whether the node keeps up, and whether it can still be written to.
    pub fn note<T>(&self, result: &Result<T, NodeError>) {
        match result {
            Err(NodeError::Unreachable(reason)) => self.note_late(reason),
            Err(NodeError::Full) => self.vitals.mark_unwritable(&self.vitals.is_full),
            Err(NodeError::Frozen(_)) => self.vitals.mark_unwritable(&self.vitals.is_frozen),
            Ok(_) | Err(_) => self.vitals.health.prompt(),
        }
    }

    /// Notes that the node did not answer in time.
    pub fn note_late(&self, reason: &str) {
        if self.vitals.health.late() == HealthChange::Shunned {
            tracing::warn!(node = %self.row.name, reason, "the node was late three times running and is avoided until it keeps up again");
            self.vitals.changed.notify_one();
        }
    }
}

/// Part of a volume's capacity, in percent, below which its node is short of room.
const ROOM_SHORT_PERCENT: u64 = 10;

/// How a node has been doing since this gateway's start. Outlives a change of its address.
#[derive(Debug)]
pub struct Vitals {
    pub health: Health,
    pub slow_answer: SlowAnswer,
    pub refused_claim: RefusedClaim,
    /// Requests of this gateway under way.
    load: AtomicU32,
    is_full: AtomicBool,
    is_frozen: AtomicBool,
    /// Nanoseconds of the gateway's monotonic clock; what a node that was never heard of has is the gateway's start.
    heard_at_nanos: AtomicU64,
    was_heard: AtomicBool,
    status: ArcSwapOption<NodeStatus>,
    /// Told when the topology should be looked at again.
    changed: Arc<Notify>,
}

impl Vitals {
    pub fn new(start: Duration, changed: Arc<Notify>) -> Self {
        Self {
            health: Health::default(),
            slow_answer: SlowAnswer::default(),
            refused_claim: RefusedClaim::default(),
            load: AtomicU32::new(0),
            is_full: AtomicBool::new(false),
            is_frozen: AtomicBool::new(false),
            heard_at_nanos: AtomicU64::new(nanos(start)),
            was_heard: AtomicBool::new(false),
            status: ArcSwapOption::empty(),
            changed,
        }
    }

    /// One of its volumes at least, as it said last.
    pub fn has_frozen_volume(&self) -> bool {
        self.status().is_some_and(|status| status.volumes.iter().any(VolumeStatus::is_frozen))
    }

    /// The node said how it is.
    pub fn heard(&self, now: Duration, status: NodeStatus) {
        let serving = || status.volumes.iter().filter(|volume| !volume.is_frozen());
        let is_frozen = !status.volumes.is_empty() && serving().count() == 0;
        // One that was started on a full disk has not failed a write yet.
        let is_full = |volume: &VolumeStatus| matches!(volume.state, VolumeState::Full) || volume.free == 0;
        let is_full = serving().count() > 0 && serving().all(is_full);
        self.heard_at_nanos.store(nanos(now), Ordering::Relaxed);
        let changes = [
            !self.was_heard.swap(true, Ordering::Relaxed),
            self.is_full.swap(is_full, Ordering::Relaxed) != is_full,
            self.is_frozen.swap(is_frozen, Ordering::Relaxed) != is_frozen,
        ];
        self.status.store(Some(Arc::new(status)));
        if changes.contains(&true) {
            self.changed.notify_one();
        }
    }

    /// Time since the node was last heard of, or since the gateway's start.
    pub fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(Duration::from_nanos(self.heard_at_nanos.load(Ordering::Relaxed)))
    }

    /// Whether the node was heard of since the gateway's start.
    pub fn was_heard(&self) -> bool {
        self.was_heard.load(Ordering::Relaxed)
    }

    pub fn status(&self) -> Option<Arc<NodeStatus>> {
        self.status.load_full()
    }

    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Such a node gets no more groups while others have room, and its committed deletions don't wait.
    pub fn is_short_of_room(&self) -> bool {
        let is_short = |volume: &VolumeStatus| volume.free < volume.capacity / 100 * ROOM_SHORT_PERCENT;
        self.is_full() || self.status.load().as_ref().is_some_and(|status| status.volumes.iter().any(is_short))
    }

    pub fn volumes_seen(&self) -> VolumesSeen {
        if self.is_frozen.load(Ordering::Relaxed) {
            VolumesSeen::AllFrozen
        } else if self.is_full() {
            VolumesSeen::AllFull
        } else if self.status.load().as_ref().is_some_and(|status| status.volumes.iter().any(VolumeStatus::is_frozen)) {
            VolumesSeen::SomeFrozen
        } else if self.is_short_of_room() {
            VolumesSeen::NearlyFull
        } else {
            VolumesSeen::Writable
        }
    }

    pub fn load(&self) -> u32 {
        self.load.load(Ordering::Relaxed)
    }

    /// How full the node is, in twentieths, so that small differences don't decide; 0 when it has not said.
    pub fn fullness_twentieths(&self) -> u64 {
        let status = self.status.load();
        let Some(status) = status.as_ref() else { return 0 };
        let (capacity, used) =
            status.volumes.iter().fold((0_u64, 0_u64), |sum, volume| (sum.0 + volume.capacity, sum.1 + volume.used));
        used.saturating_mul(20).checked_div(capacity).unwrap_or(0)
    }

    /// Counts a request under way for as long as the guard lives.
    pub fn begin_request(self: &Arc<Self>) -> RequestUnderWay {
        self.load.fetch_add(1, Ordering::Relaxed);
        RequestUnderWay { vitals: self.clone() }
    }

    /// Sets the flag until the node's next status says otherwise.
    fn mark_unwritable(&self, flag: &AtomicBool) {
        if !flag.swap(true, Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// One request more in the node's load.
#[derive(Debug)]
pub struct RequestUnderWay {
    vitals: Arc<Vitals>,
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        self.vitals.load.fetch_sub(1, Ordering::Relaxed);
    }
}

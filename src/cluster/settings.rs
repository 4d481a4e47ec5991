//! Settings of the cluster layer: redundancy, placement, liveness, clean-up, memory.

use super::node_life::LifeLimits;
use crate::types::{BLOCK_LENGTH, ByteSize, HumanDuration};
use serde::{Deserialize, Serialize};

/// How many members must have a chunk durable before its write may be acknowledged without the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteAcks {
    /// One member: a write survives a crash of every process, but not the loss of that node's disk.
    One,
    /// More than half of the members.
    #[default]
    Quorum,
    /// Every member: nothing can be written while a member of every group is away.
    All,
}

impl WriteAcks {
    /// The number of members out of `replicas`.
    pub fn required(self, replicas: usize) -> usize {
        match self {
            Self::One => 1,
            Self::Quorum => replicas / 2 + 1,
            Self::All => replicas,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSettings {
    /// Copies of every chunk, on as many nodes. Default 3. With 1 the loss of a disk is a loss of data; each further
    /// copy costs its size in disk and network. Groups that exist keep the number that they were made with.
    pub replicas: u8,
    /// Placement groups made when a node joins, all with that node as a member. Default 64. Too few: a failed node's
    /// data is spread over few others, so its repair is slow. Too many: more sets of nodes whose common loss loses data.
    pub groups_per_node: u32,
    /// How objects are cut: bytes in a chunk. Default 4MiB, a multiple of 64KiB, at most 64MiB. Too small: more records
    /// and rows per object. Too large: uploads hold more memory before they reach a disk.
    pub chunk_size: ByteSize,
    /// How many members must have a write durable before it is acknowledged: `one`, `quorum` (default) or `all`.
    /// A write always waits for every member that is prompt; this is what is enough when some are not.
    pub write_acks: WriteAcks,
    /// How long a write waits for the other members once enough have answered, and a read for a replica before the
    /// next is asked. Default 500ms. Too short: copies are put on the repair list by mere jitter. Too long: one slow
    /// node slows everything until it was late three times running.
    pub straggler_wait: HumanDuration,
    /// How long a write waits for enough members of a group before it tries its chunk on another group, once, where there
    /// are other nodes; the second one gets more time. Default 4s. Too short: disks that are merely busy write everything twice. Too long: writes stand
    /// still for as long when several nodes fall silent at once.
    pub quorum_wait: HumanDuration,
    /// How often every node is asked for its state. Default 5s; a third of `suspect_after` when that is shorter.
    pub probe_interval: HumanDuration,
    /// Silence after which a node gets no new writes and reads prefer others. Default 15s. Too short: a pause of a node
    /// costs redundancy of what is written meanwhile.
    pub suspect_after: HumanDuration,
    /// A node that is silent, hangs, is frozen or flaps for so long counts as failed, and others take its place. Default
    /// 10m; must be longer than `suspect_after`. Too short: a reboot moves a node's data.
    pub replace_after: HumanDuration,
    /// How long garbage stays on the nodes after the gateway first saw it. Default 15m. Short periods free space sooner;
    /// long ones leave more time to stop when something is wrong. Deleted data doesn't wait while a node is nearly full.
    pub grace_period: HumanDuration,
    /// Memory for data on its way: uploads, downloads, repair, node traffic. Default 160MiB, at least 32MiB. When it is
    /// spent, requests wait, then get 503 SlowDown. Connections and metadata come on top.
    pub memory_budget: ByteSize,
    /// How long a request waits for a piece of that memory before it gets 503 SlowDown. Default 60s.
    pub memory_wait: HumanDuration,
    /// Percentage of reads for which a second replica may be asked when the first is slower than usual. Default 5, at
    /// most 100; 0 turns hedging off.
    pub hedged_reads_percent: u8,
    /// How often the gateway looks for data that nothing names among what each node has written since the last time. Default
    /// 6h. Once after its start, when a node is back, while a node has left groups, and every 14 days it goes through all that
    /// the node holds. Too short: needless reading on the nodes. Too long: what came late stays longer.
    pub inventory_interval: HumanDuration,
    /// Nodes that keep the command log, from which lost metadata is recovered. A change of metadata is acknowledged once it is
    /// durable on more than half of them, besides the gateway's own disk. Default 3, at most 7; embedded nodes on one disk count as
    /// one. 0 keeps no log: then the gateway's disk, and backups of it, are all that the metadata has.
    pub metadata_log_copies: u8,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            replicas: 3,
            groups_per_node: 64,
            chunk_size: ByteSize::mib(4),
            write_acks: WriteAcks::Quorum,
            straggler_wait: HumanDuration::from_millis(500),
            quorum_wait: HumanDuration::from_secs(4),
            probe_interval: HumanDuration::from_secs(5),
            suspect_after: HumanDuration::from_secs(15),
            replace_after: HumanDuration::from_secs(600),
            grace_period: HumanDuration::from_secs(900),
            memory_budget: ByteSize::mib(160),
            memory_wait: HumanDuration::from_secs(60),
            hedged_reads_percent: 5,
            inventory_interval: HumanDuration::from_secs(6 * 3600),
            metadata_log_copies: 3,
        }
    }
}

/// More copies than this on as many nodes is no longer redundancy but a mistake in the settings.
const REPLICAS_MAX: u8 = 16;
/// 1024 groups a node times 1000 nodes still fit a topology snapshot of a few hundred megabytes.
const GROUPS_PER_NODE_MAX: u32 = 1024;
/// A chunk is held in memory until it is durable, and 64 MiB are 1024 blocks in its table.
const CHUNK_SIZE_MAX_BYTES: u64 = 64 << 20;
/// Each change of metadata waits for more than half of them.
const LOG_COPIES_MAX: u8 = 7;
/// Room for one chunk of the largest size in the upload share's reserve would need more; 32 MiB suffice for the default.
const MEMORY_BUDGET_MIN_BYTES: u64 = 32 << 20;

impl ClusterSettings {
    pub fn validate(&self) -> Result<(), String> {
        if !(1..=REPLICAS_MAX).contains(&self.replicas) {
            return Err(format!("replicas must be 1 to {REPLICAS_MAX}, not {}", self.replicas));
        }
        if !(1..=GROUPS_PER_NODE_MAX).contains(&self.groups_per_node) {
            return Err(format!("groups_per_node must be 1 to {GROUPS_PER_NODE_MAX}, not {}", self.groups_per_node));
        }
        let chunk = self.chunk_size.bytes();
        if chunk == 0 || !chunk.is_multiple_of(u64::from(BLOCK_LENGTH)) || chunk > CHUNK_SIZE_MAX_BYTES {
            return Err(format!("chunk_size must be a multiple of 64KiB and at most 64MiB, not {}", self.chunk_size));
        }
        let memory_min = MEMORY_BUDGET_MIN_BYTES.max(8 * chunk);
        if self.memory_budget.bytes() < memory_min {
            return Err(format!(
                "memory_budget must be at least {} (eight chunks, and 32MiB), not {}",
                ByteSize(memory_min),
                self.memory_budget
            ));
        }
        if self.replace_after <= self.suspect_after {
            return Err("replace_after must be longer than suspect_after".to_owned());
        }
        if self.hedged_reads_percent > 100 {
            return Err(format!("hedged_reads_percent must be 0 to 100, not {}", self.hedged_reads_percent));
        }
        if self.metadata_log_copies > LOG_COPIES_MAX {
            return Err(format!("metadata_log_copies must be 0 to {LOG_COPIES_MAX}, not {}", self.metadata_log_copies));
        }
        for (name, duration) in self.durations() {
            if duration.0.is_zero() {
                return Err(format!("{name} must not be 0"));
            }
        }
        Ok(())
    }

    /// Those that make no sense at 0; a grace period of 0 does: nothing waits.
    fn durations(&self) -> [(&'static str, HumanDuration); 7] {
        [
            ("straggler_wait", self.straggler_wait),
            ("quorum_wait", self.quorum_wait),
            ("probe_interval", self.probe_interval),
            ("suspect_after", self.suspect_after),
            ("replace_after", self.replace_after),
            ("memory_wait", self.memory_wait),
            ("inventory_interval", self.inventory_interval),
        ]
    }

    /// Bytes in each chunk of a blob but the last. `validate` keeps it below 64 MiB.
    pub fn chunk_size_bytes(&self) -> u32 {
        u32::try_from(self.chunk_size.bytes().min(CHUNK_SIZE_MAX_BYTES)).unwrap_or(u32::MAX)
    }

    pub(super) fn life_limits(&self) -> LifeLimits {
        LifeLimits { suspect_after: self.suspect_after.0, replace_after: self.replace_after.0 }
    }

    /// The redundancy scheme of new groups, as metadata keeps it.
    pub fn scheme(&self) -> String {
        format!("replica:{}", self.replicas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_nonsense_is_refused() {
        assert_eq!(ClusterSettings::default().validate(), Ok(()));
        let wrong = [
            ClusterSettings { replicas: 0, ..Default::default() },
            ClusterSettings { groups_per_node: 0, ..Default::default() },
            ClusterSettings { chunk_size: ByteSize(100_000), ..Default::default() },
            ClusterSettings { chunk_size: ByteSize::mib(128), ..Default::default() },
            ClusterSettings { memory_budget: ByteSize::mib(1), ..Default::default() },
            ClusterSettings { replace_after: HumanDuration::from_secs(1), ..Default::default() },
            ClusterSettings { hedged_reads_percent: 101, ..Default::default() },
            ClusterSettings { metadata_log_copies: 8, ..Default::default() },
            ClusterSettings { straggler_wait: HumanDuration::from_millis(0), ..Default::default() },
            ClusterSettings { quorum_wait: HumanDuration::from_millis(0), ..Default::default() },
        ];
        for settings in wrong {
            assert!(settings.validate().is_err(), "{settings:?}");
        }
    }

    #[test]
    fn quorum_is_more_than_half() {
        for (replicas, quorum) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3)] {
            assert_eq!(WriteAcks::Quorum.required(replicas), quorum);
            assert_eq!(WriteAcks::One.required(replicas), 1);
            assert_eq!(WriteAcks::All.required(replicas), replicas);
        }
    }
}

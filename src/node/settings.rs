//! Settings of the node layer: the connections between gateway and nodes, and what a node allows itself.

use crate::types::{ByteSize, HumanDuration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct NodeSettings {
    /// How often a node tells the gateway that it is there, and how full. Default 5s; must be shorter than the gateway's
    /// `suspect_after`, which a node has to be told as well where both differ from their defaults. Too low: needless requests,
    /// one per node and interval. Too high, near `suspect_after`: one lost heartbeat makes a healthy node suspect.
    pub heartbeat_interval: HumanDuration,

    /// How long a connection to a node, the handshake included, may take. Default 2s. Too low: a node under load, or far
    /// away, counts as unreachable. Too high: a write to a group with a dead member waits that long.
    pub node_connect_timeout: HumanDuration,

    /// How long one request to a node may take, its waiting for a connection and for the disk included. Default 10s. Too
    /// low: big chunks over slow links or disks fail for no other reason. Too high: a stuck node holds buffers that long.
    pub node_request_timeout: HumanDuration,

    /// How long a node may take to fetch one batch of chunks (at most 256) from its peers. Default 10m. Too low: a repair
    /// over a slow link begins again and again, though what was fetched stays. Too high: a stuck repair is noticed late.
    pub node_pull_timeout: HumanDuration,

    /// Connections that one process keeps to one node; further requests wait for one. Default 64. Too low: requests
    /// queue though the node could serve them together. Too high: descriptors and buffers on both sides, for nothing.
    pub node_connections: u32,

    /// How long an unused connection to a node is kept, on both sides. Default 60s. Too low: handshakes over and over.
    /// Too high: idle connections hold descriptors.
    pub node_idle_timeout: HumanDuration,

    /// Connections that a node accepts. Default 1024. Too low: gateways and peers are turned away. Too high: a stranger
    /// who only connects can use up the node's descriptors.
    pub node_listen_connections: u32,

    /// Requests that a node works on at a time; further ones wait. Default 256. Too low: appends that could share one
    /// sync don't meet. Too high: each request gets slower, and memory grows with the sum of their chunks.
    pub node_requests: u32,

    /// Bytes of chunks that a node process holds while it receives them; further ones wait. Default 64MiB. Too low: less
    /// than one chunk can't be received at all. Too high: the node's memory grows by that much.
    pub node_receive_memory: ByteSize,

    /// Bytes of chunks that a node process holds while it sends them; further reads wait. Default 64MiB. Too low: less
    /// than one chunk can't be sent at all. Too high: the node's memory grows by that much.
    pub node_send_memory: ByteSize,

    /// Reads from the disk that a node does at a time, each on a thread of its own; what is cached in memory needs none.
    /// Default 8. Too low: a disk with deep queues idles. Too high: a slow disk blocks that many threads.
    pub node_disk_reads: u32,

    /// In what time a node reads all that it holds once, to find what the disk has damaged. Default 14d. Too low: the disk
    /// is busy with it all the time. Too high: damage waits to be found until other copies are damaged too.
    pub scrub_period: HumanDuration,

    /// Bytes per second that a scrub reads at most: `larder admin scrub start` goes as fast. Default 64MiB. Too low: a
    /// person waits long. Too high: clients wait for the disk. At most half of the disk's time is taken anyway.
    pub scrub_rate_max: ByteSize,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            heartbeat_interval: HumanDuration::from_secs(5),
            node_connect_timeout: HumanDuration::from_secs(2),
            node_request_timeout: HumanDuration::from_secs(10),
            node_pull_timeout: HumanDuration::from_secs(600),
            node_connections: 64,
            node_idle_timeout: HumanDuration::from_secs(60),
            node_listen_connections: 1024,
            node_requests: 256,
            node_receive_memory: ByteSize::mib(64),
            node_send_memory: ByteSize::mib(64),
            node_disk_reads: 8,
            scrub_period: HumanDuration::from_secs(14 * 24 * 3600),
            scrub_rate_max: ByteSize::mib(64),
        }
    }
}

/// A scrub that is slower does not come to its end.
const SCRUB_RATE_FLOOR: u64 = 64 << 10;

impl NodeSettings {
    pub fn validate(&self) -> Result<(), String> {
        let durations = [
            ("heartbeat_interval", self.heartbeat_interval, 3600),
            ("node_connect_timeout", self.node_connect_timeout, 3600),
            ("node_request_timeout", self.node_request_timeout, 3600),
            ("node_pull_timeout", self.node_pull_timeout, 24 * 3600),
            ("node_idle_timeout", self.node_idle_timeout, 24 * 3600),
            ("scrub_period", self.scrub_period, 10 * 365 * 24 * 3600),
        ];
        for (name, value, seconds_max) in durations {
            if value.0.is_zero() || value.0 > Duration::from_secs(seconds_max) {
                return Err(format!("{name} must be above 0 and at most {seconds_max}s"));
            }
        }
        let counts = [
            ("node_connections", self.node_connections, 4096),
            ("node_listen_connections", self.node_listen_connections, 65_536),
            ("node_requests", self.node_requests, 65_536),
            ("node_disk_reads", self.node_disk_reads, 256),
        ];
        for (name, value, max) in counts {
            if value == 0 || value > max {
                return Err(format!("{name} must be 1 to {max}"));
            }
        }
        let chunk = u64::from(super::protocol::CHUNK_LENGTH_MAX);
        let shares = [("node_receive_memory", self.node_receive_memory), ("node_send_memory", self.node_send_memory)];
        for (name, share) in shares {
            if !(chunk..=1 << 40).contains(&share.bytes()) {
                return Err(format!("{name} must hold the largest chunk: at least {}", ByteSize(chunk)));
            }
        }
        if !(SCRUB_RATE_FLOOR..=1 << 40).contains(&self.scrub_rate_max.bytes()) {
            return Err(format!("scrub_rate_max must be at least {}", ByteSize(SCRUB_RATE_FLOOR)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_zero_is_not() {
        assert_eq!(NodeSettings::default().validate(), Ok(()));
        let wrong = [
            NodeSettings { node_connections: 0, ..NodeSettings::default() },
            NodeSettings { node_disk_reads: 100_000, ..NodeSettings::default() },
            NodeSettings { heartbeat_interval: HumanDuration::default(), ..NodeSettings::default() },
            NodeSettings { node_receive_memory: ByteSize::mib(1), ..NodeSettings::default() },
            NodeSettings { node_send_memory: ByteSize::mib(1), ..NodeSettings::default() },
            NodeSettings { scrub_period: HumanDuration::default(), ..NodeSettings::default() },
            NodeSettings { scrub_rate_max: ByteSize::kib(1), ..NodeSettings::default() },
        ];
        for settings in wrong {
            assert!(settings.validate().is_err(), "{settings:?}");
        }
    }
}

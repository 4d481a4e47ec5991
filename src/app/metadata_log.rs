//! How the metadata is kept on nodes, for the operator.

use crate::{admin::MetadataLogReport, cluster::CommandLogView, metadata::log::LogStanding};

pub fn metadata_log_report(view: CommandLogView) -> MetadataLogReport {
    let standing = match view.standing {
        LogStanding::Off => "off",
        LogStanding::Behind => "behind",
        LogStanding::InForce => "in force",
    };
    MetadataLogReport {
        standing: standing.to_owned(),
        nodes: view.nodes,
        snapshot_sequence: view.snapshot.map(|(last, _)| last.0),
        snapshot_bytes: view.snapshot.map_or(0, |(_, bytes)| bytes),
        log_bytes: view.frame_bytes,
        chunks: view.chunks,
    }
}

/// What keeps the metadata from outliving the gateway's disk. Who has turned the log off knows.
pub fn metadata_log_concern(view: &CommandLogView) -> Option<String> {
    (view.standing == LogStanding::Behind).then(|| {
        "the newest metadata is on the gateway's disk alone: the command log is behind, and catches up once enough nodes \
         take it"
            .to_owned()
    })
}

//! The layers' own counters as metrics: read at each scrape, so that counting costs the layers an atomic addition and
//! nothing else.

use super::{embedded_nodes::EmbeddedNodes, totals::CountedTotals};
use crate::{
    cluster::{Cluster, NodeView, Share},
    metadata::{Metadata, rows::Totals},
    node::api::VolumeStatus,
    runtime::{Metrics, PIECE_LENGTH_BYTES, Sample, SampleKind},
    s3::S3Service,
    volume::VolumeStats,
};
use std::sync::Arc;

/// Name, help, and how to read the number.
type Read<T> = (&'static str, &'static str, fn(&T) -> u64);

pub fn register_metadata(metrics: &Metrics, metadata: &Metadata, totals: &Arc<CountedTotals>) {
    let counters: [Read<Metadata>; 5] = [
        ("metadata_commands", "Commands carried out or refused", |metadata| metadata.stats().commands),
        ("metadata_batches", "Transactions, each with one sync", |metadata| metadata.stats().batches),
        ("metadata_refusals", "Commands refused", |metadata| metadata.stats().refusals),
        ("metadata_lookup_hits", "Look-ups of objects that asked no database", |metadata| metadata.lookup_stats().hits),
        ("metadata_lookup_misses", "Look-ups of objects that asked it", |metadata| metadata.lookup_stats().misses),
    ];
    for (name, help, read) in counters {
        let metadata = metadata.clone();
        metrics.sampled(SampleKind::Counter, name, help, move || plain(read(&metadata)));
    }
    let metadata = metadata.clone();
    metrics.sampled(SampleKind::Gauge, "commit_sequence", "The newest durable command", move || {
        plain(metadata.committed().0)
    });
    let counted: [Read<Totals>; 6] = [
        ("buckets", "Buckets", |totals| totals.buckets),
        ("blobs", "Blobs", |totals| totals.blobs),
        ("blob_bytes", "Bytes in all blobs, one copy", |totals| totals.blob_bytes),
        ("under_replicated_blobs", "Copies of blobs that are missing", |totals| totals.under_replicated),
        ("deleted_blobs", "Blobs that are deleted and still occupy space", |totals| totals.deletions),
        ("uploads", "Open multipart uploads", |totals| totals.uploads),
    ];
    for (name, help, read) in counted {
        let totals = Arc::clone(totals);
        metrics.sampled(SampleKind::Gauge, name, help, move || {
            totals.last().iter().map(|counted| value(read(counted))).collect()
        });
    }
}

pub fn register_cluster(metrics: &Metrics, cluster: &Cluster) {
    let gauges: [Read<NodeView>; 7] = [
        ("node_alive", "1 while the node is heard of in time", |node| u64::from(node.standing.is_alive())),
        ("node_capacity_bytes", "Bytes that the node may use", |node| sum(node, |volume| volume.capacity)),
        ("node_used_bytes", "Bytes that the node's files occupy", |node| sum(node, |volume| volume.used)),
        ("node_free_bytes", "Bytes that can still be written", |node| sum(node, |volume| volume.free)),
        ("node_chunks", "Chunks that the node holds", |node| sum(node, |volume| volume.chunks)),
        ("node_quarantined_chunks", "Damaged chunks not yet replaced", |node| {
            node.status.as_ref().map_or(0, |status| status.scrub.quarantined)
        }),
        ("node_index_bytes", "Memory of the node's index", |node| sum(node, |volume| volume.index_bytes)),
    ];
    for (name, help, read) in gauges {
        let cluster = cluster.clone();
        metrics.sampled(SampleKind::Gauge, name, help, move || {
            let nodes = cluster.nodes();
            nodes.iter().map(|node| labelled("node", node.row.name.clone(), read(node))).collect()
        });
    }
    let counters: [Read<NodeView>; 3] = [
        ("node_scrub_passes", "Times that the node has checked all that it holds", |node| {
            node.status.as_ref().map_or(0, |status| status.scrub.passes)
        }),
        ("node_scrub_found", "Damaged records that scrubs of the node have found", |node| {
            node.status.as_ref().map_or(0, |status| status.scrub.found_ever)
        }),
        ("node_rolled_back", "Times that a volume of the node was found to have gone back in time", |node| {
            node.rolled_back
        }),
    ];
    for (name, help, read) in counters {
        let cluster = cluster.clone();
        metrics.sampled(SampleKind::Counter, name, help, move || {
            let nodes = cluster.nodes();
            nodes.iter().map(|node| labelled("node", node.row.name.clone(), read(node))).collect()
        });
    }
    let cluster = cluster.clone();
    metrics.sampled(SampleKind::Gauge, "memory_budget_used_bytes", "Memory for data on its way", move || {
        let shares = [
            ("upload", Share::Upload),
            ("download", Share::Download),
            ("repair", Share::Repair),
            ("node", Share::NodeIo),
        ];
        let used = |share| u64::from(cluster.budget().used(share)) * PIECE_LENGTH_BYTES as u64;
        shares.into_iter().map(|(name, share)| labelled("share", name.to_owned(), used(share))).collect()
    });
}

pub fn register_s3(metrics: &Metrics, service: &S3Service) {
    let counters: [Read<S3Service>; 4] = [
        ("s3_refused", "Answers with a status of 400 to 499", |service| service.stats().refused()),
        ("s3_failed", "Answers with a status of 500 and above", |service| service.stats().failed()),
        ("s3_unrouted", "Requests refused before their operation was known", |service| service.stats().unrouted()),
        ("s3_panics", "Requests that ended by a panic", |service| service.stats().panics()),
    ];
    for (name, help, read) in counters {
        let service = service.clone();
        metrics.sampled(SampleKind::Counter, name, help, move || plain(read(&service)));
    }
    let requests = service.clone();
    metrics.sampled(SampleKind::Counter, "s3_requests", "Requests by operation", move || {
        let counts = requests.stats().requests();
        counts.into_iter().map(|(operation, count)| labelled("operation", operation.name().to_owned(), count)).collect()
    });
    let service = service.clone();
    metrics.sampled(SampleKind::Gauge, "s3_connections", "Open connections", move || {
        plain(service.stats().open_connections())
    });
}

/// Of the nodes inside this process.
pub fn register_volumes(metrics: &Metrics, nodes: &EmbeddedNodes) {
    let counters: [Read<VolumeStats>; 9] = [
        ("volume_appends", "Chunks appended", |stats| stats.appends),
        ("volume_appended_bytes", "Bytes of chunks appended", |stats| stats.appended_bytes),
        ("volume_syncs", "Syncs of segments", |stats| stats.syncs),
        ("volume_reads", "Chunks read", |stats| stats.reads),
        ("volume_quarantined", "Chunks found corrupt", |stats| stats.quarantined),
        ("volume_punched_bytes", "Bytes of deleted chunks given back", |stats| stats.punched_bytes),
        ("volume_compacted_segments", "Segments compacted", |stats| stats.compacted_segments),
        ("volume_scrubbed_bytes", "Bytes of records that scrub has checked", |stats| stats.scrubbed_bytes),
        ("volume_recycled_segments", "Segments used again", |stats| stats.recycled_segments),
    ];
    for (name, help, read) in counters {
        let services = nodes.services();
        metrics.sampled(SampleKind::Counter, name, help, move || {
            let stats = services.iter().map(|(node, service)| (node.clone(), service.volume_stats()));
            stats.map(|(node, stats)| labelled("node", node, read(&stats))).collect()
        });
    }
}

fn sum(node: &NodeView, of: fn(&VolumeStatus) -> u64) -> u64 {
    node.status.as_ref().map_or(0, |status| status.volumes.iter().map(of).sum())
}

fn plain(number: u64) -> Vec<Sample> {
    vec![value(number)]
}

fn value(number: u64) -> Sample {
    Sample::plain(number as f64)
}

fn labelled(label: &'static str, text: String, number: u64) -> Sample {
    Sample { labels: vec![(label, text)], value: number as f64 }
}

//! `larder admin explain`: what the metadata knows of a key, beside what the nodes answer when they are asked for it.

use super::group_report::{GroupBook, role_of};
use crate::{
    admin::{
        OperationError,
        explain::{ChunkAnswer, CopyReport, ExplainReport, ExplainRequest, ExtentReport, PartReport, VersionReport},
    },
    cluster::{AskedBlob, Cluster, CopyAnswer, CopyAnswers, Depth},
    metadata::{
        Metadata, QueryError,
        command::MissingReason,
        rows::{KeyVersion, PlacedExtent},
    },
    types::{Acl, BlobId, BucketId, BucketName, Grantee, LegalHold, NodeId, ObjectKey},
};
use std::collections::{BTreeSet, HashMap};

/// Bounds of one answer: a page that a person can read, and a megabyte or two of JSON at most.
const VERSIONS_MAX: usize = 100;
const EXTENTS_MAX: usize = 1000;
const PARTS_SHOWN: u32 = 100;
const UPLOADS_COUNTED: u32 = 1000;
/// Chunks that each node is asked for: more are sampled. Their tables take a node less than a second.
const CHUNKS_ASKED_MAX: u64 = 4000;
/// Payloads that nodes read unasked: a second's work of a disk.
const PAYLOAD_MAX_BYTES: u64 = 64 << 20;
/// Blobs of one look at the repair list.
const BLOBS_PER_LOOK: usize = 500;

/// A version with those of its extents that are shown.
struct Found {
    version: KeyVersion,
    parts: Vec<PartReport>,
    extents: Vec<PlacedExtent>,
}

pub async fn explain(
    metadata: &Metadata,
    cluster: &Cluster,
    request: ExplainRequest,
) -> Result<ExplainReport, OperationError> {
    // What is found here is not reclaimed before the nodes were asked for it.
    let _guard = cluster.begin_read();
    let (bucket, key) = named(metadata, &request).await?;
    let open_uploads = metadata.uploads_of_key(bucket, &key, UPLOADS_COUNTED).await.map_err(unavailable)?;
    let (found, is_cut) = find(metadata, bucket, &key).await.map_err(unavailable)?;
    if found.is_empty() {
        let uploads =
            if open_uploads > 0 { format!(" ({open_uploads} uploads are open for it)") } else { String::new() };
        let reason = format!("there is no object s3://{}/{}{uploads}", request.bucket, request.key);
        return Err(OperationError::NotFound(reason));
    }
    let extents: Vec<&PlacedExtent> = found.iter().flat_map(|found| &found.extents).collect();
    let book = GroupBook::read(metadata, cluster).await.map_err(unavailable)?;
    let repairs = repairs(metadata, &extents).await.map_err(unavailable)?;
    let asked = to_ask(&extents, &book);
    let bytes: u64 = asked.iter().map(|blob| blob.chunks.len() as u64 * u64::from(blob.chunk_size)).sum();
    let small = extents.iter().map(|extent| extent.blob_size).sum::<u64>() <= PAYLOAD_MAX_BYTES;
    let payloads_read = request.check || small || bytes <= PAYLOAD_MAX_BYTES;
    let depth = if payloads_read { Depth::Payloads } else { Depth::Tables };
    let answers = cluster.ask_copies(&asked, depth).await;
    let groups = extents.iter().map(|extent| extent.group).collect::<BTreeSet<_>>();
    let chunks = extents.iter().map(|extent| extent.roots.len() as u64).sum();
    let chunks_asked = asked.iter().map(|blob| blob.chunks.len() as u64).sum();
    let mut position = 0;
    let mut versions = Vec::new();
    for found in found {
        let here = position..position + found.extents.len();
        position = here.end;
        let copies_min = here.clone().filter_map(|at| fewest_copies(at, &asked[at], &answers)).min();
        let of_extent = |(at, extent): (usize, &PlacedExtent)| ExtentReport {
            copies: copies(at, &asked[at], &book, &repairs, &answers),
            ..extent_report(extent)
        };
        let extents = here.zip(&found.extents).map(of_extent).collect();
        versions.push(VersionReport { copies_min, extents, ..version_report(found) });
    }
    Ok(ExplainReport {
        versions,
        is_cut,
        open_uploads,
        groups: groups.into_iter().filter_map(|group| book.report(group)).collect(),
        payloads_read,
        chunks,
        chunks_asked,
        bucket: request.bucket,
        key: request.key,
    })
}

async fn named(metadata: &Metadata, request: &ExplainRequest) -> Result<(BucketId, ObjectKey), OperationError> {
    let invalid = |what: String| OperationError::Invalid(what);
    let name: BucketName = request.bucket.parse().map_err(|error| invalid(format!("{}: {error}", request.bucket)))?;
    let key = ObjectKey::new(&request.key).map_err(|error| invalid(format!("`{}`: {error}", request.key)))?;
    let bucket = metadata.bucket(&name).await.map_err(unavailable)?;
    let bucket = bucket.ok_or_else(|| OperationError::NotFound(format!("there is no bucket {name}")))?;
    Ok((bucket.id, key))
}

/// The versions with their extents, and whether there is more of either.
async fn find(metadata: &Metadata, bucket: BucketId, key: &ObjectKey) -> Result<(Vec<Found>, bool), QueryError> {
    let mut versions = metadata.versions_of_key(bucket, key, VERSIONS_MAX as u32 + 1).await?;
    let mut is_cut = versions.len() > VERSIONS_MAX;
    versions.truncate(VERSIONS_MAX);
    let (mut found, mut room) = (Vec::new(), EXTENTS_MAX);
    for version in versions {
        let (mut extents, mut next) = (Vec::new(), Some(0));
        while let (Some(content), Some(offset)) = (version.content, next)
            && extents.len() < room
        {
            let (page, then) = metadata.extents(content, offset).await?;
            extents.extend(page);
            next = then;
        }
        is_cut |= extents.len() > room || (version.content.is_some() && next.is_some());
        extents.truncate(room);
        room -= extents.len();
        let parts = match version.content {
            Some(content) => metadata.content_parts(content, 0, PARTS_SHOWN).await?.unwrap_or_default(),
            None => Vec::new(),
        };
        let part = |part: crate::metadata::rows::VersionPart| PartReport {
            part_number: part.part_number,
            offset: part.offset,
            size: part.size,
        };
        found.push(Found { version, extents, parts: parts.into_iter().map(part).collect() });
    }
    Ok((found, is_cut))
}

/// Why which copy is on the repair list.
async fn repairs(
    metadata: &Metadata,
    extents: &[&PlacedExtent],
) -> Result<HashMap<(BlobId, NodeId), &'static str>, QueryError> {
    let blobs: BTreeSet<BlobId> = extents.iter().map(|extent| extent.extent.blob).collect();
    let blobs: Vec<BlobId> = blobs.into_iter().collect();
    let mut repairs = HashMap::new();
    for blobs in blobs.chunks(BLOBS_PER_LOOK) {
        let missing = metadata.missing_copies_of(blobs).await?;
        repairs.extend(missing.into_iter().map(|copy| ((copy.blob, copy.node), reason(copy.reason))));
    }
    Ok(repairs)
}

fn reason(reason: MissingReason) -> &'static str {
    match reason {
        MissingReason::NotWritten => "the node was away or late when it was written",
        MissingReason::Absent => "the node was found to lack it",
        MissingReason::Corrupt => "the node was found to hold a wrong copy",
        MissingReason::InDoubt => "the node may have lost data, and its copies are looked at",
        MissingReason::Arriving => "the node came into the group after it was written",
    }
}

/// What each extent's holders are asked for: all its chunks, or every so many of them, where there are too many.
fn to_ask(extents: &[&PlacedExtent], book: &GroupBook) -> Vec<AskedBlob> {
    let mut sample = Sample::of(extents.iter().map(|extent| extent.roots.len() as u64).sum());
    let mut ask = |extent: &&PlacedExtent| {
        let chunks = (extent.first_chunk..).zip(extent.roots.iter().copied());
        AskedBlob {
            blob: extent.extent.blob,
            group: extent.group,
            chunk_size: extent.chunk_size,
            chunks: chunks.filter(|_| sample.takes_next()).collect(),
            nodes: book.holders(extent.group),
        }
    };
    extents.iter().map(&mut ask).collect()
}

/// Every so many of the chunks that come, the first among them, at most `CHUNKS_ASKED_MAX`.
struct Sample {
    stride: u64,
    seen: u64,
}

impl Sample {
    fn of(chunks: u64) -> Self {
        Self { stride: chunks.div_ceil(CHUNKS_ASKED_MAX).max(1), seen: 0 }
    }

    fn takes_next(&mut self) -> bool {
        self.seen += 1;
        (self.seen - 1).is_multiple_of(self.stride)
    }
}

fn copies(
    at: usize,
    asked: &AskedBlob,
    book: &GroupBook,
    repairs: &HashMap<(BlobId, NodeId), &'static str>,
    answers: &CopyAnswers,
) -> Vec<CopyReport> {
    let group = book.group(asked.group);
    let copy = |node: &NodeId| CopyReport {
        node: book.name(*node),
        role: group.map_or("member", |group| role_of(group, *node)).to_owned(),
        on_repair_list: repairs.get(&(asked.blob, *node)).map(|reason| (*reason).to_owned()),
        answers: runs(asked, answers.get(&(at, *node)).map_or(&[][..], Vec::as_slice)),
    };
    asked.nodes.iter().map(copy).collect()
}

/// Equal answers one behind the other as one.
fn runs(asked: &AskedBlob, answers: &[CopyAnswer]) -> Vec<ChunkAnswer> {
    let mut runs: Vec<ChunkAnswer> = Vec::new();
    for ((chunk, _), answer) in asked.chunks.iter().zip(answers) {
        let answer = text(answer);
        match runs.last_mut() {
            Some(run) if run.answer == answer => run.last_chunk = *chunk,
            _ => runs.push(ChunkAnswer { first_chunk: *chunk, last_chunk: *chunk, answer }),
        }
    }
    runs
}

fn text(answer: &CopyAnswer) -> String {
    match answer {
        CopyAnswer::Whole => "whole".into(),
        CopyAnswer::Held => "held".into(),
        CopyAnswer::Absent => "absent".into(),
        CopyAnswer::Corrupt => "corrupt".into(),
        CopyAnswer::Silent(reason) => format!("silent: {reason}"),
    }
}

/// Good copies of the extent's chunk that has the fewest.
fn fewest_copies(at: usize, asked: &AskedBlob, answers: &CopyAnswers) -> Option<u32> {
    let good = |position: usize| {
        let of_node = |node: &&NodeId| {
            answers.get(&(at, **node)).and_then(|answers| answers.get(position)).is_some_and(CopyAnswer::is_good)
        };
        asked.nodes.iter().filter(of_node).count() as u32
    };
    (0..asked.chunks.len()).map(good).min()
}

fn extent_report(extent: &PlacedExtent) -> ExtentReport {
    ExtentReport {
        offset: extent.content_offset,
        length: extent.extent.length,
        blob: extent.extent.blob.to_string(),
        blob_offset: extent.extent.offset,
        blob_size: extent.blob_size,
        chunk_size: extent.chunk_size,
        first_chunk: extent.first_chunk,
        chunk_count: extent.roots.len() as u32,
        group: extent.group.0,
        copies: Vec::new(),
    }
}

/// All but what the nodes say.
fn version_report(found: Found) -> VersionReport {
    let version = found.version;
    VersionReport {
        commit_sequence: version.sequence.0,
        version: if version.is_null { "null".into() } else { version.version.to_string() },
        is_latest: version.is_latest,
        is_delete_marker: version.is_delete_marker,
        created: version.created.to_iso_8601(),
        size: version.size,
        etag: if version.is_delete_marker { String::new() } else { version.etag.as_str().to_owned() },
        retention_mode: version.lock.retention.map(|retention| retention.mode.name().to_owned()),
        retain_until: version.lock.retention.map(|retention| retention.until.to_iso_8601()),
        legal_hold: version.lock.legal_hold == Some(LegalHold::On),
        grants: grants(version.acl),
        part_count: version.part_count,
        parts: found.parts,
        extents: Vec::new(),
        covered: found.extents.iter().map(|extent| extent.extent.length).sum(),
        copies_min: None,
    }
}

fn grants(acl: Acl) -> Vec<String> {
    let to_others = acl.grants().filter(|(grantee, _)| *grantee != Grantee::Owner);
    to_others.map(|(grantee, permission)| format!("{grantee:?} {}", permission.name())).collect()
}

fn unavailable(error: QueryError) -> OperationError {
    OperationError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ChunkRoot, GroupId};

    fn node(byte: u8) -> NodeId {
        NodeId::from_bytes([byte; 16])
    }

    fn asked(chunks: &[u32]) -> AskedBlob {
        let root = ChunkRoot::from_bytes([1; 32]);
        AskedBlob {
            blob: BlobId::from_bytes([1; 16]),
            group: GroupId(1),
            chunk_size: 10,
            chunks: chunks.iter().map(|chunk| (*chunk, root)).collect(),
            nodes: vec![node(1), node(2)],
        }
    }

    #[test]
    fn all_chunks_are_asked_for_or_an_even_sample_within_the_bound() {
        for chunks in [1, CHUNKS_ASKED_MAX, CHUNKS_ASKED_MAX + 1, 10 * CHUNKS_ASKED_MAX + 7] {
            let mut sample = Sample::of(chunks);
            let taken: Vec<u64> = (0..chunks).filter(|_| sample.takes_next()).collect();
            assert!(taken.len() as u64 <= CHUNKS_ASKED_MAX && taken.len() as u64 > CHUNKS_ASKED_MAX.min(chunks) / 3);
            assert_eq!((taken[0], taken.len() as u64 == chunks), (0, chunks <= CHUNKS_ASKED_MAX));
        }
    }

    #[test]
    fn equal_answers_are_one_run_and_the_chunk_with_the_fewest_good_copies_counts() {
        let asked = asked(&[3, 4, 5, 6]);
        let first = vec![CopyAnswer::Whole, CopyAnswer::Whole, CopyAnswer::Absent, CopyAnswer::Whole];
        let second = vec![CopyAnswer::Held, CopyAnswer::Corrupt, CopyAnswer::Held, CopyAnswer::Silent("away".into())];
        let shown = runs(&asked, &first).into_iter().map(|run| (run.first_chunk, run.last_chunk, run.answer));
        let expected = [(3, 4, "whole"), (5, 5, "absent"), (6, 6, "whole")];
        assert_eq!(shown.collect::<Vec<_>>(), expected.map(|(first, last, answer)| (first, last, answer.to_owned())));
        let answers: CopyAnswers = [((0, node(1)), first), ((0, node(2)), second)].into();
        assert_eq!(fewest_copies(0, &asked, &answers), Some(1));
        assert_eq!(fewest_copies(1, &asked, &answers), Some(0), "nobody was asked for that extent");
    }
}

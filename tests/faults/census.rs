//! What lies on the disks while everything is off, held against the metadata: each chunk of each blob on exactly the members of its
//! group, all copies byte for byte the same, and nothing else anywhere.

use crate::fleet::Fleet;
use larder::{
    metadata::{Metadata, MetadataSettings},
    runtime::{SystemClock, SystemRandom},
    types::{BlobId, ByteSize, ChunkKey, NodeId},
    volume::{RealDisk, Volume, VolumeOwner, VolumeSettings, inspect},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher},
    fs,
    hash::{Hash, Hasher},
    path::Path,
    sync::Arc,
};

/// A copy of a chunk, and a hash of its bytes and of their table.
type Copies = BTreeMap<(ChunkKey, NodeId), u64>;

#[derive(Debug, Default)]
pub struct Census {
    pub chunks: usize,
    /// In the metadata and not on the member's disk, or not readable there.
    pub missing: Vec<String>,
    /// On a disk and not in the metadata, or on a node that is no member.
    pub extra: Vec<String>,
    /// Copies of one chunk that are not the same.
    pub different: Vec<String>,
}

/// Everything is off.
pub async fn take(fleet: &Fleet) -> Census {
    let expected = expected(&fleet.metadata_directory()).await;
    let mut found = Copies::new();
    for number in 1..=fleet.topology().nodes() {
        found.extend(held(&fleet.node_directory(number)));
    }
    let holders: BTreeSet<(ChunkKey, NodeId)> = found.keys().copied().collect();
    let tell = |copies: Vec<&(ChunkKey, NodeId)>| copies.iter().map(|(key, node)| format!("{key} on {node}")).collect();
    let mut contents: HashMap<ChunkKey, BTreeSet<u64>> = HashMap::new();
    for ((key, _), hash) in &found {
        contents.entry(*key).or_default().insert(*hash);
    }
    Census {
        chunks: expected.iter().map(|(key, _)| key).collect::<BTreeSet<_>>().len(),
        missing: tell(expected.difference(&holders).collect()),
        extra: tell(holders.difference(&expected).collect()),
        different: contents.iter().filter(|(_, all)| all.len() > 1).map(|(key, _)| key.to_string()).collect(),
    }
}

async fn expected(metadata: &Path) -> BTreeSet<(ChunkKey, NodeId)> {
    let (settings, clock) = (MetadataSettings::default(), Arc::new(SystemClock::new()));
    let metadata = Metadata::open(metadata, &settings, clock, Arc::new(SystemRandom)).await.expect("metadata opens");
    let groups = metadata.groups().await.expect("groups are read");
    let members: HashMap<_, _> = groups.into_iter().map(|group| (group.group, group.members)).collect();
    let (mut copies, mut after) = (BTreeSet::new(), None::<BlobId>);
    loop {
        let page = metadata.counted_blobs(after, 1000).await.expect("blobs are read");
        let Some(last) = page.last() else { break };
        after = Some(last.blob);
        for blob in &page {
            let chunks = (0..blob.chunk_count as u32).map(|index| ChunkKey { blob: blob.blob, index });
            copies.extend(chunks.flat_map(|key| members[&blob.group].iter().map(move |node| (key, *node))));
        }
    }
    metadata.close().await;
    copies
}

/// Every chunk that the node's volume would serve. What it can't read any more is left out.
fn held(node: &Path) -> Copies {
    let directory = node.join("volume");
    let of = inspect(&RealDisk, &directory).expect("the volume can be inspected");
    let (owner, settings) = (
        VolumeOwner { cluster: of.cluster, node: of.node },
        VolumeSettings { disk_reserve: ByteSize(0), ..Default::default() },
    );
    let (volume, _) = Volume::open(Arc::new(RealDisk), &directory, owner, &settings, Arc::new(SystemRandom))
        .expect("the volume opens");
    let (mut copies, mut from) = (Copies::new(), None);
    loop {
        let (page, next) = volume.inventory(from, 1000).expect("the volume says what it holds");
        for chunk in page {
            if let Ok(slice) = volume.read(chunk.key, 0, u32::MAX) {
                let mut hasher = DefaultHasher::new();
                (&slice.bytes, format!("{:?}", slice.table)).hash(&mut hasher);
                copies.insert((chunk.key, of.node), hasher.finish());
            }
        }
        from = next;
        if from.is_none() {
            break;
        }
    }
    volume.close().expect("the volume closes");
    copies
}

/// What all files below occupy.
pub fn occupied_bytes(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => occupied_bytes(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

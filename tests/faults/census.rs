//! What lies on the disks while everything is off, held against the metadata: each chunk of each blob on exactly the members of its
//! group, all copies byte for byte the same, and nothing else anywhere but what was on its way to members of the group when it
//! failed under a writer, who went on with another blob: such chunks lie behind the end of theirs, and go with it.

use crate::fleet::Fleet;
use larder::{
    metadata::{Metadata, MetadataSettings},
    runtime::{SystemClock, SystemRandom},
    types::{BlobId, ByteSize, ChunkKey, GroupId, NodeId},
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

/// Of each blob at most so many chunks: those that a writer has on their way at once.
const BEHIND_THE_END_MAX: u32 = 3;

/// What the metadata says of where chunks are.
#[derive(Default)]
struct Expected {
    copies: BTreeSet<(ChunkKey, NodeId)>,
    /// They may be there: see above.
    behind_the_end: BTreeSet<(ChunkKey, NodeId)>,
}

/// Everything is off.
pub async fn take(fleet: &Fleet) -> Census {
    let Expected { copies: expected, behind_the_end } = expected(&fleet.metadata_directory()).await;
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
        extra: tell(holders.difference(&expected).filter(|copy| !behind_the_end.contains(copy)).collect()),
        different: contents.iter().filter(|(_, all)| all.len() > 1).map(|(key, _)| key.to_string()).collect(),
    }
}

async fn expected(metadata: &Path) -> Expected {
    let (settings, clock) = (MetadataSettings::default(), Arc::new(SystemClock::new()));
    let metadata = Metadata::open(metadata, &settings, clock, Arc::new(SystemRandom)).await.expect("metadata opens");
    let groups = metadata.groups().await.expect("groups are read");
    let members: HashMap<_, _> = groups.into_iter().map(|group| (group.group, group.members)).collect();
    let (mut expected, mut after) = (Expected::default(), None::<BlobId>);
    loop {
        let page = metadata.counted_blobs(after, 1000).await.expect("blobs are read");
        let Some(last) = page.last() else { break };
        after = Some(last.blob);
        for blob in &page {
            let count = blob.chunk_count as u32;
            let on_members = |index: u32| {
                let key = ChunkKey { blob: blob.blob, index };
                members[&blob.group].iter().map(move |node| (key, *node))
            };
            expected.copies.extend((0..count).flat_map(on_members));
            expected.behind_the_end.extend((count..count + BEHIND_THE_END_MAX).flat_map(on_members));
        }
    }
    metadata.close().await;
    expected
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
        // The metadata's own log lies beside what metadata names.
        for chunk in page.into_iter().filter(|chunk| chunk.group != GroupId::COMMAND_LOG) {
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

//! The part of the suite about what a node says that it holds.

use crate::harness::{Chunk, GROUP, Node, TERM};
use larder::{
    node::{
        NodeError,
        api::{ASKED_CHUNKS_MAX, ChunkRun, GetChunk, VolumeMark},
    },
    types::{BlobId, VolumeId},
};
use std::{collections::BTreeMap, fs};

pub async fn the_inventory_names_every_blob_over_its_pages(node: Node) {
    let mut expected = BTreeMap::new();
    for blob in 1..=20_u8 {
        for index in 0..3 {
            let chunk = Chunk::new(blob, index, 1000 + usize::from(blob) * 20_000);
            node.put(&chunk).await;
            *expected.entry(chunk.key.blob).or_insert(0) += chunk.bytes.len() as u64;
        }
    }
    let (mut found, mut from, mut pages) = (BTreeMap::new(), None, 0);
    loop {
        let page = node.api.inventory(TERM, from, 7).await.unwrap();
        for entry in page.blobs {
            assert_eq!((entry.group, entry.term), (GROUP, TERM));
            assert!(entry.chunk_count <= 3 && entry.chunk_limit <= 3);
            *found.entry(entry.blob).or_insert(0) += entry.bytes;
        }
        pages += 1;
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(found, expected);
    assert!(pages > 1, "60 chunks do not fit a page of 7");
}

/// Small and big chunks lie in segments of their own.
pub async fn an_inventory_behind_a_mark_names_what_came_later(node: Node) {
    node.put(&Chunk::new(1, 0, 1000)).await;
    let later = async |marks: &[VolumeMark]| {
        let page = node.api.inventory_after(TERM, marks.to_vec(), None, 100).await.unwrap();
        page.blobs.iter().map(|entry| entry.blob).collect::<Vec<_>>()
    };
    // A batch is settled only after its puts were answered: until then its chunks are shown again.
    let marks = loop {
        let marks = node.api.inventory(TERM, None, 100).await.unwrap().marks;
        assert_eq!(marks.len(), 1, "it has one volume");
        if later(&marks).await.is_empty() {
            break marks;
        }
    };
    let (small, big) = (Chunk::new(2, 0, 1000), Chunk::new(3, 0, 1 << 20));
    node.put(&small).await;
    node.put(&big).await;
    let mut shown = later(&marks).await;
    shown.sort();
    assert_eq!(shown, [small.key.blob, big.key.blob]);
    let stranger = VolumeMark { volume: VolumeId::from_bytes([9; 16]), ..marks[0] };
    assert_eq!(later(&[stranger]).await.len(), 3, "a volume that is not marked is shown as a whole");
}

fn run(blob: u8, first: u32, count: u32) -> ChunkRun {
    ChunkRun { blob: BlobId::from_bytes([blob; 16]), first, count }
}

pub async fn a_node_names_the_blobs_of_which_it_lacks_chunks(node: Node) {
    for (blob, index, length) in [(1, 0, 1000), (1, 1, 1000), (1, 2, 1000), (2, 1, 1 << 20)] {
        node.put(&Chunk::new(blob, index, length)).await;
    }
    let asked = [run(1, 0, 3), run(2, 1, 1), run(2, 0, 2), run(3, 0, 1), run(1, 2, 2), run(4, 0, 0)];
    let lacking = [2, 3, 1].map(|blob| BlobId::from_bytes([blob; 16]));
    assert_eq!(node.api.lacking(TERM, asked.to_vec()).await.unwrap(), lacking);
    let node = node.restart().await;
    assert_eq!(node.api.lacking(TERM, asked.to_vec()).await.unwrap(), lacking);
    for too_many in [vec![run(1, 0, ASKED_CHUNKS_MAX + 1)], vec![run(1, 0, 0); ASKED_CHUNKS_MAX as usize + 1]] {
        let refused = node.api.lacking(TERM, too_many).await;
        assert!(matches!(refused, Err(NodeError::Refused(_))), "{refused:?}");
    }
}

/// What a node says from memory is what lies on its disk: of the segments one is gone, one is cut, one has lost its hint.
pub async fn a_node_lacks_what_its_disk_has_lost_since_its_last_run(node: Node) {
    let chunks: Vec<Chunk> = (0..60).map(|index| Chunk::new(1, index, 100_000)).collect();
    for chunk in &chunks {
        node.put(chunk).await;
    }
    let node = node
        .restart_after(|volume| {
            let files = fs::read_dir(volume.join("segments")).unwrap().map(|entry| entry.unwrap().path());
            let (hints, mut segments): (Vec<_>, Vec<_>) =
                files.partition(|path| path.extension().is_some_and(|ending| ending == "hint"));
            segments.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().len()));
            assert!(segments.len() >= 3 && !hints.is_empty(), "{segments:?} {hints:?}");
            fs::remove_file(&segments[0]).unwrap();
            let cut = fs::OpenOptions::new().write(true).open(&segments[1]).unwrap();
            cut.set_len(cut.metadata().unwrap().len() / 2).unwrap();
            // There may be none of a segment that was never full.
            let _ = fs::remove_file(segments[2].with_extension("hint"));
        })
        .await;
    let (mut lacking, mut unreadable) = (Vec::new(), Vec::new());
    for chunk in &chunks {
        let asked = node.api.lacking(TERM, vec![run(1, chunk.key.index, 1)]).await.unwrap();
        lacking.extend(asked.iter().map(|_| chunk.key.index));
        let get = GetChunk { term: TERM, key: chunk.key, first_block: 0, block_count: u32::MAX };
        if node.api.get_chunk(get).await.is_err() {
            unreadable.push(chunk.key.index);
        }
    }
    assert_eq!(lacking, unreadable);
    assert!(!lacking.is_empty() && lacking.len() < chunks.len(), "{lacking:?}");
}

//! The part of the suite about what a node says that it holds.

use crate::harness::{Chunk, GROUP, Node, TERM};
use larder::{node::api::VolumeMark, types::VolumeId};
use std::collections::BTreeMap;

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

//! Walks over where data is meet every blob and every extent, whatever a page holds.

use super::fixture::*;
use crate::{
    metadata::{
        Command,
        command::{BlobCopy, MissingReason},
        rows::{PieceCursor, PlacedPiece},
    },
    types::BlobId,
};

async fn filled() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.put("a", &[10, 20, 30, 40, 50]).await;
    fixture.put("b", &[]).await;
    fixture.put("c", &[7]).await;
    fixture.done(Command::CopyObject(fixture.copy_of("a", "c/copy"))).await;
    fixture.put("d", &[1, 2]).await;
    // An older version, as a bucket that keeps versions has them.
    fixture
        .prepare(
            "INSERT INTO versions SELECT bucket, key, sequence - 1, x'00000000000000000000000000000099', 0, 0,
                is_delete_marker, created, owner, size, etag, checksum_algorithm, checksum_kind, checksum, content_type,
                headers, tags, part_count, content, NULL, NULL, NULL, NULL FROM versions WHERE key = x'61'",
        )
        .await;
    fixture
}

async fn pieces(fixture: &Fixture, limit: u32) -> Vec<PlacedPiece> {
    let mut all: Vec<PlacedPiece> = Vec::new();
    loop {
        let after: Option<PieceCursor> = all.last().map(|piece| piece.place.clone());
        let page = fixture.metadata.placed_pieces(fixture.bucket, after.as_ref(), limit).await.unwrap();
        assert!(page.len() <= limit as usize);
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

#[tokio::test]
async fn every_extent_of_every_version_is_met_once_in_order_whatever_the_page() {
    let fixture = filled().await;
    let whole = pieces(&fixture, 1000).await;
    let keys: Vec<(&str, u64)> =
        whole.iter().map(|piece| (piece.place.key.as_str(), piece.place.content_offset)).collect();
    let of_a = [("a", 0), ("a", 10), ("a", 30), ("a", 60), ("a", 100)];
    let of_copy = of_a.map(|(_, offset)| ("c/copy", offset));
    let expected = [&of_a[..], &of_a, &[("c", 0)], &of_copy, &[("d", 0), ("d", 1)]].concat();
    assert_eq!(keys, expected);
    assert!(whole[0].place.sequence > whole[5].place.sequence, "the newest version first");
    assert!(whole[0].version.is_none() && whole[5].version.is_some());
    for limit in 1..8 {
        assert_eq!(pieces(&fixture, limit).await, whole, "pages of {limit}");
    }
}

#[tokio::test]
async fn blobs_are_met_once_each_with_who_lacks_them() {
    let fixture = filled().await;
    let lacking: BlobId = fixture.extents("c").await[0].blob;
    let copies = [1, 3].map(|number| BlobCopy { blob: lacking, node: node(number) }).to_vec();
    fixture.done(Command::MarkMissing { copies, reason: MissingReason::Absent }).await;
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.metadata.placed_blobs(after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.blob);
        seen.extend(page);
    }
    assert_eq!((seen.len(), seen.iter().map(|blob| blob.size).sum::<u64>()), (8, 160));
    for blob in &seen {
        let expected = if blob.blob == lacking { vec![node(1), node(3)] } else { Vec::new() };
        assert_eq!(blob.missing, expected);
    }
    let roots = fixture.metadata.blob_roots(&[lacking, BlobId::from_bytes([9; 16])]).await.unwrap();
    assert_eq!(roots.iter().map(|row| (row.blob, row.roots.len())).collect::<Vec<_>>(), [(lacking, 1)]);
    let missing = fixture.metadata.missing_copies_of(&[lacking]).await.unwrap();
    assert!(missing.iter().all(|copy| copy.reason == MissingReason::Absent) && missing.len() == 2, "{missing:?}");
}

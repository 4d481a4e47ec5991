//! Rows of `blobs` that were lost: what an extent names is no garbage.

use super::{
    fake_nodes::Fault,
    reclaim::{GRACE, Steps},
    test_cluster::{CHUNK, TestCluster, content, quick_settings},
};
use crate::{
    cluster::extent_walk::ExtentWalk,
    runtime::Clock,
    types::{BlobId, Term},
};

const ORPHAN: BlobId = BlobId::from_bytes([100; 16]);

/// Five objects whose rows of `blobs` are gone, beside one that is whole; and on the second node garbage, seen for the first time.
async fn damaged() -> (TestCluster, Steps) {
    let test = TestCluster::start().await;
    for i in 0..5 {
        test.put(&format!("key-{i}"), &content(3 * CHUNK)).await;
    }
    test.metadata.run_beside("CREATE TABLE lost AS SELECT * FROM blobs").await;
    test.metadata.run_beside("DELETE FROM blobs").await;
    test.put("whole", &content(CHUNK)).await;
    test.nodes[1].plant(ORPHAN, Term(0));
    let mut steps = Steps::new(&test);
    steps.run().await;
    (test, steps)
}

fn held(test: &TestCluster) -> Vec<usize> {
    test.nodes.iter().map(|node| node.blobs().len()).collect()
}

/// All copies went, before anybody could put a backup in the place of the damaged metadata.
#[tokio::test]
async fn what_an_extent_names_is_spared_though_no_row_says_where_it_is() {
    let (test, mut steps) = damaged().await;
    assert_eq!(held(&test), [6, 7, 6]);
    test.pass(GRACE).await;
    steps.run().await;
    assert_eq!(held(&test), [6, 6, 6], "garbage goes all the same");
    assert!(!test.nodes[1].blobs().contains(&ORPHAN));
    // Nor later, by another look at the same.
    for _ in 0..2 {
        test.pass(quick_settings().inventory_interval.0).await;
        steps.run().await;
        test.pass(GRACE).await;
        steps.run().await;
    }
    assert_eq!(held(&test), [6, 6, 6]);
    test.metadata.run_beside("INSERT INTO blobs SELECT * FROM lost").await;
    test.nodes[0].set_fault(Fault::Dead);
    for i in 0..5 {
        assert_eq!(test.get(&format!("key-{i}")).await.unwrap(), content(3 * CHUNK));
    }
}

#[tokio::test]
async fn what_was_spared_goes_once_no_extent_names_it() {
    let (test, mut steps) = damaged().await;
    test.pass(GRACE).await;
    steps.run().await;
    assert_eq!(held(&test), [6, 6, 6]);
    test.metadata.run_beside("DELETE FROM extents WHERE blob IN (SELECT blob FROM lost)").await;
    for _ in 0..2 {
        test.pass(quick_settings().inventory_interval.0).await;
        steps.run().await;
    }
    assert_eq!(held(&test), [1, 1, 1]);
}

/// A walk takes several pages, and extents come behind the first.
#[tokio::test]
async fn an_extent_that_comes_while_the_walk_is_under_way_is_met() {
    let test = TestCluster::start().await;
    test.put("first", &content(CHUNK)).await;
    test.metadata
        .run_beside(
            "WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
            INSERT INTO extents SELECT 1000000, i, x'22222222222222222222222222222222', 0, 1 FROM n",
        )
        .await;
    let mut walk = ExtentWalk::begin(test.clock.monotonic(), vec![ORPHAN]).unwrap();
    assert!(!walk.page(&test.metadata).await.unwrap());
    test.metadata
        .run_beside("INSERT INTO extents VALUES (1000001, 0, x'64646464646464646464646464646464', 0, 1)")
        .await;
    assert!(walk.page(&test.metadata).await.unwrap());
    assert_eq!(walk.named().collect::<Vec<_>>(), [ORPHAN]);
}

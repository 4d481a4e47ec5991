//! Nodes of which one volume of several is frozen: the others go on.

use super::{
    reclaim::{GRACE, Steps},
    test_cluster::{CHUNK, TestCluster, content},
};
use crate::{node::NodeApi, types::BlobId};
use std::time::Duration;

/// It was taken for a frozen node: its writes and all deletions on it stopped, for what one disk of several could not do.
#[tokio::test]
async fn what_lies_on_a_frozen_volume_of_a_member_waits_and_nothing_else() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    for key in ["a", "b", "c"] {
        test.put(key, &content(CHUNK)).await;
    }
    let stuck = test.nodes[1].blobs()[0];
    test.nodes[1].freeze_volume_of(vec![stuck]);
    for key in ["a", "b", "c"] {
        test.delete(key).await;
    }
    steps.run().await;
    test.pass(GRACE).await;
    steps.run().await;
    let left: Vec<Vec<BlobId>> = test.nodes.iter().map(|node| node.blobs()).collect();
    assert_eq!(left, [vec![], vec![stuck], vec![]]);
    let waiting: Vec<BlobId> =
        test.metadata.deletions(None, 10).await.unwrap().into_iter().map(|row| row.blob).collect();
    assert_eq!(waiting, [stuck], "it is remembered");
    let topology = test.cluster.membership().topology().load_full();
    assert!(test.nodes.iter().all(|node| topology.standing(node.id()).unwrap().is_writable()));

    test.nodes[1].freeze_volume_of(vec![]);
    test.pass(Duration::from_secs(1)).await;
    steps.run().await;
    let left: usize = test.nodes.iter().map(|node| node.blobs().len()).sum();
    assert_eq!((left, test.metadata.deletions(None, 10).await.unwrap().len()), (0, 0));
}

//! The search for data that nothing names: it finds all of it, and costs what is new.

use super::{
    fake_nodes::Fault,
    reclaim::{GRACE, Steps, start_another_gateway},
    test_cluster::{CHUNK, TestCluster, content, quick_settings},
};
use crate::types::{BlobId, Term};
use std::time::Duration;

/// Chunks that were shown in inventories, on each node.
fn listed(test: &TestCluster) -> Vec<u64> {
    test.nodes.iter().map(|node| node.listed_count()).collect()
}

#[tokio::test]
async fn the_search_costs_what_was_written_since_the_last_and_nothing_while_nothing_is() {
    let interval = quick_settings().inventory_interval.0;
    let test = TestCluster::start().await;
    for i in 0..20 {
        test.put(&format!("key-{i}"), &content(3 * CHUNK)).await;
    }
    let mut steps = Steps::new(&test);
    test.pass(Duration::from_secs(1)).await;
    steps.run().await;
    assert_eq!(listed(&test), [60, 60, 60], "the first time everything");
    test.pass(interval).await;
    steps.run().await;
    assert_eq!(listed(&test), [60, 60, 60]);

    test.put("late", &content(2 * CHUNK)).await;
    test.nodes[1].plant(BlobId::from_bytes([100; 16]), Term(0));
    test.pass(interval).await;
    steps.run().await;
    assert_eq!(listed(&test), [62, 63, 62]);
    test.pass(GRACE).await;
    steps.run().await;
    assert_eq!(test.nodes[1].blobs().len(), 21, "what came late and has no name is cleared");

    test.nodes[2].restart();
    test.pass(interval).await;
    steps.run().await;
    assert_eq!(listed(&test), [62, 63, 62], "a node that has started goes on where it was");
    test.nodes[2].restart_empty();
    test.pass(interval).await;
    steps.run().await;
    test.nodes[0].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(20)).await;
    steps.run().await;
    test.nodes[0].set_fault(Fault::None);
    test.pass(Duration::from_secs(1)).await;
    steps.run().await;
    assert_eq!(listed(&test)[..2], [62 + 62, 63], "a node that was away is gone through as a whole");
}

#[tokio::test]
async fn another_gateway_searches_what_was_written_since_and_what_the_last_one_had_not_done_with() {
    let mut test = TestCluster::start().await;
    for i in 0..20 {
        test.put(&format!("key-{i}"), &content(3 * CHUNK)).await;
    }
    let mut steps = start_another_gateway(&mut test).await;
    steps.run().await;
    assert_eq!(listed(&test), [60, 60, 60], "the first time everything");

    let mut steps = start_another_gateway(&mut test).await;
    let in_flight = test.write(&content(2 * CHUNK)).await.unwrap();
    test.nodes[1].plant(BlobId::from_bytes([100; 16]), Term(0));
    steps.run().await;
    assert_eq!(listed(&test), [62, 63, 62]);
    let mut steps = start_another_gateway(&mut test).await;
    drop(in_flight);
    steps.run().await;
    assert_eq!(listed(&test), [64, 66, 64], "once more, as it has no name");
    test.pass(GRACE).await;
    steps.run().await;
    assert!(test.nodes.iter().all(|node| node.blobs().len() == 20), "{:?}", listed(&test));

    let mut steps = start_another_gateway(&mut test).await;
    steps.run().await;
    assert_eq!(listed(&test), [64, 66, 64], "nothing is left to be looked at");
}

/// Each way of it: whatever may have brought about garbage on the second node that lies behind the marks.
#[tokio::test]
async fn another_gateway_searches_all_of_a_node_that_is_not_what_it_was() {
    type Event = fn(&TestCluster);
    let events: [(&str, Event); 3] = [
        ("another start", |test| test.nodes[1].restart()),
        ("another volume", |test| test.nodes[1].restart_empty()),
        ("it does not answer", |test| test.nodes[1].set_fault(Fault::Dead)),
    ];
    for (name, event) in events {
        let mut test = TestCluster::start().await;
        test.put("key", &content(3 * CHUNK)).await;
        let mut steps = start_another_gateway(&mut test).await;
        steps.run().await;
        event(&test);
        test.plant_behind_marks(1);
        test.pass(Duration::from_secs(20)).await;
        if name == "it does not answer" {
            steps.run().await;
        }
        test.nodes[1].set_fault(Fault::None);
        let mut steps = start_another_gateway(&mut test).await;
        for _ in 0..2 {
            steps.run().await;
            test.pass(GRACE).await;
        }
        steps.run().await;
        assert!(!test.nodes[1].blobs().contains(&BlobId::from_bytes([100; 16])), "{name}");
    }
}

/// What the backup does not name was named when it was shown.
#[tokio::test]
async fn a_search_under_another_history_of_the_metadata_begins_anew() {
    let mut test = TestCluster::start().await;
    test.put("key", &content(3 * CHUNK)).await;
    let mut steps = start_another_gateway(&mut test).await;
    steps.run().await;
    test.change_history_of_jobs("inventory/").await;
    let mut steps = start_another_gateway(&mut test).await;
    steps.run().await;
    assert_eq!(listed(&test), [6, 6, 6]);
}

/// What the other one wrote may lie behind marks that were given out before.
#[tokio::test]
async fn nodes_that_another_gateway_commanded_are_searched_as_a_whole_when_they_are_taken_back() {
    let mut test = TestCluster::start().await;
    test.put("key", &content(3 * CHUNK)).await;
    let mut steps = start_another_gateway(&mut test).await;
    steps.run().await;
    assert_eq!(listed(&test), [3, 3, 3]);
    test.lose_nodes_to_another().await;
    test.plant_behind_marks(1);
    test.take_nodes_back().await;
    test.pass(Duration::from_secs(1)).await;
    let mut steps = Steps::new(&test);
    steps.run().await;
    assert_eq!(listed(&test), [6, 7, 6]);
}

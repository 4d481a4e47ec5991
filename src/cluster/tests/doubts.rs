//! Nodes that hold less than they should.

use super::test_cluster::{CHUNK, TestCluster, content};
use crate::{
    cluster::{QuestionCopies, SendMissing},
    runtime::Step,
};
use std::time::Duration;

struct Steps {
    question: QuestionCopies,
    repair: SendMissing,
}

impl Steps {
    fn new(test: &TestCluster) -> Self {
        Self { question: QuestionCopies::new(test.cluster.clone()), repair: SendMissing::new(test.cluster.clone()) }
    }

    async fn question(&mut self) {
        while self.question.step().await.unwrap() == Step::Busy {}
    }

    async fn repair(&mut self) {
        while self.repair.step().await.unwrap() == Step::Busy {}
    }
}

/// Whether a node is in doubt, or not counted since its start.
fn has_doubts(test: &TestCluster) -> bool {
    test.cluster.nodes().iter().any(|node| node.is_in_doubt)
}

async fn missing(test: &TestCluster) -> usize {
    test.metadata.under_replicated(None, None, 1000).await.unwrap().len()
}

async fn cluster_with_objects() -> (TestCluster, Steps) {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    steps.question().await;
    for key in 0..10 {
        test.put(&format!("key {key}"), &content(3 * CHUNK)).await;
    }
    test.pass(Duration::from_secs(1)).await;
    assert!(!has_doubts(&test));
    (test, steps)
}

#[tokio::test]
async fn a_node_that_comes_back_empty_is_in_doubt_until_it_has_its_copies_again() {
    let (test, mut steps) = cluster_with_objects().await;
    test.nodes[1].restart_empty();
    test.pass(Duration::from_secs(1)).await;
    assert!(has_doubts(&test), "at once, not when the step has run");
    steps.question().await;
    assert!(!has_doubts(&test));
    assert_eq!(missing(&test).await, 10);
    steps.repair().await;
    assert_eq!(missing(&test).await, 0);
    assert_eq!(test.nodes[1].chunk_count(), 30);
}

#[tokio::test]
async fn a_node_that_lost_chunks_without_going_back_in_time_is_found_out_by_their_number() {
    let (test, mut steps) = cluster_with_objects().await;
    test.nodes[2].forget_all();
    test.nodes[2].restart();
    test.pass(Duration::from_secs(1)).await;
    assert!(has_doubts(&test), "it was not counted since its start");
    steps.question().await;
    steps.repair().await;
    assert!(!has_doubts(&test));
    assert_eq!((missing(&test).await, test.nodes[2].chunk_count()), (0, 30));
}

#[tokio::test]
async fn what_a_node_is_known_to_lack_is_no_doubt() {
    let (test, mut steps) = cluster_with_objects().await;
    test.nodes[0].set_fault(super::fake_nodes::Fault::Dead);
    test.pass(Duration::from_secs(20)).await;
    test.put("written meanwhile", &content(5 * CHUNK)).await;
    test.nodes[0].set_fault(super::fake_nodes::Fault::None);
    test.nodes[0].restart();
    test.pass(Duration::from_secs(1)).await;
    let before = test.metadata.committed();
    steps.question().await;
    assert!(!has_doubts(&test));
    assert_eq!((test.metadata.committed(), missing(&test).await), (before, 1), "nothing was proposed");
}

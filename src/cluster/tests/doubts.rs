//! Nodes that hold less than they should.

use super::{
    fake_nodes::Fault,
    test_cluster::{CHUNK, Deletions, TestCluster, content, until},
};
use crate::{
    cluster::{QuestionCopies, SendMissing, Standing, head_count::Pages},
    node::NodeApi,
    runtime::Step,
    types::{BlobId, ChunkKey, Term},
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
async fn a_node_that_lost_chunks_without_going_back_in_time_is_found_out() {
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

/// Cleared data and lost data were as many, so the node's number of chunks was right.
#[tokio::test]
async fn garbage_does_not_hide_a_loss_of_as_many_chunks() {
    let (test, mut steps) = cluster_with_objects().await;
    let node = &test.nodes[1];
    let blobs = node.blobs();
    for blob in &blobs[..4] {
        (0..3).for_each(|index| node.forget(ChunkKey { blob: *blob, index }));
    }
    node.forget(ChunkKey { blob: blobs[4], index: 2 });
    (0..20).for_each(|number| node.plant(BlobId::from_bytes([number; 16]), Term(1)));
    node.restart();
    test.pass(Duration::from_secs(1)).await;
    assert!(has_doubts(&test), "it was not counted since its start");
    steps.question().await;
    assert!(!has_doubts(&test));
    assert_eq!(missing(&test).await, 5, "these alone are looked at");
    steps.repair().await;
    assert_eq!((missing(&test).await, node.chunk_count()), (0, 30 + 20));
}

/// At whatever step of the count it happens.
#[tokio::test]
async fn what_is_written_and_deleted_during_the_count_is_no_loss() {
    let (test, mut steps) = cluster_with_objects().await;
    let mut deletions = Deletions::new(&test);
    for key in 0..10 {
        test.nodes[1].restart();
        test.pass(Duration::from_secs(1)).await;
        for _ in 0..key {
            steps.question.step().await.unwrap();
        }
        test.delete(&format!("key {key}")).await;
        test.put(&format!("later {key}"), &content(2 * CHUNK)).await;
        deletions.run().await;
        test.pass(Duration::from_secs(900)).await;
        deletions.run().await;
        assert_eq!(test.nodes[1].blobs().len(), 10, "the deleted one is cleared");
        steps.question().await;
        assert_eq!((has_doubts(&test), missing(&test).await), (false, 0), "after {key} steps");
    }
}

/// A blob that comes during the count does not stand for one that is gone.
#[tokio::test]
async fn what_is_written_during_the_count_hides_no_loss() {
    for steps_before in 0..6 {
        let (test, mut steps) = cluster_with_objects().await;
        let node = &test.nodes[1];
        let lost = node.blobs()[0];
        (0..3).for_each(|index| node.forget(ChunkKey { blob: lost, index }));
        (0..3).for_each(|number| node.plant(BlobId::from_bytes([number; 16]), Term(1)));
        node.restart();
        test.pass(Duration::from_secs(1)).await;
        for _ in 0..steps_before {
            steps.question.step().await.unwrap();
        }
        test.put("later", &content(3 * CHUNK)).await;
        steps.question().await;
        assert_eq!(missing(&test).await, 1, "after {steps_before} steps");
    }
}

/// A pull has minutes; repair of the others waited for as long as that.
#[tokio::test]
async fn a_node_that_hangs_in_a_pull_holds_up_repair_only_until_it_counts_as_ill() {
    let (test, mut steps) = cluster_with_objects().await;
    test.nodes[1].restart_empty();
    test.pass(Duration::from_secs(1)).await;
    steps.question().await;
    test.nodes[1].set_fault(Fault::Stuck);
    let falls_ill = async {
        while test.cluster.membership().topology().load().standing(test.nodes[1].id()) != Some(Standing::Suspect) {
            tokio::task::yield_now().await;
            test.pass(Duration::from_secs(1)).await;
        }
    };
    let ((), ()) = tokio::join!(steps.repair(), falls_ill);
    assert_eq!(missing(&test).await, 10);
    test.nodes[1].set_fault(Fault::None);
    test.pass(Duration::from_secs(1)).await;
    steps.repair().await;
    assert_eq!(missing(&test).await, 0);
    assert_eq!(steps.repair.progress().done().items, 10);
}

/// The source was made to look for a wrong chunk, found none, and was called corrupt.
#[tokio::test]
async fn a_source_that_lacks_a_chunk_is_told_from_one_of_which_the_chunk_is_wrong() {
    let (test, mut steps) = cluster_with_objects().await;
    let source = &test.nodes[0];
    let (lacked, wrong) = (source.blobs()[3], source.blobs()[4]);
    source.forget(ChunkKey { blob: lacked, index: 1 });
    source.corrupt(ChunkKey { blob: wrong, index: 2 });
    test.nodes[1].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(20)).await;
    test.nodes[2].restart_empty();
    test.pass(Duration::from_secs(1)).await;
    steps.question().await;
    steps.repair().await;
    let listed = async || test.metadata.under_replicated(None, Some(source.id()), 10).await.unwrap().len();
    until("both copies are on the list", || async { listed().await == 2 }).await;
    assert_eq!(source.quarantined(), [ChunkKey { blob: wrong, index: 2 }]);
    assert_eq!(source.quarantine_count(), 1, "it was not asked to look at what it has not");

    test.nodes[1].set_fault(Fault::None);
    test.pass(Duration::from_secs(1)).await;
    steps.repair().await;
    assert_eq!(missing(&test).await, 0);
    assert!(test.nodes.iter().all(|node| node.chunk_count() == 30));
}

/// As `cluster_with_objects`, of nodes that tell their runs, counted, under a gateway that has just started: it has heard of
/// all of them, and made no step.
async fn cluster_with_another_gateway() -> (TestCluster, Steps) {
    let (mut test, _) = cluster_with_objects().await;
    for (run, node) in (1..).zip(&test.nodes) {
        node.set_run(run);
    }
    let mut steps = start_another_gateway(&mut test).await;
    steps.question().await;
    assert_eq!(asked(&test), [30; 3]);
    let steps = start_another_gateway(&mut test).await;
    (test, steps)
}

async fn start_another_gateway(test: &mut TestCluster) -> Steps {
    test.restart_gateway().await;
    test.pass(Duration::from_secs(1)).await;
    Steps::new(test)
}

/// Chunks that each node was asked about.
fn asked(test: &TestCluster) -> Vec<u64> {
    test.nodes.iter().map(|node| node.asked_count()).collect()
}

#[tokio::test]
async fn nodes_that_went_on_meanwhile_are_not_counted_again_by_another_gateway() {
    let (test, mut steps) = cluster_with_another_gateway().await;
    let (before, committed) = (asked(&test), test.metadata.committed());
    steps.question().await;
    assert!(!has_doubts(&test));
    assert_eq!((asked(&test), test.metadata.committed()), (before, committed), "nobody was asked, nothing written");
}

/// Each way of it: whatever may have made the second node hold less while there was no gateway.
#[tokio::test]
async fn a_node_that_may_hold_less_since_is_counted_by_another_gateway_and_it_alone() {
    type Event = fn(&TestCluster);
    let events: [(&str, Event); 4] = [
        ("another run", |test| test.nodes[1].set_run(9)),
        ("another start", |test| test.nodes[1].restart()),
        ("an emptied disk", |test| test.nodes[1].restart_empty()),
        ("a damaged record without a name", |test| {
            let damaged = ChunkKey { blob: test.nodes[1].blobs()[0], index: 0 };
            test.nodes[1].corrupt(damaged);
            test.nodes[1].scrub(&[damaged]);
        }),
    ];
    for (name, event) in events {
        let (mut test, _) = cluster_with_another_gateway().await;
        let before = asked(&test);
        event(&test);
        let mut steps = start_another_gateway(&mut test).await;
        steps.question.step().await.unwrap();
        let is_in_doubt: Vec<bool> = test.cluster.nodes().iter().map(|node| node.is_in_doubt).collect();
        assert_eq!(is_in_doubt, [false, true, false], "{name}");
        steps.question().await;
        assert!(!has_doubts(&test), "{name}");
        assert_eq!(asked(&test), [before[0], before[1] + 30, before[2]], "{name}");
        steps.repair().await;
        assert_eq!((missing(&test).await, test.nodes[1].chunk_count()), (0, 30), "{name}");
    }
}

/// A scrub was over, and the status said that all is well until the next heartbeat.
#[tokio::test]
async fn what_a_scrub_lost_is_known_as_soon_as_somebody_has_read_how_it_stands() {
    let (test, mut steps) = cluster_with_objects().await;
    let damaged = ChunkKey { blob: test.nodes[1].blobs()[0], index: 0 };
    test.nodes[1].corrupt(damaged);
    test.nodes[1].scrub(&[damaged]);
    test.cluster.scrubs().await;
    assert!(has_doubts(&test));
    steps.question().await;
    assert_eq!((has_doubts(&test), missing(&test).await), (false, 1));
    steps.repair().await;
    assert_eq!((missing(&test).await, test.nodes[1].chunk_count()), (0, 30));
    // The count does not go on: the record is not counted twice.
    test.cluster.scrubs().await;
    assert!(!has_doubts(&test));
}

/// The nodes have dropped what was deleted after the backup, and the backup names it.
#[tokio::test]
async fn a_count_under_another_history_of_the_metadata_holds_no_more() {
    let (mut test, _) = cluster_with_another_gateway().await;
    test.change_history_of_jobs("head-count/").await;
    let before = asked(&test);
    let mut steps = start_another_gateway(&mut test).await;
    steps.question().await;
    assert_eq!(asked(&test), before.iter().map(|chunks| chunks + 30).collect::<Vec<_>>());
}

/// The nodes did not start meanwhile, and hold nothing any more: what the other one cleared by metadata that did not name it.
#[tokio::test]
async fn nodes_that_another_gateway_commanded_are_counted_when_they_are_taken_back() {
    let (mut test, _) = cluster_with_another_gateway().await;
    let before = asked(&test);
    test.lose_nodes_to_another().await;
    test.nodes.iter().for_each(|node| node.forget_all());
    test.take_nodes_back().await;
    test.pass(Duration::from_secs(1)).await;
    assert!(has_doubts(&test), "at once, not when the step has run");
    let mut steps = Steps::new(&test);
    steps.question().await;
    let counted: Vec<u64> = before.iter().map(|chunks| chunks + 30).collect();
    assert_eq!((asked(&test), missing(&test).await), (counted.clone(), 30));
    // What was counted under this reign holds for the next one, which follows on it.
    let mut steps = start_another_gateway(&mut test).await;
    steps.question().await;
    assert_eq!(asked(&test), counted);
}

/// A volume that is put back from a copy repeats its starts.
#[tokio::test]
async fn a_node_that_tells_no_runs_is_counted_by_every_gateway() {
    let (mut test, _) = cluster_with_objects().await;
    for gateways in 1..3 {
        let mut steps = start_another_gateway(&mut test).await;
        steps.question().await;
        assert_eq!(asked(&test), [30 * gateways; 3]);
    }
}

#[tokio::test]
async fn another_gateway_goes_on_with_a_count_that_was_under_way() {
    let (mut test, _) = cluster_with_another_gateway().await;
    for key in 0..4 {
        test.put(&format!("later {key}"), &content(6 * CHUNK)).await;
    }
    let node = test.nodes[1].clone();
    let lost = [0, 12].map(|at| node.blobs()[at]);
    lost.iter().for_each(|blob| node.forget(ChunkKey { blob: *blob, index: 1 }));
    node.restart();
    test.pass(Duration::from_secs(1)).await;
    let before = asked(&test)[1];
    let mut question = QuestionCopies::in_pages(test.cluster.clone(), Pages { blobs: 1, chunks: 1 });
    while !is_kept_in_part(&test).await {
        assert_eq!(question.step().await.unwrap(), Step::Busy);
    }
    assert_eq!((asked(&test)[1], missing(&test).await), (before + 32, 1), "ten blobs, and a part of the next");

    let mut steps = start_another_gateway(&mut test).await;
    steps.question.step().await.unwrap();
    assert!(has_doubts(&test), "it is not counted yet");
    steps.question().await;
    assert_eq!((asked(&test)[1], missing(&test).await), (before + 32 + 24, 2), "the last four blobs");
    assert!(!has_doubts(&test) && !is_kept_in_part(&test).await);
}

async fn is_kept_in_part(test: &TestCluster) -> bool {
    test.metadata.job_states("head-count/").await.unwrap().iter().any(|(_, state)| state.contains("up_to"))
}

//! Reclaiming: garbage goes, in the end; what is referenced, in flight or being read never does.

use super::{
    fake_nodes::{Fault, Place},
    test_cluster::{CHUNK, Deletions, TestCluster, content, quick_settings, read_all},
};
use crate::{
    cluster::{
        ChangeGroups, ClearOrphans, ClusterError, ClusterSettings, ContentReader, ForgetCompletedUploads, SendMissing,
        WrittenContent,
    },
    metadata::{
        Command,
        command::{BlobCopy, MissingReason, NodeDuty},
    },
    node::{NodeApi, api::MetadataWitness},
    runtime::Step,
    types::{BlobId, CommitSequence, HumanDuration, Term},
};
use proptest::prelude::*;
use std::{collections::BTreeSet, time::Duration};

pub(super) const GRACE: Duration = Duration::from_secs(900);

/// The steps that clear and repair.
pub(super) struct Steps {
    deletions: Deletions,
    orphans: ClearOrphans,
    repair: SendMissing,
}

impl Steps {
    pub fn new(test: &TestCluster) -> Self {
        Self {
            deletions: Deletions::new(test),
            orphans: ClearOrphans::new(test.cluster.clone()),
            repair: SendMissing::new(test.cluster.clone()),
        }
    }

    /// Until there is nothing to do now.
    pub async fn run(&mut self) {
        self.deletions.run().await;
        while self.orphans.step().await.unwrap() == Step::Busy {}
        while self.repair.step().await.unwrap() == Step::Busy {}
    }
}

/// Its nodes tell their runs; it has heard of all of them.
pub(super) async fn start_another_gateway(test: &mut TestCluster) -> Steps {
    for (run, node) in (1..).zip(&test.nodes) {
        node.set_run(run);
    }
    test.restart_gateway().await;
    test.pass(Duration::from_secs(1)).await;
    Steps::new(test)
}

fn blobs(test: &TestCluster) -> usize {
    test.nodes.iter().map(|node| node.blobs().len()).sum()
}

#[tokio::test]
async fn a_deleted_object_leaves_every_node_after_the_grace_period() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    test.put("key", &content(5 * CHUNK)).await;
    test.delete("key").await;
    steps.run().await;
    assert_eq!(blobs(&test), 3);
    test.pass(GRACE - Duration::from_secs(1)).await;
    steps.run().await;
    assert_eq!(blobs(&test), 3, "the grace period has not passed");
    test.pass(Duration::from_secs(1)).await;
    steps.run().await;
    assert_eq!(blobs(&test), 0);
    assert!(test.metadata.deletions(None, 10).await.unwrap().is_empty());
    // Once more after the commit that finished it.
    steps.run().await;
    let idle = test.metadata.committed();
    steps.run().await;
    assert_eq!(test.metadata.committed(), idle, "with nothing to do nothing is proposed");
}

#[tokio::test]
async fn deletions_do_not_wait_while_a_node_is_short_of_room() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    test.put("key", &content(CHUNK)).await;
    test.delete("key").await;
    test.nodes[0].set_free(1);
    test.pass(Duration::from_millis(1)).await;
    steps.run().await;
    assert!(test.nodes[0].blobs().is_empty());
    assert_eq!(blobs(&test), 2, "the others have room");
}

#[tokio::test]
async fn a_deletion_waits_for_the_reads_that_began_before_it() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    let bytes = content(4 * CHUNK);
    test.put("key", &bytes).await;
    let mut reader = test.reader("key").await;
    let first = reader.next().await.unwrap().unwrap();
    test.delete("key").await;
    steps.run().await;
    test.pass(GRACE).await;
    steps.run().await;
    let rest = read_all(reader).await.unwrap();
    assert_eq!([&first[..], &rest[..]].concat(), bytes);
    steps.run().await;
    assert_eq!(blobs(&test), 0);
}

#[tokio::test]
async fn a_member_that_is_away_carries_the_deletion_out_when_it_is_back() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    test.put("key", &content(CHUNK)).await;
    test.delete("key").await;
    steps.run().await;
    test.nodes[2].set_fault(Fault::Dead);
    test.pass(GRACE).await;
    steps.run().await;
    assert_eq!(blobs(&test), 1);
    assert_eq!(test.metadata.deletions(None, 10).await.unwrap().len(), 1, "not forgotten while one is left");
    test.nodes[2].set_fault(Fault::None);
    test.pass(Duration::from_secs(1)).await;
    steps.run().await;
    assert_eq!(blobs(&test), 0);
    assert!(test.metadata.deletions(None, 10).await.unwrap().is_empty());
}

/// They were asked one after another, and what is released next waited for all of them.
#[tokio::test]
async fn a_member_that_does_not_answer_holds_up_no_other() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    for key in ["one", "other"] {
        test.put(key, &content(CHUNK)).await;
        test.delete(key).await;
    }
    steps.run().await;
    test.pass(GRACE).await;
    test.nodes[0].set_fault(Fault::Stuck);
    steps.deletions.run().await;
    assert_eq!(test.nodes.iter().map(|node| node.blobs().len()).collect::<Vec<_>>(), [2, 0, 0]);
    test.nodes[0].set_fault(Fault::None);
    steps.deletions.run().await;
    assert_eq!(blobs(&test), 0);
    assert!(test.metadata.deletions(None, 10).await.unwrap().is_empty());
}

/// Until its content is released a blob is repaired, whoever needs it.
#[tokio::test]
async fn contents_are_released_whatever_nodes_do() {
    let test = TestCluster::start().await;
    test.nodes[0].set_fault(Fault::Dead);
    test.put("key", &content(CHUNK)).await;
    test.delete("key").await;
    assert_eq!(test.metadata.missing_copies(None, 10).await.unwrap().len(), 1);
    test.nodes.iter().for_each(|node| node.set_fault(Fault::Stuck));
    let mut release = Deletions::new(&test).release;
    while release.step().await.unwrap() == Step::Busy {}
    assert_eq!(test.metadata.missing_copies(None, 10).await.unwrap(), []);
    assert_eq!(test.metadata.deletions(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_dead_upload_leaves_every_node_after_the_grace_period() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    let abandoned = test.write(&content(3 * CHUNK)).await.unwrap();
    let in_flight = test.write(&content(3 * CHUNK)).await.unwrap();
    drop(abandoned);
    steps.run().await;
    test.pass(GRACE).await;
    steps.run().await;
    let left = [in_flight.content.blobs[0].blob];
    assert!(test.nodes.iter().all(|node| node.blobs() == left), "what is in flight stays, however long");
    test.cluster.commit(in_flight, |content| test.put_command("key", content)).await.unwrap();
    test.pass(GRACE).await;
    steps.run().await;
    assert_eq!(test.get("key").await.unwrap(), content(3 * CHUNK));
}

#[tokio::test]
async fn what_an_earlier_gateway_left_is_found_by_the_inventory() {
    let test = TestCluster::start().await;
    test.put("key", &content(CHUNK)).await;
    let mut steps = Steps::new(&test);
    for i in 0..50 {
        test.nodes[1].plant(BlobId::from_bytes([100 + i; 16]), Term(0));
    }
    steps.run().await;
    assert_eq!(test.nodes[1].blobs().len(), 51);
    test.pass(GRACE).await;
    steps.run().await;
    assert_eq!(test.nodes[1].blobs().len(), 1);
    assert_eq!(test.get("key").await.unwrap(), content(CHUNK));
}

/// Three nodes had dropped it, one of which was no member any more: the fourth, which was away, kept it without a name.
#[tokio::test]
async fn a_deletion_is_finished_by_those_that_are_members_now() {
    let settings = ClusterSettings { grace_period: HumanDuration::from_secs(1), ..quick_settings() };
    let test = TestCluster::with(settings, 4, Place::Elsewhere).await;
    test.put("key", &content(CHUNK)).await;
    let holders: Vec<_> = test.nodes.iter().filter(|node| node.chunk_count() > 0).collect();
    let [leaving, _, away] = holders[..] else { panic!("three nodes hold it") };
    let group = test.lookup("key").await.unwrap().extents[0].group;
    away.set_fault(Fault::Dead);
    test.pass(Duration::from_secs(20)).await;
    test.delete("key").await;
    let mut steps = Steps::new(&test);
    steps.run().await;
    test.pass(Duration::from_secs(5)).await;
    steps.run().await;
    assert_eq!(holders.iter().map(|node| node.chunk_count()).collect::<Vec<_>>(), [0, 0, 1]);

    let name = test.cluster.nodes().into_iter().find(|view| view.row.node == leaving.id()).unwrap().row.name.clone();
    test.cluster.set_duty(&name, NodeDuty::Draining).await.unwrap();
    let mut change = ChangeGroups::new(test.cluster.clone());
    while change.step().await.unwrap() == Step::Busy {}
    let topology = test.cluster.membership().topology().load_full();
    let members: Vec<_> = topology.group(group).unwrap().members.iter().map(|member| member.id()).collect();
    assert!(!members.contains(&leaving.id()) && members.contains(&away.id()), "the place of one is taken");
    steps.run().await;
    assert_eq!(test.metadata.deletions(None, 10).await.unwrap().len(), 1, "one member has not dropped it");
    away.set_fault(Fault::None);
    test.pass(Duration::from_secs(1)).await;
    steps.run().await;
    assert_eq!((test.metadata.deletions(None, 10).await.unwrap().len(), blobs(&test)), (0, 0));
}

#[tokio::test]
async fn data_of_a_newer_term_is_left_alone() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    test.nodes[1].plant(BlobId::from_bytes([100; 16]), Term(test.cluster.term().0 + 1));
    steps.run().await;
    test.pass(GRACE).await;
    steps.run().await;
    assert_eq!(test.nodes[1].blobs().len(), 1);
}

#[tokio::test]
async fn a_node_that_has_seen_newer_metadata_drops_nothing() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    test.put("key", &content(CHUNK)).await;
    test.delete("key").await;
    steps.run().await;
    let newer = MetadataWitness { history: test.metadata.history(), commit_sequence: CommitSequence(1 << 40) };
    test.nodes[0].set_witness(newer);
    test.pass(GRACE).await;
    steps.run().await;
    assert_eq!(test.nodes[0].blobs().len(), 1);
    assert_eq!(blobs(&test), 1);
    assert_eq!(test.metadata.deletions(None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_member_gets_what_it_missed_when_it_is_back() {
    let test = TestCluster::start().await;
    let mut steps = Steps::new(&test);
    test.nodes[0].set_fault(Fault::Dead);
    for i in 0..5 {
        test.put(&format!("key-{i}"), &content(3 * CHUNK)).await;
    }
    steps.run().await;
    assert!(test.metadata.under_replicated(None, None, 100).await.unwrap().len() >= 5);
    test.nodes[0].set_fault(Fault::None);
    // Back in good standing once a probe was prompt; probes follow the gateway's clock.
    super::test_cluster::until("the copies are complete", || async {
        test.pass(Duration::from_secs(1)).await;
        let mut steps = Steps::new(&test);
        steps.run().await;
        test.metadata.under_replicated(None, None, 100).await.unwrap().is_empty()
    })
    .await;
    assert_eq!(test.nodes[0].blobs(), test.nodes[1].blobs());
    test.nodes[1].set_fault(Fault::Dead);
    test.nodes[2].set_fault(Fault::Dead);
    assert_eq!(test.get("key-3").await.unwrap(), content(3 * CHUNK));
}

/// Repair went by the ids of blobs: one copy short of loss, a blob waited for all those that were merely less than whole.
#[tokio::test]
async fn blobs_that_lack_several_copies_are_repaired_first() {
    let test = TestCluster::start().await;
    let mut blobs = Vec::new();
    for i in 0..4 {
        test.put(&format!("key-{i}"), &content(CHUNK)).await;
        blobs.push(test.lookup(&format!("key-{i}")).await.unwrap().extents[0].extent.blob);
    }
    blobs.sort();
    let last = blobs[3];
    let lacking = |blob: BlobId, node: usize| BlobCopy { blob, node: test.nodes[node].id() };
    let mut copies: Vec<BlobCopy> = blobs.iter().map(|blob| lacking(*blob, 0)).collect();
    copies.push(lacking(last, 1));
    let reason = MissingReason::InDoubt;
    test.metadata.propose(Command::MarkMissing { copies, reason }).await.unwrap();
    let mut repair = SendMissing::new(test.cluster.clone());
    repair.step().await.unwrap();
    let left = test.metadata.missing_copies(None, 10).await.unwrap();
    assert_eq!(left.iter().map(|copy| copy.blob).collect::<Vec<_>>(), blobs[..3]);
    while repair.step().await.unwrap() == Step::Busy {}
    assert!(test.metadata.missing_copies(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_corrupt_copy_is_replaced_by_a_good_one() {
    let test = TestCluster::start().await;
    test.put("key", &content(CHUNK)).await;
    for node in &test.nodes[..2] {
        node.corrupt_all();
    }
    // Reads meet each bad copy in turn, and the step replaces it.
    super::test_cluster::until("every copy is good", || async {
        assert_eq!(test.get("key").await.unwrap(), content(CHUNK));
        Steps::new(&test).run().await;
        test.clock.advance(Duration::from_secs(61));
        test.pass(Duration::ZERO).await;
        let was_met = test.nodes[..2].iter().all(|node| !node.quarantined().is_empty());
        was_met && test.metadata.under_replicated(None, None, 10).await.unwrap().is_empty()
    })
    .await;
    test.nodes[2].set_fault(Fault::Dead);
    assert_eq!(test.get("key").await.unwrap(), content(CHUNK));
}

#[tokio::test]
async fn old_completions_are_looked_for_once_an_hour() {
    let test = TestCluster::start().await;
    let mut forget = ForgetCompletedUploads::new(test.cluster.clone());
    assert_eq!(forget.step().await.unwrap(), Step::Idle);
    let committed = test.metadata.committed();
    assert_eq!(forget.step().await.unwrap(), Step::Idle);
    assert_eq!(test.metadata.committed(), committed);
    test.clock.advance(Duration::from_secs(3600));
    forget.step().await.unwrap();
    assert!(test.metadata.committed() > committed);
}

/// What may happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A write that stays in flight until it is committed or abandoned.
    Write,
    Commit {
        key: u8,
    },
    Abandon,
    Delete {
        key: u8,
    },
    BeginRead {
        key: u8,
    },
    EndRead,
    NodeAway {
        node: usize,
    },
    NodeBack,
    NodeRestarts {
        node: usize,
    },
    /// Another gateway takes over; what was in flight is nobody's any more.
    GatewayRestarts,
    /// Seconds.
    Wait(u64),
    Reclaim,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Write),
        3 => (0..4_u8).prop_map(|key| Event::Commit { key }),
        1 => Just(Event::Abandon),
        2 => (0..4_u8).prop_map(|key| Event::Delete { key }),
        1 => (0..4_u8).prop_map(|key| Event::BeginRead { key }),
        1 => Just(Event::EndRead),
        1 => (0..3_usize).prop_map(|node| Event::NodeAway { node }),
        1 => Just(Event::NodeBack),
        1 => (0..3_usize).prop_map(|node| Event::NodeRestarts { node }),
        1 => Just(Event::GatewayRestarts),
        2 => (1..1000_u64).prop_map(Event::Wait),
        4 => Just(Event::Reclaim),
    ]
}

/// The model: what must be there, whatever happened.
#[derive(Default)]
struct Model {
    in_flight: Vec<WrittenContent>,
    /// Key → its blob.
    objects: std::collections::BTreeMap<u8, BlobId>,
    reads: Vec<(BlobId, ContentReader)>,
}

impl Model {
    fn protected(&self) -> BTreeSet<BlobId> {
        let in_flight = self.in_flight.iter().flat_map(|written| written.content.blobs.iter().map(|blob| blob.blob));
        let read = self.reads.iter().map(|(blob, _)| *blob);
        self.objects.values().copied().chain(in_flight).chain(read).collect()
    }

    async fn happens(&mut self, event: Event, test: &mut TestCluster, steps: &mut Steps) {
        match event {
            Event::Write => match test.write(&content(100)).await {
                Ok(written) => self.in_flight.push(written),
                // One node is away, and another is back but no probe has said so yet.
                Err(error) => assert!(matches!(error, ClusterError::NotEnoughNodes { .. }), "{error}"),
            },
            Event::Commit { key } => {
                if let Some(written) = self.in_flight.pop() {
                    self.objects.insert(key, written.content.blobs[0].blob);
                    let name = key.to_string();
                    test.cluster.commit(written, |content| test.put_command(&name, content)).await.unwrap();
                }
            }
            Event::Abandon => drop(self.in_flight.pop()),
            Event::Delete { key } => {
                self.objects.remove(&key);
                test.delete(&key.to_string()).await;
            }
            Event::BeginRead { key } => {
                if let Some(blob) = self.objects.get(&key) {
                    self.reads.push((*blob, test.reader(&key.to_string()).await));
                }
            }
            Event::EndRead => {
                if let Some((_, reader)) = self.reads.pop() {
                    assert_eq!(read_all(reader).await.unwrap(), content(100));
                }
            }
            Event::NodeAway { node } => {
                test.nodes.iter().for_each(|node| node.set_fault(Fault::None));
                test.nodes[node].set_fault(Fault::Dead);
            }
            Event::NodeBack => test.nodes.iter().for_each(|node| node.set_fault(Fault::None)),
            Event::NodeRestarts { node } => test.nodes[node].restart(),
            Event::GatewayRestarts => {
                self.reads.clear();
                let in_flight = std::mem::take(&mut self.in_flight);
                *steps = start_another_gateway(test).await;
                drop(in_flight);
            }
            Event::Wait(seconds) => test.pass(Duration::from_secs(seconds)).await,
            Event::Reclaim => steps.run().await,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// After any history: what is referenced, in flight or being read is on enough nodes. And once all is quiet, nothing
    /// else is on any.
    #[test]
    fn reclaim_never_drops_what_somebody_needs_and_leaves_nothing_else(
        history in proptest::collection::vec(event(), 1..40)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let settings = ClusterSettings { grace_period: HumanDuration(GRACE), ..quick_settings() };
            let mut test = TestCluster::with(settings, 3, Place::Elsewhere).await;
            let (mut model, mut steps) = (Model::default(), start_another_gateway(&mut test).await);
            for event in history {
                model.happens(event, &mut test, &mut steps).await;
                for blob in model.protected() {
                    let copies = test.nodes.iter().filter(|node| node.blobs().contains(&blob)).count();
                    assert!(copies >= 2, "{copies} copies of {blob} after {event:?}");
                }
            }
            test.nodes.iter().for_each(|node| node.set_fault(Fault::None));
            model.reads.clear();
            model.in_flight.clear();
            let is_settled = || async {
                let lacking = test.metadata.under_replicated(None, None, 10).await.unwrap();
                let expected: BTreeSet<BlobId> = model.objects.values().copied().collect();
                let is_exact = |held: Vec<BlobId>| held.into_iter().collect::<BTreeSet<_>>() == expected;
                lacking.is_empty() && test.nodes.iter().all(|node| is_exact(node.blobs()))
            };
            for _ in 0..500 {
                steps.run().await;
                if is_settled().await {
                    return;
                }
                // Also lets probes run, which bring shunned nodes back.
                tokio::time::sleep(Duration::from_millis(1)).await;
                test.pass(Duration::from_secs(600)).await;
            }
            panic!("garbage stayed, or copies were not made");
        });
    }
}

//! Groups change their members: lost nodes are replaced, drained ones emptied, surplus copies cleared, and at no moment is a
//! blob held by fewer nodes than it needs to be.

use super::{
    fake_nodes::{Fault, Place},
    test_cluster::{TestCluster, content, quick_settings},
};
use crate::{
    cluster::{
        ChangeGroups, Cluster, ClusterError, ObjectAtRisk, Obstacle, SendMissing, TrimSurplus,
        membership::NodeRegistration,
    },
    metadata::{command::NodeDuty, rows::Group},
    node::NodeApi,
    runtime::Step,
    types::{BlobId, NodeId},
};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

/// The steps that heal.
pub(super) struct Healing {
    change: ChangeGroups,
    send: SendMissing,
    trim: TrimSurplus,
}

impl Healing {
    pub fn of(cluster: &Cluster) -> Self {
        Self {
            change: ChangeGroups::new(cluster.clone()),
            send: SendMissing::new(cluster.clone()),
            trim: TrimSurplus::new(cluster.clone()),
        }
    }

    /// One step of each; whether any had something to do.
    async fn step(&mut self) -> bool {
        let steps =
            [self.change.step().await.unwrap(), self.send.step().await.unwrap(), self.trim.step().await.unwrap()];
        steps.contains(&Step::Busy)
    }

    pub async fn trim_once(&mut self) {
        self.trim.step().await.unwrap();
    }

    /// Until nothing is left to do, also not after a rest.
    pub async fn settle(&mut self, test: &TestCluster) {
        for _ in 0..3 {
            // Far more steps than it takes: only a test that would fail gets to the end.
            let mut steps = 0;
            while self.step().await {
                steps += 1;
                assert!(steps < 2000, "it never came to rest");
            }
            test.pass(Duration::from_secs(11)).await;
        }
    }
}

pub(super) async fn fill(test: &TestCluster, objects: usize) {
    for i in 0..objects {
        test.put(&format!("key-{i}"), &content(100 + i)).await;
    }
}

pub(super) async fn assert_all_readable(test: &TestCluster, objects: usize) {
    for i in 0..objects {
        assert_eq!(test.get(&format!("key-{i}")).await.unwrap(), content(100 + i));
    }
}

async fn groups(test: &TestCluster) -> Vec<Group> {
    test.metadata.groups().await.unwrap()
}

/// How many nodes hold each blob, the dead ones included.
fn copies(test: &TestCluster) -> BTreeMap<BlobId, usize> {
    let mut copies = BTreeMap::new();
    for blob in test.nodes.iter().flat_map(|node| node.blobs()) {
        *copies.entry(blob).or_insert(0) += 1;
    }
    copies
}

/// Every group is settled and counts on others than `gone`, and every blob has three copies, on its members.
pub(super) async fn assert_healed(test: &TestCluster, gone: &[NodeId]) {
    for group in groups(test).await {
        assert_eq!(group.arriving, None, "group {}", group.group);
        assert!(group.members.iter().all(|member| !gone.contains(member)), "group {}", group.group);
    }
    assert!(test.metadata.missing_copies(None, 10).await.unwrap().is_empty());
    let alive = test.nodes.iter().filter(|node| !gone.contains(&node.id()));
    let mut held: BTreeMap<BlobId, usize> = BTreeMap::new();
    for blob in alive.flat_map(|node| node.blobs()) {
        *held.entry(blob).or_insert(0) += 1;
    }
    assert!(held.values().all(|count| *count == 3), "{held:?}");
}

/// Slow nodes come back by a probe, which takes its time, and those that went and came repeatedly are on trial.
async fn all_are_trusted(test: &TestCluster) {
    for (node, _) in test.cluster.membership().topology().load().nodes() {
        node.vitals.health.probe_was_prompt();
    }
    for _ in 0..15 {
        test.pass(Duration::from_secs(10)).await;
    }
}

#[tokio::test]
async fn a_lost_node_is_replaced_and_when_it_comes_back_its_surplus_goes() {
    let test = TestCluster::with(quick_settings(), 5, Place::Elsewhere).await;
    fill(&test, 60).await;
    let lost = test.nodes[0].clone();
    lost.set_fault(Fault::Dead);
    let mut healing = Healing::of(&test.cluster);
    test.pass(Duration::from_secs(500)).await;
    healing.settle(&test).await;
    assert!(groups(&test).await.iter().any(|group| group.members.contains(&lost.id())), "not before its time");
    test.pass(Duration::from_secs(600)).await;
    healing.settle(&test).await;
    assert_healed(&test, &[lost.id()]).await;
    assert!(lost.chunk_count() > 0);

    lost.set_fault(Fault::None);
    all_are_trusted(&test).await;
    healing.settle(&test).await;
    assert_eq!(lost.chunk_count(), 0, "what it still held was too much");
    assert!(groups(&test).await.iter().all(|group| group.former.is_empty()));
    assert_eq!(copies(&test).values().filter(|count| **count != 3).count(), 0);
    assert_all_readable(&test, 60).await;
}

#[tokio::test]
async fn any_two_nodes_may_be_lost_after_a_replacement() {
    let test = TestCluster::with(quick_settings(), 5, Place::Elsewhere).await;
    fill(&test, 40).await;
    test.nodes[0].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(600)).await;
    Healing::of(&test.cluster).settle(&test).await;
    for (one, other) in [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)] {
        for dead in [one, other] {
            test.nodes[dead].set_fault(Fault::Dead);
        }
        assert_all_readable(&test, 40).await;
        for dead in [one, other] {
            test.nodes[dead].set_fault(Fault::None);
        }
    }
}

#[tokio::test]
async fn a_drained_node_is_emptied_and_can_be_removed() {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test, 60).await;
    let node = test.nodes[3].clone();
    assert_eq!(test.cluster.set_duty("node-4", NodeDuty::Removed).await, Err(ClusterError::NodeInGroups));
    test.cluster.set_duty("node-4", NodeDuty::Draining).await.unwrap();
    let mut healing = Healing::of(&test.cluster);
    while healing.step().await {
        assert!(copies(&test).values().all(|count| *count >= 3), "a copy went before its time");
        assert_all_readable(&test, 60).await;
    }
    healing.settle(&test).await;
    assert_eq!(node.chunk_count(), 0);
    assert_healed(&test, &[node.id()]).await;
    test.cluster.set_duty("node-4", NodeDuty::Removed).await.unwrap();
    assert!(test.cluster.nodes().iter().all(|view| view.row.name != "node-4"));
    let again = NodeRegistration {
        node: node.id(),
        name: "node-4".into(),
        address: Some("host-4:1".into()),
        zone: "zone".into(),
        status: node.status_now(),
    };
    assert!(test.cluster.membership().register(again).await.is_err(), "it left for good");
    assert_eq!(test.cluster.set_duty("node-9", NodeDuty::Draining).await, Err(ClusterError::NoSuchNode));
}

#[tokio::test]
async fn a_node_inside_of_the_server_is_drained_but_not_removed() {
    let test = TestCluster::with(quick_settings(), 4, Place::InProcess).await;
    fill(&test, 10).await;
    test.cluster.set_duty("node-4", NodeDuty::Draining).await.unwrap();
    Healing::of(&test.cluster).settle(&test).await;
    assert_eq!(test.nodes[3].chunk_count(), 0);
    assert_eq!(test.cluster.set_duty("node-4", NodeDuty::Removed).await, Err(ClusterError::NodeIsInside));
}

#[tokio::test]
async fn new_data_avoids_a_node_that_is_drained() {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    test.cluster.set_duty("node-4", NodeDuty::Draining).await.unwrap();
    fill(&test, 40).await;
    assert_eq!(test.nodes[3].put_count(), 0);
    test.cluster.set_duty("node-4", NodeDuty::Serving).await.unwrap();
    fill(&test, 40).await;
    assert!(test.nodes[3].put_count() > 0);
}

#[tokio::test]
async fn a_drain_that_nobody_can_take_over_changes_nothing() {
    let test = TestCluster::start().await;
    fill(&test, 10).await;
    let before = groups(&test).await;
    let refused = test.cluster.set_duty("node-3", NodeDuty::Draining).await;
    assert_eq!(refused, Err(ClusterError::CannotDrain(Obstacle::TooFewNodes { needed: 3, staying: 2 })));
    assert!(test.cluster.nodes().iter().all(|view| view.row.duty == NodeDuty::Serving));
    Healing::of(&test.cluster).settle(&test).await;
    assert_eq!(groups(&test).await, before);
    fill(&test, 20).await;
    assert_all_readable(&test, 20).await;
}

#[tokio::test]
async fn a_drain_that_the_others_have_no_room_for_is_refused() {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test, 40).await;
    test.nodes[..3].iter().for_each(|node| node.set_free(1));
    test.pass(Duration::from_secs(1)).await;
    let refused = test.cluster.set_duty("node-4", NodeDuty::Draining).await;
    let Err(ClusterError::CannotDrain(obstacle)) = refused else { panic!("{refused:?}") };
    assert!(matches!(obstacle, Obstacle::NobodyTakes | Obstacle::NoRoom { .. }), "{obstacle}");
}

/// It said every half minute that nothing had moved, and not why.
#[tokio::test]
async fn a_drain_that_waits_since_a_node_was_lost_says_so_and_goes_on_when_another_joins() {
    let mut test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test, 30).await;
    let waits_for = |test: &TestCluster| {
        let views = test.cluster.nodes();
        views.iter().find_map(|view| test.cluster.drain_waits_for(view))
    };
    test.cluster.set_duty("node-4", NodeDuty::Draining).await.unwrap();
    assert_eq!(waits_for(&test), None);
    test.nodes[0].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(700)).await;
    Healing::of(&test.cluster).settle(&test).await;
    assert_eq!(waits_for(&test), Some(Obstacle::TooFewNodes { needed: 3, staying: 2 }));
    test.cluster.set_duty("node-4", NodeDuty::Draining).await.unwrap();
    test.join(5, Place::Elsewhere).await;
    assert_eq!(waits_for(&test), None);
    Healing::of(&test.cluster).settle(&test).await;
    assert_eq!((waits_for(&test), test.nodes[3].chunk_count()), (None, 0));
}

#[tokio::test]
async fn a_surplus_copy_stays_until_every_member_has_shown_its_own() {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test, 30).await;
    test.drain_but_for_surplus("node-4").await;
    assert_healed_but_for_surplus(&test).await;
    let removed = test.cluster.set_duty("node-4", NodeDuty::Removed).await;
    assert_eq!(removed, Err(ClusterError::NodeInGroups), "its copies may be needed still");
    // The copies that node 4 is still a source of are the only good ones besides those of one other node.
    test.nodes[0].corrupt_all();
    test.nodes[1].forget_all();
    let of_fourth: Vec<BlobId> = test.nodes[3].blobs();
    let mut healing = Healing::of(&test.cluster);
    let first = healing.trim.step().await.unwrap();
    assert_eq!(first, Step::Busy);
    assert_eq!(test.nodes[3].blobs(), of_fourth, "nothing goes while a member lacks it");
    healing.settle(&test).await;
    assert_eq!(test.nodes[3].chunk_count(), 0);
    assert_all_readable(&test, 30).await;
}

/// Nothing could take the place, since only a former member was left, and nothing was cleared, since a lost member shows no copies.
#[tokio::test]
async fn a_node_comes_back_into_groups_that_it_left_when_a_member_is_lost_and_there_is_no_other() {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    fill(&test, 30).await;
    test.drain_but_for_surplus("node-4").await;
    assert_healed_but_for_surplus(&test).await;
    test.cluster.set_duty("node-4", NodeDuty::Serving).await.unwrap();
    let lost = test.nodes[0].clone();
    lost.set_fault(Fault::Dead);
    test.pass(Duration::from_secs(700)).await;
    Healing::of(&test.cluster).settle(&test).await;
    assert_healed(&test, &[lost.id()]).await;
    assert_all_readable(&test, 30).await;
}

#[tokio::test]
async fn a_newcomer_that_is_lost_before_it_is_whole_is_replaced_as_well() {
    let test = TestCluster::with(quick_settings(), 7, Place::Elsewhere).await;
    fill(&test, 60).await;
    test.nodes[0].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(700)).await;
    ChangeGroups::new(test.cluster.clone()).step().await.unwrap();
    let newcomer = groups(&test).await.into_iter().find_map(|group| group.arriving).expect("changes are under way");
    test.nodes[0].set_fault(Fault::None);
    let lost = test.nodes.iter().find(|node| node.id() == newcomer).unwrap();
    lost.set_fault(Fault::Dead);
    test.pass(Duration::from_secs(700)).await;
    Healing::of(&test.cluster).settle(&test).await;
    assert_healed(&test, &[newcomer]).await;
    assert_all_readable(&test, 60).await;
}

/// It was asked for each of its groups, a deadline each, and everybody else's changes waited.
#[tokio::test]
async fn a_newcomer_that_hangs_holds_up_no_change_of_others() {
    let test = TestCluster::with(quick_settings(), 5, Place::Elsewhere).await;
    fill(&test, 30).await;
    test.nodes[0].set_fault(Fault::Dead);
    test.pass(Duration::from_secs(700)).await;
    let mut change = ChangeGroups::new(test.cluster.clone());
    change.step().await.unwrap();
    let newcomer = groups(&test).await.into_iter().find_map(|group| group.arriving).expect("changes are under way");
    let hanging = test.nodes.iter().find(|node| node.id() == newcomer).unwrap();
    hanging.set_fault(Fault::Stuck);
    test.pass(Duration::from_secs(20)).await;
    // A call to it would never end.
    change.step().await.unwrap();
    let groups_now = groups(&test).await;
    let of_others = || groups_now.iter().filter(|group| group.arriving.is_some_and(|arriving| arriving != newcomer));
    assert!(of_others().count() > 0 && of_others().all(|group| group.is_listed), "{groups_now:?}");
    hanging.set_fault(Fault::None);
    all_are_trusted(&test).await;
    Healing::of(&test.cluster).settle(&test).await;
    assert_healed(&test, &[test.nodes[0].id()]).await;
}

async fn assert_healed_but_for_surplus(test: &TestCluster) {
    assert!(groups(test).await.iter().all(|group| group.arriving.is_none()));
    assert!(test.nodes[3].chunk_count() > 0);
}

#[tokio::test]
async fn changes_go_on_after_a_restart_of_their_step() {
    let test = TestCluster::with(quick_settings(), 5, Place::Elsewhere).await;
    fill(&test, 60).await;
    test.cluster.set_duty("node-1", NodeDuty::Draining).await.unwrap();
    // Each step by a gateway that remembers nothing.
    for _ in 0..400 {
        if !Healing::of(&test.cluster).step().await {
            break;
        }
    }
    Healing::of(&test.cluster).settle(&test).await;
    assert_healed(&test, &[test.nodes[0].id()]).await;
    assert_eq!(test.nodes[0].chunk_count(), 0);
}

#[derive(Clone, Debug)]
enum Act {
    Write,
    Delete { key: usize },
    Kill { node: usize },
    Revive { node: usize },
    Drain { node: usize },
    Serve { node: usize },
    Join,
    Pass { seconds: u64 },
    Heal { steps: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let node = || 0..6_usize;
    prop_oneof![
        4 => Just(Act::Write),
        1 => (0..40_usize).prop_map(|key| Act::Delete { key }),
        1 => node().prop_map(|node| Act::Kill { node }),
        2 => node().prop_map(|node| Act::Revive { node }),
        1 => node().prop_map(|node| Act::Drain { node }),
        1 => node().prop_map(|node| Act::Serve { node }),
        1 => Just(Act::Join),
        2 => prop_oneof![Just(1_u64), Just(20), Just(700)].prop_map(|seconds| Act::Pass { seconds }),
        5 => (1..30_usize).prop_map(|steps| Act::Heal { steps }),
    ]
}

/// Whatever happens to nodes, but that their disks are lost: what was acknowledged never has fewer good copies than it had,
/// or than three, and when all nodes are back everything is readable and has exactly three.
async fn live_through(acts: Vec<Act>) {
    let mut test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    let mut healing = Healing::of(&test.cluster);
    let mut written: BTreeMap<String, BlobId> = BTreeMap::new();
    let mut most: BTreeMap<BlobId, usize> = BTreeMap::new();
    for (number, act) in acts.into_iter().enumerate() {
        let name = |node: usize| format!("node-{}", node + 1);
        let is_there = |node: usize, test: &TestCluster| node < test.nodes.len();
        match act {
            Act::Write => {
                let key = format!("key-{number}");
                if let Ok(content) = test.write(&content(50 + number)).await {
                    let blob = content.content.blobs[0].blob;
                    let committed = test.cluster.commit(content, |content| test.put_command(&key, content)).await;
                    if committed.is_ok() {
                        written.insert(key, blob);
                    }
                }
            }
            Act::Delete { key } => {
                let Some(key) = written.keys().nth(key).cloned() else { continue };
                test.delete(&key).await;
                written.remove(&key);
            }
            Act::Kill { node } if is_there(node, &test) => {
                let dead = test.nodes.iter().filter(|node| node.fault() == Fault::Dead).count();
                if dead < 2 {
                    test.nodes[node].set_fault(Fault::Dead);
                }
            }
            Act::Revive { node } if is_there(node, &test) => test.nodes[node].set_fault(Fault::None),
            Act::Drain { node } if is_there(node, &test) => {
                let drained = test.cluster.set_duty(&name(node), NodeDuty::Draining).await;
                assert!(matches!(drained, Ok(()) | Err(ClusterError::CannotDrain(_))), "{drained:?}");
            }
            Act::Serve { node } if is_there(node, &test) => {
                test.cluster.set_duty(&name(node), NodeDuty::Serving).await.unwrap();
            }
            Act::Join if test.nodes.len() < 6 => {
                let number = u8::try_from(test.nodes.len() + 1).unwrap();
                test.join(number, Place::Elsewhere).await;
            }
            Act::Pass { seconds } => {
                test.pass(Duration::from_secs(seconds)).await;
                assert_what_if_promises_nothing(&test, &written, number).await;
            }
            Act::Heal { steps } => {
                for _ in 0..steps {
                    healing.step().await;
                    check_copies(&test, &written, &mut most);
                }
                assert_what_if_promises_nothing(&test, &written, number).await;
            }
            _ => {}
        }
        check_copies(&test, &written, &mut most);
    }
    for (number, node) in test.nodes.iter().enumerate() {
        node.set_fault(Fault::None);
        test.cluster.set_duty(&format!("node-{}", number + 1), NodeDuty::Serving).await.unwrap();
    }
    all_are_trusted(&test).await;
    healing.settle(&test).await;
    assert_healed_of(&test, &written).await;
}

/// No object is called safer than it is when two nodes go: as many copies as are foretold are on nodes that stay.
async fn assert_what_if_promises_nothing(test: &TestCluster, written: &BTreeMap<String, BlobId>, number: usize) {
    let views = test.cluster.nodes();
    let down = [number, number + 1].map(|number| test.nodes[number % test.nodes.len()].id());
    let stays = |node: &NodeId| {
        !down.contains(node) && views.iter().any(|view| view.row.node == *node && view.standing.is_alive())
    };
    let outage = test.cluster.outage(down.into(), 1000).await.unwrap();
    for (key, blob) in written {
        let is_named = |objects: &[ObjectAtRisk]| objects.iter().any(|object| object.key.as_str() == key);
        let foretold = match (is_named(&outage.unavailable), is_named(&outage.one_copy)) {
            (true, _) => 0,
            (_, true) => 1,
            _ => 2,
        };
        let real = test.nodes.iter().filter(|node| stays(&node.id()) && node.blobs().contains(blob)).count();
        assert!(real >= foretold, "{key} has {real} copies on what stays, {foretold} were foretold");
    }
}

fn check_copies(test: &TestCluster, written: &BTreeMap<String, BlobId>, most: &mut BTreeMap<BlobId, usize>) {
    let copies = copies(test);
    for (key, blob) in written {
        let now = copies.get(blob).copied().unwrap_or(0);
        let before = most.entry(*blob).or_insert(0);
        assert!(now >= (*before).min(3), "{key} has {now} copies and had {before}");
        *before = now.max(*before);
    }
}

async fn assert_healed_of(test: &TestCluster, written: &BTreeMap<String, BlobId>) {
    assert!(test.metadata.missing_copies(None, 10).await.unwrap().is_empty());
    let copies = copies(test);
    for (key, blob) in written {
        assert_eq!(copies.get(blob), Some(&3), "{key}");
        let number: usize = key.trim_start_matches("key-").parse().unwrap();
        assert_eq!(test.get(key).await.unwrap(), content(50 + number));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_history_of_nodes_costs_a_copy(acts in prop::collection::vec(act(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(live_through(acts));
    }
}

//! Who belongs to the cluster, and how nodes stand.

use super::{
    fake_nodes::{Fault, Place},
    test_cluster::{TestCluster, content, quick_settings, until},
};
use crate::{
    cluster::{ClusterError, Standing, membership::NodeRegistration},
    metadata::command::NodeState,
    node::{
        NodeApi,
        api::{MetadataWitness, NodeStatus},
        registration::{Heartbeat, HeartbeatAnswer, Registrar, Registration, RegistrationAnswer},
    },
    types::{ClusterId, CommitSequence, HistoryId, RunId, Term},
};
use std::time::Duration;

fn standing(test: &TestCluster, node: usize) -> Standing {
    test.cluster.membership().topology().load().standing(test.nodes[node].id()).unwrap()
}

#[tokio::test]
async fn silence_makes_a_node_suspect_then_failed_and_a_sign_of_life_healthy_again() {
    let test = TestCluster::start().await;
    test.nodes[0].set_fault(Fault::Stuck);
    test.pass(Duration::from_secs(14)).await;
    assert!(standing(&test, 0).is_writable());
    test.pass(Duration::from_secs(1)).await;
    assert_eq!(standing(&test, 0), Standing::Suspect);
    test.pass(Duration::from_secs(600)).await;
    assert_eq!(standing(&test, 0), Standing::Failed);
    assert!(standing(&test, 1).is_writable());
    let states = |test: &TestCluster| {
        let (metadata, node) = (test.metadata.clone(), test.nodes[0].id());
        async move { metadata.nodes().await.unwrap().into_iter().find(|row| row.node == node).unwrap().state }
    };
    assert_eq!(states(&test).await, NodeState::Failed, "transitions are commands");
    test.nodes[0].set_fault(Fault::None);
    test.pass(Duration::from_secs(1)).await;
    assert_eq!(standing(&test, 0), Standing::Recovering, "it has not been looked at what it holds");
    assert_eq!(states(&test).await, NodeState::Healthy);
}

#[tokio::test]
async fn a_suspect_node_gets_no_new_writes() {
    let test = TestCluster::start().await;
    test.nodes[0].set_fault(Fault::Stuck);
    test.pass(Duration::from_secs(20)).await;
    let written = test.write(&content(100)).await.unwrap();
    assert_eq!(written.content.blobs[0].durable_on.len(), 2);
    test.nodes[1].set_fault(Fault::Stuck);
    test.pass(Duration::from_secs(20)).await;
    assert_eq!(test.write(&content(100)).await.err(), Some(ClusterError::NotEnoughNodes { needed: 2, alive: 1 }));
}

#[tokio::test]
async fn a_node_that_joins_gets_its_share_of_new_writes() {
    let mut test = TestCluster::with(quick_settings(), 3, Place::Elsewhere).await;
    for _ in 0..10 {
        test.write(&content(10)).await.unwrap();
    }
    let newcomer = test.join(4, Place::Elsewhere).await;
    for _ in 0..200 {
        test.write(&content(10)).await.unwrap();
    }
    // Three copies of 200 chunks, a quarter of them: 150.
    let share = newcomer.chunk_count();
    assert!((120..=180).contains(&share), "{share}");
}

#[tokio::test]
async fn members_and_groups_are_there_again_after_a_restart_of_the_gateway() {
    let test = TestCluster::start().await;
    let groups = test.metadata.groups().await.unwrap();
    assert_eq!(groups.len(), 4);
    test.pass(Duration::from_secs(1)).await;
    assert_eq!(test.metadata.groups().await.unwrap(), groups, "nothing is planned twice");
    assert_eq!(test.metadata.nodes().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_name_that_another_node_has_is_varied() {
    let test = TestCluster::start().await;
    let emptied = test.network.add(9, Place::Elsewhere);
    let registration = NodeRegistration {
        node: emptied.id(),
        name: "node-1".into(),
        address: Some("host-9:1".into()),
        zone: "zone".into(),
        status: emptied.status_now(),
    };
    test.cluster.membership().register(registration.clone()).await.unwrap();
    test.cluster.membership().register(registration).await.unwrap();
    let nodes = test.metadata.nodes().await.unwrap();
    let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["node-1", "node-2", "node-3", "node-1-2"]);
}

/// What a second process says that has a copy of the node's directory.
fn copy_of(test: &TestCluster, node: usize) -> NodeRegistration {
    let status = test.nodes[node].status_now();
    NodeRegistration {
        node: status.node,
        name: "copy".into(),
        address: Some("elsewhere:1".into()),
        zone: "zone".into(),
        status: NodeStatus { run: Some(RunId::from_bytes([7; 16])), ..status },
    }
}

fn address(test: &TestCluster, node: usize) -> Option<String> {
    test.cluster.membership().topology().load().node(test.nodes[node].id()).unwrap().row.address.clone()
}

#[tokio::test]
async fn a_second_process_of_a_node_is_refused_while_the_first_answers() {
    let test = TestCluster::start().await;
    let copy = copy_of(&test, 0);
    let refused = test.cluster.membership().register(copy.clone()).await;
    assert_eq!(refused, Err(ClusterError::NodeTaken { place: "host-1:1".into() }));
    assert_eq!(address(&test, 0).as_deref(), Some("host-1:1"));
    let told = test.cluster.nodes().into_iter().filter_map(|node| node.refused_claim).collect::<Vec<_>>();
    assert_eq!(told, ["elsewhere:1"]);
    assert!(!test.cluster.membership().heartbeat(copy.status.clone()).await, "nor does it speak for the node");

    test.nodes[0].set_fault(Fault::Dead);
    test.cluster.membership().register(copy).await.unwrap();
    assert_eq!(address(&test, 0).as_deref(), Some("elsewhere:1"));
    // The first was only stopped for a while: it has to register, and is asked about in its turn.
    assert!(!test.cluster.membership().heartbeat(test.nodes[0].status_now()).await);
}

#[tokio::test]
async fn while_the_known_address_of_a_node_is_asked_other_nodes_are_heard() {
    let test = TestCluster::start().await;
    test.nodes[0].set_fault(Fault::Stuck);
    let mut registered = std::pin::pin!(test.cluster.membership().register(copy_of(&test, 0)));
    tokio::select! {
        biased;
        result = &mut registered => panic!("nobody answered yet: {result:?}"),
        heard = test.cluster.membership().heartbeat(test.nodes[1].status_now()) => assert!(heard),
    }
    registered.await.unwrap();
    assert_eq!(address(&test, 0).as_deref(), Some("elsewhere:1"), "no answer in time is no answer");
}

#[tokio::test]
async fn a_node_process_is_welcomed_with_the_news_and_a_stranger_is_not() {
    let test = TestCluster::start().await;
    let node = test.network.add(9, Place::Elsewhere);
    let registration = Registration {
        node: node.id(),
        cluster: test.metadata.cluster_id(),
        name: "node-9".into(),
        address: "host-9:1".into(),
        zone: "zone".into(),
        status: node.status_now(),
    };
    let heartbeat = || Heartbeat { status: node.status_now() };
    assert_eq!(Registrar::heartbeat(&test.cluster, heartbeat()).await, HeartbeatAnswer::Unknown);
    let stranger = Registration { cluster: ClusterId::from_bytes([9; 16]), ..registration.clone() };
    let refused = Registrar::register(&test.cluster, stranger).await;
    assert!(matches!(refused, RegistrationAnswer::Refused { .. }), "{refused:?}");
    let RegistrationAnswer::Welcome(news) = Registrar::register(&test.cluster, registration).await else {
        panic!("a node of this cluster is welcome");
    };
    assert_eq!(news.term, test.cluster.term());
    assert_eq!(news.peers.len(), 4);
    assert!(matches!(Registrar::heartbeat(&test.cluster, heartbeat()).await, HeartbeatAnswer::Noted(_)));
}

#[tokio::test]
async fn a_newer_term_on_a_node_stops_this_gateway() {
    let test = TestCluster::start().await;
    let newer = Term(test.cluster.term().0 + 1);
    test.nodes[1].status(newer, None).await.unwrap();
    until("the gateway stops", || async {
        test.clock.advance(Duration::from_secs(1));
        test.shutdown.has_begun()
    })
    .await;
}

#[tokio::test]
async fn nodes_that_hold_to_another_history_are_told_of_the_confirmed_one() {
    let test = TestCluster::start().await;
    let other = MetadataWitness { history: HistoryId::from_bytes([7; 16]), commit_sequence: CommitSequence(1 << 40) };
    test.nodes[0].set_witness(other);
    let history = test.metadata.history();
    // Probes follow the gateway's clock, which stands still unless it is moved.
    until("the node takes this history", || async {
        test.pass(Duration::from_secs(1)).await;
        test.nodes[0].status_now().witness.is_some_and(|witness| witness.history == history)
    })
    .await;
}

#[tokio::test]
async fn a_node_in_this_process_that_has_seen_a_newer_term_deposes_a_gateway_whose_metadata_was_not_restored() {
    let test = TestCluster::start().await;
    let node = test.network.add(9, Place::InProcess);
    node.status(test.cluster.term().next(), None).await.unwrap();
    let registered = test.cluster.register_embedded(node.id(), "node-9", "zone").await;
    assert!(matches!(registered, Err(ClusterError::Deposed { .. })), "{registered:?}");
    assert!(test.shutdown.has_begun());
}

/// Its heartbeats come all along (gray failure).
#[tokio::test]
async fn a_node_that_hangs_is_replaced_though_its_heartbeats_come() {
    let test = TestCluster::with(quick_settings(), 4, Place::Elsewhere).await;
    let hanging = test.nodes[0].clone();
    hanging.set_fault(Fault::Stuck);
    let heartbeat = async || assert!(test.cluster.membership().heartbeat(hanging.status_now()).await);
    until("its late answers are noticed", async || {
        test.write(&content(10)).await.unwrap();
        heartbeat().await;
        test.pass(Duration::ZERO).await;
        standing(&test, 0) == Standing::Slow
    })
    .await;
    for _ in 0..60 {
        heartbeat().await;
        test.pass(Duration::from_secs(10)).await;
    }
    assert_eq!(standing(&test, 0), Standing::Failed);
}

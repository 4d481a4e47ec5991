//! Nodes, groups, the repair list: a command knows where its bytes are (invariant 8).

use super::fixture::*;
use crate::{
    metadata::{
        Command, CommandError, Outcome,
        command::*,
        rows::{Node, UnderReplicatedBlob},
    },
    types::*,
};

async fn missing(fixture: &Fixture) -> Vec<(BlobId, NodeId)> {
    let rows = fixture.metadata.under_replicated(None, None, 100).await.unwrap();
    rows.iter().map(|row: &UnderReplicatedBlob| (row.blob, row.node)).collect()
}

#[tokio::test]
async fn members_that_missed_a_write_are_on_the_repair_list_in_the_same_commit() {
    let fixture = Fixture::new().await;
    let mut content = fixture.content(&[2500]);
    content.blobs[0].durable_on = vec![node(1), node(3)];
    let blob = content.blobs[0].clone();
    fixture.done(Command::PutObject(fixture.put_of("a", content))).await;
    let rows = fixture.metadata.under_replicated(None, Some(node(2)), 10).await.unwrap();
    assert_eq!(missing(&fixture).await, [(blob.blob, node(2))]);
    assert_eq!((rows[0].group, rows[0].size, rows[0].roots.len()), (GroupId(1), 2500, 3));
    assert_eq!(rows[0].roots, blob.roots);
    assert!(fixture.metadata.under_replicated(None, Some(node(1)), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn too_few_current_members_named_means_that_the_group_moved() {
    let fixture = Fixture::new().await;
    let mut content = fixture.content(&[10]);
    content.blobs[0].durable_on = vec![node(1), node(9)];
    let blob = content.blobs[0].blob;
    let put = fixture.put_of("a", content.clone());
    assert_eq!(fixture.propose(Command::PutObject(put.clone())).await, Err(CommandError::GroupMoved { blob }));
    content.blobs[0].durable_on.push(node(2));
    let again = PutObject { content, ..put };
    assert!(fixture.propose(Command::PutObject(again)).await.is_ok(), "proposed again after the members pulled");
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_refused() {
    let fixture = Fixture::new().await;
    let mut content = fixture.content(&[10]);
    content.blobs[0].group = GroupId(77);
    let blob = content.blobs[0].blob;
    let refused = fixture.propose(Command::PutObject(fixture.put_of("a", content.clone()))).await;
    assert_eq!(refused, Err(CommandError::NoSuchGroup { blob }));
    fixture.done(Command::CreateGroups { groups: vec![group(77, &[1, 2, 3])] }).await;
    assert!(fixture.propose(Command::PutObject(fixture.put_of("a", content))).await.is_ok());
}

#[tokio::test]
async fn what_is_found_missing_or_bad_is_listed_until_it_is_repaired() {
    let fixture = Fixture::new().await;
    let content = fixture.content(&[10]);
    let blob = content.blobs[0].blob;
    fixture.done(Command::PutObject(fixture.put_of("a", content))).await;
    let unknown = BlobId::from_bytes([0xEE; 16]);
    let copies = vec![BlobCopy { blob, node: node(2) }, BlobCopy { blob: unknown, node: node(2) }];
    for reason in [MissingReason::Absent, MissingReason::Corrupt] {
        fixture.done(Command::MarkMissing { copies: copies.clone(), reason }).await;
        assert_eq!(missing(&fixture).await, [(blob, node(2))], "a blob that is gone needs no repair");
    }
    fixture.done(Command::MarkRepaired { copies, as_of: fixture.metadata.committed() }).await;
    assert_eq!(missing(&fixture).await, []);
}

/// A node lost its copy right after repair had looked at it: the loss was forgotten together with what repair had done.
#[tokio::test]
async fn a_copy_that_is_marked_while_it_is_repaired_stays_on_the_list() {
    let fixture = Fixture::new().await;
    let content = fixture.content(&[10]);
    let copies = vec![BlobCopy { blob: content.blobs[0].blob, node: node(2) }];
    fixture.done(Command::PutObject(fixture.put_of("a", content))).await;
    let mark = |reason| Command::MarkMissing { copies: copies.clone(), reason };
    fixture.done(mark(MissingReason::Absent)).await;
    let as_of = fixture.metadata.committed();
    fixture.done(mark(MissingReason::InDoubt)).await;
    fixture.done(Command::MarkRepaired { copies: copies.clone(), as_of }).await;
    assert_eq!(missing(&fixture).await.len(), 1);
    fixture.done(Command::MarkRepaired { copies: copies.clone(), as_of: as_of.next() }).await;
    assert_eq!(missing(&fixture).await, []);
}

#[tokio::test]
async fn the_repair_list_is_paged_by_blob_and_node() {
    let fixture = Fixture::new().await;
    for name in ["a", "b", "c"] {
        let mut content = fixture.content(&[10]);
        content.blobs[0].durable_on = vec![node(1)];
        content.copies_required = 1;
        fixture.done(Command::PutObject(fixture.put_of(name, content))).await;
    }
    let all = missing(&fixture).await;
    assert_eq!(all.len(), 6);
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = fixture.metadata.under_replicated(after, None, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(BlobCopy { blob: last.blob, node: last.node });
        paged.extend(page.iter().map(|row| (row.blob, row.node)));
    }
    assert_eq!(paged, all);
    let of_one = fixture.metadata.under_replicated(after, Some(node(3)), 10).await.unwrap();
    assert!(of_one.is_empty(), "behind the last blob there is nothing of any node");
    assert_eq!(fixture.metadata.under_replicated(None, Some(node(3)), 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_deleted_blob_leaves_the_repair_list() {
    let fixture = Fixture::new().await;
    let mut content = fixture.content(&[10]);
    content.blobs[0].durable_on = vec![node(1), node(2)];
    fixture.done(Command::PutObject(fixture.put_of("a", content))).await;
    fixture.delete("a").await;
    fixture.unroll().await;
    assert_eq!(missing(&fixture).await, []);
    assert_eq!(fixture.metadata.totals().await.unwrap().under_replicated, 0);
}

#[tokio::test]
async fn a_node_keeps_its_state_when_it_registers_again() {
    let fixture = Fixture::new().await;
    fixture.done(Command::SetNodeState { node: node(1), state: NodeState::Suspect, at: at(3) }).await;
    let mut again = match register(1) {
        Command::RegisterNode(node) => node,
        other => panic!("{other:?}"),
    };
    again.address = Some("10.0.0.1:9100".into());
    again.at = at(99);
    fixture.done(Command::RegisterNode(again.clone())).await;
    let nodes = fixture.metadata.nodes().await.unwrap();
    let expected = Node {
        node: node(1),
        name: "node-1".into(),
        address: Some("10.0.0.1:9100".into()),
        zone: "zone-1".into(),
        capacity: 1 << 40,
        device: Some("disk".into()),
        volumes: vec![VolumeId::from_bytes([1; 16])],
        state: NodeState::Suspect,
        duty: NodeDuty::Serving,
        registered: at(0),
    };
    assert_eq!(nodes[0], expected);
    again.node = node(8);
    assert_eq!(fixture.propose(Command::RegisterNode(again)).await, Err(CommandError::NodeNameTaken));
    let unknown = Command::SetNodeState { node: node(8), state: NodeState::Failed, at: at(3) };
    assert_eq!(fixture.propose(unknown).await, Err(CommandError::NoSuchNode));
}

#[tokio::test]
async fn groups_have_known_distinct_members() {
    let fixture = Fixture::new().await;
    let create = |groups| fixture.propose(Command::CreateGroups { groups });
    assert_eq!(create(vec![group(2, &[1, 9])]).await, Err(CommandError::NoSuchNode));
    assert!(matches!(create(vec![group(2, &[1, 1])]).await, Err(CommandError::Malformed { .. })));
    assert!(matches!(create(vec![group(2, &[])]).await, Err(CommandError::Malformed { .. })));
    let half_wrong = create(vec![group(2, &[1, 2]), group(1, &[1, 2])]).await;
    assert!(matches!(half_wrong, Err(CommandError::Malformed { .. })));
    assert_eq!(fixture.metadata.groups().await.unwrap().len(), 1, "one wrong group undoes the command");
    assert_eq!(create(vec![group(2, &[1, 2])]).await, Ok(Outcome::Done));
    let groups = fixture.metadata.groups().await.unwrap();
    assert_eq!((groups[1].epoch, groups[1].scheme.as_str()), (Epoch(1), "replica:3"));
    assert_eq!(groups[1].members, [node(1), node(2)]);
}

#[tokio::test]
async fn the_repair_list_of_a_node_is_read_by_its_blobs_alone() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[10, 20]).await;
    let mut blobs: Vec<BlobId> = fixture.extents("a").await.iter().map(|extent| extent.blob).collect();
    blobs.sort();
    let mut copies: Vec<BlobCopy> = blobs.iter().map(|blob| BlobCopy { blob: *blob, node: node(2) }).collect();
    copies.push(BlobCopy { blob: blobs[0], node: node(3) });
    fixture.done(Command::MarkMissing { copies, reason: MissingReason::Corrupt }).await;
    assert_eq!(fixture.metadata.missing_blobs_of(node(2), None, 10).await.unwrap(), blobs);
    assert_eq!(fixture.metadata.missing_blobs_of(node(2), None, 1).await.unwrap(), blobs[..1]);
    assert_eq!(fixture.metadata.missing_blobs_of(node(2), Some(blobs[0]), 10).await.unwrap(), blobs[1..]);
}

//! A group's change of members, in two phases.

use super::fixture::*;
use crate::{
    metadata::{Command, CommandError, command::*, rows::Group},
    types::*,
};

const GROUP: GroupId = GroupId(1);

async fn the_group(fixture: &Fixture) -> Group {
    fixture.metadata.groups().await.unwrap().remove(0)
}

fn replace(epoch: u64, leaving: u8, arriving: u8) -> Command {
    let (leaving, arriving) = (node(leaving), node(arriving));
    Command::ReplaceMember(ReplaceMember { group: GROUP, epoch: Epoch(epoch), leaving, arriving })
}

fn listed(epoch: u64) -> Command {
    Command::NoteArrivalListed { group: GROUP, epoch: Epoch(epoch) }
}

fn finish(epoch: u64) -> Command {
    Command::FinishArrival { group: GROUP, epoch: Epoch(epoch) }
}

fn forget(epoch: u64, number: u8) -> Command {
    Command::ForgetFormerMember { group: GROUP, epoch: Epoch(epoch), node: node(number) }
}

fn duty(number: u8, duty: NodeDuty) -> Command {
    Command::SetNodeDuty { node: node(number), duty, at: at(9) }
}

fn changed<T>() -> Result<T, CommandError> {
    Err(CommandError::GroupChanged { group: GROUP })
}

/// Nodes 1 to 3 are members of the group, node 4 and 5 of none.
async fn fixture() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.done(register(4)).await;
    fixture.done(register(5)).await;
    fixture
}

#[tokio::test]
async fn a_member_is_replaced_whole_or_not_at_all() {
    let fixture = fixture().await;
    let content = fixture.content(&[2500]);
    let blob = content.blobs[0].blob;
    fixture.done(Command::PutObject(fixture.put_of("before", content))).await;

    fixture.done(replace(1, 2, 4)).await;
    let group = the_group(&fixture).await;
    assert_eq!((group.epoch, group.members), (Epoch(2), vec![node(1), node(4), node(3)]));
    assert_eq!((group.former, group.arriving, group.is_listed), (vec![node(2)], Some(node(4)), false));

    assert_eq!(fixture.propose(finish(2)).await, changed(), "what it lacks is not listed yet");
    let copies = vec![BlobCopy { blob, node: node(4) }];
    fixture.done(Command::MarkMissing { copies: copies.clone(), reason: MissingReason::Arriving }).await;
    fixture.done(listed(2)).await;
    // A read met it, too.
    fixture.done(Command::MarkMissing { copies: copies.clone(), reason: MissingReason::Absent }).await;
    assert_eq!(fixture.propose(finish(2)).await, changed(), "what it lacks is not repaired yet");
    assert_eq!(fixture.propose(forget(2, 2)).await, changed(), "it is the newcomer's source");
    let as_of = fixture.metadata.committed();
    fixture.done(Command::MarkRepaired { copies, as_of }).await;
    fixture.done(finish(2)).await;
    fixture.done(forget(2, 2)).await;
    let group = the_group(&fixture).await;
    assert_eq!((group.epoch, group.former, group.arriving, group.is_listed), (Epoch(2), vec![], None, false));
}

#[tokio::test]
async fn a_write_under_the_members_from_before_puts_the_newcomer_on_the_repair_list() {
    let fixture = fixture().await;
    let content = fixture.content(&[2500]);
    let blob = content.blobs[0].blob;
    fixture.done(replace(1, 2, 4)).await;
    fixture.done(Command::PutObject(fixture.put_of("in flight", content))).await;
    let missing = fixture.metadata.missing_copies(None, 10).await.unwrap();
    assert_eq!(missing, [BlobCopy { blob, node: node(4) }]);
}

#[tokio::test]
async fn changes_that_do_not_fit_the_group_as_it_is_are_refused() {
    let fixture = fixture().await;
    assert_eq!(fixture.propose(replace(7, 2, 4)).await, changed(), "another epoch");
    assert_eq!(fixture.propose(replace(1, 5, 4)).await, changed(), "who leaves is no member");
    assert_eq!(fixture.propose(replace(1, 2, 3)).await, changed(), "who arrives is one");
    assert_eq!(fixture.propose(replace(1, 2, 9)).await, Err(CommandError::NoSuchNode));
    fixture.done(replace(1, 2, 4)).await;
    assert_eq!(fixture.propose(replace(2, 3, 5)).await, changed(), "one change at a time");
    fixture.done(listed(2)).await;
    fixture.done(finish(2)).await;
}

#[tokio::test]
async fn a_former_member_comes_back_and_is_no_former_member_any_more() {
    let fixture = fixture().await;
    fixture.done(replace(1, 2, 4)).await;
    fixture.done(listed(2)).await;
    fixture.done(finish(2)).await;
    fixture.done(replace(2, 3, 2)).await;
    let group = the_group(&fixture).await;
    assert_eq!((group.epoch, group.members), (Epoch(3), vec![node(1), node(4), node(2)]));
    assert_eq!((group.former, group.arriving), (vec![node(3)], Some(node(2))));
}

#[tokio::test]
async fn a_newcomer_that_does_not_stay_is_replaced_itself_and_the_sources_from_before_remain() {
    let fixture = fixture().await;
    fixture.done(replace(1, 2, 4)).await;
    fixture.done(replace(2, 4, 5)).await;
    let group = the_group(&fixture).await;
    assert_eq!((group.epoch, group.members), (Epoch(3), vec![node(1), node(5), node(3)]));
    assert_eq!((group.former, group.arriving, group.is_listed), (vec![node(2), node(4)], Some(node(5)), false));
}

#[tokio::test]
async fn only_members_are_put_on_the_repair_list() {
    let fixture = fixture().await;
    let content = fixture.content(&[10]);
    let blob = content.blobs[0].blob;
    fixture.done(Command::PutObject(fixture.put_of("a", content))).await;
    let copies = [2, 4].map(|number| BlobCopy { blob, node: node(number) }).to_vec();
    fixture.done(Command::MarkMissing { copies, reason: MissingReason::Absent }).await;
    assert_eq!(fixture.metadata.missing_copies(None, 10).await.unwrap(), [BlobCopy { blob, node: node(2) }]);
}

#[tokio::test]
async fn a_node_is_removed_when_no_group_counts_on_it() {
    let fixture = fixture().await;
    assert_eq!(fixture.propose(duty(2, NodeDuty::Removed)).await, Err(CommandError::NodeInGroups));
    fixture.done(duty(2, NodeDuty::Draining)).await;
    fixture.done(replace(1, 2, 4)).await;
    assert_eq!(fixture.propose(duty(2, NodeDuty::Removed)).await, Err(CommandError::NodeInGroups), "a source");
    fixture.done(listed(2)).await;
    fixture.done(finish(2)).await;
    fixture.done(duty(2, NodeDuty::Removed)).await;
    let nodes = fixture.metadata.nodes().await.unwrap();
    assert_eq!(nodes[1].duty, NodeDuty::Removed);
    assert_eq!(fixture.propose(duty(9, NodeDuty::Draining)).await, Err(CommandError::NoSuchNode));
}

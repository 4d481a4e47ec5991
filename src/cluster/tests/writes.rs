//! Replicated writes.

use super::{
    fake_nodes::{Fault, Place},
    test_cluster::{CHUNK, TestCluster, content, quick_settings, until},
};
use crate::{
    cluster::{ClusterError, ClusterSettings, Share, Waited, WriteAcks, WrittenContent, chunk_send},
    node::NodeApi,
    types::{ByteSize, ChunkKey, HumanDuration},
};
use bytes::Bytes;
use std::time::Duration;

fn keys(written: &WrittenContent) -> Vec<ChunkKey> {
    let of_blob = |blob: &crate::metadata::command::NewBlob| {
        let blob_id = blob.blob;
        (0..blob.roots.len() as u32).map(move |index| ChunkKey { blob: blob_id, index })
    };
    written.content.blobs.iter().flat_map(of_blob).collect()
}

#[tokio::test]
async fn every_chunk_is_on_every_member_before_the_write_ends() {
    let test = TestCluster::start().await;
    let bytes = content(5 * CHUNK + 1000);
    let written = test.write(&bytes).await.unwrap();
    assert_eq!(written.size(), bytes.len() as u64);
    let [blob] = &written.content.blobs[..] else { panic!("one group did not fail, so one blob") };
    assert_eq!(blob.roots.len(), 6);
    assert_eq!(blob.durable_on.len(), 3);
    assert_eq!(written.content.copies_required, 2);
    for key in keys(&written) {
        assert!(test.nodes.iter().all(|node| node.holds(key)), "{key}");
    }
    assert_eq!(test.cluster.budget().used(Share::Upload), 0, "durable chunks need no memory");
}

#[tokio::test]
async fn an_empty_content_has_no_blob() {
    let test = TestCluster::start().await;
    let written = test.write(&[]).await.unwrap();
    assert!(written.content.blobs.is_empty() && written.content.extents.is_empty());
    test.put("empty", &[]).await;
    assert_eq!(test.get("empty").await.unwrap(), Vec::<u8>::new());
}

#[tokio::test]
async fn a_dead_member_is_done_without_and_goes_on_the_repair_list() {
    let test = TestCluster::start().await;
    test.nodes[1].set_fault(Fault::Dead);
    let bytes = content(3 * CHUNK);
    test.put("key", &bytes).await;
    let missing = test.metadata.under_replicated(None, None, 100).await.unwrap();
    assert!(!missing.is_empty());
    assert!(missing.iter().all(|row| row.node == test.nodes[1].id()));
    assert_eq!(test.get("key").await.unwrap(), bytes);
}

#[tokio::test]
async fn a_stuck_member_is_left_behind_after_the_straggler_wait() {
    let test = TestCluster::start().await;
    test.nodes[2].set_fault(Fault::Stuck);
    let written = test.write(&content(100)).await.unwrap();
    assert_eq!(written.content.blobs[0].durable_on.len(), 2);
    assert!(!written.content.blobs[0].durable_on.contains(&test.nodes[2].id()));
}

/// From outside: with two of five nodes stopped, writes to a group of both took ten seconds.
#[tokio::test]
async fn when_too_few_members_answer_the_write_goes_on_in_another_group() {
    let settings = ClusterSettings { quorum_wait: HumanDuration::from_millis(200), ..quick_settings() };
    let test = TestCluster::with(settings, 5, Place::Elsewhere).await;
    test.nodes[..2].iter().for_each(|node| node.set_fault(Fault::Stuck));
    let stuck = [test.nodes[0].id(), test.nodes[1].id()];
    for _ in 0..20 {
        let written = tokio::time::timeout(chunk_send::SEND_DEADLINE, test.write(&content(100))).await;
        let written = written.expect("nobody waited for those that are silent").unwrap();
        let durable_on = &written.content.blobs[0].durable_on;
        assert!(durable_on.len() >= 2 && !durable_on.iter().any(|node| stuck.contains(node)), "{durable_on:?}");
    }
}

/// Where all groups are of the same nodes, another one is no way out: the chunk was only written once more.
#[tokio::test]
async fn where_there_are_no_other_nodes_too_few_members_are_waited_for() {
    let settings = ClusterSettings { quorum_wait: HumanDuration::from_millis(20), ..quick_settings() };
    let test = TestCluster::with(settings, 3, Place::Elsewhere).await;
    test.nodes[..2].iter().for_each(|node| node.set_fault(Fault::Stuck));
    let bytes = content(100);
    let write = tokio::time::timeout(Duration::from_millis(500), test.write(&bytes)).await;
    assert!(write.is_err(), "it can't end before the others answer");
    assert_eq!(test.nodes[2].chunk_count(), 1);
}

#[tokio::test]
async fn a_member_that_was_late_three_times_is_not_asked_until_a_probe_is_prompt() {
    let test = TestCluster::start().await;
    test.nodes[2].set_fault(Fault::Stuck);
    let topology = || test.cluster.membership().topology().load_full();
    for _ in 0..3 {
        test.write(&content(100)).await.unwrap();
    }
    until("the topology does without the node", || async {
        topology().standing(test.nodes[2].id()) == Some(crate::cluster::Standing::Slow)
    })
    .await;
    // It would now take a chunk, but no probe has said so: the one under way hangs.
    test.write(&content(100)).await.unwrap();
    assert_eq!(test.nodes[2].put_count(), 0);
}

#[tokio::test]
async fn when_a_group_fails_in_mid_object_the_write_goes_on_in_another_one() {
    let test = TestCluster::with(quick_settings(), 6, Place::Elsewhere).await;
    let bytes = content(9 * CHUNK + 5);
    let mut writer = test.cluster.write(None).await.unwrap();
    writer.write(Bytes::copy_from_slice(&bytes[..2 * CHUNK])).await.unwrap();
    until("the first chunk has arrived", || async { test.nodes.iter().any(|node| node.chunk_count() > 0) }).await;
    let holders = test.nodes.iter().filter(|node| node.chunk_count() > 0);
    holders.take(2).for_each(|node| node.set_fault(Fault::Dead));
    for slice in bytes[2 * CHUNK..].chunks(10_000) {
        writer.write(Bytes::copy_from_slice(slice)).await.unwrap();
    }
    let written = writer.finish().await.unwrap();
    assert!(written.content.blobs.len() >= 2, "{:?}", written.content.extents);
    assert!(written.content.blobs.iter().all(|blob| blob.durable_on.len() >= 2));
    assert_eq!(written.size(), bytes.len() as u64);
    test.cluster.commit(written, |content| test.put_command("key", content)).await.unwrap();
    assert_eq!(test.get("key").await.unwrap(), bytes);
}

#[tokio::test]
async fn with_write_acks_all_a_dead_member_makes_writes_fail_and_leaves_nothing_behind() {
    let settings = ClusterSettings { write_acks: WriteAcks::All, ..quick_settings() };
    let test = TestCluster::with(settings, 3, Place::Elsewhere).await;
    test.nodes[0].set_fault(Fault::Dead);
    let failed = test.write(&content(2 * CHUNK)).await.err();
    assert!(matches!(failed, Some(ClusterError::NotEnoughNodes { needed: 3, alive: 2 })), "{failed:?}");
    assert_eq!(test.cluster.in_flight().count(), 0);
    assert_eq!(test.cluster.budget().used(Share::Upload), 0);
    assert!(!test.cluster.in_flight().take_abandoned(10).is_empty(), "what reached the others is known garbage");
}

#[tokio::test]
async fn with_write_acks_one_a_single_member_is_enough() {
    let settings = ClusterSettings { write_acks: WriteAcks::One, ..quick_settings() };
    let test = TestCluster::with(settings, 3, Place::Elsewhere).await;
    test.nodes[0].set_fault(Fault::Dead);
    test.nodes[1].set_fault(Fault::Dead);
    test.put("key", &content(CHUNK)).await;
    assert_eq!(test.get("key").await.unwrap(), content(CHUNK));
}

#[tokio::test]
async fn too_few_nodes_say_how_many_are_needed_and_alive() {
    let test = TestCluster::with(quick_settings(), 2, Place::Elsewhere).await;
    let refused = test.cluster.write(None).await.err().unwrap();
    assert_eq!(refused, ClusterError::NotEnoughNodes { needed: 3, alive: 2 });
    assert_eq!(refused.to_string(), "3 storage nodes are needed, 2 are alive");
}

#[tokio::test]
async fn full_nodes_are_no_room_and_not_too_few_nodes() {
    let test = TestCluster::start().await;
    test.nodes.iter().for_each(|node| node.set_fault(Fault::Full));
    assert_eq!(test.write(&content(10)).await.err(), Some(ClusterError::NoRoom));
    until("the topology knows it", || async { test.cluster.can_write() == Err(ClusterError::NoRoom) }).await;
}

#[tokio::test]
async fn a_node_that_was_started_on_a_full_disk_is_full_before_a_write_failed() {
    let test = TestCluster::start().await;
    for free in [0, 1 << 30] {
        test.nodes.iter().for_each(|node| node.set_free(free));
        test.pass(Duration::from_secs(1)).await;
        until("the topology knows it", || async { test.cluster.can_write().is_ok() == (free > 0) }).await;
    }
}

#[tokio::test]
async fn what_can_never_have_room_is_refused_before_a_byte_is_moved() {
    let test = TestCluster::start().await;
    test.nodes.iter().for_each(|node| node.set_free(1 << 30));
    test.pass(Duration::from_millis(1)).await;
    assert_eq!(test.cluster.write(Some(2 << 30)).await.err(), Some(ClusterError::NoRoom));
    assert!(test.cluster.write(Some(1 << 29)).await.is_ok());
}

#[tokio::test]
async fn a_dropped_writer_abandons_its_blobs() {
    let test = TestCluster::start().await;
    let mut writer = test.cluster.write(None).await.unwrap();
    writer.write(content(3 * CHUNK).into()).await.unwrap();
    assert_eq!(test.cluster.in_flight().count(), 1);
    drop(writer);
    assert_eq!(test.cluster.in_flight().count(), 0);
    let [abandoned] = test.cluster.in_flight().take_abandoned(10)[..] else { panic!("one blob") };
    assert!(abandoned.chunk_limit >= 1);
}

#[tokio::test]
async fn a_write_that_was_interrupted_cannot_be_finished() {
    let settings = ClusterSettings { memory_wait: HumanDuration::from_millis(1), ..quick_settings() };
    let test = TestCluster::with(settings, 3, Place::Elsewhere).await;
    let mut hog = test.cluster.budget().begin_chunk();
    let all_that_first_pieces_may_take = usize::try_from(ByteSize::mib(32).bytes()).unwrap() * 60 / 100 * 3 / 4;
    hog.grow_to(all_that_first_pieces_may_take).await.unwrap();
    let mut writer = test.cluster.write(None).await.unwrap();
    assert_eq!(writer.write(Bytes::from_static(b"lost")).await, Err(ClusterError::Busy));
    drop(hog);
    assert!(matches!(writer.write(Bytes::from_static(b"later")).await, Err(ClusterError::Malformed(_))));
    assert!(matches!(writer.finish().await, Err(ClusterError::Malformed(_))));
}

#[tokio::test]
async fn a_silent_upload_gives_its_memory_back_when_others_wait_for_it() {
    let test = TestCluster::start().await;
    let mut silent = Vec::new();
    // One piece each, until the first piece of the next has to wait.
    let (mut spent, mut tasks) = (false, tokio::task::JoinSet::new());
    while !spent {
        let mut writer = test.cluster.write(None).await.unwrap();
        spent = tokio::time::timeout(Duration::from_millis(50), writer.write(Bytes::from_static(b"a few bytes")))
            .await
            .is_err();
        silent.push(writer);
    }
    silent.pop();
    for mut writer in silent {
        tasks.spawn(async move {
            while let Ok(Waited::Starving) = writer.while_waiting(std::future::pending::<()>()).await {}
        });
    }
    test.put("normal", &content(CHUNK)).await;
    assert_eq!(test.get("normal").await.unwrap(), content(CHUNK));
}

//! What a server does when parts of its directory were lost, or put back from a copy.

use crate::support::{
    Options, Server,
    command::{larder, text},
    damage::copy_directory,
};
use aws_sdk_s3::primitives::ByteStream;
use std::fs;

async fn put(server: &Server, keys: std::ops::Range<u32>) {
    for key in keys {
        let body = ByteStream::from(format!("object {key} ").repeat(1000).into_bytes());
        server.client().put_object().bucket("pantry").key(format!("{key}")).body(body).send().await.unwrap();
    }
}

async fn assert_readable(server: &Server, keys: std::ops::Range<u32>) {
    for key in keys {
        let got = server.client().get_object().bucket("pantry").key(format!("{key}")).send().await.unwrap();
        let body = got.body.collect().await.unwrap().into_bytes();
        assert!(body == format!("object {key} ").repeat(1000).as_bytes(), "{key}");
    }
}

/// A start with the data as it is now ends with this on standard error.
fn assert_refused(server: &Server, because: &str) {
    let data = server.data();
    let refused = larder()
        .args(["server", "--data", text(&data), "--address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains(because), "{said}");
}

#[tokio::test]
async fn objects_are_read_from_the_other_nodes_when_the_directory_of_one_was_emptied() {
    let mut server = Server::start().await;
    server.client().create_bucket().bucket("pantry").send().await.unwrap();
    put(&server, 0..20).await;
    assert!(server.stop().success());
    fs::remove_dir_all(server.data().join("nodes/2")).unwrap();
    server.start_again().await;
    assert_readable(&server, 0..20).await;
    put(&server, 20..40).await;
    assert_readable(&server, 0..40).await;
    let status = server.admin(&["status"]);
    assert_eq!(status.status.code(), Some(1), "the copies of the lost node are missing: {status:?}");
}

#[tokio::test]
async fn an_older_copy_of_the_metadata_is_refused_and_the_newest_serves_again() {
    let mut server = Server::start_with(Options::default().without_records()).await;
    server.client().create_bucket().bucket("pantry").send().await.unwrap();
    put(&server, 0..5).await;
    assert!(server.stop().success());
    let (metadata, kept) = (server.data().join("metadata"), tempfile::tempdir().unwrap());
    copy_directory(&metadata, &kept.path().join("older"));
    server.start_again().await;
    put(&server, 5..30).await;
    assert!(server.stop().success());
    fs::rename(&metadata, kept.path().join("newest")).unwrap();
    copy_directory(&kept.path().join("older"), &metadata);
    assert_refused(&server, "older than what the nodes have seen");
    fs::remove_dir_all(&metadata).unwrap();
    fs::rename(kept.path().join("newest"), &metadata).unwrap();
    server.start_again().await;
    assert_readable(&server, 0..30).await;
}

/// The first start left an empty database behind, which stood in the way of a restore.
#[tokio::test]
async fn metadata_that_is_gone_is_not_made_anew_and_may_be_put_back() {
    let mut server = Server::start_with(Options::default().without_records()).await;
    server.client().create_bucket().bucket("pantry").send().await.unwrap();
    put(&server, 0..5).await;
    assert!(server.stop().success());
    let (metadata, kept) = (server.data().join("metadata"), tempfile::tempdir().unwrap());
    fs::rename(&metadata, kept.path().join("metadata")).unwrap();
    for _ in 0..2 {
        assert_refused(&server, "the metadata is gone");
        assert!(!metadata.exists(), "nothing was made");
    }
    fs::rename(kept.path().join("metadata"), &metadata).unwrap();
    server.start_again().await;
    assert_readable(&server, 0..5).await;
}

/// Each start is a term that the nodes remember; the restored metadata is behind all those since the backup. A server that
/// had been started twice or more since then could not be restored.
#[tokio::test]
async fn metadata_is_restored_however_often_the_server_was_started_since_the_backup() {
    let mut server = Server::start_with(Options::default().without_records()).await;
    server.client().create_bucket().bucket("pantry").send().await.unwrap();
    put(&server, 0..5).await;
    let kept = tempfile::tempdir().unwrap();
    let file = kept.path().join("backup");
    assert!(server.admin(&["metadata", "backup", text(&file)]).status.success());
    for _ in 0..4 {
        assert!(server.stop().success());
        server.start_again().await;
    }
    assert!(server.stop().success());
    fs::rename(server.data().join("metadata"), kept.path().join("lost")).unwrap();
    server.start_again_with(&["--restore", text(&file)]).await;
    assert_readable(&server, 0..5).await;
    put(&server, 5..10).await;
    let confirmed = server.admin(&["metadata", "confirm"]);
    assert!(confirmed.status.success(), "{confirmed:?}");
    assert!(server.stop().success());
    server.start_again().await;
    assert_readable(&server, 0..10).await;
}

/// A node whose directory was empty joined the wrong cluster, and was kept out of the right one for ever.
#[tokio::test]
async fn no_node_joins_a_cluster_that_another_node_refuses() {
    let mut server = Server::start_with(Options::default().without_records()).await;
    server.client().create_bucket().bucket("pantry").send().await.unwrap();
    put(&server, 0..5).await;
    let mut stranger = Server::start_with(Options::default().without_records()).await;
    assert!(server.stop().success() && stranger.stop().success());
    let (metadata, kept) = (server.data().join("metadata"), tempfile::tempdir().unwrap());
    fs::rename(&metadata, kept.path().join("right")).unwrap();
    copy_directory(&stranger.data().join("metadata"), &metadata);
    fs::remove_dir_all(server.data().join("nodes/1")).unwrap();
    assert_refused(&server, "belongs to cluster");
    fs::remove_dir_all(&metadata).unwrap();
    fs::rename(kept.path().join("right"), &metadata).unwrap();
    server.start_again().await;
    assert_readable(&server, 0..5).await;
}

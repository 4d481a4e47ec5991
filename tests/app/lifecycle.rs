//! Lifecycle rules over time, on a server whose days are short; `larder admin lifecycle preview`.

use crate::support::{Server, server::Options};
use aws_sdk_s3::{
    Client,
    types::{
        BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter,
        NoncurrentVersionExpiration,
    },
};
use serde_json::Value;
use std::time::Duration;

/// Between two looks at what is left.
const PAUSE: Duration = Duration::from_millis(20);

fn rule(id: &str, prefix: &str) -> LifecycleRule {
    let filter = LifecycleRuleFilter::builder().prefix(prefix).build();
    let expiration = LifecycleExpiration::builder().days(1).build();
    let rule = LifecycleRule::builder().id(id).filter(filter).status(ExpirationStatus::Enabled);
    rule.expiration(expiration).build().unwrap()
}

async fn set(client: &Client, rules: Vec<LifecycleRule>) {
    let rules = BucketLifecycleConfiguration::builder().set_rules(Some(rules)).build().unwrap();
    let put = client.put_bucket_lifecycle_configuration().bucket("pantry").lifecycle_configuration(rules);
    put.send().await.unwrap();
}

async fn put(client: &Client, key: &str) {
    client.put_object().bucket("pantry").key(key).send().await.unwrap();
}

async fn keys(client: &Client) -> Vec<String> {
    let listed = client.list_objects_v2().bucket("pantry").send().await.unwrap();
    listed.contents().iter().map(|object| object.key().unwrap().to_owned()).collect()
}

/// Versions and delete markers.
async fn versions(client: &Client) -> (usize, usize) {
    let listed = client.list_object_versions().bucket("pantry").send().await.unwrap();
    (listed.versions().len(), listed.delete_markers().len())
}

fn admin(server: &Server, arguments: &[&str]) -> Value {
    let said = server.admin(&[arguments, &["--json"]].concat());
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).unwrap()
}

#[tokio::test]
async fn what_is_due_goes_and_all_else_stays_through_a_restart() {
    let mut server = Server::start_with(Options::default().with("LARDER_LIFECYCLE_DAY", "100ms")).await;
    let client = server.client();
    client.create_bucket().bucket("pantry").send().await.unwrap();
    // The job rests, so that a preview and a kill find work.
    admin(&server, &["jobs", "pause", "expire-objects"]);
    for key in ["keep/1", "old/1", "old/2"] {
        put(&client, key).await;
    }
    set(&client, vec![rule("old ones", "old/")]).await;
    put(&client, "old/3").await;
    let preview = loop {
        let preview = admin(&server, &["lifecycle", "preview", "pantry", "--list", "2"]);
        if preview["counts"][0]["count"] == 3 {
            break preview;
        }
        tokio::time::sleep(PAUSE).await;
    };
    assert_eq!((&preview["counts"][0]["rule"], &preview["counts"][0]["kind"]), (&"old ones".into(), &"object".into()));
    assert_eq!((&preview["first"][0]["key"], &preview["first"][1]["key"]), (&"old/1".into(), &"old/2".into()));
    assert_eq!(keys(&client).await.len(), 4, "a preview changes nothing");
    server.kill();
    server.start_again().await;
    let client = server.client();
    assert_eq!(keys(&client).await.len(), 4, "the pause outlives the restart");
    admin(&server, &["jobs", "resume", "expire-objects"]);
    while keys(&client).await.len() > 1 {
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(keys(&client).await, ["keep/1"]);
    let jobs = admin(&server, &["jobs"]);
    let job = jobs.as_array().unwrap().iter().find(|job| job["name"] == "expire-objects").unwrap();
    assert_eq!(job["done"], 3, "{job}");
    let said = server.admin(&["lifecycle", "preview", "pantry"]);
    assert_eq!(String::from_utf8_lossy(&said.stdout), "nothing of pantry would go now\n");
    assert_eq!(server.admin(&["lifecycle", "preview", "cellar"]).status.code(), Some(1));
}

#[tokio::test]
async fn versions_go_behind_markers_and_then_for_good_and_the_markers_last() {
    let server = Server::start_with(Options::default().with("LARDER_LIFECYCLE_DAY", "50ms")).await;
    let client = server.client();
    client.create_bucket().bucket("pantry").send().await.unwrap();
    let enabled = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    client.put_bucket_versioning().bucket("pantry").versioning_configuration(enabled).send().await.unwrap();
    for _ in 0..3 {
        put(&client, "a").await;
    }
    put(&client, "b").await;
    let noncurrent = NoncurrentVersionExpiration::builder().noncurrent_days(1).build();
    let mut all = rule("all of it", "a");
    all.noncurrent_version_expiration = Some(noncurrent);
    set(&client, vec![all]).await;
    while versions(&client).await != (1, 0) {
        tokio::time::sleep(PAUSE).await;
    }
    assert_eq!(keys(&client).await, ["b"]);
}

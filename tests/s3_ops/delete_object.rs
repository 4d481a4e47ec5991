//! DeleteObject.

use crate::fixture::{Fixture, code, new_bucket_name};

#[tokio::test]
async fn deleted_is_gone_from_gets_and_lists_at_once() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!(code(fixture.client.get_object().bucket(&fixture.bucket).key("key").send().await), "NoSuchKey");
    assert!(fixture.keys().await.is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_204_too() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.raw("DELETE", "/never").send().await.status, 204);
    let no_bucket = fixture.client.delete_object().bucket(new_bucket_name()).key("key").send().await;
    assert_eq!(code(no_bucket), "NoSuchBucket");
}

#[tokio::test]
async fn if_match_deletes_only_what_it_names() {
    let fixture = Fixture::new().await;
    let tag = fixture.put("key", "x").await;
    let delete = |tag: &str| fixture.client.delete_object().bucket(&fixture.bucket).key("key").if_match(tag).send();
    assert_eq!(code(delete("\"5d41402abc4b2a76b9719d911017c592\"").await), "PreconditionFailed");
    assert_eq!(fixture.keys().await, ["key"]);
    delete(&tag).await.unwrap();
    assert!(fixture.keys().await.is_empty());
}

#[tokio::test]
async fn the_null_version_can_be_named() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    fixture.client.delete_object().bucket(&fixture.bucket).key("key").version_id("null").send().await.unwrap();
    assert!(fixture.keys().await.is_empty());
}

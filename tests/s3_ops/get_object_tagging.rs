//! GetObjectTagging.

use crate::fixture::{Fixture, code, new_bucket_name};

#[tokio::test]
async fn an_object_without_tags_has_an_empty_set() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert!(tags.tag_set().is_empty());
}

#[tokio::test]
async fn what_is_not_there_says_which() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.get_object_tagging().bucket(&fixture.bucket).key("no").send().await), "NoSuchKey");
    assert_eq!(
        code(fixture.client.get_object_tagging().bucket(new_bucket_name()).key("no").send().await),
        "NoSuchBucket"
    );
}

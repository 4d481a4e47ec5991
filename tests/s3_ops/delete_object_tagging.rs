//! DeleteObjectTagging.

use crate::fixture::{Fixture, code};

#[tokio::test]
async fn the_set_is_empty_afterwards() {
    let fixture = Fixture::new().await;
    fixture.client.put_object().bucket(&fixture.bucket).key("key").tagging("a=1").send().await.unwrap();
    assert_eq!(fixture.raw("DELETE", "/key?tagging").send().await.status, 204);
    let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert!(tags.tag_set().is_empty());
    assert_eq!(fixture.keys().await, ["key"]);
}

#[tokio::test]
async fn an_absent_key_is_no_such_key() {
    let fixture = Fixture::new().await;
    assert_eq!(
        code(fixture.client.delete_object_tagging().bucket(&fixture.bucket).key("no").send().await),
        "NoSuchKey"
    );
}

//! DeleteBucket.

use crate::fixture::{Fixture, code, new_bucket_name};

#[tokio::test]
async fn an_empty_bucket_goes() {
    let fixture = Fixture::new().await;
    fixture.client.delete_bucket().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(code(fixture.client.head_bucket().bucket(&fixture.bucket).send().await), "NotFound");
}

#[tokio::test]
async fn a_bucket_with_an_object_is_not_empty() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    assert_eq!(code(fixture.client.delete_bucket().bucket(&fixture.bucket).send().await), "BucketNotEmpty");
    fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    fixture.client.delete_bucket().bucket(&fixture.bucket).send().await.unwrap();
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_no_such_bucket() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.delete_bucket().bucket(new_bucket_name()).send().await), "NoSuchBucket");
}

#[tokio::test]
async fn a_bucket_made_again_under_the_same_name_is_empty() {
    let fixture = Fixture::new().await;
    fixture.put("old", "x").await;
    fixture.client.delete_object().bucket(&fixture.bucket).key("old").send().await.unwrap();
    fixture.client.delete_bucket().bucket(&fixture.bucket).send().await.unwrap();
    fixture.client.create_bucket().bucket(&fixture.bucket).send().await.unwrap();
    assert!(fixture.keys().await.is_empty());
}

#[tokio::test]
async fn uploads_that_are_still_open_do_not_keep_a_bucket() {
    let fixture = Fixture::new().await;
    let (upload, _) = fixture.upload("key", &[b"part".to_vec()]).await;
    fixture.client.delete_bucket().bucket(&fixture.bucket).send().await.unwrap();
    fixture.client.create_bucket().bucket(&fixture.bucket).send().await.unwrap();
    let parts = fixture.client.list_parts().bucket(&fixture.bucket).key("key").upload_id(upload).send().await;
    assert_eq!(code(parts), "NoSuchUpload");
}

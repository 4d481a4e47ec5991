//! AbortMultipartUpload.

use crate::fixture::{Fixture, code};

#[tokio::test]
async fn the_upload_is_gone_afterwards() {
    let fixture = Fixture::new().await;
    let (upload, _) = fixture.upload("key", &[b"x".to_vec()]).await;
    let abort = || fixture.client.abort_multipart_upload().bucket(&fixture.bucket).key("key").upload_id(&upload).send();
    abort().await.unwrap();
    assert_eq!(code(abort().await), "NoSuchUpload");
    let parts = fixture.client.list_parts().bucket(&fixture.bucket).key("key").upload_id(&upload).send().await;
    assert_eq!(code(parts), "NoSuchUpload");
    assert!(fixture.keys().await.is_empty());
    fixture.client.delete_bucket().bucket(&fixture.bucket).send().await.unwrap();
}

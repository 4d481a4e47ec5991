//! AbortMultipartUpload.

use crate::fixture::{Fixture, code, new_bucket_name};

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

#[tokio::test]
async fn an_id_that_is_none_of_ours_is_no_upload_and_a_bucket_that_is_not_there_is_said_first() {
    let fixture = Fixture::new().await;
    let nowhere = new_bucket_name();
    for upload in ["abc", "00000000000000000000000000000000"] {
        for (bucket, expected) in [(&fixture.bucket, "NoSuchUpload"), (&nowhere, "NoSuchBucket")] {
            let abort = fixture.client.abort_multipart_upload().bucket(bucket).key("key").upload_id(upload);
            assert_eq!(code(abort.send().await), expected, "{upload}");
            let part = fixture.client.upload_part().bucket(bucket).key("key").upload_id(upload).part_number(1);
            assert_eq!(code(part.body(b"x".to_vec().into()).send().await), expected, "{upload}");
            let parts = fixture.client.list_parts().bucket(bucket).key("key").upload_id(upload);
            assert_eq!(code(parts.send().await), expected, "{upload}");
        }
    }
}

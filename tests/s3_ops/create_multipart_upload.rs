//! CreateMultipartUpload.

use crate::fixture::{Fixture, code, new_bucket_name};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType};

#[tokio::test]
async fn every_upload_has_an_id_of_its_own() {
    let fixture = Fixture::new().await;
    let (first, _) = fixture.upload("key", &[]).await;
    let (second, _) = fixture.upload("key", &[]).await;
    assert_ne!(first, second);
    assert!(fixture.keys().await.is_empty());
}

#[tokio::test]
async fn the_checksum_chosen_is_echoed() {
    let fixture = Fixture::new().await;
    let create = fixture.client.create_multipart_upload().bucket(&fixture.bucket).key("key");
    let created = create.checksum_algorithm(ChecksumAlgorithm::Crc32C).send().await.unwrap();
    assert_eq!(created.checksum_algorithm(), Some(&ChecksumAlgorithm::Crc32C));
    assert_eq!(created.checksum_type(), Some(&ChecksumType::Composite));
    let wrong = fixture.client.create_multipart_upload().bucket(&fixture.bucket).key("key");
    let wrong =
        wrong.checksum_algorithm(ChecksumAlgorithm::Sha256).checksum_type(ChecksumType::FullObject).send().await;
    assert_eq!(code(wrong), "InvalidRequest");
}

#[tokio::test]
async fn an_algorithm_that_is_not_there_yet_is_not_implemented_and_one_that_nobody_knows_invalid() {
    let fixture = Fixture::new().await;
    for (algorithm, status, code) in [
        ("XXHASH3", 501, "NotImplemented"),
        ("sha512", 501, "NotImplemented"),
        ("MD5", 501, "NotImplemented"),
        ("SHA3", 400, "InvalidRequest"),
    ] {
        let create = fixture.raw("POST", "/key?uploads").header("x-amz-checksum-algorithm", algorithm).send().await;
        assert_eq!((create.status, create.code().as_str()), (status, code), "{algorithm}");
    }
}

#[tokio::test]
async fn into_no_bucket_is_no_such_bucket() {
    let fixture = Fixture::new().await;
    let created = fixture.client.create_multipart_upload().bucket(new_bucket_name()).key("key").send().await;
    assert_eq!(code(created), "NoSuchBucket");
}

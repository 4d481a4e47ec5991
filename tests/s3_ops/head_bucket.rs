//! HeadBucket.

use crate::fixture::{Fixture, code, new_bucket_name};

#[tokio::test]
async fn a_bucket_that_exists_is_200_with_its_region() {
    let fixture = Fixture::new().await;
    let answer = fixture.raw("HEAD", "").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("x-amz-bucket-region").is_some());
    assert!(answer.header("x-amz-request-id").is_some());
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn a_bucket_that_does_not_exist_is_404() {
    let fixture = Fixture::new().await;
    assert_eq!(code(fixture.client.head_bucket().bucket(new_bucket_name()).send().await), "NotFound");
}

#[tokio::test]
async fn a_wrong_secret_is_403() {
    let fixture = Fixture::new().await;
    let target = format!("/{}", fixture.bucket);
    let head = format!(
        "HEAD {target} HTTP/1.1\r\nhost: {}\r\nx-amz-date: 20260101T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=NOBODY/20260101/us-east-1/s3/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature={}\r\nconnection: close\r\n\r\n",
        fixture.authority(),
        "0".repeat(64)
    );
    assert_eq!(crate::raw::exchange(&fixture.authority(), head.as_bytes(), b"").await.status, 403);
}

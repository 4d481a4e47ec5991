//! HeadBucket.

use crate::{
    anonymous::anonymously,
    fixture::{Fixture, code, new_bucket_name},
};
use aws_sdk_s3::types::BucketVersioningStatus as Status;

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

#[tokio::test]
async fn what_the_bucket_holds_is_counted_on_request() {
    let fixture = Fixture::new().await;
    let stats = async || {
        let answer = fixture.raw("HEAD", "?read-stats=true").send().await;
        assert_eq!((answer.status, answer.header("x-rgw-quota-max-buckets")), (200, Some("10000")));
        ["x-rgw-object-count", "x-rgw-bytes-used"].map(|name| answer.header(name).unwrap().parse::<u64>().unwrap())
    };
    assert_eq!(stats().await, [0, 0]);
    fixture.set_versioning(Status::Enabled).await;
    for (key, body) in [("a", "four"), ("a", "three"), ("b/c", "")] {
        fixture.put(key, body).await;
    }
    fixture.client.delete_object().bucket(&fixture.bucket).key("a").send().await.unwrap();
    assert_eq!(stats().await, [3, 9], "all versions, and no delete marker");
    for target in ["", "?read-stats", "?read-stats=false"] {
        assert_eq!(fixture.raw("HEAD", target).send().await.header("x-rgw-object-count"), None, "{target}");
    }
    let opened = fixture.raw("PUT", "?acl").header("x-amz-acl", "public-read").send().await;
    assert_eq!(opened.status, 200);
    let strangers = async |query| anonymously(&fixture, "HEAD", query, "", b"").await.status;
    assert_eq!((strangers("").await, strangers("?read-stats=true").await), (200, 403), "nobody unnamed has it counted");
}

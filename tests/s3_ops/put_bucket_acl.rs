//! PutBucketAcl.

use crate::{
    fixture::{Fixture, code, new_bucket_name},
    raw::RawRequest,
};
use aws_sdk_s3::types::BucketCannedAcl;

#[tokio::test]
async fn what_is_so_already_can_be_set() {
    let fixture = Fixture::new().await;
    let put = fixture.client.put_bucket_acl().bucket(&fixture.bucket).acl(BucketCannedAcl::Private);
    put.send().await.unwrap();
    let read = fixture.raw("GET", "?acl").send().await;
    let written = fixture.raw("PUT", "?acl").body(read.body).send().await;
    assert_eq!(written.status, 200, "{}", written.text());
}

#[tokio::test]
async fn anything_else_is_refused() {
    let fixture = Fixture::new().await;
    let public = fixture.client.put_bucket_acl().bucket(&fixture.bucket).acl(BucketCannedAcl::PublicRead);
    assert_eq!(code(public.send().await), "AccessControlListNotSupported");
    let grant = fixture.client.put_bucket_acl().bucket(&fixture.bucket).grant_read("id=somebody");
    assert_eq!(code(grant.send().await), "AccessControlListNotSupported");
    let both = fixture.raw("PUT", "?acl").header("x-amz-acl", "private").body("<AccessControlPolicy/>").send().await;
    assert_eq!((both.status, both.code().as_str()), (400, "UnexpectedContent"));
    let neither = fixture.raw("PUT", "?acl").send().await;
    assert_eq!((neither.status, neither.code().as_str()), (400, "MissingSecurityHeader"));
    let malformed = fixture.raw("PUT", "?acl").body("<AccessControlPolicy>").send().await;
    assert_eq!((malformed.status, malformed.code().as_str()), (400, "MalformedACLError"));
}

#[tokio::test]
async fn of_no_bucket_it_is_no_such_bucket() {
    let fixture = Fixture::new().await;
    let target = format!("/{}?acl", new_bucket_name());
    let missing = RawRequest::new(&fixture, "PUT", target).header("x-amz-acl", "private").send().await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "NoSuchBucket"));
}

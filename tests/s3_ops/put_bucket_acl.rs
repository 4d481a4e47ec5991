//! PutBucketAcl, and GetBucketAcl behind it.

use crate::{
    fixture::{Fixture, code, new_bucket_name},
    raw::RawRequest,
};
use aws_sdk_s3::types::{BucketCannedAcl, Grant};

const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

/// As `grantee permission`; the owner by his id.
pub fn said(grants: &[Grant]) -> Vec<String> {
    let one = |grant: &Grant| {
        let grantee = grant.grantee().expect("a grant is for somebody");
        let name = grantee.uri().map(|uri| uri.rsplit('/').next().unwrap_or_default()).or(grantee.id());
        format!("{} {}", name.unwrap_or_default(), grant.permission().map_or("", |permission| permission.as_str()))
    };
    grants.iter().map(one).collect()
}

async fn grants(fixture: &Fixture) -> Vec<String> {
    let acl = fixture.client.get_bucket_acl().bucket(&fixture.bucket).send().await.unwrap();
    assert_eq!(acl.owner().and_then(|owner| owner.id()), Some("larder"));
    said(acl.grants())
}

#[tokio::test]
async fn canned_lists_are_set_and_read() {
    let fixture = Fixture::new().await;
    assert_eq!(grants(&fixture).await, ["larder FULL_CONTROL"]);
    for (acl, expected) in [
        (BucketCannedAcl::PublicRead, &["AllUsers READ", "larder FULL_CONTROL"][..]),
        (BucketCannedAcl::PublicReadWrite, &["AllUsers READ", "AllUsers WRITE", "larder FULL_CONTROL"]),
        (BucketCannedAcl::AuthenticatedRead, &["AuthenticatedUsers READ", "larder FULL_CONTROL"]),
        (BucketCannedAcl::Private, &["larder FULL_CONTROL"]),
    ] {
        fixture.client.put_bucket_acl().bucket(&fixture.bucket).acl(acl).send().await.unwrap();
        assert_eq!(grants(&fixture).await, expected);
    }
}

#[tokio::test]
async fn grants_come_in_headers_or_as_a_document_and_what_was_read_can_be_set() {
    let fixture = Fixture::new().await;
    let everybody = format!("uri=\"{ALL_USERS}\"");
    let put = fixture.client.put_bucket_acl().bucket(&fixture.bucket).grant_read(format!("id=larder, {everybody}"));
    put.grant_write_acp(&everybody).send().await.unwrap();
    let expected = ["AllUsers READ", "AllUsers WRITE_ACP", "larder READ"];
    assert_eq!(grants(&fixture).await, expected);
    let read = fixture.raw("GET", "?acl").send().await;
    assert!(read.text().contains("xsi:type=\"Group\""), "{}", read.text());
    let closed = fixture.client.put_bucket_acl().bucket(&fixture.bucket).acl(BucketCannedAcl::Private);
    closed.send().await.unwrap();
    let written = fixture.raw("PUT", "?acl").body(read.body).send().await;
    assert_eq!(written.status, 200, "{}", written.text());
    assert_eq!(grants(&fixture).await, expected);
    // The owner took all that he had, and is the owner still.
    fixture.put("key", "x").await;
    let closed = fixture.client.put_bucket_acl().bucket(&fixture.bucket).acl(BucketCannedAcl::Private);
    closed.send().await.unwrap();
}

#[tokio::test]
async fn what_names_nobody_here_or_says_two_things_is_refused() {
    let fixture = Fixture::new().await;
    let put = || fixture.client.put_bucket_acl().bucket(&fixture.bucket);
    assert_eq!(code(put().grant_read("id=somebody").send().await), "InvalidArgument");
    assert_eq!(code(put().grant_read("emailAddress=a@b.c").send().await), "UnresolvableGrantByEmailAddress");
    assert_eq!(code(put().grant_read("uri=http://example.com/").send().await), "InvalidArgument");
    let both = put().acl(BucketCannedAcl::Private).grant_read("id=larder").send().await;
    assert_eq!(code(both), "InvalidRequest");
    for (acl, expected) in [("log-delivery-write", 501), ("aws-exec-read", 501), ("nonsense", 400), ("", 400)] {
        let refused = fixture.raw("PUT", "?acl").header("x-amz-acl", acl).send().await;
        assert_eq!(refused.status, expected, "{acl}: {}", refused.text());
    }
    let both = fixture.raw("PUT", "?acl").header("x-amz-acl", "private").body("<AccessControlPolicy/>").send().await;
    assert_eq!((both.status, both.code().as_str()), (400, "UnexpectedContent"));
    let neither = fixture.raw("PUT", "?acl").send().await;
    assert_eq!((neither.status, neither.code().as_str()), (400, "MissingSecurityHeader"));
    let malformed = fixture.raw("PUT", "?acl").body("<AccessControlPolicy>").send().await;
    assert_eq!((malformed.status, malformed.code().as_str()), (400, "MalformedACLError"));
    assert_eq!(grants(&fixture).await, ["larder FULL_CONTROL"]);
}

#[tokio::test]
async fn of_no_bucket_it_is_no_such_bucket() {
    let fixture = Fixture::new().await;
    let target = format!("/{}?acl", new_bucket_name());
    let missing = RawRequest::new(&fixture, "PUT", target).header("x-amz-acl", "private").send().await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "NoSuchBucket"));
}

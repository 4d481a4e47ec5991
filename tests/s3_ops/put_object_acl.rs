//! PutObjectAcl.

use crate::fixture::{Fixture, code};
use aws_sdk_s3::types::ObjectCannedAcl;

#[tokio::test]
async fn what_is_so_already_can_be_set_and_changes_nothing() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let head = || fixture.client.head_object().bucket(&fixture.bucket).key("key").send();
    let before = head().await.unwrap();
    for acl in [ObjectCannedAcl::Private, ObjectCannedAcl::BucketOwnerFullControl] {
        fixture.client.put_object_acl().bucket(&fixture.bucket).key("key").acl(acl).send().await.unwrap();
    }
    let read = fixture.raw("GET", "/key?acl").send().await;
    let written = fixture.raw("PUT", "/key?acl").body(read.body).send().await;
    assert_eq!(written.status, 200, "{}", written.text());
    assert_eq!(head().await.unwrap().last_modified(), before.last_modified());
}

#[tokio::test]
async fn anything_else_is_refused() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let put = |key| fixture.client.put_object_acl().bucket(&fixture.bucket).key(key);
    assert_eq!(code(put("key").acl(ObjectCannedAcl::PublicRead).send().await), "AccessControlListNotSupported");
    assert_eq!(code(put("no").acl(ObjectCannedAcl::Private).send().await), "NoSuchKey");
    let version = put("key").acl(ObjectCannedAcl::Private).version_id("0190a5c8e5b37c0e8c7f3d2a1b4c5d6e");
    assert_eq!(code(version.send().await), "NoSuchVersion");
    let neither = fixture.raw("PUT", "/key?acl").send().await;
    assert_eq!((neither.status, neither.code().as_str()), (400, "MissingSecurityHeader"));
}

//! PutObjectAcl, and GetObjectAcl behind it.

use crate::{
    fixture::{Fixture, code},
    put_bucket_acl::said,
};
use aws_sdk_s3::types::{BucketVersioningStatus, ObjectCannedAcl, VersioningConfiguration};

async fn grants(fixture: &Fixture, key: &str) -> Vec<String> {
    said(fixture.client.get_object_acl().bucket(&fixture.bucket).key(key).send().await.unwrap().grants())
}

#[tokio::test]
async fn a_list_is_set_and_nothing_else_of_the_object() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let head = || fixture.client.head_object().bucket(&fixture.bucket).key("key").send();
    let before = head().await.unwrap();
    for (acl, expected) in [
        (ObjectCannedAcl::PublicRead, &["AllUsers READ", "larder FULL_CONTROL"][..]),
        (ObjectCannedAcl::PublicReadWrite, &["AllUsers READ", "AllUsers WRITE", "larder FULL_CONTROL"]),
        (ObjectCannedAcl::AuthenticatedRead, &["AuthenticatedUsers READ", "larder FULL_CONTROL"]),
        (ObjectCannedAcl::BucketOwnerRead, &["larder FULL_CONTROL"]),
        (ObjectCannedAcl::BucketOwnerFullControl, &["larder FULL_CONTROL"]),
        (ObjectCannedAcl::Private, &["larder FULL_CONTROL"]),
    ] {
        fixture.client.put_object_acl().bucket(&fixture.bucket).key("key").acl(acl).send().await.unwrap();
        assert_eq!(grants(&fixture, "key").await, expected);
    }
    let read = fixture.raw("GET", "/key?acl").send().await;
    let written = fixture.raw("PUT", "/key?acl").body(read.body).send().await;
    assert_eq!(written.status, 200, "{}", written.text());
    assert_eq!(head().await.unwrap().last_modified(), before.last_modified());
}

#[tokio::test]
async fn each_version_has_its_own_list() {
    let fixture = Fixture::new().await;
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let enable = fixture.client.put_bucket_versioning().bucket(&fixture.bucket).versioning_configuration(enabled);
    enable.send().await.unwrap();
    let put = |acl| fixture.client.put_object().bucket(&fixture.bucket).key("key").acl(acl).send();
    let first = put(ObjectCannedAcl::PublicRead).await.unwrap().version_id().unwrap().to_owned();
    put(ObjectCannedAcl::Private).await.unwrap();
    let of = async |version: &str| {
        let acl = fixture.client.get_object_acl().bucket(&fixture.bucket).key("key").version_id(version);
        said(acl.send().await.unwrap().grants())
    };
    assert_eq!(of(&first).await, ["AllUsers READ", "larder FULL_CONTROL"]);
    assert_eq!(grants(&fixture, "key").await, ["larder FULL_CONTROL"]);
    let close = fixture.raw("PUT", &format!("/key?acl&versionId={first}")).header("x-amz-acl", "private").send().await;
    assert_eq!((close.status, close.header("x-amz-version-id")), (200, Some(first.as_str())));
    assert_eq!(of(&first).await, ["larder FULL_CONTROL"]);
    fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    let marker = fixture.raw("PUT", "/key?acl").header("x-amz-acl", "private").send().await;
    assert_eq!((marker.status, marker.code().as_str()), (404, "NoSuchKey"));
}

#[tokio::test]
async fn what_is_not_there_or_says_nothing_is_refused() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let put = |key| fixture.client.put_object_acl().bucket(&fixture.bucket).key(key);
    assert_eq!(code(put("no").acl(ObjectCannedAcl::Private).send().await), "NoSuchKey");
    let version = put("key").acl(ObjectCannedAcl::Private).version_id("0190a5c8e5b37c0e8c7f3d2a1b4c5d6e");
    assert_eq!(code(version.send().await), "NoSuchVersion");
    assert_eq!(code(put("key").grant_read("id=somebody").send().await), "InvalidArgument");
    let neither = fixture.raw("PUT", "/key?acl").send().await;
    assert_eq!((neither.status, neither.code().as_str()), (400, "MissingSecurityHeader"));
    let malformed = fixture.raw("PUT", "/key?acl").body("<AccessControlPolicy/>").send().await;
    assert_eq!((malformed.status, malformed.code().as_str()), (400, "MalformedACLError"));
    assert_eq!(grants(&fixture, "key").await, ["larder FULL_CONTROL"]);
}

/// Every way to make an object says its list; a copy never takes its source's.
#[tokio::test]
async fn objects_are_made_with_a_list() {
    let fixture = Fixture::new().await;
    let (client, bucket) = (&fixture.client, &fixture.bucket);
    let public = ["AllUsers READ", "larder FULL_CONTROL"];
    client.put_object().bucket(bucket).key("put").acl(ObjectCannedAcl::PublicRead).send().await.unwrap();
    assert_eq!(grants(&fixture, "put").await, public);
    let copy = |key| client.copy_object().bucket(bucket).key(key).copy_source(format!("{bucket}/put"));
    copy("copy").send().await.unwrap();
    assert_eq!(grants(&fixture, "copy").await, ["larder FULL_CONTROL"]);
    copy("copy").acl(ObjectCannedAcl::PublicRead).send().await.unwrap();
    assert_eq!(grants(&fixture, "copy").await, public);
    let create = client.create_multipart_upload().bucket(bucket).key("parts").acl(ObjectCannedAcl::PublicRead);
    let upload = create.send().await.unwrap().upload_id().unwrap().to_owned();
    let tag = fixture.part("parts", &upload, 1, b"x".to_vec()).await;
    let part = aws_sdk_s3::types::CompletedPart::builder().part_number(1).e_tag(tag).build();
    let parts = aws_sdk_s3::types::CompletedMultipartUpload::builder().parts(part).build();
    let complete = client.complete_multipart_upload().bucket(bucket).key("parts").upload_id(upload);
    complete.multipart_upload(parts).send().await.unwrap();
    assert_eq!(grants(&fixture, "parts").await, public);
    let append = |acl: &'static str| {
        let append = fixture.raw("PUT", "/put").header("x-amz-write-offset-bytes", "0").header("x-amz-acl", acl);
        append.body("more").send()
    };
    assert_eq!(append("private").await.code(), "InvalidRequest", "the object keeps its list");
    assert_eq!(append("public-read").await.status, 200);
    assert_eq!(grants(&fixture, "put").await, public);
    let source = format!("{bucket}/put");
    let rename = fixture.raw("PUT", "/renamed?renameObject").header("x-amz-rename-source", source).send().await;
    assert_eq!(rename.status, 200, "{}", rename.text());
    assert_eq!(grants(&fixture, "renamed").await, public);
}

//! What versioning means for the operations on objects. Source: Amazon S3 User Guide, "Working with objects in a
//! versioning-enabled bucket" and "... versioning-suspended bucket".

use crate::fixture::{Fixture, code};
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{BucketVersioningStatus as Status, Delete, MetadataDirective, ObjectIdentifier, Tag, Tagging},
};

/// The version's id, as PutObject told it.
async fn put(fixture: &Fixture, key: &str, body: &str) -> Option<String> {
    let body = ByteStream::from(body.as_bytes().to_vec());
    let put = fixture.client.put_object().bucket(&fixture.bucket).key(key).body(body).send().await;
    put.expect("the object is stored").version_id().map(str::to_owned)
}

async fn get(fixture: &Fixture, key: &str, version: Option<&str>) -> String {
    let get = fixture.client.get_object().bucket(&fixture.bucket).key(key).set_version_id(version.map(str::to_owned));
    let got = get.send().await.expect("the version is there");
    if let Some(version) = version {
        assert_eq!(got.version_id(), Some(version));
    }
    String::from_utf8(got.body.collect().await.expect("the body arrives whole").to_vec()).expect("it is text")
}

/// Ids with what they are, the newest first: `*` the current one, `-` a delete marker.
async fn versions(fixture: &Fixture, key: &str) -> Vec<(String, String)> {
    let text = fixture.raw("GET", &format!("?versions&prefix={key}")).send().await.text();
    let mut found = Vec::new();
    for element in text.split("<Version>").flat_map(|part| part.split("<DeleteMarker>")).skip(1) {
        let value = |name: &str| {
            let (_, rest) = element.split_once(&format!("<{name}>")).expect("it has the element");
            rest.split('<').next().expect("text follows").to_owned()
        };
        let is_marker = !element.contains("<Size>");
        let kind = match (value("IsLatest").as_str(), is_marker) {
            ("true", false) => "*",
            ("true", true) => "*-",
            (_, false) => "",
            (_, true) => "-",
        };
        found.push((value("VersionId"), kind.to_owned()));
    }
    found
}

fn named(versions: &[(&str, &str)]) -> Vec<(String, String)> {
    versions.iter().map(|(id, kind)| ((*id).to_owned(), (*kind).to_owned())).collect()
}

#[tokio::test]
async fn each_write_is_kept_under_an_id_of_its_own() {
    let fixture = Fixture::new().await;
    assert_eq!(put(&fixture, "key", "before").await, None, "nobody is told of versions before there are any");
    fixture.set_versioning(Status::Enabled).await;
    let first = put(&fixture, "key", "first").await.expect("an id");
    let second = put(&fixture, "key", "second").await.expect("an id");
    assert_eq!(get(&fixture, "key", None).await, "second");
    assert_eq!(get(&fixture, "key", Some(&first)).await, "first");
    assert_eq!(get(&fixture, "key", Some("null")).await, "before");
    assert_eq!(versions(&fixture, "key").await, named(&[(&second, "*"), (&first, ""), ("null", "")]));
    assert_eq!(fixture.keys().await, ["key"], "a list of objects has the current one alone");
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("key").version_id("null").send().await.unwrap();
    assert_eq!((head.version_id(), head.content_length()), (Some("null"), Some(6)));
    let unknown = fixture.client.get_object().bucket(&fixture.bucket).key("key").version_id("0".repeat(32)).send();
    assert_eq!(code(unknown.await), "NoSuchVersion");
    let odd = fixture.client.get_object().bucket(&fixture.bucket).key("key").version_id("odd").send();
    assert_eq!(code(odd.await), "InvalidArgument");
}

#[tokio::test]
async fn a_delete_marker_has_no_tags_to_write() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Status::Enabled).await;
    let object = put(&fixture, "key", "x").await.expect("an id");
    let deleted = fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    let marker = deleted.version_id().expect("the marker has an id").to_owned();
    let document = "<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
    for target in [format!("/key?tagging&versionId={marker}"), "/key?tagging".to_owned()] {
        for (method, body) in [("PUT", document), ("DELETE", "")] {
            let refused = fixture.raw(method, &target).body(body).send().await;
            assert_eq!((refused.status, refused.code().as_str()), (405, "MethodNotAllowed"), "{method} {target}");
            assert_eq!(refused.header("x-amz-delete-marker"), Some("true"), "{method} {target}");
            assert_eq!(refused.header("x-amz-version-id"), Some(marker.as_str()), "{method} {target}");
            assert_eq!(refused.header("allow"), Some("DELETE"), "{method} {target}");
        }
    }
    let of_object = fixture.raw("PUT", &format!("/key?tagging&versionId={object}")).body(document).send().await;
    assert_eq!(of_object.status, 200, "the version behind the marker may have tags");
    assert_eq!(fixture.raw("DELETE", "/none?tagging").send().await.code(), "NoSuchKey");
}

#[tokio::test]
async fn a_delete_hides_the_key_until_its_marker_is_deleted() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Status::Enabled).await;
    let first = put(&fixture, "key", "first").await.expect("an id");
    let deleted = fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));
    let marker = deleted.version_id().expect("the marker has an id").to_owned();
    let gone = fixture.raw("GET", "/key").send().await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "NoSuchKey"));
    assert_eq!(gone.header("x-amz-delete-marker"), Some("true"));
    assert_eq!(gone.header("x-amz-version-id"), Some(marker.as_str()));
    let named_marker = fixture.raw("GET", &format!("/key?versionId={marker}")).send().await;
    assert_eq!((named_marker.status, named_marker.code().as_str()), (405, "MethodNotAllowed"));
    assert_eq!(named_marker.header("x-amz-delete-marker"), Some("true"));
    assert_eq!(named_marker.header("allow"), Some("DELETE"));
    assert!(named_marker.header("last-modified").is_some());
    assert!(fixture.keys().await.is_empty());
    assert_eq!(get(&fixture, "key", Some(&first)).await, "first");
    assert_eq!(versions(&fixture, "key").await, named(&[(&marker, "*-"), (&first, "")]));
    let removed = fixture.client.delete_object().bucket(&fixture.bucket).key("key").version_id(&marker).send();
    let removed = removed.await.unwrap();
    assert_eq!((removed.delete_marker(), removed.version_id()), (Some(true), Some(marker.as_str())));
    assert_eq!(get(&fixture, "key", None).await, "first");
    let removed = fixture.client.delete_object().bucket(&fixture.bucket).key("key").version_id(&first).send();
    assert_eq!(removed.await.unwrap().delete_marker(), None);
    assert!(versions(&fixture, "key").await.is_empty());
    fixture.client.delete_bucket().bucket(&fixture.bucket).send().await.expect("nothing is left in it");
}

#[tokio::test]
async fn while_suspended_the_null_version_is_the_one_that_is_replaced() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Status::Enabled).await;
    let kept = put(&fixture, "key", "kept").await.expect("an id");
    fixture.set_versioning(Status::Suspended).await;
    for body in ["one", "two"] {
        assert_eq!(put(&fixture, "key", body).await, None);
        assert_eq!(versions(&fixture, "key").await, named(&[("null", "*"), (&kept, "")]));
        let read = fixture.client.get_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
        assert_eq!(read.version_id(), Some("null"));
    }
    let deleted = fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!((deleted.delete_marker(), deleted.version_id()), (Some(true), Some("null")));
    assert_eq!(versions(&fixture, "key").await, named(&[("null", "*-"), (&kept, "")]));
    fixture.client.delete_object().bucket(&fixture.bucket).key("key").version_id("null").send().await.unwrap();
    assert_eq!(get(&fixture, "key", None).await, "kept");
    assert_eq!(code(fixture.client.delete_bucket().bucket(&fixture.bucket).send().await), "BucketNotEmpty");
}

#[tokio::test]
async fn many_are_deleted_as_versions_or_behind_markers() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Status::Enabled).await;
    let a = put(&fixture, "a", "1").await.expect("an id");
    put(&fixture, "b", "1").await.expect("an id");
    let entry = |key: &str, version: Option<&str>| {
        ObjectIdentifier::builder().key(key).set_version_id(version.map(str::to_owned)).build().unwrap()
    };
    let entries = vec![entry("a", Some(&a)), entry("b", None), entry("c", None)];
    let delete = Delete::builder().set_objects(Some(entries)).build().unwrap();
    let answer = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete).send().await.unwrap();
    assert!(answer.errors().is_empty());
    let [of_a, of_b, of_c] = answer.deleted() else { panic!("{answer:?}") };
    assert_eq!((of_a.version_id(), of_a.delete_marker()), (Some(a.as_str()), None));
    assert_eq!((of_b.version_id(), of_b.delete_marker()), (None, Some(true)));
    assert!(of_b.delete_marker_version_id().is_some() && of_c.delete_marker_version_id().is_some());
    assert!(versions(&fixture, "a").await.is_empty());
    assert_eq!(versions(&fixture, "c").await, named(&[(of_c.delete_marker_version_id().unwrap(), "*-")]));
    let marker = vec![entry("c", of_c.delete_marker_version_id())];
    let delete = Delete::builder().set_objects(Some(marker)).build().unwrap();
    let answer = fixture.client.delete_objects().bucket(&fixture.bucket).delete(delete).send().await.unwrap();
    let [of_c] = answer.deleted() else { panic!("{answer:?}") };
    assert_eq!((of_c.delete_marker(), of_c.delete_marker_version_id()), (Some(true), of_c.version_id()));
}

#[tokio::test]
async fn a_version_is_copied_and_tagged_by_its_id() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Status::Enabled).await;
    let old = put(&fixture, "key", "old").await.expect("an id");
    put(&fixture, "key", "new").await.expect("an id");
    let source = format!("{}/key?versionId={old}", fixture.bucket);
    let copy = fixture.client.copy_object().bucket(&fixture.bucket).key("key").copy_source(source);
    let copied = copy.metadata_directive(MetadataDirective::Copy).send().await.expect("an old version comes back");
    assert_eq!(copied.copy_source_version_id(), Some(old.as_str()));
    assert_eq!(get(&fixture, "key", copied.version_id()).await, "old");
    assert_eq!(versions(&fixture, "key").await.len(), 3);
    let tags = Tagging::builder().tag_set(Tag::builder().key("k").value("v").build().unwrap()).build().unwrap();
    let tagging = fixture.client.put_object_tagging().bucket(&fixture.bucket).key("key").version_id(&old).tagging(tags);
    assert_eq!(tagging.send().await.unwrap().version_id(), Some(old.as_str()));
    let tags_of = async |version: Option<&str>| {
        let get = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("key");
        get.set_version_id(version.map(str::to_owned)).send().await.unwrap().tag_set().len()
    };
    assert_eq!((tags_of(Some(&old)).await, tags_of(None).await), (1, 0));
    let removed = fixture.client.delete_object_tagging().bucket(&fixture.bucket).key("key").version_id(&old).send();
    assert_eq!(removed.await.unwrap().version_id(), Some(old.as_str()));
    assert_eq!(tags_of(Some(&old)).await, 0);
}

#[tokio::test]
async fn uploads_and_attributes_have_versions_too() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Status::Enabled).await;
    put(&fixture, "key", "old").await.expect("an id");
    let (upload, tags) = fixture.upload("key", &[b"whole".to_vec()]).await;
    let part = aws_sdk_s3::types::CompletedPart::builder().part_number(1).e_tag(&tags[0]).build();
    let parts = aws_sdk_s3::types::CompletedMultipartUpload::builder().parts(part).build();
    let complete = || {
        let complete = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("key");
        complete.upload_id(&upload).multipart_upload(parts.clone()).send()
    };
    let completed = complete().await.unwrap();
    let version = completed.version_id().expect("an id");
    assert_eq!(complete().await.unwrap().version_id(), Some(version), "asked again it says the same");
    assert_eq!(get(&fixture, "key", Some(version)).await, "whole");
    assert_eq!(versions(&fixture, "key").await.len(), 2);
    let attributes = fixture.client.get_object_attributes().bucket(&fixture.bucket).key("key").version_id(version);
    let attributes =
        attributes.object_attributes(aws_sdk_s3::types::ObjectAttributes::ObjectSize).send().await.unwrap();
    assert_eq!((attributes.version_id(), attributes.object_size()), (Some(version), Some(5)));
}

#[tokio::test]
async fn a_delete_under_a_condition_compares_the_version_that_it_means() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Status::Enabled).await;
    let old = put(&fixture, "key", "old").await.expect("an id");
    put(&fixture, "key", "new").await.expect("an id");
    let tag = "\"149603e6c03516362a8da23f624db945\"";
    let delete = |version: Option<&str>| {
        let delete = fixture.client.delete_object().bucket(&fixture.bucket).key("key").if_match(tag);
        delete.set_version_id(version.map(str::to_owned)).send()
    };
    assert_eq!(code(delete(None).await), "PreconditionFailed");
    delete(Some(&old)).await.expect("the tag is that of the old version");
    assert_eq!(versions(&fixture, "key").await.len(), 1);
}

#[tokio::test]
async fn deletes_of_versions_under_conditions_name_size_time_and_absence() {
    let fixture = Fixture::new().await;
    fixture.set_versioning(Status::Enabled).await;
    let old = put(&fixture, "key", "old").await.expect("an id");
    put(&fixture, "key", "newer").await.expect("an id");
    let delete = |version: &str, name: &str, value: &str| {
        fixture.raw("DELETE", &format!("/key?versionId={version}")).header(name, value).send()
    };
    for (name, value) in [
        ("x-amz-if-match-size", "5"),
        ("x-amz-if-match-last-modified-time", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("if-match", "\"0cc175b9c0f1b6a831c399e269772661\""),
    ] {
        let refused = delete(&old, name, value).await;
        assert_eq!((refused.status, refused.code().as_str()), (412, "PreconditionFailed"), "{name}");
    }
    assert_eq!(delete(&old, "x-amz-if-match-size", "3").await.status, 204);
    assert_eq!(delete(&old, "x-amz-if-match-size", "3").await.status, 204, "what is gone is gone");
    let marker = fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    let marker = marker.version_id().expect("a marker");
    assert_eq!(delete(marker, "if-match", "\"149603e6c03516362a8da23f624db945\"").await.status, 412);
    assert_eq!(delete(marker, "if-match", "*").await.status, 204);
    assert_eq!(get(&fixture, "key", None).await, "newer");
}

//! CopyObject.

use crate::fixture::{Fixture, PART_LENGTH_MIN, code, pattern};
use aws_sdk_s3::{
    primitives::ByteStream,
    types::{CompletedMultipartUpload, CompletedPart, MetadataDirective, TaggingDirective},
};

#[tokio::test]
async fn a_copy_has_the_bytes_tag_metadata_and_tags_of_its_source() {
    let fixture = Fixture::new().await;
    let body = pattern(5_000_000, 4);
    let put = fixture.client.put_object().bucket(&fixture.bucket).key("source").metadata("a", "1").tagging("t=1");
    let tag = put.content_type("text/x").body(ByteStream::from(body.clone())).send().await.unwrap();
    let copy = fixture.client.copy_object().bucket(&fixture.bucket).key("copy");
    let copied = copy.copy_source(format!("{}/source", fixture.bucket)).send().await.unwrap();
    assert_eq!(copied.copy_object_result().unwrap().e_tag(), tag.e_tag());
    fixture.client.delete_object().bucket(&fixture.bucket).key("source").send().await.unwrap();
    assert!(fixture.get("copy").await == body);
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("copy").send().await.unwrap();
    assert_eq!(head.metadata().unwrap().get("a").map(String::as_str), Some("1"));
    assert_eq!(head.content_type(), Some("text/x"));
    let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("copy").send().await.unwrap();
    assert_eq!(tags.tag_set()[0].key(), "t");
}

#[tokio::test]
async fn onto_itself_needs_a_change() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let copy = || {
        let source = format!("{}/key", fixture.bucket);
        fixture.client.copy_object().bucket(&fixture.bucket).key("key").copy_source(source)
    };
    assert_eq!(code(copy().send().await), "InvalidRequest");
    let by_version = copy().copy_source(format!("{}/key?versionId=null", fixture.bucket)).send().await;
    assert_eq!(code(by_version), "InvalidRequest");
    copy().metadata_directive(MetadataDirective::Replace).metadata("new", "1").send().await.unwrap();
    let head = fixture.client.head_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!(head.metadata().unwrap().get("new").map(String::as_str), Some("1"));
    assert_eq!(fixture.get("key").await, b"x");
}

#[tokio::test]
async fn tags_are_replaced_on_request() {
    let fixture = Fixture::new().await;
    fixture.client.put_object().bucket(&fixture.bucket).key("source").tagging("old=1").send().await.unwrap();
    let copy = fixture.client.copy_object().bucket(&fixture.bucket).key("copy");
    let copy = copy.copy_source(format!("{}/source", fixture.bucket)).tagging_directive(TaggingDirective::Replace);
    copy.tagging("new=2").send().await.unwrap();
    let tags = fixture.client.get_object_tagging().bucket(&fixture.bucket).key("copy").send().await.unwrap();
    assert_eq!(tags.tag_set().iter().map(|tag| tag.key()).collect::<Vec<_>>(), ["new"]);
}

#[tokio::test]
async fn conditions_on_the_source_hold_or_refuse() {
    let fixture = Fixture::new().await;
    let tag = fixture.put("source", "x").await;
    let copy = || {
        let source = format!("{}/source", fixture.bucket);
        fixture.client.copy_object().bucket(&fixture.bucket).key("copy").copy_source(source)
    };
    assert_eq!(code(copy().copy_source_if_match("\"no\"").send().await), "PreconditionFailed");
    assert_eq!(code(copy().copy_source_if_none_match(&tag).send().await), "PreconditionFailed");
    copy().copy_source_if_match(&tag).send().await.unwrap();
}

#[tokio::test]
async fn sources_are_decoded_once() {
    let fixture = Fixture::new().await;
    for key in ["a+b", "a b", "100%", "ü/ñ", "q?versionId=null"] {
        fixture.put(key, key).await;
        let encoded: String = key.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let copied = fixture.raw("PUT", "/copy").header("x-amz-copy-source", format!("/{}/{encoded}", fixture.bucket));
        let copied = copied.send().await;
        assert_eq!(copied.status, 200, "{key}: {}", copied.text());
        assert_eq!(fixture.get("copy").await, key.as_bytes());
    }
    let versioned = format!("{}/a%20b?versionId=null", fixture.bucket);
    assert_eq!(fixture.raw("PUT", "/copy").header("x-amz-copy-source", versioned).send().await.status, 200);
}

#[tokio::test]
async fn sources_that_are_not_there_or_malformed_say_so() {
    let fixture = Fixture::new().await;
    let bucket = &fixture.bucket;
    let cases = [
        (format!("{bucket}/missing"), 404, "NoSuchKey"),
        ("no-such-bucket-anywhere/key".to_owned(), 404, "NoSuchBucket"),
        (bucket.clone(), 400, "InvalidArgument"),
        ("/".to_owned(), 400, "InvalidArgument"),
        (format!("{bucket}/"), 400, "InvalidArgument"),
        (format!("{bucket}/%zz"), 400, "InvalidArgument"),
    ];
    for (source, status, expected) in cases {
        let refused = fixture.raw("PUT", "/copy").header("x-amz-copy-source", source.clone()).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (status, expected), "{source}");
    }
}

#[tokio::test]
async fn a_multipart_source_keeps_its_tag() {
    let fixture = Fixture::new().await;
    let parts = [pattern(PART_LENGTH_MIN, 1), pattern(10, 2)];
    let (upload, tags) = fixture.upload("source", &parts).await;
    let named = (1..).zip(&tags).map(|(number, tag)| CompletedPart::builder().part_number(number).e_tag(tag).build());
    let complete = CompletedMultipartUpload::builder().set_parts(Some(named.collect())).build();
    let request = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("source").upload_id(upload);
    let done = request.multipart_upload(complete).send().await.unwrap();
    let copy = fixture.client.copy_object().bucket(&fixture.bucket).key("copy");
    let copied = copy.copy_source(format!("{}/source", fixture.bucket)).send().await.unwrap();
    assert_eq!(copied.copy_object_result().unwrap().e_tag(), done.e_tag());
    assert!(fixture.get("copy").await == parts.concat());
}

#[tokio::test]
async fn conditions_on_the_destination_hold_or_refuse() {
    let fixture = Fixture::new().await;
    fixture.put("source", "x").await;
    let copy = || {
        let source = format!("{}/source", fixture.bucket);
        fixture.client.copy_object().bucket(&fixture.bucket).key("copy").copy_source(source)
    };
    assert_eq!(code(copy().if_match("*").send().await), "NoSuchKey");
    copy().if_none_match("*").send().await.expect("there is none");
    let tag = fixture.put("copy", "other").await;
    assert_eq!(code(copy().if_none_match("*").send().await), "PreconditionFailed");
    assert_eq!(code(copy().if_none_match(&tag).send().await), "PreconditionFailed");
    assert_eq!(code(copy().if_match("\"no\"").send().await), "PreconditionFailed");
    assert_eq!(fixture.get("copy").await, b"other");
    copy().if_match(&tag).send().await.expect("the tag is that of the destination");
    assert_eq!(fixture.get("copy").await, b"x");
    let both = fixture.raw("PUT", "/copy").header("x-amz-copy-source", format!("{}/source", fixture.bucket));
    let both = both.header("if-match", "*").header("if-none-match", "*").send().await;
    assert_eq!((both.status, both.code().as_str()), (400, "InvalidRequest"));
}

#[tokio::test]
async fn of_copies_that_race_to_an_absent_key_one_wins() {
    let fixture = Fixture::new().await;
    fixture.put("source", "x").await;
    let copies = (0..8).map(|_| {
        let copy = fixture.client.copy_object().bucket(&fixture.bucket).key("copy").if_none_match("*");
        copy.copy_source(format!("{}/source", fixture.bucket)).send()
    });
    let answers = futures_util::future::join_all(copies).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.into_iter().filter(Result::is_err) {
        assert_eq!(code(refused), "PreconditionFailed");
    }
}

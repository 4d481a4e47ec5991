//! UploadPartCopy.

use crate::fixture::{Fixture, PART_LENGTH_MIN, code, pattern};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

#[tokio::test]
async fn slices_of_a_source_become_an_object() {
    let fixture = Fixture::new().await;
    let source = pattern(2 * PART_LENGTH_MIN + 1234, 9);
    fixture.put("source", source.clone()).await;
    let (upload, _) = fixture.upload("copy", &[]).await;
    let ranges = [(1_000, 1_000 + PART_LENGTH_MIN - 1), (0, 99)];
    let mut parts = Vec::new();
    for (number, (first, last)) in (1..).zip(ranges) {
        let copy = fixture.client.upload_part_copy().bucket(&fixture.bucket).key("copy").upload_id(&upload);
        let copy = copy.part_number(number).copy_source(format!("{}/source", fixture.bucket));
        let copied = copy.copy_source_range(format!("bytes={first}-{last}")).send().await.unwrap();
        let tag = copied.copy_part_result().unwrap().e_tag().unwrap();
        parts.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
    }
    let complete = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("copy").upload_id(upload);
    request.multipart_upload(complete).send().await.unwrap();
    fixture.client.delete_object().bucket(&fixture.bucket).key("source").send().await.unwrap();
    let expected = [&source[1_000..1_000 + PART_LENGTH_MIN], &source[..100]].concat();
    assert!(fixture.get("copy").await == expected);
}

#[tokio::test]
async fn the_whole_source_is_one_part_with_its_md5() {
    let fixture = Fixture::new().await;
    let tag = fixture.put("source", "small").await;
    let (upload, _) = fixture.upload("copy", &[]).await;
    let copy = fixture.client.upload_part_copy().bucket(&fixture.bucket).key("copy").upload_id(&upload).part_number(1);
    let copied = copy.copy_source(format!("{}/source", fixture.bucket)).send().await.unwrap();
    assert_eq!(copied.copy_part_result().unwrap().e_tag(), Some(tag.as_str()));
}

#[tokio::test]
async fn ranges_outside_the_source_or_malformed_are_refused() {
    let fixture = Fixture::new().await;
    fixture.put("source", "0123456789").await;
    let (upload, _) = fixture.upload("copy", &[]).await;
    let target = format!("/copy?partNumber=1&uploadId={upload}");
    let cases = [
        ("bytes=0-10", "InvalidRange"),
        ("bytes=5-2", "InvalidArgument"),
        ("0-2", "InvalidArgument"),
        ("bytes=-3", "InvalidArgument"),
        ("bytes=0-", "InvalidArgument"),
    ];
    for (range, expected) in cases {
        let copy = fixture.raw("PUT", &target).header("x-amz-copy-source", format!("{}/source", fixture.bucket));
        let refused = copy.header("x-amz-copy-source-range", range).send().await;
        assert!(refused.status == 400 || refused.status == 416, "{range}: {}", refused.status);
        assert_eq!(refused.code(), expected, "{range}");
    }
}

#[tokio::test]
async fn what_is_not_there_says_which() {
    let fixture = Fixture::new().await;
    fixture.put("source", "x").await;
    let copy = |key: &str, upload: &str| {
        let copy =
            fixture.client.upload_part_copy().bucket(&fixture.bucket).key("copy").upload_id(upload).part_number(1);
        copy.copy_source(format!("{}/{key}", fixture.bucket)).send()
    };
    let (upload, _) = fixture.upload("copy", &[]).await;
    assert_eq!(code(copy("missing", &upload).await), "NoSuchKey");
    assert_eq!(code(copy("source", "00000000000000000000000000000001").await), "NoSuchUpload");
}

//! GetObjectAttributes.

use crate::fixture::{Fixture, PART_LENGTH_MIN, code, pattern};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, ObjectAttributes};

#[tokio::test]
async fn only_what_was_asked_for_is_answered() {
    let fixture = Fixture::new().await;
    let tag = fixture.put("key", "hello").await;
    let attributes = |which| {
        fixture.client.get_object_attributes().bucket(&fixture.bucket).key("key").object_attributes(which).send()
    };
    let size = attributes(ObjectAttributes::ObjectSize).await.unwrap();
    assert_eq!((size.object_size(), size.e_tag(), size.checksum()), (Some(5), None, None));
    let etag = attributes(ObjectAttributes::Etag).await.unwrap();
    assert_eq!(etag.e_tag(), Some(tag.trim_matches('"')), "without quotes, as S3 answers it");
    let checksum = attributes(ObjectAttributes::Checksum).await.unwrap();
    assert!(checksum.checksum().is_some());
    let class = attributes(ObjectAttributes::StorageClass).await.unwrap();
    assert_eq!(class.storage_class().map(|class| class.as_str()), Some("STANDARD"));
}

#[tokio::test]
async fn parts_of_a_multipart_object_are_paged() {
    let fixture = Fixture::new().await;
    let create = fixture.client.create_multipart_upload().bucket(&fixture.bucket).key("key");
    let created = create.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    let upload = created.upload_id().unwrap();
    let mut named = Vec::new();
    for (number, length) in [(1, PART_LENGTH_MIN), (2, PART_LENGTH_MIN), (3, 10)] {
        let part =
            fixture.client.upload_part().bucket(&fixture.bucket).key("key").upload_id(upload).part_number(number);
        let part = part.checksum_algorithm(ChecksumAlgorithm::Sha256).body(pattern(length, number as u64).into());
        let part = part.send().await.unwrap();
        let done = CompletedPart::builder().part_number(number).set_e_tag(part.e_tag().map(str::to_owned));
        named.push(done.set_checksum_sha256(part.checksum_sha256().map(str::to_owned)).build());
    }
    let complete = CompletedMultipartUpload::builder().set_parts(Some(named)).build();
    let request = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("key").upload_id(upload);
    request.multipart_upload(complete).send().await.unwrap();
    let ask = || {
        let ask = fixture.client.get_object_attributes().bucket(&fixture.bucket).key("key");
        ask.object_attributes(ObjectAttributes::ObjectParts).max_parts(2)
    };
    let first = ask().send().await.unwrap();
    let parts = first.object_parts().unwrap();
    assert_eq!((parts.total_parts_count(), parts.is_truncated(), parts.parts().len()), (Some(3), Some(true), 2));
    assert!(parts.parts()[0].checksum_sha256().is_some());
    let rest = ask().part_number_marker(parts.next_part_number_marker().unwrap()).send().await.unwrap();
    let parts = rest.object_parts().unwrap();
    assert_eq!((parts.is_truncated(), parts.parts().len(), parts.parts()[0].size()), (Some(false), 1, Some(10)));
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let fixture = Fixture::new().await;
    fixture.put("key", "x").await;
    let none = fixture.raw("GET", "/key?attributes").send().await;
    assert_eq!((none.status, none.code().as_str()), (400, "InvalidRequest"));
    let unknown = fixture.raw("GET", "/key?attributes").header("x-amz-object-attributes", "Color").send().await;
    assert_eq!((unknown.status, unknown.code().as_str()), (400, "InvalidArgument"));
    let missing = fixture.client.get_object_attributes().bucket(&fixture.bucket).key("no");
    assert_eq!(code(missing.object_attributes(ObjectAttributes::Etag).send().await), "NoSuchKey");
}

//! CompleteMultipartUpload.

use crate::fixture::{Fixture, PART_LENGTH_MIN, code, pattern};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart};

fn parts(named: &[(i32, &str)]) -> CompletedMultipartUpload {
    let parts = named.iter().map(|(number, tag)| CompletedPart::builder().part_number(*number).e_tag(*tag).build());
    CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build()
}

fn complete(
    fixture: &Fixture,
    upload: &str,
    named: &[(i32, &str)],
) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder {
    let request = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("key").upload_id(upload);
    request.multipart_upload(parts(named))
}

#[tokio::test]
async fn parts_named_become_the_object_and_the_tag_counts_them() {
    let fixture = Fixture::new().await;
    let bodies = [pattern(PART_LENGTH_MIN, 1), pattern(PART_LENGTH_MIN + 7, 2), pattern(3, 3)];
    let (upload, tags) = fixture.upload("key", &bodies).await;
    let done = complete(&fixture, &upload, &[(1, &tags[0]), (3, &tags[2])]).send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-2\""));
    let location = format!("http://{}/{}/key", fixture.authority(), fixture.bucket);
    assert_eq!(done.location(), Some(location.as_str()));
    assert!(fixture.get("key").await == [&bodies[0][..], &bodies[2]].concat());
    let listed = fixture.client.list_multipart_uploads().bucket(&fixture.bucket).send().await.unwrap();
    assert!(listed.uploads().is_empty());
}

#[tokio::test]
async fn a_repeated_complete_gets_the_same_answer() {
    let fixture = Fixture::new().await;
    let (upload, tags) = fixture.upload("key", &[b"only".to_vec()]).await;
    let first = complete(&fixture, &upload, &[(1, &tags[0])]).send().await.unwrap();
    let second = complete(&fixture, &upload, &[(1, &tags[0])]).send().await.unwrap();
    assert_eq!(first.e_tag(), second.e_tag());
    assert_eq!(fixture.keys().await, ["key"]);
}

/// The write was made and acknowledged, or would have been: what became of its object since is another matter.
#[tokio::test]
async fn a_repeated_complete_gets_the_same_answer_after_the_object_was_overwritten_or_deleted() {
    let fixture = Fixture::new().await;
    let (upload, tags) = fixture.upload("key", &[b"only".to_vec()]).await;
    let again = || complete(&fixture, &upload, &[(1, &tags[0])]).if_none_match("*").send();
    let first = again().await.unwrap();
    fixture.put("key", "newer").await;
    assert_eq!(again().await.unwrap().e_tag(), first.e_tag());
    assert_eq!(fixture.get("key").await, b"newer");
    fixture.client.delete_object().bucket(&fixture.bucket).key("key").send().await.unwrap();
    assert_eq!(again().await.unwrap().e_tag(), first.e_tag());
    assert!(fixture.keys().await.is_empty());
}

/// It answered 200 with the tag of an object that the list does not describe.
#[tokio::test]
async fn a_repeated_complete_with_another_list_finds_the_upload_gone() {
    let fixture = Fixture::new().await;
    let (upload, tags) = fixture.upload("key", &[pattern(PART_LENGTH_MIN, 1), b"last".to_vec()]).await;
    let both = [(1, tags[0].as_str()), (2, tags[1].as_str())];
    complete(&fixture, &upload, &both).send().await.unwrap();
    let never = format!("\"{}\"", "0".repeat(32));
    for other in [&both[..1], &both[1..], &[(1, tags[0].as_str()), (2, never.as_str())]] {
        assert_eq!(code(complete(&fixture, &upload, other).send().await), "NoSuchUpload", "{other:?}");
    }
    // The same tags make the same tag under any numbers.
    let renumbered = [(1, tags[0].as_str()), (3, tags[1].as_str())];
    assert_eq!(code(complete(&fixture, &upload, &renumbered).send().await), "NoSuchUpload");
    let length = PART_LENGTH_MIN as i64 + 4;
    let of_size = |size| complete(&fixture, &upload, &both).mpu_object_size(size).send();
    assert_eq!(code(of_size(length + 1).await), "NoSuchUpload");
    let checksum = complete(&fixture, &upload, &both).checksum_crc64_nvme("AAAAAAAAAAA=");
    assert_eq!(code(checksum.send().await), "NoSuchUpload");
    let of_kind = |kind| complete(&fixture, &upload, &both).checksum_type(kind).send();
    assert_eq!(code(of_kind(ChecksumType::Composite).await), "NoSuchUpload");
    of_kind(ChecksumType::FullObject).await.unwrap();
    of_size(length).await.unwrap();
    complete(&fixture, &upload, &both).send().await.unwrap();
}

#[tokio::test]
async fn rules_about_parts_are_kept() {
    let fixture = Fixture::new().await;
    let (upload, tags) = fixture.upload("key", &[b"too small".to_vec(), b"last".to_vec()]).await;
    let both = [(1, tags[0].as_str()), (2, tags[1].as_str())];
    assert_eq!(code(complete(&fixture, &upload, &both).send().await), "EntityTooSmall");
    assert_eq!(code(complete(&fixture, &upload, &[both[1], both[0]]).send().await), "InvalidPartOrder");
    assert_eq!(code(complete(&fixture, &upload, &[both[0], both[0]]).send().await), "InvalidPartOrder");
    assert_eq!(code(complete(&fixture, &upload, &[(1, tags[1].as_str())]).send().await), "InvalidPart");
    assert_eq!(code(complete(&fixture, &upload, &[(3, tags[0].as_str())]).send().await), "InvalidPart");
    assert_eq!(code(complete(&fixture, &upload, &[]).send().await), "MalformedXML");
    assert_eq!(code(complete(&fixture, &"0".repeat(32), &both).send().await), "NoSuchUpload");
    assert!(fixture.keys().await.is_empty());
    complete(&fixture, &upload, &[both[0]]).send().await.unwrap();
}

#[tokio::test]
async fn a_part_sent_twice_is_named_by_its_last_entry() {
    let fixture = Fixture::new().await;
    let (upload, tags) = fixture.upload("key", &[b"first".to_vec()]).await;
    let again = fixture.part("key", &upload, 1, b"again".to_vec()).await;
    let stale = complete(&fixture, &upload, &[(1, &again), (1, &tags[0])]).send().await;
    assert_eq!(code(stale), "InvalidPart");
    complete(&fixture, &upload, &[(1, &tags[0]), (1, &again)]).send().await.unwrap();
    assert_eq!(fixture.get("key").await, b"again");
}

#[tokio::test]
async fn conditions_are_decided_at_the_commit() {
    let fixture = Fixture::new().await;
    let (upload, tags) = fixture.upload("key", &[b"x".to_vec()]).await;
    fixture.put("key", "taken").await;
    let named = [(1, tags[0].as_str())];
    assert_eq!(code(complete(&fixture, &upload, &named).if_none_match("*").send().await), "PreconditionFailed");
    assert_eq!(fixture.get("key").await, b"taken");
    let tag = fixture.put("key", "taken").await;
    complete(&fixture, &upload, &named).if_match(tag).send().await.unwrap();
    assert_eq!(fixture.get("key").await, b"x");
}

#[tokio::test]
async fn the_size_a_client_expects_is_compared() {
    let fixture = Fixture::new().await;
    let (upload, tags) = fixture.upload("key", &[b"12345".to_vec()]).await;
    let named = [(1, tags[0].as_str())];
    assert_eq!(code(complete(&fixture, &upload, &named).mpu_object_size(4).send().await), "InvalidRequest");
    complete(&fixture, &upload, &named).mpu_object_size(5).send().await.unwrap();
}

#[tokio::test]
async fn checksums_are_composite_or_of_the_full_object() {
    let fixture = Fixture::new().await;
    let bodies = [pattern(PART_LENGTH_MIN, 1), pattern(1000, 2)];
    for (algorithm, kind) in [
        (ChecksumAlgorithm::Sha256, ChecksumType::Composite),
        (ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject),
        (ChecksumAlgorithm::Crc32, ChecksumType::FullObject),
    ] {
        let create = fixture.client.create_multipart_upload().bucket(&fixture.bucket).key("key");
        let created = create.checksum_algorithm(algorithm.clone()).checksum_type(kind.clone()).send().await.unwrap();
        let upload = created.upload_id().unwrap();
        let mut named = Vec::new();
        for (number, body) in (1..).zip(&bodies) {
            let part =
                fixture.client.upload_part().bucket(&fixture.bucket).key("key").upload_id(upload).part_number(number);
            let part = part.checksum_algorithm(algorithm.clone()).body(body.clone().into()).send().await.unwrap();
            let done = CompletedPart::builder().part_number(number).set_e_tag(part.e_tag().map(str::to_owned));
            let done = done.set_checksum_sha256(part.checksum_sha256().map(str::to_owned));
            let done = done.set_checksum_crc32(part.checksum_crc32().map(str::to_owned));
            named.push(done.set_checksum_crc64_nvme(part.checksum_crc64_nvme().map(str::to_owned)).build());
        }
        let request = fixture.client.complete_multipart_upload().bucket(&fixture.bucket).key("key").upload_id(upload);
        let named = CompletedMultipartUpload::builder().set_parts(Some(named)).build();
        let done = request.multipart_upload(named).checksum_type(kind.clone()).send().await.unwrap();
        assert_eq!(done.checksum_type(), Some(&kind));
        let head = fixture.client.head_object().bucket(&fixture.bucket).key("key").checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        let shown = head.checksum_sha256().or(head.checksum_crc32()).or(head.checksum_crc64_nvme()).unwrap();
        assert_eq!(shown.ends_with("-2"), kind == ChecksumType::Composite, "{algorithm:?}: {shown}");
        // A full-object checksum of the parts together is the one that a plain PUT of the bytes has.
        if kind == ChecksumType::FullObject {
            let put = fixture.client.put_object().bucket(&fixture.bucket).key("plain").checksum_algorithm(algorithm);
            let put = put.body(bodies.concat().into()).send().await.unwrap();
            assert_eq!(put.checksum_crc32().or(put.checksum_crc64_nvme()), Some(shown));
        }
    }
}

#[tokio::test]
async fn a_malformed_document_is_malformed_xml() {
    let fixture = Fixture::new().await;
    let (upload, _) = fixture.upload("key", &[b"x".to_vec()]).await;
    let other = "<CompleteMultipartUpload xmlns=\"urn:other\"><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part>\
                 </CompleteMultipartUpload>";
    for body in ["", "<CompleteMultipartUpload/>", "<CompleteMultipartUpload><Part>", "<Other/>", other] {
        let refused = fixture.raw("POST", &format!("/key?uploadId={upload}")).body(body).send().await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "MalformedXML"), "{body}");
    }
}

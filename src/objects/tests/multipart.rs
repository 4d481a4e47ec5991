use super::fixture::{Fixture, TestBody, complete_input, get_input, overtake_everywhere, up_to};
use crate::{
    cluster::tests::test_cluster::content,
    objects::{
        CompleteInput, ExpectedChecksum, ExpectedDigests, GetInput, ObjectError, PartPageInput, Selection,
        WritePrecondition, checksum_of,
    },
    types::{ChecksumAlgorithm, ChecksumKind, ETag},
};
use md5::{Digest, Md5};

const PART_MIN: usize = 5 << 20;

#[tokio::test]
async fn parts_become_one_object_with_the_tag_and_checksum_of_all() {
    let fixture = Fixture::start().await;
    let (first, second) = (content(PART_MIN), content(1000));
    let upload = fixture.create_upload("key", None).await;
    let two = fixture.upload_part(&upload, 2, &second).await;
    fixture.upload_part(&upload, 1, b"replaced").await;
    let one = fixture.upload_part(&upload, 1, &first).await;
    assert_eq!(fixture.get_whole("key").await, Err(ObjectError::NoSuchKey));
    let written = fixture.complete(&upload, &[(1, &one), (2, &two)]).await.unwrap();

    let md5s = [Md5::digest(&first).to_vec(), Md5::digest(&second).to_vec()].concat();
    assert_eq!(written.etag, ETag::multipart(Md5::digest(&md5s).into(), 2));
    let whole = [first.clone(), second.clone()].concat();
    let checksum = written.checksum.clone().unwrap();
    assert_eq!(checksum.checksum, checksum_of(ChecksumAlgorithm::Crc64nvme, &whole));
    assert_eq!(checksum.kind, ChecksumKind::FullObject);
    assert_eq!(fixture.get_whole("key").await.unwrap(), whole);

    for (number, bytes) in [(1, &first), (2, &second)] {
        let part = GetInput { selection: Selection::Part(number), ..get_input("key") };
        assert_eq!(&fixture.get(&part).await.unwrap(), bytes);
        assert_eq!(fixture.objects.head(&part).await.unwrap().object.part_count, Some(2));
    }
    let third = GetInput { selection: Selection::Part(3), ..get_input("key") };
    assert_eq!(fixture.get(&third).await, Err(ObjectError::NoSuchPartNumber { part_number: 3, part_count: 2 }));
}

#[tokio::test]
async fn a_repeated_complete_gets_the_same_answer_and_an_abort_none() {
    let fixture = Fixture::start().await;
    let upload = fixture.create_upload("key", None).await;
    let part = fixture.upload_part(&upload, 1, b"x").await;
    let written = fixture.complete(&upload, &[(1, &part)]).await.unwrap();
    assert_eq!(fixture.complete(&upload, &[(1, &part)]).await.unwrap(), written);
    assert_eq!(fixture.objects.abort_upload(&upload).await, Err(ObjectError::NoSuchUpload));

    let upload = fixture.create_upload("key", None).await;
    fixture.upload_part(&upload, 1, b"y").await;
    fixture.objects.abort_upload(&upload).await.unwrap();
    assert_eq!(fixture.complete(&upload, &[(1, &part)]).await, Err(ObjectError::NoSuchUpload));
    let late = fixture.objects.upload_part(&upload, 2, &ExpectedDigests::default(), TestBody::of(b"z")).await;
    assert_eq!(late, Err(ObjectError::NoSuchUpload));
    assert_eq!(fixture.get_whole("key").await.unwrap(), b"x");
}

/// Wherever a request waits, another may end the upload: its parts must not look as if they had never come.
#[tokio::test]
async fn an_upload_that_ends_under_a_request_is_gone_and_not_without_parts() {
    let fixture = Fixture::start().await;
    let other_end = async |completes: bool, waits: usize| {
        let upload = fixture.create_upload("key", None).await;
        let part = fixture.upload_part(&upload, 1, b"x").await;
        let parts = [(1, &part)];
        let mut complete = Box::pin(fixture.complete(&upload, &parts));
        let mut list = Box::pin(fixture.objects.list_parts(&upload, PartPageInput { after_part: 0, limit: 10 }));
        let (complete_ended, list_ended) = (up_to(waits, &mut complete).await, up_to(waits, &mut list).await);
        let is_overtaken = complete_ended.is_none() || list_ended.is_none();
        let completed = async { if let Some(ended) = complete_ended { ended } else { complete.await } };
        if completes {
            let written = fixture.complete(&upload, &parts).await.unwrap();
            fixture.release_all().await;
            assert_eq!(completed.await, Ok(written), "after {waits} waits");
        } else {
            let aborted = fixture.objects.abort_upload(&upload).await;
            fixture.release_all().await;
            match completed.await {
                Ok(_) => assert_eq!(aborted, Err(ObjectError::NoSuchUpload), "after {waits} waits"),
                Err(refused) => assert_eq!((refused, aborted), (ObjectError::NoSuchUpload, Ok(())), "after {waits}"),
            }
        }
        let listed = if let Some(ended) = list_ended { ended } else { list.await };
        if let Ok((_, page)) = listed {
            assert_eq!(page.parts.len(), 1, "after {waits} waits");
        }
        is_overtaken
    };
    for completes in [true, false] {
        overtake_everywhere(async |waits| other_end(completes, waits).await).await;
    }
}

#[tokio::test]
async fn a_list_of_parts_that_does_not_fit_is_refused() {
    let fixture = Fixture::start().await;
    let upload = fixture.create_upload("key", None).await;
    let one = fixture.upload_part(&upload, 1, b"small").await;
    let two = fixture.upload_part(&upload, 2, b"last").await;
    let complete = async |parts: &[_]| fixture.complete(&upload, parts).await.unwrap_err();
    assert_eq!(complete(&[(2, &two), (1, &one)]).await, ObjectError::InvalidPartOrder);
    assert_eq!(complete(&[(1, &one), (1, &one)]).await, ObjectError::InvalidPartOrder);
    assert_eq!(complete(&[(1, &two)]).await, ObjectError::InvalidPart { part_number: 1 });
    assert_eq!(complete(&[(3, &two)]).await, ObjectError::InvalidPart { part_number: 3 });
    let too_small = complete(&[(1, &one), (2, &two)]).await;
    assert!(matches!(too_small, ObjectError::EntityTooSmall { part_number: 1, size: 5, .. }), "{too_small:?}");
    let wrong_size = CompleteInput { expected_size: Some(9), ..complete_input(&upload, &[(1, &one)]) };
    let refused = fixture.objects.complete_upload(&wrong_size).await.unwrap_err();
    assert!(matches!(refused, ObjectError::InvalidRequest(_)));
    assert!(fixture.complete(&upload, &[(2, &two)]).await.is_ok(), "what was refused left the upload as it was");
}

#[tokio::test]
async fn a_conditional_complete_is_decided_at_its_commit() {
    let fixture = Fixture::start().await;
    let upload = fixture.create_upload("key", None).await;
    let part = fixture.upload_part(&upload, 1, b"multipart").await;
    fixture.put("key", b"plain").await;
    let absent = CompleteInput { precondition: WritePrecondition::Absent, ..complete_input(&upload, &[(1, &part)]) };
    let refused = fixture.objects.complete_upload(&absent).await.unwrap_err();
    assert_eq!(refused, ObjectError::PreconditionFailed { condition: "If-None-Match" });
    assert_eq!(fixture.get_whole("key").await.unwrap(), b"plain");
}

#[tokio::test]
async fn a_part_has_the_algorithm_of_its_upload() {
    let fixture = Fixture::start().await;
    let upload = fixture.create_upload("key", Some((ChecksumAlgorithm::Sha256, ChecksumKind::Composite))).await;
    let other = checksum_of(ChecksumAlgorithm::Crc32, b"x");
    let expected = ExpectedDigests { checksum: ExpectedChecksum::Value(other), ..Default::default() };
    let refused = fixture.objects.upload_part(&upload, 1, &expected, TestBody::of(b"x")).await.unwrap_err();
    assert!(matches!(refused, ObjectError::InvalidRequest(_)));
    let part = fixture.upload_part(&upload, 1, b"x").await;
    assert_eq!(part.checksum, checksum_of(ChecksumAlgorithm::Sha256, b"x"));
    let written = fixture.complete(&upload, &[(1, &part)]).await.unwrap();
    let value = checksum_of(ChecksumAlgorithm::Sha256, part.checksum.value());
    assert_eq!(written.checksum.unwrap().to_text(), format!("{}-1", value.to_base64()));
}

#[tokio::test]
async fn parts_are_listed_in_pages() {
    let fixture = Fixture::start().await;
    let upload = fixture.create_upload("key", None).await;
    for number in [3, 1, 2] {
        fixture.upload_part(&upload, number, b"x").await;
    }
    let (_, page) = fixture.objects.list_parts(&upload, PartPageInput { after_part: 0, limit: 2 }).await.unwrap();
    let numbers: Vec<_> = page.parts.iter().map(|part| part.part_number).collect();
    assert_eq!((numbers.as_slice(), page.is_truncated), (&[1, 2][..], true));
    let (_, page) = fixture.objects.list_parts(&upload, PartPageInput { after_part: 2, limit: 2 }).await.unwrap();
    assert_eq!((page.parts.len(), page.is_truncated), (1, false));
}

use super::fixture::{Fixture, TestBody, bucket, get_input, key, put_input};
use crate::{
    cluster::tests::{
        fake_nodes::Fault,
        test_cluster::{CHUNK, content},
    },
    identity::Permit,
    objects::{
        BodyError, ByteRange, DeleteEntry, ExpectedChecksum, ExpectedDigests, GetInput, ObjectError, PutInput,
        SINGLE_WRITE_MAX_BYTES, Selection, VersionSelector, WritePrecondition, checksum_of,
    },
    types::{Bypass, ChecksumAlgorithm, ETag, TagLimit, TagSet},
};
use md5::{Digest, Md5};

#[tokio::test]
async fn what_was_put_is_read_back_with_its_tag_and_checksum() {
    let fixture = Fixture::start().await;
    for length in [0, 1, 1000, CHUNK, CHUNK + 1, 5 * CHUNK + 17] {
        let bytes = content(length);
        let written = fixture.put("key", &bytes).await;
        assert_eq!(written.etag, ETag::from_md5(Md5::digest(&bytes).into()), "{length}");
        let checksum = written.checksum.unwrap().checksum;
        assert_eq!(checksum, checksum_of(ChecksumAlgorithm::Crc64nvme, &bytes), "{length}");
        assert_eq!(fixture.get_whole("key").await.unwrap(), bytes, "{length}");
    }
}

#[tokio::test]
async fn ranges_are_cut_out_of_the_object() {
    let fixture = Fixture::start().await;
    let bytes = content(3 * CHUNK + 100);
    fixture.put("key", &bytes).await;
    let size = bytes.len() as u64;
    for range in [
        ByteRange::FromTo { first: 0, last: 0 },
        ByteRange::FromTo { first: CHUNK as u64 - 1, last: CHUNK as u64 },
        ByteRange::FromTo { first: 5, last: u64::MAX },
        ByteRange::From { first: 2 * CHUNK as u64 + 7 },
        ByteRange::Suffix { length: 101 },
        ByteRange::Suffix { length: size + 5 },
    ] {
        let resolved = range.resolve(size).unwrap();
        let input = GetInput { selection: Selection::Range(range), ..get_input("key") };
        let expected = &bytes[resolved.start as usize..resolved.end as usize];
        assert_eq!(fixture.get(&input).await.unwrap(), expected, "{range:?}");
    }
    let behind = GetInput { selection: Selection::Range(ByteRange::From { first: size }), ..get_input("key") };
    assert_eq!(fixture.get(&behind).await, Err(ObjectError::InvalidRange { size }));
}

/// The answer's status went out before the first byte was there, so a client saw a 200 that broke off.
#[tokio::test]
async fn an_object_without_a_good_copy_is_refused_before_its_answer_begins() {
    let fixture = Fixture::start().await;
    fixture.put("key", &content(CHUNK)).await;
    fixture.put("empty", b"").await;
    fixture.test.nodes.iter().for_each(|node| node.corrupt_all());
    let refused = fixture.objects.get(&get_input("key")).await.map(|(found, _)| found.range);
    assert!(matches!(refused, Err(ObjectError::Unavailable(_))), "{refused:?}");
    assert_eq!(fixture.get_whole("empty").await.unwrap(), b"");
}

#[tokio::test]
async fn what_is_not_there_is_missing_by_its_own_name() {
    let fixture = Fixture::start().await;
    fixture.put("key", b"x").await;
    let no_bucket = GetInput { bucket: "other-bucket".parse().unwrap(), ..get_input("key") };
    assert_eq!(fixture.get(&no_bucket).await, Err(ObjectError::NoSuchBucket));
    assert_eq!(fixture.get_whole("other").await, Err(ObjectError::NoSuchKey));
    let null = GetInput { version: VersionSelector::Null, ..get_input("key") };
    assert_eq!(fixture.get(&null).await.unwrap(), b"x");
    let no_version = GetInput { version: VersionSelector::Null, ..get_input("other") };
    assert_eq!(fixture.get(&no_version).await, Err(ObjectError::NoSuchVersion));
    let put = PutInput { bucket: "other-bucket".parse().unwrap(), ..put_input("key") };
    assert_eq!(fixture.objects.put(put, TestBody::of(b"x")).await.unwrap_err(), ObjectError::NoSuchBucket);
}

#[tokio::test]
async fn a_wrong_digest_makes_nothing_visible() {
    let fixture = Fixture::start().await;
    let other = checksum_of(ChecksumAlgorithm::Sha1, b"other");
    let wrong = [
        ExpectedDigests { content_md5: Some([1; 16]), ..Default::default() },
        ExpectedDigests { sha256: Some([1; 32]), ..Default::default() },
        ExpectedDigests { checksum: ExpectedChecksum::Value(other), ..Default::default() },
    ];
    for expected in wrong {
        let input = PutInput { expected: expected.clone(), ..put_input("key") };
        let error = fixture.objects.put(input, TestBody::of(b"body")).await.unwrap_err();
        let fits = match error {
            ObjectError::BadContentMd5 { .. } => expected.content_md5.is_some(),
            ObjectError::ContentSha256Mismatch { .. } => expected.sha256.is_some(),
            ObjectError::BadChecksum(algorithm) => algorithm == ChecksumAlgorithm::Sha1,
            _ => false,
        };
        assert!(fits, "{expected:?}");
    }
    assert_eq!(fixture.get_whole("key").await, Err(ObjectError::NoSuchKey));
}

#[tokio::test]
async fn the_clients_checksum_is_kept_from_header_and_trailer() {
    let fixture = Fixture::start().await;
    let bytes = content(200_000);
    let checksum = checksum_of(ChecksumAlgorithm::Sha256, &bytes);
    let mut trailing = TestBody::of(&bytes);
    trailing.trailing = Some(checksum.clone());
    for (expected, body) in [
        (ExpectedChecksum::Value(checksum.clone()), TestBody::of(&bytes)),
        (ExpectedChecksum::Trailer(ChecksumAlgorithm::Sha256), trailing),
    ] {
        let expected = ExpectedDigests { checksum: expected, ..Default::default() };
        fixture.objects.put(PutInput { expected, ..put_input("key") }, body).await.unwrap();
        let found = fixture.objects.head(&get_input("key")).await.unwrap();
        assert_eq!(found.object.checksum.as_ref().unwrap().checksum, checksum);
    }
}

#[tokio::test]
async fn a_body_that_breaks_or_is_too_long_leaves_nothing() {
    let fixture = Fixture::start().await;
    for error in [BodyError::Incomplete, BodyError::SignatureMismatch, BodyError::TooSlow] {
        let body = TestBody::broken(&content(100_000), error.clone());
        let refused = fixture.objects.put(put_input("key"), body).await.unwrap_err();
        assert_eq!(refused, ObjectError::Body(error));
    }
    let too_long = TestBody::declaring(SINGLE_WRITE_MAX_BYTES + 1);
    let refused = fixture.objects.put(put_input("key"), too_long).await.unwrap_err();
    assert_eq!(refused, ObjectError::EntityTooLarge { limit: SINGLE_WRITE_MAX_BYTES });
    assert_eq!(fixture.get_whole("key").await, Err(ObjectError::NoSuchKey));
}

#[tokio::test]
async fn deleting_succeeds_whether_something_is_there_or_not() {
    let fixture = Fixture::start().await;
    fixture.put("a", b"x").await;
    let entry = |name: &str| DeleteEntry {
        key: key(name),
        version: VersionSelector::Latest,
        precondition: WritePrecondition::None,
        bypass: Bypass::None,
    };
    let deleted = fixture.objects.delete(&bucket(), entry("a"), "root", Permit::full()).await.unwrap();
    assert!(deleted.existed && deleted.version.is_none());
    assert!(!fixture.objects.delete(&bucket(), entry("a"), "root", Permit::full()).await.unwrap().existed);
    assert_eq!(fixture.get_whole("a").await, Err(ObjectError::NoSuchKey));
}

#[tokio::test]
async fn many_deletes_have_outcomes_of_their_own_in_order() {
    let fixture = Fixture::start().await;
    fixture.put("a", b"x").await;
    fixture.put("c", b"x").await;
    let entry = |name: &str, precondition| DeleteEntry {
        key: key(name),
        version: VersionSelector::Latest,
        precondition,
        bypass: Bypass::None,
    };
    let stale = WritePrecondition::Matches(vec![ETag::from_md5([9; 16])]);
    let entries = vec![entry("a", WritePrecondition::None), entry("b", WritePrecondition::None), entry("c", stale)];
    let outcomes = fixture.objects.delete_many(&bucket(), entries, "root", Permit::full()).await.unwrap();
    assert!(outcomes[0].as_ref().unwrap().existed);
    assert!(!outcomes[1].as_ref().unwrap().existed);
    assert_eq!(outcomes[2], Err(ObjectError::PreconditionFailed { condition: "If-Match" }));
    assert_eq!(fixture.get_whole("c").await.unwrap(), b"x");
    let too_many = (0..1001).map(|i| entry(&format!("k{i}"), WritePrecondition::None)).collect();
    let refused = fixture.objects.delete_many(&bucket(), too_many, "root", Permit::full()).await.unwrap_err();
    assert!(matches!(refused, ObjectError::InvalidRequest(_)));
}

#[tokio::test]
async fn tags_are_replaced_and_removed() {
    let fixture = Fixture::start().await;
    fixture.put("key", b"x").await;
    let tags = TagSet::new([("a".to_owned(), "1".to_owned())], TagLimit::Object).unwrap();
    let objects = &fixture.objects;
    for set in [tags.clone(), TagSet::default()] {
        objects
            .set_object_tags(&bucket(), &key("key"), VersionSelector::Latest, set.clone(), Permit::full())
            .await
            .unwrap();
        assert_eq!(
            objects
                .version_of(&bucket(), &key("key"), VersionSelector::Latest, Permit::full())
                .await
                .unwrap()
                .object
                .tags,
            set
        );
    }
    let missing =
        objects.set_object_tags(&bucket(), &key("no"), VersionSelector::Latest, tags.clone(), Permit::full()).await;
    assert_eq!(missing, Err(ObjectError::NoSuchKey));
    assert_eq!(objects.bucket_tags(&bucket()).await, Err(ObjectError::NoSuchTagSet));
    objects.set_bucket_tags(&bucket(), Some(tags.clone())).await.unwrap();
    assert_eq!(objects.bucket_tags(&bucket()).await, Ok(tags));
    objects.set_bucket_tags(&bucket(), None).await.unwrap();
    assert_eq!(objects.bucket_tags(&bucket()).await, Err(ObjectError::NoSuchTagSet));
}

#[tokio::test]
async fn a_bucket_goes_only_when_it_is_empty() {
    let fixture = Fixture::start().await;
    fixture.make_bucket("bucket").await.unwrap();
    fixture.put("key", b"x").await;
    assert_eq!(fixture.objects.delete_bucket(&bucket()).await, Err(ObjectError::BucketNotEmpty));
    let entry = DeleteEntry {
        key: key("key"),
        version: VersionSelector::Latest,
        precondition: WritePrecondition::None,
        bypass: Bypass::None,
    };
    fixture.objects.delete(&bucket(), entry, "root", Permit::full()).await.unwrap();
    fixture.objects.delete_bucket(&bucket()).await.unwrap();
    assert_eq!(fixture.objects.delete_bucket(&bucket()).await, Err(ObjectError::NoSuchBucket));
}

#[tokio::test]
async fn without_nodes_a_write_is_unavailable_and_a_lost_object_is_an_error() {
    let fixture = Fixture::start().await;
    fixture.put("key", &content(CHUNK)).await;
    for node in &fixture.test.nodes {
        node.set_fault(Fault::Dead);
    }
    assert!(matches!(fixture.get_whole("key").await, Err(ObjectError::Unavailable(_))));
    let refused = fixture.objects.put(put_input("new"), TestBody::of(b"x")).await.unwrap_err();
    assert!(matches!(refused, ObjectError::Unavailable(_)), "{refused:?}");
}

/// The answer had begun, with the whole length, and ended early; or was the beginning of the object alone.
#[tokio::test]
async fn metadata_that_contradicts_itself_is_an_error_before_the_first_byte() {
    for statement in [
        "UPDATE extents SET length = 100",
        "UPDATE versions SET size = 4000",
        "UPDATE extents SET content_offset = 1",
        "UPDATE versions SET size = 6000",
    ] {
        let fixture = Fixture::start().await;
        fixture.put("key", &content(5000)).await;
        fixture.objects.metadata.run_beside(statement).await;
        let first_bytes = Selection::Range(ByteRange::FromTo { first: 0, last: 9 });
        for selection in [Selection::Whole, first_bytes] {
            let answer = fixture.objects.get(&GetInput { selection, ..get_input("key") }).await;
            let Err(error) = answer else { panic!("{statement}: an answer has begun") };
            assert!(matches!(error, ObjectError::Internal(_)), "{statement}: {error:?}");
        }
    }
}

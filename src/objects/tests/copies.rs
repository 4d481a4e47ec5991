use super::fixture::{Fixture, bucket, get_input, key};
use crate::{
    cluster::tests::test_cluster::{CHUNK, content},
    objects::{
        ByteRange, CopyInput, Directive, ObjectError, OntoItself, PartCopyInput, ReadConditions, SourceInput,
        TagCondition, VersionSelector, WritePrecondition, checksum_of,
    },
    types::{ChecksumAlgorithm, ETag, ObjectHeaders, VersionLock},
};
use md5::{Digest, Md5};

pub fn source(name: &str) -> SourceInput {
    SourceInput {
        bucket: bucket(),
        key: key(name),
        version: VersionSelector::Latest,
        conditions: ReadConditions::default(),
    }
}

pub fn copy_input(from: &str, to: &str) -> CopyInput {
    CopyInput {
        source: source(from),
        bucket: bucket(),
        key: key(to),
        owner: "root".into(),
        headers: Directive::Copy,
        website_redirect: None,
        tags: Directive::Copy,
        checksum: None,
        onto_itself: OntoItself::ChangesNothing,
        precondition: WritePrecondition::None,
        lock: VersionLock::default(),
        acl: None,
    }
}

#[tokio::test]
async fn a_copy_moves_no_data_and_outlives_its_source() {
    let fixture = Fixture::start().await;
    let bytes = content(2 * CHUNK + 5);
    let written = fixture.put("a", &bytes).await;
    let chunks = fixture.chunk_count();
    let copied = fixture.objects.copy(copy_input("a", "b")).await.unwrap();
    assert_eq!((copied.written.etag, copied.written.checksum), (written.etag, written.checksum));
    assert_eq!(fixture.chunk_count(), chunks);
    fixture.test.delete("a").await;
    assert_eq!(fixture.get_whole("b").await.unwrap(), bytes);
}

#[tokio::test]
async fn a_copy_onto_itself_has_to_change_something() {
    let fixture = Fixture::start().await;
    fixture.put("a", b"x").await;
    let refused = fixture.objects.copy(copy_input("a", "a")).await.unwrap_err();
    assert!(matches!(refused, ObjectError::InvalidRequest(_)));
    let headers = ObjectHeaders { user: [("m".to_owned(), "1".to_owned())].into(), ..Default::default() };
    let replacing = CopyInput {
        headers: Directive::Replace(headers.clone()),
        onto_itself: OntoItself::ChangesSomething,
        ..copy_input("a", "a")
    };
    fixture.objects.copy(replacing).await.unwrap();
    assert_eq!(fixture.objects.head(&get_input("a")).await.unwrap().object.headers, headers);
    assert_eq!(fixture.get_whole("a").await.unwrap(), b"x");
}

#[tokio::test]
async fn another_checksum_is_computed_from_the_source() {
    let fixture = Fixture::start().await;
    let bytes = content(CHUNK * 3);
    fixture.put("a", &bytes).await;
    let input = CopyInput { checksum: Some(ChecksumAlgorithm::Sha256), ..copy_input("a", "b") };
    let copied = fixture.objects.copy(input).await.unwrap();
    assert_eq!(copied.written.checksum.unwrap().checksum, checksum_of(ChecksumAlgorithm::Sha256, &bytes));
}

#[tokio::test]
async fn the_website_redirect_is_never_taken_from_the_source() {
    let fixture = Fixture::start().await;
    fixture.put("a", b"x").await;
    let redirected = CopyInput { website_redirect: Some("/there".into()), ..copy_input("a", "b") };
    fixture.objects.copy(redirected).await.unwrap();
    let redirect = async |name: &str| {
        fixture.objects.head(&get_input(name)).await.unwrap().object.headers.system.website_redirect_location.clone()
    };
    assert_eq!(redirect("b").await.as_deref(), Some("/there"));
    fixture.objects.copy(copy_input("b", "c")).await.unwrap();
    assert_eq!(redirect("c").await, None);
}

#[tokio::test]
async fn conditions_on_the_source_are_failed_preconditions() {
    let fixture = Fixture::start().await;
    let etag = fixture.put("a", b"x").await.etag;
    let with = |conditions| CopyInput { source: SourceInput { conditions, ..source("a") }, ..copy_input("a", "b") };
    let tags = |etag: &ETag| Some(TagCondition::Tags(vec![etag.clone()]));
    let other: ETag = "other".parse().unwrap();
    assert!(fixture.objects.copy(with(ReadConditions { if_match: tags(&etag), ..Default::default() })).await.is_ok());
    for conditions in [
        ReadConditions { if_match: tags(&other), ..Default::default() },
        ReadConditions { if_none_match: tags(&etag), ..Default::default() },
    ] {
        let refused = fixture.objects.copy(with(conditions)).await.unwrap_err();
        assert!(matches!(refused, ObjectError::PreconditionFailed { .. }), "{refused:?}");
    }
    let missing = fixture.objects.copy(copy_input("no", "b")).await.unwrap_err();
    assert_eq!(missing, ObjectError::NoSuchKey);
}

#[tokio::test]
async fn a_copied_part_is_a_slice_of_its_source() {
    let fixture = Fixture::start().await;
    let bytes = content(3 * CHUNK);
    fixture.put("source", &bytes).await;
    let upload = fixture.create_upload("target", None).await;
    let chunks = fixture.chunk_count();
    let range = ByteRange::FromTo { first: 100, last: 2 * CHUNK as u64 };
    let slice = &bytes[100..=2 * CHUNK];
    let input = PartCopyInput { name: upload.clone(), part_number: 1, source: source("source"), range: Some(range) };
    let copied = fixture.objects.copy_part(input.clone()).await.unwrap();
    assert_eq!(copied.part.etag, ETag::from_md5(Md5::digest(slice).into()));
    assert_eq!(copied.part.checksum, checksum_of(ChecksumAlgorithm::Crc64nvme, slice));
    assert_eq!(fixture.chunk_count(), chunks, "no data moved");
    fixture.complete(&upload, &[(1, &copied.part)]).await.unwrap();
    assert_eq!(fixture.get_whole("target").await.unwrap(), slice);

    let upload = fixture.create_upload("target", None).await;
    let beyond = Some(ByteRange::FromTo { first: 0, last: bytes.len() as u64 });
    let refused = fixture.objects.copy_part(PartCopyInput { name: upload, range: beyond, ..input }).await.unwrap_err();
    assert_eq!(refused, ObjectError::InvalidCopyRange { size: bytes.len() as u64 });
}

#[tokio::test]
async fn a_whole_source_is_copied_as_a_part_without_being_read() {
    let fixture = Fixture::start().await;
    let bytes = content(2 * CHUNK);
    let written = fixture.put("source", &bytes).await;
    let reads = || fixture.test.nodes.iter().map(|node| node.get_count()).sum::<u64>();
    let upload = fixture.create_upload("target", None).await;
    let before = reads();
    let input = PartCopyInput { name: upload.clone(), part_number: 1, source: source("source"), range: None };
    let copied = fixture.objects.copy_part(input).await.unwrap();
    assert_eq!((copied.part.etag.clone(), reads()), (written.etag, before));
    fixture.complete(&upload, &[(1, &copied.part)]).await.unwrap();
    assert_eq!(fixture.get_whole("target").await.unwrap(), bytes);
}

//! Wherever a read or a copy waits, another request may replace the object or delete it, and all that only the old version
//! had may be gone: the answer is that of the key before or after.

use super::{
    copies::{copy_input, source},
    fixture::{Fixture, bucket, complete_input, get_input, key, overtake_everywhere, up_to},
};
use crate::{
    cluster::tests::test_cluster::content,
    identity::Permit,
    metadata::rows::ReadFrom,
    objects::{
        ByteRange, CopyInput, CreateBucketInput, DeleteEntry, GetInput, ListUploadsInput, ObjectError, PartCopyInput,
        PartPageInput, Selection, StoredPart, UploadName, VersionSelector, WritePrecondition, checksum_of,
    },
    types::{BucketName, Bypass, ChecksumAlgorithm, ETag, TagLimit, TagSet},
};

const PART_MIN: usize = 5 << 20;

/// Reads of the object's first part.
#[derive(Clone, Copy, Debug)]
enum Read {
    Get,
    Head,
    Attributes,
}

/// What comes between.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Delete,
    PutWhole,
    PutInParts,
}

/// Whether the look-up is answered by the cache.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    No,
    Yes,
}

async fn put_in_parts(fixture: &Fixture, bytes: &[u8]) {
    let upload = fixture.create_upload("key", None).await;
    let part = fixture.upload_part(&upload, 1, bytes).await;
    fixture.complete(&upload, &[(1, &part)]).await.unwrap();
}

/// The part's length; of an object that was put whole, the object's.
async fn read(fixture: &Fixture, read: Read) -> Result<u64, ObjectError> {
    let input = GetInput { selection: Selection::Part(1), ..get_input("key") };
    match read {
        Read::Get => fixture.get(&input).await.map(|bytes| bytes.len() as u64),
        Read::Head => fixture.objects.head(&input).await.map(|found| found.range.end - found.range.start),
        Read::Attributes => {
            let page = PartPageInput { after_part: 0, limit: 10 };
            let attributes = fixture.objects.attributes(&get_input("key"), Some(page)).await?;
            let size = attributes.object.size;
            Ok(attributes.parts.map_or(size, |page| page.parts.iter().map(|part| part.size).sum()))
        }
    }
}

/// What a read answers behind it.
async fn end(fixture: &Fixture, ending: Ending) -> Result<u64, ObjectError> {
    let after = match ending {
        Ending::Delete => {
            let (version, precondition) = (VersionSelector::Latest, WritePrecondition::None);
            let entry = DeleteEntry { key: key("key"), version, precondition, bypass: Bypass::None };
            fixture.objects.delete(&bucket(), entry, "root", Permit::full()).await.unwrap();
            Err(ObjectError::NoSuchKey)
        }
        Ending::PutWhole => Ok(fixture.put("key", b"whole").await.size),
        Ending::PutInParts => {
            put_in_parts(fixture, b"another").await;
            Ok(7)
        }
    };
    fixture.release_all().await;
    after
}

/// Lets the read wait so often, then the other request ends; whether the read had not ended before.
async fn overtake(fixture: &Fixture, of: Read, ending: Ending, known: Known, waits: usize) -> bool {
    put_in_parts(fixture, b"old").await;
    if known == Known::Yes {
        fixture.get_whole("key").await.unwrap();
    }
    let mut reading = Box::pin(read(fixture, of));
    let ended = up_to(waits, &mut reading).await;
    let is_overtaken = ended.is_none();
    let after = end(fixture, ending).await;
    let answer = if let Some(ended) = ended { ended } else { reading.await };
    assert!(answer == Ok(3) || answer == after, "{of:?} {ending:?} {known:?} after {waits} waits: {answer:?}");
    is_overtaken
}

#[tokio::test]
async fn a_part_is_of_the_object_before_or_after_what_came_between() {
    let fixture = Fixture::start().await;
    for of in [Read::Get, Read::Head, Read::Attributes] {
        for ending in [Ending::Delete, Ending::PutWhole, Ending::PutInParts] {
            for known in [Known::No, Known::Yes] {
                overtake_everywhere(async |waits| overtake(&fixture, of, ending, known, waits).await).await;
            }
        }
    }
}

/// An object whose last extent, `old`, is on no look-up's first page.
async fn put_in_pieces(fixture: &Fixture, count: u32) {
    let name = fixture.create_upload("key", None).await;
    let mut parts = Vec::new();
    for part_number in 1..count {
        let input = PartCopyInput { name: name.clone(), part_number, source: source("source"), range: None };
        parts.push((part_number, fixture.objects.copy_part(input).await.unwrap().part));
    }
    parts.push((count, fixture.upload_part(&name, count, b"old").await));
    let named: Vec<_> = parts.iter().map(|(number, part)| (*number, part)).collect();
    fixture.complete(&name, &named).await.unwrap();
}

#[tokio::test]
async fn a_range_far_behind_is_of_the_object_before_or_after_what_came_between() {
    let fixture = Fixture::start().await;
    fixture.put("source", &content(PART_MIN)).await;
    let overtake = async |selection: Selection, waits: usize| {
        put_in_pieces(&fixture, 20).await;
        let first_byte = Selection::Range(ByteRange::FromTo { first: 0, last: 0 });
        fixture.get(&GetInput { selection: first_byte, ..get_input("key") }).await.unwrap();
        let bucket = fixture.objects.bucket(&bucket()).await.unwrap().id;
        let (metadata, key) = (&fixture.objects.metadata, key("key"));
        let known = metadata.lookup(bucket, &key, VersionSelector::Latest, ReadFrom::Nothing).await.unwrap();
        assert!(
            known.unwrap().next_offset.is_some(),
            "the cache has the first page of its extents, and there are more"
        );
        let input = GetInput { selection, ..get_input("key") };
        let mut reading = Box::pin(fixture.get(&input));
        let ended = up_to(waits, &mut reading).await;
        let is_overtaken = ended.is_none();
        fixture.put("key", b"new").await;
        fixture.release_all().await;
        let answer = if let Some(ended) = ended { ended } else { reading.await };
        let answers = match selection {
            Selection::Part(20) => {
                [Ok(b"old".to_vec()), Err(ObjectError::NoSuchPartNumber { part_number: 20, part_count: 1 })]
            }
            _ => [Ok(b"old".to_vec()), Ok(b"new".to_vec())],
        };
        assert!(answers.contains(&answer), "{selection:?} after {waits} waits: {answer:?}");
        is_overtaken
    };
    for selection in [Selection::Range(ByteRange::Suffix { length: 3 }), Selection::Part(20)] {
        overtake_everywhere(async |waits| overtake(selection, waits).await).await;
    }
}

/// A copy for which the source is read, so that the copy's checksum is right for one version alone.
#[tokio::test]
async fn a_copy_is_of_the_source_before_or_after_what_came_between() {
    let fixture = Fixture::start().await;
    overtake_everywhere(async |waits| {
        fixture.put("source", b"old").await;
        let input = CopyInput { checksum: Some(ChecksumAlgorithm::Sha256), ..copy_input("source", "key") };
        let mut copying = Box::pin(fixture.objects.copy(input));
        let ended = up_to(waits, &mut copying).await;
        let is_overtaken = ended.is_none();
        fixture.put("source", b"another").await;
        fixture.release_all().await;
        let copied = if let Some(ended) = ended { ended } else { copying.await };
        let bytes = fixture.get_whole("key").await.unwrap();
        assert!([&b"old"[..], b"another"].contains(&bytes.as_slice()), "after {waits} waits: {bytes:?}");
        let checksum = copied.unwrap().written.checksum.unwrap().checksum;
        assert_eq!(checksum, checksum_of(ChecksumAlgorithm::Sha256, &bytes), "after {waits} waits");
        is_overtaken
    })
    .await;
}

#[tokio::test]
async fn a_copied_part_is_of_the_source_before_or_after_what_came_between() {
    let fixture = Fixture::start().await;
    overtake_everywhere(async |waits| {
        fixture.put("source", b"old").await;
        let name = fixture.create_upload("key", None).await;
        let input = PartCopyInput { name: name.clone(), part_number: 1, source: source("source"), range: None };
        let mut copying = Box::pin(fixture.objects.copy_part(input));
        let ended = up_to(waits, &mut copying).await;
        let is_overtaken = ended.is_none();
        fixture.put("source", b"another").await;
        fixture.release_all().await;
        let copied = if let Some(ended) = ended { ended } else { copying.await };
        fixture.complete(&name, &[(1, &copied.unwrap().part)]).await.unwrap();
        let bytes = fixture.get_whole("key").await.unwrap();
        assert!([&b"old"[..], b"another"].contains(&bytes.as_slice()), "after {waits} waits: {bytes:?}");
        is_overtaken
    })
    .await;
}

/// What is in a bucket, and goes with it.
#[derive(Clone, Copy, Debug)]
enum InBucket {
    Tags,
    ListedUploads,
    Parts,
    NewPart,
    Complete,
}

/// Whether it was found.
async fn find(fixture: &Fixture, what: InBucket, upload: &UploadName) -> Result<bool, ObjectError> {
    let (objects, bucket) = (&fixture.objects, upload.bucket.clone());
    match what {
        InBucket::Tags => objects.bucket_tags(&bucket).await.map(|tags| tags == tags_of_bucket()),
        InBucket::ListedUploads => {
            let [prefix, delimiter, key_marker] = [const { String::new() }; 3];
            let input = ListUploadsInput { bucket, prefix, delimiter, key_marker, upload_marker: None, limit: 10 };
            objects.list_uploads(input).await.map(|page| page.entries.len() == 1)
        }
        InBucket::Parts => {
            let page = PartPageInput { after_part: 0, limit: 10 };
            objects.list_parts(upload, page).await.map(|(_, parts)| parts.parts.len() == 1)
        }
        InBucket::NewPart => {
            let input = PartCopyInput { name: upload.clone(), part_number: 2, source: source("source"), range: None };
            objects.copy_part(input).await.map(|_| true)
        }
        InBucket::Complete => {
            // With another part: refused while the upload is there.
            let other =
                StoredPart { etag: ETag::from_md5([0; 16]), checksum: checksum_of(ChecksumAlgorithm::Crc32, b"") };
            match objects.complete_upload(&complete_input(upload, &[(1, &other)])).await {
                Err(ObjectError::InvalidPart { .. }) => Ok(true),
                other => other.map(|_| false),
            }
        }
    }
}

fn tags_of_bucket() -> TagSet {
    TagSet::new([("k".to_owned(), "v".to_owned())], TagLimit::Bucket).unwrap()
}

/// They were told that the upload or the tags are gone, which sounds as if the bucket were there.
#[tokio::test]
async fn what_goes_with_its_bucket_is_missed_by_the_buckets_name() {
    let fixture = Fixture::start().await;
    fixture.put("source", b"source").await;
    let name: BucketName = "going".parse().unwrap();
    let overtake = async |what: InBucket, waits: usize| {
        let tags = Some(tags_of_bucket());
        let input = CreateBucketInput {
            name: name.clone(),
            region: String::new(),
            owner: "root".into(),
            tags,
            object_lock: None,
            acl: None,
            ownership: None,
        };
        fixture.objects.create_bucket(input).await.unwrap();
        let upload = fixture.create_upload_in(&name, "key", None).await;
        fixture.upload_part(&upload, 1, b"part").await;
        let mut finding = Box::pin(find(&fixture, what, &upload));
        let ended = up_to(waits, &mut finding).await;
        let is_overtaken = ended.is_none();
        fixture.objects.delete_bucket(&name).await.unwrap();
        fixture.release_all().await;
        let answer = if let Some(ended) = ended { ended } else { finding.await };
        assert!(
            [Ok(true), Err(ObjectError::NoSuchBucket)].contains(&answer),
            "{what:?} after {waits} waits: {answer:?}"
        );
        is_overtaken
    };
    for what in [InBucket::Tags, InBucket::ListedUploads, InBucket::Parts, InBucket::NewPart, InBucket::Complete] {
        overtake_everywhere(async |waits| overtake(what, waits).await).await;
    }
}

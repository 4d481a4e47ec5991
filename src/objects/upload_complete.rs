//! CompleteMultipartUpload. The parts are read, the entity tag and the checksum of the whole are computed from them
//! without touching data, and one command does the rest; it checks each part again, so a part that was replaced in
//! between is refused, never mixed in. A repeated Complete gets the answer of the first for seven days, if it asks for the
//! same object: the same parts under the same numbers, and no other size, checksum or kind of it. Any other finds the upload gone,
//! which it is.
//! Source: Amazon S3 API Reference, "CompleteMultipartUpload".

use super::{
    ObjectError, Objects, WritePrecondition,
    checksum_combine::{combine, multipart_etag},
    handle::unexpected,
    upload_part::{UploadName, kept_algorithm},
};
use crate::{
    metadata::{
        Command, CommandError, Outcome, ProposeError,
        command::{CompleteUpload, CompletedPart},
        outcome::{KeptCompletion, PartRuns, WrittenVersion},
        rows::{Bucket, Upload, UploadPart},
    },
    types::{Checksum, ChecksumAlgorithm, ChecksumKind, ETag, ObjectChecksum, UploadId},
};
use std::collections::HashMap;

/// Parts of one upload. Amazon S3 User Guide, "Multipart upload limits".
pub const PARTS_MAX: u32 = 10_000;

/// Parts that are fetched by one query: 10 000 parts are ten short reads and never one long one.
const PARTS_FETCHED: u32 = 1000;

#[derive(Clone, Debug)]
pub struct CompleteInput {
    pub name: UploadName,
    pub parts: Vec<NamedPart>,
    /// `x-amz-checksum-*`: algorithm and value as text, with `-N` when composite.
    pub expected_checksum: Option<(ChecksumAlgorithm, String)>,
    pub expected_kind: Option<ChecksumKind>,
    /// `x-amz-mp-object-size`.
    pub expected_size: Option<u64>,
    pub precondition: WritePrecondition,
}

/// A part as the client's list names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPart {
    pub part_number: u32,
    pub etag: ETag,
    pub checksum: Option<Checksum>,
}

impl Objects {
    pub async fn complete_upload(&self, input: &CompleteInput) -> Result<WrittenVersion, ObjectError> {
        let bucket = self.bucket(&input.name.bucket).await?;
        // Before the upload, whose parts go with it: an upload that is still open afterwards had all of them.
        let known = self.all_parts(input.name.upload).await?;
        let upload = self.metadata.upload(bucket.id, &input.name.key, input.name.upload).await?;
        let parts = each_part_once(&input.parts)?;
        let Some(upload) = upload else { return self.repeated_complete(&bucket, input, &parts).await };
        let whole = Whole::of(input, &parts, &upload, &known)?;
        let command = Command::CompleteUpload(CompleteUpload {
            bucket: bucket.id,
            key: input.name.key.clone(),
            upload: input.name.upload,
            version: self.new_version_id(),
            created: self.now(),
            parts: whole.parts,
            etag: whole.etag,
            checksum: whole.checksum,
            expected_size: input.expected_size,
            precondition: input.precondition.clone(),
        });
        match self.metadata.propose(command).await {
            Ok(Outcome::Completed(completed)) if completed.repeated => same_object(completed.kept, input, &parts),
            Ok(Outcome::Completed(completed)) => Ok(completed.kept.written),
            Ok(other) => Err(unexpected(&other)),
            // Another Complete of the same upload came first.
            Err(ProposeError::Refused(CommandError::NoSuchUpload)) => {
                self.repeated_complete(&bucket, input, &parts).await
            }
            Err(ProposeError::Refused(CommandError::TooManyExtents { limit })) => {
                Err(ObjectError::InvalidRequest(format!(
                    "The parts consist of more than {limit} pieces, because they were copied from fragmented objects. \
                     Upload some of them again."
                )))
            }
            Err(error) => Err(input.precondition.name_failure(error.into())),
        }
    }

    async fn repeated_complete(
        &self,
        bucket: &Bucket,
        input: &CompleteInput,
        parts: &[&NamedPart],
    ) -> Result<WrittenVersion, ObjectError> {
        let completed = self.metadata.completed_upload(bucket.id, &input.name.key, input.name.upload).await?;
        let Some(completed) = completed else {
            // In a bucket that was made anew meanwhile there is no such upload either.
            self.bucket(&bucket.name).await?;
            return Err(ObjectError::NoSuchUpload);
        };
        same_object(completed.kept, input, parts)
    }

    async fn all_parts(&self, upload: UploadId) -> Result<HashMap<u32, UploadPart>, ObjectError> {
        let (mut parts, mut after) = (HashMap::new(), 0);
        loop {
            let page = self.metadata.upload_parts(upload, after, PARTS_FETCHED).await?;
            let is_last = page.len() < PARTS_FETCHED as usize;
            after = page.last().map_or(after, |part| part.part_number);
            parts.extend(page.into_iter().map(|part| (part.part_number, part)));
            if is_last {
                return Ok(parts);
            }
        }
    }
}

/// What was completed, if the request asks for the same: a client that names other parts, or says that they are another
/// object, must not take it for that.
fn same_object(
    kept: KeptCompletion,
    input: &CompleteInput,
    parts: &[&NamedPart],
) -> Result<WrittenVersion, ObjectError> {
    let KeptCompletion { written, parts: kept_parts } = kept;
    let numbers = PartRuns::of(parts.iter().map(|part| part.part_number));
    let is_same = multipart_etag(parts.iter().map(|part| &part.etag)).is_some_and(|etag| etag == written.etag)
        && kept_parts.is_none_or(|kept| kept == numbers)
        && input.expected_size.is_none_or(|size| size == written.size)
        && input.expected_kind.is_none_or(|kind| written.checksum.as_ref().is_none_or(|known| known.kind == kind))
        && has_expected_checksum(input, written.checksum.as_ref());
    if is_same { Ok(written) } else { Err(ObjectError::NoSuchUpload) }
}

/// What the parts make together.
#[derive(Debug)]
struct Whole {
    parts: Vec<CompletedPart>,
    etag: ETag,
    checksum: Option<ObjectChecksum>,
}

impl Whole {
    fn of(
        input: &CompleteInput,
        parts: &[&NamedPart],
        upload: &Upload,
        known: &HashMap<u32, UploadPart>,
    ) -> Result<Self, ObjectError> {
        let named: Vec<&UploadPart> = parts.iter().map(|part| find_part(part, known)).collect::<Result<_, _>>()?;
        let invalid = ObjectError::InvalidPart { part_number: parts.first().map_or(1, |part| part.part_number) };
        let etag = multipart_etag(named.iter().map(|part| &part.etag)).ok_or(invalid)?;
        let checksum = whole_checksum(upload, &named);
        check_expected(input, upload, checksum.as_ref())?;
        for (part, known) in parts.iter().zip(&named) {
            check_part_checksum(part, known, upload)?;
        }
        let completed = |part: &&UploadPart| CompletedPart {
            part_number: part.part_number,
            etag: part.etag.clone(),
            checksum: part.checksum.clone(),
        };
        Ok(Self { parts: named.iter().map(completed).collect(), etag, checksum })
    }
}

/// The list in ascending order, each number once. A number that follows itself with another entity tag is a part that
/// was uploaded again before its first upload had ended, and the client recorded both: the one that it named last
/// counts. The same entry twice is a list out of order.
fn each_part_once(named: &[NamedPart]) -> Result<Vec<&NamedPart>, ObjectError> {
    let mut parts: Vec<&NamedPart> = Vec::with_capacity(named.len());
    for part in named {
        match parts.last_mut() {
            Some(last) if last.part_number == part.part_number && last.etag != part.etag => *last = part,
            Some(last) if last.part_number >= part.part_number => return Err(ObjectError::InvalidPartOrder),
            _ => parts.push(part),
        }
    }
    Ok(parts)
}

fn find_part<'a>(named: &NamedPart, known: &'a HashMap<u32, UploadPart>) -> Result<&'a UploadPart, ObjectError> {
    let part = known.get(&named.part_number).filter(|part| part.etag == named.etag);
    part.ok_or(ObjectError::InvalidPart { part_number: named.part_number })
}

/// A checksum in another algorithm than the kept one can't be compared any more: it was checked when the part came. Of an
/// upload that has an algorithm no part came with another.
fn check_part_checksum(named: &NamedPart, known: &UploadPart, upload: &Upload) -> Result<(), ObjectError> {
    let (Some(value), Some(kept)) = (&named.checksum, &known.checksum) else { return Ok(()) };
    match value.algorithm() == kept.algorithm() {
        true if value != kept => Err(ObjectError::InvalidPart { part_number: named.part_number }),
        false if upload.checksum.is_some() => Err(ObjectError::BadChecksum(value.algorithm())),
        true | false => Ok(()),
    }
}

fn whole_checksum(upload: &Upload, parts: &[&UploadPart]) -> Option<ObjectChecksum> {
    let algorithm = kept_algorithm(upload);
    let kind = upload.checksum.map_or(ChecksumKind::FullObject, |(_, kind)| kind);
    let values: Option<Vec<_>> =
        parts.iter().map(|part| part.checksum.clone().map(|checksum| (checksum, part.size))).collect();
    combine(algorithm, kind, &values?)
}

/// The client's word about the whole: its kind and value must be those that came out.
fn check_expected(
    input: &CompleteInput,
    upload: &Upload,
    checksum: Option<&ObjectChecksum>,
) -> Result<(), ObjectError> {
    let kind = upload.checksum.map_or(ChecksumKind::FullObject, |(_, kind)| kind);
    if input.expected_kind.is_some_and(|expected| expected != kind) {
        return Err(ObjectError::InvalidRequest(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            kind.name()
        )));
    }
    match &input.expected_checksum {
        Some((algorithm, _)) if !has_expected_checksum(input, checksum) => Err(ObjectError::BadChecksum(*algorithm)),
        _ => Ok(()),
    }
}

/// Also when nothing was expected. A composite value comes with its number of parts or without.
fn has_expected_checksum(input: &CompleteInput, checksum: Option<&ObjectChecksum>) -> bool {
    let Some((algorithm, text)) = &input.expected_checksum else { return true };
    let is_value = |known: &ObjectChecksum| known.to_text() == *text || known.checksum.to_base64() == *text;
    checksum.is_some_and(|known| known.checksum.algorithm() == *algorithm && is_value(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        objects::digest::checksum_of,
        types::{BucketId, ObjectHeaders, ObjectKey, TagSet, Timestamp},
    };

    fn upload(checksum: Option<(ChecksumAlgorithm, ChecksumKind)>) -> Upload {
        Upload {
            upload: UploadId::from_bytes([1; 16]),
            bucket: BucketId(1),
            key: ObjectKey::new("key").unwrap(),
            initiated: Timestamp::default(),
            owner: "owner".into(),
            headers: ObjectHeaders::default(),
            tags: TagSet::default(),
            checksum,
        }
    }

    fn known(algorithm: ChecksumAlgorithm) -> HashMap<u32, UploadPart> {
        let part = |part_number: u32| UploadPart {
            part_number,
            size: 1,
            etag: ETag::from_md5([part_number as u8; 16]),
            modified: Timestamp::default(),
            checksum: Some(checksum_of(algorithm, &[part_number as u8])),
        };
        [(1, part(1)), (2, part(2))].into()
    }

    fn input(parts: &[u32]) -> CompleteInput {
        let named = |number: &u32| NamedPart {
            part_number: *number,
            etag: ETag::from_md5([*number as u8; 16]),
            checksum: None,
        };
        CompleteInput {
            name: UploadName {
                bucket: "bucket".parse().unwrap(),
                key: ObjectKey::new("key").unwrap(),
                upload: UploadId::from_bytes([1; 16]),
            },
            parts: parts.iter().map(named).collect(),
            expected_checksum: None,
            expected_kind: None,
            expected_size: None,
            precondition: WritePrecondition::None,
        }
    }

    fn whole(input: &CompleteInput, upload: &Upload, known: &HashMap<u32, UploadPart>) -> Result<Whole, ObjectError> {
        Whole::of(input, &each_part_once(&input.parts)?, upload, known)
    }

    #[test]
    fn a_part_that_was_sent_twice_is_named_by_its_last_entry() {
        let named = |number, tag| NamedPart { part_number: number, etag: ETag::from_md5([tag; 16]), checksum: None };
        let tags = |list: &[(u32, u8)]| {
            let list: Vec<_> = list.iter().map(|(number, tag)| named(*number, *tag)).collect();
            each_part_once(&list).map(|parts| parts.iter().map(|part| part.etag.md5().unwrap()[0]).collect::<Vec<_>>())
        };
        assert_eq!(tags(&[(1, 1), (3, 3)]), Ok(vec![1, 3]));
        assert_eq!(tags(&[(1, 1), (1, 2), (1, 3), (2, 4)]), Ok(vec![3, 4]));
        for out_of_order in [&[(2, 1), (1, 2)][..], &[(1, 1), (1, 1)], &[(1, 1), (2, 2), (1, 3)]] {
            assert_eq!(tags(out_of_order), Err(ObjectError::InvalidPartOrder), "{out_of_order:?}");
        }
    }

    #[test]
    fn an_upload_without_algorithm_gets_a_full_crc64() {
        let whole = whole(&input(&[1, 2]), &upload(None), &known(ChecksumAlgorithm::Crc64nvme)).unwrap();
        let expected = ObjectChecksum::full_object(checksum_of(ChecksumAlgorithm::Crc64nvme, &[1, 2]));
        assert_eq!(whole.checksum, Some(expected));
        assert!(whole.etag.as_str().ends_with("-2"));
    }

    #[test]
    fn parts_that_are_unknown_or_differ_are_refused() {
        let parts = known(ChecksumAlgorithm::Crc64nvme);
        let unknown = whole(&input(&[1, 3]), &upload(None), &parts).unwrap_err();
        assert_eq!(unknown, ObjectError::InvalidPart { part_number: 3 });
        let mut other_tag = input(&[1, 2]);
        other_tag.parts[1].etag = ETag::from_md5([9; 16]);
        assert_eq!(whole(&other_tag, &upload(None), &parts).unwrap_err(), ObjectError::InvalidPart { part_number: 2 });
        let mut other_checksum = input(&[1, 2]);
        other_checksum.parts[0].checksum = Some(checksum_of(ChecksumAlgorithm::Crc64nvme, b"other"));
        assert_eq!(
            whole(&other_checksum, &upload(None), &parts).unwrap_err(),
            ObjectError::InvalidPart { part_number: 1 }
        );
        // The parts of an upload without an algorithm may have come with any.
        let crc32 = checksum_of(ChecksumAlgorithm::Crc32, &[1]);
        other_checksum.parts[0].checksum = Some(crc32);
        assert!(whole(&other_checksum, &upload(None), &parts).is_ok());
        let chosen = upload(Some((ChecksumAlgorithm::Crc64nvme, ChecksumKind::FullObject)));
        let refused = whole(&other_checksum, &chosen, &parts).unwrap_err();
        assert_eq!(refused, ObjectError::BadChecksum(ChecksumAlgorithm::Crc32));
    }

    #[test]
    fn what_the_client_says_of_the_whole_is_checked() {
        let composite = upload(Some((ChecksumAlgorithm::Sha256, ChecksumKind::Composite)));
        let parts = known(ChecksumAlgorithm::Sha256);
        let right = whole(&input(&[1, 2]), &composite, &parts).unwrap().checksum.unwrap().to_text();
        let with = |text: &str| CompleteInput {
            expected_checksum: Some((ChecksumAlgorithm::Sha256, text.to_owned())),
            ..input(&[1, 2])
        };
        assert!(whole(&with(&right), &composite, &parts).is_ok());
        let bare = right.split_once('-').unwrap().0;
        assert!(whole(&with(bare), &composite, &parts).is_ok());
        let wrong = whole(&with("bad"), &composite, &parts).unwrap_err();
        assert_eq!(wrong, ObjectError::BadChecksum(ChecksumAlgorithm::Sha256));
        let other_kind = CompleteInput { expected_kind: Some(ChecksumKind::FullObject), ..input(&[1, 2]) };
        assert!(matches!(whole(&other_kind, &composite, &parts), Err(ObjectError::InvalidRequest(_))));
    }
}

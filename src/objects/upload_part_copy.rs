//! UploadPartCopy: a part that names a slice of another object's extents; no data moves. The slice is read once for
//! its entity tag and checksum, unless the source's own are those of the slice. Where a slice would have too many
//! extents, its bytes are written anew. Source: Amazon S3 API Reference, "UploadPartCopy".

use super::{
    ByteRange, ObjectError, Objects, SINGLE_WRITE_MAX_BYTES,
    copy_source::{FoundSource, Pinned, SourceInput},
    digest::BodyHasher,
    handle::unexpected,
    overtaken::unless_overtaken,
    upload_part::{StoredPart, UploadName, kept_algorithm},
};
use crate::{
    metadata::{
        Command, CommandError, Outcome, ProposeError,
        command::{CopyPart, PutPart},
        rows::Bucket,
    },
    types::{ChecksumAlgorithm, ChecksumKind, ETag, Timestamp, VersionName},
};
use std::ops::Range;

#[derive(Clone, Debug)]
pub struct PartCopyInput {
    pub name: UploadName,
    pub part_number: u32,
    pub source: SourceInput,
    /// `x-amz-copy-source-range`; the whole source without.
    pub range: Option<ByteRange>,
}

#[derive(Clone, Debug)]
pub struct CopiedPart {
    pub part: StoredPart,
    pub modified: Timestamp,
    pub source_version: Option<VersionName>,
}

impl Objects {
    pub async fn copy_part(&self, input: PartCopyInput) -> Result<CopiedPart, ObjectError> {
        unless_overtaken(|| self.try_copy_part(&input)).await
    }

    async fn try_copy_part(&self, input: &PartCopyInput) -> Result<CopiedPart, ObjectError> {
        let (bucket, upload) = self.open_upload(&input.name).await?;
        let source = self.find_source(&input.source).await?;
        let range = slice_of(input.range, source.lookup.object.size)?;
        let source_version = source.shown_version();
        let named_source = source.named(&input.source, Pinned::ToThisVersion);
        let part = match known_digests(&source, &range, kept_algorithm(&upload)) {
            Some(part) => part,
            None => self.digests_of_slice(source, range.clone(), kept_algorithm(&upload)).await?,
        };
        let modified = self.now();
        let command = Command::CopyPart(CopyPart {
            source: named_source,
            range: Some((range.start, range.end - range.start)).filter(|(_, length)| *length > 0),
            bucket: bucket.id,
            key: input.name.key.clone(),
            upload: input.name.upload,
            part_number: input.part_number,
            modified,
            etag: part.etag.clone(),
            checksum: Some(part.checksum.clone()),
        });
        match self.metadata.propose(command).await {
            Ok(Outcome::Written(_)) => {}
            Ok(other) => return Err(unexpected(&other)),
            Err(ProposeError::Refused(CommandError::TooManyExtents { .. })) => {
                self.move_slice(input, &bucket, range, &part, modified).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(CopiedPart { part, modified, source_version })
    }

    async fn digests_of_slice(
        &self,
        source: FoundSource,
        range: Range<u64>,
        algorithm: ChecksumAlgorithm,
    ) -> Result<StoredPart, ObjectError> {
        let digests = self.hash_source(source, range, algorithm).await?;
        let checksum = digests.checksum(algorithm).cloned();
        let checksum = checksum.ok_or_else(|| ObjectError::Internal("the slice was not hashed".to_owned()))?;
        Ok(StoredPart { etag: ETag::from_md5(digests.md5), checksum })
    }

    /// Writes the slice's bytes as a part of their own. The source is found again: should it have changed, the bytes
    /// hash to something else.
    async fn move_slice(
        &self,
        input: &PartCopyInput,
        bucket: &Bucket,
        range: Range<u64>,
        part: &StoredPart,
        modified: Timestamp,
    ) -> Result<(), ObjectError> {
        let algorithm = part.checksum.algorithm();
        let source = self.find_source(&input.source).await?;
        if source.lookup.object.size < range.end {
            return Err(ObjectError::Overtaken);
        }
        let mut hasher = BodyHasher::new(&self.hashes, [algorithm]);
        let mut writer = self.cluster.write(Some(range.end - range.start)).await?;
        let mut reader = source.read(self, range);
        while let Some(bytes) = reader.next().await {
            let bytes = bytes?;
            hasher.update(&bytes).await;
            writer.write(bytes).await?;
        }
        let digests = hasher.finish().await;
        if digests.checksum(algorithm) != Some(&part.checksum) || part.etag.md5() != Some(digests.md5) {
            return Err(ObjectError::Overtaken);
        }
        let command = |content| {
            Command::PutPart(PutPart {
                bucket: bucket.id,
                key: input.name.key.clone(),
                upload: input.name.upload,
                part_number: input.part_number,
                modified,
                etag: part.etag.clone(),
                checksum: Some(part.checksum.clone()),
                content,
            })
        };
        match self.cluster.commit(writer.finish().await?, command).await? {
            Outcome::Written(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

/// Unlike the range of a GET, that of a copy must lie inside the source as a whole.
fn slice_of(range: Option<ByteRange>, size: u64) -> Result<Range<u64>, ObjectError> {
    let slice = match range {
        None => 0..size,
        Some(ByteRange::FromTo { first, last }) if first <= last && last < size => first..last + 1,
        Some(_) => return Err(ObjectError::InvalidCopyRange { size }),
    };
    if slice.end - slice.start > SINGLE_WRITE_MAX_BYTES {
        return Err(ObjectError::InvalidRequest(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: \
             {SINGLE_WRITE_MAX_BYTES}"
        )));
    }
    Ok(slice)
}

/// The source's own tag and checksum, when the slice is all of it and they are made over its bytes.
fn known_digests(source: &FoundSource, range: &Range<u64>, algorithm: ChecksumAlgorithm) -> Option<StoredPart> {
    let object = &source.lookup.object;
    let known = object.checksum.as_ref().filter(|_| *range == (0..object.size))?;
    let fits = known.kind == ChecksumKind::FullObject && known.checksum.algorithm() == algorithm;
    let etag = object.etag.md5().filter(|_| fits)?;
    Some(StoredPart { etag: ETag::from_md5(etag), checksum: known.checksum.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_lies_inside_its_source() {
        let range = |first, last| Some(ByteRange::FromTo { first, last });
        assert_eq!(slice_of(None, 5), Ok(0..5));
        assert_eq!(slice_of(None, 0), Ok(0..0));
        assert_eq!(slice_of(range(0, 4), 5), Ok(0..5));
        assert_eq!(slice_of(range(4, 4), 5), Ok(4..5));
        for (first, last) in [(0, 5), (5, 5), (0, 21), (0, u64::MAX)] {
            assert_eq!(slice_of(range(first, last), 5), Err(ObjectError::InvalidCopyRange { size: 5 }));
        }
        assert!(slice_of(None, SINGLE_WRITE_MAX_BYTES).is_ok());
        assert!(matches!(slice_of(None, SINGLE_WRITE_MAX_BYTES + 1), Err(ObjectError::InvalidRequest(_))));
    }
}

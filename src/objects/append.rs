//! PutObject with a write offset: bytes that come behind those that the object has. Where they lie and whether the offset
//! holds is decided inside the metadata command (`metadata/apply/append.rs`); here the whole object's tag and checksum are made of those
//! that it had and of what is added, without reading a byte of it.
//! Source: Amazon S3 User Guide, "Appending data to objects in directory buckets"; API Reference, PutObject.

use super::{
    ObjectError, Objects, PARTS_MAX, PutInput, UploadBody, acls::foresee_acl, checksum_combine::combine,
    handle::unexpected, store_body::StoredBody,
};
use crate::{
    metadata::{
        Command, Outcome,
        command::{AppendObject, PutObject, VersionAttributes},
        outcome::WrittenVersion,
        rows::{Bucket, ObjectVersion},
    },
    types::{Checksum, ChecksumAlgorithm, ChecksumKind, ETag, ObjectChecksum},
};
use md5::{Digest, Md5};
use std::sync::Arc;

/// An append.
#[derive(Clone, Debug)]
pub struct AppendInput {
    /// Headers and tags are those of an object that begins with it.
    pub put: PutInput,
    /// Bytes that the object has before: `x-amz-write-offset-bytes`.
    pub offset: u64,
}

/// Parts of a page that is read to combine their checksums.
const PARTS_PAGE: u32 = 1000;

impl Objects {
    /// Resolves when the bytes are durable and belong to the object. A cancelled call leaves nothing visible, unless its command
    /// was on the way already: then all of them may appear.
    pub async fn append(&self, input: AppendInput, mut body: impl UploadBody) -> Result<WrittenVersion, ObjectError> {
        let bucket = self.bucket(&input.put.bucket).await?;
        let current = self.current_version(bucket.id, &input.put.key).await?;
        foresee(&input, &bucket, current.as_deref())?;
        self.foresee_lock(&bucket, input.put.lock)?;
        let acl = foresee_acl(&bucket, input.put.acl)?;
        if body.declared_length() == Some(0) {
            return Err(empty());
        }
        let known = current.as_ref().and_then(|object| object.checksum.as_ref());
        let sent = input.put.expected.checksum.algorithm();
        let kept = known.map(|known| known.checksum.algorithm()).or(sent).unwrap_or(ChecksumAlgorithm::Crc64nvme);
        let stored = self.store_body(&mut body, &input.put.expected, kept).await?;
        if stored.length == 0 {
            return Err(empty());
        }
        let part_checksum = stored.checksum(kept)?;
        let (etag, checksum) = match &current {
            Some(object) => {
                (appended_tag(object, &stored), self.whole_checksum(object, &part_checksum, &stored).await?)
            }
            None => (stored.etag(), Some(ObjectChecksum::full_object(part_checksum.clone()))),
        };
        let precondition = input.put.precondition.clone();
        // Who has no credentials appends nothing (`s3/permission.rs`).
        let put = PutObject {
            granted: None,
            bucket: bucket.id,
            key: input.put.key,
            attributes: VersionAttributes {
                version: self.new_version_id(),
                created: self.now(),
                owner: input.put.owner,
                headers: input.put.headers,
                tags: input.put.tags,
                lock: input.put.lock,
                acl,
            },
            etag,
            checksum,
            content: Default::default(),
            precondition: input.put.precondition,
        };
        let expected = current.map(|object| object.version);
        let command = |content| {
            let (put, part_checksum) = (PutObject { content, ..put.clone() }, Some(part_checksum.clone()));
            Command::AppendObject(AppendObject { put, offset: input.offset, expected, part_checksum })
        };
        match self.cluster.commit(stored.written, command).await {
            Ok(Outcome::Written(written)) => Ok(written),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(precondition.name_failure(error.into())),
        }
    }

    /// A checksum over the whole, where the algorithm can be combined: of a composite one from the parts that it was made of.
    /// The SHAs can't; then the parts alone have theirs, as in S3.
    async fn whole_checksum(
        &self,
        object: &Arc<ObjectVersion>,
        added: &Checksum,
        stored: &StoredBody,
    ) -> Result<Option<ObjectChecksum>, ObjectError> {
        let Some(known) = &object.checksum else { return Ok(None) };
        let mut pieces = match known.kind {
            ChecksumKind::FullObject => vec![(known.checksum.clone(), object.size)],
            ChecksumKind::Composite => self.checksums_of_parts(object).await?,
        };
        pieces.push((added.clone(), stored.length));
        Ok(combine(added.algorithm(), ChecksumKind::FullObject, &pieces))
    }

    async fn checksums_of_parts(&self, object: &ObjectVersion) -> Result<Vec<(Checksum, u64)>, ObjectError> {
        let (mut pieces, mut after) = (Vec::new(), 0);
        loop {
            let page = self.parts(object, after, PARTS_PAGE).await?;
            let Some(last) = page.last() else { return Ok(pieces) };
            after = last.part_number;
            let missing = || ObjectError::Internal("a part of a composite checksum has none".to_owned());
            for part in page {
                pieces.push((part.checksum.ok_or_else(missing)?, part.size));
            }
        }
    }
}

fn empty() -> ObjectError {
    ObjectError::InvalidRequest("Request body cannot be empty when 'write offset' is specified.".to_owned())
}

/// What would fail already now is refused before the body is read.
fn foresee(input: &AppendInput, bucket: &Bucket, current: Option<&ObjectVersion>) -> Result<(), ObjectError> {
    if bucket.versioning.shows_versions() {
        return Err(ObjectError::BucketKeepsVersions);
    }
    input.put.precondition.foresee(current.map(|object| &object.etag))?;
    let size = current.map_or(0, |object| object.size);
    if size != input.offset {
        return Err(ObjectError::WrongWriteOffset { size });
    }
    let Some(object) = current else { return Ok(()) };
    let (headers, tags) = (&input.put.headers, &input.put.tags);
    if !headers.user.is_empty() || headers.system.website_redirect_location.is_some() || !tags.is_empty() {
        return Err(ObjectError::InvalidRequest(
            "Cannot specify both a write offset value and user-defined object metadata for existing objects."
                .to_owned(),
        ));
    }
    if input.put.acl.is_some_and(|acl| acl != object.acl) {
        return Err(ObjectError::InvalidRequest(
            "Cannot specify both a write offset value and another access control list than the existing object has."
                .to_owned(),
        ));
    }
    match object.part_count {
        Some(count) if count >= PARTS_MAX => Err(ObjectError::TooManyParts { limit: PARTS_MAX }),
        _ => Ok(()),
    }
}

/// The MD5 of the tag before and the MD5 of what is added, with the number of parts.
fn appended_tag(object: &ObjectVersion, stored: &StoredBody) -> ETag {
    let before = object.part_count.unwrap_or(u32::from(object.size > 0));
    let chain = Md5::new().chain_update(object.etag.as_str()).chain_update(stored.digests.md5).finalize();
    ETag::appended(chain.into(), before + 1)
}

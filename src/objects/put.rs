//! PutObject. Source: Amazon S3 API Reference, "PutObject".

use super::{
    ExpectedDigests, ObjectError, Objects, UploadBody, WritePrecondition, acls::foresee_acl, handle::unexpected,
};
use crate::{
    identity::Permit,
    metadata::{
        Command, Outcome,
        command::{PutObject, VersionAttributes},
        outcome::WrittenVersion,
        rows::Bucket,
    },
    types::{Acl, BucketName, ChecksumAlgorithm, ObjectChecksum, ObjectHeaders, ObjectKey, TagSet, VersionLock},
};

/// What a PutObject carries besides its bytes.
#[derive(Clone, Debug)]
pub struct PutInput {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub owner: String,
    pub headers: ObjectHeaders,
    pub tags: TagSet,
    pub expected: ExpectedDigests,
    pub precondition: WritePrecondition,
    pub lock: VersionLock,
    /// Private where the request says nothing.
    pub acl: Option<Acl>,
    pub permit: Permit,
}

impl Objects {
    /// Resolves when the bytes are durable and the version is committed. A cancelled call leaves nothing visible,
    /// unless its command was on the way already: then the whole object may appear.
    pub async fn put(&self, input: PutInput, mut body: impl UploadBody) -> Result<WrittenVersion, ObjectError> {
        let bucket = self.bucket(&input.bucket).await?;
        self.foresee_lock(&bucket, input.lock)?;
        let acl = foresee_acl(&bucket, input.acl)?;
        self.foresee_precondition(&bucket, &input.key, &input.precondition).await?;
        let kept = input.expected.checksum.algorithm().unwrap_or(ChecksumAlgorithm::Crc64nvme);
        let stored = self.store_body(&mut body, &input.expected, kept).await?;
        let (etag, checksum) = (stored.etag(), ObjectChecksum::full_object(stored.checksum(kept)?));
        let attributes = VersionAttributes {
            version: self.new_version_id(),
            created: self.now(),
            owner: input.owner,
            headers: input.headers,
            tags: input.tags,
            lock: input.lock,
            acl,
        };
        let command = |content| {
            Command::PutObject(PutObject {
                bucket: bucket.id,
                key: input.key.clone(),
                attributes: attributes.clone(),
                etag: etag.clone(),
                checksum: Some(checksum.clone()),
                content,
                precondition: input.precondition.clone(),
                granted: input.permit.needs_grant(),
            })
        };
        match self.cluster.commit(stored.written, command).await {
            Ok(Outcome::Written(written)) => Ok(written),
            Ok(other) => Err(unexpected(&other)),
            Err(error) => Err(input.precondition.name_failure(error.into())),
        }
    }

    /// A precondition that fails already now is refused before the body is read. What decides is the command.
    pub(super) async fn foresee_precondition(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
        precondition: &WritePrecondition,
    ) -> Result<(), ObjectError> {
        if *precondition == WritePrecondition::None {
            return Ok(());
        }
        let current = self.current_version(bucket.id, key).await?;
        precondition.foresee(current.as_ref().map(|version| &version.etag))
    }
}

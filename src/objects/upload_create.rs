//! CreateMultipartUpload. Source: Amazon S3 API Reference, "CreateMultipartUpload".

use super::{
    ObjectError, Objects,
    acls::foresee_acl,
    checksum_combine::{default_kind, kind_is_possible},
    handle::unexpected,
};
use crate::{
    metadata::{Command, Outcome, command::CreateUpload},
    types::{
        Acl, BucketName, ChecksumAlgorithm, ChecksumKind, ObjectHeaders, ObjectKey, TagSet, Timestamp, UploadId,
        VersionLock,
    },
};

#[derive(Clone, Debug)]
pub struct CreateUploadInput {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub owner: String,
    pub headers: ObjectHeaders,
    pub tags: TagSet,
    pub checksum_algorithm: Option<ChecksumAlgorithm>,
    pub checksum_kind: Option<ChecksumKind>,
    /// Of the version that comes of it.
    pub lock: VersionLock,
    /// Likewise.
    pub acl: Option<Acl>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreatedUpload {
    pub upload: UploadId,
    pub initiated: Timestamp,
    /// When the client chose an algorithm. Without one a CRC64NVME is computed and kept.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
}

impl Objects {
    pub async fn create_upload(&self, input: CreateUploadInput) -> Result<CreatedUpload, ObjectError> {
        let checksum = choose_checksum(input.checksum_algorithm, input.checksum_kind)?;
        let bucket = self.bucket(&input.bucket).await?;
        self.foresee_lock(&bucket, input.lock)?;
        let acl = foresee_acl(&bucket, input.acl)?;
        let (upload, initiated) = (self.new_upload_id(), self.now());
        let command = Command::CreateUpload(CreateUpload {
            bucket: bucket.id,
            key: input.key,
            upload,
            initiated,
            owner: input.owner,
            headers: input.headers,
            tags: input.tags,
            checksum,
            lock: input.lock,
            acl,
        });
        match self.propose(command).await? {
            Outcome::Done => Ok(CreatedUpload { upload, initiated, checksum }),
            other => Err(unexpected(&other)),
        }
    }
}

fn choose_checksum(
    algorithm: Option<ChecksumAlgorithm>,
    kind: Option<ChecksumKind>,
) -> Result<Option<(ChecksumAlgorithm, ChecksumKind)>, ObjectError> {
    match (algorithm, kind) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(ObjectError::InvalidRequest(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.".to_owned(),
        )),
        (Some(algorithm), None) => Ok(Some((algorithm, default_kind(algorithm)))),
        (Some(algorithm), Some(kind)) if kind_is_possible(algorithm, kind) => Ok(Some((algorithm, kind))),
        (Some(algorithm), Some(kind)) => Err(ObjectError::InvalidRequest(format!(
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            kind.name(),
            algorithm.name().to_lowercase()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ChecksumAlgorithm::*;
    use ChecksumKind::*;

    #[test]
    fn an_upload_gets_the_kind_that_its_algorithm_allows() {
        assert_eq!(choose_checksum(None, None), Ok(None));
        assert_eq!(choose_checksum(Some(Crc32), None), Ok(Some((Crc32, Composite))));
        assert_eq!(choose_checksum(Some(Crc64nvme), None), Ok(Some((Crc64nvme, FullObject))));
        assert_eq!(choose_checksum(Some(Crc32c), Some(FullObject)), Ok(Some((Crc32c, FullObject))));
        for (algorithm, kind) in
            [(None, Some(Composite)), (Some(Sha256), Some(FullObject)), (Some(Crc64nvme), Some(Composite))]
        {
            assert!(matches!(choose_checksum(algorithm, kind), Err(ObjectError::InvalidRequest(_))));
        }
    }
}

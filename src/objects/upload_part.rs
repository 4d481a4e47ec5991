//! UploadPart. A part that is uploaded again replaces the one before. Source: Amazon S3 API Reference, "UploadPart".

use super::{ExpectedDigests, ObjectError, Objects, UploadBody, handle::unexpected, overtaken::unless_overtaken};
use crate::{
    metadata::{
        Command, Outcome,
        command::PutPart,
        rows::{Bucket, Upload},
    },
    types::{BucketName, Checksum, ChecksumAlgorithm, ETag, ObjectKey, UploadId},
};

/// Names an upload, as its requests do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadName {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub upload: UploadId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPart {
    pub etag: ETag,
    /// In the algorithm that the client sent, else in the one that is kept.
    pub checksum: Checksum,
}

impl Objects {
    pub async fn upload_part(
        &self,
        name: &UploadName,
        part_number: u32,
        expected: &ExpectedDigests,
        mut body: impl UploadBody,
    ) -> Result<StoredPart, ObjectError> {
        let (bucket, upload) = self.open_upload(name).await?;
        let kept = kept_algorithm(&upload);
        let sent = expected.checksum.algorithm();
        check_sent_algorithm(&upload, sent)?;
        let stored = self.store_body(&mut body, expected, kept).await?;
        let part = StoredPart { etag: stored.etag(), checksum: stored.checksum(sent.unwrap_or(kept))? };
        let (etag, checksum, modified) = (stored.etag(), stored.checksum(kept)?, self.now());
        let command = |content| {
            Command::PutPart(PutPart {
                bucket: bucket.id,
                key: name.key.clone(),
                upload: name.upload,
                part_number,
                modified,
                etag: etag.clone(),
                checksum: Some(checksum.clone()),
                content,
            })
        };
        match self.cluster.commit(stored.written, command).await? {
            Outcome::Written(_) => Ok(part),
            other => Err(unexpected(&other)),
        }
    }

    pub(super) async fn open_upload(&self, name: &UploadName) -> Result<(Bucket, Upload), ObjectError> {
        unless_overtaken(|| self.try_open_upload(name)).await
    }

    async fn try_open_upload(&self, name: &UploadName) -> Result<(Bucket, Upload), ObjectError> {
        let bucket = self.bucket(&name.bucket).await?;
        if let Some(upload) = self.metadata.upload(bucket.id, &name.key, name.upload).await? {
            return Ok((bucket, upload));
        }
        self.still_there(&bucket).await?;
        Err(ObjectError::NoSuchUpload)
    }
}

/// The algorithm that is computed for every part: the upload's, else the one that S3 keeps by default.
pub(super) fn kept_algorithm(upload: &Upload) -> ChecksumAlgorithm {
    upload.checksum.map_or(ChecksumAlgorithm::Crc64nvme, |(algorithm, _)| algorithm)
}

/// A part may not carry another algorithm than the upload was created with.
fn check_sent_algorithm(upload: &Upload, sent: Option<ChecksumAlgorithm>) -> Result<(), ObjectError> {
    match (upload.checksum, sent) {
        (Some((chosen, _)), Some(sent)) if chosen != sent => Err(ObjectError::InvalidRequest(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            chosen.name().to_lowercase(),
            sent.name().to_lowercase()
        ))),
        _ => Ok(()),
    }
}

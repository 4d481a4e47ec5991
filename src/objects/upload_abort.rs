//! AbortMultipartUpload. Source: Amazon S3 API Reference, "AbortMultipartUpload".

use super::{ObjectError, Objects, handle::unexpected, upload_part::UploadName};
use crate::metadata::{Command, Outcome};

impl Objects {
    /// Afterwards the upload is gone and its parts are released. A part that is still on its way finds no upload.
    pub async fn abort_upload(&self, name: &UploadName) -> Result<(), ObjectError> {
        let bucket = self.bucket(&name.bucket).await?;
        let command = Command::AbortUpload { bucket: bucket.id, key: name.key.clone(), upload: name.upload };
        match self.propose(command).await? {
            Outcome::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

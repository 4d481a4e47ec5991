//! One upload: open, or completed lately.

use super::list_uploads;
use crate::{
    metadata::{
        Metadata, QueryError,
        columns::{Columns, number},
        outcome::CompletedUpload,
        rows::Upload,
        script::Script,
    },
    types::{BucketId, ObjectKey, UploadId},
};

const READ: &str = "
    SELECT key, upload, initiated, owner, content_type, headers, tags, checksum_algorithm, checksum_kind
    FROM uploads WHERE bucket = $1 AND key = $2 AND upload = $3";
const READ_COMPLETED: &str = "
    SELECT outcome FROM completed_uploads WHERE bucket = $1 AND key = $2 AND upload = $3";

impl Metadata {
    pub async fn upload(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        upload: UploadId,
    ) -> Result<Option<Upload>, QueryError> {
        let script = named(READ, bucket, key, upload);
        let row = script.fetch_optional(&mut *self.reader().await?).await?;
        row.map(|row| list_uploads::from_row(bucket, &row)).transpose()
    }

    /// The kept outcome of an upload that was completed, for a repeated Complete.
    pub async fn completed_upload(
        &self,
        bucket: BucketId,
        key: &ObjectKey,
        upload: UploadId,
    ) -> Result<Option<CompletedUpload>, QueryError> {
        let script = named(READ_COMPLETED, bucket, key, upload);
        let Some(row) = script.fetch_optional(&mut *self.reader().await?).await? else { return Ok(None) };
        Ok(Some(CompletedUpload { kept: serde_json::from_str(row.text(0)?)?, repeated: true }))
    }
}

fn named(statement: &'static str, bucket: BucketId, key: &ObjectKey, upload: UploadId) -> Script {
    Script::of(statement).with(number(bucket.0)).with(key.as_bytes()).with(&upload.as_bytes()[..])
}

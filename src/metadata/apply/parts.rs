//! Parts of uploads that are still open. Source: Amazon S3 API Reference, UploadPart, UploadPartCopy.

use super::{
    contents,
    transaction::{ApplyError, Transaction},
    uploads,
};
use crate::{
    metadata::{
        columns::{Columns, algorithm_code, number, time},
        command::PutPart,
        outcome::{CommandError, Outcome, WrittenVersion},
        script::Script,
    },
    types::{BucketId, Checksum, ContentId, ETag, ObjectChecksum, ObjectKey, Timestamp, UploadId, VersionId},
};

/// What stands where a part is going to: the upload exists, and this content is named by its part so far.
pub(super) struct PartTarget {
    replaced: Option<ContentId>,
}

const PART_NUMBER_MAX: u32 = 10_000;

const READ_TARGET: &str = "
    SELECT p.content FROM uploads u LEFT JOIN parts p ON p.upload = u.upload AND p.part_number = $4
    WHERE u.bucket = $1 AND u.key = $2 AND u.upload = $3";

pub(super) async fn read_target(
    bucket: BucketId,
    key: &ObjectKey,
    upload: UploadId,
    part_number: u32,
    tx: &mut Transaction<'_>,
) -> Result<PartTarget, ApplyError> {
    if !(1..=PART_NUMBER_MAX).contains(&part_number) {
        return Err(CommandError::Malformed { reason: format!("part number {part_number}") }.into());
    }
    let mut script = Script::of(READ_TARGET).with(number(bucket.0)).with(key.as_bytes());
    script.bind(&upload.as_bytes()[..]).bind(i64::from(part_number));
    let Some(row) = tx.fetch_optional(script).await? else { return Err(uploads::absent(bucket, tx).await) };
    Ok(PartTarget { replaced: row.optional_number(0)?.map(ContentId) })
}

/// A part on its way into the table.
pub(super) struct NewPart<'a> {
    pub upload: UploadId,
    pub part_number: u32,
    pub modified: Timestamp,
    pub size: u64,
    pub etag: &'a ETag,
    pub checksum: Option<&'a Checksum>,
    pub content: ContentId,
}

const UPSERT_PART: &str = "
    INSERT INTO parts (upload, part_number, modified, size, etag, checksum_algorithm, checksum, content)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (upload, part_number) DO UPDATE SET modified = excluded.modified, size = excluded.size,
        etag = excluded.etag, checksum_algorithm = excluded.checksum_algorithm, checksum = excluded.checksum,
        content = excluded.content";

impl NewPart<'_> {
    /// Adds to `script` what puts this in the place of the part of the same number, whose content is named once less.
    pub fn replace(&self, target: PartTarget, script: &mut Script) {
        script.add(UPSERT_PART).bind(&self.upload.as_bytes()[..]).bind(i64::from(self.part_number));
        script.bind(time(self.modified)).bind(number(self.size)).bind(self.etag.as_str());
        script.bind(self.checksum.map(|checksum| algorithm_code(checksum.algorithm())));
        script.bind(self.checksum.map(Checksum::value)).bind(number(self.content.0));
        if let Some(replaced) = target.replaced {
            contents::lower_count(replaced, script);
        }
    }

    /// Parts have no version: the id is the upload's.
    pub fn written(&self) -> Outcome {
        Outcome::Written(WrittenVersion {
            version: VersionId::from_bytes(*self.upload.as_bytes()),
            versioned: false,
            is_null: true,
            etag: self.etag.clone(),
            size: self.size,
            created: self.modified,
            checksum: self.checksum.cloned().map(ObjectChecksum::full_object),
        })
    }
}

/// Afterwards the part has this content; what an earlier upload of the same number held has one count less.
pub(super) async fn put(command: &PutPart, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let target = read_target(command.bucket, &command.key, command.upload, command.part_number, tx).await?;
    let content = contents::check(&command.content, tx).await?;
    let part = NewPart {
        upload: command.upload,
        part_number: command.part_number,
        modified: command.modified,
        size: content.size(),
        etag: &command.etag,
        checksum: command.checksum.as_ref(),
        content: ContentId(tx.sequence().0),
    };
    let mut script = Script::default();
    part.replace(target, &mut script);
    content.insert(part.content, &mut script, tx).await?;
    tx.write_later(script).await?;
    Ok(part.written())
}

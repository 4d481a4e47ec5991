//! What names an upload and its parts: `uploadId`, `partNumber`.

use super::parameter;
use crate::{
    objects::{PARTS_MAX, UploadName},
    s3::{RequestContext, S3Error},
    types::UploadId,
};

/// An id that is none of ours names no upload. Whether the bucket is there is said first, as with any other id.
pub fn upload_name(ctx: &RequestContext<'_>) -> Result<UploadName, S3Error> {
    let upload = ctx.query.get("uploadId").unwrap_or_default().parse().unwrap_or(UploadId::NONE);
    Ok(UploadName { bucket: ctx.bucket()?.clone(), key: ctx.key()?.clone(), upload })
}

/// `partNumber` of an upload: 1 to 10 000.
pub fn part_number(ctx: &RequestContext<'_>) -> Result<u32, S3Error> {
    let text = ctx.query.get("partNumber").unwrap_or_default();
    let number = parameter::number("partNumber", Some(text)).ok().flatten();
    number.filter(|number| (1..=PARTS_MAX).contains(number)).ok_or_else(|| {
        S3Error::invalid_argument("partNumber", text, "Part number must be an integer between 1 and 10000, inclusive")
    })
}

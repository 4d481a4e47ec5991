//! The source of CopyObject and UploadPartCopy: the object that was authorised, its version, and the conditions on it.

use super::{condition_input, parameter};
use crate::{
    objects::{SourceInput, VersionSelector},
    s3::{RequestContext, S3Error, copy_source::CopySource},
};

pub fn copy_source(ctx: &RequestContext<'_>) -> Result<SourceInput, S3Error> {
    let missing =
        || S3Error::invalid_argument("x-amz-copy-source", "", "Copy Source must mention the source bucket and key");
    let source = CopySource::from_headers(ctx.headers)?.ok_or_else(missing)?;
    let version = source.version.as_deref().map_or(Ok(VersionSelector::Latest), parameter::parse_version)?;
    let conditions = condition_input::copy_source_conditions(ctx)?;
    Ok(SourceInput { bucket: source.bucket, key: source.key, version, conditions })
}

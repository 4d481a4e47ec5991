//! `larder admin lifecycle preview`: what the rules of a bucket would have go now.

use crate::{
    admin::{
        OperationError,
        lifecycle::{ExpiringObject, ExpiryCount, LifecyclePreviewReport, LifecyclePreviewRequest},
        what_if::NAMES_MAX,
    },
    objects::{ExpiryKind, ObjectError, Objects},
    types::BucketName,
};

pub async fn preview(
    objects: &Objects,
    request: LifecyclePreviewRequest,
) -> Result<LifecyclePreviewReport, OperationError> {
    let absent = || OperationError::NotFound(format!("there is no bucket {}", request.bucket));
    let bucket: BucketName = request.bucket.parse().map_err(|_| absent())?;
    let found = objects.preview_lifecycle(&bucket, request.list.min(NAMES_MAX) as usize).await;
    let preview = found.map_err(|error| match error {
        ObjectError::NoSuchBucket => absent(),
        other => OperationError::Unavailable(other.to_string()),
    })?;
    let counts = preview.counts.into_iter().map(|((rule, kind), counted)| ExpiryCount {
        rule,
        kind: name_of(kind).to_owned(),
        count: counted.count,
        bytes: counted.bytes,
    });
    let first = preview.first.into_iter().map(|going| ExpiringObject {
        key: going.key.to_string(),
        kind: name_of(going.kind).to_owned(),
        id: going.id,
        size: going.size,
        rule: going.rule,
    });
    Ok(LifecyclePreviewReport { bucket: request.bucket, counts: counts.collect(), first: first.collect() })
}

fn name_of(kind: ExpiryKind) -> &'static str {
    match kind {
        ExpiryKind::Object => "object",
        ExpiryKind::Current => "current version",
        ExpiryKind::Noncurrent => "noncurrent version",
        ExpiryKind::DeleteMarker => "delete marker",
        ExpiryKind::Upload => "upload",
    }
}

//! A dry run: what the rules of a bucket would have go now. It goes through the keys that rules are about and not
//! through the list of those that are to be looked at, so that it tells the truth also where that were wrong. Nothing
//! is changed, and nothing is kept but counts and the first names.

use super::{
    judge::{Verdict, What},
    look::Look,
};
use crate::{
    metadata::command::{WalkPlace, WalkStage},
    objects::{ObjectError, Objects},
    types::{BucketName, ObjectKey},
};
use std::collections::BTreeMap;

/// What would become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExpiryKind {
    /// The current version of a bucket that keeps none.
    Object,
    /// The current version, behind a delete marker.
    Current,
    Noncurrent,
    DeleteMarker,
    Upload,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct LifecyclePreview {
    /// By rule and kind.
    pub counts: BTreeMap<(String, ExpiryKind), PreviewedKind>,
    /// The first of them by key, those of uploads behind all others.
    pub first: Vec<WouldGo>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PreviewedKind {
    pub count: u64,
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WouldGo {
    pub key: ObjectKey,
    pub kind: ExpiryKind,
    /// The version, or the upload, as clients name it; `None` in a bucket without versions.
    pub id: Option<String>,
    /// In bytes; of an upload it is not told.
    pub size: u64,
    pub rule: String,
}

impl Objects {
    /// What would go now, with at most `names_max` names. What a lock keeps is counted too: only the deletion finds
    /// that out.
    pub async fn preview_lifecycle(
        &self,
        bucket: &BucketName,
        names_max: usize,
    ) -> Result<LifecyclePreview, ObjectError> {
        let bucket = self.bucket(bucket).await?;
        let mut preview = LifecyclePreview::default();
        let Some(watched) = self.metadata.watched_bucket(bucket.id).await? else { return Ok(preview) };
        let look = Look { metadata: &self.metadata, watched: &watched, day: self.lifecycle_day, now: self.now() };
        let mut place = Some(WalkPlace { stage: WalkStage::Versions, prefix: 0, after: None });
        while let Some(at) = place {
            let page = look.at_page(&at).await?;
            for (key, said) in page.keys {
                for verdict in said.verdicts {
                    preview.note(would_go(&key, verdict, bucket.versioning.shows_versions()), names_max);
                }
            }
            place = page.next;
        }
        Ok(preview)
    }
}

impl LifecyclePreview {
    fn note(&mut self, going: WouldGo, names_max: usize) {
        let counted = self.counts.entry((going.rule.clone(), going.kind)).or_default();
        counted.count += 1;
        counted.bytes += going.size;
        if self.first.len() < names_max {
            self.first.push(going);
        }
    }
}

fn would_go(key: &ObjectKey, verdict: Verdict, shows_versions: bool) -> WouldGo {
    let (kind, id, size) = match verdict.what {
        What::Current(version) if !shows_versions => (ExpiryKind::Object, None, version.size),
        What::Current(version) => (ExpiryKind::Current, Some(version.name.to_string()), version.size),
        What::Noncurrent(version) if version.is_delete_marker => {
            (ExpiryKind::DeleteMarker, Some(version.name.to_string()), 0)
        }
        What::Noncurrent(version) => (ExpiryKind::Noncurrent, Some(version.name.to_string()), version.size),
        What::LoneMarker(version) => (ExpiryKind::DeleteMarker, Some(version.name.to_string()), 0),
        What::Upload(upload) => (ExpiryKind::Upload, Some(upload.upload.to_string()), 0),
    };
    WouldGo { key: key.clone(), kind, id, size, rule: verdict.rule }
}

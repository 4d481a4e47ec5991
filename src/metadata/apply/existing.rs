//! What decisions need to know of a key: whether its bucket keeps and locks versions, and the version that is there.

use super::{
    lifecycle::Watch,
    preconditions::{DeleteTarget, Validators},
};
use crate::{
    metadata::{
        columns::{Columns, object_lock_of, versioning_of},
        error::QueryError,
    },
    types::{AclRules, CommitSequence, ContentId, ObjectLockConfiguration, VersionId, VersionLock, Versioning},
};
use sqlx::sqlite::SqliteRow;

/// A key in a bucket that exists.
pub(super) struct KeyState {
    pub versioning: Versioning,
    /// Of a bucket that has Object Lock.
    pub object_lock: Option<ObjectLockConfiguration>,
    pub watch: Watch,
    /// What the bucket says about access control lists.
    pub acl_rules: AclRules,
    /// The version that was asked for.
    pub version: Option<Existing>,
}

impl KeyState {
    pub fn from_row(row: &SqliteRow) -> Result<Self, QueryError> {
        Ok(Self {
            versioning: versioning_of(row.number(BUCKET)?)?,
            object_lock: object_lock_of(row.optional_text(BUCKET + 1)?)?,
            watch: Watch::from_column(row, BUCKET + 2)?,
            acl_rules: row.acl_rules(BUCKET + 3)?,
            version: Existing::from_row(row)?,
        })
    }

    pub fn delete_target(&self) -> DeleteTarget<'_> {
        match (&self.version, self.validators()) {
            (None, _) => DeleteTarget::Absent,
            (Some(_), None) => DeleteTarget::DeleteMarker,
            (Some(_), Some(validators)) => DeleteTarget::Object(validators),
        }
    }

    /// What conditions compare with: a version that is there and no delete marker.
    pub fn validators(&self) -> Option<&Validators> {
        self.version.as_ref().and_then(|version| version.validators.as_ref())
    }
}

/// A row of the key, as decisions need it.
pub(super) struct Existing {
    pub sequence: CommitSequence,
    pub content: Option<ContentId>,
    pub is_null: bool,
    pub is_delete_marker: bool,
    pub is_latest: bool,
    pub version: VersionId,
    /// What conditions compare with; none of a delete marker.
    pub validators: Option<Validators>,
    pub lock: VersionLock,
}

/// Where the columns of `Existing` begin in every statement that reads one; the bucket's versioning, its Object Lock, how
/// it is watched and what it says about access control lists stand behind them.
const EXISTING: usize = 1;
const BUCKET: usize = EXISTING + 12;

impl Existing {
    fn from_row(row: &SqliteRow) -> Result<Option<Self>, QueryError> {
        let Some(sequence) = row.optional_number(EXISTING)? else { return Ok(None) };
        let is_delete_marker = row.flag(EXISTING + 3)?;
        let validators = match is_delete_marker {
            true => None,
            false => Some(Validators {
                etag: row.text(EXISTING + 6)?.parse()?,
                size: row.number(EXISTING + 7)?,
                modified: row.time(EXISTING + 8)?,
            }),
        };
        Ok(Some(Self {
            sequence: CommitSequence(sequence),
            content: row.optional_number(EXISTING + 1)?.map(ContentId),
            is_null: row.flag(EXISTING + 2)?,
            is_delete_marker,
            is_latest: row.flag(EXISTING + 4)?,
            version: VersionId::from_slice(row.bytes(EXISTING + 5)?)?,
            validators,
            lock: row.lock(EXISTING + 9)?,
        }))
    }
}

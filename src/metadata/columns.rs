//! How values stand in columns: what binds them, what reads them back. Integers are 64-bit signed; sequences, sizes
//! and offsets never reach 2^63.

use super::{
    command::{MissingReason, NodeDuty, NodeState, WalkStage},
    error::QueryError,
};
use crate::types::{
    Acl, AclRules, Checksum, ChecksumAlgorithm, ChecksumKind, ChunkRoot, LegalHold, NodeId, ObjectChecksum,
    ObjectHeaders, ObjectKey, ObjectLockConfiguration, ObjectOwnership, PublicAccessBlock, Retention, RetentionMode,
    SystemHeaders, TagSet, Timestamp, VersionLock, Versioning, VolumeId,
};
use sqlx::{Row, sqlite::SqliteRow};

/// Reads columns by position.
pub(super) trait Columns {
    fn number(&self, column: usize) -> Result<u64, QueryError>;
    fn optional_number(&self, column: usize) -> Result<Option<u64>, QueryError>;
    fn flag(&self, column: usize) -> Result<bool, QueryError>;
    fn time(&self, column: usize) -> Result<Timestamp, QueryError>;
    fn bytes(&self, column: usize) -> Result<&[u8], QueryError>;
    fn optional_bytes(&self, column: usize) -> Result<Option<&[u8]>, QueryError>;
    fn text(&self, column: usize) -> Result<&str, QueryError>;
    fn optional_text(&self, column: usize) -> Result<Option<&str>, QueryError>;

    fn string(&self, column: usize) -> Result<String, QueryError> {
        self.text(column).map(str::to_owned)
    }

    fn key(&self, column: usize) -> Result<ObjectKey, QueryError> {
        Ok(ObjectKey::from_utf8(self.bytes(column)?.to_vec())?)
    }

    fn small_number(&self, column: usize) -> Result<u32, QueryError> {
        let number = self.number(column)?;
        u32::try_from(number).map_err(|_| QueryError::Damaged(format!("{number} where a small number belongs")))
    }

    /// The algorithm stands in `column`, the value behind it.
    fn checksum(&self, column: usize) -> Result<Option<Checksum>, QueryError> {
        match (self.optional_number(column)?, self.optional_bytes(column + 1)?) {
            (Some(code), Some(value)) => Ok(Some(Checksum::new(algorithm_of(code)?, value.to_vec())?)),
            _ => Ok(None),
        }
    }

    /// The algorithm stands in `column`, the kind behind it.
    fn checksum_type(&self, column: usize) -> Result<Option<(ChecksumAlgorithm, ChecksumKind)>, QueryError> {
        checksum_type_of(self.optional_number(column)?, self.optional_number(column + 1)?)
    }

    /// Algorithm, kind, value and part count stand from `column` on. Only a composite one shows its number of parts.
    fn object_checksum(&self, column: usize) -> Result<Option<ObjectChecksum>, QueryError> {
        let Some((algorithm, kind)) = self.checksum_type(column)? else { return Ok(None) };
        let checksum = Checksum::new(algorithm, self.bytes(column + 2)?.to_vec())?;
        let part_count = match kind {
            ChecksumKind::FullObject => None,
            ChecksumKind::Composite => self.part_count(column + 3)?,
        };
        Ok(Some(ObjectChecksum { checksum, kind, part_count }))
    }

    fn part_count(&self, column: usize) -> Result<Option<u32>, QueryError> {
        Ok(self.optional_number(column)?.and_then(|count| u32::try_from(count).ok()))
    }

    /// The retention's mode and end and the legal hold stand from `column` on.
    fn lock(&self, column: usize) -> Result<VersionLock, QueryError> {
        let retention = match (self.optional_number(column)?, self.optional_number(column + 1)?) {
            (None, None) => None,
            (Some(mode), Some(_)) => Some(Retention { mode: retention_mode_of(mode)?, until: self.time(column + 1)? }),
            (None, Some(_)) | (Some(_), None) => return Err(QueryError::Damaged("half a retention".to_owned())),
        };
        Ok(VersionLock { retention, legal_hold: self.optional_number(column + 2)?.map(legal_hold_of).transpose()? })
    }

    fn acl(&self, column: usize) -> Result<Acl, QueryError> {
        self.optional_number(column)?.map_or(Ok(Acl::PRIVATE), acl_of)
    }

    /// The Object Ownership stands in `column`, the public access block behind it.
    fn acl_rules(&self, column: usize) -> Result<AclRules, QueryError> {
        Ok(AclRules {
            ownership: self.optional_number(column)?.map(ownership_of).transpose()?,
            block: self.optional_number(column + 1)?.map(public_access_block_of).transpose()?,
        })
    }

    /// The content type stands in `column`, the other headers behind it.
    fn headers(&self, column: usize) -> Result<ObjectHeaders, QueryError> {
        let content_type = self.optional_text(column)?.map(str::to_owned);
        let mut headers: ObjectHeaders = match self.optional_text(column + 1)? {
            Some(json) => serde_json::from_str(json)?,
            None => ObjectHeaders::default(),
        };
        headers.system.content_type = content_type;
        Ok(headers)
    }

    fn tags(&self, column: usize) -> Result<TagSet, QueryError> {
        match self.optional_text(column)? {
            Some(json) => Ok(serde_json::from_str(json)?),
            None => Ok(TagSet::default()),
        }
    }
}

impl Columns for SqliteRow {
    fn number(&self, column: usize) -> Result<u64, QueryError> {
        Ok(self.try_get::<i64, _>(column)?.cast_unsigned())
    }

    fn optional_number(&self, column: usize) -> Result<Option<u64>, QueryError> {
        Ok(self.try_get::<Option<i64>, _>(column)?.map(i64::cast_unsigned))
    }

    fn flag(&self, column: usize) -> Result<bool, QueryError> {
        Ok(self.try_get::<i64, _>(column)? != 0)
    }

    fn time(&self, column: usize) -> Result<Timestamp, QueryError> {
        Ok(Timestamp::from_unix_millis(self.try_get(column)?))
    }

    fn bytes(&self, column: usize) -> Result<&[u8], QueryError> {
        Ok(self.try_get(column)?)
    }

    fn optional_bytes(&self, column: usize) -> Result<Option<&[u8]>, QueryError> {
        Ok(self.try_get(column)?)
    }

    fn text(&self, column: usize) -> Result<&str, QueryError> {
        Ok(self.try_get(column)?)
    }

    fn optional_text(&self, column: usize) -> Result<Option<&str>, QueryError> {
        Ok(self.try_get(column)?)
    }
}

/// As a column holds it.
pub(super) fn number(value: impl Into<u64>) -> i64 {
    value.into().cast_signed()
}

pub(super) fn time(at: Timestamp) -> i64 {
    at.unix_millis()
}

pub(super) fn algorithm_code(algorithm: ChecksumAlgorithm) -> i64 {
    match algorithm {
        ChecksumAlgorithm::Crc32 => 1,
        ChecksumAlgorithm::Crc32c => 2,
        ChecksumAlgorithm::Crc64nvme => 3,
        ChecksumAlgorithm::Sha1 => 4,
        ChecksumAlgorithm::Sha256 => 5,
    }
}

fn algorithm_of(code: u64) -> Result<ChecksumAlgorithm, QueryError> {
    ChecksumAlgorithm::ALL
        .into_iter()
        .find(|algorithm| algorithm_code(*algorithm).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown checksum algorithm {code}")))
}

/// From the codes of algorithm and kind.
pub(super) fn checksum_type_of(
    algorithm: Option<u64>,
    kind: Option<u64>,
) -> Result<Option<(ChecksumAlgorithm, ChecksumKind)>, QueryError> {
    match (algorithm, kind) {
        (Some(algorithm), Some(kind)) => Ok(Some((algorithm_of(algorithm)?, kind_of(kind)?))),
        _ => Ok(None),
    }
}

pub(super) fn kind_code(kind: ChecksumKind) -> i64 {
    match kind {
        ChecksumKind::FullObject => 1,
        ChecksumKind::Composite => 2,
    }
}

fn kind_of(code: u64) -> Result<ChecksumKind, QueryError> {
    [ChecksumKind::FullObject, ChecksumKind::Composite]
        .into_iter()
        .find(|kind| kind_code(*kind).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown checksum kind {code}")))
}

pub(super) fn versioning_code(versioning: Versioning) -> i64 {
    match versioning {
        Versioning::Never => 0,
        Versioning::Enabled => 1,
        Versioning::Suspended => 2,
    }
}

pub(super) fn versioning_of(code: u64) -> Result<Versioning, QueryError> {
    [Versioning::Never, Versioning::Enabled, Versioning::Suspended]
        .into_iter()
        .find(|versioning| versioning_code(*versioning).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown versioning {code} of a bucket")))
}

pub(super) fn retention_mode_code(mode: RetentionMode) -> i64 {
    match mode {
        RetentionMode::Governance => 1,
        RetentionMode::Compliance => 2,
    }
}

fn retention_mode_of(code: u64) -> Result<RetentionMode, QueryError> {
    RetentionMode::ALL
        .into_iter()
        .find(|mode| retention_mode_code(*mode).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown retention mode {code}")))
}

pub(super) fn legal_hold_code(hold: LegalHold) -> i64 {
    match hold {
        LegalHold::Off => 0,
        LegalHold::On => 1,
    }
}

fn legal_hold_of(code: u64) -> Result<LegalHold, QueryError> {
    LegalHold::ALL
        .into_iter()
        .find(|hold| legal_hold_code(*hold).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown legal hold {code}")))
}

pub(super) fn object_lock_text(configuration: ObjectLockConfiguration) -> String {
    serde_json::to_string(&configuration).expect("a mode and a number always serialise")
}

/// Of a bucket's column.
pub(super) fn object_lock_of(text: Option<&str>) -> Result<Option<ObjectLockConfiguration>, QueryError> {
    Ok(text.map(serde_json::from_str).transpose()?)
}

/// Nothing where it is private, as most are.
pub(super) fn acl_code(acl: Acl) -> Option<i64> {
    (acl != Acl::PRIVATE).then(|| acl.bits().cast_signed())
}

fn acl_of(code: u64) -> Result<Acl, QueryError> {
    Acl::from_bits(code).map_err(|error| QueryError::Damaged(error.to_string()))
}

pub(super) fn ownership_code(ownership: ObjectOwnership) -> i64 {
    match ownership {
        ObjectOwnership::BucketOwnerEnforced => 1,
        ObjectOwnership::BucketOwnerPreferred => 2,
        ObjectOwnership::ObjectWriter => 3,
    }
}

fn ownership_of(code: u64) -> Result<ObjectOwnership, QueryError> {
    ObjectOwnership::ALL
        .into_iter()
        .find(|ownership| ownership_code(*ownership).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown ownership {code} of a bucket")))
}

pub(super) fn public_access_block_code(block: PublicAccessBlock) -> i64 {
    block.bits().cast_signed()
}

fn public_access_block_of(code: u64) -> Result<PublicAccessBlock, QueryError> {
    PublicAccessBlock::from_bits(code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown public access block {code} of a bucket")))
}

pub(super) fn walk_stage_code(stage: WalkStage) -> i64 {
    match stage {
        WalkStage::Versions => 1,
        WalkStage::Uploads => 2,
    }
}

pub(super) fn walk_stage_of(code: u64) -> Result<WalkStage, QueryError> {
    [WalkStage::Versions, WalkStage::Uploads]
        .into_iter()
        .find(|stage| walk_stage_code(*stage).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown stage {code} of a walk")))
}

pub(super) fn node_state_code(state: NodeState) -> i64 {
    match state {
        NodeState::Healthy => 1,
        NodeState::Suspect => 2,
        NodeState::Failed => 3,
    }
}

pub(super) fn node_state_of(code: u64) -> Result<NodeState, QueryError> {
    [NodeState::Healthy, NodeState::Suspect, NodeState::Failed]
        .into_iter()
        .find(|state| node_state_code(*state).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown node state {code}")))
}

pub(super) fn node_duty_code(duty: NodeDuty) -> i64 {
    match duty {
        NodeDuty::Serving => 1,
        NodeDuty::Draining => 2,
        NodeDuty::Removed => 3,
    }
}

pub(super) fn node_duty_of(code: u64) -> Result<NodeDuty, QueryError> {
    [NodeDuty::Serving, NodeDuty::Draining, NodeDuty::Removed]
        .into_iter()
        .find(|duty| node_duty_code(*duty).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown duty of a node {code}")))
}

pub(super) fn missing_reason_code(reason: MissingReason) -> i64 {
    match reason {
        MissingReason::NotWritten => 1,
        MissingReason::Absent => 2,
        MissingReason::Corrupt => 3,
        MissingReason::InDoubt => 4,
        MissingReason::Arriving => 5,
    }
}

pub(super) fn missing_reason_of(code: u64) -> Result<MissingReason, QueryError> {
    MissingReason::ALL
        .into_iter()
        .find(|reason| missing_reason_code(*reason).cast_unsigned() == code)
        .ok_or_else(|| QueryError::Damaged(format!("unknown reason {code} of a missing copy")))
}

/// All headers but the content type, which has a column of its own; none when there are no others.
pub(super) fn other_headers(headers: &ObjectHeaders) -> Option<String> {
    let others = SystemHeaders { content_type: None, ..headers.system.clone() };
    if others == SystemHeaders::default() && headers.user.is_empty() {
        return None;
    }
    let headers = ObjectHeaders { system: others, user: headers.user.clone() };
    Some(serde_json::to_string(&headers).expect("maps of strings always serialise"))
}

pub(super) fn tags_text(tags: &TagSet) -> Option<String> {
    (!tags.is_empty()).then(|| serde_json::to_string(tags).expect("maps of strings always serialise"))
}

pub(super) fn roots_bytes(roots: &[ChunkRoot]) -> Vec<u8> {
    roots.iter().flat_map(|root| *root.as_bytes()).collect()
}

pub(super) fn roots_of(bytes: &[u8]) -> Result<Vec<ChunkRoot>, QueryError> {
    let (roots, rest) = bytes.as_chunks::<{ ChunkRoot::LENGTH }>();
    match rest.is_empty() {
        true => Ok(roots.iter().map(|root| ChunkRoot::from_bytes(*root)).collect()),
        false => Err(QueryError::Damaged("roots of an odd length".to_owned())),
    }
}

pub(super) fn node_ids_bytes(nodes: &[NodeId]) -> Vec<u8> {
    nodes.iter().flat_map(|node| *node.as_bytes()).collect()
}

pub(super) fn node_ids_of(bytes: &[u8]) -> Result<Vec<NodeId>, QueryError> {
    bytes.chunks(NodeId::LENGTH).map(|id| Ok(NodeId::from_slice(id)?)).collect()
}

pub(super) fn volume_ids_bytes(volumes: &[VolumeId]) -> Vec<u8> {
    volumes.iter().flat_map(|volume| *volume.as_bytes()).collect()
}

pub(super) fn volume_ids_of(bytes: &[u8]) -> Result<Vec<VolumeId>, QueryError> {
    bytes.chunks(VolumeId::LENGTH).map(|id| Ok(VolumeId::from_slice(id)?)).collect()
}

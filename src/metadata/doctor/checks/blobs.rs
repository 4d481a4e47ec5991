//! Blobs: what extents name, where they are, and how they are deleted.

use super::{
    AT_RISK, Check, KEPT, LOST, Severity, UNPLACED, is_needed, list_objects, objects_of_blob, owner, owner_of_blob,
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "extent-without-blob",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'the extent at ' || e.content_offset || ' of content ' || e.content || ' names blob '
                || lower(hex(e.blob)) || ', which is not there', ",
            owner!("e.content"),
            " FROM extents e WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.blob = e.blob) LIMIT $1"
        ),
        remedy: UNPLACED,
    },
    Check {
        name: "extent-beyond-blob",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'the extent at ' || e.content_offset || ' of content ' || e.content || ' ends at '
                || (e.blob_offset + e.length) || ' of blob ' || lower(hex(e.blob)) || ', which has ' || b.size || ' bytes', ",
            owner!("e.content"),
            " FROM extents e CROSS JOIN blobs b ON b.blob = e.blob
            WHERE e.blob_offset < 0 OR e.blob_offset + e.length > b.size LIMIT $1"
        ),
        remedy: LOST,
    },
    Check {
        name: "blob-count-low",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'blob ' || lower(hex(b.blob)) || ' counts ' || b.extent_count || ' extents and has ' || b.named || ",
            objects_of_blob!("b.blob"),
            ", ",
            owner_of_blob!("b.blob"),
            " FROM (SELECT blob, extent_count, (SELECT count(*) FROM extents e WHERE e.blob = blobs.blob) AS named
                FROM blobs) b
            WHERE b.named > b.extent_count AND ",
            is_needed!("b.blob"),
            " LIMIT $1"
        ),
        remedy: AT_RISK,
    },
    Check {
        name: "blob-count-high",
        severity: Severity::Waste,
        statement: concat!(
            "SELECT 'blob ' || lower(hex(b.blob)) || ' counts ' || b.extent_count || ' extents and has ' || b.named, ",
            owner_of_blob!("b.blob"),
            " FROM (SELECT blob, extent_count, (SELECT count(*) FROM extents e WHERE e.blob = blobs.blob) AS named
                FROM blobs) b
            WHERE b.named < b.extent_count OR b.extent_count = 0 AND b.named = 0 LIMIT $1"
        ),
        remedy: KEPT,
    },
    Check {
        name: "blob-group",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'blob ' || lower(hex(b.blob)) || ' is in group ' || b.placement_group || ', which is not there', ",
            owner_of_blob!("b.blob"),
            " FROM blobs b
            WHERE NOT EXISTS (SELECT 1 FROM placement_groups g WHERE g.placement_group = b.placement_group) LIMIT $1"
        ),
        remedy: LOST,
    },
    Check {
        name: "blob-roots",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'blob ' || lower(hex(b.blob)) || ' of ' || b.size || ' bytes in chunks of ' || b.chunk_size
                || ' has roots of ' || length(b.roots) || ' bytes', ",
            owner_of_blob!("b.blob"),
            " FROM blobs b
            WHERE b.size <= 0 OR b.chunk_size <= 0
                OR length(b.roots) <> 32 * ((b.size + max(b.chunk_size, 1) - 1) / max(b.chunk_size, 1)) LIMIT $1"
        ),
        remedy: LOST,
    },
    Check {
        name: "blob-deleted",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'blob ' || lower(hex(b.blob)) || ' is named and queued to be deleted' || ",
            objects_of_blob!("b.blob"),
            ", ",
            owner_of_blob!("b.blob"),
            " FROM deletions d CROSS JOIN blobs b ON b.blob = d.blob WHERE ",
            is_needed!("b.blob"),
            " LIMIT $1"
        ),
        remedy: AT_RISK,
    },
    Check {
        name: "deletion",
        severity: Severity::Waste,
        statement: "
            SELECT 'the deletion of blob ' || lower(hex(d.blob)) || ' names group ' || d.placement_group || ', '
                || d.chunk_count || ' chunks and commit ' || d.deleted_at, NULL, NULL
            FROM deletions d
            WHERE NOT EXISTS (SELECT 1 FROM placement_groups g WHERE g.placement_group = d.placement_group)
                OR d.chunk_count <= 0
                OR d.deleted_at > (SELECT value FROM settings WHERE name = 'commit_sequence') LIMIT $1",
        remedy: KEPT,
    },
    Check {
        name: "repair-list-blob",
        severity: Severity::Waste,
        statement: "
            SELECT 'blob ' || lower(hex(u.blob)) || ' is on the repair list and not there', NULL, NULL
            FROM under_replicated u WHERE NOT EXISTS (SELECT 1 FROM blobs b WHERE b.blob = u.blob) LIMIT $1",
        remedy: "no data is at risk; `larder admin status` does not say that all is well while it is there",
    },
];

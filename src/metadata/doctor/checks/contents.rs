//! Contents: what versions and parts name, and what they are made of. A content at 0 is being unrolled and may have lost
//! some of its rows.

use super::{AT_RISK, Check, INCOMPLETE, KEPT, LOST, Severity, UNNAMED, list_objects, objects_of_content, owner};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "content-count-low",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'content ' || c.content || ' counts ' || c.count || ' names and has ' || c.names || ",
            objects_of_content!("c.content"),
            ", ",
            owner!("c.content"),
            " FROM (SELECT content, count, (SELECT count(*) FROM versions v WHERE v.content = contents.content)
                + (SELECT count(*) FROM parts p WHERE p.content = contents.content) AS names FROM contents) c
            WHERE c.names > c.count LIMIT $1"
        ),
        remedy: AT_RISK,
    },
    Check {
        name: "content-count-high",
        severity: Severity::Waste,
        statement: concat!(
            "SELECT 'content ' || c.content || ' counts ' || c.count || ' names and has ' || c.names, ",
            owner!("c.content"),
            " FROM (SELECT content, count, (SELECT count(*) FROM versions v WHERE v.content = contents.content)
                + (SELECT count(*) FROM parts p WHERE p.content = contents.content) AS names FROM contents) c
            WHERE c.names > 0 AND c.names < c.count LIMIT $1"
        ),
        remedy: KEPT,
    },
    Check {
        name: "content-without-name",
        severity: Severity::Wrong,
        statement: "
            SELECT 'content ' || c.content || ' of ' || c.size || ' bytes counts ' || c.count || ' names and has none', NULL, NULL
            FROM contents c WHERE c.count > 0 AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.content = c.content)
                AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.content = c.content) LIMIT $1",
        remedy: UNNAMED,
    },
    Check {
        name: "version-without-content",
        severity: Severity::Danger,
        statement: "
            SELECT 'the version of commit ' || v.sequence || ' names no content that is there', v.bucket, v.key
            FROM versions v WHERE v.is_delete_marker = 0
                AND NOT EXISTS (SELECT 1 FROM contents c WHERE c.content = v.content) LIMIT $1",
        remedy: LOST,
    },
    Check {
        name: "part-without-content",
        severity: Severity::Danger,
        statement: "
            SELECT 'part ' || p.part_number || ' of upload ' || lower(hex(p.upload)) || ' names no content that is there',
                (SELECT u.bucket FROM uploads u WHERE u.upload = p.upload),
                (SELECT u.key FROM uploads u WHERE u.upload = p.upload)
            FROM parts p WHERE NOT EXISTS (SELECT 1 FROM contents c WHERE c.content = p.content) LIMIT $1",
        remedy: "send the part again, or abort the upload",
    },
    Check {
        name: "version-size",
        severity: Severity::Danger,
        statement: "
            SELECT 'the version of commit ' || v.sequence || ' has ' || v.size || ' bytes and its content ' || c.size,
                v.bucket, v.key
            FROM versions v CROSS JOIN contents c ON c.content = v.content WHERE v.size <> c.size LIMIT $1",
        remedy: LOST,
    },
    Check {
        name: "part-size",
        severity: Severity::Danger,
        statement: "
            SELECT 'part ' || p.part_number || ' of upload ' || lower(hex(p.upload)) || ' has ' || p.size
                    || ' bytes and its content ' || c.size,
                (SELECT u.bucket FROM uploads u WHERE u.upload = p.upload),
                (SELECT u.key FROM uploads u WHERE u.upload = p.upload)
            FROM parts p CROSS JOIN contents c ON c.content = p.content WHERE p.size <> c.size LIMIT $1",
        remedy: "send the part again, or abort the upload",
    },
    Check {
        name: "extents-cover",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'content ' || c.content || ' has ' || c.size || ' bytes and extents of ' || c.covered, ",
            owner!("c.content"),
            " FROM (SELECT content, count, size, (SELECT CAST(total(e.length) AS INTEGER) FROM extents e
                WHERE e.content = contents.content) AS covered FROM contents) c
            WHERE c.count > 0 AND c.size <> c.covered LIMIT $1"
        ),
        remedy: INCOMPLETE,
    },
    Check {
        name: "extents-gap",
        severity: Severity::Danger,
        statement: concat!(
            "SELECT 'content ' || e.content || ' has an extent at ' || e.content_offset || ' where ' || e.expected
                || ' was due', ",
            owner!("e.content"),
            " FROM (SELECT content, content_offset,
                    lag(content_offset + length, 1, 0) OVER (PARTITION BY content ORDER BY content_offset) AS expected
                FROM extents) e CROSS JOIN contents c ON c.content = e.content
            WHERE c.count > 0 AND e.content_offset <> e.expected LIMIT $1"
        ),
        remedy: INCOMPLETE,
    },
    Check {
        name: "extent-without-content",
        severity: Severity::Waste,
        statement: "
            SELECT 'an extent at ' || e.content_offset || ' of content ' || e.content || ', which is not there', NULL, NULL
            FROM extents e WHERE NOT EXISTS (SELECT 1 FROM contents c WHERE c.content = e.content) LIMIT $1",
        remedy: KEPT,
    },
    Check {
        name: "parts-of-version",
        severity: Severity::Wrong,
        statement: concat!(
            "SELECT 'content ' || p.content || ' has part ' || p.part_number || ' at ' || p.content_offset || ' where '
                || p.expected || ' was due', ",
            owner!("p.content"),
            " FROM (SELECT content, part_number, content_offset,
                    lag(content_offset + size, 1, 0) OVER (PARTITION BY content ORDER BY part_number) AS expected
                FROM version_parts) p LEFT JOIN contents c ON c.content = p.content
            WHERE c.content IS NULL OR (c.count > 0 AND p.content_offset <> p.expected) LIMIT $1"
        ),
        remedy: super::ODD,
    },
    Check {
        name: "parts-cover",
        severity: Severity::Wrong,
        statement: concat!(
            "SELECT 'content ' || p.content || ' has ' || c.size || ' bytes and parts of ' || p.covered, ",
            owner!("p.content"),
            " FROM (SELECT content, CAST(total(size) AS INTEGER) AS covered FROM version_parts GROUP BY content) p
                CROSS JOIN contents c ON c.content = p.content
            WHERE c.count > 0 AND c.size <> p.covered LIMIT $1"
        ),
        remedy: super::ODD,
    },
];

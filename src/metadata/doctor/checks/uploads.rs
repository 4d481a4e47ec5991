//! Multipart uploads and their parts. An upload that ended keeps its parts until they are released in steps; an upload in a
//! bucket that was deleted stays until it is ended in steps.

use super::{Check, KEPT, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "upload-bucket",
        severity: Severity::Waste,
        statement: "
            SELECT 'upload ' || lower(hex(u.upload)) || ' is in bucket number ' || u.bucket || ', which is not there',
                NULL, NULL
            FROM uploads u WHERE NOT EXISTS (SELECT 1 FROM buckets b WHERE b.bucket = u.bucket)
                AND NOT EXISTS (SELECT 1 FROM ended_buckets e WHERE e.bucket = u.bucket) LIMIT $1",
        remedy: KEPT,
    },
    Check {
        name: "upload-ended",
        severity: Severity::Danger,
        statement: "
            SELECT 'upload ' || lower(hex(u.upload)) || ' is open and ended: its parts go', u.bucket, u.key
            FROM ended_uploads e CROSS JOIN uploads u ON u.upload = e.upload LIMIT $1",
        remedy: "abort the upload and begin it again",
    },
    Check {
        name: "upload-lock",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the Object Lock that upload ' || lower(hex(u.upload)) || ' asks for can''t be read', u.bucket, u.key
            FROM uploads u WHERE (u.retention_mode IS NULL) <> (u.retain_until IS NULL)
                OR u.retention_mode NOT IN (1, 2) OR u.legal_hold NOT IN (0, 1) LIMIT $1",
        remedy: "abort the upload and begin it again",
    },
    Check {
        name: "upload-acl",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the access control list that upload ' || lower(hex(u.upload)) || ' asks for can''t be read', u.bucket, u.key
            FROM uploads u WHERE u.acl NOT BETWEEN 0 AND 32767 LIMIT $1",
        remedy: "abort the upload and begin it again",
    },
    Check {
        name: "part-upload",
        severity: Severity::Waste,
        statement: "
            SELECT 'part ' || p.part_number || ' is of upload ' || lower(hex(p.upload)) || ', which is not there', NULL, NULL
            FROM parts p WHERE NOT EXISTS (SELECT 1 FROM uploads u WHERE u.upload = p.upload)
                AND NOT EXISTS (SELECT 1 FROM ended_uploads e WHERE e.upload = p.upload) LIMIT $1",
        remedy: KEPT,
    },
    Check {
        name: "part-number",
        severity: Severity::Wrong,
        statement: "
            SELECT 'upload ' || lower(hex(p.upload)) || ' has a part ' || p.part_number,
                (SELECT u.bucket FROM uploads u WHERE u.upload = p.upload),
                (SELECT u.key FROM uploads u WHERE u.upload = p.upload)
            FROM parts p WHERE p.part_number NOT BETWEEN 1 AND 10000 LIMIT $1",
        remedy: "abort the upload and begin it again",
    },
    Check {
        name: "bucket-access",
        severity: Severity::Danger,
        statement: "
            SELECT 'what bucket ' || b.name || ' says about access can''t be read', NULL, NULL
            FROM buckets b WHERE b.acl NOT BETWEEN 0 AND 32767 OR b.ownership NOT IN (1, 2, 3)
                OR b.public_access_block NOT BETWEEN 0 AND 15 LIMIT $1",
        remedy: "nobody can reach the bucket, nor list buckets: restore a backup from before the damage \
            (`--restore FILE`, docs/recovering.md)",
    },
    Check {
        name: "bucket-acl-disabled",
        severity: Severity::Wrong,
        statement: "
            SELECT 'bucket ' || b.name || ' has an access control list, and its owner is enforced', NULL, NULL
            FROM buckets b WHERE b.acl IS NOT NULL AND b.ownership = 1 LIMIT $1",
        remedy: "the list has no effect as long as the owner is enforced; delete the bucket's ownership controls, set its \
            list to private, and enforce its owner again",
    },
    Check {
        name: "bucket-cors",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the CORS rules of bucket ' || b.name || ' can''t be read', NULL, NULL
            FROM buckets b WHERE b.cors IS NOT NULL AND NOT json_valid(b.cors) LIMIT $1",
        remedy: "set the bucket's CORS configuration again, or delete it",
    },
    Check {
        name: "bucket-website",
        severity: Severity::Wrong,
        statement: "
            SELECT 'what bucket ' || b.name || ' is as a website can''t be read', NULL, NULL
            FROM buckets b WHERE b.website IS NOT NULL AND NOT json_valid(b.website) LIMIT $1",
        remedy: "set the bucket's website configuration again, or delete it",
    },
    Check {
        name: "bucket-ended",
        severity: Severity::Danger,
        statement: "
            SELECT 'bucket ' || b.name || ' is there and its uploads are being ended', NULL, NULL
            FROM ended_buckets e CROSS JOIN buckets b ON b.bucket = e.bucket LIMIT $1",
        remedy: "`larder admin jobs pause release-contents` keeps its uploads from going; complete them, and `jobs resume` it; those that went \
            are begun again",
    },
    Check {
        name: "completed-upload",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the kept outcome of upload ' || lower(hex(c.upload)) || ' can''t be read', c.bucket, c.key
            FROM completed_uploads c WHERE NOT json_valid(c.outcome) LIMIT $1",
        remedy: "it goes by itself 7 days after the upload was completed; until then a repeated Complete fails",
    },
];

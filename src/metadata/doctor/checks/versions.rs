//! Versions of objects: which is the current one, and whose they are.

use super::{Check, LOST, ODD, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "latest-version",
        severity: Severity::Wrong,
        statement: "
            SELECT k.latest || ' of the key''s versions are current, of commit ' || coalesce(k.latest_sequence, 'none')
                || '; the newest is of commit ' || k.newest, k.bucket, k.key
            FROM (SELECT bucket, key, CAST(total(is_latest) AS INTEGER) AS latest, max(sequence) AS newest,
                    max(iif(is_latest = 1, sequence, NULL)) AS latest_sequence
                FROM versions GROUP BY bucket, key) k
            WHERE k.latest <> 1 OR k.latest_sequence IS NOT k.newest LIMIT $1",
        remedy: ODD,
    },
    Check {
        name: "null-version",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the key has ' || k.nulls || ' versions named null', k.bucket, k.key
            FROM (SELECT bucket, key, CAST(total(is_null) AS INTEGER) AS nulls FROM versions GROUP BY bucket, key) k
            WHERE k.nulls > 1 LIMIT $1",
        remedy: ODD,
    },
    Check {
        name: "version-named",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the version of commit ' || v.sequence || ' is not the one named null, or a delete marker, in a bucket that never kept versions',
                v.bucket, v.key
            FROM buckets b JOIN versions v ON v.bucket = b.bucket
            WHERE b.versioning = 0 AND (v.is_null <> 1 OR v.is_delete_marker <> 0) LIMIT $1",
        remedy: ODD,
    },
    Check {
        name: "versioning",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the versioning of the bucket is ' || quote(b.versioning) || ', which is none', b.bucket, NULL
            FROM buckets b WHERE b.versioning NOT IN (0, 1, 2) LIMIT $1",
        remedy: "say again whether the bucket keeps versions (PutBucketVersioning)",
    },
    Check {
        name: "version-etag",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the ETag ' || quote(v.etag) || ' of the version of commit ' || v.sequence || ' is none', v.bucket, v.key
            FROM versions v WHERE v.is_delete_marker = 0 AND (length(v.etag) < 32
                OR substr(v.etag, 1, 32) GLOB '*[^0-9a-f]*'
                OR length(v.etag) > 32 AND (substr(v.etag, 33) NOT GLOB '-[1-9]*' OR substr(v.etag, 34) GLOB '*[^0-9]*')
                    AND (substr(v.etag, 33) NOT GLOB '-a[1-9]*' OR substr(v.etag, 35) GLOB '*[^0-9]*'))
            LIMIT $1",
        remedy: ODD,
    },
    Check {
        name: "version-bucket",
        severity: Severity::Danger,
        statement: "
            SELECT v.versions || ' versions are in bucket number ' || v.bucket || ', which is not there; the first is of the key '
                || quote(CAST(v.first AS TEXT)), NULL, NULL
            FROM (SELECT bucket, count(*) AS versions, min(key) AS first FROM versions GROUP BY bucket) v
            WHERE NOT EXISTS (SELECT 1 FROM buckets b WHERE b.bucket = v.bucket) LIMIT $1",
        remedy: "nobody can reach the objects of this bucket, though their data is there: restore a backup from before the damage \
            (`--restore FILE`, docs/recovering.md); making the bucket again does not bring them back",
    },
    Check {
        name: "delete-marker",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the delete marker of commit ' || v.sequence || ' has content ' || v.content, v.bucket, v.key
            FROM versions v WHERE v.is_delete_marker = 1 AND v.content IS NOT NULL LIMIT $1",
        remedy: ODD,
    },
    Check {
        name: "version-sequence",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the version of commit ' || v.sequence || ' is newer than the last commit', v.bucket, v.key
            FROM versions v WHERE v.sequence > (SELECT value FROM settings WHERE name = 'commit_sequence') LIMIT $1",
        remedy: "the metadata went back in time or was changed by hand: restore the newest backup (`--restore FILE`, \
            docs/recovering.md)",
    },
    Check {
        name: "version-checksum",
        severity: Severity::Danger,
        statement: "
            SELECT 'the checksum of the version of commit ' || v.sequence || ' can''t be read', v.bucket, v.key
            FROM versions v WHERE (v.checksum_algorithm IS NULL) <> (v.checksum_kind IS NULL)
                OR v.checksum_algorithm NOT IN (1, 2, 3, 4, 5) OR v.checksum_kind NOT IN (1, 2)
                OR length(v.checksum) <> CASE v.checksum_algorithm WHEN 3 THEN 8 WHEN 4 THEN 20 WHEN 5 THEN 32 ELSE 4 END
            LIMIT $1",
        remedy: LOST,
    },
    Check {
        name: "version-lock",
        severity: Severity::Danger,
        statement: "
            SELECT 'the Object Lock of the version of commit ' || v.sequence || ' can''t be read', v.bucket, v.key
            FROM versions v WHERE (v.retention_mode IS NULL) <> (v.retain_until IS NULL)
                OR v.retention_mode NOT IN (1, 2) OR v.legal_hold NOT IN (0, 1) LIMIT $1",
        remedy: "the version can be neither read nor removed until its lock is known: restore a backup from before the damage \
            (`--restore FILE`, docs/recovering.md)",
    },
    Check {
        name: "version-lock-misplaced",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the version of commit ' || v.sequence || ' is locked, and is a delete marker or in a bucket without Object Lock',
                v.bucket, v.key
            FROM versions v WHERE (v.retention_mode IS NOT NULL OR v.legal_hold IS NOT NULL) AND (v.is_delete_marker <> 0
                OR EXISTS (SELECT 1 FROM buckets b WHERE b.bucket = v.bucket AND b.object_lock IS NULL)) LIMIT $1",
        remedy: "the lock counts all the same; where the bucket has lost its Object Lock, set that again (PutObjectLockConfiguration)",
    },
    Check {
        name: "version-acl",
        severity: Severity::Danger,
        statement: "
            SELECT 'the access control list of the version of commit ' || v.sequence || ' can''t be read, or is of a delete marker',
                v.bucket, v.key
            FROM versions v WHERE v.acl NOT BETWEEN 0 AND 32767 OR (v.acl IS NOT NULL AND v.is_delete_marker <> 0) LIMIT $1",
        remedy: LOST,
    },
    Check {
        name: "part-count",
        severity: Severity::Wrong,
        statement: "
            SELECT 'the version of commit ' || v.sequence || ' has ' || coalesce(v.part_count, 'no') || ' parts, and '
                || v.stored || ' are stored', v.bucket, v.key
            FROM (SELECT bucket, key, sequence, part_count,
                    (SELECT count(*) FROM version_parts p WHERE p.content = versions.content) AS stored
                FROM versions WHERE is_delete_marker = 0) v
            WHERE v.stored <> coalesce(v.part_count, 0) LIMIT $1",
        remedy: ODD,
    },
];

//! What goes by itself: the list of keys that rules are to be asked about. Whether a key that should be on it is, no
//! statement can say: `larder admin lifecycle preview` asks the rules themselves.

use super::{Check, KEPT, Severity};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "lifecycle-bucket",
        severity: Severity::Waste,
        statement: "
            SELECT 'a key of bucket number ' || d.bucket || ' is to be looked at, and no lifecycle rule is enabled there',
                d.bucket, d.key
            FROM lifecycle_due d
            WHERE NOT EXISTS (SELECT 1 FROM buckets b WHERE b.bucket = d.bucket AND b.lifecycle_soonest IS NOT NULL)
                AND NOT EXISTS (SELECT 1 FROM lifecycle_walks w WHERE w.bucket = d.bucket) LIMIT $1",
        remedy: KEPT,
    },
    Check {
        name: "lifecycle-without-rules",
        severity: Severity::Wrong,
        statement: "
            SELECT 'bucket ' || b.name || ' is watched for lifecycle rules that it does not have', NULL, NULL
            FROM buckets b
            WHERE b.lifecycle_soonest IS NOT NULL AND (b.lifecycle IS NULL OR b.lifecycle_sequence IS NULL) LIMIT $1",
        remedy: "set the bucket's lifecycle rules again, or delete them",
    },
    Check {
        name: "lifecycle-sequence",
        severity: Severity::Wrong,
        statement: "
            SELECT 'a key that lifecycle rules are to be asked about was changed in a commit that has not been', d.bucket, d.key
            FROM lifecycle_due d WHERE d.sequence > (SELECT value FROM settings WHERE name = 'commit_sequence') LIMIT $1",
        remedy: "delete the bucket's lifecycle rules, wait until the job `expire-objects` has nothing left to do, and set them again",
    },
];

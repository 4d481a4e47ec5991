//! What goes by itself: the rules of a bucket, the index of keys that they are to be asked about again, and what they
//! said.
//!
//! Whatever changes a key of a bucket with rules calls `Watch`: its row in `lifecycle_due` then carries this commit's
//! sequence, and a time at which something may be due. Buckets without rules have no rows, and their writes run no
//! statement more. The sequence is the whole of the agreement between those who ask the rules, outside of the commit,
//! and `expire_key`: what was found out of a key counts only while nothing of it has changed since, be it an overwrite,
//! a tag, a version that went or an upload that began. So **every command that changes rows of `versions`, or begins an
//! upload, calls `Watch`**.

use super::{
    delete_object,
    transaction::{ApplyError, Transaction},
    uploads, versions,
};
use crate::{
    metadata::{
        columns::{Columns, number, time, walk_stage_code},
        command::{
            DeleteObject, ExpireAction, ExpireKey, ForgetDueKeys, ScheduleKeys, SetBucketLifecycle, VersionSelector,
            WalkStage, WritePrecondition,
        },
        error::QueryError,
        outcome::{CommandError, ExpiredKey, Outcome},
        query::successor,
        script::Script,
    },
    types::{BucketId, Bypass, ObjectKey, Timestamp, VersionId},
};
use sqlx::sqlite::SqliteRow;

/// Keys of one `ScheduleKeys`, rows of one `ForgetDueKeys`: a few milliseconds.
const STEP_KEYS_MAX: usize = 1000;

/// Before any time.
const AT_ONCE: i64 = i64::MIN;

/// How a bucket's keys are watched: how many milliseconds after a write the rules are asked. `None`: they are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watch(Option<u64>);

const NOTE: &str = "
    INSERT INTO lifecycle_due (bucket, key, at, sequence) VALUES ($1, $2, $3, $4)
    ON CONFLICT (bucket, key) DO UPDATE SET at = min(at, excluded.at), sequence = excluded.sequence";
/// A key of which nothing is left needs no look.
const FORGET_EMPTY: &str = "
    DELETE FROM lifecycle_due WHERE bucket = $1 AND key = $2
        AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.bucket = $1 AND v.key = $2)
        AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.bucket = $1 AND u.key = $2)";

/// What had another key, under which other rules may be about it: the keys that they are going to have. The rows of the old
/// ones go when they are looked at.
const NOTE_RENAMES: &str = "
    INSERT INTO lifecycle_due (bucket, key, at, sequence)
    SELECT $1 + 0, CAST($4 || substr(key, $5 + 0) AS BLOB), $6 + 0, $7 + 0
    FROM versions WHERE bucket = $1 AND key >= $2 AND key < $3
    ON CONFLICT (bucket, key) DO UPDATE SET at = min(at, excluded.at), sequence = excluded.sequence";

impl Watch {
    /// From `buckets.lifecycle_soonest`.
    pub fn from_column(row: &SqliteRow, column: usize) -> Result<Self, QueryError> {
        Ok(Self(row.optional_number(column)?))
    }

    /// Something was written at `at`: the rules say how long nothing of it can be due.
    pub fn note_write(
        self,
        bucket: BucketId,
        key: &ObjectKey,
        at: Timestamp,
        script: &mut Script,
        tx: &Transaction<'_>,
    ) {
        let Some(soonest) = self.0 else { return };
        let due = at.unix_millis().saturating_add(i64::try_from(soonest).unwrap_or(i64::MAX));
        note(bucket, key, due, script, tx);
    }

    /// Something changed that may make due what is old already: a tag, a delete marker.
    pub fn note_change(self, bucket: BucketId, key: &ObjectKey, script: &mut Script, tx: &Transaction<'_>) {
        if self.0.is_some() {
            note(bucket, key, AT_ONCE, script, tx);
        }
    }

    /// All keys that begin with `from` are about to begin with `to`.
    pub fn note_renames(self, bucket: BucketId, from: &[u8], to: &[u8], script: &mut Script, tx: &Transaction<'_>) {
        if self.0.is_some() {
            script.add(NOTE_RENAMES).bind(number(bucket.0)).bind(from).bind(successor(from)).bind(to);
            script.bind(from.len() as i64 + 1).bind(AT_ONCE).bind(number(tx.sequence().0));
        }
    }

    /// A version went, and perhaps the last.
    pub fn note_removal(self, bucket: BucketId, key: &ObjectKey, script: &mut Script, tx: &Transaction<'_>) {
        if self.0.is_some() {
            note(bucket, key, AT_ONCE, script, tx);
            script.add(FORGET_EMPTY).bind(number(bucket.0)).bind(key.as_bytes());
        }
    }
}

fn note(bucket: BucketId, key: &ObjectKey, due: i64, script: &mut Script, tx: &Transaction<'_>) {
    script.add(NOTE).bind(number(bucket.0)).bind(key.as_bytes()).bind(due).bind(number(tx.sequence().0));
}

const SET_RULES: &str = "
    UPDATE buckets SET lifecycle = $2, lifecycle_soonest = $3, lifecycle_sequence = $4 WHERE bucket = $1";
const BEGIN_WALK: &str = "
    INSERT INTO lifecycle_walks (bucket, stage, prefix, after) VALUES ($1, $2, 0, NULL)
    ON CONFLICT (bucket) DO UPDATE SET stage = excluded.stage, prefix = 0, after = NULL";

/// Afterwards the bucket has these rules and no others, and a walk over it has begun: to find what they are about, or,
/// where none is enabled, to forget what others were.
pub(super) async fn set(command: &SetBucketLifecycle, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let rules = command.lifecycle.as_ref();
    let text = rules.map(|rules| serde_json::to_string(rules).expect("lists of values always serialise"));
    let soonest = command.soonest_millis.filter(|_| rules.is_some()).map(number);
    let script = Script::of(SET_RULES).with(number(command.bucket.0)).with(text).with(soonest);
    if tx.execute(script.with(number(tx.sequence().0))).await? == 0 {
        return Err(CommandError::NoSuchBucket.into());
    }
    let stage = walk_stage_code(WalkStage::Versions);
    tx.execute(Script::of(BEGIN_WALK).with(number(command.bucket.0)).with(stage)).await?;
    Ok(Outcome::Done)
}

const READ_WALK: &str = "
    SELECT b.lifecycle_sequence FROM lifecycle_walks w CROSS JOIN buckets b ON b.bucket = w.bucket
    WHERE w.bucket = $1 AND b.lifecycle_soonest IS NOT NULL";
/// Each key as hexadecimal text with its time.
const SCHEDULE: &str = "
    INSERT INTO lifecycle_due (bucket, key, at, sequence)
    SELECT $1 + 0, unhex(json_extract(value, '$[0]')), json_extract(value, '$[1]'), $3 + 0 FROM json_each($2) WHERE true
    ON CONFLICT (bucket, key) DO UPDATE SET at = min(at, excluded.at), sequence = excluded.sequence";
const GO_ON: &str = "UPDATE lifecycle_walks SET stage = $2, prefix = $3, after = $4 WHERE bucket = $1";
const END_WALK: &str = "DELETE FROM lifecycle_walks WHERE bucket = $1";

pub(super) async fn schedule(command: &ScheduleKeys, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    if command.keys.len() > STEP_KEYS_MAX {
        return Err(CommandError::Malformed { reason: format!("{} keys at once", command.keys.len()) }.into());
    }
    let bucket = number(command.bucket.0);
    if tx.fetch_number(Script::of(READ_WALK).with(bucket)).await? != Some(command.rules.0) {
        return Err(CommandError::LifecycleOvertaken.into());
    }
    let mut script = Script::default();
    if !command.keys.is_empty() {
        let keys: Vec<(String, i64)> =
            command.keys.iter().map(|(key, at)| (const_hex::encode(key.as_bytes()), time(*at))).collect();
        let keys = serde_json::to_string(&keys).expect("text and numbers always serialise");
        script.add(SCHEDULE).bind(bucket).bind(keys).bind(number(tx.sequence().0));
    }
    match &command.walked {
        Some(place) => {
            script.add(GO_ON).bind(bucket).bind(walk_stage_code(place.stage));
            script.bind(i64::from(place.prefix)).bind(place.after.as_ref().map(|key| key.as_bytes()));
        }
        None => _ = script.add(END_WALK).bind(bucket),
    }
    tx.execute(script).await?;
    Ok(Outcome::Progress { rows: command.keys.len() as u64 })
}

const IS_WATCHED: &str = "SELECT 1 FROM buckets WHERE bucket = $1 AND lifecycle_soonest IS NOT NULL";
const FORGET: &str = "
    DELETE FROM lifecycle_due WHERE bucket = $1 AND key IN
        (SELECT key FROM lifecycle_due WHERE bucket = $1 ORDER BY key LIMIT $2 + 0)";

/// Afterwards at most `limit` keys more are forgotten. The step that finds no more ends the walk.
pub(super) async fn forget(command: &ForgetDueKeys, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    let bucket = number(command.bucket.0);
    if tx.fetch_number(Script::of(IS_WATCHED).with(bucket)).await?.is_some() {
        return Err(CommandError::LifecycleOvertaken.into());
    }
    let limit = command.limit.clamp(1, STEP_KEYS_MAX as u32);
    let rows = tx.execute(Script::of(FORGET).with(bucket).with(i64::from(limit))).await?;
    if rows < u64::from(limit) {
        tx.execute(Script::of(END_WALK).with(bucket)).await?;
    }
    Ok(Outcome::Progress { rows })
}

/// Adds to `script` what forgets the keys of a bucket that goes: in steps, as when its rules go.
pub(super) fn end_bucket(bucket: BucketId, script: &mut Script) {
    const QUEUE: &str = "
        INSERT INTO lifecycle_walks (bucket, stage, prefix, after)
        SELECT $1 + 0, $2 + 0, 0, NULL WHERE EXISTS (SELECT 1 FROM lifecycle_due d WHERE d.bucket = $1)
        ON CONFLICT (bucket) DO NOTHING";
    script.add(QUEUE).bind(number(bucket.0)).bind(walk_stage_code(WalkStage::Versions));
}

const READ_SEEN: &str = "
    SELECT b.lifecycle_sequence, d.sequence
    FROM buckets b LEFT JOIN lifecycle_due d ON d.bucket = b.bucket AND d.key = $2 WHERE b.bucket = $1";
const LOOK_AGAIN: &str = "UPDATE lifecycle_due SET at = $3, sequence = $4 WHERE bucket = $1 AND key = $2";
const FORGET_KEY: &str = "DELETE FROM lifecycle_due WHERE bucket = $1 AND key = $2";

pub(super) async fn expire_key(command: &ExpireKey, tx: &mut Transaction<'_>) -> Result<Outcome, ApplyError> {
    if command.actions.len() > ExpireKey::ACTIONS_MAX {
        return Err(CommandError::Malformed { reason: format!("{} actions at once", command.actions.len()) }.into());
    }
    let seen = Script::of(READ_SEEN).with(number(command.bucket.0)).with(command.key.as_bytes());
    let row = tx.fetch_optional(seen).await?.ok_or(CommandError::NoSuchBucket)?;
    let (rules, key) = (row.optional_number(0)?, row.optional_number(1)?);
    if rules != Some(command.rules.0) || key != Some(command.seen.0) {
        return Err(CommandError::LifecycleOvertaken.into());
    }
    let mut expired = ExpiredKey::default();
    for action in &command.actions {
        match carry_out(action, command, tx).await {
            Ok(what) => expired.count(what),
            // What may not go stays, and holds nothing else up. A refusal has written nothing.
            Err(ApplyError::Refused(_)) => expired.kept += 1,
            Err(other) => return Err(other),
        }
    }
    let next = match (expired.gone(), expired.kept) {
        (0, 0) => command.next,
        (0, _) => Some(command.next.map_or(command.retry, |next| next.min(command.retry))),
        // What is left may be due by what is gone.
        _ => Some(command.at),
    };
    let mut script = match next {
        Some(next) => {
            let look = Script::of(LOOK_AGAIN).with(number(command.bucket.0)).with(command.key.as_bytes());
            look.with(time(next)).with(number(tx.sequence().0))
        }
        None => Script::of(FORGET_KEY).with(number(command.bucket.0)).with(command.key.as_bytes()),
    };
    if expired.gone() > 0 {
        script.add(FORGET_EMPTY).bind(number(command.bucket.0)).bind(command.key.as_bytes());
    }
    tx.execute(script).await?;
    Ok(Outcome::Expired(expired))
}

/// What one action came to.
enum Gone {
    Version,
    BehindMarker,
    Upload,
}

impl ExpiredKey {
    fn count(&mut self, gone: Gone) {
        match gone {
            Gone::Version => self.versions += 1,
            Gone::BehindMarker => self.behind_markers += 1,
            Gone::Upload => self.uploads += 1,
        }
    }
}

/// By the same functions as when clients delete, so that what keeps a version from them keeps it from the rules.
async fn carry_out(action: &ExpireAction, command: &ExpireKey, tx: &mut Transaction<'_>) -> Result<Gone, ApplyError> {
    let (bucket, key) = (command.bucket, &command.key);
    let (selector, sequence, marker) = match action {
        ExpireAction::AbortUpload { upload } => {
            uploads::abort(bucket, key, *upload, tx).await?;
            return Ok(Gone::Upload);
        }
        ExpireAction::Current { sequence, marker } => (VersionSelector::Latest, sequence, *marker),
        // No marker is made: its id is never used.
        ExpireAction::Version { sequence, name } => ((*name).into(), sequence, VersionId::from_bytes([0; 16])),
    };
    // The agreement on sequences says so already: what deletes looks twice.
    let state = versions::read(bucket, key, selector, tx).await?;
    if state.version.is_none_or(|version| version.sequence != *sequence) {
        return Err(CommandError::LifecycleOvertaken.into());
    }
    let delete = DeleteObject {
        bucket,
        key: key.clone(),
        version: selector,
        marker,
        owner: command.owner.clone(),
        at: command.at,
        precondition: WritePrecondition::None,
        bypass: Bypass::None,
        granted: None,
    };
    delete_object::delete(&delete, tx).await?;
    let leaves_marker = selector == VersionSelector::Latest && state.versioning.shows_versions();
    Ok(if leaves_marker { Gone::BehindMarker } else { Gone::Version })
}

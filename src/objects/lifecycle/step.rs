//! Background step: carries out what is due of the lifecycle rules (the module's head says how it is found). One step
//! is one page of keys that are to be looked at, or else one page of the walk over a bucket whose rules were set.

use super::look::Look;
use crate::{
    metadata::{
        Command, CommandError, Outcome, ProposeError, QueryError,
        command::{ExpireAction, ExpireKey, ForgetDueKeys, ScheduleKeys},
        outcome::ExpiredKey,
        rows::{DueKey, LifecycleWalk, WatchedBucket},
    },
    objects::{
        ObjectError, Objects,
        handle::unexpected,
        lifecycle::judge::{Judgement, What},
    },
    runtime::{Progress, Step},
    types::{BucketId, Timestamp},
};
use futures_util::future::join_all;
use std::{
    collections::{HashMap, hash_map::Entry},
    time::Duration,
};

/// Keys of one step. Their commands are proposed together, so that they share commits.
const KEYS_PER_STEP: u32 = 100;
/// Rows of one command that forgets.
const FORGOTTEN_PER_STEP: u32 = 1000;
/// How often is looked for what is due: beside a day it is nothing, and the look is one row of an index.
const IDLE_MAX: Duration = Duration::from_secs(10);
/// With short days, as many looks a day at least.
const LOOKS_PER_DAY: u32 = 20;

/// The step keeps nothing but its counts.
#[derive(Debug)]
pub struct ExpireObjects {
    objects: Objects,
    progress: Progress,
}

impl ExpireObjects {
    pub fn new(objects: Objects) -> Self {
        Self { objects, progress: Progress::default() }
    }

    /// Versions, delete markers and uploads that went, or that a delete marker was put in front of.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    pub fn rest(&self) -> Duration {
        (self.objects.lifecycle_day.length() / LOOKS_PER_DAY).clamp(Duration::from_millis(10), IDLE_MAX)
    }

    pub async fn step(&mut self) -> Result<Step, ObjectError> {
        let metadata = &self.objects.metadata;
        // Restored from a backup: what was written since is not known, and what was due then may not be.
        if metadata.needs_confirmation() {
            return Ok(Step::Idle);
        }
        let now = self.objects.now();
        let due = metadata.due_keys(now, KEYS_PER_STEP).await?;
        if !due.is_empty() {
            self.expire(due, now).await?;
            return Ok(Step::Busy);
        }
        match metadata.lifecycle_walk().await? {
            Some(walk) => self.walk(&walk, now).await,
            None => Ok(Step::Idle),
        }
    }

    async fn expire(&self, due: Vec<DueKey>, now: Timestamp) -> Result<(), ObjectError> {
        let mut watched: HashMap<BucketId, Option<WatchedBucket>> = HashMap::new();
        let mut commands = Vec::with_capacity(due.len());
        for key in due {
            let bucket = match watched.entry(key.bucket) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let bucket = self.objects.metadata.watched_bucket(key.bucket).await?;
                    // One command for all keys of a bucket without rules.
                    commands.extend(bucket.is_none().then(|| forget(key.bucket)));
                    new.insert(bucket)
                }
            };
            if let Some(bucket) = bucket {
                commands.push(Command::ExpireKey(self.look_at(&key, bucket, now).await));
            }
        }
        for outcome in join_all(commands.into_iter().map(|command| self.objects.metadata.propose(command))).await {
            match outcome {
                Ok(Outcome::Expired(expired)) => self.note(expired),
                // A bucket without rules: its keys are forgotten.
                Ok(Outcome::Progress { .. }) => {}
                Ok(other) => return Err(unexpected(&other)),
                // The key, or the rules, or the bucket, changed after the look: the next one sees how it is now.
                Err(ProposeError::Refused(CommandError::LifecycleOvertaken | CommandError::NoSuchBucket)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn note(&self, expired: ExpiredKey) {
        self.progress.add(expired.gone() as usize, 0);
        if expired.kept > 0 {
            tracing::debug!(kept = expired.kept, "lifecycle rules want what may not go yet");
        }
    }

    /// A key that can't be read holds up no other: it is looked at again after a day.
    async fn look_at(&self, due: &DueKey, watched: &WatchedBucket, now: Timestamp) -> ExpireKey {
        let day = self.objects.lifecycle_day;
        let retry = day.after(now, 1);
        let look = Look { metadata: &self.objects.metadata, watched, day, now };
        let judgement = look.at_key(&due.key).await.unwrap_or_else(|error: QueryError| {
            tracing::warn!(bucket = %watched.name, key = %due.key, %error, "lifecycle rules can't be asked about a key");
            Judgement { verdicts: Vec::new(), next: Some(retry) }
        });
        ExpireKey {
            bucket: due.bucket,
            key: due.key.clone(),
            rules: watched.rules_set_at,
            seen: due.changed_at,
            actions: judgement.verdicts.iter().map(|verdict| self.action(&verdict.what)).collect(),
            next: judgement.next,
            retry,
            owner: watched.owner.clone(),
            at: now,
        }
    }

    fn action(&self, what: &What) -> ExpireAction {
        match what {
            What::Current(version) => {
                ExpireAction::Current { sequence: version.sequence, marker: self.objects.new_version_id() }
            }
            What::Noncurrent(version) | What::LoneMarker(version) => {
                ExpireAction::Version { sequence: version.sequence, name: version.name }
            }
            What::Upload(upload) => ExpireAction::AbortUpload { upload: upload.upload },
        }
    }

    /// One page: its keys are put on the list for the time when something of them is due.
    async fn walk(&self, walk: &LifecycleWalk, now: Timestamp) -> Result<Step, ObjectError> {
        let metadata = &self.objects.metadata;
        let command = match metadata.watched_bucket(walk.bucket).await? {
            None => forget(walk.bucket),
            Some(watched) => {
                let look = Look { metadata, watched: &watched, day: self.objects.lifecycle_day, now };
                let page = look.at_page(&walk.place).await?;
                let due = |said: &Judgement| if said.verdicts.is_empty() { said.next } else { Some(now) };
                let keys = page.keys.into_iter().filter_map(|(key, said)| Some((key, due(&said)?)));
                Command::ScheduleKeys(ScheduleKeys {
                    bucket: walk.bucket,
                    rules: watched.rules_set_at,
                    keys: keys.collect(),
                    walked: page.next,
                })
            }
        };
        match metadata.propose(command).await {
            Ok(Outcome::Progress { .. }) => Ok(Step::Busy),
            Ok(other) => Err(unexpected(&other)),
            // Rules were set meanwhile: their walk begins anew.
            Err(ProposeError::Refused(CommandError::LifecycleOvertaken)) => Ok(Step::Busy),
            Err(error) => Err(error.into()),
        }
    }
}

fn forget(bucket: BucketId) -> Command {
    Command::ForgetDueKeys(ForgetDueKeys { bucket, limit: FORGOTTEN_PER_STEP })
}

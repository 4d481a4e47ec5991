//! What each group holds, one copy: counted by a walk over all blobs when nodes look uneven (`evenness`), and good for a while.

use crate::{
    metadata::{Metadata, QueryError},
    types::{BlobId, GroupId},
};
use std::{collections::HashMap, time::Duration};

/// Blobs of one step of the walk: some milliseconds of the database.
const BLOBS_PER_STEP: u32 = 5000;
/// They are counted again after so long, if nodes look uneven then, or when as large a part has changed of what all nodes hold.
const GOOD_FOR: Duration = Duration::from_secs(1800);
const CHANGE_MAX: f64 = 0.05;

#[derive(Debug, Default)]
pub struct GroupWeights {
    known: Option<Counted>,
    walk: Option<(Option<BlobId>, Counted)>,
}

/// When (monotonic clock), and what nodes said then that they hold in all.
#[derive(Debug, Default)]
struct Counted {
    at: Duration,
    live_bytes: u64,
    groups: HashMap<GroupId, u64>,
}

impl GroupWeights {
    /// What the group holds, if it was counted lately; 0 for one that had nothing then.
    pub fn of(&self, group: GroupId, now: Duration, live_bytes: u64) -> Option<u64> {
        let known = self.known.as_ref().filter(|known| known.is_good(now, live_bytes))?;
        Some(known.groups.get(&group).copied().unwrap_or(0))
    }

    pub fn begin(&mut self, now: Duration, live_bytes: u64) {
        self.walk = Some((None, Counted { at: now, live_bytes, groups: HashMap::new() }));
    }

    /// Goes on with a walk that was begun; whether one is under way. An error ends it.
    pub async fn step(&mut self, metadata: &Metadata) -> Result<bool, QueryError> {
        let Some((after, mut counted)) = self.walk.take() else { return Ok(false) };
        let (page, last) = metadata.group_bytes(after, BLOBS_PER_STEP).await?;
        for (group, bytes) in page {
            *counted.groups.entry(group).or_default() += bytes;
        }
        match last {
            Some(last) => self.walk = Some((Some(last), counted)),
            None => self.known = Some(counted),
        }
        Ok(true)
    }
}

impl Counted {
    fn is_good(&self, now: Duration, live_bytes: u64) -> bool {
        let change = live_bytes.abs_diff(self.live_bytes) as f64;
        now.saturating_sub(self.at) < GOOD_FOR && change <= self.live_bytes as f64 * CHANGE_MAX
    }
}

//! Background step: forgets the outcomes of multipart completions that are old enough that no client repeats its request.

use super::{Cluster, error::ClusterError};
use crate::{
    metadata::{Command, Outcome},
    runtime::Step,
    types::Timestamp,
};
use std::time::Duration;

/// How long a repeated CompleteMultipartUpload gets the same answer.
const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often old ones are looked for: a few hours more or less of seven days don't matter.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// Rows of one command.
const ROWS_PER_STEP: u32 = 1000;

#[derive(Debug)]
pub struct ForgetCompletedUploads {
    cluster: Cluster,
    finished_at: Option<Duration>,
}

impl ForgetCompletedUploads {
    pub fn new(cluster: Cluster) -> Self {
        Self { cluster, finished_at: None }
    }

    pub async fn step(&mut self) -> Result<Step, ClusterError> {
        let now = self.cluster.clock().monotonic();
        if self.finished_at.is_some_and(|at| now.saturating_sub(at) < LOOK_EVERY) {
            return Ok(Step::Idle);
        }
        let kept_millis = i64::try_from(KEPT_FOR.as_millis()).unwrap_or(i64::MAX);
        let before = self.cluster.clock().now().unix_millis().saturating_sub(kept_millis);
        let command =
            Command::ForgetCompletedUploads { before: Timestamp::from_unix_millis(before), limit: ROWS_PER_STEP };
        let outcome = self.cluster.metadata().propose(command).await?;
        if matches!(outcome, Outcome::Progress { rows } if rows > 0) {
            return Ok(Step::Busy);
        }
        self.finished_at = Some(now);
        Ok(Step::Idle)
    }
}

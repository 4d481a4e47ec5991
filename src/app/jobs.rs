//! Background tasks for the operator: how they fare, and which of them rest. A pause outlives the gateway: it is kept in the
//! metadata until the task is resumed.

use super::{
    concerns::replacement_halts,
    node_report::{groups_left, waiting_drains},
    totals::{CountedTotals, FOR_PEOPLE},
};
use crate::{
    admin::{JobOrder, JobReport, OperationError},
    cluster::Cluster,
    metadata::{Command, Metadata, QueryError, command::SaveJobState, rows::Totals},
    objects::Objects,
    runtime::{Clock, Shutdown},
    tasks::{self, Busyness, TaskStatus, Tasks},
};
use std::{collections::HashSet, fmt::Display, sync::Arc, time::Duration};

/// Names of states that say that a task rests.
const PAUSED: &str = "pause/";

/// Keeps that the task rests, also after a restart.
pub(super) fn keep_paused(name: &str) -> Command {
    Command::SaveJobState(SaveJobState { name: format!("{PAUSED}{name}"), state: Some(String::new()) })
}

/// The gateway's background tasks with what is kept of them.
pub struct Jobs {
    metadata: Metadata,
    cluster: Cluster,
    objects: Objects,
    totals: Arc<CountedTotals>,
    tasks: Tasks,
}

/// What tasks have before them, as far as it is counted.
struct Remaining {
    totals: Totals,
    /// Keys that lifecycle rules are to be asked about now.
    due_keys: u64,
}

impl Jobs {
    /// Starts every task but those that were paused before.
    pub async fn start(
        metadata: &Metadata,
        cluster: &Cluster,
        objects: &Objects,
        totals: &Arc<CountedTotals>,
        clock: &Arc<dyn Clock>,
        shutdown: &Shutdown,
    ) -> Result<Self, QueryError> {
        let kept = metadata.job_states(PAUSED).await?;
        let paused: HashSet<String> =
            kept.iter().filter_map(|(name, _)| name.strip_prefix(PAUSED)).map(str::to_owned).collect();
        if !paused.is_empty() {
            tracing::warn!(?paused, "background tasks rest, as an operator wanted");
        }
        let busyness: Busyness = {
            let cluster = cluster.clone();
            Arc::new(move || cluster.busyness())
        };
        let tasks = Tasks::start(tasks::all(cluster, objects), &paused, &busyness, clock, shutdown);
        Ok(Self {
            metadata: metadata.clone(),
            cluster: cluster.clone(),
            objects: objects.clone(),
            totals: totals.clone(),
            tasks,
        })
    }

    pub async fn list(&self) -> Result<Vec<JobReport>, OperationError> {
        let totals = self.totals.get(FOR_PEOPLE).await.map_err(unavailable)?;
        let due_keys = self.objects.count_due_keys().await.map_err(unavailable)?;
        let remaining = Remaining { totals, due_keys };
        Ok(self.tasks.status().into_iter().map(|status| self.report(status, &remaining)).collect())
    }

    /// Durable before it is answered.
    pub async fn order(&self, name: &str, order: JobOrder) -> Result<(), OperationError> {
        let ordered = match order {
            JobOrder::Pause => self.tasks.pause(name),
            JobOrder::Resume => self.tasks.resume(name),
        };
        ordered.map_err(|_| OperationError::NotFound(format!("there is no job {name}: see `larder admin jobs`")))?;
        let command = match order {
            JobOrder::Pause => keep_paused(name),
            JobOrder::Resume => Command::SaveJobState(SaveJobState { name: format!("{PAUSED}{name}"), state: None }),
        };
        self.metadata.propose(command).await.map_err(unavailable)?;
        tracing::info!(name, ?order, "the operator orders a background task");
        Ok(())
    }

    /// Those that an operator has rest.
    pub fn all_paused(&self) -> Vec<String> {
        self.tasks.paused()
    }

    /// Those of `names` that an operator has rest.
    pub fn paused(&self, names: &[&str]) -> Vec<String> {
        names.iter().filter(|name| self.tasks.is_paused(name)).map(|name| (*name).to_owned()).collect()
    }

    fn report(&self, status: TaskStatus, Remaining { totals, due_keys }: &Remaining) -> JobReport {
        let remaining = match status.name {
            "send-missing" => Some(totals.under_replicated),
            "release-contents" => Some(totals.to_release),
            "delete-blobs" => Some(totals.deletions),
            "expire-objects" => Some(*due_keys),
            "change-groups" => Some(self.cluster.groups_to_change() as u64),
            _ => status.left,
        };
        let waits = match status.name {
            "change-groups" => {
                let halt = self.cluster.replacement_halt().map(|reason| replacement_halts(&reason));
                halt.into_iter().chain(waiting_drains(&self.cluster, &self.cluster.nodes())).collect()
            }
            "trim-surplus" => groups_left(&self.cluster.nodes()),
            _ => Vec::new(),
        };
        let speed = status.per_second.map(|rate| rate.items);
        JobReport {
            name: status.name.to_owned(),
            state: status.state.name().to_owned(),
            steps: status.steps,
            failures: status.failures,
            done: status.done.map(|done| done.items),
            done_bytes: status.done.map(|done| done.bytes),
            per_second: speed,
            bytes_per_second: status.per_second.map(|rate| rate.bytes),
            remaining,
            ends_in_ms: ends_in(remaining, speed).map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            last_error: status.last_error,
            waits,
        }
    }
}

fn unavailable(error: impl Display) -> OperationError {
    OperationError::Unavailable(error.to_string())
}

/// At the speed of the last minute; `None` when nothing moves.
fn ends_in(remaining: Option<u64>, per_second: Option<f64>) -> Option<Duration> {
    match (remaining?, per_second) {
        (0, _) => Some(Duration::ZERO),
        (_, None) => None,
        (remaining, Some(speed)) => Duration::try_from_secs_f64(remaining as f64 / speed).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_follows_from_what_remains_and_the_speed() {
        let secs = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(ends_in(Some(100), Some(4.0)), secs(25));
        assert_eq!(ends_in(Some(0), None), secs(0));
        for (remaining, speed) in [(None, Some(1.0)), (Some(5), None), (Some(5), Some(0.0))] {
            assert_eq!(ends_in(remaining, speed), None);
        }
    }
}

//! Puts what nodes have found damaged on the repair list.

use super::Task;
use crate::{cluster::ListQuarantined, runtime::Step};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for ListQuarantined {
    fn name(&self) -> &'static str {
        "list-quarantined"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { ListQuarantined::step(self).await.map_err(|error| error.to_string()) })
    }

    /// A comparison of counters in memory.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(1)
    }
}

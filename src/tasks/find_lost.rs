//! Finds out which blobs of the repair list no node can give any more.

use super::Task;
use crate::{cluster::FindLost, runtime::Step};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for FindLost {
    fn name(&self) -> &'static str {
        "find-lost"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { FindLost::step(self).await.map_err(|error| error.to_string()) })
    }

    /// The list is empty as a rule. Where it is not, repair comes first.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(5)
    }
}

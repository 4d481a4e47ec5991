//! Clears what nodes hold of groups that they left.

use super::Task;
use crate::{
    cluster::TrimSurplus,
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for TrimSurplus {
    fn name(&self) -> &'static str {
        "trim-surplus"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { TrimSurplus::step(self).await.map_err(|error| error.to_string()) })
    }

    /// A look at a topology in memory.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn progress(&self) -> Option<Progress> {
        Some(TrimSurplus::progress(self))
    }

    /// Nodes rest after each chunk, as long as they are told.
    fn yields_to(&self) -> f64 {
        0.0
    }
}

//! Clears the data of dead uploads.

use super::Task;
use crate::{
    cluster::ClearOrphans,
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for ClearOrphans {
    fn name(&self) -> &'static str {
        "clear-orphans"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { ClearOrphans::step(self).await.map_err(|error| error.to_string()) })
    }

    /// A look at what was abandoned costs no query when there is nothing.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn progress(&self) -> Option<Progress> {
        Some(ClearOrphans::progress(self))
    }
}

//! Lets groups change their members: replacement, draining, evening out.

use super::Task;
use crate::{
    cluster::ChangeGroups,
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for ChangeGroups {
    fn name(&self) -> &'static str {
        "change-groups"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { ChangeGroups::step(self).await.map_err(|error| error.to_string()) })
    }

    /// A look at a topology in memory.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn progress(&self) -> Option<Progress> {
        Some(ChangeGroups::progress(self))
    }
}

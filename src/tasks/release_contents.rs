//! Releases what contents name that nothing names any more.

use super::Task;
use crate::{
    cluster::ReleaseContents,
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// Freed space should be seen soon.
const REST: Duration = Duration::from_secs(1);

impl Task for ReleaseContents {
    fn name(&self) -> &'static str {
        "release-contents"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { ReleaseContents::step(self).await.map_err(|error| error.to_string()) })
    }

    fn idle_for(&self) -> Duration {
        REST
    }

    fn progress(&self) -> Option<Progress> {
        Some(ReleaseContents::progress(self))
    }
}

//! Carries out committed deletions.

use super::Task;
use crate::{
    cluster::CarryOutDeletions,
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for CarryOutDeletions {
    fn name(&self) -> &'static str {
        "delete-blobs"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { CarryOutDeletions::step(self).await.map_err(|error| error.to_string()) })
    }

    fn idle_for(&self) -> Duration {
        self.rest()
    }

    /// A list that is longer than a page is worked off half of the time, however busy clients are: what they overwrite would
    /// else fill the disks.
    fn yields_to(&self) -> f64 {
        if self.is_behind() { 0.25 } else { 1.0 }
    }

    fn progress(&self) -> Option<Progress> {
        Some(CarryOutDeletions::progress(self))
    }
}

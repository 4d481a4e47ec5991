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

    fn progress(&self) -> Option<Progress> {
        Some(CarryOutDeletions::progress(self))
    }
}

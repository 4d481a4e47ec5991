//! Carries out lifecycle rules.

use super::Task;
use crate::{
    objects::ExpireObjects,
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for ExpireObjects {
    fn name(&self) -> &'static str {
        "expire-objects"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { ExpireObjects::step(self).await.map_err(|error| error.to_string()) })
    }

    fn idle_for(&self) -> Duration {
        self.rest()
    }

    fn progress(&self) -> Option<Progress> {
        Some(ExpireObjects::progress(self))
    }
}

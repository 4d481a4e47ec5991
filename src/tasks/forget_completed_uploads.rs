//! Forgets old outcomes of multipart completions.

use super::Task;
use crate::{cluster::ForgetCompletedUploads, runtime::Step};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for ForgetCompletedUploads {
    fn name(&self) -> &'static str {
        "forget-completed-uploads"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { ForgetCompletedUploads::step(self).await.map_err(|error| error.to_string()) })
    }

    /// The step itself looks once an hour; this is how soon it goes on after a restart.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(60)
    }
}

//! Sends members what they missed: the repair list.

use super::Task;
use crate::{
    cluster::SendMissing,
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for SendMissing {
    fn name(&self) -> &'static str {
        "send-missing"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { SendMissing::step(self).await.map_err(|error| error.to_string()) })
    }

    /// A member that is back gets its copies soon; a look at an empty list is one cheap query.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(2)
    }

    fn progress(&self) -> Option<Progress> {
        Some(SendMissing::progress(self))
    }

    /// Nodes rest after each chunk, as long as they are told.
    fn yields_to(&self) -> f64 {
        0.0
    }
}

//! Verifies copies when an operator has asked for it.

use super::Task;
use crate::{
    cluster::VerifyCopies,
    runtime::{Progress, Step},
};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for VerifyCopies {
    fn name(&self) -> &'static str {
        "verify-copies"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { VerifyCopies::step(self).await.map_err(|error| error.to_string()) })
    }

    /// A look into memory, or at how repair gets on.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn progress(&self) -> Option<Progress> {
        Some(VerifyCopies::progress(self))
    }

    /// Nodes rest after each chunk, as long as they are told.
    fn yields_to(&self) -> f64 {
        0.0
    }
}

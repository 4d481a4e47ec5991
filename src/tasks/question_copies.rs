//! Looks for nodes that hold less than they should.

use super::Task;
use crate::{cluster::QuestionCopies, runtime::Step};
use futures_util::future::BoxFuture;
use std::time::Duration;

impl Task for QuestionCopies {
    fn name(&self) -> &'static str {
        "question-copies"
    }

    fn step(&mut self) -> BoxFuture<'_, Result<Step, String>> {
        Box::pin(async { QuestionCopies::step(self).await.map_err(|error| error.to_string()) })
    }

    /// Without doubts it looks at what is in memory alone.
    fn idle_for(&self) -> Duration {
        Duration::from_secs(1)
    }
}

//! Shutdown: one token that everyone watches, one tracker that knows when all are done.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Cheap to clone. Tasks spawned through it are waited for; they watch `cancelled` and end.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tracker: TaskTracker,
    failure: Arc<OnceLock<String>>,
}

impl Shutdown {
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the shutdown; may be called more than once.
    pub fn begin(&self) {
        self.token.cancel();
        self.tracker.close();
    }

    /// Begins the shutdown because the process can't go on: it ends as one that failed. The first reason is kept.
    pub fn fail(&self, reason: String) {
        let _ = self.failure.set(reason);
        self.begin();
    }

    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Returns when the shutdown has begun.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Runs `task` in the background; `drained` waits for it.
    pub fn spawn<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(task);
    }

    /// After `begin`: waits until every spawned task ended, at most for `limit`. Says whether all did.
    pub async fn drained(&self, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.tracker.wait()).await.is_ok()
    }
}

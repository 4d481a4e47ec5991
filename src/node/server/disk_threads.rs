//! Blocking work on threads that may wait for the disk: few at a time, so that a stuck disk holds few threads.

use crate::{node::NodeError, runtime::RequestScope};
use std::sync::Arc;
use tokio::{sync::Semaphore, task::spawn_blocking};

pub struct DiskThreads {
    permits: Arc<Semaphore>,
}

impl DiskThreads {
    pub fn new(threads_max: u32) -> Self {
        Self { permits: Arc::new(Semaphore::new(threads_max as usize)) }
    }

    /// Runs `work` on a thread that may block. When the future is dropped the work goes on to its end and keeps its
    /// place until then.
    pub async fn run<T, Work>(&self, work: Work) -> Result<T, NodeError>
    where
        T: Send + 'static,
        Work: FnOnce() -> Result<T, NodeError> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|error| NodeError::Unreachable(error.to_string()))?;
        let scope = RequestScope::current();
        let worked = spawn_blocking(move || {
            let result = match scope {
                Some(scope) => scope.enter(work),
                None => work(),
            };
            drop(permit);
            result
        });
        // A panic in the work or the runtime's end.
        worked.await.unwrap_or_else(|error| Err(NodeError::Unreachable(error.to_string())))
    }
}

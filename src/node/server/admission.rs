//! Bounds how many requests a node works on at a time, and counts them.

use crate::node::NodeError;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

pub struct Admission {
    permits: Semaphore,
    under_way: AtomicU32,
}

/// A request under way; dropping it makes room for the next.
pub struct Admitted<'a> {
    under_way: &'a AtomicU32,
    _permit: SemaphorePermit<'a>,
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    pub fn new(requests_max: u32) -> Self {
        Self { permits: Semaphore::new(requests_max as usize), under_way: AtomicU32::new(0) }
    }

    /// Runs a request when its turn comes. The deadline holds for the wait and the work together; what the work left
    /// behind at the deadline is what it leaves when it is cancelled.
    pub async fn run<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, NodeError>> + Send,
    ) -> Result<T, NodeError> {
        let admitted = async {
            let _admitted = self.admit().await?;
            work.await
        };
        let in_time = timeout(deadline, admitted).await;
        in_time.unwrap_or_else(|_| Err(NodeError::Unreachable("the node did not finish in time".to_owned())))
    }

    async fn admit(&self) -> Result<Admitted<'_>, NodeError> {
        let permit = self.permits.acquire().await.map_err(|error| NodeError::Unreachable(error.to_string()))?;
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Ok(Admitted { under_way: &self.under_way, _permit: permit })
    }

    pub fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_request_waits_for_its_turn_and_for_no_longer_than_its_deadline() {
        let admission = Arc::new(Admission::new(1));
        let (release, released) = oneshot::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        let first = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move {
                let work = async {
                    begun.send(()).unwrap();
                    released.await.map_err(|error| NodeError::Refused(error.to_string()))
                };
                admission.run(Duration::from_secs(3600), work).await
            }
        });
        has_begun.await.unwrap();
        assert_eq!(admission.under_way(), 1);
        let late = admission.run(Duration::from_millis(20), async { Ok(()) }).await;
        assert!(matches!(late, Err(NodeError::Unreachable(_))));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(()));
        assert_eq!(admission.run(Duration::from_secs(3600), async { Ok(7) }).await, Ok(7));
        assert_eq!(admission.under_way(), 0);
    }
}

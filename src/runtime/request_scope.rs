//! For which S3 request a task works. What runs in the scope of a request has its id on every log line, and calls to nodes
//! carry the id on, so that their lines have it too.
//!
//! A scope belongs to a task: work that is handed to another task, thread or stream takes it along by `in_current_request`
//! or `RequestScope::current`.

use crate::types::RequestId;
use tokio::task_local;

task_local! {
    static CURRENT: RequestScope;
}

/// A request. `log_line` puts its id on the lines of who works for it.
#[derive(Clone, Copy, Debug)]
pub struct RequestScope {
    id: RequestId,
}

impl RequestScope {
    pub fn new(id: RequestId) -> Self {
        Self { id }
    }

    /// That of the task that asks.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|scope| *scope).ok()
    }

    /// The id of the request that the task that asks works for.
    pub fn current_id() -> Option<RequestId> {
        CURRENT.try_with(|scope| scope.id).ok()
    }

    /// Does the work for this request.
    pub fn run<Work: Future>(self, work: Work) -> impl Future<Output = Work::Output> {
        CURRENT.scope(self, work)
    }

    /// The same for work that does not wait.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(*self, work)
    }
}

/// The work as part of the request that the caller works for, if it works for one: for what is spawned.
pub fn in_current_request<Work: Future>(work: Work) -> impl Future<Output = Work::Output> {
    let scope = RequestScope::current();
    async move {
        match scope {
            Some(scope) => scope.run(work).await,
            None => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_is_handed_on_stays_in_its_request() {
        let id = RequestId::from_number(7);
        assert_eq!(RequestScope::current_id(), None);
        let ids = RequestScope::new(id).run(async {
            let alone = tokio::spawn(async { RequestScope::current_id() }).await.unwrap();
            let handed_on = tokio::spawn(in_current_request(async { RequestScope::current_id() })).await.unwrap();
            let scope = RequestScope::current().unwrap();
            let on_a_thread = std::thread::spawn(move || scope.enter(RequestScope::current_id)).join().unwrap();
            [RequestScope::current_id(), alone, handed_on, on_a_thread]
        });
        assert_eq!(ids.await, [Some(id), None, Some(id), Some(id)]);
        assert_eq!(RequestScope::current_id(), None);
    }
}

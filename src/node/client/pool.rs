//! Connections to one node: at most so many, the idle ones kept for a while.

use super::{
    RemoteParts,
    connection::{Answer, Connection, Outgoing, unreachable},
};
use crate::{
    node::{NodeError, protocol::documents::from_json},
    types::NodeId,
};
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

pub(super) struct Pool {
    node: NodeId,
    address: String,
    parts: RemoteParts,
    /// One permit per connection that may be in use.
    permits: Semaphore,
    /// The longest idle first.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    pub(super) fn new(node: NodeId, address: String, parts: RemoteParts) -> Self {
        let permits = Semaphore::new(parts.settings.node_connections as usize);
        Self { node, address, parts, permits, idle: Mutex::default() }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Requests that are under way at a time.
    pub(super) fn connections_max(&self) -> usize {
        self.parts.settings.node_connections as usize
    }

    /// Sends the request over an idle connection or a new one. A cancelled call closes its connection. The caller sets
    /// the deadline.
    ///
    /// The other side may close an idle connection at the moment of its use. So a failure on a kept connection is tried
    /// once more on a new one: every request to a node means the same when it comes twice.
    async fn call(&self, outgoing: Outgoing) -> Result<Answer, NodeError> {
        let _permit = self.permits.acquire().await.map_err(unreachable)?;
        if let Some(mut kept) = self.take_idle() {
            match kept.exchange(outgoing.clone()).await {
                Ok(answer) => {
                    self.keep(kept);
                    return Ok(answer);
                }
                Err(error) => tracing::debug!(node = %self.node, %error, "a kept connection failed"),
            }
        }
        // Boxed: it is seldom needed, and would make every call's future longer than all the rest of it.
        let mut connection = Box::pin(self.open()).await?;
        let answer = connection.exchange(outgoing).await?;
        self.keep(connection);
        Ok(answer)
    }

    /// The answer in that time, or the error that it carries.
    pub(super) async fn ask(&self, outgoing: Outgoing, deadline: Duration) -> Result<Answer, NodeError> {
        let answered = timeout(deadline, self.call(outgoing)).await;
        let answer = answered.map_err(|_| unreachable("no answer in time"))??;
        if answer.status == 200 { Ok(answer) } else { Err(from_json(&answer.head)?) }
    }

    async fn open(&self) -> Result<Connection, NodeError> {
        let opening = Connection::open(&self.address, self.node, &self.parts);
        let opened = timeout(self.parts.settings.node_connect_timeout.0, opening).await;
        opened.map_err(|_| unreachable("connecting took too long"))?
    }

    /// The idle connection that was used last: the others may grow old and go.
    fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        self.drop_old(&mut idle);
        while let Some(Idle { connection, .. }) = idle.pop_back() {
            if connection.is_open() {
                return Some(connection);
            }
        }
        None
    }

    fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        self.drop_old(&mut idle);
        // Never more than there are permits: who keeps one holds one.
        idle.push_back(Idle { connection, since: Instant::now() });
    }

    fn drop_old(&self, idle: &mut VecDeque<Idle>) {
        while idle.front().is_some_and(|oldest| oldest.since.elapsed() > self.parts.settings.node_idle_timeout.0) {
            idle.pop_front();
        }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

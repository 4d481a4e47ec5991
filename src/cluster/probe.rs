//! Asks nodes how they are. Every node once per `probe_interval`; one that is shunned, silent or was never heard of once per
//! second, so that it comes back soon after it is well. A probe takes the way that writes take, so it proves what a
//! heartbeat doesn't: that this gateway can reach the node. It also tells the node the newest metadata.

use super::{cluster_node::ClusterNode, membership::Membership, reign::Reign};
use crate::{
    metadata::Metadata,
    node::{NodeError, api::NodeStatus},
    runtime::{Clock, Shutdown},
    types::NodeId,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How often the watch looks whose probe is due, and at everybody's silence.
const TICK: Duration = Duration::from_secs(1);
/// Bound of one probe: a node that takes longer is as good as silent.
const PROBE_DEADLINE: Duration = Duration::from_secs(10);

/// A node in this process sends no heartbeats: probes alone say that it is alive. So there are always as many of them
/// within `suspect_after`, however long `probe_interval` is.
const PROBES_BEFORE_SUSPECT: u32 = 3;

/// The watch over all nodes; runs until shutdown.
#[derive(Debug)]
pub struct Watch {
    membership: Arc<Membership>,
    metadata: Metadata,
    reign: Reign,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    probe_interval: Duration,
    /// An answer within this time is prompt.
    prompt_within: Duration,
    under_way: Arc<Mutex<HashSet<NodeId>>>,
}

/// How the watch is set up.
#[derive(Clone, Copy, Debug)]
pub struct WatchPace {
    pub probe_interval: Duration,
    pub suspect_after: Duration,
    pub prompt_within: Duration,
}

impl WatchPace {
    fn interval(&self) -> Duration {
        self.probe_interval.min(self.suspect_after / PROBES_BEFORE_SUSPECT)
    }
}

impl Watch {
    pub fn new(
        membership: Arc<Membership>,
        metadata: Metadata,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
        pace: WatchPace,
    ) -> Self {
        let reign = membership.reign().clone();
        Self {
            membership,
            metadata,
            reign,
            clock,
            shutdown,
            probe_interval: pace.interval(),
            prompt_within: pace.prompt_within,
            under_way: Arc::default(),
        }
    }

    pub async fn run(self) {
        let this = Arc::new(self);
        let mut probed: HashMap<NodeId, Duration> = HashMap::new();
        loop {
            this.probe_those_due(&mut probed);
            tokio::select! {
                () = this.shutdown.cancelled() => return,
                () = this.membership.changed().notified() => {}
                () = tokio::time::sleep(TICK.min(this.probe_interval)) => {}
            }
            if let Err(error) = this.membership.review().await {
                tracing::error!(%error, "the nodes could not be reviewed");
            }
        }
    }

    fn probe_those_due(self: &Arc<Self>, probed: &mut HashMap<NodeId, Duration>) {
        let now = self.clock.monotonic();
        let topology = self.membership.topology().load_full();
        for (node, standing) in topology.nodes() {
            let is_well = node.vitals.was_heard() && standing.is_writable();
            let interval = if is_well { self.probe_interval } else { TICK.min(self.probe_interval) };
            let is_due = probed.get(&node.id()).is_none_or(|at| now.saturating_sub(*at) >= interval);
            if is_due && lock(&self.under_way).insert(node.id()) {
                probed.insert(node.id(), now);
                let (this, node) = (self.clone(), node.clone());
                self.shutdown.spawn(async move {
                    tokio::select! {
                        () = this.probe(&node) => {}
                        () = this.shutdown.cancelled() => {}
                    }
                    lock(&this.under_way).remove(&node.id());
                });
            }
        }
    }

    async fn probe(&self, node: &ClusterNode) {
        let began = self.clock.monotonic();
        let asked = node.api.status(self.reign.term(), Some(self.reign.witness()));
        match tokio::time::timeout(PROBE_DEADLINE, asked).await {
            Ok(Ok(status)) => {
                if self.clock.monotonic().saturating_sub(began) <= self.prompt_within {
                    self.note_prompt(node);
                }
                self.compare(node, &status).await;
                self.membership.answered(status).await;
            }
            Ok(Err(NodeError::StaleTerm { seen })) => {
                // A node that answers is alive; after a restore the next probe carries a term that it takes.
                let outcome = match node.api.is_local() {
                    true => self.reign.overtaken(seen).await,
                    false => Err(self.reign.deposed(seen)),
                };
                if let Err(error) = outcome {
                    tracing::error!(node = %node.row.name, %error, "a node has seen a newer term");
                }
            }
            Ok(Err(error)) => node.note::<()>(&Err(error)),
            Err(_) => node.note_late("it did not answer a probe"),
        }
    }

    fn note_prompt(&self, node: &ClusterNode) {
        if node.vitals.health.probe_was_prompt() == super::health::HealthChange::Recovered {
            tracing::info!(node = %node.row.name, "the node keeps up again");
            self.membership.changed().notify_one();
        }
    }

    /// After a restore that an operator confirmed, nodes still hold to the history before it: they are told.
    async fn compare(&self, node: &ClusterNode, status: &NodeStatus) {
        let history = self.metadata.history();
        let is_other = status.witness.is_some_and(|witness| witness.history != history);
        if !is_other || self.metadata.needs_confirmation() {
            return;
        }
        match node.api.confirm_history(self.reign.term(), self.reign.witness()).await {
            Ok(()) => tracing::info!(node = %node.row.name, %history, "the node took the restored history"),
            Err(error) => {
                tracing::warn!(node = %node.row.name, %history, %error, "the node holds to another history");
            }
        }
    }
}

fn lock(set: &Mutex<HashSet<NodeId>>) -> std::sync::MutexGuard<'_, HashSet<NodeId>> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `suspect_after` at 3 s and `probe_interval` at its default of 5 s, the nodes inside a server were silent most of
    /// the time, and it refused writes.
    #[test]
    fn nodes_are_probed_several_times_before_silence_makes_them_suspect() {
        for (probe, suspect, expected) in [(5000, 15_000, 5000), (5000, 3000, 1000), (20, 15_000, 20)] {
            let pace = WatchPace {
                probe_interval: Duration::from_millis(probe),
                suspect_after: Duration::from_millis(suspect),
                prompt_within: Duration::from_millis(500),
            };
            assert_eq!(pace.interval(), Duration::from_millis(expected));
        }
    }
}

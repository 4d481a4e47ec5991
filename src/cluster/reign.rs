//! This gateway's reign: its term, which goes out on every request to a node, and its end when a newer one began.

use super::error::ClusterError;
use crate::{
    metadata::{Command, Metadata, Outcome},
    node::{
        NodeError,
        api::{MetadataWitness, NodeStatus},
    },
    runtime::{Clock, Shutdown},
    types::Term,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reign {
    term: Arc<AtomicU64>,
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
}

impl Reign {
    /// Begins a reign: the term grows by one, durably, before anything carries it.
    pub async fn begin(metadata: Metadata, clock: Arc<dyn Clock>, shutdown: Shutdown) -> Result<Self, ClusterError> {
        let reign = Self { term: Arc::default(), metadata, clock, shutdown };
        reign.grow().await?;
        Ok(reign)
    }

    pub fn term(&self) -> Term {
        Term(self.term.load(Ordering::Relaxed))
    }

    /// What this gateway knows of the metadata now: goes to nodes, which refuse to destroy for one who knows less.
    pub fn witness(&self) -> MetadataWitness {
        MetadataWitness { history: self.metadata.history(), commit_sequence: self.metadata.committed() }
    }

    /// A node has seen a newer term. After a restore of the metadata that is our own past, the terms that were given out
    /// after the backup: we go past them. Otherwise another gateway reigns, and this one stops.
    pub async fn overtaken(&self, seen: Term) -> Result<(), ClusterError> {
        if !self.metadata.needs_confirmation() {
            self.stop(seen);
            return Err(ClusterError::Deposed { seen });
        }
        // One command a start of a gateway since the backup: few.
        while self.term() <= seen {
            self.grow().await?;
        }
        Ok(())
    }

    /// A node has seen newer metadata of this history: ours is an older copy, put back without a restore. It hides what was
    /// acknowledged since, and reclaiming by it would destroy that: the gateway stops.
    pub fn check_witness(&self, node: &str, status: &NodeStatus) -> Result<(), ClusterError> {
        let own = self.witness();
        match status.witness {
            Some(seen) if seen.history == own.history && seen.commit_sequence > own.commit_sequence => {
                let error = ClusterError::OldMetadata { seen: seen.commit_sequence, own: own.commit_sequence };
                if !self.shutdown.has_begun() {
                    tracing::error!(node, %error, "this gateway stops");
                    self.shutdown.begin();
                }
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Looks whether a node's answer says that the reign is over; if so, the process begins to stop.
    pub fn check(&self, error: &NodeError) {
        if let NodeError::StaleTerm { seen } = error
            && *seen > self.term()
            && !self.metadata.needs_confirmation()
        {
            self.stop(*seen);
        }
    }

    fn stop(&self, seen: Term) {
        if !self.shutdown.has_begun() {
            tracing::error!(%seen, term = %self.term(), "another gateway reigns: this one stops");
            self.shutdown.begin();
        }
    }

    async fn grow(&self) -> Result<(), ClusterError> {
        let gateway = format!("process {}", std::process::id());
        match self.metadata.propose(Command::BeginTerm { gateway, at: self.clock.now() }).await? {
            Outcome::TermBegun { term } => {
                self.term.fetch_max(term.0, Ordering::Relaxed);
                Ok(())
            }
            other => Err(ClusterError::Metadata(format!("a term was asked for, not {other:?}"))),
        }
    }
}

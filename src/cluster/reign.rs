//! This gateway's reign: its term, which goes out on every request to a node, and its end when a newer one began.

use super::{error::ClusterError, kept_findings, succession::Beginning};
use crate::{
    metadata::{Command, Metadata, Outcome},
    node::{
        NodeError,
        api::{MetadataWitness, NodeStatus},
    },
    runtime::{Clock, Random, Shutdown},
    types::Term,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many starts of gateways between a backup and its restore are leapt over at once, more than there ever are. Asking
/// the nodes is not enough: one that is away during the restore and comes back after the confirmation would depose the
/// gateway that it belongs to.
const STARTS_SINCE_BACKUP_MAX: u64 = 1 << 24;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reign {
    term: Arc<AtomicU64>,
    metadata: Metadata,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
}

impl Reign {
    /// Begins a reign: the term grows, durably, before anything carries it. Restored metadata that waits for confirmation
    /// does not know the terms that were given out after the backup, nor does a copy know those after it was made: it leaps
    /// past them, and forgets what it found out about the nodes before, because others may have commanded them since.
    pub async fn begin(
        metadata: Metadata,
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
        random: &dyn Random,
        beginning: Beginning,
    ) -> Result<Self, ClusterError> {
        let reign = Self { term: Arc::default(), metadata, clock, shutdown };
        let leaps = beginning.leaps || reign.metadata.needs_confirmation();
        if leaps {
            // First: a process that ends in between has forgotten too much, never too little.
            kept_findings::forget(&reign.metadata).await?;
        }
        reign.grow_above(beginning.above).await?;
        if leaps {
            // Two copies that begin at the same moment must not reign with the same term: nodes would follow both.
            let leap = STARTS_SINCE_BACKUP_MAX + random.below(STARTS_SINCE_BACKUP_MAX);
            reign.grow_above(Term(reign.term().0.saturating_add(leap))).await?;
        }
        Ok(reign)
    }

    pub fn term(&self) -> Term {
        Term(self.term.load(Ordering::Relaxed))
    }

    /// What this gateway knows of the metadata now: goes to nodes, which refuse to destroy for one who knows less. They don't hear of
    /// what a recovery from the command log may not find.
    pub fn witness(&self) -> MetadataWitness {
        MetadataWitness { history: self.metadata.history(), commit_sequence: self.metadata.answered() }
    }

    /// A node of this process has seen a newer term: no other gateway reaches it. After a restore of the metadata that is our
    /// own past, the terms that were given out after the backup: we go past them. Otherwise it is another cluster's past, and
    /// this gateway stops.
    pub async fn overtaken(&self, seen: Term) -> Result<(), ClusterError> {
        if !self.metadata.needs_confirmation() {
            self.stop(seen);
            return Err(ClusterError::Deposed { seen });
        }
        if self.term() <= seen {
            self.grow_above(seen).await?;
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
                    self.metadata.note_lacking(seen.commit_sequence);
                    tracing::error!(node, %error, "this gateway stops");
                    self.shutdown.fail(error.to_string());
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

    /// A node elsewhere has seen a newer term: another gateway reigns, and this one stops. Two of which each goes past the
    /// other would do so for ever.
    pub fn deposed(&self, seen: Term) -> ClusterError {
        if seen > self.term() {
            self.stop(seen);
        }
        ClusterError::Deposed { seen }
    }

    fn stop(&self, seen: Term) {
        if !self.shutdown.has_begun() {
            tracing::error!(%seen, term = %self.term(), "another gateway reigns: this one stops");
            self.shutdown.fail(ClusterError::Deposed { seen }.to_string());
        }
    }

    async fn grow_above(&self, above: Term) -> Result<(), ClusterError> {
        let gateway = format!("process {}", std::process::id());
        let place = self.metadata.place().ok();
        match self.metadata.propose(Command::BeginTerm { gateway, place, above, at: self.clock.now() }).await? {
            Outcome::TermBegun { term } => {
                self.term.fetch_max(term.0, Ordering::Relaxed);
                Ok(())
            }
            other => Err(ClusterError::Metadata(format!("a term was asked for, not {other:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metadata::MetadataSettings,
        runtime::{ManualClock, SeededRandom},
        types::Timestamp,
    };
    use std::path::Path;

    struct Gateways {
        clock: Arc<ManualClock>,
        random: Arc<SeededRandom>,
        shutdown: Shutdown,
    }

    impl Gateways {
        async fn start(&self, directory: &Path) -> Reign {
            let (clock, settings) = (self.clock.clone(), MetadataSettings::default());
            let metadata = Metadata::open(directory, &settings, clock.clone(), self.random.clone()).await.unwrap();
            let beginning = Beginning { above: Term(0), leaps: false };
            Reign::begin(metadata, clock, self.shutdown.clone(), &*self.random, beginning).await.unwrap()
        }
    }

    /// Each asked the nodes, and each heard that nobody reigns.
    #[tokio::test]
    async fn two_copies_that_begin_at_once_have_different_terms() {
        let mut terms = Vec::new();
        for seed in [1, 2] {
            let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(ManualClock::new(Timestamp::default())));
            let random = Arc::new(SeededRandom::new(seed));
            let settings = MetadataSettings::default();
            let metadata = Metadata::open(directory.path(), &settings, clock.clone(), random.clone()).await.unwrap();
            let beginning = Beginning { above: Term(7), leaps: true };
            let reign = Reign::begin(metadata, clock, Shutdown::new(), &*random, beginning).await.unwrap();
            assert!(reign.term().0 > 7 + STARTS_SINCE_BACKUP_MAX);
            terms.push(reign.term());
        }
        assert_ne!(terms[0], terms[1]);
    }

    /// A node that slept through the restore and its confirmation remembers a term from before: it does not end the reign.
    #[tokio::test]
    async fn a_restored_gateway_reigns_above_terms_that_no_node_has_told_it() {
        let folder = tempfile::tempdir().unwrap();
        let gateways = Gateways {
            clock: Arc::new(ManualClock::new(Timestamp::default())),
            random: Arc::new(SeededRandom::new(1)),
            shutdown: Shutdown::new(),
        };
        let (first, restored) = (folder.path().join("first"), folder.path().join("restored"));
        let backup = folder.path().join("backup");
        let reign = gateways.start(&first).await;
        assert_eq!(reign.term(), Term(1));
        reign.metadata.backup(&backup).await.unwrap();
        reign.metadata.close().await;
        let mut newest = reign.term();
        for _ in 0..3 {
            let reign = gateways.start(&first).await;
            newest = reign.term();
            reign.metadata.close().await;
        }
        Metadata::restore(&backup, &restored, &*gateways.clock, &*gateways.random).await.unwrap();
        let reign = gateways.start(&restored).await;
        assert!(reign.term() > newest);
        // Before the confirmation, whatever a node has seen is gone past; afterwards it is another gateway's.
        let seen = Term(reign.term().0 + 5);
        reign.overtaken(seen).await.unwrap();
        assert!(reign.term() > seen && !gateways.shutdown.has_begun());
        let history = reign.metadata.history();
        reign.metadata.propose(Command::ConfirmHistory { history, at: gateways.clock.now() }).await.unwrap();
        let overtaken = reign.overtaken(reign.term().next()).await;
        assert!(matches!(overtaken, Err(ClusterError::Deposed { .. })), "{overtaken:?}");
        assert!(gateways.shutdown.has_begun() && gateways.shutdown.failure().is_some());
    }
}

//! Keeps a node's state: in memory for the check of every request, on disk before what changes it is honoured.

use super::{
    node_state::{Change, NodeState},
    state_file,
};
use crate::{
    node::{NodeError, api::MetadataWitness},
    types::{Epoch, GroupId, Term},
    volume::Disk,
};
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{sync::Mutex, task::spawn_blocking};

/// A term that was seen but could not be made durable still refuses older ones until the next start, and reads of it go
/// on: a node whose disk fails must stay readable for a gateway that is newer than the failure.
pub struct StateKeeper {
    /// The newest term that any request named.
    seen: AtomicU64,
    /// The newest term that is durable.
    durable: Arc<AtomicU64>,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// What is on disk.
    state: NodeState,
    /// Why the state can't be kept any more. What is on disk is unknown after a failed write, so nothing changes it again.
    broken: Option<String>,
}

impl StateKeeper {
    /// Blocks on the disk.
    pub fn open(disk: Arc<dyn Disk>, directory: PathBuf) -> io::Result<Self> {
        disk.create_dir(&directory)?;
        let state = state_file::load(&*disk, &directory)?;
        let (seen, durable) = (AtomicU64::new(state.term.0), Arc::new(AtomicU64::new(state.term.0)));
        Ok(Self { seen, durable, kept: Arc::new(Mutex::new(Kept { disk, directory, state, broken: None })) })
    }

    /// Whether a read of this term needs no further check.
    pub fn may_read(&self, term: Term) -> bool {
        term == self.term()
    }

    /// The newest term that was seen.
    pub fn term(&self) -> Term {
        Term(self.seen.load(Ordering::Acquire))
    }

    /// For what changes nothing: refuses an older term. A newer one is remembered, on disk if that can be.
    pub async fn admit_read(&self, term: Term) -> Result<(), NodeError> {
        if self.may_read(term) {
            return Ok(());
        }
        match self.admit_write(term).await {
            Err(NodeError::Full | NodeError::Frozen(_)) => Ok(()),
            other => other,
        }
    }

    /// For what changes the volume: refuses an older term; resolves when a newer one is durable.
    pub async fn admit_write(&self, term: Term) -> Result<(), NodeError> {
        if self.may_read(term) && term.0 == self.durable.load(Ordering::Acquire) {
            return Ok(());
        }
        self.change(term, move |state| state.admit_term(term)).await
    }

    /// Resolves when everything that the request is newer in is durable: only then may it destroy.
    pub async fn admit_drop(
        &self,
        term: Term,
        group: GroupId,
        epoch: Epoch,
        witness: MetadataWitness,
    ) -> Result<(), NodeError> {
        self.change(term, move |state| state.admit_drop(term, group, epoch, witness)).await
    }

    /// The same for one that takes no copy from the node.
    pub async fn admit_merge(&self, term: Term, witness: MetadataWitness) -> Result<(), NodeError> {
        self.change(term, move |state| state.admit_merge(term, witness)).await
    }

    pub async fn confirm_history(&self, term: Term, witness: MetadataWitness) -> Result<(), NodeError> {
        self.change(term, move |state| state.confirm_history(term, witness)).await
    }

    /// Notes the newest metadata where it is newer and can be kept, and answers the newest that is kept.
    pub async fn note_witness(
        &self,
        term: Term,
        witness: Option<MetadataWitness>,
    ) -> Result<Option<MetadataWitness>, NodeError> {
        let noted = self.change(term, move |state| {
            let change = state.admit_term(term)?;
            Ok(match witness.map(|witness| state.note_witness(witness)) {
                Some(Change::Made) => Change::Made,
                _ => change,
            })
        });
        match noted.await {
            // Who asks wants to know how the node is, most of all when its disk fails.
            Ok(()) | Err(NodeError::Full | NodeError::Frozen(_)) => Ok(self.kept.lock().await.state.witness),
            Err(error) => Err(error),
        }
    }

    /// The newest metadata that is kept.
    pub async fn witness(&self) -> Option<MetadataWitness> {
        self.kept.lock().await.state.witness
    }

    /// Why nothing can be remembered any more, if that is so.
    pub async fn broken(&self) -> Option<String> {
        self.kept.lock().await.broken.clone()
    }

    /// Decides on a copy, writes it when it changed, and only then lets it count. When the future is dropped the change
    /// may become durable; it is counted then.
    async fn change(
        &self,
        term: Term,
        decide: impl FnOnce(&mut NodeState) -> Result<Change, NodeError> + Send,
    ) -> Result<(), NodeError> {
        let seen = Term(self.seen.fetch_max(term.0, Ordering::AcqRel));
        if term < seen {
            return Err(NodeError::StaleTerm { seen });
        }
        let mut kept = Arc::clone(&self.kept).lock_owned().await;
        let mut state = kept.state.clone();
        if decide(&mut state)? == Change::None {
            return Ok(());
        }
        if let Some(reason) = &kept.broken {
            return Err(NodeError::Frozen(reason.clone()));
        }
        // The lock travels with the write: no other change can overtake it, even when this future is dropped.
        let durable = Arc::clone(&self.durable);
        let written = spawn_blocking(move || match state_file::store(&*kept.disk, &kept.directory, &state) {
            Ok(()) => {
                durable.store(state.term.0, Ordering::Release);
                kept.state = state;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(NodeError::Full),
            Err(error) => {
                let reason = format!("the node's state can't be kept: {error}");
                kept.broken = Some(reason.clone());
                Err(NodeError::Frozen(reason))
            }
        });
        written.await.map_err(|error| NodeError::Frozen(error.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        types::{CommitSequence, HistoryId},
        volume::RealDisk,
    };

    fn witness(sequence: u64) -> MetadataWitness {
        MetadataWitness { history: HistoryId::from_bytes([1; 16]), commit_sequence: CommitSequence(sequence) }
    }

    #[tokio::test]
    async fn what_was_seen_is_still_known_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let open = || StateKeeper::open(Arc::new(RealDisk), directory.path().to_owned()).unwrap();
        let keeper = open();
        keeper.admit_write(Term(4)).await.unwrap();
        keeper.admit_drop(Term(4), GroupId(1), Epoch(2), witness(10)).await.unwrap();
        assert_eq!(keeper.note_witness(Term(5), Some(witness(12))).await, Ok(Some(witness(12))));
        drop(keeper);
        let keeper = open();
        assert!(keeper.may_read(Term(5)));
        assert_eq!(keeper.admit_write(Term(4)).await, Err(NodeError::StaleTerm { seen: Term(5) }));
        let stale = keeper.admit_drop(Term(5), GroupId(1), Epoch(1), witness(12)).await;
        assert_eq!(stale, Err(NodeError::StaleEpoch { seen: Epoch(2) }));
        let stale = keeper.admit_drop(Term(5), GroupId(1), Epoch(2), witness(11)).await;
        assert_eq!(stale, Err(NodeError::StaleMetadata { seen: witness(12) }));
    }

    #[tokio::test]
    async fn a_state_that_cannot_be_written_ends_writing_but_not_reading() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("node");
        let open = || StateKeeper::open(Arc::new(RealDisk), inner.clone()).unwrap();
        let keeper = open();
        keeper.admit_write(Term(1)).await.unwrap();
        std::fs::remove_dir_all(&inner).unwrap();
        keeper.admit_read(Term(2)).await.unwrap();
        assert!(matches!(keeper.admit_write(Term(2)).await, Err(NodeError::Frozen(_))));
        assert_eq!(keeper.admit_write(Term(1)).await, Err(NodeError::StaleTerm { seen: Term(2) }));
        assert_eq!(keeper.note_witness(Term(2), Some(witness(5))).await, Ok(None));
        assert!(keeper.broken().await.is_some());
        std::fs::create_dir(&inner).unwrap();
        assert!(matches!(keeper.admit_write(Term(2)).await, Err(NodeError::Frozen(_))), "never tried again");
        assert_eq!(open().term(), Term(0), "nothing was written");
    }
}

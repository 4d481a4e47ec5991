//! What a node must never forget: the newest term, the newest metadata, each group's epoch. Pure; `state_keeper` keeps
//! it on disk.
//!
//! Everything here only grows, so that nothing older than what was seen once is ever honoured again. Epochs are counted within a
//! history: they begin anew with a restored backup, in which groups have changed less often, and whatever was asked for in the history
//! before is refused for that.

use crate::{
    node::{NodeError, api::MetadataWitness},
    types::{Epoch, GroupId, HistoryId, Term},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Groups of which a node keeps the epoch: a cluster has about 64 per node.
const GROUPS_MAX: usize = 1 << 17;

/// Restores that a node remembers. An operator's restores are counted on one hand; past the bound no history is confirmed
/// any more, because forgetting one would let it come back.
const LEFT_HISTORIES_MAX: usize = 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeState {
    pub term: Term,
    pub witness: Option<MetadataWitness>,
    /// Histories that a confirmed restore took the place of.
    left_histories: Vec<HistoryId>,
    epochs: BTreeMap<GroupId, Epoch>,
}

/// Whether the state must be written before the request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    Made,
}

impl Change {
    fn and(self, other: Self) -> Self {
        if self == Self::Made { self } else { other }
    }
}

impl NodeState {
    /// Every request: an older term than the newest is refused, a newer one is remembered.
    pub fn admit_term(&mut self, term: Term) -> Result<Change, NodeError> {
        if term < self.term {
            return Err(NodeError::StaleTerm { seen: self.term });
        }
        Ok(self.raise_term(term))
    }

    /// A request that destroys: its group's epoch and its metadata must not be older than what was seen. All three are
    /// remembered.
    pub fn admit_drop(
        &mut self,
        term: Term,
        group: GroupId,
        epoch: Epoch,
        witness: MetadataWitness,
    ) -> Result<Change, NodeError> {
        let change = self.admit_destruction(term, witness)?;
        if let Some(seen) = self.epochs.get(&group).copied().filter(|seen| epoch < *seen) {
            return Err(NodeError::StaleEpoch { seen });
        }
        Ok(change.and(self.raise_epoch(group, epoch)?).and(self.note_witness(witness)))
    }

    /// One that destroys whatever the groups' epochs are: nothing of it takes a copy from the node.
    pub fn admit_merge(&mut self, term: Term, witness: MetadataWitness) -> Result<Change, NodeError> {
        Ok(self.admit_destruction(term, witness)?.and(self.note_witness(witness)))
    }

    fn admit_destruction(&mut self, term: Term, witness: MetadataWitness) -> Result<Change, NodeError> {
        let change = self.admit_term(term)?;
        match self.witness {
            Some(seen) if witness.history != seen.history || witness.commit_sequence < seen.commit_sequence => {
                Err(NodeError::StaleMetadata { seen })
            }
            _ => Ok(change),
        }
    }

    /// Remembers newer metadata of the same history; anything else changes nothing.
    pub fn note_witness(&mut self, witness: MetadataWitness) -> Change {
        let is_newer = self
            .witness
            .is_none_or(|seen| witness.history == seen.history && witness.commit_sequence > seen.commit_sequence);
        if is_newer && !self.left_histories.contains(&witness.history) {
            self.witness = Some(witness);
            Change::Made
        } else {
            Change::None
        }
    }

    /// The operator confirmed a restore: the history takes the place of the one that was seen, for good.
    pub fn confirm_history(&mut self, term: Term, witness: MetadataWitness) -> Result<Change, NodeError> {
        let change = self.admit_term(term)?;
        match self.witness {
            Some(seen) if seen.history != witness.history => {
                if self.left_histories.contains(&witness.history) || self.left_histories.len() >= LEFT_HISTORIES_MAX {
                    return Err(NodeError::StaleMetadata { seen });
                }
                self.left_histories.push(seen.history);
                self.witness = Some(witness);
                self.epochs.clear();
                Ok(Change::Made)
            }
            _ => Ok(change.and(self.note_witness(witness))),
        }
    }

    fn raise_term(&mut self, term: Term) -> Change {
        if term > self.term {
            self.term = term;
            Change::Made
        } else {
            Change::None
        }
    }

    fn raise_epoch(&mut self, group: GroupId, epoch: Epoch) -> Result<Change, NodeError> {
        if self.epochs.get(&group).is_some_and(|seen| epoch <= *seen) {
            return Ok(Change::None);
        }
        if self.epochs.len() >= GROUPS_MAX && !self.epochs.contains_key(&group) {
            return Err(NodeError::Refused("more groups than a node has".to_owned()));
        }
        self.epochs.insert(group, epoch);
        Ok(Change::Made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CommitSequence;

    fn witness(history: u8, sequence: u64) -> MetadataWitness {
        MetadataWitness { history: HistoryId::from_bytes([history; 16]), commit_sequence: CommitSequence(sequence) }
    }

    #[test]
    fn an_older_term_is_refused() {
        let mut state = NodeState::default();
        assert_eq!(state.admit_term(Term(5)), Ok(Change::Made));
        assert_eq!(state.admit_term(Term(5)), Ok(Change::None));
        assert_eq!(state.admit_term(Term(4)), Err(NodeError::StaleTerm { seen: Term(5) }));
        assert_eq!(state.admit_term(Term(6)), Ok(Change::Made));
    }

    #[test]
    fn a_drop_needs_the_newest_term_epoch_and_metadata() {
        let mut state = NodeState::default();
        let mut drop = |term, epoch, witness| state.admit_drop(Term(term), GroupId(1), Epoch(epoch), witness);
        assert_eq!(drop(2, 3, witness(1, 10)), Ok(Change::Made));
        assert_eq!(drop(2, 3, witness(1, 10)), Ok(Change::None));
        assert_eq!(drop(1, 3, witness(1, 10)), Err(NodeError::StaleTerm { seen: Term(2) }));
        assert_eq!(drop(2, 2, witness(1, 11)), Err(NodeError::StaleEpoch { seen: Epoch(3) }));
        assert_eq!(drop(2, 3, witness(1, 9)), Err(NodeError::StaleMetadata { seen: witness(1, 10) }));
        assert_eq!(drop(2, 3, witness(2, 99)), Err(NodeError::StaleMetadata { seen: witness(1, 10) }));
        assert_eq!(drop(2, 4, witness(1, 12)), Ok(Change::Made));
        assert_eq!(state.witness, Some(witness(1, 12)));
    }

    #[test]
    fn each_group_has_its_own_epoch() {
        let mut state = NodeState::default();
        state.admit_drop(Term(1), GroupId(1), Epoch(9), witness(1, 1)).unwrap();
        assert_eq!(state.admit_drop(Term(1), GroupId(2), Epoch(1), witness(1, 1)), Ok(Change::Made));
    }

    #[test]
    fn noted_metadata_only_grows_and_never_changes_its_history() {
        let mut state = NodeState::default();
        assert_eq!(state.note_witness(witness(1, 5)), Change::Made);
        assert_eq!(state.note_witness(witness(1, 4)), Change::None);
        assert_eq!(state.note_witness(witness(2, 9)), Change::None);
        assert_eq!(state.witness, Some(witness(1, 5)));
    }

    #[test]
    fn a_confirmed_history_replaces_the_old_one_which_never_comes_back() {
        let mut state = NodeState::default();
        state.note_witness(witness(1, 50));
        assert_eq!(state.confirm_history(Term(1), witness(2, 7)), Ok(Change::Made));
        assert_eq!(state.witness, Some(witness(2, 7)));
        assert_eq!(state.admit_drop(Term(1), GroupId(1), Epoch(1), witness(2, 7)), Ok(Change::Made));
        let back = state.confirm_history(Term(1), witness(1, 60));
        assert_eq!(back, Err(NodeError::StaleMetadata { seen: witness(2, 7) }));
        assert_eq!(state.confirm_history(Term(1), witness(2, 6)), Ok(Change::None));
        assert_eq!(state.witness, Some(witness(2, 7)));
    }

    /// From outside: groups that had changed since the backup could neither change nor be cleared of anything ever after.
    #[test]
    fn epochs_begin_anew_with_a_confirmed_history() {
        let mut state = NodeState::default();
        let drop = |state: &mut NodeState, epoch, witness| state.admit_drop(Term(1), GroupId(1), Epoch(epoch), witness);
        assert_eq!(drop(&mut state, 9, witness(1, 50)), Ok(Change::Made));
        assert_eq!(state.confirm_history(Term(1), witness(2, 7)), Ok(Change::Made));
        assert_eq!(drop(&mut state, 9, witness(1, 51)), Err(NodeError::StaleMetadata { seen: witness(2, 7) }));
        assert_eq!(drop(&mut state, 2, witness(2, 7)), Ok(Change::Made));
        assert_eq!(state.confirm_history(Term(1), witness(2, 8)), Ok(Change::Made));
        assert_eq!(drop(&mut state, 1, witness(2, 8)), Err(NodeError::StaleEpoch { seen: Epoch(2) }));
    }
}

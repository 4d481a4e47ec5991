//! How the scrub of a node stands: what the node says of it, and what operators are shown.

use super::Timestamp;
use serde::{Deserialize, Serialize};

/// Sizes in bytes. What a node of an older version does not say is as if nothing had happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScrubStatus {
    pub state: ScrubState,
    /// Of the pass under way, or else of the last one.
    pub began: Option<Timestamp>,
    pub checked_bytes: u64,
    /// What there was to check when the pass began.
    pub total_bytes: u64,
    /// Since the pass began or the node started.
    pub bytes_per_second: u64,
    /// Damaged records of this pass, and of all.
    pub found: u64,
    pub found_ever: u64,
    /// Passes that came to their end, when the last one did, and what it had found.
    pub passes: u64,
    pub last_finished: Option<Timestamp>,
    pub last_found: u64,
    /// Chunks that are quarantined, not yet replaced, and not known to be garbage.
    pub quarantined: u64,
    /// Chunks quarantined since the node's start, whoever found them.
    pub quarantined_since_start: u64,
    /// Damaged records since the node's start of which nobody can say whose they were.
    pub unidentified_since_start: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScrubState {
    /// For the next pass to be due.
    #[default]
    Waiting,
    /// Spread over the period.
    Running,
    /// As fast as it may: an operator waits for it.
    Hurried,
    /// Until the node starts again. The reason is for people.
    Stopped { reason: String },
}

impl ScrubStatus {
    /// Of a node as a whole, from that of its volumes: sums; a pass is finished when every volume has finished its own.
    pub fn of_all(volumes: impl Iterator<Item = Self>) -> Self {
        volumes.reduce(Self::and).unwrap_or_default()
    }

    fn and(self, other: Self) -> Self {
        let earlier = |one: Option<Timestamp>, other: Option<Timestamp>| Some(one?.min(other?));
        Self {
            state: self.state.and(other.state),
            began: earlier(self.began, other.began).or(self.began).or(other.began),
            checked_bytes: self.checked_bytes + other.checked_bytes,
            total_bytes: self.total_bytes + other.total_bytes,
            bytes_per_second: self.bytes_per_second + other.bytes_per_second,
            found: self.found + other.found,
            found_ever: self.found_ever + other.found_ever,
            passes: self.passes.min(other.passes),
            last_finished: earlier(self.last_finished, other.last_finished),
            last_found: self.last_found + other.last_found,
            quarantined: self.quarantined + other.quarantined,
            quarantined_since_start: self.quarantined_since_start + other.quarantined_since_start,
            unidentified_since_start: self.unidentified_since_start + other.unidentified_since_start,
        }
    }
}

impl ScrubState {
    /// What is under way first, then what stands still.
    fn and(self, other: Self) -> Self {
        let rank = |state: &Self| match state {
            Self::Hurried => 3,
            Self::Running => 2,
            Self::Stopped { .. } => 1,
            Self::Waiting => 0,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_finished_when_all_its_volumes_have() {
        let at = |millis| Some(Timestamp::from_unix_millis(millis));
        let one = ScrubStatus {
            began: at(5),
            checked_bytes: 10,
            passes: 2,
            last_finished: at(7),
            last_found: 1,
            ..ScrubStatus::default()
        };
        let other = ScrubStatus {
            state: ScrubState::Running,
            began: at(3),
            checked_bytes: 1,
            passes: 1,
            last_finished: at(4),
            ..ScrubStatus::default()
        };
        let both = ScrubStatus::of_all([one.clone(), other.clone()].into_iter());
        let expected = ScrubStatus {
            state: ScrubState::Running,
            began: at(3),
            checked_bytes: 11,
            passes: 1,
            last_finished: at(4),
            last_found: 1,
            ..ScrubStatus::default()
        };
        assert_eq!(both, expected);
        let never = ScrubStatus { last_finished: None, ..other };
        assert_eq!(ScrubStatus::of_all([one.clone(), never].into_iter()).last_finished, None);
        assert_eq!(ScrubStatus::of_all([one.clone()].into_iter()), one);
        assert_eq!(ScrubStatus::of_all(std::iter::empty()), ScrubStatus::default());
    }
}

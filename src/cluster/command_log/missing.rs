//! What a recovery did not get of the metadata, and whether something acknowledged can be in it.

use super::selection::Gap;
use crate::types::CommitSequence;
use std::fmt;

/// Why something acknowledged may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Nodes that did not answer, or don't show all of their volumes, by name.
    pub silent: Vec<String>,
    pub gap: Option<Gap>,
    /// A node that has seen a newer commit than was recovered, and which.
    pub newer: Option<(String, CommitSequence)>,
    /// How far a snapshot goes that can't be read whole, where that is further.
    pub torn_snapshot: Option<CommitSequence>,
    /// How far the metadata goes without it.
    pub recovered: CommitSequence,
}

impl Missing {
    /// Every node answered, and all agree: nothing acknowledged is missing.
    pub fn is_nothing(&self) -> bool {
        self.silent.is_empty() && self.is_without_a_trace()
    }

    /// Nothing that was found tells of more than was recovered.
    fn is_without_a_trace(&self) -> bool {
        self.gap.is_none() && self.newer.is_none() && self.torn_snapshot.is_none()
    }

    /// Whether each frame that was acknowledged, each on so many nodes at least, has one among those that answered. Then the
    /// history may go on though nodes are silent.
    ///
    /// How many that were follows from the recovered nodes: of the first frame that might be missing, those were all nodes.
    pub fn hides_nothing(&self, required: usize) -> bool {
        self.is_without_a_trace() && self.silent.len() < required
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the metadata can be recovered up to command {}", self.recovered)?;
        if !self.silent.is_empty() {
            write!(
                f,
                "; without an answer, or with a volume that is frozen, so that nobody knows what they hold: {}",
                self.silent.join(", ")
            )?;
        }
        if let Some(gap) = self.gap {
            let (lost, behind) = (gap.before.0 - gap.after.0 - 1, (gap.newest.0 + 1).saturating_sub(gap.before.0));
            write!(
                f,
                "; of {lost} commands behind it no copy was found, and {behind} behind those can't be carried out"
            )?;
        }
        if let Some((node, sequence)) = &self.newer {
            let lost = sequence.0.saturating_sub(self.recovered.0);
            write!(f, "; node {node} has seen command {sequence}: {lost} acknowledged commands are missing")?;
        }
        if let Some(sequence) = self.torn_snapshot {
            let lost = sequence.0.saturating_sub(self.recovered.0);
            write!(
                f,
                "; a snapshot up to command {sequence} can't be read whole: {lost} acknowledged commands are missing"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_silent_nodes_than_hold_each_frame_hide_nothing() {
        // On how many nodes each frame is, silent ones, whether nothing can be hidden.
        for (required, silent, expected) in [(1, 0, true), (1, 1, false), (2, 1, true), (2, 2, false), (3, 2, true)] {
            let missing = Missing { silent: vec!["a".to_owned(); silent], ..Missing::default() };
            assert_eq!(missing.hides_nothing(required), expected, "{required} {silent}");
        }
        let gap = Gap { after: CommitSequence(5), before: CommitSequence(7), newest: CommitSequence(9) };
        assert!(!Missing { gap: Some(gap), ..Missing::default() }.hides_nothing(3));
        let newer = Some(("a".to_owned(), CommitSequence(9)));
        assert!(!Missing { newer, ..Missing::default() }.hides_nothing(3));
        let torn = Missing { torn_snapshot: Some(CommitSequence(9)), ..Missing::default() };
        assert!(!torn.hides_nothing(3) && !torn.is_nothing());
    }

    #[test]
    fn what_is_missing_is_named_and_counted() {
        let missing = Missing {
            silent: vec!["cellar".to_owned(), "attic".to_owned()],
            gap: Some(Gap { after: CommitSequence(50), before: CommitSequence(54), newest: CommitSequence(60) }),
            newer: Some(("pantry".to_owned(), CommitSequence(62))),
            torn_snapshot: Some(CommitSequence(57)),
            recovered: CommitSequence(50),
        };
        let said = missing.to_string();
        for part in [
            "up to command 50",
            "cellar, attic",
            "of 3 commands behind it",
            "and 7 behind",
            "pantry",
            "12 acknow",
            "57 can't be read whole: 7",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

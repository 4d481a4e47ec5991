//! A set of members of one group, by their position in it.

/// Groups have at most 16 members (`ClusterSettings::validate`).
pub const MEMBERS_MAX: usize = 16;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberSet(u16);

impl MemberSet {
    pub fn insert(&mut self, position: usize) {
        if position < MEMBERS_MAX {
            self.0 |= 1 << position;
        }
    }

    pub fn contains(self, position: usize) -> bool {
        position < MEMBERS_MAX && self.0 & (1 << position) != 0
    }

    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Positions that are in both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Positions that are in this one but not in the other.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..MEMBERS_MAX).filter(move |position| self.contains(*position))
    }
}

impl FromIterator<usize> for MemberSet {
    fn from_iter<I: IntoIterator<Item = usize>>(positions: I) -> Self {
        let mut set = Self::default();
        positions.into_iter().for_each(|position| set.insert(position));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_combined_by_position() {
        let (some, others): (MemberSet, MemberSet) =
            ([0, 2, 15].into_iter().collect(), [2, 3, 99].into_iter().collect());
        assert_eq!(some.and(others).iter().collect::<Vec<_>>(), [2]);
        assert_eq!(some.without(others).iter().collect::<Vec<_>>(), [0, 15]);
        assert_eq!((some.count(), others.count()), (3, 2), "a position that no group has is not taken in");
        assert!(some.contains(15) && !some.contains(16));
    }
}

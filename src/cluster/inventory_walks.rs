//! Which nodes' inventories are due to be gone through, and how much of each: what was written since the last walk, so that an
//! idle node costs next to nothing however much it holds, or everything.
//!
//! A walk ends with marks: how far each volume of the node had come when it began. What the next one has to show lies
//! behind them, as long as nothing can have become of interest that was shown before and let pass. So everything is gone
//! through again:
//!
//! - in another incarnation of the node: it may hold what it did not show, and sequences may begin again;
//! - when it was away, since it may have missed that something was dropped;
//! - while it has left groups: what is deleted from a group is dropped by its members alone;
//! - when something that was shown was not remembered;
//! - after `WHOLE_EVERY`, so that a mistake in all this does not last for ever.

use super::incarnation::Incarnation;
use crate::{
    node::api::{InventoryCursor, InventoryPage, VolumeMark},
    types::NodeId,
};
use std::{collections::HashMap, time::Duration};

/// How often everything is gone through anyway: as often as a scrub by default reads it.
const WHOLE_EVERY: Duration = Duration::from_secs(14 * 24 * 3600);

/// From one walk to the next while the node has left groups.
const INTERVAL_OF_LEFT_GROUPS: Duration = Duration::from_secs(300);

/// The walks of all nodes.
#[derive(Debug, Default)]
pub struct InventoryWalks {
    walks: HashMap<NodeId, State>,
}

/// A node as it is now.
#[derive(Clone, Debug)]
pub struct NodeNow {
    /// On the monotonic clock.
    pub at: Duration,
    pub incarnation: Incarnation,
    /// Whether it may hold something of groups that it is no member of any more.
    pub has_left_groups: bool,
}

/// The page to ask for next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextPage {
    pub from: Option<InventoryCursor>,
    /// Nothing: everything is wanted.
    pub after: Vec<VolumeMark>,
}

#[derive(Debug)]
enum State {
    UnderWay(Walk),
    Finished { at: Duration, base: Option<Base> },
}

#[derive(Debug)]
struct Walk {
    next: NextPage,
    incarnation: Incarnation,
    /// Of its first page.
    marks: Option<Vec<VolumeMark>>,
    /// When everything was gone through: in this walk, or in the one that it builds on.
    whole_at: Duration,
    /// Whether what it shows needs not be shown again.
    is_conclusive: bool,
}

/// What the next walk can build on.
#[derive(Clone, Debug)]
struct Base {
    incarnation: Incarnation,
    marks: Vec<VolumeMark>,
    whole_at: Duration,
}

impl InventoryWalks {
    /// Whether a walk is under way, or `interval` has passed since the last. A node that has left groups holds what was
    /// deleted from them since, and keeps its place in their past until that is cleared: it is looked at more often.
    pub fn is_due(&self, node: NodeId, now: &NodeNow, interval: Duration) -> bool {
        let interval = if now.has_left_groups { interval.min(INTERVAL_OF_LEFT_GROUPS) } else { interval };
        match self.walks.get(&node) {
            Some(State::Finished { at, .. }) => now.at.saturating_sub(*at) >= interval,
            Some(State::UnderWay(_)) | None => true,
        }
    }

    /// Goes on with the walk that is due, or begins it.
    pub fn next_page(&mut self, node: NodeId, now: &NodeNow) -> NextPage {
        let walk = match self.walks.remove(&node) {
            Some(State::UnderWay(walk)) if walk.incarnation == now.incarnation => walk,
            Some(State::Finished { base: Some(base), .. }) if base.is_good(now) => {
                Walk::begin(now, base.marks, base.whole_at)
            }
            _ => Walk::begin(now, Vec::new(), now.at),
        };
        let next = walk.next.clone();
        self.walks.insert(node, State::UnderWay(walk));
        next
    }

    /// The page that was asked for came and was looked at.
    pub fn note_page(&mut self, node: NodeId, now: &NodeNow, page: &InventoryPage) {
        let Some(State::UnderWay(mut walk)) = self.walks.remove(&node) else { return };
        let marks = walk.marks.take().unwrap_or_else(|| page.marks.clone());
        let state = match page.next {
            Some(next) => {
                walk.next.from = Some(next);
                State::UnderWay(Walk { marks: Some(marks), ..walk })
            }
            None => {
                let base = Base { incarnation: walk.incarnation, marks, whole_at: walk.whole_at };
                let is_base = walk.is_conclusive && !base.marks.is_empty() && base.is_good(now);
                State::Finished { at: now.at, base: is_base.then_some(base) }
            }
        };
        self.walks.insert(node, state);
    }

    /// Something that was shown has to be shown again: the next walk goes through everything.
    pub fn needs_whole(&mut self, node: NodeId) {
        match self.walks.get_mut(&node) {
            Some(State::UnderWay(walk)) => walk.is_conclusive = false,
            Some(State::Finished { base, .. }) => *base = None,
            None => {}
        }
    }

    /// The node is gone: when it is back everything is gone through, at once.
    pub fn forget(&mut self, node: NodeId) {
        self.walks.remove(&node);
    }

    pub fn forget_all(&mut self) {
        self.walks.clear();
    }
}

impl Walk {
    fn begin(now: &NodeNow, after: Vec<VolumeMark>, whole_at: Duration) -> Self {
        Self {
            next: NextPage { from: None, after },
            incarnation: now.incarnation.clone(),
            marks: None,
            whole_at,
            is_conclusive: true,
        }
    }
}

impl Base {
    fn is_good(&self, now: &NodeNow) -> bool {
        self.incarnation == now.incarnation
            && !now.has_left_groups
            && now.at.saturating_sub(self.whole_at) < WHOLE_EVERY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::VolumeId;

    const NODE: NodeId = NodeId::from_bytes([1; 16]);
    const INTERVAL: Duration = Duration::from_secs(100);
    const CURSOR: InventoryCursor = InventoryCursor { volume: 0, segment: 1, offset: 2 };

    fn now(seconds: u64) -> NodeNow {
        NodeNow { at: Duration::from_secs(seconds), incarnation: Incarnation::default(), has_left_groups: false }
    }

    fn marks(sequence: u64) -> Vec<VolumeMark> {
        vec![VolumeMark { volume: VolumeId::from_bytes([2; 16]), sequence }]
    }

    fn page(next: Option<InventoryCursor>, sequence: u64) -> InventoryPage {
        InventoryPage { blobs: Vec::new(), next, marks: marks(sequence) }
    }

    /// A whole walk that ended at 10 s, with marks at 5.
    fn walked() -> InventoryWalks {
        let mut walks = InventoryWalks::default();
        assert!(walks.is_due(NODE, &now(0), INTERVAL));
        assert_eq!(walks.next_page(NODE, &now(0)), NextPage { from: None, after: Vec::new() });
        walks.note_page(NODE, &now(1), &page(Some(CURSOR), 5));
        assert!(walks.is_due(NODE, &now(2), INTERVAL));
        assert_eq!(walks.next_page(NODE, &now(2)), NextPage { from: Some(CURSOR), after: Vec::new() });
        walks.note_page(NODE, &now(10), &page(None, 7));
        assert!(!walks.is_due(NODE, &now(109), INTERVAL) && walks.is_due(NODE, &now(110), INTERVAL));
        walks
    }

    #[test]
    fn the_next_walk_shows_what_came_since_the_last_one_began() {
        let mut walks = walked();
        assert_eq!(walks.next_page(NODE, &now(110)), NextPage { from: None, after: marks(5) });
        walks.note_page(NODE, &now(111), &page(Some(CURSOR), 20));
        assert_eq!(walks.next_page(NODE, &now(111)), NextPage { from: Some(CURSOR), after: marks(5) });
        walks.note_page(NODE, &now(112), &page(None, 30));
        assert_eq!(walks.next_page(NODE, &now(300)).after, marks(20));
    }

    #[test]
    fn everything_is_gone_through_where_something_may_have_been_passed_over() {
        let whole = NextPage { from: None, after: Vec::new() };
        let another = NodeNow { incarnation: Incarnation::of_run(1), ..now(110) };
        assert_eq!(walked().next_page(NODE, &another), whole, "another incarnation");
        let former = NodeNow { has_left_groups: true, ..now(110) };
        assert_eq!(walked().next_page(NODE, &former), whole, "it left a group");
        assert_eq!(walked().next_page(NODE, &now(14 * 24 * 3600)), whole, "from time to time");
        let mut walks = walked();
        walks.needs_whole(NODE);
        assert!(!walks.is_due(NODE, &now(109), INTERVAL));
        assert_eq!(walks.next_page(NODE, &now(110)), whole, "not everything was remembered");
        let mut walks = walked();
        walks.forget(NODE);
        assert!(walks.is_due(NODE, &now(11), INTERVAL), "it was away");
        assert_eq!(walks.next_page(NODE, &now(11)), whole);
    }

    #[test]
    fn a_node_that_has_left_groups_is_looked_at_more_often() {
        let hours = Duration::from_secs(6 * 3600);
        let walks = walked();
        assert!(!walks.is_due(NODE, &now(310), hours));
        assert!(walks.is_due(NODE, &NodeNow { has_left_groups: true, ..now(310) }, hours));
        assert!(!walks.is_due(NODE, &NodeNow { has_left_groups: true, ..now(309) }, hours));
    }

    #[test]
    fn a_walk_during_which_something_went_wrong_is_nothing_to_build_on() {
        let whole = NextPage { from: None, after: Vec::new() };
        for at_the_end in [NodeNow { has_left_groups: true, ..now(112) }, now(112)] {
            let mut walks = walked();
            walks.next_page(NODE, &now(110));
            if !at_the_end.has_left_groups {
                walks.needs_whole(NODE);
            }
            walks.note_page(NODE, &at_the_end, &page(None, 20));
            assert_eq!(walks.next_page(NODE, &now(300)), whole);
        }
        let mut walks = walked();
        walks.next_page(NODE, &now(110));
        walks.note_page(NODE, &now(111), &InventoryPage { marks: Vec::new(), ..page(None, 0) });
        assert_eq!(walks.next_page(NODE, &now(300)), whole, "the node gives no marks");
    }
}

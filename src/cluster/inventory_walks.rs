//! Which nodes' inventories are due to be gone through, and how much of each: what was written since the last walk, so that an
//! idle node costs next to nothing however much it holds, or everything.
//!
//! A walk ends with marks: how far each volume of the node had come when it began. What the next one has to show lies
//! behind them, as long as nothing can have become of interest that was shown before and let pass. So everything is gone
//! through again:
//!
//! - in another incarnation of the node, unless its volumes go on from where they were: else one may hold what it did not show,
//!   being frozen or put back from a copy, and sequences may begin again;
//! - when it was away, since it may have missed that something was dropped;
//! - while it has left groups: who was away when something was deleted from a group that it has left is not asked again;
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
    /// How far each of its volumes is durable.
    pub durable: Vec<VolumeMark>,
    /// Whether a volume of it is frozen.
    pub has_frozen: bool,
    /// How often a volume of it was found to have gone back in time.
    pub rolled_back: u64,
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
    Finished {
        at: Duration,
        base: Option<Base>,
    },
    /// An earlier gateway has finished the last walk.
    Kept(Base),
}

#[derive(Debug)]
struct Walk {
    next: NextPage,
    /// The node when it began.
    begun: NodeNow,
    /// Of its first page.
    marks: Option<Vec<VolumeMark>>,
    /// When everything is gone through again.
    whole_due: Duration,
    /// Whether what it shows needs not be shown again.
    is_conclusive: bool,
}

/// What the next walk can build on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    pub incarnation: Incarnation,
    pub marks: Vec<VolumeMark>,
    /// When everything is gone through again, on the monotonic clock.
    pub whole_due: Duration,
    has_frozen: bool,
    rolled_back: u64,
}

impl InventoryWalks {
    /// Whether a walk is under way, or `interval` has passed since the last. A node that has left groups may hold what was
    /// deleted from them while it was away, and keeps its place in their past until that is cleared: it is looked at more often.
    pub fn is_due(&self, node: NodeId, now: &NodeNow, interval: Duration) -> bool {
        let interval = if now.has_left_groups { interval.min(INTERVAL_OF_LEFT_GROUPS) } else { interval };
        match self.walks.get(&node) {
            Some(State::Finished { at, .. }) => now.at.saturating_sub(*at) >= interval,
            Some(State::UnderWay(_) | State::Kept(_)) | None => true,
        }
    }

    /// Goes on with the walk that is due, or begins it.
    pub fn next_page(&mut self, node: NodeId, now: &NodeNow) -> NextPage {
        let walk = match self.walks.remove(&node) {
            Some(State::UnderWay(walk)) if walk.begun.incarnation == now.incarnation => walk,
            Some(State::Finished { base: Some(base), .. }) if base.is_good(now) => {
                Walk::begin(now, base.marks, base.whole_due)
            }
            Some(State::Kept(base)) if base.is_good(now) && base.incarnation == now.incarnation => {
                Walk::begin(now, base.marks, base.whole_due)
            }
            _ => Walk::begin(now, Vec::new(), now.at + WHOLE_EVERY),
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
                let NodeNow { incarnation, has_frozen, rolled_back, .. } = walk.begun;
                let base = Base { incarnation, marks, whole_due: walk.whole_due, has_frozen, rolled_back };
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
            Some(State::Kept(_)) | None => drop(self.walks.remove(&node)),
        }
    }

    /// What the next walk builds on, when none is under way.
    pub fn base(&self, node: NodeId) -> Option<&Base> {
        match self.walks.get(&node) {
            Some(State::Finished { base, .. }) => base.as_ref(),
            Some(State::UnderWay(_) | State::Kept(_)) | None => None,
        }
    }

    /// An earlier gateway has walked so far: the next walk builds on that, if it begins before anything else.
    pub fn resume(&mut self, node: NodeId, base: Base) {
        self.walks.entry(node).or_insert(State::Kept(base));
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
    fn begin(now: &NodeNow, after: Vec<VolumeMark>, whole_due: Duration) -> Self {
        let next = NextPage { from: None, after };
        Self { next, begun: now.clone(), marks: None, whole_due, is_conclusive: true }
    }
}

impl Base {
    /// As another gateway has kept it.
    pub fn kept(incarnation: Incarnation, marks: Vec<VolumeMark>, whole_due: Duration) -> Self {
        Self { incarnation, marks, whole_due, has_frozen: false, rolled_back: 0 }
    }

    fn is_good(&self, now: &NodeNow) -> bool {
        let is_same = self.incarnation == now.incarnation || self.goes_on_in(now);
        is_same && !now.has_left_groups && now.at < self.whole_due
    }

    /// Whether the volumes are what they were, started again. One that is put back from a copy has forgotten records, the marks of
    /// drops among them, and so goes back behind what was seen of it; on one that does not, what is written has sequences
    /// above the marks.
    fn goes_on_in(&self, now: &NodeNow) -> bool {
        let is_durable = |mark: &VolumeMark| {
            now.durable.iter().any(|durable| durable.volume == mark.volume && durable.sequence >= mark.sequence)
        };
        let was_seen_whole = !self.has_frozen && !now.has_frozen && self.rolled_back == now.rolled_back;
        was_seen_whole && self.marks.iter().all(is_durable)
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
        NodeNow {
            at: Duration::from_secs(seconds),
            incarnation: Incarnation::default(),
            durable: marks(1000),
            has_frozen: false,
            rolled_back: 0,
            has_left_groups: false,
        }
    }

    /// Started again, as far on as then.
    fn restarted(seconds: u64) -> NodeNow {
        NodeNow { incarnation: Incarnation::of_run(1), ..now(seconds) }
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
        let going_on = NextPage { from: None, after: marks(5) };
        assert_eq!(walked().next_page(NODE, &NodeNow { durable: marks(5), ..restarted(110) }), going_on, "a start");
        let behind = NodeNow { durable: marks(4), ..restarted(110) };
        assert_eq!(walked().next_page(NODE, &behind), whole, "it goes on behind the mark");
        let gone_back = NodeNow { rolled_back: 1, ..restarted(110) };
        assert_eq!(
            walked().next_page(NODE, &gone_back),
            whole,
            "it has lost something that was written behind the mark"
        );
        let frozen = NodeNow { has_frozen: true, ..restarted(110) };
        assert_eq!(walked().next_page(NODE, &frozen), whole, "a volume is frozen");
        let exchanged = NodeNow { durable: Vec::new(), ..restarted(110) };
        assert_eq!(walked().next_page(NODE, &exchanged), whole, "another volume");
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

    #[test]
    fn what_an_earlier_gateway_has_walked_is_built_on_while_the_node_is_the_same() {
        let whole = NextPage { from: None, after: Vec::new() };
        let resumed = || {
            let mut walks = InventoryWalks::default();
            walks.resume(NODE, Base::kept(Incarnation::default(), marks(5), Duration::from_secs(200)));
            assert!(walks.is_due(NODE, &now(0), INTERVAL));
            walks
        };
        assert_eq!(resumed().next_page(NODE, &now(1)), NextPage { from: None, after: marks(5) });
        assert_eq!(resumed().next_page(NODE, &now(200)), whole);
        assert_eq!(resumed().next_page(NODE, &restarted(1)), whole, "nobody has watched over its volumes");
        let mut walks = resumed();
        walks.next_page(NODE, &now(1));
        walks.note_page(NODE, &now(1), &page(None, 9));
        let base = walks.base(NODE).unwrap();
        assert_eq!((&base.marks, base.whole_due), (&marks(9), Duration::from_secs(200)));
        walks.needs_whole(NODE);
        assert_eq!(walks.base(NODE), None);
        let mut walks = resumed();
        walks.needs_whole(NODE);
        assert_eq!(walks.next_page(NODE, &now(1)), whole);
    }
}

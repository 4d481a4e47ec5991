//! What goes wrong, round after round: all of it follows from the seed and the topology, nothing from time.
//!
//! The account of damage: "nothing is lost" is promised while at most RF - 1 nodes are damaged. A round under load destroys
//! something on one node at most, since a write in that moment may be acknowledged by two of three; two are emptied before
//! the load. The next round begins when every object has all of its copies again.

use crate::{
    fault::{Dice, Fault, Kind, kinds},
    fleet::{Ground, Topology},
};
use larder::runtime::SeededRandom;
use std::time::Duration;

/// One round: load, the fault, some time, its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    pub fault: Fault,
    /// From the beginning of the load to the fault, and from the fault to its end.
    pub before: Duration,
    pub during: Duration,
}

pub struct Schedule {
    dice: Dice,
    kinds: Vec<Kind>,
    /// Of each kind one before any comes again.
    coming: Vec<Kind>,
}

impl Schedule {
    /// Of all kinds of faults that can come here, or `only` of those whose name this is.
    pub fn new(seed: u64, topology: Topology, ground: Ground, only: Option<&str>) -> Self {
        let sample = Dice { random: SeededRandom::new(seed), topology };
        let mut kinds = kinds(topology, ground);
        kinds.retain(|kind| only.is_none_or(|name| kind(&sample).name() == name));
        assert!(!kinds.is_empty(), "no fault of the name {only:?} can come here");
        Self { dice: Dice { random: SeededRandom::new(seed), topology }, kinds, coming: Vec::new() }
    }

    pub fn next_round(&mut self) -> Round {
        if self.coming.is_empty() {
            self.coming.clone_from(&self.kinds);
            self.dice.shuffle(&mut self.coming);
        }
        let kind = self.coming.pop().expect("there are kinds of faults");
        let fault = kind(&self.dice);
        let during = if fault.is_about_service() { 6000..10_000 } else { 1000..4000 };
        Round { fault, before: self.dice.millis(200..1200), during: self.dice.millis(during) }
    }
}

#[test]
fn a_seed_gives_the_same_schedule_again_and_every_kind_of_fault_comes() {
    let (topology, ground) = (Topology::Processes(4), Ground::Directories);
    let rounds = |seed| {
        let mut schedule = Schedule::new(seed, topology, ground, None);
        kinds(topology, ground).iter().map(|_| schedule.next_round()).collect::<Vec<Round>>()
    };
    assert_eq!(rounds(7), rounds(7));
    assert_ne!(rounds(7), rounds(8));
    let came = |is_it: fn(&Fault) -> bool| rounds(7).iter().filter(|round| is_it(&round.fault)).count();
    assert_eq!(came(|fault| matches!(fault, Fault::Wipe(_))), 1);
    assert_eq!(came(|fault| matches!(fault, Fault::Kill(_))), 5);
    assert_eq!(came(|fault| matches!(fault, Fault::Storm { .. })), 6);
}

#[test]
fn a_schedule_of_one_kind_has_no_other() {
    let mut schedule = Schedule::new(7, Topology::Server(4), Ground::SmallDisks, Some("PowerCut"));
    assert!((0..20).all(|_| matches!(schedule.next_round().fault, Fault::PowerCut(_))));
}

//! The judge of one key's history: is there an order of its operations that respects real time (what ended before
//! another began comes first) and in which each answer is right? The search is that of Wing and Gong, with Lowe's memory
//! of what was tried; an operation without an answer may take its place anywhere behind its request, or nowhere.
//!
//! What only looks and fits the state at hand is taken at once: it changes nothing, so no other order needs it later.

use crate::history::{Act, Event, State};
use std::collections::HashSet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Right,
    Wrong,
    /// More orders than `TRIES_MAX` would have to be tried.
    Undecided,
}

/// Some seconds of search. Histories of the suite need far less than a thousandth of it.
const TRIES_MAX: usize = 300_000;

/// Judges a history that began with the key absent.
pub fn judge(events: &[Event]) -> Verdict {
    match search(without_unseen_writes(events)) {
        // A write that nobody saw may still be the reason of a refused condition.
        Verdict::Wrong => search(events.to_vec()),
        decided => decided,
    }
}

/// Without the writes that were neither answered nor ever seen: they double the orders to try, each of them.
fn without_unseen_writes(events: &[Event]) -> Vec<Event> {
    let seen: HashSet<State> = events
        .iter()
        .filter_map(|event| match event.act {
            Act::Saw(state) | Act::Swapped { from: state, .. } => Some(state),
            _ => None,
        })
        .collect();
    let is_kept = |event: &&Event| match event.act {
        Act::Became(state) | Act::Swapped { to: state, .. } => event.ended.is_some() || seen.contains(&state),
        _ => true,
    };
    events.iter().filter(is_kept).copied().collect()
}

fn search(mut events: Vec<Event>) -> Verdict {
    events.sort_by_key(|event| event.begun);
    let placed = Placed(vec![0; events.len().div_ceil(64)]);
    let mut search = Search { events, tried: HashSet::new() };
    match search.can_go_on(placed, None) {
        true => Verdict::Right,
        false if search.tried.len() >= TRIES_MAX => Verdict::Undecided,
        false => Verdict::Wrong,
    }
}

/// Which events have their place in the order: a bit each.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Placed(Vec<u64>);

impl Placed {
    fn has(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }

    fn add(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }
}

struct Search {
    /// By their beginning.
    events: Vec<Event>,
    tried: HashSet<(Placed, State)>,
}

impl Search {
    /// Whether the rest can follow when those that are placed have led to `state`.
    fn can_go_on(&mut self, mut placed: Placed, state: State) -> bool {
        let Some(next) = self.place_looks(&mut placed, state) else { return true };
        if self.tried.len() >= TRIES_MAX || !self.tried.insert((placed.clone(), state)) {
            return false;
        }
        for index in next {
            let after = match self.events[index].act {
                Act::Became(after) => after,
                Act::Swapped { from, to } if from == state => to,
                _ => continue,
            };
            let mut placed = placed.clone();
            placed.add(index);
            if self.can_go_on(placed, after) {
                return true;
            }
        }
        false
    }

    /// Places all looks that fit; the events of which one is next, or `None` when nothing must follow.
    fn place_looks(&self, placed: &mut Placed, state: State) -> Option<Vec<usize>> {
        loop {
            let next = self.next(placed)?;
            let fits = |index: &&usize| match self.events[**index].act {
                Act::Saw(seen) => seen == state,
                Act::SawOther(other) => other != state,
                Act::Became(_) | Act::Swapped { .. } => false,
            };
            let looks: Vec<usize> = next.iter().filter(fits).copied().collect();
            if looks.is_empty() {
                return Some(next);
            }
            looks.into_iter().for_each(|index| placed.add(index));
        }
    }

    /// Events that began before any that must still be placed ended.
    fn next(&self, placed: &Placed) -> Option<Vec<usize>> {
        let open = || (0..self.events.len()).filter(|index| !placed.has(*index));
        let horizon = open().filter_map(|index| self.events[index].ended).min()?;
        Some(open().take_while(|index| self.events[*index].begun <= horizon).collect())
    }
}

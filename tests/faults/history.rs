//! What clients saw: for each key every operation with the time between its request and its answer. The judge
//! (`linearizable`) decides afterwards whether any store that is right could have answered so.

use crate::support::content::Write;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

/// What a key shows: a write, or nothing.
pub type State = Option<Write>;

/// What an operation did to its key, or learned of it, at one moment between request and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Saw(State),
    /// A condition was refused: the key did not show this.
    SawOther(State),
    Became(State),
    /// A condition was met.
    Swapped {
        from: State,
        to: State,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub act: Act,
    pub begun: Moment,
    /// `None`: no answer came. It happened at any time since then, or not at all.
    pub ended: Option<Moment>,
}

/// Nanoseconds since the history began, by the one monotonic clock of the test.
pub type Moment = u64;

/// Shared by all clients.
pub struct History {
    origin: Instant,
    keys: Mutex<BTreeMap<String, Vec<Event>>>,
    /// Lengths are given out once a key, so that a list or a HEAD names the write that it shows.
    lengths: Mutex<HashMap<(String, usize), Write>>,
    writes: AtomicU64,
}

impl History {
    pub fn new() -> Self {
        Self { origin: Instant::now(), keys: Mutex::default(), lengths: Mutex::default(), writes: AtomicU64::new(0) }
    }

    pub fn now(&self) -> Moment {
        u64::try_from(self.origin.elapsed().as_nanos()).expect("a test ends within centuries")
    }

    /// A number that no other write of this history gets.
    pub fn next_number(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::Relaxed)
    }

    /// Before the write is sent, so that whoever sees its length knows it.
    pub fn announce(&self, key: &str, write: Write) {
        let other = lock(&self.lengths).insert((key.to_owned(), write.length), write);
        assert_eq!(other, None, "two writes of {key} have one length");
    }

    pub fn write_of_length(&self, key: &str, length: usize) -> Option<Write> {
        lock(&self.lengths).get(&(key.to_owned(), length)).copied()
    }

    pub fn answered(&self, key: &str, act: Act, begun: Moment) {
        self.push(key, Event { act, begun, ended: Some(self.now()) });
    }

    pub fn unanswered(&self, key: &str, act: Act, begun: Moment) {
        self.push(key, Event { act, begun, ended: None });
    }

    fn push(&self, key: &str, event: Event) {
        lock(&self.keys).entry(key.to_owned()).or_default().push(event);
    }

    /// Makes the keys known, so that a list that lacks them is compared.
    pub fn know(&self, keys: impl IntoIterator<Item = String>) {
        let mut known = lock(&self.keys);
        for key in keys {
            known.entry(key).or_default();
        }
    }

    pub fn keys_below(&self, prefix: &str) -> Vec<String> {
        lock(&self.keys).keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    pub fn events_of(&self, key: &str) -> Vec<Event> {
        lock(&self.keys).get(key).cloned().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

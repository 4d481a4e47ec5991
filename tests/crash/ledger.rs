//! What may be there. A key has one writer at a time, so its history is a sequence: after an acknowledged change exactly
//! one state is right; a change whose answer never came may have happened or not.

use crate::support::content::Write;
use std::{collections::BTreeMap, sync::Mutex};

/// What a key shows: a write, or nothing.
pub type State = Option<Write>;

/// All keys that were ever written. Shared by workers and checker.
#[derive(Debug, Default)]
pub struct Ledger {
    keys: Mutex<BTreeMap<String, Vec<State>>>,
}

impl Ledger {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, Vec<State>>) -> T) -> T {
        act(&mut self.keys.lock().expect("no holder of this lock panics"))
    }

    /// The states that are right now. A key that was never written shows nothing.
    pub fn allowed(&self, key: &str) -> Vec<State> {
        self.with(|keys| keys.get(key).cloned().unwrap_or_else(|| vec![None]))
    }

    /// Before a change is sent: from now on both are right.
    pub fn may_become(&self, key: &str, state: State) {
        self.with(|keys| keys.entry(key.to_owned()).or_insert_with(|| vec![None]).push(state));
    }

    /// The change was acknowledged, or a read showed it: nothing else is right any more.
    pub fn is(&self, key: &str, state: State) {
        self.with(|keys| keys.insert(key.to_owned(), vec![state]));
    }

    pub fn keys(&self) -> Vec<String> {
        self.with(|keys| keys.keys().cloned().collect())
    }
}

#[test]
fn an_unanswered_change_leaves_both_states_and_an_answer_leaves_one() {
    let (ledger, first) = (Ledger::default(), Write { seed: 1, length: 24 });
    assert_eq!(ledger.allowed("a"), [None]);
    ledger.may_become("a", Some(first));
    assert_eq!(ledger.allowed("a"), [None, Some(first)]);
    ledger.is("a", Some(first));
    ledger.may_become("a", None);
    assert_eq!(ledger.allowed("a"), [Some(first), None]);
    assert_eq!(ledger.keys(), ["a"]);
}

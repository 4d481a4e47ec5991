//! When a gateway last had a word with this node: what tells a gateway that was started beside another one that the other is
//! alive. In memory, and on the monotonic clock: a word from before the node's start is none.

use crate::{
    node::api::{MetadataWitness, ReignSeen},
    runtime::Clock,
    types::Term,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub struct LastWord {
    clock: Arc<dyn Clock>,
    start: Duration,
    /// On the clock.
    heard: Mutex<Option<Duration>>,
}

impl LastWord {
    /// From the node's start on.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { start: clock.monotonic(), clock, heard: Mutex::default() }
    }

    /// A gateway whose term is not over asked how the node is.
    pub fn note(&self) {
        let now = self.clock.monotonic();
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// With the newest term and metadata that the node has seen, and how many of its volumes it does not show.
    pub fn told(&self, term: Term, witness: Option<MetadataWitness>, volumes_left_out: u32) -> ReignSeen {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard_ms = heard.map(|at| self.millis_since(at));
        ReignSeen { term, witness, heard_ms, up_ms: self.millis_since(self.start), volumes_left_out }
    }

    fn millis_since(&self, at: Duration) -> u64 {
        u64::try_from(self.clock.monotonic().saturating_sub(at).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{runtime::ManualClock, types::Timestamp};

    #[test]
    fn a_word_is_as_old_as_the_clock_says_and_none_is_none() {
        let clock = Arc::new(ManualClock::new(Timestamp::default()));
        clock.advance(Duration::from_secs(100));
        let word = LastWord::new(clock.clone());
        clock.advance(Duration::from_secs(2));
        let told =
            |term, heard_ms, up_ms| ReignSeen { term: Term(term), witness: None, heard_ms, up_ms, volumes_left_out: 0 };
        assert_eq!(word.told(Term(3), None, 0), told(3, None, 2000));
        word.note();
        clock.advance(Duration::from_secs(1));
        assert_eq!(word.told(Term(4), None, 0), told(4, Some(1000), 3000));
    }
}

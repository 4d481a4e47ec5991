//! Whether a node keeps up. A node that was late three times running is *shunned*: writes neither wait for it nor choose
//! it, reads ask it last, until a probe was answered promptly. Heartbeats can't tell this: a node may answer them and
//! still hang on its disk (gray failure).

use std::sync::atomic::{AtomicU32, Ordering};

/// Late so many times running is a pattern, not jitter.
pub const LATE_LIMIT: u32 = 3;

/// Counts a node's late answers.
#[derive(Debug, Default)]
pub struct Health {
    late_running: AtomicU32,
}

/// What an answer changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthChange {
    None,
    /// The node has just become shunned.
    Shunned,
    /// The node has just come back.
    Recovered,
}

impl Health {
    pub fn is_shunned(&self) -> bool {
        self.late_running.load(Ordering::Relaxed) >= LATE_LIMIT
    }

    /// The node answered a request in time. That ends a series; it doesn't end a shunning, only a probe does.
    pub fn prompt(&self) {
        if self.late_running.load(Ordering::Relaxed) != 0 {
            let below_limit = |late: u32| (late < LATE_LIMIT).then_some(0);
            let _unless_shunned = self.late_running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, below_limit);
        }
    }

    /// The node did not answer a request, or not in time.
    pub fn late(&self) -> HealthChange {
        let before = self.late_running.fetch_add(1, Ordering::Relaxed);
        if before + 1 == LATE_LIMIT { HealthChange::Shunned } else { HealthChange::None }
    }

    /// A probe was answered promptly.
    pub fn probe_was_prompt(&self) -> HealthChange {
        let before = self.late_running.swap(0, Ordering::Relaxed);
        if before >= LATE_LIMIT { HealthChange::Recovered } else { HealthChange::None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_late_answers_running_shun_a_node_until_a_probe_is_prompt() {
        let health = Health::default();
        assert_eq!(health.late(), HealthChange::None);
        assert_eq!(health.late(), HealthChange::None);
        health.prompt();
        assert_eq!(health.late(), HealthChange::None);
        assert_eq!(health.late(), HealthChange::None);
        assert!(!health.is_shunned());
        assert_eq!(health.late(), HealthChange::Shunned);
        assert_eq!(health.late(), HealthChange::None);
        health.prompt();
        assert!(health.is_shunned(), "an answer on its way when the node was shunned proves nothing");
        assert_eq!(health.probe_was_prompt(), HealthChange::Recovered);
        assert!(!health.is_shunned());
        assert_eq!(health.probe_was_prompt(), HealthChange::None);
    }
}

//! How long to wait before the next try.

use crate::runtime::Random;
use std::time::Duration;

/// The first wait, before it is drawn: a gateway that is just starting is found soon.
const FIRST: Duration = Duration::from_millis(100);

/// Doubles with each failure up to a limit, and draws each wait between half of it and all of it, so that nodes that
/// lost the gateway together do not come back together.
#[derive(Clone, Debug)]
pub struct BackOff {
    limit: Duration,
    next: Duration,
}

impl BackOff {
    pub fn new(limit: Duration) -> Self {
        Self { limit, next: FIRST.min(limit) }
    }

    pub fn next(&mut self, random: &dyn Random) -> Duration {
        let millis = u64::try_from(self.next.as_millis()).unwrap_or(u64::MAX);
        self.next = self.next.saturating_mul(2).min(self.limit);
        Duration::from_millis(millis / 2 + random.below(millis / 2 + 1))
    }

    pub fn reset(&mut self) {
        self.next = FIRST.min(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SeededRandom;

    #[test]
    fn waits_double_up_to_the_limit_and_begin_anew_after_a_success() {
        let random = SeededRandom::new(1);
        let mut back_off = BackOff::new(Duration::from_secs(1));
        for limit in [100, 200, 400, 800, 1000, 1000] {
            let wait = back_off.next(&random).as_millis();
            assert!((limit / 2..=limit).contains(&wait), "{wait} of {limit}");
        }
        back_off.reset();
        assert!(back_off.next(&random).as_millis() <= 100);
    }
}

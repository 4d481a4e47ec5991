//! How long a body may take. DESIGN.md, invariant 6: while others wait, a body slower than 64 KiB/s over 20 s ends.
//!
//! Only time that the server spends waiting for the client counts, so that our own slowness is never held against it.

use std::time::Duration;

/// Which way bytes go: memory for the one way is of no use to those who wait for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    FromClient,
    ToClient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceLimits {
    /// Over how much waiting the rate is measured.
    pub window: Duration,
    pub bytes_per_second_min: u64,
    /// Longest silence, whether others wait or not.
    pub silence_max: Duration,
}

/// What a wait showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    Fine,
    /// Slower than the limit over a whole window: ends if others wait.
    Slow,
    /// Nothing came for too long: ends in any case.
    Silent,
}

/// Bookkeeping of one body.
#[derive(Debug)]
pub struct PaceMeter {
    limits: PaceLimits,
    waited: Duration,
    received_bytes: u64,
    silent: Duration,
}

impl PaceMeter {
    pub fn new(limits: PaceLimits) -> Self {
        Self { limits, waited: Duration::ZERO, received_bytes: 0, silent: Duration::ZERO }
    }

    /// How long to wait before asking `waited` for a verdict.
    pub fn patience(&self) -> Duration {
        let window = self.limits.window.saturating_sub(self.waited);
        window.min(self.limits.silence_max.saturating_sub(self.silent))
    }

    pub fn received(&mut self, bytes: usize) {
        self.received_bytes += bytes as u64;
        self.silent = Duration::ZERO;
    }

    /// The server has waited so long for the client. A window that is over begins anew.
    pub fn waited(&mut self, time: Duration) -> Pace {
        self.waited += time;
        self.silent += time;
        if self.silent >= self.limits.silence_max {
            return Pace::Silent;
        }
        if self.waited < self.limits.window {
            return Pace::Fine;
        }
        let enough = u128::from(self.limits.bytes_per_second_min) * self.waited.as_millis() / 1000;
        let is_slow = u128::from(self.received_bytes) < enough;
        self.waited = Duration::ZERO;
        self.received_bytes = 0;
        if is_slow { Pace::Slow } else { Pace::Fine }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PaceLimits = PaceLimits {
        window: Duration::from_secs(20),
        bytes_per_second_min: 64 << 10,
        silence_max: Duration::from_secs(120),
    };

    #[test]
    fn a_body_of_64_kib_a_second_is_fine_and_a_slower_one_is_not() {
        for (bytes_per_second, expected) in [(64 << 10, Pace::Fine), ((64 << 10) - 1, Pace::Slow)] {
            let mut meter = PaceMeter::new(LIMITS);
            let mut verdicts = Vec::new();
            for _ in 0..20 {
                meter.received(bytes_per_second);
                verdicts.push(meter.waited(Duration::from_secs(1)));
            }
            assert!(verdicts[..19].iter().all(|pace| *pace == Pace::Fine));
            assert_eq!(verdicts[19], expected);
        }
    }

    #[test]
    fn silence_ends_a_body_even_if_nobody_waits() {
        let mut meter = PaceMeter::new(LIMITS);
        let mut verdicts: Vec<Pace> = (0..6).map(|_| meter.waited(Duration::from_secs(20))).collect();
        assert_eq!(verdicts.pop(), Some(Pace::Silent));
        assert!(verdicts.iter().all(|pace| *pace == Pace::Slow));
    }

    #[test]
    fn time_that_the_server_did_not_wait_does_not_count() {
        let mut meter = PaceMeter::new(LIMITS);
        meter.received(1);
        assert_eq!(meter.waited(Duration::from_secs(19)), Pace::Fine);
        assert_eq!(meter.patience(), Duration::from_secs(1));
    }
}

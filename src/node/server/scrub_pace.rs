//! How fast a scrub goes. Pure.

use std::time::Duration;

/// A pass is not spread thinner: a small volume is through early, and rests for the remaining time.
const RATE_MIN: u64 = 64 << 10;
/// The longest rest between two steps: an hour's worth at the lowest rate would look like a standstill.
const REST_MAX: Duration = Duration::from_secs(60);

/// Bytes per second at which what is left of a pass is read in what is left of its period: a node that was off makes up for
/// it.
pub fn spread(left_bytes: u64, left: Duration, rate_max: u64) -> u64 {
    let rate = left_bytes / left.as_secs().max(1);
    rate.max(RATE_MIN).min(rate_max)
}

/// The rest after a step that read so much in so long: as the rate wants it, and never so short that the disk has more than half
/// of its time to give to it, or, while clients keep it busy, more than they leave (`rest_percent`).
pub fn rest(bytes: u64, took: Duration, rate: u64, rest_percent: u32) -> Duration {
    let wanted = Duration::from_secs_f64(bytes as f64 / rate.max(1) as f64);
    wanted.saturating_sub(took).max(took).max(took * rest_percent / 100).min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_pass_is_spread_over_its_period_within_the_bounds() {
        let fortnight = Duration::from_secs(14 * 86_400);
        assert_eq!(spread(1 << 40, fortnight, 64 * MIB), (1 << 40) / 1_209_600);
        assert_eq!(spread(MIB, fortnight, 64 * MIB), RATE_MIN);
        assert_eq!(spread(1 << 60, fortnight, 64 * MIB), 64 * MIB);
        assert_eq!(spread(1 << 40, Duration::ZERO, 64 * MIB), 64 * MIB);
    }

    #[test]
    fn rest_makes_up_the_rate_and_leaves_half_of_the_disk_or_more_to_clients() {
        let millis = Duration::from_millis;
        assert_eq!(rest(MIB, millis(100), MIB, 0), millis(900));
        assert_eq!(rest(MIB, millis(800), MIB, 0), millis(800));
        assert_eq!(rest(0, millis(3), MIB, 0), millis(3));
        assert_eq!(rest(1 << 40, millis(3), 1, 0), REST_MAX);
        assert_eq!(rest(MIB, millis(100), MIB, 400), millis(900), "the rate alone leaves enough to clients");
        assert_eq!(rest(MIB, millis(10), 64 * MIB, 400), millis(40));
    }
}

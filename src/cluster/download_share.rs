//! The download share of the memory budget: how it is kept from ending in the hands of clients that take nothing.
//!
//! Bytes on their way to a client occupy memory until the client takes them, which is as long as it likes. Therefore:
//!
//! - Three quarters of the share are *kept*: bytes keep their pieces until the client has taken them. Nobody waits for
//!   these. While more than half are free a reader gets what it wants and may fetch ahead; then one piece; then none.
//! - The last quarter is *passage*: a reader that was given nothing to keep takes one piece for the time of one fetch, and
//!   what it fetched leaves as a short copy (`content_reader::PASSING_LENGTH_BYTES`) that belongs to the connection, as
//!   the connection's buffers do. The piece is back before the client sees a byte of it.
//!
//! So a reader may wait for nodes but never for another's client: however many take nothing, the next one is served. And
//! nobody has to be cut off for that; the rule about slow clients only brings back the comfort of the kept part.

use super::{
    error::ClusterError,
    plain_share::{Pieces, PlainShare},
};
use crate::runtime::Clock;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long a refusal counts. A reader that was refused asks again for every slice that its client takes, so while
/// there is need there are many a second.
const REFUSAL_COUNTS_FOR: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct DownloadShare {
    kept: PlainShare,
    passage: PlainShare,
    clock: Arc<dyn Clock>,
    /// When a reader was last given nothing to keep: milliseconds of the monotonic clock plus one; 0 for never.
    refused_at: AtomicU64,
}

impl DownloadShare {
    /// A share of `total` pieces, at least one of each kind. `wait` is how long a fetch waits for passage.
    pub(super) fn new(total: u32, wait: Duration, clock: Arc<dyn Clock>) -> Self {
        let passage = total / 4;
        Self {
            kept: PlainShare::new(total - passage, wait),
            passage: PlainShare::new(passage, wait),
            clock,
            refused_at: AtomicU64::new(0),
        }
    }

    /// Memory that may be kept until a client has taken what lies in it: `wanted`, or one piece when it is short, or none.
    pub fn try_keep(&self, wanted: u32) -> Option<Pieces> {
        let wanted = if self.is_plenty() { wanted } else { 1 };
        let kept = self.kept.try_take(wanted).or_else(|| self.kept.try_take(1));
        if kept.is_none() {
            self.refused_at.store(self.now_millis() + 1, Ordering::Relaxed);
        }
        kept
    }

    /// The same for bytes that no client has asked for yet: only while there is plenty.
    pub fn try_keep_ahead(&self, wanted: u32) -> Option<Pieces> {
        if self.is_plenty() { self.kept.try_take(wanted) } else { None }
    }

    /// A piece for the time of one fetch, which must not be held while a client is waited for.
    pub async fn pass(&self) -> Result<Pieces, ClusterError> {
        self.passage.take(1).await
    }

    /// Whether others need the memory that a slow client keeps.
    pub fn has_waiters(&self) -> bool {
        let refused_at = self.refused_at.load(Ordering::Relaxed);
        let is_short =
            refused_at > 0 && u128::from(self.now_millis() + 1 - refused_at) <= REFUSAL_COUNTS_FOR.as_millis();
        is_short || self.passage.has_waiters()
    }

    pub fn used(&self) -> u32 {
        self.kept.used() + self.passage.used()
    }

    fn is_plenty(&self) -> bool {
        self.kept.used() < self.kept.total() / 2
    }

    fn now_millis(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{runtime::ManualClock, types::Timestamp};

    /// Twelve pieces to keep, four for passage.
    fn share() -> (DownloadShare, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::default()));
        (DownloadShare::new(16, Duration::from_secs(600), clock.clone()), clock)
    }

    #[test]
    fn the_fuller_the_share_the_less_is_given_to_keep() {
        let (share, _) = share();
        let counts = |kept: &[Pieces]| kept.iter().map(Pieces::count).collect::<Vec<u32>>();
        let mut kept: Vec<Pieces> = (0..2).map_while(|_| share.try_keep(4)).collect();
        assert_eq!(counts(&kept), [4, 4]);
        assert!(share.try_keep_ahead(1).is_none(), "more than half is kept");
        kept.extend(std::iter::from_fn(|| share.try_keep(4)));
        assert_eq!(counts(&kept), [4, 4, 1, 1, 1, 1]);
        drop(kept);
        assert_eq!(share.used(), 0);
        assert_eq!(share.try_keep_ahead(4).map(|pieces| pieces.count()), Some(4));
    }

    #[tokio::test]
    async fn there_is_passage_though_all_is_kept() {
        let (share, _) = share();
        let kept: Vec<Pieces> = std::iter::from_fn(|| share.try_keep(4)).collect();
        for _ in 0..100 {
            assert_eq!(share.pass().await.unwrap().count(), 1);
        }
        assert_eq!(share.used(), 12);
        drop(kept);
    }

    #[test]
    fn who_got_nothing_counts_as_waiting_for_a_while() {
        let (share, clock) = share();
        assert!(!share.has_waiters());
        let kept: Vec<Pieces> = std::iter::from_fn(|| share.try_keep(4)).collect();
        assert!(share.has_waiters());
        clock.advance(REFUSAL_COUNTS_FOR);
        assert!(share.has_waiters());
        clock.advance(Duration::from_millis(1));
        assert!(!share.has_waiters());
        drop(kept);
    }
}

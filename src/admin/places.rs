//! Who holds a connection of the admin address, and who has to leave when one more comes.
//!
//! Anybody may connect, and a node makes a connection for each of its heartbeats. So a full house turns nobody away: the
//! newcomer gets the place of the stranger who has been silent the longest, once that is longer than it takes to say
//! something. Whoever has proven the root credentials stays: a long answer may be under way to him.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

pub struct Places {
    count: usize,
    /// How long who has just come or spoken is left alone. It also bounds how many are sent away in a second.
    patience: Duration,
    table: Mutex<Table>,
    /// A place was given back.
    freed: Notify,
}

#[derive(Default)]
struct Table {
    holders: HashMap<u64, Holder>,
    last_id: u64,
}

struct Holder {
    last_sign: Instant,
    is_proven: bool,
    sent_away: CancellationToken,
}

/// A place in use; dropping it gives it back.
pub struct Place {
    id: u64,
    sent_away: CancellationToken,
    places: Arc<Places>,
}

/// Nobody can be sent away before this moment; without one, nobody at all.
struct Full(Option<Instant>);

impl Places {
    pub fn new(count: usize, patience: Duration) -> Arc<Self> {
        Arc::new(Self { count, patience, table: Mutex::default(), freed: Notify::new() })
    }

    /// Waits for a place, one task at a time. Dropping the future leaves nothing behind.
    pub async fn enter(self: &Arc<Self>) -> Place {
        loop {
            match self.try_enter() {
                Ok(place) => return place,
                Err(Full(None)) => self.freed.notified().await,
                Err(Full(Some(at))) => tokio::select! {
                    () = self.freed.notified() => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    fn try_enter(self: &Arc<Self>) -> Result<Place, Full> {
        let (now, mut table) = (Instant::now(), self.table());
        if table.holders.len() >= self.count {
            let (last_sign, stranger) = table.longest_silent_stranger().ok_or(Full(None))?;
            let may_leave = last_sign + self.patience;
            if now < may_leave {
                return Err(Full(Some(may_leave)));
            }
            if let Some(holder) = table.holders.remove(&stranger) {
                holder.sent_away.cancel();
            }
        }
        table.last_id += 1;
        let (id, sent_away) = (table.last_id, CancellationToken::new());
        let holder = Holder { last_sign: now, is_proven: false, sent_away: sent_away.clone() };
        table.holders.insert(id, holder);
        Ok(Place { id, sent_away, places: Arc::clone(self) })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// With the moment of his last sign.
    fn longest_silent_stranger(&self) -> Option<(Instant, u64)> {
        let strangers = self.holders.iter().filter(|(_, holder)| !holder.is_proven);
        strangers.map(|(id, holder)| (holder.last_sign, *id)).min()
    }
}

impl Place {
    /// A whole head of a request has come.
    pub fn heard(&self) {
        self.note(|holder| holder.last_sign = Instant::now());
    }

    /// The holder is no stranger, for as long as he keeps the place.
    pub fn prove(&self) {
        self.note(|holder| holder.is_proven = true);
    }

    /// Resolves when the place was given to somebody else: its connection has to end.
    pub async fn sent_away(&self) {
        self.sent_away.cancelled().await;
    }

    fn note(&self, change: impl FnOnce(&mut Holder)) {
        // Absent when he was sent away a moment ago.
        if let Some(holder) = self.places.table().holders.get_mut(&self.id) {
            change(holder);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.places.table().holders.remove(&self.id).is_some() {
            self.places.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::poll_immediate;

    async fn is_sent_away(place: &Place) -> bool {
        poll_immediate(place.sent_away()).await.is_some()
    }

    #[tokio::test]
    async fn a_newcomer_gets_the_place_of_the_stranger_who_has_been_silent_the_longest() {
        let places = Places::new(2, Duration::ZERO);
        let (first, second) = (places.enter().await, places.enter().await);
        first.heard();
        let third = places.enter().await;
        assert!(is_sent_away(&second).await && !is_sent_away(&first).await);
        let _fourth = places.enter().await;
        assert!(is_sent_away(&first).await && !is_sent_away(&third).await);
        // What was taken is not given back a second time.
        drop((first, second));
        assert_eq!(places.table().holders.len(), 2);
    }

    #[tokio::test]
    async fn who_is_proven_stays_and_a_newcomer_waits_until_somebody_leaves() {
        let places = Places::new(2, Duration::ZERO);
        let (first, second) = (places.enter().await, places.enter().await);
        first.prove();
        let third = places.enter().await;
        assert!(is_sent_away(&second).await && !is_sent_away(&first).await);
        third.prove();
        let mut waiting = std::pin::pin!(places.enter());
        assert!(poll_immediate(&mut waiting).await.is_none());
        drop(first);
        assert!(poll_immediate(&mut waiting).await.is_some());
    }

    #[tokio::test]
    async fn who_has_just_come_is_left_alone() {
        let places = Places::new(1, Duration::from_secs(3600));
        let first = places.enter().await;
        assert!(poll_immediate(std::pin::pin!(places.enter())).await.is_none());
        assert!(!is_sent_away(&first).await);
        drop(first);
        places.enter().await;
    }
}

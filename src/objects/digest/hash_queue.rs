//! What waits to be hashed, and who is next. A turn is one lane, or several MD5 lanes that go side by side: four cost
//! as much processor time as one. That only pays when they are there at the same time, and what arrives would otherwise be
//! hashed at once, one by one. So MD5 lanes wait for each other, as long as nobody waits for them: not when every open MD5
//! lane is there, not when one is in a hurry (its upload is about to wait), and not longer than `COMPANY_WAIT_MAX`.
//!
//! Among those that need not wait, first come, first served.

use super::md5_stream::SIDE_BY_SIDE_MAX;
use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard},
    time::{Duration, Instant},
};

/// A lane waits no longer for company. Its upload does not notice (it has room for another slice meanwhile), so this is
/// only about memory: the slice of a client that pauses is given back after this time.
const COMPANY_WAIT_MAX: Duration = Duration::from_millis(5);

/// How a lane may be hashed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Company {
    Alone,
    /// An MD5, side by side with others.
    SideBySide,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Urgency {
    /// Nobody waits for the value, and the upload has room to go on.
    CanWait,
    Hurried,
}

/// A queue that threads take turns from.
pub struct HashQueue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

struct Waiting<T> {
    alone: VecDeque<Entry<T>>,
    side_by_side: VecDeque<Entry<T>>,
    /// One of those in `side_by_side` is in a hurry, or was until a moment ago.
    is_hurried: bool,
    /// MD5 lanes that exist, whether anything of them waits or not.
    open_side_by_side: usize,
    is_closed: bool,
}

struct Entry<T> {
    item: T,
    since: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Next<T> {
    Turn(Vec<T>),
    /// Nothing to do before something changes.
    Wait,
    /// Nothing to do before something changes or the time is over.
    WaitAtMost(Duration),
    End,
}

impl<T> Waiting<T> {
    fn new() -> Self {
        let (alone, side_by_side) = (VecDeque::new(), VecDeque::new());
        Self { alone, side_by_side, is_hurried: false, open_side_by_side: 0, is_closed: false }
    }

    /// Says whether a thread has to know.
    fn push(&mut self, item: T, company: Company, urgency: Urgency, now: Instant) -> bool {
        let entry = Entry { item, since: now };
        match company {
            Company::Alone => {
                self.alone.push_back(entry);
                true
            }
            Company::SideBySide => {
                self.side_by_side.push_back(entry);
                self.is_hurried |= urgency == Urgency::Hurried;
                // Of the first one, so that somebody watches the time.
                self.side_by_side.len() == 1 || self.is_company_complete()
            }
        }
    }

    fn is_company_complete(&self) -> bool {
        let awaited = self.open_side_by_side.min(SIDE_BY_SIDE_MAX);
        self.is_hurried || self.is_closed || self.side_by_side.len() >= awaited
    }

    fn next(&mut self, now: Instant) -> Next<T> {
        let waits_alone_since = self.alone.front().map(|entry| entry.since);
        let Some(first) = self.side_by_side.front() else { return self.next_alone() };
        let patience = COMPANY_WAIT_MAX.saturating_sub(now.saturating_duration_since(first.since));
        let is_due = self.is_company_complete() || patience.is_zero();
        match waits_alone_since {
            Some(since) if !is_due || since < first.since => self.next_alone(),
            _ if is_due => self.next_side_by_side(),
            _ => Next::WaitAtMost(patience),
        }
    }

    fn next_alone(&mut self) -> Next<T> {
        match self.alone.pop_front() {
            Some(entry) => Next::Turn(vec![entry.item]),
            None if self.is_closed => Next::End,
            None => Next::Wait,
        }
    }

    fn next_side_by_side(&mut self) -> Next<T> {
        let count = self.side_by_side.len().min(SIDE_BY_SIDE_MAX);
        let turn = self.side_by_side.drain(..count).map(|entry| entry.item).collect();
        // The one in a hurry may be among those that are left.
        self.is_hurried &= !self.side_by_side.is_empty();
        Next::Turn(turn)
    }
}

impl<T> HashQueue<T> {
    pub fn new() -> Self {
        Self { waiting: Mutex::new(Waiting::new()), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().expect("no holder of this lock panics")
    }

    pub fn push(&self, item: T, company: Company, urgency: Urgency) {
        let must_tell = self.lock().push(item, company, urgency, Instant::now());
        if must_tell {
            self.changed.notify_one();
        }
    }

    /// A lane that stands in the queue to go side by side waits for company no longer.
    pub fn hurry(&self) {
        let mut waiting = self.lock();
        // A thread may have taken it in the meantime.
        waiting.is_hurried = !waiting.side_by_side.is_empty();
        drop(waiting);
        self.changed.notify_one();
    }

    /// An MD5 lane begins: others wait for it.
    pub fn open_side_by_side(&self) {
        self.lock().open_side_by_side += 1;
    }

    /// An MD5 lane ends: nobody waits for it any more.
    pub fn close_side_by_side(&self) {
        self.lock().open_side_by_side -= 1;
        self.changed.notify_one();
    }

    /// What waits is still worked off.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// What to hash now; waits for it. Nothing once the queue is closed and empty.
    pub fn take_turn(&self) -> Option<Vec<T>> {
        let mut waiting = self.lock();
        loop {
            waiting = match waiting.next(Instant::now()) {
                Next::Turn(turn) => {
                    // Who is left needs another thread, or one that watches the time.
                    if !waiting.side_by_side.is_empty() {
                        self.changed.notify_one();
                    }
                    return Some(turn);
                }
                Next::End => return None,
                Next::Wait => self.changed.wait(waiting).expect("no holder of this lock panics"),
                Next::WaitAtMost(time) => {
                    self.changed.wait_timeout(waiting, time).expect("no holder of this lock panics").0
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Company::{Alone, SideBySide};
    use Urgency::{CanWait, Hurried};

    fn waiting(open_side_by_side: usize) -> (Waiting<u32>, Instant) {
        (Waiting { open_side_by_side, ..Waiting::new() }, Instant::now())
    }

    #[test]
    fn the_only_open_lane_waits_for_nobody() {
        let (mut waiting, now) = waiting(1);
        assert!(waiting.push(1, SideBySide, CanWait, now));
        assert_eq!(waiting.next(now), Next::Turn(vec![1]));
        assert_eq!(waiting.next(now), Next::Wait);
    }

    #[test]
    fn open_lanes_wait_for_each_other() {
        let (mut waiting, now) = waiting(3);
        assert!(waiting.push(1, SideBySide, CanWait, now), "somebody has to watch the time");
        assert!(!waiting.push(2, SideBySide, CanWait, now), "nothing to do yet");
        assert_eq!(waiting.next(now), Next::WaitAtMost(COMPANY_WAIT_MAX));
        assert!(waiting.push(3, SideBySide, CanWait, now));
        assert_eq!(waiting.next(now), Next::Turn(vec![1, 2, 3]));
    }

    #[test]
    fn a_lane_in_a_hurry_takes_along_who_is_there() {
        let (mut waiting, now) = waiting(9);
        waiting.push(1, SideBySide, CanWait, now);
        assert!(waiting.push(2, SideBySide, Hurried, now));
        assert_eq!(waiting.next(now), Next::Turn(vec![1, 2]));
        waiting.push(3, SideBySide, CanWait, now);
        assert_eq!(waiting.next(now), Next::WaitAtMost(COMPANY_WAIT_MAX), "the hurry is over");
    }

    #[test]
    fn nobody_waits_for_company_longer_than_the_limit() {
        let (mut waiting, now) = waiting(2);
        waiting.push(1, SideBySide, CanWait, now);
        let shortly_before = now + COMPANY_WAIT_MAX - Duration::from_micros(1);
        assert_eq!(waiting.next(shortly_before), Next::WaitAtMost(Duration::from_micros(1)));
        assert_eq!(waiting.next(now + COMPANY_WAIT_MAX), Next::Turn(vec![1]));
    }

    #[test]
    fn what_goes_alone_does_not_wait_behind_those_who_wait_for_company() {
        let (mut waiting, now) = waiting(2);
        waiting.push(1, SideBySide, CanWait, now);
        assert!(waiting.push(2, Alone, CanWait, now + Duration::from_micros(1)));
        assert_eq!(waiting.next(now), Next::Turn(vec![2]));
        assert_eq!(waiting.next(now), Next::WaitAtMost(COMPANY_WAIT_MAX));
    }

    #[test]
    fn who_need_not_wait_is_served_in_order() {
        let (mut waiting, now) = waiting(2);
        let later = |micros| now + Duration::from_micros(micros);
        waiting.push(1, Alone, CanWait, later(0));
        waiting.push(2, SideBySide, CanWait, later(1));
        waiting.push(3, Alone, CanWait, later(2));
        waiting.push(4, SideBySide, CanWait, later(3));
        let turns: Vec<_> = std::iter::from_fn(|| match waiting.next(later(4)) {
            Next::Turn(turn) => Some(turn),
            _ => None,
        })
        .collect();
        assert_eq!(turns, [vec![1], vec![2, 4], vec![3]]);
    }

    #[test]
    fn a_turn_is_bounded_and_the_one_in_a_hurry_comes_in_the_next() {
        let (mut waiting, now) = waiting(100);
        let last = SIDE_BY_SIDE_MAX as u32;
        for item in 0..last {
            waiting.push(item, SideBySide, CanWait, now);
        }
        waiting.push(last, SideBySide, Hurried, now);
        assert_eq!(waiting.next(now), Next::Turn((0..last).collect()));
        assert_eq!(waiting.next(now), Next::Turn(vec![last]));
    }

    #[test]
    fn a_closed_queue_is_worked_off_and_ends() {
        let (mut waiting, now) = waiting(2);
        waiting.push(1, SideBySide, CanWait, now);
        waiting.push(2, Alone, CanWait, now);
        waiting.is_closed = true;
        assert_eq!(waiting.next(now), Next::Turn(vec![1]));
        assert_eq!(waiting.next(now), Next::Turn(vec![2]));
        assert_eq!(waiting.next(now), Next::End);
    }
}

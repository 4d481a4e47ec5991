//! What waits to be hashed, and who is next. A turn is one lane, or several lanes of one kind that go side by side: four
//! MD5s cost as much processor time as one, four SHA-256s as much as two. That only pays when they are there at the same
//! time, and what arrives would otherwise be hashed at once, one by one. So such lanes wait for others of their kind, as
//! long as nobody waits for them: not when every open lane of the kind is there, not when one is in a hurry (its upload is
//! about to wait), and not longer than `COMPANY_WAIT_MAX`.
//!
//! Among those that need not wait, first come, first served.

use super::block_hash::SIDE_BY_SIDE_MAX;
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
    /// Side by side with others of its kind.
    SideBySide(Kind),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Md5,
    Sha256,
}

const KIND_COUNT: usize = 2;

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
    side_by_side: [Group<T>; KIND_COUNT],
    is_closed: bool,
}

/// The lanes of one kind.
struct Group<T> {
    waiting: VecDeque<Entry<T>>,
    /// One of those that wait is in a hurry, or was until a moment ago.
    is_hurried: bool,
    /// Lanes that exist, whether anything of them waits or not.
    open: usize,
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

impl<T> Group<T> {
    fn new() -> Self {
        Self { waiting: VecDeque::new(), is_hurried: false, open: 0 }
    }

    fn is_complete(&self) -> bool {
        self.is_hurried || self.waiting.len() >= self.open.min(SIDE_BY_SIDE_MAX)
    }

    fn waits_since(&self) -> Option<Instant> {
        self.waiting.front().map(|entry| entry.since)
    }

    /// How long the first of those that wait would still wait for company.
    fn patience(&self, now: Instant) -> Option<Duration> {
        let since = self.waits_since()?;
        let left = COMPANY_WAIT_MAX.saturating_sub(now.saturating_duration_since(since));
        Some(if self.is_complete() { Duration::ZERO } else { left })
    }

    fn take_turn(&mut self) -> Vec<T> {
        let count = self.waiting.len().min(SIDE_BY_SIDE_MAX);
        let turn = self.waiting.drain(..count).map(|entry| entry.item).collect();
        // The one in a hurry may be among those that are left.
        self.is_hurried &= !self.waiting.is_empty();
        turn
    }
}

impl<T> Waiting<T> {
    fn new() -> Self {
        Self { alone: VecDeque::new(), side_by_side: [Group::new(), Group::new()], is_closed: false }
    }

    fn group(&mut self, kind: Kind) -> &mut Group<T> {
        &mut self.side_by_side[kind as usize]
    }

    /// Says whether a thread has to know.
    fn push(&mut self, item: T, company: Company, urgency: Urgency, now: Instant) -> bool {
        let entry = Entry { item, since: now };
        match company {
            Company::Alone => {
                self.alone.push_back(entry);
                true
            }
            Company::SideBySide(kind) => {
                let group = self.group(kind);
                group.waiting.push_back(entry);
                group.is_hurried |= urgency == Urgency::Hurried;
                // Of the first one, so that somebody watches the time.
                group.waiting.len() == 1 || group.is_complete()
            }
        }
    }

    fn next(&mut self, now: Instant) -> Next<T> {
        let is_closed = self.is_closed;
        let is_due = |group: &Group<T>| group.patience(now).is_some_and(|left| left.is_zero() || is_closed);
        let due = self.side_by_side.iter_mut().filter(|group| is_due(group)).min_by_key(|group| group.waits_since());
        let alone_since = self.alone.front().map(|entry| entry.since);
        match due {
            Some(group) if alone_since.is_none_or(|since| group.waits_since() <= Some(since)) => {
                Next::Turn(group.take_turn())
            }
            _ => self.next_alone(now),
        }
    }

    /// Where no group need go first.
    fn next_alone(&mut self, now: Instant) -> Next<T> {
        if let Some(entry) = self.alone.pop_front() {
            return Next::Turn(vec![entry.item]);
        }
        match self.side_by_side.iter().filter_map(|group| group.patience(now)).min() {
            Some(time) => Next::WaitAtMost(time),
            None if self.is_closed => Next::End,
            None => Next::Wait,
        }
    }

    fn is_group_waiting(&self) -> bool {
        self.side_by_side.iter().any(|group| !group.waiting.is_empty())
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
    pub fn hurry(&self, kind: Kind) {
        let mut waiting = self.lock();
        let group = waiting.group(kind);
        // A thread may have taken it in the meantime.
        group.is_hurried = !group.waiting.is_empty();
        drop(waiting);
        self.changed.notify_one();
    }

    /// A lane begins: others of its kind wait for it.
    pub fn open_lane(&self, kind: Kind) {
        self.lock().group(kind).open += 1;
    }

    /// A lane ends: nobody waits for it any more.
    pub fn close_lane(&self, kind: Kind) {
        self.lock().group(kind).open -= 1;
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
                    if waiting.is_group_waiting() {
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
    use Company::Alone;
    use Urgency::{CanWait, Hurried};

    const MD5: Company = Company::SideBySide(Kind::Md5);
    const SHA256: Company = Company::SideBySide(Kind::Sha256);

    fn waiting(open_md5s: usize) -> (Waiting<u32>, Instant) {
        let mut waiting = Waiting::new();
        waiting.group(Kind::Md5).open = open_md5s;
        (waiting, Instant::now())
    }

    #[test]
    fn the_only_open_lane_waits_for_nobody() {
        let (mut waiting, now) = waiting(1);
        assert!(waiting.push(1, MD5, CanWait, now));
        assert_eq!(waiting.next(now), Next::Turn(vec![1]));
        assert_eq!(waiting.next(now), Next::Wait);
    }

    #[test]
    fn open_lanes_wait_for_each_other() {
        let (mut waiting, now) = waiting(3);
        assert!(waiting.push(1, MD5, CanWait, now), "somebody has to watch the time");
        assert!(!waiting.push(2, MD5, CanWait, now), "nothing to do yet");
        assert_eq!(waiting.next(now), Next::WaitAtMost(COMPANY_WAIT_MAX));
        assert!(waiting.push(3, MD5, CanWait, now));
        assert_eq!(waiting.next(now), Next::Turn(vec![1, 2, 3]));
    }

    #[test]
    fn a_lane_in_a_hurry_takes_along_who_is_there() {
        let (mut waiting, now) = waiting(9);
        waiting.push(1, MD5, CanWait, now);
        assert!(waiting.push(2, MD5, Hurried, now));
        assert_eq!(waiting.next(now), Next::Turn(vec![1, 2]));
        waiting.push(3, MD5, CanWait, now);
        assert_eq!(waiting.next(now), Next::WaitAtMost(COMPANY_WAIT_MAX), "the hurry is over");
    }

    #[test]
    fn nobody_waits_for_company_longer_than_the_limit() {
        let (mut waiting, now) = waiting(2);
        waiting.push(1, MD5, CanWait, now);
        let shortly_before = now + COMPANY_WAIT_MAX - Duration::from_micros(1);
        assert_eq!(waiting.next(shortly_before), Next::WaitAtMost(Duration::from_micros(1)));
        assert_eq!(waiting.next(now + COMPANY_WAIT_MAX), Next::Turn(vec![1]));
    }

    #[test]
    fn what_goes_alone_does_not_wait_behind_those_who_wait_for_company() {
        let (mut waiting, now) = waiting(2);
        waiting.push(1, MD5, CanWait, now);
        assert!(waiting.push(2, Alone, CanWait, now + Duration::from_micros(1)));
        assert_eq!(waiting.next(now), Next::Turn(vec![2]));
        assert_eq!(waiting.next(now), Next::WaitAtMost(COMPANY_WAIT_MAX));
    }

    #[test]
    fn who_need_not_wait_is_served_in_order() {
        let (mut waiting, now) = waiting(2);
        let later = |micros| now + Duration::from_micros(micros);
        waiting.push(1, Alone, CanWait, later(0));
        waiting.push(2, MD5, CanWait, later(1));
        waiting.push(3, Alone, CanWait, later(2));
        waiting.push(4, MD5, CanWait, later(3));
        let turns: Vec<_> = std::iter::from_fn(|| match waiting.next(later(4)) {
            Next::Turn(turn) => Some(turn),
            _ => None,
        })
        .collect();
        assert_eq!(turns, [vec![1], vec![2, 4], vec![3]]);
    }

    #[test]
    fn each_kind_waits_for_its_own() {
        let (mut waiting, now) = waiting(2);
        waiting.group(Kind::Sha256).open = 2;
        let later = |micros| now + Duration::from_micros(micros);
        waiting.push(1, MD5, CanWait, later(0));
        assert!(waiting.push(2, SHA256, CanWait, later(1)), "somebody has to watch the time");
        let patience = COMPANY_WAIT_MAX - Duration::from_micros(2);
        assert_eq!(waiting.next(later(2)), Next::WaitAtMost(patience), "of the one that waits longest");
        assert!(waiting.push(3, SHA256, CanWait, later(3)));
        assert_eq!(waiting.next(later(3)), Next::Turn(vec![2, 3]));
        waiting.push(4, SHA256, Hurried, later(4));
        waiting.push(5, MD5, CanWait, later(5));
        assert_eq!(waiting.next(later(5)), Next::Turn(vec![1, 5]), "both are complete, these came first");
        assert_eq!(waiting.next(later(5)), Next::Turn(vec![4]));
    }

    #[test]
    fn a_turn_is_bounded_and_the_one_in_a_hurry_comes_in_the_next() {
        let (mut waiting, now) = waiting(100);
        let last = SIDE_BY_SIDE_MAX as u32;
        for item in 0..last {
            waiting.push(item, MD5, CanWait, now);
        }
        waiting.push(last, MD5, Hurried, now);
        assert_eq!(waiting.next(now), Next::Turn((0..last).collect()));
        assert_eq!(waiting.next(now), Next::Turn(vec![last]));
    }

    #[test]
    fn a_closed_queue_is_worked_off_and_ends() {
        let (mut waiting, now) = waiting(2);
        waiting.push(1, MD5, CanWait, now);
        waiting.push(2, Alone, CanWait, now);
        waiting.is_closed = true;
        assert_eq!(waiting.next(now), Next::Turn(vec![1]));
        assert_eq!(waiting.next(now), Next::Turn(vec![2]));
        assert_eq!(waiting.next(now), Next::End);
    }
}

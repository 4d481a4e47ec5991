//! The thread that scrubs a node's volume: one pass every `scrub_period`, spread over it, and one at once when an operator
//! asks. Either rests the longer, the busier clients keep the volume. How it stands is kept with the volume, so that a pass goes on after a restart.

use super::scrub_pace::{rest, spread};
use crate::{
    node::{NodeError, NodeSettings},
    runtime::{Activity, Clock, rest_percent},
    types::{ScrubState, ScrubStatus, Timestamp},
    volume::{ScrubPass, ScrubRecord, ScrubStep, Volume, VolumeError},
};
use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Checked in one step, some milliseconds of the disk.
const STEP_BYTES: u64 = 1 << 20;
/// How often a pass keeps how far it has come: what a crash makes it read again.
const KEEP_INTERVAL: Duration = Duration::from_secs(60);
/// After an error that may pass, such as a full disk.
const ERROR_PAUSE: Duration = Duration::from_secs(10);
/// Between two looks whether a pass is due, at most: the clock may have jumped.
const LOOK_INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// Ends its thread when dropped.
pub struct Scrubber {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    desk: Mutex<Desk>,
    changed: Condvar,
}

/// What is wanted of the thread, and what it says.
#[derive(Default)]
struct Desk {
    is_stopping: bool,
    is_begin_wanted: bool,
    status: ScrubStatus,
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scrubber {
    pub fn start(volume: Volume, settings: Arc<NodeSettings>, clock: Arc<dyn Clock>) -> Result<Self, OpenScrubError> {
        let record = volume.kept_scrub()?.unwrap_or_default();
        let shared = Arc::new(Shared { desk: Mutex::default(), changed: Condvar::new() });
        let mut worker = Worker {
            pass: record.point.map(ScrubPass::resume),
            counted_from: (clock.monotonic(), record.checked_bytes),
            kept_at: clock.monotonic(),
            activity: Activity::default(),
            seen_work: (0, 0),
            volume,
            settings,
            clock,
            record,
            shared: Arc::clone(&shared),
        };
        worker.publish(None);
        let thread = thread::Builder::new().name("larder-scrub".to_owned()).spawn(move || worker.run())?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// How it stands, but for what the volume knows.
    pub fn status(&self) -> ScrubStatus {
        self.shared.desk().status.clone()
    }

    /// Begins a pass now, at full pace, in the place of the one under way. Returns when it has begun; blocks for a step.
    pub fn begin(&self) -> Result<(), NodeError> {
        let mut desk = self.shared.desk();
        desk.is_begin_wanted = true;
        self.shared.changed.notify_all();
        while desk.is_begin_wanted {
            if let ScrubState::Stopped { reason } = &desk.status.state {
                return Err(NodeError::Frozen(reason.clone()));
            }
            if desk.is_stopping {
                return Err(NodeError::Unreachable("the node is stopping".to_owned()));
            }
            desk = self.shared.changed.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Returns when the step that is under way has ended.
    pub fn stop(&self) {
        self.shared.desk().is_stopping = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of a volume's scrub had panicked");
        }
    }
}

impl Drop for Scrubber {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Debug, thiserror::Error)]
pub enum OpenScrubError {
    #[error(transparent)]
    Volume(#[from] VolumeError),
    #[error(transparent)]
    Thread(#[from] io::Error),
}

struct Worker {
    volume: Volume,
    settings: Arc<NodeSettings>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    record: ScrubRecord,
    pass: Option<ScrubPass>,
    /// Monotonic time and bytes checked by then: the rate is measured from there.
    counted_from: (Duration, u64),
    kept_at: Duration,
    /// What others have the volume do.
    activity: Activity,
    /// Requests and their bytes that `activity` knows of.
    seen_work: (u64, u64),
}

/// What ended a wait.
enum Woken {
    TimeIsUp,
    BeginWanted,
    Stopping,
}

/// Says that the thread is gone, also when it panicked: nobody waits for it any more.
struct Farewell(Arc<Shared>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let mut desk = self.0.desk();
        if !matches!(desk.status.state, ScrubState::Stopped { .. }) {
            desk.status.state = ScrubState::Stopped { reason: "the scrub's thread has ended".to_owned() };
        }
        self.0.changed.notify_all();
    }
}

impl Worker {
    fn run(mut self) {
        let _farewell = Farewell(Arc::clone(&self.shared));
        loop {
            let pause = match self.turn() {
                Ok(pause) => pause,
                // Neither changes before a restart.
                Err(error @ (VolumeError::Frozen(_) | VolumeError::Closed)) => return self.publish(Some(&error)),
                Err(error) => {
                    tracing::warn!(%error, "a step of a volume's scrub failed; trying again");
                    ERROR_PAUSE
                }
            };
            match self.wait(pause) {
                Woken::TimeIsUp => {}
                Woken::BeginWanted => {
                    self.begin(Hurry::Yes);
                    self.shared.desk().is_begin_wanted = false;
                    self.shared.changed.notify_all();
                }
                Woken::Stopping => {
                    // Without it the next start goes on from where it was kept last.
                    let _ = self.volume.keep_scrub(&self.record);
                    return;
                }
            }
        }
    }

    fn wait(&self, pause: Duration) -> Woken {
        let is_quiet = |desk: &mut Desk| !desk.is_stopping && !desk.is_begin_wanted;
        let waited = self.shared.changed.wait_timeout_while(self.shared.desk(), pause, is_quiet);
        let (desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match (desk.is_stopping, desk.is_begin_wanted) {
            (true, _) => Woken::Stopping,
            (_, true) => Woken::BeginWanted,
            _ => Woken::TimeIsUp,
        }
    }

    /// One step, or a look whether a pass is due; how long to rest then.
    fn turn(&mut self) -> Result<Duration, VolumeError> {
        let now = self.clock.now();
        if self.pass.is_none() {
            let until_due = until_due(self.record.began, now, self.settings.scrub_period.0);
            if !until_due.is_zero() {
                return Ok(until_due.min(LOOK_INTERVAL_MAX));
            }
            self.begin(Hurry::No);
        }
        let Some(pass) = &mut self.pass else { return Ok(Duration::ZERO) };
        let began = self.clock.monotonic();
        let step = self.volume.scrub_step(pass, STEP_BYTES)?;
        let took = self.clock.monotonic().saturating_sub(began);
        self.record.point = Some(pass.point());
        self.note(&step, now)?;
        if step.is_over {
            return Ok(Duration::ZERO);
        }
        let ScrubRecord { is_hurried, total_bytes, checked_bytes, began, .. } = self.record;
        let rate_max = self.settings.scrub_rate_max.bytes();
        let rate = match is_hurried {
            true => rate_max,
            false => {
                let left = time_left(began, now, self.settings.scrub_period.0);
                spread(total_bytes.saturating_sub(checked_bytes), left, rate_max)
            }
        };
        Ok(rest(step.checked_bytes, took, rate, rest_percent(self.busyness())))
    }

    /// How busy clients, and repair for them, keep the volume.
    fn busyness(&mut self) -> f64 {
        let stats = self.volume.stats();
        let (requests, bytes) = (stats.reads + stats.appends, stats.appended_bytes);
        let (seen_requests, seen_bytes) = std::mem::replace(&mut self.seen_work, (requests, bytes));
        self.activity.note_all(requests.saturating_sub(seen_requests), bytes.saturating_sub(seen_bytes));
        self.activity.busyness(self.clock.monotonic())
    }

    fn begin(&mut self, hurry: Hurry) {
        let ScrubRecord { found_ever, passes, last_finished, last_found, .. } = self.record;
        let pass = self.volume.begin_scrub();
        self.record = ScrubRecord {
            began: Some(self.clock.now()),
            point: Some(pass.point()),
            is_hurried: hurry == Hurry::Yes,
            total_bytes: self.volume.live_bytes(),
            found_ever,
            passes,
            last_finished,
            last_found,
            ..ScrubRecord::default()
        };
        self.pass = Some(pass);
        self.counted_from = (self.clock.monotonic(), 0);
        self.publish(None);
    }

    fn note(&mut self, step: &ScrubStep, now: Timestamp) -> Result<(), VolumeError> {
        let found = step.quarantined.len() as u64 + step.unidentified;
        self.record.checked_bytes += step.checked_bytes;
        self.record.found += found;
        self.record.found_ever += found;
        if step.is_over {
            self.record.passes += 1;
            self.record.last_finished = Some(now);
            self.record.last_found = self.record.found;
            self.record.point = None;
            self.record.is_hurried = false;
            self.pass = None;
            let (passes, checked_bytes, found) = (self.record.passes, self.record.checked_bytes, self.record.found);
            tracing::info!(passes, checked_bytes, found, "a scrub of the volume has finished");
        }
        let is_due = self.clock.monotonic().saturating_sub(self.kept_at) >= KEEP_INTERVAL;
        if step.is_over || found > 0 || is_due {
            self.volume.keep_scrub(&self.record)?;
            self.kept_at = self.clock.monotonic();
        }
        self.publish(None);
        Ok(())
    }

    fn publish(&mut self, stopped: Option<&VolumeError>) {
        let (from, before) = self.counted_from;
        let seconds = self.clock.monotonic().saturating_sub(from).as_secs_f64();
        let checked = self.record.checked_bytes.saturating_sub(before) as f64;
        let record = &self.record;
        let status = ScrubStatus {
            state: match (stopped, &self.pass, record.is_hurried) {
                (Some(reason), _, _) => ScrubState::Stopped { reason: reason.to_string() },
                (None, None, _) => ScrubState::Waiting,
                (None, Some(_), true) => ScrubState::Hurried,
                (None, Some(_), false) => ScrubState::Running,
            },
            began: record.began,
            checked_bytes: record.checked_bytes,
            total_bytes: record.total_bytes,
            bytes_per_second: if seconds > 0.0 { (checked / seconds) as u64 } else { 0 },
            found: record.found,
            found_ever: record.found_ever,
            passes: record.passes,
            last_finished: record.last_finished,
            last_found: record.last_found,
            ..ScrubStatus::default()
        };
        self.shared.desk().status = status;
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hurry {
    Yes,
    No,
}

/// Time until the next pass begins by itself; none when the last one began in the future, since the clock was put back.
fn until_due(began: Option<Timestamp>, now: Timestamp, period: Duration) -> Duration {
    let Some(since) = began.and_then(|began| u64::try_from(now.unix_millis() - began.unix_millis()).ok()) else {
        return Duration::ZERO;
    };
    period.saturating_sub(Duration::from_millis(since))
}

/// Of the period of the pass under way; all of it when the clock was put back to before the pass began.
fn time_left(began: Option<Timestamp>, now: Timestamp, period: Duration) -> Duration {
    let passed = began.and_then(|began| u64::try_from(now.unix_millis() - began.unix_millis()).ok());
    period.saturating_sub(Duration::from_millis(passed.unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_the_period_shrinks_and_no_clock_makes_it_longer() {
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        let period = Duration::from_secs(100);
        assert_eq!(time_left(Some(at(5)), at(65), period), Duration::from_secs(40));
        assert_eq!(time_left(Some(at(5)), at(1000), period), Duration::ZERO);
        assert_eq!(time_left(Some(at(50)), at(5), period), period);
        assert_eq!(time_left(None, at(5), period), period);
    }

    #[test]
    fn a_pass_is_due_a_period_after_the_last_began_and_when_the_clock_was_put_back() {
        let at = |seconds: i64| Timestamp::from_unix_millis(seconds * 1000);
        let period = Duration::from_secs(100);
        assert_eq!(until_due(None, at(5), period), Duration::ZERO);
        assert_eq!(until_due(Some(at(5)), at(5), period), period);
        assert_eq!(until_due(Some(at(5)), at(65), period), Duration::from_secs(40));
        assert_eq!(until_due(Some(at(5)), at(1_000_000), period), Duration::ZERO);
        assert_eq!(until_due(Some(at(6)), at(5), period), Duration::ZERO);
    }
}

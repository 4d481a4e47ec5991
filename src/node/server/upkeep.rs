//! The thread that does a volume's background work, step by step: compaction, recycling, making space ready.

use crate::volume::{Step, Volume, VolumeError};
use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Between two looks for work when there was none: soon enough to make space ready ahead of the writer.
const IDLE_PAUSE: Duration = Duration::from_millis(200);

/// After an error that may pass, such as a full disk.
const ERROR_PAUSE: Duration = Duration::from_secs(1);

/// The longest rest after a step: a step that waited long for a busy disk must not hold up the next one for as long.
const REST_MAX: Duration = Duration::from_millis(500);

/// Ends its thread when dropped.
pub struct Upkeep {
    stopping: Arc<Stopping>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Stopping {
    has_begun: Mutex<bool>,
    changed: Condvar,
}

impl Stopping {
    /// Waits, and says whether to stop.
    fn wait(&self, pause: Duration) -> bool {
        let has_begun = self.has_begun.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(has_begun, pause, |has_begun| !*has_begun);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn begin(&self) {
        *self.has_begun.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

impl Upkeep {
    pub fn start(volume: Volume) -> io::Result<Self> {
        let stopping = Arc::new(Stopping::default());
        let thread = thread::Builder::new().name("larder-upkeep".to_owned()).spawn({
            let stopping = Arc::clone(&stopping);
            move || run(&volume, &stopping)
        })?;
        Ok(Self { stopping, thread: Mutex::new(Some(thread)) })
    }

    /// Returns when the step that is under way has ended.
    pub fn stop(&self) {
        self.stopping.begin();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of a volume's background work had panicked");
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Rests after each step for as long as it took, so that background work takes at most half of the disk.
fn run(volume: &Volume, stopping: &Stopping) {
    let mut last_error = None;
    loop {
        let begun = Instant::now();
        let pause = match volume.compact_step() {
            Ok(Step::Busy) => begun.elapsed().min(REST_MAX),
            Ok(Step::Idle) => IDLE_PAUSE,
            // Neither changes before a restart, and whoever writes is told.
            Err(VolumeError::Frozen(_) | VolumeError::Closed) => return,
            Err(error) => {
                if last_error.as_ref() != Some(&error) {
                    tracing::warn!(%error, "background work of a volume failed; trying again");
                    last_error = Some(error);
                }
                ERROR_PAUSE
            }
        };
        if stopping.wait(pause) {
            return;
        }
    }
}

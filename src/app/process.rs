//! What every process of Larder does, whatever it serves: the log, limits, a runtime, and an end within a bound.

use super::limits::raise_open_files;
use crate::{
    config::ProcessSettings,
    runtime::{Clock, Metrics, Random, Shutdown, SystemClock, SystemRandom, start_log},
};
use anyhow::Context;
use std::{num::NonZero, process::ExitCode, sync::Arc, thread, time::Duration};

/// How long requests under way may take to finish after SIGTERM.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(7);

/// From SIGTERM to the end of the process, whatever still runs. DESIGN.md promises 10 s.
const END_LIMIT: Duration = Duration::from_millis(9_500);

/// How long blocking calls may keep the runtime from ending once everything else has ended.
const RUNTIME_END_LIMIT: Duration = Duration::from_millis(500);

/// The machine, as this process sees it. Cheap to clone.
#[derive(Clone)]
pub struct Process {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
}

/// How many threads work on a process's tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// One for each core: who serves clients hashes, signs and verifies.
    OnEveryCore,
    /// A node's tasks are many and short, and its disk has threads of its own. Workers that have little to do wake each
    /// other for every bit of it, which costs more than it gets done sooner.
    OnHalfTheCores,
}

impl Workers {
    fn count(self) -> usize {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        match self {
            Self::OnEveryCore => cores,
            Self::OnHalfTheCores => cores.div_ceil(2),
        }
    }
}

/// Runs `main` to its end. The exit code is 0 when everything drained in time.
pub fn run<Main, Running>(
    settings: &ProcessSettings,
    warnings: &[String],
    workers: Workers,
    main: Main,
) -> anyhow::Result<ExitCode>
where
    Main: FnOnce(Process) -> Running,
    Running: Future<Output = anyhow::Result<()>>,
{
    start_log(&settings.log())?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    raise_open_files();
    let process = Process {
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
        metrics: Metrics::new(),
        shutdown: Shutdown::new(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_name("larder")
        .worker_threads(workers.count())
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let shutdown = process.shutdown.clone();
    let result = runtime.block_on(async {
        tokio::spawn(end_in_time(shutdown.clone()));
        main(process).await
    });
    runtime.shutdown_timeout(RUNTIME_END_LIMIT);
    result?;
    match shutdown.failure() {
        Some(reason) => Err(anyhow::anyhow!("{reason}")),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// Ends the process when it has not ended by itself: nothing that was answered is lost by that.
async fn end_in_time(shutdown: Shutdown) {
    shutdown.cancelled().await;
    // A thread of its own: a runtime that is stuck must not hold this up as well.
    thread::spawn(|| {
        thread::sleep(END_LIMIT);
        tracing::error!("not everything ended in time; the process ends now");
        std::process::exit(1);
    });
}

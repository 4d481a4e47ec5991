//! The measured part of a case: workers on a few single-threaded runtimes, started together.

use super::{
    exchange::{Exchange, Wrong},
    histogram::Histogram,
    options::Bench,
    process_usage::ProcessUsage,
    target::Target,
    workload::Workload,
};
use crate::runtime::{Random, SeededRandom, SystemRandom};
use anyhow::anyhow;
use std::{
    process,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, task::JoinSet};

/// A server that refuses connections is asked again, but not thousands of times a second.
const PAUSE_AFTER_BROKEN_CONNECTION: Duration = Duration::from_millis(50);

/// What came out.
#[derive(Debug, Default)]
pub struct Measured {
    pub tally: Tally,
    pub elapsed: Duration,
    pub client_cpu: Duration,
    /// `None` without `--pid`.
    pub server: Option<ServerUsage>,
}

/// What the server's processes used.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerUsage {
    /// During the case.
    pub cpu: Duration,
    /// Since the processes began.
    pub peak_memory_bytes: u64,
}

/// One worker's results; the sum of all has the same form.
#[derive(Debug, Default)]
pub struct Tally {
    pub latencies: Histogram,
    pub bytes: u64,
    pub errors: u64,
    pub first_error: Option<Wrong>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.latencies.add(&other.latencies);
        self.bytes += other.bytes;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }

    fn record(&mut self, latency: Duration, outcome: Result<u64, Wrong>) {
        match outcome {
            Ok(bytes) => {
                self.latencies.record(latency);
                self.bytes += bytes;
            }
            Err(wrong) => {
                self.errors += 1;
                self.first_error.get_or_insert(wrong);
            }
        }
    }
}

/// When workers stop: an operation that began before the end still counts.
#[derive(Debug)]
struct Bound {
    duration: Duration,
    operations_left: Option<AtomicU64>,
}

impl Bound {
    /// Whether one more operation may begin; takes it from the count.
    fn allows_one_more(&self, began: Instant) -> bool {
        let in_count = self.operations_left.as_ref().is_none_or(|left| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        });
        in_count && began.elapsed() < self.duration
    }
}

/// Runs the case to its bound. Blocks.
pub fn measure(bench: &Bench, target: &Arc<Target>, workload: &Arc<Workload>) -> anyhow::Result<Measured> {
    let thread_count = bench.threads.get().min(workload.case.concurrency);
    let bound = Arc::new(Bound { duration: bench.duration.0, operations_left: bench.count.map(AtomicU64::new) });
    // All connections are open before the clock starts.
    let (connected, start) =
        (Arc::new(Barrier::new(thread_count as usize + 1)), Arc::new(Barrier::new(thread_count as usize + 1)));
    let mut threads = Vec::new();
    for thread in 0..thread_count {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let share =
            workload.case.concurrency / thread_count + u32::from(thread < workload.case.concurrency % thread_count);
        let exchanges = (0..share).map(|_| Exchange::new(target.clone())).collect();
        let (workload, bound) = (workload.clone(), bound.clone());
        let (connected, start) = (connected.clone(), start.clone());
        threads.push(thread::spawn(move || {
            let exchanges = connect(&runtime, exchanges);
            connected.wait();
            start.wait();
            work(&runtime, exchanges, &workload, &bound)
        }));
    }
    connected.wait();
    let (client_before, server_before) = (own_usage()?, ProcessUsage::of(&bench.pids)?);
    let began = Instant::now();
    start.wait();

    let mut measured = Measured::default();
    for thread in threads {
        measured.tally.add(thread.join().map_err(|_| anyhow!("a worker thread panicked"))?);
    }
    measured.elapsed = began.elapsed();
    measured.client_cpu = own_usage()?.cpu.saturating_sub(client_before.cpu);
    if !bench.pids.is_empty() {
        let after = ProcessUsage::of(&bench.pids)?;
        let cpu = after.cpu.saturating_sub(server_before.cpu);
        measured.server = Some(ServerUsage { cpu, peak_memory_bytes: after.peak_memory_bytes });
    }
    Ok(measured)
}

fn own_usage() -> anyhow::Result<ProcessUsage> {
    ProcessUsage::of(&[process::id()])
}

/// A connection that cannot be opened now is tried again by its worker's first operation, which counts the error.
fn connect(runtime: &Runtime, mut exchanges: Vec<Exchange>) -> Vec<Exchange> {
    runtime.block_on(async {
        for exchange in &mut exchanges {
            let _ = exchange.connect().await;
        }
    });
    exchanges
}

fn work(runtime: &Runtime, exchanges: Vec<Exchange>, workload: &Arc<Workload>, bound: &Arc<Bound>) -> Tally {
    runtime.block_on(async {
        let mut workers = JoinSet::new();
        for exchange in exchanges {
            workers.spawn(worker(exchange, workload.clone(), bound.clone()));
        }
        let mut sum = Tally::default();
        for tally in workers.join_all().await {
            sum.add(tally);
        }
        sum
    })
}

async fn worker(mut exchange: Exchange, workload: Arc<Workload>, bound: Arc<Bound>) -> Tally {
    let random = SeededRandom::new(SystemRandom.next_u64());
    let mut tally = Tally::default();
    let began = Instant::now();
    while bound.allows_one_more(began) {
        let Some(step) = workload.next(&random) else { break };
        let sent = Instant::now();
        let outcome = workload.perform(step, &mut exchange).await;
        let pause = matches!(outcome, Err(Wrong::Unreachable(_) | Wrong::Broken(_)));
        tally.record(sent.elapsed(), outcome);
        if pause {
            tokio::time::sleep(PAUSE_AFTER_BROKEN_CONNECTION).await;
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_ends_a_case_exactly_and_a_duration_ends_it_too() {
        let began = Instant::now();
        let counted = Bound { duration: Duration::MAX, operations_left: Some(AtomicU64::new(2)) };
        assert!(counted.allows_one_more(began) && counted.allows_one_more(began));
        assert!(!counted.allows_one_more(began) && !counted.allows_one_more(began));
        let over = Bound { duration: Duration::ZERO, operations_left: None };
        assert!(!over.allows_one_more(began));
    }

    #[test]
    fn wrong_answers_count_as_errors_and_never_as_operations() {
        let mut tally = Tally::default();
        tally.record(Duration::from_millis(1), Ok(5));
        tally.record(Duration::from_millis(9), Err(Wrong::Content));
        tally.record(Duration::from_millis(9), Err(Wrong::TimedOut));
        let mut sum = Tally::default();
        sum.add(tally);
        assert_eq!((sum.latencies.count(), sum.bytes, sum.errors), (1, 5, 2));
        assert_eq!(sum.first_error, Some(Wrong::Content));
        assert_eq!(sum.latencies.max(), Duration::from_millis(1));
    }
}

//! Crashes: real processes are killed with SIGKILL at random moments under load and started again, and a checker
//! compares what is there with what was acknowledged.
//!
//! - `ledger` knows for each key what may be there now
//! - `worker` puts, overwrites, deletes, uploads in parts and reads, and keeps the ledger
//! - `support::content` makes bodies that say who they are
//! - `processes` starts, kills and restarts the binary
//! - `checker` reads everything back, byte for byte, and compares lists with reads
//!
//! Victims and workload follow one seed, which a failure prints; `LARDER_CRASH_SEED` takes it again. Moments differ from
//! run to run. `LARDER_CRASH_ROUNDS` sets the rounds of each test; `LARDER_LONG_TESTS=1` makes it 250 instead of 25.

mod checker;
mod content_tests;
mod ledger;
mod processes;
mod worker;

#[path = "../support/mod.rs"]
mod support;

use checker::Checker;
use larder::runtime::{Random, SeededRandom, SystemRandom};
use ledger::Ledger;
use processes::{Processes, Topology, Victims};
use std::{env, sync::Arc, time::Duration};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use worker::{Worker, WorkerReport};

const WORKERS: u64 = 4;
/// How long the load runs before the kill: from the first requests to many of them.
const LOAD_MILLIS: std::ops::Range<u64> = 100..1500;

#[test]
fn what_a_killed_server_acknowledged_is_there_when_it_comes_back() {
    run(Topology::OneServer);
}

#[test]
fn what_killed_gateways_and_nodes_acknowledged_is_there_when_they_come_back() {
    run(Topology::GatewayAndNodes);
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

fn run(topology: Topology) {
    let seed = number("LARDER_CRASH_SEED").unwrap_or_else(|| SystemRandom.next_u64());
    let usual_rounds = if env::var_os("LARDER_LONG_TESTS").is_some() { 250 } else { 25 };
    let rounds = number("LARDER_CRASH_ROUNDS").unwrap_or(usual_rounds);
    let processes = Processes::start(topology);
    println!("{topology:?}: seed {seed}, {rounds} rounds, data and logs in {}", processes.directory().display());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(rounds_of(processes, seed, rounds));
}

async fn rounds_of(mut processes: Processes, seed: u64, rounds: u64) {
    let random = SeededRandom::new(seed);
    let ledger = Arc::new(Ledger::default());
    let checker = Checker::new(processes.endpoint());
    checker.make_bucket().await;
    let mut acknowledged = 0;
    for round in 0..rounds {
        let context = format!("seed {seed}, round {round}");
        let victims = processes.choose_victims(&random);
        let report = one_round(&mut processes, &ledger, victims, &random).await;
        acknowledged += report.acknowledged;
        let checked = checker.check(&ledger, &format!("{context}, after {victims:?}")).await;
        println!("{context}: {victims:?}, {report:?}, {checked} keys checked");
    }
    assert!(acknowledged > rounds, "the load was acknowledged {acknowledged} times only: nothing was tested");
    processes.wait_until_fully_redundant();
    processes.kill_all_but_one_node(&random);
    checker.check(&ledger, &format!("seed {seed}, with one node left")).await;
}

/// Load, kill, restart under load, end of load.
async fn one_round(
    processes: &mut Processes,
    ledger: &Arc<Ledger>,
    victims: Victims,
    random: &SeededRandom,
) -> WorkerReport {
    let stop = CancellationToken::new();
    let mut workers = JoinSet::new();
    for index in 0..WORKERS {
        let worker = Worker::new(index, processes.endpoint(), random.next_u64(), ledger.clone());
        workers.spawn(worker.run(stop.clone()));
    }
    // The random moment is what this test is about.
    let moment = LOAD_MILLIS.start + random.below(LOAD_MILLIS.end - LOAD_MILLIS.start);
    tokio::time::sleep(Duration::from_millis(moment)).await;
    processes.kill(victims);
    processes.restart_killed();
    processes.wait_until_ready().await;
    stop.cancel();
    let mut sum = WorkerReport::default();
    for report in workers.join_all().await {
        sum.add(report);
    }
    sum
}

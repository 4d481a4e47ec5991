//! Crashes: real processes are killed with SIGKILL at random moments under load and started again, and a checker
//! compares what is there with what was acknowledged.
//!
//! - `ledger` knows for each key what may be there now
//! - `worker` puts, overwrites, deletes, uploads in parts and reads, and keeps the ledger
//! - `support::content` makes bodies that say who they are
//! - `processes` starts, kills and restarts the binary
//! - `checker` reads everything back, byte for byte, and compares lists with reads
//! - `crowd` is many small objects instead, of `crowd_writer`s whose requests race each other, while nodes lose their disks
//! - `rot` damages what a running node holds, while the crowd's objects are read
//!
//! Victims and workload follow one seed, which a failure prints; `LARDER_CRASH_SEED` takes it again. Moments differ from
//! run to run. `LARDER_CRASH_ROUNDS` sets the rounds of each test; `LARDER_LONG_TESTS=1` makes it 250 instead of 25, 200 emptied nodes
//! instead of 3, and 60 nodes that rot instead of 3.

mod checker;
mod content_tests;
mod crowd;
mod crowd_writer;
mod ledger;
mod processes;
mod rot;
mod worker;

#[path = "../support/mod.rs"]
mod support;

use checker::Checker;
use crowd::{Counts, Crowd};
use larder::runtime::{Random, SeededRandom, SystemRandom};
use ledger::Ledger;
use processes::{Processes, Topology, Victims};
use rot::Rot;
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

#[test]
fn what_a_crowd_wrote_survives_emptied_nodes() {
    let usual = if env::var_os("LARDER_LONG_TESTS").is_some() { 200 } else { 3 };
    run_with(Topology::GatewayAndQuickNodes, usual, async |processes, seed, rounds| {
        empty_nodes(processes, seed, rounds).await;
    });
}

#[test]
fn what_is_read_beside_a_rotting_node_is_what_was_written() {
    let usual = if env::var_os("LARDER_LONG_TESTS").is_some() { 60 } else { 3 };
    run_with(Topology::GatewayAndQuickNodes, usual, async |processes, seed, rounds| {
        read_beside_rot(processes, seed, rounds).await;
    });
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

fn run(topology: Topology) {
    let usual = if env::var_os("LARDER_LONG_TESTS").is_some() { 250 } else { 25 };
    run_with(topology, usual, async |processes, seed, rounds| rounds_of(processes, seed, rounds).await);
}

fn run_with(topology: Topology, usual_rounds: u64, test: impl AsyncFnOnce(Processes, u64, u64)) {
    let seed = number("LARDER_CRASH_SEED").unwrap_or_else(|| SystemRandom.next_u64());
    let rounds = number("LARDER_CRASH_ROUNDS").unwrap_or(usual_rounds);
    let processes = Processes::start(topology);
    println!("{topology:?}: seed {seed}, {rounds} rounds, data and logs in {}", processes.directory().display());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(test(processes, seed, rounds));
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

/// Rounds between two checks of all that was written since the last one.
const ROUNDS_OF_A_CHECK: u64 = 4;

/// In each round a node loses its disk under load, at times together with a crash of the gateway or of everything; the next
/// round begins when every object has all its copies again.
async fn empty_nodes(mut processes: Processes, seed: u64, rounds: u64) {
    let random = SeededRandom::new(seed);
    Checker::new(processes.endpoint()).make_bucket().await;
    let (mut crowd, mut sum) = (Crowd::new(processes.endpoint()), Counts::default());
    for round in 0..rounds {
        let at_work = crowd.begin(&random);
        let moment = Duration::from_millis(LOAD_MILLIS.start + random.below(LOAD_MILLIS.end - LOAD_MILLIS.start));
        tokio::time::sleep(moment).await;
        let node = Processes::any_node(&random);
        let victims = match random.below(4) {
            0 => Victims::ALL,
            1 => Victims::node(node).and(Victims::FRONT),
            _ => Victims::node(node),
        };
        processes.kill(victims);
        processes.empty_node(node);
        processes.restart_killed();
        processes.wait_until_ready().await;
        tokio::task::block_in_place(|| processes.wait_until_fully_redundant());
        let counts = at_work.end().await;
        sum.add(counts);
        // What was written while the node came back.
        tokio::task::block_in_place(|| processes.wait_until_fully_redundant());
        println!("seed {seed}, round {round}: {victims:?}, node {node} emptied, {counts:?}");
        if (round + 1) % ROUNDS_OF_A_CHECK == 0 {
            let context = format!("seed {seed}, after round {round}");
            sum.reads += crowd.check(&context).await as u64;
            crowd.clear(&context).await;
        }
    }
    assert!(sum.acknowledged > rounds, "the load was acknowledged {} times only: nothing was tested", sum.acknowledged);
    sum.reads += crowd.check(&format!("seed {seed}, at the end")).await as u64;
    processes.kill_all_but_one_node(&random);
    sum.reads += crowd.check(&format!("seed {seed}, with one node left")).await as u64;
    println!("{rounds} emptied nodes, {sum:?}: nothing lost, nothing back, no race won twice");
}

const OBJECTS: u64 = 3000;
/// How often all of them are read while one node rots.
const READINGS: u64 = 6;

/// In each round one node rots, whichever copies have just been replaced on it too; the next round begins when all copies are
/// whole again. That one copy in three was damaged shows in what a scrub finds, and in what it finds after the objects were read.
async fn read_beside_rot(mut processes: Processes, seed: u64, rounds: u64) {
    let random = SeededRandom::new(seed);
    Checker::new(processes.endpoint()).make_bucket().await;
    let mut crowd = Crowd::new(processes.endpoint());
    crowd.fill(OBJECTS, &random).await;
    let (mut reads, mut flips, mut found) = (0, 0, 0);
    for round in 0..rounds {
        let node = Processes::any_node(&random);
        let rot = Rot::begin(processes.node_directory(node), SeededRandom::new(random.next_u64()));
        for reading in 0..READINGS {
            reads += crowd.check(&format!("seed {seed}, round {round}, reading {reading}, node {node} rots")).await;
        }
        flips += rot.end().await;
        // Its volume is frozen if what it had copied and synced was hit before it read that back.
        processes.kill(Victims::node(node));
        processes.restart_killed();
        processes.wait_until_ready().await;
        found += processes.scrub().await;
        tokio::task::block_in_place(|| processes.wait_until_fully_redundant());
        println!(
            "seed {seed}, round {round}: node {node} rotted; {flips} bits so far, {found} records found by scrubs"
        );
    }
    assert!(found > 0, "{flips} bits were flipped, but no node has found a damaged record");
    println!("{rounds} nodes rotted, {reads} reads, {flips} bits: every byte that was read is right");
}

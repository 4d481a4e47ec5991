//! The fault suite: real processes under load, a nemesis that breaks things by a seed, and a judge who says whether all
//! that clients saw could have come from a store that is right.
//!
//! - `schedule` is which `fault` comes when: it follows from the seed alone
//! - `nemesis` carries it out on the `fleet` of processes, whose connections go over a `wire` with weather, and whose files get
//!   `wounds` or lie on a `disk` that fails, whose `syncs` fail, and whose `clocks` jump (`shims` bring both about)
//! - `load` is several clients at the same few keys; `actor` and `upload` are what they can ask; `history` is what they saw
//! - `linearizable` judges each key's history; `refusals` are what clients were told instead of being served
//! - `survey` looks at everything when it is quiet: all keys, all subsets of nodes
//! - `aftermath` counts copies on the disks (`census`) and waits for the space of what was deleted
//! - `totals` counts
//!
//! `LARDER_FAULT_SEED` takes a seed that was printed and repeats its schedule; moments and answers differ from run to run.
//! `LARDER_FAULT_ROUNDS` sets the rounds of each test, `LARDER_FAULT_RUNS` how many seeds are taken one after another,
//! `LARDER_FAULT_ONLY` (`PowerCut`, `Wound`, ...: `fault::Fault`) leaves all other kinds of faults out.
//! `LARDER_LONG_TESTS=1` makes it hours.

mod actor;
mod aftermath;
mod census;
mod clocks;
mod disk;
mod fault;
mod fleet;
mod history;
mod linearizable;
mod linearizable_tests;
mod load;
mod nemesis;
mod party;
mod refusals;
mod schedule;
mod shims;
mod survey;
mod syncs;
mod totals;
mod upload;
mod wire;
mod wounds;

#[path = "../support/mod.rs"]
mod support;

use actor::Shared;
use disk::SmallDisk;
use fault::Fault;
use fleet::{Fleet, Ground, Topology};
use history::History;
use larder::runtime::{Random, SeededRandom, SystemRandom};
use load::Load;
use schedule::{Round, Schedule};
use std::{env, sync::Arc, sync::atomic::Ordering::Relaxed};
use survey::Surveyor;
use totals::Totals;

#[test]
fn a_gateway_with_nodes_answers_right_through_all_faults() {
    run(Topology::Processes(4), Ground::Directories, Usual { seed: 1, rounds: 24 });
}

#[test]
fn a_server_answers_right_through_all_faults() {
    run(Topology::Server(4), Ground::Directories, Usual { seed: 2, rounds: 11 });
}

#[test]
fn a_gateway_with_nodes_answers_right_through_full_and_failing_disks_and_power_cuts() {
    run(Topology::Processes(4), Ground::SmallDisks, Usual { seed: 3, rounds: 14 });
}

#[test]
fn a_server_answers_right_through_full_and_failing_disks_and_power_cuts() {
    run(Topology::Server(4), Ground::SmallDisks, Usual { seed: 4, rounds: 9 });
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// What runs for every commit: the same faults in the same order, so that a red run tells of the commit and not of its luck.
/// What is new is for the long runs, whose seeds are drawn. In the usual rounds each kind of fault comes once.
struct Usual {
    seed: u64,
    rounds: u64,
}

/// Each run has a seed and a fleet of its own.
fn run(topology: Topology, ground: Ground, usual: Usual) {
    if ground == Ground::SmallDisks
        && let Err(lack) = SmallDisk::try_one()
    {
        println!("skipped: this machine has no small disks to fail: {lack}");
        return;
    }
    let is_long = env::var_os("LARDER_LONG_TESTS").is_some();
    let rounds = number("LARDER_FAULT_ROUNDS").unwrap_or(if is_long { 60 } else { usual.rounds });
    let runs = number("LARDER_FAULT_RUNS").unwrap_or(if is_long { 40 } else { 1 });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let totals = Arc::new(Totals::default());
    for _ in 0..runs {
        let seed = || if is_long { SystemRandom.next_u64() } else { usual.seed };
        let seed = number("LARDER_FAULT_SEED").unwrap_or_else(seed);
        println!("{topology:?} on {ground:?}: LARDER_FAULT_SEED={seed}, {rounds} rounds");
        runtime.block_on(one_run(topology, ground, seed, rounds, totals.clone()));
    }
    println!("{topology:?} on {ground:?}: {totals}, 0 violations");
}

async fn one_run(topology: Topology, ground: Ground, seed: u64, rounds: u64, totals: Arc<Totals>) {
    let mut fleet = Fleet::start(topology, ground).await;
    println!("data and logs in {}", fleet.directory().display());
    let shared = Shared { history: Arc::new(History::new()), totals, refusals: Arc::default() };
    let surveyor = Surveyor::new(&fleet.endpoint(), shared.clone());
    surveyor.make_bucket().await;
    let mut schedule = Schedule::new(seed, topology, ground, env::var("LARDER_FAULT_ONLY").ok().as_deref());
    for number in 0..rounds {
        let round = schedule.next_round();
        println!("seed {seed}, round {number}: {round:?}");
        one_round(&mut fleet, &round, number, &shared, &SeededRandom::new(seed ^ number)).await;
        surveyor.look_at_all(&format!("round-{number}/")).await;
    }
    surveyor.look_at_all("").await;
    surveyor.look_with_any_two_nodes_gone(&mut fleet).await;
    aftermath::operators_are_told_that_all_is_well(&fleet);
    aftermath::copies_are_exact(&mut fleet).await;
    surveyor.delete_all().await;
    aftermath::space_comes_back(&fleet).await;
    // There the chunks of the metadata's log are counted from above: nothing else may hide among them.
    aftermath::copies_are_exact(&mut fleet).await;
}

/// Load, fault, end of the fault under load, healing.
async fn one_round(fleet: &mut Fleet, round: &Round, number: u64, shared: &Shared, random: &SeededRandom) {
    shared.refusals.take_unclear();
    if round.fault.comes_before_load() {
        nemesis::strike(fleet, &round.fault).await;
    }
    let load = Load::start(&fleet.endpoint(), &format!("round-{number}/"), shared, random);
    tokio::time::sleep(round.before).await;
    if !round.fault.comes_before_load() {
        nemesis::strike(fleet, &round.fault).await;
    }
    tokio::time::sleep(round.during).await;
    tokio::task::block_in_place(|| nemesis::end(fleet, &round.fault));
    let ready = fleet.wait_until_ready().await;
    tokio::time::sleep(round.before).await;
    let [writes, reads] = load.stop().await;
    let unclear = shared.refusals.take_unclear();
    // Of a full disk a client has to hear. Of a process that dies, or of its disk, it may hear anything.
    assert!(
        unclear.is_empty() || !matches!(round.fault, Fault::DisksFull(_)),
        "refused without a reason: {unclear:#?}"
    );
    let healthy = fleet.wait_until_healthy();
    if round.fault.leaves_hidden_damage() {
        support::scrub::all_is_checked(fleet.topology().nodes() as usize, |verb| fleet.admin(verb)).await;
        fleet.wait_until_healthy();
    }
    shared.totals.faults.fetch_add(1, Relaxed);
    println!(
        "  ready after {ready:.1?}, healthy after {healthy:.1?}, longest gap: writes {writes:.1?}, reads {reads:.1?}"
    );
}

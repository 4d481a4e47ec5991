//! Carries faults out, and ends them.

use crate::{
    fault::{Fault, Flapping, WoundAt, both_ways},
    fleet::{Fleet, LOOK_AGAIN, Topology},
    party::Party,
    support::damage::copy_directory,
    wire::{Link, Weather},
    wounds::{self, Wound},
};
use std::{
    fs::{self, File},
    time::Duration,
};

/// Afterwards the fault is there.
pub async fn strike(fleet: &mut Fleet, fault: &Fault) {
    match fault {
        Fault::Kill(parties) => parties.iter().for_each(|party| fleet.kill(*party)),
        Fault::Pause(party) => fleet.pause(*party),
        Fault::Flap { party, how, times, each } => {
            for _ in 0..*times {
                flap(fleet, *party, *how, Turn::Down);
                tokio::time::sleep(*each).await;
                flap(fleet, *party, *how, Turn::Up);
                tokio::time::sleep(*each).await;
            }
        }
        Fault::Storm { links, weather } => set(fleet, links, *weather),
        Fault::ClocksJump(jumps) => jumps.iter().for_each(|(party, seconds)| fleet.clocks().set(*party, *seconds)),
        Fault::LoseMetadata => lose_metadata(fleet).await,
        Fault::CutLog { bytes } => cut_log(fleet, *bytes).await,
        Fault::Wipe(number) => wipe(fleet, &[*number]),
        Fault::WipeBoth(numbers) => wipe(fleet, numbers),
        Fault::PutBack { node, age } => put_back(fleet, *node, *age).await,
        Fault::LoseSegments(number) => {
            fleet.kill(fleet.host_of(*number));
            remove_segments(fleet, *number);
        }
        Fault::Wound { node, wound, at, seed } => {
            let (host, directory) = (fleet.host_of(*node), fleet.node_directory(*node));
            if *at == WoundAt::Rest {
                fleet.kill(host);
            }
            wounds::inflict(&directory, *wound, *seed).expect("files can be damaged");
            fleet.start_party(host);
        }
        // Stopped first: a file system that is shut down lets syncs that are under way succeed for a moment, and then forgets what
        // they wrote. A machine without power tells nobody that it has synced anything.
        Fault::PowerCut(parties) => {
            parties.iter().for_each(|party| fleet.pause(*party));
            parties.iter().for_each(|party| fleet.disk_of(*party).lose_power());
            parties.iter().for_each(|party| fleet.kill(*party));
        }
        // For the same reason no call is under way when its disk fails.
        Fault::DiskFails(party) => {
            fleet.pause(*party);
            fleet.wait_until_stopped(*party);
            fleet.disk_of(*party).lose_power();
            fleet.resume(*party);
        }
        Fault::DisksFull(parties) => parties.iter().for_each(|party| fleet.disk_of(*party).fill()),
        Fault::SyncsFail(parties) => fail_syncs(fleet, parties).await,
    }
}

/// A node stops taking data, a gateway ends; neither tries a sync again.
async fn fail_syncs(fleet: &mut Fleet, parties: &[Party]) {
    if !fleet.syncs().fail(parties) {
        return;
    }
    match parties {
        [Party::Front] => println!("  the front ended within {:.1?}", fleet.wait_until_ended(Party::Front).await),
        nodes => println!("  frozen, and known to be, within {:.1?}", fleet.wait_until_frozen(nodes.len()).await),
    }
}

/// What a sync has not made durable is gone, whatever comes later: the kernel has forgotten that it is not on the disk. A
/// segment has one writer, so a second failure is a second try.
fn assert_no_sync_was_tried_again(fleet: &Fleet, party: Party) {
    let mut failed = fleet.syncs().failed(party);
    failed.retain(|path| path.parent().is_some_and(|folder| folder.ends_with("segments")));
    failed.sort();
    let again: Vec<_> = failed.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(again.is_empty(), "{party:?} tried again to sync {again:?}");
}

/// What is acknowledged while too few nodes keep the log is promised to survive the processes, not the front's disk.
async fn kill_front_in_force(fleet: &mut Fleet) {
    while fleet.told_status()["metadata_log"]["standing"] != "in force" {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    fleet.kill(Party::Front);
}

async fn lose_metadata(fleet: &mut Fleet) {
    kill_front_in_force(fleet).await;
    let lost = match fleet.topology() {
        Topology::Server(_) => fleet.metadata_directory(),
        Topology::Processes(_) => fleet.data_of(Party::Front),
    };
    // A disk of its own stays mounted.
    for entry in fs::read_dir(lost).expect("the front had a directory") {
        let path = entry.expect("it can be listed").path();
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.expect("what was there can be removed");
    }
}

async fn cut_log(fleet: &mut Fleet, bytes: u64) {
    kill_front_in_force(fleet).await;
    let log = File::options().write(true).open(fleet.metadata_directory().join("metadata.sqlite-wal"));
    let log = log.expect("a process that was killed has left the log");
    let length = log.metadata().expect("it has a length").len();
    log.set_len(length.saturating_sub(bytes)).expect("it can be cut");
}

/// As an operator would: it says what to do.
fn start_or_recover(fleet: &mut Fleet) {
    fleet.start_party(Party::Front);
    let Some(said) = fleet.refusal_of_front() else { return };
    assert!(said.lines().last().is_some_and(|last| last.contains("--recover")), "the remedy is not named: {said}");
    println!("  the front refused to go on, and made its metadata anew");
    let (metadata, damaged) = (fleet.metadata_directory(), fleet.data_of(Party::Front).join("damaged"));
    fs::rename(&metadata, &damaged).and_then(|()| fs::remove_dir_all(&damaged)).expect("it can be moved away");
    fleet.start_front_to_recover();
}

fn wipe(fleet: &mut Fleet, numbers: &[u32]) {
    for number in numbers {
        fleet.kill(fleet.host_of(*number));
        fs::remove_dir_all(fleet.node_directory(*number)).expect("the node's directory was there");
    }
}

async fn put_back(fleet: &mut Fleet, number: u32, age: Duration) {
    let (host, directory) = (fleet.host_of(number), fleet.node_directory(number));
    let image = fleet.directory().join("image");
    fleet.kill(host);
    copy_directory(&directory, &image);
    fleet.start_party(host);
    fleet.wait_until_ready().await;
    tokio::time::sleep(age).await;
    fleet.kill(host);
    fs::remove_dir_all(&directory).expect("the node's directory was there");
    fs::rename(&image, &directory).expect("the image is put in its place");
}

fn remove_segments(fleet: &Fleet, number: u32) {
    let segments = fleet.node_directory(number).join("volume/segments");
    fs::remove_dir_all(segments).expect("the node's segments were there");
}

/// Afterwards everything runs, and what is damaged heals by itself.
pub fn end(fleet: &mut Fleet, fault: &Fault) {
    match fault {
        Fault::Kill(parties) => parties.iter().for_each(|party| fleet.start_party(*party)),
        Fault::Pause(party) => fleet.resume(*party),
        Fault::Flap { .. } => {}
        Fault::Storm { links, .. } => set(fleet, links, Weather::Clear),
        Fault::ClocksJump(jumps) => jumps.iter().for_each(|(party, _)| fleet.clocks().set(*party, 0)),
        Fault::LoseMetadata => fleet.start_front_to_recover(),
        Fault::CutLog { .. } => start_or_recover(fleet),
        Fault::WipeBoth(numbers) => numbers.iter().for_each(|number| fleet.start_party(fleet.host_of(*number))),
        Fault::Wipe(number) | Fault::LoseSegments(number) | Fault::PutBack { node: number, .. } => {
            fleet.start_party(fleet.host_of(*number))
        }
        // A process that runs goes on with a file that has lost its name; what is on the disk shows at its next start.
        Fault::Wound { node, at: WoundAt::Work, wound, .. } if !matches!(wound, Wound::FlippedBits(_)) => {
            fleet.kill(fleet.host_of(*node));
            fleet.start_party(fleet.host_of(*node));
        }
        Fault::Wound { .. } => {}
        Fault::PowerCut(parties) => {
            parties.iter().for_each(|party| fleet.disk_of(*party).regain_power());
            parties.iter().for_each(|party| fleet.start_party(*party));
        }
        Fault::DiskFails(party) => {
            fleet.kill(*party);
            fleet.disk_of(*party).regain_power();
            fleet.start_party(*party);
        }
        Fault::DisksFull(parties) => parties.iter().for_each(|party| fleet.disk_of(*party).free()),
        Fault::SyncsFail(parties) => {
            for party in parties {
                fleet.kill(*party);
                assert_no_sync_was_tried_again(fleet, *party);
                fleet.syncs().mend(*party);
                if let Some(disk) = fleet.own_disk_of(*party) {
                    disk.lose_power();
                    disk.regain_power();
                }
                fleet.start_party(*party);
            }
        }
    }
}

fn set(fleet: &Fleet, links: &[Link], weather: Weather) {
    links.iter().for_each(|(from, to)| fleet.wire().set(*from, *to, weather));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Down,
    Up,
}

fn flap(fleet: &mut Fleet, party: Party, how: Flapping, turn: Turn) {
    match (how, turn) {
        (Flapping::Killed, Turn::Down) => fleet.kill(party),
        (Flapping::Killed, Turn::Up) => fleet.start_party(party),
        (Flapping::Stopped, Turn::Down) => fleet.pause(party),
        (Flapping::Stopped, Turn::Up) => fleet.resume(party),
        (Flapping::Unreachable, Turn::Down) => set(fleet, &both_ways(Party::Front, party), Weather::Refused),
        (Flapping::Unreachable, Turn::Up) => set(fleet, &both_ways(Party::Front, party), Weather::Clear),
    }
}

//! What the volume does when something runs out or ends in the middle of its work: space in a write or a sync, descriptors,
//! the writer's thread, the volume itself.

use super::{
    Step, Volume, VolumeError, VolumeSettings,
    history_tests::{OWNER, chunk_of, key_number},
    tests::{Setup, append, drop_all, held, work},
};
use crate::types::{ByteSize, VolumeState};
use std::sync::{Arc, Mutex};

/// A volume with segments that are worth a compaction, and what it must hold.
fn half_dead(setup: &Setup) -> (Volume, Vec<u64>) {
    let (volume, _) = setup.open();
    assert!(append(&volume, 0..90).iter().all(Result::is_ok));
    for number in (0..90).filter(|number| number % 3 != 0) {
        drop_all(&volume, number..number + 1).unwrap();
    }
    (volume, (0..90).step_by(3).collect())
}

fn check(volume: &Volume, held_numbers: &[u64], fault_at: u64) {
    for number in 0..90 {
        assert_eq!(held(volume, number), held_numbers.contains(&number), "chunk {number}, fault at {fault_at}");
    }
}

/// Works in the background with a fault at its `fault_at`-th call of a kind. Afterwards the machine loses power, and the
/// volume must hold what it held. Says whether the fault was reached.
fn survives(arm: impl Fn(&Setup, u64), fault_at: u64) -> bool {
    let setup = Setup::new();
    let (volume, held_numbers) = half_dead(&setup);
    arm(&setup, fault_at);
    for _ in 0..200 {
        if matches!(volume.compact_step(), Ok(Step::Idle) | Err(_)) {
            break;
        }
    }
    let was_reached = !setup.disk.has_fault_ahead();
    check(&volume, &held_numbers, fault_at);
    drop(volume);
    setup.disk.restart_machine();
    let (volume, report) = setup.open();
    assert_eq!(report.corrupt, [], "fault at {fault_at}");
    check(&volume, &held_numbers, fault_at);
    work(&volume);
    check(&volume, &held_numbers, fault_at);
    was_reached
}

/// A write in place that finds no room: file systems that never overwrite do that. The dangerous ones are the heads that are
/// written after the switch: taking them for "no room, later" gave up the copies that the switch had made count.
#[test]
fn no_room_in_any_write_of_background_work_loses_nothing() {
    assert!((0..100).take_while(|at| survives(|setup, at| setup.disk.lack_space_in_write_after(at), *at)).count() > 20);
}

/// Thin disks and network file systems say so in the sync: nobody knows then what is durable, and the volume freezes.
#[test]
fn no_room_in_any_sync_of_background_work_loses_nothing() {
    assert!((0..100).take_while(|at| survives(|setup, at| setup.disk.lack_space_in_sync_after(at), *at)).count() > 10);
}

#[test]
fn a_sync_that_fails_for_want_of_space_freezes_like_any_other() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..3);
    // The head of the segment that is sealed at the end.
    setup.disk.lack_space_in_sync_after(0);
    assert!(matches!(volume.close(), Err(VolumeError::Frozen(_))));
    assert!(matches!(volume.status().state, VolumeState::Frozen { .. }));
}

#[test]
fn a_volume_opens_on_a_disk_without_any_room_and_serves_reads_and_drops() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    assert!(append(&volume, 0..30).iter().all(Result::is_ok));
    work(&volume);
    volume.close().unwrap();
    let starts = volume.status().start_count;
    drop(volume);
    setup.disk.set_capacity(setup.disk.used());
    let (volume, _) = setup.open();
    assert!(volume.status().start_count > starts);
    assert!((0..30).all(|number| held(&volume, number)));
    assert_eq!(append(&volume, 100..101), [Err(VolumeError::Full)]);
    drop_all(&volume, 0..10).unwrap();
    assert!((0..30).all(|number| held(&volume, number) == (number >= 10)));
}

/// There is less room than a segment takes, but enough for a few marks.
#[test]
fn drops_find_room_where_a_segment_of_the_usual_size_does_not() {
    let mut setup = Setup::new();
    setup.settings = VolumeSettings { segment_size_min: ByteSize::kib(64), ..setup.settings };
    let (volume, _) = setup.open();
    assert!(append(&volume, 0..10).iter().all(Result::is_ok));
    volume.close().unwrap();
    drop(volume);
    setup.disk.set_capacity(setup.disk.used() + (20 << 10));
    let (volume, _) = setup.open();
    drop_all(&volume, 0..5).unwrap();
    assert!((0..10).all(|number| held(&volume, number) == (number >= 5)));
}

/// What a process that is out of descriptors can't open says nothing about the disk.
#[test]
fn a_process_without_descriptors_does_not_freeze_its_volume() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..3);
    for error in [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE] {
        setup.disk.fail_opens(Some(error.raw_os_error()));
        let _ = volume.compact_step();
        assert_eq!(volume.status().state, VolumeState::Writable);
    }
    setup.disk.fail_opens(None);
    assert_eq!(append(&volume, 3..4), [Ok(())]);
}

/// The directory may be another process's by then.
#[test]
fn nothing_is_written_after_the_end() {
    let setup = Setup::new();
    let (volume, _) = half_dead(&setup);
    volume.close().unwrap();
    let before: Vec<_> = setup.disk.paths();
    assert_eq!(volume.compact_step(), Err(VolumeError::Closed));
    assert_eq!(volume.quarantine(key_number(0)), Err(VolumeError::Closed));
    assert_eq!(append(&volume, 200..201), [Err(VolumeError::Closed)]);
    assert_eq!(drop_all(&volume, 0..1), Err(VolumeError::Closed));
    assert_eq!(volume.close(), Ok(()), "a second end is none");
    assert_eq!(setup.disk.paths(), before);
}

/// Nobody would answer what is appended later.
#[test]
fn a_panic_of_the_writer_freezes_the_volume_and_answers_who_waits() {
    let directory = tempfile::tempdir().unwrap();
    let settings = VolumeSettings { disk_reserve: ByteSize(0), ..VolumeSettings::default() };
    let random = Arc::new(crate::runtime::SystemRandom);
    let (volume, _) = Volume::open(super::RealDisk::shared(), directory.path(), OWNER, &settings, random).unwrap();
    let (sender, answers) = std::sync::mpsc::channel();
    let (again, waiting) = (Mutex::new(volume.clone()), sender.clone());
    volume.append(chunk_of(key_number(0)), move |_| {
        // Waits in the queue when the writer ends.
        let volume = again.into_inner().unwrap();
        volume.append(chunk_of(key_number(1)), move |result| waiting.send(result).unwrap());
        panic!("for the test");
    });
    assert!(matches!(answers.recv().unwrap(), Err(VolumeError::Frozen(_))));
    volume.append(chunk_of(key_number(2)), move |result| sender.send(result).unwrap());
    assert!(matches!(answers.recv().unwrap(), Err(VolumeError::Frozen(_))));
    assert!(matches!(volume.status().state, VolumeState::Frozen { .. }));
}

/// A page that was begun before compaction moved a chunk, behind where it stood, must still list it.
#[test]
fn an_inventory_lists_what_compaction_moves_while_a_page_is_read() {
    let setup = Setup::new();
    let (volume, held_numbers) = half_dead(&setup);
    let moving = volume.clone();
    setup.disk.before_next_read(move || work(&moving));
    let compacted = volume.stats().compacted_segments;
    let (mut from, mut keys) = (None, Vec::new());
    loop {
        let (held, next) = volume.inventory(from, 1000).unwrap();
        keys.extend(held.iter().map(|held| u64::from(held.key.index)));
        from = next;
        if from.is_none() {
            break;
        }
    }
    keys.sort();
    keys.dedup();
    assert!(volume.stats().compacted_segments > compacted, "compaction ran meanwhile");
    assert_eq!(keys, held_numbers);
}

//! Scrub: what it finds, what it takes for no damage, and how it goes on. Random combinations are in `history_tests.rs`.

use super::{
    RealDisk, ScrubPass, ScrubRecord, Successor, Volume, VolumeError,
    format::RecordHeader,
    history_tests::{OWNER, chunk_of, key_number, tiny_settings},
    segment_files::segment_name,
    tests::{DIRECTORY, Setup, append, drop_all, held, work},
    verify,
};
use crate::{
    runtime::SeededRandom,
    types::{ChunkKey, Timestamp, VolumeState},
};
use std::{
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Chunks that one pass quarantines, and how many it can't name.
fn whole_pass(volume: &Volume) -> (Vec<ChunkKey>, u64) {
    let (mut pass, mut found) = (volume.begin_scrub(), (Vec::new(), 0));
    loop {
        let step = volume.scrub_step(&mut pass, 4000).unwrap();
        found.0.extend(step.quarantined);
        found.1 += step.unidentified;
        if step.is_over {
            return found;
        }
    }
}

fn place(volume: &Volume, number: u64) -> (PathBuf, RecordHeader) {
    let (segment, header) = volume.locate(key_number(number)).unwrap().unwrap();
    (Path::new(DIRECTORY).join("segments").join(segment_name(segment)), header)
}

#[test]
fn a_flip_in_head_payload_or_trailer_is_found_and_nothing_else() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..30);
    let (path, header) = place(&volume, 3);
    setup.disk.flip_bit(&path, header.offset + header.layout.payload_offset(), 0);
    let (path, header) = place(&volume, 5);
    setup.disk.flip_bit(&path, header.offset + header.tail_offset() + 1, 7);
    let (path, header) = place(&volume, 7);
    setup.disk.flip_bit(&path, header.offset + 20, 1);
    // Of an open segment there is no hint, but the head says whose it is once the bit is turned.
    let damaged = [3, 5, 7].map(key_number);
    assert_eq!(whole_pass(&volume), (damaged.to_vec(), 0));
    assert_eq!(volume.quarantined(None, 10), damaged);
    let counts = volume.quarantine_counts();
    assert_eq!((counts.now, counts.additions, counts.unidentified), (3, 3, 0));
    assert!((0..30).filter(|number| ![3, 5, 7].contains(number)).all(|number| held(&volume, number)));
    // The right chunks come back: nothing is left to find.
    assert!([3, 5, 7].iter().all(|number| append(&volume, *number..number + 1)[0].is_ok()));
    assert_eq!((whole_pass(&volume), volume.quarantined(None, 10)), ((vec![], 0), vec![]));
    assert!((0..30).all(|number| held(&volume, number)));
}

/// It was found again by each scrub, and the volume went on to say that it held the chunk.
#[test]
fn a_record_that_nobody_can_name_is_held_no_more_and_counted_once() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..60);
    let lost = [2, 9, 10, 40];
    for number in lost {
        let (path, header) = place(&volume, number);
        [9, 41].iter().for_each(|at| setup.disk.flip_bit(&path, header.offset + at, 3));
    }
    let before = volume.live_bytes();
    assert_eq!(whole_pass(&volume), (vec![], 4));
    assert!((0..60).all(|number| volume.may_hold(key_number(number)) != lost.contains(&number)));
    assert!((0..60).filter(|number| !lost.contains(number)).all(|number| held(&volume, number)));
    assert_eq!((volume.status().chunks, volume.quarantine_counts().unidentified), (56, 4));
    assert!(volume.live_bytes() < before);
    assert_eq!((whole_pass(&volume), volume.quarantine_counts().unidentified), ((vec![], 0), 4));
    // Two come back; a restart changes nothing about the others.
    assert!(append(&volume, 9..11).iter().all(Result::is_ok));
    volume.close().unwrap();
    drop(volume);
    let (volume, _) = setup.open();
    assert!((0..60).all(|number| held(&volume, number) != [2, 40].contains(&number)));
    assert_eq!(whole_pass(&volume), (vec![], 0));
}

/// What does not count any more may be as damaged as it likes.
#[test]
fn damaged_heads_of_dropped_and_quarantined_records_are_no_loss() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..10);
    let places = [3, 4].map(|number| place(&volume, number));
    drop_all(&volume, 3..4).unwrap();
    volume.quarantine(key_number(4)).unwrap();
    for (path, header) in places {
        [9, 41].iter().for_each(|at| setup.disk.flip_bit(&path, header.offset + at, 3));
    }
    assert_eq!((whole_pass(&volume), volume.quarantine_counts().unidentified), ((vec![], 0), 0));
}

#[test]
fn a_nameless_record_that_is_dropped_while_it_is_read_is_no_loss() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..3);
    let (path, header) = place(&volume, 1);
    [9, 41].iter().for_each(|at| setup.disk.flip_bit(&path, header.offset + at, 3));
    let racing = volume.clone();
    setup.disk.before_next_read(move || drop_all(&racing, 1..2).unwrap());
    assert_eq!((whole_pass(&volume), volume.quarantine_counts().unidentified), ((vec![], 0), 0));
}

#[test]
fn the_hint_of_a_sealed_segment_tells_whose_a_damaged_head_was() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..10);
    volume.close().unwrap();
    drop(volume);
    let (volume, report) = setup.open();
    assert!(report.from_hints > 0);
    let (path, header) = place(&volume, 4);
    [0, 40].iter().for_each(|at| setup.disk.flip_bit(&path, header.offset + at, 0));
    assert_eq!(whole_pass(&volume), (vec![key_number(4)], 0));
}

/// The volume of a node that was healed was called not intact, for records that nobody wants any more.
#[test]
fn damage_that_was_made_up_for_is_told_of_by_verify_and_is_none() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..12);
    let damage = |volume: &Volume, number, at: u64, bit| {
        let (path, header) = place(volume, number);
        setup.disk.flip_bit(&path, header.offset + at, bit);
    };
    let tail = |number| place(&volume, number).1.tail_offset() + 1;
    // Two that lie behind each other, one of which can only be told by the bit that was turned; and two that nobody heals.
    damage(&volume, 3, tail(3), 0);
    damage(&volume, 4, 20, 1);
    damage(&volume, 6, 60, 7);
    damage(&volume, 8, tail(8), 2);
    let (path, header) = place(&volume, 10);
    [0, 40].iter().for_each(|at| setup.disk.flip_bit(&path, header.offset + at, 0));
    for number in [3, 4, 6] {
        volume.quarantine_damaged(key_number(number)).unwrap();
    }
    assert!(append(&volume, 3..4)[0].is_ok() && append(&volume, 4..5)[0].is_ok());
    drop_all(&volume, 6..7).unwrap();
    volume.close().unwrap();
    let verified = verify(&setup.disk, Path::new(DIRECTORY)).unwrap();
    let mut set_aside: Vec<_> = verified.set_aside.iter().map(|record| (record.chunk, record.successor)).collect();
    set_aside.sort_by_key(|(chunk, _)| *chunk);
    let expected = [(3, Successor::Replaced), (4, Successor::Replaced), (6, Successor::Dropped)];
    assert_eq!(set_aside, expected.map(|(number, successor)| (Some(key_number(number)), successor)));
    let mut damaged: Vec<_> = verified.damaged.iter().map(|record| record.chunk).collect();
    damaged.sort();
    assert_eq!(damaged, [None, Some(key_number(8))]);
    assert!(!verified.is_intact());

    setup.disk.restart_process();
    let (volume, _) = setup.open();
    assert!(append(&volume, 8..9)[0].is_ok() && append(&volume, 10..11)[0].is_ok());
    volume.close().unwrap();
    let verified = verify(&setup.disk, Path::new(DIRECTORY)).unwrap();
    assert_eq!((verified.set_aside.len(), verified.damaged.len()), (4, 1), "two bits of one head: {verified:?}");
}

#[test]
fn a_cut_file_is_found_record_by_record() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..3);
    let (path, header) = place(&volume, 1);
    assert!(place(&volume, 0).1.offset < header.offset && place(&volume, 2).0 == path);
    setup.disk.cut_behind_its_back(&path, header.offset + 10);
    let (named, unidentified) = whole_pass(&volume);
    assert_eq!(named.len() as u64 + unidentified, 2);
}

#[test]
fn quarantined_chunks_are_still_known_after_a_restart_until_they_are_dropped() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..3);
    volume.quarantine(key_number(1)).unwrap();
    drop(volume);
    setup.disk.restart_process();
    let (volume, _) = setup.open();
    assert_eq!(volume.quarantined(None, 10), [key_number(1)]);
    assert_eq!(volume.quarantined(Some(key_number(1)), 10), []);
    drop_all(&volume, 0..3).unwrap();
    assert_eq!(volume.quarantined(None, 10), []);
    drop(volume);
    setup.disk.restart_process();
    let (volume, _) = setup.open();
    assert_eq!(volume.quarantined(None, 10), [], "the drop was durable");
    work(&volume);
    drop(volume);
    setup.disk.restart_process();
    assert_eq!(setup.open().0.quarantined(None, 10), [], "also when compaction has taken the segment away");
}

/// A drop looked the chunk up while it was still held, and passed it over when its turn came: it was called damaged for ever.
#[test]
fn a_chunk_that_is_quarantined_between_the_order_to_drop_it_and_the_drop_is_not_named() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..3);
    volume.drop_chunks(vec![key_number(1)], |result| assert_eq!(result, Ok(())));
    volume.quarantine(key_number(1)).unwrap();
    assert_eq!(volume.quarantined(None, 10), [key_number(1)]);
    volume.run_writer();
    assert_eq!(volume.quarantined(None, 10), []);
}

/// The record is dropped, its segment compacted and its file used again between the look into the index and the read.
#[test]
fn what_is_dropped_and_written_over_while_it_is_read_is_no_damage() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..40);
    let racing = volume.clone();
    setup.disk.before_next_read(move || {
        drop_all(&racing, 0..40).unwrap();
        work(&racing);
        append(&racing, 40..80);
    });
    assert_eq!(whole_pass(&volume), (vec![], 0));
    assert!((40..80).all(|number| held(&volume, number)));
}

#[test]
fn a_disk_that_fails_reads_freezes_the_volume_and_ends_the_scrub() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..3);
    let mut pass = volume.begin_scrub();
    setup.disk.fail_reads(true);
    assert!(matches!(volume.scrub_step(&mut pass, 1), Err(VolumeError::Frozen(_))));
    setup.disk.fail_reads(false);
    assert!(matches!(volume.scrub_step(&mut pass, 1), Err(VolumeError::Frozen(_))));
    assert!(matches!(volume.status().state, VolumeState::Frozen { .. }));
    assert_eq!(volume.quarantined(None, 1), [], "nobody knows whether the bytes are wrong");
}

/// What had been quarantined before the error was in no count.
#[test]
fn what_a_step_found_before_it_failed_is_told() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..30);
    for number in [3, 5] {
        let (path, header) = place(&volume, number);
        setup.disk.flip_bit(&path, header.offset + header.layout.payload_offset(), 0);
    }
    let mut pass = volume.begin_scrub();
    setup.disk.fail_sync_after(Some(1));
    assert_eq!(volume.scrub_step(&mut pass, 1 << 20).unwrap().quarantined, [key_number(3)]);
    assert!(matches!(volume.scrub_step(&mut pass, 1 << 20), Err(VolumeError::Frozen(_))));
}

#[test]
fn a_pass_goes_on_where_it_was_after_a_restart_and_ends_where_it_would_have() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..60);
    let (total, mut pass) = (volume.live_bytes(), volume.begin_scrub());
    let mut checked = 0;
    while checked < total / 2 {
        checked += volume.scrub_step(&mut pass, 1).unwrap().checked_bytes;
    }
    let record = ScrubRecord {
        began: Some(Timestamp::from_unix_millis(7)),
        point: Some(pass.point()),
        checked_bytes: checked,
        ..ScrubRecord::default()
    };
    volume.keep_scrub(&record).unwrap();
    append(&volume, 60..90);
    drop(volume);
    setup.disk.restart_process();
    let (volume, _) = setup.open();
    let kept = volume.kept_scrub().unwrap().unwrap();
    assert_eq!((kept.began, kept.point), (record.began, record.point));
    let mut pass = ScrubPass::resume(kept.point.unwrap());
    let rest = std::iter::from_fn(|| Some(volume.scrub_step(&mut pass, 5000).unwrap()).filter(|step| !step.is_over));
    let rest: u64 = rest.map(|step| step.checked_bytes).sum();
    assert!(checked + rest >= total, "nothing is left out");
    assert!(rest < volume.live_bytes() - checked / 2, "nothing begins anew");
}

#[test]
fn a_record_that_cannot_be_read_is_none() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    assert_eq!(volume.kept_scrub().unwrap(), None);
    volume.keep_scrub(&ScrubRecord::default()).unwrap();
    setup.disk.overwrite_behind_its_back(&Path::new(DIRECTORY).join("scrub.json"), b"{\"format\": 99}");
    assert_eq!(volume.kept_scrub().unwrap(), None);
}

/// Reads past the page cache, where the file system can.
#[test]
fn flips_in_real_files_are_found_in_small_and_big_records() {
    let folder = tempfile::tempdir().unwrap();
    let random = Arc::new(SeededRandom::new(1));
    let (volume, _) = Volume::open(RealDisk::shared(), folder.path(), OWNER, &tiny_settings(), random).unwrap();
    for number in 0..100 {
        let (done, answered) = std::sync::mpsc::channel();
        volume.append(chunk_of(key_number(number)), move |result| done.send(result).unwrap());
        answered.recv().unwrap().unwrap();
    }
    assert_eq!(whole_pass(&volume), (vec![], 0));
    // Number 40 is longer than what is read at once of small records.
    let damaged = [2, 40, 41, 99];
    for number in damaged {
        let (segment, header) = volume.locate(key_number(number)).unwrap().unwrap();
        let path = folder.path().join("segments").join(segment_name(segment));
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
        let (at, mut byte) = (header.offset + header.tail_offset() - 1, [0]);
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }
    let (mut found, unidentified) = whole_pass(&volume);
    found.sort();
    assert_eq!((found, unidentified), (damaged.map(key_number).to_vec(), 0));
}

//! Faults one by one: what the volume does about each. Random combinations are in `history_tests.rs`.

use super::{
    Step, Volume, VolumeError, VolumeOwner, VolumeSettings,
    faulty_disk::FaultyDisk,
    history_tests::{OWNER, chunk_of, key_number, tiny_settings},
    identity::DIRECTORY_FORMAT,
    index::KeyHasher,
    inspect, verify,
    volume::{Mechanics, WriterRuns},
};
use crate::{
    runtime::SeededRandom,
    types::{ByteSize, ClusterId, NodeId, VolumeState},
};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub const DIRECTORY: &str = "/volume";

pub struct Setup {
    pub disk: FaultyDisk,
    pub settings: VolumeSettings,
}

impl Setup {
    pub fn new() -> Self {
        Self { disk: FaultyDisk::new(1), settings: tiny_settings() }
    }

    pub fn open(&self) -> (Volume, super::RecoveryReport) {
        self.try_open(OWNER).unwrap()
    }

    pub fn try_open(&self, owner: VolumeOwner) -> Result<(Volume, super::RecoveryReport), VolumeError> {
        let random = Arc::new(SeededRandom::new(5));
        let mechanics = Mechanics { writer_runs: WriterRuns::WhenCalled, hasher: KeyHasher::new(&*random) };
        Volume::open_with(Arc::new(self.disk.clone()), Path::new(DIRECTORY), owner, &self.settings, random, mechanics)
    }

    /// The segment files, by name.
    pub fn segment_paths(&self) -> Vec<PathBuf> {
        let is_segment = |path: &PathBuf| {
            path.file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with("segment-") && !name.ends_with(".hint"))
        };
        self.disk.paths().into_iter().filter(is_segment).collect()
    }
}

/// Appends chunks, each in a batch of its own, and returns the answers.
pub fn append(volume: &Volume, numbers: std::ops::Range<u64>) -> Vec<Result<(), VolumeError>> {
    let answers = Arc::new(Mutex::new(Vec::new()));
    for number in numbers {
        let answers = answers.clone();
        volume.append(chunk_of(key_number(number)), move |result| answers.lock().unwrap().push(result));
        volume.run_writer();
    }
    let answers = answers.lock().unwrap();
    answers.clone()
}

pub fn drop_all(volume: &Volume, numbers: std::ops::Range<u64>) -> Result<(), VolumeError> {
    let answer = Arc::new(Mutex::new(None));
    let shared = answer.clone();
    volume.drop_chunks(numbers.map(key_number).collect(), move |result| *shared.lock().unwrap() = Some(result));
    volume.run_writer();
    answer.lock().unwrap().take().expect("every job is answered")
}

pub fn held(volume: &Volume, number: u64) -> bool {
    let chunk = chunk_of(key_number(number));
    match volume.read(chunk.key, 0, u32::MAX) {
        Ok(slice) => slice.is_intact(chunk.key, &chunk.root),
        Err(VolumeError::NotFound) => false,
        Err(error) => panic!("{error}"),
    }
}

pub fn work(volume: &Volume) {
    while volume.compact_step().unwrap() == Step::Busy {}
}

#[test]
fn a_failed_sync_freezes_the_volume_and_reads_go_on() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    assert!(append(&volume, 0..5).iter().all(Result::is_ok));
    setup.disk.fail_sync_after(Some(0));
    assert!(matches!(append(&volume, 5..6)[0], Err(VolumeError::Frozen(_))));
    setup.disk.fail_sync_after(None);
    // The disk works again; the volume does not trust it.
    assert!(matches!(append(&volume, 6..7)[0], Err(VolumeError::Frozen(_))));
    assert!(matches!(drop_all(&volume, 0..1), Err(VolumeError::Frozen(_))));
    assert!(matches!(volume.quarantine(key_number(0)), Err(VolumeError::Frozen(_))));
    assert!(matches!(volume.compact_step(), Err(VolumeError::Frozen(_))));
    assert!(matches!(volume.status().state, VolumeState::Frozen { .. }));
    assert!((0..5).all(|number| held(&volume, number)));
}

#[test]
fn a_disk_that_fails_reads_freezes_the_volume() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..1);
    setup.disk.fail_reads(true);
    assert!(matches!(volume.read(key_number(0), 0, 1), Err(VolumeError::Disk { .. })));
    assert!(matches!(append(&volume, 1..2)[0], Err(VolumeError::Frozen(_))));
}

#[test]
fn a_removed_segment_file_freezes_the_volume_before_the_next_answer() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..1);
    setup.segment_paths().iter().for_each(|path| setup.disk.remove_behind_its_back(path));
    assert!(matches!(append(&volume, 1..2)[0], Err(VolumeError::Frozen(_))));
}

#[test]
fn a_changed_or_removed_identity_freezes_the_volume() {
    let identity = Path::new(DIRECTORY).join("volume.json");
    for change in [
        |disk: &FaultyDisk, path: &Path| disk.overwrite_behind_its_back(path, b"{}"),
        |disk: &FaultyDisk, path: &Path| disk.remove_behind_its_back(path),
    ] {
        let setup = Setup::new();
        let (volume, _) = setup.open();
        change(&setup.disk, &identity);
        assert!(matches!(volume.compact_step(), Err(VolumeError::Frozen(_))));
        assert!(matches!(append(&volume, 0..1)[0], Err(VolumeError::Frozen(_))));
    }
}

#[test]
fn an_open_directory_is_locked() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    assert!(matches!(setup.try_open(OWNER), Err(VolumeError::Locked(_))));
    assert!(matches!(inspect(&setup.disk, Path::new(DIRECTORY)), Err(VolumeError::Locked(_))));
    volume.close().unwrap();
    assert!(setup.try_open(OWNER).is_ok());
}

#[test]
fn a_directory_of_another_cluster_or_node_or_without_identity_is_refused() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..1);
    volume.close().unwrap();
    let strangers = [
        VolumeOwner { cluster: ClusterId::from_bytes([8; 16]), ..OWNER },
        VolumeOwner { node: NodeId::from_bytes([8; 16]), ..OWNER },
    ];
    for stranger in strangers {
        assert!(matches!(setup.try_open(stranger), Err(VolumeError::Foreign { .. })));
    }
    let identity = Path::new(DIRECTORY).join("volume.json");
    let newer = format!("{{\"format\": {}, \"whatever\": 1}}", DIRECTORY_FORMAT + 1);
    setup.disk.overwrite_behind_its_back(&identity, newer.as_bytes());
    assert!(matches!(setup.try_open(OWNER), Err(VolumeError::NewerFormat { found: 2, .. })));
    setup.disk.remove_behind_its_back(&identity);
    assert!(matches!(setup.try_open(OWNER), Err(VolumeError::Foreign { .. })));
}

#[test]
fn damage_below_the_last_sync_is_reported_and_nothing_behind_it_is_lost() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 1..4);
    drop(volume);
    setup.disk.restart_process();
    // The head of the first record; the records behind it say that it was durable.
    setup.disk.flip_bit(&setup.segment_paths()[0], 8192 + 20, 3);
    let (volume, report) = setup.open();
    assert_eq!((report.corrupt, report.torn_bytes), (vec![(0, 8192)], 0));
    assert!(!held(&volume, 1) && held(&volume, 2) && held(&volume, 3));
    // It is repaired by appending it again.
    assert_eq!(append(&volume, 1..2), [Ok(())]);
    assert!(held(&volume, 1));
}

#[test]
fn damage_at_the_end_of_an_open_segment_is_a_torn_tail() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 1..4);
    let end = volume.status().durable_sequence;
    drop(volume);
    setup.disk.restart_process();
    let offset = last_record_offset(&setup);
    setup.disk.flip_bit(&setup.segment_paths()[0], offset + 200, 0);
    let (volume, report) = setup.open();
    assert!(report.corrupt.is_empty() && report.torn_bytes > 0, "{report:?}");
    assert!(held(&volume, 1) && held(&volume, 2) && !held(&volume, 3));
    assert!(volume.status().durable_sequence < end);
}

/// Where the last record of the first segment begins.
fn last_record_offset(setup: &Setup) -> u64 {
    let lengths =
        (1..4).map(|number| super::format::Layout::Packed.record_length(chunk_of(key_number(number)).data.length));
    let lengths: Vec<u64> = lengths.collect();
    assert!(!setup.segment_paths().is_empty() && lengths.iter().all(|length| *length < 4096));
    8192 + lengths[0] + lengths[1]
}

#[test]
fn a_damaged_last_record_of_a_sealed_segment_is_damage_not_a_torn_tail() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 1..4);
    volume.close().unwrap();
    let segment = &setup.segment_paths()[0];
    setup.disk.remove_behind_its_back(&segment.with_file_name("segment-00000000.hint"));
    setup.disk.flip_bit(segment, last_record_offset(&setup) + 10, 0);
    let (volume, report) = setup.open();
    assert_eq!(report.corrupt, [(0, last_record_offset(&setup))]);
    assert!(held(&volume, 2) && !held(&volume, 3));
}

/// The hint named what was cut off, so the volume counted it as held.
#[test]
fn a_sealed_segment_that_was_cut_is_scanned_not_believed_by_its_hint() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 1..4);
    volume.close().unwrap();
    setup.disk.cut_behind_its_back(&setup.segment_paths()[0], last_record_offset(&setup));
    let (volume, report) = setup.open();
    assert_eq!((report.corrupt, report.chunks), (vec![(0, last_record_offset(&setup))], 2));
    assert!(held(&volume, 2) && !held(&volume, 3));
}

#[test]
fn a_damaged_payload_is_found_by_verifying_quarantined_and_replaced() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 1..4);
    let chunk = chunk_of(key_number(1));
    assert_eq!(volume.verify_chunk(chunk.key, chunk.root), Ok(true));
    setup.disk.flip_bit(&setup.segment_paths()[0], 8192 + 96, 0);
    assert_eq!(volume.verify_chunk(chunk.key, chunk.root), Ok(false));
    volume.quarantine(chunk.key).unwrap();
    assert!(!volume.may_hold(chunk.key));
    append(&volume, 1..2);
    assert_eq!(volume.verify_chunk(chunk.key, chunk.root), Ok(true));
    // Neither the damaged record nor its mark has a say when the new one was dropped.
    drop_all(&volume, 1..2).unwrap();
    drop(volume);
    setup.disk.restart_process();
    let (volume, _) = setup.open();
    assert!(!held(&volume, 1) && held(&volume, 2));
}

#[test]
fn a_chunk_with_a_damaged_head_can_be_appended_again() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 1..3);
    setup.disk.flip_bit(&setup.segment_paths()[0], 8192 + 20, 0);
    assert!(matches!(volume.read(key_number(1), 0, 1), Err(VolumeError::Corrupt(_))));
    assert_eq!(append(&volume, 1..2), [Ok(())]);
    assert!(held(&volume, 1));
    assert_eq!(volume.status().chunks, 2);
}

#[test]
fn the_same_chunk_again_writes_nothing_and_another_one_is_refused() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 1..2);
    append(&volume, 1..2);
    assert_eq!(volume.stats().appends, 1);
    let other = super::AppendChunk { key: key_number(1), ..chunk_of(key_number(2)) };
    let answer = Arc::new(Mutex::new(None));
    let shared = answer.clone();
    volume.append(other, move |result| *shared.lock().unwrap() = Some(result));
    volume.run_writer();
    assert_eq!(answer.lock().unwrap().take(), Some(Err(VolumeError::Conflict)));
    assert!(held(&volume, 1));
}

#[test]
fn a_full_disk_refuses_chunks_early_and_takes_them_again_after_drops() {
    let setup = Setup::new();
    setup.disk.set_capacity(400_000);
    let (volume, _) = setup.open();
    let answers = append(&volume, 0..300);
    let accepted = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    assert!(accepted > 20 && answers.last() == Some(&Err(VolumeError::Full)));
    assert_eq!((volume.status().state, volume.status().free), (VolumeState::Full, 0));
    let stored: Vec<u64> = (0..300).filter(|number| held(&volume, *number)).collect();
    assert_eq!(stored.len() as u64, accepted);
    for number in &stored {
        drop_all(&volume, *number..number + 1).unwrap();
    }
    work(&volume);
    assert_eq!(volume.status().state, VolumeState::Writable);
    assert_eq!(append(&volume, 0..3), [Ok(()), Ok(()), Ok(())]);
}

#[test]
fn dropped_space_comes_back() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..150);
    drop_all(&volume, 0..120).unwrap();
    work(&volume);
    let usage = volume.status();
    // Two open segments, one that is ready, and what is live.
    let ready = 3 * setup.settings.segment_size_max.bytes();
    assert!(usage.used <= usage.live * 115 / 100 + ready, "{usage:?}");
    assert!((120..150).all(|number| held(&volume, number)) && usage.chunks == 30);
    volume.close().unwrap();
    let (volume, report) = setup.open();
    assert_eq!((report.chunks, report.from_hints), (30, report.segments));
    assert!((120..150).all(|number| held(&volume, number)));
}

#[test]
fn an_inventory_is_read_page_by_page() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..50);
    drop_all(&volume, 10..20).unwrap();
    let (mut from, mut keys, mut pages) = (None, Vec::new(), 0);
    loop {
        let (held, next) = volume.inventory(from, 7).unwrap();
        assert!(held.len() <= 7);
        keys.extend(held.iter().map(|held| held.key));
        pages += 1;
        from = next;
        if from.is_none() {
            break;
        }
    }
    keys.sort();
    assert_eq!(keys, (0..10).chain(20..50).map(key_number).collect::<Vec<_>>());
    assert!(pages >= 6);
}

/// What an inventory shows of what was written after the mark.
fn shown_after(volume: &Volume, mark: u64) -> Vec<crate::types::ChunkKey> {
    let (held, next) = volume.inventory_after(mark, None, 1000).unwrap();
    assert_eq!(next, None);
    let mut keys: Vec<_> = held.iter().map(|held| held.key).collect();
    keys.sort();
    keys
}

#[test]
fn an_inventory_of_what_is_new_shows_that_wherever_it_lies_and_reads_nothing_else() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 0..50);
    let mark = volume.settled_sequence();
    append(&volume, 50..60);
    drop_all(&volume, 0..45).unwrap();
    drop_all(&volume, 52..53).unwrap();
    let expected: Vec<_> = (50..52).chain(53..60).map(key_number).collect();
    assert_eq!(shown_after(&volume, mark), expected);
    let compacted = volume.stats().compacted_segments;
    work(&volume);
    assert!(volume.stats().compacted_segments > compacted);
    assert_eq!(shown_after(&volume, mark), expected, "a copy is as old as what it is a copy of");
    assert_eq!(shown_after(&volume, 0).len(), 5 + 9);

    let mark = volume.settled_sequence();
    setup.disk.fail_reads(true);
    assert_eq!(shown_after(&volume, mark), [], "nothing is new, and nothing was read");
    setup.disk.fail_reads(false);
    drop(volume);
    let (volume, _) = setup.open();
    assert_eq!(shown_after(&volume, 0).len(), 5 + 9, "after a start everything is there");
}

#[test]
fn ranges_of_blocks_are_whole_and_cut_at_the_end() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    let big = (0..600).find(|number| chunk_of(key_number(*number)).data.length > 70_000 * 3).expect("some are long");
    append(&volume, big..big + 1);
    let chunk = chunk_of(key_number(big));
    let whole: Vec<u8> = chunk.data.pieces.concat();
    for (first, count, expected) in [
        (0, 1, 0..65536),
        (1, 2, 65536..196_608),
        (1, 1000, 65536..whole.len()),
        (0, 0, 0..0),
        (1000, 3, whole.len()..whole.len()),
    ] {
        let slice = volume.read(chunk.key, first, count).unwrap();
        assert_eq!(slice.bytes, whole[expected.clone()], "{first} {count}");
        assert_eq!(slice.chunk_length as usize, whole.len());
        assert!(slice.bytes.is_empty() || slice.is_intact(chunk.key, &chunk.root));
        assert_eq!(volume.read_cached(chunk.key, first, count).unwrap().unwrap().bytes, whole[expected]);
    }
}

#[test]
fn inspecting_and_verifying_report_damage_and_change_nothing() {
    let setup = Setup::new();
    let (volume, _) = setup.open();
    append(&volume, 1..30);
    drop_all(&volume, 5..9).unwrap();
    volume.close().unwrap();
    let directory = Path::new(DIRECTORY);
    let inspection = inspect(&setup.disk, directory).unwrap();
    assert_eq!(inspection.segments.iter().map(|segment| segment.chunks).sum::<u64>(), 29);
    assert_eq!(inspection.segments.iter().map(|segment| segment.tombstones).sum::<u64>(), 4);
    assert!(inspection.segments.iter().all(|segment| segment.state == "sealed" && segment.hint == "fits"));
    let verification = verify(&setup.disk, directory).unwrap();
    assert!(verification.is_intact() && verification.chunks == 25);
    setup.disk.flip_bit(&setup.segment_paths()[0], 8192 + 100, 0);
    let verification = verify(&setup.disk, directory).unwrap();
    assert_eq!((verification.damaged.len(), verification.damaged[0].chunk), (1, Some(key_number(1))));
    assert_eq!(inspect(&setup.disk, directory).unwrap(), inspection);
    assert_eq!(
        verify(&setup.disk, Path::new("/elsewhere")).map_err(|e| matches!(e, VolumeError::Foreign { .. })),
        Err(true)
    );
}

#[test]
fn a_real_directory_keeps_chunks_through_a_clean_close_and_through_none() {
    let directory = tempfile::tempdir().unwrap();
    let settings = VolumeSettings {
        segment_size_min: ByteSize::mib(1),
        segment_size_max: ByteSize::mib(4),
        disk_reserve: ByteSize(0),
        big_record_size: ByteSize::kib(8),
        ..VolumeSettings::default()
    };
    let open = || {
        let random = Arc::new(crate::runtime::SystemRandom);
        Volume::open(super::RealDisk::shared(), directory.path(), OWNER, &settings, random).unwrap()
    };
    let (volume, _) = open();
    let (sender, answers) = std::sync::mpsc::channel();
    for number in 0..200 {
        let sender = sender.clone();
        volume.append(chunk_of(key_number(number)), move |result| sender.send(result).unwrap());
    }
    assert!((0..200).all(|_| answers.recv().unwrap().is_ok()));
    assert!((0..200).all(|number| held(&volume, number)));
    let (dropped, drop_answer) = std::sync::mpsc::channel();
    volume.drop_chunks((0..50).map(key_number).collect(), move |result| dropped.send(result).unwrap());
    drop_answer.recv().unwrap().unwrap();
    work(&volume);
    // Without a close: as after a crash.
    drop(volume);
    let (volume, report) = open();
    assert_eq!((report.chunks, report.corrupt.len(), report.torn_bytes), (150, 0, 0));
    volume.close().unwrap();
    let (volume, report) = open();
    assert_eq!((report.chunks, report.from_hints), (150, report.segments));
    assert!((0..200).all(|number| held(&volume, number) == (number >= 50)));
    assert_eq!(volume.status().start_count, 3);
}

//! Recovery: how a volume knows what it holds when it is opened.
//!
//! # What a crash leaves behind
//!
//! The process may die at any instruction, and the machine may lose power. What was synced is there. Of what was
//! written but not synced, each sector is old or new, in no order: of a batch of records the last may be whole and
//! the first missing, or a record's head may be there without its payload. Nothing of that batch was acknowledged,
//! so every record of it may be kept or lost, but none may be half kept, and what was acknowledged before it must be
//! told apart from it. Besides, disks forget and flip bits of what was durable for years; that is damage, and must not
//! be mistaken for an unfinished write, or everything behind a flipped bit would be thrown away.
//!
//! # Which segments count
//!
//! Each file's head says which use of the file it describes (the generation) and its state.
//!
//! - *Open*: it was written to when the volume stopped. Scanned, sealed.
//! - *Sealed*: never written again. Its hint file, if there is one that fits, says what it holds; else, and when the file is
//!   shorter than it was sealed, it is scanned.
//! - *Output*: compaction was filling it. Its records do not exist, unless a switch record names it.
//! - *Free*: nothing in it counts. Its file is kept for the next segment, or removed.
//! - Neither copy of the head is readable: damage. The file is reported and left alone. (A file gets its name only when its
//!   head is durable, so a crash can't cause this.)
//!
//! A record counts only if it carries its segment's generation and its own offset. Recycled space is full of records that were
//! valid once, and of payloads that clients chose; generations are partly random so that no payload can be made to
//! look like a record of a later use.
//!
//! # Torn tail or damage
//!
//! Every record says how far its segment was durable when its batch was written: `synced_to`. The highest `synced_to` of
//! an open segment, S, proves that all below S was durable. The scan walks from head to head; where no whole record
//! (head, table, trailer) is, it searches on, sector by sector, to the end of the file, because records behind a
//! damaged one may prove it.
//!
//! - A gap below S is damage: reported, and the walk goes on behind it. A chunk in it is missing here and will be
//!   repaired from another node.
//! - The first gap at or above S is where the records end: the *cut*. Whole records behind it don't count either; they
//!   are of the last batch, which was never acknowledged, because its sync was not over.
//! - Records between S and the cut are of the last batch, acknowledged or not. Their payload is read and checked: the
//!   first that is not whole is the cut.
//!
//! In a sealed segment the end is known, and every gap is damage.
//!
//! Then, before anything else happens, an open segment is synced (what was found may have been in the page cache only, and
//! must not vanish at the next power cut now that it counts), and sealed at the cut. So the cut is decided once;
//! no later write can bring bytes behind it back to life. The writer begins new segments.
//!
//! Syncing is not enough if the volume froze because a sync failed: Linux marks what a failed sync should have written as
//! clean, so that it is read, never written, and gone after the next power cut. Therefore what nothing proves durable is written
//! again, the same bytes to the same place, before it is synced: the records from S to the cut, the heads of
//! segments on which a switch depends, and of sealed segments without a hint. (Were the last of these lost, bytes of a failed
//! batch behind its end would be taken for records.)
//!
//! One case remains open by nature: damage to the very last batch that was synced and acknowledged, before a later batch could
//! say so, looks like a torn tail. A clean close seals the segments and so closes it.
//!
//! # Which record of a key counts
//!
//! The one with the highest sequence; a mark before a chunk with the same. A chunk: it is held. A tombstone or a quarantine
//! mark: it is not. Compaction copies records with their sequences, so a copy is neither newer nor older than what it is a
//! copy of, and a tombstone with a copy's own sequence kills the copy alone.
//!
//! A mark names the generation of the segment that holds the record it kills (its target). While that segment exists the mark
//! must be kept, or the chunk would return; when it is gone, the mark may go too. No other segment can hold an older
//! record of the key: a key is appended only when it is not held; compaction gives up the source of each copy in
//! the same switch that makes the copy count; a copy that died while it was being made is buried by a tombstone of its own
//! that is durable before the switch; and an output without its switch is thrown away here.
//!
//! # Switches
//!
//! Compaction ends with one synced record: these segments don't count any more, that output does. After it the output's head
//! is made *Sealed*, then the sources' heads *Free*, and only when all of that is durable may another compaction begin. So at
//! most the last switch is unfinished after a crash; recovery finishes every switch that it finds (for all but the last
//! there is nothing left to do) in the same order. A switch record in a segment that was itself given up later
//! names only generations that are gone.
//!
//! # Sequences
//!
//! The writer goes on above the highest sequence found. It can't have gone back below what was acknowledged or reported: the highest
//! acknowledged record is only ever given up by a switch record, which has a higher sequence still.

use super::{
    RecoveryReport, VolumeError,
    catalog::Catalog,
    disk::{Access, DiskFile},
    durable_file::TEMPORARY_ENDING,
    format::RecordKind,
    hint::read_hint,
    load::{Found, SegmentContents, scan_segment},
    segment::{Segment, rewrite_segment_header},
    segment_files::{SegmentFiles, segment_number},
    segment_header::{SEGMENT_HEADER_LENGTH, SegmentHeader, SegmentState},
    switch::Switch,
};
use crate::types::VolumeId;
use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    io::IoSlice,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Unproven records are written again in pieces of so many bytes.
const REWRITE_PIECE: u64 = 1 << 20;

/// What recovery found, apart from what it entered into the catalog.
#[derive(Debug)]
pub struct Recovered {
    pub report: RecoveryReport,
    pub highest_sequence: u64,
}

/// Fills the catalog from the segment files. Afterwards no segment is open, every switch is carried out, and all that counts
/// is durable. May be interrupted at any point and begun again.
pub fn recover(
    files: &SegmentFiles,
    volume: VolumeId,
    catalog: &Catalog,
    threads: u32,
) -> Result<Recovered, VolumeError> {
    let mut report = RecoveryReport::default();
    let mut heads = read_heads(files, volume, &mut report)?;
    let outputs = split_off(&mut heads, SegmentState::Output);
    let free = split_off(&mut heads, SegmentState::Free);
    let mut loaded = load_all(files, heads, threads)?;
    seal_open(&mut loaded)?;
    let switches: Vec<Switch> =
        loaded.iter().flat_map(|segment| segment.contents.switches.iter().map(|(_, switch)| switch.clone())).collect();
    settle_adopted(&mut loaded, &switches)?;
    loaded.extend(adopt_outputs(files, outputs, &switches)?);
    let highest_sequence = loaded.iter().map(|segment| segment.contents.highest_sequence()).max().unwrap_or(0);
    let loaded = release_sources(files, loaded, &switches)?;
    for head in free {
        give_up(files, head)?;
    }
    for segment in &loaded {
        let number = segment.head.number;
        report.corrupt.extend(segment.contents.corrupt.iter().map(|offset| (number, *offset)));
        report.torn_bytes += segment.contents.torn_bytes;
        report.from_hints += u64::from(segment.source == Source::Hint);
    }
    fill_catalog(catalog, loaded)?;
    report.segments = catalog.segments().len() as u64;
    report.chunks = catalog.index.count();
    Ok(Recovered { report, highest_sequence })
}

/// A segment file and its head.
struct Head {
    number: u32,
    file: Arc<dyn DiskFile>,
    header: SegmentHeader,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Scan,
    Hint,
}

struct Loaded {
    head: Head,
    contents: SegmentContents,
    source: Source,
}

fn read_heads(files: &SegmentFiles, volume: VolumeId, report: &mut RecoveryReport) -> Result<Vec<Head>, VolumeError> {
    let (disk, directory) = (files.disk(), files.directory());
    let mut heads = Vec::new();
    let mut names = disk.list(directory).map_err(VolumeError::disk("listing the segments"))?;
    names.sort();
    for name in names {
        if name.ends_with(TEMPORARY_ENDING) {
            disk.remove(&directory.join(&name)).map_err(VolumeError::disk("removing a leftover file"))?;
        }
        let Some(number) = segment_number(&name) else { continue };
        let file =
            disk.open(&directory.join(&name), Access::ReadWrite).map_err(VolumeError::disk("opening a segment"))?;
        match read_segment_header(&*file)?.filter(|header| header.volume == volume) {
            Some(header) => {
                files.note_existing(number, header.generation);
                heads.push(Head { number, file, header });
            }
            None => {
                files.note_existing(number, 0);
                report.unreadable_segments.push(number);
            }
        }
    }
    Ok(heads)
}

/// What the start of a segment file says; `None` when it is damaged.
pub fn read_segment_header(file: &dyn DiskFile) -> Result<Option<SegmentHeader>, VolumeError> {
    let mut bytes = Vec::new();
    let read = file.read_at(0, SEGMENT_HEADER_LENGTH as usize, &mut bytes);
    read.map_err(VolumeError::disk("reading a segment's head"))?;
    Ok(SegmentHeader::decode(&bytes))
}

fn split_off(heads: &mut Vec<Head>, state: SegmentState) -> Vec<Head> {
    let (taken, rest) = std::mem::take(heads).into_iter().partition(|head| head.header.state == state);
    *heads = rest;
    taken
}

/// Loads the segments, several at the same time, and returns them in the order given.
fn load_all(files: &SegmentFiles, heads: Vec<Head>, threads: u32) -> Result<Vec<Loaded>, VolumeError> {
    let threads = (threads as usize).min(heads.len());
    if threads <= 1 {
        return heads.into_iter().map(|head| load(files, head)).collect();
    }
    let heads: Vec<Mutex<Option<Head>>> = heads.into_iter().map(|head| Mutex::new(Some(head))).collect();
    let results: Mutex<Vec<(usize, Result<Loaded, VolumeError>)>> = Mutex::default();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = heads.get(at) else { return };
                    let Some(head) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() else { continue };
                    let result = load(files, head);
                    results.lock().unwrap_or_else(PoisonError::into_inner).push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

fn load(files: &SegmentFiles, mut head: Head) -> Result<Loaded, VolumeError> {
    if head.header.state == SegmentState::Sealed
        && has_its_length(&head)?
        && let Some(mut contents) = read_hint(files.disk(), files.directory(), head.number, &head.header)?
    {
        super::load::note_switches(&*head.file, &head.header, &mut contents)?;
        return Ok(Loaded { head, contents, source: Source::Hint });
    }
    if head.header.state == SegmentState::Sealed {
        // Without a hint it may have been the last to be sealed, when the volume froze over that.
        let length = head.header.sealed_length;
        write_state(&mut head, SegmentState::Sealed, length)?;
    }
    let contents = scan_segment(&*head.file, head.number, &head.header)?;
    Ok(Loaded { head, contents, source: Source::Scan })
}

/// Whether the file reaches to the end of its records. A hint would name records that were cut off as if they were there.
fn has_its_length(head: &Head) -> Result<bool, VolumeError> {
    let status = head.file.status().map_err(VolumeError::disk("asking for a segment's size"))?;
    Ok(status.length >= head.header.sealed_length)
}

/// Afterwards what was found in open segments is durable and ends at the cut.
fn seal_open(loaded: &mut [Loaded]) -> Result<(), VolumeError> {
    for segment in loaded.iter_mut().filter(|segment| segment.head.header.state == SegmentState::Open) {
        let head = &mut segment.head;
        write_again(&*head.file, segment.contents.unproven_from, segment.contents.end)?;
        head.file.sync_data().map_err(VolumeError::doubt("syncing a recovered segment"))?;
        write_state(head, SegmentState::Sealed, segment.contents.end)?;
        head.file.set_len(segment.contents.end).map_err(VolumeError::disk("cutting a recovered segment"))?;
        if segment.contents.torn_bytes > 0 {
            tracing::info!(segment = head.number, bytes = segment.contents.torn_bytes, "cut a torn tail");
        }
    }
    Ok(())
}

/// Writes the same bytes to the same place, so that the next sync concerns them.
fn write_again(file: &dyn DiskFile, from: u64, to: u64) -> Result<(), VolumeError> {
    let mut at = from;
    while at < to {
        let mut bytes = Vec::new();
        let wanted = (to - at).min(REWRITE_PIECE);
        let read = file.read_at(at, wanted as usize, &mut bytes).map_err(VolumeError::disk("reading a segment"))?;
        file.write_vectored_at(at, &[IoSlice::new(&bytes)]).map_err(VolumeError::disk("writing a segment again"))?;
        at += (read as u64).max(1);
    }
    Ok(())
}

fn write_state(head: &mut Head, state: SegmentState, sealed_length: u64) -> Result<(), VolumeError> {
    head.header = SegmentHeader { state, sealed_length, ..head.header };
    rewrite_segment_header(&*head.file, &head.header)
}

/// Outputs that were adopted before: that their heads say so may be known to the page cache only.
fn settle_adopted(loaded: &mut [Loaded], switches: &[Switch]) -> Result<(), VolumeError> {
    let named: HashSet<u64> = switches.iter().filter_map(|switch| switch.output).collect();
    for Loaded { head, contents, .. } in loaded.iter_mut() {
        if named.contains(&head.header.generation) {
            write_state(head, SegmentState::Sealed, contents.end)?;
        }
    }
    Ok(())
}

/// Outputs that a switch names become sealed segments; the others are given up.
fn adopt_outputs(files: &SegmentFiles, outputs: Vec<Head>, switches: &[Switch]) -> Result<Vec<Loaded>, VolumeError> {
    let named: HashSet<u64> = switches.iter().filter_map(|switch| switch.output).collect();
    let mut adopted = Vec::new();
    for mut head in outputs {
        if named.contains(&head.header.generation) {
            let length = head.header.sealed_length;
            write_state(&mut head, SegmentState::Sealed, length)?;
            adopted.push(load(files, head)?);
        } else {
            give_up(files, head)?;
        }
    }
    Ok(adopted)
}

/// Gives up the sources of all switches.
fn release_sources(files: &SegmentFiles, loaded: Vec<Loaded>, switches: &[Switch]) -> Result<Vec<Loaded>, VolumeError> {
    let released: HashSet<u64> = switches.iter().flat_map(|switch| switch.sources.iter().copied()).collect();
    let mut kept = Vec::new();
    for segment in loaded {
        if released.contains(&segment.head.header.generation) || segment.contents.end <= SEGMENT_HEADER_LENGTH {
            give_up(files, segment.head)?;
        } else {
            kept.push(segment);
        }
    }
    Ok(kept)
}

fn give_up(files: &SegmentFiles, mut head: Head) -> Result<(), VolumeError> {
    write_state(&mut head, SegmentState::Free, 0)?;
    files.adopt_free(head.number, head.header.class, head.file)
}

/// Of each key the record that counts.
pub fn counting(mut all: Vec<Found>) -> impl Iterator<Item = Found> {
    all.retain(|found| found.kind != RecordKind::Switch);
    all.sort_unstable_by_key(|found| (found.key, Reverse((found.sequence, found.kind))));
    all.dedup_by_key(|found| found.key);
    all.into_iter()
}

/// Enters the segments, and of each key the record that counts.
fn fill_catalog(catalog: &Catalog, loaded: Vec<Loaded>) -> Result<(), VolumeError> {
    let mut all: Vec<Found> = Vec::with_capacity(loaded.iter().map(|segment| segment.contents.found.len()).sum());
    let mut marks = Vec::new();
    for Loaded { head, contents, source } in loaded {
        let segment = Segment::new(head.number, &head.header, head.file);
        segment.refresh_allocated()?;
        if source == Source::Hint {
            segment.set_has_hint();
        }
        segment.note_sequence(contents.highest_sequence());
        catalog.add_segment(Arc::new(segment));
        all.extend(contents.found);
        marks.extend(contents.marks);
    }
    let mut quarantine_targets = HashMap::new();
    for mark in marks.into_iter().filter(|mark| catalog.has_generation(mark.target)) {
        if let Some(segment) = catalog.segment(mark.place.segment()) {
            segment.add_mark(mark.kind, mark.target, mark.place.record_length());
        }
        if mark.kind == RecordKind::Quarantine {
            quarantine_targets.insert(mark.place, mark.target);
        }
    }
    for found in counting(all) {
        match found.kind {
            RecordKind::Chunk => {
                if let Some(segment) = catalog.segment(found.place.segment()) {
                    segment.add_live(found.place);
                    catalog.index.insert(catalog.index.hash(found.key), found.place);
                }
            }
            RecordKind::Quarantine => {
                if let Some(generation) = quarantine_targets.get(&found.place) {
                    catalog.quarantined.add(found.key, *generation);
                }
            }
            RecordKind::Tombstone | RecordKind::Switch => {}
        }
    }
    Ok(())
}

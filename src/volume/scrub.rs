//! Scrub: reads every live record again and checks it, so that damage is found while other nodes still have the chunk.
//!
//! A pass follows the index, segment by segment in the order of their age, and in each from place to place. So it looks at
//! nothing but what counts: records of earlier uses of a file, dropped ones with punched payloads, torn tails and copies that
//! compaction has not switched to yet are never read. What is written, or moved by compaction, during a pass goes to segments
//! younger than the youngest at its beginning, where the pass ends: it has only just been written, or was checked as it was copied.
//!
//! A record may be dropped or moved while it is read. One that does not check is read once more, and the index asked
//! again: it is damaged if it still counts and still does not check. Then it does not count any more: afterwards the index names
//! no record that was found damaged. When its key is known it is quarantined, durably. When its head is damaged, the head with
//! one bit turned or the segment's hint may know the key. Otherwise nobody does: the index, which has but a hash of it, lets go of
//! the place, and only then the record is counted as unidentified. By that count the gateway asks the node about each
//! chunk again, and misses the one. There is no mark about such a record. No scan takes it for one, so it is not held after a
//! restart either; should its head be right again by then, it is the right chunk, or an orphan.
//!
//! Marks are not read. With a damaged tombstone a dropped chunk may be held again after the next start that scans its segment;
//! it is read as it was, nothing names it, and the clearing of orphans drops it once more.

use super::{
    VolumeError,
    catalog::Catalog,
    counters::Counters,
    format::{RecordHeader, RecordKind, decode_tail, payload_is_intact},
    hint::read_hint,
    index::Place,
    recovery::read_segment_header,
    segment::Segment,
    segment_files::SegmentFiles,
    uncached_read::UncachedReader,
    writer::Writer,
};
use crate::types::ChunkKey;
use serde::{Deserialize, Serialize};
use std::sync::{Mutex, PoisonError};

/// Records that lie together are read together, up to so many bytes.
const READ_TOGETHER_MAX: u64 = 1 << 20;
/// Dead space that is read along rather than begun anew behind.
const READ_ALONG_MAX: u64 = 64 << 10;

/// How far a pass has come: it goes on with the first record not before generation and offset, and ends behind the last
/// generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScrubPoint {
    generation: u64,
    offset: u64,
    last_generation: u64,
}

/// One pass over a volume, to be stepped through with `Volume::scrub_step`.
#[derive(Debug)]
pub struct ScrubPass {
    point: ScrubPoint,
    /// Live records of the segment at the point, as they were when it was begun, in the order of their offsets.
    listed: Option<Listed>,
}

#[derive(Debug)]
struct Listed {
    generation: u64,
    entries: Vec<(u64, Place)>,
    next: usize,
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScrubStep {
    /// Bytes of the records that were checked.
    pub checked_bytes: u64,
    /// Found damaged, and quarantined.
    pub quarantined: Vec<ChunkKey>,
    /// Found damaged, whose they are is unknown.
    pub unidentified: u64,
    pub is_over: bool,
}

/// What a scrub works on.
pub struct ScrubParts<'a> {
    pub catalog: &'a Catalog,
    pub files: &'a SegmentFiles,
    pub writer: &'a Mutex<Writer>,
    pub counters: &'a Counters,
}

impl ScrubPass {
    pub fn begin(catalog: &Catalog) -> Self {
        let last_generation = catalog.segments().last().map_or(0, |segment| segment.generation);
        Self::resume(ScrubPoint { generation: 0, offset: 0, last_generation })
    }

    pub fn resume(point: ScrubPoint) -> Self {
        Self { point, listed: None }
    }

    pub fn point(&self) -> ScrubPoint {
        self.point
    }

    /// Checks records of about `bytes_max`, at least one, of one segment. After an error the same records come next; what was
    /// done before it is told, and the error by the next step.
    pub fn step(&mut self, parts: &ScrubParts<'_>, bytes_max: u64) -> Result<ScrubStep, VolumeError> {
        let mut step = ScrubStep::default();
        let next = parts.catalog.first_segment_from(self.point.generation);
        let Some(segment) = next.filter(|segment| segment.generation <= self.point.last_generation) else {
            step.is_over = true;
            return Ok(step);
        };
        let mut reader = UncachedReader::open(parts.files, &segment);
        let mut listed = self.list(parts.catalog, &segment);
        let mut result = Ok(());
        while step.checked_bytes < bytes_max && listed.next < listed.entries.len() {
            let run = run_of(&listed.entries[listed.next..]);
            result = check_run(parts, &segment, &mut reader, run, &mut step);
            if result.is_err() {
                break;
            }
            listed.next += run.len();
        }
        let bad = step.quarantined.len() as u64 + step.unidentified;
        parts.counters.scrubbed_bytes.add(step.checked_bytes);
        parts.counters.scrub_found.add(bad);
        self.point = match listed.entries.get(listed.next) {
            Some((_, place)) => ScrubPoint { generation: segment.generation, offset: place.offset(), ..self.point },
            None => ScrubPoint { generation: segment.generation + 1, offset: 0, ..self.point },
        };
        self.listed = Some(listed);
        match result {
            Err(error) if step == ScrubStep::default() => Err(error),
            _ => Ok(step),
        }
    }

    /// Looks at the whole index when the pass comes to another segment.
    fn list(&mut self, catalog: &Catalog, segment: &Segment) -> Listed {
        if let Some(listed) = self.listed.take().filter(|listed| listed.generation == segment.generation) {
            return listed;
        }
        let from = if segment.generation == self.point.generation { self.point.offset } else { 0 };
        let mut entries = match segment.live_chunks() {
            0 => Vec::new(),
            _ => catalog.index.entries_in(segment.number),
        };
        entries.retain(|(_, place)| place.offset() >= from);
        entries.sort_unstable_by_key(|(_, place)| place.offset());
        Listed { generation: segment.generation, entries, next: 0 }
    }
}

/// The first entries, as many as are read at once.
fn run_of(entries: &[(u64, Place)]) -> &[(u64, Place)] {
    let Some((_, first)) = entries.first() else { return entries };
    let (start, mut end) = (first.offset(), first.offset() + first.record_length());
    let mut count = 1;
    for (_, place) in &entries[1..] {
        let next_end = place.offset() + place.record_length();
        if place.offset() > end + READ_ALONG_MAX || next_end - start > READ_TOGETHER_MAX {
            break;
        }
        (end, count) = (next_end, count + 1);
    }
    &entries[..count]
}

fn check_run(
    parts: &ScrubParts<'_>,
    segment: &Segment,
    reader: &mut UncachedReader<'_>,
    run: &[(u64, Place)],
    step: &mut ScrubStep,
) -> Result<(), VolumeError> {
    let (Some((_, first)), Some((_, last))) = (run.first(), run.last()) else { return Ok(()) };
    let start = first.offset();
    let bytes = reader.read(start, (last.offset() + last.record_length() - start) as usize)?;
    let (mut suspects, mut checked_bytes) = (Vec::new(), 0);
    for (hash, place) in run {
        let from = ((place.offset() - start) as usize).min(bytes.len());
        let to = (from + place.record_length() as usize).min(bytes.len());
        if !is_intact(parts.catalog, segment, *hash, *place, &bytes[from..to]) {
            suspects.push((*hash, *place));
        }
        checked_bytes += place.record_length();
    }
    for suspect in suspects {
        match check_again(parts, segment, reader, suspect)? {
            Verdict::Fine => {}
            // Either is out of the index: it is not found again when the run is.
            Verdict::Quarantined(key) => step.quarantined.push(key),
            Verdict::Unidentified => step.unidentified += 1,
        }
    }
    step.checked_bytes += checked_bytes;
    Ok(())
}

/// About a record that did not check at first.
enum Verdict {
    Fine,
    Quarantined(ChunkKey),
    Unidentified,
}

fn check_again(
    parts: &ScrubParts<'_>,
    segment: &Segment,
    reader: &mut UncachedReader<'_>,
    (hash, place): (u64, Place),
) -> Result<Verdict, VolumeError> {
    if !counts(parts.catalog, segment, hash, place) {
        return Ok(Verdict::Fine);
    }
    let bytes = reader.read(place.offset(), place.record_length() as usize)?;
    if is_intact(parts.catalog, segment, hash, place, bytes) || !counts(parts.catalog, segment, hash, place) {
        return Ok(Verdict::Fine);
    }
    let key = whose(parts, segment, hash, place, bytes)?;
    let (number, offset) = (segment.number, place.offset());
    let mut writer = parts.writer.lock().unwrap_or_else(PoisonError::into_inner);
    match key {
        Some(key) => {
            tracing::error!(segment = number, offset, %key, "a damaged chunk was found by scrub; it is quarantined");
            writer.quarantine(key, Some(place))?;
            Ok(Verdict::Quarantined(key))
        }
        None if writer.give_up(hash, place, segment.generation) => {
            tracing::error!(segment = number, offset, "a damaged record was found by scrub; whose it is can't be read");
            Ok(Verdict::Unidentified)
        }
        // It was dropped or moved at the last moment.
        None => Ok(Verdict::Fine),
    }
}

/// Whether the index still names this place in this use of the file.
fn counts(catalog: &Catalog, segment: &Segment, hash: u64, place: Place) -> bool {
    catalog.index.holds(hash, place)
        && catalog.segment(place.segment()).is_some_and(|now| now.generation == segment.generation)
}

/// The head at the place, if it is that of the record which the index means.
fn head_at(catalog: &Catalog, segment: &Segment, hash: u64, place: Place, bytes: &[u8]) -> Option<RecordHeader> {
    RecordHeader::decode(bytes).filter(|header| is_meant(catalog, segment, hash, place, header))
}

fn is_meant(catalog: &Catalog, segment: &Segment, hash: u64, place: Place, header: &RecordHeader) -> bool {
    header.kind == RecordKind::Chunk
        && header.lies_at(segment.generation, place.offset())
        && header.record_length() == place.record_length()
        && catalog.index.hash(header.key) == hash
}

/// Head, table, trailer and payload, and that the trailer's root is the table's.
fn is_intact(catalog: &Catalog, segment: &Segment, hash: u64, place: Place, bytes: &[u8]) -> bool {
    let Some(header) = head_at(catalog, segment, hash, place, bytes) else { return false };
    let (payload, tail) = (header.layout.payload_offset() as usize, header.tail_offset() as usize);
    let Some((table, root)) = bytes.get(tail..).and_then(|tail| decode_tail(&header, tail)) else { return false };
    table.root(header.key, header.length) == root && payload_is_intact(&table, &bytes[payload..tail])
}

/// Whose the damaged record is, if anything says so.
fn whose(
    parts: &ScrubParts<'_>,
    segment: &Segment,
    hash: u64,
    place: Place,
    bytes: &[u8],
) -> Result<Option<ChunkKey>, VolumeError> {
    let turned = || RecordHeader::decode_with_one_bit_turned(bytes);
    let turned = || turned().filter(|header| is_meant(parts.catalog, segment, hash, place, header));
    match head_at(parts.catalog, segment, hash, place, bytes).or_else(turned) {
        Some(header) => Ok(Some(header.key)),
        None => key_in_hint(parts, segment, hash, place),
    }
}

fn key_in_hint(
    parts: &ScrubParts<'_>,
    segment: &Segment,
    hash: u64,
    place: Place,
) -> Result<Option<ChunkKey>, VolumeError> {
    let Some(header) = read_segment_header(&*segment.file)?.filter(|_| segment.has_hint()) else { return Ok(None) };
    let hint = read_hint(parts.files.disk(), parts.files.directory(), segment.number, &header)?;
    let found = hint.and_then(|contents| contents.found.into_iter().find(|found| found.place == place));
    let fits = |key: &ChunkKey| parts.catalog.index.hash(*key) == hash;
    Ok(found.filter(|found| found.kind == RecordKind::Chunk).map(|found| found.key).filter(fits))
}

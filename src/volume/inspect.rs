//! A volume seen from outside, while it is closed: what `larder volume inspect` and `larder volume verify` report. Nothing on
//! the disk is changed, except that the directory is locked meanwhile.

use super::{
    Disk, VolumeError,
    disk::{Access, DiskFile, DiskLock},
    format::{RecordHeader, RecordKind},
    hint::read_hint,
    identity::{Identity, LOCK_FILE, SEGMENT_DIRECTORY},
    load::{Found, SegmentContents, scan_segment},
    recovery::{counting, read_segment_header},
    scan::read_whole,
    segment_files::{segment_name, segment_number},
    segment_header::{SegmentClass, SegmentHeader, SegmentState},
    set_aside::{DamagedSegment, Newest, Successor},
};
use crate::types::{ChunkKey, ClusterId, NodeId, VolumeId};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::Path,
    sync::Arc,
};

/// What a directory holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VolumeInspection {
    pub volume: VolumeId,
    pub cluster: ClusterId,
    pub node: NodeId,
    pub segments: Vec<SegmentInspection>,
    /// Names of segment files without a readable head.
    pub unreadable: Vec<String>,
}

/// One segment file. Lengths in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SegmentInspection {
    pub file: String,
    /// `small` or `big`: what records it takes.
    pub class: &'static str,
    /// `open`, `output`, `sealed` or `free`.
    pub state: &'static str,
    pub generation: u64,
    pub capacity: u64,
    pub file_length: u64,
    pub allocated: u64,
    /// Where the records end.
    pub records_end: u64,
    pub torn_bytes: u64,
    pub chunks: u64,
    pub tombstones: u64,
    pub quarantine_marks: u64,
    pub switches: u64,
    /// Offsets at which a record is damaged.
    pub damaged: Vec<u64>,
    /// `none`, `fits` or `wrong`.
    pub hint: &'static str,
}

/// What reading every chunk that counts found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VolumeVerification {
    pub chunks: u64,
    pub bytes: u64,
    pub damaged: Vec<DamagedRecord>,
    /// Damaged records that don't count any more: no damage.
    pub set_aside: Vec<SetAsideRecord>,
    /// Names of segment files without a readable head.
    pub unreadable: Vec<String>,
    /// Bytes behind the last whole record of open segments: never acknowledged, no damage.
    pub torn_bytes: u64,
}

impl VolumeVerification {
    pub fn is_intact(&self) -> bool {
        self.damaged.is_empty() && self.unreadable.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DamagedRecord {
    pub file: String,
    pub offset: u64,
    /// Unknown when the record's head is damaged.
    pub chunk: Option<ChunkKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAsideRecord {
    pub file: String,
    pub offset: u64,
    pub chunk: Option<ChunkKey>,
    pub successor: Successor,
}

/// Lists the segments of a closed volume.
pub fn inspect(disk: &dyn Disk, directory: &Path) -> Result<VolumeInspection, VolumeError> {
    let opened = OpenedDirectory::open(disk, directory)?;
    let mut segments = Vec::new();
    for (number, segment) in &opened.segments {
        segments.push(opened.inspect_segment(disk, *number, segment)?);
    }
    let Identity { volume, owner, .. } = opened.identity;
    Ok(VolumeInspection { volume, cluster: owner.cluster, node: owner.node, segments, unreadable: opened.unreadable })
}

/// Reads every chunk of a closed volume that counts, and checks it.
pub fn verify(disk: &dyn Disk, directory: &Path) -> Result<VolumeVerification, VolumeError> {
    let opened = OpenedDirectory::open(disk, directory)?;
    let mut result = VolumeVerification { unreadable: opened.unreadable.clone(), ..VolumeVerification::default() };
    let mut contents = BTreeMap::new();
    for (number, segment) in &opened.segments {
        if segment.header.state != SegmentState::Free {
            contents.insert(*number, scan_segment(&*segment.file, *number, &segment.header)?);
        }
    }
    opened.keep_what_counts(&mut contents);
    let counting: Vec<Found> =
        counting(contents.values().flat_map(|contents| contents.found.iter().copied()).collect()).collect();
    let newest = Newest::of(counting.iter().copied());
    for (number, contents) in &contents {
        opened.judge_gaps(disk, *number, contents, &newest, &mut result)?;
        result.torn_bytes += contents.torn_bytes;
    }
    for found in counting.iter().filter(|found| found.kind == RecordKind::Chunk) {
        opened.verify_chunk(found, &mut result)?;
    }
    result.damaged.sort_by(|a, b| (&a.file, a.offset).cmp(&(&b.file, b.offset)));
    Ok(result)
}

struct OpenedDirectory {
    identity: Identity,
    segments: BTreeMap<u32, OpenedSegment>,
    unreadable: Vec<String>,
    directory: std::path::PathBuf,
    _lock: Box<dyn DiskLock>,
}

struct OpenedSegment {
    header: SegmentHeader,
    file: Arc<dyn DiskFile>,
}

impl OpenedDirectory {
    fn open(disk: &dyn Disk, directory: &Path) -> Result<Self, VolumeError> {
        let Some(identity) = Identity::read(disk, directory)? else {
            let reason = "it holds no volume".to_owned();
            return Err(VolumeError::Foreign { directory: directory.display().to_string(), reason });
        };
        let lock = disk.lock(&directory.join(LOCK_FILE)).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => VolumeError::Locked(directory.display().to_string()),
            _ => VolumeError::disk("locking the volume's directory")(error),
        })?;
        let directory = directory.join(SEGMENT_DIRECTORY);
        let names = disk.list(&directory).map_err(VolumeError::disk("listing the segments"))?;
        let mut opened = Self { identity, segments: BTreeMap::new(), unreadable: Vec::new(), directory, _lock: lock };
        for number in names.iter().filter_map(|name| segment_number(name)) {
            let path = opened.directory.join(segment_name(number));
            let file = disk.open(&path, Access::Read).map_err(VolumeError::disk("opening a segment"))?;
            match read_segment_header(&*file)?.filter(|header| header.volume == opened.identity.volume) {
                Some(header) => drop(opened.segments.insert(number, OpenedSegment { header, file })),
                None => opened.unreadable.push(segment_name(number)),
            }
        }
        opened.unreadable.sort();
        Ok(opened)
    }

    fn inspect_segment(
        &self,
        disk: &dyn Disk,
        number: u32,
        segment: &OpenedSegment,
    ) -> Result<SegmentInspection, VolumeError> {
        let header = &segment.header;
        let status = segment.file.status().map_err(VolumeError::disk("asking for a segment's size"))?;
        let contents = match header.state {
            SegmentState::Free => SegmentContents::default(),
            _ => scan_segment(&*segment.file, number, header)?,
        };
        let count = |kind| contents.found.iter().filter(|found| found.kind == kind).count() as u64;
        let has_hint_file = disk.open(&self.directory.join(format!("{}.hint", segment_name(number))), Access::Read);
        let hint = match (read_hint(disk, &self.directory, number, header)?, has_hint_file) {
            (Some(_), _) => "fits",
            (None, Ok(_)) => "wrong",
            (None, Err(_)) => "none",
        };
        Ok(SegmentInspection {
            file: segment_name(number),
            class: match header.class {
                SegmentClass::Small => "small",
                SegmentClass::Big => "big",
            },
            state: match header.state {
                SegmentState::Open => "open",
                SegmentState::Output => "output",
                SegmentState::Sealed => "sealed",
                SegmentState::Free => "free",
            },
            generation: header.generation,
            capacity: header.capacity,
            file_length: status.length,
            allocated: status.allocated,
            records_end: contents.end,
            torn_bytes: contents.torn_bytes,
            chunks: count(RecordKind::Chunk),
            tombstones: count(RecordKind::Tombstone),
            quarantine_marks: count(RecordKind::Quarantine),
            switches: count(RecordKind::Switch),
            damaged: contents.corrupt,
            hint,
        })
    }

    /// Takes out what recovery would give up: outputs that no switch names, and sources of a switch.
    fn keep_what_counts(&self, contents: &mut BTreeMap<u32, SegmentContents>) {
        let state = |number: &u32| self.segments.get(number).map(|segment| segment.header.state);
        let generation = |number: &u32| self.segments.get(number).map_or(0, |segment| segment.header.generation);
        let (mut sources, mut outputs) = (HashSet::new(), HashSet::new());
        for (_, counted) in contents.iter().filter(|(number, _)| state(number) != Some(SegmentState::Output)) {
            for (_, switch) in &counted.switches {
                sources.extend(switch.sources.iter().copied());
                outputs.extend(switch.output);
            }
        }
        contents.retain(|number, _| {
            let counts = state(number) != Some(SegmentState::Output) || outputs.contains(&generation(number));
            counts && !sources.contains(&generation(number))
        });
    }

    fn judge_gaps(
        &self,
        disk: &dyn Disk,
        number: u32,
        contents: &SegmentContents,
        newest: &Newest,
        result: &mut VolumeVerification,
    ) -> Result<(), VolumeError> {
        let Some(segment) = self.segments.get(&number).filter(|_| !contents.corrupt.is_empty()) else { return Ok(()) };
        let hint = read_hint(disk, &self.directory, number, &segment.header)?;
        let damaged = DamagedSegment { file: &*segment.file, header: &segment.header, contents, hint: hint.as_ref() };
        for record in damaged.records(newest)? {
            let (file, offset, chunk) = (segment_name(number), record.offset, record.chunk);
            match record.successor {
                Some(successor) => result.set_aside.push(SetAsideRecord { file, offset, chunk, successor }),
                None => result.damaged.push(DamagedRecord { file, offset, chunk }),
            }
        }
        Ok(())
    }

    fn verify_chunk(&self, found: &Found, result: &mut VolumeVerification) -> Result<(), VolumeError> {
        result.chunks += 1;
        let number = found.place.segment();
        let Some(segment) = self.segments.get(&number) else { return Ok(()) };
        let mut head = Vec::new();
        let read = segment.file.read_at(found.place.offset(), super::format::HEADER_LENGTH, &mut head);
        read.map_err(VolumeError::disk("reading a record's head"))?;
        let whole = match RecordHeader::decode(&head) {
            Some(header) => read_whole(&*segment.file, &header)?.map(|_| header),
            None => None,
        };
        match whole {
            Some(header) => result.bytes += u64::from(header.length),
            None => result.damaged.push(DamagedRecord {
                file: segment_name(number),
                offset: found.place.offset(),
                chunk: Some(found.key),
            }),
        }
        Ok(())
    }
}

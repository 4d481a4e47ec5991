//! Background work of a volume, one bounded step at a time: files are recycled and made ready, holes punched, hints
//! written, segments compacted. When and how fast is up to whoever calls.

use super::{
    Step, VolumeError, VolumeSettings,
    catalog::Catalog,
    compaction::{self, Compaction, CompactionParts, Progress},
    counters::Counters,
    health::{FreezeOnPanic, Health},
    hint::write_hint,
    identity::Identity,
    load::scan_segment,
    punch::{PunchList, punch_some},
    recovery::read_segment_header,
    scrub::{ScrubParts, ScrubPass, ScrubStep},
    scrub_record::ScrubRecord,
    segment::Segment,
    segment_files::{Recycled, SegmentFiles},
    segment_header::SegmentClass,
    space::Space,
    switch::SOURCES_MAX,
    victims::{Candidate, Choice, Policy, choose},
    writer::Writer,
};
use crate::types::VolumeId;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Holes punched in one step: each costs a journal entry of the file system.
const PUNCHES_PER_STEP: usize = 64;

/// Background work. One step runs at a time.
pub struct Background {
    parts: BackgroundParts,
    policy: Policy,
    size_min: u64,
    compaction: Mutex<Option<Compaction>>,
}

/// What background work works on; all but the identity shared with others.
pub struct BackgroundParts {
    pub catalog: Arc<Catalog>,
    pub files: Arc<SegmentFiles>,
    pub space: Arc<Space>,
    pub writer: Arc<Mutex<Writer>>,
    pub health: Arc<Health>,
    pub counters: Arc<Counters>,
    pub punches: Arc<PunchList>,
    pub identity: Identity,
}

impl Background {
    pub fn new(parts: BackgroundParts, settings: &VolumeSettings) -> Self {
        let size_min = settings.segment_size_min.bytes();
        let policy = Policy {
            dead_percent: u64::from(settings.compact_dead_percent),
            output_max: settings.segment_size_max.bytes(),
            sources_max: SOURCES_MAX,
            small_segment: size_min / 2,
        };
        Self { parts, policy, size_min, compaction: Mutex::new(None) }
    }

    pub fn volume(&self) -> VolumeId {
        self.parts.identity.volume
    }

    /// One step. An error that makes it doubtful what is on the disk has frozen the volume.
    pub fn step(&self) -> Result<Step, VolumeError> {
        let mut compaction = self.stand_still();
        self.parts.health.check_writable()?;
        if let Some(reason) = self.parts.identity.changed(self.parts.files.disk()) {
            return Err(self.parts.health.freeze(&reason));
        }
        let _guard = FreezeOnPanic { health: &self.parts.health, reason: "background work panicked" };
        match self.step_inner(&mut compaction) {
            // No room for what was to be made: later, when there is.
            Err(VolumeError::Full) => Ok(Step::Idle),
            result => result.map_err(|error| self.parts.health.judge(error)),
        }
    }

    /// One step of a scrub. Reads and checks beside other background work; only marks are written.
    pub fn scrub_step(&self, pass: &mut ScrubPass, bytes_max: u64) -> Result<ScrubStep, VolumeError> {
        self.parts.health.check_writable()?;
        let parts = ScrubParts {
            catalog: &self.parts.catalog,
            files: &self.parts.files,
            writer: &self.parts.writer,
            counters: &self.parts.counters,
        };
        pass.step(&parts, bytes_max).map_err(|error| self.parts.health.judge(error))
    }

    /// Keeps how far a scrub has come over a restart. Costs a pass at worst: on a full disk it is left out.
    pub fn keep_scrub(&self, record: &ScrubRecord) -> Result<(), VolumeError> {
        self.parts.health.check_writable()?;
        match record.write(self.parts.files.disk(), self.parts.identity.directory()) {
            Ok(()) | Err(VolumeError::Full | VolumeError::Busy) => Ok(()),
            Err(error) => Err(self.parts.health.judge(error)),
        }
    }

    /// What was kept, if it can be read.
    pub fn kept_scrub(&self) -> Result<Option<ScrubRecord>, VolumeError> {
        ScrubRecord::read(self.parts.files.disk(), self.parts.identity.directory())
    }

    /// Waits until no step is under way; while the answer is held, none begins.
    pub fn stand_still(&self) -> MutexGuard<'_, Option<Compaction>> {
        self.compaction.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step_inner(&self, compaction: &mut Option<Compaction>) -> Result<Step, VolumeError> {
        if let Some(recycled) = self.parts.files.recycle_one()? {
            self.parts.counters.recycled_segments.add(u64::from(recycled == Recycled::Kept));
            return Ok(Step::Busy);
        }
        let room = self.parts.space.measure();
        if self.parts.health.is_full() && room.for_chunks >= self.size_min {
            self.parts.health.clear_full();
        }
        let spare_size = self.parts.files.wanted_size(SegmentClass::Small, room.used);
        if !self.parts.files.has_spare() && room.for_chunks >= spare_size * 2 {
            self.parts.files.prepare_spare(spare_size)?;
            return Ok(Step::Busy);
        }
        let punched = punch_some(&self.parts.catalog, &self.parts.punches, PUNCHES_PER_STEP)?;
        if punched > 0 {
            self.parts.counters.punched_bytes.add(punched);
            return Ok(Step::Busy);
        }
        match self.write_one_hint() {
            Ok(Step::Busy) => return Ok(Step::Busy),
            // On a full disk compaction matters more.
            Ok(Step::Idle) | Err(VolumeError::Full) => {}
            Err(error) => return Err(error),
        }
        self.compact(compaction, room.for_compaction)
    }

    /// Writes the hint of one sealed segment that has none.
    pub fn write_one_hint(&self) -> Result<Step, VolumeError> {
        let segments = self.parts.catalog.segments();
        let Some(segment) = segments.iter().find(|segment| segment.is_sealed() && !segment.has_hint()) else {
            return Ok(Step::Idle);
        };
        if let Some(header) = read_segment_header(&*segment.file)? {
            let contents = scan_segment(&*segment.file, segment.number, &header)?;
            // A hint must not hide damage from the next start.
            if contents.corrupt.is_empty() {
                let (disk, directory) = (self.parts.files.disk(), self.parts.files.directory());
                write_hint(disk, directory, segment.number, segment.generation, &contents)?;
            }
        }
        segment.set_has_hint();
        Ok(Step::Busy)
    }

    fn compact(&self, compaction: &mut Option<Compaction>, room: u64) -> Result<Step, VolumeError> {
        let parts = CompactionParts {
            catalog: &self.parts.catalog,
            files: &self.parts.files,
            writer: &self.parts.writer,
            counters: &self.parts.counters,
        };
        if let Some(mut running) = compaction.take() {
            match running.step(&parts) {
                Ok(Progress::GoesOn) => *compaction = Some(running),
                Ok(Progress::Finished) => {}
                Err(error) => {
                    let error = self.parts.health.judge(error);
                    // Once frozen, nobody knows whether the switch is durable: recovery finds out.
                    self.parts.health.check_writable()?;
                    running.abandon(&parts)?;
                    return if error == VolumeError::Full { Ok(Step::Busy) } else { Err(error) };
                }
            }
            return Ok(Step::Busy);
        }
        let segments = self.parts.catalog.segments();
        let candidates: Vec<Candidate> = segments.iter().filter(|s| s.is_sealed()).map(|s| candidate(s)).collect();
        let find = |numbers: &[u32]| {
            segments.iter().filter(|segment| numbers.contains(&segment.number)).cloned().collect::<Vec<_>>()
        };
        match choose(&candidates, self.policy) {
            None => Ok(Step::Idle),
            Some(Choice::Release(numbers)) => {
                compaction::release_dead(&parts, &find(&numbers))?;
                Ok(Step::Busy)
            }
            Some(Choice::Copy(numbers)) => {
                let sources = find(&numbers);
                let kept: u64 = sources.iter().map(|source| source.live_bytes() + source.mark_bytes()).sum();
                if kept + 2 * self.size_min > room {
                    return Ok(Step::Idle);
                }
                *compaction = Some(Compaction::begin(&self.parts.files, sources)?);
                Ok(Step::Busy)
            }
        }
    }
}

fn candidate(segment: &Segment) -> Candidate {
    Candidate {
        number: segment.number,
        class: segment.class,
        kept: segment.live_bytes() + segment.mark_bytes(),
        dead: segment.dead_bytes(),
        allocated: segment.allocated(),
    }
}

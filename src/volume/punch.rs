//! Giving back the space of dropped chunks without moving anything: holes are punched into their payloads.
//!
//! Only once the tombstone is durable, only whole blocks, and never a head or a trailer: a scan still steps over the record.
//! Only in sealed segments: in an open one recovery judges by their payload whether the last records are whole, and a
//! hole would look like a torn tail. Small payloads are left to compaction; holes of a few blocks cost more than they give.
//!
//! The list lives in memory. What a crash forgets is dead space that compaction finds by the segment's size.

use super::{
    VolumeError,
    catalog::Catalog,
    format::{Layout, tail_length},
    index::Place,
    segment::Segment,
};
use std::{
    collections::VecDeque,
    io,
    sync::{Mutex, PoisonError},
};

/// Shorter holes are not punched.
const HOLE_MIN: u64 = 64 << 10;
/// What is dropped beyond this many waiting records is left to compaction: a mebibyte or two of list.
const WAITING_MAX: usize = 100_000;

/// Records whose payload may go, by generation of their segment.
#[derive(Debug, Default)]
pub struct PunchList(Mutex<VecDeque<(u64, Place)>>);

impl PunchList {
    pub fn add(&self, generation: u64, place: Place) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() < WAITING_MAX && place.record_length() >= HOLE_MIN {
            list.push_back((generation, place));
        }
    }

    fn take(&self, count: usize) -> Vec<(u64, Place)> {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = count.min(list.len());
        list.drain(..count).collect()
    }
}

/// Punches up to `count` of the waiting records. Returns the bytes that came back.
pub fn punch_some(catalog: &Catalog, list: &PunchList, count: usize) -> Result<u64, VolumeError> {
    let mut given_back = 0;
    for (generation, place) in list.take(count) {
        // The segment's file may serve another use by now. Holding the segment keeps it from being given to one.
        let Some(segment) = catalog.segment(place.segment()).filter(|segment| segment.generation == generation) else {
            continue;
        };
        match segment.is_sealed() {
            true => given_back += punch(&segment, place)?,
            false => list.add(generation, place),
        }
    }
    Ok(given_back)
}

fn punch(segment: &Segment, place: Place) -> Result<u64, VolumeError> {
    let (layout, block) = (segment.class.layout(), Layout::Aligned.unit());
    let start = (place.offset() + layout.payload_offset()).next_multiple_of(block);
    // The payload's exact length isn't known here: stay clear of the longest table and padding that there can be.
    let tail = tail_length(place.record_length() as u32) as u64 + layout.unit();
    let end = (place.offset() + place.record_length() - tail) / block * block;
    if end <= start {
        return Ok(0);
    }
    match segment.file.punch_hole(start, end - start) {
        Ok(()) => {}
        // A file system without holes: compaction gives the space back.
        Err(error) if error.kind() == io::ErrorKind::Unsupported => return Ok(0),
        Err(error) => return Err(VolumeError::disk("punching a hole")(error)),
    }
    segment.refresh_allocated()?;
    Ok(end - start)
}

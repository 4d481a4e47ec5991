//! What a file holds for its readers, what of it is durable, and what a power cut leaves of the rest.

use crate::{
    runtime::{Random, SeededRandom},
    volume::disk::SECTOR,
};
use std::collections::HashSet;

#[derive(Debug, Default)]
pub struct File {
    pub data: Vec<u8>,
    pub durable: Vec<u8>,
    pub unsynced: Vec<Change>,
    /// What is read may differ from what is durable.
    pub differs: bool,
    punched: HashSet<u64>,
}

#[derive(Clone, Debug)]
pub enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Grow(usize),
    Cut(usize),
    Punch { offset: usize, length: usize },
}

impl File {
    pub fn allocated(&self) -> u64 {
        (self.data.len() as u64).next_multiple_of(SECTOR).saturating_sub(self.punched.len() as u64 * SECTOR)
    }

    pub fn apply(&mut self, change: Change) {
        match &change {
            Change::Write { offset, bytes } if !self.punched.is_empty() => {
                let sectors = *offset as u64 / SECTOR..(offset + bytes.len()) as u64 / SECTOR;
                self.punched.retain(|sector| !sectors.contains(sector));
            }
            Change::Cut(length) => self.punched.retain(|sector| (sector + 1) * SECTOR <= *length as u64),
            Change::Punch { offset, length } => {
                let end = (offset + length).min(self.data.len()) as u64;
                self.punched.extend(*offset as u64 / SECTOR..end / SECTOR);
            }
            _ => {}
        }
        change.apply(&mut self.data);
        self.differs = true;
        self.unsynced.push(change);
    }
}

impl Change {
    pub fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                grow(to, offset + bytes.len());
                to[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Self::Grow(length) => grow(to, *length),
            Self::Cut(length) => to.resize(*length, 0),
            Self::Punch { offset, length } => {
                let end = (offset + length).min(to.len());
                if *offset < end {
                    to[*offset..end].fill(0);
                }
            }
        }
    }

    /// What a power cut leaves of the change: of what covers sectors any of them, of the rest all or nothing.
    pub fn apply_in_pieces(&self, to: &mut Vec<u8>, random: &SeededRandom, kept_of_8: u64) {
        let kept = || random.below(8) < kept_of_8;
        let sector = SECTOR as usize;
        match self {
            Self::Write { offset, bytes } => {
                let mut at = *offset;
                while at < offset + bytes.len() {
                    let end = ((at / sector + 1) * sector).min(offset + bytes.len());
                    if kept() {
                        let piece = bytes[at - offset..end - offset].to_vec();
                        Self::Write { offset: at, bytes: piece }.apply(to);
                    }
                    at = end;
                }
            }
            Self::Punch { offset, length } => {
                for at in (*offset..offset + length).step_by(sector).filter(|_| kept()) {
                    Self::Punch { offset: at, length: sector }.apply(to);
                }
            }
            Self::Grow(_) | Self::Cut(_) if kept() => self.apply(to),
            Self::Grow(_) | Self::Cut(_) => {}
        }
    }
}

fn grow(bytes: &mut Vec<u8>, length: usize) {
    if bytes.len() < length {
        bytes.resize(length, 0);
    }
}

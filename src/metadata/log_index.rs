//! How far SQLite's log had come when its last process ended, by the index that SQLite keeps beside it: the next process makes
//! that anew of what it can read of the log, and says nothing when that is less.
//!
//! After a SIGKILL the index is as it was, and counts what was committed. After a loss of power it may be an older one, or none: then
//! it tells nothing. (SQLite, "WAL-mode File Format", the header of the wal-index.)

use std::{fs::File, io::Read, path::Path};

const HEADER: usize = 48;

/// Of one generation of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogReach {
    salts: [u8; 8],
    frames: u32,
}

impl LogReach {
    /// `None` where there is no index, or none that was whole.
    pub fn read(index: &Path) -> Option<Self> {
        let mut bytes = [0; 2 * HEADER];
        File::open(index).and_then(|mut file| file.read_exact(&mut bytes)).ok()?;
        Self::of(&bytes)
    }

    fn of(bytes: &[u8; 2 * HEADER]) -> Option<Self> {
        let (header, again) = bytes.split_at(HEADER);
        let is_whole = header == again && header[12] == 1;
        let frames = u32::from_ne_bytes(header[16..20].try_into().ok()?);
        is_whole.then(|| Self { salts: header[32..40].try_into().unwrap_or_default(), frames })
    }

    /// Whether all that the log had is read of it `now`.
    pub fn is_proved(before: Option<Self>, now: Option<Self>) -> bool {
        matches!((before, now), (Some(before), Some(now)) if before.salts == now.salts && before.frames <= now.frames)
    }

    /// Whether the log had more than what is read of it `now`.
    pub fn is_cut(before: Option<Self>, now: Option<Self>) -> bool {
        matches!((before, now), (Some(before), Some(now)) if before.salts == now.salts && before.frames > now.frames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(salt: u8, frames: u32) -> [u8; 2 * HEADER] {
        let mut half = [0; HEADER];
        half[12] = 1;
        half[16..20].copy_from_slice(&frames.to_ne_bytes());
        half[32..40].fill(salt);
        let mut bytes = [0; 2 * HEADER];
        bytes[..HEADER].copy_from_slice(&half);
        bytes[HEADER..].copy_from_slice(&half);
        bytes
    }

    #[test]
    fn a_log_of_the_same_generation_that_is_shorter_was_cut() {
        let of = |salt, frames| LogReach::of(&header(salt, frames));
        for (before, now, expected) in [
            (of(1, 9), of(1, 8), true),
            (of(1, 9), of(1, 0), true),
            (of(1, 9), of(1, 9), false),
            (of(1, 8), of(1, 9), false),
            (of(1, 9), of(2, 1), false),
            (None, of(1, 1), false),
            (of(1, 9), None, false),
        ] {
            assert_eq!(LogReach::is_cut(before, now), expected, "{before:?} {now:?}");
            assert!(!(expected && LogReach::is_proved(before, now)));
        }
        let mut torn = header(1, 9);
        torn[16] ^= 1;
        assert_eq!(LogReach::of(&torn), None);
        assert!(LogReach::is_proved(of(1, 8), of(1, 9)) && !LogReach::is_proved(None, of(1, 9)));
        assert!(!LogReach::is_proved(of(1, 8), of(2, 9)), "another generation");
    }
}

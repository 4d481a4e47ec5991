//! Damage behind a node's back, in the files of its volume.

use std::{fs, os::unix::fs::FileExt, path::Path, process::Command};

/// All of a directory that nobody writes to meanwhile, as `to`, which must not exist.
pub fn copy_directory(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().expect("cp runs");
    assert!(copied.success(), "{} can't be copied", from.display());
}

/// Bytes of which no 32 in a row occur twice, nor in those of another seed.
pub fn unique_content(seed: u32, length: usize) -> Vec<u8> {
    (0..length as u32 / 4).flat_map(|word| (word ^ seed.wrapping_mul(0x9E37_79B9)).to_le_bytes()).collect()
}

/// Flips a bit in the volume's segments where these bytes lie, which must be in one place.
pub fn flip_bit_of(volume: &Path, needle: &[u8]) {
    flip_bits_before(volume, needle, &[0]);
}

/// Flips two bits of the head of the small record whose payload begins with these bytes: nothing says any more whose it is.
pub fn spoil_head_of(volume: &Path, payload_start: &[u8]) {
    // The payload follows right behind the head, which has 96 bytes.
    flip_bits_before(volume, payload_start, &[96 - 20, 96 - 48]);
}

/// Flips bits that lie so many bytes before the needle.
fn flip_bits_before(volume: &Path, needle: &[u8], distances: &[usize]) {
    let mut flipped = 0;
    for entry in fs::read_dir(volume.join("segments")).unwrap() {
        let path = entry.unwrap().path();
        // A file that is made ready may get its name meanwhile.
        let bytes = fs::read(&path).unwrap_or_default();
        let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == needle[0]).map(|(at, _)| at);
        for at in starts.filter(|at| bytes[*at..].starts_with(needle)) {
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            for at in distances.iter().map(|distance| at - distance) {
                file.write_all_at(&[bytes[at] ^ 0x10], at as u64).unwrap();
            }
            flipped += 1;
        }
    }
    assert_eq!(flipped, 1, "the test looks for bytes that lie in one place");
}

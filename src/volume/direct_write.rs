//! Writing past the page cache. The kernel takes the bytes from where they lie, if they lie on whole blocks, in memory as in
//! the file; what does not goes through a buffer that does. A chunk's payload in aligned pieces is so written without a copy;
//! only heads and tails are gathered.

use super::disk::{DIRECT_ALIGNMENT, DiskFile};
use std::{
    io::{self, IoSlice},
    ops::Range,
};

const BLOCK: usize = DIRECT_ALIGNMENT as usize;
/// What is gathered before it is written: what the disk likes best (LIMITS.md), and what memory it takes.
const GATHERED_MAX: usize = 1 << 20;
/// Parts of one write: what the kernel takes at once.
const PARTS_MAX: usize = 1024;

/// Writes slices at places of a file. Keeps its buffer.
#[derive(Default)]
pub struct DirectWriter {
    buffer: Vec<u8>,
    /// Where in `buffer` the aligned part begins.
    start: usize,
}

/// A part of one write; all of them but the open last one are whole blocks.
enum Part<'a> {
    /// In the aligned part of the buffer.
    Gathered(Range<usize>),
    Lent(&'a [u8]),
}

impl DirectWriter {
    /// Writes the slices one behind the other from `at` on, which is a multiple of a block, as their lengths are together.
    pub fn write(&mut self, file: &dyn DiskFile, mut at: u64, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let (mut parts, mut gathered) = (Vec::with_capacity(slices.len().min(PARTS_MAX)), 0);
        for slice in slices {
            let mut rest: &[u8] = slice;
            while !rest.is_empty() {
                let is_at_border = gathered % BLOCK == 0;
                if is_at_border && (gathered == GATHERED_MAX || parts.len() == PARTS_MAX) {
                    at += self.flush(file, at, &parts)?;
                    parts.clear();
                    gathered = 0;
                }
                if is_at_border && lies_at(rest, 0) && rest.len() >= BLOCK {
                    let (lent, later) = rest.split_at(rest.len() / BLOCK * BLOCK);
                    parts.push(Part::Lent(lent));
                    rest = later;
                } else {
                    let (copied, later) = rest.split_at(rest.len().min(room(rest, gathered)));
                    self.gather(&mut parts, &mut gathered, copied);
                    rest = later;
                }
            }
        }
        debug_assert!(gathered % BLOCK == 0, "aligned records are whole blocks");
        self.flush(file, at, &parts)?;
        Ok(())
    }

    fn gather(&mut self, parts: &mut Vec<Part<'_>>, gathered: &mut usize, bytes: &[u8]) {
        if self.buffer.is_empty() {
            self.buffer.resize(GATHERED_MAX + BLOCK, 0);
            self.start = self.buffer.as_ptr().align_offset(BLOCK);
        }
        let range = *gathered..*gathered + bytes.len();
        self.buffer[self.start..][range.clone()].copy_from_slice(bytes);
        *gathered = range.end;
        match parts.last_mut() {
            Some(Part::Gathered(last)) if last.end == range.start => last.end = range.end,
            _ => parts.push(Part::Gathered(range)),
        }
    }

    /// Writes the parts; answers their length.
    fn flush(&self, file: &dyn DiskFile, at: u64, parts: &[Part<'_>]) -> io::Result<u64> {
        let aligned = self.buffer.get(self.start..).unwrap_or_default();
        let slices: Vec<IoSlice<'_>> = parts
            .iter()
            .map(|part| match part {
                Part::Gathered(range) => IoSlice::new(&aligned[range.clone()]),
                Part::Lent(bytes) => IoSlice::new(bytes),
            })
            .collect();
        if !slices.is_empty() {
            file.write_vectored_at(at, &slices)?;
        }
        Ok(slices.iter().map(|slice| slice.len() as u64).sum())
    }
}

/// Whether the bytes lie so far behind a block's border in memory.
fn lies_at(bytes: &[u8], behind: usize) -> bool {
    bytes.as_ptr().addr() % BLOCK == behind
}

/// How much may be gathered behind what is gathered already: to the end of the buffer; but only to the block's end where
/// what follows lies aligned, and need not be gathered.
fn room(bytes: &[u8], gathered: usize) -> usize {
    match gathered % BLOCK {
        behind if behind > 0 && lies_at(bytes, behind) => BLOCK - behind,
        _ => GATHERED_MAX - gathered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::disk::FileStatus;
    use proptest::prelude::*;
    use std::sync::Mutex;

    /// Takes what a disk that is strict about direct writes takes.
    #[derive(Debug, Default)]
    struct StrictFile {
        bytes: Mutex<Vec<u8>>,
        copied: Mutex<usize>,
        lent: Mutex<Vec<Range<usize>>>,
    }

    impl DiskFile for StrictFile {
        fn write_vectored_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()> {
            let mut bytes = self.bytes.lock().unwrap();
            assert_eq!(offset, bytes.len() as u64);
            assert!(slices.len() <= PARTS_MAX);
            for slice in slices {
                assert!(lies_at(slice, 0) && slice.len() % BLOCK == 0);
                let place = slice.as_ptr().addr();
                if !self.lent.lock().unwrap().iter().any(|lent| lent.contains(&place)) {
                    *self.copied.lock().unwrap() += slice.len();
                }
                bytes.extend_from_slice(slice);
            }
            Ok(())
        }

        fn read_at(&self, _: u64, _: usize, _: &mut Vec<u8>) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn read_cached_at(&self, _: u64, _: usize, _: &mut Vec<u8>) -> io::Result<Option<usize>> {
            Ok(None)
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn allocate(&self, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn punch_hole(&self, _: u64, _: u64) -> io::Result<()> {
            Ok(())
        }

        fn status(&self) -> io::Result<FileStatus> {
            Ok(FileStatus { length: 0, allocated: 0, links: 1 })
        }
    }

    /// A buffer whose bytes from the answered index on lie on a block's border.
    fn aligned(length: usize) -> (Vec<u8>, usize) {
        let buffer: Vec<u8> = (0..length + BLOCK).map(|i| (i % 251) as u8).collect();
        let start = buffer.as_ptr().align_offset(BLOCK);
        (buffer, start)
    }

    /// Writes slices of one aligned buffer, each so many bytes behind a border, and padding to a whole block.
    fn write(slices: &[(usize, usize)]) -> (Vec<u8>, usize) {
        let (buffer, start) = aligned(3 << 20);
        let mut cut: Vec<&[u8]> = slices.iter().map(|(behind, length)| &buffer[start + behind..][..*length]).collect();
        let total: usize = cut.iter().map(|slice| slice.len()).sum();
        let padding = vec![0; total.next_multiple_of(BLOCK) - total];
        cut.push(&padding);
        let file = StrictFile::default();
        let place = buffer.as_ptr().addr();
        file.lent.lock().unwrap().push(place..place + buffer.len());
        let slices: Vec<IoSlice<'_>> = cut.iter().map(|slice| IoSlice::new(slice)).collect();
        DirectWriter::default().write(&file, 0, &slices).unwrap();
        let written = file.bytes.into_inner().unwrap();
        assert!(written == cut.concat());
        (written, file.copied.into_inner().unwrap())
    }

    proptest! {
        #[test]
        fn whatever_lies_wherever_is_written_as_it_is(
            slices in proptest::collection::vec((0_usize..3 * 4096, 0_usize..300_000), 0..12)
        ) {
            write(&slices);
        }
    }

    #[test]
    fn aligned_payload_is_not_copied() {
        // A head on a block of its own, a payload in pieces, table and trailer.
        let pieces = vec![(0, 256 << 10); 4];
        let record = [vec![(96, 4096)], pieces, vec![(7, 100)]].concat();
        let (written, copied) = write(&record);
        assert_eq!((written.len(), copied), ((1 << 20) + 8192, 8192));
    }

    #[test]
    fn payload_behind_an_odd_head_is_copied_up_to_the_border_where_it_is_aligned() {
        let (_, copied) = write(&[(1, 1000), (1000, 4096 - 1000 + 8192)]);
        assert_eq!(copied, 4096);
    }

    #[test]
    fn more_than_the_buffer_holds_is_written_in_several_turns() {
        let (written, copied) = write(&[(1, 2 << 20), (0, 1 << 20), (3, 5000)]);
        assert_eq!((written.len(), copied), ((3 << 20) + 8192, (2 << 20) + 8192));
    }
}

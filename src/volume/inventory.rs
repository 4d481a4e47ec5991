//! What a volume holds, page by page, read from the records themselves.
//!
//! Segments come in the order of their generations. Compaction copies records to a segment with a higher generation than
//! any that exists, so a chunk that it moves is seen at the latest there. A copy keeps its sequence, so what was written after
//! one is told apart wherever it lies; segments without anything newer are not read.

use super::{
    HeldChunk, InventoryCursor, InventoryPage, VolumeError,
    catalog::Catalog,
    format::RecordKind,
    index::Place,
    scan::{Scanned, Scanner},
};

/// Records looked at for one page at most, so that a page over dead segments ends as well.
const RECORDS_MAX: usize = 100_000;

/// `after`: only what has a higher sequence.
pub fn page(
    catalog: &Catalog,
    after: u64,
    from: Option<InventoryCursor>,
    limit: usize,
) -> Result<InventoryPage, VolumeError> {
    let (mut generation, mut offset) = from.unwrap_or((0, 0));
    let (mut held, mut looked_at) = (Vec::new(), 0);
    // Asked anew for each segment: what compaction moves while the last one is read may lie in one that is new.
    while let Some(segment) = catalog.first_segment_from(generation) {
        if segment.newest() <= after {
            (generation, offset) = (segment.generation + 1, 0);
            continue;
        }
        let start = if segment.generation == generation { offset } else { 0 };
        let mut scanner = Scanner::new(&*segment.file, segment.class, segment.generation, start, segment.end());
        while let Some(scanned) = scanner.next()? {
            let Scanned::Record(header) = scanned else { continue };
            if held.len() >= limit.max(1) || looked_at >= RECORDS_MAX {
                return Ok((held, Some((segment.generation, header.offset))));
            }
            looked_at += 1;
            let place = Place::new(segment.number, header.offset, header.record_length());
            let is_wanted = header.kind == RecordKind::Chunk && header.sequence > after;
            if is_wanted && catalog.index.holds(catalog.index.hash(header.key), place) {
                let (key, group, term, length) = (header.key, header.group, header.term, header.length);
                held.push(HeldChunk { key, group, term, length });
            }
        }
        (generation, offset) = (segment.generation + 1, 0);
    }
    Ok((held, None))
}

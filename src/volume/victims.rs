//! Which segments compaction takes up next. A pure function of what is known about each.

use super::segment_header::SegmentClass;

/// A sealed segment. All sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub number: u32,
    pub class: SegmentClass,
    /// What would have to be copied: live records, and marks that are still needed.
    pub kept: u64,
    /// What would come back.
    pub dead: u64,
    pub allocated: u64,
}

/// What to do with the chosen segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing in them counts: give them up.
    Release(Vec<u32>),
    /// Copy what counts into one new segment.
    Copy(Vec<u32>),
}

#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Dead bytes that are left alone, in percent of all.
    pub dead_percent: u64,
    /// What one output may hold.
    pub output_max: u64,
    /// Most segments taken up together.
    pub sources_max: usize,
    /// A segment below this is small: too many of them are put together.
    pub small_segment: u64,
}

/// Files cost a descriptor and a scan each: more small ones of a class than this are put together.
const SMALL_SEGMENTS_MAX: usize = 16;
/// Less is not worth a compaction: the file system's blocks round a segment's size up by as much.
const GAIN_MIN: u64 = 8192;

pub fn choose(candidates: &[Candidate], policy: Policy) -> Option<Choice> {
    let empty = candidates.iter().filter(|candidate| candidate.kept == 0);
    let empty: Vec<u32> = empty.take(policy.sources_max).map(|candidate| candidate.number).collect();
    if !empty.is_empty() {
        return Some(Choice::Release(empty));
    }
    let classes = [SegmentClass::Small, SegmentClass::Big];
    let chosen = most_dead(candidates, policy)
        .or_else(|| classes.into_iter().find_map(|class| many_small(candidates, class, policy)))?;
    Some(Choice::Copy(chosen))
}

/// When too much is dead: the segments that give most back for what they cost to copy.
fn most_dead(candidates: &[Candidate], policy: Policy) -> Option<Vec<u32>> {
    let dead: u64 = candidates.iter().map(|candidate| candidate.dead).sum();
    let allocated: u64 = candidates.iter().map(|candidate| candidate.allocated).sum();
    if dead * 100 <= allocated * policy.dead_percent {
        return None;
    }
    let worth = |candidate: &&Candidate| candidate.dead >= GAIN_MIN && candidate.dead * 16 >= candidate.allocated;
    let mut worthy: Vec<&Candidate> = candidates.iter().filter(worth).collect();
    // Dead per kept byte, compared without division; the number makes the order certain.
    worthy.sort_by_key(|candidate| (candidate.kept * 1000 / candidate.dead, candidate.number));
    let class = worthy.first()?.class;
    worthy.retain(|candidate| candidate.class == class);
    Some(fill_output(&worthy, policy))
}

fn many_small(candidates: &[Candidate], class: SegmentClass, policy: Policy) -> Option<Vec<u32>> {
    let small = candidates.iter().filter(|c| c.class == class && c.allocated < policy.small_segment);
    let small: Vec<&Candidate> = small.collect();
    (small.len() > SMALL_SEGMENTS_MAX).then(|| fill_output(&small, policy))
}

/// As many of the segments, from the first on, as one output holds; at least one.
fn fill_output(ordered: &[&Candidate], policy: Policy) -> Vec<u32> {
    let (mut chosen, mut kept) = (Vec::new(), 0);
    for candidate in ordered.iter().take(policy.sources_max) {
        if !chosen.is_empty() && kept + candidate.kept > policy.output_max {
            break;
        }
        kept += candidate.kept;
        chosen.push(candidate.number);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { dead_percent: 10, output_max: 1 << 20, sources_max: 16, small_segment: 64 << 10 };

    fn candidate(number: u32, class: SegmentClass, kept: u64, dead: u64) -> Candidate {
        Candidate { number, class, kept, dead, allocated: kept + dead + 8192 }
    }

    #[test]
    fn nothing_is_chosen_while_little_is_dead() {
        let candidates = [candidate(1, SegmentClass::Small, 900_000, 50_000)];
        assert_eq!(choose(&candidates, POLICY), None);
        assert_eq!(choose(&[], POLICY), None);
    }

    #[test]
    fn segments_without_anything_to_keep_are_released_first() {
        let candidates = [candidate(1, SegmentClass::Small, 100, 500_000), candidate(2, SegmentClass::Big, 0, 10)];
        assert_eq!(choose(&candidates, POLICY), Some(Choice::Release(vec![2])));
    }

    #[test]
    fn the_deadest_of_one_class_are_copied_together_as_far_as_one_output_holds_them() {
        let candidates = [
            candidate(1, SegmentClass::Small, 500_000, 100_000),
            candidate(2, SegmentClass::Small, 400_000, 900_000),
            candidate(3, SegmentClass::Big, 400_000, 500_000),
            candidate(4, SegmentClass::Small, 600_000, 700_000),
            candidate(5, SegmentClass::Small, 600_000, 600_000),
        ];
        assert_eq!(choose(&candidates, POLICY), Some(Choice::Copy(vec![2, 4])));
    }

    #[test]
    fn too_many_small_segments_are_put_together() {
        let candidates: Vec<Candidate> = (0..17).map(|i| candidate(i, SegmentClass::Small, 30_000, 0)).collect();
        assert_eq!(choose(&candidates[..16], POLICY), None);
        assert_eq!(choose(&candidates, POLICY), Some(Choice::Copy((0..16).collect())));
    }

    #[test]
    fn rounding_by_the_file_system_is_no_reason_to_copy() {
        let candidates = [candidate(1, SegmentClass::Small, 512, 3584)];
        assert_eq!(choose(&candidates, POLICY), None);
    }
}

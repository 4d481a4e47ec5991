//! Tables, and random histories of reigns: what is selected holds every acknowledged frame, in order, and nothing that was
//! overtaken.

use super::*;
use crate::types::BlobId;
use proptest::prelude::*;

const CLUSTER: ClusterId = ClusterId::from_bytes([1; 16]);
const HISTORY: HistoryId = HistoryId::from_bytes([2; 16]);

fn head(kind: LogKind, term: u64, number: u64, first: u64, last: u64) -> LogHead {
    LogHead {
        kind,
        cluster: CLUSTER,
        history: HISTORY,
        term: Term(term),
        number,
        first: CommitSequence(first),
        last: CommitSequence(last),
        piece: 0,
        pieces: 1,
    }
}

fn frame(term: u64, number: u64, first: u64, last: u64) -> LogHead {
    head(LogKind::Frame, term, number, first, last)
}

fn snapshot(term: u64, number: u64, at: u64) -> LogHead {
    head(LogKind::Snapshot, term, number, at, at)
}

fn key(number: usize) -> ChunkKey {
    ChunkKey { blob: BlobId::from_bytes([9; 16]), index: u32::try_from(number).unwrap() }
}

fn found(heads: &[LogHead]) -> FoundLog {
    FoundLog::new(heads.iter().enumerate().map(|(number, head)| (key(number), *head)), CLUSTER)
}

/// First and last command.
type Span = (u64, u64);

/// The frames behind the best snapshot, and a gap: after, before, newest.
fn selected(heads: &[LogHead]) -> (Vec<Span>, Option<(u64, u64, u64)>) {
    let log = found(heads);
    let behind = log.behind(&log.snapshots[0].head);
    let spans = behind.frames.iter().map(|frame| (frame.head.first.0, frame.head.last.0));
    (spans.collect(), behind.gap.map(|gap| (gap.after.0, gap.before.0, gap.newest.0)))
}

#[test]
fn the_snapshot_of_the_newest_reign_is_first_and_of_that_the_furthest() {
    let heads = [snapshot(3, 9, 900), snapshot(4, 1, 50), snapshot(4, 2, 70), snapshot(4, 3, 60)];
    let places: Vec<u64> = found(&heads).snapshots.iter().map(|snapshot| snapshot.head.last.0).collect();
    assert_eq!(places, [70, 60, 50, 900]);
}

#[test]
fn frames_follow_as_they_were_written() {
    let base = snapshot(4, 1, 10);
    for (frames, expected, gap) in [
        (vec![], vec![], None),
        (vec![frame(4, 2, 13, 15), frame(4, 1, 11, 12)], vec![(11, 12), (13, 15)], None),
        // Those that the snapshot holds, and one that reaches over its end.
        (vec![frame(4, 1, 5, 10), frame(4, 2, 9, 12), frame(4, 3, 11, 11)], vec![(11, 11)], None),
        // Of an earlier reign, which never committed it.
        (vec![frame(3, 7, 11, 14)], vec![], None),
        // Given up and sent again otherwise.
        (vec![frame(4, 1, 11, 14), frame(4, 2, 11, 12), frame(4, 3, 13, 13)], vec![(11, 12), (13, 13)], None),
        // What a reign did not commit, the next one has overtaken; its own does not count by itself.
        (vec![frame(4, 5, 11, 12), frame(4, 6, 13, 19), frame(5, 1, 13, 14)], vec![(11, 12), (13, 14)], None),
        (vec![frame(5, 1, 11, 12), frame(4, 9, 11, 19)], vec![(11, 12)], None),
        (vec![frame(4, 1, 11, 12), frame(4, 3, 15, 16), frame(4, 4, 17, 20)], vec![(11, 12)], Some((12, 15, 20))),
        (vec![frame(4, 2, 12, 12)], vec![], Some((10, 12, 12))),
        // A later reign went on before the hole: what was behind it was overtaken.
        (vec![frame(4, 1, 11, 12), frame(4, 3, 15, 16), frame(5, 1, 13, 13)], vec![(11, 12), (13, 13)], None),
        // A frame whose middle a later one took was never committed; where it began, there is a hole.
        (vec![frame(4, 1, 11, 15), frame(4, 3, 13, 13)], vec![], Some((10, 13, 13))),
    ] {
        let heads: Vec<LogHead> = std::iter::once(base).chain(frames).collect();
        assert_eq!(selected(&heads), (expected, gap), "{heads:?}");
    }
}

#[test]
fn what_is_not_whole_or_another_clusters_or_historys_does_not_count() {
    let of_two = LogHead { pieces: 2, ..frame(4, 1, 11, 12) };
    let other = |byte| ClusterId::from_bytes([byte; 16]);
    let heads = [
        snapshot(4, 1, 10),
        LogHead { cluster: other(7), ..snapshot(9, 1, 99) },
        LogHead { pieces: 3, piece: 2, ..snapshot(8, 1, 98) },
        LogHead { history: HistoryId::from_bytes([7; 16]), ..frame(4, 3, 13, 13) },
        LogHead { piece: 1, ..of_two },
    ];
    assert_eq!(selected(&heads), (vec![], None));
    let with_the_other: Vec<LogHead> = heads.into_iter().chain([of_two, LogHead { piece: 1, ..of_two }]).collect();
    assert_eq!(selected(&with_the_other), (vec![(11, 12)], None));
    let log = found(&with_the_other);
    let two = log.behind(&log.snapshots[0].head).frames[0];
    assert_eq!(two.pieces, [vec![key(5)], vec![key(4), key(6)]], "in order, each with all its copies");
}

const MEMBERS: usize = 3;

#[derive(Clone, Debug)]
enum Act {
    /// Of so many commands, to those members. Committed when most have it and it is not given up.
    Send {
        commands: u64,
        reach: [bool; MEMBERS],
        is_given_up: bool,
        pieces: u32,
    },
    Reign,
    /// On all but one of the members; the others drop what it holds as soon as they like.
    Snapshot {
        without: usize,
        dropping: [bool; MEMBERS],
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1..5_u64, any::<[bool; MEMBERS]>(), prop::bool::weighted(0.2), 1..3_u32)
            .prop_map(|(commands, reach, is_given_up, pieces)| Act::Send { commands, reach, is_given_up, pieces }),
        2 => Just(Act::Reign),
        1 => (0..=MEMBERS, any::<[bool; MEMBERS]>()).prop_map(|(without, dropping)| Act::Snapshot { without, dropping }),
    ]
}

/// What went out, and what of it was acknowledged.
struct Log {
    held: [Vec<LogHead>; MEMBERS],
    committed: Vec<LogHead>,
    term: u64,
    number: u64,
    newest: u64,
}

impl Log {
    fn run(&mut self, act: &Act) {
        match act {
            Act::Send { commands, reach, is_given_up, pieces } => {
                self.number += 1;
                let sent = frame(self.term, self.number, self.newest + 1, self.newest + commands);
                let sent = LogHead { pieces: *pieces, ..sent };
                for (held, _) in self.held.iter_mut().zip(reach).filter(|(_, reaches)| **reaches) {
                    held.extend((0..*pieces).map(|piece| LogHead { piece, ..sent }));
                }
                let is_on_most = reach.iter().filter(|reaches| **reaches).count() * 2 > MEMBERS;
                if is_on_most && !is_given_up {
                    self.newest = sent.last.0;
                    self.committed.push(sent);
                }
            }
            Act::Reign => {
                self.term += 1;
                self.number = 0;
            }
            Act::Snapshot { without, dropping } => {
                let taken = LogHead { number: self.newest, ..snapshot(self.term, 0, self.newest) };
                for (member, held) in self.held.iter_mut().enumerate() {
                    if member != *without {
                        held.push(taken);
                    }
                    if dropping[member] {
                        held.retain(|head| head.last > taken.last || *head == taken);
                    }
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn what_any_two_members_hold_has_every_acknowledged_frame_and_no_overtaken_one(
        acts in prop::collection::vec(act(), 0..40),
        silent in 0..=MEMBERS,
    ) {
        let mut log = Log { held: Default::default(), committed: Vec::new(), term: 1, number: 0, newest: 0 };
        log.run(&Act::Snapshot { without: MEMBERS, dropping: [false; MEMBERS] });
        acts.iter().for_each(|act| log.run(act));
        let answering = log.held.iter().enumerate().filter(|(member, _)| *member != silent);
        let heads: Vec<LogHead> = answering.flat_map(|(_, held)| held.iter().copied()).collect();
        let found = found(&heads);
        let begin = found.snapshots[0].head;
        prop_assert!(begin.last.0 <= log.newest);
        let behind = found.behind(&begin);
        prop_assert_eq!(behind.gap, None);
        let selected: Vec<LogHead> = behind.frames.iter().map(|frame| frame.head).collect();
        let acknowledged: Vec<LogHead> = log.committed.iter().copied().filter(|head| head.first > begin.last).collect();
        prop_assert!(selected.starts_with(&acknowledged), "{selected:?} {acknowledged:?}");
        // One that was sent last and never acknowledged may be carried out, or not.
        prop_assert!(selected.len() <= acknowledged.len() + 1);
    }
}

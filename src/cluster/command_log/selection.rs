//! Which of the pieces that nodes hold are the metadata. Pure.
//!
//! 1. Pieces of one frame or snapshot are put together; what is not whole does not count. (A frame that was acknowledged is
//!    whole on most of its members.)
//! 2. The snapshot of the newest reign, and of it the furthest, is where one begins: of reign `t`, up to sequence `s`.
//! 3. Frames of earlier reigns than `t` are no part of what reign `t` has made of the metadata, and those that begin at or
//!    before `s` are in the snapshot. The others count in the order in which they were written. A batch may have been sent and
//!    then given up (the disk was full, the process died): then a later frame begins where it began, or before. So each
//!    frame takes away, whole, what reaches its first command, and comes behind the rest.
//! 4. What follows `s` without a hole is the metadata. Behind a hole nothing can be carried out: what is missing there was
//!    lost, or went past the log while too few nodes were there to keep it.

use super::{LogHead, LogKind};
use crate::types::{ChunkKey, ClusterId, CommitSequence, HistoryId, Term};
use std::collections::BTreeMap;

/// A frame or a snapshot that is whole: the head of its first piece, and which chunks hold each piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    pub head: LogHead,
    pub pieces: Vec<Vec<ChunkKey>>,
}

/// Everything whole that was found of one cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundLog {
    /// The one to begin from first.
    pub snapshots: Vec<Logged>,
    /// In the order in which they were written.
    frames: Vec<Logged>,
    /// Of each history, how far a snapshot of it goes, be it whole or not.
    committed: BTreeMap<HistoryId, CommitSequence>,
}

/// How far metadata has come, and in whose reign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    pub history: HistoryId,
    pub term: Term,
    pub last: CommitSequence,
}

impl From<&LogHead> for Reached {
    fn from(&LogHead { history, term, last, .. }: &LogHead) -> Self {
        Self { history, term, last }
    }
}

/// What follows a snapshot, or a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Continuation<'a> {
    /// One behind the other, the first right behind it.
    pub frames: Vec<&'a Logged>,
    pub gap: Option<Gap>,
}

/// Commands that no frame holds, though frames behind them were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last command before it.
    pub after: CommitSequence,
    /// The first command behind it.
    pub before: CommitSequence,
    /// The last command that was found behind it.
    pub newest: CommitSequence,
}

impl FoundLog {
    /// Of pieces in any order, the same piece from any number of chunks. Pieces of another cluster are passed over.
    pub fn new(pieces: impl IntoIterator<Item = (ChunkKey, LogHead)>, cluster: ClusterId) -> Self {
        let mut found: BTreeMap<_, (LogHead, BTreeMap<u32, Vec<ChunkKey>>)> = BTreeMap::new();
        let mut this = Self::default();
        for (key, head) in pieces.into_iter().filter(|(_, head)| head.cluster == cluster) {
            if head.kind == LogKind::Snapshot {
                let committed = this.committed.entry(head.history).or_default();
                *committed = head.last.max(*committed);
            }
            let first = LogHead { piece: 0, ..head };
            let (_, pieces) = found.entry(order(&head)).or_insert((first, BTreeMap::new()));
            pieces.entry(head.piece).or_default().push(key);
        }
        for (head, pieces) in found.into_values().filter(|(head, pieces)| pieces.len() == head.pieces as usize) {
            let logged = Logged { head, pieces: pieces.into_values().collect() };
            match head.kind {
                LogKind::Frame => this.frames.push(logged),
                LogKind::Snapshot => this.snapshots.push(logged),
            }
        }
        this.snapshots.sort_by_key(|snapshot| (snapshot.head.term, snapshot.head.last, snapshot.head.number));
        this.snapshots.reverse();
        this
    }

    /// How far the metadata of the history had come at least: a snapshot, of which pieces may be missing, holds what was
    /// committed.
    pub fn committed(&self, history: HistoryId) -> CommitSequence {
        self.committed.get(&history).copied().unwrap_or_default()
    }

    /// What was committed behind it.
    pub fn behind(&self, reached: impl Into<Reached>) -> Continuation<'_> {
        let begin = reached.into();
        let of_its_future = |frame: &&Logged| {
            let LogHead { history, term, first, .. } = frame.head;
            history == begin.history && term >= begin.term && first > begin.last
        };
        let mut standing: Vec<&Logged> = Vec::new();
        for frame in self.frames.iter().filter(of_its_future) {
            while standing.pop_if(|earlier| earlier.head.last >= frame.head.first).is_some() {}
            standing.push(frame);
        }
        let newest = standing.last().map_or(begin.last, |frame| frame.head.last);
        let mut reached = begin.last;
        let whole = standing.iter().position(|frame| {
            let is_next = frame.head.first == reached.next();
            reached = if is_next { frame.head.last } else { reached };
            !is_next
        });
        let gap = whole.map(|hole| Gap { after: reached, before: standing[hole].head.first, newest });
        standing.truncate(whole.unwrap_or(standing.len()));
        Continuation { frames: standing, gap }
    }
}

/// What is the same of all pieces of one frame or snapshot; frames sort by it as they were written.
type Order = (LogKind, Term, u64, CommitSequence, CommitSequence, u32, HistoryId);

fn order(head: &LogHead) -> Order {
    (head.kind, head.term, head.number, head.first, head.last, head.pieces, head.history)
}

#[cfg(test)]
mod tests;

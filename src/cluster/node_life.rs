//! How a node stands, and how that changes: one pure function, `next`, from what was to what is seen.
//!
//! A node is judged by what it does as well as by its heartbeats: one that answers them and hangs on its disk is ill like
//! one that is silent (Huang and others, "Gray failure", HotOS '17). Whoever is ill for `replace_after`, in whatever way,
//! has failed. One that falls ill again and again is trusted again only after it was well for a while, and longer each
//! time: a node that flaps is neither written to at each turn, nor does each return begin its illness anew.

use crate::metadata::command::{NodeDuty, NodeState};
use std::time::Duration;

/// What a node is good for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// In no group yet, or not heard of since this gateway's start.
    Joining,
    Healthy,
    /// It is being looked at what it still holds, after a start.
    Recovering,
    /// Writes prefer groups without it: the operator wants it emptied.
    Draining,
    /// It was drained and holds nothing.
    Drained,
    /// It still takes data, but no more groups.
    NearlyFull,
    /// Some of its volumes are frozen; the others serve.
    PartlyFrozen,
    /// It serves reads, takes no data.
    Full,
    /// All its volumes are frozen: it is read from when nobody else can be.
    Frozen,
    /// Late three times running: it is used for what nobody else can do.
    Slow,
    /// It fell ill repeatedly and has to be well for a while: used when there are not enough others.
    Returning,
    /// Silent for `suspect_after`.
    Suspect,
    /// Ill for `replace_after`: others take its place.
    Failed,
}

impl Standing {
    pub const ALL: [Self; 13] = [
        Self::Joining,
        Self::Healthy,
        Self::Recovering,
        Self::Draining,
        Self::Drained,
        Self::NearlyFull,
        Self::PartlyFrozen,
        Self::Full,
        Self::Frozen,
        Self::Slow,
        Self::Returning,
        Self::Suspect,
        Self::Failed,
    ];

    pub fn is_alive(self) -> bool {
        !matches!(self, Self::Suspect | Self::Failed)
    }

    /// Whether background work may be sent there.
    pub fn is_reachable(self) -> bool {
        self.is_writable() || matches!(self, Self::Full | Self::Returning)
    }

    /// Whether writes go there.
    pub fn is_writable(self) -> bool {
        self.keeps_groups() || matches!(self, Self::Draining | Self::Drained)
    }

    /// Whether new data is spread with it in mind.
    pub fn keeps_groups(self) -> bool {
        self.takes_groups() || matches!(self, Self::NearlyFull | Self::PartlyFrozen)
    }

    /// Whether it may get groups that it is not in.
    pub fn takes_groups(self) -> bool {
        matches!(self, Self::Joining | Self::Healthy | Self::Recovering)
    }

    /// The state's name, and what it comes from where the name does not say it.
    pub fn name(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Joining => ("joining", None),
            Self::Healthy => ("healthy", None),
            Self::Recovering => ("recovering", Some("what it holds is being looked at")),
            Self::Returning => ("recovering", Some("it went and came repeatedly")),
            Self::Draining => ("draining", None),
            Self::Drained => ("drained", None),
            Self::NearlyFull => ("degraded", Some("nearly full")),
            Self::PartlyFrozen => ("degraded", Some("a volume is frozen")),
            Self::Full => ("degraded", Some("full")),
            Self::Frozen => ("degraded", Some("frozen")),
            Self::Slow => ("degraded", Some("slow")),
            Self::Suspect => ("suspect", None),
            Self::Failed => ("failed", None),
        }
    }
}

/// What is seen of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub duty: NodeDuty,
    /// What the metadata says, maybe from before this gateway's start.
    pub recorded: NodeState,
    /// Since this gateway's start.
    pub was_heard: bool,
    /// Since the last sign of life, or since this gateway's start.
    pub silence: Duration,
    /// There is a way to call it.
    pub has_address: bool,
    /// Late three times running, and no probe was prompt since.
    pub is_late: bool,
    pub volumes: VolumesSeen,
    /// Its copies are in doubt, or not yet counted since its start.
    pub is_in_doubt: bool,
    pub is_in_groups: bool,
    /// It may still hold copies of groups that it left.
    pub has_left_groups: bool,
    pub holds_chunks: bool,
}

/// The worst that all volumes, or some, have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumesSeen {
    Writable,
    NearlyFull,
    SomeFrozen,
    AllFull,
    AllFrozen,
}

/// The settings that it depends on.
#[derive(Clone, Copy, Debug)]
pub struct LifeLimits {
    pub suspect_after: Duration,
    pub replace_after: Duration,
}

/// A node's standing with what the next one depends on. Times are the gateway's monotonic clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLife {
    pub standing: Standing,
    /// Since when it is ill, or well but not trusted yet.
    ill_since: Option<Duration>,
    /// Since when it seems well.
    well_since: Duration,
    /// How often it fell ill, each time soon after the last.
    relapses: u32,
}

/// A node that was well for so many times `suspect_after` has left its illness behind.
const FORGIVEN_AFTER: u32 = 20;
/// The second time, a node has to be well for a third of `suspect_after`; then twice as long each time, up to 8 times it.
const TRIAL_DIVISOR: u32 = 3;
const TRIAL_DOUBLINGS_MAX: u32 = 4;
const TRIAL_FACTOR_MAX: u32 = 8;

impl LifeLimits {
    /// How long a node has to be well before it is trusted: a first return is at once.
    fn trial(&self, relapses: u32) -> Duration {
        match relapses {
            0 | 1 => Duration::ZERO,
            more => {
                let factor = 1 << (more - 2).min(TRIAL_DOUBLINGS_MAX + 1);
                (self.suspect_after / TRIAL_DIVISOR * factor).min(self.suspect_after * TRIAL_FACTOR_MAX)
            }
        }
    }
}

impl NodeLife {
    /// Of a node that has just come into this gateway's view.
    pub fn begin(now: Duration) -> Self {
        Self { standing: Standing::Joining, ill_since: None, well_since: now, relapses: 0 }
    }

    /// The life as it goes on at `now`, which is never before the time of the last call.
    pub fn next(self, seen: &Seen, now: Duration, limits: &LifeLimits) -> Self {
        match illness(seen, limits) {
            Some(illness) => self.ill(illness, seen, now, limits),
            None => self.well(seen, now, limits),
        }
    }

    fn ill(self, illness: Standing, seen: &Seen, now: Duration, limits: &LifeLimits) -> Self {
        let began = if illness == Standing::Suspect { now.saturating_sub(seen.silence) } else { now };
        let is_soon = self.well_since.saturating_add(limits.suspect_after * FORGIVEN_AFTER) > now;
        let relapses = match self.ill_since {
            Some(_) if self.seems_ill() => self.relapses,
            // Whoever falls ill again while on trial begins it anew.
            Some(_) => self.relapses + 1,
            None if is_soon || self.relapses == 0 => self.relapses + 1,
            None => 1,
        };
        let ill_since = self.ill_since.map_or(began, |since| since.min(began));
        let has_failed = illness == Standing::Failed || now.saturating_sub(ill_since) >= limits.replace_after;
        let standing = if has_failed { Standing::Failed } else { illness };
        Self { standing, ill_since: Some(ill_since), well_since: Duration::MAX, relapses }
    }

    /// Whether it was ill when it was last looked at; one on trial only was before.
    fn seems_ill(self) -> bool {
        self.well_since == Duration::MAX
    }

    fn well(self, seen: &Seen, now: Duration, limits: &LifeLimits) -> Self {
        let well_since = self.well_since.min(now);
        match self.ill_since {
            Some(since) if now - well_since < limits.trial(self.relapses) => {
                let has_failed = self.standing == Standing::Failed || now - since >= limits.replace_after;
                let standing = if has_failed { Standing::Failed } else { Standing::Returning };
                Self { standing, well_since, ..self }
            }
            _ => Self { standing: serving(seen), ill_since: None, well_since, relapses: self.relapses },
        }
    }
}

/// What keeps the node from serving, the worst first.
fn illness(seen: &Seen, limits: &LifeLimits) -> Option<Standing> {
    let was_failed = seen.recorded == NodeState::Failed && !seen.was_heard;
    // Who was silent before this gateway's start is not believed to be there before it was heard of.
    let was_suspect = seen.recorded == NodeState::Suspect && !seen.was_heard;
    if was_failed {
        Some(Standing::Failed)
    } else if was_suspect || !seen.has_address || seen.silence >= limits.suspect_after {
        Some(Standing::Suspect)
    } else if seen.volumes == VolumesSeen::AllFrozen {
        Some(Standing::Frozen)
    } else if seen.is_late {
        Some(Standing::Slow)
    } else {
        None
    }
}

/// How a node stands that is well.
fn serving(seen: &Seen) -> Standing {
    let is_empty = !seen.is_in_groups && !seen.has_left_groups && !seen.holds_chunks;
    match (seen.volumes, seen.duty) {
        (VolumesSeen::AllFull, _) => Standing::Full,
        (_, NodeDuty::Draining | NodeDuty::Removed) if is_empty && seen.was_heard => Standing::Drained,
        (_, NodeDuty::Draining | NodeDuty::Removed) => Standing::Draining,
        (VolumesSeen::SomeFrozen, _) => Standing::PartlyFrozen,
        (VolumesSeen::NearlyFull, _) => Standing::NearlyFull,
        _ if !seen.was_heard || !seen.is_in_groups => Standing::Joining,
        _ if seen.is_in_doubt => Standing::Recovering,
        _ => Standing::Healthy,
    }
}

#[cfg(test)]
mod tests;

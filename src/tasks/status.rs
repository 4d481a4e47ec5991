//! What a background task is doing, for `larder admin jobs` and for metrics.

use super::rate::PerSecond;
use crate::runtime::Done;

/// What a task is doing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    Working,
    /// There was nothing to do; it looks again soon.
    Idle,
    /// Its last step failed; it tries again, later and later.
    BackingOff,
    Paused,
    Done,
}

impl TaskState {
    pub fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Idle => "idle",
            Self::BackingOff => "backing off",
            Self::Paused => "paused",
            Self::Done => "done",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct TaskStatus {
    pub name: &'static str,
    pub state: TaskState,
    /// Steps that did not fail.
    pub steps: u64,
    pub failures: u64,
    /// Of the last failure, also when steps have succeeded since.
    pub last_error: Option<String>,
    /// Since the gateway's start, where the task counts its work.
    pub done: Option<Done>,
    /// Items that are left, where the task itself knows.
    pub left: Option<u64>,
    /// Of the last minute; `None` when it is too soon to tell.
    pub per_second: Option<PerSecond>,
}

impl TaskStatus {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            state: TaskState::Idle,
            steps: 0,
            failures: 0,
            last_error: None,
            done: None,
            left: None,
            per_second: None,
        }
    }
}

//! What one step of a background task brought about.

/// A background task is a step, bounded and idempotent, that is called again and again; whoever calls it adds pacing,
/// back-off, pause and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There was work, and there may be more: call again soon.
    Busy,
    /// There was nothing to do now.
    Idle,
    /// There will never be anything to do again.
    Done,
}
